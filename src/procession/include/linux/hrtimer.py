"""Timers on the virtual clock (include/linux/hrtimer.h); functions in kernel/hrtimer.py."""

from __future__ import annotations

from collections.abc import Callable


class Hrtimer:
    """One timer; function runs in interrupt context when the timer's clock reaches expires_ns.

    delta_ns: so much earlier it may run if an interrupt comes then anyway (expires and softexpires of 3.2's).

    That clock is the monotonic one; with realtime the time of day, which can be set.  function returns the next expiry
    in ns to be armed again (HRTIMER_RESTART), or None.
    """

    __slots__ = ("function", "expires_ns", "delta_ns", "serial", "queued", "data", "realtime", "cpu")  # derived

    def __init__(
        self,
        function: Callable[[Hrtimer], int | None],
        expires_ns: int = 0,
        data: object = None,
        realtime: bool = False,
    ) -> None:
        self.function: Callable[[Hrtimer], int | None] = function
        self.expires_ns: int = expires_ns
        self.delta_ns: int = 0
        self.serial: int = 0
        self.queued: bool = False
        self.data: object = data
        self.realtime: bool = realtime
        self.cpu: int = 0  # which one it interrupts, of several
