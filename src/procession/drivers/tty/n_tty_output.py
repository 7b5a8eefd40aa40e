"""N_TTY, the way out: post-processing, column tracking and echoes (the output half of drivers/tty/n_tty.c).

Echoes are kept apart until the driver has room for them: a byte stands for itself, and ECHO_OP_START before another
means an operation on the column, or a control character to be shown as ^X.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.asm.termbits import (
    CHAR_BS,
    CHAR_CR,
    CHAR_NL,
    CHAR_TAB,
    ECHOCTL,
    IUTF8,
    OCRNL,
    OLCUC,
    ONLCR,
    ONLRET,
    ONOCR,
    OPOST,
    TABDLY,
    XTABS,
)
from procession.include.linux.tty import N_TTY_BUF_SIZE

if TYPE_CHECKING:
    from procession.include.linux.tty import NTty, TtyStruct

__all__ = (
    "add_echo",
    "echo_char",
    "echo_char_raw",
    "echo_erase_tab",
    "echo_move_back_col",
    "echo_set_canon_col",
    "isalnum",
    "iscntrl",
    "process_echoes",
    "process_output",
    "process_output_block",
    "tolower",
)

ECHO_OP_START: Final = 0xFF
ECHO_OP_MOVE_BACK_COL: Final = 0x80
ECHO_OP_SET_CANON_COL: Final = 0x81
ECHO_OP_ERASE_TAB: Final = 0x82


# The kernel's idea of Latin-1 (lib/ctype.c).

_CNTRL: Final = frozenset((*range(32), 127))
_LOWER: Final = frozenset((*range(ord("a"), ord("z") + 1), *range(223, 247), *range(248, 256)))
_UPPER: Final = frozenset((*range(ord("A"), ord("Z") + 1), *range(192, 215), *range(216, 223)))
_ALNUM: Final = _LOWER | _UPPER | frozenset(b"0123456789")


def iscntrl(c: int) -> bool:
    """Whether c is a control character."""
    return c in _CNTRL


def isalnum(c: int) -> bool:
    """Whether c is a letter or digit."""
    return c in _ALNUM


def tolower(c: int) -> int:
    """Return the small letter."""
    return c + 32 if c in _UPPER else c


def _toupper(c: int) -> int:
    return c - 32 & 0xFF if c in _LOWER else c


def is_continuation(c: int, tty: TtyStruct) -> bool:
    """Whether c is not the first byte of a character, on a terminal that speaks UTF-8."""
    return c & 0xC0 == 0x80 and bool(tty.termios.c_iflag & IUTF8)


# Post-processing.


def do_output_char(tty: TtyStruct, c: int, space: int) -> int:
    """Output one character with OPOST; returns how much of space that took, -1 if it is too little."""
    if not space:
        return -1
    n, oflag, write = tty.disc_data, tty.termios.c_oflag, tty.driver.ops.write
    if c == CHAR_NL:
        if oflag & ONLRET:
            n.column = 0
        if oflag & ONLCR:
            if space < 2:
                return -1
            n.canon_column = n.column = 0
            write(tty, b"\r\n")
            return 2
        n.canon_column = n.column
    elif c == CHAR_CR:
        if oflag & ONOCR and n.column == 0:
            return 0
        if oflag & OCRNL:
            c = CHAR_NL
            if oflag & ONLRET:
                n.canon_column = n.column = 0
        else:
            n.canon_column = n.column = 0
    elif c == CHAR_TAB:
        spaces = 8 - (n.column & 7)
        if oflag & TABDLY == XTABS:
            if space < spaces:
                return -1
            n.column += spaces
            write(tty, b" " * spaces)
            return spaces
        n.column += spaces
    elif c == CHAR_BS:
        n.column = max(0, n.column - 1)
    elif c not in _CNTRL:
        if oflag & OLCUC:
            c = _toupper(c)
        if not is_continuation(c, tty):
            n.column += 1
    write(tty, bytes((c,)))
    return 1


def process_output(tty: TtyStruct, c: int) -> bool:
    """Output one character with OPOST; returns whether the driver had room."""
    return do_output_char(tty, c, tty.driver.ops.write_room(tty)) >= 0


def process_output_block(tty: TtyStruct, data: bytes) -> int:
    """Output the part of data up to the first character that is not output as it is; returns its length."""
    ops = tty.driver.ops
    data = data[: ops.write_room(tty)]
    n, oflag = tty.disc_data, tty.termios.c_oflag
    utf8 = tty.termios.c_iflag & IUTF8
    done = len(data)
    for i, c in enumerate(data):
        if c not in _CNTRL:
            if oflag & OLCUC:
                done = i
                break
            if not utf8 or c & 0xC0 != 0x80:
                n.column += 1
        elif c == CHAR_NL:
            if oflag & ONLRET:
                n.column = 0
            if oflag & ONLCR:
                done = i
                break
            n.canon_column = n.column
        elif c == CHAR_CR:
            if oflag & OCRNL or (oflag & ONOCR and n.column == 0):
                done = i
                break
            n.canon_column = n.column = 0
        elif c == CHAR_TAB:
            done = i
            break
        elif c == CHAR_BS:
            n.column = max(0, n.column - 1)
    return ops.write(tty, data[:done]) if done else 0


# Echoes.


def process_echoes(tty: TtyStruct) -> None:
    """Output the echoes that the driver has room for."""
    n = tty.disc_data
    echo = n.echo_buf
    if not echo:
        return
    space = tty.driver.ops.write_room(tty)
    at = 0
    while at < len(echo):
        if echo[at] == ECHO_OP_START:
            length, used = _echo_op(tty, n, echo, at, space)
        else:
            length, used = 1, _echo_byte(tty, echo[at], space)
        if used < 0:
            break
        at += length
        space -= used
    del echo[:at]


def _echo_byte(tty: TtyStruct, c: int, space: int) -> int:
    if tty.termios.c_oflag & OPOST:
        return do_output_char(tty, c, space)
    if not space:
        return -1
    tty.driver.ops.write(tty, bytes((c,)))
    return 1


def _echo_op(tty: TtyStruct, n: NTty, echo: bytearray, at: int, space: int) -> tuple[int, int]:
    """Do the operation at echo[at]; returns its length and the space it took, -1 if there is too little."""
    write = tty.driver.ops.write
    op = echo[at + 1]
    if op == ECHO_OP_ERASE_TAB:
        num_chars = echo[at + 2]
        # Counted from the start of the input, not from a tab: then the input did not begin at a tab stop.
        if not num_chars & 0x80:
            num_chars += n.canon_column
        num_bs = 8 - (num_chars & 7)
        if num_bs > space:
            return 3, -1
        write(tty, b"\b" * num_bs)
        n.column = max(0, n.column - num_bs)
        return 3, num_bs
    if op == ECHO_OP_SET_CANON_COL:
        n.canon_column = n.column
        return 2, 0
    if op == ECHO_OP_MOVE_BACK_COL:
        n.column = max(0, n.column - 1)
        return 2, 0
    if op == ECHO_OP_START:
        if not space:
            return 2, -1
        write(tty, bytes((ECHO_OP_START,)))
        n.column += 1
        return 2, 1
    if space < 2:
        return 2, -1
    write(tty, bytes((ord("^"), op ^ 0x40)))
    n.column += 2
    return 2, 2


def add_echo(tty: TtyStruct, *group: int) -> None:
    """Queue the bytes of one echo; when the buffer is full the oldest ones are lost, a whole group at a time."""
    echo = tty.disc_data.echo_buf
    for c in group:
        if len(echo) >= N_TTY_BUF_SIZE:
            size = 1
            if echo[0] == ECHO_OP_START:
                size = 3 if echo[1] == ECHO_OP_ERASE_TAB else 2
            del echo[:size]
        echo.append(c)


def echo_move_back_col(tty: TtyStruct) -> None:
    """Count a column less."""
    add_echo(tty, ECHO_OP_START, ECHO_OP_MOVE_BACK_COL)


def echo_set_canon_col(tty: TtyStruct) -> None:
    """Note that the input begins in the column where the cursor will then be."""
    add_echo(tty, ECHO_OP_START, ECHO_OP_SET_CANON_COL)


def echo_erase_tab(tty: TtyStruct, num_chars: int, *, after_tab: bool) -> None:
    """Go back over a tab that num_chars columns, since the last tab or the start of the input, came before."""
    add_echo(tty, ECHO_OP_START, ECHO_OP_ERASE_TAB, num_chars & 7 | (0x80 if after_tab else 0))


def echo_char_raw(tty: TtyStruct, c: int) -> None:
    """Echo a character as it is."""
    if c == ECHO_OP_START:
        add_echo(tty, ECHO_OP_START, ECHO_OP_START)
    else:
        add_echo(tty, c)


def echo_char(tty: TtyStruct, c: int) -> None:
    """Echo a character, a control character as ^X with ECHOCTL."""
    if c == ECHO_OP_START:
        add_echo(tty, ECHO_OP_START, ECHO_OP_START)
    elif c in _CNTRL and c != CHAR_TAB and tty.termios.c_lflag & ECHOCTL:
        add_echo(tty, ECHO_OP_START, c)
    else:
        add_echo(tty, c)
