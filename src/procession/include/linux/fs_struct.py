"""A task's place in the file tree (include/linux/fs_struct.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.spinlock import SpinLock


@dataclass(eq=False, slots=True)
class FsStruct:
    """struct fs_struct."""

    lock: SpinLock
    root: PathRef
    pwd: PathRef
    umask: int = 0o022
    users: int = 1
    in_exec: bool = False
