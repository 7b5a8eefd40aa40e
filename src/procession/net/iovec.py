"""Messages that lie in user memory, in pieces (net/core/iovec.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("UserMessage",)


class UserMessage:
    """Something to be sent that is copied from user memory as it goes: a program may well claim to send terabytes."""

    __slots__ = ("current", "pieces", "size")

    def __init__(self, current: Task, pieces: list[tuple[int, int]]) -> None:
        self.current = current
        self.pieces = pieces
        self.size = sum(length for _, length in pieces)

    def __len__(self) -> int:
        # What a length may be in Python is also the most that a size_t could say without being negative.
        return min(self.size, (1 << 63) - 1)

    def __getitem__(self, part: slice) -> bytes:
        """Copy a part of it; raises EFAULT."""
        start, stop, _ = part.indices(len(self))
        data = []
        for base, length in self.pieces:
            if start >= stop:
                break
            if start < length:
                n = min(length, stop) - start
                data.append(uaccess.copy_from_user(self.current, base + start, n))
                start += n
            start -= length
            stop -= length
        return b"".join(data)
