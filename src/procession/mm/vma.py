"""Linking, merging and splitting of areas (3.2: mm/mmap.c; later mm/vma.c).

Differs: anon_vma says only whether an area may hold anonymous pages, so neighbours that differ in nothing else
always merge; Linux keeps two with different anon_vma objects apart.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from procession.fs import file_table
from procession.hw.costs import AREA_FREE_NS
from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    MAP_FIXED,
    PAGE_SHIFT,
    VM_DENYWRITE,
    VM_DONTEXPAND,
    VM_GROWSDOWN,
    VM_IO,
    VM_PFNMAP,
    VM_SHARED,
    VmArea,
)
from procession.kernel import sched_account
from procession.mm import filemap

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct

__all__ = ("remove_vma", "split_to_unmap", "split_vma", "stack_guard_page_start", "vma_index", "vma_link", "vma_merge")

_start = attrgetter("vm_start")
_SPECIAL: Final = VM_IO | VM_DONTEXPAND | VM_PFNMAP


def vma_index(mm: MmStruct, vma: VmArea) -> int:
    """Return vma's place in mm.mmap."""
    return bisect_left(mm.mmap, vma.vm_start, key=_start)


def vma_link(mm: MmStruct, vma: VmArea) -> None:
    """Put an area into the list and into its file's i_mmap; it must not overlap."""
    areas = mm.mmap
    i = bisect_left(areas, vma.vm_start, key=_start)
    bug_on(
        (i > 0 and areas[i - 1].vm_end > vma.vm_start) or (i < len(areas) and areas[i].vm_start < vma.vm_end),
        "overlapping areas",
        vma.vm_start,
        vma.vm_end,
    )
    areas.insert(i, vma)
    file = vma.vm_file
    if file is not None:
        inode = file.f_path.dentry.d_inode
        inode.i_mmap[vma] = None
        if vma.vm_flags & VM_DENYWRITE:
            inode.i_writecount -= 1


def remove_vma(k: Kernel, vma: VmArea) -> None:
    """Give up an area that is in no list any more: its file, its object."""
    file = vma.vm_file
    if file is not None:
        if file.f_vm_ops:
            file.vm_close(k, vma)
        inode = file.f_path.dentry.d_inode
        del inode.i_mmap[vma]
        if vma.vm_flags & VM_SHARED:
            filemap.filemap_flush(k, inode)
        if vma.vm_flags & VM_DENYWRITE:
            inode.i_writecount += 1
        if file.f_count > 1:
            file.f_count -= 1
        else:
            file_table.fput(None, file)
    sched_account.account_system_time(k.current, AREA_FREE_NS)
    k.caches["vm_area_struct"].free()


def vma_merge(
    k: Kernel,
    mm: MmStruct,
    prev: VmArea | None,
    addr: int,
    end: int,
    vm_flags: int,
    anon_vma: bool,
    file: File | None,
    pgoff: int,
    name: str = "",
) -> VmArea | None:
    """Let neighbours take over [addr, end), which is a hole or a part of areas that is about to get these properties.

    prev is the area before addr; one that addr lies in counts, if the range is the part behind addr. Returns the area
    that now holds the range, with vm_flags, or None if nothing fits. (Linux's eight cases.)
    """
    if vm_flags & _SPECIAL or (file is not None and file.f_vm_ops):
        return None
    areas = mm.mmap
    i = 0 if prev is None else vma_index(mm, prev) + 1
    nxt = areas[i] if i < len(areas) else None
    if nxt is not None and nxt.vm_end == end and nxt.vm_start < end:
        nxt = areas[i + 1] if i + 1 < len(areas) else None
    pages = end - addr >> PAGE_SHIFT
    before = (
        nxt is not None
        and nxt.vm_start == end
        and nxt.vm_flags == vm_flags
        and nxt.vm_file is file
        and nxt.vm_pgoff == pgoff + pages
        and nxt.name == name
    )
    if (
        prev is not None
        and prev.vm_end == addr
        and prev.vm_flags == vm_flags
        and prev.vm_file is file
        and prev.vm_pgoff + (addr - prev.vm_start >> PAGE_SHIFT) == pgoff
        and prev.name == name
    ):
        if before:
            assert nxt is not None
            end = nxt.vm_end
        prev.anon_vma |= anon_vma
        _take_following(k, mm, prev, end)
        return prev
    if before:
        assert nxt is not None
        nxt.anon_vma |= anon_vma
        _take_preceding(k, mm, nxt, addr)
        return nxt
    return None


def _take_following(k: Kernel, mm: MmStruct, vma: VmArea, end: int) -> None:
    """Move vma's end up, over areas it swallows and into one it cuts (vma_adjust)."""
    areas = mm.mmap
    i = vma_index(mm, vma) + 1
    while i < len(areas) and areas[i].vm_start < end:
        nxt = areas[i]
        # Pages that move over may be anonymous ones.
        vma.anon_vma |= nxt.anon_vma
        if nxt.vm_end > end:
            nxt.vm_pgoff += end - nxt.vm_start >> PAGE_SHIFT
            nxt.vm_start = end
            break
        del areas[i]
        if mm.mmap_cache is nxt:
            mm.mmap_cache = None
        remove_vma(k, nxt)
    vma.vm_end = end


def _take_preceding(k: Kernel, mm: MmStruct, vma: VmArea, start: int) -> None:
    """Move vma's start down, over areas it swallows and into one it cuts."""
    areas = mm.mmap
    i = vma_index(mm, vma) - 1
    while i >= 0 and areas[i].vm_end > start:
        prev = areas[i]
        vma.anon_vma |= prev.anon_vma
        if prev.vm_start < start:
            prev.vm_end = start
            break
        del areas[i]
        if mm.mmap_cache is prev:
            mm.mmap_cache = None
        remove_vma(k, prev)
        i -= 1
    vma.vm_pgoff -= vma.vm_start - start >> PAGE_SHIFT
    vma.vm_start = start


def fixed_if_free(mm: MmStruct, addr: int, length: int) -> int:
    """Return MAP_FIXED for MAP_FIXED_NOREPLACE; raises EEXIST if something is mapped in the range."""
    if any(vma.vm_start < addr + length and vma.vm_end > addr for vma in mm.mmap):
        raise LinuxError(Errno.EEXIST, "something is mapped there")
    return MAP_FIXED


def split_vma(k: Kernel, mm: MmStruct, vma: VmArea, addr: int, new_below: bool) -> VmArea:
    """Cut vma in two at addr; returns the new half; raises ENOMEM, also when there are too many areas."""
    if len(mm.mmap) >= k.mm.max_map_count:
        raise LinuxError(Errno.ENOMEM, "too many areas")
    return split_to_unmap(k, mm, vma, addr, new_below)


def split_to_unmap(k: Kernel, mm: MmStruct, vma: VmArea, addr: int, new_below: bool) -> VmArea:
    """Do that whatever their number, which an end that is unmapped does not change (__split_vma); raises ENOMEM."""
    k.caches["vm_area_struct"].alloc()
    pages = addr - vma.vm_start >> PAGE_SHIFT
    new = VmArea(mm, addr, vma.vm_end, vma.vm_flags, vma.vm_pgoff + pages, vma.vm_file, vma.anon_vma, vma.name)
    if new_below:
        new.vm_start, new.vm_end, new.vm_pgoff = vma.vm_start, addr, vma.vm_pgoff
        vma.vm_start = addr
        vma.vm_pgoff += pages
    else:
        vma.vm_end = addr
    file = new.vm_file
    if file is not None:
        file.f_count += 1
        if file.f_vm_ops:
            file.vm_open(k, new)
    vma_link(mm, new)
    return new


def stack_guard_page_start(mm: MmStruct, vma: VmArea, address: int) -> bool:
    """Whether address is the lowest page of a stack, below which nothing continues it."""
    if not vma.vm_flags & VM_GROWSDOWN or address != vma.vm_start:
        return False
    i = vma_index(mm, vma)
    prev = mm.mmap[i - 1] if i else None
    return prev is None or not prev.vm_flags & VM_GROWSDOWN or prev.vm_end != address
