"""Interval timers: setitimer, getitimer, alarm's core (kernel/itimer.c; spec 10.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.jiffies import jiffies_to_ns
from procession.include.linux.sched import SignalStruct
from procession.include.linux.signal import SIGALRM
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import (
    ITIMER_PROF,
    ITIMER_REAL,
    ITIMER_VIRTUAL,
    NSEC_PER_SEC,
    NSEC_PER_USEC,
    USEC_PER_SEC,
    ItimerArg,
    ItimervalIn,
    ItimervalOut,
)
from procession.include.linux.types import UserPtr
from procession.kernel import hrtimer, posix_cpu_timers, siginfo, signal_send, time

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "alarm_setitimer",
    "do_getitimer",
    "do_setitimer",
    "exit_itimers_real",
    "it_real_fn",
    "sys_getitimer",
    "sys_setitimer",
)


def it_real_fn(timer: Hrtimer) -> int | None:
    """ITIMER_REAL is over: SIGALRM to the process. A periodic one goes on when the signal is dequeued."""
    sig: SignalStruct = timer.data  # type: ignore[assignment]
    if sig.leader_pid is not None:
        signal_send.kill_pid_info(SIGALRM, siginfo.SEND_SIG_PRIV, sig.leader_pid)
    return None


def exit_itimers_real(current: Task) -> None:
    """The last thread of a process is ending: no more SIGALRM."""
    timer = current.signal.it_real_timer
    if timer is not None:
        hrtimer.hrtimer_cancel(current.kernel, timer)
        current.signal.it_real_timer = None
    current.signal.it_real_incr_ns = 0


def do_getitimer(current: Task, which: int) -> tuple[int, int]:
    """Return (ns to the next expiry or 0, interval); raises EINVAL for an unknown timer."""
    sig = current.signal
    if which == ITIMER_REAL:
        return itimer_get_remtime(current), sig.it_real_incr_ns
    if which in (ITIMER_VIRTUAL, ITIMER_PROF):
        value, interval = posix_cpu_timers.get_cpu_itimer(current, which)
        return jiffies_to_ns(value), jiffies_to_ns(interval)
    raise LinuxError(Errno.EINVAL, f"interval timer {which}")


def itimer_get_remtime(current: Task) -> int:
    """Return what ITIMER_REAL has left, in ns; 0: it is not armed."""
    timer: Hrtimer | None = current.signal.it_real_timer
    if timer is None or not timer.queued:
        return 0
    left_ns = hrtimer.hrtimer_get_remaining(current.kernel, timer)
    return left_ns if left_ns > 0 else NSEC_PER_USEC  # an armed timer is never reported as over


def do_setitimer(current: Task, which: int, value: tuple[int, int], interval: tuple[int, int]) -> tuple[int, int]:
    """Set a timer, to (seconds, microseconds); zero disarms it.

    Returns what do_getitimer would have; raises EINVAL for an unknown timer.
    """
    if which == ITIMER_REAL:
        return _set_itimer_real(current, value, interval)
    if which not in (ITIMER_VIRTUAL, ITIMER_PROF):
        raise LinuxError(Errno.EINVAL, f"interval timer {which}")
    old_value, old_interval = posix_cpu_timers.set_cpu_itimer(current, which, value, interval)
    return jiffies_to_ns(old_value), jiffies_to_ns(old_interval)


def _set_itimer_real(current: Task, value: tuple[int, int], interval: tuple[int, int]) -> tuple[int, int]:
    k, sig = current.kernel, current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        old = itimer_get_remtime(current), sig.it_real_incr_ns
        timer = sig.it_real_timer
        if timer is None:
            timer = sig.it_real_timer = Hrtimer(it_real_fn, data=sig)
        hrtimer.hrtimer_cancel(k, timer)
        value_ns = time.ktime_set(value[0], value[1] * NSEC_PER_USEC)
        if value_ns:
            sig.it_real_incr_ns = time.ktime_set(interval[0], interval[1] * NSEC_PER_USEC)
            hrtimer.hrtimer_start(k, timer, hrtimer.ktime_add_safe(k.clock.now_ns, value_ns))
        else:
            sig.it_real_incr_ns = 0
    return old


def alarm_setitimer(current: Task, seconds: int) -> int:
    """Arm ITIMER_REAL for alarm(2); returns what was left in seconds, rounded, but not to 0 if it was armed."""
    left_ns, _ = do_setitimer(current, ITIMER_REAL, (seconds, 0), (0, 0))
    sec, rest_ns = divmod(left_ns, NSEC_PER_SEC)
    usec = rest_ns // NSEC_PER_USEC
    if (not sec and usec) or usec >= USEC_PER_SEC // 2:
        sec += 1
    return sec


def _put_itimerval(current: Task, ptr: UserPtr, value_ns: int, interval_ns: int) -> None:
    time.put_timeval(current, ptr, interval_ns)
    time.put_timeval(current, ptr, value_ns, 16)


@syscall
def sys_getitimer(current: Task, which: ItimerArg, value: ItimervalOut) -> int:
    """Read an interval timer (getitimer(2)); raises EFAULT, EINVAL."""
    if not value:
        raise LinuxError(Errno.EFAULT, "getitimer")
    value_ns, interval_ns = do_getitimer(current, which)
    _put_itimerval(current, value, value_ns, interval_ns)
    return 0


@syscall
def sys_setitimer(current: Task, which: ItimerArg, value: ItimervalIn, ovalue: ItimervalOut) -> int:
    """Set an interval timer (setitimer(2)); a NULL value disarms it, as in 3.2. Raises EFAULT, EINVAL."""
    new_value = new_interval = (0, 0)
    if value:
        new_value, new_interval = time.copy_itimerval(current, value)
    old_value_ns, old_interval_ns = do_setitimer(current, which, new_value, new_interval)
    if ovalue:
        _put_itimerval(current, ovalue, old_value_ns, old_interval_ns)
    return 0
