"""Numbers that text begins with, whatever follows (lib/vsprintf.c)."""

from __future__ import annotations

from procession.include.linux.limits import ULONG_MAX
from procession.lib.kstrtox import parse_integer, parse_integer_fixup_radix

__all__ = ("simple_strtoul",)


def simple_strtoul(text: bytes, base: int = 0) -> tuple[int, int]:
    """Return the number at the beginning of text, its lowest 64 bits, and where it ends: 0 if there is none."""
    base, start = parse_integer_fixup_radix(text, base)
    value, end = parse_integer(text, base, start)
    return value & ULONG_MAX, end
