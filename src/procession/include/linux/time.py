"""Clocks and timers as calls name them (include/linux/time.h, timerfd.h).

For signatures: they are printed and listed, code computes with plain ints.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "ClockArg",
    "ItimerArg",
    "ItimerspecIn",
    "ItimerspecOut",
    "ItimervalIn",
    "ItimervalOut",
    "RealtimeArg",
    "TfdCreateArg",
    "TfdSettimeArg",
    "TimeOut",
    "TimerArg",
    "TimerClockArg",
    "TimerfdClockArg",
    "TimespecIn",
    "TimespecLeft",
    "TimespecOut",
    "TimespecTimeout",
    "TimevalIn",
    "TimevalOut",
    "TimevalTimeout",
    "Timezone",
    "TimezoneOut",
)


class Clock(IntEnum):
    """Clocks; a negative number is another process's or a thread's CPU clock."""

    REALTIME = 0
    MONOTONIC = 1
    PROCESS_CPUTIME_ID = 2
    THREAD_CPUTIME_ID = 3
    MONOTONIC_RAW = 4
    REALTIME_COARSE = 5
    MONOTONIC_COARSE = 6
    BOOTTIME = 7


class Itimer(IntEnum):
    """setitimer(2)."""

    REAL = 0
    VIRTUAL = 1
    PROF = 2


class TimerFlags(IntFlag):
    """clock_nanosleep(2), timer_settime(2)."""

    ABSTIME = 1


class TfdFlags(IntFlag):
    """timerfd_create(2), timerfd_settime(2)."""

    TIMER_ABSTIME = 1
    TIMER_CANCEL_ON_SET = 2
    CLOEXEC = 0o2000000
    NONBLOCK = 0o4000


_WITH_TIMERS = (Clock.REALTIME, Clock.MONOTONIC, Clock.PROCESS_CPUTIME_ID, Clock.THREAD_CPUTIME_ID, Clock.BOOTTIME)

ClockArg = Annotated[int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_")]
RealtimeArg = Annotated[int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_", accepts=(Clock.REALTIME,))]
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
        accepts=tuple(clock for clock in _WITH_TIMERS if clock is not Clock.THREAD_CPUTIME_ID),
    ),
]
TimerfdClockArg = Annotated[
    int, Arg("int", 32, signed=True, values=Clock, prefix="CLOCK_", accepts=(Clock.REALTIME, Clock.MONOTONIC))
]
ItimerArg = Annotated[int, Arg("int", 32, signed=True, values=Itimer, prefix="ITIMER_")]
TimerArg = Annotated[int, Arg("int", 32, signed=True, flags=TimerFlags, prefix="TIMER_")]
TfdCreateArg = Annotated[
    int, Arg("int", 32, signed=True, flags=TfdFlags, prefix="TFD_", accepts=(TfdFlags.CLOEXEC, TfdFlags.NONBLOCK))
]
TfdSettimeArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=TfdFlags,
        prefix="TFD_",
        accepts=(TfdFlags.TIMER_ABSTIME, TfdFlags.TIMER_CANCEL_ON_SET),
    ),
]

TimespecIn = Annotated[UserPtr, Arg("struct timespec")]
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
