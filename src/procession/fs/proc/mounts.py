"""mounts and mountinfo: the mounts a task sees (fs/proc_namespace.c; spec namespaces 5.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.fs import dcache, namespace
from procession.fs.proc import generic
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File, MntNamespace, PathRef
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.mount import MNT_READONLY
from procession.include.linux.proc_fs import PidInode
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("MountsFile", "MountsInode", "show_mountinfo", "show_vfsmnt")

_MNT_OPTIONS: Final = ((1, ",nosuid"), (2, ",nodev"), (4, ",noexec"), (0x08, ",noatime"), (0x10, ",nodiratime"))


def _mangle(text: str) -> str:
    """Escape what would break a line of fields."""
    for char, escaped in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        text = text.replace(char, escaped)
    return text


class MountsInode(PidInode):
    """/proc/PID/mounts or mountinfo: what its opener found stays, whatever becomes of the task (mounts_open_common)."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, show: Callable[[MntNamespace, PathRef], bytes]) -> None:
        super().__init__(sb, pid, S_IFREG | 0o444)
        self.show = show

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Hold the task's mounts; raises EINVAL if it has none any more, ENOENT if it has no root."""
        task = self.task()
        if task is None or task.nsproxy is None:
            raise LinuxError(Errno.EINVAL, "the task has no mount namespace")
        if task.fs is None:
            raise LinuxError(Errno.ENOENT, "the task has no root")
        ns, root = namespace.get_mnt_ns(task.nsproxy.mnt_ns), task.fs.root
        out = MountsFile(path, flags, mode, lambda _current: self.show(ns, root))
        out.private_data = ns
        return out

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class MountsFile(generic.ProcFile):
    """An open mounts file; private_data is the mount namespace it holds."""

    def release(self, current: Task | None) -> None:
        """Let the namespace go."""
        namespace.put_mnt_ns(self.inode.i_sb.kernel, self.private_data)


def _options(mnt: Vfsmount) -> str:
    return "".join(text for bit, text in _MNT_OPTIONS if mnt.mnt_flags & bit)


def show_vfsmnt(ns: MntNamespace, root: PathRef) -> bytes:
    """Return mounts: one line per mount, as in /etc/fstab."""
    lines = []
    for mnt in ns.mounts:
        readonly = mnt.mnt_flags & MNT_READONLY or mnt.mnt_sb.s_readonly
        path = dcache.d_path(PathRef(mnt, mnt.mnt_root), root)
        lines.append(
            f"{_mangle(mnt.mnt_devname)} {_mangle(path)} {mnt.mnt_sb.s_type} {'ro' if readonly else 'rw'}"
            f"{_options(mnt)} 0 0\n"
        )
    return string.to_bytes("".join(lines))


def show_mountinfo(ns: MntNamespace, root: PathRef) -> bytes:
    """Return mountinfo. Differs: mounts are numbered within their namespace."""
    ids = {mnt: i for i, mnt in enumerate(ns.mounts, 1)}
    lines = []
    for mnt, number in ids.items():
        major, minor = new_decode_dev(mnt.mnt_sb.s_dev)
        parent = ids.get(mnt.mnt_parent, number) if mnt.mnt_parent is not None else number
        inside = dcache.d_path(PathRef(mnt, mnt.mnt_root), PathRef(mnt, mnt.mnt_sb.s_root or mnt.mnt_root))
        lines.append(
            f"{number} {parent} {major}:{minor} {_mangle(inside)} "
            f"{_mangle(dcache.d_path(PathRef(mnt, mnt.mnt_root), root))} "
            f"{'ro' if mnt.mnt_flags & MNT_READONLY else 'rw'}{_options(mnt)} - {mnt.mnt_sb.s_type} "
            f"{_mangle(mnt.mnt_devname)} {'ro' if mnt.mnt_sb.s_readonly else 'rw'}\n"
        )
    return string.to_bytes("".join(lines))
