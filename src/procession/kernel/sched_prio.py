"""Priorities and what follows from them (kernel/sched.c; spec 17.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import DEFAULT_PRIO, MAX_RT_PRIO, SCHED_FIFO, SCHED_IDLE, SCHED_RR
from procession.kernel import sched, sched_weight

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("effective_prio", "normal_prio", "set_load_weight", "set_user_nice")

RT_POLICIES: Final = (SCHED_FIFO, SCHED_RR)


def normal_prio(p: Task) -> int:
    """Return the priority that follows from policy, real-time priority and nice value."""
    if p.policy in RT_POLICIES:
        return MAX_RT_PRIO - 1 - p.rt_priority
    return p.static_prio


def effective_prio(p: Task) -> int:
    """Set normal_prio and return the priority in force."""
    p.normal_prio = normal_prio(p)
    return p.normal_prio


def set_load_weight(p: Task) -> None:
    """Set the weight by which p shares the CPU."""
    if p.policy == SCHED_IDLE:
        p.se.weight = sched_weight.WEIGHT_IDLEPRIO
    else:
        p.se.weight = sched_weight.PRIO_TO_WEIGHT[p.static_prio - MAX_RT_PRIO]


def set_user_nice(p: Task, nice: int) -> None:
    """Change p's nice value; a running task that lost or a waiting one that gained may switch."""
    if sched.task_nice(p) == nice or not -20 <= nice <= 19:
        return
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    with rq.lock.irq():
        if p.prio < MAX_RT_PRIO:
            # Remembered for the day it becomes an ordinary task again.
            p.static_prio = DEFAULT_PRIO + nice
            return
        on_rq = p.se.on_rq
        if on_rq:
            sched.dequeue_task(rq, p)
        p.static_prio = DEFAULT_PRIO + nice
        set_load_weight(p)
        old_prio = p.prio
        p.prio = effective_prio(p)
        if on_rq:
            sched.enqueue_task(rq, p)
            if p.prio < old_prio or (p.prio > old_prio and rq.curr is p):
                sched.resched_task(rq.curr)
