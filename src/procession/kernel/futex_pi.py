"""Priority-inheriting futexes: LOCK_PI, TRYLOCK_PI, UNLOCK_PI (the PI half of kernel/futex.c; spec cgroups E3).

The word holds the owner's tid; the kernel hands the lock to the first waiter by priority.

Differs: the owner is not boosted while others wait, and chains of owners are not searched for deadlocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import PF_EXITING, PF_EXITPIDONE, TASK_INTERRUPTIBLE, set_task_state, signal_pending
from procession.include.linux.time import TICK_PERIOD_NS
from procession.kernel import futex, hrtimer, pid
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

    Raises EDEADLK if current has it, ESRCH if its owner is gone without a trace, the mark staying
    (futex_lock_pi_atomic).
    """
    futexes: futex.FutexHash = current.kernel.futex_queues
    vpid = pid.task_pid_vnr(current, current)
    word = uaccess.get_user(current, uaddr, 4)
    if word & FUTEX_TID_MASK == vpid:
        raise LinuxError(Errno.EDEADLK, "PI futex held by the caller")
    heir = futexes.inherited.get(key)
    if heir is None and not word & FUTEX_TID_MASK:
        # Free, or its owner died; somebody who already waits keeps the word contended.
        waiters = FUTEX_WAITERS if futexes.queues.get(key) else 0
        uaccess.put_user(current, uaddr, word & FUTEX_OWNER_DIED | vpid | waiters, 4)
        return None
    word |= FUTEX_WAITERS
    uaccess.put_user(current, uaddr, word, 4)
    if heir is not None:
        return heir
    owner = pid.find_task_by_vpid(current, word & FUTEX_TID_MASK)
    if owner is not None and not owner.flags & PF_EXITPIDONE:
        return owner
    if not word & FUTEX_OWNER_DIED:
        raise LinuxError(Errno.ESRCH, "the PI futex's owner is gone")
    uaccess.put_user(current, uaddr, word & ~FUTEX_TID_MASK | vpid, 4)
    return None


async def futex_lock_pi(current: Task, uaddr: UserPtr, shared: bool, expires_ns: int | None, *, trylock: bool) -> int:
    """Take a PI lock, sleeping until its owner hands it over; expires_ns is a time of day.

    Raises EFAULT, EINVAL, EDEADLK, ESRCH, EAGAIN if only trying, ETIMEDOUT, ERESTARTNOINTR for a signal.
    """
    k = current.kernel
    key = futex.get_futex_key(current, uaddr, shared)
    while True:
        owner = _try_lock(current, uaddr, key)
        if owner is None:
            return 0
        if not owner.flags & PF_EXITING:
            break
        # It may have handed over its locks already: wait until it is gone, looking once a tick. 3.2 looks all the time.
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTNOINTR, "PI futex")
        set_task_state(current, TASK_INTERRUPTIBLE)
        await hrtimer.schedule_timeout(current, TICK_PERIOD_NS, "futex_lock_pi")
    if trylock:
        raise LinuxError(Errno.EAGAIN, "PI futex held by somebody else")
    k.futex_queues.serial += 1
    q = futex.FutexQ(current, key, futex.FUTEX_BITSET_MATCH_ANY, k.futex_queues.serial)
    q.pi_owner = owner
    futex.queue_me(k, q)
    while True:
        timed_out = await futex.futex_wait_queue_me(current, q, expires_ns, realtime=True)
        if q.is_woken():
            _fixup_owner(current, uaddr, key)
            return 0
        if timed_out:
            futex.unqueue_me(k, q)
            raise LinuxError(Errno.ETIMEDOUT, "PI futex")
        if signal_pending(current):
            futex.unqueue_me(k, q)
            raise LinuxError(Errno.ERESTARTNOINTR, "PI futex")


def _fixup_owner(current: Task, uaddr: UserPtr, key: futex.FutexKey) -> None:
    """Write that the lock is current's, if it is because its owner has died.

    Raises EFAULT; the lock goes on to the next then.
    """
    futexes: futex.FutexHash = current.kernel.futex_queues
    if futexes.inherited.get(key) is not current:
        return
    del futexes.inherited[key]
    vpid = pid.task_pid_vnr(current, current)
    try:
        uaccess.put_user(current, uaddr, FUTEX_OWNER_DIED | FUTEX_WAITERS | vpid, 4)
    except LinuxError:
        queue = futexes.queues.get(key)
        if queue:
            _bequeath(futexes, key, queue)
        raise


def futex_unlock_pi(current: Task, uaddr: UserPtr, shared: bool) -> int:
    """Give a PI lock up, to the first waiter if there is one; raises EPERM if current does not hold it, EFAULT, EINVAL.

    A word that says that an owner has died is left as it is: that is for the program to repair.
    """
    word = uaccess.get_user(current, uaddr, 4)
    if word & FUTEX_TID_MASK != pid.task_pid_vnr(current, current):
        raise LinuxError(Errno.EPERM, "PI futex not held by the caller")
    key = futex.get_futex_key(current, uaddr, shared)
    futexes: futex.FutexHash = current.kernel.futex_queues
    queue = futexes.queues.get(key)
    orphaned = bool(word & FUTEX_OWNER_DIED)
    if not queue:
        if not orphaned:
            uaccess.put_user(current, uaddr, 0, 4)
        return 0
    first = queue[0]
    if first.pi_owner is not current:
        raise LinuxError(Errno.EINVAL, "PI futex with waiters for somebody else")
    if not orphaned:
        uaccess.put_user(current, uaddr, FUTEX_WAITERS | pid.task_pid_vnr(current, first.task), 4)
    with futexes.lock:
        _hand_over(futexes, queue)
    return 0


def _hand_over(futexes: futex.FutexHash, queue: list[futex.FutexQ]) -> None:
    """Wake the first waiter, for whom the others wait from now on. Context: futexes.lock held."""
    futexes.lock.assert_held()
    first = queue[0]
    futex.wake_futex(futexes, first)
    for q in queue:
        q.pi_owner = first.task


def _bequeath(futexes: futex.FutexHash, key: futex.FutexKey, queue: list[futex.FutexQ]) -> None:
    """Give a lock without an owner to its first waiter, who writes so itself: it is in its memory."""
    with futexes.lock:
        futexes.inherited[key] = queue[0].task
        _hand_over(futexes, queue)


def exit_pi_state_list(current: Task) -> None:
    """Hand the PI locks that current holds and others wait for to the first of these: it is leaving its memory."""
    futexes: futex.FutexHash = current.kernel.futex_queues
    for key, queue in list(futexes.queues.items()):
        if queue[0].pi_owner is current:
            _bequeath(futexes, key, queue)
