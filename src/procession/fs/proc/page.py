"""/proc/kpagecount and kpageflags: a word about each frame (fs/proc/page.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.hw.memory import PG_DIRTY, PG_FILE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File, mem_lseek
from procession.include.linux.proc_fs import ProcInode
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("KpageFile", "KpageInode", "kpagecount", "kpageflags")

KPMSIZE: Final = 8
_CHUNK: Final = 512  # frames looked at before their words are stored

KPF_UPTODATE: Final = 1 << 3
KPF_DIRTY: Final = 1 << 4
KPF_LRU: Final = 1 << 5
KPF_ACTIVE: Final = 1 << 6
KPF_BUDDY: Final = 1 << 10
KPF_MMAP: Final = 1 << 11
KPF_ANON: Final = 1 << 12
KPF_SWAPBACKED: Final = 1 << 14
KPF_RESERVED: Final = 1 << 32


def kpagecount(k: Kernel, pfn: int) -> int:
    """Return how many page table entries map a frame."""
    return k.frames.mapcount[pfn]


def kpageflags(k: Kernel, pfn: int) -> int:
    """Return what a frame is. Differs: page tables and the like look like pages of no kind."""
    if not k.frames.count[pfn]:
        return KPF_BUDDY
    if pfn == k.mm.zero_pfn:
        return KPF_RESERVED
    flags = k.frames.pflags[pfn]
    mapped = k.frames.mapcount[pfn]
    if flags & PG_FILE:
        found = KPF_UPTODATE | KPF_LRU | (KPF_DIRTY if flags & PG_DIRTY else 0)
        return found | (KPF_MMAP | KPF_ACTIVE if mapped else 0)
    return KPF_UPTODATE | KPF_LRU | KPF_ACTIVE | KPF_MMAP | KPF_ANON | KPF_SWAPBACKED if mapped else 0


class KpageInode(ProcInode):
    """The file; word: what is in it about a frame."""

    def __init__(self, sb: ProcSuperBlock, word: Callable[[Kernel, int], int]) -> None:
        super().__init__(sb, S_IFREG | 0o400)
        self.word = word

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        out = KpageFile(path, flags, mode)
        out.word = self.word
        return out

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class KpageFile(File):
    """An open file; the position is eight times the number of a frame."""

    word: Callable[[Kernel, int], int]

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Store words, up to the last frame; raises EINVAL for parts, EFAULT."""
        k = current.kernel
        at = self.f_pos if pos is None else pos
        first = at // KPMSIZE
        count = min(count, max(0, k.mm.total_pages * KPMSIZE - at))
        if at % KPMSIZE or count % KPMSIZE:
            raise LinuxError(Errno.EINVAL, "not whole entries")
        words = count // KPMSIZE
        for start in range(0, words, _CHUNK):
            frames = range(first + start, first + min(start + _CHUNK, words))
            data = b"".join([self.word(k, pfn).to_bytes(KPMSIZE, "little") for pfn in frames])
            uaccess.copy_to_user(current, buf, data, start * KPMSIZE)
        if pos is None:
            self.f_pos = at + count
        return count

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Raise EIO, as /proc has writing and the file has not."""
        raise LinuxError(Errno.EIO, "cannot be written")

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Set the position; raises EINVAL for SEEK_END."""
        return mem_lseek(self, offset, whence)
