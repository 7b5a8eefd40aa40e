"""Putting tasks on a run queue, and taking them off, whatever their class (activate_task() and its like, sched.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.hw.clock import NEVER
from procession.include.linux.sched import MAX_RT_PRIO, PF_FREEZING, TASK_UNINTERRUPTIBLE, TIF_NEED_RESCHED
from procession.kernel import sched_fair, sched_load, sched_rt, sched_stats

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = (
    "activate_task",
    "check_preempt_curr",
    "deactivate_task",
    "dequeue_task",
    "enqueue_task",
    "put_prev_task",
    "set_curr_task",
)


def enqueue_task(rq: Rq, p: Task, head: bool = False) -> None:
    """Put p on its class's queue again after its parameters changed."""
    if p.prio < MAX_RT_PRIO:
        sched_rt.enqueue_task_rt(rq, p, wakeup=False, head=head)
    else:
        sched_fair.enqueue_task_fair(rq, p, wakeup=False)


def dequeue_task(rq: Rq, p: Task) -> None:
    """Take p off its class's queue for a change of its parameters."""
    if p.prio < MAX_RT_PRIO:
        sched_rt.dequeue_task_rt(rq, p)
    else:
        sched_fair.dequeue_task_fair(rq, p, sleep=False)


def put_prev_task(rq: Rq, p: Task) -> None:
    """P, which runs, stops running."""
    if p.prio < MAX_RT_PRIO:
        sched_rt.put_prev_task_rt(rq, p)
    else:
        sched_fair.put_prev_task_fair(rq, p)


def set_curr_task(rq: Rq, p: Task) -> None:
    """P, which runs, is in another class or group from now on."""
    if p.prio < MAX_RT_PRIO:
        sched_rt.set_curr_task_rt(rq, p)
    else:
        sched_fair.set_curr_task_fair(rq, p)


def activate_task(rq: Rq, p: Task, wakeup: bool) -> None:
    """Make p runnable on rq."""
    k = rq.kernel
    clock = k.clock
    if clock.now_ns >= k.sched.calc_load_update_ns:
        sched_load.calc_global_load(k)
    if p.prio < MAX_RT_PRIO:
        sched_rt.enqueue_task_rt(rq, p, wakeup)
    else:
        sched_fair.enqueue_task_fair(rq, p, wakeup)
    if not p.last_queued:
        p.last_queued = clock.now_ns
    if rq.tick_ns == NEVER:
        # Whoever runs there has company from now on: the machine loop must work out when its turn ends.
        clock.next_event_ns = 0
    if rq.cpu != k.cpu and rq.curr is rq.idle:
        # An idle CPU's clock stands still until there is something to do.
        clock.cpu_ns[rq.cpu] = max(clock.cpu_ns[rq.cpu], clock.now_ns)


def deactivate_task(rq: Rq, p: Task, sleep: bool) -> None:
    """Take p off rq."""
    k = rq.kernel
    if k.clock.now_ns >= k.sched.calc_load_update_ns:
        sched_load.calc_global_load(k)
    if sleep and p.state & TASK_UNINTERRUPTIBLE and not p.flags & PF_FREEZING:
        rq.nr_uninterruptible += 1
    if p.last_queued:
        sched_stats.sched_info_dequeued(rq, p)
    if p.prio < MAX_RT_PRIO:
        sched_rt.dequeue_task_rt(rq, p)
    else:
        sched_fair.dequeue_task_fair(rq, p, sleep)


def check_preempt_curr(rq: Rq, p: Task) -> None:
    """Let a task that became runnable take the CPU from the running one if it is due."""
    curr = rq.curr
    if curr is rq.idle:
        curr.ti_flags |= TIF_NEED_RESCHED
    elif p.prio < MAX_RT_PRIO:
        if p.prio < curr.prio:
            curr.ti_flags |= TIF_NEED_RESCHED
        elif rq.sd is not None and p.prio == curr.prio and not curr.ti_flags & TIF_NEED_RESCHED:
            sched_rt.check_preempt_equal_prio(rq, p)
    elif curr.prio >= MAX_RT_PRIO:
        sched_fair.check_preempt_wakeup(rq, curr, p)
