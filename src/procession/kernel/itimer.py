"""Interval timers: setitimer, getitimer, alarm's core (kernel/itimer.c; spec 10.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
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
        timer: Hrtimer | None = sig.it_real_timer
        if timer is None or not timer.queued:
            return 0, sig.it_real_incr_ns
        # An armed timer is never reported as over.
        return max(hrtimer.hrtimer_get_remaining(current.kernel, timer), NSEC_PER_USEC), sig.it_real_incr_ns
    if which in (ITIMER_VIRTUAL, ITIMER_PROF):
        return posix_cpu_timers.get_cpu_itimer(current, which)
    raise LinuxError(Errno.EINVAL, f"interval timer {which}")


def do_setitimer(current: Task, which: int, value_ns: int, interval_ns: int) -> tuple[int, int]:
    """Set a timer, 0 to disarm it; returns what do_getitimer would have; raises EINVAL for an unknown timer."""
    old = do_getitimer(current, which)
    if which != ITIMER_REAL:
        posix_cpu_timers.set_cpu_itimer(current, which, value_ns, interval_ns)
        return old
    k, sig = current.kernel, current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        timer = sig.it_real_timer
        if timer is None:
            timer = sig.it_real_timer = Hrtimer(it_real_fn, data=sig)
        hrtimer.hrtimer_cancel(k, timer)
        if value_ns:
            sig.it_real_incr_ns = interval_ns
            hrtimer.hrtimer_start(k, timer, k.clock.now_ns + value_ns)
        else:
            sig.it_real_incr_ns = 0
    return old


def alarm_setitimer(current: Task, seconds: int) -> int:
    """Arm ITIMER_REAL for alarm(2); returns what was left in seconds, rounded, but not to 0 if it was armed."""
    left_ns, _ = do_setitimer(current, ITIMER_REAL, seconds * NSEC_PER_SEC, 0)
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
    interval_ns = value_ns = 0
    if value:
        interval_ns = time.get_timeval(current, value)
        value_ns = time.get_timeval(current, value, 16)
    old_value_ns, old_interval_ns = do_setitimer(current, which, value_ns, interval_ns)
    if ovalue:
        _put_itimerval(current, ovalue, old_value_ns, old_interval_ns)
    return 0
