"""Locks whose owner has the priority of who waits for it (include/linux/rtmutex.h; kernel/rtmutex.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("RtMutex", "RtMutexWaiter")


class RtMutex:
    """A lock (struct rt_mutex). Without an owner and with waiters it is the first waiter's, who has been woken."""

    __slots__ = ("owner", "wait_list")

    def __init__(self, owner: Task | None = None) -> None:
        self.owner = owner
        self.wait_list: list[RtMutexWaiter] = []  # by priority, equals in the order of coming


class RtMutexWaiter:
    """A task that waits for a lock (struct rt_mutex_waiter).

    prio: the task's when it was queued; pi_prio: that by which it stands in its owner's pi_waiters.
    """

    __slots__ = ("lock", "pi_prio", "prio", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.lock: RtMutex | None = None
        self.prio = 0
        self.pi_prio = 0
