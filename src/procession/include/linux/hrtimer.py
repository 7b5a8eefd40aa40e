"""Timers on the virtual clock (include/linux/hrtimer.h); functions in kernel/hrtimer.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(eq=False, slots=True)
class Hrtimer:
    """One timer; function runs in interrupt context when the clock reaches expires_ns.

    It returns the next expiry in ns to be armed again (HRTIMER_RESTART), or None.
    """

    function: Callable[[Hrtimer], int | None]
    expires_ns: int = 0
    serial: int = 0
    queued: bool = False
    data: object = None
    realtime: bool = False  # waits for a time of CLOCK_REALTIME: moves when that clock is set
