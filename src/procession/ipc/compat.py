"""System V objects of 32-bit programs (ipc/compat.c).

Each structure exists in two forms: that of old, with numbers of 16 bits, and the one that IPC_64 in a command asks for.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.ipc import IPC64_PERM, IPC_64, IPC_INFO, IPC_RMID, IPC_SET, IPC_STAT
from procession.include.linux.limits import INT_MAX
from procession.include.linux.msg import MSG_INFO, MSG_STAT
from procession.include.linux.sem import GETALL, GETNCNT, GETPID, GETVAL, GETZCNT, SEM_INFO, SEM_STAT, SETALL, SETVAL
from procession.include.linux.shm import SHM_INFO, SHM_INFO_STRUCT, SHM_LOCK, SHM_STAT, SHM_UNLOCK, SHMINFO64
from procession.ipc import msg, sem, shm
from procession.kernel import user
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "compat_sys_msgctl",
    "compat_sys_msgrcv",
    "compat_sys_msgsnd",
    "compat_sys_semctl",
    "compat_sys_semtimedop",
    "compat_sys_shmat",
    "compat_sys_shmctl",
)

_TEXT_AT: Final = 4  # in a struct compat_msgbuf, behind mtype
_KLUDGE: Final = struct.Struct("<Ii")  # where the message goes, and of which type it is
_TIMESPEC: Final = struct.Struct("<ii")
_TIMESPEC64: Final = struct.Struct("<qq")

# Where a field lies, and its size in bytes. Of permissions: key, uid, gid, cuid, cgid, mode, seq.
_PERM: Final = ((0, 4), (4, 4), (8, 4), (12, 4), (16, 4), (20, 2), (24, 2))
_OLD_PERM: Final = ((0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2), (14, 2))
# Behind them, in the order of the native structure.
_SEMID: Final = ((36, 4), (44, 4), (52, 4))
_OLD_SEMID: Final = ((16, 4), (20, 4), (40, 2))
_MSQID: Final = ((36, 4), (44, 4), (52, 4), (60, 4), (64, 4), (68, 4), (72, 4), (76, 4))
_OLD_MSQID: Final = ((24, 4), (28, 4), (32, 4), (44, 2), (46, 2), (48, 2), (50, 2), (52, 2))
_SHMID: Final = ((36, 4), (40, 4), (48, 4), (56, 4), (64, 4), (68, 4), (72, 4))
_OLD_SHMID: Final = ((16, 4), (20, 4), (24, 4), (28, 4), (32, 2), (34, 2), (36, 2))
_OVERFLOW: Final = ("overflowuid", "overflowgid", "overflowuid", "overflowgid")
_QBYTES: Final = 5  # of the fields of a queue
# Limits and what is used, in both forms.
_WORDS5: Final = ((0, 4), (4, 4), (8, 4), (12, 4), (16, 4))
_WORDS6: Final = (*_WORDS5, (20, 4))

_SEM_AS_IT_IS: Final = (IPC_INFO, IPC_RMID, SEM_INFO, GETVAL, GETPID, GETNCNT, GETZCNT, GETALL, SETVAL, SETALL)


def _put(current: Task, ptr: UserPtr, fields: tuple[tuple[int, int], ...], values: tuple[int, ...]) -> None:
    """Store values, cut to the sizes of their fields; what lies between stays; raises EFAULT."""
    for (offset, size), value in zip(fields, values, strict=True):
        uaccess.put_user(current, ptr, value, size, offset)


def _put_perm(current: Task, ptr: UserPtr, perm: bytes, *, old: bool) -> None:
    """Store a struct ipc64_perm in one of the two forms; raises EFAULT."""
    key, *ids, mode, seq = IPC64_PERM.unpack_from(perm)
    if old:
        ids = [user.high2low(current.kernel, id, name) for id, name in zip(ids, _OVERFLOW, strict=True)]
    _put(current, ptr, _OLD_PERM if old else _PERM, (key, *ids, mode, seq))


def _get_perm(current: Task, ptr: UserPtr, *, old: bool) -> bytes:
    """Return what IPC_SET takes of permissions as a struct ipc64_perm; raises EFAULT."""
    fields = _OLD_PERM if old else _PERM
    uid, gid, mode = (uaccess.get_user(current, ptr, fields[i][1], False, fields[i][0]) for i in (1, 2, 5))
    return IPC64_PERM.pack(0, uid, gid, 0, 0, mode, 0)


# Semaphores.


async def compat_sys_semtimedop(current: Task, semid: int, tsems: UserPtr, nsops: int, timeout: UserPtr) -> int:
    """Do semtimedop(2) with a time in words of 32 bits; raises what it does, and EFAULT for a bad time first of all."""
    if timeout:
        sec, nsec = _TIMESPEC.unpack(uaccess.copy_from_user(current, timeout, _TIMESPEC.size))
        timeout = uaccess.KernelBuffer(_TIMESPEC64.pack(sec, nsec))
    return await sem.sys_semtimedop(current, semid, tsems, nsops, timeout)


def compat_sys_semctl(current: Task, semid: int, semnum: int, cmd: int, uptr: UserPtr) -> int:
    """Do semctl(2), whose last argument is in memory; raises what it does, EINVAL without one, EFAULT."""
    if not uptr:
        raise LinuxError(Errno.EINVAL, "no argument")
    arg: UserPtr = uaccess.get_user(current, uptr, 4)
    old, cmd = not cmd & IPC_64, cmd & ~IPC_64
    if cmd in _SEM_AS_IT_IS:
        return sem.sys_semctl(current, semid, semnum, cmd, arg)
    if cmd == IPC_SET:
        perm = _get_perm(current, arg, old=old) + bytes(sem.SEMID_DS.size)
        return sem.sys_semctl(current, semid, semnum, cmd, uaccess.KernelBuffer(perm))
    if cmd not in (IPC_STAT, SEM_STAT):
        raise LinuxError(Errno.EINVAL, "semctl: unknown command")
    native = uaccess.KernelBuffer(bytes(sem.SEMID_DS_SIZE))
    result = sem.sys_semctl(current, semid, semnum, cmd, native)
    _put_perm(current, arg, bytes(native.data), old=old)
    _put(current, arg, _OLD_SEMID if old else _SEMID, sem.SEMID_DS.unpack_from(native.data, IPC64_PERM.size))
    return result


# Messages.


async def compat_sys_msgsnd(current: Task, msqid: int, msgsz: int, msgflg: int, uptr: UserPtr) -> int:
    """Do msgsnd(2) with a type of 32 bits; raises what it does."""
    if msqid < 0 or msgsz < 0:
        raise LinuxError(Errno.EINVAL, "msgsnd")
    mtype = uaccess.get_user(current, uptr, _TEXT_AT, signed=True)
    return await msg.do_msgsnd(current, msqid, mtype, uptr, _TEXT_AT, msgsz, msgflg)


async def compat_sys_msgrcv(
    current: Task, msqid: int, msgsz: int, msgtyp: int, msgflg: int, version: int, uptr: UserPtr
) -> int:
    """Do msgrcv(2) with a type of 32 bits; in version 0 uptr says where the message goes, and of which type it is."""
    if msqid < 0 or msgsz < 0:
        raise LinuxError(Errno.EINVAL, "msgrcv")
    if not version:
        if not uptr:
            raise LinuxError(Errno.EINVAL, "no arguments")
        uptr, msgtyp = _KLUDGE.unpack(uaccess.copy_from_user(current, uptr, _KLUDGE.size))
    return await msg.do_msgrcv(current, msqid, uptr, _TEXT_AT, msgsz, msgtyp, msgflg)


def compat_sys_msgctl(current: Task, msqid: int, cmd: int, uptr: UserPtr) -> int:
    """Do msgctl(2); raises what it does."""
    old, cmd = not cmd & IPC_64, cmd & ~IPC_64
    if cmd in (IPC_INFO, IPC_RMID, MSG_INFO):
        return msg.sys_msgctl(current, msqid, cmd, uptr)
    fields = _OLD_MSQID if old else _MSQID
    if cmd == IPC_SET:
        perm = _get_perm(current, uptr, old=old)
        offset, size = fields[_QBYTES]
        qbytes = uaccess.get_user(current, uptr, size, False, offset)
        values = [qbytes if i == _QBYTES else 0 for i in range(len(fields))]
        return msg.sys_msgctl(current, msqid, cmd, uaccess.KernelBuffer(perm + msg.MSQID_DS.pack(*values)))
    if cmd not in (IPC_STAT, MSG_STAT):
        raise LinuxError(Errno.EINVAL, "msgctl: unknown command")
    native = uaccess.KernelBuffer(bytes(msg.MSQID_DS_SIZE))
    result = msg.sys_msgctl(current, msqid, cmd, native)
    _put_perm(current, uptr, bytes(native.data), old=old)
    _put(current, uptr, fields, msg.MSQID_DS.unpack_from(native.data, IPC64_PERM.size))
    return result


# Shared memory.


def compat_sys_shmat(current: Task, shmid: int, shmflg: int, third: UserPtr, version: int, uptr: int) -> int:
    """Do shmat(2), and store the address at third; raises what it does, EFAULT, and EINVAL in version 1."""
    if version == 1:
        raise LinuxError(Errno.EINVAL, "shmat of iBCS2")
    uaccess.put_user(current, third, shm.sys_shmat(current, shmid, uptr, shmflg), 4)
    return 0


def compat_sys_shmctl(current: Task, shmid: int, cmd: int, uptr: UserPtr) -> int:
    """Do shmctl(2); raises what it does."""
    old, cmd = not cmd & IPC_64, cmd & ~IPC_64
    if cmd in (IPC_RMID, SHM_LOCK, SHM_UNLOCK):
        return shm.sys_shmctl(current, shmid, cmd, uptr)
    if cmd == IPC_SET:
        perm = _get_perm(current, uptr, old=old) + bytes(shm.SHMID_DS.size)
        return shm.sys_shmctl(current, shmid, cmd, uaccess.KernelBuffer(perm))
    if cmd not in (IPC_INFO, SHM_INFO, IPC_STAT, SHM_STAT):
        raise LinuxError(Errno.EINVAL, "shmctl: unknown command")
    native = uaccess.KernelBuffer(bytes(shm.SHMID_DS_SIZE))
    result = shm.sys_shmctl(current, shmid, cmd, native)
    if cmd == IPC_INFO:
        shmmax, *rest = SHMINFO64.unpack_from(native.data)
        _put(current, uptr, _WORDS5, (min(shmmax, INT_MAX), *rest))
    elif cmd == SHM_INFO:
        _put(current, uptr, _WORDS6, SHM_INFO_STRUCT.unpack_from(native.data))
    else:
        _put_perm(current, uptr, bytes(native.data), old=old)
        _put(current, uptr, _OLD_SHMID if old else _SHMID, shm.SHMID_DS.unpack_from(native.data, IPC64_PERM.size))
    return result
