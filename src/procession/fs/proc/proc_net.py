"""/proc/PID/net: the network that a process lives in (fs/proc/proc_net.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs.proc import generic
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import DT_REG, S_IFDIR, S_IFREG
from procession.include.linux.proc_fs import PidInode, ProcInode

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode, PathRef
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("NetDir",)


class NetFile(generic.ProcRegFile):
    """An open table."""

    def release(self, current: Task | None) -> None:
        """Close it."""
        inode = self.inode
        assert isinstance(inode, NetInode)
        inode.opened -= 1


class NetInode(ProcInode):
    """A table of a network; opened: how many open files it has."""

    def __init__(self, sb: ProcSuperBlock, net: NetNamespace, name: str) -> None:
        super().__init__(sb, S_IFREG | 0o444)
        self.net = net
        self.name = name
        self.opened = 0

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        self.opened += 1
        return NetFile(path, flags, mode, self._show)

    def _show(self, current: Task) -> bytes:
        k = current.kernel
        return k.net.proc_net[self.name](k, self.net)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class NetDir(PidInode):
    """The directory. It shows what is there of the network that the process is in at that moment.

    But as in 3.2 a name goes on to stand for a file that is open, whatever has become of the process.
    """

    def __init__(self, sb: ProcSuperBlock, pid: Pid) -> None:
        super().__init__(sb, pid, S_IFDIR | 0o555, 2)
        self.found: dict[str, NetInode] = {}

    def _net(self) -> NetNamespace | None:
        """Return the network, None if the process has ended (get_proc_task_net)."""
        task = self.task()
        return None if task is None or task.nsproxy is None else task.nsproxy.net_ns

    def _child(self, net: NetNamespace, name: str) -> NetInode:
        known = self.found.get(name)
        if known is None or known.net is not net:
            known = self.found[name] = NetInode(self.proc_sb, net, name)
        return known

    def lookup(self, name: str) -> Inode:
        """Return a table; raises ENOENT, also for a zombie."""
        known = self.found.get(name)
        if known is not None and known.opened:
            return known
        net = self._net()
        if net is None or name not in self.proc_sb.kernel.net.proc_net:
            raise LinuxError(Errno.ENOENT, name)
        return self._child(net, name)

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the tables; raises EINVAL for a zombie."""
        net = self._net()
        if net is None:
            raise LinuxError(Errno.EINVAL, "the process has no network")
        return [(name, self._listed(net, name).i_ino, DT_REG) for name in current.kernel.net.proc_net]

    def _listed(self, net: NetNamespace, name: str) -> NetInode:
        known = self.found.get(name)
        return known if known is not None and known.opened else self._child(net, name)
