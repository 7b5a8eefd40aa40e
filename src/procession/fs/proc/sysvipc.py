"""/proc/sysvipc: a table of each kind of object (ipc_init_proc_interface, of ipc/util.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.fs.proc import generic
from procession.include.linux.fs import S_IFREG
from procession.include.linux.proc_fs import ProcDir, ProcInode
from procession.ipc import msg, namespace, sem, shm, util

if TYPE_CHECKING:
    from procession.include.linux.fs import File, PathRef
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("SysvipcFile", "sysvipc_dir")

ShowNs = Callable[["Kernel", "IpcNamespace", "UserNamespace"], str]


class SysvipcFile(generic.ProcRegFile):
    """An open table. private_data: the namespace that its opener lived in, with a reference."""

    def release(self, current: Task | None) -> None:
        """Let the namespace go (sysvipc_proc_release)."""
        namespace.put_ipc_ns(self.f_path.mnt.mnt_sb.kernel, self.private_data)


class SysvipcInode(ProcInode):
    """A table."""

    def __init__(self, sb: ProcSuperBlock, show_ns: ShowNs) -> None:
        super().__init__(sb, S_IFREG | 0o444)
        self.show_ns = show_ns

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        ns = util.ipcns(current)
        ns.count += 1
        show_ns, k, of = self.show_ns, current.kernel, current.cred.user_ns
        file = SysvipcFile(path, flags, mode, lambda _: show_ns(k, ns, of).encode())
        file.private_data = ns
        return file

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


def sysvipc_dir(sb: ProcSuperBlock) -> ProcDir:
    """Return the directory."""
    out = ProcDir(sb)
    out.add("shm", SysvipcInode(sb, shm.sysvipc_shm_proc_show))
    out.add("sem", SysvipcInode(sb, sem.sysvipc_sem_proc_show))
    out.add("msg", SysvipcInode(sb, msg.sysvipc_msg_proc_show))
    return out
