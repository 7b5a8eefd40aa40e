"""Read-copy-update: callbacks run when nobody can still be reading."""

from __future__ import annotations

import pytest

from procession.include.linux.bug import KernelBug
from procession.kernel import rcupdate

from .conftest import account_system, sleep, work


def test_a_callback_waits_for_the_end_of_the_kernel_entry(k):
    """With one CPU that is the next turn of the machine loop."""
    log = []

    async def caller(current, arg):
        rcupdate.call_rcu(k, log.append, "freed")
        log.append("still here")
        await sleep(current, 1000)
        log.append("awake")
        return 0

    k.spawn(caller)
    k.settle()

    assert log == ["still here", "freed", "awake"]


def test_callbacks_run_in_the_order_of_asking(k):
    """FIFO."""
    log = []
    for n in range(5):
        rcupdate.call_rcu(k, log.append, n)
    rcupdate.rcu_quiescent(k)
    assert log == [0, 1, 2, 3, 4]


def test_a_quiescent_state_inside_a_reader_is_a_bug(k):
    """Somebody reports what is not true."""
    with rcupdate.rcu_read_lock(k), rcupdate.rcu_read_lock(k), pytest.raises(KernelBug, match="quiescent"):
        rcupdate.rcu_quiescent(k)
    rcupdate.rcu_quiescent(k)


def test_many_callbacks_ask_for_a_quiescent_state(k):
    """A task that never leaves the fast path must not pile them up."""
    k.clock.next_event_ns = 10**12
    for _ in range(256):
        rcupdate.call_rcu(k, len, ())
    assert k.clock.next_event_ns == 0


def test_barrier_runs_callbacks_of_callbacks(k):
    """At the end of the machine nothing is left."""
    log = []
    rcupdate.call_rcu(k, lambda n: rcupdate.call_rcu(k, log.append, n), 7)
    rcupdate.rcu_barrier(k)
    assert log == [7]


def test_synchronize_with_one_cpu_does_not_sleep(k):
    """Who may sleep is no reader, and nobody else runs."""

    async def caller(current, arg):
        await rcupdate.synchronize_rcu(current)
        return 5

    p = k.spawn(caller)
    k.settle()
    assert p.exit_code == 5
    assert p.nvcsw == 1     # its death


def test_a_grace_period_ends_when_every_cpu_has_passed(smp):
    """The other CPU computes in the kernel for a long time, and switches only then."""
    log = []

    async def reader(current, arg):
        with rcupdate.rcu_read_lock(smp):
            account_system(current, 1_000_000)
        log.append(("reader left", current.cpu))
        await sleep(current, 1000)
        return 0

    async def writer(current, arg):
        await work(current, 200_000, 10_000)
        rcupdate.call_rcu(smp, lambda _: log.append(("freed", None)), None)
        await work(current, 5_000_000)
        log.append(("writer done", current.cpu))
        return 0

    smp.spawn(reader)
    smp.spawn(writer)
    smp.settle()

    assert [what for what, _ in log] == ["reader left", "freed", "writer done"]
    assert log[0][1] != log[2][1]


def test_synchronize_waits_for_the_other_cpu(smp):
    """Its return is a promise about all readers that were there before."""
    log = []

    async def busy(current, arg):
        for _ in range(3):
            await work(current, 200_000)
            log.append("busy")
        return 0

    async def writer(current, arg):
        await rcupdate.synchronize_rcu(current)
        log.append("synchronized")
        return 0

    smp.spawn(busy)
    smp.spawn(writer)
    smp.settle()
    assert "synchronized" in log


def test_a_grace_period_ends_when_all_cpus_are_idle(smp):
    """Idleness is quiescent, also if nothing else ever happens."""
    log = []

    async def writer(current, arg):
        await rcupdate.synchronize_rcu(current)
        log.append("synchronized")
        return 0

    smp.spawn(writer)
    smp.settle()
    assert log == ["synchronized"]
