"""Identifiers, keys and permissions of all System V objects (ipc/util.c).

Differs: an object is looked up without being locked: the caller's `with` comes before anybody else does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.include.linux.cred import CAP_IPC_OWNER, CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IRWXUGO
from procession.include.linux.ipc import IPC64_PERM, IPC_CREAT, IPC_EXCL, IPC_PRIVATE, IPCMNI, SEQ_MULTIPLIER
from procession.include.linux.ipc_namespace import IpcIds
from procession.include.linux.limits import USHRT_MAX
from procession.include.linux.rwsem import init_rwsem
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.uidgid import INVALID_ID, make_kgid, make_kuid
from procession.kernel import capability, groups

if TYPE_CHECKING:
    from procession.include.linux.ipc import KernIpcPerm
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "ipc_addid",
    "ipc_get_maxid",
    "ipc_init_ids",
    "ipc_lock_init",
    "ipc_obtain_object",
    "ipc_obtain_object_check",
    "ipc_rmid",
    "ipc_update_perm",
    "ipcctl_pre_down",
    "ipcget",
    "ipcns",
    "ipcperms",
)


def ipcns(current: Task) -> IpcNamespace:
    """Return the namespace that current lives in."""
    assert current.nsproxy is not None
    return current.nsproxy.ipc_ns


def ipc_init_ids(k: Kernel) -> IpcIds:
    """Return a table without objects."""
    return IpcIds(init_rwsem(k.lock_class("ipc_ids.rw_mutex")))


def ipc_lock_init(k: Kernel) -> SpinLock:
    """Return the lock of a new object."""
    return SpinLock(k.lock_class("kern_ipc_perm.lock"))


def ipc_findkey(ids: IpcIds, key: int) -> KernIpcPerm | None:
    """Return the object with that key that has the lowest index."""
    for ipcp in ids.ipcs:
        if ipcp is not None and ipcp.key == key:
            return ipcp
    return None


def ipc_get_maxid(ids: IpcIds) -> int:
    """Return the highest index in use, 0 if there is none: that is what user space is told."""
    return max(0, len(ids.ipcs) - 1)


def ipc_addid(current: Task, ids: IpcIds, new: KernIpcPerm, size: int) -> int:
    """Give a new object, which is the caller's, the lowest free index; returns its identifier.

    size: how many there may be. Raises ENOSPC.
    """
    ids.rw_mutex.assert_held_write()
    if ids.in_use >= min(size, IPCMNI):
        raise LinuxError(Errno.ENOSPC, "no identifier is left")
    ipcs = ids.ipcs
    if ids.in_use == len(ipcs):
        index = len(ipcs)
        ipcs.append(new)
    else:
        index = ipcs.index(None)
        ipcs[index] = new
    ids.in_use += 1
    cred = current.cred
    new.cuid = new.uid = cred.euid
    new.cgid = new.gid = cred.egid
    new.seq = ids.seq
    ids.seq = 0 if ids.seq == USHRT_MAX else ids.seq + 1
    new.id = SEQ_MULTIPLIER * new.seq + index
    return new.id


def ipcget(
    current: Task,
    ids: IpcIds,
    key: int,
    flags: int,
    getnew: Callable[[], int],
    more_checks: Callable[[KernIpcPerm], None] | None = None,
) -> int:
    """Return the identifier of the object with that key, made by getnew if the flags say so (ipcget_public).

    more_checks: raises EINVAL if the object that is there will not do. Raises ENOENT, EEXIST, EACCES, as getnew.
    """
    with ids.rw_mutex.write():
        ipcp = None if key == IPC_PRIVATE else ipc_findkey(ids, key)
        if ipcp is None:
            if key != IPC_PRIVATE and not flags & IPC_CREAT:
                raise LinuxError(Errno.ENOENT, "no object with that key")
            return getnew()
        with ipcp.lock:
            if flags & IPC_CREAT and flags & IPC_EXCL:
                raise LinuxError(Errno.EEXIST, "the key is in use")
            if more_checks is not None:
                more_checks(ipcp)
            ipcperms(current, ipcns(current), ipcp, flags)
            return ipcp.id


def ipc_rmid(ids: IpcIds, ipcp: KernIpcPerm) -> None:
    """Take an object out of the table."""
    ids.rw_mutex.assert_held_write()
    ipcp.lock.assert_held()
    ipcs = ids.ipcs
    ipcs[ipcp.id % SEQ_MULTIPLIER] = None
    while ipcs and ipcs[-1] is None:
        ipcs.pop()
    ids.in_use -= 1
    ipcp.deleted = True


def ipcperms(current: Task, ns: IpcNamespace, ipcp: KernIpcPerm, flag: int) -> None:
    """Check that current may do what the mode bits of flag say, whoever they are for; raises EACCES."""
    euid = current.cred.euid
    requested_mode = flag >> 6 | flag >> 3 | flag
    granted_mode = ipcp.mode
    if euid in (ipcp.cuid, ipcp.uid):
        granted_mode >>= 6
    elif groups.in_group_p(current, ipcp.cgid) or groups.in_group_p(current, ipcp.gid):
        granted_mode >>= 3
    if requested_mode & ~granted_mode & 7 and not capability.ns_capable(current, ns.user_ns, CAP_IPC_OWNER):
        raise LinuxError(Errno.EACCES, "the object's mode")


def ipc_obtain_object(ids: IpcIds, id: int) -> KernIpcPerm:
    """Return the object with id's index, whatever its sequence number; raises EINVAL."""
    index = id % SEQ_MULTIPLIER
    ipcp = ids.ipcs[index] if id >= 0 and index < len(ids.ipcs) else None
    if ipcp is None:
        raise LinuxError(Errno.EINVAL, "no such object")
    return ipcp


def ipc_obtain_object_check(ids: IpcIds, id: int) -> KernIpcPerm:
    """Return the object called id; raises EINVAL, EIDRM if another one is in its place."""
    ipcp = ipc_obtain_object(ids, id)
    if id // SEQ_MULTIPLIER != ipcp.seq:
        raise LinuxError(Errno.EIDRM, "another object has its place")
    return ipcp


def ipcctl_pre_down(current: Task, ns: IpcNamespace, ids: IpcIds, id: int) -> KernIpcPerm:
    """Return the object that current wants to change or remove; raises EINVAL, EIDRM, EPERM.

    Context: holds ids.rw_mutex for writing.
    """
    ids.rw_mutex.assert_held_write()
    ipcp = ipc_obtain_object_check(ids, id)
    euid = current.cred.euid
    if euid not in (ipcp.cuid, ipcp.uid) and not capability.ns_capable(current, ns.user_ns, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "neither owner nor creator")
    return ipcp


def ipc_update_perm(current: Task, ipcp: KernIpcPerm, perm: bytes) -> None:
    """Take owner, group and mode from a struct ipc64_perm, at the beginning of what IPC_SET was given.

    Raises EINVAL if there is no such user or group here.
    """
    ns = current.cred.user_ns
    _, uid, gid, _, _, mode, _ = IPC64_PERM.unpack_from(perm)
    uid, gid = make_kuid(ns, uid), make_kgid(ns, gid)
    if INVALID_ID in (uid, gid) and "CLONE_NEWUSER" in current.kernel.later:
        raise LinuxError(Errno.EINVAL, "no such user or group here")
    ipcp.uid, ipcp.gid = uid, gid
    ipcp.mode = ipcp.mode & ~S_IRWXUGO | mode & S_IRWXUGO
