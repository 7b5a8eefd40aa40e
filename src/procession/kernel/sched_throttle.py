"""Using up what a group may use of the CPU (CONFIG_CFS_BANDWIDTH of kernel/sched_fair.c; spec cgroups B3).

A CPU takes a slice of the quota at a time; when there is none left, the group's entity is taken off the queue above
until the next period: the group is throttled on that CPU. Its tasks stay runnable, and their signals wait with them.
The periods, and setting a quota, are in sched_bandwidth.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import TIF_NEED_RESCHED
from procession.include.linux.task_group import RUNTIME_INF
from procession.include.linux.time import NSEC_PER_MSEC, NSEC_PER_USEC, TICK_PERIOD_NS
from procession.kernel import sched_entity, sched_fair

if TYPE_CHECKING:
    from procession.include.linux.sched import SchedEntity
    from procession.include.linux.task_group import TaskGroup
    from procession.kernel.sched_fair import CfsRq

__all__ = (
    "MIN_BANDWIDTH_EXPIRATION_NS",
    "account_cfs_rq_runtime",
    "check_cfs_rq_runtime",
    "check_enqueue_throttle",
    "next_assignment",
    "refill_cfs_bandwidth_runtime",
    "return_cfs_rq_runtime",
    "runtime_refresh_within",
    "start_cfs_bandwidth",
    "unthrottle_cfs_rq",
)

MIN_BANDWIDTH_EXPIRATION_NS: Final = 2 * NSEC_PER_MSEC
CFS_BANDWIDTH_SLACK_PERIOD_NS: Final = 5 * NSEC_PER_MSEC


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
    assert cfs_b.quota_ns != RUNTIME_INF
    if not cfs_b.timer_active:
        # Nobody has used any for a whole period.
        refill_cfs_bandwidth_runtime(cfs.tg)
        start_cfs_bandwidth(cfs.tg)
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
    slack_runtime = cfs.runtime_remaining - NSEC_PER_MSEC
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
    if cfs.smp and by > 0:
        sched_entity.update_cfs_load(cfs, False)
    cfs.throttle_count += by
    if not cfs.throttle_count:
        # What it weighed meanwhile does not count.
        cfs.load_last += cfs.rq.kernel.clock.now_ns - cfs.load_stamp
        cfs.load_stamp = cfs.rq.kernel.clock.now_ns
        sched_entity.update_cfs_shares(cfs)


def refill_cfs_bandwidth_runtime(tg: TaskGroup) -> None:
    """Let a group have its quota for a period from now on."""
    cfs_b = tg.cfs_bandwidth
    if cfs_b.quota_ns == RUNTIME_INF:
        return
    cfs_b.runtime = cfs_b.quota_ns
    cfs_b.runtime_expires = tg.kernel.clock.now_ns + cfs_b.period_ns


def start_cfs_bandwidth(tg: TaskGroup) -> None:
    """Arm the timer of a group's periods."""
    cfs_b = tg.cfs_bandwidth
    cfs_b.timer_active = True
    cfs_b.start_timer(tg, cfs_b.period_timer, cfs_b.period_ns)


def _start_cfs_slack_bandwidth(tg: TaskGroup) -> None:
    """What was given back is to be handed out soon, unless a period ends by then anyway."""
    cfs_b = tg.cfs_bandwidth
    if runtime_refresh_within(tg, CFS_BANDWIDTH_SLACK_PERIOD_NS + MIN_BANDWIDTH_EXPIRATION_NS):
        return
    cfs_b.start_timer(tg, cfs_b.slack_timer, CFS_BANDWIDTH_SLACK_PERIOD_NS)


def runtime_refresh_within(tg: TaskGroup, min_expire_ns: int) -> bool:
    """Whether a group's period ends so soon."""
    timer = tg.cfs_bandwidth.period_timer
    return timer.expires_ns - tg.kernel.clock.now_ns < min_expire_ns
