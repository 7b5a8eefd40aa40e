"""Futexes, on the words of a buffer."""

from __future__ import annotations

import struct

import pytest

from procession.include.linux.errno import Errno, LinuxError
from procession.kernel import futex, sched, sched_syscalls, signal_send

from .conftest import sleep

WAIT, WAKE, FD, REQUEUE, CMP_REQUEUE, WAKE_OP, LOCK_PI, UNLOCK_PI, TRYLOCK_PI, WAIT_BITSET, WAKE_BITSET = range(11)
PRIVATE, REALTIME = 128, 256


class Word:
    """A HostBuffer of one word."""

    def __init__(self, value=0):
        self.data = bytearray(struct.pack("<I", value))

    def load(self, offset, size):
        return bytes(self.data[offset:offset + size])

    def store(self, offset, data):
        self.data[offset:offset + len(data)] = data

    def __len__(self):
        return len(self.data)

    @property
    def value(self):
        return struct.unpack("<I", self.data)[0]


class Timespec(Word):
    def __init__(self, ns):
        self.data = bytearray(struct.pack("<qq", *divmod(ns, 10**9)))


async def call(current, *args):
    """Return what the call answers, a negative errno included."""
    try:
        return await futex.sys_futex(current, *args, *[0] * (6 - len(args)))
    except LinuxError as error:
        return -error.errno


@pytest.fixture
def waiters(k):
    """Start tasks that wait on words, and log what their calls answered."""

    class Waiters:
        def __init__(self):
            self.log = []

        def start(self, name, *args, rt=0):
            async def waiter(current, arg):
                self.log.append((name, await call(current, *args)))
                return 0

            p = k.spawn(waiter, name=name)
            if rt:
                sched_syscalls.sched_setscheduler_nocheck(p, 1, rt)
            k.settle()
            return p

        def run(self, *args):
            async def body(current, arg):
                self.result = await call(current, *args)
                return 0

            k.start(body)
            return self.result

    return Waiters()


def test_wait_compares_first(waiters):
    """EAGAIN, with nobody queued."""
    assert waiters.run(Word(1), WAIT, 2) == -Errno.EAGAIN


def test_wake_is_first_come_first_served(waiters):
    """And counts."""
    w = Word()
    for name in "abc":
        waiters.start(name, w, WAIT, 0)
    assert waiters.run(w, WAKE, 2) == 2
    assert waiters.log == [("a", 0), ("b", 0)]
    assert waiters.run(w, WAKE, 0) == 1     # at least one, as in 3.2
    assert waiters.run(w, WAKE, 9) == 0


def test_real_time_tasks_come_first_by_priority(waiters):
    """The queue is a plist."""
    w = Word()
    waiters.start("normal", w, WAIT, 0)
    waiters.start("low", w, WAIT, 0, rt=1)
    waiters.start("high", w, WAIT, 0, rt=50)
    for _ in range(3):
        waiters.run(w, WAKE, 1)
    assert [name for name, _ in waiters.log] == ["high", "low", "normal"]


def test_bitsets_select(waiters):
    """Only who asked for one of the bits."""
    w = Word()
    waiters.start("one", w, WAIT_BITSET, 0, 0, 0, 1)
    waiters.start("two", w, WAIT_BITSET, 0, 0, 0, 2)
    assert waiters.run(w, WAKE_BITSET, 9, 0, 0, 2) == 1
    assert waiters.log == [("two", 0)]
    assert waiters.run(w, WAKE_BITSET, 9, 0, 0, 0) == -Errno.EINVAL


def test_timeouts_are_relative_for_wait_and_absolute_for_bitset(k, waiters):
    """ETIMEDOUT."""
    w = Word()
    k.clock.advance(10**9)
    assert waiters.run(w, WAIT, 0, Timespec(5 * 10**8)) == -Errno.ETIMEDOUT
    assert 15 * 10**8 <= k.clock.now_ns < 16 * 10**8
    assert waiters.run(w, WAIT_BITSET, 0, Timespec(3 * 10**9), 0, 1) == -Errno.ETIMEDOUT
    assert 3 * 10**9 <= k.clock.now_ns < 31 * 10**8


@pytest.mark.parametrize(("timeout", "code"), [(0, Errno.ERESTARTSYS), (10**9, Errno.ERESTART_RESTARTBLOCK)])
def test_a_signal_restarts_the_wait(k, waiters, timeout, code):
    """With a restart block if there is a timeout."""
    p = waiters.start("w", Word(), WAIT, 0, Timespec(timeout) if timeout else 0) if not timeout else None
    if timeout:
        async def waiter(current, arg):
            waiters.log.append(("w", await call(current, Word(), WAIT, 0, Timespec(timeout))))
            return 0

        p = k.spawn(waiter)
        k.go(limit_ns=10**6)

    async def sender(current, arg):
        signal_send.send_sig(15, p, 1)
        return 0

    k.start(sender)
    assert waiters.log == [("w", -code)]


def test_requeue_moves_those_it_does_not_wake(waiters):
    """A condition variable's broadcast."""
    cond, mutex = Word(), Word()
    for name in "abc":
        waiters.start(name, cond, WAIT, 0)
    assert waiters.run(cond, CMP_REQUEUE, 1, 9, mutex, 5) == -Errno.EAGAIN
    assert waiters.run(cond, CMP_REQUEUE, 1, 1, mutex, 0) == 2
    assert waiters.log == [("a", 0)]
    assert waiters.run(mutex, WAKE, 9) == 1
    assert waiters.run(cond, WAKE, 9) == 1
    assert [name for name, _ in waiters.log] == ["a", "b", "c"]


def test_wake_op_changes_a_word_and_wakes_by_its_old_value(waiters):
    """FUTEX_OP(ADD, 3, EQ, 5)."""
    first, second = Word(), Word(5)
    waiters.start("first", first, WAIT, 0)
    waiters.start("second", second, WAIT, 5)
    encoded = 1 << 28 | 0 << 24 | 3 << 12 | 5
    assert waiters.run(first, WAKE_OP, 1, 1, second, encoded) == 2
    assert second.value == 8
    assert waiters.run(first, WAKE_OP, 1, 1, second, 7 << 28) == -Errno.ENOSYS


def test_unknown_operations(k, waiters):
    """ENOSYS for what 3.2 dropped or never had, and for a clock where there is none."""
    assert waiters.run(Word(), FD, 0) == -Errno.ENOSYS
    assert waiters.run(Word(), 99, 0) == -Errno.ENOSYS
    assert waiters.run(Word(), WAKE | REALTIME, 0) == -Errno.ENOSYS
    assert waiters.run(Word(), 13, 0) == -Errno.ENOSYS
    assert not k.unsupported


def test_a_pi_lock_is_handed_to_the_waiter_with_the_highest_priority(k):
    """The word says who has it."""
    w = Word()
    log = []

    async def user(current, arg):
        assert await call(current, w, LOCK_PI) == 0
        log.append((current.comm, w.value & 0x3FFFFFFF == current.pid))
        await sleep(current, 10**7)
        assert await call(current, w, UNLOCK_PI) == 0
        return 0

    for name, rt in (("owner", 0), ("low", 0), ("high", 9)):
        p = k.spawn(user, name=name)
        if rt:
            sched_syscalls.sched_setscheduler_nocheck(p, 1, rt)
        k.go(limit_ns=k.clock.now_ns + 10**6)
    k.settle()
    assert log == [("owner", True), ("high", True), ("low", True)]
    assert w.value == 0


def test_pi_errors(waiters):
    """Of locking and unlocking."""
    w = Word()
    assert waiters.run(w, TRYLOCK_PI) == 0
    assert waiters.run(w, UNLOCK_PI) == -Errno.EPERM
    assert waiters.run(w, LOCK_PI) == -Errno.ESRCH      # its owner has ended


def test_nobody_is_left_in_the_table(k, waiters):
    """A queue is there while somebody waits."""
    w = Word()
    waiters.start("a", w, WAIT, 0)
    assert len(k.futex_queues.queues) == 1
    waiters.run(w, WAKE, 1)
    assert k.futex_queues.queues == {}
    assert sched.nr_running(k) == 0
