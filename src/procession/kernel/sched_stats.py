"""How long tasks wait for a CPU (struct sched_info; kernel/sched_stats.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = ("sched_info_dequeued", "sched_info_switch")


def sched_info_dequeued(rq: Rq, p: Task) -> None:
    """P waits no longer for this CPU: it is on it, or on no queue."""
    delay_ns = max(0, rq.kernel.clock.now_ns - p.last_queued)  # another CPU may be behind that of where it was queued
    p.last_queued = 0
    p.run_delay += delay_ns
    rq.run_delay += delay_ns


def sched_info_switch(rq: Rq, prev: Task, next: Task, state: int) -> None:
    """Prev leaves the CPU to next: note how long it had it, and how long next has waited."""
    now_ns = rq.kernel.clock.now_ns
    if prev is not rq.idle:
        rq.rq_cpu_time += now_ns - prev.last_arrival
        if not state:
            prev.last_queued = now_ns
    if next is rq.idle:
        rq.sched_goidle += 1
        return
    if next.last_queued:
        sched_info_dequeued(rq, next)
    next.last_arrival = now_ns
    next.pcount += 1
    rq.pcount += 1
