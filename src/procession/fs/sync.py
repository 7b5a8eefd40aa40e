"""Flushing to storage (fs/sync.c): only directories of the host are somewhere else than in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import SyncFileRangeArg
from procession.include.linux.fs import S_IFBLK, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, OffT

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_fdatasync", "sys_fsync", "sys_sync", "sys_sync_file_range", "sys_syncfs")


@syscall
def sys_sync(current: Task) -> int:
    """Write everything back (sync(2))."""
    assert current.nsproxy is not None
    for mnt in current.nsproxy.mnt_ns.mounts:
        mnt.mnt_sb.sync_fs()
    return 0


@syscall
def sys_fsync(current: Task, fd: Fd) -> int:
    """Write a file back (fsync(2)); raises EBADF, EINVAL for pipes, sockets, devices, what is in /proc or sysfs."""
    file = fs_file.fget_light(current, fd)
    if not file.inode.i_fop_fsync or file.inode.i_mode & S_IFMT not in (S_IFREG, S_IFDIR, S_IFBLK):
        raise LinuxError(Errno.EINVAL, "cannot be synchronised")
    file.fsync()
    return 0


@syscall
def sys_fdatasync(current: Task, fd: Fd) -> int:
    """Write a file's data back (fdatasync(2))."""
    return sys_fsync(current, fd)


@syscall
def sys_syncfs(current: Task, fd: Fd) -> int:
    """Write a file system back (syncfs(2)); raises EBADF."""
    fs_file.fget_light(current, fd).inode.i_sb.sync_fs()
    return 0


@syscall
def sys_sync_file_range(current: Task, fd: Fd, offset: OffT, nbytes: OffT, flags: SyncFileRangeArg) -> int:
    """Write a part of a file back (sync_file_range(2)); raises EINVAL, EBADF, ESPIPE."""
    if flags & ~7 or offset < 0 or nbytes < 0 or offset + nbytes >= 1 << 63:
        raise LinuxError(Errno.EINVAL, "sync_file_range")
    file = fs_file.fget_light(current, fd)
    if file.inode.i_mode & S_IFMT not in (S_IFREG, S_IFDIR, S_IFBLK, S_IFLNK):
        raise LinuxError(Errno.ESPIPE, "sync_file_range")
    file.inode.writepages()
    return 0
