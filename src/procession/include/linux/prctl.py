"""The options of prctl(2) and arch_prctl(2) (include/linux/prctl.h, asm/prctl.h), personalities (personality.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "ArchPrctl",
    "ArchPrctlArg",
    "ArchPrctlOption",
    "PersonalityArg",
    "Prctl",
    "PrctlArg",
    "PrctlArgs",
    "PrctlOption",
    "SecureBits",
)


class Prctl(IntEnum):
    """prctl(2)."""

    SET_PDEATHSIG = 1
    GET_PDEATHSIG = 2
    GET_DUMPABLE = 3
    SET_DUMPABLE = 4
    GET_KEEPCAPS = 7
    SET_KEEPCAPS = 8
    GET_TIMING = 13
    SET_TIMING = 14
    SET_NAME = 15
    GET_NAME = 16
    GET_SECCOMP = 21
    SET_SECCOMP = 22
    CAPBSET_READ = 23
    CAPBSET_DROP = 24
    GET_TSC = 25
    SET_TSC = 26
    GET_SECUREBITS = 27
    SET_SECUREBITS = 28
    SET_TIMERSLACK = 29
    GET_TIMERSLACK = 30
    TASK_PERF_EVENTS_DISABLE = 31
    TASK_PERF_EVENTS_ENABLE = 32
    MCE_KILL = 33
    MCE_KILL_GET = 34


class ArchPrctl(IntEnum):
    """arch_prctl(2)."""

    SET_GS = 0x1001
    SET_FS = 0x1002
    GET_FS = 0x1003
    GET_GS = 0x1004


class SecureBits(IntFlag):
    """PR_SET_SECUREBITS."""

    NOROOT = 1
    NOROOT_LOCKED = 2
    NO_SETUID_FIXUP = 4
    NO_SETUID_FIXUP_LOCKED = 8
    KEEP_CAPS = 16
    KEEP_CAPS_LOCKED = 32


class Per(IntEnum):
    """The lowest byte of a personality."""

    PER_LINUX = 0
    PER_SVR3 = 1
    PER_BSD = 6
    PER_LINUX32 = 8
    PER_HPUX = 0x10
    PER_MASK = 0xFF


class PersonalityFlags(IntFlag):
    """Its other bits."""

    UNAME26 = 0x0020000
    ADDR_NO_RANDOMIZE = 0x0040000
    FDPIC_FUNCPTRS = 0x0080000
    MMAP_PAGE_ZERO = 0x0100000
    ADDR_COMPAT_LAYOUT = 0x0200000
    READ_IMPLIES_EXEC = 0x0400000
    ADDR_LIMIT_32BIT = 0x0800000
    SHORT_INODE = 0x1000000
    WHOLE_SECONDS = 0x2000000
    STICKY_TIMEOUTS = 0x4000000
    ADDR_LIMIT_3GB = 0x8000000


PrctlOption = Annotated[int, Arg("int", 32, signed=True, values=Prctl, prefix="PR_")]
# Its arguments from the second on depend on the option.
PrctlArg = Annotated[UserPtr, Arg("prctl_arg", out=True)]
PrctlArgs = Annotated[int, Arg("prctl_args", 64)]
ArchPrctlOption = Annotated[int, Arg("int", 32, signed=True, values=ArchPrctl, prefix="ARCH_")]
ArchPrctlArg = Annotated[int, Arg("arch_prctl_arg", out=True)]
PersonalityArg = Annotated[
    int, Arg("personality", 32, flags=PersonalityFlags, values=Per, mask=0xFF, unknown="PER_???")
]
