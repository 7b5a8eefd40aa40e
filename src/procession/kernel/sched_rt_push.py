"""Real-time tasks on several CPUs: the most urgent ones run, wherever (kernel/sched_rt.c, sched_cpupri.c).

A CPU with more real-time tasks than it can run pushes the next one to where something less urgent runs; one that is
about to run something less urgent than before pulls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import MAX_RT_PRIO, TIF_NEED_RESCHED
from procession.include.linux.topology import SD_BALANCE_FORK, SD_BALANCE_WAKE, SD_WAKE_AFFINE
from procession.kernel import sched, sched_rt, sched_select
from procession.kernel.sched_cpu_load import smp_processor_id

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = (
    "check_preempt_equal_prio",
    "pull_rt_task",
    "push_rt_tasks",
    "select_task_rq_rt",
    "switched_rt",
    "task_woken_rt",
)


def highest_prio(rq: Rq) -> int:
    """Return the priority of a CPU's most urgent real-time task, MAX_RT_PRIO if it has none."""
    bitmap = rq.rt.bitmap
    return (bitmap & -bitmap).bit_length() - 1 if bitmap else MAX_RT_PRIO


def _is_movable(p: Task) -> bool:
    return p.cpus_allowed & (p.cpus_allowed - 1) != 0


def _pushable_tasks(rq: Rq) -> list[Task]:
    """Return who waits and may use another CPU, the most urgent first."""
    active = rq.rt.active
    return [p for prio in sorted(active) for p in active[prio] if p is not rq.curr and _is_movable(p)]


# Where to.


def _cpupri_find(p: Task) -> int:
    """Return the CPUs that p may use and where the least urgent things run, as a mask; 0 if none is below p."""
    rqs: list[Rq] = p.kernel.sched.runqueues
    prios = [(highest_prio(rq), rq.cpu) for rq in rqs if p.cpus_allowed >> rq.cpu & 1]
    most = max(prios, default=(0, 0))[0]
    if most <= p.prio:
        return 0
    return sum(1 << cpu for prio, cpu in prios if prio == most)


def find_lowest_rq(p: Task) -> int:
    """Return a CPU where p would run at once: where it was, here, or the first; -1 if there is none."""
    k = p.kernel
    if not _is_movable(p):
        return -1
    lowest_mask = _cpupri_find(p)
    if not lowest_mask:
        return -1
    if lowest_mask >> p.cpu & 1:
        return p.cpu
    this_cpu = smp_processor_id(k)
    sd = k.sched.runqueues[p.cpu].sd
    if lowest_mask >> this_cpu & 1:
        return this_cpu
    if sd is not None and sd.flags & SD_WAKE_AFFINE and lowest_mask & sd.span:
        lowest_mask &= sd.span
    return (lowest_mask & -lowest_mask).bit_length() - 1


def select_task_rq_rt(p: Task, sd_flag: int) -> int:
    """Return where p goes when it wakes or is born: where it was, unless something as urgent runs there."""
    if sd_flag not in (SD_BALANCE_WAKE, SD_BALANCE_FORK):
        return p.cpu
    curr = p.kernel.sched.runqueues[p.cpu].curr
    if curr.prio < MAX_RT_PRIO and (not _is_movable(curr) or curr.prio <= p.prio) and _is_movable(p):
        target = find_lowest_rq(p)
        if target >= 0:
            return target
    return p.cpu


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
    cpu = find_lowest_rq(p)
    if cpu < 0 or cpu == rq.cpu:
        return False
    lowest_rq: Rq = rq.kernel.sched.runqueues[cpu]
    _move(rq, lowest_rq, p)
    lowest_rq.curr.ti_flags |= TIF_NEED_RESCHED
    return True


def _move(src: Rq, dest: Rq, p: Task) -> None:
    sched.deactivate_task(src, p, sleep=False)
    sched_select.set_task_cpu(p, dest)
    sched.activate_task(dest, p, wakeup=False)


def push_rt_tasks(rq: Rq) -> None:
    """Push as many as can run elsewhere. Context: a CPU has just begun to run a real-time task, or one has woken."""
    while _push_rt_task(rq):
        pass


def task_woken_rt(rq: Rq, p: Task) -> None:
    """P has woken behind something as urgent: it, or who waits before it, may run elsewhere."""
    curr = rq.curr
    if curr is p or curr.ti_flags & TIF_NEED_RESCHED or not _is_movable(p):
        return
    if curr.prio < MAX_RT_PRIO and (not _is_movable(curr) or curr.prio <= p.prio):
        push_rt_tasks(rq)


def check_preempt_equal_prio(rq: Rq, p: Task) -> None:
    """Where p, who woke, cannot go elsewhere, and who runs can: let p run, and the other be pushed away."""
    if not _is_movable(rq.curr) or (_is_movable(p) and _cpupri_find(p)):
        return
    if not _cpupri_find(rq.curr):
        return
    sched_rt.requeue_task_rt(rq, p, head=True)
    rq.curr.ti_flags |= TIF_NEED_RESCHED


# Pulling.


def pull_rt_task(rq: Rq) -> None:
    """Take over whoever waits elsewhere and is more urgent than what is to run here."""
    for src in rq.kernel.sched.runqueues:
        if src is rq or src.rt.nr_running <= 1:
            continue
        p = _pick_next_highest_task_rt(src, rq.cpu)
        # Who is more urgent than what runs there has only just woken, and will run there.
        if p is not None and src.curr.prio <= p.prio < highest_prio(rq):
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
        if p.prio > highest_prio(rq):
            p.ti_flags |= TIF_NEED_RESCHED
