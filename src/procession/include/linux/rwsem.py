"""Sleeping locks: mutexes and reader-writer semaphores (include/linux/mutex.h, rwsem.h).

Data only; kernel/mutex.py has the operations that sleep. mmap_sem is never held across a sleep here (nothing done
under it waits), so plain code takes it with `with sem.read():`, which is a bug report if it would have had to wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.spinlock import Lock, LockClass

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import WaitQueueHead


RwSemaphore = Lock  # struct rw_semaphore: `with sem.read():`, `with sem.write():`


def init_rwsem(cls: LockClass) -> RwSemaphore:
    """Return a free semaphore. Taking it may sleep, so never under a spinlock."""
    cls.sleeps = True
    return RwSemaphore(cls)


class Mutex:
    """struct mutex; kernel/mutex.py has mutex_lock and friends."""

    __slots__ = ("cls", "wait", "owner")  # derived

    def __init__(self, cls: LockClass, wait: WaitQueueHead) -> None:
        self.cls: LockClass = cls
        self.wait: WaitQueueHead = wait
        self.owner: Task | None = None
