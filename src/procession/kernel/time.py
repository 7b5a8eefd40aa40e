"""Reading and setting the time of day; moving times to and from user space (kernel/time.c, timekeeping.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_TIME
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import (
    KTIME_MAX,
    KTIME_SEC_MAX,
    NSEC_PER_SEC,
    NSEC_PER_USEC,
    USEC_PER_SEC,
    TimeOut,
    TimevalIn,
    TimevalOut,
    Timezone,
    TimezoneOut,
)
from procession.include.linux.timex import ADJ_NANO, ADJ_SETOFFSET, TimexPtr
from procession.include.linux.types import TimeT, UserPtr
from procession.kernel import capability, hrtimer, ntp
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "copy_itimerspec",
    "copy_itimerval",
    "copy_timespec",
    "copy_timeval",
    "do_adjtimex",
    "do_settimeofday",
    "get_seconds",
    "get_timespec",
    "getnstimeofday",
    "ktime_set",
    "put_itimerspec",
    "put_timespec",
    "put_timeval",
    "sys_adjtimex",
    "sys_gettimeofday",
    "sys_settimeofday",
    "sys_time",
    "timespec_valid",
    "to_s64",
)


_TWO_LONGS: Final = struct.Struct("<qq")
_FOUR_LONGS: Final = struct.Struct("<qqqq")


def getnstimeofday(k: Kernel) -> int:
    """Return CLOCK_REALTIME in ns; it can be later than KTIME_MAX."""
    return k.boot_time_ns + k.clock.now_ns


def get_seconds(k: Kernel) -> int:
    """Return CLOCK_REALTIME in seconds."""
    return getnstimeofday(k) // NSEC_PER_SEC


def to_s64(value: int) -> int:
    """Return what is left of value in a long."""
    return (value + (1 << 63) & ULONG_MAX) - (1 << 63)


def timespec_valid(sec: int, nsec: int) -> bool:
    """Whether this is a time: not negative, and less than a second of nanoseconds."""
    return sec >= 0 and 0 <= nsec < NSEC_PER_SEC


def ktime_set(sec: int, nsec: int) -> int:
    """Return a time in ns, KTIME_MAX if it is later than that."""
    return KTIME_MAX if sec >= KTIME_SEC_MAX else sec * NSEC_PER_SEC + nsec


def copy_timespec(current: Task, ptr: UserPtr) -> tuple[int, int]:
    """Read a struct timespec; raises EFAULT, EINVAL if it is not a time."""
    sec: int
    nsec: int
    sec, nsec = _TWO_LONGS.unpack(uaccess.copy_from_user(current, ptr, 16))
    if not timespec_valid(sec, nsec):
        raise LinuxError(Errno.EINVAL, "not a timespec")
    return sec, nsec


def get_timespec(current: Task, ptr: UserPtr) -> int:
    """Read a struct timespec, as ns; raises EFAULT, EINVAL if it is not a time. What is too late becomes KTIME_MAX."""
    sec, nsec = copy_timespec(current, ptr)
    return ktime_set(sec, nsec)


def put_timespec(current: Task, ptr: UserPtr, ns: int, offset: int = 0) -> None:
    """Write ns as a struct timespec; raises EFAULT."""
    sec, nsec = divmod(ns, NSEC_PER_SEC)
    uaccess.copy_to_user(current, ptr, _TWO_LONGS.pack(to_s64(sec), nsec), offset)


def copy_timeval(current: Task, ptr: UserPtr) -> tuple[int, int]:
    """Read a struct timeval, whatever it holds; raises EFAULT."""
    sec: int
    usec: int
    sec, usec = _TWO_LONGS.unpack(uaccess.copy_from_user(current, ptr, 16))
    return sec, usec


def put_timeval(current: Task, ptr: UserPtr, ns: int, offset: int = 0) -> None:
    """Write ns as a struct timeval, cut to microseconds; raises EFAULT."""
    sec, nsec = divmod(ns, NSEC_PER_SEC)
    uaccess.copy_to_user(current, ptr, _TWO_LONGS.pack(to_s64(sec), nsec // NSEC_PER_USEC), offset)


def copy_itimerspec(current: Task, ptr: UserPtr) -> tuple[tuple[int, int], tuple[int, int]]:
    """Read a struct itimerspec as (value, interval), each (sec, nsec); raises EFAULT, EINVAL if one is not a time."""
    sec: int
    nsec: int
    value_sec: int
    value_nsec: int
    sec, nsec, value_sec, value_nsec = _FOUR_LONGS.unpack(uaccess.copy_from_user(current, ptr, 32))
    if not timespec_valid(sec, nsec) or not timespec_valid(value_sec, value_nsec):
        raise LinuxError(Errno.EINVAL, "not a timespec")
    return (value_sec, value_nsec), (sec, nsec)


def put_itimerspec(current: Task, ptr: UserPtr, value_ns: int, interval_ns: int) -> None:
    """Write a struct itimerspec; raises EFAULT."""
    value, interval = divmod(value_ns, NSEC_PER_SEC), divmod(interval_ns, NSEC_PER_SEC)
    uaccess.copy_to_user(current, ptr, _FOUR_LONGS.pack(*interval, *value))


def copy_itimerval(current: Task, ptr: UserPtr) -> tuple[tuple[int, int], tuple[int, int]]:
    """Read a struct itimerval as (value, interval), each (sec, usec); raises EFAULT, EINVAL if one is not a time."""
    sec: int
    usec: int
    value_sec: int
    value_usec: int
    sec, usec, value_sec, value_usec = _FOUR_LONGS.unpack(uaccess.copy_from_user(current, ptr, 32))
    if min(sec, value_sec) < 0 or not (0 <= usec < USEC_PER_SEC and 0 <= value_usec < USEC_PER_SEC):
        raise LinuxError(Errno.EINVAL, "not a timeval")
    return (value_sec, value_usec), (sec, usec)


@syscall
def sys_time(current: Task, tloc: TimeOut) -> TimeT:
    """Return the seconds since 1970, and store them if tloc is given (time(2)); raises EFAULT."""
    seconds = to_s64(getnstimeofday(current.kernel) // NSEC_PER_SEC)
    if tloc:
        uaccess.put_user(current, tloc, seconds, 8)
    return seconds


@syscall
def sys_gettimeofday(current: Task, tv: TimevalOut, tz: TimezoneOut) -> int:
    """Return the time of day (gettimeofday(2)); the time zone is UTC. Raises EFAULT."""
    if tv:
        put_timeval(current, tv, getnstimeofday(current.kernel))
    if tz:
        uaccess.copy_to_user(current, tz, bytes(8))
    return 0


@syscall
def sys_settimeofday(current: Task, tv: TimevalIn, tz: Timezone) -> int:
    """Set the time of day (settimeofday(2)); raises EFAULT, EINVAL, EPERM without CAP_SYS_TIME.

    Differs: the kernel's time zone, which only file systems look at, is accepted and forgotten.
    """
    sec, usec = copy_timeval(current, tv) if tv else (0, 0)
    if tz:
        uaccess.copy_from_user(current, tz, 8)
    nsec = to_s64(usec * NSEC_PER_USEC)
    if tv and not timespec_valid(sec, nsec):
        raise LinuxError(Errno.EINVAL, "not a timeval")
    if not capability.capable(current, CAP_SYS_TIME):
        raise LinuxError(Errno.EPERM, "setting the time needs CAP_SYS_TIME")
    if tv:
        do_settimeofday(current.kernel, sec * NSEC_PER_SEC + nsec)
    return 0


def do_settimeofday(k: Kernel, real_ns: int) -> None:
    """Set CLOCK_REALTIME; whoever waits for a time of day, or for the clock to be set, hears of it."""
    ntp.ntp_clear(k)
    k.boot_time_ns = real_ns - k.clock.now_ns
    hrtimer.clock_was_set(k)
    for ctx in list(k.timers.cancel_list):
        ctx.clock_was_set()


@syscall
def sys_adjtimex(current: Task, txc: TimexPtr) -> int:
    """Set and report the clock's discipline; returns its state (adjtimex(2)); raises EFAULT, EPERM, EINVAL."""
    timex = ntp.Timex(uaccess.copy_from_user(current, txc, ntp.TIMEX_SIZE))
    try:
        state, data = do_adjtimex(current, timex)
    except LinuxError:
        uaccess.copy_to_user(current, txc, timex.data)
        raise
    uaccess.copy_to_user(current, txc, data)
    return state


def do_adjtimex(current: Task, timex: ntp.Timex) -> tuple[int, bytes]:
    """Set what is asked for; returns the clock's state, and the structure as it is then. Raises EPERM, EINVAL."""
    k = current.kernel
    _check_adjtimex(current, timex)
    if timex.modes & ADJ_SETOFFSET:
        timekeeping_inject_offset(k, timex)
    return ntp.do_adjtimex(k, timex, getnstimeofday(k))


def _check_adjtimex(current: Task, timex: ntp.Timex) -> None:
    if ntp.check_adjtimex(timex) and not capability.capable(current, CAP_SYS_TIME):
        raise LinuxError(Errno.EPERM, "adjusting the clock needs CAP_SYS_TIME")
    ntp.check_tick(timex)


def timekeeping_inject_offset(k: Kernel, txc: ntp.Timex) -> None:
    """Move the time of day; raises EINVAL."""
    nsec = txc.usec if txc.modes & ADJ_NANO else to_s64(txc.usec * NSEC_PER_USEC)
    if not 0 <= nsec < NSEC_PER_SEC:
        raise LinuxError(Errno.EINVAL, "adjtimex: offset")
    do_settimeofday(k, getnstimeofday(k) + txc.sec * NSEC_PER_SEC + nsec)
