"""Virtual time: nanoseconds since boot, moved by fixed costs only.

Hot paths write `clock.now_ns += cost` themselves; advance() is for all others.
"""

from __future__ import annotations

import time

__all__ = ("FAULT_NS", "INSN_NS", "NEVER", "SWITCH_NS", "TRAP_NS", "Clock")

TRAP_NS = 100           # a system call or exception
FAULT_NS = 500          # a page fault, on top of nothing else
SWITCH_NS = 1000        # another task gets the CPU
INSN_NS = 1             # one counted instruction

NEVER = (1 << 63) - 1   # next_event_ns when no timer is queued


class Clock:
    """The clock of the CPU that is executing.

    next_event_ns: when somebody wants to be called (the earliest timer), NEVER if nobody does; a CPU leaves user mode
    when it is reached.  cpu_ns: where the clocks of the other CPUs stand.  realtime: waiting takes host time.
    """

    __slots__ = ("_base_ns", "cpu_ns", "next_event_ns", "now_ns", "realtime")

    def __init__(self, *, realtime: bool = False) -> None:
        self.now_ns = 0
        self.next_event_ns = NEVER
        self.cpu_ns: list[int] = []
        self.realtime = realtime
        self._base_ns = time.monotonic_ns() if realtime else 0

    def advance(self, ns: int) -> None:
        """Let ns pass."""
        self.now_ns += ns

    def idle_until(self, ns: int) -> None:
        """Jump to ns; a real-time clock sleeps until the host is there too."""
        if ns > self.now_ns:
            if self.realtime:
                self.sleep_ns(ns)
            self.now_ns = max(ns, self.now_ns)

    def sleep_ns(self, ns: int) -> None:
        """Sleep on the host until ns have passed since the clock was made."""
        left = ns - self.host_ns()
        if left > 0:
            time.sleep(left / 1e9)

    def host_ns(self) -> int:
        """Host time since the clock was made; only for real-time runs."""
        return time.monotonic_ns() - self._base_ns

    def sync(self) -> None:
        """Catch up with the host; nothing unless real-time."""
        if self.realtime:
            self.now_ns = max(self.now_ns, self.host_ns())

    def switch_cpu(self, old: int, new: int) -> None:
        """Put CPU old's time away and go on with CPU new's."""
        while len(self.cpu_ns) <= max(old, new):
            self.cpu_ns.append(0)
        self.cpu_ns[old] = self.now_ns
        self.now_ns = self.cpu_ns[new]
