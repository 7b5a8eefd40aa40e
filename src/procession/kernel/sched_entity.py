"""Where tasks and groups are queued, and what a group weighs (the group part of kernel/sched.c and sched_fair.c).

On several CPUs a group's shares are split by what its queues weigh: this CPU's now, the others' on average over
kernel.sched_shares_window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.limits import UINT_MAX
from procession.include.linux.sched import MAX_RT_PRIO, PF_EXITING
from procession.include.linux.task_group import TaskGroup
from procession.kernel import sched_fair
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import SchedEntity, Task
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.sched_rq import Rq

__all__ = (
    "MIN_SHARES",
    "account_entity_dequeue",
    "account_entity_enqueue",
    "find_matching_se",
    "sched_group_init",
    "set_task_rq",
    "task_group",
    "update_cfs_load",
    "update_cfs_shares",
    "update_entity_shares_tick",
    "update_shares",
)

MIN_SHARES: Final = 2


def sched_group_init(k: Kernel) -> None:
    """Make the group that all tasks are in that are in no other; sched_init() gives it the CPUs' queues."""
    slab.kmem_cache_create(k, "task_group", 512)
    slab.kmem_cache_create(k, "autogroup", 64)
    k.sched.root_task_group = TaskGroup(k, None)
    k.sched.task_groups = {k.sched.root_task_group: None}


def task_group(p: Task) -> TaskGroup | None:
    """Return the group that p belongs to, None for the root: its cpu cgroup's, or its session's."""
    tg = p.sched_task_group
    if tg is not None and tg.parent is not None:
        return tg
    if p.signal.autogroup is None:
        return None
    return autogroup_task_group(p)


def autogroup_task_group(p: Task) -> TaskGroup | None:
    """Return the group of p, who is in no cpu cgroup, by its autogroup; None for the root (sched_autogroup.c)."""
    ag = p.signal.autogroup
    if ag is None or not p.kernel.sched.sysctl_sched_autogroup_enabled:
        return None
    if p.prio < MAX_RT_PRIO or p.flags & PF_EXITING:
        return None
    return ag.tg


def set_task_rq(p: Task, rq: Rq) -> None:
    """Let p be queued where its group is on rq's CPU from now on; p is on no queue."""
    se = p.se
    tg = task_group(p)
    if tg is None or not tg.se:
        se.cfs_rq = rq.cfs
        se.parent = None
    else:
        se.cfs_rq = tg.cfs_rq[rq.cpu]
        se.parent = tg.se[rq.cpu]


def find_matching_se(se: SchedEntity, pse: SchedEntity) -> tuple[SchedEntity, SchedEntity]:
    """Return those above the two, or them, that stand in one queue."""
    se_depth, pse_depth = depth_se(se), depth_se(pse)
    while True:
        if se_depth == pse_depth and se.cfs_rq is pse.cfs_rq:
            return se, pse
        deeper = se_depth - pse_depth
        if deeper >= 0:
            assert se.parent is not None
            se = se.parent
            se_depth -= 1
        if deeper <= 0:
            assert pse.parent is not None
            pse = pse.parent
            pse_depth -= 1


def depth_se(se: SchedEntity) -> int:
    """Return how many groups se is in."""
    depth = 0
    while se.parent is not None:
        depth += 1
        se = se.parent
    return depth


def update_cfs_shares(cfs: CfsRq) -> None:
    """Let the entity of a group's queue weigh what is its CPU's part of the shares now."""
    tg = cfs.tg
    if not tg.se or cfs.throttle_count:
        return
    rq = cfs.rq
    se = tg.se[rq.cpu]
    shares = tg.shares if len(tg.se) == 1 else _calc_cfs_shares(cfs, tg)
    if se.weight == shares:
        return
    if se.on_rq:
        queue = se.cfs_rq
        if queue.curr is se:
            sched_fair.update_curr(queue, rq.kernel.clock.now_ns)
        queue.load += shares - se.weight
    se.weight = shares


def _calc_cfs_shares(cfs: CfsRq, tg: TaskGroup) -> int:
    load = tg.load_weight - cfs.load_contribution + cfs.load
    shares = tg.shares * cfs.load
    if load:
        shares //= load
    return max(MIN_SHARES, min(shares, tg.shares))


# What a queue of several CPUs weighs on average. Only they have these fields in use.


def update_cfs_load(cfs: CfsRq, global_update: bool) -> None:
    """Add what a group's queue has weighed up to now to its average; global_update: tell the group in any case."""
    if not cfs.tg.se or cfs.throttle_count:
        return
    period_ns = cfs.sched.sysctl_sched_shares_window & UINT_MAX
    now_ns = cfs.rq.kernel.clock.now_ns
    delta_ns = max(0, now_ns - cfs.load_stamp)  # another CPU may be behind
    # After four periods without anybody it is forgotten what was before.
    if cfs.load_stamp > cfs.load_last and now_ns - cfs.load_last > 4 * period_ns:
        cfs.load_period = cfs.load_avg = 0
        delta_ns = max(0, period_ns - 1)
    cfs.load_stamp = now_ns
    cfs.load_exec_stamp = cfs.tg.se[cfs.rq.cpu].sum_exec_runtime
    cfs.load_period += delta_ns
    if cfs.load:
        cfs.load_last = now_ns
        cfs.load_avg += delta_ns * cfs.load
    if global_update or cfs.load_period > period_ns or not cfs.load_period:
        _update_cfs_rq_load_contribution(cfs, global_update)
    while cfs.load_period > period_ns:
        cfs.load_period //= 2
        cfs.load_avg //= 2
    if cfs.curr is None and not cfs.nr_running and not cfs.load_avg and cfs in cfs.rq.leaf_cfs_rq_list:
        cfs.rq.leaf_cfs_rq_list.remove(cfs)


def _update_cfs_rq_load_contribution(cfs: CfsRq, global_update: bool) -> None:
    change = cfs.load_avg // (cfs.load_period + 1) - cfs.load_contribution
    if global_update or abs(change) > cfs.load_contribution // 8:
        cfs.tg.load_weight += change
        cfs.load_contribution += change


def update_entity_shares_tick(cfs: CfsRq, se: SchedEntity) -> None:
    """At a tick, weigh anew a group that has run for a window without anybody coming or going; se stands for it."""
    if se.sum_exec_runtime - cfs.load_exec_stamp > cfs.sched.sysctl_sched_shares_window & UINT_MAX:
        update_cfs_load(cfs, False)
        update_cfs_shares(cfs)


def account_entity_enqueue(cfs: CfsRq, se: SchedEntity) -> None:
    """Note who is about to be queued, the last to come first."""
    update_cfs_load(cfs, False)
    if se.task is not None:
        cfs.task_weight += se.weight
        cfs.tasks.insert(0, se.task)
    if not cfs.nr_running:
        _list_add_leaf_cfs_rq(cfs)


def account_entity_dequeue(cfs: CfsRq, se: SchedEntity) -> None:
    """Note who is about to leave the queue."""
    update_cfs_load(cfs, False)
    if se.task is not None:
        cfs.task_weight -= se.weight
        cfs.tasks.remove(se.task)


def _list_add_leaf_cfs_rq(cfs: CfsRq) -> None:
    """Groups stand ahead of those above them, which are queued after them."""
    leaves = cfs.rq.leaf_cfs_rq_list
    if cfs in leaves:
        return
    parent = cfs.tg.parent
    if parent is not None and parent.cfs_rq[cfs.rq.cpu] in leaves:
        leaves.insert(0, cfs)
    else:
        leaves.append(cfs)


def update_shares(rq: Rq) -> None:
    """Weigh all groups of a CPU anew."""
    for cfs in rq.leaf_cfs_rq_list.copy():
        if not cfs.throttle_count:
            update_cfs_load(cfs, True)
            update_cfs_shares(cfs)
