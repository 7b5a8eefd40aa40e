"""maps and smaps: a task's mappings (fs/proc/task_mmu.c; spec 18.3; spec proc-kthreads 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs.proc import links
from procession.hw.memory import PG_DIRTY
from procession.include.asm.pgtable import PFN_MASK, PMD_SHIFT, PTE_ACCESSED, PTE_INDEX_MASK, PTE_THERE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.mm_types import (
    PAGE_SHIFT,
    PAGE_SIZE,
    VM_EXEC,
    VM_GROWSDOWN,
    VM_LOCKED,
    VM_MAYSHARE,
    VM_READ,
    VM_WRITE,
    MmStruct,
    VmArea,
)
from procession.include.linux.proc_fs import PROC_NUMBUF
from procession.kernel import ptrace_access
from procession.lib import kstrtox, string
from procession.mm import gup, memory, tlb, uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("clear_refs_write", "mm_for_maps", "show_map_vma", "show_maps", "show_smaps")

_PSS_SHIFT: Final = 12  # fractions of a byte that are added up
_OLD: Final = ~PTE_ACCESSED & (1 << 64) - 1

# What is written to clear_refs.
CLEAR_REFS_ALL: Final = 1
CLEAR_REFS_ANON: Final = 2
CLEAR_REFS_MAPPED: Final = 3

NAME_COLUMN: Final = 73  # 25 + 6 * sizeof(void *)
GATE_VMA: Final = b"ffffffffff600000-ffffffffff601000 r-xp 00000000 00:00 0".ljust(NAME_COLUMN) + b"[vsyscall]\n"


def mm_for_maps(current: Task, task: Task) -> MmStruct | None:
    """Return task's memory if current may see its layout, None if it has none; raises EACCES."""
    mm = task.mm
    if mm is None or mm is current.mm or ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_READ):
        return mm
    raise LinuxError(Errno.EACCES, "needs the right to trace")


def show_maps(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return maps, the vsyscall page last; nothing for kernel threads and the dead."""
    mm = mm_for_maps(current, task)
    if mm is None:
        return b""
    gate = GATE_VMA if gup.has_gate_vma(mm) else b""
    with mm.mmap_sem.read():
        return b"".join(show_map_vma(current, mm, vma, _prev(mm, i)) for i, vma in enumerate(mm.mmap)) + gate


def _prev(mm: MmStruct, index: int) -> VmArea | None:
    return mm.mmap[index - 1] if index else None


def show_map_vma(current: Task, mm: MmStruct, vma: VmArea, prev: VmArea | None) -> bytes:
    """Return one line of maps, with paths as current's root shows them. The guard page of a stack is not shown."""
    flags = vma.vm_flags
    start = vma.vm_start
    # A stack right above another one that grows down needs no guard.
    if flags & VM_GROWSDOWN and not (prev is not None and prev.vm_end == start and prev.vm_flags & VM_GROWSDOWN):
        start += PAGE_SIZE
    dev = ino = pgoff = 0
    if vma.vm_file is not None:
        inode = vma.vm_file.inode
        dev, ino, pgoff = inode.i_sb.s_dev, inode.i_ino, vma.vm_pgoff << PAGE_SHIFT
    major, minor = new_decode_dev(dev)
    text = (
        f"{start:08x}-{vma.vm_end:08x} "
        f"{'r' if flags & VM_READ else '-'}{'w' if flags & VM_WRITE else '-'}{'x' if flags & VM_EXEC else '-'}"
        f"{'s' if flags & VM_MAYSHARE else 'p'} {pgoff:08x} {major:02x}:{minor:02x} {ino} "
    ).encode()
    name = _name(current, mm, vma)
    if not name:
        return text + b"\n"
    return text.ljust(max(NAME_COLUMN, len(text) + 1)) + name + b"\n"


def _name(current: Task, mm: MmStruct, vma: VmArea) -> bytes:
    if vma.vm_file is not None:
        path = links.path_text(current, vma.vm_file.f_path)
        return string.to_bytes(path.replace("\n", "\\012"))
    if vma.name:
        return vma.name.encode()
    if vma.vm_start <= mm.brk and vma.vm_end >= mm.start_brk:
        return b"[heap]"
    if vma.vm_start <= mm.start_stack <= vma.vm_end:
        return b"[stack]"
    return b""


def show_smaps(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return smaps. Differs: only entries are young or old; pages are not marked as referenced, too."""
    mm = mm_for_maps(current, task)
    if mm is None:
        return b""
    with mm.mmap_sem.read():
        return b"".join(show_smap(current, mm, vma, _prev(mm, i)) for i, vma in enumerate(mm.mmap))


def show_smap(current: Task, mm: MmStruct, vma: VmArea, prev: VmArea | None) -> bytes:
    k = current.kernel
    anonymous = pss = referenced = 0
    # By whether others map the page as well, and whether it would have to be written somewhere.
    sizes = {(shared, dirty): 0 for shared in (True, False) for dirty in (True, False)}
    for address in range(vma.vm_start, vma.vm_end, PAGE_SIZE):
        if address >> PMD_SHIFT not in mm.pte_tables:
            continue
        entry = pte(k, mm, address)
        pfn = entry >> PAGE_SHIFT & PFN_MASK
        if not entry & PTE_THERE or pfn == k.mm.zero_pfn:
            continue
        if entry & PTE_ACCESSED:
            referenced += 4
        mapcount = max(1, k.frames.mapcount[pfn])
        pss += (PAGE_SIZE << _PSS_SHIFT) // mapcount
        anonymous_page = pfn not in k.mm.page_cache
        sizes[mapcount > 1, anonymous_page or k.frames.pflags[pfn] & PG_DIRTY != 0] += 4
        if anonymous_page:
            anonymous += 4
    rss, pss_kb = sum(sizes.values()), pss >> 10 + _PSS_SHIFT
    rows = (
        ("Size", (vma.vm_end - vma.vm_start) >> 10),
        ("Rss", rss),
        ("Pss", pss_kb),
        ("Shared_Clean", sizes[True, False]),
        ("Shared_Dirty", sizes[True, True]),
        ("Private_Clean", sizes[False, False]),
        ("Private_Dirty", sizes[False, True]),
        ("Referenced", referenced),
        ("Anonymous", anonymous),
        ("AnonHugePages", 0),
        ("Swap", 0),
        ("KernelPageSize", 4),
        ("MMUPageSize", 4),
        ("Locked", pss_kb if vma.vm_flags & VM_LOCKED else 0),
    )
    text = "".join(f"{name + ':':<15} {value:8d} kB\n" for name, value in rows)
    return show_map_vma(current, mm, vma, prev) + text.encode()


def shmem_rss(k: Kernel, mm: MmStruct) -> int:
    """Return how many pages of shared memory, and of files in memory, are mapped (MM_SHMEMPAGES)."""
    found = 0
    for vma in mm.mmap:
        if vma.vm_file is None or vma.vm_file.inode.i_sb.s_type != "tmpfs":
            continue
        for address in range(vma.vm_start, vma.vm_end, PAGE_SIZE):
            entry = pte(k, mm, address)
            if entry & PTE_THERE and entry >> PAGE_SHIFT & PFN_MASK in k.mm.page_cache:
                found += 1
    return found


def pte(k: Kernel, mm: MmStruct, address: int) -> int:
    """Return the entry for address, 0 if there is none."""
    base = mm.pte_tables.get(address >> PMD_SHIFT)
    return 0 if base is None else k.frames.q[base + (address >> PAGE_SHIFT & PTE_INDEX_MASK)]


def clear_refs_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Make the entries of all pages, the anonymous ones or those of files old; returns at most 12, as looked at.

    Raises EFAULT, EINVAL.
    """
    data = uaccess.copy_from_user(current, buf, min(count, PROC_NUMBUF - 1))
    kind = kstrtox.kstrtoint(string.strim(data), 10)
    if not CLEAR_REFS_ALL <= kind <= CLEAR_REFS_MAPPED:
        raise LinuxError(Errno.EINVAL, "clear_refs: 1 to 3")
    mm = task.mm
    if mm is None:
        return len(data)
    k = current.kernel
    q = k.frames.q
    with mm.mmap_sem.read():
        for vma in mm.mmap:
            # Of a kind of area, not of pages: copied pages of a file are its, too.
            if kind != CLEAR_REFS_ALL and (vma.vm_file is None) != (kind == CLEAR_REFS_ANON):
                continue
            for _, lo, hi in memory.tables_in(mm, vma.vm_start, vma.vm_end):
                for slot in memory.present_entries(k, lo, hi):
                    q[slot] &= _OLD
        tlb.flush_tlb_mm(k, mm)
    return len(data)
