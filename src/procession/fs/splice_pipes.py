"""From pipe to pipe: splice(2) between two of them, and tee(2) (the second half of fs/splice.c; spec files 7).

Whole buffers are moved. A part of one, and what tee(2) copies, is in both pipes from then on: also for writes, which
put more behind it in the one and in the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import file as fs_file
from procession.fs import file_table, pipe_buf
from procession.fs import pipe as fs_pipe
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import SPLICE_F_NONBLOCK, SpliceArg
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE
from procession.include.linux.sched import signal_pending
from procession.include.linux.signal import SIGPIPE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, SizeT
from procession.kernel import signal_send

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = ("get_files", "put_files", "splice_pipe_to_pipe", "sys_tee")


def get_files(current: Task, fd_in: int, fd_out: int) -> tuple[File, File]:
    """Return the files to read and to write, with a reference to each; raises EBADF."""
    file = fs_file.fget_light(current, fd_in)
    if not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EBADF, "not open for reading")
    out = fs_file.fget_light(current, fd_out)
    if not out.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EBADF, "not open for writing")
    current.held += (file_table.get_file(file), file_table.get_file(out))
    return file, out


def put_files(current: Task, file: File, out: File) -> None:
    """Undo get_files()."""
    del current.held[-2:]
    file_table.fput(current, file)
    file_table.fput(current, out)


async def ipipe_prep(current: Task, pipe: PipeInodeInfo, flags: int) -> None:
    """Wait until there is something to read, or nobody to write; raises EAGAIN, ERESTARTSYS."""
    if pipe.mutex is not None:
        await pipe_buf.pipe_lock_unlock(current, pipe)
    while not pipe.bufs:
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTSYS, "ipipe_prep")
        if not pipe.writers:
            return
        if not pipe.waiting_writers and flags & SPLICE_F_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "the pipe is empty")
        await fs_pipe.pipe_wait(current, pipe)


async def opipe_prep(current: Task, pipe: PipeInodeInfo, flags: int) -> None:
    """Wait until there is room; raises EPIPE with SIGPIPE, EAGAIN, ERESTARTSYS."""
    if pipe.mutex is not None:
        await pipe_buf.pipe_lock_unlock(current, pipe)
    while len(pipe.bufs) >= pipe.buffers:
        if not pipe.readers:
            _broken(current)
        if flags & SPLICE_F_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "the pipe is full")
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTSYS, "opipe_prep")
        pipe.waiting_writers += 1
        await fs_pipe.pipe_wait(current, pipe)
        pipe.waiting_writers -= 1


def _broken(current: Task) -> None:
    signal_send.send_sig(SIGPIPE, current, 0)
    raise LinuxError(Errno.EPIPE, "nobody reads the pipe")


async def splice_pipe_to_pipe(
    current: Task, ipipe: PipeInodeInfo, opipe: PipeInodeInfo, length: int, flags: int
) -> int:
    """Move up to length bytes; waits only while nothing was moved.

    Returns bytes, 0 if there is nothing and nobody to write; raises EPIPE with SIGPIPE, EAGAIN, ERESTARTSYS.
    """
    while True:
        await ipipe_prep(current, ipipe, flags)
        await opipe_prep(current, opipe, flags)
        if not opipe.readers:
            _broken(current)
        if not ipipe.bufs and not ipipe.writers:
            return 0
        if ipipe.bufs and len(opipe.bufs) < opipe.buffers:
            break
        # Somebody else was faster.
        if flags & SPLICE_F_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "nothing left, or no room")
    ret = 0
    moved = False
    while length and ipipe.bufs and len(opipe.bufs) < opipe.buffers:
        chars = len(ipipe.bufs[0]) - ipipe.offset
        if length >= chars:
            opipe.bufs.append(pipe_buf.pipe_pop(ipipe))
            moved = True
        else:
            chars = length
            part = pipe_buf.buffer_at(ipipe, 0).get(current.kernel)
            part.len = chars
            opipe.bufs.append(part)
            pipe_buf.pipe_consume(current.kernel, ipipe, chars)
        ret += chars
        length -= chars
    pipe_buf.wakeup_pipe_readers(opipe)
    if moved:
        pipe_buf.wakeup_pipe_writers(ipipe)
    return ret


def link_pipe(current: Task, ipipe: PipeInodeInfo, opipe: PipeInodeInfo, length: int, flags: int) -> int:
    """Put up to length bytes of what is in ipipe into opipe as well; returns bytes; raises EPIPE, EAGAIN."""
    if not opipe.readers:
        _broken(current)
    ret = index = 0
    while length and index < len(ipipe.bufs) and len(opipe.bufs) < opipe.buffers:
        buf = pipe_buf.buffer_at(ipipe, index).get(current.kernel)
        buf.len = min(buf.len, length)
        opipe.bufs.append(buf)
        ret += buf.len
        length -= buf.len
        index += 1
    if not ret:
        if ipipe.waiting_writers and flags & SPLICE_F_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "nothing yet")
        return 0
    pipe_buf.wakeup_pipe_readers(opipe)
    return ret


@syscall
async def sys_tee(current: Task, fdin: Fd, fdout: Fd, len: SizeT, flags: SpliceArg) -> int:
    """Copy what is in a pipe to another, without reading it (tee(2)); returns bytes, 0 if nobody will write.

    Raises EBADF, EINVAL unless both are pipes and two, EPIPE with SIGPIPE, EAGAIN with SPLICE_F_NONBLOCK, ERESTARTSYS.
    """
    if not len:
        return 0
    file, out = get_files(current, fdin, fdout)
    try:
        ipipe, opipe = fs_pipe.get_pipe_info(file), fs_pipe.get_pipe_info(out)
        if ipipe is None or opipe is None or ipipe is opipe:
            raise LinuxError(Errno.EINVAL, "not two pipes")
        await ipipe_prep(current, ipipe, flags)
        await opipe_prep(current, opipe, flags)
        return link_pipe(current, ipipe, opipe, len, flags)
    finally:
        put_files(current, file, out)
