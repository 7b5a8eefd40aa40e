"""What an ipc namespace holds (include/linux/ipc_namespace.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.msg import MSGMAX, MSGMNB, MSGMNI
from procession.include.linux.sem import SEMMNI, SEMMNS, SEMMSL, SEMOPM
from procession.include.linux.shm import SHMALL, SHMMAX, SHMMNI

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount
    from procession.include.linux.ipc import KernIpcPerm
    from procession.include.linux.nsproxy import Ucounts, UserNamespace
    from procession.include.linux.rwsem import RwSemaphore

__all__ = ("IPC_MSG_IDS", "IPC_SEM_IDS", "IPC_SHM_IDS", "IpcIds", "IpcNamespace", "IpcState")

IPC_SEM_IDS: Final = 0
IPC_MSG_IDS: Final = 1
IPC_SHM_IDS: Final = 2


class IpcIds:
    """The objects of one kind (struct ipc_ids).

    ipcs: by index; the last one is an object.  seq: goes into the next identifier, whatever its index.
    """

    __slots__ = ("in_use", "seq", "rw_mutex", "ipcs")  # derived

    def __init__(self, rw_mutex: RwSemaphore) -> None:
        self.in_use: int = 0
        self.seq: int = 0
        self.rw_mutex: RwSemaphore = rw_mutex
        self.ipcs: list[KernIpcPerm | None] = []


class IpcNamespace:
    """struct ipc_namespace.

    count: the nsproxies, attached segments, and open files of /proc/PID/ns and /proc/sysvipc that point here.
    """

    __slots__ = (
        "user_ns",
        "ucounts",
        "ids",
        "count",
        "inum",
        "sem_ctls",
        "used_sems",
        "msg_ctlmax",
        "msg_ctlmnb",
        "msg_ctlmni",
        "msg_bytes",
        "msg_hdrs",
        "auto_msgmni",
        "shm_ctlmax",
        "shm_ctlall",
        "shm_ctlmni",
        "shm_tot",
        "shm_rmid_forced",
        "mq_mnt",
        "mq_queues_count",
        "mq_queues_max",
        "mq_msg_max",
        "mq_msgsize_max",
    )  # derived

    def __init__(self, user_ns: UserNamespace, ids: tuple[IpcIds, IpcIds, IpcIds]) -> None:
        self.user_ns: UserNamespace = user_ns  # with a reference
        self.ucounts: Ucounts | None = None  # where it is charged; with a reference
        self.ids: tuple[IpcIds, IpcIds, IpcIds] = ids
        self.count: int = 1
        self.inum: int = 0
        self.sem_ctls: list[int] = [SEMMSL, SEMMNS, SEMOPM, SEMMNI]
        self.used_sems: int = 0
        self.msg_ctlmax: int = MSGMAX  # bytes of a message
        self.msg_ctlmnb: int = MSGMNB  # bytes that a new queue has room for
        self.msg_ctlmni: int = MSGMNI  # queues
        self.msg_bytes: int = 0
        self.msg_hdrs: int = 0
        self.auto_msgmni: int = 1  # whether msg_ctlmni follows the memory and the number of namespaces
        self.shm_ctlmax: int = SHMMAX  # bytes of a segment
        self.shm_ctlall: int = SHMALL  # pages of all
        self.shm_ctlmni: int = SHMMNI
        self.shm_tot: int = 0  # pages
        self.shm_rmid_forced: int = 0
        # POSIX message queues: mq_lock.
        self.mq_mnt: Vfsmount | None = None  # the kernel's own mount of their file system
        self.mq_queues_count: int = 0
        self.mq_queues_max: int = 256
        self.mq_msg_max: int = 10  # messages in a queue, of a user without CAP_SYS_RESOURCE; and by default
        self.mq_msgsize_max: int = 8192  # their size in bytes, likewise


class IpcState:
    """ipc/. namespaces: all that there are, for those who look at them from outside.

    ipcns_chain: those who want to hear of each other's coming and going.
    """

    __slots__ = ("nr_ipc_ns", "namespaces", "ipcns_chain")  # derived

    def __init__(self) -> None:
        self.nr_ipc_ns: int = 1
        self.namespaces: dict[IpcNamespace, None] = {}
        self.ipcns_chain: dict[IpcNamespace, None] = {}
