"""splice(2), tee(2), vmsplice(2): not modelled (fs/splice.c). Callers fall back to read and write on EINVAL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import SpliceArg
from procession.include.linux.syscalls import syscall_refused
from procession.include.linux.types import Fd, Int64Ptr, IoVec, SizeT, ULong

if TYPE_CHECKING:
    from typing import NoReturn

    from procession.include.linux.sched import Task

__all__ = ("sys_splice", "sys_tee", "sys_vmsplice")


def _refuse(current: Task, name: str) -> NoReturn:
    current.kernel.not_modelled(name)
    raise LinuxError(Errno.EINVAL, name)


@syscall_refused
def sys_splice(
    current: Task, fd_in: Fd, off_in: Int64Ptr, fd_out: Fd, off_out: Int64Ptr, len: SizeT, flags: SpliceArg
) -> int:
    """Move data between a pipe and a file (splice(2)): EINVAL."""
    if not len:
        return 0
    fs_file.fget_light(current, fd_in)
    fs_file.fget_light(current, fd_out)
    _refuse(current, "splice")


@syscall_refused
def sys_tee(current: Task, fdin: Fd, fdout: Fd, len: SizeT, flags: SpliceArg) -> int:
    """Copy data between pipes (tee(2)): EINVAL."""
    if not len:
        return 0
    fs_file.fget_light(current, fdin)
    fs_file.fget_light(current, fdout)
    _refuse(current, "tee")


@syscall_refused
def sys_vmsplice(current: Task, fd: Fd, iov: IoVec, nr_segs: ULong, flags: SpliceArg) -> int:
    """Put user pages into a pipe (vmsplice(2)): EINVAL."""
    fs_file.fget_light(current, fd)
    if not nr_segs:
        return 0
    _refuse(current, "vmsplice")
