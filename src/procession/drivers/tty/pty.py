"""Pseudo-terminals: pairs of a master and a slave (drivers/tty/pty.c). Only Unix98's, under /dev/pts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.drivers.tty import tty_buffer, tty_io, tty_jobctrl
from procession.fs import devices
from procession.fs.devpts import inode as devpts
from procession.include.asm.ioctls import TIOCGPTN, TIOCSIG, TIOCSPTLCK
from procession.include.asm.termbits import B38400, CREAD, CS8, CSIZE, PARENB, TIOCPKT_FLUSHWRITE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NOCTTY
from procession.include.linux.fs import S_IFCHR, S_IFMT
from procession.include.linux.signal import SIGWINCH
from procession.include.linux.tty import Ktermios, TtyDriver, tty_std_termios
from procession.kernel import wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import TtyStruct

__all__ = ("UNIX98_PTY_SLAVE_MAJOR", "pty_init")

UNIX98_PTY_MASTER_MAJOR: Final = 128
UNIX98_PTY_SLAVE_MAJOR: Final = 136
PTMX_MINOR: Final = 2
_PTY_SPACE: Final = 8192


class PtyOperations:
    """What both ends do."""

    __slots__ = ()

    def open(self, tty: TtyStruct) -> None:
        """Refuse a slave that is locked or whose master is gone with EIO (pty_open)."""
        link = tty.link
        assert link is not None
        if tty.other_closed or link.pty_lock or link.count != 1:
            raise LinuxError(Errno.EIO, "locked, or the other side is closed")
        link.other_closed = False
        tty.throttled = True

    def close(self, tty: TtyStruct) -> None:
        """Let the other end know when the last user goes; without a master the slave is hung up (pty_close)."""
        if not tty.driver.is_master and tty.count > 2:
            return
        wait.wake_up_interruptible(tty.read_wait)
        wait.wake_up_interruptible(tty.write_wait)
        tty.packet = False
        link = tty.link
        assert link is not None
        link.packet = False
        link.other_closed = True
        wait.wake_up_interruptible(link.read_wait)
        wait.wake_up_interruptible(link.write_wait)
        if tty.driver.is_master:
            tty.other_closed = True
            devpts.devpts_pty_kill(link)
            tty_io.tty_hangup(link)

    def write(self, tty: TtyStruct, data: bytes) -> int:
        """Put data into the other end's input; nothing while the output is stopped (pty_write)."""
        if tty.stopped:
            return 0
        link = tty.link
        assert link is not None
        done = tty_buffer.tty_insert_flip_string(link, data)
        if done:
            tty_buffer.tty_flip_buffer_push(link)
            tty_io.tty_wakeup(tty)
        return done

    def write_room(self, tty: TtyStruct) -> int:
        """Return what the other end's flip buffers are below 8 KiB."""
        link = tty.link
        assert link is not None
        return 0 if tty.stopped else max(0, _PTY_SPACE - link.buf.memory_used)

    def set_termios(self, tty: TtyStruct) -> None:
        """Have eight bits and no parity."""
        t = tty.termios
        t.c_cflag = t.c_cflag & ~(CSIZE | PARENB) | CS8 | CREAD

    def unthrottle(self, tty: TtyStruct) -> None:
        """Let the other end's writers go on."""
        assert tty.link is not None
        tty_io.tty_wakeup(tty.link)
        tty.throttled = True

    def flush_buffer(self, tty: TtyStruct) -> None:
        """Only tell a master in packet mode: what it has got it keeps (pty_flush_buffer)."""
        tty_io.set_ctrl_status(tty, TIOCPKT_FLUSHWRITE)

    def resize(self, tty: TtyStruct, winsize: bytes) -> None:
        """Change the size of both ends, and send SIGWINCH to their foreground groups (pty_resize)."""
        if winsize == tty.winsize:
            return
        link = tty.link
        assert link is not None
        tty_jobctrl.kill_tty_pgrp(tty.pgrp, SIGWINCH)
        if link.pgrp is not tty.pgrp:
            tty_jobctrl.kill_tty_pgrp(link.pgrp, SIGWINCH)
        tty.winsize = link.winsize = winsize

    def ioctl(self, current: Task, tty: TtyStruct, cmd: int, arg: Any) -> int:
        """Know nothing special."""
        raise LinuxError(Errno.ENOIOCTLCMD, "pty")

    def shutdown(self, tty: TtyStruct) -> None:
        """Both ends are closed: the number is free again (pty_unix98_shutdown)."""
        master = tty if tty.driver.is_master else tty.link
        assert master is not None
        assert isinstance(master.devpts_inode, devpts.DevptsSuperBlock)
        devpts.devpts_kill_index(master.devpts_inode, master.index)


class PtmOperations(PtyOperations):
    """What the master of a Unix98 pty does."""

    __slots__ = ()

    def ioctl(self, current: Task, tty: TtyStruct, cmd: int, arg: Any) -> int:
        """Lock the slave, tell its number, or signal its foreground (pty_unix98_ioctl)."""
        if cmd == TIOCSPTLCK:
            tty.pty_lock = bool(uaccess.get_user(current, arg, 4))
        elif cmd == TIOCGPTN:
            uaccess.put_user(current, arg, tty.index, 4)
        elif cmd == TIOCSIG:
            if tty.link is not None and isinstance(arg, int):
                tty_jobctrl.kill_tty_pgrp(tty.link.pgrp, arg & 0xFFFFFFFF)
        else:
            raise LinuxError(Errno.ENOIOCTLCMD, "ptm")
        return 0


def pty_init(k: Kernel) -> None:
    """Register both drivers and /dev/ptmx (unix98_pty_init)."""
    raw = Ktermios(0, 0, B38400 | CS8 | CREAD, 0, c_ispeed=38400, c_ospeed=38400)
    cooked = tty_std_termios()
    cooked.c_cflag = B38400 | CS8 | CREAD
    k.tty.ptm_driver = TtyDriver(
        "pty_master",
        UNIX98_PTY_MASTER_MAJOR,
        0,
        PtmOperations(),
        raw,
        is_pty=True,
        is_master=True,
        real_raw=True,
        reset_termios=True,
    )
    k.tty.pts_driver = TtyDriver(
        "pty_slave", UNIX98_PTY_SLAVE_MAJOR, 0, PtyOperations(), cooked, is_pty=True, real_raw=True, reset_termios=True
    )
    devpts.init_devpts_fs(k)
    devices.register_chrdev(k, 5, PTMX_MINOR, ptmx_open)
    devices.register_chrdev(k, UNIX98_PTY_SLAVE_MAJOR, None, _pts_open)


def ptmx_open(current: Task, path: PathRef, flags: int, mode: int) -> File:
    """Open a new master, whose slave is locked; raises EIO if there are too many, ENOMEM."""
    k = current.kernel
    sb = devpts.pts_sb_from_inode(k, path.dentry.d_inode)
    index = devpts.devpts_new_index(sb)
    try:
        tty = pty_unix98_install(k, index)
    except LinuxError:
        devpts.devpts_kill_index(sb, index)
        raise
    tty.devpts_inode = sb
    tty.pty_lock = True
    link = tty.link
    assert link is not None
    link.devpts_inode = devpts.devpts_pty_new(current, sb, link)
    return tty_io.tty_finish_open(current, tty_io.TtyFile(path, flags, mode), tty, noctty=True)


def pty_unix98_install(k: Kernel, index: int) -> TtyStruct:
    """Make both ends; the slave counts its master as a user. Raises ENOMEM."""
    tty = tty_io.alloc_tty_struct(k, k.tty.ptm_driver, index)
    try:
        link = tty_io.alloc_tty_struct(k, k.tty.pts_driver, index)
    except LinuxError:
        tty_io.tty_kref_put(tty)
        raise
    tty.link, link.link = link, tty
    tty.count = link.count = 1
    return tty


def _pts_open(current: Task, path: PathRef, flags: int, mode: int) -> File:
    """Open a slave by its name in devpts; raises EIO once the master is gone, or elsewhere (pts_unix98_lookup)."""
    inode = path.dentry.d_inode
    tty = inode.tty if isinstance(inode, devpts.DevptsInode) else None
    if tty is None or inode.i_mode & S_IFMT != S_IFCHR:
        raise LinuxError(Errno.EIO, "no pty")
    return tty_io.tty_open(current, tty_io.TtyFile(path, flags, mode), tty, noctty=bool(flags & O_NOCTTY))
