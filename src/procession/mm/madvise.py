"""Advice about mappings; some of it is binding (mm/madvise.c)."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    VM_DONTCOPY,
    VM_IO,
    VM_LOCKED,
    VM_PFNMAP,
    VM_RAND_READ,
    VM_SEQ_READ,
    VM_SHARED,
    VM_WRITE,
    MmStruct,
    VmArea,
)
from procession.include.linux.mman import (
    MADV_DONTFORK,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_HUGEPAGE,
    MADV_MERGEABLE,
    MADV_NOHUGEPAGE,
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_REMOVE,
    MADV_SEQUENTIAL,
    MADV_UNMERGEABLE,
    MADV_WILLNEED,
    MadviseArg,
)
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, SizeT
from procession.mm import filemap, memory, mlock, mmap

__all__ = ("sys_madvise",)

_KNOWN: Final = (*range(5), *range(9, 16))
# Same-page merging and huge pages change nothing a program can see but speed.
_HINTS: Final = (MADV_WILLNEED, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE)


@syscall
def sys_madvise(current: Task, start: Addr, length: SizeT, behavior: MadviseArg) -> int:
    """Advise on the use of memory (madvise(2)); raises EINVAL, ENOMEM for holes, EBADF, EACCES, ENOSYS."""
    if behavior not in _KNOWN and not (behavior == MADV_FREE and "MADV_FREE" in current.kernel.later):
        raise LinuxError(Errno.EINVAL, f"unknown advice {behavior}")
    if start & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "not page-aligned")
    end = start + (length + PAGE_SIZE - 1 & PAGE_MASK)
    if end >> 64:
        raise LinuxError(Errno.EINVAL, "the range wraps")
    if end == start:
        return 0
    mm = current.mm
    assert mm is not None
    with mm.mmap_sem.write():
        unmapped = False
        while start < end:
            vma = mmap.find_vma(mm, start)
            if vma is None:
                raise LinuxError(Errno.ENOMEM, "not mapped")
            if start < vma.vm_start:
                unmapped = True  # the rest is advised all the same
                start = vma.vm_start
                if start >= end:
                    break
            stop = min(vma.vm_end, end)
            madvise_vma(current, mm, vma, start, stop, behavior)
            start = stop
    if unmapped:
        raise LinuxError(Errno.ENOMEM, "a part is not mapped")
    return 0


def madvise_vma(current: Task, mm: MmStruct, vma: VmArea, start: int, end: int, behavior: int) -> None:
    if behavior == MADV_DONTNEED:
        if vma.vm_flags & (VM_LOCKED | VM_PFNMAP):
            raise LinuxError(Errno.EINVAL, "locked")
        memory.zap_page_range(current.kernel, mm, start, end)
    elif behavior == MADV_FREE:
        # Nothing takes pages from a program that writes to them nowhere else: they may go, and stay.
        if vma.vm_flags & (VM_LOCKED | VM_PFNMAP) or vma.vm_file is not None:
            raise LinuxError(Errno.EINVAL, "not private anonymous memory, or locked")
    elif behavior == MADV_REMOVE:
        _remove(current, vma, start, end)
    elif behavior in _HINTS:
        if behavior == MADV_WILLNEED and vma.vm_file is None:
            raise LinuxError(Errno.EBADF, "not a file")
    else:
        madvise_behavior(current, mm, vma, start, end, behavior)


def madvise_behavior(current: Task, mm: MmStruct, vma: VmArea, start: int, end: int, behavior: int) -> None:
    flags = vma.vm_flags
    if behavior == MADV_NORMAL:
        flags &= ~(VM_RAND_READ | VM_SEQ_READ)
    elif behavior == MADV_SEQUENTIAL:
        flags = flags & ~VM_RAND_READ | VM_SEQ_READ
    elif behavior == MADV_RANDOM:
        flags = flags & ~VM_SEQ_READ | VM_RAND_READ
    elif behavior == MADV_DONTFORK:
        flags |= VM_DONTCOPY
    else:
        if flags & VM_IO:
            raise LinuxError(Errno.EINVAL, "device memory")
        flags &= ~VM_DONTCOPY
    if flags == vma.vm_flags:
        return
    try:
        mlock.change_vma_flags(current, mm, vma, start, end, flags)
    except LinuxError as e:
        raise LinuxError(Errno.EAGAIN if e.errno is Errno.ENOMEM else e.errno, "no memory to split an area") from e


def _remove(current: Task, vma: VmArea, start: int, end: int) -> None:
    """Punch a hole into shared memory: the pages read as zero again."""
    if vma.vm_flags & VM_LOCKED:
        raise LinuxError(Errno.EINVAL, "locked")
    file = vma.vm_file
    if file is None:
        raise LinuxError(Errno.EINVAL, "not a file")
    if vma.vm_flags & (VM_SHARED | VM_WRITE) != VM_SHARED | VM_WRITE:
        raise LinuxError(Errno.EACCES, "not a shared writable mapping")
    inode = file.f_path.dentry.d_inode
    if inode.i_sb.s_type != "tmpfs":
        raise LinuxError(Errno.ENOSYS, "the file system cannot punch holes")
    k = current.kernel
    first = (start - vma.vm_start >> PAGE_SHIFT) + vma.vm_pgoff
    last = first + (end - start >> PAGE_SHIFT)
    memory.unmap_mapping_range(k, inode, first, last)
    for index in [i for i in inode.mapping if first <= i < last]:
        filemap.delete_from_page_cache(k, inode, index)
