"""/proc/sys: the tables of kernel/sysctl.py as files (fs/proc/proc_sysctl.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Union

from procession.fs.proc import generic
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    DEFAULT_POLLMASK,
    MAX_LFS_FILESIZE,
    MAY_EXEC,
    MAY_READ,
    MAY_WRITE,
    POLLERR,
    POLLIN,
    POLLPRI,
    POLLRDNORM,
    S_IFREG,
    File,
    Kstat,
)
from procession.include.linux.proc_fs import ProcDir, ProcInode
from procession.kernel import sysctl, sysctl_kern, sysctl_kthread, sysctl_vm, user_namespace
from procession.net.core import sysctl_net_core

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef, PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.sysctl import CtlTablePoll
    from procession.include.linux.types import UserPtr
    from procession.kernel.sysctl import CtlTable

__all__ = ("SysctlFile", "SysctlInode", "proc_sys_dir", "proc_sys_init")

Tree = Mapping[str, Union["CtlTable", "Tree"]]


def sysctl_perm(current: Task, table: CtlTable, op: int) -> bool:
    """Whether the owner's bits, for root, or the group's or all others' allow op, whatever capabilities there are."""
    mode = table.mode
    if table.owner is not None and user_namespace.are_later(current.kernel):
        mode >>= 6 if table.owner(current) else 0
    elif not current.cred.euid:
        mode >>= 6
    elif not current.cred.egid or 0 in current.cred.group_info:
        mode >>= 3
    return not op & ~mode


class SysctlInode(ProcInode):
    """A file for a value."""

    i_op_permission = True

    def __init__(self, sb: ProcSuperBlock, table: CtlTable) -> None:
        super().__init__(sb, S_IFREG | table.mode)
        self.table = table

    def permission(self, current: Task, mask: int) -> None:
        """Raise EACCES if current may not."""
        if mask & MAY_EXEC or not sysctl_perm(current, self.table, mask & (MAY_READ | MAY_WRITE)):
            raise LinuxError(Errno.EACCES, "not for this user")

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        file = SysctlFile(path, flags, mode, self.table.show, self.table.store)
        file.table = self.table
        if self.table.poll:
            file.source = current.kernel.sysctl_polls[self.table.poll]
            file.event = file.source.event
        return file

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class SysctlDir(ProcDir):
    """A directory of values; nobody counts its links."""

    def __init__(self, sb: ProcSuperBlock, tree: Tree, nlink: int = 0) -> None:
        super().__init__(sb)
        self.nlink = nlink
        self.tree: Tree | None = tree  # what belongs into it, until somebody looks

    def _fill(self) -> None:
        """Make the entries, once."""
        tree, self.tree = self.tree, None
        for name, entry in (tree or {}).items():
            if isinstance(entry, Mapping):
                self.add(name, SysctlDir(self.proc_sb, entry))
            else:
                self.add(name, SysctlInode(self.proc_sb, entry))

    def lookup(self, name: str) -> Inode:
        """Return an entry; raises ENOENT."""
        self._fill()
        return super().lookup(name)

    def readdir(self, current: Task) -> list[tuple[str, int, int]]:
        """List the entries."""
        self._fill()
        return super().readdir(current)

    def getattr(self, current: Task) -> Kstat:
        """Show a directory without links; only the uppermost is registered as others are."""
        stat = super().getattr(current)
        stat.nlink = self.nlink
        return stat


class SysctlFile(generic.BufferFile):
    """An open file of /proc/sys.

    source: whose changes poll(2) waits for, None if it waits for nothing.  event: the last one it has told of.
    """

    maxbytes = MAX_LFS_FILESIZE
    write_moves = True
    table: CtlTable
    source: CtlTablePoll | None = None
    event: int = 0

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Copy the value out; raises EPERM if current may not read it, whoever has opened it, and EFAULT."""
        if not sysctl_perm(current, self.table, MAY_READ):
            raise LinuxError(Errno.EPERM, "not for this user")
        return await super().read(current, buf, count, pos)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Set the value; raises EPERM if current may not, whoever has opened it, and what the value does."""
        if not sysctl_perm(current, self.table, MAY_WRITE):
            raise LinuxError(Errno.EPERM, "not for this user")
        return await super().write(current, buf, count, pos)

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Report a change since the file was opened or it was last told of one, as an exception (proc_sys_poll)."""
        source = self.source
        if source is None:
            return DEFAULT_POLLMASK
        if table is not None:
            table.wait(source.wait)
        if self.event == source.event:
            return DEFAULT_POLLMASK
        self.event = source.event
        return POLLIN | POLLRDNORM | POLLERR | POLLPRI


def proc_sys_init(k: Kernel) -> None:
    """Give the values that have no other home their defaults."""
    sysctl.sysctl_init(k)


def proc_sys_dir(sb: ProcSuperBlock) -> SysctlDir:
    """Return the directory /proc/sys."""
    tree = dict(sysctl.root_table())
    tree["net"] = sysctl_net_core.net_table()
    kern = {**sysctl_kern.kern_table(sb.kernel.nr_cpus), **sysctl_kthread.kern_table()}
    if {"CLONE_NEWUSER", "max_user_namespaces"} <= sb.kernel.later:
        tree["user"] = sysctl_kern.user_table()
    _register(tree, {"kernel": kern, "vm": sysctl_vm.vm_table(), "fs": sysctl_kern.fs_table()})
    return SysctlDir(sb, tree, 1)


def _register(tree: dict[str, Any], table: Tree) -> None:
    """Put a table behind what is there, without changing that (register_sysctl_table)."""
    for name, entry in table.items():
        there = tree.get(name)
        if isinstance(entry, Mapping) and isinstance(there, Mapping):
            inner = tree[name] = dict(there)
            _register(inner, entry)
        else:
            tree[name] = entry
