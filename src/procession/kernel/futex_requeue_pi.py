"""Condition variables with PI locks: WAIT_REQUEUE_PI, CMP_REQUEUE_PI (kernel/futex.c; spec cgroups E4)."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.rtmutex import RtMutexWaiter
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_NORMAL, set_task_state, signal_pending
from procession.kernel import futex, futex_pi, rtmutex, sched
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("futex_requeue_pi", "futex_wait_requeue_pi")


async def futex_wait_requeue_pi(
    current: Task, uaddr: UserPtr, shared: bool, val: int, expires_ns: int | None, uaddr2: UserPtr, *, realtime: bool
) -> int:
    """Sleep on uaddr if it is val, until somebody has us wait for the PI lock at uaddr2 and we have it.

    Raises EINVAL, EFAULT, EAGAIN for another value, and for a signal behind the requeueing, ETIMEDOUT, ERESTARTNOINTR
    for a signal before it.
    """
    k = current.kernel
    key2 = futex.get_futex_key(current, uaddr2, shared)
    key = futex.get_futex_key(current, uaddr, shared)
    if uaccess.get_user(current, uaddr, 4) != val:
        raise LinuxError(Errno.EAGAIN, "the futex has another value")
    q = futex.new_futex_q(current, key)
    q.rt_waiter = RtMutexWaiter(current)
    q.requeue_pi_key = key2
    futex.queue_me(k, q)
    timer = futex_pi.start_timer(current, expires_ns, realtime=realtime)
    try:
        if timer is None or timer.data is not None:
            set_task_state(current, TASK_INTERRUPTIBLE)
            await sched.schedule(current, "futex_wait_queue_me", q)
        await _woken(current, uaddr2, q, timer)
    finally:
        if timer is not None:
            timer.queued = False
        futex.unqueue_me(k, q)
        if q.pi_state is not None:
            futex_pi.free_pi_state(k, q.pi_state)
            q.pi_state = None
    return 0


async def _woken(current: Task, uaddr2: UserPtr, q: futex.FutexQ, timer: Hrtimer | None) -> None:
    """See why we were woken, and get the lock if it is to be had."""
    rt_waiter, pi_state = q.rt_waiter, q.pi_state
    if rt_waiter is None:
        # It was taken for us.
        if pi_state is not None and pi_state.owner is not current:
            futex_pi.fixup_pi_state_owner(current, uaddr2, pi_state, current)
        return
    if pi_state is None:
        # Nobody has requeued us (handle_early_requeue_pi_wakeup()).
        if timer is not None and timer.data is None:
            raise LinuxError(Errno.ETIMEDOUT, "futex")
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTNOINTR, "futex")
        raise LinuxError(Errno.EAGAIN, "woken by something else")
    failed: LinuxError | None = None
    try:
        await rtmutex.rt_mutex_finish_proxy_lock(current, pi_state.pi_mutex, timer, rt_waiter)
    except LinuxError as error:
        failed = error
    if futex_pi.fixup_owner(current, uaddr2, pi_state, locked=failed is None) or failed is None:
        return
    if failed.errno == Errno.EINTR:
        raise LinuxError(Errno.EAGAIN, "a signal behind the requeueing")
    raise failed


async def futex_requeue_pi(
    current: Task, uaddr1: UserPtr, uaddr2: UserPtr, shared: bool, nr_wake: int, nr_requeue: int, cmpval: int
) -> int:
    """Let the first who waits at uaddr1 have the PI lock at uaddr2, or wait for it as nr_requeue others do.

    Returns how many that were together.  Raises EINVAL, EFAULT, EAGAIN if uaddr1 does not hold cmpval, ESRCH, EDEADLK,
    ENOMEM.
    """
    if nr_wake != 1:
        raise LinuxError(Errno.EINVAL, "more than one to be woken")
    k = current.kernel
    while True:
        key1 = futex.get_futex_key(current, uaddr1, shared)
        key2 = futex.get_futex_key(current, uaddr2, shared)
        if uaccess.get_user(current, uaddr1, 4) != cmpval:
            raise LinuxError(Errno.EAGAIN, "the futex has another value")
        done = 0
        pi_state = None
        if nr_requeue > -1:
            try:
                done, pi_state = _proxy_trylock_atomic(current, uaddr2, key1, key2, set_waiters=nr_requeue != 0)
            except LinuxError as error:
                if error.errno != Errno.EAGAIN:
                    raise
                await futex_pi.wait_for_exit(current)
                continue
        break
    try:
        return done + _requeue(current, key1, key2, nr_wake + nr_requeue - done, pi_state)
    finally:
        if pi_state is not None:
            futex_pi.free_pi_state(k, pi_state)


def _proxy_trylock_atomic(
    current: Task, pifutex: UserPtr, key1: futex.FutexKey, key2: futex.FutexKey, *, set_waiters: bool
) -> tuple[int, futex_pi.FutexPiState | None]:
    """Try to take the lock for the first waiter; returns whether that has worked, and what is known of the lock."""
    k = current.kernel
    uaccess.get_user(current, pifutex, 4)
    queue = k.futex_queues.queues.get(key1)
    if not queue:
        return 0, None
    top_waiter = queue[0]
    if top_waiter.requeue_pi_key != key2:
        raise LinuxError(Errno.EINVAL, "the first waiter is for another lock")
    pi_state = futex_pi.futex_lock_pi_atomic(current, pifutex, key2, top_waiter.task, set_waiters=set_waiters)
    if pi_state is not None:
        return 0, pi_state
    _requeue_pi_wake_futex(current, top_waiter)
    return 1, futex_pi.lookup_pi_state(current, uaccess.get_user(current, pifutex, 4), key2)


def _requeue_pi_wake_futex(current: Task, q: futex.FutexQ) -> None:
    """Wake who has the lock now."""
    futexes = current.kernel.futex_queues
    with futexes.lock:
        futex.remove(futexes, q)
        q.rt_waiter = None
        sched.wake_up_state(q.task, TASK_NORMAL)


def _requeue(
    current: Task, key1: futex.FutexKey, key2: futex.FutexKey, most: int, pi_state: futex_pi.FutexPiState | None
) -> int:
    """Have waiters wait for the lock; returns how many."""
    futexes = current.kernel.futex_queues
    moved = 0
    for q in list(futexes.queues.get(key1, ())):
        if moved >= most:
            break
        if q.rt_waiter is None or q.requeue_pi_key != key2 or pi_state is None:
            raise LinuxError(Errno.EINVAL, "a waiter that is not for this lock")
        moved += 1
        has_it = rtmutex.rt_mutex_start_proxy_lock(pi_state.pi_mutex, q.rt_waiter)
        pi_state.refcount += 1
        q.pi_state = pi_state
        if has_it:
            _requeue_pi_wake_futex(current, q)
            continue
        with futexes.lock:
            futex.remove(futexes, q)
            q.key = key2
            insort(futexes.queues.setdefault(key2, []), q)
    return moved
