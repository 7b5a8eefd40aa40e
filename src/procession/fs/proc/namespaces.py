"""ns: files that stand for a task's namespaces (fs/proc/namespaces.c). Regular files, net, uts and ipc only, in 3.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import DT_REG, FMODE_LSEEK, S_IFDIR, S_IFREG, DirFile, File, Inode
from procession.include.linux.ipc_namespace import IpcNamespace
from procession.include.linux.nsproxy import NetNamespace, Nsproxy, UtsNamespace
from procession.include.linux.proc_fs import PidInode
from procession.ipc import namespace as ipc_namespace
from procession.kernel import ptrace_access

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("NsDir", "NsFile", "NsInode", "proc_ns_fget")

Namespace: TypeAlias = UtsNamespace | IpcNamespace | NetNamespace

_NAMES: Final = ("net", "uts", "ipc")


class NsFile(File):
    """An open namespace file: keeps the namespace alive, and setns(2) takes it from here."""

    def release(self, current: Task | None) -> None:
        """Let the namespace go."""
        ns: Namespace = self.private_data
        if isinstance(ns, IpcNamespace):
            ipc_namespace.put_ipc_ns(self.f_path.mnt.mnt_sb.kernel, ns)
        else:
            ns.count -= 1


class NsInode(PidInode):
    """ns/NAME."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, ns: Namespace) -> None:
        super().__init__(sb, pid, S_IFREG | 0o400)
        self.ns = ns

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        out = NsFile(path, flags, mode)
        out.private_data = self.ns
        self.ns.count += 1
        return out


class NsDir(PidInode):
    """/proc/PID/ns."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFDIR | 0o511, 2)

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
        if name not in _NAMES:
            raise LinuxError(Errno.ENOENT, name)
        task = self._task(self.proc_sb.kernel.current)
        if task.nsproxy is None:
            raise LinuxError(Errno.ENOENT, "a zombie has no namespaces")
        inode = NsInode(self.proc_sb, self.pid, _namespace(task.nsproxy, name))
        inode.revalidate(task)
        return inode

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the three; raises EPERM."""
        self._task(current)
        return [(name, self.i_ino, DT_REG) for name in _NAMES]


def _namespace(nsproxy: Nsproxy, name: str) -> Namespace:
    if name == "net":
        return nsproxy.net_ns
    return nsproxy.uts_ns if name == "uts" else nsproxy.ipc_ns


def proc_ns_fget(current: Task, fd: int) -> Namespace:
    """Return the namespace behind a descriptor; raises EBADF, EINVAL for another kind of file."""
    file = fs_file.fget_light(current, fd)
    if not isinstance(file, NsFile):
        raise LinuxError(Errno.EINVAL, "not a namespace file")
    ns: Namespace = file.private_data
    return ns
