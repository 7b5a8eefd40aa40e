"""pagemap: where each page of a task lies (the rest of fs/proc/task_mmu.c; spec proc-kthreads 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs.proc import task_mmu
from procession.include.asm.pgtable import PFN_MASK, PMD_SHIFT, PMD_SIZE, PTE_INDEX_MASK, PTE_THERE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File, mem_lseek
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE, TASK_SIZE
from procession.include.linux.proc_fs import PidInode
from procession.mm import mmap, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("PagemapFile", "PagemapInode")

PM_ENTRY_BYTES: Final = 8
PM_PRESENT: Final = 1 << 63
PM_NOT_PRESENT: Final = PAGE_SHIFT << 55  # the size of a page, and nothing else


class PagemapInode(PidInode):
    """/proc/PID/pagemap."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFREG | 0o444)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        out = PagemapFile(path, flags, mode)
        out.owner = self
        return out

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class PagemapFile(File):
    """An open pagemap; the position is eight times the number of a page."""

    owner: PagemapInode

    def has_op(self, *, write: bool) -> bool:
        """Whether it can be read, or written."""
        return not write

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Store words about pages, up to the end of user memory; raises ESRCH, EINVAL for parts, EACCES, EFAULT."""
        task = self.owner.task()
        if task is None:
            raise LinuxError(Errno.ESRCH, "the task is gone")
        at = self.f_pos if pos is None else pos
        if at % PM_ENTRY_BYTES or count % PM_ENTRY_BYTES:
            raise LinuxError(Errno.EINVAL, "not whole entries")
        mm = task_mmu.mm_for_maps(current, task) if count else None
        if mm is None:
            return 0
        done = 0
        with mm.mmap_sem.read():
            address = min(at // PM_ENTRY_BYTES << PAGE_SHIFT, TASK_SIZE)
            while done < count and address < TASK_SIZE:
                end = min(address | PMD_SIZE - 1, TASK_SIZE - 1) + 1
                end = min(end, address + ((count - done) // PM_ENTRY_BYTES << PAGE_SHIFT))
                words = pagemap_range(current.kernel, mm, address, end)
                uaccess.copy_to_user(current, buf, b"".join([word.to_bytes(8, "little") for word in words]), done)
                done += len(words) * PM_ENTRY_BYTES
                address = end
        if pos is None:
            self.f_pos = at + done
        return done

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Set the position; raises EINVAL for SEEK_END."""
        return mem_lseek(self, offset, whence)


def pagemap_range(k: Kernel, mm: MmStruct, start: int, end: int) -> list[int]:
    """Return the words for the pages of [start, end), which one table maps."""
    base = mm.pte_tables.get(start >> PMD_SHIFT)
    if base is None:
        return [PM_NOT_PRESENT] * (end - start >> PAGE_SHIFT)
    out = []
    for address in range(start, end, PAGE_SIZE):
        entry = k.frames.q[base + (address >> PAGE_SHIFT & PTE_INDEX_MASK)]
        if entry & PTE_THERE:
            out.append(PM_PRESENT | PM_NOT_PRESENT | entry >> PAGE_SHIFT & PFN_MASK)
        else:
            vma = mmap.find_vma(mm, address)
            out.append(0 if vma is not None and vma.vm_start <= address else PM_NOT_PRESENT)
    return out
