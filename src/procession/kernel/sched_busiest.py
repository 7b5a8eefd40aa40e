"""Which CPU to take work from, and how much: find_busiest_group of kernel/sched_fair.c.

Loads and powers are unsigned long in C, and some differences of them wrap around there: those are masked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.topology import (
    CPU_IDLE,
    CPU_NEWLY_IDLE,
    CPU_NOT_IDLE,
    SCHED_LOAD_SCALE,
    SCHED_POWER_SCALE,
    SchedDomain,
    SchedGroup,
)
from procession.kernel import sched_cpu_load
from procession.kernel.sched_cpu_load import cpu_avg_load_per_task, idle_cpu, source_load, target_load

if TYPE_CHECKING:
    from procession.kernel.sched_rq import Rq

__all__ = ("find_busiest_group", "find_busiest_queue")


class SdLbStats:
    """What a CPU has found about its domain (struct sd_lb_stats): of itself, and of the busiest other one."""

    __slots__ = (
        "avg_load",
        "busiest",
        "busiest_group_capacity",
        "busiest_has_capacity",
        "busiest_idle_cpus",
        "busiest_load_per_task",
        "busiest_nr_running",
        "max_load",
        "this",
        "this_has_capacity",
        "this_idle_cpus",
        "this_load",
        "this_load_per_task",
        "this_nr_running",
        "total_load",
        "total_pwr",
    )

    def __init__(self, this: SchedGroup) -> None:
        self.total_load = 0
        self.total_pwr = 0
        self.avg_load = 0
        self.this = this
        self.this_load = 0
        self.this_load_per_task = 0
        self.this_nr_running = 0
        self.this_has_capacity = False
        self.this_idle_cpus = 0
        self.busiest: SchedGroup | None = None
        self.max_load = 0
        self.busiest_load_per_task = 0
        self.busiest_nr_running = 0
        self.busiest_group_capacity = 0
        self.busiest_has_capacity = False
        self.busiest_idle_cpus = 0


def _capacity(power: int) -> int:
    """Return how many tasks a group is good for (DIV_ROUND_CLOSEST; fix_small_capacity() helps threads of a core)."""
    return (power + SCHED_POWER_SCALE // 2) // SCHED_POWER_SCALE


def _get_sd_load_idx(sd: SchedDomain, idle: int) -> int:
    if idle == CPU_NOT_IDLE:
        return sd.busy_idx
    return sd.newidle_idx if idle == CPU_NEWLY_IDLE else sd.idle_idx


def _update_sd_lb_stats(sd: SchedDomain, this_rq: Rq, idle: int, cpus: int) -> SdLbStats:
    """Look at all CPUs, the own one first; cpus: those that count, a mask."""
    sds = SdLbStats(sd.groups[0])
    load_idx = _get_sd_load_idx(sd, idle)
    rqs: list[Rq] = this_rq.kernel.sched.runqueues
    for group in sd.groups:
        rq = rqs[group.cpu]
        counts = cpus >> group.cpu & 1 != 0
        if rq is this_rq:
            if idle != CPU_NEWLY_IDLE:
                sched_cpu_load.update_group_power(sd, rq)
            load = target_load(rq, load_idx) if counts else 0
        else:
            load = source_load(rq, load_idx) if counts else 0
        sds.total_load += load
        sds.total_pwr += group.power
        avg_load = load * SCHED_POWER_SCALE // group.power
        if rq is this_rq:
            _note_this(sds, group, rq, avg_load, counts)
        elif counts and avg_load > sds.max_load and rq.nr_running > _capacity(group.power):
            _note_busiest(sds, group, rq, avg_load)
    return sds


def _note_this(sds: SdLbStats, group: SchedGroup, rq: Rq, avg_load: int, counts: bool) -> None:
    sds.this_load = avg_load
    sds.this_nr_running = rq.nr_running if counts else 0
    sds.this_load_per_task = rq.cfs.load if counts else 0
    sds.this_has_capacity = _capacity(group.power) > sds.this_nr_running
    sds.this_idle_cpus = int(counts and idle_cpu(rq))


def _note_busiest(sds: SdLbStats, group: SchedGroup, rq: Rq, avg_load: int) -> None:
    sds.busiest = group
    sds.max_load = avg_load
    sds.busiest_nr_running = rq.nr_running
    sds.busiest_load_per_task = rq.cfs.load
    sds.busiest_group_capacity = _capacity(group.power)
    sds.busiest_has_capacity = sds.busiest_group_capacity > rq.nr_running
    sds.busiest_idle_cpus = int(idle_cpu(rq))


def find_busiest_group(sd: SchedDomain, this_rq: Rq, idle: int, cpus: int) -> tuple[SchedGroup | None, int]:
    """Return the group to take from, None if all is well, and how much weight to take.

    There are no groups of several CPUs, within which the balance could be lost while they are about even.
    """
    sds = _update_sd_lb_stats(sd, this_rq, idle, cpus)
    if sds.busiest is None or not sds.busiest_nr_running:
        return None, 0
    sds.avg_load = SCHED_POWER_SCALE * sds.total_load // sds.total_pwr
    # A CPU with nothing to do takes work from one with too much, however little that weighs.
    if idle == CPU_NEWLY_IDLE and sds.this_has_capacity and not sds.busiest_has_capacity:
        return sds.busiest, _calculate_imbalance(sds, sds.busiest, this_rq)
    if sds.this_load >= sds.max_load or sds.this_load >= sds.avg_load:
        return None, 0
    if idle == CPU_IDLE:
        # No more tasks than CPUs there, and idle ones about as many as here.
        if sds.this_idle_cpus <= sds.busiest_idle_cpus + 1 and sds.busiest_nr_running <= 1:
            return None, 0
    elif 100 * sds.max_load <= sd.imbalance_pct * sds.this_load:
        return None, 0
    return sds.busiest, _calculate_imbalance(sds, sds.busiest, this_rq)


def _calculate_imbalance(sds: SdLbStats, busiest: SchedGroup, this_rq: Rq) -> int:
    """Return how much to take so that both come near the average."""
    sds.busiest_load_per_task //= sds.busiest_nr_running
    # Those whose CPUs have little power are passed over, so the busiest may be below the average.
    if sds.max_load < sds.avg_load:
        return _fix_small_imbalance(sds, busiest, this_rq, 0)
    # Not so many that somebody there would be idle.
    above = sds.busiest_nr_running - sds.busiest_group_capacity & ULONG_MAX
    load_above_capacity = (above * SCHED_LOAD_SCALE * SCHED_POWER_SCALE & ULONG_MAX) // busiest.power
    max_pull = min(sds.max_load - sds.avg_load, load_above_capacity)
    room = (sds.avg_load - sds.this_load & ULONG_MAX) * sds.this.power & ULONG_MAX
    imbalance = min(max_pull * busiest.power, room) // SCHED_POWER_SCALE
    if imbalance < sds.busiest_load_per_task:
        return _fix_small_imbalance(sds, busiest, this_rq, imbalance)
    return imbalance


def _fix_small_imbalance(sds: SdLbStats, busiest: SchedGroup, this_rq: Rq, imbalance: int) -> int:
    """Return one task's weight if moving one is worth it, though the imbalance is less than that."""
    imbn = 2
    if sds.this_nr_running:
        sds.this_load_per_task //= sds.this_nr_running
        if sds.busiest_load_per_task > sds.this_load_per_task:
            imbn = 1
    else:
        sds.this_load_per_task = cpu_avg_load_per_task(this_rq)
    per_task = sds.busiest_load_per_task * SCHED_POWER_SCALE // busiest.power
    if (sds.max_load - sds.this_load + per_task & ULONG_MAX) >= per_task * imbn:
        return sds.busiest_load_per_task
    return sds.busiest_load_per_task if _gains_power(sds, busiest, per_task) else imbalance


def _gains_power(sds: SdLbStats, busiest: SchedGroup, per_task: int) -> bool:
    """Whether both CPUs do more together once one task has moved."""
    this = sds.this
    pwr_now = busiest.power * min(sds.busiest_load_per_task, sds.max_load)
    pwr_now += this.power * min(sds.this_load_per_task, sds.this_load)
    pwr_move = 0
    if sds.max_load > per_task:
        pwr_move += busiest.power * min(sds.busiest_load_per_task, sds.max_load - per_task)
    if sds.max_load * busiest.power < sds.busiest_load_per_task * SCHED_POWER_SCALE:
        added = sds.max_load * busiest.power // this.power
    else:
        added = sds.busiest_load_per_task * SCHED_POWER_SCALE // this.power
    pwr_move += this.power * min(sds.this_load_per_task, sds.this_load + added)
    return pwr_move // SCHED_POWER_SCALE > pwr_now // SCHED_POWER_SCALE


def find_busiest_queue(this_rq: Rq, group: SchedGroup, imbalance: int, cpus: int) -> Rq | None:
    """Return the group's CPU, unless it has but one task that weighs more than shall be taken, or none."""
    rq: Rq = this_rq.kernel.sched.runqueues[group.cpu]
    load = rq.cfs.load
    if not cpus >> rq.cpu & 1 or (_capacity(rq.cpu_power) and rq.nr_running == 1 and load > imbalance):
        return None
    return rq if load * SCHED_POWER_SCALE // rq.cpu_power else None
