"""Numbers written in text, read as a whole or not at all (lib/kstrtox.c); text ends at its first NUL."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, ULONG_MAX

__all__ = ("kstrtoint", "kstrtoll", "kstrtoull", "parse_integer", "parse_integer_fixup_radix")

_DIGITS: Final = b"0123456789abcdef"
_LLONG_MAX: Final = (1 << 63) - 1


def parse_integer_fixup_radix(text: bytes, base: int) -> tuple[int, int]:
    """Return the base of the number that text begins with, and where its digits do; base 0: the prefix decides."""
    prefixed = text[:2].lower() == b"0x"
    if base == 0:
        if text[:1] != b"0":
            return 10, 0
        base = 16 if prefixed and text[2:3] and text[2:3].lower() in _DIGITS else 8
    return base, 2 if base == 16 and prefixed else 0


def parse_integer(text: bytes, base: int, at: int = 0) -> tuple[int, int]:
    """Return the number whose digits begin at text[at], however large, and where they end: at, if there are none."""
    value = 0
    while at < len(text):
        digit = _DIGITS.find(text[at : at + 1].lower())
        if not 0 <= digit < base:
            break
        value = value * base + digit
        at += 1
    return value, at


def kstrtoull(text: bytes, base: int = 0) -> int:
    """Return an unsigned number, a + before it and a newline behind it allowed; raises EINVAL, ERANGE."""
    return _kstrtoull(text[1:] if text[:1] == b"+" else text, base)


def _kstrtoull(text: bytes, base: int) -> int:
    text = text.split(b"\0", 1)[0]
    base, start = parse_integer_fixup_radix(text, base)
    value, end = parse_integer(text, base, start)
    if value > ULONG_MAX:
        raise LinuxError(Errno.ERANGE, "more than 64 bits")
    if end == start or text[end:] not in (b"", b"\n"):
        raise LinuxError(Errno.EINVAL, "not a number")
    return value


def kstrtoll(text: bytes, base: int = 0) -> int:
    """Return a number with a sign; raises EINVAL, ERANGE, also for -0."""
    if text[:1] == b"-":
        value = _kstrtoull(text[1:], base)
        if not 0 < value <= _LLONG_MAX + 1:
            raise LinuxError(Errno.ERANGE, "not below 0, or too far")
        return -value
    value = kstrtoull(text, base)
    if value > _LLONG_MAX:
        raise LinuxError(Errno.ERANGE, "more than 63 bits")
    return value


def kstrtoint(text: bytes, base: int = 0) -> int:
    """Return an int; raises EINVAL, ERANGE."""
    value = kstrtoll(text, base)
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise LinuxError(Errno.ERANGE, "more than an int")
    return value
