"""N_TTY, the way in: what each received character does (the input half of drivers/tty/n_tty.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.drivers.tty import n_tty, tty_io, tty_jobctrl
from procession.drivers.tty import n_tty_output as out
from procession.fs import fasync
from procession.include.asm.termbits import (
    BRKINT,
    CHAR_BEL,
    CHAR_BS,
    CHAR_CR,
    CHAR_NL,
    CHAR_TAB,
    DISABLED_CHAR,
    ECHO,
    ECHOCTL,
    ECHOE,
    ECHOK,
    ECHOKE,
    ECHONL,
    ECHOPRT,
    EXTPROC,
    ICANON,
    ICRNL,
    IEXTEN,
    IGNBRK,
    IGNCR,
    IGNPAR,
    INLCR,
    INPCK,
    ISIG,
    ISTRIP,
    IUCLC,
    IXANY,
    IXON,
    NOFLSH,
    PARMRK,
    VEOF,
    VEOL,
    VEOL2,
    VERASE,
    VINTR,
    VKILL,
    VLNEXT,
    VQUIT,
    VREPRINT,
    VSTART,
    VSTOP,
    VSUSP,
    VWERASE,
)
from procession.include.linux.signal import POLL_IN, SIGINT, SIGIO, SIGQUIT, SIGTSTP
from procession.include.linux.tty import N_TTY_BUF_SIZE
from procession.kernel import wait

if TYPE_CHECKING:
    from procession.include.linux.tty import NTty, TtyStruct

__all__ = ("n_tty_receive_buf", "n_tty_set_process_char_map")

TTY_THRESHOLD_THROTTLE: Final = 128
_KILL_BY_ERASING: Final = ECHOK | ECHOKE | ECHOE


def n_tty_set_process_char_map(tty: TtyStruct) -> None:
    """Work out which characters are more than data, and whether none is (n_tty_set_termios)."""
    n, t = tty.disc_data, tty.termios
    iflag, lflag, cc = t.c_iflag, t.c_lflag, t.c_cc
    special = ISTRIP | IUCLC | IGNCR | ICRNL | INLCR | IXON | PARMRK
    n.raw = not (iflag & special or lflag & (ICANON | ISIG | ECHO))
    if n.raw:
        n.real_raw = bool(
            tty.driver.real_raw and (iflag & IGNBRK or not iflag & BRKINT) and (iflag & IGNPAR or not iflag & INPCK)
        )
        return
    n.real_raw = False
    chars: set[int] = set()
    if iflag & (IGNCR | ICRNL):
        chars.add(CHAR_CR)
    if iflag & INLCR:
        chars.add(CHAR_NL)
    if lflag & ICANON:
        chars |= {cc[VERASE], cc[VKILL], cc[VEOF], cc[VEOL], CHAR_NL}
        if lflag & IEXTEN:
            chars |= {cc[VWERASE], cc[VLNEXT], cc[VEOL2]}
            if lflag & ECHO:
                chars.add(cc[VREPRINT])
    if iflag & IXON:
        chars |= {cc[VSTART], cc[VSTOP]}
    if lflag & ISIG:
        chars |= {cc[VINTR], cc[VQUIT], cc[VSUSP]}
    n.process_char_map = frozenset(chars - {DISABLED_CHAR})


def put_tty_queue(n: NTty, c: int) -> None:
    """Add a byte to the input, unless it is full."""
    with n.read_lock.irq():
        if len(n.read_buf) < N_TTY_BUF_SIZE:
            n.read_buf.append(c)


def n_tty_receive_buf(tty: TtyStruct, data: bytes) -> None:
    """Take in what has been received; the caller sees to it that there is room."""
    n = tty.disc_data
    if n.real_raw:
        with n.read_lock.irq():
            n.read_buf += data[: N_TTY_BUF_SIZE - len(n.read_buf)]
    else:
        for c in data:
            _receive_char(tty, n, c)
    n_tty.n_tty_set_room(tty)
    if tty.termios.c_lflag & EXTPROC or (not n.icanon and len(n.read_buf) >= n.minimum_to_wake):
        fasync.kill_fasync(tty.fasync, SIGIO, POLL_IN)
        wait.wake_up_interruptible(tty.read_wait)
    if tty.receive_room < TTY_THRESHOLD_THROTTLE:
        tty.throttled = True


def _receive_char(tty: TtyStruct, n: NTty, c: int) -> None:
    if n.raw:
        put_tty_queue(n, c)
        return
    t = tty.termios
    iflag, lflag, cc = t.c_iflag, t.c_lflag, t.c_cc
    if iflag & ISTRIP:
        c &= 0x7F
    if iflag & IUCLC and lflag & IEXTEN:
        c = out.tolower(c)
    if lflag & EXTPROC:
        put_tty_queue(n, c)
        return
    if (
        tty.stopped
        and not tty.flow_stopped
        and iflag & IXON
        and iflag & IXANY
        and c not in (cc[VSTART], cc[VSTOP], cc[VINTR], cc[VQUIT], cc[VSUSP])
    ):
        tty_io.start_tty(tty)
        out.process_echoes(tty)

    if n.lnext or c not in n.process_char_map:
        n.lnext = False
        _receive_plain(tty, n, c, made=False)
        return
    if iflag & IXON and c == cc[VSTART]:
        tty_io.start_tty(tty)
        out.process_echoes(tty)
        return
    if iflag & IXON and c == cc[VSTOP]:
        tty_io.stop_tty(tty)
        return
    if lflag & ISIG and c in (cc[VINTR], cc[VQUIT], cc[VSUSP]):
        _receive_signal(tty, n, c)
        return

    if c == CHAR_CR:
        if iflag & IGNCR:
            return
        if iflag & ICRNL:
            c = CHAR_NL
    elif c == CHAR_NL and iflag & INLCR:
        c = CHAR_CR
    if not (n.icanon and _receive_canon(tty, n, c)):
        _receive_plain(tty, n, c, made=True)


def _parmrk(tty: TtyStruct, c: int) -> int:
    """Return 1 if c has to be doubled, so that it is not taken for a mark."""
    return 1 if c == 0xFF and tty.termios.c_iflag & PARMRK else 0


def _receive_plain(tty: TtyStruct, n: NTty, c: int, *, made: bool) -> None:
    """Add a character that is data, and echo it; without room for it there is a beep.

    made: it was looked at, and perhaps made of another: a newline is then echoed as one, else it shows as ^J.
    """
    parmrk = _parmrk(tty, c)
    echo = tty.termios.c_lflag & ECHO
    if len(n.read_buf) >= N_TTY_BUF_SIZE - parmrk - 1:
        if echo:
            out.process_output(tty, CHAR_BEL)
        return
    if echo:
        _finish_erasing(tty, n)
        if c == CHAR_NL and made:
            out.echo_char_raw(tty, CHAR_NL)
        else:
            if n.canon_head == n.read_head:
                out.echo_set_canon_col(tty)
            out.echo_char(tty, c)
        out.process_echoes(tty)
    if parmrk:
        put_tty_queue(n, c)
    put_tty_queue(n, c)


def _receive_signal(tty: TtyStruct, n: NTty, c: int) -> None:
    """Send what an interrupt, quit or suspend character stands for: first flush, then echo, then signal."""
    t = tty.termios
    cc = t.c_cc
    sig = SIGINT if c == cc[VINTR] else SIGQUIT if c == cc[VQUIT] else SIGTSTP
    if not t.c_lflag & NOFLSH:
        n_tty.n_tty_flush_buffer(tty)
        tty.driver.ops.flush_buffer(tty)
    if t.c_iflag & IXON:
        tty_io.start_tty(tty)
    if t.c_lflag & ECHO:
        out.echo_char(tty, c)
        out.process_echoes(tty)
    tty_jobctrl.kill_tty_pgrp(tty.pgrp, sig)


def _receive_canon(tty: TtyStruct, n: NTty, c: int) -> bool:
    """Edit the line or end it; returns whether c was about that."""
    t = tty.termios
    lflag, cc = t.c_lflag, t.c_cc
    iexten = lflag & IEXTEN
    if c in (cc[VERASE], cc[VKILL]) or (c == cc[VWERASE] and iexten):
        eraser(tty, n, c)
        out.process_echoes(tty)
        return True
    if c == cc[VLNEXT] and iexten:
        n.lnext = True
        if lflag & ECHO:
            _finish_erasing(tty, n)
            if lflag & ECHOCTL:
                out.echo_char_raw(tty, ord("^"))
                out.echo_char_raw(tty, CHAR_BS)
                out.process_echoes(tty)
        return True
    if c == cc[VREPRINT] and lflag & ECHO and iexten:
        _finish_erasing(tty, n)
        out.echo_char(tty, c)
        out.echo_char_raw(tty, CHAR_NL)
        edited = _edited(n) - n.read_tail
        for old in bytes(n.read_buf[edited:]):
            out.echo_char(tty, old)
        out.process_echoes(tty)
        return True
    return _receive_line_end(tty, n, c)


def _receive_line_end(tty: TtyStruct, n: NTty, c: int) -> bool:
    """End the line if c is a newline, end of file or additional line end; returns whether it is."""
    t = tty.termios
    lflag, cc = t.c_lflag, t.c_cc
    if c == CHAR_NL:
        if len(n.read_buf) >= N_TTY_BUF_SIZE:
            if lflag & ECHO:
                out.process_output(tty, CHAR_BEL)
            return True
        if lflag & (ECHO | ECHONL):
            out.echo_char_raw(tty, CHAR_NL)
            out.process_echoes(tty)
    elif c == cc[VEOF]:
        if len(n.read_buf) >= N_TTY_BUF_SIZE:
            return True
        if n.canon_head != n.read_head:
            n.push = True
        c = DISABLED_CHAR
    elif c == cc[VEOL] or (c == cc[VEOL2] and lflag & IEXTEN):
        parmrk = _parmrk(tty, c)
        if len(n.read_buf) >= N_TTY_BUF_SIZE - parmrk:
            if lflag & ECHO:
                out.process_output(tty, CHAR_BEL)
            return True
        if lflag & ECHO:
            if n.canon_head == n.read_head:
                out.echo_set_canon_col(tty)
            out.echo_char(tty, c)
            out.process_echoes(tty)
        if parmrk:
            put_tty_queue(n, c)
    else:
        return False

    with n.read_lock.irq():
        if len(n.read_buf) < N_TTY_BUF_SIZE:
            n.read_flags.append(n.read_head)
            n.read_buf.append(c)
        n.canon_head = n.read_head
    fasync.kill_fasync(tty.fasync, SIGIO, POLL_IN)
    wait.wake_up_interruptible(tty.read_wait)
    return True


# Erasing.


def _finish_erasing(tty: TtyStruct, n: NTty) -> None:
    if n.erasing:
        out.echo_char_raw(tty, ord("/"))
        n.erasing = False


def _edited(n: NTty) -> int:
    """Where the line begins that is being edited: canon_head, unless it was passed by reading bytes."""
    return max(n.canon_head, n.read_tail)


def _truncate(n: NTty, head: int) -> None:
    with n.read_lock.irq():
        del n.read_buf[head - n.read_tail :]


def eraser(tty: TtyStruct, n: NTty, c: int) -> None:
    """Take a character, word or line back from what is being edited."""
    line = _edited(n)
    if n.read_head == line:
        return
    t = tty.termios
    lflag, cc = t.c_lflag, t.c_cc
    erase = c == cc[VERASE]
    werase = not erase and c == cc[VWERASE]
    echo = lflag & ECHO
    if not erase and not werase and (not echo or lflag & _KILL_BY_ERASING != _KILL_BY_ERASING):
        _truncate(n, line)
        if echo:
            _finish_erasing(tty, n)
            out.echo_char(tty, cc[VKILL])
            if lflag & ECHOK:
                out.echo_char_raw(tty, CHAR_NL)
        return

    seen_alnums = False
    while n.read_head != line:
        start = line - n.read_tail
        at = len(n.read_buf) - 1
        while out.is_continuation(n.read_buf[at], tty) and at > start:
            at -= 1
        c = n.read_buf[at]
        if out.is_continuation(c, tty):
            break  # half a character is not erased
        if werase:
            if out.isalnum(c) or c == ord("_"):
                seen_alnums = True
            elif seen_alnums:
                break
        rest = bytes(n.read_buf[at + 1 :])
        _truncate(n, n.read_tail + at)
        if echo:
            _echo_erased(tty, n, c, rest, erase=erase)
        if erase:
            break
    if n.read_head == line and echo:
        _finish_erasing(tty, n)


def _echo_erased(tty: TtyStruct, n: NTty, c: int, rest: bytes, *, erase: bool) -> None:
    """Show that the character of c and rest was erased."""
    lflag = tty.termios.c_lflag
    if lflag & ECHOPRT:
        if not n.erasing:
            out.echo_char_raw(tty, ord("\\"))
            n.erasing = True
        out.echo_char(tty, c)
        for more in rest:
            out.echo_char_raw(tty, more)
            out.echo_move_back_col(tty)
    elif erase and not lflag & ECHOE:
        out.echo_char(tty, tty.termios.c_cc[VERASE])
    elif c == CHAR_TAB:
        _echo_erased_tab(tty, n)
    else:
        control = out.iscntrl(c)
        if control and lflag & ECHOCTL:
            for raw in b"\b \b":
                out.echo_char_raw(tty, raw)
        if not control or lflag & ECHOCTL:
            for raw in b"\b \b":
                out.echo_char_raw(tty, raw)


def _echo_erased_tab(tty: TtyStruct, n: NTty) -> None:
    """Go back over a tab: how far depends on the columns in use before it."""
    num_chars = 0
    after_tab = False
    edited = _edited(n) - n.read_tail
    for c in reversed(n.read_buf[edited:]):
        if c == CHAR_TAB:
            after_tab = True
            break
        if out.iscntrl(c):
            if tty.termios.c_lflag & ECHOCTL:
                num_chars += 2
        elif not out.is_continuation(c, tty):
            num_chars += 1
    out.echo_erase_tab(tty, num_chars, after_tab=after_tab)
