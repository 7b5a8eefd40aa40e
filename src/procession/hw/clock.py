"""Virtual time: nanoseconds since boot, moved by fixed costs only (hw/costs.py).

Hot paths write `clock.now_ns += cost` themselves; advance() is for all others.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

__all__ = ("NEVER", "REALTIME_TICK_NS", "Clock", "HostTime", "MonotonicTime")

AHEAD_NS: Final = 1_000_000  # what a real-time clock may be ahead of the host's
REALTIME_TICK_NS: Final = 10_000_000  # how often it looks while a program computes

NEVER: Final = (1 << 63) - 1  # next_event_ns when no timer is queued


class HostTime(Protocol):
    """What a real-time clock needs of the host."""

    def now_ns(self) -> int:
        """Return the time since this was made."""

    def sleep_until(self, ns: int) -> None:
        """Sleep until ns have passed since this was made."""


class MonotonicTime:
    """The host's clock. It goes on while the command is stopped: what was due meanwhile is due at once after."""

    __slots__ = ("_base_ns",)

    def __init__(self) -> None:
        self._base_ns = time.monotonic_ns()

    def now_ns(self) -> int:
        """Return the time since this was made."""
        return time.monotonic_ns() - self._base_ns

    def sleep_until(self, ns: int) -> None:
        """Sleep until ns have passed since this was made."""
        left = ns - self.now_ns()
        if left > 0:
            time.sleep(left / 1e9)


class Clock:
    """The clock of the CPU that is executing.

    next_event_ns: when somebody wants to be called (the earliest timer), NEVER if nobody does; a CPU leaves user mode
    when it is reached.  cpu_ns: where the clocks of the other CPUs stand.  realtime: it goes with that of host, in
    waiting and in all that is done.
    """

    __slots__ = ("cpu_ns", "host", "next_event_ns", "now_ns", "realtime")

    def __init__(self, *, realtime: bool = False) -> None:
        self.now_ns = 0
        self.next_event_ns = NEVER
        self.cpu_ns: list[int] = []
        self.realtime = realtime
        self.host: HostTime = MonotonicTime()

    def advance(self, ns: int) -> None:
        """Let ns pass."""
        self.now_ns += ns

    def idle_until(self, ns: int) -> None:
        """Jump to ns; a real-time clock sleeps until the host is there too."""
        if ns > self.now_ns:
            if self.realtime:
                self.host.sleep_until(ns)
            self.now_ns = max(ns, self.now_ns)

    def sync(self) -> int:
        """Go with the host's clock if this one does; returns by how many ns that has moved it.

        It never goes back: where it is ahead, because something cost the host less than it costs the guest, the host
        waits, as soon as it is worth a sleep.
        """
        if not self.realtime:
            return 0
        behind_ns = self.host.now_ns() - self.now_ns
        if behind_ns < -AHEAD_NS:
            self.host.sleep_until(self.now_ns)
        if behind_ns <= 0:
            return 0
        self.now_ns += behind_ns
        return behind_ns

    def switch_cpu(self, old: int, new: int) -> None:
        """Put CPU old's time away and go on with CPU new's."""
        while len(self.cpu_ns) <= max(old, new):
            self.cpu_ns.append(0)
        self.cpu_ns[old] = self.now_ns
        self.now_ns = self.cpu_ns[new]
