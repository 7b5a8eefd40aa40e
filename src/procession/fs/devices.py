"""Character devices of the machine, and /dev (drivers/char/mem.c, random.c; drivers/base/devtmpfs.c).

A device is an open function in Kernel.vfs.devices under its number. No device of the host is ever involved, but for
the console's input and output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.fs import dcache, fasync, file_table, ramfs, splice
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import super as fs_super
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_LARGEFILE, O_NONBLOCK, O_RDWR
from procession.include.linux.fs import (
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    FMODE_READ,
    FMODE_WRITE,
    POLLIN,
    POLLOUT,
    POLLRDNORM,
    POLLWRNORM,
    S_IFCHR,
    S_IFDIR,
    Dentry,
    File,
    PathRef,
    Vfsmount,
)
from procession.include.linux.kdev_t import new_encode_dev
from procession.include.linux.magic import TMPFS_MAGIC
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SIZE
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import SIGPIPE
from procession.include.linux.slab import KMALLOC_MAX_SIZE
from procession.kernel import signal_send, wait
from procession.mm import shmem, uaccess

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fs import PollTable, SuperBlock
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import VmArea
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("DEVTMPFS", "ConsoleDevice", "ConsoleFile", "chrdev_init", "open_console", "register_chrdev")

DEVTMPFS: Final = "devtmpfs"
_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE
_PIECE: Final = 65536
_HOST_ERRORS: Final = frozenset({Errno.EPIPE, Errno.ENOSPC, Errno.EFBIG, Errno.EBADF})
CONSOLE_DEV: Final = new_encode_dev(5, 1)

# What opens a device: (current, path, flags, FMODE bits) -> its file.
OpenFn = Callable[["Task", PathRef, int, int], File]


class NullFile(File):
    """What /dev/null has in common with others that read or write otherwise."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """End of file."""
        return 0

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Take everything, without looking."""
        return count

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Stay at 0."""
        self.f_pos = 0
        return 0


class SinkFile(NullFile):
    """/dev/null."""

    async def splice_write(
        self, current: Task, pipe: PipeInodeInfo, pos: int, length: int, flags: int
    ) -> tuple[int, int]:
        """Take everything (splice_write_null)."""
        return await splice.splice_write_null(current, pipe, pos, length, flags)


class ZeroFile(NullFile):
    """/dev/zero."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Store zeros; raises EFAULT if none could be (read_zero)."""
        done = 0
        while done < count:
            part = min(count - done, _PIECE)
            try:
                stored = uaccess.copy_to_user_partial(current, buf, bytes(part), done)
            except LinuxError:
                if not done:
                    raise
                break
            if stored < part:
                done += _words_cleared(done, stored, count)
                if not done:
                    raise LinuxError(Errno.EFAULT, "not eight bytes of good memory")
                break
            done += part
        return done

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Map anonymous memory."""
        shmem.mmap_zero(current, vma)


class FullFile(ZeroFile):
    """/dev/full."""

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Raise ENOSPC."""
        raise LinuxError(Errno.ENOSPC, "/dev/full")

    def mmap(self, current: Task, vma: VmArea) -> None:
        """Raise ENODEV."""
        raise LinuxError(Errno.ENODEV, "/dev/full")


class RandomFile(NullFile):
    """/dev/random and /dev/urandom: bytes from the machine's chooser; the pool never runs dry.

    private_data: its entry with O_ASYNC, of which, the pool being as it always is, nobody is ever told.
    """

    def has_fasync(self) -> bool:
        """Yes."""
        return True

    def fasync(self, current: Task | None, fd: int, *, on: bool) -> None:
        """Set or clear O_ASYNC; raises ENOMEM (random_fasync)."""
        self.private_data = fasync.fasync_helper(fd, self, on, self.private_data)

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Store random bytes; raises EFAULT at a bad address, whatever was stored before it (extract_entropy_user)."""
        for done in range(0, count, _PIECE):
            data = current.kernel.chooser.random_bytes(min(count - done, _PIECE))
            uaccess.copy_to_user(current, buf, data, done)
        return count

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Look at what is to be mixed into the pool, and leave the pool as it is; raises EFAULT (write_pool)."""
        for done in range(0, count, _PIECE):
            uaccess.copy_from_user(current, buf, min(count - done, _PIECE), done)
        return count


class KmsgFile(File):
    """/dev/kmsg: writes go to the kernel log; there is no reading."""

    f_op_aio = True

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Log what is written, at most 1,023 bytes (kmsg_writev); returns how much of that, or raises ENOMEM, EFAULT.

        All pieces of a writev(2) are one message.
        """
        if count >= KMALLOC_MAX_SIZE:
            raise LinuxError(Errno.ENOMEM, "/dev/kmsg: a message of that length")
        text = uaccess.copy_from_user(current, buf, count)
        return min(current.kernel.vprintk(text), count)

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Stay where it is (noop_llseek)."""
        return self.f_pos


def _words_cleared(done: int, good: int, count: int) -> int:
    """Return how many of good bytes before a bad address read_zero counts, done bytes being stored before them.

    It clears page after page, each in words of eight bytes, and a word that is bad at its end counts as not written.
    """
    page = good & PAGE_MASK
    rest = good - page
    words = min(count - done - page, PAGE_SIZE) & -8
    return page + (rest & -8 if rest < words else rest)


# The console.


class ConsoleDevice:
    """The machine's console where it is no terminal: input that has come and was not read yet."""

    __slots__ = ("buf", "eof", "k")

    def __init__(self, k: Kernel) -> None:
        self.k = k
        self.buf = b""
        self.eof = False

    @property
    def announced(self) -> bool:
        """Whether input, or its end, was fetched and not yet read: whoever waits for input knows of it."""
        return bool(self.buf) or self.eof

    def fill(self) -> bool:
        """Fetch input if there is none; returns whether a read would not wait."""
        if self.buf or self.eof:
            return True
        data = self.k.console.read(4096)
        if data is None:
            return False
        self.buf = data
        self.eof = not data
        return True

    def take(self, count: int) -> bytes:
        """Return input that fill() has announced; b"" is an end of file, after which more may come."""
        data = self.buf[:count]
        self.buf = self.buf[len(data) :]
        self.eof = False
        return data


class ConsoleFile(File):
    """/dev/console. private_data: the stream, 1 or 2, that writes go to."""

    f_op_aio = True  # it stands for whatever the host has there

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Read input, waiting for some; raises EAGAIN, ERESTARTSYS."""
        if not count:
            return 0
        k = current.kernel
        device: ConsoleDevice = k.tty.console_dev
        if not device.fill():
            if self.f_flags & O_NONBLOCK:
                raise LinuxError(Errno.EAGAIN, "no input")
            with wait.Waiter(current, k.tty.console_wait, TASK_INTERRUPTIBLE, "n_tty_read") as waiter:
                while not device.fill():
                    await waiter.sleep()
        data = device.buf[:count]
        stored = uaccess.copy_to_user_partial(current, buf, data) if data else 0
        device.take(stored)
        return stored

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Write to the host's standard output or error; raises what the host answers.

        If nobody reads there any more, that is EPIPE and SIGPIPE as from a pipe.
        """
        done = 0
        while done < count:
            part = min(count - done, _PIECE)
            try:
                data = uaccess.copy_from_user_partial(current, buf, part, done)
                _to_host(current, self.private_data, data)
            except LinuxError:
                if not done:
                    raise
                break
            done += len(data)
            if len(data) < part:
                break
        return done

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Writable always, readable when input has come."""
        k = current.kernel
        if table is not None:
            table.wait(k.tty.console_wait)
        ready = POLLOUT | POLLWRNORM
        return ready | POLLIN | POLLRDNORM if k.tty.console_dev.fill() else ready


def _to_host(current: Task, stream: int, data: bytes) -> None:
    k = current.kernel
    try:
        k.console.write(stream, data)
    except OSError as error:
        k.printk(f"console: {error}")
        errno = Errno(error.errno) if error.errno in _HOST_ERRORS else Errno.EIO
        if errno is Errno.EPIPE:
            signal_send.send_sig(SIGPIPE, current, 0)
        raise LinuxError(errno, f"host: {error}") from error


def console_idle(k: Kernel, timeout_ns: int | None) -> bool:
    """Nothing runs: wait for input if somebody wants to read it, and wake the readers (Kernel.pm_idle).

    Input that lies there already is not what the sleepers wait for.
    """
    if not k.tty.console_wait.task_list or k.tty.console_dev.announced or not k.console.wait(timeout_ns):
        return False
    k.clock.sync()
    wait.wake_up_interruptible(k.tty.console_wait)
    return True


class ConsoleInode(ramfs.RamfsSpecial):
    """The console as descriptor 0, 1 or 2 of the first process has it. stream: 1 or 2, where writes go to."""

    stream = 1


def _open_console(current: Task, path: PathRef, flags: int, mode: int) -> File:
    file = ConsoleFile(path, flags, mode & ~_SEEKABLE)
    inode = path.dentry.d_inode
    file.private_data = inode.stream if isinstance(inode, ConsoleInode) else 1
    return file


def open_console(k: Kernel, current: Task) -> None:
    """Give the first process descriptors 0, 1 and 2: /dev/console for reading and writing (kernel_init).

    Each has an inode of its own, so that standard output and error stay apart even when opened again through
    /proc/self/fd; to stat(2) it is /dev/console's.
    """
    mnt, dev = _devtmpfs(k)
    try:
        ino = dev.d_inode.lookup("console").i_ino
    except LinuxError:
        ino = fs_inode.get_next_ino(dev.d_inode.i_sb)
    for fd, stream in ((0, 1), (1, 1), (2, 2)):
        inode = ConsoleInode(dev.d_inode.i_sb, ino, S_IFCHR | 0o600)
        inode.i_rdev = CONSOLE_DEV
        inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
        inode.stream = stream
        path = PathRef(mnt, Dentry("console", dev, inode))
        file = k.vfs.devices[CONSOLE_DEV](current, path, O_RDWR | O_LARGEFILE, FMODE_READ | FMODE_WRITE)
        file_table.alloc_file(current, file)
        got = fs_file.alloc_fd(current)
        assert got == fd
        fs_file.fd_install(current, fd, file)


def _devtmpfs(k: Kernel) -> tuple[Vfsmount, Dentry]:
    """Return the mount of /dev and its root."""
    for mnt in k.vfs.mount_hashtable.values():
        if mnt.mnt_sb.s_type == DEVTMPFS:
            return mnt, mnt.mnt_root
    return k.vfs.rootfs, k.vfs.rootfs.mnt_root


# The table, and /dev.


def register_chrdev(k: Kernel, major: int, minor: int | None, open_fn: OpenFn) -> None:
    """Make a device number openable; minor None: all of that major number that have no function of their own."""
    k.vfs.devices[-major if minor is None else new_encode_dev(major, minor)] = open_fn


def _becomes(cls: type[File]) -> OpenFn:
    def open_fn(current: Task, path: PathRef, flags: int, mode: int) -> File:
        return cls(path, flags, mode)

    return open_fn


# name, minor of major 1, class, mode
MEM_DEVICES: Final[tuple[tuple[str, int, type[File], int], ...]] = (
    ("null", 3, SinkFile, 0o666),
    ("zero", 5, ZeroFile, 0o666),
    ("full", 7, FullFile, 0o666),
    ("random", 8, RandomFile, 0o666),
    ("urandom", 9, RandomFile, 0o666),
    ("kmsg", 11, KmsgFile, 0o600),
)
LINKS: Final = (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"))


def chrdev_init(k: Kernel) -> None:
    """Register the devices and the file system that shows them."""
    for _, minor, cls, _ in MEM_DEVICES:
        register_chrdev(k, 1, minor, _becomes(cls))
    register_chrdev(k, 5, 1, _open_console)
    k.tty.console_wait = k.wait_queue_head("console_wait")
    k.tty.console_dev = ConsoleDevice(k)
    k.pm_idle = console_idle
    fs_super.register_filesystem(k, fs_super.FileSystemType(DEVTMPFS, fill_devtmpfs))
    k.printk("devtmpfs: initialized", KERN_INFO)


def fill_devtmpfs(k: Kernel, current: Task | None, flags: int, dev: str, options: str) -> SuperBlock:
    """Return the one instance of /dev's file system, made at the first mount."""
    if k.vfs.devtmpfs_sb is not None:
        if current is not None:
            fs_super.do_remount_sb(k, k.vfs.devtmpfs_sb, flags)  # mount_single
        return k.vfs.devtmpfs_sb
    sb = fs_super.sget(k, DEVTMPFS, TMPFS_MAGIC)
    root = ramfs.new_inode(sb, S_IFDIR | 0o755)
    assert isinstance(root, ramfs.RamfsDir)
    for name, minor, _, mode in MEM_DEVICES:
        root.mknod(name, S_IFCHR | mode, new_encode_dev(1, minor))
    root.mknod("tty", S_IFCHR | 0o666, new_encode_dev(5, 0))
    root.mknod("console", S_IFCHR | 0o600, CONSOLE_DEV)
    if k.tty.is_console:
        root.mknod("hvc0", S_IFCHR | 0o600, new_encode_dev(229, 0))
    root.mknod("ptmx", S_IFCHR | 0o666, new_encode_dev(5, 2))
    for name, target in LINKS:
        root.symlink(name, target)
    root.mkdir("shm", 0o1777)
    root.mkdir("pts", 0o755)
    sb.s_root = dcache.d_make_root(root)
    k.vfs.devtmpfs_sb = sb
    return sb
