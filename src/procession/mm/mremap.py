"""Growing, shrinking and moving mappings (mm/mremap.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.arch.x86 import pgtable
from procession.hw.costs import PTE_CHANGE_NS
from procession.include.asm.pgtable import PMD_SHIFT, PTE_INDEX_MASK, PTE_NX
from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    MAP_FIXED,
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    VM_ACCOUNT,
    VM_DONTEXPAND,
    VM_LOCKED,
    VM_PFNMAP,
    MmStruct,
    VmArea,
)
from procession.include.linux.mman import MREMAP_FIXED, MREMAP_MAYMOVE, MremapArg, NewAddrArg
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, SizeT
from procession.kernel import sched_account
from procession.mm import memory, mlock, mmap, tlb, util
from procession.mm import vma as areas

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("sys_mremap",)


@syscall
def sys_mremap(
    current: Task, addr: Addr, old_len: SizeT, new_len: SizeT, flags: MremapArg, new_addr: NewAddrArg
) -> Addr:
    """Resize or move a mapping (mremap(2)); raises EINVAL, EFAULT, ENOMEM, EAGAIN, EPERM."""
    mm = current.mm
    assert mm is not None
    if flags & ~(MREMAP_FIXED | MREMAP_MAYMOVE) or addr & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "bad flags or address")
    old_len = old_len + PAGE_SIZE - 1 & PAGE_MASK
    new_len = new_len + PAGE_SIZE - 1 & PAGE_MASK
    if not new_len or new_len >> 64:
        raise LinuxError(Errno.EINVAL, "length 0")
    with mm.mmap_sem.write():
        if flags & MREMAP_FIXED:
            if not flags & MREMAP_MAYMOVE:
                raise LinuxError(Errno.EINVAL, "MREMAP_FIXED without MREMAP_MAYMOVE")
            return mremap_to(current, mm, addr, old_len, new_addr, new_len)
        return _mremap(current, mm, addr, old_len, new_len, flags)


def _mremap(current: Task, mm: MmStruct, addr: int, old_len: int, new_len: int, flags: int) -> int:
    k = current.kernel
    if old_len >= new_len:
        if old_len != new_len:
            mmap.do_munmap(current, mm, addr + new_len, old_len - new_len)
        return addr
    vma, charged = vma_to_resize(current, mm, addr, old_len, new_len)
    if old_len == vma.vm_end - addr and vma_expandable(mm, vma, new_len - old_len):
        pages = new_len - old_len >> PAGE_SHIFT
        vma.vm_end = addr + new_len
        mm.total_vm += pages
        util.vm_stat_account(mm, vma.vm_flags, vma.vm_file, pages)
        if vma.vm_flags & VM_LOCKED:
            mm.locked_vm += pages
            memory.make_pages_present(current, mm, addr + old_len, addr + new_len)
        return addr
    if not flags & MREMAP_MAYMOVE:
        k.mm.vm_committed -= charged
        raise LinuxError(Errno.ENOMEM, "no room behind the mapping")
    try:
        new_addr = mmap.get_unmapped_area(current, mm, 0, new_len, 0)
        mmap.check_mmap_min_addr(current, new_addr)
        return move_vma(current, mm, vma, addr, old_len, new_len, new_addr)
    except LinuxError:
        k.mm.vm_committed -= charged
        raise


def vma_expandable(mm: MmStruct, vma: VmArea, delta: int) -> bool:
    end = vma.vm_end + delta
    return end <= mm.task_size and mmap.find_vma_intersection(mm, vma.vm_end, end) is None


def vma_to_resize(current: Task, mm: MmStruct, addr: int, old_len: int, new_len: int) -> tuple[VmArea, int]:
    """Return the one area that [addr, addr+old_len) lies in, and how many pages its growth was charged.

    Raises EFAULT if it is not one area or may not grow; EINVAL, EAGAIN, ENOMEM.
    """
    vma = mmap.find_vma(mm, addr)
    if vma is None or vma.vm_start > addr or old_len > vma.vm_end - addr:
        raise LinuxError(Errno.EFAULT, "not one mapping")
    if new_len <= old_len:
        return vma, 0
    if vma.vm_flags & (VM_DONTEXPAND | VM_PFNMAP):
        raise LinuxError(Errno.EFAULT, "the mapping may not grow")
    pages = new_len - old_len >> PAGE_SHIFT
    if vma.vm_flags & VM_LOCKED:
        mlock.check_mlock_limit(current, mm, pages)
    if not util.may_expand_vm(current, mm, pages):
        raise LinuxError(Errno.ENOMEM, "RLIMIT_AS")
    if not vma.vm_flags & VM_ACCOUNT:
        return vma, 0
    util.vm_enough_memory(current, pages)
    return vma, pages


def mremap_to(current: Task, mm: MmStruct, addr: int, old_len: int, new_addr: int, new_len: int) -> int:
    """Move to a given place, in place of what is there (MREMAP_FIXED)."""
    if new_addr & ~PAGE_MASK or new_len > mm.task_size or new_addr > mm.task_size - new_len:
        raise LinuxError(Errno.EINVAL, "bad new address")
    if new_addr <= addr < new_addr + new_len or addr <= new_addr < addr + old_len:
        raise LinuxError(Errno.EINVAL, "old and new place overlap")
    mmap.check_mmap_min_addr(current, new_addr)
    mmap.do_munmap(current, mm, new_addr, new_len)
    if old_len >= new_len:
        if old_len > new_len:
            mmap.do_munmap(current, mm, addr + new_len, old_len - new_len)
        old_len = new_len
    vma, charged = vma_to_resize(current, mm, addr, old_len, new_len)
    try:
        mmap.get_unmapped_area(current, mm, new_addr, new_len, MAP_FIXED)
        return move_vma(current, mm, vma, addr, old_len, new_len, new_addr)
    except LinuxError:
        current.kernel.mm.vm_committed -= charged
        raise


def move_vma(current: Task, mm: MmStruct, vma: VmArea, old_addr: int, old_len: int, new_len: int, new_addr: int) -> int:
    """Move [old_addr, old_addr+old_len) of vma, pages and all, to new_addr; raises ENOMEM."""
    k = current.kernel
    if len(mm.mmap) >= k.mm.max_map_count - 3:
        raise LinuxError(Errno.ENOMEM, "too many areas")
    pgoff = vma.vm_pgoff + (old_addr - vma.vm_start >> PAGE_SHIFT)
    new_vma = copy_vma(k, mm, vma, new_addr, new_len, pgoff)
    pages = new_len >> PAGE_SHIFT
    flags = new_vma.vm_flags
    mm.total_vm += pages
    util.vm_stat_account(mm, flags, new_vma.vm_file, pages)
    if flags & VM_LOCKED:
        mm.locked_vm += pages
    try:
        move_page_tables(k, mm, old_addr, new_addr, old_len)
    except LinuxError:
        # The growth is the caller's to give back, the rest stays charged to the old place.
        if flags & VM_ACCOUNT:
            k.mm.vm_committed += pages
        mmap.do_munmap(current, mm, new_addr, new_len)
        raise

    # The charge moves along: what do_munmap gives back for the old place is the new one's.
    if flags & VM_ACCOUNT:
        k.mm.vm_committed += old_len >> PAGE_SHIFT
    hiwater_vm = mm.hiwater_vm
    if old_len:
        mmap.do_munmap(current, mm, old_addr, old_len)
    mm.hiwater_vm = hiwater_vm
    if flags & VM_LOCKED and new_len > old_len:
        memory.make_pages_present(current, mm, new_addr + old_len, new_addr + new_len)
    return new_addr


def copy_vma(k: Kernel, mm: MmStruct, vma: VmArea, addr: int, length: int, pgoff: int) -> VmArea:
    """Make an area like vma at addr, or let a neighbour take the place; raises ENOMEM."""
    if vma.vm_file is None and not vma.anon_vma:
        pgoff = addr >> PAGE_SHIFT  # nothing refers to the old offset yet, so a better one may allow merging
    _, prev = mmap.find_vma_prev(mm, addr)
    merged = areas.vma_merge(k, mm, prev, addr, addr + length, vma.vm_flags, vma.anon_vma, vma.vm_file, pgoff, vma.name)
    if merged is not None:
        return merged
    k.caches["vm_area_struct"].alloc()
    new = VmArea(mm, addr, addr + length, vma.vm_flags, pgoff, vma.vm_file, vma.anon_vma, vma.name)
    file = new.vm_file
    if file is not None:
        file.f_count += 1
        if file.f_vm_ops:
            file.vm_open(k, new)
    areas.vma_link(mm, new)
    return new


def move_page_tables(k: Kernel, mm: MmStruct, old_addr: int, new_addr: int, length: int) -> None:
    """Move page table entries; raises ENOMEM before anything has moved."""
    if not length:
        return
    delta = new_addr - old_addr
    moves = []
    for region, lo, hi in memory.tables_in(mm, old_addr, old_addr + length):
        base = mm.pte_tables[region]
        for slot in memory.present_entries(k, lo, hi):
            address = (region << PMD_SHIFT) + (slot - base << PAGE_SHIFT) + delta
            moves.append((slot, pgtable.pte_alloc(k, mm, address) + (address >> PAGE_SHIFT & PTE_INDEX_MASK)))
    q = k.frames.q
    with mm.page_table_lock:
        for old, new in moves:
            bug_on(q[new] != 0, "moving onto a mapped page")
            q[new] = q[old] | PTE_NX  # among other neighbours, see mm/text.py
            q[old] = 0
    if moves:
        sched_account.account_system_time(k.current, len(moves) * PTE_CHANGE_NS)
        tlb.flush_tlb_range(k, mm, old_addr, old_addr + length)
