"""Priorities and what follows from them (kernel/sched.c; spec 17.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from procession.include.linux.sched import DEFAULT_PRIO, MAX_RT_PRIO, SCHED_FIFO, SCHED_RR
from procession.kernel import sched, sched_activate, sched_entity, sched_rt_push, sched_weight

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "Change",
    "begin_change",
    "effective_prio",
    "end_change",
    "normal_prio",
    "rt_mutex_getprio",
    "rt_mutex_setprio",
    "set_user_nice",
)

RT_POLICIES: Final = (SCHED_FIFO, SCHED_RR)


def normal_prio(p: Task) -> int:
    """Return the priority that follows from policy, real-time priority and nice value."""
    if p.policy in RT_POLICIES:
        return MAX_RT_PRIO - 1 - p.rt_priority
    return p.static_prio


def effective_prio(p: Task) -> int:
    """Set normal_prio and return the priority in force: a task that is boosted to a real-time one keeps that."""
    p.normal_prio = normal_prio(p)
    return p.prio if p.prio < MAX_RT_PRIO else p.normal_prio


def rt_mutex_getprio(p: Task) -> int:
    """Return p's priority, or that of the first who waits for a lock of its."""
    waiters = p.pi_waiters
    return min(waiters[0].pi_prio, p.normal_prio) if waiters else p.normal_prio


def set_user_nice(p: Task, nice: int) -> None:
    """Change p's nice value; a running task that lost or a waiting one that gained may switch."""
    if sched.task_nice(p) == nice or not -20 <= nice <= 19:
        return
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    with rq.lock.irq():
        if p.policy in RT_POLICIES:
            # Remembered for the day it becomes an ordinary task again.
            p.static_prio = DEFAULT_PRIO + nice
            return
        on_rq = p.se.on_rq
        if on_rq:
            sched_activate.dequeue_task(rq, p)
        p.static_prio = DEFAULT_PRIO + nice
        sched_weight.set_load_weight(p)
        old_prio = p.prio
        p.prio = effective_prio(p)
        if on_rq:
            sched_activate.enqueue_task(rq, p)
            if p.prio < old_prio or (p.prio > old_prio and rq.curr is p):
                sched.resched_task(rq.curr)


# Between classes.


class Change(NamedTuple):
    """What p was when it was taken off its queue for a change."""

    prio: int
    on_rq: bool
    running: bool


def begin_change(rq: sched.Rq, p: Task) -> Change:
    """Take p off its queue, and off the CPU in a way, for a change of what it is. Context: rq.lock held."""
    rq.lock.assert_held()
    change = Change(p.prio, p.se.on_rq, rq.curr is p)
    if change.on_rq:
        sched_activate.dequeue_task(rq, p)
    if change.running:
        sched_activate.put_prev_task(rq, p)
    return change


def end_change(rq: sched.Rq, p: Task, change: Change, *, head: bool = False) -> None:
    """Put p where it belongs now, with head ahead of its equals; who should run there is to (check_class_changed)."""
    was_fair = change.prio >= MAX_RT_PRIO
    is_fair = p.prio >= MAX_RT_PRIO
    if was_fair != is_fair:
        # In no group as a real-time task, so its place may be another one now.
        min_vruntime = p.se.cfs_rq.min_vruntime
        sched_entity.set_task_rq(p, rq)
        if is_fair:
            p.se.vruntime = 0 if change.on_rq else p.se.cfs_rq.min_vruntime
        elif not change.on_rq:
            # It would be from another age when it comes back.
            p.se.vruntime -= min_vruntime
    if change.running:
        sched_activate.set_curr_task(rq, p)
    if change.on_rq:
        sched_activate.enqueue_task(rq, p, head)
        if change.running and p.prio > change.prio:
            sched.resched_task(p)
        elif not change.running:
            sched_activate.check_preempt_curr(rq, p)
        if rq.sd is not None and change.prio != p.prio:
            sched_rt_push.switched_rt(rq, p, change.prio)
    p.kernel.clock.next_event_ns = 0


def rt_mutex_setprio(p: Task, prio: int) -> None:
    """Let p have the priority of somebody who waits for it, or its own again: only prio and class change."""
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    with rq.lock.irq():
        change = begin_change(rq, p)
        p.prio = prio
        end_change(rq, p, change, head=change.prio < prio)
