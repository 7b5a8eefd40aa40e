"""Page tables of x86-64: allocation and walks (arch/x86/mm/pgtable.c, asm/pgalloc.h).

Tables live in frames and are what the CPU walks. Code here names a table entry by its index into Frames.q, the view
of memory as 64-bit words. `mm.pte_tables` remembers where the tables of the lowest level are; since only the kernel
makes and frees tables it cannot go stale, and a look-up costs one dictionary access instead of four loads.

Differs: no huge pages; of the kernel's half there are the pages of hw/cpu.py, which are the engine's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.costs import PAGE_CLEAR_NS, TABLE_FREE_NS, TABLE_NS
from procession.hw.cpu import KERNEL_HALF
from procession.include.asm.pgtable import (
    PGDIR_SHIFT,
    PMD_SHIFT,
    PTE_INDEX_MASK,
    PTE_PFN_MASK,
    PTE_PRESENT,
    PTE_TABLE,
    PUD_SHIFT,
)
from procession.include.linux.errno import LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.kernel import sched_account
from procession.mm import page_alloc

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct

__all__ = ("free_pte_table", "lookup_address", "pte_alloc", "table_pages", "walk")


_EMPTY_PGD: Final = bytes(PAGE_SIZE - 8) + KERNEL_HALF.to_bytes(8, "little")


def pte_alloc(k: Kernel, mm: MmStruct, address: int) -> int:
    """Return the index of the last-level table that covers address, making tables as needed; raises ENOMEM."""
    region = address >> PMD_SHIFT
    base = mm.pte_tables.get(region)
    if base is not None:
        return base
    q = k.frames.q
    made: list[int] = []  # entries set so far, to be taken back if memory runs out
    try:
        if not mm.pgd:
            mm.pgd = page_alloc.alloc_zeroed_page(k) << PAGE_SHIFT
            q[(mm.pgd >> 3) + PTE_INDEX_MASK] = KERNEL_HALF
            k.x86.tlb_gen += 1  # an empty table took its place so far
            made.append(-1)
        slot = (mm.pgd >> 3) + (address >> PGDIR_SHIFT & PTE_INDEX_MASK)
        for shift in (PUD_SHIFT, PMD_SHIFT):
            entry = q[slot]
            if not entry:
                entry = q[slot] = page_alloc.alloc_zeroed_page(k) << PAGE_SHIFT | PTE_TABLE
                made.append(slot)
            slot = ((entry & PTE_PFN_MASK) >> 3) + (address >> shift & PTE_INDEX_MASK)
        pfn = page_alloc.alloc_zeroed_page(k)
    except LinuxError:
        _undo_tables(k, mm, made)
        raise
    sched_account.account_system_time(k.current, (len(made) + 1) * (TABLE_NS + PAGE_CLEAR_NS))
    q[slot] = pfn << PAGE_SHIFT | PTE_TABLE
    mm.nr_ptes += 1
    base = mm.pte_tables[region] = pfn << 9
    return base


def _undo_tables(k: Kernel, mm: MmStruct, made: list[int]) -> None:
    q = k.frames.q
    for slot in reversed(made):
        if slot < 0:
            page_alloc.put_page(k, mm.pgd >> PAGE_SHIFT)
            mm.pgd = 0
            k.x86.tlb_gen += 1
        else:
            page_alloc.put_page(k, (q[slot] & PTE_PFN_MASK) >> PAGE_SHIFT)
            q[slot] = 0


def free_pte_table(k: Kernel, mm: MmStruct, region: int) -> None:
    """Free the table of a 2 MiB region, which maps nothing any more, and tables above it that became empty."""
    frames = k.frames
    q = frames.q
    phys = frames.phys
    base = mm.pte_tables.pop(region)
    mm.nr_ptes -= 1
    address = region << PMD_SHIFT
    slots = [(mm.pgd >> 3) + (address >> PGDIR_SHIFT & PTE_INDEX_MASK)]
    for shift in (PUD_SHIFT, PMD_SHIFT):
        slots.append(((q[slots[-1]] & PTE_PFN_MASK) >> 3) + (address >> shift & PTE_INDEX_MASK))
    page_alloc.put_page(k, base >> 9)
    sched_account.account_system_time(k.current, TABLE_FREE_NS)
    while slots:
        slot = slots.pop()
        q[slot] = 0
        table = slot >> 9
        empty = page_alloc.ZEROES if slots else _EMPTY_PGD
        if bytes(phys[table << PAGE_SHIFT : (table + 1) << PAGE_SHIFT]) != empty:
            return
        page_alloc.put_page(k, table)
        sched_account.account_system_time(k.current, TABLE_FREE_NS)
    mm.pgd = 0
    k.x86.tlb_gen += 1


def table_pages(k: Kernel, mm: MmStruct) -> list[int]:
    """Return the frames of all page tables of mm, lowest level first."""
    if not mm.pgd:
        return []
    q = k.frames.q
    pages = [base >> 9 for base in mm.pte_tables.values()]
    pgd = mm.pgd >> 3
    puds = {}
    for top in dict.fromkeys([region >> 18 for region in mm.pte_tables]):
        puds[top] = (q[pgd + (top & PTE_INDEX_MASK)] & PTE_PFN_MASK) >> PAGE_SHIFT
    middles = dict.fromkeys([region >> 9 for region in mm.pte_tables])
    pages += [
        (q[(puds[middle >> 9] << 9) + (middle & PTE_INDEX_MASK)] & PTE_PFN_MASK) >> PAGE_SHIFT for middle in middles
    ]
    pages.extend(puds.values())
    pages.append(mm.pgd >> PAGE_SHIFT)
    return pages


def walk(k: Kernel, mm: MmStruct, address: int) -> int:
    """Return the entry for address as the CPU would find it, through all four levels; 0 if a table is missing."""
    if not mm.pgd:
        return 0
    q = k.frames.q
    table = mm.pgd
    for shift in (PGDIR_SHIFT, PUD_SHIFT, PMD_SHIFT, PAGE_SHIFT):
        entry = q[((table & PTE_PFN_MASK) >> 3) + (address >> shift & PTE_INDEX_MASK)]
        if shift != PAGE_SHIFT and not entry & PTE_PRESENT:
            return 0
        table = entry
    return table


def lookup_address(k: Kernel, mm: MmStruct, address: int) -> int:
    """Return the index into Frames.q of the entry for address, -1 if its table does not exist."""
    base = mm.pte_tables.get(address >> PMD_SHIFT)
    return -1 if base is None else base + (address >> PAGE_SHIFT & PTE_INDEX_MASK)
