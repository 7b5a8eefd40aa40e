"""Ticks and what they count as (include/linux/jiffies.h, the conversions of kernel/time.c).

CPU time is kept in jiffies (cputime_t). One counts as TICK_NSEC, a little more than the time between two ticks, so what
is given in seconds comes back a little longer.
"""

from __future__ import annotations

from typing import Final

from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.time import (
    NSEC_PER_CLOCK_T,
    NSEC_PER_MSEC,
    NSEC_PER_SEC,
    NSEC_PER_USEC,
    TICK_NSEC,
    TICK_PERIOD_NS,
)

__all__ = (
    "INITIAL_JIFFIES",
    "jiffies_to_clock_t",
    "jiffies_to_ns",
    "msecs_to_jiffies",
    "nsecs_to_jiffies",
    "timespec_to_jiffies",
    "timeval_to_jiffies",
)

INITIAL_JIFFIES: Final = (1 << 32) - 300 * NSEC_PER_SEC // TICK_PERIOD_NS  # they wrap, in 32 bits, after five minutes

# How many binary places a jiffy is counted with; for HZ = 250.
_SEC_JIFFIE_SC: Final = 24
_NSEC_JIFFIE_SC: Final = _SEC_JIFFIE_SC + 29
_USEC_JIFFIE_SC: Final = _SEC_JIFFIE_SC + 19
_SEC_CONVERSION: Final = ((NSEC_PER_SEC << _SEC_JIFFIE_SC) + TICK_NSEC - 1) // TICK_NSEC
_NSEC_CONVERSION: Final = ((1 << _NSEC_JIFFIE_SC) + TICK_NSEC - 1) // TICK_NSEC
_USEC_CONVERSION: Final = ((NSEC_PER_USEC << _USEC_JIFFIE_SC) + TICK_NSEC - 1) // TICK_NSEC
_USEC_ROUND: Final = (1 << _USEC_JIFFIE_SC) - 1
# Longer times are cut to this.
_MAX_SEC_IN_JIFFIES: Final = 2_199_160_693


def timespec_to_jiffies(sec: int, nsec: int) -> int:
    """Return a time in jiffies, rounded up; at most some seventy years."""
    nsec += TICK_NSEC - 1
    if sec >= _MAX_SEC_IN_JIFFIES:
        sec, nsec = _MAX_SEC_IN_JIFFIES, 0
    parts = sec * _SEC_CONVERSION + (nsec * _NSEC_CONVERSION >> _NSEC_JIFFIE_SC - _SEC_JIFFIE_SC)
    return (parts & ULONG_MAX) >> _SEC_JIFFIE_SC


def timeval_to_jiffies(sec: int, usec: int) -> int:
    """Return a time in jiffies, rounded up; at most some seventy years."""
    if sec >= _MAX_SEC_IN_JIFFIES:
        sec, usec = _MAX_SEC_IN_JIFFIES, 0
    parts = sec * _SEC_CONVERSION + (usec * _USEC_CONVERSION + _USEC_ROUND >> _USEC_JIFFIE_SC - _SEC_JIFFIE_SC)
    return (parts & ULONG_MAX) >> _SEC_JIFFIE_SC


def jiffies_to_ns(jiffies: int) -> int:
    """Return what so many jiffies count as (jiffies_to_timespec, as ns)."""
    return jiffies * TICK_NSEC & ULONG_MAX


def jiffies_to_clock_t(jiffies: int) -> int:
    """Return jiffies in units of 1/USER_HZ s."""
    return jiffies * TICK_NSEC // NSEC_PER_CLOCK_T


def msecs_to_jiffies(m: int) -> int:
    """Return a time in ticks, rounded up."""
    return -(-m * NSEC_PER_MSEC // TICK_PERIOD_NS)


def nsecs_to_jiffies(ns: int) -> int:
    """Return how many ticks pass in ns."""
    return ns // TICK_PERIOD_NS
