"""Priority-inheriting futexes: LOCK_PI, TRYLOCK_PI, UNLOCK_PI (the PI half of kernel/futex.c; spec cgroups E3).

The word holds the owner's tid; the kernel hands the lock to the first waiter by priority.

Differs: the owner is not boosted while others wait, and chains of owners are not searched for deadlocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import PF_EXITPIDONE, signal_pending
from procession.kernel import futex, pid
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("exit_pi_state_list", "futex_lock_pi", "futex_unlock_pi")

FUTEX_WAITERS: Final = 0x80000000
FUTEX_OWNER_DIED: Final = 0x40000000
FUTEX_TID_MASK: Final = 0x3FFFFFFF


def _try_lock(current: Task, uaddr: UserPtr, key: futex.FutexKey) -> Task | None:
    """Take the lock if it is free, returning None; else return its owner, the word marked as contended.

    Raises EDEADLK if current has it, ESRCH if its owner is gone without a trace (futex_lock_pi_atomic).
    """
    k = current.kernel
    vpid = pid.task_pid_vnr(current, current)
    word = uaccess.get_user(current, uaddr, 4)
    if word & FUTEX_TID_MASK == vpid:
        raise LinuxError(Errno.EDEADLK, "PI futex held by the caller")
    waiters = k.futex_queues.queues.get(key)
    if not word & FUTEX_TID_MASK:
        # Free, or its owner died; somebody who already waits keeps the word contended.
        uaccess.put_user(current, uaddr, word & FUTEX_OWNER_DIED | vpid | (FUTEX_WAITERS if waiters else 0), 4)
        return None
    owner = pid.find_task_by_vpid(current, word & FUTEX_TID_MASK)
    if owner is None:
        raise LinuxError(Errno.ESRCH, "the PI futex's owner is gone")
    if owner.flags & PF_EXITPIDONE:
        raise LinuxError(Errno.ESRCH, "the PI futex's owner is dying")
    return owner


async def futex_lock_pi(current: Task, uaddr: UserPtr, shared: bool, expires_ns: int | None, *, trylock: bool) -> int:
    """Take a PI lock, sleeping until its owner hands it over.

    Raises EFAULT, EINVAL, EDEADLK, ESRCH, EAGAIN if only trying, ETIMEDOUT, ERESTARTNOINTR for a signal.
    """
    k = current.kernel
    key = futex.get_futex_key(current, uaddr, shared)
    owner = _try_lock(current, uaddr, key)
    if owner is None:
        return 0
    word = uaccess.get_user(current, uaddr, 4)
    if trylock:
        raise LinuxError(Errno.EAGAIN, "PI futex held by somebody else")
    uaccess.put_user(current, uaddr, word | FUTEX_WAITERS, 4)
    k.futex_queues.serial += 1
    q = futex.FutexQ(current, key, futex.FUTEX_BITSET_MATCH_ANY, k.futex_queues.serial)
    q.pi_owner = owner
    futex.queue_me(k, q)
    while True:
        timed_out = await futex.futex_wait_queue_me(current, q, expires_ns)
        if q.is_woken():
            return 0
        if timed_out:
            futex.unqueue_me(k, q)
            raise LinuxError(Errno.ETIMEDOUT, "PI futex")
        if signal_pending(current):
            futex.unqueue_me(k, q)
            raise LinuxError(Errno.ERESTARTNOINTR, "PI futex")


def futex_unlock_pi(current: Task, uaddr: UserPtr, shared: bool) -> int:
    """Give a PI lock up, to the first waiter if there is one; raises EPERM if current does not hold it, EFAULT."""
    word = uaccess.get_user(current, uaddr, 4)
    if word & FUTEX_TID_MASK != pid.task_pid_vnr(current, current):
        raise LinuxError(Errno.EPERM, "PI futex not held by the caller")
    key = futex.get_futex_key(current, uaddr, shared)
    _hand_over(current, uaddr, key, 0)
    return 0


def _hand_over(current: Task, uaddr: UserPtr, key: futex.FutexKey, flags: int) -> None:
    """Make the first waiter the owner and wake it; without waiters the lock is free."""
    futexes: futex.FutexHash = current.kernel.futex_queues
    queue = futexes.queues.get(key)
    if not queue:
        uaccess.put_user(current, uaddr, flags, 4)
        return
    first = queue[0]
    if first.pi_owner is not current:
        raise LinuxError(Errno.EINVAL, "PI futex with waiters for somebody else")
    uaccess.put_user(current, uaddr, flags | FUTEX_WAITERS | pid.task_pid_vnr(current, first.task), 4)
    with futexes.lock:
        futex.wake_futex(futexes, first)
        for q in queue:
            q.pi_owner = first.task


def exit_pi_state_list(current: Task) -> None:
    """Hand the PI locks that a dying task holds and others wait for to the first of these, marked as orphaned."""
    futexes: futex.FutexHash = current.kernel.futex_queues
    for key, queue in list(futexes.queues.items()):
        if queue and queue[0].pi_owner is current:
            mm, address, kind = key
            if mm is current.mm and kind != futex._FUT_OFF_INODE:
                try:
                    _hand_over(current, address, key, FUTEX_OWNER_DIED)
                except LinuxError:
                    continue  # the word is gone: its waiters stay, as with any other lost lock
