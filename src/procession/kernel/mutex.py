"""Mutexes (kernel/mutex.c). They sleep, have an owner, and are handed out in the order of asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug, bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.rwsem import Mutex
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE
from procession.kernel import lockdep, wait

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("mutex_init", "mutex_is_locked", "mutex_lock", "mutex_lock_interruptible", "mutex_trylock", "mutex_unlock")


def mutex_init(k: Kernel, name: str) -> Mutex:
    """Return a free mutex of lock class name."""
    return Mutex(k.lock_class(name), k.wait_queue_head("mutex.wait_lock"))


def mutex_is_locked(lock: Mutex) -> bool:
    """Whether somebody owns it."""
    return lock.owner is not None


def mutex_trylock(current: Task, lock: Mutex) -> bool:
    """Take the mutex if it is free."""
    if lock.owner is not None:
        return False
    lock.owner = current
    return True


async def mutex_lock(current: Task, lock: Mutex) -> None:
    """Take the mutex, sleeping in state D while somebody else owns it."""
    await _lock(current, lock, TASK_UNINTERRUPTIBLE, "mutex_lock")


async def mutex_lock_interruptible(current: Task, lock: Mutex) -> None:
    """As mutex_lock; raises EINTR if a signal comes first."""
    await _lock(current, lock, TASK_INTERRUPTIBLE, "mutex_lock_interruptible")


async def _lock(current: Task, lock: Mutex, state: int, wchan: str) -> None:
    k = current.kernel
    lockdep.might_sleep(k)
    lock.cls.ops += 1
    if lock.owner is None and not lock.wait.task_list:
        lock.owner = current
        return
    since_ns = k.clock.now_ns
    bug_on(lock.owner is current, "mutex taken twice by its owner", lock.cls, current)
    try:
        with wait.Waiter(
            current, lock.wait, state, wchan, exclusive=True, func=None, errno=Errno.EINTR, on=lock
        ) as waiter:
            # mutex_unlock leaves a mutex with waiters to the first of them.
            while lock.owner is not None or lock.wait.task_list[0] is not waiter:
                await waiter.sleep()
            lock.owner = current
            k.lockdep.contended(lock.cls, False, k.clock.now_ns - since_ns)
    except LinuxError:
        # It may have been our turn, which passes on.
        if lock.owner is None:
            wait.wake_up(lock.wait)
        raise


def mutex_unlock(current: Task, lock: Mutex) -> None:
    """Give the mutex up and wake the first who waits for it."""
    if lock.owner is not current:
        bug("mutex unlocked by somebody who does not own it", lock.cls, current)
    lock.owner = None
    if lock.wait.task_list:
        wait.wake_up(lock.wait)
