"""Virtual time: nanoseconds since boot, moved by fixed costs only (hw/costs.py).

Hot paths write `clock.now_ns += cost` themselves; advance() is for all others.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

__all__ = ("NEVER", "Clock", "HostTime", "MonotonicTime")

NEVER: Final = (1 << 63) - 1  # next_event_ns when no timer is queued


class HostTime(Protocol):
    """What a real-time clock needs of the host."""

    def now_ns(self) -> int:
        """Return the time since this was made."""
        ...

    def sleep_until(self, ns: int) -> None:
        """Sleep until ns have passed since this was made."""
        ...


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
    when it is reached.  cpu_ns: where the clocks of the other CPUs stand.  realtime: waiting takes host time,
    that of host.
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

    def sync(self) -> None:
        """Catch up with the host; nothing unless real-time."""
        if self.realtime:
            self.now_ns = max(self.now_ns, self.host.now_ns())

    def switch_cpu(self, old: int, new: int) -> None:
        """Put CPU old's time away and go on with CPU new's."""
        while len(self.cpu_ns) <= max(old, new):
            self.cpu_ns.append(0)
        self.cpu_ns[old] = self.now_ns
        self.now_ns = self.cpu_ns[new]
