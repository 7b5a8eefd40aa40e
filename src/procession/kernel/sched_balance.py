"""Balancing several CPUs (rebalance_domains and its like in kernel/sched_fair.c; spec 17.4).

A CPU looks for work at a busier one when it is about to go idle, and at ticks: often if it is idle, seldom if it is
busy. An idle CPU has no ticks; a busy one that finds it could give work away kicks an idle one, the load balancer,
which looks for all that are idle. Who cannot pull anybody, since the one task there runs, has it pushed at last.

Whom to take is in sched_busiest.py and sched_move.py, where who wakes or is born goes in sched_select.py.

Differs: a CPU that is to reschedule sees it at its next turn, up to 50 µs later, where 3.2's is interrupted: until then
another that goes idle may pull who has just woken there. Who is idle and kicked forgets it if somebody has come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.jiffies import msecs_to_jiffies
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.sched import MAX_RT_PRIO, TIF_NEED_RESCHED
from procession.include.linux.time import HZ, TICK_PERIOD_NS
from procession.include.linux.topology import (
    CPU_IDLE,
    CPU_NEWLY_IDLE,
    CPU_NOT_IDLE,
    SD_BALANCE_NEWIDLE,
    SD_LOAD_BALANCE,
    SchedDomain,
    SchedGroup,
)
from procession.kernel import sched_busiest, sched_cpu_load, sched_cpupri, sched_entity, sched_move, sched_rt_push
from procession.kernel.sched_cpu_load import idle_cpu, jiffies, smp_processor_id

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = (
    "idle_balance",
    "is_tick",
    "next_tick",
    "pre_schedule",
    "sched_init_smp",
    "scheduler_ipi",
    "select_nohz_load_balancer",
    "trigger_load_balance",
    "ttwu_do_wakeup",
)

MAX_PINNED_INTERVAL: Final = 512


def sched_init_smp(k: Kernel) -> None:
    """Make of all CPUs, each a package of its own, one domain with a group for each."""
    rqs: list[Rq] = k.sched.runqueues
    if len(rqs) == 1:
        return
    groups = [SchedGroup(rq.cpu) for rq in rqs]
    now = jiffies(k)
    for rq in rqs:
        rq.sd = SchedDomain((1 << len(rqs)) - 1, groups[rq.cpu :] + groups[: rq.cpu])
        rq.sd.last_balance = rq.next_balance = rq.tick = rq.last_load_update_tick = now
        if idle_cpu(rq):
            select_nohz_load_balancer(rq, True)
    k.sched.nohz.next_balance = now


# The tick.


def next_tick(rq: Rq) -> int:
    """Return when a CPU that is not idle has its next tick."""
    return (rq.tick + 1) * TICK_PERIOD_NS


def is_tick(rq: Rq) -> bool:
    """Whether a tick is due; note that it has been seen. In between, a CPU looks for reasons of its own."""
    now = jiffies(rq.kernel)
    if now <= rq.tick:
        return False
    rq.tick = now
    return True


def trigger_load_balance(rq: Rq) -> None:
    """At its tick, see whether a CPU has more to do than others, or less; if it is time to look."""
    rq.idle_balance = idle_cpu(rq)
    if rq.tick >= rq.next_balance:
        _run_rebalance_domains(rq)
    elif _nohz_kick_needed(rq):
        _nohz_balancer_kick(rq.kernel)


def _run_rebalance_domains(rq: Rq) -> None:
    idle = CPU_IDLE if rq.idle_balance else CPU_NOT_IDLE
    _rebalance_domains(rq, idle)
    _nohz_idle_balance(rq, idle)


def _msecs_to_interval(k: Kernel, ms: int) -> int:
    """Return an interval in ticks, of which it is one at least (and max_load_balance_interval at most)."""
    return max(1, min(msecs_to_jiffies(ms), HZ * k.nr_cpus // 10))


def _rebalance_domains(rq: Rq, idle: int) -> None:
    """Balance a CPU, if it is time; idle: CPU_IDLE or CPU_NOT_IDLE."""
    sched_entity.update_shares(rq)
    sd = rq.sd
    if sd is None or not sd.flags & SD_LOAD_BALANCE:
        return
    now = jiffies(rq.kernel)
    interval = sd.balance_interval if idle == CPU_IDLE else sd.balance_interval * sd.busy_factor
    interval = _msecs_to_interval(rq.kernel, interval)
    if now >= sd.last_balance + interval:
        load_balance(rq, sd, idle)
        sd.last_balance = now
    rq.next_balance = min(now + 60 * HZ, sd.last_balance + interval)


# Idle CPUs.


def select_nohz_load_balancer(rq: Rq, stop_tick: bool) -> None:
    """A CPU goes idle, and may be the one that balances for all that are; or it is not idle any more."""
    nohz = rq.kernel.sched.nohz
    cpu = rq.cpu
    if stop_tick:
        nohz.idle_cpus_mask |= 1 << cpu
        if nohz.first_pick_cpu == cpu:
            nohz.first_pick_cpu = -1
        if nohz.second_pick_cpu == cpu:
            nohz.second_pick_cpu = -1
        if nohz.load_balancer < 0:
            nohz.load_balancer = cpu
        return
    rq.tick = jiffies(rq.kernel)
    nohz.idle_cpus_mask &= ~(1 << cpu)
    if nohz.load_balancer == cpu:
        nohz.load_balancer = -1


def _nohz_kick_needed(rq: Rq) -> bool:
    """Whether a CPU at its tick should have idle ones balance: of all, two look after it.

    The first does if it has somebody who waits, the second if it has anybody.
    """
    nohz = rq.kernel.sched.nohz
    cpu = rq.cpu
    if jiffies(rq.kernel) < nohz.next_balance or idle_cpu(rq):
        return False
    if nohz.first_pick_cpu not in (-1, cpu) and nohz.second_pick_cpu not in (-1, cpu):
        return False
    if nohz.first_pick_cpu in (-1, cpu):
        nohz.first_pick_cpu = cpu
        if nohz.second_pick_cpu == cpu:
            nohz.second_pick_cpu = -1
        return rq.nr_running > 1
    nohz.second_pick_cpu = cpu
    return rq.nr_running > 0


def _nohz_balancer_kick(k: Kernel) -> None:
    """Send the load balancer an interrupt, or the first idle CPU if there is none."""
    nohz = k.sched.nohz
    nohz.next_balance += 1
    ilb_cpu = nohz.load_balancer
    if ilb_cpu < 0:
        ilb_cpu = (nohz.idle_cpus_mask & -nohz.idle_cpus_mask).bit_length() - 1
    if ilb_cpu < 0:
        return
    rq: Rq = k.sched.runqueues[ilb_cpu]
    rq.nohz_balance_kick = True
    k.clock.cpu_ns[ilb_cpu] = max(k.clock.cpu_ns[ilb_cpu], k.clock.now_ns)


def scheduler_ipi(rq: Rq) -> None:
    """An idle CPU has been kicked; if somebody has come meanwhile, it has no time for others."""
    if not idle_cpu(rq):
        rq.nohz_balance_kick = False
        return
    rq.curr.ti_flags &= ~TIF_NEED_RESCHED  # whoever came has gone again
    rq.idle_balance = True
    _run_rebalance_domains(rq)


def _nohz_idle_balance(this_rq: Rq, idle: int) -> None:
    """Balance for all idle CPUs, until there is somebody to run here."""
    if idle != CPU_IDLE or not this_rq.nohz_balance_kick:
        return
    k = this_rq.kernel
    nohz = k.sched.nohz
    for rq in k.sched.runqueues:
        if rq is this_rq or not nohz.idle_cpus_mask >> rq.cpu & 1:
            continue
        if this_rq.curr.ti_flags & TIF_NEED_RESCHED:
            break
        sched_cpu_load.update_cpu_load(this_rq)
        _rebalance_domains(rq, CPU_IDLE)
        this_rq.next_balance = min(this_rq.next_balance, rq.next_balance)
    nohz.next_balance = this_rq.next_balance
    this_rq.nohz_balance_kick = False


def pre_schedule(rq: Rq, prev: Task) -> None:
    """Before a CPU picks: pull what is more urgent than it will have, or anything if it will have nothing."""
    if prev.prio < MAX_RT_PRIO and sched_cpupri.highest_prio(rq) > prev.prio:
        sched_rt_push.pull_rt_task(rq)
    if not rq.nr_running and not rq.stop and not rq.active_balance:
        idle_balance(rq)


def idle_balance(rq: Rq) -> None:
    """A CPU is about to go idle: let it look for work, if it is idle for long enough, on average, for that to pay."""
    k = rq.kernel
    rq.idle_stamp = k.clock.now_ns
    if rq.avg_idle < k.sched.sysctl_sched_migration_cost & UINT_MAX:
        return
    sched_entity.update_shares(rq)
    now = jiffies(k)
    next_balance = now + HZ
    pulled = False
    sd = rq.sd
    if sd is not None and sd.flags & SD_LOAD_BALANCE:
        if sd.flags & SD_BALANCE_NEWIDLE:
            pulled = load_balance(rq, sd, CPU_NEWLY_IDLE)
        next_balance = min(next_balance, sd.last_balance + msecs_to_jiffies(sd.balance_interval))
        if pulled:
            rq.idle_stamp = 0
    if pulled or now > rq.next_balance:
        # It may have been set while the CPU was busy.
        rq.next_balance = next_balance


def ttwu_do_wakeup(rq: Rq, p: Task) -> None:
    """P has woken on a CPU: it may be pushed on if it is a real-time task; note how long the CPU was idle."""
    if p.prio < MAX_RT_PRIO:
        sched_rt_push.task_woken_rt(rq, p)
    if not rq.idle_stamp:
        return
    delta_ns = rq.kernel.clock.now_ns - rq.idle_stamp
    max_ns = 2 * rq.kernel.sched.sysctl_sched_migration_cost & UINT_MAX
    rq.avg_idle = max_ns if delta_ns > max_ns else rq.avg_idle + (delta_ns - rq.avg_idle >> 3)
    rq.idle_stamp = 0


# Balancing.


def load_balance(this_rq: Rq, sd: SchedDomain, idle: int) -> bool:
    """Take tasks from the busiest CPU if that has more than its part; returns whether any came."""
    cpus = (1 << this_rq.kernel.nr_cpus) - 1
    sd.lb_count[idle] += 1
    pinned = sched_move.Pinned()
    while True:
        busiest, imbalance = _find_busiest(this_rq, sd, idle, cpus)
        if busiest is None:
            _out_balanced(sd, idle, cpus != (1 << this_rq.kernel.nr_cpus) - 1)
            return False
        sd.lb_imbalance[idle] += imbalance
        moved = False
        pinned.all = False
        if busiest.nr_running > 1:
            pinned.all = True
            moved = sched_move.move_tasks(this_rq, busiest, imbalance, sd, idle, pinned)
            if moved and this_rq.cpu != smp_processor_id(this_rq.kernel):
                this_rq.curr.ti_flags |= TIF_NEED_RESCHED
            if pinned.all:
                # Nobody there may come here.
                cpus &= ~(1 << busiest.cpu)
                continue
        break
    if moved:
        sd.nr_balance_failed = 0
        sd.balance_interval = sd.min_interval
        return True
    _balance_failed(this_rq, busiest, sd, idle)
    return False


def _find_busiest(this_rq: Rq, sd: SchedDomain, idle: int, cpus: int) -> tuple[Rq | None, int]:
    group, imbalance = sched_busiest.find_busiest_group(sd, this_rq, idle, cpus)
    if group is None:
        sd.lb_nobusyg[idle] += 1
        return None, 0
    busiest = sched_busiest.find_busiest_queue(this_rq, group, imbalance, cpus)
    if busiest is None:
        sd.lb_nobusyq[idle] += 1
    return busiest, imbalance


def _out_balanced(sd: SchedDomain, idle: int, all_pinned: bool) -> None:
    sd.lb_balanced[idle] += 1
    sd.nr_balance_failed = 0
    _out_one_pinned(sd, all_pinned)


def _out_one_pinned(sd: SchedDomain, all_pinned: bool) -> None:
    """Look less often."""
    if sd.balance_interval < (MAX_PINNED_INTERVAL if all_pinned else sd.max_interval):
        sd.balance_interval *= 2


def _balance_failed(this_rq: Rq, busiest: Rq, sd: SchedDomain, idle: int) -> None:
    """Nobody there could be taken: after some failures have the running task pushed (need_active_balance)."""
    sd.lb_failed[idle] += 1
    if idle == CPU_NEWLY_IDLE or not _need_active_balance(sd):
        sd.balance_interval = sd.min_interval
        return
    curr = busiest.curr
    if not curr.cpus_allowed >> this_rq.cpu & 1:
        _out_one_pinned(sd, True)
        return
    started = not busiest.active_balance
    if started:
        busiest.active_balance = True
        busiest.push_cpu = this_rq.cpu
        curr.ti_flags |= TIF_NEED_RESCHED
    sd.nr_balance_failed = sd.cache_nice_tries + 1
    if not started:
        sd.balance_interval = sd.min_interval
    elif sd.balance_interval < sd.max_interval:
        sd.balance_interval *= 2


def _need_active_balance(sd: SchedDomain) -> bool:
    """Count a failure at a tick; returns whether there were too many."""
    sd.nr_balance_failed += 1
    return sd.nr_balance_failed > sd.cache_nice_tries + 2
