"""Which CPUs a task may use, and what a migration thread does about it (kernel/sched.c, stop_machine.c).

Differs: no migration thread runs; what it would do is done here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.hw.clock import NEVER
from procession.hw.costs import SWITCH_NS
from procession.include.linux.sched import TASK_UNINTERRUPTIBLE, TIF_NEED_RESCHED, set_task_state
from procession.kernel import sched, sched_activate, sched_select

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sched_exec", "set_cpus_allowed_ptr")


async def set_cpus_allowed_ptr(current: Task, p: Task, new_mask: int) -> None:
    """Restrict p to the CPUs in new_mask, one of which must be there; returns when it is on one of them."""
    p.cpus_allowed = new_mask
    if new_mask >> p.cpu & 1:
        return
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    if p is current:
        await _stop_one_cpu(rq, p)
    elif p.se.on_rq:
        _migration_cpu_stop(rq, p)


async def sched_exec(current: Task) -> None:
    """Current is about to execute another program, so it has nothing in a cache: it may move for free.

    It does not, without preemption: by the time the migration thread runs it sleeps, and whoever wakes does so where it
    was. But it has slept.
    """
    rq: sched.Rq = current.kernel.sched.runqueues[current.cpu]
    if rq.sd is not None and sched_select.select_task_rq_exec(current) != rq.cpu:
        await _stop_one_cpu(rq, current)


async def _stop_one_cpu(rq: sched.Rq, current: Task) -> None:
    """Sleep until the migration thread is done; who wakes does so on a CPU that it may use."""
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    rq.stop = True
    sched.do_schedule(rq)
    rq.stop = False
    sched.try_to_wake_up(current, TASK_UNINTERRUPTIBLE)
    await sched.SWITCH


def _migration_cpu_stop(rq: sched.Rq, p: Task) -> None:
    """Move p, which is not current but may run on another CPU, to the first CPU that it may use."""
    k = p.kernel
    dest: sched.Rq = k.sched.runqueues[sched_select.select_fallback_rq(p)]
    with rq.lock.irq():
        sched_activate.deactivate_task(rq, p, sleep=False)
        if rq.curr is p:
            _stop_running(rq, p)
        sched_select.set_task_cpu(p, dest)
        sched_activate.activate_task(dest, p, wakeup=False)
        sched_activate.check_preempt_curr(dest, p)


def _stop_running(rq: sched.Rq, p: Task) -> None:
    """Leave a CPU that is not the executing one to its idle task, which picks anew."""
    k = p.kernel
    sched_activate.put_prev_task(rq, p)
    p.nivcsw += 1
    rq.nr_switches += 1
    p.ti_flags &= ~TIF_NEED_RESCHED
    p.on_cpu = False
    rq.curr = rq.idle
    rq.idle.on_cpu = True
    rq.idle.ti_flags |= TIF_NEED_RESCHED
    rq.tick_ns = NEVER
    k.clock.cpu_ns[rq.cpu] += SWITCH_NS
