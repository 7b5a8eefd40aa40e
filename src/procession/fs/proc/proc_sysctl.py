"""/proc/sys: the tables of kernel/sysctl.py as files (fs/proc/proc_sysctl.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

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
)
from procession.include.linux.proc_fs import ProcDir, ProcInode
from procession.kernel import sysctl, sysctl_kthread

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.sysctl import CtlTablePoll
    from procession.kernel.sysctl import CtlTable

__all__ = ("SysctlFile", "SysctlInode", "proc_sys_dir", "proc_sys_init")

Tree = Mapping[str, Union["CtlTable", "Tree"]]


class SysctlInode(ProcInode):
    """A file for a value."""

    i_op_permission = True

    def __init__(self, sb: ProcSuperBlock, table: CtlTable) -> None:
        super().__init__(sb, S_IFREG | table.mode)
        self.table = table

    def permission(self, current: Task, mask: int) -> None:
        """Let root do what the owner's bits say, whatever capabilities anybody has; raises EACCES (sysctl_perm)."""
        mode = self.table.mode
        if not current.cred.euid:
            mode >>= 6
        elif not current.cred.egid or 0 in current.cred.group_info:
            mode >>= 3
        if mask & MAY_EXEC or mask & ~mode & (MAY_READ | MAY_WRITE):
            raise LinuxError(Errno.EACCES, "not for this user")

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        file = SysctlFile(path, flags, mode, self.table.show, self.table.store)
        if self.table.poll:
            file.source = current.kernel.sysctl_polls[self.table.poll]
            file.event = file.source.event
        return file

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class SysctlFile(generic.BufferFile):
    """An open file of /proc/sys.

    source: whose changes poll(2) waits for, None if it waits for nothing.  event: the last one it has told of.
    """

    maxbytes = MAX_LFS_FILESIZE
    source: CtlTablePoll | None = None
    event: int = 0

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


def proc_sys_dir(sb: ProcSuperBlock) -> ProcDir:
    """Return the directory /proc/sys."""
    tree = sysctl.root_table()
    return _directory(sb, {**tree, "kernel": {**tree["kernel"], **sysctl_kthread.kern_table()}})


def _directory(sb: ProcSuperBlock, tree: Tree) -> ProcDir:
    out = ProcDir(sb)
    for name, entry in tree.items():
        if isinstance(entry, Mapping):
            out.add(name, _directory(sb, entry))
        else:
            out.add(name, SysctlInode(sb, entry))
    return out
