"""Controlling terminals: settings, flushing, windows (drivers/tty/tty_ioctl.c, and tty_ioctl() of tty_io.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.drivers.tty import n_tty, n_tty_receive, tty_buffer, tty_io, tty_jobctrl
from procession.include.asm.ioctls import (
    FIONREAD,
    TCFLSH,
    TCGETA,
    TCGETS,
    TCGETS2,
    TCSBRK,
    TCSBRKP,
    TCSETA,
    TCSETAF,
    TCSETAW,
    TCSETS,
    TCSETS2,
    TCSETSF,
    TCSETSF2,
    TCSETSW,
    TCSETSW2,
    TCXONC,
    TIOCCBRK,
    TIOCCONS,
    TIOCEXCL,
    TIOCGDEV,
    TIOCGETD,
    TIOCGLCKTRMIOS,
    TIOCGPGRP,
    TIOCGSID,
    TIOCGSOFTCAR,
    TIOCGWINSZ,
    TIOCMBIC,
    TIOCMBIS,
    TIOCMGET,
    TIOCMSET,
    TIOCNOTTY,
    TIOCNXCL,
    TIOCOUTQ,
    TIOCPKT,
    TIOCSBRK,
    TIOCSCTTY,
    TIOCSETD,
    TIOCSLCKTRMIOS,
    TIOCSPGRP,
    TIOCSSOFTCAR,
    TIOCSTI,
    TIOCSWINSZ,
    TIOCVHANGUP,
)
from procession.include.asm.termbits import (
    CBAUD,
    CBAUDEX,
    CLOCAL,
    DISABLED_CHAR,
    EXTPROC,
    IBSHIFT,
    IXON,
    TIOCPKT_DOSTOP,
    TIOCPKT_IOCTL,
    TIOCPKT_NOSTOP,
    VSTART,
    VSTOP,
)
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.tty import TERMIO, TERMIOS, TERMIOS2, Ktermios
from procession.kernel import capability
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.drivers.tty.tty_io import TtyFile
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import TtyStruct
    from procession.include.linux.types import UserPtr

__all__ = ("tty_ioctl", "tty_set_termios")

TCIFLUSH: Final = 0
TCOFLUSH: Final = 1
TCIOFLUSH: Final = 2
TCOOFF: Final = 0
TCOON: Final = 1
TCIOFF: Final = 2
TCION: Final = 3
N_TTY: Final = 0
_CHANGES: Final = frozenset((TIOCSETD, TIOCSBRK, TIOCCBRK, TCSBRK, TCSBRKP))
_BAUD: Final = (
    0,
    50,
    75,
    110,
    134,
    150,
    200,
    300,
    600,
    1200,
    1800,
    2400,
    4800,
    9600,
    19200,
    38400,
    57600,
    115200,
    230400,
    460800,
    500000,
    576000,
    921600,
    1000000,
    1152000,
    1500000,
    2000000,
    2500000,
    3000000,
    3500000,
    4000000,
)


async def tty_ioctl(current: Task, file: TtyFile, cmd: int, arg: Any) -> int:
    """Control a terminal: first what every terminal knows, then the driver's, then the line discipline's own.

    Raises EINVAL for what nobody knows, as 3.2 does.
    """
    tty: TtyStruct = file.private_data
    if cmd in _CHANGES:
        tty_jobctrl.tty_check_change(current, tty)
    generic = _GENERIC.get(cmd)
    if generic is not None:
        link = tty.link
        real_tty = link if tty.driver.is_master and link is not None else tty
        return generic(current, tty, real_tty, arg) or 0
    if cmd == TCFLSH and arg in (TCIFLUSH, TCIOFLUSH):
        tty_buffer.tty_buffer_flush(tty)
    try:
        return tty.driver.ops.ioctl(current, tty, cmd, arg)
    except LinuxError as error:
        if error.errno != Errno.ENOIOCTLCMD:
            raise
    return _n_tty_ioctl(current, tty, cmd, arg)


# What every terminal knows: (current, the file's tty, the slave of a pty or tty itself, arg).


def tiocsti(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    """Pretend that a character was received (TIOCSTI)."""
    if current.signal.tty is not tty and not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "TIOCSTI on another's terminal")
    c = uaccess.get_user(current, arg, 1)
    n_tty_receive.n_tty_receive_buf(tty, bytes((c,)))


def tiocgwinsz(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    uaccess.copy_to_user(current, arg, real_tty.winsize)


def tiocswinsz(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    real_tty.driver.ops.resize(real_tty, uaccess.copy_from_user(current, arg, 8))


def tioccons(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    """Refuse to redirect the console's output (TIOCCONS)."""
    if real_tty is tty and not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "TIOCCONS")
    if real_tty is tty:
        current.kernel.not_modelled("ioctl: TIOCCONS")
    raise LinuxError(Errno.EINVAL, "TIOCCONS")


def _tiocexcl(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    tty.exclusive = True


def _tiocnxcl(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    tty.exclusive = False


def _tiocnotty(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    if current.signal.tty is not tty:
        raise LinuxError(Errno.ENOTTY, "not the controlling terminal")
    tty_jobctrl.no_tty(current)


def tiocsctty(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    tty_jobctrl.tiocsctty(current, tty, arg)


def tiocgpgrp(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    tty_jobctrl.tiocgpgrp(current, tty, real_tty, arg)


def tiocspgrp(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    tty_jobctrl.tiocspgrp(current, tty, real_tty, arg)


def tiocgsid(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    tty_jobctrl.tiocgsid(current, tty, real_tty, arg)


def _tiocgetd(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    uaccess.put_user(current, arg, N_TTY, 4)


def tiocsetd(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    if uaccess.get_user(current, arg, 4, signed=True) != N_TTY:
        raise LinuxError(Errno.EINVAL, "no such line discipline")


def _tiocvhangup(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "TIOCVHANGUP")
    tty_io.tty_hangup(tty)


def _tiocgdev(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    uaccess.put_user(current, arg, tty_io.tty_devnum(real_tty), 4)


def _nothing(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    """No device here can send a break; output has left as soon as it is written."""


def _tiocmget(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: object) -> None:
    raise LinuxError(Errno.EINVAL, "no modem lines")


_GENERIC: Final[dict[int, Callable[[Task, TtyStruct, TtyStruct, Any], int | None]]] = {
    TIOCSTI: tiocsti,
    TIOCGWINSZ: tiocgwinsz,
    TIOCSWINSZ: tiocswinsz,
    TIOCCONS: tioccons,
    TIOCEXCL: _tiocexcl,
    TIOCNXCL: _tiocnxcl,
    TIOCNOTTY: _tiocnotty,
    TIOCSCTTY: tiocsctty,
    TIOCGPGRP: tiocgpgrp,
    TIOCSPGRP: tiocspgrp,
    TIOCGSID: tiocgsid,
    TIOCGETD: _tiocgetd,
    TIOCSETD: tiocsetd,
    TIOCVHANGUP: _tiocvhangup,
    TIOCGDEV: _tiocgdev,
    TIOCSBRK: _nothing,
    TIOCCBRK: _nothing,
    TCSBRK: _nothing,
    TCSBRKP: _nothing,
    TIOCMGET: _tiocmget,
    TIOCMSET: _tiocmget,
    TIOCMBIC: _tiocmget,
    TIOCMBIS: _tiocmget,
}


# The line discipline's.


def _n_tty_ioctl(current: Task, tty: TtyStruct, cmd: int, arg: Any) -> int:
    """Answer the rest (n_tty_ioctl, n_tty_ioctl_helper, tty_mode_ioctl)."""
    real_tty = tty.link if tty.driver.is_master and tty.link is not None else tty
    if cmd == TIOCOUTQ:
        uaccess.put_user(current, arg, 0, 4)
    elif cmd == FIONREAD:
        uaccess.put_user(current, arg, n_tty.n_tty_inq(tty), 4)
    elif cmd == TCXONC:
        _tcxonc(current, tty, arg)
    elif cmd == TCFLSH:
        tty_perform_flush(current, tty, arg)
    elif cmd == TIOCPKT:
        _tiocpkt(current, tty, arg)
    elif cmd in _SET:
        set_termios(current, real_tty, arg, *_SET[cmd])
    elif cmd in _GET:
        uaccess.copy_to_user(current, arg, _GET[cmd](real_tty.termios))
    elif cmd == TIOCGLCKTRMIOS:
        uaccess.copy_to_user(current, arg, _pack_termios(real_tty.termios_locked))
    elif cmd == TIOCSLCKTRMIOS:
        if not capability.capable(current, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EPERM, "TIOCSLCKTRMIOS")
        real_tty.termios_locked = Ktermios(*TERMIOS.unpack(uaccess.copy_from_user(current, arg, TERMIOS.size)))
    elif cmd == TIOCGSOFTCAR:
        uaccess.put_user(current, arg, int(bool(real_tty.termios.c_cflag & CLOCAL)), 4)
    elif cmd == TIOCSSOFTCAR:
        _tiocssoftcar(current, real_tty, arg)
    else:
        raise LinuxError(Errno.EINVAL, f"terminals do not know ioctl {cmd:#x}")
    return 0


def _tcxonc(current: Task, tty: TtyStruct, arg: object) -> None:
    """Stop or continue the output, or ask the other side to (TCXONC)."""
    tty_jobctrl.tty_check_change(current, tty)
    cc = tty.termios.c_cc
    if arg == TCOOFF:
        if not tty.flow_stopped:
            tty.flow_stopped = True
            tty_io.stop_tty(tty)
    elif arg == TCOON:
        if tty.flow_stopped:
            tty.flow_stopped = False
            tty_io.start_tty(tty)
    elif arg in (TCIOFF, TCION):
        c = cc[VSTOP] if arg == TCIOFF else cc[VSTART]
        if c != DISABLED_CHAR:
            _tty_send_xchar(tty, c)
    else:
        raise LinuxError(Errno.EINVAL, "TCXONC")


def _tty_send_xchar(tty: TtyStruct, c: int) -> None:
    """Send a flow-control character ahead of everything, even if the output is stopped."""
    was_stopped = tty.stopped
    if was_stopped:
        tty_io.start_tty(tty)
    tty.driver.ops.write(tty, bytes((c,)))
    if was_stopped:
        tty_io.stop_tty(tty)


def tty_perform_flush(current: Task, tty: TtyStruct, arg: object) -> None:
    """Throw away input, output or both (TCFLSH)."""
    tty_jobctrl.tty_check_change(current, tty)
    if arg not in (TCIFLUSH, TCOFLUSH, TCIOFLUSH):
        raise LinuxError(Errno.EINVAL, "TCFLSH")
    if arg != TCOFLUSH:
        n_tty.n_tty_flush_buffer(tty)
    if arg != TCIFLUSH:
        tty.driver.ops.flush_buffer(tty)


def _tiocpkt(current: Task, tty: TtyStruct, arg: UserPtr) -> None:
    """Turn packet mode on or off (TIOCPKT); raises ENOTTY if this is no master."""
    if not tty.driver.is_master:
        raise LinuxError(Errno.ENOTTY, "no pty master")
    on = uaccess.get_user(current, arg, 4)
    with tty.ctrl_lock.irq():
        if on and not tty.packet and tty.link is not None:
            tty.link.ctrl_status = 0
        tty.packet = bool(on)


def _tiocssoftcar(current: Task, tty: TtyStruct, arg: UserPtr) -> None:
    """Set CLOCAL (TIOCSSOFTCAR)."""
    bit = CLOCAL if uaccess.get_user(current, arg, 4) else 0
    new = tty.termios.copy()
    new.c_cflag = new.c_cflag & ~CLOCAL | bit
    tty_set_termios(tty, new)


# Settings.


def _pack_termios(t: Ktermios) -> bytes:
    return TERMIOS.pack(t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line, t.c_cc)


def _pack_termios2(t: Ktermios) -> bytes:
    return TERMIOS2.pack(t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line, t.c_cc, t.c_ispeed, t.c_ospeed)


def _pack_termio(t: Ktermios) -> bytes:
    low = 0xFFFF
    return TERMIO.pack(t.c_iflag & low, t.c_oflag & low, t.c_cflag & low, t.c_lflag & low, t.c_line, t.c_cc[:8])


def _from_termios(old: Ktermios, data: bytes) -> Ktermios:
    iflag, oflag, cflag, lflag, line, cc = TERMIOS.unpack(data)
    return Ktermios(iflag, oflag, cflag, lflag, line, cc, old.c_ispeed, old.c_ospeed)


def _from_termios2(old: Ktermios, data: bytes) -> Ktermios:
    return Ktermios(*TERMIOS2.unpack(data))


def _from_termio(old: Ktermios, data: bytes) -> Ktermios:
    """Take the lower halves of the flags and the first eight characters; the rest stays."""
    iflag, oflag, cflag, lflag, line, cc = TERMIO.unpack(data)
    high = 0xFFFF0000
    return Ktermios(
        old.c_iflag & high | iflag,
        old.c_oflag & high | oflag,
        old.c_cflag & high | cflag,
        old.c_lflag & high | lflag,
        line,
        cc + old.c_cc[8:],
        old.c_ispeed,
        old.c_ospeed,
    )


_Unpack = tuple[int, Callable[[Ktermios, bytes], Ktermios]]
_OLD: Final[_Unpack] = (TERMIOS.size, _from_termios)
_NEW: Final[_Unpack] = (TERMIOS2.size, _from_termios2)
_SYSV: Final[_Unpack] = (TERMIO.size, _from_termio)
_GET: Final[dict[int, Callable[[Ktermios], bytes]]] = {
    TCGETS: _pack_termios,
    TCGETS2: _pack_termios2,
    TCGETA: _pack_termio,
}
# How to read the struct, and whether to flush the input.
_SET: Final[dict[int, tuple[_Unpack, bool]]] = {
    TCSETS: (_OLD, False),
    TCSETSW: (_OLD, False),
    TCSETSF: (_OLD, True),
    TCSETS2: (_NEW, False),
    TCSETSW2: (_NEW, False),
    TCSETSF2: (_NEW, True),
    TCSETA: (_SYSV, False),
    TCSETAW: (_SYSV, False),
    TCSETAF: (_SYSV, True),
}


def set_termios(current: Task, tty: TtyStruct, arg: UserPtr, how: _Unpack, flush: bool) -> None:
    """Change the settings; raises EIO, ERESTARTSYS, EFAULT. Output never waits here, so W and F need no waiting."""
    tty_jobctrl.tty_check_change(current, tty)
    size, unpack = how
    new = unpack(tty.termios, uaccess.copy_from_user(current, arg, size))
    _set_speeds(new)
    if flush:
        n_tty.n_tty_flush_buffer(tty)
    tty_set_termios(tty, new)


def _baud(cbaud: int, speed: int) -> int:
    """Return the number that a B constant stands for; BOTHER: speed."""
    if cbaud & CBAUDEX:
        cbaud &= ~CBAUDEX
        if not cbaud:
            return speed
        cbaud += 15
    return _BAUD[cbaud] if cbaud < len(_BAUD) else 0


def _set_speeds(t: Ktermios) -> None:
    """Work the speeds out from the B constants."""
    t.c_ospeed = _baud(t.c_cflag & CBAUD, t.c_ospeed)
    input_baud = t.c_cflag >> IBSHIFT & CBAUD
    t.c_ispeed = _baud(input_baud, t.c_ispeed) if input_baud else t.c_ospeed


def tty_set_termios(tty: TtyStruct, new: Ktermios) -> None:
    """Use new settings, but for those that are locked; the other side hears of it in packet mode."""
    old = tty.termios
    unset_locked_termios(new, old, tty.termios_locked)
    tty.termios = new
    if tty.link is not None and tty.link.packet:
        extproc = (old.c_lflag | new.c_lflag) & EXTPROC
        old_flow, new_flow = _usual_flow(old), _usual_flow(new)
        if old_flow != new_flow or extproc:
            on = TIOCPKT_IOCTL if extproc else 0
            off = 0
            if old_flow != new_flow:
                off = TIOCPKT_DOSTOP | TIOCPKT_NOSTOP
                on |= TIOCPKT_DOSTOP if new_flow else TIOCPKT_NOSTOP
            tty_io.set_ctrl_status(tty, on, off)
    tty.driver.ops.set_termios(tty)
    n_tty.n_tty_set_termios(tty, old)


def _usual_flow(t: Ktermios) -> bool:
    """Whether ^S and ^Q stop and start the output."""
    return bool(t.c_iflag & IXON) and t.c_cc[VSTOP] == 0x13 and t.c_cc[VSTART] == 0x11


def _noset_mask(new: int, old: int, mask: int) -> int:
    """Return new with the bits of mask as they are in old."""
    return new & ~mask | old & mask


def unset_locked_termios(new: Ktermios, old: Ktermios, locked: Ktermios) -> None:
    """Put locked settings back."""
    new.c_iflag = _noset_mask(new.c_iflag, old.c_iflag, locked.c_iflag)
    new.c_oflag = _noset_mask(new.c_oflag, old.c_oflag, locked.c_oflag)
    new.c_cflag = _noset_mask(new.c_cflag, old.c_cflag, locked.c_cflag)
    new.c_lflag = _noset_mask(new.c_lflag, old.c_lflag, locked.c_lflag)
    if locked.c_line:
        new.c_line = old.c_line
    new.c_cc = bytes(o if lock else c for c, o, lock in zip(new.c_cc, old.c_cc, locked.c_cc, strict=True))
