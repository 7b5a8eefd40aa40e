"""Sleeping locks: mutexes and reader-writer semaphores (include/linux/mutex.h, rwsem.h).

Data only; kernel/mutex.py has the operations that sleep. mmap_sem is never held across a sleep here (nothing done
under it waits), so plain code takes it with `with sem.read():`, which is a bug report if it would have had to wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from procession.include.linux.spinlock import ACQUIRE, LockClass, RwLock, WriteGuard

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import WaitQueueHead


class RwSemaphore(RwLock):
    """struct rw_semaphore: `with sem.read():`, `with sem.write():`. Taking it may sleep, so never under a spinlock."""

    __slots__ = ()

    def __init__(self, cls: LockClass) -> None:
        super().__init__(cls)
        cls.sleeps = True
        self._write = WriteGuard(self, ACQUIRE)

    def write(self) -> WriteGuard:
        """down_write."""
        return self._write


@dataclass(eq=False, slots=True)
class Mutex:
    """struct mutex; kernel/mutex.py has mutex_lock and friends."""

    cls: LockClass
    wait: WaitQueueHead
    owner: Task | None = None
