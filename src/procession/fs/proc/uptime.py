"""/proc/uptime (fs/proc/uptime.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs.proc import stat

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("format_uptime", "uptime_proc_show")

NSEC_PER_CSEC: Final = 10_000_000


def format_uptime(up_ns: int, idle_ns: int) -> bytes:
    """Return both times in seconds with two decimals."""
    up, idle = up_ns // NSEC_PER_CSEC, idle_ns // NSEC_PER_CSEC
    return b"%d.%02d %d.%02d\n" % (up // 100, up % 100, idle // 100, idle % 100)


def uptime_proc_show(current: Task) -> bytes:
    """Return the time since boot, and the time all CPUs together were idle."""
    k = current.kernel
    return format_uptime(k.clock.now_ns, stat.idle_ns(k))
