"""Duplicating descriptors, and fcntl(2) (fs/fcntl.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from procession.fs import fasync, file_table, leases, locks, pipe
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs.notify.dnotify import dnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    F_DUPFD,
    F_DUPFD_CLOEXEC,
    F_GETFD,
    F_GETFL,
    F_GETLEASE,
    F_GETLK,
    F_GETOWN,
    F_GETOWN_EX,
    F_GETPIPE_SZ,
    F_GETSIG,
    F_NOTIFY,
    F_OFD_GETLK,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_OWNER_PGRP,
    F_OWNER_PID,
    F_OWNER_TID,
    F_SETFD,
    F_SETFL,
    F_SETLEASE,
    F_SETLK,
    F_SETLKW,
    F_SETOWN,
    F_SETOWN_EX,
    F_SETPIPE_SZ,
    F_SETSIG,
    FD_CLOEXEC,
    O_APPEND,
    O_ASYNC,
    O_CLOEXEC,
    O_DIRECT,
    O_NOATIME,
    O_NONBLOCK,
    CloexecArg,
    FcntlArg,
    FcntlCmdArg,
)
from procession.include.linux.fdtable import FD_MASK, FD_SHIFT, fd_isset
from procession.include.linux.fs import FMODE_PATH
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.memfd import F_ADD_SEALS, F_GET_SEALS
from procession.include.linux.pid import PIDTYPE_MAX, PIDTYPE_PGID, PIDTYPE_PID
from procession.include.linux.resource import RLIMIT_NOFILE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd
from procession.kernel import pid as kernel_pid
from procession.mm import memfd, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = ("set_close_on_exec", "sys_dup", "sys_dup2", "sys_dup3", "sys_fcntl")

SETFL_MASK: Final = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME
# PIDTYPE_MAX: one thread, which no list of a struct pid has by itself.
_OWNER_TYPES: Final = {F_OWNER_TID: PIDTYPE_MAX, F_OWNER_PID: PIDTYPE_PID, F_OWNER_PGRP: PIDTYPE_PGID}
_FOR_O_PATH: Final = (F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL)


# dup.


@syscall
def sys_dup(current: Task, fildes: Fd) -> Fd:
    """Return the lowest free descriptor, leading to the same open file (dup(2))."""
    file = fs_file.fget_raw(current, fildes)
    fd = fs_file.alloc_fd(current)
    file.f_count += 1
    fs_file.fd_install(current, fd, file)
    return fd


def _do_dup3(current: Task, oldfd: int, newfd: int, flags: int) -> int:
    files = current.files
    assert files is not None
    with files.file_lock:
        table = files.fd
        file = table[oldfd] if 0 <= oldfd < len(table) else None
        if file is None or not 0 <= newfd < current.signal.rlim[RLIMIT_NOFILE][0]:
            raise LinuxError(Errno.EBADF, "dup2")
        fs_file.expand_files(current, files, newfd)
        at, bit = newfd >> FD_SHIFT, 1 << (newfd & FD_MASK)
        tofree = table[newfd]
        if tofree is None and files.open_fds[at] & bit:
            raise LinuxError(Errno.EBUSY, "another thread is opening a file there")
        file.f_count += 1
        table[newfd] = file
        files.open_fds[at] |= bit
        if flags & O_CLOEXEC:
            files.close_on_exec[at] |= bit
        else:
            files.close_on_exec[at] &= ~bit
    if tofree is not None:
        fs_file.filp_close(current, tofree, files)
    return newfd


@syscall
def sys_dup3(current: Task, oldfd: Fd, newfd: Fd, flags: CloexecArg) -> Fd:
    """Make newfd lead to the same open file, closing what it was (dup3(2))."""
    if flags & ~O_CLOEXEC or oldfd == newfd:
        raise LinuxError(Errno.EINVAL, "dup3")
    return _do_dup3(current, oldfd, newfd, flags)


@syscall
def sys_dup2(current: Task, oldfd: Fd, newfd: Fd) -> Fd:
    """Make newfd lead to the same open file, closing what it was (dup2(2))."""
    if oldfd == newfd:
        fs_file.fget_raw(current, oldfd)
        return newfd
    return _do_dup3(current, oldfd, newfd, 0)


# Owners.


def f_setown_ex(current: Task, file: File, arg: Any) -> None:
    kind, nr = struct.unpack("<ii", uaccess.copy_from_user(current, arg, 8))
    pid_type = _OWNER_TYPES.get(kind)
    if pid_type is None:
        raise LinuxError(Errno.EINVAL, "F_SETOWN_EX type")
    pid = kernel_pid.find_vpid(current, nr)
    if nr and pid is None:
        raise LinuxError(Errno.ESRCH, f"no process {nr}")
    fasync.f_modown(current, file, pid, pid_type, force=True)


def f_getown_ex(current: Task, file: File, arg: Any) -> None:
    owner = file.f_owner
    kind, nr = F_OWNER_PID, 0
    if owner is not None:
        nr = kernel_pid.pid_vnr(current, owner.pid)
        kind = next(kind for kind, pid_type in _OWNER_TYPES.items() if pid_type == owner.pid_type)
    uaccess.copy_to_user(current, arg, struct.pack("<ii", kind, nr))


# fcntl.


def setfl(current: Task, file: File, fd: int, arg: int) -> None:
    flags = file.f_flags
    if arg & O_NOATIME and not flags & O_NOATIME and not fs_inode.inode_owner_or_capable(current, file.inode):
        raise LinuxError(Errno.EPERM, "O_NOATIME is the owner's")
    if arg & O_DIRECT:
        raise LinuxError(Errno.EINVAL, "O_DIRECT")
    if (arg ^ flags) & O_ASYNC and file.has_fasync():
        file.fasync(current, fd, on=bool(arg & O_ASYNC))  # which sets the flag
    file.f_flags = (arg & SETFL_MASK) | (file.f_flags & ~SETFL_MASK)


def _dupfd(current: Task, file: File, arg: int, flags: int) -> int:
    if not 0 <= arg < current.signal.rlim[RLIMIT_NOFILE][0]:
        raise LinuxError(Errno.EINVAL, "beyond RLIMIT_NOFILE")
    fd = fs_file.alloc_fd(current, arg, flags)
    file.f_count += 1
    fs_file.fd_install(current, fd, file)
    return fd


def set_close_on_exec(current: Task, fd: int, on: bool) -> None:
    """Say whether exec closes the descriptor."""
    files = current.files
    assert files is not None
    with files.file_lock:
        at, bit = fd >> FD_SHIFT, 1 << (fd & FD_MASK)
        if on:
            files.close_on_exec[at] |= bit
        else:
            files.close_on_exec[at] &= ~bit


def _owner_cmd(current: Task, fd: int, file: File, cmd: int, arg: Any) -> int:
    """The commands about owner, signal and what they are told; raises EINVAL for any other."""
    if cmd == F_SETOWN:
        fasync.f_setown(current, file, arg & 0xFFFFFFFF)
    elif cmd == F_GETOWN:
        return fasync.f_getown(current, file)
    elif cmd == F_SETOWN_EX:
        f_setown_ex(current, file, arg)
    elif cmd == F_GETOWN_EX:
        f_getown_ex(current, file, arg)
    elif cmd == F_GETSIG:
        return file.f_owner.signum if file.f_owner is not None else 0
    elif cmd == F_SETSIG:
        if not 0 <= arg <= 64:
            raise LinuxError(Errno.EINVAL, "F_SETSIG")
        if file.f_owner is None:
            file.f_owner = fasync.FownStruct()
        file.f_owner.signum = arg
    elif cmd == F_GETLEASE:
        return leases.fcntl_getlease(file)
    elif cmd == F_SETLEASE:
        leases.fcntl_setlease(current, fd, file, (arg & 0xFFFFFFFF ^ 0x80000000) - 0x80000000)
    elif cmd == F_NOTIFY:
        dnotify.fcntl_dirnotify(current, fd, file, arg)
    else:
        raise LinuxError(Errno.EINVAL, f"fcntl command {cmd}")
    return 0


# What came later, by the name in include/linux/later.py.
_LATER: Final = {
    F_OFD_GETLK: "F_OFD_SETLK",
    F_OFD_SETLK: "F_OFD_SETLK",
    F_OFD_SETLKW: "F_OFD_SETLK",
    F_ADD_SEALS: "memfd_create",
    F_GET_SEALS: "memfd_create",
}


async def _later_cmd(current: Task, file: File, cmd: int, arg: Any) -> int:
    """Locks of an open file, and seals."""
    if cmd == F_GET_SEALS:
        return memfd.memfd_get_seals(file)
    if cmd == F_ADD_SEALS:
        memfd.memfd_add_seals(file, arg & UINT_MAX)
        return 0
    if cmd == F_OFD_GETLK:
        return locks.fcntl_getlk(current, file, arg, ofd=True)
    current.held.append(file_table.get_file(file))
    try:
        return await locks.fcntl_setlk(current, file, cmd, arg)
    finally:
        current.held.pop()
        file_table.fput(current, file)


@syscall
async def sys_fcntl(current: Task, fd: Fd, cmd: FcntlCmdArg, arg: FcntlArg) -> int:
    """Ask or change what a descriptor or its open file is like (fcntl(2)); record locks may sleep."""
    file = fs_file.fget_raw(current, fd)
    if not isinstance(arg, int) and cmd not in (F_GETLK, F_SETLK, F_SETLKW):
        raise LinuxError(Errno.EINVAL, "a buffer where a number is expected")
    if file.f_mode & FMODE_PATH and cmd not in _FOR_O_PATH:
        raise LinuxError(Errno.EBADF, "an O_PATH descriptor")
    if cmd == F_DUPFD:
        return _dupfd(current, file, arg, 0)
    if cmd == F_DUPFD_CLOEXEC:
        return _dupfd(current, file, arg, O_CLOEXEC)
    if cmd == F_GETFD:
        assert current.files is not None
        return int(fd_isset(fd, current.files.close_on_exec))
    if cmd == F_SETFD:
        set_close_on_exec(current, fd, bool(arg & FD_CLOEXEC))
        return 0
    if cmd == F_GETFL:
        return file.f_flags
    if cmd == F_SETFL:
        setfl(current, file, fd, arg)
        return 0
    if cmd == F_GETLK:
        return locks.fcntl_getlk(current, file, arg)
    if cmd in (F_SETLK, F_SETLKW):
        current.held.append(file_table.get_file(file))
        try:
            return await locks.fcntl_setlk(current, file, cmd, arg)
        finally:
            current.held.pop()
            file_table.fput(current, file)
    if cmd in (F_SETPIPE_SZ, F_GETPIPE_SZ):
        return pipe.pipe_fcntl(current, file, cmd, arg)
    if cmd in _LATER and _LATER[cmd] in current.kernel.later:
        return await _later_cmd(current, file, cmd, arg)
    return _owner_cmd(current, fd, file, cmd, arg)
