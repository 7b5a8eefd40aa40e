"""User pages in pipes: vmsplice(2) (fs/splice.c; spec files 7.2).

A page that was put into a pipe is held by it, not copied: what its owner stores there later is what the reader gets,
until copy-on-write gives the one or the other a page of his own. That looks at who maps the page, not at who holds it:
a process that is alone with a page writes to it though it is in a pipe.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table, splice
from procession.fs import pipe as fs_pipe
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import SPLICE_F_GIFT, SpliceArg
from procession.include.linux.fs import FMODE_WRITE
from procession.include.linux.limits import UIO_MAXIOV
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.pipe_fs_i import PipeBuffer
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, IoVec, ULong, UserPtr
from procession.mm import memory, uaccess

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.sched import Task

__all__ = ("sys_vmsplice",)

_IOVEC: Final = struct.Struct("<QQ")


def _iovec(current: Task, iov: UserPtr, segment: int, aligned: bool) -> tuple[int, int]:
    """Return address and length of one piece; raises EFAULT, and EINVAL unless it is aligned if it has to be."""
    base, length = _IOVEC.unpack(uaccess.copy_from_user(current, iov, 16, 16 * segment))
    if length and not uaccess.access_ok(base, length):
        raise LinuxError(Errno.EFAULT, f"iovec {base:#x}")
    if length and aligned and (base | length) & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "only whole pages can be given away")
    return base, length


def get_iovec_page_array(current: Task, iov: UserPtr, nr_segs: int, room: int, aligned: bool) -> list[PipeBuffer]:
    """Return buffers of the pages that an iovec array names, room at most, each with a reference; perhaps none.

    aligned: whether only whole pages will do.  Raises EFAULT, EINVAL, ENOMEM if the first piece is wrong; a later one
    ends the list, as does an empty one.
    """
    bufs: list[PipeBuffer] = []
    for segment in range(nr_segs):
        try:
            base, length = _iovec(current, iov, segment, aligned)
            if not length:
                break
            offset = base & ~PAGE_MASK
            wanted = min(offset + length + PAGE_SIZE - 1 >> PAGE_SHIFT, room - len(bufs))
            pages = memory.get_user_pages_fast(current, base, wanted, write=False)
        except LinuxError:
            if not bufs:
                raise
            break
        for pfn in pages:
            part = min(length, PAGE_SIZE - offset)
            bufs.append(PipeBuffer(None, pfn, offset, part, can_merge=False))
            offset = 0
            length -= part
        if length or len(bufs) == room:
            break
    return bufs


async def vmsplice_to_pipe(current: Task, pipe: PipeInodeInfo, iov: UserPtr, nr_segs: int, flags: int) -> int:
    """Put user pages into a pipe; returns bytes; raises as get_iovec_page_array() and splice_to_pipe()."""
    bufs = get_iovec_page_array(current, iov, nr_segs, pipe.buffers, bool(flags & SPLICE_F_GIFT))
    return await splice.splice_to_pipe(current, pipe, bufs, flags) if bufs else 0


def _iovec_to_fill(current: Task, iov: UserPtr, segment: int) -> tuple[int, int]:
    """As _iovec(), for which address 0 is bad whatever is there."""
    base, length = _iovec(current, iov, segment, aligned=False)
    if length and not base:
        raise LinuxError(Errno.EFAULT, "vmsplice: no address")
    return base, length


class _PipeToUser(splice.SpliceDesc):
    """pipe_to_user()."""

    __slots__ = ("base",)

    def __init__(self, base: int, total_len: int, flags: int) -> None:
        super().__init__(None, 0, total_len, flags)
        self.base = base

    async def actor(self, current: Task, buf: PipeBuffer, length: int) -> int:
        """Copy to the user; raises EFAULT."""
        uaccess.copy_to_user(current, self.base, buf.load(current.kernel, length), self.pos)
        return length


async def vmsplice_to_user(current: Task, pipe: PipeInodeInfo, iov: UserPtr, nr_segs: int, flags: int) -> int:
    """Read a pipe into pieces of user memory; returns bytes, raises EFAULT, EAGAIN, ERESTARTSYS if there are none."""
    done = 0
    for segment in range(nr_segs):
        try:
            base, length = _iovec_to_fill(current, iov, segment)
            if not length:
                break
            moved = await splice.splice_from_pipe(current, pipe, _PipeToUser(base, length, flags))
        except LinuxError:
            if not done:
                raise
            break
        done += moved
        if moved < length:
            break
    return done


@syscall
async def sys_vmsplice(current: Task, fd: Fd, iov: IoVec, nr_segs: ULong, flags: SpliceArg) -> int:
    """Put user pages into a pipe, or read one (vmsplice(2)); returns bytes.

    Raises EINVAL, EBADF if it is no pipe, EFAULT, ENOMEM, EPIPE with SIGPIPE, EAGAIN with SPLICE_F_NONBLOCK,
    ERESTARTSYS.
    """
    if nr_segs > UIO_MAXIOV:
        raise LinuxError(Errno.EINVAL, "too many iovecs")
    if not nr_segs:
        return 0
    file = fs_file.fget_light(current, fd)
    pipe = fs_pipe.get_pipe_info(file)
    if pipe is None:
        raise LinuxError(Errno.EBADF, "not a pipe")
    current.held.append(file_table.get_file(file))
    try:
        if file.f_mode & FMODE_WRITE:
            return await vmsplice_to_pipe(current, pipe, iov, nr_segs, flags)
        return await vmsplice_to_user(current, pipe, iov, nr_segs, flags)
    finally:
        current.held.pop()
        file_table.fput(current, file)
