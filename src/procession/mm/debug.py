"""Checks of memory as a whole: counts against what really refers to a frame (3.2's validate_mm, and more)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from procession.arch.x86 import pgtable
from procession.hw.memory import PG_EXEC, PG_FILE
from procession.include.asm.pgtable import PTE_NX, PTE_PFN_MASK, PTE_PRESENT, PTE_PROTNONE, PTE_RW
from procession.include.linux.mm_types import VM
from procession.mm import page_alloc, shmem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct

__all__ = ("frames_in_use", "real_entries", "validate_memory", "validate_mm")


def frames_in_use(k: Kernel) -> int:
    """Return the frames not free, without those of the page cache: what must be back at its baseline at the end."""
    return k.total_pages - page_alloc.nr_free_pages(k) - len(k.page_cache)


def real_entries(k: Kernel, mm: MmStruct) -> tuple[dict[int, int], list[int]]:
    """Return address -> entry of all entries, and the frames of all tables, by walking from the top as the CPU does."""
    entries: dict[int, int] = {}
    tables: list[int] = []
    if not mm.pgd:
        return entries, tables
    q = k.frames.q

    def descend(table: int, base: int, shift: int) -> None:
        tables.append(table)
        for i in k.frames.np64[table << 9:(table + 1) << 9].nonzero()[0].tolist():
            entry = q[(table << 9) + i]
            address = base + (i << shift)
            if shift == 12:
                entries[address] = entry
            else:
                descend((entry & PTE_PFN_MASK) >> 12, address, shift - 9)

    descend(mm.pgd >> 12, 0, 39)
    return entries, tables


def validate_memory(k: Kernel, mms: Iterable[MmStruct], extra: Iterable[int] = ()) -> list[str]:
    """Return what is wrong with memory, given all address spaces; extra: frames that others hold a reference to."""
    wrong: list[str] = []
    count: Counter[int] = Counter({0: 1, k.zero_pfn: 1})
    mapped: Counter[int] = Counter()
    writable: dict[int, str] = {}
    count.update(extra)
    count.update(k.page_cache.keys())
    for pfn, (inode, index) in k.page_cache.items():
        if inode.mapping.get(index) != pfn:
            wrong.append(f"page cache: frame {pfn} is not page {index} of its file")
    committed = 0
    for nr, mm in enumerate(mms):
        wrong += [f"mm {nr}: {text}" for text in validate_mm(k, mm)]
        committed += sum(v.vm_end - v.vm_start >> 12 for v in mm.mmap if v.vm_flags & VM.ACCOUNT)
        entries, tables = real_entries(k, mm)
        count.update(tables)
        for address, entry in entries.items():
            pfn = (entry & PTE_PFN_MASK) >> 12
            if pfn == k.zero_pfn:
                if entry & PTE_RW:
                    wrong.append(f"mm {nr}: the zero page is writable at {address:#x}")
                continue
            count[pfn] += 1
            mapped[pfn] += 1
            if entry & PTE_RW and not k.frames.pflags[pfn] & PG_FILE:
                writable[pfn] = f"mm {nr} at {address:#x}"
    wrong += [f"frame {pfn}: writable in {where} but shared" for pfn, where in writable.items() if mapped[pfn] != 1]
    free = set(k.free_list)
    if len(free) != len(k.free_list):
        wrong.append("a frame is on the free list twice")
    for pfn in range(k.next_fresh):
        if k.frames.count[pfn] != count[pfn]:
            wrong.append(f"frame {pfn}: count {k.frames.count[pfn]}, found {count[pfn]}")
        if k.frames.mapcount[pfn] != mapped[pfn]:
            wrong.append(f"frame {pfn}: mapcount {k.frames.mapcount[pfn]}, found {mapped[pfn]}")
        if (pfn in free) != (count[pfn] == 0):
            wrong.append(f"frame {pfn}: free and in use, or neither")
    # Shared anonymous memory is promised to its inode, which only its pages lead to.
    shared = {inode: inode.committed for inode, _ in k.page_cache.values() if isinstance(inode, shmem.ShmemInode)}
    if committed + sum(shared.values()) > k.vm_committed:
        wrong.append(f"vm_committed {k.vm_committed}, areas account for {committed} and {sum(shared.values())}")
    return wrong


def validate_mm(k: Kernel, mm: MmStruct) -> list[str]:
    """Return what is wrong with one address space."""
    wrong: list[str] = []
    end = 0
    for vma in mm.mmap:
        if not end <= vma.vm_start < vma.vm_end or (vma.vm_start | vma.vm_end) & 4095:
            wrong.append(f"area {vma.vm_start:#x}-{vma.vm_end:#x} after {end:#x}")
        end = vma.vm_end
        if vma.vm_mm is not mm:
            wrong.append(f"area {vma.vm_start:#x} belongs to another mm")
        if vma.vm_file is not None and vma not in vma.vm_file.inode.i_mmap:
            wrong.append(f"area {vma.vm_start:#x} is not in i_mmap")
    total = sum(vma.vm_end - vma.vm_start >> 12 for vma in mm.mmap)
    if total != mm.total_vm:
        wrong.append(f"total_vm {mm.total_vm}, areas have {total}")

    entries, tables = real_entries(k, mm)
    if sorted(pgtable.table_pages(k, mm)) != sorted(tables):
        wrong.append("pte_tables does not lead to all tables")
    if mm.nr_ptes != len(mm.pte_tables):
        wrong.append(f"nr_ptes {mm.nr_ptes}, tables {len(mm.pte_tables)}")
    anon = file = 0
    for address, entry in entries.items():
        pfn = (entry & PTE_PFN_MASK) >> 12
        owner = next((v for v in mm.mmap if v.vm_start <= address < v.vm_end), None)
        if owner is None:
            wrong.append(f"page at {address:#x} outside all areas")
            continue
        is_file = bool(k.frames.pflags[pfn] & PG_FILE)
        if pfn != k.zero_pfn:
            file += is_file
            anon += not is_file
            if not is_file and not owner.anon_vma:
                wrong.append(f"anonymous page at {address:#x} in an area without anon_vma")
        if entry & PTE_RW and not owner.vm_flags & VM.WRITE:
            wrong.append(f"writable page at {address:#x} in a read-only area")
        if bool(entry & PTE_NX) == bool(owner.vm_flags & VM.EXEC):
            wrong.append(f"NX does not fit at {address:#x}")
        if not entry & PTE_NX and pfn != k.zero_pfn and not k.frames.pflags[pfn] & PG_EXEC:
            wrong.append(f"executable page at {address:#x} is not marked")
        touchable = owner.vm_flags & (VM.READ | VM.WRITE | VM.EXEC)
        if bool(entry & PTE_PRESENT) != bool(touchable) or bool(entry & PTE_PROTNONE) == bool(touchable):
            wrong.append(f"presence does not fit at {address:#x}")
    if (anon, file) != (mm.rss_anon, mm.rss_file):
        wrong.append(f"rss {mm.rss_anon} anon {mm.rss_file} file, found {anon} {file}")
    return wrong
