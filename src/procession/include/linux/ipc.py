"""What the three kinds of System V objects have in common (include/linux/ipc.h)."""

from __future__ import annotations

from enum import IntFlag
import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.types import Arg
from procession.include.linux.uidgid import from_kgid_munged, from_kuid_munged

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock

IPC_PRIVATE: Final = 0

# The lowest nine bits beside these are a mode.
IPC_CREAT: Final = 0o1000
IPC_EXCL: Final = 0o2000
IPC_NOWAIT: Final = 0o4000

IPC_RMID: Final = 0
IPC_SET: Final = 1
IPC_STAT: Final = 2
IPC_INFO: Final = 3
IPC_64: Final = 0x100  # beside a command: the form of its structure

# How many objects of a kind there can be. An identifier is an index below it, and how often one was made before.
IPCMNI: Final = 32768
SEQ_MULTIPLIER: Final = IPCMNI

IPC64_PERM: Final = struct.Struct("<i5IH22x")  # key, uid, gid, cuid, cgid, mode, seq


class IpcResourceFlags(IntFlag):
    """semget(2) and msgget(2)."""

    IPC_CREAT = IPC_CREAT
    IPC_EXCL = IPC_EXCL
    IPC_NOWAIT = IPC_NOWAIT


class KernIpcPerm:
    """What each object begins with (struct kern_ipc_perm): who may use it, and how it is found.

    uid, gid: the owner's, which IPC_SET changes; cuid, cgid: the creator's.  seq: what id has above the index.
    """

    __slots__ = ("lock", "deleted", "id", "key", "uid", "gid", "cuid", "cgid", "mode", "seq")  # derived

    def __init__(self, lock: SpinLock, key: int, mode: int) -> None:
        self.lock: SpinLock = lock
        self.deleted: bool = False
        self.id: int = 0
        self.key: int = key
        self.uid: int = 0
        self.gid: int = 0
        self.cuid: int = 0
        self.cgid: int = 0
        self.mode: int = mode
        self.seq: int = 0

    def ids_in(self, k: Kernel, ns: UserNamespace) -> tuple[int, int, int, int]:
        """Return owner, group, creator and the creator's group as a user namespace has them."""
        return (
            from_kuid_munged(k, ns, self.uid),
            from_kgid_munged(k, ns, self.gid),
            from_kuid_munged(k, ns, self.cuid),
            from_kgid_munged(k, ns, self.cgid),
        )

    def pack(self, current: Task) -> bytes:
        """Return a struct ipc64_perm for current (kernel_to_ipc64_perm)."""
        ids = self.ids_in(current.kernel, current.cred.user_ns)
        return IPC64_PERM.pack(self.key, *ids, self.mode, self.seq)


KeyArg = Annotated[int, Arg("ipc_key", 32, signed=True)]
GetFlagsArg = Annotated[int, Arg("ipc_get_flags", 32, signed=True, flags=IpcResourceFlags)]
