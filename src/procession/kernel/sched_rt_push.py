"""Real-time tasks on several CPUs: the most urgent ones run, wherever (kernel/sched_rt.c).

A CPU with more real-time tasks than it can run pushes the next one to where something less urgent runs; one that is
about to run something less urgent than before pulls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import MAX_RT_PRIO, TIF_NEED_RESCHED
from procession.kernel import sched_activate, sched_cpupri, sched_select

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = ("pull_rt_task", "push_rt_tasks", "switched_rt", "task_woken_rt")


def _pushable_tasks(rq: Rq) -> list[Task]:
    """Return who waits and may use another CPU, the most urgent first."""
    active = rq.rt.active
    return [p for prio in sorted(active) for p in active[prio] if p is not rq.curr and sched_cpupri.is_movable(p)]


# Pushing.


def _push_rt_task(rq: Rq) -> bool:
    """Push the next real-time task to a CPU that runs something less urgent; returns whether to try again."""
    pushable = _pushable_tasks(rq) if rq.rt.nr_running > 1 else []
    if not pushable:
        return False
    p = pushable[0]
    if p.prio < rq.curr.prio:
        rq.curr.ti_flags |= TIF_NEED_RESCHED
        return False
    cpu = sched_cpupri.find_lowest_rq(p)
    if cpu < 0 or cpu == rq.cpu:
        return False
    lowest_rq: Rq = rq.kernel.sched.runqueues[cpu]
    _move(rq, lowest_rq, p)
    lowest_rq.curr.ti_flags |= TIF_NEED_RESCHED
    return True


def _move(src: Rq, dest: Rq, p: Task) -> None:
    sched_activate.deactivate_task(src, p, sleep=False)
    sched_select.set_task_cpu(p, dest)
    sched_activate.activate_task(dest, p, wakeup=False)


def push_rt_tasks(rq: Rq) -> None:
    """Push as many as can run elsewhere. Context: a CPU has just begun to run a real-time task, or one has woken."""
    while _push_rt_task(rq):
        pass


def task_woken_rt(rq: Rq, p: Task) -> None:
    """P has woken behind something as urgent: it, or who waits before it, may run elsewhere."""
    curr = rq.curr
    if curr is p or curr.ti_flags & TIF_NEED_RESCHED or not sched_cpupri.is_movable(p):
        return
    if curr.prio < MAX_RT_PRIO and (not sched_cpupri.is_movable(curr) or curr.prio <= p.prio):
        push_rt_tasks(rq)


# Pulling.


def pull_rt_task(rq: Rq) -> None:
    """Take over whoever waits elsewhere and is more urgent than what is to run here."""
    for src in rq.kernel.sched.runqueues:
        if src is rq or src.rt.nr_running <= 1:
            continue
        p = _pick_next_highest_task_rt(src, rq.cpu)
        # Who is more urgent than what runs there has only just woken, and will run there.
        if p is not None and src.curr.prio <= p.prio < sched_cpupri.highest_prio(rq):
            _move(src, rq, p)


def _pick_next_highest_task_rt(rq: Rq, cpu: int) -> Task | None:
    for p in _pushable_tasks(rq):
        if p.cpus_allowed >> cpu & 1:
            return p
    return None


def switched_rt(rq: Rq, p: Task, old_prio: int) -> None:
    """P, who can run, has become more or less urgent (switched_from_rt, switched_to_rt, prio_changed_rt)."""
    if p.prio >= MAX_RT_PRIO:
        if old_prio < MAX_RT_PRIO and not rq.rt.nr_running:
            pull_rt_task(rq)
        return
    if old_prio >= MAX_RT_PRIO:
        if rq.curr is not p:
            _push_rt_task(rq)
        return
    if rq.curr is p and old_prio < p.prio:
        pull_rt_task(rq)
        if p.prio > sched_cpupri.highest_prio(rq):
            p.ti_flags |= TIF_NEED_RESCHED
