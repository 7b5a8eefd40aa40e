"""sched_setattr(2), membarrier(2), kcmp(2) and futex_waitv(2) (include/uapi/linux/sched/types.h and others of 6.18)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

# struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period, util_min, util_max.
SCHED_ATTR: Final = struct.Struct("<IIQiIQQQII")
SCHED_ATTR_SIZE_VER0: Final = 48
SCHED_ATTR_SIZE_VER1: Final = 56
SCHED_FLAG_RESET_ON_FORK: Final = 0x01
SCHED_FLAG_RECLAIM: Final = 0x02
SCHED_FLAG_DL_OVERRUN: Final = 0x04
SCHED_FLAG_KEEP_POLICY: Final = 0x08
SCHED_FLAG_KEEP_PARAMS: Final = 0x10
SCHED_FLAG_UTIL_CLAMP: Final = 0x60
SCHED_FLAG_ALL: Final = 0x7F

MEMBARRIER_CMD_QUERY: Final = 0
MEMBARRIER_CMD_GLOBAL: Final = 1
MEMBARRIER_CMD_GLOBAL_EXPEDITED: Final = 2
MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED: Final = 4
MEMBARRIER_CMD_PRIVATE_EXPEDITED: Final = 8
MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: Final = 16
MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: Final = 32
MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: Final = 64
MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: Final = 128
MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ: Final = 256
MEMBARRIER_CMD_GET_REGISTRATIONS: Final = 512
MEMBARRIER_CMD_FLAG_CPU: Final = 1


class Membarrier(IntEnum):
    """membarrier(2)."""

    QUERY = MEMBARRIER_CMD_QUERY
    GLOBAL = MEMBARRIER_CMD_GLOBAL
    GLOBAL_EXPEDITED = MEMBARRIER_CMD_GLOBAL_EXPEDITED
    REGISTER_GLOBAL_EXPEDITED = MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED
    PRIVATE_EXPEDITED = MEMBARRIER_CMD_PRIVATE_EXPEDITED
    REGISTER_PRIVATE_EXPEDITED = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
    PRIVATE_EXPEDITED_SYNC_CORE = MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
    REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
    PRIVATE_EXPEDITED_RSEQ = MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
    REGISTER_PRIVATE_EXPEDITED_RSEQ = MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
    GET_REGISTRATIONS = MEMBARRIER_CMD_GET_REGISTRATIONS


KCMP_FILE: Final = 0
KCMP_VM: Final = 1
KCMP_FILES: Final = 2
KCMP_FS: Final = 3
KCMP_SIGHAND: Final = 4
KCMP_IO: Final = 5
KCMP_SYSVSEM: Final = 6


class Kcmp(IntEnum):
    """kcmp(2)."""

    FILE = KCMP_FILE
    VM = KCMP_VM
    FILES = KCMP_FILES
    FS = KCMP_FS
    SIGHAND = KCMP_SIGHAND
    IO = KCMP_IO
    SYSVSEM = KCMP_SYSVSEM


# mlock2(2).
MLOCK_ONFAULT: Final = 1


class Mlock2(IntFlag):
    """mlock2(2)."""

    ONFAULT = MLOCK_ONFAULT


# struct futex_waitv: val, uaddr, flags, what is to come.
FUTEX_WAITV: Final = struct.Struct("<QQII")
FUTEX_WAITV_MAX: Final = 128
FUTEX2_SIZE_U32: Final = 0x02
FUTEX2_PRIVATE: Final = 0x80

SchedAttrIn = Annotated[UserPtr, Arg("struct sched_attr given", out=True)]  # a wrong size is mended
SchedAttrOut = Annotated[UserPtr, Arg("struct sched_attr", out=True)]
MembarrierArg = Annotated[int, Arg("membarrier_cmd", 32, signed=True, values=Membarrier, prefix="MEMBARRIER_CMD_")]
MembarrierFlagsArg = Annotated[int, Arg("membarrier_flags", 32)]
KcmpIdx = Annotated[int, Arg("kcmp_idx", 64)]
KcmpArg = Annotated[int, Arg("int", 32, signed=True, values=Kcmp, prefix="KCMP_")]
Mlock2Arg = Annotated[int, Arg("int", 32, signed=True, flags=Mlock2, prefix="MLOCK_")]
FutexWaitvFlags = Annotated[int, Arg("hexadecimal", 32)]
FutexWaitvPtr = Annotated[UserPtr, Arg("futex_waitv[]")]
