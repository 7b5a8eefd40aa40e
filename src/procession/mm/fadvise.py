"""Advice about files: posix_fadvise, readahead (mm/fadvise.c, mm/filemap.c)."""

from __future__ import annotations

from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import FMODE_READ, S_IFIFO, S_IFMT
from procession.include.linux.mman import POSIX_FADV_NOREUSE, POSIX_FADV_NORMAL, POSIX_FADV_WILLNEED, FadviseArg
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, OffT, SizeT

__all__ = ("sys_fadvise64", "sys_readahead")


@syscall
def sys_fadvise64(current: Task, fd: Fd, offset: OffT, length: SizeT, advice: FadviseArg) -> int:
    """Advise on the use of a file, to no effect here (posix_fadvise(2)); raises EBADF, ESPIPE, EINVAL.

    EINVAL also where the file system has no readpage: so for all files here, which are tmpfs's and its like.
    """
    file = fs_file.fget_light(current, fd)
    if file.inode.i_mode & S_IFMT == S_IFIFO:
        raise LinuxError(Errno.ESPIPE, "a pipe")
    if length >> 63 or not POSIX_FADV_NORMAL <= advice <= POSIX_FADV_NOREUSE:
        raise LinuxError(Errno.EINVAL, "bad length or advice")
    if advice == POSIX_FADV_WILLNEED:
        raise LinuxError(Errno.EINVAL, "tmpfs has no readpage")
    return 0


@syscall
def sys_readahead(current: Task, fd: Fd, offset: OffT, count: SizeT) -> int:
    """Read a part of a file ahead of its use (readahead(2)); raises EBADF, and EINVAL: no file here has readpage."""
    file = fs_file.fget_light(current, fd)
    if not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EBADF, "not open for reading")
    raise LinuxError(Errno.EINVAL, "tmpfs has no readpage")
