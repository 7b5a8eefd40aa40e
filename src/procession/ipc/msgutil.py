"""Messages of System V's and of POSIX's queues (ipc/msgutil.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("MsgMsg", "free_msg", "load_msg", "store_msg")

SIZEOF_MSG_MSG: Final = 48


class MsgMsg:
    """struct msg_msg. m_type: its type, or its priority.  pages: what its memory counts as."""

    __slots__ = ("data", "m_type", "pages")

    def __init__(self, data: bytes) -> None:
        self.data: Final[bytes] = data
        self.m_type = 0
        self.pages: Final[int] = SIZEOF_MSG_MSG + len(data) + PAGE_SIZE - 1 >> PAGE_SHIFT


def load_msg(current: Task, src: UserPtr, length: int) -> MsgMsg:
    """Return a message of length bytes from user space; raises ENOMEM, EFAULT."""
    k = current.kernel
    pages = SIZEOF_MSG_MSG + length + PAGE_SIZE - 1 >> PAGE_SHIFT
    if k.mm.kmem_pages + pages > k.mm.kmem_limit:
        raise LinuxError(Errno.ENOMEM, "no memory for a message")
    if k.fault_attr is not None:
        k.fault_attr.ask(k, "slab", "msg_msg", Errno.ENOMEM)
    msg = MsgMsg(uaccess.copy_from_user(current, src, length) if length else b"")
    k.mm.kmem_pages += msg.pages
    return msg


def store_msg(current: Task, dest: UserPtr, msg: MsgMsg) -> None:
    """Write a message's bytes to user space; raises EFAULT."""
    if msg.data:
        uaccess.copy_to_user(current, dest, msg.data)


def free_msg(k: Kernel, msg: MsgMsg) -> None:
    """Give its memory back."""
    k.mm.kmem_pages -= msg.pages
