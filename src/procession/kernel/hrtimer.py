"""Timers on the virtual clock, and sleeping (kernel/hrtimer.c).

The timers of a machine are one heap of (expiry on the monotonic clock, serial, timer), whichever CPU they belong to:
that only decides where it is found who is woken by one. A cancelled entry stays in it until it comes to the top: it is
recognised by its serial. `clock.next_event_ns` is when a running CPU has to come here; 0 means that what it should be
must be worked out again.

Deferrable timers (struct timer_list; kernel/timer.c) stand beside the heap: no idle CPU wakes for them.

A timer with a range stands in the heap by its end, when an interrupt comes for it at the latest. Whatever interrupt
comes within the range runs it, unless one before it in the heap is not due.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final

from procession.hw.clock import NEVER, REALTIME_TICK_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.sched import MAX_RT_PRIO, TASK_INTERRUPTIBLE, TASK_RUNNING, set_task_state, signal_pending
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import KTIME_MAX, TimespecIn, TimespecLeft
from procession.include.linux.timer import TimerList
from procession.include.linux.types import UserPtr
from procession.kernel import rcupdate, sched, sched_cpu_load, time

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "clock_was_set",
    "del_timer",
    "hrtimer_cancel",
    "hrtimer_cb_get_time",
    "hrtimer_event",
    "hrtimer_forward",
    "hrtimer_forward_to",
    "hrtimer_get_remaining",
    "hrtimer_nanosleep",
    "hrtimer_start",
    "hrtimer_start_range_ns",
    "hrtimers_init",
    "ktime_add_safe",
    "ktime_get_real",
    "mod_timer",
    "next_timer_event",
    "program_event",
    "run_queues",
    "schedule_hrtimeout",
    "schedule_timeout",
    "sys_nanosleep",
    "timer_pending",
)

_COMPACT: Final = 64
EXPLORED_TICK_NS: Final = 10_000_000  # between the times at which timers can expire while orders are explored


def hrtimers_init(k: Kernel) -> None:
    """Start without timers."""


def ktime_get_real(k: Kernel) -> int:
    """Return CLOCK_REALTIME in ns, as timers see it: KTIME_MAX at most."""
    return min(k.boot_time_ns + k.clock.now_ns, KTIME_MAX)


def ktime_add_safe(lhs_ns: int, rhs_ns: int) -> int:
    """Return the sum of two times, KTIME_MAX if it is later than that."""
    return min(lhs_ns + rhs_ns, KTIME_MAX)


def hrtimer_cb_get_time(k: Kernel, timer: Hrtimer) -> int:
    """Return the time of timer's clock."""
    return ktime_get_real(k) if timer.realtime else k.clock.now_ns


def hrtimer_start(k: Kernel, timer: Hrtimer, expires_ns: int) -> None:
    """Arm timer for expires_ns on its clock, anew if it is armed; for KTIME_MAX it never expires."""
    hrtimer_start_range_ns(k, timer, expires_ns, 0)


def hrtimer_start_range_ns(k: Kernel, timer: Hrtimer, expires_ns: int, delta_ns: int) -> None:
    """Arm timer for between expires_ns and delta_ns later."""
    if k.chooser.exploring:
        expires_ns = _rounded(expires_ns, hrtimer_cb_get_time(k, timer))
    k.timers.timer_serial = serial = k.timers.timer_serial + 1
    timer.expires_ns = ktime_add_safe(expires_ns, delta_ns)
    timer.delta_ns = timer.expires_ns - expires_ns
    timer.serial = serial
    timer.queued = True
    if k.nr_cpus > 1:
        timer.cpu = _hrtimer_get_target(k)
    heap = k.timers.hrtimers
    event_ns = hrtimer_event(k, timer)
    heappush(heap, (event_ns, serial, timer))
    clock = k.clock
    if event_ns < clock.next_event_ns:
        clock.next_event_ns = 0
    if len(heap) > k.timers.hrtimers_compact:
        heap[:] = [entry for entry in heap if entry[2].queued and entry[2].serial == entry[1]]
        heapify(heap)
        # Not again before it has doubled: else many timers would be looked at for each one that is started.
        k.timers.hrtimers_compact = max(2 * len(heap), _COMPACT)


def _hrtimer_get_target(k: Kernel) -> int:
    """Return the CPU that a timer belongs to: the one that arms it, or, if that is idle, the first that is not."""
    cpu = sched_cpu_load.smp_processor_id(k)
    rqs: list[sched.Rq] = k.sched.runqueues
    if not k.sched.sysctl_timer_migration or not sched_cpu_load.idle_cpu(rqs[cpu]):
        return cpu
    for rq in rqs:
        if not sched_cpu_load.idle_cpu(rq):
            return rq.cpu
    return cpu


def _rounded(expires_ns: int, now_ns: int) -> int:
    """Return the nearest multiple of EXPLORED_TICK_NS that is not over.

    What programs compute differs a little from one order of calls to another: that shall not decide which of two sleeps
    of the same length ends first.
    """
    if expires_ns <= now_ns:
        return expires_ns
    nearest_ns = (expires_ns + EXPLORED_TICK_NS // 2) // EXPLORED_TICK_NS * EXPLORED_TICK_NS
    return nearest_ns if nearest_ns > now_ns else nearest_ns + EXPLORED_TICK_NS


def hrtimer_event(k: Kernel, timer: Hrtimer) -> int:
    """Return when timer expires on the monotonic clock, NEVER for KTIME_MAX."""
    if timer.expires_ns >= KTIME_MAX:
        return NEVER
    return timer.expires_ns - k.boot_time_ns if timer.realtime else timer.expires_ns


def hrtimer_cancel(k: Kernel, timer: Hrtimer) -> bool:
    """Disarm timer; returns whether it was armed."""
    was_queued = timer.queued
    timer.queued = False
    if was_queued and k.chooser.exploring:
        k.timers.timer_serial += 1  # by which an explorer sees that something about timers has changed
    return was_queued


def hrtimer_get_remaining(k: Kernel, timer: Hrtimer) -> int:
    """Return the time until expiry, the end of the range, in ns."""
    return timer.expires_ns - hrtimer_cb_get_time(k, timer)


def hrtimer_forward(k: Kernel, timer: Hrtimer, interval_ns: int) -> int:
    """Move the expiry of a timer that is not queued beyond now; returns how many intervals that took."""
    return hrtimer_forward_to(timer, hrtimer_cb_get_time(k, timer), interval_ns)


def hrtimer_forward_to(timer: Hrtimer, now_ns: int, interval_ns: int) -> int:
    """As hrtimer_forward, beyond now_ns."""
    if now_ns < timer.expires_ns:
        return 0
    overrun = (now_ns - timer.expires_ns) // interval_ns + 1
    timer.expires_ns = ktime_add_safe(timer.expires_ns, overrun * interval_ns)
    return overrun


def clock_was_set(k: Kernel) -> None:
    """CLOCK_REALTIME was set: what waits for a time of day expires by the new one."""
    for _, serial, timer in sorted(k.timers.hrtimers):
        if timer.realtime and timer.queued and timer.serial == serial:
            hrtimer_start_range_ns(k, timer, timer.expires_ns - timer.delta_ns, timer.delta_ns)


def next_timer_event(k: Kernel) -> int:
    """Return when the first armed timer expires, NEVER if there is none."""
    heap = k.timers.hrtimers
    while heap:
        expires_ns, serial, timer = heap[0]
        if timer.queued and timer.serial == serial:
            return int(expires_ns)
        heappop(heap)
    return NEVER


def run_queues(k: Kernel) -> None:
    """Do what is due by now: expired timers, the end of a turn, CPU-time limits (hrtimer_interrupt and the tick).

    Context: where an interrupt could come: user mode, or on the way back to it.
    """
    clock = k.clock
    heap = k.timers.hrtimers
    now_ns = clock.now_ns
    rq: sched.Rq = k.sched.runqueues[k.cpu]
    if heap and (heap[0][0] <= now_ns or now_ns >= rq.tick_ns):
        with k.lockdep.hard_irq:
            while heap and heap[0][0] - heap[0][2].delta_ns <= now_ns:
                _, serial, timer = heappop(heap)
                if timer.queued and timer.serial == serial:
                    _run_hrtimer(k, timer)
    if now_ns >= rq.tick_ns:
        sched.scheduler_tick(rq)
    if now_ns >= k.timers.deferrable_ns:
        run_timer_softirq(k)
    curr = rq.curr
    cputime_expires = curr.signal.cputime_expires
    if cputime_expires is not None:
        with k.lockdep.hard_irq:
            cputime_expires.run(curr)
    if k.rcu.next or k.rcu.wait:
        rcupdate.rcu_quiescent(k)
    program_event(k)


def _run_hrtimer(k: Kernel, timer: Hrtimer) -> None:
    timer.queued = False
    if k.trace.hrtimer_expire:
        k.trace.hrtimer_expire(hrtimer_event(k, timer))
    if k.nr_cpus > 1:
        k.sched.irq_cpu = timer.cpu
    again_ns = timer.function(timer)
    if again_ns is not None:
        hrtimer_start(k, timer, again_ns)
    k.sched.irq_cpu = -1


def program_event(k: Kernel) -> None:
    """Set when the executing CPU has to leave user mode (tick_program_event)."""
    rq: sched.Rq = k.sched.runqueues[k.cpu]
    rq.tick_ns = event_ns = sched.next_tick(rq)
    if k.timers.hrtimers:
        event_ns = min(event_ns, next_timer_event(k))
    event_ns = min(event_ns, rq.limit_ns)
    if k.clock.realtime:
        event_ns = min(event_ns, k.clock.now_ns + REALTIME_TICK_NS)
    cputime_expires = rq.curr.signal.cputime_expires
    if cputime_expires is not None:
        event_ns = min(event_ns, cputime_expires.next_event(rq.curr))
    k.timers.next_timer_ns = min(event_ns, k.timers.deferrable_late_ns)
    k.clock.next_event_ns = min(event_ns, k.timers.deferrable_event_ns)


# Deferrable timers.


def mod_timer(k: Kernel, timer: TimerList, expires_ns: int) -> None:
    """Arm a deferrable timer for expires_ns, anew if it is armed."""
    timer.expires_ns = expires_ns
    k.timers.deferrable[timer] = None
    _find_first_timer(k)
    if expires_ns < k.clock.next_event_ns and timer.slack_ns != KTIME_MAX:
        k.clock.next_event_ns = 0


def del_timer(k: Kernel, timer: TimerList) -> None:
    """Disarm a deferrable timer."""
    k.timers.deferrable.pop(timer, None)
    _find_first_timer(k)


def timer_pending(k: Kernel, timer: TimerList) -> bool:
    """Whether a deferrable timer is armed."""
    return timer in k.timers.deferrable


def run_timer_softirq(k: Kernel) -> None:
    """Run the deferrable timers that are due."""
    for timer in [timer for timer in k.timers.deferrable if timer.expires_ns <= k.clock.now_ns]:
        del k.timers.deferrable[timer]
        timer.function(k)
    _find_first_timer(k)


def _find_first_timer(k: Kernel) -> None:
    k.timers.deferrable_ns = min((timer.expires_ns for timer in k.timers.deferrable), default=NEVER)
    # One that may be late for ever waits for something else to be due: else each trap would look whether it is.
    events = [timer for timer in k.timers.deferrable if timer.slack_ns != KTIME_MAX]
    k.timers.deferrable_event_ns = min((timer.expires_ns for timer in events), default=NEVER)
    k.timers.deferrable_late_ns = min((timer.expires_ns + timer.slack_ns for timer in events), default=NEVER)


# Sleeping.


def hrtimer_wakeup(timer: Hrtimer) -> None:
    """Wake the sleeper, and tell it that it was the timer."""
    task: Task | None = timer.data  # type: ignore[assignment]
    timer.data = None
    if task is not None:
        sched.wake_up_process(task)


async def schedule_hrtimeout(
    current: Task, expires_ns: int | None, wchan: str, on: object = None, *, realtime: bool = False, delta_ns: int = 0
) -> bool:
    """As sched.schedule, at most until expires_ns (None: for ever), with realtime a time of day.

    delta_ns: so much later will do.  Returns True if the time has come, False if somebody woke the task before
    (schedule_hrtimeout_range_clock).
    """
    if expires_ns is None:
        await sched.schedule(current, wchan, on)
        return False
    k = current.kernel
    timer = Hrtimer(hrtimer_wakeup, data=current, realtime=realtime)
    if not expires_ns or ktime_add_safe(expires_ns, delta_ns) <= hrtimer_cb_get_time(k, timer):
        set_task_state(current, TASK_RUNNING)
        return True
    hrtimer_start_range_ns(k, timer, expires_ns, delta_ns)
    await sched.schedule(current, wchan, on)
    timer.queued = False
    return timer.data is None


async def schedule_timeout(current: Task, timeout_ns: int | None, wchan: str, on: object = None) -> int:
    """As sched.schedule, for at most timeout_ns (None: for ever); returns the time left, 0 if it has passed."""
    if timeout_ns is None:
        await sched.schedule(current, wchan, on)
        return NEVER
    clock = current.kernel.clock
    expires_ns = ktime_add_safe(clock.now_ns, timeout_ns)
    await schedule_hrtimeout(current, expires_ns, wchan, on)
    return max(0, expires_ns - clock.now_ns)


async def do_nanosleep(current: Task, timer: Hrtimer, delta_ns: int) -> bool:
    """Sleep until the expiry of timer, whose data is current, or delta_ns later; False if a signal came first."""
    k = current.kernel
    if hrtimer_get_remaining(k, timer) + delta_ns <= 0:
        return True
    hrtimer_start_range_ns(k, timer, timer.expires_ns, delta_ns)
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, "hrtimer_nanosleep")
        if timer.data is None:
            return True
        if signal_pending(current):
            timer.queued = False
            return False


async def hrtimer_nanosleep(
    current: Task, expires_ns: int, rmtp: UserPtr, *, absolute: bool, realtime: bool = False
) -> int:
    """Sleep until expires_ns, with realtime a time of day, for nanosleep(2) and clock_nanosleep(2).

    Raises ERESTARTNOHAND if absolute; else writes the rest to rmtp and raises ERESTART_RESTARTBLOCK.
    """
    timer = Hrtimer(hrtimer_wakeup, expires_ns, data=current, realtime=realtime)
    if await do_nanosleep(current, timer, 0 if current.prio < MAX_RT_PRIO else current.timer_slack_ns):
        return 0
    if absolute:
        raise LinuxError(Errno.ERESTARTNOHAND, "clock_nanosleep")
    left_ns = hrtimer_get_remaining(current.kernel, timer)
    if left_ns <= 0:
        return 0
    if rmtp:
        time.put_timespec(current, rmtp, left_ns)

    current.restart_block = _nanosleep_restart(timer.expires_ns, rmtp)
    raise LinuxError(Errno.ERESTART_RESTARTBLOCK, "nanosleep")


def _nanosleep_restart(expires_ns: int, rmtp: UserPtr) -> Callable[[Task], Coroutine[Any, Any, int]]:
    async def hrtimer_nanosleep_restart(current: Task) -> int:
        timer = Hrtimer(hrtimer_wakeup, expires_ns, data=current)
        if await do_nanosleep(current, timer, 0):
            return 0
        left_ns = hrtimer_get_remaining(current.kernel, timer)
        if left_ns <= 0:
            return 0
        if rmtp:
            time.put_timespec(current, rmtp, left_ns)
        current.restart_block = _nanosleep_restart(expires_ns, rmtp)
        raise LinuxError(Errno.ERESTART_RESTARTBLOCK, "nanosleep")

    return hrtimer_nanosleep_restart


@syscall
async def sys_nanosleep(current: Task, rqtp: TimespecIn, rmtp: TimespecLeft) -> int:
    """Sleep for a time (nanosleep(2)).

    Raises EFAULT, EINVAL for an impossible time, ERESTART_RESTARTBLOCK.
    """
    expires_ns = ktime_add_safe(current.kernel.clock.now_ns, time.get_timespec(current, rqtp))
    return await hrtimer_nanosleep(current, expires_ns, rmtp, absolute=False)
