"""Flip buffers: input between a driver and the line discipline (drivers/tty/tty_buffer.c).

Differs: a worker moves the bytes in 3.2, some time later; here they are moved at once, but one terminal's at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.drivers.tty import n_tty_receive
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE

if TYPE_CHECKING:
    from procession.include.linux.tty import TtyBufhead, TtyStruct

__all__ = ("tty_buffer_flush", "tty_flip_buffer_push", "tty_insert_flip_string", "waits")

# What the segments of one terminal may be together, and the most that one allocation holds beside its flags.
TTY_BUFFER_MAX: Final = 65536
TTY_BUFFER_PAGE: Final = 1792


def tty_insert_flip_string(tty: TtyStruct, data: bytes) -> int:
    """Take input in; returns how many bytes there was memory for."""
    buf = tty.buf
    copied = 0
    with buf.lock.irq():
        while copied < len(data):
            goal = min(len(data) - copied, TTY_BUFFER_PAGE)
            space = _request_room(tty, goal)
            if not space:
                break
            buf.segments[-1][0] += data[copied : copied + space]
            copied += space
    return copied


def _request_room(tty: TtyStruct, size: int) -> int:
    """Make sure that the last segment has room for size bytes, or return what it has (tty_buffer_request_room)."""
    buf = tty.buf
    left = buf.segments[-1][2] - len(buf.segments[-1][0]) if buf.segments else 0
    if left >= size:
        return size
    room = size + 0xFF & ~0xFF
    if buf.memory_used + room > TTY_BUFFER_MAX or not _charge(tty, buf, buf.memory_used + room):
        return left
    buf.memory_used += room
    buf.segments.append([bytearray(), 0, room])
    return size


def _charge(tty: TtyStruct, buf: TtyBufhead, memory_used: int) -> bool:
    """Account memory_used bytes to the kernel; returns whether there are so many."""
    k = tty.kernel
    pages = memory_used + PAGE_SIZE - 1 >> PAGE_SHIFT
    more = pages - buf.pages
    if more > 0 and k.mm.kmem_pages + more > k.mm.kmem_limit:
        return False
    k.mm.kmem_pages += more
    buf.pages = pages
    return True


def _free_first(tty: TtyStruct, buf: TtyBufhead) -> None:
    buf.memory_used -= buf.segments.popleft()[2]
    _charge(tty, buf, buf.memory_used)


def tty_buffer_flush(tty: TtyStruct) -> None:
    """Throw away what the line discipline has not taken."""
    buf = tty.buf
    with buf.lock.irq():
        while buf.segments:
            _free_first(tty, buf)


def tty_flip_buffer_push(tty: TtyStruct) -> None:
    """Have the line discipline take what has come, or what it has room for again.

    While it takes another terminal's, that comes first, as one worker does all of it: an echo fills the buffers of the
    other end until then, and what they have no room for waits.
    """
    work = tty.kernel.tty.flip_work
    work.append(tty)
    if len(work) > 1:
        return
    while work:
        flush_to_ldisc(work[0])
        del work[0]


def flush_to_ldisc(tty: TtyStruct) -> None:
    """Give the line discipline what it has room for.

    It may make room while it is being given something: then the one who is at it already goes on.
    """
    buf = tty.buf
    if buf.flushing:
        return
    buf.flushing = True
    try:
        while piece := _next_piece(tty, buf):
            n_tty_receive.n_tty_receive_buf(tty, piece)
    finally:
        buf.flushing = False


def _next_piece(tty: TtyStruct, buf: TtyBufhead) -> bytes:
    """Take what there is room for from the first segment; the last one stays, and goes on being filled."""
    with buf.lock.irq():
        while buf.segments:
            segment = buf.segments[0]
            data, taken, _ = segment
            if taken < len(data):
                piece = bytes(data[taken : taken + tty.receive_room])
                segment[1] = taken + len(piece)
                return piece
            if len(buf.segments) == 1:
                break
            _free_first(tty, buf)
    return b""


def waits(tty: TtyStruct) -> bool:
    """Return whether there is input that the line discipline has had no room for."""
    return any(taken < len(data) for data, taken, _ in tty.buf.segments)
