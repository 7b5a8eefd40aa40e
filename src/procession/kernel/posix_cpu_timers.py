"""CPU clocks, CPU interval timers, RLIMIT_CPU (kernel/posix-cpu-timers.c; spec 10.14).

A process that uses none of these pays nothing: signal.cputime_expires is None then. Else it is what the tick asks
(kernel/hrtimer.py): when something of the process expires, and to do what is due.

Differs: checked at the exact time instead of on ticks; RLIMIT_RTTIME is not applied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.hw.clock import NEVER
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_CPU
from procession.include.linux.sched import same_thread_group, thread_group_leader
from procession.include.linux.signal import SIGKILL, SIGPROF, SIGVTALRM, SIGXCPU
from procession.include.linux.time import ITIMER_PROF, ITIMER_VIRTUAL, NSEC_PER_SEC, TICK_NSEC
from procession.kernel import pid, sched, siginfo, signal_send

if TYPE_CHECKING:
    from procession.include.linux.sched import SignalStruct, Task

__all__ = (
    "CpuTimer",
    "CputimeExpires",
    "clock_getres",
    "clock_sample",
    "clock_target",
    "get_cpu_itimer",
    "posix_cpu_timer_del",
    "posix_cpu_timer_set",
    "posix_cpu_timers_exit",
    "posix_cpu_timers_init_group",
    "set_cpu_itimer",
    "thread_group_cputime",
    "update_rlimit_cpu",
)

CPUCLOCK_PROF: Final = 0
CPUCLOCK_VIRT: Final = 1
CPUCLOCK_SCHED: Final = 2
CPUCLOCK_CLOCK_MASK: Final = 3
CPUCLOCK_PERTHREAD_MASK: Final = 4


class CpuTimer:
    """A timer on a CPU clock: of one thread, or of the process that task stands for."""

    __slots__ = ("clock", "expires_ns", "function", "task")

    def __init__(self, clock: int, task: Task, function: Callable[[CpuTimer], None]) -> None:
        self.clock = clock
        self.task = task
        self.expires_ns = 0
        self.function = function


class CputimeExpires:
    """What a process has on its CPU clocks; the interval timers are in signal.it (struct task_cputime, cpu_timers)."""

    __slots__ = ("limited", "timers")

    def __init__(self) -> None:
        self.limited = False  # RLIMIT_CPU is finite
        self.timers: list[CpuTimer] = []  # by time of arming

    def next_event(self, p: Task) -> int:
        """Return when the first of what p's process has can expire if only p runs."""
        sig = p.signal
        utime, stime, _ = thread_group_cputime(p)
        left_ns = NEVER
        if sig.it is not None:
            for which, (expires_ns, _) in sig.it.items():
                if expires_ns:
                    left_ns = min(left_ns, expires_ns - utime - (0 if which == ITIMER_VIRTUAL else stime))
        if self.limited:
            left_ns = min(left_ns, sig.rlim[RLIMIT_CPU][0] * NSEC_PER_SEC - utime - stime)
        for timer in self.timers:
            if not timer.clock & CPUCLOCK_PERTHREAD_MASK or timer.task is p:
                left_ns = min(left_ns, timer.expires_ns - clock_sample(timer.clock, timer.task))
        return p.kernel.clock.now_ns + max(1, left_ns)

    def run(self, p: Task) -> None:
        """Fire what has expired for the process of p, which runs (run_posix_cpu_timers). Context: interrupt."""
        for timer in self.timers.copy():
            if timer.expires_ns <= clock_sample(timer.clock, timer.task) and posix_cpu_timer_del(timer):
                timer.function(timer)
        utime, stime, _ = thread_group_cputime(p)
        if p.signal.it is not None:
            _check_itimers(p, p.signal.it, utime, stime)
        if self.limited:
            _check_rlimit_cpu(p, utime + stime)


def thread_group_cputime(p: Task) -> tuple[int, int, int]:
    """Return (user, system, scheduled) ns of p's process: its dead threads and its live ones up to now."""
    sig = p.signal
    utime, stime, runtime = sig.utime, sig.stime, sig.sum_sched_runtime
    for t in sig.threads:
        utime += t.utime
        stime += t.stime
        runtime += sched.task_sched_runtime(t)
    return utime, stime, runtime


def clock_sample(clock: int, p: Task) -> int:
    """Return the value of p's thread's or process's CPU clock, in ns."""
    which = clock & CPUCLOCK_CLOCK_MASK
    if clock & CPUCLOCK_PERTHREAD_MASK:
        times = (p.utime, p.stime, sched.task_sched_runtime(p))
    else:
        times = thread_group_cputime(p)
    if which == CPUCLOCK_PROF:
        return times[0] + times[1]
    return times[0] if which == CPUCLOCK_VIRT else times[2]


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
    return 1 if clock & CPUCLOCK_CLOCK_MASK == CPUCLOCK_SCHED else TICK_NSEC


# Arming.


def _expires(sig: SignalStruct) -> CputimeExpires:
    if sig.cputime_expires is None:
        sig.cputime_expires = CputimeExpires()
    expires: CputimeExpires = sig.cputime_expires
    return expires


def _drop_if_empty(sig: SignalStruct) -> None:
    expires: CputimeExpires | None = sig.cputime_expires
    if expires is not None and not expires.limited and not expires.timers and sig.it is None:
        sig.cputime_expires = None


def posix_cpu_timers_init_group(sig: SignalStruct) -> None:
    """Arm a new process's RLIMIT_CPU if it is finite."""
    if sig.rlim[RLIMIT_CPU][0] != RLIM_INFINITY:
        _expires(sig).limited = True


def update_rlimit_cpu(p: Task, rlim_new: int) -> None:
    """RLIMIT_CPU's soft limit was set to rlim_new seconds."""
    sig = p.signal
    if rlim_new != RLIM_INFINITY:
        _expires(sig).limited = True
    elif sig.cputime_expires is not None:
        sig.cputime_expires.limited = False
        _drop_if_empty(sig)
    p.kernel.clock.next_event_ns = 0


def posix_cpu_timer_set(timer: CpuTimer, expires_ns: int) -> None:
    """Arm timer for a value of its clock."""
    posix_cpu_timer_del(timer)
    timer.expires_ns = expires_ns
    _expires(timer.task.signal).timers.append(timer)
    timer.task.kernel.clock.next_event_ns = 0


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
    """Return (ns left or 0, interval) of ITIMER_VIRTUAL or ITIMER_PROF."""
    it = current.signal.it
    if it is None or not it[which][0]:
        return 0, it[which][1] if it is not None else 0
    expires_ns, interval_ns = it[which]
    left_ns = expires_ns - _itimer_clock(current, which)
    return (left_ns if left_ns > 0 else TICK_NSEC), interval_ns


def set_cpu_itimer(current: Task, which: int, value_ns: int, interval_ns: int) -> None:
    """Set ITIMER_VIRTUAL or ITIMER_PROF, in CPU time of the process; value 0 disarms."""
    sig = current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        it = sig.it or {ITIMER_VIRTUAL: (0, 0), ITIMER_PROF: (0, 0)}
        if value_ns:
            # The tick that has begun does not count.
            value_ns += _itimer_clock(current, which) + TICK_NSEC
        it[which] = (value_ns, interval_ns)
        _set_itimers(sig, it)
    current.kernel.clock.next_event_ns = 0


def _set_itimers(sig: SignalStruct, it: dict[int, tuple[int, int]]) -> None:
    """Remember the interval timers, if there is anything: an interval is, even if the timer does not run."""
    if any(it[ITIMER_VIRTUAL] + it[ITIMER_PROF]):
        sig.it = it
        _expires(sig)
    else:
        sig.it = None
        _drop_if_empty(sig)


def _itimer_clock(p: Task, which: int) -> int:
    utime, stime, _ = thread_group_cputime(p)
    return utime if which == ITIMER_VIRTUAL else utime + stime


# Expiry.


def _check_itimers(p: Task, it: dict[int, tuple[int, int]], utime: int, stime: int) -> None:
    for which, now_ns, signo in ((ITIMER_PROF, utime + stime, SIGPROF), (ITIMER_VIRTUAL, utime, SIGVTALRM)):
        expires_ns, interval_ns = it[which]
        if not expires_ns or now_ns < expires_ns:
            continue
        if interval_ns:
            # One signal a tick at most, as in 3.2: else those of a short interval of ITIMER_PROF, whose own delivery
            # takes time, would leave none for the program.
            step_ns = max(interval_ns, TICK_NSEC)
            expires_ns += ((now_ns - expires_ns) // step_ns + 1) * step_ns
        else:
            expires_ns = 0
        it[which] = (expires_ns, interval_ns)
        signal_send.group_send_sig_info(signo, siginfo.SEND_SIG_PRIV, p)
    _set_itimers(p.signal, it)


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
