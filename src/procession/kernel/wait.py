"""Wait queues (kernel/wait.c, include/linux/wait.h).

Order is behaviour: non-exclusive sleepers stand at the head, newest first; exclusive ones behind them, oldest first,
and one wake_up() stops after the first exclusive sleeper that it really woke.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.hw.chooser import WAKES_FIRST
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import (
    MAX_RT_PRIO,
    TASK_INTERRUPTIBLE,
    TASK_NORMAL,
    TASK_RUNNING,
    set_task_state,
    signal_pending_state,
)
from procession.include.linux.topology import WF_SYNC
from procession.include.linux.wait import WaitQueueEntry, WaitQueueHead
from procession.kernel import hrtimer, sched

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "Waiter",
    "add_wait_queue",
    "add_wait_queue_exclusive",
    "autoremove_wake_function",
    "finish_wait",
    "prepare_to_wait",
    "prepare_to_wait_exclusive",
    "remove_wait_queue",
    "wake_up",
    "wake_up_all",
    "wake_up_interruptible",
    "wake_up_interruptible_sync",
    "wake_up_locked",
)


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
        set_task_state(entry.task, state)


def prepare_to_wait_exclusive(q: WaitQueueHead, entry: WaitQueueEntry, state: int) -> None:
    """As prepare_to_wait, at the tail as an exclusive sleeper."""
    entry.exclusive = True
    with q.lock.irq():
        if entry not in q.task_list:
            q.task_list.append(entry)
        set_task_state(entry.task, state)


def finish_wait(q: WaitQueueHead, entry: WaitQueueEntry) -> None:
    """Be running again, and off the queue."""
    set_task_state(entry.task, TASK_RUNNING)
    if entry in q.task_list:
        with q.lock.irq():
            q.task_list.remove(entry)


# Waking.


def autoremove_wake_function(entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Wake the sleeper; the caller takes a woken entry with this function off the queue."""
    return sched.try_to_wake_up(entry.task, mode)


def wake_up_locked(q: WaitQueueHead, mode: int, nr_exclusive: int, key: object) -> None:
    """Wake sleepers whose state mode admits, q.lock held: all others and nr_exclusive exclusive ones, 0 for all.

    An entry's func sees key and decides (__wake_up_common).
    """
    q.lock.assert_held()
    queue = q.task_list
    for entry in _waking_order(queue, mode) if len(queue) > 1 else queue.copy():
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


def _waking_order(queue: list[WaitQueueEntry], mode: int) -> list[WaitQueueEntry]:
    """Return a copy of the queue, in the order in which 3.2 goes through it.

    All that are not exclusive wake; on several CPUs they do so at once, so which of the fair ones is first is free.
    Exclusive ones wait in line.
    """
    entries = queue.copy()
    chooser = entries[0].task.kernel.chooser
    if not chooser.active:
        return entries
    awake = [entry for entry in entries if _wakes_with_all(entry, mode)]
    answer = chooser.choose(WAKES_FIRST, [entry.task.pid for entry in awake])
    if answer:
        entries.remove(awake[answer])
        entries.insert(entries.index(awake[0]), awake[answer])
    return entries


def _wakes_with_all(entry: WaitQueueEntry, mode: int) -> bool:
    if entry.exclusive or (entry.func is not None and entry.func is not autoremove_wake_function):
        return False
    return bool(entry.task.state & mode) and entry.task.prio >= MAX_RT_PRIO


def _wake_up(q: WaitQueueHead, mode: int, nr_exclusive: int, key: object) -> None:
    """As wake_up_locked, taking the lock (__wake_up)."""
    if q.task_list:
        with q.lock.irq():
            wake_up_locked(q, mode, nr_exclusive, key)


def wake_up(q: WaitQueueHead, key: object = None) -> None:
    """Wake everybody who is not exclusive, and one who is."""
    if q.task_list:
        _wake_up(q, TASK_NORMAL, 1, key)


def wake_up_all(q: WaitQueueHead, key: object = None) -> None:
    """Wake everybody."""
    if q.task_list:
        _wake_up(q, TASK_NORMAL, 0, key)


def wake_up_interruptible(q: WaitQueueHead, key: object = None) -> None:
    """As wake_up, leaving uninterruptible sleepers alone."""
    if q.task_list:
        _wake_up(q, TASK_INTERRUPTIBLE, 1, key)


def wake_up_interruptible_sync(q: WaitQueueHead, key: object = None) -> None:
    """As wake_up_interruptible; the waker is about to sleep, so who wakes may well come to its CPU."""
    if q.task_list:
        _wake_up(q, TASK_INTERRUPTIBLE | WF_SYNC, 1, key)


# Sleeping on a condition.


class Waiter(WaitQueueEntry):
    """Who sleeps on a queue until something is so: what 3.2's wait_event family is made of.

        with wait.Waiter(current, ctx.wqh, TASK_INTERRUPTIBLE, "eventfd_read") as waiter:
            while not ctx.count:
                await waiter.sleep()

    In the block the task is queued and its state set whenever the condition is looked at: a wake-up that comes between
    the look and the sleep is not lost.  wchan: the function that sleeps.  func: None to stay queued when woken.  errno:
    what is raised when a signal ends the sleep.  on: what people should see it wait for, if it is not the queue.
    """

    __slots__ = ("errno", "on", "queue", "state", "wchan")

    def __init__(
        self,
        current: Task,
        queue: WaitQueueHead,
        state: int,
        wchan: str,
        *,
        exclusive: bool = False,
        func: Callable[[WaitQueueEntry, int, object], bool] | None = autoremove_wake_function,
        errno: Errno = Errno.ERESTARTSYS,
        on: object = None,
    ) -> None:
        self.task = current
        self.exclusive = exclusive
        self.func = func
        self.queue = queue
        self.state = state
        self.wchan = wchan
        self.errno = errno
        self.on = queue if on is None else on

    def __enter__(self) -> Waiter:
        self._prepare()
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        finish_wait(self.queue, self)

    async def sleep(self) -> None:
        """Sleep until woken, ready to look again; raises self.errno if a signal comes first that the state admits."""
        if signal_pending_state(self.state, self.task):
            raise self._interrupted()
        await sched.schedule(self.task, self.wchan, self.on)
        self._prepare_again()

    async def sleep_until(self, expires_ns: int | None, delta_ns: int = 0) -> bool:
        """As sleep, at most until expires_ns (None: for ever) or delta_ns later; returns whether the time has come."""
        if signal_pending_state(self.state, self.task):
            raise self._interrupted()
        timed_out = await hrtimer.schedule_hrtimeout(self.task, expires_ns, self.wchan, self.on, delta_ns=delta_ns)
        self._prepare_again()
        return timed_out

    def _prepare(self) -> None:
        if self.exclusive:
            prepare_to_wait_exclusive(self.queue, self, self.state)
        else:
            prepare_to_wait(self.queue, self, self.state)

    def _prepare_again(self) -> None:
        if self.func is autoremove_wake_function:
            self._prepare()
        else:
            set_task_state(self.task, self.state)  # still queued

    def _interrupted(self) -> LinuxError:
        """Return what to raise; a wake-up that was for one only goes on to the next (abort_exclusive_wait)."""
        if self.exclusive and self not in self.queue.task_list:
            set_task_state(self.task, TASK_RUNNING)
            wake_up(self.queue)
        return LinuxError(self.errno, self.wchan)
