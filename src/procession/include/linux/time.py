"""Clocks and timers as calls name them (include/linux/time.h, timerfd.h).

For signatures: they are printed and listed, code computes with plain ints.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

HZ: Final = 250  # 3.2's x86 default
USER_HZ: Final = 100  # what clock_t counts

USEC_PER_SEC: Final = 1_000_000
NSEC_PER_USEC: Final = 1_000
NSEC_PER_MSEC: Final = 1_000_000
NSEC_PER_SEC: Final = 1_000_000_000
TICK_PERIOD_NS: Final = NSEC_PER_SEC // HZ  # between ticks; tick_period
TICK_NSEC: Final = 4_000_250  # what a jiffy counts as: a whole number of the 1,193,182 Hz timer's periods
NSEC_PER_CLOCK_T: Final = NSEC_PER_SEC // USER_HZ  # Ours: C writes the quotient
KTIME_MAX: Final = (1 << 63) - 1  # the end of time: a timer for then never expires
KTIME_SEC_MAX: Final = KTIME_MAX // NSEC_PER_SEC
TIME_T_MAX: Final = (1 << 63) - 1

# Clocks; a negative number is another process's or a thread's CPU clock.
CLOCK_REALTIME: Final = 0
CLOCK_MONOTONIC: Final = 1
CLOCK_PROCESS_CPUTIME_ID: Final = 2
CLOCK_THREAD_CPUTIME_ID: Final = 3
CLOCK_MONOTONIC_RAW: Final = 4
CLOCK_REALTIME_COARSE: Final = 5
CLOCK_MONOTONIC_COARSE: Final = 6
CLOCK_BOOTTIME: Final = 7


class Clock(IntEnum):
    """Clocks; a negative number is another process's or a thread's CPU clock."""

    REALTIME = CLOCK_REALTIME
    MONOTONIC = CLOCK_MONOTONIC
    PROCESS_CPUTIME_ID = CLOCK_PROCESS_CPUTIME_ID
    THREAD_CPUTIME_ID = CLOCK_THREAD_CPUTIME_ID
    MONOTONIC_RAW = CLOCK_MONOTONIC_RAW
    REALTIME_COARSE = CLOCK_REALTIME_COARSE
    MONOTONIC_COARSE = CLOCK_MONOTONIC_COARSE
    BOOTTIME = CLOCK_BOOTTIME


# setitimer(2).
ITIMER_REAL: Final = 0
ITIMER_VIRTUAL: Final = 1
ITIMER_PROF: Final = 2


class Itimer(IntEnum):
    """setitimer(2)."""

    REAL = ITIMER_REAL
    VIRTUAL = ITIMER_VIRTUAL
    PROF = ITIMER_PROF


# clock_nanosleep(2), timer_settime(2).
TIMER_ABSTIME: Final = 1


class TimerFlags(IntFlag):
    """clock_nanosleep(2), timer_settime(2)."""

    ABSTIME = TIMER_ABSTIME


# timerfd_create(2), timerfd_settime(2).
TFD_TIMER_ABSTIME: Final = 1
TFD_TIMER_CANCEL_ON_SET: Final = 2
TFD_CLOEXEC: Final = 0o2000000
TFD_NONBLOCK: Final = 0o4000


class TfdFlags(IntFlag):
    """timerfd_create(2), timerfd_settime(2)."""

    TIMER_ABSTIME = TFD_TIMER_ABSTIME
    TIMER_CANCEL_ON_SET = TFD_TIMER_CANCEL_ON_SET
    CLOEXEC = TFD_CLOEXEC
    NONBLOCK = TFD_NONBLOCK


_WITH_TIMERS: Final[tuple[int, ...]] = (
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_BOOTTIME,
)

ClockArg = Annotated[int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_")]
RealtimeArg = Annotated[int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_", accepts=(CLOCK_REALTIME,))]
TimerClockArg = Annotated[int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_", accepts=_WITH_TIMERS)]
# One's own CPU time does not go on in one's sleep.
SleepClockArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        values=Clock,
        prefix="CLOCK_",
        accepts=tuple(clock for clock in _WITH_TIMERS if clock is not CLOCK_THREAD_CPUTIME_ID),
    ),
]
TimerfdClockArg = Annotated[
    int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_", accepts=(CLOCK_REALTIME, CLOCK_MONOTONIC))
]
ItimerArg = Annotated[int, Arg("int", 32, signed=True, values=Itimer, prefix="ITIMER_")]
TimerArg = Annotated[int, Arg("int", 32, signed=True, flags=TimerFlags, prefix="TIMER_")]
TfdCreateArg = Annotated[
    int, Arg("int", 32, signed=True, flags=TfdFlags, prefix="TFD_", accepts=(TFD_CLOEXEC, TFD_NONBLOCK))
]
TfdSettimeArg = Annotated[
    int,
    Arg("int", 32, signed=True, flags=TfdFlags, prefix="TFD_", accepts=(TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET)),
]

TimespecIn = Annotated[UserPtr, Arg("struct timespec")]
# A time that a failed call does not show.
TimeoutArg = Annotated[UserPtr, Arg("timeout")]
TimespecOut = Annotated[UserPtr, Arg("struct timespec", out=True)]
# What is left of a sleep, written only if it was interrupted.
TimespecLeft = Annotated[UserPtr, Arg("remaining", out=True)]
TimevalIn = Annotated[UserPtr, Arg("struct timeval")]
TimevalOut = Annotated[UserPtr, Arg("struct timeval", out=True)]
ItimervalIn = Annotated[UserPtr, Arg("struct itimerval")]
ItimervalOut = Annotated[UserPtr, Arg("struct itimerval", out=True)]
ItimerspecIn = Annotated[UserPtr, Arg("struct itimerspec")]
ItimerspecOut = Annotated[UserPtr, Arg("struct itimerspec", out=True)]
# What is left of it comes after the result.
TimespecTimeout = Annotated[UserPtr, Arg("timespec_left")]
TimevalTimeout = Annotated[UserPtr, Arg("timeval_left")]
Timezone = Annotated[UserPtr, Arg("struct timezone")]
TimezoneOut = Annotated[UserPtr, Arg("struct timezone", out=True)]
TimeOut = Annotated[UserPtr, Arg("time_t *", out=True)]
