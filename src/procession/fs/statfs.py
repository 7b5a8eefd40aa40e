"""What file system a file is on (fs/statfs.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import namei, ramfs
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, DevArg, StatfsBuf
from procession.include.linux.limits import NAME_MAX
from procession.include.linux.magic import HOSTFS_SUPER_MAGIC, TMPFS_MAGIC
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.mount import (
    MNT_NOATIME,
    MNT_NODEV,
    MNT_NODIRATIME,
    MNT_NOEXEC,
    MNT_NOSUID,
    MNT_READONLY,
    MNT_RELATIME,
    ST_NOATIME,
    ST_NODEV,
    ST_NODIRATIME,
    ST_NOEXEC,
    ST_NOSUID,
    ST_RDONLY,
    ST_RELATIME,
    ST_VALID,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, Path, UserPtr
from procession.mm import page_alloc, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("free_blocks", "sys_fstatfs", "sys_statfs", "sys_ustat")

_STATFS: Final = struct.Struct("<7q2i3q32x")
# flags_by_mnt()
_ST_FLAGS: Final = (
    (MNT_NOSUID, ST_NOSUID),
    (MNT_NODEV, ST_NODEV),
    (MNT_NOEXEC, ST_NOEXEC),
    (MNT_NOATIME, ST_NOATIME),
    (MNT_NODIRATIME, ST_NODIRATIME),
    (MNT_RELATIME, ST_RELATIME),
    (MNT_READONLY, ST_RDONLY),
)


def _flags(mnt: Vfsmount) -> int:
    """Return f_flags: ST_VALID and the mount's."""
    flags = ST_VALID
    for mnt_bit, st_bit in _ST_FLAGS:
        if mnt.mnt_flags & mnt_bit:
            flags |= st_bit
    if mnt.mnt_sb.s_readonly:
        flags |= ST_RDONLY
    return flags


def free_blocks(k: Kernel, mnt: Vfsmount) -> tuple[int, int]:
    """Return how many pages a file system has, and how many are free; 0 if it does not count them.

    As tmpfs: half of the memory. What the host has would differ from run to run.
    """
    if mnt.mnt_sb.s_magic not in (TMPFS_MAGIC, HOSTFS_SUPER_MAGIC):
        return 0, 0
    blocks = k.mm.total_pages // 2
    return blocks, min(blocks, page_alloc.nr_free_pages(k))


def _counts(k: Kernel, mnt: Vfsmount) -> tuple[int, int, int, int]:
    """Return how many blocks a file system has, and how many are free; the same of inodes."""
    sb = mnt.mnt_sb
    if isinstance(sb, ramfs.TmpfsSuperBlock):
        ffree = sb.max_inodes - sb.used_inodes if sb.max_inodes else 0
        return sb.s_max_blocks, sb.s_max_blocks - sb.s_used_blocks, sb.max_inodes, ffree
    blocks, free = free_blocks(k, mnt)
    return blocks, free, blocks, max(0, blocks - sb.s_next_ino) if blocks else 0  # as many inodes as pages


def _statfs(current: Task, path: PathRef, buf: UserPtr) -> None:
    sb = path.mnt.mnt_sb
    blocks, free, files, ffree = _counts(current.kernel, path.mnt)
    uaccess.copy_to_user(
        current,
        buf,
        _STATFS.pack(
            sb.s_magic, PAGE_SIZE, blocks, free, free, files, ffree, sb.s_dev, 0, NAME_MAX, PAGE_SIZE, _flags(path.mnt)
        ),
    )


@syscall
def sys_statfs(current: Task, pathname: Path, buf: StatfsBuf) -> int:
    """Describe the file system that holds a file (statfs(2))."""
    _statfs(current, namei.user_path_at(current, AT_FDCWD, pathname, follow=True), buf)
    return 0


@syscall
def sys_fstatfs(current: Task, fd: Fd, buf: StatfsBuf) -> int:
    """Describe the file system that holds an open file (fstatfs(2))."""
    _statfs(current, fs_file.fget_light(current, fd).f_path, buf)
    return 0


@syscall
def sys_ustat(current: Task, dev: DevArg, ubuf: UserPtr) -> int:
    """Describe a mounted file system by device (ustat(2)); raises EINVAL."""
    assert current.nsproxy is not None
    for mnt in current.nsproxy.mnt_ns.mounts:
        if mnt.mnt_sb.s_dev == dev:
            _, free, _, ffree = _counts(current.kernel, mnt)
            uaccess.copy_to_user(current, ubuf, struct.pack("<i4xQ12x4x", free, ffree))
            return 0
    raise LinuxError(Errno.EINVAL, "no such device is mounted")
