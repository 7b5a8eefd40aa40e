"""Opening named pipes (fs/fifo.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import pipe as fs_pipe
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NONBLOCK
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE
from procession.include.linux.sched import signal_pending
from procession.kernel import wait

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fs import File, Inode
    from procession.include.linux.sched import Task

__all__ = ("fifo_open",)


async def wait_for_partner(current: Task, file: fs_pipe.PipeFile, pipe: PipeInodeInfo, *, writer: bool) -> None:
    """Sleep until a writer, or else a reader, opens the FIFO: it may have closed it again by the time we run."""
    before = pipe.w_counter if writer else pipe.r_counter
    current.held.append(file)
    while before == (pipe.w_counter if writer else pipe.r_counter):
        await fs_pipe.pipe_wait(current, pipe)
        if signal_pending(current):
            break
    current.held.pop()


async def fifo_open(current: Task, inode: Inode, file: File) -> File:
    """Open a FIFO: return the file to use in place of `file`.

    An end waits for the other one. With O_NONBLOCK the reading end opens at once and the writing end raises ENXIO
    without a reader. Raises ERESTARTSYS.
    """
    if isinstance(inode, fs_pipe.PipeInode):
        return inode.open(current, file.f_path, file.f_flags, file.f_mode)
    pipe = inode.i_pipe
    if pipe is None:
        pipe = inode.i_pipe = fs_pipe.alloc_pipe_info(current.kernel)
    out = fs_pipe.PipeFile(file.f_path, file.f_flags, file.f_mode, pipe)
    mode = file.f_mode & (FMODE_READ | FMODE_WRITE)
    if mode == FMODE_READ:
        await _open_reader(current, pipe, out)
    elif mode == FMODE_WRITE:
        await _open_writer(current, pipe, out)
    elif mode:
        # POSIX leaves this open; Linux never blocks here, and the opener can be its own partner.
        pipe.r_counter += 1
        pipe.w_counter += 1
        pipe.readers += 1
        pipe.writers += 1
        if pipe.readers == 1 or pipe.writers == 1:
            wait.wake_up_interruptible(pipe.wait)
    else:
        _forget_if_unused(inode, pipe)
        raise LinuxError(Errno.EINVAL, "a FIFO opened for nothing")
    return out


async def _open_reader(current: Task, pipe: PipeInodeInfo, file: fs_pipe.PipeFile) -> None:
    pipe.r_counter += 1
    pipe.readers += 1
    if pipe.readers == 1:
        wait.wake_up_interruptible(pipe.wait)
    if pipe.writers:
        return
    if file.f_flags & O_NONBLOCK:
        # "Hung up" would be wrong as long as no writer has ever been there.
        file.f_version = pipe.w_counter
        return
    await wait_for_partner(current, file, pipe, writer=True)
    if signal_pending(current):
        pipe.readers -= 1
        if not pipe.readers:
            wait.wake_up_interruptible(pipe.wait)
        _forget_if_unused(file.inode, pipe)
        raise LinuxError(Errno.ERESTARTSYS, "fifo_open")


async def _open_writer(current: Task, pipe: PipeInodeInfo, file: fs_pipe.PipeFile) -> None:
    if file.f_flags & O_NONBLOCK and not pipe.readers:
        _forget_if_unused(file.inode, pipe)
        raise LinuxError(Errno.ENXIO, "nobody reads the FIFO")
    pipe.w_counter += 1
    pipe.writers += 1
    if pipe.writers == 1:
        wait.wake_up_interruptible(pipe.wait)
    if pipe.readers:
        return
    await wait_for_partner(current, file, pipe, writer=False)
    if signal_pending(current):
        pipe.writers -= 1
        if not pipe.writers:
            wait.wake_up_interruptible(pipe.wait)
        _forget_if_unused(file.inode, pipe)
        raise LinuxError(Errno.ERESTARTSYS, "fifo_open")


def _forget_if_unused(inode: Inode, pipe: PipeInodeInfo) -> None:
    if not pipe.readers and not pipe.writers:
        inode.i_pipe = None
