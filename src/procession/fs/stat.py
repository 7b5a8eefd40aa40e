"""stat(2) and its relatives, readlink(2) (fs/stat.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import namei
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_NO_AUTOMOUNT,
    AT_SYMLINK_NOFOLLOW,
    AtStatArg,
    StatBuf,
)
from procession.include.linux.fs import S_IFLNK, S_IFMT
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.types import DirFd, Fd, Int, OutBuf, Path, UserPtr
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import time
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Kstat
    from procession.include.linux.sched import Task

__all__ = ("cp_new_stat", "sys_fstat", "sys_lstat", "sys_newfstatat", "sys_readlink", "sys_readlinkat", "sys_stat")


_STAT: Final = struct.Struct("<QQQIIIIQqqqqqqqqq24x")


def cp_new_stat(current: Task, stat: Kstat, statbuf: UserPtr) -> None:
    """Store a struct stat of x86-64, 144 bytes; raises EFAULT."""
    atime, mtime, ctime = stat.atime_ns, stat.mtime_ns, stat.ctime_ns
    uaccess.copy_to_user(
        current,
        statbuf,
        _STAT.pack(
            stat.dev,
            stat.ino,
            stat.nlink,
            stat.mode,
            uid_here(current, stat.uid),
            gid_here(current, stat.gid),
            0,
            stat.rdev,
            stat.size,
            stat.blksize,
            stat.blocks,
            time.to_s64(atime // NSEC_PER_SEC),
            atime % NSEC_PER_SEC,
            time.to_s64(mtime // NSEC_PER_SEC),
            mtime % NSEC_PER_SEC,
            time.to_s64(ctime // NSEC_PER_SEC),
            ctime % NSEC_PER_SEC,
        ),
    )


@syscall
def sys_stat(current: Task, filename: Path, statbuf: StatBuf) -> int:
    """Describe a file (stat(2))."""
    path = namei.user_path_at(current, AT_FDCWD, filename, follow=True)
    cp_new_stat(current, path.dentry.d_inode.getattr(current), statbuf)
    return 0


@syscall
def sys_lstat(current: Task, filename: Path, statbuf: StatBuf) -> int:
    """Describe a file, or a symbolic link itself (lstat(2))."""
    path = namei.user_path_at(current, AT_FDCWD, filename, follow=False)
    cp_new_stat(current, path.dentry.d_inode.getattr(current), statbuf)
    return 0


@syscall
def sys_newfstatat(current: Task, dfd: DirFd, filename: Path, statbuf: StatBuf, flag: AtStatArg) -> int:
    """Describe a file named relative to a directory (fstatat(2))."""
    if flag & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH):
        raise LinuxError(Errno.EINVAL, "fstatat flags")
    path = namei.user_path_at(
        current, dfd, filename, follow=not flag & AT_SYMLINK_NOFOLLOW, empty=bool(flag & AT_EMPTY_PATH)
    )
    cp_new_stat(current, path.dentry.d_inode.getattr(current), statbuf)
    return 0


@syscall
def sys_fstat(current: Task, fd: Fd, statbuf: StatBuf) -> int:
    """Describe an open file (fstat(2)); EBADF for O_PATH descriptors, as before 3.6."""
    file = fs_file.fget_light(current, fd)
    cp_new_stat(current, file.f_path.dentry.d_inode.getattr(current), statbuf)
    return 0


@syscall
def sys_readlinkat(current: Task, dfd: DirFd, path: Path, buf: OutBuf, bufsiz: Int) -> int:
    """Store a symbolic link's text without a NUL and return its length, cut to bufsiz (readlinkat(2)).

    Raises EINVAL for another kind of file, ENOENT for an empty path and a descriptor that is no link.
    """
    if bufsiz <= 0:
        raise LinuxError(Errno.EINVAL, "readlink size")
    name = namei.getname(current, path, empty=True)
    ref = namei.path_lookupat(current, dfd, name, follow=False)
    inode = ref.dentry.d_inode
    if inode.i_mode & S_IFMT != S_IFLNK:
        raise LinuxError(Errno.EINVAL if name else Errno.ENOENT, "no symbolic link")
    text = inode.readlink(current)
    fs_inode.touch_atime(ref.mnt, inode)
    data = string.to_bytes(text)[:bufsiz]
    uaccess.copy_to_user(current, buf, data)
    return len(data)


@syscall
def sys_readlink(current: Task, path: Path, buf: OutBuf, bufsiz: Int) -> int:
    """Store a symbolic link's text (readlink(2))."""
    return sys_readlinkat(current, AT_FDCWD, path, buf, bufsiz)
