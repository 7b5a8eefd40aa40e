"""Secure computing (include/uapi/linux/seccomp.h, audit.h of 6.18)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

SECCOMP_MODE_STRICT: Final = 1
SECCOMP_MODE_FILTER: Final = 2

SECCOMP_SET_MODE_STRICT: Final = 0
SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_GET_ACTION_AVAIL: Final = 2
SECCOMP_GET_NOTIF_SIZES: Final = 3


class SeccompOp(IntEnum):
    """seccomp(2)."""

    SET_MODE_STRICT = SECCOMP_SET_MODE_STRICT
    SET_MODE_FILTER = SECCOMP_SET_MODE_FILTER
    GET_ACTION_AVAIL = SECCOMP_GET_ACTION_AVAIL
    GET_NOTIF_SIZES = SECCOMP_GET_NOTIF_SIZES


SECCOMP_FILTER_FLAG_TSYNC: Final = 0x1
SECCOMP_FILTER_FLAG_LOG: Final = 0x2
SECCOMP_FILTER_FLAG_SPEC_ALLOW: Final = 0x4
SECCOMP_FILTER_FLAG_NEW_LISTENER: Final = 0x8
SECCOMP_FILTER_FLAG_TSYNC_ESRCH: Final = 0x10


class SeccompFilterFlags(IntFlag):
    """seccomp(2)."""

    TSYNC = SECCOMP_FILTER_FLAG_TSYNC
    LOG = SECCOMP_FILTER_FLAG_LOG
    SPEC_ALLOW = SECCOMP_FILTER_FLAG_SPEC_ALLOW
    NEW_LISTENER = SECCOMP_FILTER_FLAG_NEW_LISTENER
    TSYNC_ESRCH = SECCOMP_FILTER_FLAG_TSYNC_ESRCH


# What a filter returns: an action, and 16 bits of data.
SECCOMP_RET_KILL_PROCESS: Final = 0x80000000
SECCOMP_RET_KILL_THREAD: Final = 0x00000000
SECCOMP_RET_TRAP: Final = 0x00030000
SECCOMP_RET_ERRNO: Final = 0x00050000
SECCOMP_RET_USER_NOTIF: Final = 0x7FC00000
SECCOMP_RET_TRACE: Final = 0x7FF00000
SECCOMP_RET_LOG: Final = 0x7FFC0000
SECCOMP_RET_ALLOW: Final = 0x7FFF0000
SECCOMP_RET_ACTION_FULL: Final = 0xFFFF0000
SECCOMP_RET_DATA: Final = 0x0000FFFF

# struct seccomp_data, as words of 32 bits: nr, arch, instruction pointer, six arguments.
SECCOMP_DATA: Final = struct.Struct("<iIQ6Q")
SECCOMP_WORDS: Final = struct.Struct("<16I")
AUDIT_ARCH_I386: Final = 0x40000003
AUDIT_ARCH_X86_64: Final = 0xC000003E
SYS_SECCOMP: Final = 1  # si_code of SIGSYS
MAX_INSNS_PER_PATH: Final = 32768

SeccompOpArg = Annotated[int, Arg("int", 32, values=SeccompOp, prefix="SECCOMP_", unknown="SECCOMP_SET_MODE_???")]
SeccompFlagsArg = Annotated[int, Arg("seccomp_flags", 32)]
SeccompArg = Annotated[UserPtr, Arg("seccomp_arg")]
