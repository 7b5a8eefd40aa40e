"""The parts /proc is built of: directories, files made of text, their super block (fs/proc/generic.c, inode.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procession.fs import inode as fs_inode
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import File, Inode, S, SuperBlock
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid, PidNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("DT_DIR", "DT_LNK", "DT_REG", "ProcDir", "ProcFile", "ProcInode", "ProcLink", "ProcReg", "ProcSuperBlock")

DT_DIR, DT_REG, DT_LNK = 4, 8, 10
PAGE_SIZE = 4096

Produce = Callable[["Task"], bytes]
Consume = Callable[["Task", bytes], None]


class ProcSuperBlock(SuperBlock):
    """One instance of /proc: it shows the processes of one pid namespace.

    pids: the directories of those that were looked up, so that a name keeps its inode number.
    """

    __slots__ = ("ns", "pids")

    def __init__(self, k: Kernel, s_dev: int, magic: int, ns: PidNamespace) -> None:
        super().__init__(k, "proc", s_dev, magic)
        self.ns = ns
        self.pids: dict[Pid, Inode] = {}


class ProcInode(Inode):
    """An inode of /proc: made when it is first asked for, stamped with that time, empty."""

    d_cache = False
    i_sb: ProcSuperBlock

    def __init__(self, sb: ProcSuperBlock, mode: int, nlink: int = 1) -> None:
        super().__init__(sb, fs_inode.get_next_ino(sb), mode, i_nlink=nlink)
        self.i_atime_ns = self.i_mtime_ns = self.i_ctime_ns = fs_inode.current_fs_time(sb)


class ProcDir(ProcInode):
    """A directory whose entries never change."""

    d_cache = True

    def __init__(self, sb: ProcSuperBlock, mode: int = 0o555) -> None:
        super().__init__(sb, S.IFDIR | mode, 2)
        self.entries: dict[str, Inode] = {}

    def add(self, name: str, inode: Inode) -> Inode:
        """Put an entry there."""
        self.entries[name] = inode
        if inode.i_mode & S.IFMT == S.IFDIR:
            self.i_nlink += 1
        return inode

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT."""
        inode = self.entries.get(name)
        if inode is None:
            raise LinuxError(Errno.ENOENT, name)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the entries in the order they were added."""
        return [(name, inode.i_ino, (inode.i_mode & S.IFMT) >> 12) for name, inode in self.entries.items()]


class ProcLink(ProcInode):
    """A symbolic link with a text that may depend on the reader."""

    def __init__(self, sb: ProcSuperBlock, text: Callable[[Task], str]) -> None:
        super().__init__(sb, S.IFLNK | 0o777)
        self.text = text

    def readlink(self, current: Task) -> str:
        """Return the text."""
        return self.text(current)


class ProcReg(ProcInode):
    """A file whose contents a function makes; another may take what is written."""

    def __init__(self, sb: ProcSuperBlock, mode: int, show: Produce, store: Consume | None = None) -> None:
        super().__init__(sb, S.IFREG | mode)
        self.show = show
        self.store = store

    def open(self, current: Task, file: File) -> File:
        """Return the open file."""
        return ProcFile(file, self.show, self.store)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC, as a shell's > uses it: there is nothing to cut."""


class ProcFile(File):
    """An open file of /proc. The text is made when it is read from its start, and again after a seek there."""

    def __init__(self, file: File, show: Produce, store: Consume | None = None) -> None:
        super().__init__(file.f_path, file.f_flags, file.f_mode)
        self.show = show
        self.store = store
        self.text: bytes | None = None

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy a part of the text out; raises what the function that makes it does."""
        at = self.f_pos if pos is None else pos
        if not at or self.text is None:
            self.text = self.show(current)
        chunk = self.text[at:at + count]
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
        """Move f_pos (seq_lseek): from the start or from where it is; raises EINVAL."""
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
