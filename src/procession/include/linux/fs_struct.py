"""A task's place in the file tree (include/linux/fs_struct.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.spinlock import SpinLock


class FsStruct:
    """struct fs_struct."""

    __slots__ = ("lock", "root", "pwd", "umask", "users", "in_exec")  # derived

    def __init__(self, lock: SpinLock, root: PathRef, pwd: PathRef, umask: int = 0o022) -> None:
        self.lock: SpinLock = lock
        self.root: PathRef = root
        self.pwd: PathRef = pwd
        self.umask: int = umask
        self.users: int = 1
        self.in_exec: bool = False
