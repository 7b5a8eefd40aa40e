"""The pieces of memory that a message comes from or goes to (net/core/iovec.c)."""

from __future__ import annotations

from collections.abc import Sequence
import struct
from typing import TYPE_CHECKING

from procession.include.linux.limits import INT_MAX
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("iovec_of", "verify_iovec")


def verify_iovec(current: Task, ptr: int, count: int) -> uaccess.IovBuffer:
    """Return the pieces of memory that an array of (address, length) names, cut to INT_MAX bytes; raises EFAULT."""
    raw = uaccess.copy_from_user(current, ptr, 16 * count) if count else b""
    return iovec_of(current, list(struct.iter_unpack("<QQ", raw)))


def iovec_of(current: Task, pieces: Sequence[tuple[int, int]]) -> uaccess.IovBuffer:
    """Return pieces of memory, given as (address, length), cut to INT_MAX bytes."""
    segments = []
    room = INT_MAX
    for base, length in pieces:
        part = min(length, room)
        room -= part
        segments.append((base, part))
    return uaccess.IovBuffer(current, segments, INT_MAX - room)
