"""Reading and setting the time of day; moving times to and from user space (kernel/time.c, timekeeping.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.cred import CAP_SYS_TIME
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import (
    ADJ_OFFSET_SS_READ,
    KTIME_MAX,
    NSEC_PER_SEC,
    NSEC_PER_USEC,
    USEC_PER_SEC,
    TimeOut,
    TimevalIn,
    TimevalOut,
    Timezone,
    TimezoneOut,
)
from procession.include.linux.types import Arg, TimeT, UserPtr
from procession.kernel import capability, hrtimer
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "do_settimeofday",
    "get_timespec",
    "get_timeval",
    "ktime_get_real",
    "put_timespec",
    "put_timeval",
    "sys_adjtimex",
    "sys_gettimeofday",
    "sys_settimeofday",
    "sys_time",
)


_TWO_LONGS: Final = struct.Struct("<qq")


def ktime_get_real(k: Kernel) -> int:
    """Return CLOCK_REALTIME in ns."""
    return k.boot_time_ns + k.clock.now_ns


def get_timespec(current: Task, ptr: UserPtr, offset: int = 0) -> int:
    """Read a struct timespec, as ns; raises EFAULT, EINVAL if it is not a time. Very long becomes KTIME_MAX."""
    sec: int
    nsec: int
    sec, nsec = _TWO_LONGS.unpack(uaccess.copy_from_user(current, ptr, offset + 16)[offset:])
    if sec < 0 or not 0 <= nsec < NSEC_PER_SEC:
        raise LinuxError(Errno.EINVAL, "not a timespec")
    return min(sec * NSEC_PER_SEC + nsec, KTIME_MAX >> 1)


def put_timespec(current: Task, ptr: UserPtr, ns: int, offset: int = 0) -> None:
    """Write ns as a struct timespec; raises EFAULT."""
    uaccess.copy_to_user(current, ptr, _TWO_LONGS.pack(*divmod(ns, NSEC_PER_SEC)), offset)


def get_timeval(current: Task, ptr: UserPtr, offset: int = 0) -> int:
    """Read a struct timeval, as ns; raises EFAULT, EINVAL if it is not a time."""
    sec: int
    usec: int
    sec, usec = _TWO_LONGS.unpack(uaccess.copy_from_user(current, ptr, offset + 16)[offset:])
    if sec < 0 or not 0 <= usec < USEC_PER_SEC:
        raise LinuxError(Errno.EINVAL, "not a timeval")
    return min(sec * NSEC_PER_SEC + usec * NSEC_PER_USEC, KTIME_MAX >> 1)


def put_timeval(current: Task, ptr: UserPtr, ns: int, offset: int = 0) -> None:
    """Write ns as a struct timeval, cut to microseconds; raises EFAULT."""
    usec = ns // NSEC_PER_USEC
    uaccess.copy_to_user(current, ptr, _TWO_LONGS.pack(*divmod(usec, USEC_PER_SEC)), offset)


@syscall
def sys_time(current: Task, tloc: TimeOut) -> TimeT:
    """Return the seconds since 1970, and store them if tloc is given (time(2)); raises EFAULT."""
    seconds = ktime_get_real(current.kernel) // NSEC_PER_SEC
    if tloc:
        uaccess.put_user(current, tloc, seconds, 8)
    return seconds


@syscall
def sys_gettimeofday(current: Task, tv: TimevalOut, tz: TimezoneOut) -> int:
    """Return the time of day (gettimeofday(2)); the time zone is UTC. Raises EFAULT."""
    if tv:
        put_timeval(current, tv, ktime_get_real(current.kernel))
    if tz:
        uaccess.copy_to_user(current, tz, bytes(8))
    return 0


@syscall
def sys_settimeofday(current: Task, tv: TimevalIn, tz: Timezone) -> int:
    """Set the time of day (settimeofday(2)); raises EFAULT, EINVAL, EPERM without CAP_SYS_TIME.

    Differs: the kernel's time zone, which only file systems look at, is accepted and forgotten.
    """
    now_ns = get_timeval(current, tv) if tv else None
    if tz:
        uaccess.copy_from_user(current, tz, 8)
    if not capability.capable(current, CAP_SYS_TIME):
        raise LinuxError(Errno.EPERM, "setting the time needs CAP_SYS_TIME")
    if now_ns is not None:
        do_settimeofday(current.kernel, now_ns)
    return 0


def do_settimeofday(k: Kernel, real_ns: int) -> None:
    """Set CLOCK_REALTIME; timers that wait for a time of day expire by the new one (clock_was_set)."""
    step_ns = real_ns - ktime_get_real(k)
    k.boot_time_ns += step_ns
    for _, serial, timer in sorted(k.timers.hrtimers, key=lambda entry: entry[:2]):
        if timer.realtime and timer.queued and timer.serial == serial:
            hrtimer.hrtimer_start(k, timer, timer.expires_ns - step_ns)


_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 64


@syscall
def sys_adjtimex(current: Task, txc: Annotated[UserPtr, Arg("struct timex", out=True)]) -> int:
    """Report the state of the clock's discipline: not synchronised (adjtimex(2)).

    Raises EFAULT; EPERM without CAP_SYS_TIME if anything is to change. Differs: changes have no effect.
    """
    modes = uaccess.get_user(current, txc, 4)
    if modes and modes != ADJ_OFFSET_SS_READ:
        if not capability.capable(current, CAP_SYS_TIME):
            raise LinuxError(Errno.EPERM, "adjusting the clock needs CAP_SYS_TIME")
        current.kernel.not_modelled("adjtimex: modes")
    sec, usec = divmod(ktime_get_real(current.kernel) // NSEC_PER_USEC, USEC_PER_SEC)
    timex = struct.pack(
        "<I4xqqqqi4xqqqqqqqqi4xqqqqqi44x",
        modes,
        0,
        0,
        16_000_000,
        16_000_000,
        _STA_UNSYNC,
        2,
        1,
        32_768_000,
        sec,
        usec,
        10_000,
        *[0] * 9,
    )
    uaccess.copy_to_user(current, txc, timex)
    return _TIME_ERROR
