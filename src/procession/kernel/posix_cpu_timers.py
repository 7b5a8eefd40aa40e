"""CPU clocks, CPU interval timers, RLIMIT_CPU, RLIMIT_RTTIME (kernel/posix-cpu-timers.c; spec 10.14).

A process that uses none of these pays nothing: signal.cputime_expires is None then. Else it is what the tick asks
(kernel/hrtimer.py): when something of the process expires, and to do what is due.

CPUCLOCK_SCHED is in ns. User and system time, and so the interval timers, count in jiffies, as in 3.2; here a jiffy is
over when it was really used, while 3.2 charges each tick to whom it finds running.

Differs: all but RLIMIT_RTTIME is checked at the exact time instead of on ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.hw.clock import NEVER
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.jiffies import jiffies_to_ns, nsecs_to_jiffies, timespec_to_jiffies, timeval_to_jiffies
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_CPU, RLIMIT_RTTIME
from procession.include.linux.sched import same_thread_group, thread_group_leader
from procession.include.linux.signal import SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU
from procession.include.linux.time import (
    ITIMER_PROF,
    ITIMER_VIRTUAL,
    NSEC_PER_SEC,
    NSEC_PER_USEC,
    TICK_NSEC,
    TICK_PERIOD_NS,
    USEC_PER_SEC,
)
from procession.kernel import pid, sched, siginfo, signal_send, time

if TYPE_CHECKING:
    from procession.include.linux.sched import SignalStruct, Task

__all__ = (
    "CpuItimer",
    "CpuTimer",
    "CputimeExpires",
    "arm_timer",
    "bump_cpu_timer",
    "clock_getres",
    "clock_sample",
    "clock_target",
    "get_cpu_itimer",
    "posix_cpu_timer_del",
    "posix_cpu_timer_set",
    "posix_cpu_timers_exit",
    "posix_cpu_timers_init_group",
    "sample_to_ns",
    "set_cpu_itimer",
    "thread_group_cputime",
    "timespec_to_sample",
    "update_rlimit_cpu",
    "update_rlimit_rttime",
)

CPUCLOCK_PROF: Final = 0
CPUCLOCK_VIRT: Final = 1
CPUCLOCK_SCHED: Final = 2
CPUCLOCK_CLOCK_MASK: Final = 3
CPUCLOCK_PERTHREAD_MASK: Final = 4

_TICK_US: Final = TICK_PERIOD_NS // NSEC_PER_USEC


class CpuTimer:
    """A timer on a CPU clock: of one thread, or of the process that task stands for.

    expires and incr are in the clock's unit (union cpu_time_count): jiffies, ns for CPUCLOCK_SCHED; expires 0: it does
    not run.
    """

    __slots__ = ("clock", "expires", "function", "incr", "task")

    def __init__(self, clock: int, task: Task, function: Callable[[CpuTimer], None]) -> None:
        self.clock = clock
        self.task = task
        self.expires = 0
        self.incr = 0
        self.function = function


class CpuItimer:
    """ITIMER_VIRTUAL or ITIMER_PROF of a process, in jiffies (struct cpu_itimer).

    incr_error: by how many ns its interval was rounded up; error: what that has come to.
    """

    __slots__ = ("error", "expires", "incr", "incr_error")

    def __init__(self) -> None:
        self.expires = 0
        self.incr = 0
        self.error = 0
        self.incr_error = 0


class CputimeExpires:
    """What a process has on its CPU clocks; the interval timers are in signal.it (struct task_cputime, cpu_timers)."""

    __slots__ = ("limited", "rt_limited", "timers")

    def __init__(self) -> None:
        self.limited = False  # RLIMIT_CPU is finite
        self.rt_limited = False  # RLIMIT_RTTIME is
        self.timers: list[CpuTimer] = []  # by time of arming

    def next_event(self, p: Task) -> int:
        """Return when the first of what p's process has can expire if only p runs."""
        sig = p.signal
        utime, stime, _ = thread_group_cputime(p)
        left_ns = NEVER
        if sig.it is not None:
            for which, it in sig.it.items():
                if it.expires:
                    used_ns = utime if which == ITIMER_VIRTUAL else utime + stime
                    left_ns = min(left_ns, it.expires * TICK_PERIOD_NS - used_ns)
        if self.limited:
            left_ns = min(left_ns, sig.rlim[RLIMIT_CPU][0] * NSEC_PER_SEC - utime - stime)
        for timer in self.timers:
            if not timer.clock & CPUCLOCK_PERTHREAD_MASK or timer.task is p:
                left_ns = min(left_ns, timer.expires * _unit_ns(timer.clock) - _clock_ns(timer.clock, timer.task))
        return p.kernel.clock.now_ns + max(1, left_ns)

    def run(self, p: Task) -> None:
        """Fire what has expired for the process of p, which runs (run_posix_cpu_timers). Context: interrupt."""
        for timer in self.timers.copy():
            if timer.expires <= clock_sample(timer.clock, timer.task) and posix_cpu_timer_del(timer):
                timer.function(timer)
        utime, stime, _ = thread_group_cputime(p)
        if p.signal.it is not None:
            _check_cpu_itimers(p, p.signal.it, nsecs_to_jiffies(utime), nsecs_to_jiffies(utime + stime))
        if self.limited:
            _check_rlimit_cpu(p, utime + stime)
        if self.rt_limited:
            _check_rlimit_rttime(p)


def thread_group_cputime(p: Task) -> tuple[int, int, int]:
    """Return (user, system, scheduled) ns of p's process: its dead threads and its live ones up to now."""
    sig = p.signal
    utime, stime, runtime = sig.utime, sig.stime, sig.sum_sched_runtime
    for t in sig.threads:
        utime += t.utime
        stime += t.stime
        runtime += sched.task_sched_runtime(t)
    return utime, stime, runtime


# Samples: a clock's time in its unit.


def _unit_ns(clock: int) -> int:
    return 1 if clock & CPUCLOCK_CLOCK_MASK == CPUCLOCK_SCHED else TICK_PERIOD_NS


def _clock_ns(clock: int, p: Task) -> int:
    which = clock & CPUCLOCK_CLOCK_MASK
    if clock & CPUCLOCK_PERTHREAD_MASK:
        times = (p.utime, p.stime, sched.task_sched_runtime(p))
    else:
        times = thread_group_cputime(p)
    if which == CPUCLOCK_PROF:
        return times[0] + times[1]
    return times[0] if which == CPUCLOCK_VIRT else times[2]


def clock_sample(clock: int, p: Task) -> int:
    """Return the value of p's thread's or process's CPU clock, in the clock's unit."""
    return _clock_ns(clock, p) // _unit_ns(clock)


def timespec_to_sample(clock: int, sec: int, nsec: int) -> int:
    """Return a time in the clock's unit. What is beyond 64 bits of ns is lost, as in 3.2."""
    if clock & CPUCLOCK_CLOCK_MASK == CPUCLOCK_SCHED:
        return sec * NSEC_PER_SEC + nsec & ULONG_MAX
    return timespec_to_jiffies(sec, nsec)


def sample_to_ns(clock: int, sample: int) -> int:
    """Return what a value of the clock counts as, in ns (sample_to_timespec)."""
    if clock & CPUCLOCK_CLOCK_MASK == CPUCLOCK_SCHED:
        return time.to_s64(sample)
    return jiffies_to_ns(sample)


def clock_target(current: Task, clock: int) -> Task:
    """Return the task a CPU clock id stands for; raises EINVAL if it has none, or it is not ours to read."""
    if clock & CPUCLOCK_CLOCK_MASK > CPUCLOCK_SCHED:
        raise LinuxError(Errno.EINVAL, "unknown CPU clock")
    nr = ~(clock >> 3)
    if nr == 0:
        return current
    p = pid.find_task_by_vpid(current, nr)
    if p is None or not (same_thread_group(p, current) if clock & CPUCLOCK_PERTHREAD_MASK else thread_group_leader(p)):
        raise LinuxError(Errno.EINVAL, f"CPU clock of {nr}")
    return p


def clock_getres(clock: int) -> int:
    """Return a CPU clock's resolution in ns."""
    return 1 if clock & CPUCLOCK_CLOCK_MASK == CPUCLOCK_SCHED else TICK_PERIOD_NS


# Arming.


def _expires(sig: SignalStruct) -> CputimeExpires:
    if sig.cputime_expires is None:
        sig.cputime_expires = CputimeExpires()
    expires: CputimeExpires = sig.cputime_expires
    return expires


def _drop_if_empty(sig: SignalStruct) -> None:
    expires: CputimeExpires | None = sig.cputime_expires
    if expires is not None and not expires.limited and not expires.rt_limited and not expires.timers and sig.it is None:
        sig.cputime_expires = None


def posix_cpu_timers_init_group(sig: SignalStruct) -> None:
    """Arm a new process's RLIMIT_CPU and RLIMIT_RTTIME if they are finite."""
    if sig.rlim[RLIMIT_CPU][0] != RLIM_INFINITY:
        _expires(sig).limited = True
    if sig.rlim[RLIMIT_RTTIME][0] != RLIM_INFINITY:
        _expires(sig).rt_limited = True


def update_rlimit_cpu(p: Task, rlim_new: int) -> None:
    """RLIMIT_CPU's soft limit was set to rlim_new seconds."""
    sig = p.signal
    if rlim_new != RLIM_INFINITY:
        _expires(sig).limited = True
    elif sig.cputime_expires is not None:
        sig.cputime_expires.limited = False
        _drop_if_empty(sig)
    p.kernel.clock.next_event_ns = 0


def update_rlimit_rttime(p: Task, rlim_new: int) -> None:
    """RLIMIT_RTTIME's soft limit was set to rlim_new microseconds."""
    sig = p.signal
    if rlim_new != RLIM_INFINITY:
        _expires(sig).rt_limited = True
    elif sig.cputime_expires is not None:
        sig.cputime_expires.rt_limited = False
        _drop_if_empty(sig)
    p.kernel.clock.next_event_ns = 0


def posix_cpu_timer_set(timer: CpuTimer, sec: int, nsec: int, *, absolute: bool) -> bool:
    """Set timer to a value of its clock, or to a time from now; zero stops it. Returns whether that is over already."""
    posix_cpu_timer_del(timer)
    clock = timer.clock
    now = clock_sample(clock, timer.task)
    expires = timespec_to_sample(clock, sec, nsec)
    if expires and not absolute:
        expires = expires + now & ULONG_MAX
    timer.expires = expires
    if expires > now:
        arm_timer(timer)
    return 0 < expires <= now


def arm_timer(timer: CpuTimer) -> None:
    """Let timer run until its clock is at timer.expires."""
    _expires(timer.task.signal).timers.append(timer)
    timer.task.kernel.clock.next_event_ns = 0


def bump_cpu_timer(timer: CpuTimer, now: int) -> int:
    """Move the expiry of a periodic timer beyond now; returns how many periods that took."""
    if not timer.incr or now < timer.expires:
        return 0
    periods = (now - timer.expires) // timer.incr + 1
    timer.expires += periods * timer.incr
    return periods


def posix_cpu_timer_del(timer: CpuTimer) -> bool:
    """Disarm timer; returns whether it was armed."""
    sig = timer.task.signal
    expires: CputimeExpires | None = sig.cputime_expires
    if expires is None or timer not in expires.timers:
        return False
    expires.timers.remove(timer)
    _drop_if_empty(sig)
    return True


def posix_cpu_timers_exit(tsk: Task) -> None:
    """A thread is gone: its clock stands still, and its timers with it."""
    expires: CputimeExpires | None = tsk.signal.cputime_expires
    if expires is not None:
        expires.timers = [t for t in expires.timers if not (t.task is tsk and t.clock & CPUCLOCK_PERTHREAD_MASK)]
        _drop_if_empty(tsk.signal)


def get_cpu_itimer(current: Task, which: int) -> tuple[int, int]:
    """Return (left or 0, interval) of ITIMER_VIRTUAL or ITIMER_PROF, in jiffies."""
    if current.signal.it is None:
        return 0, 0
    it = current.signal.it[which]
    return _itimer_left(it, _itimer_clock(current, which)), it.incr


def _itimer_left(it: CpuItimer, now: int) -> int:
    if not it.expires:
        return 0
    return it.expires - now if it.expires > now else 1


def set_cpu_itimer(current: Task, which: int, value: tuple[int, int], interval: tuple[int, int]) -> tuple[int, int]:
    """Set ITIMER_VIRTUAL or ITIMER_PROF to (seconds, microseconds) of the process's CPU time; zero disarms.

    Returns what get_cpu_itimer would have.
    """
    sig = current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        timers = sig.it or {ITIMER_VIRTUAL: CpuItimer(), ITIMER_PROF: CpuItimer()}
        it = timers[which]
        now = _itimer_clock(current, which)
        old = _itimer_left(it, now), it.incr
        expires = timeval_to_jiffies(*value)
        it.incr = timeval_to_jiffies(*interval)
        it.error = _rounded_by(expires, value)
        it.incr_error = _rounded_by(it.incr, interval)
        # The tick that has begun does not count.
        it.expires = expires + 1 + now if expires else 0
        _set_itimers(sig, timers)
    current.kernel.clock.next_event_ns = 0
    return old


def _rounded_by(jiffies: int, timeval: tuple[int, int]) -> int:
    """Return by how many ns timeval was rounded up to jiffies (cputime_sub_ns)."""
    return max(0, jiffies_to_ns(jiffies) - timeval[0] * NSEC_PER_SEC - timeval[1] * NSEC_PER_USEC)


def _set_itimers(sig: SignalStruct, timers: dict[int, CpuItimer]) -> None:
    """Remember the interval timers, if there is anything: an interval is, even if the timer does not run."""
    if any(it.expires or it.incr for it in timers.values()):
        sig.it = timers
        _expires(sig)
    else:
        sig.it = None
        _drop_if_empty(sig)


def _itimer_clock(p: Task, which: int) -> int:
    utime, stime, _ = thread_group_cputime(p)
    return nsecs_to_jiffies(utime if which == ITIMER_VIRTUAL else utime + stime)


# Expiry.


def _check_cpu_itimers(p: Task, timers: dict[int, CpuItimer], utime: int, ptime: int) -> None:
    for which, now, signo in ((ITIMER_PROF, ptime, SIGPROF), (ITIMER_VIRTUAL, utime, SIGVTALRM)):
        it = timers[which]
        if not it.expires or now < it.expires:
            continue
        if it.incr:
            it.expires += it.incr
            it.error += it.incr_error
            if it.error >= TICK_NSEC:
                it.expires -= 1
                it.error -= TICK_NSEC
        else:
            it.expires = 0
        signal_send.group_send_sig_info(signo, siginfo.SEND_SIG_PRIV, p)
    _set_itimers(p.signal, timers)


def _check_rlimit_cpu(p: Task, ptime_ns: int) -> None:
    """SIGXCPU at the soft limit and each second from then on, SIGKILL at the hard one."""
    sig = p.signal
    soft, hard = sig.rlim[RLIMIT_CPU]
    seconds = ptime_ns // NSEC_PER_SEC
    if seconds >= hard:
        # Once is enough; a dying process uses time, too.
        assert sig.cputime_expires is not None
        sig.cputime_expires.limited = False
        _drop_if_empty(sig)
        signal_send.group_send_sig_info(SIGKILL, siginfo.SEND_SIG_PRIV, p)
    elif seconds >= soft:
        signal_send.group_send_sig_info(SIGXCPU, siginfo.SEND_SIG_PRIV, p)
        if soft < hard:
            sig.rlim[RLIMIT_CPU] = (soft + 1, hard)


def _check_rlimit_rttime(p: Task) -> None:
    """SIGXCPU when p was real-time without sleep for the soft limit, and each second; SIGKILL at the hard one.

    Both are in microseconds, while p's time is counted in ticks.
    """
    sig = p.signal
    soft, hard = sig.rlim[RLIMIT_RTTIME]
    if hard != RLIM_INFINITY and p.rt_timeout > -(-hard // _TICK_US):
        signal_send.group_send_sig_info(SIGKILL, siginfo.SEND_SIG_PRIV, p)
        return
    if p.rt_timeout > -(-soft // _TICK_US):
        if soft < hard:
            sig.rlim[RLIMIT_RTTIME] = (soft + USEC_PER_SEC, hard)
        p.kernel.printk(f"RT Watchdog Timeout: {p.comm}[{p.pid}]", KERN_INFO)
        signal_send.group_send_sig_info(SIGXCPU, siginfo.SEND_SIG_PRIV, p)
