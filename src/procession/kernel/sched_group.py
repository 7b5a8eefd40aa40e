"""Groups of tasks that share the CPU as one (CONFIG_FAIR_GROUP_SCHED of kernel/sched.c; spec cgroups B3).

A group has one entity and one queue per CPU: the entity stands in the queue of the group above. The cpu controller
makes groups, and so does setsid(2) (sched_autogroup.py). Real-time tasks are in no group: CONFIG_RT_GROUP_SCHED is off,
as in Debian's 3.2.

Differs: on several CPUs a group's shares are split by what is queued now, not by an average over
kernel.sched_shares_window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import MAX_RT_PRIO, SchedEntity
from procession.include.linux.task_group import TaskGroup
from procession.kernel import sched, sched_autogroup, sched_bandwidth, sched_fair
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.kernel.sched import Rq
    from procession.kernel.sched_fair import CfsRq

__all__ = (
    "sched_create_group",
    "sched_destroy_group",
    "sched_group_init",
    "sched_group_set_shares",
    "sched_group_shares",
    "sched_move_task",
    "set_task_rq",
    "task_group",
    "update_cfs_shares",
)

MIN_SHARES: Final = 2
MAX_SHARES: Final = 1 << 18


def sched_group_init(k: Kernel) -> None:
    """Make the group that all tasks are in that are in no other; sched_init() gives it the CPUs' queues."""
    slab.kmem_cache_create(k, "task_group", 512)
    k.sched.root_task_group = TaskGroup(k, None)
    k.sched.task_groups = {k.sched.root_task_group: None}


# Making and unmaking.


def sched_create_group(k: Kernel, parent: TaskGroup) -> TaskGroup:
    """Make a group within parent, with 1024 shares and no limit; raises ENOMEM."""
    k.caches["task_group"].alloc()
    tg = TaskGroup(k, parent)
    for rq in k.sched.runqueues:
        cfs = sched_fair.CfsRq(rq, tg)
        se = SchedEntity(None)
        se.my_q = cfs
        se.parent = parent.se[rq.cpu] if parent.se else None
        se.cfs_rq = parent.cfs_rq[rq.cpu]
        tg.cfs_rq.append(cfs)
        tg.se.append(se)
    parent.children[tg] = None
    k.sched.task_groups[tg] = None
    return tg


def sched_destroy_group(k: Kernel, tg: TaskGroup) -> None:
    """Unmake a group that nobody is in any more, neither task nor group."""
    sched_bandwidth.destroy_cfs_bandwidth(tg)
    if tg.parent is not None:
        del tg.parent.children[tg]
    del k.sched.task_groups[tg]
    # They refer to each other.
    tg.se.clear()
    tg.cfs_rq.clear()
    k.caches["task_group"].free()


# Which group a task is in.


def task_group(p: Task) -> TaskGroup | None:
    """Return the group that p belongs to, None for the root: its cpu cgroup's, or its session's."""
    tg = p.sched_task_group
    if tg is not None and tg.parent is not None:
        return tg
    if p.signal.autogroup is None:
        return None
    return sched_autogroup.autogroup_task_group(p)


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


def sched_move_task(p: Task) -> None:
    """Let p be in the group that it belongs to, because that has changed: Task.sched_task_group or its autogroup."""
    rq: Rq = p.kernel.sched.runqueues[p.cpu]
    with rq.lock.irq():
        on_rq = p.se.on_rq
        running = rq.curr is p
        if on_rq:
            sched.dequeue_task(rq, p)
        if running:
            sched.put_prev_task(rq, p)
        if p.prio >= MAX_RT_PRIO:
            sched_fair.task_move_group_fair(rq, p, on_rq)
        else:
            set_task_rq(p, rq)
        if running:
            sched.set_curr_task(rq, p)
        if on_rq:
            sched.enqueue_task(rq, p)
    p.kernel.clock.next_event_ns = 0


# Shares.


def sched_group_shares(tg: TaskGroup) -> int:
    """Return what cpu.shares shows."""
    return tg.shares


def sched_group_set_shares(tg: TaskGroup, shares: int) -> None:
    """Let a group weigh so much against the others of its parent, at least 2, at most 2**18; raises EINVAL for the root."""
    if not tg.se:
        raise LinuxError(Errno.EINVAL, "the shares of the root group")
    shares = max(MIN_SHARES, min(shares, MAX_SHARES))
    if shares == tg.shares:
        return
    tg.shares = shares
    for se in tg.se:
        rq = se.cfs_rq.rq
        with rq.lock.irq():
            entity: SchedEntity | None = se
            while entity is not None and entity.my_q is not None:
                update_cfs_shares(entity.my_q)
                entity = entity.parent
    tg.kernel.clock.next_event_ns = 0


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
