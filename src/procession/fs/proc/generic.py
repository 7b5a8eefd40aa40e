"""Files of /proc that are made of text (fs/proc/generic.c, fs/seq_file.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procession.hw.costs import PROC_SHOW_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.proc_fs import ProcInode
from procession.kernel import sched_cputime
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("ProcFile", "ProcReg")


Show = Callable[["Task"], bytes]
Store = Callable[["Task", bytes], None]


class ProcReg(ProcInode):
    """A file whose contents a function makes; another may take what is written."""

    def __init__(self, sb: ProcSuperBlock, mode: int, show: Show, store: Store | None = None) -> None:
        super().__init__(sb, S_IFREG | mode)
        self.show = show
        self.store = store

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        return ProcFile(path, flags, mode, self.show, self.store)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC, as a shell's > uses it: there is nothing to cut."""


class ProcFile(File):
    """An open file of /proc. The text is made when it is read from its start, and again after a seek there."""

    def __init__(self, path: PathRef, flags: int, mode: int, show: Show, store: Store | None = None) -> None:
        super().__init__(path, flags, mode)
        self.show = show
        self.store = store
        self.text: bytes | None = None

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy a part of the text out; raises what the function that makes it does."""
        at = self.f_pos if pos is None else pos
        if not at or self.text is None:
            sched_cputime.account_system_time(current, PROC_SHOW_NS)
            self.text = self.show(current)
        chunk = self.text[at : at + count]
        if chunk:
            uaccess.copy_to_user(current, buf, chunk)
        if pos is None:
            self.f_pos = at + len(chunk)
        return len(chunk)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Hand what is written, at most a page, to the file's function; raises EIO if it has none."""
        if self.store is None:
            raise LinuxError(Errno.EIO, "cannot be written")
        count = min(count, PAGE_SIZE)
        self.store(current, uaccess.copy_from_user(current, buf, count))
        if pos is None:
            self.f_pos += count
        return count

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos, from the start or from where it is (seq_lseek); raises EINVAL."""
        if whence == 1:
            offset += self.f_pos
        elif whence != 0:
            raise LinuxError(Errno.EINVAL, "/proc: no seek from the end")
        if offset < 0:
            raise LinuxError(Errno.EINVAL, "before the start")
        self.f_pos = offset
        return offset

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """There is none; raises ENOTTY."""
        raise LinuxError(Errno.ENOTTY, "/proc")
