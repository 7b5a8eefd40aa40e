"""Locked memory: mlock, munlock, mlockall, munlockall (mm/mlock.c).

Nothing here is ever paged out, so a lock shows only as presence, in the counts, and in what the limits refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_IPC_LOCK
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    VM_DONTEXPAND,
    VM_IO,
    VM_LOCKED,
    VM_PFNMAP,
    MmStruct,
    VmArea,
)
from procession.include.linux.mman import MCL_CURRENT, MCL_FUTURE, MlockallArg
from procession.include.linux.resource import RLIMIT_MEMLOCK
from procession.include.linux.sched import Task
from procession.include.linux.sched_attr import MLOCK_ONFAULT, Mlock2Arg
from procession.include.linux.syscalls import later_syscall, syscall
from procession.include.linux.types import Addr, SizeT
from procession.kernel import capability
from procession.kernel import user as kernel_user
from procession.mm import memory, mmap, util
from procession.mm import vma as areas

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import UserStruct

__all__ = (
    "can_do_mlock",
    "check_mlock_limit",
    "sys_mlock",
    "sys_mlock2",
    "sys_mlockall",
    "sys_munlock",
    "sys_munlockall",
    "user_shm_lock",
    "user_shm_unlock",
)

_NOT_LOCKABLE: Final = VM_IO | VM_PFNMAP | VM_DONTEXPAND


def can_do_mlock(current: Task) -> bool:
    """Whether current may lock any memory at all."""
    return util.rlimit(current, RLIMIT_MEMLOCK) != 0 or capability.capable(current, CAP_IPC_LOCK)


def check_mlock_limit(current: Task, mm: MmStruct, pages: int) -> None:
    """Refuse to lock more pages than RLIMIT_MEMLOCK; raises EAGAIN (mlock_future_check)."""
    if mm.locked_vm + pages > util.rlimit(current, RLIMIT_MEMLOCK) >> PAGE_SHIFT and not capability.capable(
        current, CAP_IPC_LOCK
    ):
        raise LinuxError(Errno.EAGAIN, "RLIMIT_MEMLOCK")


def mlock_fixup(current: Task, mm: MmStruct, vma: VmArea, start: int, end: int, newflags: int) -> None:
    """Give [start, end) of vma newflags, which differ in LOCKED at most; raises ENOMEM."""
    if newflags == vma.vm_flags or vma.vm_flags & _NOT_LOCKABLE:
        return
    pages = end - start >> PAGE_SHIFT
    change_vma_flags(current, mm, vma, start, end, newflags)
    mm.locked_vm += pages if newflags & VM_LOCKED else -pages


def change_vma_flags(current: Task, mm: MmStruct, vma: VmArea, start: int, end: int, newflags: int) -> VmArea:
    """Make [start, end) of vma an area of its own, or part of a neighbour, with newflags; raises ENOMEM.

    What mlock, madvise and mprotect have in common.
    """
    k = current.kernel
    prev = mmap.vma_before(mm, vma) if start == vma.vm_start else vma
    pgoff = vma.vm_pgoff + (start - vma.vm_start >> PAGE_SHIFT)
    merged = areas.vma_merge(k, mm, prev, start, end, newflags, vma.anon_vma, vma.vm_file, pgoff, vma.name)
    if merged is not None:
        return merged
    if start != vma.vm_start:
        areas.split_vma(k, mm, vma, start, True)
    if end != vma.vm_end:
        areas.split_vma(k, mm, vma, end, False)
    vma.vm_flags = newflags
    return vma


def do_mlock(current: Task, mm: MmStruct, start: int, length: int, on: bool) -> None:
    """Set or clear the lock of every area in the range; raises ENOMEM for a hole, EINVAL."""
    end = start + (length + PAGE_SIZE - 1 & PAGE_MASK)
    if end >> 64:
        raise LinuxError(Errno.EINVAL, "the range wraps")
    if end == start:
        return
    for vma, first, stop in mmap.mapped_parts(mm, start, end):
        newflags = vma.vm_flags | VM_LOCKED if on else vma.vm_flags & ~VM_LOCKED
        mlock_fixup(current, mm, vma, first, stop, newflags)


def mlock_pages(current: Task, mm: MmStruct, start: int, end: int) -> int:
    """Bring the locked pages of a range in (do_mlock_pages); returns 0 or an Errno as mlock(2) words it."""
    for vma in mm.mmap:
        if vma.vm_end <= start or vma.vm_start >= end or not vma.vm_flags & VM_LOCKED:
            continue
        error = memory.make_pages_present(current, mm, max(start, vma.vm_start), min(end, vma.vm_end))
        if error:
            return int(Errno.ENOMEM if error == Errno.EFAULT else Errno.EAGAIN)
    return 0


def _mm(current: Task) -> MmStruct:
    mm = current.mm
    assert mm is not None
    return mm


@syscall
def sys_mlock(current: Task, start: Addr, length: SizeT) -> int:
    """Lock pages in memory (mlock(2)); raises EPERM, ENOMEM, EAGAIN, EINVAL."""
    return _mlock(current, start, length, at_once=True)


@later_syscall
def sys_mlock2(current: Task, start: Addr, length: SizeT, flags: Mlock2Arg) -> int:
    """Lock pages in memory, with MLOCK_ONFAULT as they come (mlock2(2)); raises EINVAL, and what mlock(2) does."""
    if flags & ~MLOCK_ONFAULT:
        raise LinuxError(Errno.EINVAL, "mlock2: unknown flags")
    return _mlock(current, start, length, at_once=not flags)


def _mlock(current: Task, start: int, length: int, *, at_once: bool) -> int:
    """Lock a range; at_once: its pages are brought in now."""
    if not can_do_mlock(current):
        raise LinuxError(Errno.EPERM, "RLIMIT_MEMLOCK is 0")
    mm = _mm(current)
    length = length + (start & ~PAGE_MASK) + PAGE_SIZE - 1 & PAGE_MASK
    start &= PAGE_MASK
    with mm.mmap_sem.write():
        locked = (length >> PAGE_SHIFT) + mm.locked_vm
        limit = util.rlimit(current, RLIMIT_MEMLOCK) >> PAGE_SHIFT
        if locked > limit and not capability.capable(current, CAP_IPC_LOCK):
            raise LinuxError(Errno.ENOMEM, "RLIMIT_MEMLOCK")
        do_mlock(current, mm, start, length, True)
        error = mlock_pages(current, mm, start, start + length) if at_once else 0
    if error:
        raise LinuxError(Errno(error), "a page cannot be had")
    return 0


@syscall
def sys_munlock(current: Task, start: Addr, length: SizeT) -> int:
    """Unlock pages (munlock(2)); raises ENOMEM, EINVAL."""
    mm = _mm(current)
    length = length + (start & ~PAGE_MASK) + PAGE_SIZE - 1 & PAGE_MASK
    with mm.mmap_sem.write():
        do_mlock(current, mm, start & PAGE_MASK, length, False)
    return 0


@syscall
def sys_mlockall(current: Task, flags: MlockallArg) -> int:
    """Lock all pages, now or in future mappings (mlockall(2)); raises EINVAL, EPERM, ENOMEM."""
    if not flags or flags & ~(MCL_CURRENT | MCL_FUTURE):
        raise LinuxError(Errno.EINVAL, "unknown flags")
    if not can_do_mlock(current):
        raise LinuxError(Errno.EPERM, "RLIMIT_MEMLOCK is 0")
    mm = _mm(current)
    with mm.mmap_sem.write():
        limit = util.rlimit(current, RLIMIT_MEMLOCK) >> PAGE_SHIFT
        if flags & MCL_CURRENT and mm.total_vm > limit and not capability.capable(current, CAP_IPC_LOCK):
            raise LinuxError(Errno.ENOMEM, "RLIMIT_MEMLOCK")
        do_mlockall(current, mm, flags)
        if flags & MCL_CURRENT:
            mlock_pages(current, mm, 0, 1 << 64)
    return 0


@syscall
def sys_munlockall(current: Task) -> int:
    """Unlock all pages (munlockall(2))."""
    mm = _mm(current)
    with mm.mmap_sem.write():
        do_mlockall(current, mm, 0)
    return 0


def do_mlockall(current: Task, mm: MmStruct, flags: int) -> None:
    mm.def_flags = VM_LOCKED if flags & MCL_FUTURE else 0
    if flags == MCL_FUTURE:
        return
    start = 0
    while True:
        vma = mmap.find_vma(mm, start)
        if vma is None:
            return
        start = vma.vm_end
        newflags = vma.vm_flags | VM_LOCKED if flags & MCL_CURRENT else vma.vm_flags & ~VM_LOCKED
        try:
            mlock_fixup(current, mm, vma, vma.vm_start, vma.vm_end, newflags)
        except LinuxError:
            continue  # as 3.2: an area that cannot be locked does not stop the others


# Segments of shared memory: they are locked for a user, not for a process.


def user_shm_lock(current: Task, size: int, user: UserStruct) -> bool:
    """Count size bytes as locked by user, who is referred to until they are unlocked; whether that is allowed."""
    pages = size + PAGE_SIZE - 1 >> PAGE_SHIFT
    limit = util.rlimit(current, RLIMIT_MEMLOCK) >> PAGE_SHIFT
    if user.locked_shm + pages > limit and not capability.capable(current, CAP_IPC_LOCK):
        return False
    kernel_user.get_uid(user)
    user.locked_shm += pages
    return True


def user_shm_unlock(k: Kernel, size: int, user: UserStruct) -> None:
    """Take user_shm_lock() back."""
    user.locked_shm -= size + PAGE_SIZE - 1 >> PAGE_SHIFT
    kernel_user.free_uid(k, user)
