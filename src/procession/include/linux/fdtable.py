"""Descriptor tables (include/linux/fdtable.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.spinlock import SpinLock


class FilesStruct:
    """struct files_struct: fd[n] is the open file or None; close_on_exec is a bit set in one int.

    A descriptor that is reserved while its file is being opened is in `open_fds` with fd[n] None.
    """

    __slots__ = ("file_lock", "count", "next_fd", "close_on_exec", "open_fds", "fd", "max_fds")  # derived

    def __init__(
        self,
        file_lock: SpinLock,
        count: int = 1,
        next_fd: int = 0,
        close_on_exec: int = 0,
        open_fds: int = 0,
        fd: list[File | None] | None = None,
    ) -> None:
        self.file_lock: SpinLock = file_lock
        self.count: int = count
        self.next_fd: int = next_fd
        self.close_on_exec: int = close_on_exec
        self.open_fds: int = open_fds
        self.fd: list[File | None] = [] if fd is None else fd
        self.max_fds: int = 64  # what /proc/PID/status shows as FDSize: 64, then powers of two * 64
