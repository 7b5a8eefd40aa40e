"""Completions: wait until somebody says that it is done (kernel/sched.c in 3.2, include/linux/completion.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import TASK_NORMAL, TASK_UNINTERRUPTIBLE
from procession.include.linux.wait import Completion
from procession.kernel import wait

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("complete", "init_completion", "wait_for_completion")


def init_completion(k: Kernel) -> Completion:
    """Return a completion that is not done."""
    return Completion(k.wait_queue_head("completion.wait.lock"))


def complete(x: Completion) -> None:
    """Let one waiter go on, now or when it comes."""
    q = x.wait
    with q.lock.irq():
        x.done += 1
        if q.task_list:
            wait.wake_up_locked(q, TASK_NORMAL, 1, None)


async def wait_for_completion(current: Task, x: Completion, wchan: str = "wait_for_completion") -> None:
    """Sleep in state D until x is done; no signal ends this."""
    if not x.done:
        with wait.Waiter(current, x.wait, TASK_UNINTERRUPTIBLE, wchan, exclusive=True, func=None, on=x) as waiter:
            while not x.done:
                await waiter.sleep()
    x.done -= 1
