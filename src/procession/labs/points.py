"""Where a task may lose its CPU in the midst of a system call, in kernels that a lab has changed (ours)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import TIF_NEED_RESCHED
from procession.kernel import sched, sched_choose

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("may_lose_cpu",)


async def may_lose_cpu(current: Task) -> None:
    """Ask whether somebody else shall run here, as behind a system call.

    A step of this machine is a call up to its end or its next sleep. On a real one the task may be preempted here, wait
    for memory, or race with another CPU, and these are no others' steps than the ones that this lets in.
    """
    k = current.kernel
    if k.chooser.active:
        sched_choose.choose_after_trap(k.sched.runqueues[current.cpu], current)
        if current.ti_flags & TIF_NEED_RESCHED:
            await sched.schedule(current, "may_lose_cpu")
