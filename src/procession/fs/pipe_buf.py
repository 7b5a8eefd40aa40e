"""The pages in pipes, and the mutex over them (fs/pipe.c: pipe_lock, anon_pipe_buf_ops and its relatives)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import fasync
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.pipe_fs_i import PipeBuffer, PipePage
from procession.include.linux.signal import POLL_IN, POLL_OUT, SIGIO
from procession.kernel import mutex, wait
from procession.mm import page_alloc

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "buffer_at",
    "pipe_buf_release",
    "pipe_consume",
    "pipe_lock",
    "pipe_lock_unlock",
    "pipe_pop",
    "pipe_unlock",
    "wakeup_pipe_readers",
    "wakeup_pipe_writers",
)


async def pipe_lock(current: Task, pipe: PipeInodeInfo) -> None:
    """Take the pipe's mutex, to sleep with it over something else."""
    if pipe.mutex is None:
        pipe.mutex = mutex.mutex_init(current.kernel, "pipe_inode->i_mutex")
    await mutex.mutex_lock(current, pipe.mutex)


def pipe_unlock(current: Task, pipe: PipeInodeInfo) -> None:
    """Give the pipe's mutex up."""
    assert pipe.mutex is not None
    mutex.mutex_unlock(current, pipe.mutex)


async def pipe_lock_unlock(current: Task, pipe: PipeInodeInfo) -> None:
    """Wait for the mutex, for somebody who does not sleep with it."""
    await pipe_lock(current, pipe)
    pipe_unlock(current, pipe)


# Buffers.


def buffer_at(pipe: PipeInodeInfo, index: int) -> PipeBuffer:
    """Return a buffer as others can hold it, too: no longer as bytes."""
    buf = pipe.bufs[index]
    if not isinstance(buf, bytes):
        return buf
    page = PipePage(bytearray(buf).ljust(PAGE_SIZE, b"\0"))
    offset = 0
    if not index:
        offset = pipe.offset
        pipe.offset = 0
    shared = PipeBuffer(page, 0, offset, len(buf) - offset, can_merge=True)
    pipe.bufs[index] = shared
    return shared


def pipe_buf_release(k: Kernel, buf: bytes | PipeBuffer) -> None:
    """Let go of a buffer's page (pipe_buf_operations.release)."""
    if isinstance(buf, bytes):
        k.mm.kmem_pages -= 1
    elif buf.page is None:
        page_alloc.put_page(k, buf.pfn)
    else:
        buf.page.count -= 1
        if not buf.page.count:
            k.mm.kmem_pages -= 1


def pipe_pop(pipe: PipeInodeInfo) -> bytes | PipeBuffer:
    """Take the oldest buffer out, as it is; a bytes object of which something was read becomes another first."""
    if pipe.offset:
        buffer_at(pipe, 0)
    return pipe.bufs.popleft()


def pipe_consume(k: Kernel, pipe: PipeInodeInfo, chars: int) -> bool:
    """Take bytes of the oldest buffer as read; returns whether that has emptied it."""
    head = buffer_at(pipe, 0)
    head.offset += chars
    head.len -= chars
    if head.len:
        return False
    pipe_buf_release(k, pipe.bufs.popleft())
    return True


def wakeup_pipe_readers(pipe: PipeInodeInfo) -> None:
    """Tell the reading ends of a pipe that splice(2) has put something there (fs/splice.c)."""
    wait.wake_up_interruptible(pipe.wait)
    fasync.kill_fasync(pipe.fasync_readers, SIGIO, POLL_IN)


def wakeup_pipe_writers(pipe: PipeInodeInfo) -> None:
    """Tell the writing ends of a pipe that splice(2) has made room (fs/splice.c)."""
    wait.wake_up_interruptible(pipe.wait)
    fasync.kill_fasync(pipe.fasync_writers, SIGIO, POLL_OUT)
