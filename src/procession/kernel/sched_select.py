"""Which of several CPUs a task goes to when it wakes, is born, or executes a program (select_task_rq(); spec 17.4).

A fair task that wakes goes to where it was, or to its waker's CPU if that is not the more loaded one for it. A newborn
goes to the least loaded CPU, its parent's among about equals. What is where idle CPUs find work is sched_balance.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import CPUACCT_SUBSYS_ID
from procession.include.linux.sched import MAX_RT_PRIO, SchedStatistics
from procession.include.linux.topology import (
    SCHED_POWER_SCALE,
    SD_BALANCE_EXEC,
    SD_BALANCE_FORK,
    SD_BALANCE_WAKE,
    SD_LOAD_BALANCE,
    SD_WAKE_AFFINE,
    WF_SYNC,
    SchedDomain,
)
from procession.kernel import sched_cpupri, sched_entity
from procession.kernel.sched_cpu_load import cpu_avg_load_per_task, smp_processor_id, source_load, target_load

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.task_group import TaskGroup
    from procession.kernel.sched_rq import Rq

__all__ = (
    "select_fallback_rq",
    "select_task_rq_exec",
    "select_task_rq_fork",
    "select_task_rq_wake",
    "set_task_cpu",
    "statistics",
    "ttwu_stat",
)

_NOWHERE: Final = 1 << 64


def set_task_cpu(p: Task, dest: Rq) -> None:
    """Let a CPU be p's, who is on no queue and whose vruntime is relative."""
    k = dest.kernel
    if k.trace.sched_migrate_task:
        k.trace.sched_migrate_task(p.comm, p.pid, p.prio, p.cpu, dest.cpu)
    if p.cpu != dest.cpu:
        p.se.nr_migrations += 1
        if p.cgroups is not k.cgroups.init_css_set:
            p.cgroups.subsys[CPUACCT_SUBSYS_ID].charge(p)
        p.cpu = dest.cpu
    sched_entity.set_task_rq(p, dest)


def select_fallback_rq(p: Task) -> int:
    """Return a CPU for a task that may not go where it would: the first that it may use."""
    return (p.cpus_allowed & -p.cpus_allowed).bit_length() - 1


def _select_task_rq(p: Task, sd_flag: int, sync: bool) -> int:
    cpu = _select_task_rq_rt(p, sd_flag) if p.prio < MAX_RT_PRIO else _select_task_rq_fair(p, sd_flag, sync)
    return cpu if p.cpus_allowed >> cpu & 1 else select_fallback_rq(p)


def select_task_rq_wake(rq: Rq, p: Task, mode: int) -> Rq:
    """Have p, who sleeps and is about to wake, go where it belongs; returns that CPU. mode: may have WF_SYNC."""
    dest: Rq = rq.kernel.sched.runqueues[_select_task_rq(p, SD_BALANCE_WAKE, mode & WF_SYNC != 0)]
    if dest is rq:
        return rq
    if p.prio < MAX_RT_PRIO:
        set_task_cpu(p, dest)
        return dest
    # task_waking_fair(), and what enqueueing a sleeper does not do here.
    min_vruntime = p.se.cfs_rq.min_vruntime
    set_task_cpu(p, dest)
    p.se.vruntime += p.se.cfs_rq.min_vruntime - min_vruntime
    return dest


def select_task_rq_fork(p: Task) -> Rq:
    """Have p, newborn, go where it belongs; returns that CPU."""
    dest: Rq = p.kernel.sched.runqueues[_select_task_rq(p, SD_BALANCE_FORK, False)]
    set_task_cpu(p, dest)
    return dest


def select_task_rq_exec(p: Task) -> int:
    """Return where p, who executes a program, would best go."""
    return _select_task_rq(p, SD_BALANCE_EXEC, False)


# Statistics.


def statistics(p: Task) -> SchedStatistics:
    """Return p's, made when first asked for."""
    se = p.se
    if se.statistics is None:
        se.statistics = SchedStatistics()
    return se.statistics


def ttwu_stat(k: Kernel, p: Task, old_cpu: int, mode: int) -> None:
    """Count a wake-up of p, who was on old_cpu before, with the waker's CPU."""
    this_cpu = smp_processor_id(k)
    rq: Rq = k.sched.runqueues[this_cpu]
    stat = statistics(p)
    rq.ttwu_count += 1
    stat.nr_wakeups += 1
    if p.cpu == this_cpu:
        rq.ttwu_local += 1
        stat.nr_wakeups_local += 1
    else:
        stat.nr_wakeups_remote += 1
        if rq.sd is not None:
            rq.sd.ttwu_wake_remote += 1
    if p.cpu != old_cpu:
        stat.nr_wakeups_migrate += 1
    if mode & WF_SYNC:
        stat.nr_wakeups_sync += 1


# The real-time class.


def _select_task_rq_rt(p: Task, sd_flag: int) -> int:
    """Return where p goes when it wakes or is born: where it was, unless something as urgent runs there."""
    if sd_flag not in (SD_BALANCE_WAKE, SD_BALANCE_FORK):
        return p.cpu
    curr = p.kernel.sched.runqueues[p.cpu].curr
    if (
        curr.prio < MAX_RT_PRIO
        and (not sched_cpupri.is_movable(curr) or curr.prio <= p.prio)
        and sched_cpupri.is_movable(p)
    ):
        target = sched_cpupri.find_lowest_rq(p)
        if target >= 0:
            return target
    return p.cpu


# The fair class.


def _select_task_rq_fair(p: Task, sd_flag: int, sync: bool) -> int:
    k = p.kernel
    cpu = smp_processor_id(k)
    prev_cpu = p.cpu
    rq: Rq = k.sched.runqueues[cpu]
    sd = rq.sd
    new_cpu = prev_cpu if sd_flag == SD_BALANCE_WAKE else cpu
    if sd is None or not sd.flags & SD_LOAD_BALANCE:
        return new_cpu
    if sd_flag == SD_BALANCE_WAKE and p.cpus_allowed >> cpu & 1 and sd.flags & SD_WAKE_AFFINE:
        if cpu == prev_cpu or _wake_affine(sd, p, cpu, sync):
            prev_cpu = cpu
        return prev_cpu  # select_idle_sibling(): no two CPUs share a cache
    if not sd.flags & sd_flag:
        return new_cpu
    load_idx = sd.wake_idx if sd_flag == SD_BALANCE_WAKE else sd.forkexec_idx
    idlest = _find_idlest_group(sd, p, cpu, load_idx)
    # find_idlest_cpu(): a group has one.
    return cpu if idlest < 0 else idlest


def _wake_affine(sd: SchedDomain, p: Task, this_cpu: int, sync: bool) -> bool:
    """Whether p, waking, shall come to its waker's CPU: if that does not make it the more loaded one."""
    k = p.kernel
    this_rq: Rq = k.sched.runqueues[this_cpu]
    prev_rq: Rq = k.sched.runqueues[p.cpu]
    idx = sd.wake_idx
    load = source_load(prev_rq, idx)
    this_load = target_load(this_rq, idx)
    if sync:
        # As if the waker slept already.
        curr = this_rq.curr
        tg, weight = sched_entity.task_group(curr), curr.se.weight
        this_load += _effective_load(tg, this_cpu, -weight, -weight)
        load += _effective_load(tg, prev_rq.cpu, 0, -weight)
    balanced = True
    if this_load > 0:
        tg, weight = sched_entity.task_group(p), p.se.weight
        this_eff_load = 100 * prev_rq.cpu_power * (this_load + _effective_load(tg, this_cpu, weight, weight))
        prev_eff_load = 100 + (sd.imbalance_pct - 100) // 2
        prev_eff_load *= this_rq.cpu_power * (load + _effective_load(tg, prev_rq.cpu, 0, weight))
        balanced = this_eff_load <= prev_eff_load
    if sync and balanced:
        return True
    stat = statistics(p)
    stat.nr_wakeups_affine_attempts += 1
    if not balanced and (this_load > load or this_load + target_load(prev_rq, idx) > cpu_avg_load_per_task(this_rq)):
        return False
    sd.ttwu_move_affine += 1
    stat.nr_wakeups_affine += 1
    return True


def _effective_load(tg: TaskGroup | None, cpu: int, wl: int, wg: int) -> int:
    """Return by how much a CPU's load changes if a group gets wl more there, and wg more on all CPUs together."""
    while tg is not None and tg.parent is not None:
        se = tg.se[cpu]
        cfs = tg.cfs_rq[cpu]
        lw = tg.load_weight - cfs.load_contribution + cfs.load + wg
        wl += cfs.load
        wl = wl * tg.shares // lw if lw > 0 and wl < lw else tg.shares
        wl = max(wl, sched_entity.MIN_SHARES) - se.weight
        wg = 0
        tg = tg.parent
    return wl


def _find_idlest_group(sd: SchedDomain, p: Task, this_cpu: int, load_idx: int) -> int:
    """Return the CPU that is least loaded of those p may use, -1 if it is this one, or none is so by much."""
    rqs: list[Rq] = p.kernel.sched.runqueues
    idlest = -1
    this_load, min_load = 0, _NOWHERE
    for group in sd.groups:
        cpu = group.cpu
        if not p.cpus_allowed >> cpu & 1:
            continue
        local = cpu == this_cpu
        load = source_load(rqs[cpu], load_idx) if local else target_load(rqs[cpu], load_idx)
        load = load * SCHED_POWER_SCALE // group.power
        if local:
            this_load = load
        elif load < min_load:
            min_load = load
            idlest = cpu
    imbalance = 100 + (sd.imbalance_pct - 100) // 2
    if idlest < 0 or 100 * this_load < imbalance * min_load:
        return -1
    return idlest
