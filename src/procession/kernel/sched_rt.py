"""The real-time scheduling class: SCHED_FIFO and SCHED_RR (kernel/sched_rt.c; spec 17.1).

A CPU's real-time tasks, all together, may use so much of each period; then the CPU has to do without them. What happens
then is in sched_rt_throttle.py, how they go from one CPU to another in sched_rt_push.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.clock import NEVER
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_RTTIME
from procession.include.linux.sched import MAX_RT_PRIO, SCHED_RR, TIF_NEED_RESCHED
from procession.include.linux.task_group import RUNTIME_INF
from procession.include.linux.time import NSEC_PER_USEC, TICK_PERIOD_NS
from procession.kernel import sched_cpu_load, sched_cpupri

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.kernel import SchedState
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = (
    "DEF_TIMESLICE_NS",
    "RtRq",
    "check_preempt_equal_prio",
    "dequeue_task_rt",
    "enqueue_task_rt",
    "next_tick_rt",
    "pick_next_task_rt",
    "put_prev_task_rt",
    "replenish",
    "requeue_task_rt",
    "set_curr_task_rt",
    "task_tick_rt",
    "yield_task_rt",
)

DEF_TIMESLICE_NS: Final = 100_000_000


class RtRq:
    """The real-time tasks of one CPU (struct rt_rq). A running one stays in its queue."""

    __slots__ = (
        "active",
        "bitmap",
        "nr_running",
        "period_ns",
        "period_start_ns",
        "period_timer",
        "rt_time_ns",
        "runtime_ns",
        "throttled",
    )

    def __init__(self, state: SchedState) -> None:
        self.active: dict[int, list[Task]] = {}  # prio -> tasks, first to run first
        self.bitmap = 0  # bit prio is set if active[prio] is not empty
        self.nr_running = 0
        self.rt_time_ns = 0  # used up in this period
        self.period_start_ns = 0
        self.throttled = False
        self.period_timer: Hrtimer | None = None
        self.set_runtime(state)

    def set_runtime(self, state: SchedState) -> None:
        """Take over what the tunables say."""
        self.period_ns = state.sysctl_sched_rt_period * NSEC_PER_USEC
        if state.sysctl_sched_rt_runtime < 0:
            self.runtime_ns = RUNTIME_INF
        else:
            self.runtime_ns = state.sysctl_sched_rt_runtime * NSEC_PER_USEC


def enqueue_task_rt(rq: Rq, p: Task, wakeup: bool, head: bool = False) -> None:
    """Queue p behind those of its priority, or ahead of them."""
    if wakeup:
        p.rt_timeout = 0
    rt = rq.rt
    queue = rt.active.setdefault(p.prio, [])
    if head:
        queue.insert(0, p)
    else:
        queue.append(p)
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
    if curr.prio >= MAX_RT_PRIO:
        return
    now_ns = rq.kernel.clock.now_ns
    delta_ns = now_ns - curr.se.exec_start
    if delta_ns <= 0:
        return
    if curr.signal.rlim[RLIMIT_RTTIME][0] != RLIM_INFINITY:
        # The ticks in between; what follows from them is in posix_cpu_timers.py (watchdog()).
        curr.rt_timeout += now_ns // TICK_PERIOD_NS - curr.se.exec_start // TICK_PERIOD_NS
    curr.se.exec_start = now_ns
    curr.se.sum_exec_runtime += delta_ns
    if curr.policy == SCHED_RR:
        curr.rt_time_slice -= delta_ns
    rt = rq.rt
    replenish(rt, now_ns)
    rt.rt_time_ns += delta_ns
    if rq.sd is not None:
        sched_cpu_load.sched_rt_avg_update(rq, delta_ns)


def replenish(rt: RtRq, now_ns: int) -> None:
    """Begin a new period if one is over: what was used up is forgotten, but for what was too much."""
    periods = (now_ns - rt.period_start_ns) // rt.period_ns
    if periods > 0:
        rt.period_start_ns += periods * rt.period_ns
        rt.rt_time_ns = max(0, rt.rt_time_ns - periods * rt.runtime_ns)


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
    requeue_task_rt(rq, rq.curr, head=False)


def requeue_task_rt(rq: Rq, p: Task, head: bool) -> None:
    """Put p, who is queued, behind its equals, or ahead of them."""
    queue = rq.rt.active[p.prio]
    queue.remove(p)
    queue.insert(0 if head else len(queue), p)


def check_preempt_equal_prio(rq: Rq, p: Task) -> None:
    """Where p, who woke, cannot go elsewhere, and who runs can: let p run, and the other be pushed away."""
    if not sched_cpupri.is_movable(rq.curr) or (sched_cpupri.is_movable(p) and sched_cpupri.cpupri_find(p)):
        return
    if not sched_cpupri.cpupri_find(rq.curr):
        return
    requeue_task_rt(rq, p, head=True)
    rq.curr.ti_flags |= TIF_NEED_RESCHED


def next_tick_rt(rq: Rq, curr: Task) -> int:
    """Return when the quantum or the bandwidth of the running task ends, or a tick is to be counted."""
    rt = rq.rt
    now_ns = curr.se.exec_start
    tick_ns = NEVER
    if curr.policy == SCHED_RR and len(rt.active[curr.prio]) > 1:
        tick_ns = now_ns + max(1, curr.rt_time_slice)
    if not rt.throttled and rt.runtime_ns < rt.period_ns:
        replenish(rt, now_ns)
        tick_ns = min(tick_ns, now_ns + max(1, rt.runtime_ns - rt.rt_time_ns + 1))
    if curr.signal.rlim[RLIMIT_RTTIME][0] != RLIM_INFINITY:
        tick_ns = min(tick_ns, (now_ns // TICK_PERIOD_NS + 1) * TICK_PERIOD_NS)
    return tick_ns
