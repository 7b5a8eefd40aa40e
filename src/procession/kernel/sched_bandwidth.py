"""How much of the CPU a group may use (CONFIG_CFS_BANDWIDTH of kernel/sched_fair.c, sched.c; spec cgroups B3).

In each period a group may use its quota, all CPUs together. What happens when it is used up is in sched_throttle.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.task_group import RUNTIME_INF
from procession.include.linux.time import NSEC_PER_MSEC, NSEC_PER_SEC, NSEC_PER_USEC
from procession.kernel import hrtimer, sched_throttle

if TYPE_CHECKING:
    from procession.include.linux.task_group import CfsBandwidth, TaskGroup

__all__ = (
    "destroy_cfs_bandwidth",
    "init_cfs_bandwidth",
    "tg_get_cfs_period",
    "tg_get_cfs_quota",
    "tg_set_cfs_period",
    "tg_set_cfs_quota",
)

_RATIO_SHIFT: Final = 20


# Periods.


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
    sched_throttle.refill_cfs_bandwidth_runtime(tg)
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
                sched_throttle.unthrottle_cfs_rq(cfs)
        if not remaining:
            break
    return remaining


def sched_cfs_slack_timer(timer: Hrtimer) -> int | None:
    """Hand out what was given back."""
    tg: TaskGroup = timer.data  # type: ignore[assignment]
    cfs_b = tg.cfs_bandwidth
    slice_ns = tg.kernel.sched.sysctl_sched_cfs_bandwidth_slice * NSEC_PER_USEC
    if sched_throttle.runtime_refresh_within(tg, sched_throttle.MIN_BANDWIDTH_EXPIRATION_NS):
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
    if min(quota_ns, period_ns) < NSEC_PER_MSEC or period_ns > NSEC_PER_SEC:
        raise LinuxError(Errno.EINVAL, f"{quota_ns} ns of {period_ns} ns")
    k = tg.kernel
    _cfs_schedulable(k.sched.root_task_group, tg, period_ns, quota_ns)
    cfs_b = tg.cfs_bandwidth
    runtime_enabled = quota_ns != RUNTIME_INF
    k.sched.nr_cfs_bandwidth += runtime_enabled - (cfs_b.quota_ns != RUNTIME_INF)
    cfs_b.period_ns = period_ns
    cfs_b.quota_ns = quota_ns
    sched_throttle.refill_cfs_bandwidth_runtime(tg)
    if runtime_enabled and cfs_b.timer_active:
        cfs_b.period_timer.queued = False
        sched_throttle.start_cfs_bandwidth(tg)
    for cfs in tg.cfs_rq:
        with cfs.rq.lock.irq():
            cfs.runtime_enabled = runtime_enabled
            cfs.runtime_remaining = 0
            if cfs.throttled:
                sched_throttle.unthrottle_cfs_rq(cfs)
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


def init_cfs_bandwidth(tg: TaskGroup) -> None:
    """Give a new group the timers that it may come to need."""
    cfs_b = tg.cfs_bandwidth
    cfs_b.period_timer = Hrtimer(sched_cfs_period_timer, data=tg)
    cfs_b.slack_timer = Hrtimer(sched_cfs_slack_timer, data=tg)
    cfs_b.start_timer = _start_bandwidth_timer


def destroy_cfs_bandwidth(tg: TaskGroup) -> None:
    """Disarm the timers of a group that is being unmade."""
    cfs_b = tg.cfs_bandwidth
    if cfs_b.quota_ns != RUNTIME_INF:
        tg.kernel.sched.nr_cfs_bandwidth -= 1
    for timer in (cfs_b.period_timer, cfs_b.slack_timer):
        hrtimer.hrtimer_cancel(tg.kernel, timer)
        timer.data = None
