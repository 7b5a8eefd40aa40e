"""What tasks wait for (kernel/delayacct.c). On, as in 3.2 unless it is booted with nodelayacct.

Differs: nobody waits for a disk here, nor for pages to be swapped in or reclaimed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.jiffies import jiffies_to_ns, nsecs_to_jiffies

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.taskstats import Taskstats

__all__ = ("delayacct_add_tsk",)


def delayacct_add_tsk(d: Taskstats, tsk: Task) -> None:
    """Add what a thread has waited for the CPU, and had of it."""
    d.cpu_run_real_total += jiffies_to_ns(nsecs_to_jiffies(tsk.utime + tsk.stime))
    info = tsk.sched_info
    d.cpu_count += info.pcount
    d.cpu_delay_total += info.run_delay
    d.cpu_run_virtual_total += tsk.se.sum_exec_runtime
