"""Who runs, for how long, and what is counted."""

from __future__ import annotations

from itertools import pairwise

import pytest

from procession import Machine
from procession.hw.costs import SPIN_NS, SWITCH_NS
from procession.include.linux.kernel import Kernel
from procession.include.linux.sched import (
    SCHED_BATCH,
    SCHED_FIFO,
    SCHED_IDLE,
    SCHED_NORMAL,
    SCHED_RR,
    TASK_DEAD,
    TASK_INTERRUPTIBLE,
    TASK_KILLABLE,
    TASK_UNINTERRUPTIBLE,
    set_task_state,
)
from procession.include.linux.spinlock import SpinLock
from procession.kernel import entry, sched, sched_load, sched_prio, sched_syscalls, sched_weight

from .conftest import BareKernel, _init, account_system, account_user, sleep, work

MS = 10**6


async def spin(current, arg):
    """Compute for ever, or for arg ns."""
    await work(current, arg or 10**15)
    return 0


def runtimes(*tasks):
    return [sched.task_sched_runtime(p) for p in tasks]


# Fairness.


def test_equal_tasks_share_equally(k):
    """To within a slice."""
    tasks = [k.spawn(spin) for _ in range(4)]
    k.go(limit_ns=1000 * MS)
    times = runtimes(*tasks)
    assert max(times) - min(times) <= 8 * MS
    assert sum(times) > 980 * MS


@pytest.mark.parametrize(("nice", "weight"), [(-20, 88761), (-5, 3121), (0, 1024), (5, 335), (19, 15)])
def test_shares_follow_the_weights(k, nice, weight):
    """A nice level is a factor of 1.25."""
    a, b = k.spawn(spin), k.spawn(spin)
    sched_prio.set_user_nice(a, nice)
    assert a.se.weight == weight
    k.go(limit_ns=20_000 * MS)
    time_a, time_b = runtimes(a, b)
    assert time_a / time_b == pytest.approx(weight / 1024, rel=0.05)


def test_policy_idle_gets_what_is_left(k):
    """Weight 3."""
    a, b = k.spawn(spin), k.spawn(spin)
    sched_syscalls.sched_setscheduler_nocheck(a, SCHED_IDLE, 0)
    k.go(limit_ns=10_000 * MS)
    time_a, time_b = runtimes(a, b)
    assert time_a / time_b == pytest.approx(3 / 1024, rel=0.3)


def test_two_tasks_alternate_at_every_tick(k):
    """Latency 6 ms for two: a slice of 3 ms, seen at a tick, of which there are 250 a second."""
    switches = []
    k.trace.subscribe(lambda event: switches.append(event[0]), "sched_switch")
    k.spawn(spin), k.spawn(spin)
    k.go(limit_ns=100 * MS)
    turns = [b - a for a, b in pairwise(switches[6:])]
    assert all(3.9 * MS < turn < 4.2 * MS for turn in turns), turns


def test_a_task_alone_is_never_interrupted(k):
    """No tick without company."""
    p = k.start(spin, 500 * MS)
    assert p.nivcsw == 0


def test_a_sleeper_preempts_a_hog_when_it_wakes(k):
    """Its credit is half a latency, more than the wake-up granularity."""
    log = []

    async def sleeper(current, arg):
        for _ in range(5):
            before = k.clock.now_ns
            await sleep(current, 20 * MS)
            log.append(k.clock.now_ns - before)
        return 0

    k.spawn(spin)
    k.spawn(sleeper)
    k.go(limit_ns=300 * MS)
    assert len(log) == 5
    assert all(late < 20.3 * MS for late in log), log


def test_a_long_sleep_earns_no_more_than_half_a_latency(k):
    """Else it could hog the CPU afterwards."""

    async def sleeper(current, arg):
        await sleep(current, 10_000 * MS)
        await work(current, 100 * MS)
        return 0

    hog, late = k.spawn(spin), k.spawn(sleeper)
    k.go(limit_ns=10_020 * MS)
    assert runtimes(late)[0] <= 13 * MS
    assert runtimes(hog)[0] >= 10_005 * MS


def test_batch_does_not_preempt_on_wakeup(k):
    """It waits for the slice to end."""
    log = []

    async def sleeper(current, arg):
        before = k.clock.now_ns
        await sleep(current, 20 * MS)
        log.append(k.clock.now_ns - before)
        return 0

    k.spawn(spin)
    p = k.spawn(sleeper)
    sched_syscalls.sched_setscheduler_nocheck(p, SCHED_BATCH, 0)
    k.go(limit_ns=100 * MS)
    assert log[0] > 20.5 * MS


def test_yield_passes_the_cpu_on_once(k):
    """The yielding task is skipped although it is leftmost."""
    log = []

    async def yielder(current, arg):
        await sleep(current, 100 * MS)      # from which both come back to the same vruntime
        for _ in range(3):
            log.append(current.comm)
            sched_syscalls.sys_sched_yield(current)
            await sched.schedule(current)
        return 0

    k.spawn(yielder, name="a")
    k.spawn(yielder, name="b")
    k.spawn(spin, 101 * MS)
    k.settle()
    assert sorted(log[:2]) == ["a", "b"]
    assert log[0] != log[1] != log[2] != log[3]


def test_a_busy_wait_with_yield_ends(k):
    """Virtual time goes on, so the other comes to its turn."""
    flag = []

    async def waiter(current, arg):
        while not flag:
            account_system(current, 100)
            sched_syscalls.sys_sched_yield(current)
            await sched.schedule(current)
        return 0

    async def setter(current, arg):
        await work(current, 50 * MS)
        flag.append(1)
        return 0

    k.spawn(waiter)
    k.spawn(setter)
    k.settle()
    assert k.clock.now_ns < 150 * MS


def test_vruntimes_of_the_weight_tables_are_inverse():
    """2**32 / weight, rounded as in 3.2."""
    for weight, inverse in zip(sched_weight.PRIO_TO_WEIGHT, sched_weight.PRIO_TO_WMULT, strict=True):
        assert abs(2**32 // weight - inverse) <= 1


@pytest.mark.parametrize(("cpus", "latency", "granularity", "wakeup"), [
    (1, 6, 0.75, 1), (2, 12, 1.5, 2), (4, 18, 2.25, 3), (8, 24, 3, 4), (64, 24, 3, 4),
])
def test_tunables_scale_with_the_cpus(cpus, latency, granularity, wakeup):
    """Spec 17.2."""
    k = Kernel()
    k.nr_cpus = cpus
    sched.sched_init_granularity(k)
    state = k.sched
    assert (
        state.sysctl_sched_latency,
        state.sysctl_sched_min_granularity,
        state.sysctl_sched_wakeup_granularity,
    ) == (latency * MS, granularity * MS, wakeup * MS)


def test_min_vruntime_never_goes_back(k):
    """It is what newcomers are placed by."""
    for _ in range(3):
        k.spawn(spin)
    cfs = k.sched.runqueues[0].cfs
    last = 0
    for at in range(10, 200, 10):
        k.go(limit_ns=at * MS)
        assert cfs.min_vruntime >= last
        last = cfs.min_vruntime
        assert cfs.load == 3 * 1024
        assert cfs.nr_running == 3


def test_a_run_is_repeatable(k):
    """Event by event."""

    def events():
        kernel = BareKernel()
        log = []
        kernel.trace.subscribe(log.append)
        kernel.spawn(_init)
        for n in range(5):
            kernel.spawn(spin, (n + 1) * 3 * MS)
        kernel.settle()
        return log

    assert events() == events()


# Real time.


def setrt(p, policy, prio):
    sched_syscalls.sched_setscheduler_nocheck(p, policy, prio)


def test_a_real_time_task_runs_before_all_others_when_it_wakes(k):
    """At once."""
    log = []

    async def urgent(current, arg):
        before = k.clock.now_ns
        await sleep(current, 10 * MS)
        log.append(k.clock.now_ns - before)
        return 0

    k.spawn(spin)
    p = k.spawn(urgent)
    setrt(p, SCHED_FIFO, 1)
    assert p.prio == 98
    k.go(limit_ns=50 * MS)
    assert log[0] < 10.2 * MS


def test_fifo_keeps_the_cpu_from_its_equals(k):
    """No slice."""
    a, b = k.spawn(spin, 300 * MS), k.spawn(spin, 300 * MS)
    setrt(a, SCHED_FIFO, 5)
    setrt(b, SCHED_FIFO, 5)
    k.go(limit_ns=250 * MS)
    assert min(runtimes(a, b)) == 0


def test_rr_shares_in_quanta_of_100_ms(k):
    """And only among equals."""
    a, b, low = k.spawn(spin), k.spawn(spin), k.spawn(spin)
    setrt(a, SCHED_RR, 5)
    setrt(b, SCHED_RR, 5)
    setrt(low, SCHED_RR, 4)
    k.go(limit_ns=410 * MS)
    times = runtimes(a, b)
    assert all(190 * MS < t < 220 * MS for t in times), times
    assert runtimes(low) == [0]
    assert a.nivcsw + b.nivcsw in (3, 4)


def test_a_higher_priority_preempts_a_lower_one(k):
    """Numbers: 99 is the highest."""
    low, high = k.spawn(spin, 300 * MS), k.spawn(spin, 100 * MS)
    setrt(low, SCHED_FIFO, 1)
    setrt(high, SCHED_FIFO, 99)
    k.go(limit_ns=90 * MS)
    assert runtimes(low)[0] == 0
    assert high.prio == 0


def test_ordinary_tasks_get_a_twentieth_beside_a_real_time_hog(k):
    """950 ms of every second."""
    hog, poor = k.spawn(spin), k.spawn(spin)
    setrt(hog, SCHED_FIFO, 50)
    k.go(limit_ns=10_000 * MS)
    assert runtimes(poor)[0] / (10_000 * MS) == pytest.approx(0.05, abs=0.006)


def test_a_task_can_leave_real_time_again(k):
    """And shares fairly from then on."""
    a, b = k.spawn(spin), k.spawn(spin)
    setrt(a, SCHED_FIFO, 3)
    k.go(limit_ns=100 * MS)
    setrt(a, SCHED_NORMAL, 0)
    before = runtimes(a, b)
    k.go(limit_ns=1100 * MS)
    after = runtimes(a, b)
    gained = [y - x for x, y in zip(before, after, strict=True)]
    assert gained[0] == pytest.approx(gained[1], rel=0.05)


# Counting.


def test_giving_up_the_cpu_is_voluntary_losing_it_is_not(k):
    """nvcsw and nivcsw."""

    async def sleeper(current, arg):
        for _ in range(5):
            await sleep(current, 10 * MS)
        return 0

    hog, p = k.spawn(spin), k.spawn(sleeper)
    k.go(limit_ns=200 * MS)
    assert p.nvcsw == 6     # five sleeps, one death
    assert hog.nvcsw == 0
    assert hog.nivcsw >= 5


def test_a_dead_task_is_put_after_the_switch(k):
    """finish_task_switch: a zombie has one reference left, its parent's."""

    async def dies(current, arg):
        return 7 << 8

    p = k.start(dies)
    assert (p.state, p.exit_state, p.usage, p.stack, p.exit_code) == (TASK_DEAD, 16, 1, None, 7 << 8)


def test_time_is_charged_to_user_and_system(k):
    """And the run queue's measure has both."""

    async def worker(current, arg):
        account_user(current, 3000)
        account_system(current, 2000)
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current)
        return 0

    p = k.start(worker)
    assert p.utime == 3000
    assert p.stime == 2000 + SWITCH_NS  # and the switch to it
    assert sched.task_sched_runtime(p) == 5000 + SWITCH_NS


def test_load_average_rises_towards_the_number_of_runnable_tasks(k):
    """One, five and fifteen minutes."""
    k.spawn(spin), k.spawn(spin)
    k.go(limit_ns=60 * 10**9)
    one, five, fifteen = (value / sched_load.FIXED_1 for value in sched_load.get_avenrun(k))
    assert one == pytest.approx(2 * (1 - 2.718281828**-1), abs=0.15)
    assert five == pytest.approx(2 * (1 - 2.718281828**-0.2), abs=0.1)
    assert fifteen == pytest.approx(2 * (1 - 2.718281828**(-1 / 15)), abs=0.05)


def test_load_average_counts_uninterruptible_sleepers_and_decays_in_idleness(k):
    """A task in state D is load, an hour of nothing is none."""

    async def in_d(current, arg):
        set_task_state(current, TASK_UNINTERRUPTIBLE)
        await sched.schedule(current)
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current)
        return 0

    p = k.start(in_d)
    assert sched.nr_uninterruptible(k) == 1
    k.clock.advance(3600 * 10**9)
    assert sched_load.get_avenrun(k)[0] == pytest.approx(sched_load.FIXED_1, rel=0.02)
    sched.wake_up_process(p)
    k.settle()
    assert sched.nr_uninterruptible(k) == 0
    k.clock.advance(3600 * 10**9)
    assert sched_load.get_avenrun(k)[0] < 60


def test_switch_events_carry_the_state_letters(k):
    """As TP_printk prints them."""
    log = []
    k.trace.subscribe(log.append, "sched_switch")

    async def p(current, arg):
        set_task_state(current, TASK_KILLABLE)
        await sched.schedule(current)
        return 0

    k.start(p)
    assert [event[8] for event in log] == ["R", "S", "D|W"] or [event[8] for event in log][-1] == "D|W"


def test_deadlock_names_the_sleepers(k):
    """So that one sees what nobody will ever wake."""
    with pytest.raises(entry.Deadlock, match="init:1 S"):
        k.go()


# Several CPUs.


def test_two_cpus_run_two_tasks_at_the_same_time(smp):
    """Each has its clock."""
    a, b = smp.spawn(spin), smp.spawn(spin)
    smp.go(limit_ns=100 * MS)
    times = runtimes(a, b)
    assert all(t > 95 * MS for t in times), times
    assert {a.cpu, b.cpu} == {0, 1}


def test_an_idle_cpu_pulls(smp):
    """Three tasks, one ends early."""
    tasks = [smp.spawn(spin, 50 * MS) for _ in range(4)]
    smp.settle()
    assert max(smp.clock.cpu_ns) < 115 * MS
    assert all(p.state == TASK_DEAD for p in tasks)


def test_affinity_keeps_a_task_on_its_cpu(smp):
    """Even if the other one idles."""
    a, b = smp.spawn(spin, 20 * MS), smp.spawn(spin, 20 * MS)
    for p in (a, b):
        with pytest.raises(StopIteration):
            sched_syscalls.sched_setaffinity(smp.init_task, p, 1).send(None)
    smp.settle()
    assert (a.cpu, b.cpu) == (0, 0)
    assert smp.clock.cpu_ns[0] >= 40 * MS


def test_who_loses_its_cpu_has_moved_when_the_call_returns():
    """Whether it runs, waits, or is the caller; who sleeps moves when it wakes. So it is on 3.2.4 with two CPUs."""
    async def spins(linux, cpu):
        await linux.sched_setaffinity(0, {cpu})
        while True:
            await linux.sched_yield()

    async def sleeps(linux):
        await linux.sched_setaffinity(0, {1})
        await linux.pause()

    async def cpu_of(linux, nr):
        return int((await linux.read_file(f"/proc/{nr}/stat")).split()[38])

    async def main(linux):
        seen = []
        for cpu in (0, 1, 1, 0, 1, 0):
            await linux.sched_setaffinity(0, {cpu})
            seen.append(await linux.getcpu() == cpu)
        runs, waits, sleeper = (
            await linux.clone(spins, 1), await linux.clone(spins, 0), await linux.clone(sleeps),
        )
        await linux.sleep(0.0003)
        for nr, cpu in ((runs, 0), (runs, 1), (waits, 1), (runs, 0), (waits, 0)):
            await linux.sched_setaffinity(nr, {cpu})
            seen.append(await cpu_of(linux, nr) == cpu)
        await linux.sched_setaffinity(sleeper, {0})
        seen.append(await cpu_of(linux, sleeper) == 1)
        for nr in (runs, waits, sleeper):
            await linux.kill(nr, linux.SIGKILL)
            await linux.waitpid(nr)
        await linux.print(seen)

    for seed in range(3):
        machine = Machine(cpus=2, seed=seed, check=True)
        assert machine.run(main).output == f"{[True] * 12}\n"


def test_a_lock_released_in_anothers_future_is_waited_for(smp):
    """Contention shows as time."""
    lock = SpinLock(smp.lock_class("contended"))
    with lock:
        smp.clock.advance(5000)
    smp.clock.now_ns -= 4000
    before, stime = smp.clock.now_ns, smp.current.stime
    with lock:
        assert smp.clock.now_ns == before + 4000 + SPIN_NS
        assert smp.current.stime == stime + 4000 + SPIN_NS
