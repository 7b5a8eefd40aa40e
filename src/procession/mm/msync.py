"""msync(2) (mm/msync.c). Most files are kept in the page cache alone, so that only the checks are left."""

from __future__ import annotations

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SIZE, VM_LOCKED, VM_SHARED
from procession.include.linux.mman import MS_ASYNC, MS_INVALIDATE, MS_SYNC, MsyncArg
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, SizeT
from procession.mm import mmap

__all__ = ("sys_msync",)


@syscall
def sys_msync(current: Task, start: Addr, length: SizeT, flags: MsyncArg) -> int:
    """Write changes of shared mappings to their files (msync(2)); raises EINVAL, EBUSY, ENOMEM for holes, ENOSPC."""
    if flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) or start & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "bad flags or address")
    if flags & MS_ASYNC and flags & MS_SYNC:
        raise LinuxError(Errno.EINVAL, "both MS_ASYNC and MS_SYNC")
    end = start + (length + PAGE_SIZE - 1 & PAGE_MASK)
    if end >> 64:
        raise LinuxError(Errno.ENOMEM, "the range wraps")
    if end == start:
        return 0
    mm = current.mm
    assert mm is not None
    unmapped = False
    with mm.mmap_sem.read():
        while start < end:
            vma = mmap.find_vma(mm, start)
            if vma is None:
                raise LinuxError(Errno.ENOMEM, "not mapped")
            if start < vma.vm_start:
                unmapped = True
                start = vma.vm_start
                if start >= end:
                    break
            if flags & MS_INVALIDATE and vma.vm_flags & VM_LOCKED:
                raise LinuxError(Errno.EBUSY, "locked")
            if flags & MS_SYNC and vma.vm_flags & VM_SHARED and vma.vm_file is not None:
                vma.vm_file.inode.writepages()
            start = vma.vm_end
    if unmapped:
        raise LinuxError(Errno.ENOMEM, "a part is not mapped")
    return 0
