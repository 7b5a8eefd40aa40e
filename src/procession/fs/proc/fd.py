"""fd and fdinfo: a task's open files (part of fs/proc/base.c; spec proc-kthreads 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import namei
from procession.fs.proc import generic, links
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC
from procession.include.linux.fdtable import fd_isset
from procession.include.linux.fs import (
    DT_LNK,
    DT_REG,
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    FMODE_READ,
    FMODE_WRITE,
    S_IFDIR,
    S_IFLNK,
    S_IFREG,
    File,
    Inode,
)
from procession.include.linux.proc_fs import PidInode
from procession.kernel import pid as kernel_pid
from procession.kernel.pidfd import PidfdFile

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("FdDir", "FdLink", "FdinfoDir", "FdinfoFile", "fd_file", "fdinfo_text")

_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE


def fd_file(task: Task | None, fd: int) -> File | None:
    """Return what is open as fd in task."""
    if task is None or task.files is None or not 0 <= fd < len(task.files.fd):
        return None
    return task.files.fd[fd]


def fdinfo_text(file: File, *, cloexec: bool) -> bytes:
    """Return the two lines of an fdinfo file."""
    flags = int(file.f_flags) & ~O_CLOEXEC | (O_CLOEXEC if cloexec else 0)
    return b"pos:\t%d\nflags:\t0%o\n" % (file.f_pos, flags)


class FdLink(PidInode):
    """fd/N: leads to the open file's place, even if that has no name any more."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, fd: int) -> None:
        super().__init__(sb, pid, S_IFLNK)
        self.fd = fd
        self.i_size = 64

    def follow_link(self, current: Task) -> PathRef:
        """Go there; raises EACCES, ENOENT if it was closed."""
        file = fd_file(links.proc_fd_access_allowed(current, self.task()), self.fd)
        if file is None:
            raise LinuxError(Errno.ENOENT, f"descriptor {self.fd}")
        return file.f_path

    def readlink(self, current: Task) -> str:
        """Return its name, such as pipe:[7]; raises EACCES, ENOENT."""
        return links.path_text(current, self.follow_link(current))


class FdinfoFile(PidInode):
    """fdinfo/N."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, fd: int) -> None:
        super().__init__(sb, pid, S_IFREG | 0o400)
        self.fd = fd

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file, in which one cannot move."""
        return generic.BufferFile(path, flags, mode & ~_SEEKABLE, self._show)

    def _show(self, current: Task) -> bytes:
        task = self.task()
        file = fd_file(task, self.fd)
        if file is None or task is None or task.files is None:
            raise LinuxError(Errno.ENOENT, f"descriptor {self.fd}")
        text = fdinfo_text(file, cloexec=fd_isset(self.fd, task.files.close_on_exec))
        return text + file.show_fdinfo(self.proc_sb.ns) if isinstance(file, PidfdFile) else text


class _Fds(PidInode):
    """A directory with an entry for each descriptor."""

    d_type = 0

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFDIR | 0o500, 2)
        self.children: dict[int, PidInode] = {}

    def make(self, fd: int) -> PidInode:
        """Make the inode of an entry."""
        raise NotImplementedError

    def refresh(self, inode: PidInode, file: File) -> None:
        """Make the inode tell what is open there now."""

    def _child(self, fd: int) -> PidInode:
        inode = self.children.get(fd)
        if inode is None:
            inode = self.children[fd] = self.make(fd)
        return inode

    def lookup(self, name: str) -> Inode:
        """Return a descriptor's entry; raises ENOENT if it is not open."""
        fd = int(name) if name.isascii() and name.isdecimal() and (name == "0" or name[0] != "0") else -1
        task = self.task()
        file = fd_file(task, fd)
        if file is None or task is None:
            raise LinuxError(Errno.ENOENT, name)
        inode = self._child(fd)
        self.refresh(inode, file)
        inode.revalidate(task)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the open descriptors; none for the dead."""
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ENOENT, "the task is gone")
        if task.files is None:
            return []
        return [(str(fd), self._child(fd).i_ino, self.d_type) for fd, _ in task.files.open_files()]


class FdDir(_Fds):
    """/proc/PID/fd."""

    d_type = DT_LNK
    i_op_permission = True

    def permission(self, current: Task, mask: int) -> None:
        """Let a process look at its own descriptors even when it may not be dumped (proc_fd_permission)."""
        try:
            namei.generic_permission(current, self, mask)
        except LinuxError:
            if kernel_pid.task_pid(current) is not self.pid:
                raise

    def make(self, fd: int) -> PidInode:
        """Make a link."""
        return FdLink(self.proc_sb, self.pid, fd)

    def refresh(self, inode: PidInode, file: File) -> None:
        """Show as the link's mode what the file is open for."""
        mode = S_IFLNK
        if file.f_mode & FMODE_READ:
            mode |= 0o500
        if file.f_mode & FMODE_WRITE:
            mode |= 0o300
        inode.i_mode = mode


class FdinfoDir(_Fds):
    """/proc/PID/fdinfo."""

    d_type = DT_REG

    def make(self, fd: int) -> PidInode:
        """Make a file."""
        return FdinfoFile(self.proc_sb, self.pid, fd)
