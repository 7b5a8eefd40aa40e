"""Listing directories (fs/readdir.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.hw.costs import DIRENT_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import Dirents, Dirents64
from procession.include.linux.fs import DT_DIR, S_IFDIR, S_IFMT
from procession.include.linux.syscalls import compat_syscall, syscall
from procession.include.linux.types import Fd, UInt, UserPtr
from procession.kernel import sched_account
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = ("compat_sys_getdents", "getdents", "sys_getdents", "sys_getdents64", "vfs_readdir")

_HEAD: Final = struct.Struct("<QQH")
_COMPAT_HEAD: Final = struct.Struct("<IIH")

Entry = tuple[str, int, int]


def vfs_readdir(current: Task, file: File) -> list[Entry]:
    """Return all entries of an open directory, . and .. first, as they were when it was last at its start.

    Reading from a list that stands still gives every entry once, whatever is removed meanwhile. Raises ENOTDIR, ENOENT.
    """
    dentry = file.f_path.dentry
    inode = dentry.d_inode
    if inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, "getdents")
    if inode.i_nlink == 0:
        raise LinuxError(Errno.ENOENT, "the directory was removed")
    if file.f_pos == 0 or file.private_data is None:
        dots = [(".", inode.i_ino, DT_DIR), ("..", dentry.d_parent.d_inode.i_ino, DT_DIR)]
        file.private_data = dots + inode.readdir(current)
    fs_inode.file_accessed(file)
    entries: list[Entry] = file.private_data
    return entries


def getdents(
    current: Task, fd: int, dirent: UserPtr, count: int, *, is64: bool, head: struct.Struct = _HEAD, align: int = 8
) -> int:
    """Store entries one by one. Raises EFAULT, EBADF, ENOTDIR, EINVAL if not even one fits.

    is64: the type is before the name, and not in the last byte.  head, align: how entries begin, and what their lengths
    are rounded up to.
    """
    if not uaccess.user_pointer_ok(current, dirent, count):
        raise LinuxError(Errno.EFAULT, "not the user's memory")
    count = count - (1 << 32) if count & 1 << 31 else count  # where 3.2 counts down in an int
    file = fs_file.fget_light(current, fd)
    entries = vfs_readdir(current, file)
    done = 0
    pos = file.f_pos
    while pos < len(entries):
        name, ino, kind = entries[pos]
        raw = string.to_bytes(name)
        # The head, the name and its end; a type before the name, or behind it.
        reclen = head.size + len(raw) + 2 + align - 1 & -align
        if done + reclen > count:
            if not done:
                raise LinuxError(Errno.EINVAL, "buffer too small for one entry")
            break
        begin = head.pack(ino, pos + 1, reclen)
        try:
            # What pads an entry is left as it was.
            if is64:
                uaccess.copy_to_user(current, dirent, begin + bytes((kind,)) + raw + b"\0", done)
            else:
                uaccess.copy_to_user(current, dirent, begin + raw + b"\0", done)
                uaccess.put_user(current, dirent, kind, 1, done + reclen - 1)
        except LinuxError:
            if not done:
                raise
            break
        done += reclen
        pos += 1
    sched_account.account_system_time(current, (pos - file.f_pos) * DIRENT_NS)
    file.f_pos = pos
    return done


@syscall
def sys_getdents(current: Task, fd: Fd, dirent: Dirents, count: UInt) -> int:
    """Store directory entries, types in the last byte of each (getdents(2))."""
    return getdents(current, fd, dirent, count, is64=False)


@syscall
def sys_getdents64(current: Task, fd: Fd, dirent: Dirents64, count: UInt) -> int:
    """Store directory entries (getdents64(2))."""
    return getdents(current, fd, dirent, count, is64=True)


@compat_syscall
def compat_sys_old_readdir(current: Task, fd: Fd, dirent: UserPtr, count: UInt) -> int:
    """Store one entry, whatever count says; returns 1, or 0 behind the last (readdir(2)); raises EBADF, EFAULT."""
    file = fs_file.fget_light(current, fd)
    entries = vfs_readdir(current, file)
    pos = file.f_pos
    if pos >= len(entries):
        return 0
    name, ino, _ = entries[pos]
    raw = string.to_bytes(name)
    file.f_pos = pos + 1
    uaccess.copy_to_user(current, dirent, _COMPAT_HEAD.pack(ino, pos, len(raw)) + raw + b"\0")
    return 1


@compat_syscall
def compat_sys_getdents(current: Task, fd: Fd, dirent: UserPtr, count: UInt) -> int:
    """getdents(2), with numbers of 32 bits (fs/compat.c)."""
    return getdents(current, fd, dirent, count, is64=False, head=_COMPAT_HEAD, align=4)
