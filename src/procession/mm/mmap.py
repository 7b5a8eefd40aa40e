"""Areas of address spaces: finding, mapping, unmapping, growing (mm/mmap.c; spec 16).

mm.mmap is the list of areas by address; look-ups are bisections. Merging and splitting are in mm/vma.py, the accounts
in mm/util.py.

Differs: no address randomisation; a new area always takes the first hole that fits, from the top.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import file_table, locks
from procession.hw.costs import AREA_FREE_NS, MM_EXIT_NS
from procession.include.linux.cred import CAP_IPC_LOCK, CAP_SYS_RAWIO
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE
from procession.include.linux.mm_types import (
    MAP_32BIT,
    MAP_ANONYMOUS,
    MAP_FIXED,
    MAP_FIXED_NOREPLACE,
    MAP_HUGETLB,
    MAP_LOCKED,
    MAP_NONBLOCK,
    MAP_NORESERVE,
    MAP_POPULATE,
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    PROT_EXEC,
    PROT_READ,
    PROT_WRITE,
    TASK_SIZE,
    VM_ACCOUNT,
    VM_DENYWRITE,
    VM_EXEC,
    VM_EXECUTABLE,
    VM_GROWSDOWN,
    VM_LOCKED,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYSHARE,
    VM_MAYWRITE,
    VM_NORESERVE,
    VM_READ,
    VM_SHARED,
    VM_WRITE,
    MmStruct,
    VmArea,
)
from procession.include.linux.mman import MAP_PRIVATE, MAP_SHARED, MAP_TYPE, MapArg, OffsetArg, ProtArg
from procession.include.linux.mount import MNT_NOEXEC
from procession.include.linux.prctl import READ_IMPLIES_EXEC
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_STACK
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, Fd, SizeT
from procession.kernel import capability, sched_account
from procession.mm import filemap, memory, mlock, shmem, util
from procession.mm import vma as areas

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.kernel import Kernel

__all__ = (
    "do_brk",
    "do_mmap_pgoff",
    "do_munmap",
    "exit_mmap",
    "expand_stack",
    "find_extend_vma",
    "find_vma",
    "find_vma_intersection",
    "get_unmapped_area",
    "insert_vm_struct",
    "mapped_parts",
    "mmap_region",
    "sys_brk",
    "sys_mmap",
    "sys_munmap",
    "task_unmapped_base",
    "vma_before",
)

_end = attrgetter("vm_end")
_PROT_RWX: Final = 7
_RWX: Final = VM_READ | VM_WRITE | VM_EXEC
_MAY: Final = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC


def task_unmapped_base(mm: MmStruct) -> int:
    """Return where looking for room from below begins (TASK_UNMAPPED_BASE)."""
    return mm.task_size // 3 + PAGE_SIZE - 1 & PAGE_MASK


def find_vma(mm: MmStruct, addr: int) -> VmArea | None:
    """Return the first area that ends above addr: addr is in it or before it; None behind the last."""
    vma = mm.mmap_cache
    if vma is not None and vma.vm_start <= addr < vma.vm_end:
        return vma
    i = bisect_right(mm.mmap, addr, key=_end)
    if i == len(mm.mmap):
        return None
    mm.mmap_cache = vma = mm.mmap[i]
    return vma


def vma_before(mm: MmStruct, vma: VmArea) -> VmArea | None:
    """Return the area before vma (vm_prev)."""
    i = areas.vma_index(mm, vma)
    return mm.mmap[i - 1] if i else None


def find_vma_prev(mm: MmStruct, addr: int) -> tuple[VmArea | None, VmArea | None]:
    """Return find_vma's answer and the area before it."""
    i = bisect_right(mm.mmap, addr, key=_end)
    return (mm.mmap[i] if i < len(mm.mmap) else None), (mm.mmap[i - 1] if i else None)


def find_vma_intersection(mm: MmStruct, start: int, end: int) -> VmArea | None:
    """Return the first area that overlaps [start, end)."""
    vma = find_vma(mm, start)
    return vma if vma is not None and vma.vm_start < end else None


def mapped_parts(mm: MmStruct, start: int, end: int) -> Iterator[tuple[VmArea, int, int]]:
    """Yield the areas of [start, end) with the part of it that each covers, which may be split or merged meanwhile.

    Raises ENOMEM at the first hole.
    """
    while start < end:
        vma = find_vma(mm, start)
        if vma is None or vma.vm_start > start:
            raise LinuxError(Errno.ENOMEM, "not mapped")
        stop = min(vma.vm_end, end)
        yield vma, start, stop
        start = stop


def find_extend_vma(current: Task, mm: MmStruct, addr: int) -> VmArea | None:
    """Return the area addr is in, growing a stack down to it if need be and possible."""
    vma = find_vma(mm, addr & PAGE_MASK)
    if vma is None or vma.vm_start <= addr:
        return vma
    if not vma.vm_flags & VM_GROWSDOWN:
        return None
    try:
        expand_stack(current, vma, addr)
    except LinuxError:
        return None
    return vma


def expand_stack(current: Task, vma: VmArea, address: int) -> None:
    """Grow a stack area down to address (expand_downwards); raises ENOMEM, EPERM below mmap_min_addr."""
    address &= PAGE_MASK
    check_mmap_min_addr(current, address)
    if address >= vma.vm_start:
        return
    mm = vma.vm_mm
    grow = vma.vm_start - address >> PAGE_SHIFT
    if vma.vm_file is not None and grow > vma.vm_pgoff:
        raise LinuxError(Errno.ENOMEM, "the file begins here")
    acct_stack_growth(current, mm, vma, vma.vm_end - address, grow)
    vma.vm_start = address
    vma.vm_pgoff -= grow


def acct_stack_growth(current: Task, mm: MmStruct, vma: VmArea, size: int, grow: int) -> None:
    if not util.may_expand_vm(current, mm, grow):
        raise LinuxError(Errno.ENOMEM, "RLIMIT_AS")
    if size > util.rlimit(current, RLIMIT_STACK):
        raise LinuxError(Errno.ENOMEM, "RLIMIT_STACK")
    if vma.vm_flags & VM_LOCKED:
        limit = util.rlimit(current, RLIMIT_MEMLOCK) >> PAGE_SHIFT
        if mm.locked_vm + grow > limit and not capability.capable(current, CAP_IPC_LOCK):
            raise LinuxError(Errno.ENOMEM, "RLIMIT_MEMLOCK")
    if vma.vm_flags & VM_ACCOUNT:
        util.vm_enough_memory(current, grow)
    mm.total_vm += grow
    if vma.vm_flags & VM_LOCKED:
        mm.locked_vm += grow
    util.vm_stat_account(mm, vma.vm_flags, vma.vm_file, grow)


def check_mmap_min_addr(current: Task, addr: int) -> None:
    """Keep unprivileged users from mapping the lowest pages; raises EPERM (cap_file_mmap)."""
    if addr < current.kernel.mm.mmap_min_addr and not capability.capable(current, CAP_SYS_RAWIO):
        raise LinuxError(Errno.EPERM, "below mmap_min_addr")


def get_unmapped_area(current: Task, mm: MmStruct, addr: int, length: int, flags: int) -> int:
    """Choose an address: addr itself with MAP_FIXED, near it if free, else the first hole; raises ENOMEM, EINVAL."""
    task_size = mm.task_size
    if length > task_size:
        raise LinuxError(Errno.ENOMEM, "larger than the address space")
    if flags & MAP_FIXED:
        if addr > task_size - length:
            raise LinuxError(Errno.ENOMEM, "beyond the address space")
        if addr & ~PAGE_MASK:
            raise LinuxError(Errno.EINVAL, "not page-aligned")
        return addr
    in_32bit = flags & MAP_32BIT and task_size == TASK_SIZE
    if addr and not in_32bit:
        addr = addr + PAGE_SIZE - 1 & PAGE_MASK
        vma = find_vma(mm, addr)
        if task_size - length >= addr and (vma is None or addr + length <= vma.vm_start):
            return addr
    if in_32bit:
        return _bottomup(mm, length, 0x40000000, 0x80000000)
    lowest = task_unmapped_base(mm)
    if mm.mmap_base == lowest:
        return _bottomup(mm, length, lowest, task_size)

    # arch_get_unmapped_area_topdown
    top, hole = mm.free_area_cache, mm.cached_hole_size
    if not top or length <= hole:
        top, hole = mm.mmap_base, 0
    vmas = mm.mmap
    i = bisect_right(vmas, top - 1, key=_end)
    if i < len(vmas):
        top = min(top, vmas[i].vm_start)
    while True:
        i -= 1
        below = vmas[i].vm_end if i >= 0 else 0
        if top - below >= length and top - length >= current.kernel.mm.mmap_min_addr:
            mm.free_area_cache, mm.cached_hole_size = top, hole
            return top - length
        if i < 0:
            break
        hole = max(hole, top - below)
        top = vmas[i].vm_start
    return _bottomup(mm, length, lowest, task_size)


def _bottomup(mm: MmStruct, length: int, begin: int, end: int) -> int:
    addr = begin
    vmas = mm.mmap
    for i in range(bisect_right(vmas, addr, key=_end), len(vmas)):
        vma = vmas[i]
        if addr + length <= vma.vm_start:
            break
        addr = vma.vm_end
    if addr > end - length:
        raise LinuxError(Errno.ENOMEM, "no hole is large enough")
    return addr


def do_mmap_pgoff(current: Task, file: File | None, addr: int, length: int, prot: int, flags: int, pgoff: int) -> int:
    """Map a file, or memory, into current's address space; returns the address (spec of mmap(2)).

    The caller holds mmap_sem for writing. Raises EINVAL, ENOMEM, EPERM, EAGAIN, EACCES, ENODEV, ETXTBSY.
    """
    mm = current.mm
    assert mm is not None
    mm.mmap_sem.assert_held_write()
    k = current.kernel
    if (
        prot & PROT_READ
        and current.personality & READ_IMPLIES_EXEC
        and not (file is not None and file.f_path.mnt.mnt_flags & MNT_NOEXEC)
    ):
        prot |= PROT_EXEC
    if not length:
        raise LinuxError(Errno.EINVAL, "length 0")
    if not flags & MAP_FIXED:
        addr &= PAGE_MASK
        if addr:
            addr = max(addr, k.mm.mmap_min_addr)  # round_hint_to_min
    length = length + PAGE_SIZE - 1 & PAGE_MASK
    if length >> 64:
        raise LinuxError(Errno.ENOMEM, "the length overflows")
    if len(mm.mmap) > k.mm.max_map_count:
        raise LinuxError(Errno.ENOMEM, "too many areas")
    addr = get_unmapped_area(current, mm, addr, length, flags)

    vm_flags = prot & _PROT_RWX | mm.def_flags | _MAY | flags & (VM_GROWSDOWN | VM_DENYWRITE | VM_EXECUTABLE)
    if (flags | vm_flags) & VM_LOCKED:
        vm_flags |= _locked_flag(current, mm, flags, length)
    kind = flags & MAP_TYPE
    if file is not None:
        vm_flags = _file_flags(current, file, prot, kind, vm_flags)
    elif kind == MAP_SHARED:
        pgoff = 0
        vm_flags |= VM_SHARED | VM_MAYSHARE
    elif kind == MAP_PRIVATE:
        pgoff = addr >> PAGE_SHIFT
    else:
        raise LinuxError(Errno.EINVAL, "neither shared nor private")
    check_mmap_min_addr(current, addr)
    return mmap_region(current, file, addr, length, flags, vm_flags, pgoff)


def _locked_flag(current: Task, mm: MmStruct, flags: int, length: int) -> int:
    """Return VM_LOCKED if so much may be locked; raises EPERM, EAGAIN. MAP_LOCKED is the same bit."""
    if flags & MAP_LOCKED and not mlock.can_do_mlock(current):
        raise LinuxError(Errno.EPERM, "RLIMIT_MEMLOCK is 0")
    mlock.check_mlock_limit(current, mm, length >> PAGE_SHIFT)
    return VM_LOCKED


def _file_flags(current: Task, file: File, prot: int, kind: int, vm_flags: int) -> int:
    """Check a file mapping against how the file was opened; returns the area's flags."""
    if kind == MAP_SHARED:
        if prot & PROT_WRITE and not file.f_mode & FMODE_WRITE:
            raise LinuxError(Errno.EACCES, "a shared writable mapping of a file not open for writing")
        locks.locks_verify_locked(current, file.f_path.dentry.d_inode)
        vm_flags |= VM_SHARED | VM_MAYSHARE
        if not file.f_mode & FMODE_WRITE:
            vm_flags &= ~(VM_MAYWRITE | VM_SHARED)
    elif kind != MAP_PRIVATE:
        raise LinuxError(Errno.EINVAL, "neither shared nor private")
    if not file.f_mode & FMODE_READ:
        raise LinuxError(Errno.EACCES, "mapping a file not open for reading")
    if file.f_path.mnt.mnt_flags & MNT_NOEXEC:
        if vm_flags & VM_EXEC:
            raise LinuxError(Errno.EPERM, "the mount is noexec")
        vm_flags &= ~VM_MAYEXEC
    return vm_flags


def mmap_region(current: Task, file: File | None, addr: int, length: int, flags: int, vm_flags: int, pgoff: int) -> int:
    """Make the area, in place of whatever is there; raises ENOMEM, ENODEV, ETXTBSY."""
    mm = current.mm
    assert mm is not None
    k = current.kernel
    pages = length >> PAGE_SHIFT
    end = addr + length
    if find_vma_intersection(mm, addr, end) is not None:
        do_munmap(current, mm, addr, length)
    if not util.may_expand_vm(current, mm, pages):
        raise LinuxError(Errno.ENOMEM, "RLIMIT_AS")
    if flags & MAP_NORESERVE and k.mm.overcommit_memory != util.OVERCOMMIT_NEVER:
        vm_flags |= VM_NORESERVE
    charged = vm_flags & (VM_NORESERVE | VM_SHARED | VM_WRITE) == VM_WRITE
    if charged:
        util.vm_enough_memory(current, pages)
        vm_flags |= VM_ACCOUNT

    i = bisect_right(mm.mmap, addr, key=_end)
    prev = mm.mmap[i - 1] if i else None
    vma = None
    if file is not None or not vm_flags & VM_SHARED:
        vma = areas.vma_merge(k, mm, prev, addr, end, vm_flags, False, file, pgoff)
    if vma is None:
        try:
            vma = _new_region(current, mm, file, addr, end, vm_flags, pgoff)
        except LinuxError:
            if charged:
                k.mm.vm_committed -= pages
            raise
        addr = vma.vm_start
        vm_flags = vma.vm_flags
    mm.total_vm += pages
    util.vm_stat_account(mm, vm_flags, vma.vm_file, pages)
    if vm_flags & VM_LOCKED:
        mm.locked_vm += pages
        memory.make_pages_present(current, mm, addr, end)
    elif flags & MAP_POPULATE and not flags & MAP_NONBLOCK:
        memory.make_pages_present(current, mm, addr, end)
    return addr


def _new_region(
    current: Task, mm: MmStruct, file: File | None, addr: int, end: int, vm_flags: int, pgoff: int
) -> VmArea:
    cache = current.kernel.caches["vm_area_struct"]
    if file is not None and vm_flags & VM_GROWSDOWN:
        raise LinuxError(Errno.EINVAL, "a file as a stack")
    cache.alloc()
    vma = VmArea(mm, addr, end, vm_flags, pgoff, file)
    try:
        if file is not None:
            file.f_count += 1
            file.mmap(current, vma)
        elif vm_flags & VM_SHARED:
            shmem.shmem_zero_setup(current, vma)
    except LinuxError:
        if file is not None:
            file_table.fput(current, file)
        cache.free()
        raise
    areas.vma_link(mm, vma)
    return vma


def do_munmap(current: Task, mm: MmStruct, start: int, length: int) -> None:
    """Unmap [start, start+length), cutting areas as needed; raises EINVAL, ENOMEM. Holds: mmap_sem for writing."""
    mm.mmap_sem.assert_held_write()
    if start & ~PAGE_MASK or start > mm.task_size or length > mm.task_size - start:
        raise LinuxError(Errno.EINVAL, "bad range")
    length = length + PAGE_SIZE - 1 & PAGE_MASK
    if not length:
        raise LinuxError(Errno.EINVAL, "length 0")
    end = start + length
    vmas = mm.mmap
    i = bisect_right(vmas, start, key=_end)
    if i == len(vmas) or vmas[i].vm_start >= end:
        return
    k = current.kernel
    vma = vmas[i]
    if start > vma.vm_start:
        # Making a hole adds an area, splitting alone does not count yet.
        if end < vma.vm_end and len(vmas) >= k.mm.max_map_count:
            raise LinuxError(Errno.ENOMEM, "too many areas")
        areas.split_to_unmap(k, mm, vma, start, False)
        i += 1
    last = find_vma(mm, end)
    if last is not None and end > last.vm_start:
        areas.split_to_unmap(k, mm, last, end, True)
    j = i
    while j < len(vmas) and vmas[j].vm_start < end:
        j += 1
    gone = vmas[i:j]
    del vmas[i:j]
    mm.mmap_cache = None
    floor = vmas[i - 1].vm_end if i else 0
    ceiling = vmas[i].vm_start if i < len(vmas) else mm.task_size
    if 0 < mm.free_area_cache < ceiling:
        mm.free_area_cache = ceiling if ceiling < mm.mmap_base else 0
    unmap_region(k, mm, gone, floor, ceiling)


def unmap_region(k: Kernel, mm: MmStruct, gone: list[VmArea], floor: int, ceiling: int) -> None:
    """Drop the pages, tables and objects of areas already taken off the list."""
    mm.hiwater_vm = max(mm.hiwater_vm, mm.total_vm)
    if mm.pgd:
        memory.zap_page_range(k, mm, gone[0].vm_start, gone[-1].vm_end)
        memory.free_pgtables(k, mm, floor, ceiling)
    for vma in gone:
        pages = vma.vm_end - vma.vm_start >> PAGE_SHIFT
        flags = vma.vm_flags
        if flags & VM_LOCKED:
            mm.locked_vm -= pages
        if flags & VM_ACCOUNT:
            k.mm.vm_committed -= pages
        mm.total_vm -= pages
        util.vm_stat_account(mm, flags, vma.vm_file, -pages)
        areas.remove_vma(k, vma)


def do_brk(current: Task, addr: int, length: int) -> int:
    """Map anonymous memory at addr, for the heap and a program's bss; raises ENOMEM, EAGAIN, EPERM, EINVAL."""
    mm = current.mm
    assert mm is not None
    k = current.kernel
    length = length + PAGE_SIZE - 1 & PAGE_MASK
    assert length
    check_mmap_min_addr(current, addr)
    vm_flags = VM_READ | VM_WRITE | _MAY | VM_ACCOUNT | mm.def_flags
    if current.personality & READ_IMPLIES_EXEC:
        vm_flags |= VM_EXEC
    get_unmapped_area(current, mm, addr, length, MAP_FIXED)
    pages = length >> PAGE_SHIFT
    if vm_flags & VM_LOCKED:
        mlock.check_mlock_limit(current, mm, pages)
    end = addr + length
    if find_vma_intersection(mm, addr, end) is not None:
        do_munmap(current, mm, addr, length)
    if not util.may_expand_vm(current, mm, pages):
        raise LinuxError(Errno.ENOMEM, "RLIMIT_AS")
    if len(mm.mmap) > k.mm.max_map_count:
        raise LinuxError(Errno.ENOMEM, "too many areas")
    util.vm_enough_memory(current, pages)
    i = bisect_right(mm.mmap, addr, key=_end)
    prev = mm.mmap[i - 1] if i else None
    if areas.vma_merge(k, mm, prev, addr, end, vm_flags, False, None, addr >> PAGE_SHIFT) is None:
        try:
            k.caches["vm_area_struct"].alloc()
        except LinuxError:
            k.mm.vm_committed -= pages
            raise
        areas.vma_link(mm, VmArea(mm, addr, end, vm_flags, addr >> PAGE_SHIFT))
    mm.total_vm += pages
    if vm_flags & VM_LOCKED:
        mm.locked_vm += pages
        memory.make_pages_present(current, mm, addr, end)
    return addr


def insert_vm_struct(current: Task, mm: MmStruct, vma: VmArea) -> None:
    """Link an area of memory made by the caller (exec's stack, the vdso); raises ENOMEM.

    The counts of mm are the caller's. Takes the object into account.
    """
    vma.vm_pgoff = vma.vm_start >> PAGE_SHIFT
    assert find_vma_intersection(mm, vma.vm_start, vma.vm_end) is None
    k = current.kernel
    k.caches["vm_area_struct"].alloc()
    if vma.vm_flags & VM_ACCOUNT:
        try:
            util.vm_enough_memory(current, vma.vm_end - vma.vm_start >> PAGE_SHIFT)
        except LinuxError:
            k.caches["vm_area_struct"].free()
            raise
    areas.vma_link(mm, vma)


def exit_mmap(k: Kernel, mm: MmStruct) -> None:
    """Give back everything an address space holds; its last user is gone."""
    memory.unmap_all(k, mm)
    committed = 0
    for vma in mm.mmap:
        flags = vma.vm_flags
        if flags & VM_ACCOUNT:
            committed += vma.vm_end - vma.vm_start >> PAGE_SHIFT
        file = vma.vm_file
        if file is not None:
            if file.f_vm_ops:
                file.vm_close(k, vma)
            inode = file.f_path.dentry.d_inode
            del inode.i_mmap[vma]
            if flags & VM_SHARED:
                filemap.filemap_flush(k, inode)
            if flags & VM_DENYWRITE:
                inode.i_writecount += 1
            if file.f_count > 1:
                file.f_count -= 1
            else:
                file_table.fput(None, file)
    k.mm.vm_committed -= committed
    k.caches["vm_area_struct"].nr_active -= len(mm.mmap)
    sched_account.account_system_time(k.current, MM_EXIT_NS + len(mm.mmap) * AREA_FREE_NS)
    mm.mmap.clear()
    mm.mmap_cache = None
    mm.total_vm = mm.locked_vm = mm.shared_vm = mm.exec_vm = mm.stack_vm = 0


@syscall
def sys_mmap(current: Task, addr: Addr, length: SizeT, prot: ProtArg, flags: MapArg, fd: Fd, offset: OffsetArg) -> Addr:
    """Map files or memory (mmap(2)); raises as do_mmap_pgoff, and EBADF.

    Differs: huge pages are always used up (ENOMEM), also for MAP_NORESERVE, where 3.2 finds out at the first access.
    """
    if offset & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "the offset is not page-aligned")
    file = None
    if not flags & MAP_ANONYMOUS:
        if flags & MAP_HUGETLB:
            raise LinuxError(Errno.EINVAL, "MAP_HUGETLB of a file")
        file = fs_file.fget(current, fd)
    elif flags & MAP_HUGETLB and length:
        current.kernel.not_modelled("mmap: MAP_HUGETLB")
        raise LinuxError(Errno.ENOMEM, "no huge pages")
    flags &= ~(VM_EXECUTABLE | VM_DENYWRITE)
    assert current.mm is not None
    try:
        with current.mm.mmap_sem.write():
            if flags & MAP_FIXED_NOREPLACE and "MAP_FIXED_NOREPLACE" in current.kernel.later:
                flags |= areas.fixed_if_free(current.mm, addr, length)
            return do_mmap_pgoff(current, file, addr, length, prot, flags, offset >> PAGE_SHIFT)
    finally:
        if file is not None:
            file_table.fput(current, file)


@syscall
def sys_munmap(current: Task, addr: Addr, length: SizeT) -> int:
    """Unmap pages (munmap(2)); raises EINVAL, ENOMEM."""
    mm = current.mm
    assert mm is not None
    with mm.mmap_sem.write():
        do_munmap(current, mm, addr, length)
    return 0


@syscall
def sys_brk(current: Task, brk: Addr) -> Addr:
    """Move the end of the heap; returns the end after the call, moved or not (brk(2) of the kernel)."""
    mm = current.mm
    assert mm is not None
    with mm.mmap_sem.write():
        if brk < mm.start_brk:
            return mm.brk
        limit = util.rlimit(current, RLIMIT_DATA)
        if limit != RLIM_INFINITY and brk - mm.start_brk + mm.end_data - mm.start_data > limit:
            return mm.brk
        newbrk, oldbrk = brk + PAGE_SIZE - 1 & PAGE_MASK, mm.brk + PAGE_SIZE - 1 & PAGE_MASK
        try:
            if newbrk < oldbrk:
                do_munmap(current, mm, newbrk, oldbrk - newbrk)
            elif newbrk > oldbrk:
                # One page stays free below the next area.
                if find_vma_intersection(mm, oldbrk, newbrk + PAGE_SIZE) is not None:
                    return mm.brk
                do_brk(current, oldbrk, newbrk - oldbrk)
        except LinuxError:
            return mm.brk
        mm.brk = brk
        return brk
