"""Changing the protection of mapped pages (mm/mprotect.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.costs import PTE_CHANGE_NS
from procession.include.asm.pgtable import PAGE_PROT, PTE_ACCESSED, PTE_DIRTY, PTE_PFN_MASK, PTE_RW
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    PROT_GROWSDOWN,
    PROT_GROWSUP,
    PROT_SEM,
    VM_ACCOUNT,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_NORESERVE,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    MmStruct,
    VmArea,
)
from procession.include.linux.mman import ProtArg
from procession.include.linux.prctl import READ_IMPLIES_EXEC
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, SizeT
from procession.kernel import sched_account
from procession.mm import memory, mlock, mmap, tlb, util

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("mprotect_fixup", "sys_mprotect")

_RWX: Final = VM_READ | VM_WRITE | VM_EXEC


@syscall
def sys_mprotect(current: Task, start: Addr, length: SizeT, prot: ProtArg) -> int:
    """Change the protection of pages (mprotect(2)); raises EINVAL, ENOMEM, EACCES."""
    grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP)
    prot &= ~(PROT_GROWSDOWN | PROT_GROWSUP)
    if grows == PROT_GROWSDOWN | PROT_GROWSUP or start & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "bad start or direction")
    if not length:
        return 0
    end = start + (length + PAGE_SIZE - 1 & PAGE_MASK)
    if end <= start or end >> 64:
        raise LinuxError(Errno.ENOMEM, "the range wraps")
    if prot & ~(_RWX | PROT_SEM):
        raise LinuxError(Errno.EINVAL, "unknown protection")
    if prot & VM_READ and current.personality & READ_IMPLIES_EXEC:
        prot |= VM_EXEC
    mm = current.mm
    assert mm is not None
    with mm.mmap_sem.write():
        _do_mprotect(current, mm, start, end, prot & _RWX, grows)
    return 0


def _do_mprotect(current: Task, mm: MmStruct, start: int, end: int, prot: int, grows: int) -> None:
    vma = mmap.find_vma(mm, start)
    if vma is None:
        raise LinuxError(Errno.ENOMEM, "not mapped")
    if grows == PROT_GROWSDOWN:
        if vma.vm_start >= end:
            raise LinuxError(Errno.ENOMEM, "not mapped")
        start = vma.vm_start
        if not vma.vm_flags & VM_GROWSDOWN:
            raise LinuxError(Errno.EINVAL, "not a stack")
    else:
        if vma.vm_start > start:
            raise LinuxError(Errno.ENOMEM, "not mapped")
        if grows:
            raise LinuxError(Errno.EINVAL, "nothing grows up")
    for part, first, stop in mmap.mapped_parts(mm, start, end):
        newflags = prot | part.vm_flags & ~_RWX
        if newflags & ~(newflags >> 4) & _RWX:
            raise LinuxError(Errno.EACCES, "more than the file was opened for")
        mprotect_fixup(current, mm, part, first, stop, newflags)


def mprotect_fixup(current: Task, mm: MmStruct, vma: VmArea, start: int, end: int, newflags: int) -> None:
    """Give [start, end) of vma newflags, in the area and in its pages; raises ENOMEM."""
    oldflags = vma.vm_flags
    if newflags == oldflags:
        return
    k = current.kernel
    pages = end - start >> PAGE_SHIFT
    charged = newflags & VM_WRITE and not oldflags & (VM_ACCOUNT | VM_WRITE | VM_SHARED | VM_NORESERVE)
    if charged:
        # Private pages may now be written, so they must be promised.
        util.vm_enough_memory(current, pages)
        newflags |= VM_ACCOUNT
    file = vma.vm_file
    try:
        mlock.change_vma_flags(current, mm, vma, start, end, newflags)
    except LinuxError:
        if charged:
            k.mm.vm_committed -= pages
        raise
    change_protection(k, mm, start, end, newflags)
    util.vm_stat_account(mm, oldflags, file, -pages)
    util.vm_stat_account(mm, newflags, file, pages)


def change_protection(k: Kernel, mm: MmStruct, start: int, end: int, vm_flags: int) -> None:
    """Rewrite the entries of present pages.

    Write permission goes (a private page gets it back at the next write fault, which finds that nobody shares it),
    except in a shared mapping, whose pages are known to be dirty.
    """
    prot = PAGE_PROT[vm_flags & 7] & ~PTE_ACCESSED
    keep = PTE_PFN_MASK | PTE_ACCESSED | PTE_DIRTY
    if vm_flags & (VM_SHARED | VM_WRITE) == VM_SHARED | VM_WRITE:
        keep |= PTE_RW
    q = k.frames.q
    changed = 0
    with mm.page_table_lock:
        for _, lo, hi in memory.tables_in(mm, start, end):
            found = memory.present_entries(k, lo, hi)
            for i in found:
                q[i] = q[i] & keep | prot
            changed += len(found)
    if changed:
        sched_account.account_system_time(k.current, changed * PTE_CHANGE_NS)
        tlb.flush_tlb_range(k, mm, start, end)
