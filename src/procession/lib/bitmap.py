"""Sets of small numbers as text (lib/bitmap.c)."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import Errno, LinuxError
from procession.lib.string import SPACE

__all__ = ("parselist",)

_MINUS: Final = 0x2D


def parselist(text: bytes, nbits: int) -> int:
    """Return the bit mask that a list like "0-3,5" names, up to a newline; nothing at all names bit 0, as in 3.2.

    Raises EINVAL, ERANGE for a number beyond nbits.
    """
    mask = 0
    digits_before = False
    for part in text.split(b"\n")[0].split(b","):
        low, high = _range(part, digits_before)
        digits_before = digits_before or any(chr(c).isdigit() for c in part)
        if low > high:
            raise LinuxError(Errno.EINVAL, "a range that runs down")
        if high >= nbits:
            raise LinuxError(Errno.ERANGE, f"{high}: there are {nbits}")
        mask |= (1 << high + 1) - (1 << low)
    return mask


def _range(part: bytes, digits: bool) -> tuple[int, int]:
    """Return the ends of one part of a list; digits: some have stood before it."""
    low = high = 0
    in_range = False
    expect_digit = True
    previous = 0
    for c in part:
        if c in SPACE:
            previous = c
            continue
        if digits and previous and previous in SPACE:
            raise LinuxError(Errno.EINVAL, "blanks inside a list")
        previous = c
        if c == _MINUS:
            if expect_digit or in_range:
                raise LinuxError(Errno.EINVAL, "a range without a beginning")
            high = 0
            in_range = expect_digit = True
            continue
        if not 0x30 <= c <= 0x39:
            raise LinuxError(Errno.EINVAL, "not a number")
        high = high * 10 + c - 0x30
        if not in_range:
            low = high
        expect_digit = False
        digits = True
    return low, high
