"""Setting times (fs/utimes.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import attr, namei, namespace
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, AT_SYMLINK_NOFOLLOW, AtFollowArg, Timespecs, Timevals, Utimbuf
from procession.include.linux.fs import MAY_WRITE, PathRef
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import NSEC_PER_SEC, USEC_PER_SEC
from procession.include.linux.types import DirFd, Path, UserPtr
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("do_utimes", "sys_futimesat", "sys_utime", "sys_utimensat", "sys_utimes")

UTIME_NOW: Final = (1 << 30) - 1
UTIME_OMIT: Final = (1 << 30) - 2

Times = tuple[tuple[int, int], tuple[int, int]]


def nsec_valid(nsec: int) -> bool:
    return nsec in (UTIME_NOW, UTIME_OMIT) or 0 <= nsec < NSEC_PER_SEC


def _is_null(ptr: UserPtr) -> bool:
    return isinstance(ptr, int) and not ptr


def utimes_common(current: Task, path: PathRef, times: Times | None) -> None:
    inode = path.dentry.d_inode
    namespace.mnt_want_write(path.mnt)
    now = fs_inode.current_fs_time(inode.i_sb)
    if times is not None and times[0][1] == UTIME_NOW and times[1][1] == UTIME_NOW:
        times = None
    if times is None:
        if not fs_inode.inode_owner_or_capable(current, inode):
            namei.inode_permission(current, inode, MAY_WRITE)
        attr.set_times(path.dentry, now, now)
        return
    if not fs_inode.inode_owner_or_capable(current, inode):
        raise LinuxError(Errno.EPERM, "not the owner")
    values: list[int | None] = []
    for sec, nsec in times:
        values.append(None if nsec == UTIME_OMIT else now if nsec == UTIME_NOW else sec * NSEC_PER_SEC + nsec)
    attr.set_times(path.dentry, values[0], values[1])


def do_utimes(current: Task, dfd: int, filename: UserPtr, times: Times | None, flags: int) -> None:
    """Set the times of a file by name, or of dfd itself if filename is NULL. times None: now."""
    if times is not None and not (nsec_valid(times[0][1]) and nsec_valid(times[1][1])):
        raise LinuxError(Errno.EINVAL, "nanoseconds")
    if flags & ~AT_SYMLINK_NOFOLLOW:
        raise LinuxError(Errno.EINVAL, "utimensat flags")
    if _is_null(filename) and dfd != AT_FDCWD:
        if flags:
            raise LinuxError(Errno.EINVAL, "utimensat flags")
        path = fs_file.fget_light(current, dfd).f_path
    else:
        path = namei.user_path_at(current, dfd, filename, follow=not flags & AT_SYMLINK_NOFOLLOW)
    utimes_common(current, path, times)


@syscall
def sys_utimensat(current: Task, dfd: DirFd, filename: Path, utimes: Timespecs, flags: AtFollowArg) -> int:
    """Set times in nanoseconds (utimensat(2), futimens(3))."""
    times: Times | None = None
    if not _is_null(utimes):
        a, an, m, mn = struct.unpack("<4q", uaccess.copy_from_user(current, utimes, 32))
        times = ((a, an), (m, mn))
        if an == UTIME_OMIT and mn == UTIME_OMIT:
            return 0
    do_utimes(current, dfd, filename, times, flags)
    return 0


@syscall
def sys_futimesat(current: Task, dfd: DirFd, filename: Path, utimes: Timevals) -> int:
    """Set times in microseconds (futimesat(2))."""
    times: Times | None = None
    if not _is_null(utimes):
        a, au, m, mu = struct.unpack("<4q", uaccess.copy_from_user(current, utimes, 32))
        if not (0 <= au < USEC_PER_SEC and 0 <= mu < USEC_PER_SEC):
            raise LinuxError(Errno.EINVAL, "microseconds")
        times = ((a, au * 1000), (m, mu * 1000))
    do_utimes(current, dfd, filename, times, 0)
    return 0


@syscall
def sys_utimes(current: Task, filename: Path, utimes: Timevals) -> int:
    """Set times in microseconds (utimes(2))."""
    return sys_futimesat(current, AT_FDCWD, filename, utimes)


@syscall
def sys_utime(current: Task, filename: Path, times: Utimbuf) -> int:
    """Set times in seconds (utime(2))."""
    pair: Times | None = None
    if not _is_null(times):
        a, m = struct.unpack("<2q", uaccess.copy_from_user(current, times, 16))
        pair = ((a, 0), (m, 0))
    do_utimes(current, AT_FDCWD, filename, pair, 0)
    return 0
