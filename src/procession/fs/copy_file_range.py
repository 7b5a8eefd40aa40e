"""copy_file_range(2) (a part of fs/read_write.c, as of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_APPEND
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, S_IFDIR, S_IFMT, S_IFREG
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import Fd, Int64Ptr, SizeT, UInt
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("sys_copy_file_range",)

_AT_A_TIME: Final = 1 << 16


@later_syscall
async def sys_copy_file_range(
    current: Task, fd_in: Fd, off_in: Int64Ptr, fd_out: Fd, off_out: Int64Ptr, len: SizeT, flags: UInt
) -> int:
    """Copy from a regular file to another, or within one (copy_file_range(2)); returns how much.

    Raises EBADF, EFAULT, EINVAL, EISDIR, EOVERFLOW, EXDEV, and what reading and writing do.
    """
    source, sink = fs_file.fget_light(current, fd_in), fs_file.fget_light(current, fd_out)
    pos_in, pos_out = _offset(current, source, off_in), _offset(current, sink, off_out)
    if flags:
        raise LinuxError(Errno.EINVAL, "copy_file_range: unknown flags")
    count = _checks(source, pos_in, sink, pos_out, len)
    if not count:
        return 0
    current.held += (file_table.get_file(source), file_table.get_file(sink))
    done = 0
    try:
        done = await _copy(current, source, pos_in, sink, pos_out, count)
        current.rchar += done
        current.wchar += done
    finally:
        current.syscr += 1
        current.syscw += 1
        del current.held[-2:]
        file_table.fput(current, source)
        file_table.fput(current, sink)
    for file, ptr, pos in ((source, off_in, pos_in), (sink, off_out, pos_out)):
        if ptr:
            uaccess.put_user(current, ptr, pos + done, 8)
        else:
            file.f_pos = pos + done
    return done


def _offset(current: Task, file: File, ptr: UserPtr) -> int:
    return uaccess.get_user(current, ptr, 8, signed=True) if ptr else file.f_pos


def _checks(source: File, pos_in: int, sink: File, pos_out: int, count: int) -> int:
    """Return how much there is to copy (generic_file_rw_checks, generic_copy_file_checks)."""
    kinds = (source.inode.i_mode & S_IFMT, sink.inode.i_mode & S_IFMT)
    if S_IFDIR in kinds:
        raise LinuxError(Errno.EISDIR, "copy_file_range of a directory")
    if kinds != (S_IFREG, S_IFREG):
        raise LinuxError(Errno.EINVAL, "copy_file_range of a special file")
    if not source.f_mode & FMODE_READ or not sink.f_mode & FMODE_WRITE or sink.f_flags & O_APPEND:
        raise LinuxError(Errno.EBADF, "copy_file_range: open mode")
    if source.inode.i_sb is not sink.inode.i_sb:
        raise LinuxError(Errno.EXDEV, "copy_file_range across file systems")
    if max(pos_in & ULONG_MAX, pos_out & ULONG_MAX) + count > ULONG_MAX:
        raise LinuxError(Errno.EOVERFLOW, "the end wraps")
    count = max(0, min(count, source.inode.i_size - pos_in))
    if source.inode is sink.inode and pos_out + count > pos_in and pos_out < pos_in + count:
        raise LinuxError(Errno.EINVAL, "the ranges overlap")
    if pos_in < 0 or pos_out < 0:
        raise LinuxError(Errno.EINVAL, "negative position")
    return count


async def _copy(current: Task, source: File, pos_in: int, sink: File, pos_out: int, count: int) -> int:
    """Copy in pieces; returns how much went, and raises what stopped it if nothing did."""
    done = 0
    while done < count:
        buffer = uaccess.KernelBuffer(bytes(min(count - done, _AT_A_TIME)))
        try:
            got = await source.read(current, buffer, len(buffer), pos_in + done)
            put = (
                await sink.write(current, uaccess.KernelBuffer(buffer.load(0, got)), got, pos_out + done) if got else 0
            )
        except LinuxError:
            if not done:
                raise
            break
        done += put
        if put < _AT_A_TIME:
            break
    return done
