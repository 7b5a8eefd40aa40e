"""Terminals as files: open, close, read, write, poll, hangup (drivers/tty/tty_io.c).

What is about sessions and process groups is in tty_jobctrl.py, as in later kernels.

Differs: tty_mutex and the big tty lock are not there, since opening and closing never sleep; the only line discipline
is N_TTY.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.drivers.tty import n_tty, tty_buffer, tty_ioctl, tty_jobctrl
from procession.fs import devices, fasync
from procession.fs import inode as fs_inode
from procession.include.asm.ioctls import TIOCSPGRP
from procession.include.asm.termbits import TIOCPKT_START, TIOCPKT_STOP
from procession.include.linux.bug import bug
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NOCTTY, O_NONBLOCK
from procession.include.linux.fs import (
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLPRI,
    POLLRDNORM,
    POLLWRNORM,
    File,
)
from procession.include.linux.kdev_t import new_encode_dev
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID
from procession.include.linux.sched import signal_pending
from procession.include.linux.signal import POLL_OUT, SIGIO
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.tty import N_TTY_BUF_SIZE, Ktermios, NTty, TtyBufhead, TtyStruct
from procession.kernel import capability, choose_fault, mutex, pid, wait
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.rwsem import Mutex
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import TtyDriver
    from procession.include.linux.types import UserPtr

__all__ = (
    "ConsoleTtyFile",
    "TtyFile",
    "alloc_tty_struct",
    "lock_interruptible",
    "set_ctrl_status",
    "start_tty",
    "stop_tty",
    "take_ctrl_status",
    "tty_add_file",
    "tty_devnum",
    "tty_hangup",
    "tty_init",
    "tty_init_dev",
    "tty_kref_get",
    "tty_kref_put",
    "tty_open",
    "tty_unthrottle",
    "tty_wakeup",
)

TTYAUX_MAJOR: Final = 5
_CHUNK: Final = 2048
_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE


# The life of a terminal.


def tty_init(k: Kernel) -> None:
    """Register /dev/tty; before the drivers."""
    slab.kmem_cache_create(k, "tty_struct", 10240)
    devices.register_chrdev(k, TTYAUX_MAJOR, 0, _open_dev_tty)


def alloc_tty_struct(k: Kernel, driver: TtyDriver, index: int) -> TtyStruct:
    """Return a new terminal with the driver's settings; raises ENOMEM (initialize_tty_struct)."""
    k.caches["tty_struct"].alloc()
    tty = TtyStruct()
    tty.kernel, tty.driver, tty.index = k, driver, index
    tty.link = None
    tty.read_wait = k.wait_queue_head("tty->read_wait")
    tty.write_wait = k.wait_queue_head("tty->write_wait")
    tty.atomic_read_lock = mutex.mutex_init(k, "tty->atomic_read_lock")
    tty.atomic_write_lock = mutex.mutex_init(k, "tty->atomic_write_lock")
    tty.ctrl_lock = SpinLock(k.lock_class("tty->ctrl_lock"))
    tty.buf = TtyBufhead(SpinLock(k.lock_class("tty->buf.lock")))
    tty.kref = 1
    tty.count = 0
    tty.files = {}
    tty.exclusive = tty.closing = tty.other_closed = tty.pty_lock = False
    tty.devpts_inode = None
    tty.pgrp = tty.session = None
    tty.ctrl_status = 0
    tty.packet = False
    tty.termios = driver.init_termios.copy()
    tty.termios_locked = Ktermios(c_cc=bytes(19))
    tty.winsize = bytes(8)
    tty.stopped = tty.flow_stopped = tty.throttled = False
    tty.receive_room = 0
    tty.do_write_wakeup = False
    tty.fasync = None
    tty.disc_data = NTty(SpinLock(k.lock_class("tty->read_lock")))
    n_tty.n_tty_open(tty)
    return tty


def tty_init_dev(k: Kernel, driver: TtyDriver, index: int) -> TtyStruct:
    """Return terminal index of a driver whose terminals have one end, opened for the first time."""
    tty = alloc_tty_struct(k, driver, index)
    driver.ttys[index] = tty
    tty.count = 1
    return tty


def tty_kref_get(tty: TtyStruct | None) -> TtyStruct | None:
    """Take a reference."""
    if tty is not None:
        tty.kref += 1
    return tty


def tty_kref_put(tty: TtyStruct | None) -> None:
    """Drop a reference: the last one frees the terminal."""
    if tty is None:
        return
    tty.kref -= 1
    if tty.kref < 0:
        bug("tty put once too often", tty.driver.name, tty.index)
    if tty.kref == 0:
        k = tty.kernel
        pid.put_pid(k, tty.pgrp)
        pid.put_pid(k, tty.session)
        tty.pgrp = tty.session = None
        tty_buffer.tty_buffer_flush(tty)
        k.caches["tty_struct"].free()


def release_tty(tty: TtyStruct) -> None:
    """Give up both ends of a terminal that nobody has open."""
    link = tty.link
    for end in (link, tty):
        if end is not None:
            end.driver.ttys.pop(end.index, None)
            tty_buffer.tty_buffer_flush(end)
            tty_kref_put(end)


def tty_devnum(tty: TtyStruct) -> int:
    """Return the device number, as stat(2) shows it."""
    driver = tty.driver
    minor = driver.minor_start + tty.index
    return new_encode_dev(driver.major + (minor >> 20), minor & 0xFFFFF)


# Flow control and status.


def set_ctrl_status(tty: TtyStruct, on: int, off: int = 0) -> None:
    """Tell the other end something, if it listens in packet mode."""
    link = tty.link
    if link is not None and link.packet:
        with tty.ctrl_lock.irq():
            tty.ctrl_status = tty.ctrl_status & ~off | on
        wait.wake_up_interruptible(link.read_wait, POLLIN | POLLPRI)


def take_ctrl_status(tty: TtyStruct) -> int:
    """Return what is to be told to the other end, once."""
    with tty.ctrl_lock.irq():
        status = tty.ctrl_status
        tty.ctrl_status = 0
    return status


def stop_tty(tty: TtyStruct) -> None:
    """Hold output."""
    if tty.stopped:
        return
    tty.stopped = True
    set_ctrl_status(tty, TIOCPKT_STOP, TIOCPKT_START)


def start_tty(tty: TtyStruct) -> None:
    """Let output go on, unless it was held by TCOOFF."""
    if not tty.stopped or tty.flow_stopped:
        return
    tty.stopped = False
    set_ctrl_status(tty, TIOCPKT_START, TIOCPKT_STOP)
    tty_wakeup(tty)


def tty_wakeup(tty: TtyStruct) -> None:
    """Tell writers that there may be room (tty_wakeup, n_tty_write_wakeup)."""
    if tty.do_write_wakeup and tty.fasync is not None:
        tty.do_write_wakeup = False
        fasync.kill_fasync(tty.fasync, SIGIO, POLL_OUT)
    wait.wake_up_interruptible(tty.write_wait, POLLOUT | POLLWRNORM)


def tty_unthrottle(tty: TtyStruct) -> None:
    """Tell the driver that input has been read."""
    if tty.throttled:
        tty.throttled = False
        tty.driver.ops.unthrottle(tty)


async def lock_interruptible(current: Task, lock: Mutex) -> None:
    """Take a mutex; raises ERESTARTSYS if a signal comes first."""
    try:
        await mutex.mutex_lock_interruptible(current, lock)
    except LinuxError as error:
        raise LinuxError(Errno.ERESTARTSYS, error.why) from error


# Files.


class TtyFile(File):
    """An open terminal. private_data: its TtyStruct.

    hung_up: it was hung up since it was opened, and has other operations now (hung_up_tty_fops).
    """

    hung_up: bool = False
    is_console = False  # opened as /dev/console: no job control, and a hangup does not concern it

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Read, 0 after a hangup; raises EIO, EAGAIN, ERESTARTSYS, EFAULT (tty_read)."""
        if self.hung_up:
            return 0
        if current.kernel.chooser.optional:
            count = choose_fault.choose_count(current, count)
        done = await n_tty.n_tty_read(current, self.private_data, self, buf, count)
        if done > 0:
            inode = self.inode
            inode.i_atime_ns = fs_inode.current_fs_time(inode.i_sb)
        return done

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Write, in pieces of 2 KiB; raises EIO, EAGAIN, ERESTARTSYS, EFAULT (tty_write)."""
        if self.hung_up:
            raise LinuxError(Errno.EIO, "hung up")
        if current.kernel.chooser.optional:
            count = choose_fault.choose_count(current, count)
        tty: TtyStruct = self.private_data
        if self.f_flags & O_NONBLOCK:
            if not mutex.mutex_trylock(current, tty.atomic_write_lock):
                raise LinuxError(Errno.EAGAIN, "somebody else is writing")
        else:
            await lock_interruptible(current, tty.atomic_write_lock)
        try:
            return await self._write_pieces(current, tty, buf, count)
        finally:
            mutex.mutex_unlock(current, tty.atomic_write_lock)
            wait.wake_up_interruptible(tty.write_wait, POLLOUT | POLLWRNORM)

    async def _write_pieces(self, current: Task, tty: TtyStruct, buf: UserPtr, count: int) -> int:
        written = 0
        while True:
            size = min(count - written, _CHUNK)
            try:
                data = uaccess.copy_from_user(current, buf, size, written)
                written += await n_tty.n_tty_write(current, tty, self, data)
            except LinuxError:
                if not written:
                    raise
                break
            if written == count or signal_pending(current):
                break
        if written:
            inode = self.inode
            inode.i_mtime_ns = fs_inode.current_fs_time(inode.i_sb)
        return written

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Return what is ready: everything after a hangup."""
        if self.hung_up:
            return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM
        return n_tty.n_tty_poll(current, self.private_data, self, table)

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """Control the terminal (tty_ioctl); after a hangup raises EIO, ENOTTY for TIOCSPGRP."""
        if self.hung_up:
            raise LinuxError(Errno.ENOTTY if cmd == TIOCSPGRP else Errno.EIO, "hung up")
        return await tty_ioctl.tty_ioctl(current, self, cmd, arg)

    def has_fasync(self) -> bool:
        """Not after a hangup."""
        return not self.hung_up

    def fasync(self, current: Task | None, fd: int, *, on: bool) -> None:
        """Set or clear O_ASYNC; without an owner the foreground group becomes it, or else the caller (tty_fasync)."""
        tty: TtyStruct = self.private_data
        before = len(tty.fasync or ())
        tty.fasync = fasync.fasync_helper(fd, self, on, tty.fasync)
        if len(tty.fasync or ()) == before:
            return
        if not tty.read_wait.task_list:
            if on:
                tty.disc_data.minimum_to_wake = 1
            elif tty.fasync is None:
                tty.disc_data.minimum_to_wake = N_TTY_BUF_SIZE
        if on:
            assert current is not None
            if tty.pgrp is not None:
                fasync.f_modown(current, self, tty.pgrp, PIDTYPE_PGID, force=False)
            else:
                fasync.f_modown(current, self, pid.task_pid(current), PIDTYPE_PID, force=False)

    def release(self, current: Task | None) -> None:
        """Close the terminal."""
        _tty_release(self)


class ConsoleTtyFile(TtyFile):
    """The console's terminal, opened as /dev/console (console_fops)."""

    is_console = True


def tty_add_file(tty: TtyStruct, file: TtyFile) -> None:
    """Make file one of tty's, on which one cannot seek."""
    file.private_data = tty
    file.f_mode &= ~_SEEKABLE
    tty.files[file] = None


def _open_dev_tty(current: Task, path: PathRef, flags: int, mode: int) -> File:
    """Open /dev/tty: the controlling terminal; raises ENXIO if there is none."""
    tty: TtyStruct | None = current.signal.tty
    if tty is None:
        raise LinuxError(Errno.ENXIO, "no controlling terminal")
    return tty_open(current, TtyFile(path, flags, mode), tty, noctty=bool(flags & O_NOCTTY))


def tty_open(current: Task, file: TtyFile, tty: TtyStruct, *, noctty: bool) -> TtyFile:
    """Open by file a terminal that exists once more; it may become the controlling one. Raises EIO, EBUSY."""
    if tty.closing or tty.driver.is_master:
        raise LinuxError(Errno.EIO, "closing, or a master")
    tty.count += 1
    return tty_finish_open(current, file, tty, noctty=noctty)


def tty_finish_open(current: Task, file: TtyFile, tty: TtyStruct, *, noctty: bool) -> TtyFile:
    """Have the driver open tty, whose count has risen, and perhaps make it the controlling terminal."""
    tty_add_file(tty, file)
    try:
        tty.driver.ops.open(tty)
        _check_exclusive(current, tty)
    except LinuxError:
        _tty_release(file)
        raise
    if not noctty and not tty.driver.is_master:
        tty_jobctrl.tty_open_proc_set_tty(current, tty)
    return file


def _check_exclusive(current: Task, tty: TtyStruct) -> None:
    if tty.exclusive and not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EBUSY, "exclusive use")


def _tty_release(file: TtyFile) -> None:
    """Close an open terminal; the last close of the last end gives it up (tty_release)."""
    tty: TtyStruct = file.private_data
    tty.driver.ops.close(tty)
    link = tty.link
    master = tty.driver.is_master
    tty_closing = tty.count <= 1
    link_closing = link is not None and link.count <= (1 if master else 0)
    if master and link is not None:
        link.count -= 1
    tty.count -= 1
    if tty.count < 0 or (link is not None and link.count < 0):
        bug("tty closed once too often", tty.driver.name, tty.index)
    del tty.files[file]
    if tty_closing:
        tty.closing = True
    if link is not None and link_closing:
        link.closing = True
    if tty_closing or link_closing:
        tty_jobctrl.session_clear_tty(tty.kernel, tty.session)
        if link is not None:
            tty_jobctrl.session_clear_tty(tty.kernel, link.session)
    if tty_closing and (link is None or link_closing):
        release_tty(tty)
        tty.driver.ops.shutdown(tty)


# Hangup.


def tty_hangup(tty: TtyStruct) -> None:
    """Take the terminal away from everybody: files are dead, the session has no terminal (__tty_hangup)."""
    for file in tty.files:
        if not file.is_console:
            file.fasync(None, -1, on=False)
            file.hung_up = True
    _ldisc_hangup(tty)

    refs = tty_jobctrl.tty_signal_session_leader(tty)
    k = tty.kernel
    with tty.ctrl_lock.irq():
        tty.throttled = tty.disc_data.push = False
        session, pgrp = tty.session, tty.pgrp
        tty.session = tty.pgrp = None
        tty.ctrl_status = 0
    pid.put_pid(k, session)
    pid.put_pid(k, pgrp)
    for _ in range(refs):
        tty_kref_put(tty)


def _ldisc_hangup(tty: TtyStruct) -> None:
    """Throw everything away and begin anew (tty_ldisc_hangup).

    The line discipline is opened before the settings are a new terminal's, and so keeps to the old ones until settings
    are made: whether there are lines, and which characters are more than data. Input that has waited for room gets it,
    but the worker that would move it is cancelled: it stays until more comes.
    """
    tty.buf.flushing = True
    n_tty.n_tty_flush_buffer(tty)
    tty.driver.ops.flush_buffer(tty)
    tty_wakeup(tty)
    wait.wake_up_interruptible(tty.read_wait, POLLIN)
    n_tty.n_tty_open(tty)
    tty.buf.flushing = False
    if tty.driver.reset_termios:
        tty.termios = tty.driver.init_termios.copy()


def tty_vhangup_self(current: Task) -> None:
    """Hang up the caller's controlling terminal, if it has one."""
    tty = tty_kref_get(current.signal.tty)
    if tty is not None:
        tty_hangup(tty)
        tty_kref_put(tty)
