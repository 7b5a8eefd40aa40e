"""Semaphores (include/linux/sem.h)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
import struct
from typing import TYPE_CHECKING, Annotated, Any, Final

from procession.include.linux.ipc import IPC_INFO, IPC_NOWAIT, IPC_RMID, IPC_SET, IPC_STAT, KernIpcPerm
from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock

SEM_UNDO: Final = 0x1000

GETPID: Final = 11
GETVAL: Final = 12
GETALL: Final = 13
GETNCNT: Final = 14
GETZCNT: Final = 15
SETVAL: Final = 16
SETALL: Final = 17
SEM_STAT: Final = 18
SEM_INFO: Final = 19

SEMMNI: Final = 128  # sets
SEMMSL: Final = 250  # semaphores of a set
SEMMNS: Final = SEMMNI * SEMMSL  # and of all
SEMOPM: Final = 32  # operations of a call
SEMVMX: Final = 32767
SEMAEM: Final = SEMVMX

# What nobody looks at.
SEMUME: Final = SEMOPM
SEMMNU: Final = SEMMNS
SEMMAP: Final = SEMMNS
SEMUSZ: Final = 20

SEMBUF: Final = struct.Struct("<Hhh")  # number, operation, flags
SEMINFO: Final = struct.Struct("<10i")


class SemctlCmd(IntEnum):
    """semctl(2)."""

    IPC_RMID = IPC_RMID
    IPC_SET = IPC_SET
    IPC_STAT = IPC_STAT
    IPC_INFO = IPC_INFO
    SEM_STAT = SEM_STAT
    SEM_INFO = SEM_INFO
    GETPID = GETPID
    GETVAL = GETVAL
    GETALL = GETALL
    GETNCNT = GETNCNT
    GETZCNT = GETZCNT
    SETVAL = SETVAL
    SETALL = SETALL


class SemopFlags(IntFlag):
    """struct sembuf."""

    SEM_UNDO = SEM_UNDO
    IPC_NOWAIT = IPC_NOWAIT


class Sem:
    """One semaphore of a set (struct sem). sem_pending: who sleeps in a call with one operation, on this one."""

    __slots__ = ("semval", "sempid", "sem_pending")  # derived

    def __init__(self) -> None:
        self.semval: int = 0
        self.sempid: int = 0  # of the last operation
        self.sem_pending: list[SemQueue] = []


class SemArray(KernIpcPerm):
    """A set (struct sem_array). Times in seconds since 1970.

    sem_pending: who sleeps; those who wait for zero, the newest first, then those who would change something, in order.
    list_id: what processes would take back.  complex_count: how many of those who sleep have several operations.
    """

    __slots__ = (
        "sem_base",
        "sem_nsems",
        "sem_otime",
        "sem_ctime",
        "sem_pending",
        "list_id",
        "complex_count",
    )  # derived

    def __init__(self, lock: SpinLock, key: int, mode: int, nsems: int) -> None:
        super().__init__(lock, key, mode)
        self.sem_base: list[Sem] = [Sem() for _ in range(nsems)]
        self.sem_nsems: int = nsems
        self.sem_otime: int = 0
        self.sem_ctime: int = 0
        self.sem_pending: list[SemQueue] = []
        self.list_id: dict[SemUndo, None] = {}
        self.complex_count: int = 0


class SemUndo:
    """What processes would take back of their operations on one set (struct sem_undo). semid: -1 if it is gone."""

    __slots__ = ("ulp", "semid", "semadj")  # derived

    def __init__(self, ulp: SemUndoList, semid: int, nsems: int) -> None:
        self.ulp: SemUndoList = ulp
        self.semid: int = semid
        self.semadj: list[int] = [0] * nsems


class SemUndoList:
    """What the tasks that share it would take back (struct sem_undo_list).

    list_proc: one for each set, the last one used first.
    """

    __slots__ = ("refcnt", "lock", "list_proc")  # derived

    def __init__(self, lock: SpinLock) -> None:
        self.refcnt: int = 1
        self.lock: SpinLock = lock
        self.list_proc: list[SemUndo] = []


class SemQueue:
    """A call that sleeps (struct sem_queue).

    sops: (number, operation, flags) each.  alter: whether one of them would change something.
    status: how it has ended: 0, or an errno, negative; -EINTR as long as it has not.
    """

    __slots__ = ("sleeper", "sops", "undo", "pid", "alter", "status")  # derived

    def __init__(
        self, sleeper: Task, sops: list[tuple[int, int, int]], undo: SemUndo | None, pid: int, alter: bool, status: int
    ) -> None:
        self.sleeper: Task = sleeper
        self.sops: list[tuple[int, int, int]] = sops
        self.undo: SemUndo | None = undo
        self.pid: int = pid
        self.alter: bool = alter
        self.status: int = status


SemctlCmdArg = Annotated[int, Arg("ipc_cmd", 32, signed=True, values=SemctlCmd, unknown="SEM_???")]
SemunArg = Annotated[Any, Arg("semun", out=True)]
SembufsArg = Annotated[UserPtr, Arg("sembuf[]")]
