"""statx(2) (a part of fs/stat.c, as of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import namei
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_EMPTY_PATH, AT_NO_AUTOMOUNT, AT_SYMLINK_NOFOLLOW
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.stat import (
    AT_STATX_SYNC_TYPE,
    STATX,
    STATX_ATTR_MOUNT_ROOT,
    STATX_BASIC_STATS,
    STATX_MNT_ID,
    STATX_RESERVED,
    StatxBuf,
    StatxFlags,
    StatxMaskArg,
)
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.types import DirFd, Path
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import time
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("sys_statx",)

_FLAGS: Final = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE


@later_syscall
def sys_statx(
    current: Task, dfd: DirFd, filename: Path, flags: StatxFlags, mask: StatxMaskArg, buffer: StatxBuf
) -> int:
    """Describe a file (statx(2)): what stat(2) says, and where it is mounted, whatever mask asks for.

    Raises EINVAL, EFAULT, and what a look-up does. Differs: no file has a time of birth.
    """
    empty = bool(flags & AT_EMPTY_PATH)
    name = "" if empty and not filename else namei.getname(current, filename, empty=empty)
    if mask & STATX_RESERVED or flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE or flags & ~_FLAGS:
        raise LinuxError(Errno.EINVAL, "statx: mask or flags")
    path = namei.path_lookupat(current, dfd, name, follow=not flags & AT_SYMLINK_NOFOLLOW)
    _cp_statx(current, path, buffer)
    return 0


def _cp_statx(current: Task, path: PathRef, buffer: UserPtr) -> None:
    stat = path.dentry.d_inode.getattr(current)
    attributes = STATX_ATTR_MOUNT_ROOT if path.mnt.mnt_root is path.dentry else 0
    times: list[int] = []
    for ns in (stat.atime_ns, 0, stat.ctime_ns, stat.mtime_ns):
        times += (time.to_s64(ns // NSEC_PER_SEC), ns % NSEC_PER_SEC)
    data = STATX.pack(
        STATX_BASIC_STATS | STATX_MNT_ID,
        stat.blksize,
        attributes,
        stat.nlink,
        uid_here(current, stat.uid),
        gid_here(current, stat.gid),
        stat.mode,
        stat.ino,
        stat.size,
        stat.blocks,
        STATX_ATTR_MOUNT_ROOT,
        *times,
        *new_decode_dev(stat.rdev),
        *new_decode_dev(stat.dev),
        max(path.mnt.mnt_id, 0),
    )
    uaccess.copy_to_user(current, buffer, data)
