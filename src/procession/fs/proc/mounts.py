"""mounts and mountinfo: the mounts a task sees (fs/proc_namespace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import PathRef

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task

__all__ = ("show_mountinfo", "show_vfsmnt")

_MNT_OPTIONS = ((1, ",nosuid"), (2, ",nodev"), (4, ",noexec"), (0x08, ",noatime"), (0x10, ",nodiratime"))
MNT_READONLY = 0x40


def _mangle(text: str) -> str:
    """Escape what would break a line of fields."""
    for char, escaped in (("\\", "\\134"), (" ", "\\040"), ("\t", "\\011"), ("\n", "\\012")):
        text = text.replace(char, escaped)
    return text


def _mounts(task: Task) -> tuple[list[Vfsmount], PathRef]:
    if task.nsproxy is None:
        raise LinuxError(Errno.EINVAL, "the task has no mount namespace")
    if task.fs is None:
        raise LinuxError(Errno.ENOENT, "the task has no root")
    return task.nsproxy.mnt_ns.mounts, task.fs.root


def _options(mnt: Vfsmount) -> str:
    return "".join(text for bit, text in _MNT_OPTIONS if mnt.mnt_flags & bit)


def show_vfsmnt(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return mounts: one line per mount, as in /etc/fstab."""
    mounts, root = _mounts(task)
    lines = []
    for mnt in mounts:
        readonly = mnt.mnt_flags & MNT_READONLY or mnt.mnt_sb.s_readonly
        path = dcache.d_path(PathRef(mnt, mnt.mnt_root), root)
        lines.append(
            f"{_mangle(mnt.mnt_devname)} {_mangle(path)} {mnt.mnt_sb.s_type} {'ro' if readonly else 'rw'}"
            f"{_options(mnt)} 0 0\n",
        )
    return "".join(lines).encode("utf-8", "surrogateescape")


def show_mountinfo(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return mountinfo. Differs: mounts are numbered within their namespace."""
    mounts, root = _mounts(task)
    ids = {mnt: i for i, mnt in enumerate(mounts, 1)}
    lines = []
    for mnt, number in ids.items():
        dev = mnt.mnt_sb.s_dev
        parent = ids.get(mnt.mnt_parent, number) if mnt.mnt_parent is not None else number
        inside = dcache.d_path(PathRef(mnt, mnt.mnt_root), PathRef(mnt, mnt.mnt_sb.s_root or mnt.mnt_root))
        lines.append(
            f"{number} {parent} {dev >> 8 & 0xFFF}:{dev & 0xFF | dev >> 12 & 0xFFF00} {_mangle(inside)} "
            f"{_mangle(dcache.d_path(PathRef(mnt, mnt.mnt_root), root))} "
            f"{'ro' if mnt.mnt_flags & MNT_READONLY else 'rw'}{_options(mnt)} - {mnt.mnt_sb.s_type} "
            f"{_mangle(mnt.mnt_devname)} {'ro' if mnt.mnt_sb.s_readonly else 'rw'}\n",
        )
    return "".join(lines).encode("utf-8", "surrogateescape")
