"""Priority inheritance: who waits for a lock lends its owner his priority (kernel/rtmutex.c; spec cgroups E).

Task.pi_waiters holds the first waiter of each lock that a task has, Task.pi_blocked_on is what it waits with itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.printk import KERN_WARNING
from procession.include.linux.rtmutex import RtMutexWaiter
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, set_task_state, signal_pending
from procession.kernel import sched, sched_prio

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.rtmutex import RtMutex
    from procession.include.linux.sched import Task

__all__ = (
    "rt_mutex_adjust_pi",
    "rt_mutex_finish_proxy_lock",
    "rt_mutex_start_proxy_lock",
    "rt_mutex_timed_lock",
    "rt_mutex_trylock",
    "rt_mutex_unlock",
)


# The two lists that a waiter stands in.


def _enqueue(lock: RtMutex, waiter: RtMutexWaiter) -> None:
    at = 0
    for other in lock.wait_list:
        if other.prio > waiter.prio:
            break
        at += 1
    lock.wait_list.insert(at, waiter)


def _enqueue_pi(owner: Task, waiter: RtMutexWaiter) -> None:
    waiter.pi_prio = waiter.prio
    waiters = owner.pi_waiters
    if waiters is None:
        owner.pi_waiters = [waiter]
        return
    at = 0
    for other in waiters:
        if other.pi_prio > waiter.pi_prio:
            break
        at += 1
    waiters.insert(at, waiter)


def _dequeue_pi(owner: Task, waiter: RtMutexWaiter) -> None:
    waiters = owner.pi_waiters
    if waiters is None:
        bug("a waiter that its owner does not know", owner)
    waiters.remove(waiter)
    if not waiters:
        owner.pi_waiters = None


def _rt_mutex_adjust_prio(p: Task) -> None:
    prio = sched_prio.rt_mutex_getprio(p)
    if p.prio != prio:
        sched_prio.rt_mutex_setprio(p, prio)


# Waiting.


def _task_blocks_on_rt_mutex(lock: RtMutex, waiter: RtMutexWaiter) -> None:
    """Queue waiter, and lend the owner his priority, and whoever that one waits for; raises EDEADLK, still queued."""
    task = waiter.task
    owner = lock.owner
    _rt_mutex_adjust_prio(task)
    waiter.lock = lock
    waiter.prio = task.prio
    top_waiter = lock.wait_list[0] if lock.wait_list else None
    _enqueue(lock, waiter)
    task.pi_blocked_on = waiter
    if owner is None:
        return
    if lock.wait_list[0] is waiter:
        if top_waiter is not None:
            _dequeue_pi(owner, top_waiter)
        _enqueue_pi(owner, waiter)
        _rt_mutex_adjust_prio(owner)
    if _rt_mutex_adjust_prio_chain(owner, lock, waiter, task, detect_deadlock=True):
        raise LinuxError(Errno.EDEADLK, "owners wait for each other")


def _remove_waiter(lock: RtMutex, waiter: RtMutexWaiter) -> None:
    """Take waiter off: its time is over, or a signal came; the owner goes back to the others' priority."""
    first = lock.wait_list[0] is waiter
    owner = lock.owner
    lock.wait_list.remove(waiter)
    waiter.lock = None
    waiter.task.pi_blocked_on = None
    if owner is None or not first:
        return
    _dequeue_pi(owner, waiter)
    if lock.wait_list:
        _enqueue_pi(owner, lock.wait_list[0])
    _rt_mutex_adjust_prio(owner)
    if owner.pi_blocked_on is not None:
        _rt_mutex_adjust_prio_chain(owner, lock, None, waiter.task, detect_deadlock=False)


def _rt_mutex_adjust_prio_chain(
    task: Task, orig_lock: RtMutex | None, orig_waiter: RtMutexWaiter | None, top_task: Task, *, detect_deadlock: bool
) -> bool:
    """Follow the chain of who waits for whom from task on, with its priority; returns whether it comes back."""
    top_waiter = orig_waiter
    depth = 0
    while True:
        depth += 1
        if depth > task.kernel.sched.max_lock_depth:
            _say_too_deep(top_task)
            return detect_deadlock
        waiter = task.pi_blocked_on
        if waiter is None or waiter.lock is None or (orig_waiter is not None and _is_free(orig_lock)):
            return False
        if top_waiter is not None and (not task.pi_waiters or task.pi_waiters[0] is not top_waiter):
            return False  # somebody else lends it more: it stays as it is, and a circle is not noticed
        if not detect_deadlock and waiter.prio == task.prio:
            return False
        lock = waiter.lock
        if lock is orig_lock or lock.owner is top_task:
            return detect_deadlock
        top_waiter = lock.wait_list[0]
        lock.wait_list.remove(waiter)
        waiter.prio = task.prio
        _enqueue(lock, waiter)
        if lock.owner is None:
            if lock.wait_list[0] is not top_waiter:
                sched.wake_up_process(lock.wait_list[0].task)
            return False
        task = lock.owner
        if lock.wait_list[0] is waiter or top_waiter is waiter:
            _dequeue_pi(task, top_waiter)
            _enqueue_pi(task, lock.wait_list[0])
            _rt_mutex_adjust_prio(task)
        top_waiter = lock.wait_list[0]
        if not detect_deadlock and waiter is not top_waiter:
            return False


def _is_free(lock: RtMutex | None) -> bool:
    return lock is not None and lock.owner is None


def _say_too_deep(top_task: Task) -> None:
    state = top_task.kernel.sched
    if state.said_lock_depth != state.max_lock_depth:
        state.said_lock_depth = state.max_lock_depth
        top_task.kernel.printk(
            f"Maximum lock depth {state.max_lock_depth} reached task: {top_task.comm} ({top_task.pid})", KERN_WARNING
        )


def rt_mutex_adjust_pi(p: Task) -> None:
    """P's priority was changed: tell those whom it waits for."""
    waiter = p.pi_blocked_on
    if waiter is not None and waiter.prio != p.prio:
        _rt_mutex_adjust_prio_chain(p, None, None, p, detect_deadlock=False)


# Taking and giving up.


def _try_to_take_rt_mutex(lock: RtMutex, task: Task, waiter: RtMutexWaiter | None) -> bool:
    """Take the lock for task if nobody has it: for the first waiter, or past him by a higher priority."""
    if lock.owner is not None:
        return False
    if lock.wait_list and task.prio >= lock.wait_list[0].prio and waiter is not lock.wait_list[0]:
        return False
    if waiter is not None:
        lock.wait_list.remove(waiter)
        waiter.lock = None
        task.pi_blocked_on = None
    if lock.wait_list:
        _enqueue_pi(task, lock.wait_list[0])
    lock.owner = task
    return True


async def _rt_mutex_slowlock(
    current: Task, lock: RtMutex, timer: Hrtimer | None, waiter: RtMutexWaiter, wchan: str
) -> None:
    """Sleep until the lock is ours; raises EINTR, ETIMEDOUT when timer has expired: not waiting any more."""
    while not _try_to_take_rt_mutex(lock, current, waiter):
        error = None
        if timer is not None and timer.data is None:
            error = LinuxError(Errno.ETIMEDOUT, "rt_mutex")
        elif signal_pending(current):
            error = LinuxError(Errno.EINTR, "rt_mutex")
        if error is not None:
            set_task_state(current, TASK_RUNNING)
            _remove_waiter(lock, waiter)
            raise error
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, wchan, lock)


async def rt_mutex_timed_lock(current: Task, lock: RtMutex, timer: Hrtimer | None) -> None:
    """Take the lock; raises EINTR, EDEADLK, ETIMEDOUT when timer, whose data becomes None, expires before."""
    if _try_to_take_rt_mutex(lock, current, None):
        return
    waiter = RtMutexWaiter(current)
    try:
        _task_blocks_on_rt_mutex(lock, waiter)
    except LinuxError:
        _remove_waiter(lock, waiter)
        raise
    await _rt_mutex_slowlock(current, lock, timer, waiter, "rt_mutex_timed_lock")


def rt_mutex_trylock(current: Task, lock: RtMutex) -> bool:
    """Take the lock if that needs no waiting."""
    return _try_to_take_rt_mutex(lock, current, None)


def rt_mutex_start_proxy_lock(lock: RtMutex, waiter: RtMutexWaiter) -> bool:
    """Take the lock for the waiter's task, or have it wait, who sleeps elsewhere; returns whether it has it.

    Raises EDEADLK.
    """
    if _try_to_take_rt_mutex(lock, waiter.task, None):
        return True
    try:
        _task_blocks_on_rt_mutex(lock, waiter)
    except LinuxError:
        _remove_waiter(lock, waiter)
        raise
    return False


async def rt_mutex_finish_proxy_lock(
    current: Task, lock: RtMutex, timer: Hrtimer | None, waiter: RtMutexWaiter
) -> None:
    """Go on waiting for a lock that another task has made us wait for; raises EINTR, ETIMEDOUT."""
    await _rt_mutex_slowlock(current, lock, timer, waiter, "rt_mutex_finish_proxy_lock")


def rt_mutex_unlock(lock: RtMutex) -> None:
    """Give the lock up: the first waiter is woken to take it, and its owner has its own priority again."""
    owner = lock.owner
    lock.owner = None
    if owner is None or not lock.wait_list:
        return
    waiter = lock.wait_list[0]
    _dequeue_pi(owner, waiter)
    sched.wake_up_process(waiter.task)
    _rt_mutex_adjust_prio(owner)
