"""Resource limits and usage (include/asm-generic/resource.h, linux/resource.h; spec 19)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "RLIM_INFINITY",
    "RLIM_NLIMITS",
    "RUSAGE_CHILDREN",
    "RUSAGE_SELF",
    "RUSAGE_THREAD",
    "PrioArg",
    "RlimOut",
    "RlimPtr",
    "Rlimit",
    "RlimitArg",
    "Rusage",
    "RusageArg",
    "RusageOut",
)

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


class RusageWho(IntEnum):
    """getrusage(2)."""

    SELF = 0
    CHILDREN = -1
    THREAD = 1


class PrioWhich(IntEnum):
    """getpriority(2)."""

    PROCESS = 0
    PGRP = 1
    USER = 2


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


RlimitArg = Annotated[int, Arg("int", 32, values=Rlimit, prefix="RLIMIT_")]
RlimPtr = Annotated[UserPtr, Arg("struct rlimit")]
RlimOut = Annotated[UserPtr, Arg("struct rlimit", out=True)]
RusageArg = Annotated[int, Arg("int", 32, signed=True, values=RusageWho, prefix="RUSAGE_")]
RusageOut = Annotated[UserPtr, Arg("struct rusage", out=True)]
PrioArg = Annotated[int, Arg("int", 32, signed=True, values=PrioWhich, prefix="PRIO_")]
