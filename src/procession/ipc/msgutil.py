"""Messages, as they are copied in and out (ipc/msgutil.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import LinuxError
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.msg import MsgMsg
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("free_msg", "load_msg", "msgutil_init", "store_msg")

# What fits into the first page behind the header, and into each that follows.
DATALEN_MSG: Final = PAGE_SIZE - 48
DATALEN_SEG: Final = PAGE_SIZE - 8


def msgutil_init(k: Kernel) -> None:
    """Make the caches."""
    slab.kmem_cache_create(k, "msg_msg", PAGE_SIZE)


def load_msg(current: Task, src: UserPtr, length: int, offset: int = 0) -> MsgMsg:
    """Return a message of length bytes at src + offset, copied page by page; raises ENOMEM, EFAULT."""
    cache = current.kernel.caches["msg_msg"]
    text = b""
    pieces = 0
    try:
        while not pieces or len(text) < length:
            cache.alloc()
            pieces += 1
            piece = min(length - len(text), DATALEN_MSG if pieces == 1 else DATALEN_SEG)
            if piece:
                text += uaccess.copy_from_user(current, src, piece, offset + len(text))
    except LinuxError:
        for _ in range(pieces):
            cache.free()
        raise
    return MsgMsg(text, pieces)


def store_msg(current: Task, dest: UserPtr, msg: MsgMsg, length: int, offset: int = 0) -> None:
    """Copy the first length bytes of a message to dest + offset; raises EFAULT."""
    if length:
        uaccess.copy_to_user(current, dest, msg.text[:length], offset)


def free_msg(k: Kernel, msg: MsgMsg) -> None:
    """Give up a message."""
    for _ in range(msg.pieces):
        k.caches["msg_msg"].free()
