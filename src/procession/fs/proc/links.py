"""cwd, root and exe: links that lead straight to where they point (part of fs/proc/base.c; spec proc-kthreads 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.fs import dcache
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFLNK, PathRef
from procession.include.linux.proc_fs import PidInode
from procession.kernel import ptrace_access

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("PidLink", "path_text", "proc_cwd_link", "proc_exe_link", "proc_fd_access_allowed", "proc_root_link")

GetLink = Callable[["Task"], PathRef]


def proc_cwd_link(task: Task) -> PathRef:
    """Return the working directory; raises ENOENT for the dead."""
    if task.fs is None:
        raise LinuxError(Errno.ENOENT, "no working directory")
    return task.fs.pwd


def proc_root_link(task: Task) -> PathRef:
    """Return the root directory; raises ENOENT for the dead."""
    if task.fs is None:
        raise LinuxError(Errno.ENOENT, "no root directory")
    return task.fs.root


def proc_exe_link(task: Task) -> PathRef:
    """Return the program; raises ENOENT for kernel threads and the dead."""
    if task.mm is None or task.mm.exe_file is None:
        raise LinuxError(Errno.ENOENT, "no program")
    return task.mm.exe_file.f_path


def proc_fd_access_allowed(current: Task, task: Task | None) -> Task:
    """Return task if current may see what it uses; raises EACCES, also if it is gone."""
    if task is None or not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_READ):
        raise LinuxError(Errno.EACCES, "needs the right to trace")
    return task


def path_text(current: Task, path: PathRef) -> str:
    """Return path's name as current's root shows it."""
    return dcache.d_path(path, current.fs.root if current.fs is not None else None)


class PidLink(PidInode):
    """A link to a file that a task uses."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, get: GetLink) -> None:
        super().__init__(sb, pid, S_IFLNK | 0o777)
        self.get = get

    def follow_link(self, current: Task) -> PathRef:
        """Go there, whatever its name says now; raises EACCES, ENOENT."""
        return self.get(proc_fd_access_allowed(current, self.task()))

    def readlink(self, current: Task) -> str:
        """Return the name of the place; raises EACCES, ENOENT."""
        return path_text(current, self.follow_link(current))
