"""Moving data through pipes by reference: splice(2), and what sendfile(2) does (fs/splice.c; spec files 7).

From a file of the page cache its pages themselves go into the pipe: a later write to the file shows in what is read
from there. All others are read into pages of the pipe's own. Out of a pipe data is always copied.

Differs: sendfile's pipe is made for each call, not kept with the thread; no buffer's page is ever stolen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import inode as fs_inode
from procession.fs import pipe as fs_pipe
from procession.fs import pipe_buf, read_write, splice_pipes
from procession.fs.notify import fsnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_APPEND, SPLICE_F_NONBLOCK, SpliceArg
from procession.include.linux.fs import (
    FMODE_PREAD,
    FMODE_PWRITE,
    FMODE_READ,
    FMODE_WRITE,
    S_IFBLK,
    S_IFMT,
    S_IFREG,
    File,
)
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.pipe_fs_i import PipeBuffer, PipePage
from procession.include.linux.sched import signal_pending
from procession.include.linux.signal import SIGPIPE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, Int64Ptr, SizeT, UserPtr
from procession.kernel import signal_send
from procession.mm import filemap, page_alloc, uaccess

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fs import Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "SpliceDesc",
    "do_splice_direct",
    "generic_file_splice_read",
    "generic_file_splice_write",
    "generic_splice_sendpage",
    "splice_buffers",
    "splice_from_pipe",
    "splice_to_pipe",
    "splice_write_null",
    "sys_splice",
)


# Into a pipe.


async def splice_to_pipe(current: Task, pipe: PipeInodeInfo, bufs: list[PipeBuffer], flags: int) -> int:
    """Put buffers into a pipe, as many as it takes; returns their bytes. The rest is let go of.

    Waits only while there is no room for the first. Raises EPIPE with SIGPIPE, EAGAIN, ERESTARTSYS.
    """
    current.held.append(bufs)
    try:
        if pipe.mutex is not None:
            await pipe_buf.pipe_lock_unlock(current, pipe)
        while True:
            if not pipe.readers:
                signal_send.send_sig(SIGPIPE, current, 0)
                raise LinuxError(Errno.EPIPE, "nobody reads the pipe")
            if len(pipe.bufs) < pipe.buffers:
                break
            if flags & SPLICE_F_NONBLOCK:
                raise LinuxError(Errno.EAGAIN, "the pipe is full")
            if signal_pending(current):
                raise LinuxError(Errno.ERESTARTSYS, "splice_to_pipe")
            pipe.waiting_writers += 1
            await fs_pipe.pipe_wait(current, pipe)
            pipe.waiting_writers -= 1
        ret = 0
        while bufs and len(pipe.bufs) < pipe.buffers:
            buf = bufs.pop(0)
            pipe.bufs.append(buf)
            ret += buf.len
        pipe_buf.wakeup_pipe_readers(pipe)
        return ret
    finally:
        current.held.pop()
        for buf in bufs:
            pipe_buf.pipe_buf_release(current.kernel, buf)


async def generic_file_splice_read(
    current: Task, file: File, pos: int, pipe: PipeInodeInfo, length: int, flags: int
) -> int:
    """Put pages of the page cache into a pipe; returns bytes, 0 at the end of the file; raises EIO, ENOMEM, too."""
    k = current.kernel
    inode = file.inode
    length = min(length, inode.i_size - pos)
    if length <= 0:
        return 0
    offset = pos & ~PAGE_MASK
    index = pos >> PAGE_SHIFT
    bufs: list[PipeBuffer] = []
    while length and len(bufs) < pipe.buffers:
        part = min(length, PAGE_SIZE - offset)
        try:
            pfn = filemap.find_or_read_page(k, inode, index)
        except LinuxError:
            if not bufs:
                raise
            break
        page_alloc.get_page(k, pfn)
        bufs.append(PipeBuffer(None, pfn, offset, part, can_merge=False))
        length -= part
        offset = 0
        index += 1
    ret = await splice_to_pipe(current, pipe, bufs, flags)
    if ret:
        fs_inode.file_accessed(file)
    return ret


async def default_file_splice_read(
    current: Task, file: File, pos: int, pipe: PipeInodeInfo, length: int, flags: int
) -> int:
    """Read into pages of the pipe's own, as many as it could hold; what it then has no room for is lost, as in 3.2.

    Raises what reading does, ENOMEM, and what splice_to_pipe() does.
    """
    k = current.kernel
    offset = pos & ~PAGE_MASK
    nr_pages = min(length + offset + PAGE_SIZE - 1 >> PAGE_SHIFT, pipe.buffers)
    if k.mm.kmem_pages + nr_pages > k.mm.kmem_limit:
        raise LinuxError(Errno.ENOMEM, "no memory for a pipe's contents")
    buf = uaccess.KernelBuffer(bytes(min(length, nr_pages * PAGE_SIZE - offset)))
    got = await _kernel_readv(current, file, buf, pos)
    if k.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_access(file)
    if not got:
        return 0
    bufs = splice_buffers(k, buf.data[:got], offset)
    return await splice_to_pipe(current, pipe, bufs, flags)


async def _kernel_readv(current: Task, file: File, buf: uaccess.KernelBuffer, pos: int) -> int:
    """Read into all of buf at pos, where the file has no vector method page by page until one is not filled."""
    length = len(buf.data)
    if file.f_op_aio:
        return await file.read(current, buf, length, pos)
    done = 0
    while done < length:
        part = min(length - done, PAGE_SIZE - (pos + done & ~PAGE_MASK))
        page = uaccess.KernelBuffer(bytes(part))
        try:
            got = await file.read(current, page, part, pos + done)
        except LinuxError:
            if not done:
                raise
            break
        buf.data[done : done + got] = page.data[:got]
        done += got
        if got < part:
            break
    return done


def splice_buffers(k: Kernel, data: bytes | bytearray, offset: int) -> list[PipeBuffer]:
    """Return new buffers with data, which begins at offset of the first one's page. Nothing can be put behind them."""
    bufs = []
    at = 0
    while at < len(data):
        part = min(len(data) - at, PAGE_SIZE - offset)
        page = bytearray(PAGE_SIZE)
        page[offset : offset + part] = data[at : at + part]
        bufs.append(PipeBuffer(PipePage(page), 0, offset, part, can_merge=False))
        k.mm.kmem_pages += 1
        at += part
        offset = 0
    return bufs


# Out of a pipe.


class SpliceDesc:
    """What is to be taken from a pipe, and what is done with it (struct splice_desc; the actor is a method here).

    total_len: bytes still wanted.  pos: where in the file they go.  sleeps: whether the actor may sleep, which it does
    with the pipe's mutex held.
    """

    __slots__ = ("flags", "need_wakeup", "num_spliced", "out", "pos", "sleeps", "total_len")

    def __init__(self, out: File | None, pos: int, total_len: int, flags: int, *, sleeps: bool = False) -> None:
        self.out = out
        self.pos = pos
        self.total_len = total_len
        self.flags = flags
        self.sleeps = sleeps
        self.num_spliced = 0
        self.need_wakeup = False

    async def actor(self, current: Task, buf: PipeBuffer, length: int) -> int:
        """Do something with the first length bytes of buf; returns with how many. This one throws them away."""
        return length


async def splice_from_pipe_next(current: Task, pipe: PipeInodeInfo, sd: SpliceDesc) -> bool:
    """Wait for something in the pipe; returns False if nothing more is to be waited for.

    Raises EAGAIN, ERESTARTSYS.
    """
    while not pipe.bufs:
        if not pipe.writers or (sd.num_spliced and not pipe.waiting_writers):
            return False
        if sd.flags & SPLICE_F_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "the pipe is empty")
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTSYS, "splice_from_pipe_next")
        splice_from_pipe_end(pipe, sd)
        if sd.sleeps:
            pipe_buf.pipe_unlock(current, pipe)
        await fs_pipe.pipe_wait(current, pipe)
        if sd.sleeps:
            await pipe_buf.pipe_lock(current, pipe)
    return True


async def splice_from_pipe_feed(current: Task, pipe: PipeInodeInfo, sd: SpliceDesc) -> bool:
    """Give the actor what is in the pipe; returns False when it has had enough; raises what it does."""
    while pipe.bufs:
        buf = pipe_buf.buffer_at(pipe, 0)
        ret = await sd.actor(current, buf, min(buf.len, sd.total_len))
        if not ret:
            return False
        sd.num_spliced += ret
        sd.pos += ret
        sd.total_len -= ret
        if pipe_buf.pipe_consume(current.kernel, pipe, ret):
            sd.need_wakeup = True
        if not sd.total_len:
            return False
    return True


def splice_from_pipe_end(pipe: PipeInodeInfo, sd: SpliceDesc) -> None:
    """Tell writers of the room that there is now."""
    if sd.need_wakeup:
        pipe_buf.wakeup_pipe_writers(pipe)
        sd.need_wakeup = False


async def splice_from_pipe(current: Task, pipe: PipeInodeInfo, sd: SpliceDesc) -> int:
    """Feed the actor until it has sd.total_len bytes, or the pipe is empty; returns how many it took.

    Raises what the actor does, EAGAIN, ERESTARTSYS, if it took none.
    """
    sd.sleeps = sd.sleeps and pipe.has_inode
    if sd.sleeps:
        await pipe_buf.pipe_lock(current, pipe)
    elif pipe.mutex is not None:
        await pipe_buf.pipe_lock_unlock(current, pipe)
    try:
        more = True
        while more:
            more = await splice_from_pipe_next(current, pipe, sd) and await splice_from_pipe_feed(current, pipe, sd)
    except LinuxError:
        if not sd.num_spliced:
            raise
    finally:
        splice_from_pipe_end(pipe, sd)
        if sd.sleeps:
            pipe_buf.pipe_unlock(current, pipe)
    return sd.num_spliced


class _PipeToFile(SpliceDesc):
    """pipe_to_file()."""

    async def actor(self, current: Task, buf: PipeBuffer, length: int) -> int:
        """Copy into one page of the page cache; raises ENOSPC, EIO. What is in that very page already stays there."""
        k = current.kernel
        assert self.out is not None
        inode = self.out.inode
        length = min(length, PAGE_SIZE - (self.pos & ~PAGE_MASK))
        filemap.file_remove_suid(current, self.out.f_path.dentry)
        inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns
        data = _same_page(k, inode, buf, self.pos, length)
        return inode.write_data(self.pos, buf.load(k, length) if data is None else data)


def _same_page(k: Kernel, inode: Inode, buf: PipeBuffer, pos: int, length: int) -> bytes | None:
    """Return what is at pos already if buf is that page of the file, else None."""
    if buf.page is not None or inode.mapping.get(pos >> PAGE_SHIFT) != buf.pfn:
        return None
    at = (buf.pfn << PAGE_SHIFT) + (pos & ~PAGE_MASK)
    return k.frames.phys[at : at + length].tobytes()


async def generic_file_splice_write(
    current: Task, pipe: PipeInodeInfo, out: File, pos: int, length: int, flags: int
) -> tuple[int, int]:
    """Copy from a pipe to a file of the page cache; returns bytes, and the position after them.

    No limit on the size of files is looked at, as in 3.2. Raises ENOSPC, EIO.
    """
    ret = await splice_from_pipe(current, pipe, _PipeToFile(out, pos, length, flags))
    return ret, pos + ret


class _WritePipeBuf(SpliceDesc):
    """write_pipe_buf()."""

    async def actor(self, current: Task, buf: PipeBuffer, length: int) -> int:
        """Write to the file as write(2) does, and counted as that is (kernel_write, vfs_write); raises EINVAL, too."""
        assert self.out is not None
        if not self.out.has_op(write=True):
            raise LinuxError(Errno.EINVAL, "no such operation on this kind of file")
        read_write.rw_verify_area(self.out, self.pos, length)
        data = uaccess.KernelBuffer(buf.load(current.kernel, length))
        try:
            done = await self.out.write(current, data, length, self.pos)
            current.wchar += done
            if done and current.kernel.vfs.nr_fsnotify_marks:
                fsnotify.fsnotify_modify(self.out)
        finally:
            current.syscw += 1
        return done


async def default_file_splice_write(
    current: Task, pipe: PipeInodeInfo, out: File, pos: int, length: int, flags: int
) -> tuple[int, int]:
    """Write what is in a pipe, buffer by buffer; returns bytes, and the position after them; raises as write does."""
    ret = await splice_from_pipe(current, pipe, _WritePipeBuf(out, pos, length, flags, sleeps=True))
    return ret, pos + ret


class _PipeToSendpage(SpliceDesc):
    """pipe_to_sendpage()."""

    async def actor(self, current: Task, buf: PipeBuffer, length: int) -> int:
        """Send one buffer, a message of its own; raises as sending does."""
        assert self.out is not None
        return await self.out.write(current, uaccess.KernelBuffer(buf.load(current.kernel, length)), length, None)


async def generic_splice_sendpage(
    current: Task, pipe: PipeInodeInfo, out: File, pos: int, length: int, flags: int
) -> tuple[int, int]:
    """Send what is in a pipe through a socket; returns bytes, and the position, which stays."""
    return await splice_from_pipe(current, pipe, _PipeToSendpage(out, pos, length, flags, sleeps=True)), pos


async def splice_write_null(current: Task, pipe: PipeInodeInfo, pos: int, length: int, flags: int) -> tuple[int, int]:
    """Throw away what is in a pipe; returns bytes, and the position, which stays (drivers/char/mem.c)."""
    return await splice_from_pipe(current, pipe, SpliceDesc(None, pos, length, flags)), pos


# Files and pipes.


async def do_splice_from(
    current: Task, pipe: PipeInodeInfo, out: File, pos: int, length: int, flags: int
) -> tuple[int, int]:
    """Move from a pipe to a file; returns bytes, and the position after them; raises EBADF, EINVAL."""
    if not out.f_mode & FMODE_WRITE:
        raise LinuxError(Errno.EBADF, "not open for writing")
    if out.f_flags & O_APPEND:
        raise LinuxError(Errno.EINVAL, "splice to a file opened O_APPEND")
    await read_write.rw_verify_locked_area(current, out, pos, length, write=True)
    if type(out).splice_write is not File.splice_write:
        return await out.splice_write(current, pipe, pos, length, flags)
    if out.f_op_pages:
        return await generic_file_splice_write(current, pipe, out, pos, length, flags)
    return await default_file_splice_write(current, pipe, out, pos, length, flags)


async def do_splice_to(current: Task, file: File, pos: int, pipe: PipeInodeInfo, length: int, flags: int) -> int:
    """Move from a file to a pipe; returns bytes; raises EBADF, EINVAL."""
    if not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EBADF, "not open for reading")
    await read_write.rw_verify_locked_area(current, file, pos, length, write=False)
    if type(file).splice_read is not File.splice_read:
        return await file.splice_read(current, pos, pipe, length, flags)
    if file.f_op_pages:
        return await generic_file_splice_read(current, file, pos, pipe, length, flags)
    return await default_file_splice_read(current, file, pos, pipe, length, flags)


async def do_splice_direct(current: Task, file: File, pos: int, out: File, length: int) -> int:
    """Move from a regular file or block device to another file, by a pipe of its own; returns bytes (for sendfile).

    Raises EINVAL for another input, and as both sides do.
    """
    if file.inode.i_mode & S_IFMT not in (S_IFREG, S_IFBLK):
        raise LinuxError(Errno.EINVAL, "not a regular file")
    pipe = fs_pipe.alloc_pipe_info(current.kernel)
    pipe.readers = 1
    pipe.has_inode = False
    current.held.append(pipe)
    done = 0
    try:
        while done < length:
            read_len = await do_splice_to(current, file, pos + done, pipe, length - done, 0)
            if not read_len:
                break
            ret, out.f_pos = await do_splice_from(current, pipe, out, out.f_pos, read_len, 0)
            done += ret
            if ret < read_len:
                break
    except LinuxError:
        if not done:
            raise
    finally:
        current.held.pop()
        for buf in pipe.bufs:
            pipe_buf.pipe_buf_release(current.kernel, buf)
        fs_inode.file_accessed(file)
    return done


# The system call.


async def do_splice(
    current: Task, file: File, off_in: UserPtr, out: File, off_out: UserPtr, length: int, flags: int
) -> int:
    """Find out what is to be moved where; returns bytes; raises ESPIPE, EINVAL, EFAULT."""
    ipipe, opipe = fs_pipe.get_pipe_info(file), fs_pipe.get_pipe_info(out)
    has_in = not isinstance(off_in, int) or off_in != 0
    has_out = not isinstance(off_out, int) or off_out != 0
    if (ipipe is not None and has_in) or (opipe is not None and has_out):
        raise LinuxError(Errno.ESPIPE, "a pipe has no positions")
    if ipipe is not None and opipe is not None:
        if ipipe is opipe:
            raise LinuxError(Errno.EINVAL, "from a pipe to itself")
        return await splice_pipes.splice_pipe_to_pipe(current, ipipe, opipe, length, flags)
    if ipipe is not None:
        pos = _position(current, out, off_out, FMODE_PWRITE) if has_out else out.f_pos
        try:
            ret, pos = await do_splice_from(current, ipipe, out, pos, length, flags)
        finally:
            _set_position(current, out, off_out, pos, given=has_out)
        return ret
    if opipe is not None:
        pos = _position(current, file, off_in, FMODE_PREAD) if has_in else file.f_pos
        ret = 0
        try:
            ret = await do_splice_to(current, file, pos, opipe, length, flags)
        finally:
            _set_position(current, file, off_in, pos + ret, given=has_in)
        return ret
    raise LinuxError(Errno.EINVAL, "neither is a pipe")


def _position(current: Task, file: File, offset: UserPtr, mode: int) -> int:
    if not file.f_mode & mode:
        raise LinuxError(Errno.EINVAL, "no positions")
    return uaccess.get_user(current, offset, 8, signed=True)


def _set_position(current: Task, file: File, offset: UserPtr, pos: int, *, given: bool) -> None:
    """Store the new position, after an error too; a bad address is the worse one."""
    if given:
        uaccess.put_user(current, offset, pos, 8)
    else:
        file.f_pos = pos


@syscall
async def sys_splice(
    current: Task, fd_in: Fd, off_in: Int64Ptr, fd_out: Fd, off_out: Int64Ptr, len: SizeT, flags: SpliceArg
) -> int:
    """Move data between a pipe and a file, or another pipe (splice(2)); returns bytes, 0 at the end.

    Raises EBADF, ESPIPE for an offset of a pipe, EINVAL without a pipe or to a file opened O_APPEND, EFAULT, EPIPE with
    SIGPIPE, EAGAIN with SPLICE_F_NONBLOCK, ERESTARTSYS, and what reading and writing do.
    """
    if not len:
        return 0
    file, out = splice_pipes.get_files(current, fd_in, fd_out)
    try:
        return await do_splice(current, file, off_in, out, off_out, len, flags)
    finally:
        splice_pipes.put_files(current, file, out)
