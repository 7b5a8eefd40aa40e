"""Memory as a whole: counts against what really refers to a frame (3.2's validate_mm, and more).

The page tables of all address spaces are walked from the top, as the CPU does, a level of all of them at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

try:
    import numpy as np
    import numpy.typing as npt
except ModuleNotFoundError:
    raise ModuleNotFoundError("checks need NumPy: pip install 'procession[check]'", name="numpy") from None

from procession.hw.memory import PG_EXEC, PG_FILE
from procession.include.asm.pgtable import PTE_NX, PTE_PFN_MASK, PTE_PRESENT, PTE_PROTNONE, PTE_RW
from procession.include.linux.binfmts import LinuxBinprm
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, VM_ACCOUNT, VM_EXEC, VM_LOCKED, VM_WRITE
from procession.mm import shmem

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.tools.validate.census import Census

__all__ = ("fingerprint", "validate_areas", "validate_memory", "validate_page_cache", "validate_pages")

_Words = npt.NDArray[np.uint64]
_Numbers = npt.NDArray[np.int64]
_SPACE_SHIFT: Final = 48  # key of a page: number of its address space, address
_PFN_MASK: Final = np.uint64(PTE_PFN_MASK)
_PAGE_SHIFT: Final = np.uint64(12)
_RW: Final = np.uint64(PTE_RW)
_NX: Final = np.uint64(PTE_NX)
_FILE_FLAG: Final = np.uint8(PG_FILE)
_EXEC_FLAG: Final = np.uint8(PG_EXEC)
# What an area's READ, WRITE and EXEC say about the entries of its pages; RW is there only if it may be set.
_EXPECTED: Final = tuple(
    (PTE_PRESENT if flags else PTE_PROTNONE) | (0 if flags & VM_EXEC else PTE_NX) | (PTE_RW if flags & VM_WRITE else 0)
    for flags in range(8)
)
_PRESENCE: Final = np.uint64(PTE_PRESENT | PTE_PROTNONE)


def fingerprint(seen: Census) -> tuple[int, ...]:
    """Return what changes whenever memory does; most of what the kernel does to memory shows in several of these."""
    k = seen.k
    faults = areas = rss_anon = rss_file = total = tables = 0
    for p in seen.tasks:
        faults += p.min_flt + p.maj_flt
    for mm in seen.mms:
        areas += len(mm.mmap)
        rss_anon += mm.rss_anon
        rss_file += mm.rss_file
        total += mm.total_vm
        tables += mm.nr_ptes
    return (
        k.x86.tlb_gen,
        len(k.mm.free_list),
        k.mm.next_fresh,
        k.mm.vm_committed,
        len(k.mm.page_cache),
        len(seen.mms),
        faults,
        areas,
        rss_anon,
        rss_file,
        total,
        tables,
        k.caches["vm_area_struct"].nr_allocs,
    )


def validate_memory(seen: Census) -> list[str]:
    """Return what is wrong with areas and pages."""
    return validate_areas(seen) + validate_pages(seen)


def _whose(spaces: list[MmStruct], nr: int) -> str:
    owner = spaces[nr].owner
    return f"mm {nr}" if owner is None else f"mm of {owner!r}"


def _segments(seen: Census) -> dict[Any, int]:
    """Return what was promised to segments of shared memory, attached or not."""
    inodes = [shp.shm_file.f_path.dentry.d_inode for shp in seen.segments]
    return {inode: inode.committed for inode in inodes if type(inode) is shmem.ShmemInode}


def validate_areas(seen: Census) -> list[str]:
    """Return which areas are out of order, not where their file looks for them, or not what is accounted for."""
    k, spaces = seen.k, list(seen.mms)
    wrong: list[str] = []
    committed = 0
    shared: dict[Any, int] = _segments(seen)
    for nr, mm in enumerate(spaces):
        end = total = locked = 0
        for vma in mm.mmap:
            start, stop, flags, file = vma.vm_start, vma.vm_end, vma.vm_flags, vma.vm_file
            if not end <= start < stop or (start | stop) & ~PAGE_MASK:
                wrong.append(f"{_whose(spaces, nr)}: area {start:#x}-{stop:#x} after {end:#x}")
            end = stop
            total += stop - start
            if flags & VM_ACCOUNT:
                committed += stop - start
            if flags & VM_LOCKED:
                locked += stop - start
            if vma.vm_mm is not mm:
                wrong.append(f"{_whose(spaces, nr)}: area {start:#x} belongs to another mm")
            if file is not None:
                inode = file.f_path.dentry.d_inode
                if vma not in inode.i_mmap:
                    wrong.append(f"{_whose(spaces, nr)}: area {start:#x} is not in i_mmap")
                if type(inode) is shmem.ShmemInode:
                    shared[inode] = inode.committed
        for what, count, found in (
            ("total_vm", mm.total_vm, total >> PAGE_SHIFT),
            ("locked_vm", mm.locked_vm, locked >> PAGE_SHIFT),
            ("nr_ptes", mm.nr_ptes, len(mm.pte_tables)),
        ):
            if count != found:
                wrong.append(f"{_whose(spaces, nr)}: {what} {count}, found {found}")
        if mm.mmap_cache is not None and mm.mmap_cache not in mm.mmap:
            wrong.append(f"{_whose(spaces, nr)}: mmap_cache is an area that was unmapped")
    found = (committed >> PAGE_SHIFT) + sum(shared.values())
    if found != k.mm.vm_committed:
        wrong.append(f"vm_committed {k.mm.vm_committed}, found {found}")
    return wrong


# Page tables.


class _Walk:
    """All entries of all lowest-level tables, and the frames of all tables, with whose they are.

    space: number of the address space of each entry.  tables: frame, number of the address space, region of 2 MiB
    of each lowest-level table.
    """

    def __init__(self, k: Kernel, spaces: list[MmStruct]) -> None:
        words = k.frames.arrays().q.reshape(-1, 512)
        roots = [(mm.pgd >> PAGE_SHIFT, nr) for nr, mm in enumerate(spaces) if mm.pgd]
        frames = np.array([pfn for pfn, _ in roots], dtype=np.int64)
        space = np.array([nr for _, nr in roots], dtype=np.int64)
        base = np.zeros(len(roots), dtype=np.int64)
        levels = []
        for shift in (39, 30, 21, 12):
            levels.append(frames)
            if shift == 12:
                self.tables = frames, space, base >> 21
            rows = words[frames]
            if shift == 39:
                rows[:, -1] = 0  # the kernel's half
            rows = rows.ravel()
            found = (rows != 0).nonzero()[0]
            at = found >> 9
            entries = rows[found]
            base = base[at] + ((found & 511) << shift)
            space = space[at]
            frames = ((entries & _PFN_MASK) >> _PAGE_SHIFT).astype(np.int64)
        self.all_tables = np.concatenate(levels)
        self.entries: _Words = entries
        self.pfns: _Numbers = frames
        self.addresses: _Numbers = base
        self.space: _Numbers = space
        self.zero = frames == k.mm.zero_pfn


def validate_pages(seen: Census) -> list[str]:
    """Return where page tables, areas, counts of frames and the free list disagree."""
    k, spaces = seen.k, list(seen.mms)
    walk = _Walk(k, spaces)
    wrong = _tables(k, spaces, walk)
    if walk.pfns.size:
        if int(walk.pfns.max()) >= k.mm.total_pages:
            return [*wrong, "a page table entry leads out of memory"]
        wrong += _permissions(k, spaces, walk)
    wrong += _counts(seen, spaces, walk)
    return wrong


def _tables(k: Kernel, spaces: list[MmStruct], walk: _Walk) -> list[str]:
    """The shortcut pte_tables leads to exactly the tables that the CPU finds."""
    found: list[dict[int, int]] = [{} for _ in spaces]
    for pfn, nr, region in zip(*(part.tolist() for part in walk.tables), strict=True):
        found[nr][region] = pfn << 9
    wrong = []
    for nr, mm in enumerate(spaces):
        if found[nr] != mm.pte_tables:
            wrong.append(f"{_whose(spaces, nr)}: pte_tables does not lead to all tables")
    upper = sum([len({region >> 9 for region in part}) + len({region >> 18 for region in part}) for part in found])
    lower = sum([len(part) for part in found])
    if lower + upper + sum([bool(mm.pgd) for mm in spaces]) != walk.all_tables.size:
        wrong.append("a page table above the lowest level leads nowhere")
    return wrong


def _permissions(k: Kernel, spaces: list[MmStruct], walk: _Walk) -> list[str]:
    """Each page lies in an area and allows no more than that; none can be both written and executed."""
    bounds: list[int] = []
    expected: list[int] = []
    without_anon: list[bool] = []
    for nr, mm in enumerate(spaces):
        base = nr << _SPACE_SHIFT
        for vma in mm.mmap:
            bounds += (base + vma.vm_start, base + vma.vm_end)
            expected.append(_EXPECTED[vma.vm_flags & 7])
            without_anon.append(not vma.anon_vma)
    keys = (walk.space << _SPACE_SHIFT) + walk.addresses
    at = np.searchsorted(np.array(bounds, dtype=np.int64), keys, side="right")
    inside = (at & 1) != 0
    at >>= 1
    at[~inside] = 0
    entries = walk.entries
    pflags = k.frames.arrays().pflags[walk.pfns]
    is_file = (pflags & _FILE_FLAG) != 0
    anon = ~(is_file | walk.zero)
    own = np.array(expected or [0], dtype=np.uint64)[at]
    # The area decides whether a page is there; writing and executing it only forbids.
    off = (entries ^ own) & _PRESENCE
    off |= entries & ~own & _RW
    off |= ~entries & own & _NX
    bad = off != 0
    bad |= ~inside
    bad |= anon & np.array(without_anon or [True], dtype=np.bool_)[at]
    bad |= walk.zero & ((entries & _RW) != 0)
    executed = (pflags & _EXEC_FLAG) != 0
    bad |= ((entries & _NX) == 0) & ~executed
    bad |= ((entries & _RW) != 0) & executed
    out = [_complaint(k, spaces, walk, i, bool(inside[i])) for i in bad.nonzero()[0].tolist()]

    return out + _rss(k, spaces, walk.space[anon], walk.space[is_file])


def _rss(k: Kernel, spaces: list[MmStruct], anon: _Numbers, is_file: _Numbers) -> list[str]:
    """Each address space counts its pages; anon, is_file: the numbers of those that have one, for each page."""
    out = []
    anons = np.bincount(anon, minlength=len(spaces)).tolist()
    files = np.bincount(is_file, minlength=len(spaces)).tolist()
    for nr, mm in enumerate(spaces):
        found = anons[nr], files[nr]
        if (mm.rss_anon, mm.rss_file) != found and (mm.rss_anon - _arguments(k, mm), mm.rss_file) != found:
            out.append(
                f"{_whose(spaces, nr)}: rss {mm.rss_anon} anon {mm.rss_file} file, found {anons[nr]} {files[nr]}"
            )
    return out


def _arguments(k: Kernel, mm: MmStruct) -> int:
    """Return how many pages of arguments count as mm's, whose users are in an exec."""
    users = (t for leader in k.tasks for t in leader.signal.threads if t.mm is mm)
    return sum(what.vma_pages for t in users for what in t.held if isinstance(what, LinuxBinprm))


def _complaint(k: Kernel, spaces: list[MmStruct], walk: _Walk, i: int, inside: bool) -> str:
    """Say in words what is wrong with one page."""
    entry, address, nr, pfn = (int(part[i]) for part in (walk.entries, walk.addresses, walk.space, walk.pfns))
    if not inside:
        text = "page outside all areas"
    elif pfn == k.mm.zero_pfn and entry & PTE_RW:
        text = "the zero page is writable"
    else:
        vma = next(vma for vma in spaces[nr].mmap if vma.vm_start <= address < vma.vm_end)
        off = entry ^ _EXPECTED[vma.vm_flags & 7]
        if entry & PTE_RW and not vma.vm_flags & VM_WRITE:
            text = "writable page in a read-only area"
        elif off & PTE_NX and not entry & PTE_NX:
            text = "NX does not fit"
        elif off & (PTE_PRESENT | PTE_PROTNONE):
            text = "presence does not fit"
        elif not entry & PTE_NX and not k.frames.pflags[pfn] & PG_EXEC:
            text = "executable page is not marked"
        elif entry & PTE_RW and k.frames.pflags[pfn] & PG_EXEC:
            text = "executable page can be written"
        else:
            text = "anonymous page in an area without anon_vma"
    return f"{_whose(spaces, nr)}: {text}, at {address:#x}"


def _counts(seen: Census, spaces: list[MmStruct], walk: _Walk) -> list[str]:
    """Each frame is counted as often as something refers to it, mapped as often as an entry does, or free."""
    k = seen.k
    frames = k.frames
    end = k.mm.next_fresh
    mapped = np.bincount(walk.pfns, minlength=end)
    mapped[k.mm.zero_pfn] = 0  # its users are not counted
    cached = np.fromiter(k.mm.page_cache, np.int64, len(k.mm.page_cache))
    free = np.array(k.mm.free_list, dtype=np.int64)
    if mapped.size > end or (free.size and int(free.max()) >= end):
        return ["a frame is mapped or free that was never given out"]
    count = mapped + np.bincount(walk.all_tables, minlength=end) + np.bincount(cached, minlength=end)
    for pfn in seen.pinned_pages:
        count[pfn] += 1
    count[0] += 1
    count[k.mm.zero_pfn] += 1
    freed = np.bincount(free, minlength=end)
    out = [f"frame {i} is on the free list {int(freed[i])} times" for i in (freed > 1).nonzero()[0].tolist()]
    real_count, real_mapped = frames.arrays().count[:end], frames.arrays().mapcount[:end]
    for i in (real_count != count).nonzero()[0].tolist():
        out.append(f"frame {i}: count {real_count[i]}, found {count[i]}{_where(spaces, walk, i)}")
    for i in (real_mapped != mapped).nonzero()[0].tolist():
        out.append(f"frame {i}: mapcount {real_mapped[i]}, found {mapped[i]}{_where(spaces, walk, i)}")
    out += [f"frame {i}: free and in use, or neither" for i in ((freed > 0) != (count == 0)).nonzero()[0].tolist()]
    shared = mapped[walk.pfns] > 1
    shared &= ((walk.entries & _RW) != 0) & ((frames.arrays().pflags[walk.pfns] & _FILE_FLAG) == 0)
    for i in dict.fromkeys(walk.pfns[shared].tolist()):
        out.append(f"frame {i} is shared and writable{_where(spaces, walk, i)}")
    return out


def _where(spaces: list[MmStruct], walk: _Walk, pfn: int) -> str:
    """Say where a frame is mapped."""
    places = (walk.pfns == pfn).nonzero()[0].tolist()[:4]
    return "".join(f", {_whose(spaces, int(walk.space[i]))} at {int(walk.addresses[i]):#x}" for i in places)


def validate_page_cache(seen: Census) -> list[str]:
    """Return which cached pages their file does not know, or knows as others."""
    return [
        f"page cache: frame {pfn} is not page {index} of its file"
        for pfn, (inode, index) in seen.k.mm.page_cache.items()
        if inode.mapping.get(index) != pfn
    ]
