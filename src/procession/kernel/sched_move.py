"""Taking fair tasks from another CPU: which, and how many (move_tasks and what it does, of kernel/sched_fair.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.limits import UINT_MAX
from procession.include.linux.sched import MAX_RT_PRIO, SCHED_IDLE
from procession.include.linux.topology import CPU_IDLE, SD_LOAD_BALANCE, SchedDomain
from procession.kernel import sched_activate, sched_select
from procession.kernel.sched_cpu_load import smp_processor_id

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.sched_rq import Rq

__all__ = ("Pinned", "active_load_balance_cpu_stop", "move_tasks")


class Pinned:
    """Whether all tasks that were looked at may not use the CPU that looked."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        self.all = True


def task_hot(p: Task, rq: Rq, sd: SchedDomain) -> bool:
    """Whether p, of rq, has run so lately that its cache is worth something, or will run soon there."""
    if p.prio < MAX_RT_PRIO or p.policy == SCHED_IDLE:
        return False
    k = rq.kernel
    cfs = p.se.cfs_rq
    if k.sched.runqueues[smp_processor_id(k)].nr_running and (cfs.next is p.se or cfs.last is p.se):
        return True
    cost_ns = k.sched.sysctl_sched_migration_cost & UINT_MAX
    if cost_ns == UINT_MAX:
        return True
    return k.clock.now_ns - p.se.exec_start < cost_ns if cost_ns else False


def can_migrate_task(p: Task, rq: Rq, this_cpu: int, sd: SchedDomain, idle: int, pinned: Pinned) -> bool:
    """Whether p, of rq, may go to this_cpu: it may use it, does not run, and is not hot, or nothing else helps."""
    if not p.cpus_allowed >> this_cpu & 1:
        sched_select.statistics(p).nr_failed_migrations_affine += 1
        return False
    pinned.all = False
    if p is rq.curr:
        sched_select.statistics(p).nr_failed_migrations_running += 1
        return False
    hot = task_hot(p, rq, sd)
    if hot and sd.nr_balance_failed <= sd.cache_nice_tries:
        sched_select.statistics(p).nr_failed_migrations_hot += 1
        return False
    if hot:
        sd.lb_hot_gained[idle] += 1
        sched_select.statistics(p).nr_forced_migrations += 1
    return True


def pull_task(src: Rq, p: Task, this_rq: Rq) -> None:
    """Take p over from another CPU."""
    sched_activate.deactivate_task(src, p, sleep=False)
    sched_select.set_task_cpu(p, this_rq)
    sched_activate.activate_task(this_rq, p, wakeup=False)
    sched_activate.check_preempt_curr(this_rq, p)


def _throttled_lb_pair(cfs: CfsRq, this_cpu: int) -> bool:
    """Whether a queue's group, or one above, is throttled on either CPU."""
    return cfs.throttle_count > 0 or cfs.tg.cfs_rq[this_cpu].throttle_count > 0


def _h_load(cfs: CfsRq) -> int:
    """Return what a queue weighs as part of its CPU's load (tg_load_down)."""
    tg = cfs.tg
    if tg.parent is None:
        return cfs.load
    cpu = cfs.rq.cpu
    above = tg.parent.cfs_rq[cpu]
    return _h_load(above) * tg.se[cpu].weight // (above.load + 1)


def _balance_tasks(this_rq: Rq, cfs: CfsRq, max_load_move: int, sd: SchedDomain, idle: int, pinned: Pinned) -> int:
    """Take tasks of one queue, who came last first, looking at so many at most; returns what they weigh."""
    left = max_load_move
    nr_migrate = this_rq.kernel.sched.sysctl_sched_nr_migrate & UINT_MAX
    for loops, p in enumerate(cfs.tasks.copy() if max_load_move else []):
        if loops > nr_migrate:
            break
        weight = p.se.weight
        if weight >> 1 > left or not can_migrate_task(p, cfs.rq, this_rq.cpu, sd, idle, pinned):
            continue
        pull_task(cfs.rq, p, this_rq)
        sd.lb_gained[idle] += 1
        left -= weight
        if left <= 0:
            break
    return max_load_move - left


def _load_balance_fair(this_rq: Rq, busiest: Rq, max_load_move: int, sd: SchedDomain, idle: int, pinned: Pinned) -> int:
    """Take tasks of all groups, from each as much as its part in the load; returns what they weigh."""
    left = max_load_move
    weights = [(cfs, _h_load(cfs)) for cfs in busiest.leaf_cfs_rq_list]
    for cfs, h_load in weights:
        weight = cfs.load
        if not cfs.task_weight or _throttled_lb_pair(cfs, this_rq.cpu):
            continue
        moved = _balance_tasks(this_rq, cfs, left * weight // (h_load + 1), sd, idle, pinned)
        if not moved:
            continue
        left -= moved * h_load // (weight + 1)
        if left < 0:
            break
    return max_load_move - left


def move_tasks(this_rq: Rq, busiest: Rq, max_load_move: int, sd: SchedDomain, idle: int, pinned: Pinned) -> bool:
    """Take tasks until they weigh so much, or nobody else can be taken; returns whether there was any."""
    total = 0
    while True:
        moved = _load_balance_fair(this_rq, busiest, max_load_move - total, sd, idle, pinned)
        total += moved
        if not moved or max_load_move <= total:
            return total > 0


# Active balancing.


def active_load_balance_cpu_stop(busiest: Rq) -> None:
    """Push one task, most likely who ran, to the CPU that has failed to pull any.

    Context: busiest has left its task and not yet picked the next.  Differs: no migration thread is run; what it would
    do is done at the switch that lets it run.
    """
    busiest.active_balance = False
    target: Rq = busiest.kernel.sched.runqueues[busiest.push_cpu]
    sd = target.sd
    if not busiest.nr_running or sd is None or not sd.flags & SD_LOAD_BALANCE:
        return
    sd.alb_count += 1
    curr, busiest.curr = busiest.curr, busiest.idle  # it does not run while the migration thread would
    moved = _move_one_task(target, busiest, sd)
    busiest.curr = curr
    if moved:
        sd.alb_pushed += 1
    else:
        sd.alb_failed += 1


def _move_one_task(this_rq: Rq, busiest: Rq, sd: SchedDomain) -> bool:
    for cfs in busiest.leaf_cfs_rq_list:
        if _throttled_lb_pair(cfs, this_rq.cpu):
            continue
        for p in cfs.tasks:
            if can_migrate_task(p, busiest, this_rq.cpu, sd, CPU_IDLE, Pinned()):
                pull_task(busiest, p, this_rq)
                sd.lb_gained[CPU_IDLE] += 1
                return True
    return False
