"""Sets of small numbers as text: 0-3,7 (lib/bitmap.c). A set is an int."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import Errno, LinuxError

__all__ = ("bitmap_parselist", "bitmap_scnlistprintf", "bitmap_scnprintf")

_SPACES: Final = (b" ", b"\t", b"\v", b"\f", b"\r", b"\xa0")


def bitmap_scnprintf(mask: int, bits: int) -> str:
    """Return a set in hex: groups of 32 bits, the first as wide as bits asks for."""
    width = ((bits & 31 or 32) + 3) // 4
    groups = []
    for shift in range((bits - 1) // 32 * 32, -1, -32):
        groups.append(f"{mask >> shift & 0xFFFFFFFF:0{width}x}")
        width = 8
    return ",".join(groups)


def bitmap_scnlistprintf(bits: int) -> str:
    """Return the numbers in a set, neighbours as a range."""
    ranges = []
    start = 0
    while bits >> start:
        if not bits >> start & 1:
            start += 1
            continue
        end = start
        while bits >> end + 1 & 1:
            end += 1
        ranges.append(str(start) if start == end else f"{start}-{end}")
        start = end + 1
    return ",".join(ranges)


def bitmap_parselist(text: bytes, nmaskbits: int) -> int:
    """Return the set that is written there; raises EINVAL, and ERANGE for nmaskbits or more."""
    bits = 0
    totaldigits = 0
    rest = text.split(b"\n", 1)[0]
    while True:
        part, comma, rest = rest.partition(b",")
        a, b, totaldigits = _range(part, totaldigits)
        if comma and totaldigits and part[-1:] in _SPACES:
            raise LinuxError(Errno.EINVAL, "a blank within a list")
        if a > b:
            raise LinuxError(Errno.EINVAL, "a range that runs backwards")
        if b >= nmaskbits:
            raise LinuxError(Errno.ERANGE, f"{b} is too large")
        bits |= (1 << b + 1) - (1 << a)
        if not rest:
            return bits


def _range(part: bytes, totaldigits: int) -> tuple[int, int, int]:
    """Return the first and the last number of a part, nothing being 0, and how many digits there have been in all."""
    a = b = 0
    exp_digit, in_range = True, False
    old = b""
    for at in range(len(part)):
        c = part[at : at + 1]
        if c in _SPACES:
            old = c
            continue
        if totaldigits and old:
            raise LinuxError(Errno.EINVAL, "a blank within a list")
        old = b""
        if c == b"-":
            if exp_digit or in_range:
                raise LinuxError(Errno.EINVAL, "a range without a beginning")
            b, in_range, exp_digit = 0, True, True
            continue
        if not c.isdigit():
            raise LinuxError(Errno.EINVAL, "not a number")
        b = b * 10 + int(c)
        if not in_range:
            a = b
        exp_digit = False
        totaldigits += 1
    return a, b, totaldigits
