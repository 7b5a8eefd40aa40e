"""Descriptor tables (include/linux/fdtable.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.spinlock import SpinLock


@dataclass(eq=False, slots=True)
class FilesStruct:
    """struct files_struct: fd[n] is the open file or None; close_on_exec is a bit set in one int.

    A descriptor that is reserved while its file is being opened is in `open_fds` with fd[n] None.
    """

    file_lock: SpinLock
    count: int = 1
    next_fd: int = 0
    close_on_exec: int = 0
    open_fds: int = 0
    fd: list[File | None] = field(default_factory=list)
    max_fds: int = 64  # what /proc/PID/status shows as FDSize: 64, then powers of two * 64
