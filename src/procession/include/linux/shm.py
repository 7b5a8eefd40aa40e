"""Shared memory (include/linux/shm.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.ipc import IPC_CREAT, IPC_EXCL, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT, KernIpcPerm
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.sched import Task, UserStruct
    from procession.include.linux.spinlock import SpinLock

SHM_HUGETLB: Final = 0o4000
SHM_NORESERVE: Final = 0o10000

SHM_RDONLY: Final = 0o10000
SHM_RND: Final = 0o20000
SHM_REMAP: Final = 0o40000
SHM_EXEC: Final = 0o100000

# In the mode of a segment.
SHM_DEST: Final = 0o1000  # to be destroyed at the last detach
SHM_LOCKED: Final = 0o2000

SHM_LOCK: Final = 11
SHM_UNLOCK: Final = 12
SHM_STAT: Final = 13
SHM_INFO: Final = 14

SHMMAX: Final = 0x2000000  # bytes of a segment
SHMMIN: Final = 1
SHMMNI: Final = 4096  # segments
SHMALL: Final = SHMMAX // PAGE_SIZE * (SHMMNI // 16)  # pages of all
SHMLBA: Final = PAGE_SIZE

SHMINFO64: Final = struct.Struct("<5Q32x")
SHM_INFO_STRUCT: Final = struct.Struct("<i4x5Q")


class ShmGetFlags(IntFlag):
    """shmget(2)."""

    IPC_CREAT = IPC_CREAT
    IPC_EXCL = IPC_EXCL
    SHM_HUGETLB = SHM_HUGETLB
    SHM_NORESERVE = SHM_NORESERVE


class ShmAtFlags(IntFlag):
    """shmat(2)."""

    SHM_RDONLY = SHM_RDONLY
    SHM_RND = SHM_RND
    SHM_REMAP = SHM_REMAP
    SHM_EXEC = SHM_EXEC


class ShmctlCmd(IntEnum):
    """shmctl(2)."""

    IPC_RMID = IPC_RMID
    IPC_SET = IPC_SET
    IPC_STAT = IPC_STAT
    IPC_INFO = IPC_INFO
    SHM_LOCK = SHM_LOCK
    SHM_UNLOCK = SHM_UNLOCK
    SHM_STAT = SHM_STAT
    SHM_INFO = SHM_INFO


class ShmidKernel(KernIpcPerm):
    """A segment (struct shmid_kernel). Times in seconds since 1970.

    shm_nattch: areas that map it, and calls that are about to.  shm_creator: the thread; None: it has ended.
    """

    __slots__ = (
        "shm_file",
        "shm_nattch",
        "shm_segsz",
        "shm_atim",
        "shm_dtim",
        "shm_ctim",
        "shm_cprid",
        "shm_lprid",
        "mlock_user",
        "shm_creator",
    )  # derived

    def __init__(self, lock: SpinLock, key: int, mode: int, shm_segsz: int, shm_file: File) -> None:
        super().__init__(lock, key, mode)
        self.shm_file: File = shm_file
        self.shm_nattch: int = 0
        self.shm_segsz: int = shm_segsz
        self.shm_atim: int = 0
        self.shm_dtim: int = 0
        self.shm_ctim: int = 0
        self.shm_cprid: int = 0
        self.shm_lprid: int = 0
        self.mlock_user: UserStruct | None = None  # whose memory is locked; with a reference
        self.shm_creator: Task | None = None


class ShmFileData:
    """What an attach's open file knows (struct shm_file_data)."""

    __slots__ = ("id", "ns")  # derived

    def __init__(self, id: int, ns: IpcNamespace) -> None:
        self.id: Final[int] = id
        self.ns: Final[IpcNamespace] = ns  # with a reference


ShmGetFlagsArg = Annotated[int, Arg("ipc_get_flags", 32, signed=True, flags=ShmGetFlags)]
ShmAtFlagsArg = Annotated[int, Arg("int", 32, signed=True, flags=ShmAtFlags, prefix="", unknown="SHM_???")]
ShmctlCmdArg = Annotated[int, Arg("ipc_cmd", 32, signed=True, values=ShmctlCmd, unknown="SHM_???")]
ShmidPtr = Annotated[UserPtr, Arg("struct shmid_ds", out=True)]
