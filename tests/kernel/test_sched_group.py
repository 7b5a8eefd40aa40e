"""Groups that share the CPU as one, and what they may use of it."""

from __future__ import annotations

import pytest

from procession.include.linux.errno import LinuxError
from procession.include.linux.sched import SCHED_FIFO
from procession.kernel import sched_bandwidth, sched_group, sched_syscalls

from .conftest import MS, group, move, runtimes, sleep, spin

# Shares.


def test_a_group_is_one_to_those_outside(k):
    """One task alone has as much as three together."""
    alone, *many = (k.spawn(spin) for _ in range(4))
    group(k, *many)
    k.go(limit_ns=4000 * MS)
    assert runtimes(alone)[0] == pytest.approx(2000, rel=0.02)
    assert runtimes(*many) == pytest.approx([2000 / 3] * 3, rel=0.05)


def test_shares_are_weights(k):
    """As nice values are, also of groups in groups."""
    a, b, c = (k.spawn(spin) for _ in range(3))
    outer = group(k, a)
    inner = group(k, b, parent=outer)
    sched_group.sched_group_set_shares(outer, 3072)
    sched_group.sched_group_set_shares(inner, 2048)
    k.go(limit_ns=12_000 * MS)
    assert runtimes(a, b, c) == pytest.approx([3000, 6000, 3000], rel=0.03)


def test_shares_have_bounds(k):
    """2 to 2**18, and the root's cannot be changed."""
    tg = group(k)
    for shares, got in ((0, 2), (5, 5), (1 << 30, 1 << 18)):
        sched_group.sched_group_set_shares(tg, shares)
        assert sched_group.sched_group_shares(tg) == got
    with pytest.raises(LinuxError, match="EINVAL"):
        sched_group.sched_group_set_shares(k.sched.root_task_group, 1024)


def test_a_sleeper_preempts_whoever_runs_in_another_group(k):
    """The two are compared where their groups meet."""
    log = []

    async def sleeper(current, arg):
        for _ in range(5):
            before = k.clock.now_ns
            await sleep(current, 20 * MS)
            log.append(k.clock.now_ns - before)
        return 0

    hog, guest = k.spawn(spin), k.spawn(sleeper)
    outer = group(k, hog)
    group(k, guest, parent=group(k, parent=outer))
    k.go(limit_ns=300 * MS)
    assert len(log) == 5
    assert all(late < 20.3 * MS for late in log), log


def test_moving_keeps_the_place(k):
    """Neither those in the new group nor who has come gains a turn of it, asleep or running."""
    a, b, c = (k.spawn(spin) for _ in range(3))
    tg = group(k, a, b)
    for turn in range(20):
        k.go(limit_ns=(turn + 1) * 100 * MS)
        move(c, tg if turn % 2 else None)
    k.go(limit_ns=2000 * MS)
    assert sum(runtimes(a, b, c)) == pytest.approx(2000, rel=0.02)
    assert abs(runtimes(a)[0] - runtimes(b)[0]) < 20


def test_real_time_tasks_are_in_no_group(k):
    """But they come back to it."""
    p, other = k.spawn(spin), k.spawn(spin)
    tg = group(k, p)
    k.go(limit_ns=10 * MS)
    sched_syscalls.sched_setscheduler_nocheck(p, SCHED_FIFO, 1)
    k.go(limit_ns=100 * MS)
    assert not tg.cfs_rq[0].nr_running
    sched_syscalls.sched_setscheduler_nocheck(p, 0, 0)
    assert tg.cfs_rq[0].nr_running == 1
    k.go(limit_ns=200 * MS)
    assert runtimes(other)[0] > 40



# Limits.


def test_a_quota_holds_alone_and_in_company(k):
    """20 ms of each 100 ms; the rest of the time nobody runs, or others do."""
    p = k.spawn(spin)
    tg = group(k, p)
    sched_bandwidth.tg_set_cfs_quota(tg, 20_000)
    k.go(limit_ns=1000 * MS)
    assert runtimes(p)[0] == pytest.approx(200, abs=15)
    stat = tg.cfs_bandwidth
    assert (stat.nr_periods, stat.nr_throttled) == (10, 10)
    assert stat.throttled_time > 600 * MS
    other = k.spawn(spin)
    k.go(limit_ns=2000 * MS)
    assert runtimes(p)[0] == pytest.approx(400, abs=25)
    assert runtimes(other)[0] == pytest.approx(800, abs=25)


def test_a_group_above_limits_those_below(k):
    """The tighter of the two holds, and all are let go together."""
    p, q = k.spawn(spin), k.spawn(spin)
    outer = group(k, p)
    inner = group(k, q, parent=outer)
    sched_bandwidth.tg_set_cfs_quota(outer, 40_000)
    sched_bandwidth.tg_set_cfs_quota(inner, 10_000)
    k.go(limit_ns=1000 * MS)
    assert sum(runtimes(p, q)) == pytest.approx(400, abs=25)
    assert runtimes(q)[0] == pytest.approx(100, abs=40)
    sched_bandwidth.tg_set_cfs_quota(outer, -1)
    sched_bandwidth.tg_set_cfs_quota(inner, -1)
    assert not outer.cfs_rq[0].throttled
    assert not inner.cfs_rq[0].throttle_count
    k.go(limit_ns=1100 * MS)
    assert sum(runtimes(p, q)) == pytest.approx(500, abs=25)


def test_what_limits_there_are(k):
    """1 ms at least, a period of a second at most, and nothing more than the group above."""
    outer = group(k)
    inner = group(k, parent=outer)
    assert (sched_bandwidth.tg_get_cfs_quota(outer), sched_bandwidth.tg_get_cfs_period(outer)) == (-1, 100_000)
    for tg, quota in ((outer, 0), (outer, 999), (k.sched.root_task_group, -1)):
        with pytest.raises(LinuxError, match="EINVAL"):
            sched_bandwidth.tg_set_cfs_quota(tg, quota)
    for period in (0, 999, 1_000_001):
        with pytest.raises(LinuxError, match="EINVAL"):
            sched_bandwidth.tg_set_cfs_period(outer, period)
    sched_bandwidth.tg_set_cfs_quota(outer, 50_000)
    with pytest.raises(LinuxError, match="EINVAL"):
        sched_bandwidth.tg_set_cfs_quota(inner, 50_001)
    sched_bandwidth.tg_set_cfs_quota(inner, 50_000)
    with pytest.raises(LinuxError, match="EINVAL"):
        sched_bandwidth.tg_set_cfs_quota(outer, 49_999)
    with pytest.raises(LinuxError, match="EINVAL"):
        sched_bandwidth.tg_set_cfs_period(outer, 200_000)
    assert sched_bandwidth.tg_get_cfs_period(outer) == 100_000


def test_a_throttled_task_can_be_moved_and_killed(k):
    """Once it may run."""
    p = k.spawn(spin)
    tg = group(k, p)
    sched_bandwidth.tg_set_cfs_quota(tg, 1000)
    k.go(limit_ns=50 * MS)
    assert tg.cfs_rq[0].throttled
    before = runtimes(p)[0]
    move(p, None)
    k.go(limit_ns=60 * MS)
    assert runtimes(p)[0] - before == pytest.approx(10, abs=1)


def test_a_group_goes_without_a_trace(k):
    """Its timers too."""
    p = k.spawn(spin)
    tg = group(k, p)
    sched_bandwidth.tg_set_cfs_quota(tg, 1000)
    k.go(limit_ns=50 * MS)
    move(p, None)
    sched_group.sched_destroy_group(k, tg)
    assert list(k.sched.task_groups) == [k.sched.root_task_group]
    assert not k.sched.nr_cfs_bandwidth
    assert not k.caches["task_group"].nr_active
    k.go(limit_ns=200 * MS)
