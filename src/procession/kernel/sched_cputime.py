"""CPU time as user space is told: in jiffies (the accounting of kernel/sched.c).

The sum is that of the exact run time, rounded down to jiffies; user and system time share it.

Differs: they share it as they were measured, not as ticks found them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.jiffies import nsecs_to_jiffies
from procession.kernel import posix_cpu_timers, sched

if TYPE_CHECKING:
    from procession.include.linux.sched import SignalStruct, Task

__all__ = ("task_times", "thread_group_times")


def task_times(p: Task) -> tuple[int, int]:
    """Return (user, system) jiffies of a thread."""
    return _adjust(p, p.utime, p.stime, sched.task_sched_runtime(p))


def thread_group_times(p: Task) -> tuple[int, int]:
    """Return (user, system) jiffies of p's process: its dead threads and its live ones."""
    utime, stime, runtime = posix_cpu_timers.thread_group_cputime(p)
    return _adjust(p.signal, utime, stime, runtime)


def _adjust(whose: Task | SignalStruct, utime: int, stime: int, runtime: int) -> tuple[int, int]:
    """Share runtime, and let neither part ever become less than it was said to be."""
    total = utime + stime
    rtime = nsecs_to_jiffies(runtime)
    whose.prev_utime = max(whose.prev_utime, rtime * utime // total if total else rtime)
    whose.prev_stime = max(whose.prev_stime, rtime - whose.prev_utime)
    return whose.prev_utime, whose.prev_stime
