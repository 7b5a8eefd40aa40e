"""Resource limits and usage (include/asm-generic/resource.h, linux/resource.h; spec 19)."""

from enum import IntEnum
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

RLIM_INFINITY: Final = (1 << 64) - 1
RLIM_NLIMITS: Final = 16

# Index into SignalStruct.rlim, whose entries are (soft, hard) tuples.
RLIMIT_CPU: Final = 0
RLIMIT_FSIZE: Final = 1
RLIMIT_DATA: Final = 2
RLIMIT_STACK: Final = 3
RLIMIT_CORE: Final = 4
RLIMIT_RSS: Final = 5
RLIMIT_NPROC: Final = 6
RLIMIT_NOFILE: Final = 7
RLIMIT_MEMLOCK: Final = 8
RLIMIT_AS: Final = 9
RLIMIT_LOCKS: Final = 10
RLIMIT_SIGPENDING: Final = 11
RLIMIT_MSGQUEUE: Final = 12
RLIMIT_NICE: Final = 13
RLIMIT_RTPRIO: Final = 14
RLIMIT_RTTIME: Final = 15


class Rlimit(IntEnum):
    """Index into SignalStruct.rlim, whose entries are (soft, hard) tuples."""

    CPU = RLIMIT_CPU
    FSIZE = RLIMIT_FSIZE
    DATA = RLIMIT_DATA
    STACK = RLIMIT_STACK
    CORE = RLIMIT_CORE
    RSS = RLIMIT_RSS
    NPROC = RLIMIT_NPROC
    NOFILE = RLIMIT_NOFILE
    MEMLOCK = RLIMIT_MEMLOCK
    AS = RLIMIT_AS
    LOCKS = RLIMIT_LOCKS
    SIGPENDING = RLIMIT_SIGPENDING
    MSGQUEUE = RLIMIT_MSGQUEUE
    NICE = RLIMIT_NICE
    RTPRIO = RLIMIT_RTPRIO
    RTTIME = RLIMIT_RTTIME


# getrusage(2).
RUSAGE_SELF: Final = 0
RUSAGE_CHILDREN: Final = -1
RUSAGE_THREAD: Final = 1
RUSAGE_BOTH: Final = -2  # the kernel only: a child's own and its children's


class RusageWho(IntEnum):
    """getrusage(2)."""

    SELF = RUSAGE_SELF
    CHILDREN = RUSAGE_CHILDREN
    THREAD = RUSAGE_THREAD


# getpriority(2).
PRIO_PROCESS: Final = 0
PRIO_PGRP: Final = 1
PRIO_USER: Final = 2


class PrioWhich(IntEnum):
    """getpriority(2)."""

    PROCESS = PRIO_PROCESS
    PGRP = PRIO_PGRP
    USER = PRIO_USER


class Rusage:
    """struct rusage, times in jiffies, maxrss in KiB."""

    __slots__ = ("utime", "stime", "maxrss", "minflt", "majflt", "inblock", "oublock", "nvcsw", "nivcsw")  # derived

    def __init__(
        self,
        utime: int = 0,
        stime: int = 0,
        maxrss: int = 0,
        minflt: int = 0,
        majflt: int = 0,
        inblock: int = 0,
        oublock: int = 0,
        nvcsw: int = 0,
        nivcsw: int = 0,
    ) -> None:
        self.utime: int = utime
        self.stime: int = stime
        self.maxrss: int = maxrss
        self.minflt: int = minflt
        self.majflt: int = majflt
        self.inblock: int = inblock
        self.oublock: int = oublock
        self.nvcsw: int = nvcsw
        self.nivcsw: int = nivcsw


RlimitArg = Annotated[int, Arg("int", 32, values=Rlimit, prefix="RLIMIT_")]
RlimPtr = Annotated[UserPtr, Arg("struct rlimit")]
RlimOut = Annotated[UserPtr, Arg("struct rlimit", out=True)]
RusageArg = Annotated[int, Arg("int", 32, signed=True, values=RusageWho, prefix="RUSAGE_")]
RusageOut = Annotated[UserPtr, Arg("struct rusage", out=True)]
PrioArg = Annotated[int, Arg("int", 32, signed=True, values=PrioWhich, prefix="PRIO_")]
