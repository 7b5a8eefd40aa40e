"""ns: files that stand for a task's namespaces (fs/proc/namespaces.c). Regular files, net, uts and ipc only, in 3.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    DT_REG,
    DT_UNKNOWN,
    FMODE_LSEEK,
    FMODE_PREAD,
    FMODE_PWRITE,
    S_IFDIR,
    S_IFREG,
    DirFile,
    File,
    Inode,
)
from procession.include.linux.ipc_namespace import IpcNamespace
from procession.include.linux.nsproxy import NetNamespace, Nsproxy, UtsNamespace
from procession.include.linux.proc_fs import PidInode
from procession.ipc import namespace as ipc_namespace
from procession.kernel import ptrace_access, utsname

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("NsDir", "NsFile", "NsInode", "proc_ns_fget")

Namespace: TypeAlias = UtsNamespace | IpcNamespace | NetNamespace

_NAMES: Final = ("net", "uts", "ipc")
_NO_INO: Final = 1  # what proc_fill_cache says of an inode that it could not make
_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE


class NsFile(File):
    """An open namespace file: its inode keeps the namespace, and setns(2) takes it from here."""


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
        k = self.i_sb.kernel
        if isinstance(self.ns, IpcNamespace):
            ipc_namespace.put_ipc_ns(k, self.ns)
        elif isinstance(self.ns, UtsNamespace):
            utsname.put_uts_ns(k, self.ns)
        else:
            self.ns.count -= 1


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


def proc_ns_fget(current: Task, fd: int) -> Namespace:
    """Return the namespace behind a descriptor; raises EBADF, EINVAL for another kind of file."""
    file = fs_file.fget_light(current, fd)
    if not isinstance(file, NsFile):
        raise LinuxError(Errno.EINVAL, "not a namespace file")
    ns: Namespace = file.private_data
    return ns
