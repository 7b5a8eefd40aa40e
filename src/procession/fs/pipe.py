"""Pipes (fs/pipe.c; spec files 6). FIFOs share everything but their open, which is in fs/fifo.py.

A pipe is up to 16 page buffers. A write fills the last one if it fits there whole, then takes buffers of its own; that
makes writes of up to PIPE_BUF bytes atomic, and is visible in when a pipe counts as full.

What write puts there and nobody else holds is a bytes object, from the beginning of its page on. splice(2) and its
relatives put PipeBuffers there, and make such of the others when they have to: see fs/splice.py.

Differs: only who sleeps with it takes the i_mutex; the others wait until he has given it up.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from procession.fs import dcache, fasync, fifo, file_table, namespace, pipe_buf
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.asm.ioctls import FIONREAD
from procession.include.linux.cred import CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    F_GETPIPE_SZ,
    F_SETPIPE_SZ,
    O_CLOEXEC,
    O_NONBLOCK,
    O_WRONLY,
    FdPair,
    PipeFlagsArg,
)
from procession.include.linux.fs import (
    FMODE_READ,
    FMODE_WRITE,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM,
    S_IFDIR,
    S_IFIFO,
    Dentry,
    File,
    Inode,
    PathRef,
)
from procession.include.linux.magic import PIPEFS_MAGIC
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.pipe_fs_i import PIPE_DEF_BUFFERS, PipeBuffer
from procession.include.linux.sched import TASK_INTERRUPTIBLE, signal_pending
from procession.include.linux.signal import POLL_IN, POLL_OUT, SIGIO, SIGPIPE
from procession.include.linux.slab import KMALLOC_MAX_SIZE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import UserPtr
from procession.include.linux.undo import Undo
from procession.include.linux.wait import WaitQueueEntry
from procession.kernel import capability, choose_fault, sched, signal_send, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.fs.fasync import FasyncList
    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.rwsem import Mutex
    from procession.include.linux.sched import Task

__all__ = (
    "PipeFile",
    "PipeInode",
    "PipeInodeInfo",
    "alloc_pipe_info",
    "do_pipe_flags",
    "fifo_open",
    "get_pipe_info",
    "init_pipe_fs",
    "pipe_fcntl",
    "pipe_release",
    "pipe_wait",
    "sys_pipe",
    "sys_pipe2",
)

PIPE_MAX_SIZE: Final = 1 << 20
SIZEOF_PIPE_BUFFER: Final = 40  # sizeof(struct pipe_buffer)
_UINT: Final = 0xFFFFFFFF

_READABLE: Final = POLLIN | POLLRDNORM
_WRITABLE: Final = POLLOUT | POLLWRNORM
_EVERYTHING: Final = _READABLE | _WRITABLE | POLLERR | POLLHUP


class PipeInodeInfo:
    """The contents of a pipe and who is at its ends (struct pipe_inode_info).

    bufs: page buffers, the oldest first.  offset: how much of the oldest has been read, if it is a bytes object; these
    have all bytes ever put there.  r_counter, w_counter: how often an end was opened.  mutex: None until somebody has
    slept with it.  has_inode: whether it is more than the inside of a sendfile(2).  fasync_readers, fasync_writers: its
    ends with O_ASYNC.
    """

    __slots__ = (
        "buffers",
        "bufs",
        "fasync_readers",
        "fasync_writers",
        "has_inode",
        "mutex",
        "offset",
        "r_counter",
        "readers",
        "w_counter",
        "wait",
        "waiting_writers",
        "writers",
    )

    def __init__(self, k: Kernel) -> None:
        self.wait = k.wait_queue_head("pipe->wait")
        self.bufs: deque[bytes | PipeBuffer] = deque()
        self.has_inode = True
        self.mutex: Mutex | None = None
        self.offset = 0
        self.buffers = PIPE_DEF_BUFFERS
        self.readers = 0
        self.writers = 0
        self.waiting_writers = 0
        self.r_counter = 1
        self.w_counter = 1
        self.fasync_readers: FasyncList | None = None
        self.fasync_writers: FasyncList | None = None


class PipeInode(Inode):
    """The inode of a pipe made by pipe(2)."""

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Open the pipe once more, by its name under /proc/PID/fd (pipe_rdwr_open)."""
        pipe = self.i_pipe
        assert pipe is not None
        if mode & FMODE_READ:
            pipe.readers += 1
        if mode & FMODE_WRITE:
            pipe.writers += 1
        return PipeFile(path, flags, mode, pipe)


class PipeFile(File):
    """One end of a pipe, or both: a FIFO can be opened for reading and writing."""

    f_op_aio = True

    def __init__(self, path: PathRef, flags: int, mode: int, pipe: PipeInodeInfo) -> None:
        super().__init__(path, flags, mode)
        self.pipe = pipe
        self.f_version = 0  # w_counter at an open that found no writer: no POLLHUP until one has come

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Read what is there, waiting for the first byte (pipe_read).

        Returns 0 if there is no writer; raises EAGAIN, ERESTARTSYS, EFAULT.
        """
        if not count:
            return 0
        if current.kernel.chooser.optional:
            count = choose_fault.choose_count(current, count)
        pipe = self.pipe
        if pipe.mutex is not None:
            await pipe_buf.pipe_lock_unlock(current, pipe)
        bufs = pipe.bufs
        ret = 0
        emptied = False
        while True:
            while bufs:
                head = bufs[0]
                offset = pipe.offset
                chars = len(head) - offset
                try:
                    if not isinstance(head, bytes):
                        chars = min(chars, count)
                        uaccess.copy_to_user(current, buf, head.load(current.kernel, chars), ret)
                        emptied |= pipe_buf.pipe_consume(current.kernel, pipe, chars)
                    elif chars > count:
                        chars = count
                        uaccess.copy_to_user(current, buf, head[offset : offset + chars], ret)
                        pipe.offset = offset + chars
                    else:
                        uaccess.copy_to_user(current, buf, head[offset:] if offset else head, ret)
                        bufs.popleft()
                        current.kernel.mm.kmem_pages -= 1
                        pipe.offset = 0
                        emptied = True
                except LinuxError:
                    if not ret:
                        raise
                    count = 0
                    break
                ret += chars
                count -= chars
                if not count:
                    break
            # A writer that waits for room may still have more for us.
            if not count or not pipe.writers or (ret and not pipe.waiting_writers):
                break
            if not pipe.waiting_writers and self.f_flags & O_NONBLOCK:
                raise LinuxError(Errno.EAGAIN, "the pipe is empty")
            if signal_pending(current):
                if not ret:
                    raise LinuxError(Errno.ERESTARTSYS, "pipe_read")
                break
            if emptied:
                _wakeup_writers(pipe)
            await pipe_wait(current, pipe)

        if emptied:
            _wakeup_writers(pipe)
        if ret:
            k = current.kernel
            self.f_path.dentry.d_inode.i_atime_ns = k.boot_time_ns + k.clock.now_ns
        return ret

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Write everything, waiting for room (pipe_write).

        Raises EPIPE with SIGPIPE if there is no reader, EAGAIN, ERESTARTSYS, EFAULT; none of them after a byte was
        written.
        """
        if not count:
            return 0
        if current.kernel.chooser.optional:
            count = choose_fault.choose_count(current, count)
        pipe = self.pipe
        if pipe.mutex is not None:
            await pipe_buf.pipe_lock_unlock(current, pipe)
        if not pipe.readers:
            self._broken(current)
        ret = _merge(current, pipe, buf, count) if pipe.bufs else 0
        written = ret > 0
        count -= ret
        while count:
            if not pipe.readers:
                if ret:
                    signal_send.send_sig(SIGPIPE, current, 0)
                    break
                self._broken(current)
            room = (pipe.buffers - len(pipe.bufs)) * PAGE_SIZE
            if room > 0:
                chars = min(room, count)
                got = _append_bufs(current, pipe, buf, chars, ret)
                ret += got
                count -= got
                if got:
                    written = True
                if got < chars or not count:
                    break
            if self.f_flags & O_NONBLOCK:
                if not ret:
                    raise LinuxError(Errno.EAGAIN, "the pipe is full")
                break
            if signal_pending(current):
                if not ret:
                    raise LinuxError(Errno.ERESTARTSYS, "pipe_write")
                break
            if written:
                _wakeup_readers(pipe)
                written = False
            pipe.waiting_writers += 1
            await pipe_wait(current, pipe)
            pipe.waiting_writers -= 1

        if written:
            _wakeup_readers(pipe)
        if ret:
            k = current.kernel
            inode = self.f_path.dentry.d_inode
            inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns
        return ret

    def _broken(self, current: Task) -> None:
        signal_send.send_sig(SIGPIPE, current, 0)
        raise LinuxError(Errno.EPIPE, "nobody reads the pipe")

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Report what can be done without waiting (pipe_poll)."""
        pipe = self.pipe
        if table is not None:
            table.wait(pipe.wait)
        mask = 0
        if self.f_mode & FMODE_READ:
            if pipe.bufs:
                mask = _READABLE
            if not pipe.writers and self.f_version != pipe.w_counter:
                mask |= POLLHUP
        if self.f_mode & FMODE_WRITE:
            if len(pipe.bufs) < pipe.buffers:
                mask |= _WRITABLE
            # Most Unices do not set POLLERR for FIFOs, but Linux does.
            if not pipe.readers:
                mask |= POLLERR
        return mask

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """FIONREAD: how many bytes are there (pipe_ioctl); raises EINVAL for the rest, as 3.2 does."""
        if cmd != FIONREAD:
            raise LinuxError(Errno.EINVAL, "no such ioctl of a pipe")
        pipe = self.pipe
        uaccess.put_user(current, arg, sum(map(len, pipe.bufs)) - pipe.offset, 4)
        return 0

    def has_fasync(self) -> bool:
        """Yes."""
        return True

    def fasync(self, current: Task | None, fd: int, *, on: bool) -> None:
        """Put this end on the lists of those it is one of (pipe_read_fasync, pipe_write_fasync, pipe_rdwr_fasync)."""
        pipe = self.pipe
        with Undo() as undo:
            if self.f_mode & FMODE_READ:
                pipe.fasync_readers = fasync.fasync_helper(fd, self, on, pipe.fasync_readers)
                undo.push((_forget_reader, self))  # only putting one there can fail
            if self.f_mode & FMODE_WRITE:
                pipe.fasync_writers = fasync.fasync_helper(fd, self, on, pipe.fasync_writers)

    def release(self, current: Task | None) -> None:
        """Take this end away; who waits at the other hears of it."""
        mode = self.f_mode
        path = self.f_path
        inode = path.dentry.d_inode
        pipe_release(inode, mode & FMODE_READ, (mode & FMODE_WRITE) >> 1)
        if inode.i_pipe is None and path.dentry.d_parent is path.dentry:
            path.dentry.d_parent = path.mnt.mnt_root  # no cycle for the garbage collector


def _forget_reader(file: PipeFile) -> None:
    file.pipe.fasync_readers = fasync.fasync_remove_entry(file, file.pipe.fasync_readers)


def _wakeup_readers(pipe: PipeInodeInfo) -> None:
    """Tell the reading ends that there is data."""
    if pipe.wait.task_list:
        wait.wake_up_interruptible_sync(pipe.wait, _READABLE)
    if pipe.fasync_readers is not None:
        fasync.kill_fasync(pipe.fasync_readers, SIGIO, POLL_IN)


def _wakeup_writers(pipe: PipeInodeInfo) -> None:
    """Tell the writing ends that there is room."""
    if pipe.wait.task_list:
        wait.wake_up_interruptible_sync(pipe.wait, _WRITABLE)
    if pipe.fasync_writers is not None:
        fasync.kill_fasync(pipe.fasync_writers, SIGIO, POLL_OUT)


def _merge(current: Task, pipe: PipeInodeInfo, buf: UserPtr, count: int) -> int:
    """Put the odd bytes of a write behind what is in the last buffer if they fit; returns how many; raises EFAULT."""
    chars = count & (PAGE_SIZE - 1)
    last = pipe.bufs[-1]
    if isinstance(last, bytes):
        if not chars or len(last) + chars > PAGE_SIZE:
            return 0
        pipe.bufs[-1] = last + uaccess.copy_from_user(current, buf, chars)
        return chars
    end = last.offset + last.len
    if not chars or not last.can_merge or last.page is None or end + chars > PAGE_SIZE:
        return 0
    # The page may be in another pipe as well, whose next write goes to the same place.
    last.page.data[end : end + chars] = uaccess.copy_from_user(current, buf, chars)
    last.len += chars
    return chars


def _append_bufs(current: Task, pipe: PipeInodeInfo, buf: UserPtr, chars: int, ret: int) -> int:
    """Put chars bytes at buf + ret into new buffers; fewer, whole pages, at a bad address, which is EFAULT if ret is 0.

    Returns how many.
    """
    try:
        data = uaccess.copy_from_user(current, buf, chars, ret)
    except LinuxError:
        try:
            data = uaccess.copy_from_user_partial(current, buf, chars, ret)
        except LinuxError:
            data = b""
        data = data[: len(data) & -PAGE_SIZE]
        if not data and not ret:
            raise
    k = current.kernel
    k.mm.kmem_pages += len(data) + PAGE_SIZE - 1 >> PAGE_SHIFT
    if k.mm.kmem_pages > k.mm.kmem_limit:
        k.mm.kmem_pages -= len(data) + PAGE_SIZE - 1 >> PAGE_SHIFT
        if ret:
            return 0
        raise LinuxError(Errno.ENOMEM, "no memory for a pipe's contents")
    if len(data) <= PAGE_SIZE:
        if data:
            pipe.bufs.append(data)
        return len(data)
    pipe.bufs.extend([data[at : at + PAGE_SIZE] for at in range(0, len(data), PAGE_SIZE)])
    return len(data)


async def pipe_wait(current: Task, pipe: PipeInodeInfo) -> None:
    """Sleep until something happens to the pipe, or a signal comes."""
    entry = WaitQueueEntry(current, False, wait.autoremove_wake_function)
    q = pipe.wait
    wait.prepare_to_wait(q, entry, TASK_INTERRUPTIBLE)
    await sched.schedule(current, "pipe_wait", q)
    wait.finish_wait(q, entry)
    if pipe.mutex is not None:
        await pipe_buf.pipe_lock_unlock(current, pipe)


async def fifo_open(current: Task, inode: Inode, file: File) -> File:
    """Open a FIFO, or a pipe by its name under /proc; see fs/fifo.py."""
    return await fifo.fifo_open(current, inode, file)


def pipe_release(inode: Inode, decr: int, decw: int) -> None:
    """Take readers and writers away; the last one takes the contents along."""
    pipe = inode.i_pipe
    assert pipe is not None
    pipe.readers -= decr
    pipe.writers -= decw
    if not pipe.readers and not pipe.writers:
        for buf in pipe.bufs:
            pipe_buf.pipe_buf_release(inode.i_sb.kernel, buf)
        pipe.bufs.clear()
        inode.i_pipe = None
        return
    if pipe.wait.task_list:
        wait.wake_up_interruptible_sync(pipe.wait, _EVERYTHING)
    fasync.kill_fasync(pipe.fasync_readers, SIGIO, POLL_IN)
    fasync.kill_fasync(pipe.fasync_writers, SIGIO, POLL_OUT)


def alloc_pipe_info(k: Kernel) -> PipeInodeInfo:
    """Return an empty pipe of 16 buffers."""
    return PipeInodeInfo(k)


# Making pipes.


def init_pipe_fs(k: Kernel) -> None:
    """Mount the file system that pipes live in."""
    k.vfs.pipe_max_size = PIPE_MAX_SIZE
    sb = fs_super.sget(k, "pipefs", PIPEFS_MAGIC)
    sb.s_root = dcache.d_make_root(Inode(sb, fs_inode.get_next_ino(sb), S_IFDIR | 0o555))
    k.vfs.pipe_mnt = namespace.kern_mount(k, sb)


def get_pipe_inode(current: Task) -> PipeInode:
    """Return a fresh pipe's inode with one reader and one writer."""
    k = current.kernel
    sb = k.vfs.pipe_mnt.mnt_sb
    cred = current.cred
    inode = PipeInode(sb, fs_inode.get_next_ino(sb), S_IFIFO | 0o600, cred.fsuid, cred.fsgid)
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns
    pipe = alloc_pipe_info(k)
    pipe.readers = pipe.writers = 1
    inode.i_pipe = pipe
    return inode


def create_pipe_files(current: Task, flags: int) -> tuple[PipeFile, PipeFile]:
    """Return the read and write end of a new pipe (create_write_pipe, create_read_pipe); raises ENFILE."""
    mnt = current.kernel.vfs.pipe_mnt
    inode = get_pipe_inode(current)
    pipe = inode.i_pipe
    assert pipe is not None
    dentry = Dentry(f"pipe:[{inode.i_ino}]", mnt.mnt_root, inode)
    dentry.d_parent = dentry
    path = PathRef(mnt, dentry)
    flags &= O_NONBLOCK
    fw = PipeFile(path, O_WRONLY | flags, FMODE_WRITE, pipe)
    file_table.alloc_file(current, fw)
    fr = PipeFile(path, flags, FMODE_READ, pipe)
    try:
        file_table.alloc_file(current, fr)
    except LinuxError:
        pipe.readers -= 1
        file_table.fput(current, fw)
        raise
    return fr, fw


def do_pipe_flags(current: Task, flags: int) -> tuple[int, int]:
    """Make a pipe and two descriptors for it; raises EINVAL, ENFILE, EMFILE."""
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise LinuxError(Errno.EINVAL, "pipe2: unknown flags")
    fr, fw = create_pipe_files(current, flags)
    fdr = -1
    try:
        fdr = fs_file.alloc_fd(current, 0, flags)
        fdw = fs_file.alloc_fd(current, 0, flags)
    except LinuxError:
        if fdr >= 0:
            fs_file.put_unused_fd(current, fdr)
        file_table.fput(current, fr)
        file_table.fput(current, fw)
        raise
    fs_file.fd_install(current, fdr, fr)
    fs_file.fd_install(current, fdw, fw)
    return fdr, fdw


@syscall
def sys_pipe2(current: Task, fildes: FdPair, flags: PipeFlagsArg) -> int:
    """Make a pipe (pipe2(2)): flags O_CLOEXEC and O_NONBLOCK; O_DIRECT is younger than 3.2."""
    fdr, fdw = do_pipe_flags(current, flags)
    try:
        uaccess.copy_to_user(current, fildes, fdr.to_bytes(4, "little") + fdw.to_bytes(4, "little"))
    except LinuxError:
        fs_file.close_fd(current, fdr)
        fs_file.close_fd(current, fdw)
        raise
    return 0


@syscall
def sys_pipe(current: Task, fildes: FdPair) -> int:
    """Make a pipe: fildes[0] reads what fildes[1] writes (pipe(2))."""
    return sys_pipe2(current, fildes, 0)


# Sizes.


def get_pipe_info(file: File) -> PipeInodeInfo | None:
    """Return the pipe behind an open file, None if it is something else."""
    return file.pipe if isinstance(file, PipeFile) else None


def round_pipe_size(size: int) -> int:
    """Return the next power of two of pages, in bytes, as an unsigned int: 0 from 2^31 + 1 on."""
    nr_pages = max(1, ((size & _UINT) + PAGE_SIZE - 1) // PAGE_SIZE)
    return (1 << (nr_pages - 1).bit_length()) * PAGE_SIZE & _UINT


def pipe_fcntl(current: Task, file: File, cmd: int, arg: int) -> int:
    """F_SETPIPE_SZ, which takes an unsigned int of bytes, and F_GETPIPE_SZ.

    Raises EBADF, EINVAL, EPERM above the limit, EBUSY if more is in the pipe, ENOMEM.
    """
    pipe = get_pipe_info(file)
    if pipe is None:
        raise LinuxError(Errno.EBADF, "not a pipe")
    if cmd == F_GETPIPE_SZ:
        return pipe.buffers * PAGE_SIZE
    size = round_pipe_size(arg)
    if cmd != F_SETPIPE_SZ or not size:
        raise LinuxError(Errno.EINVAL, "pipe_fcntl")
    if size > current.kernel.vfs.pipe_max_size and not capability.capable(current, CAP_SYS_RESOURCE):
        raise LinuxError(Errno.EPERM, "beyond fs.pipe-max-size")
    if size // PAGE_SIZE < len(pipe.bufs):
        raise LinuxError(Errno.EBUSY, "more in the pipe than that")
    if size // PAGE_SIZE * SIZEOF_PIPE_BUFFER > KMALLOC_MAX_SIZE:
        raise LinuxError(Errno.ENOMEM, "too many buffers for one array")
    pipe.buffers = size // PAGE_SIZE
    return size
