"""Faults, copy-on-write, duplicating and dropping page table entries (mm/memory.c; spec 16).

struct page's mapcount counts the entries that map a frame; its count has one reference per entry, and one of the page
cache for file pages. The zero page is not counted. A frame is anonymous unless the page cache owns it (PG_FILE).

A new entry is never writable at a read fault, not even in a shared mapping: the write fault adds RW, which is where
copy-on-write is broken or a file page becomes dirty. Entries are born accessed, and dirty with RW, so the CPU has to
write only those that were made old: a forked child's, and what clear_refs went over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import pgtable
from procession.hw.costs import PAGE_CLEAR_NS, PAGE_COPY_NS, PTE_COPY_NS, PTE_ZAP_NS, TABLE_FREE_NS
from procession.hw.memory import PG_FILE
from procession.include.asm.pgtable import PAGE_PROT as PROT
from procession.include.asm.pgtable import (
    PFN_MASK,
    PMD_SHIFT,
    PMD_SIZE,
    PTE_ACCESSED,
    PTE_DIRTY,
    PTE_INDEX_MASK,
    PTE_NX,
    PTE_RW,
    PTE_THERE,
    PTRS_PER_PTE,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    VM_EXEC,
    VM_FAULT_ERROR,
    VM_FAULT_MAJOR,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_GROWSDOWN,
    VM_IO,
    VM_LOCKED,
    VM_MAYWRITE,
    VM_PFNMAP,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
)
from procession.kernel import sched_account
from procession.mm import filemap, mmap, page_alloc, text, tlb
from procession.mm import vma as areas

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from procession.hw.memory import Arrays
    from procession.include.linux.fs import Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.sched import Task

__all__ = (
    "VM_FAULT_ERROR",
    "VM_FAULT_MAJOR",
    "VM_FAULT_OOM",
    "VM_FAULT_SIGBUS",
    "copy_page_range",
    "fixup_user_fault",
    "follow_page",
    "free_pgtables",
    "get_user_pages_fast",
    "make_pages_present",
    "present_entries",
    "unmap_all",
    "unmap_mapping_range",
    "zap_page_range",
)

_MKWRITE: Final = PTE_RW | PTE_DIRTY
# From so many entries on, NumPy's fixed cost is smaller than a loop's.
_MANY: Final = 20
_WORK: Final = 8  # what copying or dropping an entry costs, in entries looked at
_COW_MASK: Final = VM_SHARED | VM_MAYWRITE
_NOT_RW: Final = ~PTE_RW & 0xFFFFFFFFFFFFFFFF
_OLD: Final = ~PTE_ACCESSED & 0xFFFFFFFFFFFFFFFF


def handle_mm_fault(k: Kernel, mm: MmStruct, vma: VmArea, address: int, write: bool) -> int:
    """Make address in vma present, and writable if write; returns VM_FAULT bits, 0 for a minor fault.

    Takes no mmap_sem, looks at no permission of vma, counts no fault: all that is done where it is called.
    """
    if k.mm.memcg is not None:
        k.mm.memcg.count_vm_event(mm, major=False)
    base = mm.pte_tables.get(address >> PMD_SHIFT)
    if base is None:
        try:
            base = pgtable.pte_alloc(k, mm, address)
        except LinuxError:
            return VM_FAULT_OOM
    slot = base + (address >> PAGE_SHIFT & PTE_INDEX_MASK)
    entry = k.frames.q[slot]
    if not entry & PTE_THERE:
        if vma.vm_file is None:
            return do_anonymous_page(k, mm, vma, address, slot, write)
        return do_linear_fault(k, mm, vma, address, slot, write)
    if write and not entry & PTE_RW:
        return do_wp_page(k, mm, vma, address, slot, entry)
    # Somebody was faster, and the CPU remembered the weaker entry.
    k.frames.q[slot] = entry | PTE_ACCESSED
    tlb.flush_tlb_page(k, mm, address)
    return 0


def do_anonymous_page(k: Kernel, mm: MmStruct, vma: VmArea, address: int, slot: int, write: bool) -> int:
    """Map the zero page for a read, a new page of zeroes for a write."""
    flags = vma.vm_flags
    if flags & VM_GROWSDOWN and address & PAGE_MASK == vma.vm_start and check_stack_guard_page(k, mm, vma, address):
        return VM_FAULT_SIGBUS
    frames = k.frames
    if not write:
        with mm.page_table_lock:
            frames.q[slot] = k.mm.zero_pfn << PAGE_SHIFT | PROT[flags & 7]
        return 0

    pfn = _new_page(k, mm, zeroed=True)
    if pfn < 0:
        return VM_FAULT_OOM
    sched_account.account_system_time(k.current, PAGE_CLEAR_NS)
    vma.anon_vma = True
    with mm.page_table_lock:
        frames.mapcount[pfn] = 1
        mm.rss_anon += 1
        frames.q[slot] = pfn << PAGE_SHIFT | PROT[flags & 7] | (_MKWRITE if flags & VM_WRITE else 0)
    return 0


def _new_page(k: Kernel, mm: MmStruct, *, zeroed: bool) -> int:
    """Return a frame for an anonymous page, for which mm's group has paid; -1: there is none, or it must wait."""
    try:
        pfn = page_alloc.alloc_zeroed_page(k) if zeroed else page_alloc.alloc_page(k)
    except LinuxError:
        return -1
    if k.mm.memcg is not None and not k.mm.memcg.newpage_charge(mm, pfn):
        page_alloc.put_page(k, pfn)
        return -1
    return pfn


def check_stack_guard_page(k: Kernel, mm: MmStruct, vma: VmArea, address: int) -> bool:
    """Whether the lowest page of a stack must stay a hole; tries to grow the stack by a page to keep one below.

    As in 3.2 a failure to grow is not an error here: the page becomes usable and the next one down faults.
    """
    prev = mmap.vma_before(mm, vma)
    if prev is not None and prev.vm_end == vma.vm_start:
        return not prev.vm_flags & VM_GROWSDOWN
    try:
        mmap.expand_stack(k.current, vma, address - PAGE_SIZE)
    except LinuxError:
        pass
    return False


def do_linear_fault(k: Kernel, mm: MmStruct, vma: VmArea, address: int, slot: int, write: bool) -> int:
    """Map a page of a file: the cached one, or for a write to a private mapping a copy (__do_fault)."""
    file = vma.vm_file
    assert file is not None
    inode = file.f_path.dentry.d_inode
    pgoff = (address - vma.vm_start >> PAGE_SHIFT) + vma.vm_pgoff
    if pgoff >= inode.i_size + PAGE_SIZE - 1 >> PAGE_SHIFT:
        return VM_FAULT_SIGBUS
    result = 0
    cached = inode.mapping.get(pgoff)
    if cached is None:
        try:
            cached = filemap.find_or_read_page(k, inode, pgoff)
        except LinuxError as e:
            return VM_FAULT_OOM if e.errno is Errno.ENOMEM else VM_FAULT_SIGBUS
        result = VM_FAULT_MAJOR
        if k.mm.memcg is not None:
            k.mm.memcg.count_vm_event(mm, major=True)

    frames = k.frames
    flags = vma.vm_flags
    entry = PROT[flags & 7]
    pfn = cached
    anon = write and not flags & VM_SHARED
    if anon:
        page_alloc.get_page(k, cached)  # the allocation may drop cached pages
        pfn = _new_page(k, mm, zeroed=False)
        page_alloc.put_page(k, cached)
        if pfn < 0:
            return VM_FAULT_OOM
        to, frm = pfn << PAGE_SHIFT, cached << PAGE_SHIFT
        frames.phys[to : to + PAGE_SIZE] = frames.phys[frm : frm + PAGE_SIZE]
        sched_account.account_system_time(k.current, PAGE_COPY_NS)
        vma.anon_vma = True
        if flags & VM_WRITE:
            entry |= _MKWRITE
    elif write:
        filemap.page_mkwrite(k, inode, pfn)
        text.revoke_exec(k, pfn, slot)
        if flags & VM_WRITE:
            entry |= _MKWRITE

    with mm.page_table_lock:
        if anon:
            mm.rss_anon += 1
        else:
            mm.rss_file += 1
            frames.count[pfn] += 1
        frames.mapcount[pfn] += 1
        frames.q[slot] = pfn << PAGE_SHIFT | entry
    return result


def do_wp_page(k: Kernel, mm: MmStruct, vma: VmArea, address: int, slot: int, entry: int) -> int:
    """Write to a page mapped read-only: use it again if nobody else maps it, else copy it."""
    frames = k.frames
    pfn = entry >> PAGE_SHIFT & PFN_MASK
    flags = vma.vm_flags
    is_file = frames.pflags[pfn] & PG_FILE
    if is_file:
        if flags & VM_SHARED:
            assert vma.vm_file is not None
            filemap.page_mkwrite(k, vma.vm_file.f_path.dentry.d_inode, pfn)
            return _reuse_page(k, mm, flags, slot, pfn)
    elif frames.mapcount[pfn] == 1:
        return _reuse_page(k, mm, flags, slot, pfn)

    zero = pfn == k.mm.zero_pfn
    new = _new_page(k, mm, zeroed=zero)
    if new < 0:
        return VM_FAULT_OOM
    sched_account.account_system_time(k.current, PAGE_CLEAR_NS if zero else PAGE_COPY_NS)
    fresh = PROT[flags & 7] | (_MKWRITE if flags & VM_WRITE else 0)
    vma.anon_vma = True
    if zero:
        with mm.page_table_lock:
            mm.rss_anon += 1
            frames.mapcount[new] = 1
            frames.q[slot] = new << PAGE_SHIFT | fresh
    else:
        to, frm = new << PAGE_SHIFT, pfn << PAGE_SHIFT
        frames.phys[to : to + PAGE_SIZE] = frames.phys[frm : frm + PAGE_SIZE]
        with mm.page_table_lock:
            if is_file:
                mm.rss_file -= 1
                mm.rss_anon += 1
            frames.mapcount[new] = 1
            frames.q[slot] = new << PAGE_SHIFT | fresh
            frames.mapcount[pfn] -= 1
            page_alloc.put_page(k, pfn)
    # Two flushes where code was executed: the CPU that made the fault must find its way into the new page, too.
    k.x86.tlb_gen += 1 if entry & PTE_NX else 2
    return 0


def _reuse_page(k: Kernel, mm: MmStruct, flags: int, slot: int, pfn: int) -> int:
    # Without VM_WRITE a tracer forces this write; the entry stays read-only.
    with mm.page_table_lock:
        text.revoke_exec(k, pfn, slot)
        if flags & VM_WRITE:
            k.frames.q[slot] |= _MKWRITE | PTE_ACCESSED
    if flags & VM_WRITE:
        k.x86.tlb_gen += 1
    return 0


def fixup_user_fault(current: Task, mm: MmStruct, address: int, write: bool) -> None:
    """Fault address in as a user access would, stack growth included, and count it; raises EFAULT."""
    with mm.mmap_sem.read():
        vma = mm.mmap_cache
        if vma is None or not vma.vm_start <= address < vma.vm_end:
            vma = mmap.find_extend_vma(current, mm, address)
        if vma is None or not vma.vm_flags & (VM_WRITE if write else VM_READ | VM_WRITE | VM_EXEC):
            raise LinuxError(Errno.EFAULT, "no such mapping")
        result = handle_mm_fault(current.kernel, mm, vma, address, write)
    if result & VM_FAULT_ERROR:
        raise LinuxError(Errno.EFAULT, "the page cannot be had")
    if result & VM_FAULT_MAJOR:
        current.maj_flt += 1
        current.kernel.mm.pgmajfault += 1
    else:
        current.min_flt += 1
        current.kernel.mm.pgminfault += 1


def follow_page(k: Kernel, mm: MmStruct, address: int, write: bool = False) -> int:
    """Return the frame mapped at address, -1 if none (or none with write permission); changes nothing."""
    base = mm.pte_tables.get(address >> PMD_SHIFT)
    if base is None:
        return -1
    entry = k.frames.q[base + (address >> PAGE_SHIFT & PTE_INDEX_MASK)]
    if not entry & PTE_THERE or (write and not entry & PTE_RW):
        return -1
    return entry >> PAGE_SHIFT & PFN_MASK


def get_user_pages_fast(current: Task, start: int, nr_pages: int, *, write: bool) -> list[int]:
    """Return the frames of nr_pages pages of current's from start on, each with a reference; fewer before a bad one.

    Raises EFAULT, ENOMEM if the first cannot be had.
    """
    mm = current.mm
    assert mm is not None
    pages: list[int] = []
    for address in range(start & PAGE_MASK, (start & PAGE_MASK) + nr_pages * PAGE_SIZE, PAGE_SIZE):
        try:
            pages.append(_pin_page(current, mm, address, write))
        except LinuxError:
            if not pages:
                raise
            break
    return pages


def _pin_page(current: Task, mm: MmStruct, address: int, write: bool) -> int:
    k = current.kernel
    with mm.mmap_sem.read():
        vma = mmap.find_extend_vma(current, mm, address)
    if vma is None or vma.vm_flags & (VM_IO | VM_PFNMAP) or not vma.vm_flags & (VM_WRITE if write else VM_READ):
        raise LinuxError(Errno.EFAULT, "no such page")
    if follow_page(k, mm, address, write) < 0:
        fixup_user_fault(current, mm, address, write)
    pfn = follow_page(k, mm, address)
    page_alloc.get_page(k, pfn)
    return pfn


def make_pages_present(current: Task, mm: MmStruct, start: int, end: int) -> int:
    """Fault in every page of [start, end) as its area allows, for mlock and MAP_POPULATE; returns 0 or an Errno.

    The caller holds mmap_sem; there are no holes. Stops at the first page that fails. To lock a stack does not grow it.
    """
    mm.mmap_sem.assert_held()
    k = current.kernel
    address = start
    vma = None
    while address < end:
        if vma is None or address >= vma.vm_end:
            vma = mmap.find_vma(mm, address)
            assert vma is not None
        flags = vma.vm_flags
        # Breaking copy-on-write now saves a fault later; shared pages wait, so as not to dirty a whole file.
        write = flags & (VM_WRITE | VM_SHARED) == VM_WRITE
        if not flags & (VM_READ | VM_WRITE | VM_EXEC):
            return int(Errno.EFAULT)
        skipped = flags & VM_LOCKED and areas.stack_guard_page_start(mm, vma, address)
        if not skipped and follow_page(k, mm, address, write) < 0:
            result = handle_mm_fault(k, mm, vma, address, write)
            if result & VM_FAULT_OOM:
                return int(Errno.ENOMEM)
            if result & VM_FAULT_SIGBUS:
                return int(Errno.EFAULT)
        address += PAGE_SIZE
    return 0


def present_entries(k: Kernel, lo: int, hi: int) -> list[int]:
    """Return the indices in [lo, hi) of Frames.q, part of one table, that hold an entry."""
    if hi - lo < 6:
        q = k.frames.q
        return [i for i in range(lo, hi) if q[i]]
    arrays = k.frames.arrays_for(hi - lo)
    if arrays is None:
        return [i for i, entry in enumerate(k.frames.q[lo:hi].tolist(), lo) if entry]
    found: list[int] = arrays.q[lo:hi].nonzero()[0].tolist()
    return [i + lo for i in found] if found else found


def tables_in(mm: MmStruct, start: int, end: int) -> list[tuple[int, int, int]]:
    """Return (region, first index, last index + 1) of the parts of last-level tables that cover [start, end)."""
    first, last = start >> PMD_SHIFT, end - 1 >> PMD_SHIFT
    tables = mm.pte_tables
    if first == last:
        base = tables.get(first)
        if base is None:
            return []
        return [
            (first, base + (start >> PAGE_SHIFT & PTE_INDEX_MASK), base + (end - 1 >> PAGE_SHIFT & PTE_INDEX_MASK) + 1)
        ]
    if last - first < len(tables):
        regions = [region for region in range(first, last + 1) if region in tables]
    else:
        regions = sorted(region for region in tables if first <= region <= last)
    return [
        (
            region,
            tables[region] + (start >> PAGE_SHIFT & PTE_INDEX_MASK if region == first else 0),
            tables[region] + ((end - 1 >> PAGE_SHIFT & PTE_INDEX_MASK) + 1 if region == last else PTRS_PER_PTE),
        )
        for region in regions
    ]


def copy_page_range(k: Kernel, dst: MmStruct, src: MmStruct, vmas: list[VmArea]) -> None:
    """Give dst the entries of src's areas vmas, write-protecting private ones in both; raises ENOMEM.

    The caller leaves out areas without anon_vma: their pages come back by faults (spec 16). The parent's TLB must be
    flushed afterwards. Differs: takes all areas at once.
    """
    frames = k.frames
    q = frames.q
    count = frames.count
    mapcount = frames.mapcount
    pflags = frames.pflags
    zero = k.mm.zero_pfn
    src_tables = src.pte_tables
    dst_tables = dst.pte_tables
    copied = 0
    for vma in vmas:
        cow = vma.vm_flags & _COW_MASK == VM_MAYWRITE
        for region, lo, hi in tables_in(src, vma.vm_start, vma.vm_end):
            found = present_entries(k, lo, hi)
            if not found:
                continue
            base = dst_tables.get(region)
            if base is None:
                base = pgtable.pte_alloc(k, dst, region << PMD_SHIFT)
            delta = base - src_tables[region]
            copied += len(found)
            if len(found) >= _MANY:
                arrays = frames.arrays_for(len(found) * _WORK)
                if arrays is not None:
                    _copy_many(k, arrays, dst, lo, hi, delta, cow)
                    continue
            nr_file = 0
            nr_anon = len(found)
            has_file = vma.vm_file is not None
            for i in found:
                entry = q[i]
                if cow and entry & PTE_RW:
                    entry -= PTE_RW
                    q[i] = entry
                q[i + delta] = entry & _OLD
                pfn = entry >> PAGE_SHIFT & PFN_MASK
                if pfn == zero:
                    nr_anon -= 1
                    continue
                count[pfn] += 1
                mapcount[pfn] += 1
                if has_file and pflags[pfn] & PG_FILE:
                    nr_file += 1
            # Kept in step: the next table may not be had, and then all of this is undone.
            dst.rss_file += nr_file
            dst.rss_anon += nr_anon - nr_file
    sched_account.account_system_time(k.current, copied * PTE_COPY_NS)


def _copy_many(k: Kernel, arrays: Arrays, dst: MmStruct, lo: int, hi: int, delta: int, cow: bool) -> None:
    part = arrays.q[lo:hi]
    if cow:
        part &= part.dtype.type(_NOT_RW)
    arrays.q[lo + delta : hi + delta] = part & part.dtype.type(_OLD)
    pfns = _pfns_of(k, part[part.nonzero()[0]])
    # Within one area no frame is mapped twice, so indexing counts each once.
    arrays.count[pfns] += 1
    arrays.mapcount[pfns] += 1
    nr_file = int(((arrays.pflags[pfns] & PG_FILE) != 0).sum())
    dst.rss_file += nr_file
    dst.rss_anon += len(pfns) - nr_file


def _pfns_of(k: Kernel, entries: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the frames of entries, without the zero page. Signed: NumPy indexes twice as fast with that."""
    pfns: npt.NDArray[np.int64] = entries.view("int64") >> PAGE_SHIFT & PFN_MASK
    keep = pfns != k.mm.zero_pfn
    return pfns if keep.all() else pfns[keep]


def zap_page_range(k: Kernel, mm: MmStruct, start: int, end: int) -> None:
    """Drop the pages of [start, end); the areas stay. Flushes the TLB."""
    mm.hiwater_rss = max(mm.hiwater_rss, mm.rss_anon + mm.rss_file)
    for _, lo, hi in tables_in(mm, start, end):
        found = present_entries(k, lo, hi)
        if found:
            with mm.page_table_lock:
                _zap_entries(k, mm, found)
            q = k.frames.q
            for i in found:
                q[i] = 0
            k.x86.tlb_gen += 1
            sched_account.account_system_time(k.current, len(found) * PTE_ZAP_NS)


def _zap_entries(k: Kernel, mm: MmStruct, found: list[int]) -> None:
    """Take back what the entries count; the entries themselves are the caller's (zap_pte_range)."""
    frames = k.frames
    if len(found) >= _MANY:
        arrays = frames.arrays_for(len(found) * _WORK)
        if arrays is not None:
            _zap_many(k, arrays, mm, found)
            return
    q = frames.q
    count = frames.count
    mapcount = frames.mapcount
    pflags = frames.pflags
    zero = k.mm.zero_pfn
    # Freed in the order in which _zap_many does it: first the pages of files.
    unused: list[int] = []
    nr_file = nr_anon = 0
    for i in found:
        pfn = q[i] >> PAGE_SHIFT & PFN_MASK
        if pfn == zero:
            continue
        mapcount[pfn] -= 1
        left = count[pfn] - 1
        count[pfn] = left
        flags = pflags[pfn]
        if flags & PG_FILE:
            nr_file += 1
            if not left:
                page_alloc.free_page(k, pfn)
        else:
            nr_anon += 1
            if not left:
                unused.append(pfn)
    mm.rss_file -= nr_file
    mm.rss_anon -= nr_anon
    free = k.mm.free_list
    for pfn in unused:
        if pflags[pfn] or mapcount[pfn]:
            page_alloc.free_page(k, pfn)
        else:
            free.append(pfn)


def _zap_many(k: Kernel, arrays: Arrays, mm: MmStruct, found: list[int]) -> None:
    frames = k.frames
    pfns = _pfns_of(k, arrays.q[found])
    is_file = (arrays.pflags[pfns] & PG_FILE) != 0
    if is_file.any():
        # Several areas may map one file page, so each entry is counted by itself.
        files = pfns[is_file].tolist()
        mm.rss_file -= len(files)
        for pfn in files:
            frames.mapcount[pfn] -= 1
            page_alloc.put_page(k, pfn)
        pfns = pfns[~is_file]
    arrays.mapcount[pfns] -= 1
    arrays.count[pfns] -= 1
    mm.rss_anon -= len(pfns)
    unused = pfns[arrays.count[pfns] == 0]
    if arrays.pflags[unused].any() or arrays.mapcount[unused].any():
        for pfn in unused.tolist():
            page_alloc.free_page(k, pfn)
    else:
        k.mm.free_list += unused.tolist()


def free_pgtables(k: Kernel, mm: MmStruct, floor: int, ceiling: int) -> None:
    """Free the tables that serve only addresses in [floor, ceiling), where nothing is mapped any more."""
    first, last = floor + PMD_SIZE - 1 >> PMD_SHIFT, ceiling >> PMD_SHIFT
    tables = mm.pte_tables
    if last - first < len(tables):
        gone = [region for region in range(first, last) if region in tables]
    else:
        gone = [region for region in tables if first <= region < last]
    for region in gone:
        pgtable.free_pte_table(k, mm, region)


def unmap_all(k: Kernel, mm: MmStruct) -> None:
    """Drop every page and every page table of an address space that nobody uses any more (unmap_vmas for exit_mmap)."""
    if not mm.pgd:
        return
    rss = mm.rss_anon + mm.rss_file
    mm.hiwater_rss = max(mm.hiwater_rss, rss)
    zapped = 0
    with mm.page_table_lock:
        for base in mm.pte_tables.values():
            # The table goes as well, so its entries need not be cleared.
            found = present_entries(k, base, base + PTRS_PER_PTE)
            if found:
                _zap_entries(k, mm, found)
                zapped += len(found)
    count = k.frames.count
    free = k.mm.free_list
    tables = pgtable.table_pages(k, mm)
    sched_account.account_system_time(k.current, zapped * PTE_ZAP_NS + len(tables) * TABLE_FREE_NS)
    for pfn in tables:
        count[pfn] -= 1
        free.append(pfn)
    mm.pte_tables.clear()
    mm.pgd = mm.nr_ptes = 0
    # The frame of the pgd may become the next one's: a CPU that compares addresses must not be fooled.
    tlb.flush_tlb_mm(k, mm)


def unmap_mapping_range(k: Kernel, inode: Inode, first: int, last: int) -> None:
    """Drop pages [first, last) of a file, copies included, from everybody who maps it."""
    for vma in list(inode.i_mmap):
        start = vma.vm_start + (max(first - vma.vm_pgoff, 0) << PAGE_SHIFT)
        end = min(vma.vm_end, vma.vm_start + (last - vma.vm_pgoff << PAGE_SHIFT))
        if start < end:
            zap_page_range(k, vma.vm_mm, start, end)
