"""Wait queues, completions, mutexes: who is woken, and in which order."""

from __future__ import annotations

import pytest

from procession.include.linux.bug import KernelBug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE, set_task_state
from procession.kernel import completion, mutex, sched, signal_send, wait

from .conftest import sleep


def test_nonexclusive_sleepers_wake_newest_first_then_one_exclusive(k):
    """The order of wait.h: the head takes newcomers, exclusive ones stand at the tail."""
    q = k.wait_queue_head("q")
    wanted, log = [], []

    async def sleeper(current, exclusive):
        with wait.Waiter(current, q, TASK_INTERRUPTIBLE, "sleeper", exclusive=exclusive) as waiter:
            while not wanted:
                await waiter.sleep()
        log.append(current.comm)
        return 0

    async def waker(current, arg):
        wanted.append(1)
        wait.wake_up(q)
        return 0

    for name, exclusive in (("a", False), ("x", True), ("b", False), ("y", True)):
        k.start(sleeper, exclusive, name)
    k.spawn(waker)
    rest = k.settle()

    assert log == ["b", "a", "x"]
    assert "y:" in rest
    assert "in sleeper" in rest


def test_a_key_filters_in_the_entrys_function(k):
    """As child_wait_callback does for wait4."""
    q = k.wait_queue_head("q")
    seen = []

    def only_seven(entry_, mode, key):
        seen.append(key)
        return key == 7 and sched.try_to_wake_up(entry_.task, mode)

    async def sleeper(current, arg):
        e = wait.WaitQueueEntry(current, func=only_seven)
        wait.add_wait_queue(q, e)
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current)
        wait.remove_wait_queue(q, e)
        seen.append("woken")
        return 0

    async def waker(current, arg):
        wait.wake_up(q, 3)
        await sleep(current, 100)
        wait.wake_up(q, 7)
        return 0

    k.start(sleeper)
    k.spawn(waker)
    k.settle()
    assert seen == [3, 7, "woken"]


def test_wake_up_interruptible_leaves_uninterruptible_sleepers(k):
    """The mask is the sleeper's state."""
    q = k.wait_queue_head("q")
    flag = []

    async def sleeper(current, arg):
        with wait.Waiter(current, q, TASK_UNINTERRUPTIBLE, "in_d") as waiter:
            while not flag:
                await waiter.sleep()
        return 0

    async def waker(current, arg):
        flag.append(1)
        wait.wake_up_interruptible(q)
        return 0

    p = k.start(sleeper)
    k.spawn(waker)
    assert "D in in_d" in k.settle()
    assert p.state == TASK_UNINTERRUPTIBLE


def test_a_signal_ends_an_interruptible_wait(k):
    """ERESTARTSYS, off the queue, and running."""
    q = k.wait_queue_head("q")
    log = []

    async def sleeper(current, arg):
        try:
            with wait.Waiter(current, q, TASK_INTERRUPTIBLE, "sleeper") as waiter:
                while True:
                    await waiter.sleep()
        except LinuxError as error:
            log.append((error.errno, current.state, list(q.task_list), current.wchan))
        return 0

    async def sender(current, arg):
        signal_send.send_sig(15, p, 1)
        return 0

    p = k.start(sleeper)
    k.spawn(sender)
    k.settle()
    assert log == [(Errno.ERESTARTSYS, 0, [], "")]


def test_a_timeout_ends_a_wait(k):
    """True if the time has come; without one a wake-up ends it."""
    q = k.wait_queue_head("q")
    log = []

    async def sleeper(current, arg):
        with wait.Waiter(current, q, TASK_INTERRUPTIBLE, "sleeper") as waiter:
            end_ns = k.clock.now_ns + 5000
            log.append((await waiter.sleep_until(end_ns), k.clock.now_ns >= end_ns, current.state))
            log.append((await waiter.sleep_until(k.clock.now_ns), current.state))
            log.append(await waiter.sleep_until(None))
        log.append((current.state, q.task_list))
        return 0

    k.start(sleeper)
    wait.wake_up(q)
    k.settle()
    assert log == [(True, True, TASK_INTERRUPTIBLE), (True, TASK_INTERRUPTIBLE), False, (TASK_RUNNING, [])]


def test_a_wake_up_between_the_look_and_the_sleep_is_not_lost(k):
    """The task is queued and says that it sleeps before it looks; waking makes it run, and schedule() returns."""
    q = k.wait_queue_head("q")
    looks = []

    def looked():
        looks.append(k.current.state)
        if len(looks) == 1:
            wait.wake_up(q)
        return len(looks) == 2

    async def sleeper(current, arg):
        with wait.Waiter(current, q, TASK_UNINTERRUPTIBLE, "sleeper") as waiter:
            while not looked():
                await waiter.sleep()
        return 0

    k.start(sleeper)
    assert looks == [TASK_UNINTERRUPTIBLE] * 2


def test_a_wake_up_for_one_passes_on_when_a_signal_was_faster(k):
    """Else the next would sleep although there is something for it (abort_exclusive_wait)."""
    q = k.wait_queue_head("q")
    log, wanted = [], []

    async def second(current, arg):
        with wait.Waiter(current, q, TASK_INTERRUPTIBLE, "second", exclusive=True) as waiter:
            while not wanted:
                await waiter.sleep()
        log.append("woken")
        return 0

    async def first(current, arg):
        with wait.Waiter(current, q, TASK_INTERRUPTIBLE, "first", exclusive=True) as waiter:
            q.task_list.remove(waiter)  # the wake-up came between the look and the sleep
            wanted.append(1)
            signal_send.send_sig(15, current, 1)
            with pytest.raises(LinuxError):
                await waiter.sleep()
        return 0

    k.start(second)
    k.start(first)
    assert log == ["woken"]


def test_a_completion_lets_one_waiter_per_complete_go(k):
    """And one that comes later."""
    done = completion.init_completion(k)
    log = []

    async def waiter(current, arg):
        await completion.wait_for_completion(current, done)
        log.append(current.comm)
        return 0

    async def completer(current, arg):
        completion.complete(done)
        completion.complete(done)
        return 0

    k.start(waiter, name="first")
    k.start(completer)
    k.start(waiter, name="second")
    k.start(waiter, name="third")
    rest = k.settle()
    assert log == ["first", "second"]
    assert "third" in rest
    assert not done.done


def test_a_mutex_is_handed_out_in_the_order_of_asking(k):
    """And excludes."""
    m = mutex.mutex_init(k, "m")
    log = []

    async def user(current, arg):
        await mutex.mutex_lock(current, m)
        log.append(("in", current.comm))
        await sleep(current, 10**7)
        log.append(("out", current.comm))
        mutex.mutex_unlock(current, m)
        return 0

    for name in "abc":
        k.spawn(user, name=name)
        k.go(k.clock.now_ns + 100_000)
    k.settle()
    assert log == [(what, who) for who in "abc" for what in ("in", "out")]


def test_only_the_owner_unlocks_a_mutex(k):
    """Anything else is a bug."""
    m = mutex.mutex_init(k, "m")
    with pytest.raises(KernelBug, match="does not own"):
        mutex.mutex_unlock(k.init_task, m)
    assert mutex.mutex_trylock(k.init_task, m)
    assert not mutex.mutex_trylock(k.init_task, m)


def test_a_signal_ends_an_interruptible_mutex_wait_and_the_turn_passes_on(k):
    """EINTR."""
    m = mutex.mutex_init(k, "m")
    log = []

    async def owner(current, arg):
        await mutex.mutex_lock(current, m)
        await sleep(current, 10**7)
        signal_send.send_sig(15, second, 1)
        await sleep(current, 10**7)
        mutex.mutex_unlock(current, m)
        return 0

    async def interruptible(current, arg):
        try:
            await mutex.mutex_lock_interruptible(current, m)
        except LinuxError as error:
            log.append(error.errno)
        return 0

    async def third(current, arg):
        await mutex.mutex_lock(current, m)
        log.append("third")
        mutex.mutex_unlock(current, m)
        return 0

    k.spawn(owner)
    k.go(10**6)
    second = k.spawn(interruptible)
    k.go(2 * 10**6)
    k.spawn(third)
    k.settle()
    assert log == [Errno.EINTR, "third"]
