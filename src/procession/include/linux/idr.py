"""Small numbers for things: the lowest that is free, in logarithmic time (include/linux/idr.h, lib/idr.c)."""

from __future__ import annotations

from heapq import heappop, heappush


class Ida:
    """Numbers from 0 on that are given out and taken back (struct ida).

    top: all from there on are free.  freed: those below that are free too, a heap.
    """

    __slots__ = ("freed", "top")

    def __init__(self) -> None:
        self.top = 0
        self.freed: list[int] = []

    def __len__(self) -> int:
        """How many are given out."""
        return self.top - len(self.freed)

    def get_new(self) -> int:
        """Give out the lowest free number (ida_get_new)."""
        if self.freed:
            return heappop(self.freed)
        nr = self.top
        self.top = nr + 1
        return nr

    def remove(self, nr: int) -> None:
        """Take back a number, which must have been given out (ida_remove)."""
        heappush(self.freed, nr)
