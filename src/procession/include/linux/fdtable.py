"""Descriptor tables (include/linux/fdtable.h)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.spinlock import SpinLock

# Bitmaps are lists of words of 32 bits, which are small numbers for the compiler.
FD_SHIFT: Final = 5
FD_MASK: Final = 31
FD_FULL: Final = (1 << 32) - 1


class FilesStruct:
    """struct files_struct: fd[n] is the open file or None, bit n of the bitmaps tells what is known of it.

    A descriptor that is reserved while its file is being opened is in `open_fds` with fd[n] None. The bitmaps have a
    word for each 32 places of fd.
    """

    __slots__ = ("file_lock", "count", "next_fd", "close_on_exec", "open_fds", "fd", "max_fds")  # derived

    def __init__(self, file_lock: SpinLock) -> None:
        self.file_lock: SpinLock = file_lock
        self.count: int = 1
        self.next_fd: int = 0
        self.close_on_exec: list[int] = []
        self.open_fds: list[int] = []
        self.fd: list[File | None] = []
        self.max_fds: int = 64  # what /proc/PID/status shows as FDSize: 64, then powers of two * 64

    def open_files(self) -> Iterator[tuple[int, File]]:
        """Yield (descriptor, file) of what is open, the lowest first; what has been closed meanwhile is passed over."""
        for at, bits in enumerate(self.open_fds):
            fd = at << FD_SHIFT
            while bits:
                if bits & 1 and fd < len(self.fd):
                    file = self.fd[fd]
                    if file is not None:
                        yield fd, file
                bits >>= 1
                fd += 1


def fd_isset(fd: int, words: list[int]) -> bool:
    """Whether bit fd of a bitmap is set (FD_ISSET)."""
    at = fd >> FD_SHIFT
    return at < len(words) and words[at] >> (fd & FD_MASK) & 1 != 0
