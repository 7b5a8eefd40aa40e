"""/proc/loadavg (fs/proc/loadavg.c; spec 18.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import FIXED_1
from procession.kernel import pid, sched, sched_load

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("format_loadavg", "loadavg_proc_show")


def format_loadavg(avnrun: tuple[int, int, int], nr_running: int, nr_threads: int, last_pid: int) -> bytes:
    """Return the line; avnrun in units of 1/2048, already rounded up by 1/200."""
    loads = " ".join(f"{x // FIXED_1}.{x % FIXED_1 * 100 // FIXED_1:02d}" for x in avnrun)
    return f"{loads} {nr_running}/{nr_threads} {last_pid}\n".encode()


def loadavg_proc_show(current: Task) -> bytes:
    """Return the averages, running and existing tasks, and the last pid of the reader's namespace."""
    k = current.kernel
    ns = pid.task_active_pid_ns(current) or k.init_pid_ns
    avnrun = sched_load.get_avenrun(k, FIXED_1 // 200)
    return format_loadavg(avnrun, sched.nr_running(k), k.nr_threads, ns.last_pid)
