"""Sets of small numbers as text: 0-3,7 (lib/bitmap.c). A set is an int."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import Errno, LinuxError

__all__ = ("bitmap_parselist", "bitmap_scnlistprintf")

_SPACE: Final = b" \t\n\v\f\r\xa0"


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
    parts = text.split(b"\n", 1)[0].split(b",")
    if not parts[-1] and len(parts) > 1:
        parts.pop()  # a comma may be the last
    digits = False
    for part in parts:
        if digits and part[:1] and part[0] in _SPACE and part.strip(_SPACE):
            raise LinuxError(Errno.EINVAL, "blanks within a list")
        first, last = _range(part)
        digits = digits or any(48 <= char <= 57 for char in part)
        if first > last:
            raise LinuxError(Errno.EINVAL, "a range that runs backwards")
        if last >= nmaskbits:
            raise LinuxError(Errno.ERANGE, f"{last} is too large")
        bits |= (1 << last + 1) - (1 << first)
    return bits


def _range(part: bytes) -> tuple[int, int]:
    """Return the first and the last number of a part; nothing is 0."""
    first, dash, last = part.strip(_SPACE).partition(b"-")
    for number in (first, last):
        if number and not number.isdigit():
            raise LinuxError(Errno.EINVAL, "not a number")
    if dash and not first:
        raise LinuxError(Errno.EINVAL, "a range without a beginning")
    low = int(first or b"0")
    return low, int(last or b"0") if dash else low
