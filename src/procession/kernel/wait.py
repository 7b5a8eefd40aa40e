"""Wait queues (kernel/wait.c, include/linux/wait.h).

Order is behaviour: non-exclusive sleepers stand at the head, newest first; exclusive ones behind them, oldest first,
and one wake_up() stops after the first exclusive sleeper that it really woke.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

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
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.wait import WaitQueueEntry, WaitQueueHead
from procession.kernel import hrtimer, sched

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "add_wait_queue",
    "add_wait_queue_exclusive",
    "autoremove_wake_function",
    "default_wake_function",
    "finish_wait",
    "init_waitqueue_head",
    "prepare_to_wait",
    "prepare_to_wait_exclusive",
    "remove_wait_queue",
    "wait_event",
    "wait_event_interruptible",
    "wait_event_interruptible_exclusive",
    "wait_event_interruptible_timeout",
    "wait_event_killable",
    "wait_event_timeout",
    "waitqueue_active",
    "wake_up",
    "wake_up_all",
    "wake_up_common",
    "wake_up_interruptible",
    "wake_up_interruptible_all",
    "wake_up_interruptible_sync",
    "wake_up_locked",
)


def init_waitqueue_head(k: Kernel, name: str = "wait_queue_head.lock") -> WaitQueueHead:
    """Return an empty queue; name is its lock's class."""
    return WaitQueueHead(SpinLock(k.lock_class(name)))


def waitqueue_active(q: WaitQueueHead) -> bool:
    """Whether anybody waits on q."""
    return bool(q.task_list)


# Entering and leaving a queue.


def add_wait_queue(q: WaitQueueHead, entry: WaitQueueEntry) -> None:
    """Queue a non-exclusive sleeper, ahead of everybody."""
    entry.exclusive = False
    with q.lock.irq():
        q.task_list.insert(0, entry)


def add_wait_queue_exclusive(q: WaitQueueHead, entry: WaitQueueEntry) -> None:
    """Queue an exclusive sleeper, behind everybody."""
    entry.exclusive = True
    with q.lock.irq():
        q.task_list.append(entry)


def remove_wait_queue(q: WaitQueueHead, entry: WaitQueueEntry) -> None:
    """Take entry off the queue, on which it must be."""
    with q.lock.irq():
        q.task_list.remove(entry)


def prepare_to_wait(q: WaitQueueHead, entry: WaitQueueEntry, state: int) -> None:
    """Queue entry unless it is queued, and set its task's state: from here on a wake-up is not lost."""
    with q.lock.irq():
        if entry not in q.task_list:
            q.task_list.insert(0, entry)
        entry.task.state = state


def prepare_to_wait_exclusive(q: WaitQueueHead, entry: WaitQueueEntry, state: int) -> None:
    """As prepare_to_wait, at the tail as an exclusive sleeper."""
    entry.exclusive = True
    with q.lock.irq():
        if entry not in q.task_list:
            q.task_list.append(entry)
        entry.task.state = state


def finish_wait(q: WaitQueueHead, entry: WaitQueueEntry) -> None:
    """Be running again, and off the queue."""
    entry.task.state = TASK_RUNNING
    if entry in q.task_list:
        with q.lock.irq():
            q.task_list.remove(entry)


# Waking.


def default_wake_function(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Wake the sleeper and leave it on the queue."""
    return sched.try_to_wake_up(entry.task, mode)


def autoremove_wake_function(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Wake the sleeper; the caller takes a woken entry with this function off the queue."""
    return sched.try_to_wake_up(entry.task, mode)


def wake_up_locked(q: WaitQueueHead, mode: int, nr_exclusive: int, key: object) -> None:
    """Wake sleepers whose state mode admits, q.lock held: all others and nr_exclusive exclusive ones, 0 for all.

    An entry's func sees key and decides (__wake_up_common).
    """
    queue = q.task_list
    for entry in queue.copy():
        func = entry.func
        if func is None:
            woken = sched.try_to_wake_up(entry.task, mode)
        else:
            woken = func(entry, mode, key)
            if woken and func is autoremove_wake_function:
                queue.remove(entry)
        if woken and entry.exclusive:
            nr_exclusive -= 1
            if not nr_exclusive:
                return


def wake_up_common(q: WaitQueueHead, mode: int, nr_exclusive: int, key: object) -> None:
    """As wake_up_locked, taking the lock (__wake_up)."""
    if q.task_list:
        with q.lock.irq():
            wake_up_locked(q, mode, nr_exclusive, key)


def wake_up(q: WaitQueueHead, key: object = None) -> None:
    """Wake everybody who is not exclusive, and one who is."""
    if q.task_list:
        wake_up_common(q, TASK_NORMAL, 1, key)


def wake_up_all(q: WaitQueueHead, key: object = None) -> None:
    """Wake everybody."""
    if q.task_list:
        wake_up_common(q, TASK_NORMAL, 0, key)


def wake_up_interruptible(q: WaitQueueHead, key: object = None) -> None:
    """As wake_up, leaving uninterruptible sleepers alone."""
    if q.task_list:
        wake_up_common(q, TASK_INTERRUPTIBLE, 1, key)


def wake_up_interruptible_all(q: WaitQueueHead, key: object = None) -> None:
    """As wake_up_all, leaving uninterruptible sleepers alone."""
    if q.task_list:
        wake_up_common(q, TASK_INTERRUPTIBLE, 0, key)


def wake_up_interruptible_sync(q: WaitQueueHead, key: object = None) -> None:
    """As wake_up_interruptible.

    Differs: the hint that the waker is about to sleep only places tasks on CPUs in 3.2, and is not used here.
    """
    if q.task_list:
        wake_up_common(q, TASK_INTERRUPTIBLE, 1, key)


# Sleeping on a condition.


async def wait_event(current: Task, q: WaitQueueHead, condition: Callable[[], object], wchan: str = "") -> None:
    """Sleep in state D until condition() holds; it is tested after every wake-up of q."""
    if not condition():
        await _wait(current, q, condition, wchan, TASK_UNINTERRUPTIBLE, exclusive=False)


async def wait_event_interruptible(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], wchan: str = ""
) -> None:
    """Sleep until condition() holds; raises ERESTARTSYS if a signal comes first."""
    if not condition():
        await _wait(current, q, condition, wchan, TASK_INTERRUPTIBLE, exclusive=False)


async def wait_event_interruptible_exclusive(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], wchan: str = ""
) -> None:
    """As wait_event_interruptible, as one of those of whom a wake-up wakes only one."""
    if not condition():
        await _wait(current, q, condition, wchan, TASK_INTERRUPTIBLE, exclusive=True)


async def wait_event_killable(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], wchan: str = ""
) -> None:
    """Sleep until condition() holds; raises ERESTARTSYS if a fatal signal comes first."""
    if not condition():
        await _wait(current, q, condition, wchan, TASK_KILLABLE, exclusive=False)


async def _wait(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], wchan: str, state: int, *, exclusive: bool
) -> None:
    entry = WaitQueueEntry(current, exclusive, autoremove_wake_function)
    current.wchan = wchan
    current.waiting_on = q
    try:
        while True:
            if exclusive:
                prepare_to_wait_exclusive(q, entry, state)
            else:
                prepare_to_wait(q, entry, state)
            if condition():
                return
            if (
                current.ti_flags & TIF_SIGPENDING
                and state != TASK_UNINTERRUPTIBLE
                and (state == TASK_INTERRUPTIBLE or current.pending.signal & SIGKILL_MASK)
            ):
                # An exclusive wake-up that we no longer want must not be lost with us.
                if exclusive and entry not in q.task_list:
                    current.state = TASK_RUNNING
                    wake_up(q)
                raise LinuxError(Errno.ERESTARTSYS, wchan)
            await sched.schedule(current)
    finally:
        finish_wait(q, entry)
        current.wchan = ""
        current.waiting_on = None


async def wait_event_timeout(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], timeout_ns: int, wchan: str = ""
) -> int:
    """Sleep in state D until condition() holds or timeout_ns have passed.

    Returns the time left, at least 1, or 0 if the condition does not hold.
    """
    return await _wait_timeout(current, q, condition, timeout_ns, wchan, TASK_UNINTERRUPTIBLE)


async def wait_event_interruptible_timeout(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], timeout_ns: int, wchan: str = ""
) -> int:
    """As wait_event_timeout; raises ERESTARTSYS if a signal comes first."""
    return await _wait_timeout(current, q, condition, timeout_ns, wchan, TASK_INTERRUPTIBLE)


async def _wait_timeout(
    current: Task, q: WaitQueueHead, condition: Callable[[], object], timeout_ns: int, wchan: str, state: int
) -> int:
    clock = current.kernel.clock
    expires_ns = clock.now_ns + timeout_ns
    if condition():
        return max(timeout_ns, 1)
    entry = WaitQueueEntry(current, False, autoremove_wake_function)
    current.wchan = wchan
    current.waiting_on = q
    try:
        while True:
            prepare_to_wait(q, entry, state)
            if condition():
                return max(expires_ns - clock.now_ns, 1)
            if state == TASK_INTERRUPTIBLE and current.ti_flags & TIF_SIGPENDING:
                raise LinuxError(Errno.ERESTARTSYS, wchan)
            if clock.now_ns >= expires_ns:
                return 0
            await hrtimer.schedule_hrtimeout(current, expires_ns)
    finally:
        finish_wait(q, entry)
        current.wchan = ""
        current.waiting_on = None
