"""mounts and mountinfo: the mounts a task sees (fs/proc_namespace.c; spec namespaces 5.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.fs import dcache, namespace
from procession.fs.proc import generic
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    DEFAULT_POLLMASK,
    POLLERR,
    POLLIN,
    POLLPRI,
    POLLRDNORM,
    S_IFREG,
    File,
    MntNamespace,
    PathRef,
)
from procession.include.linux.kdev_t import new_decode_dev
from procession.include.linux.mount import MNT_READONLY
from procession.include.linux.proc_fs import PidInode
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable, Vfsmount
    from procession.include.linux.pid import Pid
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task

__all__ = ("MountsFile", "MountsInode", "MountstatsFile", "show_mountinfo", "show_vfsmnt", "show_vfsstat")

# (reader, mounts, root of the task they are the mounts of) -> text
ShowMounts = Callable[["Task", MntNamespace, PathRef], bytes]

_MNT_OPTIONS: Final = ((1, ",nosuid"), (2, ",nodev"), (4, ",noexec"), (0x08, ",noatime"), (0x10, ",nodiratime"))


def _mangle(text: str) -> str:
    """Escape what would break a line of fields."""
    for char, escaped in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        text = text.replace(char, escaped)
    return text


class MountsInode(PidInode):
    """mounts, mountinfo or mountstats: what its opener found stays, whatever becomes of the task (mounts_open_common).

    file: what it is when it is open.
    """

    def __init__(
        self, sb: ProcSuperBlock, pid: Pid, show: ShowMounts, mode: int = 0o444, file: type[MountsFile] | None = None
    ) -> None:
        super().__init__(sb, pid, S_IFREG | mode)
        self.show = show
        self.file = file or MountsFile

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Hold the task's mounts; raises EINVAL if it has none any more, ENOENT if it has no root."""
        task = self.task()
        if task is None or task.nsproxy is None:
            raise LinuxError(Errno.EINVAL, "the task has no mount namespace")
        if task.fs is None:
            raise LinuxError(Errno.ENOENT, "the task has no root")
        ns, root = namespace.get_mnt_ns(task.nsproxy.mnt_ns), task.fs.root
        out = self.file(path, flags, mode, lambda reader: self.show(reader, ns, root))
        out.private_data = ns
        out.event = ns.event
        return out

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class MountsFile(generic.SeqFile):
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


class MountstatsFile(MountsFile):
    """An open mountstats: nothing is to be waited for."""

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Be ready."""
        return DEFAULT_POLLMASK


def _options(mnt: Vfsmount) -> str:
    return "".join(text for bit, text in _MNT_OPTIONS if mnt.mnt_flags & bit)


def show_vfsmnt(reader: Task, ns: MntNamespace, _root: PathRef) -> bytes:
    """Return mounts: one line per mount, as in /etc/fstab, with its place as the reader's root shows it."""
    lines = []
    root = reader.fs.root if reader.fs is not None else None
    for mnt in ns.mounts:
        readonly = mnt.mnt_flags & MNT_READONLY or mnt.mnt_sb.s_readonly
        path = dcache.d_path(PathRef(mnt, mnt.mnt_root), root)
        lines.append(
            f"{_mangle(mnt.mnt_devname)} {_mangle(path)} {mnt.mnt_sb.s_type} {'ro' if readonly else 'rw'}"
            f"{_options(mnt)} 0 0\n"
        )
    return string.to_bytes("".join(lines))


def show_vfsstat(reader: Task, ns: MntNamespace, _root: PathRef) -> bytes:
    """Return mountstats: a sentence for each mount. No file system here has more to say."""
    lines = []
    root = reader.fs.root if reader.fs is not None else None
    for mnt in ns.mounts:
        device = f"device {_mangle(mnt.mnt_devname)}" if mnt.mnt_devname else "no device"
        path = _mangle(dcache.d_path(PathRef(mnt, mnt.mnt_root), root))
        lines.append(f"{device} mounted on {path} with fstype {_mangle(mnt.mnt_sb.s_type)}\n")
    return string.to_bytes("".join(lines))


def show_mountinfo(_reader: Task, ns: MntNamespace, root: PathRef) -> bytes:
    """Return mountinfo: those mounts that the task's root leads to. Differs: they are numbered within the namespace."""
    ids = {mnt: i for i, mnt in enumerate(ns.mounts, 1)}
    lines = []
    for mnt, number in ids.items():
        place = PathRef(mnt, mnt.mnt_root)
        if not dcache.path_is_reachable(place, root):
            continue
        major, minor = new_decode_dev(mnt.mnt_sb.s_dev)
        parent = ids.get(mnt.mnt_parent, number) if mnt.mnt_parent is not None else number
        lines.append(
            f"{number} {parent} {major}:{minor} {_mangle(dcache.dentry_path(mnt.mnt_root))} "
            f"{_mangle(dcache.d_path(place, root))} "
            f"{'ro' if mnt.mnt_flags & MNT_READONLY else 'rw'}{_options(mnt)} - {mnt.mnt_sb.s_type} "
            f"{_mangle(mnt.mnt_devname)} {'ro' if mnt.mnt_sb.s_readonly else 'rw'}\n"
        )
    return string.to_bytes("".join(lines))
