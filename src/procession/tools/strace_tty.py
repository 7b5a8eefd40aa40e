"""How strace prints a terminal's settings (struct termios)."""

from __future__ import annotations

import struct
from typing import Any, Final

from procession.include.asm.termbits import CBAUD, CBAUDEX, IBSHIFT
from procession.tools.strace_args import hexadecimal, pointer
from procession.tools.strace_structs import Shown

__all__ = ("modem_lines", "termios")

_IFLAG: Final = (
    "IGNBRK",
    "BRKINT",
    "IGNPAR",
    "PARMRK",
    "INPCK",
    "ISTRIP",
    "INLCR",
    "IGNCR",
    "ICRNL",
    "IUCLC",
    "IXON",
    "IXANY",
    "IXOFF",
    "IMAXBEL",
    "IUTF8",
)
_OFLAG: Final = ("OPOST", "OLCUC", "ONLCR", "OCRNL", "ONOCR", "ONLRET", "OFILL", "OFDEL")
# In the order of printing.
_LFLAG: Final = {
    0x1: "ISIG",
    0x2: "ICANON",
    0x4: "XCASE",
    0x8: "ECHO",
    0x10: "ECHOE",
    0x20: "ECHOK",
    0x40: "ECHONL",
    0x80: "NOFLSH",
    0x8000: "IEXTEN",
    0x200: "ECHOCTL",
    0x400: "ECHOPRT",
    0x800: "ECHOKE",
    0x1000: "FLUSHO",
    0x4000: "PENDIN",
    0x100: "TOSTOP",
    0x10000: "EXTPROC",
}
# Fields of several bits: mask, shift, names.
_DELAYS: Final = (
    (0x100, 8, ("NL0", "NL1")),
    (0x600, 9, ("CR0", "CR1", "CR2", "CR3")),
    (0x1800, 11, ("TAB0", "TAB1", "TAB2", "XTABS")),
    (0x2000, 13, ("BS0", "BS1")),
    (0x4000, 14, ("VT0", "VT1")),
    (0x8000, 15, ("FF0", "FF1")),
)
_SPEEDS: Final = (
    "B0",
    "B50",
    "B75",
    "B110",
    "B134",
    "B150",
    "B200",
    "B300",
    "B600",
    "B1200",
    "B1800",
    "B2400",
    "B4800",
    "B9600",
    "B19200",
    "B38400",
)
_SIZES: Final = ("CS5", "CS6", "CS7", "CS8")
_FAST: Final = (
    "BOTHER",
    "B57600",
    "B115200",
    "B230400",
    "B460800",
    "B500000",
    "B576000",
    "B921600",
    "B1000000",
    "B1152000",
    "B1500000",
    "B2000000",
    "B2500000",
    "B3000000",
    "B3500000",
    "B4000000",
)
_CFLAG: Final = {
    0x40: "CSTOPB",
    0x80: "CREAD",
    0x100: "PARENB",
    0x200: "PARODD",
    0x400: "HUPCL",
    0x800: "CLOCAL",
    0x40000000: "CMSPAR",
    0x80000000: "CRTSCTS",
}
_LINES: Final = ("N_TTY", "N_SLIP", "N_MOUSE", "N_PPP", "N_STRIP", "N_AX25", "N_X25")
_CHARACTERS: Final = (
    *("VINTR", "VQUIT", "VERASE", "VKILL", "VEOF", "VTIME", "VMIN", "VSWTC", "VSTART", "VSTOP", "VSUSP", "VEOL"),
    *("VREPRINT", "VDISCARD", "VWERASE", "VLNEXT", "VEOL2", "17", "18"),
)
_MODEM: Final = {
    0x1: "LE",
    0x2: "DTR",
    0x4: "RTS",
    0x8: "ST",
    0x10: "SR",
    0x20: "CTS",
    0x40: "CAR",
    0x80: "RNG",
    0x100: "DSR",
    0x2000: "OUT1",
    0x4000: "OUT2",
    0x8000: "LOOP",
}


_SPEEDS_AT: Final = 36  # in struct termios2


def _bits(value: int, names: tuple[str, ...]) -> str:
    shown = [name for bit, name in enumerate(names) if value >> bit & 1]
    return _with_rest(shown, value >> len(names) << len(names))


def _words(value: int, words: dict[int, str], also: int = 0) -> str:
    """Print the flags of a word; also: bits that were printed already."""
    return _with_rest([name for bit, name in words.items() if value & bit], value & ~(sum(words) | also))


def _with_rest(shown: list[str], rest: int) -> str:
    return "|".join([*shown, hex(rest)] if rest else shown)


def _speed(value: int) -> str:
    return (_FAST if value & CBAUDEX else _SPEEDS)[value & 0xF]


def termios(shown: Shown, ptr: Any, *, old: bool = False, new: bool = False) -> str:
    """Print the struct that ptr points to; old: System V's struct termio, new: struct termios2."""
    fields = shown.read(ptr, struct.Struct("<HHHHB8s" if old else "<IIIIB19s"))
    if fields is None:
        return pointer(ptr)
    iflag, oflag, cflag, lflag, line, characters = fields
    delays = "|".join(names[(oflag & mask) >> shift] for mask, shift, names in _DELAYS)
    rest = oflag & ~sum(mask for mask, _, _ in _DELAYS)
    speed = _speed(cflag & CBAUD)
    input_speed = cflag >> IBSHIFT & CBAUD
    if input_speed:
        speed += f"|{_speed(input_speed)}<<IBSHIFT"
    control = _words(cflag, _CFLAG, CBAUD | CBAUD << IBSHIFT | 0x30)
    last = "..."
    if not shown.style.abbrev:
        named = [f"[{name}]={hexadecimal(value)}" for name, value in zip(_CHARACTERS, characters, strict=False)]
        name = _LINES[line] if line < len(_LINES) else f"{line:#x} /* N_??? */"
        last = f"c_line={name}, c_cc=[{', '.join(named)}]"
        speeds = shown.peek(ptr, _SPEEDS_AT, 8) if new else None
        if speeds:
            last += ", c_ispeed={}, c_ospeed={}".format(*struct.unpack("<II", speeds))
    return (
        f"{{c_iflag={_bits(iflag, _IFLAG)}, c_oflag={delays}|{_bits(rest, _OFLAG)}, "
        f"c_cflag={speed}|{_SIZES[cflag >> 4 & 3]}|{control}, c_lflag={_words(lflag, _LFLAG)}, {last}}}"
    )


def modem_lines(shown: Shown, ptr: Any) -> str:
    """Print the modem's lines that ptr points to."""
    fields = shown.read(ptr, struct.Struct("<I"))
    if fields is None:
        return pointer(ptr)
    lines = {bit: f"TIOCM_{name}" for bit, name in _MODEM.items()}
    return f"[{_words(fields[0], lines) or '0'}]"
