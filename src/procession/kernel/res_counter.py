"""Counters with a limit, in a tree (kernel/res_counter.c)."""

from __future__ import annotations

from typing import Final

from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SIZE
from procession.lib import vsprintf

__all__ = ("RESOURCE_MAX", "ResCounter", "res_counter_memparse_write_strategy")

RESOURCE_MAX: Final = (1 << 63) - 1
_SUFFIXES: Final = {b"k": 10, b"m": 20, b"g": 30}


class ResCounter:
    """Bytes in use, those of the counters below included, and how many there may be (struct res_counter)."""

    __slots__ = ("failcnt", "limit", "max_usage", "parent", "soft_limit", "usage")

    def __init__(self, parent: ResCounter | None) -> None:
        self.usage = 0
        self.max_usage = 0
        self.limit = RESOURCE_MAX
        self.soft_limit = RESOURCE_MAX
        self.failcnt = 0
        self.parent = parent

    def charge(self, val: int) -> ResCounter | None:
        """Use so much more, here and above; if that is too much, nothing is used: returns whose limit is in the way."""
        c: ResCounter | None = self
        while c is not None:
            if c.usage + val > c.limit:
                c.failcnt += 1
                self._uncharge_below(c, val)
                return c
            c.add(val)
            c = c.parent
        return None

    def add(self, val: int) -> None:
        """Use so much more, here alone, whatever the limit is."""
        self.usage += val
        self.max_usage = max(self.max_usage, self.usage)

    def _uncharge_below(self, end: ResCounter | None, val: int) -> None:
        c: ResCounter | None = self
        while c is not end and c is not None:
            bug_on(c.usage < val, "a counter below zero", c.usage, val)
            c.usage -= val
            c = c.parent

    def uncharge(self, val: int) -> None:
        """Use so much less, here and above."""
        self._uncharge_below(None, val)

    def charge_nofail(self, val: int) -> None:
        """As charge, beyond the limits if need be."""
        c: ResCounter | None = self
        while c is not None:
            c.add(val)
            c = c.parent

    def margin(self) -> int:
        """Return how much may still be used."""
        return max(0, self.limit - self.usage)

    def set_limit(self, limit: int) -> None:
        """Set the limit; raises EBUSY if more is used."""
        if self.usage > limit:
            raise LinuxError(Errno.EBUSY, "more is in use")
        self.limit = limit


def res_counter_memparse_write_strategy(text: bytes) -> int:
    """Return an amount in bytes, rounded up to pages: a number with K, M or G behind it, -1 for all; raises EINVAL."""
    if text[:1] == b"-":
        if text[1:] != b"1" and vsprintf.simple_strtoul(text[1:], 10) != (1, len(text) - 1):
            raise LinuxError(Errno.EINVAL, "a negative amount")
        return RESOURCE_MAX
    value, end = vsprintf.simple_strtoul(text)
    shift = _SUFFIXES.get(text[end : end + 1].lower(), 0)
    if shift:
        end += 1
    if end != len(text):
        raise LinuxError(Errno.EINVAL, "no amount")
    return (value << shift) + PAGE_SIZE - 1 & PAGE_MASK & ULONG_MAX
