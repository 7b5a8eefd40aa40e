"""Which CPUs a task may use (kernel/sched.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.hw.clock import NEVER
from procession.hw.costs import SWITCH_NS
from procession.include.linux.sched import TASK_UNINTERRUPTIBLE, TIF_NEED_RESCHED, set_task_state
from procession.kernel import sched, sched_balance

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("set_cpus_allowed_ptr",)


async def set_cpus_allowed_ptr(current: Task, p: Task, new_mask: int) -> None:
    """Restrict p to the CPUs in new_mask, one of which must be there; returns when it is on one of them.

    Differs: no migration thread runs; what it would do is done here.
    """
    p.cpus_allowed = new_mask
    if new_mask >> p.cpu & 1:
        return
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    if p is current:
        # stop_one_cpu() sleeps until the migration thread is done, and who wakes does so on a CPU that it may use.
        set_task_state(p, TASK_UNINTERRUPTIBLE)
        sched.do_schedule(rq)
        sched.try_to_wake_up(p, TASK_UNINTERRUPTIBLE)
        await sched.SWITCH
    elif p.se.on_rq:
        _migration_cpu_stop(rq, p)


def _migration_cpu_stop(rq: sched.Rq, p: Task) -> None:
    """Move p, which is not current but may run on another CPU, to the first CPU that it may use."""
    k = p.kernel
    dest: sched.Rq = k.sched.runqueues[(p.cpus_allowed & -p.cpus_allowed).bit_length() - 1]
    with rq.lock.irq():
        sched.deactivate_task(rq, p, sleep=False)
        if rq.curr is p:
            _stop_running(rq, p)
        sched_balance.set_task_cpu(rq, dest, p)
        sched.activate_task(dest, p, wakeup=False)
        sched.check_preempt_curr(dest, p)


def _stop_running(rq: sched.Rq, p: Task) -> None:
    """Leave a CPU that is not the executing one to its idle task, which picks anew."""
    k = p.kernel
    sched.put_prev_task(rq, p)
    p.nivcsw += 1
    rq.nr_switches += 1
    p.ti_flags &= ~TIF_NEED_RESCHED
    p.on_cpu = False
    rq.curr = rq.idle
    rq.idle.on_cpu = True
    rq.idle.ti_flags |= TIF_NEED_RESCHED
    rq.tick_ns = NEVER
    k.clock.cpu_ns[rq.cpu] += SWITCH_NS
