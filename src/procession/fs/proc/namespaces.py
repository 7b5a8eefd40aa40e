"""ns: files that stand for a task's namespaces (fs/proc/namespaces.c). Regular files, net, uts and ipc only, in 3.2.

With "setns" of include/linux/later.py they are links, to the files of fs/nsfs.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import nsfs
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    DT_LNK,
    DT_REG,
    DT_UNKNOWN,
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    S_IFDIR,
    S_IFLNK,
    S_IFREG,
    DirFile,
    File,
    Inode,
)
from procession.include.linux.nsproxy import Nsproxy
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.proc_fs import PidInode
from procession.include.linux.proc_ns import NsFile
from procession.kernel import ptrace_access

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.proc_ns import Namespace
    from procession.include.linux.sched import Task

__all__ = ("NsDir", "NsInode", "NsLinkDir", "ns_dir", "proc_ns_fget")

_NAMES: Final = ("net", "uts", "ipc")
# The later links, in the order of ns_entries.
_PID_FOR_CHILDREN: Final = "pid_for_children"
_LINKS: Final = ("net", "uts", "ipc", "pid", _PID_FOR_CHILDREN, "user", "mnt")
_NO_INO: Final = 1  # what proc_fill_cache says of an inode that it could not make
_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE


class NsInode(PidInode):
    """ns/NAME. Holds a reference to the namespace as long as it is remembered, open or mounted somewhere."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, ns: Namespace) -> None:
        super().__init__(sb, pid, S_IFREG | 0o400)
        self.ns = ns
        ns.count += 1

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file, in which one cannot move."""
        out = NsFile(path, flags, mode & ~_SEEKABLE)
        out.private_data = self.ns
        return out

    def truncate(self, size: int) -> None:
        """Accept that, without any effect."""

    def evict(self) -> None:
        """Let the namespace go."""
        nsfs.put_ns(self.i_sb.kernel, self.ns)


class NsDir(PidInode):
    """/proc/PID/ns.

    found: the files that were looked up, which stay what they are though the task may enter other namespaces.
    """

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFDIR | 0o511, 2)
        self.found: dict[str, NsInode] = {}

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open directory, in which one cannot move: it has no llseek."""
        return DirFile(path, flags, mode & ~FMODE_LSEEK)

    def _task(self, current: Task) -> Task:
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ENOENT, "the task is gone")
        if not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_READ):
            raise LinuxError(Errno.EPERM, "needs the right to trace")
        return task

    def lookup(self, name: str) -> Inode:
        """Return a namespace's file; raises ENOENT, also for a zombie, EPERM."""
        inode = self.found.get(name)
        if inode is None:
            task = self._task(self.proc_sb.kernel.current)
            if name not in _NAMES:
                raise LinuxError(Errno.ENOENT, name)
            inode = self._instantiate(task, name)
            if inode is None:
                raise LinuxError(Errno.ENOENT, "a zombie has no namespaces")
            return inode
        known = self.task()
        if known is None:
            raise LinuxError(Errno.ENOENT, "the task is gone")
        inode.revalidate(known)
        return inode

    def _instantiate(self, task: Task, name: str) -> NsInode | None:
        """Return a file that is remembered from now on, None of a zombie's that was not looked up before."""
        inode = self.found.get(name)
        if inode is None:
            if task.nsproxy is None:
                return None
            inode = self.found[name] = NsInode(self.proc_sb, self.pid, _namespace(task.nsproxy, name))
        inode.revalidate(task)
        return inode

    def flush(self) -> None:
        """The task is gone, and with it what was remembered."""
        for inode in self.found.values():
            inode.i_nlink = 0
            if inode.i_count <= 0:
                inode.evict()
        self.found = {}

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the three, which looks them up; raises EPERM."""
        task = self._task(current)
        out = []
        for name in _NAMES:
            inode = self._instantiate(task, name)
            out.append((name, _NO_INO, DT_UNKNOWN) if inode is None else (name, inode.i_ino, DT_REG))
        return out


def _namespace(of: Nsproxy, name: str) -> Namespace:
    if name == "net":
        return of.net_ns
    return of.uts_ns if name == "uts" else of.ipc_ns


class NsLink(PidInode):
    """ns/NAME, a link to the file of the namespace that the task is in now."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, name: str) -> None:
        super().__init__(sb, pid, S_IFLNK | 0o777)
        self.name = name

    def _namespace(self, current: Task) -> Namespace:
        """Return it; raises EACCES without the right to trace, ENOENT of a zombie that has left it."""
        task = self.task()
        if task is None or not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_READ):
            raise LinuxError(Errno.EACCES, "needs the right to trace")
        ns = _later_namespace(task, self.name)
        if ns is None:
            raise LinuxError(Errno.ENOENT, "a zombie has left it")
        return ns

    def _kind(self) -> str:
        return "pid" if self.name == _PID_FOR_CHILDREN else self.name

    def follow_link(self, current: Task) -> PathRef:
        """Go there; raises EACCES, ENOENT."""
        return nsfs.ns_get_path(current.kernel, self._kind(), self._namespace(current))

    def readlink(self, current: Task) -> str:
        """Return kind and number; raises EACCES, ENOENT."""
        return nsfs.ns_get_name(current.kernel, self._kind(), self._namespace(current))


class NsLinkDir(PidInode):
    """/proc/PID/ns with links in it."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFDIR | 0o511, 2)
        self.found: dict[str, NsLink] = {}

    def _names(self) -> list[str]:
        later = self.i_sb.kernel.later
        return [name for name in _LINKS if name != _PID_FOR_CHILDREN or name in later]

    def _link(self, name: str, task: Task) -> NsLink:
        link = self.found.get(name)
        if link is None:
            link = self.found[name] = NsLink(self.proc_sb, self.pid, name)
        link.revalidate(task)
        return link

    def lookup(self, name: str) -> Inode:
        """Return a link; raises ENOENT."""
        task = self.task()
        if task is None or name not in self._names():
            raise LinuxError(Errno.ENOENT, name)
        return self._link(name, task)

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the links; raises ENOENT if the task is gone."""
        task = self.task()
        if task is None:
            raise LinuxError(Errno.ENOENT, "the task is gone")
        return [(name, self._link(name, task).i_ino, DT_LNK) for name in self._names()]


def ns_dir(sb: ProcSuperBlock, pid: Pid) -> PidInode:
    """Return the directory, as 3.2 or as a later kernel has it."""
    return NsLinkDir(sb, pid) if "setns" in sb.kernel.later else NsDir(sb, pid)


def _later_namespace(task: Task, name: str) -> Namespace | None:
    """Return the namespace of a kind that task is in; None of a zombie's that it has left."""
    if name == "user":
        return task.real_cred.user_ns
    own = task.pids[PIDTYPE_PID]
    if name == "pid":
        return own.numbers[-1].ns if own is not None else None
    of = task.nsproxy
    if of is None:
        return None
    if name == _PID_FOR_CHILDREN:
        children = task.pid_ns_for_children or of.pid_ns
        return children if children.child_reaper is not None else None
    return of.mnt_ns if name == "mnt" else _namespace(of, name)


def proc_ns_fget(current: Task, fd: int) -> Namespace:
    """Return the namespace behind a descriptor; raises EBADF, EINVAL for another kind of file."""
    file = fs_file.fget_light(current, fd)
    if not isinstance(file, NsFile):
        raise LinuxError(Errno.EINVAL, "not a namespace file")
    ns: Namespace = file.private_data
    return ns
