"""The real-time scheduling class: SCHED_FIFO and SCHED_RR (kernel/sched_rt.c; spec 17.1).

Differs: the bandwidth limit (950 ms of every second) is applied only while ordinary tasks wait for this CPU; 3.2 lets
the CPU idle otherwise. No pushing and pulling between CPUs beyond what waking does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.clock import NEVER
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.sched import SCHED_RR, TIF_NEED_RESCHED
from procession.include.linux.time import NSEC_PER_USEC
from procession.kernel import hrtimer

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched import Rq

__all__ = (
    "DEF_TIMESLICE_NS",
    "RtRq",
    "check_throttle",
    "dequeue_task_rt",
    "enqueue_task_rt",
    "next_tick_rt",
    "pick_next_task_rt",
    "put_prev_task_rt",
    "set_curr_task_rt",
    "task_tick_rt",
    "yield_task_rt",
)

DEF_TIMESLICE_NS: Final = 100_000_000
RT_PERIOD_NS: Final = 1_000_000 * NSEC_PER_USEC  # sysctl_sched_rt_period
RT_RUNTIME_NS: Final = 950_000_000


class RtRq:
    """The real-time tasks of one CPU (struct rt_rq). A running one stays in its queue."""

    __slots__ = ("active", "bitmap", "nr_running", "period_start_ns", "period_timer", "rt_time_ns", "throttled")

    def __init__(self) -> None:
        self.active: dict[int, list[Task]] = {}  # prio -> tasks, first to run first
        self.bitmap = 0  # bit prio is set if active[prio] is not empty
        self.nr_running = 0
        self.rt_time_ns = 0  # used up in this period
        self.period_start_ns = 0
        self.throttled = False
        self.period_timer: Hrtimer | None = None


def enqueue_task_rt(rq: Rq, p: Task) -> None:
    """Queue p behind those of its priority."""
    rt = rq.rt
    rt.active.setdefault(p.prio, []).append(p)
    rt.bitmap |= 1 << p.prio
    rt.nr_running += 1
    rq.nr_running += 1
    p.se.on_rq = True


def dequeue_task_rt(rq: Rq, p: Task) -> None:
    """Take p off its queue."""
    update_curr_rt(rq)
    rt = rq.rt
    queue = rt.active[p.prio]
    queue.remove(p)
    if not queue:
        rt.bitmap &= ~(1 << p.prio)
    rt.nr_running -= 1
    rq.nr_running -= 1
    p.se.on_rq = False


def pick_next_task_rt(rq: Rq) -> Task:
    """Return the first task of the highest priority."""
    bitmap = rq.rt.bitmap
    p = rq.rt.active[(bitmap & -bitmap).bit_length() - 1][0]
    p.se.exec_start = rq.kernel.clock.now_ns
    return p


def set_curr_task_rt(rq: Rq, p: Task) -> None:
    """P becomes a real-time task while it runs."""
    p.se.exec_start = rq.kernel.clock.now_ns


def put_prev_task_rt(rq: Rq, prev: Task) -> None:
    """Prev stops running."""
    update_curr_rt(rq)


def update_curr_rt(rq: Rq) -> None:
    """Charge the running task, and its class, up to now."""
    curr = rq.curr
    if curr.prio >= 100:
        return
    now_ns = rq.kernel.clock.now_ns
    delta_ns = now_ns - curr.se.exec_start
    if delta_ns <= 0:
        return
    curr.se.exec_start = now_ns
    curr.se.sum_exec_runtime += delta_ns
    if curr.policy == SCHED_RR:
        curr.rt_time_slice -= delta_ns
    rt = rq.rt
    _replenish(rt, now_ns)
    rt.rt_time_ns += delta_ns


def _replenish(rt: RtRq, now_ns: int) -> None:
    periods = (now_ns - rt.period_start_ns) // RT_PERIOD_NS
    if periods > 0:
        rt.period_start_ns += periods * RT_PERIOD_NS
        rt.rt_time_ns = max(0, rt.rt_time_ns - periods * RT_RUNTIME_NS)


def check_throttle(rq: Rq) -> None:
    """Keep real-time tasks off the CPU for the rest of the period if they used too much of it."""
    rt = rq.rt
    if rt.throttled or rt.rt_time_ns <= RT_RUNTIME_NS or rq.nr_running <= rt.nr_running:
        return
    rt.throttled = True
    rq.curr.ti_flags |= TIF_NEED_RESCHED
    if rt.period_timer is None:
        rt.period_timer = Hrtimer(sched_rt_period_timer, data=rq)
    hrtimer.hrtimer_start(rq.kernel, rt.period_timer, rt.period_start_ns + RT_PERIOD_NS)


def sched_rt_period_timer(timer: Hrtimer) -> int | None:
    rq: Rq = timer.data  # type: ignore[assignment]
    rt = rq.rt
    _replenish(rt, rq.kernel.clock.now_ns)
    if rt.rt_time_ns > RT_RUNTIME_NS:
        return rt.period_start_ns + RT_PERIOD_NS
    rt.throttled = False
    if rt.nr_running:
        rq.curr.ti_flags |= TIF_NEED_RESCHED
    return None


def task_tick_rt(rq: Rq, curr: Task) -> None:
    """A round-robin task whose quantum is used up goes behind its equals."""
    update_curr_rt(rq)
    if curr.policy != SCHED_RR or curr.rt_time_slice > 0:
        return
    curr.rt_time_slice = DEF_TIMESLICE_NS
    if len(rq.rt.active[curr.prio]) > 1:
        yield_task_rt(rq)
        curr.ti_flags |= TIF_NEED_RESCHED


def yield_task_rt(rq: Rq) -> None:
    """Put the running task behind its equals."""
    curr = rq.curr
    queue = rq.rt.active[curr.prio]
    queue.remove(curr)
    queue.append(curr)


def next_tick_rt(rq: Rq, curr: Task) -> int:
    """Return when the quantum or the bandwidth of the running task ends."""
    rt = rq.rt
    tick_ns = NEVER
    if curr.policy == SCHED_RR and len(rt.active[curr.prio]) > 1:
        tick_ns = curr.se.exec_start + max(1, curr.rt_time_slice)
    if rq.nr_running > rt.nr_running and not rt.throttled:
        _replenish(rt, curr.se.exec_start)
        tick_ns = min(tick_ns, curr.se.exec_start + max(1, RT_RUNTIME_NS - rt.rt_time_ns + 1))
    return tick_ns
