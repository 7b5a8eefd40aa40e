"""How several CPUs share work: where who wakes and is born goes, who is pulled and pushed, and what the tunables do."""

from __future__ import annotations

import re

import pytest

from procession import Machine
from procession.include.linux.sched import SCHED_FIFO, TASK_INTERRUPTIBLE, set_task_state
from procession.include.linux.topology import CPU_IDLE, CPU_NEWLY_IDLE, CPU_NOT_IDLE, WF_SYNC
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import (
    hrtimer,
    sched,
    sched_affinity,
    sched_balance,
    sched_busiest,
    sched_cpu_load,
    sched_entity,
    sched_group,
    sched_move,
    sched_prio,
    sched_select,
    sched_syscalls,
    wait,
)
from procession.tools.validate.census import Census
from procession.tools.validate.sched import validate_runqueues

from .conftest import BareKernel, _init, sleep, work

MS = 10**6
TICK = 4 * MS


async def spin(current, arg):
    """Compute for ever, or for arg ns."""
    await work(current, arg or 10**15)
    return 0


async def doze(current, arg):
    """Sleep for ever."""
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current)


def bare(cpus):
    kernel = BareKernel(cpus=cpus)
    kernel.start(_init, name="init")
    return kernel


def at(k, p, cpu):
    """Put p, who can run, on a CPU."""
    if p.cpu == cpu:
        return p
    src, dest = (k.sched.runqueues[nr] for nr in (p.cpu, cpu))
    sched_move.pull_task(src, p, dest)
    p.se.nr_migrations = 0
    return p


def spinners(k, *cpus):
    return [at(k, k.spawn(spin), cpu) for cpu in cpus]


def pin(k, p, mask):
    with pytest.raises(StopIteration):
        sched_affinity.set_cpus_allowed_ptr(k.init_task, p, mask).send(None)


def no_newidle(k):
    for rq in k.sched.runqueues:
        rq.sd.flags &= ~2


# Loads.


def test_loads_are_averaged_over_ticks(smp):
    """Each over twice as many as the one before, rounded up on the way up; what was missed counts as nothing."""
    spinners(smp, 0)
    no_newidle(smp)
    smp.go(limit_ns=8 * TICK + MS)
    rq = smp.sched.runqueues[0]
    load = [0] * 5
    for _ in range(8):
        load[0] = 1024
        for i in range(1, 5):
            load[i] = (load[i] * ((1 << i) - 1) + 1024 + (1 << i) - 1) >> i
    assert rq.cpu_load == load
    assert rq.nr_load_updates == 8
    rq.cfs.load = 0
    smp.clock.now_ns += 10 * TICK
    sched_cpu_load.update_cpu_load(rq)
    left = [sched_cpu_load._decay_load_missed(load[i], 9, i) for i in range(5)]
    assert rq.cpu_load == [0] + [(left[i] * ((1 << i) - 1)) >> i for i in range(1, 5)]
    rq.cfs.load = 1024


@pytest.mark.parametrize(("i", "missed", "left"), [
    (1, 1, 512), (1, 3, 128), (1, 8, 0), (2, 1, 768), (2, 2, 576), (2, 3, 432), (3, 64, 0), (4, 128, 0), (4, 5, 735),
])
def test_a_load_decays_by_the_tables(i, missed, left):
    """decay_load_missed(): exact powers of two for the first, tables for the others."""
    assert sched_cpu_load._decay_load_missed(1024, missed, i) == left


def test_who_gives_is_taken_for_less_loaded_than_who_gets(smp):
    """source_load and target_load."""
    rq = smp.sched.runqueues[0]
    rq.cpu_load[1] = 700
    rq.cfs.load = 1000
    assert [sched_cpu_load.source_load(rq, t) for t in (0, 2)] == [1000, 700]
    assert [sched_cpu_load.target_load(rq, t) for t in (0, 2)] == [1000, 1000]
    rq.cfs.load = 300
    assert [sched_cpu_load.source_load(rq, t) for t in (0, 2)] == [300, 300]
    assert [sched_cpu_load.target_load(rq, t) for t in (0, 2)] == [300, 700]
    rq.cfs.load = 0


# Power.


def rt_share(k, ms):
    """A real-time task runs for so long on CPU 0; returns that CPU's power then."""
    p = at(k, k.spawn(spin, ms * MS), 0)
    sched_syscalls.sched_setscheduler_nocheck(p, SCHED_FIFO, 5)
    pin(k, p, 1)
    k.go(limit_ns=k.clock.now_ns + (ms + 40) * MS)
    rq = k.sched.runqueues[0]
    k.clock.now_ns = max(k.clock.cpu_ns)
    sched_cpu_load.update_group_power(rq.sd, rq)
    return rq.cpu_power


def test_real_time_tasks_take_power(smp):
    """What they leave, of a period and what is over of the next."""
    power = rt_share(smp, 100)
    rq = smp.sched.runqueues[0]
    total = 500 * MS + smp.clock.now_ns - rq.age_stamp
    assert rq.rt_avg >= 100 * MS
    assert power == (total - rq.rt_avg) // (total >> 10) < 900
    assert rq.sd.groups[0].power == power


def test_what_real_time_tasks_took_is_forgotten(smp):
    """By half each period, half of sched_time_avg."""
    rt_share(smp, 100)
    rq = smp.sched.runqueues[0]
    rq.age_stamp, rq.rt_avg = smp.clock.now_ns, 100 * MS
    smp.clock.now_ns += 1600 * MS
    sched_cpu_load.sched_rt_avg_update(rq, 0)
    assert rq.rt_avg == 100 * MS >> 3
    assert rq.age_stamp == smp.clock.now_ns - 100 * MS


def test_sched_time_avg_says_how_long_power_is_remembered():
    """0 is for not at all, where 3.2 hangs."""
    powers = {}
    for ms in (1000, 100, 0):
        k = bare(2)
        k.sched.sysctl_sched_time_avg = ms
        powers[ms] = rt_share(k, 100)
    assert powers[100] < powers[1000] < powers[0] == 1024


# Births and wake-ups.


def test_newborns_go_to_the_least_loaded_cpu(smp):
    """The first to the idle one, then to the emptier; to its parent's among about equals."""
    a, b = smp.spawn(spin), smp.spawn(spin)
    assert [a.cpu, b.cpu] == [1, 0]
    c = smp.spawn(spin)
    assert c.cpu == 0
    d = smp.spawn(spin)
    assert d.cpu == 1


def test_groups_are_gone_through_from_the_own_cpu_upwards():
    """And then from 0."""
    k = BareKernel(cpus=4)
    assert [[group.cpu for group in rq.sd.groups] for rq in k.sched.runqueues] == [
        [0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2],
    ]
    k.cpu = 2
    p = at(k, k.spawn(spin), 0)
    k.cpu = 2
    assert sched_select._find_idlest_group(k.sched.runqueues[2].sd, p, 2, 0) == 3


def sleeper(k, cpu):
    """A task that sleeps, and was on a CPU before."""
    p = k.spawn(doze)
    k.settle()
    p.cpu = cpu
    sched_entity.set_task_rq(p, k.sched.runqueues[cpu])
    p.se.statistics = None
    return p


def wakes_on(k, p, waker, sync):
    """Return where p wakes if somebody on a CPU wakes it."""
    k.clock.switch_cpu(k.cpu, waker)
    k.cpu = waker
    sched.try_to_wake_up(p, TASK_INTERRUPTIBLE | (WF_SYNC if sync else 0))
    return p.cpu


async def queued(current, q):
    """Sleep on a queue for ever."""
    entry = WaitQueueEntry(current)
    while True:
        wait.prepare_to_wait(q, entry, TASK_INTERRUPTIBLE)
        await sched.schedule(current)


@pytest.mark.parametrize(("wake", "sync"), [("wake_up_interruptible", 0), ("wake_up_interruptible_sync", 1)])
def test_a_waker_that_is_about_to_sleep_says_so(smp, wake, sync):
    q = smp.wait_queue_head("test")
    p = smp.spawn(queued, q)
    smp.settle()
    p.se.statistics = None
    getattr(wait, wake)(q)
    assert sched_select.statistics(p).nr_wakeups_sync == sync


@pytest.mark.parametrize(("busy", "sync", "cpu"), [
    ((), False, 1),             # both are idle: it comes to its waker
    ((0,), False, 1),           # its own is the busier
    ((1,), False, 0),           # the waker's is
    ((1,), True, 1),            # but the waker is about to sleep
    ((1, 1), True, 0),          # and leaves somebody
    ((0, 1), False, 0),         # as busy: it would be the second on the waker's
    ((0, 0, 1), False, 1),
])
def test_who_wakes_comes_to_its_waker_if_that_is_less_loaded(smp, busy, sync, cpu):
    """wake_affine()."""
    p = sleeper(smp, 0)
    for hog in spinners(smp, *busy):
        rq = smp.sched.runqueues[hog.cpu]
        if rq.curr is rq.idle:
            smp.clock.switch_cpu(smp.cpu, hog.cpu)
            smp.cpu = hog.cpu
            sched.do_schedule(rq)
    assert wakes_on(smp, p, 1, sync) == cpu
    stat = p.se.statistics
    assert (stat.nr_wakeups, stat.nr_wakeups_sync, stat.nr_wakeups_migrate) == (1, int(sync), int(cpu != 0))
    assert (stat.nr_wakeups_local, stat.nr_wakeups_remote) == ((1, 0) if cpu == 1 else (0, 1))


def test_who_may_not_use_a_cpu_does_not_wake_there(smp):
    """It stays, or goes to the first that it may use."""
    for was in (0, 1):
        p = sleeper(smp, was)
        p.cpus_allowed = 1
        assert wakes_on(smp, p, 1, True) == 0


def test_who_moves_keeps_its_place(smp):
    """As far behind the others as it was."""
    p = sleeper(smp, 0)
    here, there = (rq.cfs for rq in smp.sched.runqueues)
    here.min_vruntime, there.min_vruntime = 7 * MS, 50 * MS
    p.se.vruntime = 8 * MS
    assert wakes_on(smp, p, 1, False) == 1
    assert p.se.vruntime == 51 * MS


def test_a_group_weighs_what_its_shares_change_by(smp):
    """effective_load(): a task that comes takes its part of the group's shares along, not its own weight."""
    tg = sched_group.sched_create_group(smp, smp.sched.root_task_group)
    tg.load_weight = tg.cfs_rq[0].load_contribution = 1024
    tg.se[1].weight = 2
    assert sched_select._effective_load(tg, 1, 1024, 1024) == 512 - 2
    assert sched_select._effective_load(tg, 1, 0, 0) == 0
    assert sched_select._effective_load(smp.sched.root_task_group, 1, 33, 44) == 33


def test_a_timer_wakes_where_it_was_armed(smp):
    """Not where the machine happens to be, and so a sleeper stays on its CPU."""
    seen = []

    async def naps(current, arg):
        for _ in range(10):
            await sleep(current, 3 * MS)
            seen.append(current.cpu)
        return 0

    async def ticks(current, arg):
        while True:
            await sleep(current, MS)

    tasks = [at(smp, smp.spawn(naps), 1), at(smp, smp.spawn(ticks), 0)]
    for p in tasks:
        pin(smp, p, 1 << p.cpu)
    smp.go(limit_ns=MS // 2)
    tasks[0].cpus_allowed = 3
    smp.go(limit_ns=60 * MS)
    assert seen == [1] * 10


def test_timer_migration_lets_timers_go_to_a_busy_cpu(smp):
    """Those that an idle CPU arms."""
    spinners(smp, 1)
    smp.go(limit_ns=MS)
    smp.cpu = 0
    assert hrtimer._hrtimer_get_target(smp) == 1
    smp.sched.sysctl_timer_migration = 0
    assert hrtimer._hrtimer_get_target(smp) == 0
    smp.cpu = 1
    smp.sched.sysctl_timer_migration = 1
    assert hrtimer._hrtimer_get_target(smp) == 1


# Balancing.


def test_a_cpu_that_goes_idle_pulls_who_waits(smp):
    """One of three, that had nothing to do on the CPU of the others for long enough."""
    a, b, c = spinners(smp, 0, 0, 0)
    smp.go(limit_ns=2 * MS)
    d = at(smp, smp.spawn(spin, 2 * MS), 1)
    smp.go(limit_ns=8 * MS)
    assert d.cpu == 1
    sd = smp.sched.runqueues[1].sd
    assert sd.lb_count[CPU_NEWLY_IDLE] > 0
    assert sorted(p.cpu for p in (a, b, c)) in ([0, 0, 1], [0, 1, 1])
    assert sd.lb_gained[CPU_NEWLY_IDLE] + sd.lb_gained[CPU_IDLE] >= 1


def migrations(cost):
    """How the first attempt at pulling a task goes that waits, and ran a ms ago."""
    k = bare(2)
    k.sched.sysctl_sched_migration_cost = cost
    a, b = spinners(k, 0, 0)
    no_newidle(k)
    for rq in k.sched.runqueues:
        rq.next_balance = 10**9
        k.sched.nohz.next_balance = 10**9
    k.go(limit_ns=50 * MS)
    rq0, rq1 = k.sched.runqueues
    p = b if rq0.curr is a else a
    k.clock.switch_cpu(k.cpu, 1)
    k.cpu = 1
    k.clock.now_ns = p.se.exec_start + MS
    moved = sched_move.can_migrate_task(p, rq0, 1, rq1.sd, CPU_IDLE, sched_move.Pinned())
    return moved, sched_select.statistics(p).nr_failed_migrations_hot


def test_sched_migration_cost_keeps_the_hot():
    """Who ran less than that ago stays; 0: nobody is hot; -1: everybody."""
    assert migrations(500_000) == (True, 0)
    assert migrations(2 * MS) == (False, 1)
    assert migrations(0) == (True, 0)
    assert migrations(-1) == (False, 1)


def test_the_hot_are_taken_if_nothing_else_helps(smp):
    """After more failures than cache_nice_tries."""
    smp.sched.sysctl_sched_migration_cost = -1
    a, b = spinners(smp, 0, 0)
    no_newidle(smp)
    smp.go(limit_ns=MS)
    rq0, rq1 = smp.sched.runqueues
    p = b if rq0.curr is a else a
    for failed, may in ((0, False), (1, False), (2, True)):
        rq1.sd.nr_balance_failed = failed
        assert sched_move.can_migrate_task(p, rq0, 1, rq1.sd, CPU_IDLE, sched_move.Pinned()) == may
    assert (p.se.statistics.nr_failed_migrations_hot, p.se.statistics.nr_forced_migrations) == (2, 1)
    assert rq1.sd.lb_hot_gained[CPU_IDLE] == 1
    assert not sched_move.can_migrate_task(rq0.curr, rq0, 1, rq1.sd, CPU_IDLE, sched_move.Pinned())
    assert rq0.curr.se.statistics.nr_failed_migrations_running == 1
    p.cpus_allowed = 1
    pinned = sched_move.Pinned()
    assert not sched_move.can_migrate_task(p, rq0, 1, rq1.sd, CPU_IDLE, pinned)
    assert pinned.all
    assert p.se.statistics.nr_failed_migrations_affine == 1


def test_hot_for_ever_and_buddies(smp):
    """A cost of -1 is no time, however long; who is to run next is hot, unless the other CPU has nothing."""
    a, b = spinners(smp, 0, 0)
    no_newidle(smp)
    smp.go(limit_ns=MS)
    rq0, rq1 = smp.sched.runqueues
    p = b if rq0.curr is a else a
    smp.cpu = 1
    smp.clock.now_ns = p.se.exec_start + 5000 * MS
    assert not sched_move.task_hot(p, rq0, rq1.sd)
    smp.sched.sysctl_sched_migration_cost = -1
    assert sched_move.task_hot(p, rq0, rq1.sd)
    smp.sched.sysctl_sched_migration_cost = 0
    rq0.cfs.next = p.se
    assert not sched_move.task_hot(p, rq0, rq1.sd)
    rq1.nr_running = 1
    assert sched_move.task_hot(p, rq0, rq1.sd)
    rq1.nr_running = 0


def test_a_cpu_that_is_idle_for_short_does_not_look(smp):
    """Shorter than sched_migration_cost, on average."""
    rq = smp.sched.runqueues[1]
    rq.avg_idle = 400_000
    before = rq.sd.lb_count[CPU_NEWLY_IDLE]
    sched_balance.idle_balance(rq)
    assert rq.sd.lb_count[CPU_NEWLY_IDLE] == before
    assert rq.idle_stamp == smp.clock.now_ns
    smp.sched.sysctl_sched_migration_cost = 300_000
    sched_balance.idle_balance(rq)
    assert rq.sd.lb_count[CPU_NEWLY_IDLE] == before + 1


def test_how_long_a_cpu_is_idle_is_averaged(smp):
    """By an eighth at a time, up to twice the cost of a migration."""
    rq = smp.sched.runqueues[1]
    p = smp.init_task
    for idle_ns, average in ((100_000, 887_500), (5 * MS, 1_000_000), (0, 1_000_000)):
        smp.clock.now_ns = 10 * MS
        rq.idle_stamp = 10 * MS - idle_ns if idle_ns else 0
        sched_balance.ttwu_do_wakeup(rq, p)
        assert rq.avg_idle == average
        assert not rq.idle_stamp


def taken(nr_migrate):
    """How many of six tasks a CPU looks at and takes at once, if none is hot."""
    k = bare(2)
    k.sched.sysctl_sched_nr_migrate = nr_migrate
    k.sched.sysctl_sched_migration_cost = 0
    tasks = spinners(k, 0, 0, 0, 0, 0, 0)
    rq0, rq1 = k.sched.runqueues
    sched_move.move_tasks(rq1, rq0, 3 * 1024, rq1.sd, CPU_IDLE, sched_move.Pinned())
    return [p.cpu for p in tasks]


def test_sched_nr_migrate_limits_how_many_are_looked_at():
    """Those who came last first; again until there is enough, as without a limit."""
    assert taken(32) == [0, 0, 0, 1, 1, 1]
    k = bare(2)
    k.sched.sysctl_sched_migration_cost = 0
    tasks = spinners(k, 0, 0, 0, 0)
    rq0, rq1 = k.sched.runqueues
    for p in tasks[2:]:
        p.cpus_allowed = 1
    k.sched.sysctl_sched_nr_migrate = 1     # and one more
    assert not sched_move.move_tasks(rq1, rq0, 4096, rq1.sd, CPU_IDLE, sched_move.Pinned())
    k.sched.sysctl_sched_nr_migrate = 2
    assert sched_move.move_tasks(rq1, rq0, 1024, rq1.sd, CPU_IDLE, sched_move.Pinned())
    assert [p.cpu for p in tasks] == [0, 1, 0, 0]


def test_an_idle_cpu_is_kicked_and_takes_work(smp):
    """By a busy one at its tick; no idle CPU has ticks of its own."""
    no_newidle(smp)
    a, b = spinners(smp, 0, 0)
    smp.go(limit_ns=100 * MS)
    assert {a.cpu, b.cpu} == {0, 1}
    assert smp.sched.runqueues[1].sd.lb_gained[CPU_IDLE] == 1
    assert a.se.nr_migrations + b.se.nr_migrations == 1


def test_of_the_idle_one_balances_for_all():
    """The first to become idle, if it has nothing to do itself."""
    k = bare(4)
    no_newidle(k)
    tasks = spinners(k, 0, 0, 0, 0)
    k.go(limit_ns=200 * MS)
    assert sorted(p.cpu for p in tasks) == [0, 1, 2, 3]


def test_a_busy_cpu_looks_less_often(smp):
    """A ms times 64 is 16 ticks; an idle one looks at each."""
    spinners(smp, 0, 1)
    smp.go(limit_ns=20 * TICK + MS)
    before = smp.sched.runqueues[0].sd.lb_count[CPU_NOT_IDLE]
    smp.go(limit_ns=84 * TICK + MS)
    assert smp.sched.runqueues[0].sd.lb_count[CPU_NOT_IDLE] - before in (1, 2, 3, 4)


def test_a_lone_task_is_pushed_at_last(smp):
    """Two heavy tasks of which one may not move leave nobody to pull: the one that runs is sent over."""
    no_newidle(smp)
    a, b = spinners(smp, 0, 0)
    pin(smp, a, 1)
    smp.sched.sysctl_sched_migration_cost = -1
    smp.sched.nohz.next_balance = 10**9
    rq0, rq1 = smp.sched.runqueues
    smp.go(limit_ns=MS)
    rq0.active_balance, rq0.push_cpu = True, 1
    rq1.sd.nr_balance_failed = 2
    rq0.curr.ti_flags |= 8
    smp.go(limit_ns=60 * MS)
    assert [a.cpu, b.cpu] == [0, 1]
    assert (rq1.sd.alb_count, rq1.sd.alb_pushed, rq1.sd.alb_failed) == (1, 1, 0)
    assert not rq0.active_balance


def test_after_failures_a_push_is_asked_for(smp):
    """nr_balance_failed beyond cache_nice_tries + 2, and not for who may not come."""
    rq0, rq1 = smp.sched.runqueues
    (a,) = spinners(smp, 0)
    no_newidle(smp)
    smp.go(limit_ns=MS)
    sd = rq1.sd
    for failed in (0, 1, 2):
        sd.nr_balance_failed = failed
        sched_balance._balance_failed(rq1, rq0, sd, CPU_IDLE)
        assert (rq0.active_balance, sd.nr_balance_failed, sd.balance_interval) == (False, failed + 1, 1)
    sched_balance._balance_failed(rq1, rq0, sd, CPU_NEWLY_IDLE)
    assert sd.nr_balance_failed == 3
    a.cpus_allowed = 1
    sched_balance._balance_failed(rq1, rq0, sd, CPU_IDLE)
    assert not rq0.active_balance
    a.cpus_allowed = 3
    sd.nr_balance_failed, sd.balance_interval = 3, 1
    sched_balance._balance_failed(rq1, rq0, sd, CPU_IDLE)
    assert (rq0.active_balance, rq0.push_cpu, sd.nr_balance_failed, sd.balance_interval) == (True, 1, 2, 2)
    assert a.ti_flags & 8


def test_all_that_are_pinned_make_a_cpu_look_ever_less_often(smp):
    """Up to every 512 ms, where others stop at 4."""
    no_newidle(smp)
    for p in spinners(smp, 0, 0, 0):
        pin(smp, p, 1)
    smp.go(limit_ns=4000 * MS)
    assert 64 < smp.sched.runqueues[1].sd.balance_interval <= 512
    rq0 = smp.sched.runqueues[0]
    assert rq0.sd.balance_interval <= 4


def test_nice_tasks_weigh_less(smp):
    """Three of nice 19 are no reason to move the one of nice 0."""
    heavy, *light = spinners(smp, 0, 1, 1, 1)
    for p in light:
        sched_prio.set_user_nice(p, 19)
    smp.go(limit_ns=400 * MS)
    assert heavy.cpu != light[0].cpu
    assert len({p.cpu for p in light}) == 1


def weigh(rq, load, nr_running):
    rq.cfs.load, rq.nr_running = load, nr_running
    rq.cpu_load[:] = [load] * 5


@pytest.mark.parametrize(("idle", "this", "other", "imbalance"), [
    (CPU_IDLE, (0, 0), (2048, 2), 1024),
    (CPU_IDLE, (0, 0), (1024, 1), None),            # one task is no reason
    (CPU_IDLE, (0, 0), (4096, 8), 2048),            # half of it
    (CPU_IDLE, (0, 0), (8192, 4), 3072),            # but of four not more than three
    (CPU_IDLE, (0, 0), (90_000, 2), 45_000),
    (CPU_IDLE, (3000, 0), (2048, 2), None),         # it has only just become idle
    (CPU_NOT_IDLE, (1024, 1), (2048, 2), 1024),     # half a task: one
    (CPU_NOT_IDLE, (1024, 1), (1200, 2), None),     # not by a quarter
    (CPU_NOT_IDLE, (2048, 2), (2048, 2), None),
    (CPU_NOT_IDLE, (3000, 3), (2048, 2), None),
    (CPU_NOT_IDLE, (1000, 100), (1500, 100), 250),  # many light ones
    (CPU_NOT_IDLE, (1024, 1), (1400, 20), 188),
    (CPU_NOT_IDLE, (2048, 1), (3072, 2), 512),      # one of them would make it worse
    (CPU_NEWLY_IDLE, (5000, 0), (4000, 2), 0),      # whatever that weighs: but then there is nothing to take
    (CPU_NEWLY_IDLE, (0, 0), (30, 2), 15),
])
def test_who_is_the_busiest_and_by_how_much(smp, idle, this, other, imbalance):
    """find_busiest_group(), with the figures worked out by hand."""
    rq0, rq1 = smp.sched.runqueues
    weigh(rq0, *this)
    weigh(rq1, *other)
    group, found = sched_busiest.find_busiest_group(rq0.sd, rq0, idle, 3)
    weigh(rq0, 0, 0)
    weigh(rq1, 0, 0)
    assert (None if group is None else found) == imbalance


def test_no_more_is_taken_than_the_busiest_has_over_the_average():
    """Of loads 0, 4096 and 4000: 4096 - 2698."""
    k = bare(3)
    rq0, rq1, rq2 = k.sched.runqueues
    weigh(rq1, 4096, 8)
    weigh(rq2, 4000, 8)
    found = sched_busiest.find_busiest_group(rq0.sd, rq0, CPU_IDLE, 7)
    assert found == (rq1.sd.groups[0], 1398)


def test_a_weak_cpu_is_busy_sooner(smp):
    """Loads are by power: half of it taken by real-time tasks makes one task as much as two."""
    rq0, rq1 = smp.sched.runqueues
    weigh(rq1, 2048, 2)
    rq1.sd.groups[0].power = rq1.cpu_power = 512
    assert sched_busiest.find_busiest_group(rq0.sd, rq0, CPU_IDLE, 3) == (rq1.sd.groups[0], 1024)
    weigh(rq1, 1024, 1)
    assert sched_busiest.find_busiest_queue(rq0, rq1.sd.groups[0], 1023, 3) is None
    assert sched_busiest.find_busiest_queue(rq0, rq1.sd.groups[0], 1024, 3) is rq1
    assert sched_busiest.find_busiest_queue(rq0, rq1.sd.groups[0], 1024, 1) is None
    weigh(rq1, 0, 0)


def test_a_heavy_task_stays_if_little_is_to_be_taken(smp):
    """Unless it weighs no more than twice that, which is rounded down for each queue."""
    a, b = spinners(smp, 0, 0)
    rq0, rq1 = smp.sched.runqueues
    smp.sched.sysctl_sched_migration_cost = 0
    assert not sched_move.move_tasks(rq1, rq0, 512, rq1.sd, CPU_IDLE, sched_move.Pinned())
    assert sched_move.move_tasks(rq1, rq0, 513, rq1.sd, CPU_IDLE, sched_move.Pinned())
    assert [a.cpu, b.cpu] == [0, 1]


# Groups.


def test_tasks_of_a_group_count_as_its_part(smp):
    """Four that weigh 256 each in the end: 512 are two of them; none of a throttled group."""
    tasks = spinners(smp, 0, 0, 0, 0)
    tg = sched_group.sched_create_group(smp, smp.sched.root_task_group)
    for p in tasks:
        p.sched_task_group = tg
        sched_group.sched_move_task(p)
    rq0, rq1 = smp.sched.runqueues
    smp.sched.sysctl_sched_migration_cost = 0
    tg.cfs_rq[1].throttle_count = 1
    assert not sched_move.move_tasks(rq1, rq0, 500, rq1.sd, CPU_IDLE, sched_move.Pinned())
    tg.cfs_rq[1].throttle_count = 0
    assert sched_move._h_load(tg.cfs_rq[0]) == 1024 * 1024 // 1025
    assert sched_move._load_balance_fair(rq1, rq0, 500, rq1.sd, CPU_IDLE, sched_move.Pinned()) == 511
    assert [p.cpu for p in tasks] == [0, 0, 1, 1]


def test_a_group_is_pulled_by_its_part_of_the_load(smp):
    """Four tasks of one group on one CPU weigh as much as one."""
    tasks = spinners(smp, 0, 0, 0, 0)
    tg = sched_group.sched_create_group(smp, smp.sched.root_task_group)
    for p in tasks:
        p.sched_task_group = tg
        sched_group.sched_move_task(p)
    rq0 = smp.sched.runqueues[0]
    assert [cfs.tg for cfs in rq0.leaf_cfs_rq_list] == [tg, smp.sched.root_task_group]
    assert rq0.cfs.load == 1024
    smp.go(limit_ns=200 * MS)
    assert sorted(p.cpu for p in tasks) == [0, 0, 1, 1]


def split(window):
    """What a group weighs on each CPU, on one of which it has a task of nice 5, after 30 ms."""
    k = bare(2)
    k.sched.sysctl_sched_shares_window = window
    a, b = spinners(k, 0, 1)
    tg = sched_group.sched_create_group(k, k.sched.root_task_group)
    for p in (a, b):
        p.sched_task_group = tg
        sched_group.sched_move_task(p)
    sched_prio.set_user_nice(b, 5)
    k.go(limit_ns=30 * MS)
    return [se.weight for se in tg.se]


def test_sched_shares_window_says_what_a_group_weighs_on_average():
    """The shorter it is, the sooner a CPU is told what the group weighs on the others."""
    assert split(1000 * MS)[0] == 1024
    assert split(MS) == pytest.approx([1024 * 1024 / 1359, 1024 * 335 / 1359], rel=0.02)
    k = bare(2)
    a, b = spinners(k, 0, 1)
    tg = sched_group.sched_create_group(k, k.sched.root_task_group)
    for p in (a, b):
        p.sched_task_group = tg
        sched_group.sched_move_task(p)
    k.go(limit_ns=200 * MS)
    assert [se.weight for se in tg.se] == pytest.approx([512, 512], abs=40)
    assert tg.load_weight == pytest.approx(2048, abs=200)


def test_a_queue_that_is_long_empty_is_no_leaf(smp):
    """And weighs nothing."""
    (a,) = spinners(smp, 0)
    tg = sched_group.sched_create_group(smp, smp.sched.root_task_group)
    a.sched_task_group = tg
    sched_group.sched_move_task(a)
    smp.go(limit_ns=20 * MS)
    rq0 = smp.sched.runqueues[0]
    assert tg.cfs_rq[0] in rq0.leaf_cfs_rq_list
    a.sched_task_group = None
    sched_group.sched_move_task(a)
    smp.go(limit_ns=400 * MS)
    assert tg.load_weight == 0
    assert tg.cfs_rq[0] not in rq0.leaf_cfs_rq_list


# Real time.


def setrt(p, prio):
    sched_syscalls.sched_setscheduler_nocheck(p, SCHED_FIFO, prio)


def test_the_most_urgent_run_wherever(smp):
    """Of three, the two with the higher priority, though all began on one CPU."""
    low, mid, high = spinners(smp, 0, 0, 0)
    for p, prio in ((low, 1), (mid, 2), (high, 3)):
        setrt(p, prio)
    smp.go(limit_ns=20 * MS)
    assert {rq.curr for rq in smp.sched.runqueues} == {mid, high}


def test_a_cpu_that_loses_an_urgent_task_pulls_the_next(smp):
    """When it ends, or is not urgent any more."""
    short, low = spinners(smp, 1, 0)
    high = at(smp, smp.spawn(spin), 0)
    setrt(high, 9)
    setrt(short, 9)
    smp.go(limit_ns=5 * MS)
    setrt(low, 3)
    smp.go(limit_ns=10 * MS)
    assert low not in {rq.curr for rq in smp.sched.runqueues}
    sched_syscalls.sched_setscheduler_nocheck(short, 0, 0)
    smp.go(limit_ns=15 * MS)
    assert {rq.curr for rq in smp.sched.runqueues} == {high, low}


def test_an_equal_that_cannot_move_makes_who_can_move(smp):
    """check_preempt_equal_prio()."""
    (runs,) = spinners(smp, 0)
    bound = at(smp, smp.spawn(spin), 0)
    pin(smp, bound, 1)
    setrt(runs, 5)
    smp.go(limit_ns=2 * MS)
    assert smp.sched.runqueues[runs.cpu].curr is runs
    setrt(bound, 5)
    smp.go(limit_ns=10 * MS)
    assert {rq.curr for rq in smp.sched.runqueues} == {runs, bound}


# What programs see.


def test_exec_sleeps_where_it_is():
    """As on 3.2.4: the CPU that would be better is asked for, and has nobody to take when it is looked after."""
    async def main(linux):
        before = await linux.getcpu()
        text = (await linux.read_file("/proc/self/status")).decode()
        nr = int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", text, re.MULTILINE)[1])
        await linux.execve("/show", ["show", str(before), str(nr)])

    async def show(linux):
        before, nr = map(int, linux.argv[1:])
        text = (await linux.read_file("/proc/self/status")).decode()
        now = int(re.search(r"^voluntary_ctxt_switches:\t(\d+)", text, re.MULTILINE)[1])
        await linux.print(await linux.getcpu() == before, now - nr)

    for cpus, slept in ((1, 0), (2, 1)):
        assert Machine(cpus=cpus, programs={"/show": show}, check=True).run(main).output == f"True {slept}\n"


def test_the_domain_is_32s():
    """As /proc/sys/kernel/sched_domain shows it on 3.2.4."""
    async def main(linux):
        for name in sorted(await linux.listdir("/proc/sys/kernel/sched_domain/cpu1/domain0")):
            value = await linux.read_file(f"/proc/sys/kernel/sched_domain/cpu1/domain0/{name}")
            await linux.print(name, value.decode().strip())

    assert Machine(cpus=2).run(main).output.split("\n")[:-1] == [
        "busy_factor 64", "busy_idx 2", "cache_nice_tries 1", "flags 4143", "forkexec_idx 0", "idle_idx 1",
        "imbalance_pct 125", "max_interval 4", "min_interval 1", "name CPU", "newidle_idx 0", "wake_idx 0",
    ]


# What is held to be so.


def validated(k):
    return "; ".join(validate_runqueues(Census(k)))


@pytest.mark.parametrize(("damage", "said"), [
    (lambda cfs: cfs.tasks.clear(), r"\[\] could be pulled, queued are \["),
    (lambda cfs: setattr(cfs, "task_weight", 5), r"task_weight 5, found 2048"),
    (lambda cfs: cfs.rq.leaf_cfs_rq_list.clear(), r"a queue of 2 that balancing does not find"),
    (lambda cfs: setattr(cfs.tg, "load_weight", 7), r"load_weight 7, its queues have said 0"),
    (lambda cfs: setattr(cfs.sched.nohz, "idle_cpus_mask", 1), r"idle_cpus_mask 0x1, idle are 0x2"),
])
def test_the_validator_finds_damage(smp, damage, said):
    """To what other CPUs pull by."""
    for p in spinners(smp, 0, 0):
        pin(smp, p, 1)
    smp.go(limit_ns=5 * MS)
    assert not validated(smp)
    damage(smp.sched.runqueues[0].cfs)
    assert re.search(said, validated(smp))
