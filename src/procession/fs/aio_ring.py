"""The ring of a context's events (fs/aio.c).

It is mapped into the process, which may read events there by itself. The kernel has the ring's frames, and goes on with
them whatever becomes of the mapping.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import pgtable
from procession.hw.memory import PG_EXEC
from procession.include.linux.aio_abi import SIZEOF_IO_EVENT
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.mm_types import MAP_ANONYMOUS, PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, PROT_READ, PROT_WRITE
from procession.include.linux.mman import MAP_PRIVATE
from procession.mm import memory, mmap, page_alloc, text

if TYPE_CHECKING:
    from procession.include.linux.aio import Kioctx
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("aio_free_ring", "aio_read_evt", "aio_ring_avail", "aio_setup_ring", "put_event")

AIO_RING_MAGIC: Final = 0xA10A10A1
AIO_RING_COMPAT_FEATURES: Final = 1
AIO_RING_INCOMPAT_FEATURES: Final = 0

# struct aio_ring: id, nr, head, tail, magic, compat_features, incompat_features, header_length; the events follow.
_RING: Final = struct.Struct("<8I")
_HEAD: Final = 8
_TAIL: Final = 12


def _ring_word(k: Kernel, ctx: Kioctx, offset: int) -> int:
    at = (ctx.ring_pages[0] << PAGE_SHIFT) + offset
    return int.from_bytes(k.frames.phys[at : at + 4], "little")


def _ring_store(k: Kernel, ctx: Kioctx, offset: int, data: bytes) -> None:
    """Store into the ring, in one of its pages."""
    pfn = ctx.ring_pages[offset >> PAGE_SHIFT]
    at = (pfn << PAGE_SHIFT) + (offset & ~PAGE_MASK)
    k.frames.phys[at : at + len(data)] = data
    if k.frames.pflags[pfn] & PG_EXEC:
        slot = pgtable.lookup_address(k, ctx.mm, ctx.user_id + (offset & PAGE_MASK))
        if slot >= 0:
            text.revoke_exec(k, pfn, slot)


def _event_offset(index: int) -> int:
    return _RING.size + index * SIZEOF_IO_EVENT


def aio_setup_ring(current: Task, ctx: Kioctx) -> None:
    """Map a ring for two events more than asked for, and as many as its pages have room for; raises ENOMEM."""
    k = current.kernel
    nr_pages = _event_offset(ctx.max_reqs + 2) + PAGE_SIZE - 1 >> PAGE_SHIFT
    size = nr_pages << PAGE_SHIFT
    with ctx.mm.mmap_sem.write():
        ctx.user_id = mmap.do_mmap_pgoff(current, None, 0, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, 0)
    ctx.mmap_size = size
    ctx.ring_pages = memory.get_user_pages_fast(current, ctx.user_id, nr_pages, write=True)
    if len(ctx.ring_pages) != nr_pages:
        raise LinuxError(Errno.ENOMEM, "no pages for the ring")
    ctx.nr = (size - _RING.size) // SIZEOF_IO_EVENT
    _ring_store(
        k,
        ctx,
        0,
        _RING.pack(
            ctx.user_id & UINT_MAX,
            ctx.nr,
            0,
            0,
            AIO_RING_MAGIC,
            AIO_RING_COMPAT_FEATURES,
            AIO_RING_INCOMPAT_FEATURES,
            _RING.size,
        ),
    )


def aio_free_ring(k: Kernel, ctx: Kioctx) -> None:
    """Let go of the ring's frames, and unmap what is in its place."""
    for pfn in ctx.ring_pages:
        page_alloc.put_page(k, pfn)
    ctx.ring_pages.clear()
    if ctx.mmap_size:
        try:
            with ctx.mm.mmap_sem.write():
                mmap.do_munmap(k.current, ctx.mm, ctx.user_id, ctx.mmap_size)
        except LinuxError:
            pass  # without memory to cut an area in two it stays, as it does in 3.2
        ctx.mmap_size = 0


def put_event(k: Kernel, ctx: Kioctx, event: bytes) -> None:
    """Put an event into the ring, which has room for it."""
    _ring_store(k, ctx, _event_offset(ctx.tail), event)
    ctx.tail = (ctx.tail + 1) % ctx.nr
    _ring_store(k, ctx, _TAIL, ctx.tail.to_bytes(4, "little"))


def aio_ring_avail(k: Kernel, ctx: Kioctx) -> int:
    """Return how many events the ring has room for, as its head and tail say, which are the program's to change."""
    return ((_ring_word(k, ctx, _HEAD) + ctx.nr - 1 - _ring_word(k, ctx, _TAIL)) & UINT_MAX) % ctx.nr


def aio_read_evt(k: Kernel, ctx: Kioctx) -> bytes | None:
    """Take the oldest event out of the ring; None if there is none."""
    head = _ring_word(k, ctx, _HEAD) % ctx.nr
    tail = _ring_word(k, ctx, _TAIL)
    if _ring_word(k, ctx, _HEAD) == tail or head == tail:
        return None
    offset = _event_offset(head)
    at = (ctx.ring_pages[offset >> PAGE_SHIFT] << PAGE_SHIFT) + (offset & ~PAGE_MASK)
    event = k.frames.phys[at : at + SIZEOF_IO_EVENT].tobytes()
    _ring_store(k, ctx, _HEAD, ((head + 1) % ctx.nr).to_bytes(4, "little"))
    return event
