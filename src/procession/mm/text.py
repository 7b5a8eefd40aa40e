"""Pages that are executed: no frame is executable and writable at once. Ours.

A CPU made of an engine does not see what others write into code that it has translated, is slow to store into pages
that hold code, and must not be asked to translate certain things (hw/untranslatable.py). So entries are born with NX,
whatever their area allows. The first fetch from a page faults: allow_exec() looks at the frame and takes write
permission from everybody who maps it. The first store faults: revoke_exec() takes the permission to execute away.

PG_EXEC marks the frames that may be executed: no entry for them has RW, and all entries for others have NX.

What must not be translated lies in pages as data or within other instructions, and may be executed for all that. Where
it could begin is an exit of the address space (MmStruct.exits): the engine stops before it translates there, and it is
an illegal instruction. Exits are addresses, while translated code is kept by frame and address. So both are the same
wherever a frame is at an address, but for what lies across the border of two pages: see _set_exits().

The engine looks up the bytes before all exits when it stops at one, so these have to be executable then; exits()
leaves out those that are not any more. A page with an exit at its first byte, or with too many of them, is executed one
instruction at a time, each of them looked at before (arch/x86/step.py); so is an instruction that stores into its own
page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import pgtable
from procession.hw import untranslatable
from procession.hw.memory import PG_EXEC, PG_FILE
from procession.include.asm.pgtable import PFN_MASK, PTE_NX, PTE_PRESENT, PTE_RW
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, VM_EXEC

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct, VmArea

__all__ = ("allow_exec", "exits", "forget_exits", "lend_exec", "retranslate", "revoke_exec", "take_back_exec")

_NOT_NX: Final = ~PTE_NX
_BORDER: Final = untranslatable.LONGEST - 1
_MANY_EXITS: Final = 64  # in one page
_MANY_PAGES: Final = 256  # with exits, in one address space


def allow_exec(k: Kernel, mm: MmStruct, vma: VmArea, address: int) -> bool:
    """Let the page at address in vma be executed, if it is present; false if it may not, because of what it holds."""
    slot = pgtable.lookup_address(k, mm, address)
    frames = k.frames
    q = frames.q
    entry = q[slot] if slot >= 0 else 0
    if not entry & PTE_PRESENT or not vma.vm_flags & VM_EXEC or not entry & PTE_NX:
        return True
    pfn = entry >> PAGE_SHIFT & PFN_MASK
    inside = k.x86.untranslatable.get(pfn)
    if inside is None and not frames.pflags[pfn] & PG_EXEC:
        inside = untranslatable.starts(frames.phys[pfn << PAGE_SHIFT : (pfn + 1) << PAGE_SHIFT])
    if inside and (inside[0] == 0 or len(inside) > _MANY_EXITS or len(mm.exits) >= _MANY_PAGES):
        return False
    with mm.page_table_lock:
        if inside:
            k.x86.untranslatable[pfn] = inside
        _set_exits(k, mm, address & PAGE_MASK, pfn)
        _set_exits_before(k, mm, address & PAGE_MASK, pfn)
        if not frames.pflags[pfn] & PG_EXEC:
            for other in _entries_of(k, pfn, slot):
                if q[other] & PTE_RW:
                    q[other] -= PTE_RW
                    k.x86.tlb_gen += 2  # not the flush of the page at fault, which may be left out
            frames.pflags[pfn] |= PG_EXEC
        q[slot] &= _NOT_NX
    return True


def revoke_exec(k: Kernel, pfn: int, slot: int) -> None:
    """Forbid execution of a frame that is about to be written, or has been: nobody's entry allows it any more.

    slot: one of the entries for it.
    """
    frames = k.frames
    if not frames.pflags[pfn] & PG_EXEC:
        return
    for entry in _entries_of(k, pfn, slot):
        frames.q[entry] |= PTE_NX
    frames.pflags[pfn] &= ~PG_EXEC
    k.x86.untranslatable.pop(pfn, None)
    k.x86.tb_dirty_pages.append(pfn)
    k.x86.tlb_gen += 1


def lend_exec(k: Kernel, mm: MmStruct, vma: VmArea, address: int) -> int:
    """Let one instruction at address in vma be executed, writable as the page may be; returns the entry, -1 if none.

    To be followed by take_back_exec(), before anything but this one instruction has run.
    """
    slot = pgtable.lookup_address(k, mm, address)
    if slot < 0 or not vma.vm_flags & VM_EXEC:
        return -1
    entry = k.frames.q[slot]
    if not entry & PTE_PRESENT or not entry & PTE_NX:
        return -1
    k.frames.q[slot] = entry & _NOT_NX
    return slot


def take_back_exec(k: Kernel, slots: list[int]) -> None:
    """End what lend_exec() began."""
    q = k.frames.q
    for slot in slots:
        q[slot] |= PTE_NX
        k.x86.tb_dirty_pages.append(q[slot] >> PAGE_SHIFT & PFN_MASK)
    k.x86.tlb_gen += 1


def _entries_of(k: Kernel, pfn: int, slot: int) -> list[int]:
    """Return the entries that map a frame, given one of them: all that could differ in what they allow.

    Anonymous frames with several entries are write-protected in all of them, and copied by who writes.
    """
    if not k.frames.pflags[pfn] & PG_FILE:
        return [slot]
    inode, index = k.mm.page_cache[pfn]
    found = []
    q = k.frames.q
    for vma in inode.i_mmap:
        address = vma.vm_start + (index - vma.vm_pgoff << PAGE_SHIFT)
        if vma.vm_start <= address < vma.vm_end:
            at = pgtable.lookup_address(k, vma.vm_mm, address)
            if at >= 0 and q[at] and q[at] >> PAGE_SHIFT & PFN_MASK == pfn:
                found.append(at)
    return found


def exits(k: Kernel, mm: MmStruct) -> tuple[int, ...]:
    """Return the addresses that the CPU must stop before in mm, as its page tables are now."""
    for page in [page for page in mm.exits if not _executable(k, mm, page)]:
        del mm.exits[page]
    return tuple(address for addresses in mm.exits.values() for address in addresses)


def forget_exits(k: Kernel, mm: MmStruct, address: int) -> None:
    """Have the next fetch from the page at address set its exits anew: the page behind it has changed."""
    retranslate(k, mm, address)
    slot = pgtable.lookup_address(k, mm, address)
    if slot >= 0:
        k.frames.q[slot] |= PTE_NX
    k.x86.tlb_gen += 1


def retranslate(k: Kernel, mm: MmStruct, address: int) -> None:
    """Have the next flush drop the code of the page at address."""
    frame = _frame_at(k, mm, address)
    if frame >= 0:
        k.x86.tb_dirty_pages.append(frame >> PAGE_SHIFT)


def _set_exits(k: Kernel, mm: MmStruct, page: int, pfn: int) -> None:
    """Set the exits of a page that is in frame pfn: where what it holds begins, and what ends in the next page.

    Code of the frame translated before is right for what is inside, since that makes an exit wherever the frame may be
    executed. What ends in the next page depends on the neighbour.
    """
    phys = k.frames.phys
    found = k.x86.untranslatable.get(pfn, [])
    tail = bytes(phys[(pfn + 1 << PAGE_SHIFT) - _BORDER : pfn + 1 << PAGE_SHIFT])
    if untranslatable.may_begin(tail):
        after = _frame_at(k, mm, page + PAGE_SIZE)
        across = untranslatable.starts(tail + bytes(phys[after : after + _BORDER])) if after >= 0 else []
        across = [PAGE_SIZE - _BORDER + at for at in across if at < _BORDER]
        if across:
            found = sorted({*found, *across})
            k.x86.tb_dirty_pages.append(pfn)
    addresses = tuple([page + at for at in found])
    if addresses == mm.exits.get(page, ()):
        return
    if addresses:
        mm.exits[page] = addresses
    else:
        del mm.exits[page]
    k.x86.tlb_gen += 2


def _set_exits_before(k: Kernel, mm: MmStruct, page: int, pfn: int) -> None:
    """Set the exits of the page before one that is in frame pfn, if something may lie across their border."""
    before = _frame_at(k, mm, page - PAGE_SIZE)
    if before < 0 or not _executable(k, mm, page - PAGE_SIZE):
        return
    if untranslatable.may_begin(bytes(k.frames.phys[before + PAGE_SIZE - _BORDER : before + PAGE_SIZE])):
        _set_exits(k, mm, page - PAGE_SIZE, before >> PAGE_SHIFT)


def _executable(k: Kernel, mm: MmStruct, page: int) -> bool:
    slot = pgtable.lookup_address(k, mm, page)
    return slot >= 0 and k.frames.q[slot] & (PTE_PRESENT | PTE_NX) == PTE_PRESENT


def _frame_at(k: Kernel, mm: MmStruct, address: int) -> int:
    """Return where the page at address lies in memory, -1 if it is not present."""
    slot = pgtable.lookup_address(k, mm, address)
    if slot < 0:
        return -1
    entry = k.frames.q[slot]
    return (entry >> PAGE_SHIFT & PFN_MASK) << PAGE_SHIFT if entry & PTE_PRESENT else -1
