"""Frames: allocation, reference counts, the machine's memory (mm/page_alloc.c, swap.c's put_page).

Freed frames are used again newest first; frames never used before follow by number. There are no zones and no
orders: nothing here needs contiguous memory.

Differs: no watermarks, no background reclaim. When memory is used up, clean file pages nobody maps are dropped;
then the OOM killer runs and the allocation fails at once, since a plain function cannot wait for the victim.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.memory import PG_CGROUP, PG_EXEC
from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.printk import KERN_INFO
from procession.mm import filemap, oom_kill

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = (
    "ZEROES",
    "alloc_page",
    "alloc_zeroed_page",
    "clear_page",
    "free_page",
    "get_page",
    "mem_init",
    "nr_free_pages",
    "nr_used_pages",
    "put_page",
)

ZEROES: Final = bytes(PAGE_SIZE)


def mem_init(k: Kernel) -> None:
    """Hand the machine's frames to the allocator and make the zero page. Frame 0 is never used: a pgd of 0 is none."""
    k.mm.total_pages = k.frames.nr_pages
    k.mm.next_fresh = 1
    k.frames.count[0] = 1
    # What is kept in objects of the host takes no frames, so it has limits of its own.
    k.mm.kmem_limit = k.mm.total_pages // 2
    k.mm.zero_pfn = alloc_zeroed_page(k)
    total, available = (pages * PAGE_SIZE >> 10 for pages in (k.mm.total_pages, nr_free_pages(k)))
    k.printk(
        f"Memory: {available}k/{total}k available (0k kernel code, 0k absent, {total - available}k reserved, 0k data, "
        "0k init)",
        KERN_INFO,
    )


def nr_free_pages(k: Kernel) -> int:
    """Return how many frames are free."""
    return len(k.mm.free_list) + k.mm.total_pages - k.mm.next_fresh


def nr_used_pages(k: Kernel) -> int:
    """Return the frames not free, without those of the page cache: what must be back at its baseline at the end."""
    return k.mm.total_pages - nr_free_pages(k) - len(k.mm.page_cache)


def alloc_page(k: Kernel) -> int:
    """Return a frame with one reference and any contents; raises ENOMEM."""
    if k.fault_attr is not None:
        should_fail_alloc_page(k)
    free = k.mm.free_list
    if free:
        pfn = free.pop()
    else:
        pfn = k.mm.next_fresh
        if pfn == k.mm.total_pages:
            pfn = _alloc_slowpath(k, oom_kill.GFP_HIGHUSER_MOVABLE)
        else:
            k.mm.next_fresh = pfn + 1
    k.frames.count[pfn] = 1
    k.mm.pgalloc += 1
    return pfn


def alloc_zeroed_page(k: Kernel) -> int:
    """Return a frame full of zeroes with one reference (get_zeroed_page); raises ENOMEM."""
    if k.fault_attr is not None:
        should_fail_alloc_page(k)
    free = k.mm.free_list
    frames = k.frames
    if free:
        pfn = free.pop()
        start = pfn << PAGE_SHIFT
        frames.phys[start : start + PAGE_SIZE] = ZEROES
    else:
        pfn = k.mm.next_fresh
        if pfn == k.mm.total_pages:
            pfn = _alloc_slowpath(k, oom_kill.GFP_HIGHUSER_MOVABLE | oom_kill.GFP_ZERO)
            clear_page(k, pfn)
        else:
            k.mm.next_fresh = pfn + 1
    frames.count[pfn] = 1
    k.mm.pgalloc += 1
    return pfn


def should_fail_alloc_page(k: Kernel) -> None:
    """Raise ENOMEM if this allocation is to be refused; nobody is killed for it."""
    assert k.fault_attr is not None
    k.fault_attr.ask(k, "page", "page", Errno.ENOMEM)


def _alloc_slowpath(k: Kernel, gfp_mask: int) -> int:
    if filemap.shrink_page_cache(k, 32):
        return k.mm.free_list.pop()
    oom_kill.out_of_memory(k, gfp_mask)
    raise LinuxError(Errno.ENOMEM, "no free frame")


def clear_page(k: Kernel, pfn: int) -> None:
    """Fill a frame with zeroes."""
    start = pfn << PAGE_SHIFT
    k.frames.phys[start : start + PAGE_SIZE] = ZEROES


def get_page(k: Kernel, pfn: int) -> None:
    """Take a reference."""
    k.frames.count[pfn] += 1


def put_page(k: Kernel, pfn: int) -> None:
    """Drop a reference; the last one frees the frame."""
    count = k.frames.count
    left = count[pfn] - 1
    count[pfn] = left
    if left <= 0:
        free_page(k, pfn)


def free_page(k: Kernel, pfn: int) -> None:
    """Give a frame without references back (free_hot_cold_page)."""
    frames = k.frames
    if frames.count[pfn] or frames.mapcount[pfn]:
        bug("bad page state: count, mapcount", pfn, frames.count[pfn], frames.mapcount[pfn])
    flags = frames.pflags[pfn]
    if flags:
        if flags & PG_EXEC:
            k.x86.tb_dirty_pages.append(pfn)
            k.x86.untranslatable.pop(pfn, None)
            k.x86.tlb_gen += 1
        if flags & PG_CGROUP:
            assert k.mm.memcg is not None
            k.mm.memcg.uncharge_page(pfn)
        frames.pflags[pfn] = 0
    k.mm.free_list.append(pfn)
