"""uid_map, gid_map, projid_map and setgroups of a task's user namespace (fs/proc/base.c as of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs.proc import generic
from procession.include.linux.cred import CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import FMODE_WRITE, S_IFREG, File
from procession.include.linux.proc_fs import PidInode
from procession.kernel import capability, cred, user, user_namespace_maps

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("MAPS", "IdMapFile", "IdMapInode")

# The kind of each file, by its name.
SETGROUPS: Final = -2
MAPS: Final = {
    "uid_map": CAP_SETUID,
    "gid_map": CAP_SETGID,
    "projid_map": user_namespace_maps.PROJID,
    "setgroups": SETGROUPS,
}


class IdMapInode(PidInode):
    """One of the files; kind: of MAPS."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, kind: int) -> None:
        super().__init__(sb, pid, S_IFREG | 0o644)
        self.kind = kind

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file of the namespace that the task is in now; raises EINVAL if it is gone, EACCES."""
        task = self.task()
        if task is None:
            raise LinuxError(Errno.EINVAL, "the task is gone")
        ns = task.real_cred.user_ns
        writes = self.kind == SETGROUPS and mode & FMODE_WRITE
        if writes and not capability.ns_capable(current, ns, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EACCES, "not its administrator")
        return IdMapFile(current, path, flags, mode, ns, self.kind)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class IdMapFile(generic.ProcFile):
    """An open one, written in the name of who opened it. Has references to his credentials and to the namespace."""

    def __init__(self, current: Task, path: PathRef, flags: int, mode: int, ns: UserNamespace, kind: int) -> None:
        super().__init__(path, flags, mode, self._show, self._take)
        self.ns: UserNamespace = user.get_user_ns(ns)
        self.kind: int = kind
        self.f_cred = current.cred
        self.f_cred.usage += 1

    def _show(self, current: Task) -> bytes:
        if self.kind == SETGROUPS:
            return user_namespace_maps.setgroups_show(self.ns)
        return user_namespace_maps.map_show(self.ns, self.f_cred.user_ns, self.kind)

    def _take(self, current: Task, buf: UserPtr, count: int) -> int:
        ns, pos = self.ns, self.f_pos
        if self.kind == SETGROUPS:
            taken = user_namespace_maps.setgroups_write(current, ns, buf, count, pos)
        else:
            taken = user_namespace_maps.map_write(current, self.f_cred, ns, self.kind, buf, count, pos)
        self.f_pos = taken
        return taken

    def release(self, current: Task | None) -> None:
        """Let both go."""
        k = self.f_path.mnt.mnt_sb.kernel
        user.put_user_ns(k, self.ns)
        cred.put_cred(k, self.f_cred)
