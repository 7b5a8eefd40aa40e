"""Groups of tasks that share the CPU as one (CONFIG_FAIR_GROUP_SCHED of kernel/sched.c; spec cgroups B3).

A group has one entity and one queue per CPU: the entity stands in the queue of the group above. The cpu controller
makes groups, and so does setsid(2) (sched_autogroup.py). Real-time tasks are in no group: CONFIG_RT_GROUP_SCHED is off,
as in Debian's 3.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import MAX_RT_PRIO, SchedEntity
from procession.include.linux.task_group import TaskGroup
from procession.kernel import sched_activate, sched_bandwidth, sched_entity, sched_fair

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = (
    "sched_create_group",
    "sched_destroy_group",
    "sched_group_set_shares",
    "sched_group_shares",
    "sched_move_task",
)

MAX_SHARES: Final = 1 << 18


# Making and unmaking.


def sched_create_group(k: Kernel, parent: TaskGroup) -> TaskGroup:
    """Make a group within parent, with 1024 shares and no limit; raises ENOMEM."""
    k.caches["task_group"].alloc()
    tg = TaskGroup(k, parent)
    sched_bandwidth.init_cfs_bandwidth(tg)
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
    for cfs in tg.cfs_rq:
        if cfs in cfs.rq.leaf_cfs_rq_list:
            cfs.rq.leaf_cfs_rq_list.remove(cfs)
    # They refer to each other.
    tg.se.clear()
    tg.cfs_rq.clear()
    k.caches["task_group"].free()


# Which group a task is in.


def sched_move_task(p: Task) -> None:
    """Let p be in the group that it belongs to, because that has changed: Task.sched_task_group or its autogroup."""
    rq: Rq = p.kernel.sched.runqueues[p.cpu]
    with rq.lock.irq():
        on_rq = p.se.on_rq
        running = rq.curr is p
        if on_rq:
            sched_activate.dequeue_task(rq, p)
        if running:
            sched_activate.put_prev_task(rq, p)
        if p.prio >= MAX_RT_PRIO:
            sched_fair.task_move_group_fair(rq, p, on_rq)
        else:
            sched_entity.set_task_rq(p, rq)
        if running:
            sched_activate.set_curr_task(rq, p)
        if on_rq:
            sched_activate.enqueue_task(rq, p)
    p.kernel.clock.next_event_ns = 0


# Shares.


def sched_group_shares(tg: TaskGroup) -> int:
    """Return what cpu.shares shows."""
    return tg.shares


def sched_group_set_shares(tg: TaskGroup, shares: int) -> None:
    """Let a group weigh so much against its parent's others, 2 at least, 2**18 at most; raises EINVAL for the root."""
    if not tg.se:
        raise LinuxError(Errno.EINVAL, "the shares of the root group")
    shares = max(sched_entity.MIN_SHARES, min(shares, MAX_SHARES))
    if shares == tg.shares:
        return
    tg.shares = shares
    for se in tg.se:
        rq = se.cfs_rq.rq
        with rq.lock.irq():
            entity: SchedEntity | None = se
            while entity is not None and entity.my_q is not None:
                sched_entity.update_cfs_shares(entity.my_q)
                entity = entity.parent
    tg.kernel.clock.next_event_ns = 0
