"""Which pages of a mapping are in memory (mm/mincore.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, CharVec, SizeT
from procession.mm import memory, mmap, uaccess

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct

__all__ = ("sys_mincore",)


@syscall
def sys_mincore(current: Task, start: Addr, length: SizeT, vec: CharVec) -> int:
    """Store a byte per page, 1 if it is in memory (mincore(2)); raises EINVAL, ENOMEM, EFAULT."""
    if start & ~PAGE_MASK:
        raise LinuxError(Errno.EINVAL, "not page-aligned")
    if not uaccess.access_ok(start, length):
        raise LinuxError(Errno.ENOMEM, "beyond the address space")
    pages = length + PAGE_SIZE - 1 >> PAGE_SHIFT
    if not uaccess.user_pointer_ok(current, vec, pages):
        raise LinuxError(Errno.EFAULT, "bad vector")
    mm = current.mm
    assert mm is not None
    done = 0
    while done < pages:
        part = min(pages - done, PAGE_SIZE)
        # The lock is let go before the result is stored, since that may fault.
        with mm.mmap_sem.read():
            found = bytes(_mincore_page(current, mm, start + (done + i << PAGE_SHIFT)) for i in range(part))
        uaccess.copy_to_user(current, vec, found, done)
        done += part
    return 0


def _mincore_page(current: Task, mm: MmStruct, address: int) -> int:
    vma = mmap.find_vma(mm, address)
    if vma is None or address < vma.vm_start:
        raise LinuxError(Errno.ENOMEM, "not mapped")
    if memory.follow_page(current.kernel, mm, address) >= 0:
        return 1
    if vma.vm_file is None:
        return 0
    return int((address - vma.vm_start >> PAGE_SHIFT) + vma.vm_pgoff in vma.vm_file.f_path.dentry.d_inode.mapping)
