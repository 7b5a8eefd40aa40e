"""Files of /proc that are made of text (fs/proc/generic.c, fs/seq_file.c, fs/libfs.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from procession.hw.costs import PROC_SHOW_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    DEFAULT_POLLMASK,
    FMODE_PWRITE,
    MAX_NON_LFS,
    S_IFREG,
    File,
    generic_file_llseek,
    seq_lseek,
)
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.proc_fs import ProcInode
from procession.kernel import sched_account
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, PollTable
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("BufferFile", "InfFile", "ProcFile", "ProcReg", "ProcRegFile", "SeqFile")

PROC_BLOCK_SIZE: Final = 3 * 1024


Show = Callable[["Task"], bytes]
# (writer, buffer, count) -> how much of it was taken
Store = Callable[["Task", "UserPtr", int], int]


class ProcReg(ProcInode):
    """A file about the machine, whose contents a function makes.

    store: what takes what is written, None if nothing may be.  pollmask: what poll(2) says of it.  by_pages: a read
    returns at most a page.
    """

    def __init__(
        self,
        sb: ProcSuperBlock,
        mode: int,
        show: Show,
        store: Store | None = None,
        *,
        pollmask: int = DEFAULT_POLLMASK,
        by_pages: bool = False,
    ) -> None:
        super().__init__(sb, S_IFREG | mode)
        self.by_pages = by_pages
        self.show = show
        self.store = store
        self.pollmask = pollmask

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        file = ProcRegFile(path, flags, mode, self.show, self.store)
        file.pollmask = self.pollmask
        file.by_pages = self.by_pages
        return file

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC, as a shell's > uses it: there is nothing to cut."""


class ProcFile(File):
    """An open file of /proc, as by seq_file.

    The text is made when it is read from its start, and again after a seek there. What a store function takes is
    written to it, whatever the position.
    """

    seq: ClassVar[bool] = True
    write_moves: ClassVar[bool] = False  # whether f_pos goes on by what was taken

    def __init__(self, path: PathRef, flags: int, mode: int, show: Show, store: Store | None = None) -> None:
        # seq_open() has no positions for writing.
        super().__init__(path, flags, mode & ~FMODE_PWRITE if self.seq else mode)
        self.show = show
        self.store = store
        self.text: bytes | None = None

    def has_op(self, *, write: bool) -> bool:
        """Whether it can be read, or written."""
        return not write or self.store is not None

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy a part of the text out; raises EFAULT, and what the function that makes it does."""
        at = self.f_pos if pos is None else pos
        if not at or self.text is None:
            sched_account.account_system_time(current, PROC_SHOW_NS)
            self.text = self.show(current)
        end = self._end(self.text, at, count)
        chunk = self.text[at:end]
        done = self._copy(current, buf, chunk) if chunk else 0
        if pos is None:
            self.f_pos = at + done
        return done

    def _end(self, text: bytes, at: int, count: int) -> int:
        """Return where a read of count bytes from at ends at the latest."""
        return at + count

    def _copy(self, current: Task, buf: UserPtr, chunk: bytes) -> int:
        """Copy all of it (seq_read)."""
        uaccess.copy_to_user(current, buf, chunk)
        return len(chunk)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Hand what is written to the file's function; raises what that does, EINVAL if there is none."""
        if self.store is None:
            raise LinuxError(Errno.EINVAL, "cannot be written")
        taken = self.store(current, buf, count)
        if pos is None and self.write_moves:
            self.f_pos += taken
        return taken

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos, from the start or from where it is; raises EINVAL."""
        return seq_lseek(self, offset, whence)

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """There is none; raises ENOTTY."""
        raise LinuxError(Errno.ENOTTY, "/proc")


class SeqFile(ProcFile):
    """An open file of /proc with many records, of which a read returns as many as fit in a page.

    last: how the last line of each begins.
    """

    last: ClassVar[bytes] = b""

    def _end(self, text: bytes, at: int, count: int) -> int:
        """Return the end of the last record that the buffer has room for behind what is left of an earlier one."""
        if count < PAGE_SIZE:
            return at + count
        start = at if self._begins(text, at) else self._next(text, at)
        end = self._next(text, start)
        # As long as it is not full: a full one might have been too small.
        while end < len(text) and self._next(text, end) - start < PAGE_SIZE:
            end = self._next(text, end)
        return min(end, at + count)

    def _begins(self, text: bytes, at: int) -> bool:
        """Whether a record begins there."""
        if not at or not self.last:
            return not at or text[at - 1 : at] == b"\n"
        line = text.rfind(b"\n" + self.last, 0, at - 1)
        return line >= 0 and text.find(b"\n", line + 1) == at - 1

    def _next(self, text: bytes, at: int) -> int:
        """Return the end of the record that at is in."""
        line = text.find(b"\n" + self.last, at) if self.last else at
        end = text.find(b"\n", line + 1 if self.last and line >= 0 else at) if line >= 0 else -1
        return end + 1 if end >= 0 else len(text)


class BufferFile(ProcFile):
    """An open file of /proc whose text is in one buffer (simple_read_from_buffer).

    maxbytes: how far one can move in it.
    """

    seq = False
    maxbytes: int = MAX_NON_LFS

    def _copy(self, current: Task, buf: UserPtr, chunk: bytes) -> int:
        """Copy as much as there is good memory for."""
        return uaccess.copy_to_user_partial(current, buf, chunk)

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos; the end is at 0. Raises EINVAL, ENXIO."""
        return generic_file_llseek(self, offset, whence, self.maxbytes)


class InfFile(BufferFile):
    """An open file whose text is made in one page, of which a read returns three quarters (proc_info_read)."""

    def _end(self, text: bytes, at: int, count: int) -> int:
        """Return where a read ends at the latest."""
        return at + min(count, PROC_BLOCK_SIZE)


class ProcRegFile(SeqFile):
    """An open file about the machine (proc_reg_file_ops): where writing is not, it is EIO, since /proc has it.

    by_pages: a read returns at most a page.
    """

    pollmask: int = DEFAULT_POLLMASK
    by_pages: bool = False

    def _end(self, text: bytes, at: int, count: int) -> int:
        """Return where a read ends at the latest."""
        return super()._end(text, at, count) if self.by_pages else at + count

    def has_op(self, *, write: bool) -> bool:
        """Whether it can be read, or written: both as far as is known beforehand."""
        return True

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Hand what is written to the file's function; raises what that does, EIO if there is none."""
        if self.store is None:
            raise LinuxError(Errno.EIO, "cannot be written")
        return await super().write(current, buf, count, pos)

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Report what its kind of file does."""
        return self.pollmask
