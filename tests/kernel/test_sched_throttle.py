"""Groups and real-time tasks that have used what they may, on several CPUs."""

from __future__ import annotations

import pytest

from procession.include.linux.sched import SCHED_FIFO
from procession.kernel import sched, sched_affinity, sched_bandwidth, sched_syscalls, sched_throttle

from .conftest import MS, BareKernel, _init, group, move, runtimes, sleep, spin, work


def machine(cpus):
    k = BareKernel(cpus=cpus)
    k.start(_init, name="init")
    return k


def on(k, cpu, fn=spin, arg=None):
    """A task that stays on one CPU."""
    p = k.spawn(fn, arg)
    with pytest.raises(StopIteration):
        sched_affinity.set_cpus_allowed_ptr(k.init_task, p, 1 << cpu).send(None)
    return p


def fifo(p, priority=1):
    sched_syscalls.sched_setscheduler_nocheck(p, SCHED_FIFO, priority)
    return p


# Real time.


def test_a_real_time_task_borrows_from_other_cpus():
    """One alone of two CPUs has all the time there is."""
    k = machine(2)
    p, fair = fifo(on(k, 0)), on(k, 0)
    k.go(limit_ns=2000 * MS)
    assert runtimes(p)[0] == pytest.approx(2000, rel=0.01)
    assert runtimes(fair)[0] < 1
    assert k.sched.runqueues[0].rt.runtime_ns == 1000 * MS


def test_two_have_nothing_to_lend_each_other():
    """Each is kept off its CPU for the rest of its period, when others run."""
    k = machine(2)
    both = [fifo(on(k, cpu)) for cpu in (0, 1)]
    fair = [on(k, cpu) for cpu in (0, 1)]
    k.go(limit_ns=2000 * MS)
    assert runtimes(*both) == pytest.approx([1900, 1900], rel=0.03)
    assert all(ran > 50 for ran in runtimes(*fair))


def test_who_is_throttled_is_not_charged_for_the_rest():
    """Where nobody else runs on its CPU: 100 ms of each second, and more and more of what the other CPU has to lend."""
    k = machine(2)
    for rq in k.sched.runqueues:
        rq.rt.runtime_ns = 100 * MS
    p = fifo(on(k, 0))
    k.go(limit_ns=3000 * MS)
    assert runtimes(p)[0] == pytest.approx(p.utime / MS, abs=1)
    assert k.sched.runqueues[0].rt.runtime_ns + k.sched.runqueues[1].rt.runtime_ns == 200 * MS
    assert runtimes(p)[0] == pytest.approx(3 * 200, abs=10)


# Quotas.


def test_a_quota_is_for_all_cpus_together():
    """Who wakes on another CPU when nothing is left does not run there before the next period."""
    k = machine(2)

    async def sleeper(current, arg):
        await sleep(current, arg)
        await work(current, 10**15)
        return 0

    p, q = on(k, 0), on(k, 1, sleeper, 60 * MS)
    k.go(limit_ns=MS)
    tg = group(k, p, q)
    sched_bandwidth.tg_set_cfs_quota(tg, 20_000)
    k.go(limit_ns=90 * MS)
    assert runtimes(q)[0] < 0.1
    assert all(cfs.throttled for cfs in tg.cfs_rq)
    k.go(limit_ns=1000 * MS)
    assert sum(runtimes(p, q)) == pytest.approx(200, abs=25)
    assert min(runtimes(p, q)) > 40


def test_what_is_given_back_is_handed_out_in_the_same_period():
    """If there is more than a slice of it, and the period is not about to end."""
    k = machine(2)
    p = on(k, 1)
    tg = group(k, p)
    sched_bandwidth.tg_set_cfs_quota(tg, 20_000)
    k.go(limit_ns=50 * MS)
    assert tg.cfs_rq[1].throttled
    before = runtimes(p)[0]
    give_back(tg, 9)
    k.go(limit_ns=80 * MS)
    assert runtimes(p)[0] - before == pytest.approx(9, abs=1)
    give_back(tg, 3)
    assert not tg.cfs_bandwidth.slack_timer.queued
    k.go(limit_ns=96 * MS)
    give_back(tg, 9)
    assert not tg.cfs_bandwidth.slack_timer.queued


def give_back(tg, ms):
    """As if the queue of CPU 0 had lost its last task with so much left."""
    cfs, cfs_b = tg.cfs_rq[0], tg.cfs_bandwidth
    cfs.runtime_remaining, cfs.runtime_expires, cfs_b.runtime = ms * MS, cfs_b.runtime_expires, 0
    sched_throttle.return_cfs_rq_runtime(cfs)
    assert cfs.runtime_remaining == 1 * MS


def test_a_quota_that_changes_holds_from_now_on(k):
    """More, and none at all, end a throttling."""
    p = k.spawn(spin)
    tg = group(k, p)
    sched_bandwidth.tg_set_cfs_quota(tg, 20_000)
    k.go(limit_ns=50 * MS)
    assert tg.cfs_rq[0].throttled
    sched_bandwidth.tg_set_cfs_quota(tg, 60_000)
    assert not tg.cfs_rq[0].throttled
    k.go(limit_ns=90 * MS)
    assert runtimes(p)[0] == pytest.approx(60, abs=6)
    k.go(limit_ns=150 * MS)
    sched_bandwidth.tg_set_cfs_quota(tg, 10_000)
    k.go(limit_ns=190 * MS)
    assert tg.cfs_rq[0].throttled
    sched_bandwidth.tg_set_cfs_quota(tg, -1)
    before = runtimes(p)[0]
    k.go(limit_ns=290 * MS)
    assert runtimes(p)[0] - before == pytest.approx(100, abs=1)


def test_a_group_without_anybody_asks_for_no_more_periods(k):
    """Its timer ends after a period in which nobody took anything, and begins with the next who runs."""
    async def now_and_then(current, arg):
        await work(current, 5 * MS)
        await sleep(current, 500 * MS)
        await work(current, 10**15)
        return 0

    p = k.spawn(now_and_then)
    tg = group(k, p)
    sched_bandwidth.tg_set_cfs_quota(tg, 20_000)
    k.go(limit_ns=400 * MS)
    assert not tg.cfs_bandwidth.timer_active
    assert tg.cfs_bandwidth.nr_periods < 4
    k.go(limit_ns=1505 * MS)
    assert tg.cfs_bandwidth.timer_active
    assert runtimes(p)[0] == pytest.approx(205, abs=25)


def test_who_wakes_in_a_throttled_group_waits_with_the_others(k):
    """And counts for nothing on the CPU until then; a throttled queue that all have left is only let go."""
    async def sleeper(current, arg):
        await sleep(current, 50 * MS)
        await work(current, 10**15)
        return 0

    p, q = k.spawn(spin), k.spawn(sleeper)
    tg = group(k, p, q)
    sched_bandwidth.tg_set_cfs_quota(tg, 20_000)
    k.go(limit_ns=90 * MS)
    assert tg.cfs_rq[0].h_nr_running == 2
    assert k.sched.runqueues[0].nr_running == 0
    assert runtimes(q)[0] < 0.01
    for task in (p, q):
        move(task, None)
    assert k.sched.runqueues[0].nr_running == 2
    k.go(limit_ns=300 * MS)
    assert not tg.cfs_rq[0].throttled
    assert sum(runtimes(p, q)) == pytest.approx(230, abs=6)


@pytest.mark.parametrize("cpus", [1, 2])
def test_groups_in_groups_come_and_go(cpus):
    """Who wakes, sleeps and is preempted three groups down leaves their weights as they are."""
    k = machine(cpus)

    async def restless(current, arg):
        while True:
            await work(current, arg)
            await sleep(current, arg)

    tasks = [on(k, 0, restless, n * MS) for n in (3, 7, 11)] + [on(k, 0)]
    outer = group(k)
    inner = group(k, parent=group(k, parent=outer))
    for p in tasks[:2]:
        move(p, inner)
    move(tasks[3], outer)
    k.go(limit_ns=1000 * MS)
    assert sum(runtimes(*tasks)) == pytest.approx(1000, rel=0.01)
    assert min(runtimes(*tasks)) > 60
    assert sched.task_nice(tasks[0]) == 0
