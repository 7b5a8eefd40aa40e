"""Keeping real-time tasks off a CPU that they have had for too long (the bandwidth part of kernel/sched_rt.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.printk import KERN_WARNING
from procession.include.linux.sched import TIF_NEED_RESCHED
from procession.kernel import hrtimer, sched_rt

if TYPE_CHECKING:
    from procession.kernel.sched_rq import Rq
    from procession.kernel.sched_rt import RtRq

__all__ = ("check_throttle",)


def check_throttle(rq: Rq) -> None:
    """Keep real-time tasks off the CPU for the rest of the period if they used too much (sched_rt_runtime_exceeded)."""
    rt = rq.rt
    if rt.throttled or rt.rt_time_ns <= rt.runtime_ns or rt.runtime_ns >= rt.period_ns:
        return
    k = rq.kernel
    if k.nr_cpus > 1:
        _balance_runtime(rq)
        if rt.rt_time_ns <= rt.runtime_ns:
            return
    rt.throttled = True
    if not k.sched.rt_throttled:
        k.sched.rt_throttled = True
        k.printk("sched: RT throttling activated", KERN_WARNING)
    rq.curr.ti_flags |= TIF_NEED_RESCHED
    if rt.period_timer is None:
        rt.period_timer = Hrtimer(sched_rt_period_timer, data=rq)
    hrtimer.hrtimer_start(k, rt.period_timer, rt.period_start_ns + rt.period_ns)


def _balance_runtime(rq: Rq) -> None:
    """Borrow what other CPUs have no use for: of each the n-th part, a period in all (do_balance_runtime)."""
    rt = rq.rt
    k = rq.kernel
    for other in k.sched.runqueues:
        if other is rq:
            continue
        lender: RtRq = other.rt
        sched_rt.replenish(lender, k.clock.now_ns)
        spare_ns = (lender.runtime_ns - lender.rt_time_ns) // k.nr_cpus
        if spare_ns > 0:
            spare_ns = min(spare_ns, rt.period_ns - rt.runtime_ns)
            lender.runtime_ns -= spare_ns
            rt.runtime_ns += spare_ns
        if rt.runtime_ns == rt.period_ns:
            break


def sched_rt_period_timer(timer: Hrtimer) -> int | None:
    """A period is over: the throttled may run, unless they owe more than a period's time."""
    rq: Rq = timer.data  # type: ignore[assignment]
    rt = rq.rt
    now_ns = rq.kernel.clock.now_ns
    sched_rt.replenish(rt, now_ns)
    if rt.rt_time_ns >= rt.runtime_ns:
        return max(now_ns + 1, rt.period_start_ns + rt.period_ns)
    rt.throttled = False
    if rt.nr_running:
        clock = rq.kernel.clock
        if rq.cpu != rq.kernel.cpu and rq.curr is rq.idle:
            clock.cpu_ns[rq.cpu] = max(clock.cpu_ns[rq.cpu], now_ns)
        rq.curr.ti_flags |= TIF_NEED_RESCHED
    return None
