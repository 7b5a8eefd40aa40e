"""Completions: wait until somebody says that it is done (kernel/sched.c in 3.2, include/linux/completion.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import (
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_NORMAL,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
)
from procession.include.linux.signal import SIGKILL_MASK
from procession.include.linux.wait import Completion, WaitQueueEntry
from procession.kernel import sched, wait

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "complete",
    "complete_all",
    "completion_done",
    "init_completion",
    "try_wait_for_completion",
    "wait_for_completion",
    "wait_for_completion_interruptible",
    "wait_for_completion_killable",
)

_ALL_DONE: Final = 1 << 31  # more than anybody consumes


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


def complete_all(x: Completion) -> None:
    """Let all waiters go on, and all that will ever come."""
    q = x.wait
    with q.lock.irq():
        x.done += _ALL_DONE
        wait.wake_up_locked(q, TASK_NORMAL, 0, None)


def completion_done(x: Completion) -> bool:
    """Whether a waiter would not have to sleep."""
    return x.done > 0


def try_wait_for_completion(x: Completion) -> bool:
    """Consume one complete() if there is one."""
    if not x.done:
        return False
    x.done -= 1
    return True


async def wait_for_completion(current: Task, x: Completion, wchan: str = "wait_for_completion") -> None:
    """Sleep in state D until x is done; no signal ends this."""
    await _wait_for_common(current, x, TASK_UNINTERRUPTIBLE, wchan)


async def wait_for_completion_interruptible(
    current: Task, x: Completion, wchan: str = "wait_for_completion_interruptible"
) -> None:
    """Sleep until x is done; raises ERESTARTSYS if a signal comes first."""
    await _wait_for_common(current, x, TASK_INTERRUPTIBLE, wchan)


async def wait_for_completion_killable(
    current: Task, x: Completion, wchan: str = "wait_for_completion_killable"
) -> None:
    """Sleep until x is done; raises ERESTARTSYS if a fatal signal comes first."""
    await _wait_for_common(current, x, TASK_KILLABLE, wchan)


async def _wait_for_common(current: Task, x: Completion, state: int, wchan: str) -> None:
    q = x.wait
    if not x.done:
        entry = WaitQueueEntry(current, True)
        wait.add_wait_queue_exclusive(q, entry)
        current.wchan = wchan
        current.waiting_on = x
        try:
            while not x.done:
                if (
                    current.ti_flags & TIF_SIGPENDING
                    and state != TASK_UNINTERRUPTIBLE
                    and (state == TASK_INTERRUPTIBLE or current.pending.signal & SIGKILL_MASK)
                ):
                    raise LinuxError(Errno.ERESTARTSYS, wchan)
                current.state = state
                await sched.schedule(current)
        finally:
            current.state = TASK_RUNNING
            current.wchan = ""
            current.waiting_on = None
            wait.remove_wait_queue(q, entry)
    x.done -= 1
