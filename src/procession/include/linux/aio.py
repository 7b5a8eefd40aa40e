"""Contexts and requests of asynchronous input and output (include/linux/aio.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.fs.eventfd import EventfdCtx
    from procession.include.linux.fs import File
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.spinlock import SpinLock
    from procession.include.linux.types import UserPtr
    from procession.include.linux.wait import WaitQueueHead

__all__ = ("Kiocb", "Kioctx")


class Kiocb:
    """A request in the kernel (struct kiocb).

    ki_obj, ki_user_data: what the event names.  ki_nbytes, ki_left: asked for and still to do.  ki_iovec: where, as
    (address, bytes) of each piece.
    """

    __slots__ = (
        "ki_filp",
        "ki_eventfd",
        "ki_obj",
        "ki_user_data",
        "ki_opcode",
        "ki_pos",
        "ki_nbytes",
        "ki_left",
        "ki_iovec",
        "ki_cancelled",
    )  # derived

    def __init__(self) -> None:
        self.ki_filp: File | None = None
        self.ki_eventfd: EventfdCtx | None = None
        self.ki_obj: UserPtr = 0
        self.ki_user_data: int = 0
        self.ki_opcode: int = 0
        self.ki_pos: int = 0
        self.ki_nbytes: int = 0
        self.ki_left: int = 0
        self.ki_iovec: list[tuple[int, int]] = []
        self.ki_cancelled: bool = False


class Kioctx:
    """A context (struct kioctx with its struct aio_ring_info).

    user_id: its number, which is where its ring was mapped.  users: who refers to it.  nr: events in the ring, one
    of which stays free.  tail: where the next event goes.  ring_pages: the ring's frames.  mmap_size: 0 once
    its mapping needs no care any more.
    """

    __slots__ = (
        "user_id",
        "mm",
        "users",
        "dead",
        "wait",
        "ctx_lock",
        "active_reqs",
        "reqs_active",
        "max_reqs",
        "nr",
        "tail",
        "ring_pages",
        "mmap_size",
    )  # derived

    def __init__(self, mm: MmStruct, wait: WaitQueueHead, ctx_lock: SpinLock, max_reqs: int) -> None:
        self.user_id: int = 0
        self.mm: MmStruct = mm
        # mm->ioctx_lock.
        self.users: int = 1
        self.dead: bool = False
        self.wait: WaitQueueHead = wait
        # ctx_lock.
        self.ctx_lock: SpinLock = ctx_lock
        self.active_reqs: dict[Kiocb, None] = {}
        self.reqs_active: int = 0
        # Fixed at birth, but for tail.
        self.max_reqs: int = max_reqs
        self.nr: int = 0
        self.tail: int = 0
        self.ring_pages: list[int] = []
        self.mmap_size: int = 0
