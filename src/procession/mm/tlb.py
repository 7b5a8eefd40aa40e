"""What the CPU may still remember of changed page tables or rewritten code (asm/tlbflush.h, mm/tlb.c).

The CPU caches entries that allow an access, never ones that refuse it. So a flush is needed after an entry lost
a permission or was replaced, and after it gained one if the CPU may hold the older entry. The functions only mark;
arch/x86 obeys before user code runs on: it flushes when k.x86.tlb_gen, which counts requests, is not what it was, and
then drops translated code of the frames in k.x86.tb_dirty_pages, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct

__all__ = ("flush_tlb_mm", "flush_tlb_page", "flush_tlb_range")


def flush_tlb_mm(k: Kernel, mm: MmStruct) -> None:
    """Have every CPU forget the entries of mm."""
    k.x86.tlb_gen += 1


def flush_tlb_range(k: Kernel, mm: MmStruct, start: int, end: int) -> None:
    """Have every CPU forget the entries for [start, end). Ours: all of them, which costs the engine the same."""
    k.x86.tlb_gen += 1


def flush_tlb_page(k: Kernel, mm: MmStruct, address: int) -> None:
    """Have every CPU forget the entry for one page."""
    k.x86.tlb_gen += 1
