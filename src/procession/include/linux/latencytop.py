"""What latencytop counts (include/linux/latencytop.h)."""

from __future__ import annotations


class LatencyRecord:
    """The sleeps in one place (struct latency_record).

    backtrace: the functions that were waiting, the innermost first.
    """

    __slots__ = ("backtrace", "count", "max_us", "time_us")

    def __init__(self, backtrace: tuple[str, ...], count: int, time_us: int, max_us: int) -> None:
        self.backtrace = backtrace
        self.count = count
        self.time_us = time_us
        self.max_us = max_us


def show_latency_record(record: LatencyRecord) -> str:
    """Return a line of /proc/PID/latency."""
    return f"{record.count} {record.time_us} {record.max_us} {' '.join(record.backtrace)}\n"
