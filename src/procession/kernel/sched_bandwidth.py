"""How much of the CPU a group may use (CONFIG_CFS_BANDWIDTH of kernel/sched_fair.c, sched.c; spec cgroups B3).

In each period a group may use its quota, all CPUs together. A CPU takes a slice of it at a time; when there is none
left, the group's entity is taken off the queue above until the next period: the group is throttled on that CPU. Its
tasks stay runnable, and their signals wait with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.sched import TIF_NEED_RESCHED
from procession.include.linux.task_group import RUNTIME_INF
from procession.include.linux.time import NSEC_PER_MSEC, NSEC_PER_SEC, NSEC_PER_USEC, TICK_PERIOD_NS
from procession.kernel import hrtimer, sched_fair, sched_group

if TYPE_CHECKING:
    from procession.include.linux.sched import SchedEntity
    from procession.include.linux.task_group import CfsBandwidth, TaskGroup
    from procession.kernel.sched_fair import CfsRq

__all__ = (
    "account_cfs_rq_runtime",
    "check_cfs_rq_runtime",
    "check_enqueue_throttle",
    "destroy_cfs_bandwidth",
    "next_assignment",
    "return_cfs_rq_runtime",
    "tg_get_cfs_period",
    "tg_get_cfs_quota",
    "tg_set_cfs_period",
    "tg_set_cfs_quota",
)

MAX_CFS_QUOTA_PERIOD_NS: Final = NSEC_PER_SEC
MIN_CFS_QUOTA_PERIOD_NS: Final = NSEC_PER_MSEC
MIN_CFS_RQ_RUNTIME_NS: Final = NSEC_PER_MSEC  # what a CPU keeps when it has nobody left to run
MIN_BANDWIDTH_EXPIRATION_NS: Final = 2 * NSEC_PER_MSEC
CFS_BANDWIDTH_SLACK_PERIOD_NS: Final = 5 * NSEC_PER_MSEC
_RATIO_SHIFT: Final = 20


# Using it up.


def account_cfs_rq_runtime(cfs: CfsRq, delta_exec: int) -> None:
    """Charge a queue of a group with a quota; if there is nothing left, have it throttled at the next switch."""
    cfs.runtime_remaining -= delta_exec
    _expire_cfs_rq_runtime(cfs)
    if cfs.runtime_remaining > 0:
        return
    if not _assign_cfs_rq_runtime(cfs) and cfs.curr is not None:
        cfs.rq.curr.ti_flags |= TIF_NEED_RESCHED


def _expire_cfs_rq_runtime(cfs: CfsRq) -> None:
    """What is left of a period that is over is lost."""
    cfs_b = cfs.tg.cfs_bandwidth
    if cfs.rq.kernel.clock.now_ns < cfs.runtime_expires or cfs.runtime_remaining < 0:
        return
    if cfs.runtime_expires >= cfs_b.runtime_expires:
        cfs.runtime_expires += TICK_PERIOD_NS  # the period timer is about to run
    else:
        cfs.runtime_remaining = 0


def _assign_cfs_rq_runtime(cfs: CfsRq) -> bool:
    """Take a slice of the group's quota, and what is owed; returns whether there is any to use now."""
    cfs_b = cfs.tg.cfs_bandwidth
    min_amount = _slice_ns(cfs) - cfs.runtime_remaining
    amount = 0
    if cfs_b.quota_ns == RUNTIME_INF:
        amount = min_amount
    else:
        if not cfs_b.timer_active:
            # Nobody has used any for a whole period.
            _refill_cfs_bandwidth_runtime(cfs.tg)
            _start_cfs_bandwidth(cfs.tg)
        if cfs_b.runtime > 0:
            amount = min(cfs_b.runtime, min_amount)
            cfs_b.runtime -= amount
            cfs_b.idle = False
    cfs.runtime_remaining += amount
    cfs.runtime_expires = max(cfs.runtime_expires, cfs_b.runtime_expires)
    return cfs.runtime_remaining > 0


def _slice_ns(cfs: CfsRq) -> int:
    return cfs.sched.sysctl_sched_cfs_bandwidth_slice * NSEC_PER_USEC


def next_assignment(cfs: CfsRq, now_ns: int) -> int:
    """Return when account_cfs_rq_runtime() will want more if the queue goes on running."""
    left_ns = cfs.runtime_remaining
    if cfs.runtime_expires > now_ns:
        left_ns = min(left_ns, cfs.runtime_expires - now_ns)
    return now_ns + max(1, left_ns)


def return_cfs_rq_runtime(cfs: CfsRq) -> None:
    """A queue that has nobody left gives back what it has, but for a rest."""
    if not cfs.runtime_enabled or cfs.nr_running:
        return
    slack_runtime = cfs.runtime_remaining - MIN_CFS_RQ_RUNTIME_NS
    if slack_runtime <= 0:
        return
    cfs_b = cfs.tg.cfs_bandwidth
    if cfs_b.quota_ns != RUNTIME_INF and cfs.runtime_expires == cfs_b.runtime_expires:
        cfs_b.runtime += slack_runtime
        if cfs_b.runtime > _slice_ns(cfs) and cfs_b.throttled_cfs_rq:
            _start_cfs_slack_bandwidth(cfs.tg)
    # Even if it is worth nothing any more.
    cfs.runtime_remaining -= slack_runtime


# Throttling.


def check_enqueue_throttle(cfs: CfsRq) -> None:
    """A queue that had nobody gets somebody: it may have nothing left to run him on."""
    if not cfs.runtime_enabled or cfs.curr is not None or cfs.throttled:
        return
    account_cfs_rq_runtime(cfs, 0)
    if cfs.runtime_remaining <= 0:
        _throttle_cfs_rq(cfs)


def check_cfs_rq_runtime(cfs: CfsRq) -> None:
    """Throttle a queue, whose task is leaving the CPU, if it has nothing left."""
    if cfs.runtime_remaining <= 0 and not cfs.throttled:
        _throttle_cfs_rq(cfs)


def _throttle_cfs_rq(cfs: CfsRq) -> None:
    rq = cfs.rq
    _walk_tg_tree(cfs.tg, rq.cpu, 1)
    task_delta = cfs.h_nr_running
    dequeue = True
    se: SchedEntity | None = cfs.tg.se[rq.cpu]
    while se is not None and se.on_rq:
        queue = se.cfs_rq
        if dequeue:
            sched_fair.dequeue_entity(queue, se, sleep=True)
        if se.parent is not None:
            queue.h_nr_running -= task_delta
        if queue.load:
            dequeue = False
        se = se.parent
    if se is None:
        rq.nr_running -= task_delta
    cfs.throttled = True
    cfs.throttled_timestamp = rq.kernel.clock.now_ns
    cfs.tg.cfs_bandwidth.throttled_cfs_rq.append(cfs)


def unthrottle_cfs_rq(cfs: CfsRq) -> None:
    """Let a throttled queue run again."""
    rq = cfs.rq
    cfs_b = cfs.tg.cfs_bandwidth
    cfs.throttled = False
    cfs_b.throttled_time += rq.kernel.clock.now_ns - cfs.throttled_timestamp
    cfs_b.throttled_cfs_rq.remove(cfs)
    cfs.throttled_timestamp = 0
    _walk_tg_tree(cfs.tg, rq.cpu, -1)
    if not cfs.load:
        return
    task_delta = cfs.h_nr_running
    enqueue = True
    se: SchedEntity | None = cfs.tg.se[rq.cpu]
    while se is not None:
        queue = se.cfs_rq
        if se.on_rq:
            enqueue = False
        if enqueue:
            sched_fair.enqueue_entity(queue, se, wakeup=True)
        if se.parent is not None:
            queue.h_nr_running += task_delta
        if queue.throttled:
            break
        se = se.parent
    if se is None:
        rq.nr_running += task_delta
    rq.kernel.clock.next_event_ns = 0
    if rq.curr is rq.idle and rq.cfs.nr_running:
        _wake_idle(cfs)


def _wake_idle(cfs: CfsRq) -> None:
    rq = cfs.rq
    rq.curr.ti_flags |= TIF_NEED_RESCHED
    if rq.cpu != rq.kernel.cpu:
        clock = rq.kernel.clock
        clock.cpu_ns[rq.cpu] = max(clock.cpu_ns[rq.cpu], clock.now_ns)


def _walk_tg_tree(tg: TaskGroup, cpu: int, by: int) -> None:
    """Note in a group and those below that one more, or one less, of them is throttled."""
    for child in tg.children:
        _walk_tg_tree(child, cpu, by)
    cfs = tg.cfs_rq[cpu]
    cfs.throttle_count += by
    if not cfs.throttle_count:
        sched_group.update_cfs_shares(cfs)


# Periods.


def _refill_cfs_bandwidth_runtime(tg: TaskGroup) -> None:
    cfs_b = tg.cfs_bandwidth
    if cfs_b.quota_ns == RUNTIME_INF:
        return
    cfs_b.runtime = cfs_b.quota_ns
    cfs_b.runtime_expires = tg.kernel.clock.now_ns + cfs_b.period_ns


def _start_cfs_bandwidth(tg: TaskGroup) -> None:
    cfs_b = tg.cfs_bandwidth
    if cfs_b.period_timer is None:
        cfs_b.period_timer = Hrtimer(sched_cfs_period_timer, data=tg)
    cfs_b.timer_active = True
    _start_bandwidth_timer(tg, cfs_b.period_timer, cfs_b.period_ns)


def _start_bandwidth_timer(tg: TaskGroup, timer: Hrtimer, period_ns: int) -> None:
    """Arm a timer for the next multiple of its period, counted from when it was due last."""
    k = tg.kernel
    if timer.queued:
        return
    hrtimer.hrtimer_forward(k, timer, period_ns)
    hrtimer.hrtimer_start(k, timer, timer.expires_ns)


def sched_cfs_period_timer(timer: Hrtimer) -> int | None:
    """A period is over."""
    tg: TaskGroup = timer.data  # type: ignore[assignment]
    overrun = hrtimer.hrtimer_forward(tg.kernel, timer, tg.cfs_bandwidth.period_ns)
    return None if _do_sched_cfs_period_timer(tg, overrun) else timer.expires_ns


def _do_sched_cfs_period_timer(tg: TaskGroup, overrun: int) -> bool:
    """Refill the quota, and let the throttled run; returns whether nobody needs another period."""
    cfs_b = tg.cfs_bandwidth
    if cfs_b.quota_ns == RUNTIME_INF:
        cfs_b.timer_active = False
        return True
    throttled = bool(cfs_b.throttled_cfs_rq)
    cfs_b.nr_periods += overrun
    if cfs_b.idle and not throttled:
        cfs_b.timer_active = False
        return True
    _refill_cfs_bandwidth_runtime(tg)
    if not throttled:
        cfs_b.idle = True  # until somebody takes some
        return False
    cfs_b.nr_throttled += overrun
    runtime, cfs_b.runtime = cfs_b.runtime, 0
    while runtime > 0 and cfs_b.throttled_cfs_rq:
        runtime = _distribute_cfs_runtime(cfs_b, runtime, cfs_b.runtime_expires)
    cfs_b.runtime = runtime
    cfs_b.idle = False
    return False


def _distribute_cfs_runtime(cfs_b: CfsBandwidth, remaining: int, expires: int) -> int:
    """Give each throttled queue what it owes and a nanosecond, as far as it goes; returns what is left."""
    for cfs in list(cfs_b.throttled_cfs_rq):
        with cfs.rq.lock.irq():
            runtime = min(1 - cfs.runtime_remaining, remaining)
            remaining -= runtime
            cfs.runtime_remaining += runtime
            cfs.runtime_expires = expires
            if cfs.runtime_remaining > 0:
                unthrottle_cfs_rq(cfs)
        if not remaining:
            break
    return remaining


def _start_cfs_slack_bandwidth(tg: TaskGroup) -> None:
    """What was given back is to be handed out soon, unless a period ends by then anyway."""
    cfs_b = tg.cfs_bandwidth
    if _runtime_refresh_within(tg, CFS_BANDWIDTH_SLACK_PERIOD_NS + MIN_BANDWIDTH_EXPIRATION_NS):
        return
    if cfs_b.slack_timer is None:
        cfs_b.slack_timer = Hrtimer(sched_cfs_slack_timer, data=tg)
    _start_bandwidth_timer(tg, cfs_b.slack_timer, CFS_BANDWIDTH_SLACK_PERIOD_NS)


def _runtime_refresh_within(tg: TaskGroup, min_expire_ns: int) -> bool:
    timer = tg.cfs_bandwidth.period_timer
    return timer is None or hrtimer.hrtimer_get_remaining(tg.kernel, timer) < min_expire_ns


def sched_cfs_slack_timer(timer: Hrtimer) -> int | None:
    """Hand out what was given back."""
    tg: TaskGroup = timer.data  # type: ignore[assignment]
    cfs_b = tg.cfs_bandwidth
    slice_ns = tg.kernel.sched.sysctl_sched_cfs_bandwidth_slice * NSEC_PER_USEC
    if _runtime_refresh_within(tg, MIN_BANDWIDTH_EXPIRATION_NS):
        return None
    if cfs_b.quota_ns != RUNTIME_INF and cfs_b.runtime > slice_ns:
        runtime, cfs_b.runtime = cfs_b.runtime, 0
        cfs_b.runtime = _distribute_cfs_runtime(cfs_b, runtime, cfs_b.runtime_expires)
    return None


# Setting it.


def tg_get_cfs_quota(tg: TaskGroup) -> int:
    """Return a group's quota in µs, -1 if it has none."""
    quota_ns = tg.cfs_bandwidth.quota_ns
    return -1 if quota_ns == RUNTIME_INF else quota_ns // NSEC_PER_USEC


def tg_get_cfs_period(tg: TaskGroup) -> int:
    """Return a group's period in µs."""
    return tg.cfs_bandwidth.period_ns // NSEC_PER_USEC


def tg_set_cfs_quota(tg: TaskGroup, cfs_quota_us: int) -> None:
    """Let a group use so many µs of each period, any amount if negative; raises EINVAL (tg_set_cfs_bandwidth)."""
    quota_ns = RUNTIME_INF if cfs_quota_us < 0 else cfs_quota_us * NSEC_PER_USEC & RUNTIME_INF
    _tg_set_cfs_bandwidth(tg, tg.cfs_bandwidth.period_ns, quota_ns)


def tg_set_cfs_period(tg: TaskGroup, cfs_period_us: int) -> None:
    """Let a group's periods be so long, 1 ms to 1 s; raises EINVAL (tg_set_cfs_bandwidth)."""
    _tg_set_cfs_bandwidth(tg, cfs_period_us * NSEC_PER_USEC & RUNTIME_INF, tg.cfs_bandwidth.quota_ns)


def _tg_set_cfs_bandwidth(tg: TaskGroup, period_ns: int, quota_ns: int) -> None:
    """Change a group's limit.

    Raises EINVAL for the root, a quota or a period below 1 ms, a period above 1 s, more than the group above may use,
    less than one below may.
    """
    if not tg.se:
        raise LinuxError(Errno.EINVAL, "a limit of the root group")
    if min(quota_ns, period_ns) < MIN_CFS_QUOTA_PERIOD_NS or period_ns > MAX_CFS_QUOTA_PERIOD_NS:
        raise LinuxError(Errno.EINVAL, f"{quota_ns} ns of {period_ns} ns")
    k = tg.kernel
    _cfs_schedulable(k.sched.root_task_group, tg, period_ns, quota_ns)
    cfs_b = tg.cfs_bandwidth
    runtime_enabled = quota_ns != RUNTIME_INF
    k.sched.nr_cfs_bandwidth += runtime_enabled - (cfs_b.quota_ns != RUNTIME_INF)
    cfs_b.period_ns = period_ns
    cfs_b.quota_ns = quota_ns
    _refill_cfs_bandwidth_runtime(tg)
    if runtime_enabled and cfs_b.timer_active and cfs_b.period_timer is not None:
        cfs_b.period_timer.queued = False
        _start_cfs_bandwidth(tg)
    for cfs in tg.cfs_rq:
        with cfs.rq.lock.irq():
            cfs.runtime_enabled = runtime_enabled
            cfs.runtime_remaining = 0
            if cfs.throttled:
                unthrottle_cfs_rq(cfs)
    k.clock.next_event_ns = 0


def _cfs_schedulable(tg: TaskGroup, changed: TaskGroup, period_ns: int, quota_ns: int) -> None:
    """Find for each group what it may use at most; raises EINVAL if one may use more than the group above."""
    cfs_b = tg.cfs_bandwidth
    if tg.parent is None:
        quota = RUNTIME_INF
    else:
        parent_quota = tg.parent.cfs_bandwidth.hierarchal_quota
        quota = _to_ratio(period_ns, quota_ns) if tg is changed else _to_ratio(cfs_b.period_ns, cfs_b.quota_ns)
        if quota == RUNTIME_INF:
            quota = parent_quota
        elif parent_quota != RUNTIME_INF and quota > parent_quota:
            raise LinuxError(Errno.EINVAL, "more than the group above may use")
    cfs_b.hierarchal_quota = quota
    for child in tg.children:
        _cfs_schedulable(child, changed, period_ns, quota_ns)


def _to_ratio(period_ns: int, runtime_ns: int) -> int:
    if runtime_ns == RUNTIME_INF:
        return RUNTIME_INF
    return (runtime_ns // NSEC_PER_USEC << _RATIO_SHIFT) // (period_ns // NSEC_PER_USEC)


def destroy_cfs_bandwidth(tg: TaskGroup) -> None:
    """Disarm the timers of a group that is being unmade."""
    cfs_b = tg.cfs_bandwidth
    if cfs_b.quota_ns != RUNTIME_INF:
        tg.kernel.sched.nr_cfs_bandwidth -= 1
    for timer in (cfs_b.period_timer, cfs_b.slack_timer):
        if timer is not None:
            hrtimer.hrtimer_cancel(tg.kernel, timer)
            timer.data = None
    cfs_b.period_timer = cfs_b.slack_timer = None
