"""What a CPU has spent its time on (linux/kernel_stat.h)."""

from __future__ import annotations

__all__ = ("CpuUsageStat",)


class CpuUsageStat:
    """One CPU's times in ns (struct cpu_usage_stat); what is none of these is idle.

    user, nice: in programs, those with a nice value above 0 apart.  system: in the kernel.  utime, stime: those of the
    running task that are in the sums already.
    """

    __slots__ = ("nice", "stime", "system", "user", "utime")

    def __init__(self) -> None:
        self.user = 0
        self.nice = 0
        self.system = 0
        self.utime = 0
        self.stime = 0
