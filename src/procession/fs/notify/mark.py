"""Marks of inodes and mounts, and the groups they belong to (fs/notify/mark.c, inode_mark.c, vfsmount_mark.c, group.c).

Differs: a mark is freed at once, not by the thread fsnotify_mark; it needs no lock, as nobody sleeps with one in hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs.notify import notification
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fsnotify_backend import (
    FSNOTIFY_MARK_FLAG_ALIVE,
    FSNOTIFY_MARK_FLAG_INODE,
    FSNOTIFY_MARK_FLAG_VFSMOUNT,
    FsnotifyGroup,
    FsnotifyMark,
)

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, Vfsmount
    from procession.include.linux.kernel import Kernel

__all__ = (
    "fsnotify_add_mark",
    "fsnotify_clear_marks_by_group",
    "fsnotify_clear_marks_by_inode",
    "fsnotify_clear_marks_by_mount",
    "fsnotify_destroy_group",
    "fsnotify_destroy_mark",
    "fsnotify_find_inode_mark",
    "fsnotify_find_vfsmount_mark",
    "fsnotify_group_serial",
    "fsnotify_recalc_inode_mask",
    "fsnotify_recalc_vfsmount_mask",
)


def fsnotify_group_serial(k: Kernel) -> int:
    """Return the number of a new group, which stands for its address."""
    k.vfs.fsnotify_group_serial += 1
    return k.vfs.fsnotify_group_serial


def _or_of(marks: list[FsnotifyMark] | None) -> int:
    mask = 0
    for mark in marks or ():
        mask |= mark.mask
    return mask


def fsnotify_recalc_inode_mask(inode: Inode) -> None:
    """Note what any of an inode's marks asks for."""
    inode.i_fsnotify_mask = _or_of(inode.i_fsnotify_marks)


def fsnotify_recalc_vfsmount_mask(mnt: Vfsmount) -> None:
    """Note what any of a mount's marks asks for."""
    mnt.mnt_fsnotify_mask = _or_of(mnt.mnt_fsnotify_marks)


def fsnotify_find_inode_mark(group: FsnotifyGroup, inode: Inode) -> FsnotifyMark | None:
    """Return the group's mark of an inode."""
    for mark in inode.i_fsnotify_marks or ():
        if mark.group is group:
            return mark
    return None


def fsnotify_find_vfsmount_mark(group: FsnotifyGroup, mnt: Vfsmount) -> FsnotifyMark | None:
    """Return the group's mark of a mount."""
    for mark in mnt.mnt_fsnotify_marks or ():
        if mark.group is group:
            return mark
    return None


def _insert(marks: list[FsnotifyMark], mark: FsnotifyMark, group: FsnotifyGroup) -> None:
    """Put a mark where its group's turn is: by priority, then the newest group first."""
    rank = group.priority, group.serial
    for at, other in enumerate(marks):
        of = other.group
        assert of is not None
        if (of.priority, of.serial) <= rank:
            marks.insert(at, mark)
            return
    marks.append(mark)


def fsnotify_add_mark(
    mark: FsnotifyMark, group: FsnotifyGroup, inode: Inode | None, mnt: Vfsmount | None = None
) -> None:
    """Give an inode, or a mount, a mark of the group; raises EEXIST if it has one."""
    if inode is not None:
        if fsnotify_find_inode_mark(group, inode) is not None:
            raise LinuxError(Errno.EEXIST, "the group has a mark there")
        if inode.i_fsnotify_marks is None:
            inode.i_fsnotify_marks = []
            group.kernel.vfs.fsnotify_inodes[inode] = None
        _insert(inode.i_fsnotify_marks, mark, group)
        mark.flags |= FSNOTIFY_MARK_FLAG_INODE
    else:
        assert mnt is not None
        if fsnotify_find_vfsmount_mark(group, mnt) is not None:
            raise LinuxError(Errno.EEXIST, "the group has a mark there")
        if mnt.mnt_fsnotify_marks is None:
            mnt.mnt_fsnotify_marks = []
        _insert(mnt.mnt_fsnotify_marks, mark, group)
        mark.flags |= FSNOTIFY_MARK_FLAG_VFSMOUNT
    mark.flags |= FSNOTIFY_MARK_FLAG_ALIVE
    mark.group, mark.inode, mark.mnt = group, inode, mnt
    group.marks[mark] = None
    group.kernel.vfs.nr_fsnotify_marks += 1
    if inode is not None:
        fsnotify_recalc_inode_mask(inode)
    elif mnt is not None:
        fsnotify_recalc_vfsmount_mask(mnt)


def fsnotify_destroy_mark(mark: FsnotifyMark) -> None:
    """Take a mark away, unless that has been done."""
    group = mark.group
    if group is None or not mark.flags & FSNOTIFY_MARK_FLAG_ALIVE:
        return
    mark.flags &= ~FSNOTIFY_MARK_FLAG_ALIVE
    inode, mnt = mark.inode, mark.mnt
    if inode is not None and inode.i_fsnotify_marks is not None:
        inode.i_fsnotify_marks.remove(mark)
        if not inode.i_fsnotify_marks:
            inode.i_fsnotify_marks = None
            del group.kernel.vfs.fsnotify_inodes[inode]
        fsnotify_recalc_inode_mask(inode)
    elif mnt is not None and mnt.mnt_fsnotify_marks is not None:
        mnt.mnt_fsnotify_marks.remove(mark)
        if not mnt.mnt_fsnotify_marks:
            mnt.mnt_fsnotify_marks = None
        fsnotify_recalc_vfsmount_mask(mnt)
    del group.marks[mark]
    group.kernel.vfs.nr_fsnotify_marks -= 1
    group.freeing_mark(mark)
    mark.group = mark.inode = mark.mnt = None


def fsnotify_clear_marks_by_inode(inode: Inode) -> None:
    """Take all marks of an inode away."""
    for mark in list(inode.i_fsnotify_marks or ()):
        fsnotify_destroy_mark(mark)


def fsnotify_clear_marks_by_mount(mnt: Vfsmount) -> None:
    """Take all marks of a mount away."""
    for mark in list(mnt.mnt_fsnotify_marks or ()):
        fsnotify_destroy_mark(mark)


def fsnotify_clear_marks_by_group(group: FsnotifyGroup, flags: int = 0) -> None:
    """Take the group's marks away: all, or with flags those that have one of them."""
    for mark in list(group.marks):
        if not flags or mark.flags & flags:
            fsnotify_destroy_mark(mark)


def fsnotify_destroy_group(group: FsnotifyGroup) -> None:
    """Let a group go, its marks and what is queued with it (fsnotify_put_group)."""
    fsnotify_clear_marks_by_group(group)
    notification.fsnotify_flush_notify(group)
    del group.kernel.vfs.fsnotify_groups[group]
    group.free_group_priv()
