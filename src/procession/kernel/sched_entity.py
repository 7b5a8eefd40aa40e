"""Where tasks and groups are queued, and what a group weighs (the group part of kernel/sched.c and sched_fair.c).

Differs: on several CPUs a group's shares are split by what is queued now, not by an average over
kernel.sched_shares_window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import MAX_RT_PRIO, PF_EXITING
from procession.include.linux.task_group import TaskGroup
from procession.kernel import sched_fair
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.kernel.sched import Rq
    from procession.kernel.sched_fair import CfsRq

__all__ = ("MIN_SHARES", "sched_group_init", "set_task_rq", "task_group", "update_cfs_shares")

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
    load = sum(int(other.load) for other in tg.cfs_rq)
    shares = tg.shares * cfs.load
    if load:
        shares //= load
    return max(MIN_SHARES, min(shares, tg.shares))
