"""What the log shows of tasks (kernel/sched.c: sched_show_task, show_state_filter; spec proc-kthreads 8).

Differs: where in the kernel a task sleeps has no address, and its stack no words to be shown, only the functions that
wait (kernel/stacktrace.py); nor is the scheduler's own state (CONFIG_SCHED_DEBUG).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.printk import KERN_INFO
from procession.kernel import stacktrace

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("sched_show_task", "show_state_filter")

_TASK_STATE_TO_CHAR: Final = "RSDTtZXxKW"  # by the lowest bit that is set, none first


def sched_show_task(p: Task) -> None:
    """Log a line about p: name, state, where it is, free stack, number, parent's number, flags; and where it waits."""
    state = (p.state & -p.state).bit_length()
    letter = _TASK_STATE_TO_CHAR[state] if state < len(_TASK_STATE_TO_CHAR) else "?"
    where = f" {0:016x} " if p.state else "  running task    "
    p.kernel.printk(
        f"{p.comm:15.15} {letter}{where}{0:5d} {p.pid:5d} {p.real_parent.pid:6d} 0x{p.ti_flags:08x}", KERN_INFO
    )
    p.kernel.printk("Call Trace:")
    for name in stacktrace.save_stack_trace_tsk(p):
        p.kernel.printk(f" {stacktrace.print_ip_sym(name)}")


def show_state_filter(k: Kernel, state_filter: int) -> None:
    """Log all threads, or those in one of the states."""
    k.printk("  task                        PC stack   pid father", KERN_INFO)
    with k.tasklist_lock.read():
        for leader in k.tasks:
            for p in leader.signal.threads:
                if not state_filter or p.state & state_filter:
                    sched_show_task(p)
