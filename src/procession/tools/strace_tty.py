"""How strace prints a terminal's settings (struct termios)."""

from __future__ import annotations

import struct
from typing import Any

from procession.tools.strace_args import pointer
from procession.tools.strace_structs import Shown

__all__ = ("termios",)

_IFLAG = ("IGNBRK", "BRKINT", "IGNPAR", "PARMRK", "INPCK", "ISTRIP", "INLCR", "IGNCR", "ICRNL", "IUCLC", "IXON",
          "IXANY", "IXOFF", "IMAXBEL", "IUTF8")
_OFLAG = ("OPOST", "OLCUC", "ONLCR", "OCRNL", "ONOCR", "ONLRET", "OFILL", "OFDEL")
_LFLAG = ("ISIG", "ICANON", "XCASE", "ECHO", "ECHOE", "ECHOK", "ECHONL", "NOFLSH", "TOSTOP", "ECHOCTL", "ECHOPRT",
          "ECHOKE", "FLUSHO", "", "PENDIN", "IEXTEN", "EXTPROC")
# Fields of several bits: mask, shift, names.
_DELAYS = ((0x100, 8, ("NL0", "NL1")), (0x600, 9, ("CR0", "CR1", "CR2", "CR3")),
           (0x1800, 11, ("TAB0", "TAB1", "TAB2", "TAB3")), (0x2000, 13, ("BS0", "BS1")), (0x4000, 14, ("VT0", "VT1")),
           (0x8000, 15, ("FF0", "FF1")))
_SPEEDS = ("B0", "B50", "B75", "B110", "B134", "B150", "B200", "B300", "B600", "B1200", "B1800", "B2400", "B4800",
           "B9600", "B19200", "B38400")
_SIZES = ("CS5", "CS6", "CS7", "CS8")
_CFLAG = {0x40: "CSTOPB", 0x80: "CREAD", 0x100: "PARENB", 0x200: "PARODD", 0x400: "HUPCL", 0x800: "CLOCAL"}


def _bits(value: int, names: tuple[str, ...]) -> str:
    return "|".join(name for bit, name in enumerate(names) if name and value >> bit & 1)


def termios(shown: Shown, ptr: Any) -> str:
    """Print the struct that ptr points to."""
    fields = shown.read(ptr, struct.Struct("<IIII"))
    if fields is None:
        return pointer(ptr)
    iflag, oflag, cflag, lflag = fields
    delays = "|".join(names[(oflag & mask) >> shift] for mask, shift, names in _DELAYS)
    speed = cflag & 0x100F
    speed_name = _SPEEDS[speed] if speed < len(_SPEEDS) else hex(speed)
    control = "|".join(name for bit, name in _CFLAG.items() if cflag & bit)
    return (
        f"{{c_iflag={_bits(iflag, _IFLAG)}, c_oflag={delays}|{_bits(oflag, _OFLAG)}, "
        f"c_cflag={speed_name}|{_SIZES[cflag >> 4 & 3]}|{control}, c_lflag={_bits(lflag, _LFLAG)}, ...}}"
    )
