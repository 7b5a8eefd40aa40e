"""The options of prctl(2) and arch_prctl(2) (include/linux/prctl.h, asm/prctl.h), personalities (personality.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

# prctl(2).
PR_SET_PDEATHSIG: Final = 1
PR_GET_PDEATHSIG: Final = 2
PR_GET_DUMPABLE: Final = 3
PR_SET_DUMPABLE: Final = 4
PR_GET_KEEPCAPS: Final = 7
PR_SET_KEEPCAPS: Final = 8
PR_GET_TIMING: Final = 13
PR_SET_TIMING: Final = 14
PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_GET_SECCOMP: Final = 21
PR_SET_SECCOMP: Final = 22
PR_CAPBSET_READ: Final = 23
PR_CAPBSET_DROP: Final = 24
PR_GET_TSC: Final = 25
PR_SET_TSC: Final = 26
PR_GET_SECUREBITS: Final = 27
PR_SET_SECUREBITS: Final = 28
PR_SET_TIMERSLACK: Final = 29
PR_GET_TIMERSLACK: Final = 30
PR_TASK_PERF_EVENTS_DISABLE: Final = 31
PR_TASK_PERF_EVENTS_ENABLE: Final = 32
PR_MCE_KILL: Final = 33
PR_MCE_KILL_GET: Final = 34
# Later ones: of 3.4, 3.5 and 4.3.
PR_SET_CHILD_SUBREAPER: Final = 36
PR_GET_CHILD_SUBREAPER: Final = 37
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_CAP_AMBIENT: Final = 47

# Arguments of PR_CAP_AMBIENT.
PR_CAP_AMBIENT_IS_SET: Final = 1
PR_CAP_AMBIENT_RAISE: Final = 2
PR_CAP_AMBIENT_LOWER: Final = 3
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

# Arguments of PR_MCE_KILL: what to do, and the policies.
PR_MCE_KILL_CLEAR: Final = 0
PR_MCE_KILL_SET: Final = 1
PR_MCE_KILL_LATE: Final = 0
PR_MCE_KILL_EARLY: Final = 1
PR_MCE_KILL_DEFAULT: Final = 2


class Prctl(IntEnum):
    """prctl(2)."""

    SET_PDEATHSIG = PR_SET_PDEATHSIG
    GET_PDEATHSIG = PR_GET_PDEATHSIG
    GET_DUMPABLE = PR_GET_DUMPABLE
    SET_DUMPABLE = PR_SET_DUMPABLE
    GET_KEEPCAPS = PR_GET_KEEPCAPS
    SET_KEEPCAPS = PR_SET_KEEPCAPS
    GET_TIMING = PR_GET_TIMING
    SET_TIMING = PR_SET_TIMING
    SET_NAME = PR_SET_NAME
    GET_NAME = PR_GET_NAME
    GET_SECCOMP = PR_GET_SECCOMP
    SET_SECCOMP = PR_SET_SECCOMP
    CAPBSET_READ = PR_CAPBSET_READ
    CAPBSET_DROP = PR_CAPBSET_DROP
    GET_TSC = PR_GET_TSC
    SET_TSC = PR_SET_TSC
    GET_SECUREBITS = PR_GET_SECUREBITS
    SET_SECUREBITS = PR_SET_SECUREBITS
    SET_TIMERSLACK = PR_SET_TIMERSLACK
    GET_TIMERSLACK = PR_GET_TIMERSLACK
    TASK_PERF_EVENTS_DISABLE = PR_TASK_PERF_EVENTS_DISABLE
    TASK_PERF_EVENTS_ENABLE = PR_TASK_PERF_EVENTS_ENABLE
    MCE_KILL = PR_MCE_KILL
    MCE_KILL_GET = PR_MCE_KILL_GET
    SET_CHILD_SUBREAPER = PR_SET_CHILD_SUBREAPER
    GET_CHILD_SUBREAPER = PR_GET_CHILD_SUBREAPER
    SET_NO_NEW_PRIVS = PR_SET_NO_NEW_PRIVS
    GET_NO_NEW_PRIVS = PR_GET_NO_NEW_PRIVS
    CAP_AMBIENT = PR_CAP_AMBIENT


# arch_prctl(2).
ARCH_SET_GS: Final = 0x1001
ARCH_SET_FS: Final = 0x1002
ARCH_GET_FS: Final = 0x1003
ARCH_GET_GS: Final = 0x1004


class ArchPrctl(IntEnum):
    """arch_prctl(2)."""

    SET_GS = ARCH_SET_GS
    SET_FS = ARCH_SET_FS
    GET_FS = ARCH_GET_FS
    GET_GS = ARCH_GET_GS


# PR_SET_SECUREBITS.
SECBIT_NOROOT: Final = 1
SECBIT_NOROOT_LOCKED: Final = 2
SECBIT_NO_SETUID_FIXUP: Final = 4
SECBIT_NO_SETUID_FIXUP_LOCKED: Final = 8
SECBIT_KEEP_CAPS: Final = 16
SECBIT_KEEP_CAPS_LOCKED: Final = 32
SECBIT_NO_CAP_AMBIENT_RAISE: Final = 64  # of 4.3, as its lock, 128


class SecureBits(IntFlag):
    """PR_SET_SECUREBITS."""

    NOROOT = SECBIT_NOROOT
    NOROOT_LOCKED = SECBIT_NOROOT_LOCKED
    NO_SETUID_FIXUP = SECBIT_NO_SETUID_FIXUP
    NO_SETUID_FIXUP_LOCKED = SECBIT_NO_SETUID_FIXUP_LOCKED
    KEEP_CAPS = SECBIT_KEEP_CAPS
    KEEP_CAPS_LOCKED = SECBIT_KEEP_CAPS_LOCKED


# The lowest byte of a personality.
PER_LINUX: Final = 0
PER_SVR3: Final = 1
PER_BSD: Final = 6
PER_LINUX32: Final = 8
PER_HPUX: Final = 0x10
PER_MASK: Final = 0xFF


class Per(IntEnum):
    """The lowest byte of a personality."""

    PER_LINUX = PER_LINUX
    PER_SVR3 = PER_SVR3
    PER_BSD = PER_BSD
    PER_LINUX32 = PER_LINUX32
    PER_HPUX = PER_HPUX
    PER_MASK = PER_MASK


# Its other bits.
UNAME26: Final = 0x0020000
ADDR_NO_RANDOMIZE: Final = 0x0040000
FDPIC_FUNCPTRS: Final = 0x0080000
MMAP_PAGE_ZERO: Final = 0x0100000
ADDR_COMPAT_LAYOUT: Final = 0x0200000
READ_IMPLIES_EXEC: Final = 0x0400000
ADDR_LIMIT_32BIT: Final = 0x0800000
SHORT_INODE: Final = 0x1000000
WHOLE_SECONDS: Final = 0x2000000
STICKY_TIMEOUTS: Final = 0x4000000
ADDR_LIMIT_3GB: Final = 0x8000000


class PersonalityFlags(IntFlag):
    """Its other bits."""

    UNAME26 = UNAME26
    ADDR_NO_RANDOMIZE = ADDR_NO_RANDOMIZE
    FDPIC_FUNCPTRS = FDPIC_FUNCPTRS
    MMAP_PAGE_ZERO = MMAP_PAGE_ZERO
    ADDR_COMPAT_LAYOUT = ADDR_COMPAT_LAYOUT
    READ_IMPLIES_EXEC = READ_IMPLIES_EXEC
    ADDR_LIMIT_32BIT = ADDR_LIMIT_32BIT
    SHORT_INODE = SHORT_INODE
    WHOLE_SECONDS = WHOLE_SECONDS
    STICKY_TIMEOUTS = STICKY_TIMEOUTS
    ADDR_LIMIT_3GB = ADDR_LIMIT_3GB


_LATER: Final = (
    PR_SET_CHILD_SUBREAPER,
    PR_GET_CHILD_SUBREAPER,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS,
    PR_CAP_AMBIENT,
)
_OF_3_2: Final = tuple([int(option) for option in Prctl if option not in _LATER])
PrctlOption = Annotated[int, Arg("int", 32, signed=True, values=Prctl, prefix="PR_", accepts=_OF_3_2)]
# Its arguments from the second on depend on the option.
PrctlArg = Annotated[UserPtr, Arg("prctl_arg", out=True)]
PrctlArgs = Annotated[int, Arg("prctl_args", 64)]
ArchPrctlOption = Annotated[int, Arg("int", 32, signed=True, values=ArchPrctl, prefix="ARCH_")]
ArchPrctlArg = Annotated[int, Arg("arch_prctl_arg", out=True)]
PersonalityArg = Annotated[
    int, Arg("personality", 32, flags=PersonalityFlags, values=Per, mask=0xFF, unknown="PER_???")
]
