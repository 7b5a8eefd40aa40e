"""mounts and mountinfo: the mounts a task sees (fs/proc_namespace.c; spec namespaces 5.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.fs import dcache, namespace, pnode
from procession.fs.proc import generic
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import MS_DIRSYNC, MS_MANDLOCK, MS_SYNCHRONOUS
from procession.include.linux.fs import POLLERR, POLLIN, POLLPRI, POLLRDNORM, S_IFREG, File, MntNamespace, PathRef
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.mount import (
    MNT_NOATIME,
    MNT_NODEV,
    MNT_NODIRATIME,
    MNT_NOEXEC,
    MNT_NOSUID,
    MNT_READONLY,
    MNT_RELATIME,
    MNT_UNBINDABLE,
)
from procession.include.linux.proc_fs import PidInode
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable, SuperBlock, Vfsmount
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("MountsFile", "MountsInode", "show_mountinfo", "show_vfsmnt")

# (reader, mounts, root of the task they are the mounts of) -> text
ShowMounts = Callable[["Task", MntNamespace, PathRef], bytes]

_MNT_OPTIONS: Final = (
    (MNT_NOSUID, ",nosuid"),
    (MNT_NODEV, ",nodev"),
    (MNT_NOEXEC, ",noexec"),
    (MNT_NOATIME, ",noatime"),
    (MNT_NODIRATIME, ",nodiratime"),
    (MNT_RELATIME, ",relatime"),
)

_SB_OPTIONS: Final = ((MS_SYNCHRONOUS, ",sync"), (MS_DIRSYNC, ",dirsync"), (MS_MANDLOCK, ",mand"))


def _mangle(text: str) -> str:
    """Escape what would break a line of fields."""
    for char, escaped in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        text = text.replace(char, escaped)
    return text


class MountsInode(PidInode):
    """/proc/PID/mounts or mountinfo: what its opener found stays, whatever becomes of the task (mounts_open_common)."""

    def __init__(self, sb: ProcSuperBlock, pid: Pid, show: ShowMounts) -> None:
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
        out = MountsFile(path, flags, mode, lambda reader: self.show(reader, ns, root))
        out.private_data = ns
        out.event = ns.event
        return out

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class MountsFile(generic.ProcFile):
    """An open mounts file; private_data is the mount namespace it holds.

    event: the last change that poll(2) has told of.
    """

    event: int = 0

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Report a change since the file was opened or it was last told of one, as an exception (mounts_poll)."""
        ns: MntNamespace = self.private_data
        if table is not None:
            table.wait(ns.poll)
        if self.event == ns.event:
            return POLLIN | POLLRDNORM
        self.event = ns.event
        return POLLIN | POLLRDNORM | POLLERR | POLLPRI

    def release(self, current: Task | None) -> None:
        """Let the namespace go."""
        namespace.put_mnt_ns(self.inode.i_sb.kernel, self.private_data)


def _options(mnt: Vfsmount) -> str:
    return "".join(text for bit, text in _MNT_OPTIONS if mnt.mnt_flags & bit)


def _sb_options(sb: SuperBlock) -> str:
    """Return a file system's flags (show_sb_opts)."""
    return "".join(text for bit, text in _SB_OPTIONS if sb.s_flags & bit)


def show_vfsmnt(reader: Task, ns: MntNamespace, _root: PathRef) -> bytes:
    """Return mounts: one line per mount, as in /etc/fstab, with its place as the reader's root shows it."""
    lines = []
    root = reader.fs.root if reader.fs is not None else None
    for mnt in ns.mounts:
        readonly = mnt.mnt_flags & MNT_READONLY or mnt.mnt_sb.s_readonly
        path = dcache.d_path(PathRef(mnt, mnt.mnt_root), root)
        lines.append(
            f"{_mangle(mnt.mnt_devname)} {_mangle(path)} {mnt.mnt_sb.s_type} {'ro' if readonly else 'rw'}"
            f"{_sb_options(mnt.mnt_sb)}{_options(mnt)}{_mangle(mnt.mnt_sb.show_options())} 0 0\n"
        )
    return string.to_bytes("".join(lines))


def _propagation(mnt: Vfsmount, root: PathRef) -> str:
    """Return the optional fields: which group it shares with, whose it follows."""
    out = ""
    if pnode.is_shared(mnt):
        out += f" shared:{mnt.mnt_group_id}"
    if mnt.mnt_master is not None:
        master = mnt.mnt_master.mnt_group_id
        out += f" master:{master}"
        dominating = pnode.get_dominating_id(mnt, root)
        if dominating and dominating != master:
            out += f" propagate_from:{dominating}"
    if mnt.mnt_flags & MNT_UNBINDABLE:
        out += " unbindable"
    return out


def show_mountinfo(_reader: Task, ns: MntNamespace, root: PathRef) -> bytes:
    """Return mountinfo: those mounts that the task's root leads to."""
    lines = []
    for mnt in ns.mounts:
        place = PathRef(mnt, mnt.mnt_root)
        if not dcache.path_is_reachable(place, root):
            continue
        major, minor = new_decode_dev(mnt.mnt_sb.s_dev)
        parent = mnt.mnt_parent or mnt
        lines.append(
            f"{mnt.mnt_id} {parent.mnt_id} {major}:{minor} {_mangle(dcache.dentry_path(mnt.mnt_root))} "
            f"{_mangle(dcache.d_path(place, root))} "
            f"{'ro' if mnt.mnt_flags & MNT_READONLY else 'rw'}{_options(mnt)}{_propagation(mnt, root)}"
            f" - {mnt.mnt_sb.s_type} {_mangle(mnt.mnt_devname)} {'ro' if mnt.mnt_sb.s_readonly else 'rw'}"
            f"{_sb_options(mnt.mnt_sb)}{_mangle(mnt.mnt_sb.show_options())}\n"
        )
    return string.to_bytes("".join(lines))
