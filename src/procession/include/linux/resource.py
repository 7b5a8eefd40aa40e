"""Resource limits and usage (include/asm-generic/resource.h, linux/resource.h; spec 19)."""

from dataclasses import dataclass
from enum import IntEnum

__all__ = ("RLIM_INFINITY", "RLIM_NLIMITS", "RUSAGE_CHILDREN", "RUSAGE_SELF", "RUSAGE_THREAD", "Rlimit", "Rusage")

RLIM_INFINITY = (1 << 64) - 1
RLIM_NLIMITS = 16
RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD, RUSAGE_BOTH = 0, -1, 1, -2


class Rlimit(IntEnum):
    """Index into SignalStruct.rlim, whose entries are (soft, hard) tuples."""

    CPU = 0
    FSIZE = 1
    DATA = 2
    STACK = 3
    CORE = 4
    RSS = 5
    NPROC = 6
    NOFILE = 7
    MEMLOCK = 8
    AS = 9
    LOCKS = 10
    SIGPENDING = 11
    MSGQUEUE = 12
    NICE = 13
    RTPRIO = 14
    RTTIME = 15


@dataclass(slots=True)
class Rusage:
    """struct rusage, times in ns, maxrss in KiB."""

    utime_ns: int = 0
    stime_ns: int = 0
    maxrss: int = 0
    minflt: int = 0
    majflt: int = 0
    inblock: int = 0
    oublock: int = 0
    nvcsw: int = 0
    nivcsw: int = 0
