"""What happens to files is told to those who have marked them (fs/notify/fsnotify.c, include/linux/fsnotify.h).

Call sites ask for Kernel.vfs.nr_fsnotify_marks first: while nobody watches anything, nothing here is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs.notify import mark as fs_mark
from procession.fs.notify import notification
from procession.include.linux.errno import LinuxError
from procession.include.linux.fs import FMODE_NONOTIFY, FMODE_WRITE, S_IFDIR, S_IFMT
from procession.include.linux.fsnotify_backend import (
    FS_ACCESS,
    FS_ATTRIB,
    FS_CLOSE_NOWRITE,
    FS_CLOSE_WRITE,
    FS_CREATE,
    FS_DELETE,
    FS_DELETE_SELF,
    FS_DN_RENAME,
    FS_EVENT_ON_CHILD,
    FS_EVENTS_POSS_ON_CHILD,
    FS_ISDIR,
    FS_MODIFY,
    FS_MOVE_SELF,
    FS_MOVED_FROM,
    FS_MOVED_TO,
    FS_OPEN,
    FS_UNMOUNT,
    FSNOTIFY_MARK_FLAG_IGNORED_SURV_MODIFY,
)

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry, File, Inode, PathRef, SuperBlock, Vfsmount
    from procession.include.linux.fsnotify_backend import FsnotifyEvent, FsnotifyMark
    from procession.include.linux.kernel import Kernel

__all__ = (
    "fsnotify",
    "fsnotify_access",
    "fsnotify_change",
    "fsnotify_close",
    "fsnotify_create",
    "fsnotify_get_cookie",
    "fsnotify_inoderemove",
    "fsnotify_link",
    "fsnotify_link_count",
    "fsnotify_mkdir",
    "fsnotify_modify",
    "fsnotify_move",
    "fsnotify_nameremove",
    "fsnotify_open",
    "fsnotify_parent",
    "fsnotify_unmount_inodes",
    "fsnotify_vfsmount_delete",
    "fsnotify_xattr",
)


# fs/notify/fsnotify.c.


def fsnotify_parent(dentry: Dentry, mask: int, path: PathRef | None = None) -> None:
    """Tell who watches the directory of dentry what happened to it; path: as which file, if that is known."""
    parent = dentry.d_parent
    if parent is dentry:
        return
    p_inode = parent.d_inode
    watched = p_inode.i_fsnotify_mask
    if not watched & FS_EVENT_ON_CHILD or not watched & FS_EVENTS_POSS_ON_CHILD or not watched & mask:
        return
    inode = None if path is not None else dentry.d_inode
    fsnotify(p_inode, mask | FS_EVENT_ON_CHILD, path, inode, dentry.d_name)


def fsnotify(
    to_tell: Inode, mask: int, path: PathRef | None, inode: Inode | None, file_name: str = "", cookie: int = 0
) -> None:
    """Tell those who have marked an inode, or the mount of path, that something happened to path or inode.

    Memory that is short costs the event.
    """
    test_mask = mask & ~FS_EVENT_ON_CHILD
    mnt = None if path is None else path.mnt
    told = test_mask & to_tell.i_fsnotify_mask
    told_by_mount = mnt is not None and test_mask & mnt.mnt_fsnotify_mask
    # What is modified may have marks that ignore something until then.
    if not mask & FS_MODIFY and not told and not told_by_mount:
        return
    inode_marks = list(to_tell.i_fsnotify_marks or ())
    mount_marks = list(mnt.mnt_fsnotify_marks or ()) if mnt is not None else []
    k = to_tell.i_sb.kernel
    event: FsnotifyEvent | None = None
    while inode_marks or mount_marks:
        inode_mark, mount_mark = _next_pair(inode_marks, mount_marks)
        _clear_ignored(mask, inode_mark, mount_mark)
        if not _asked_for(test_mask, inode_mark, mount_mark):
            continue
        group = inode_mark.group if inode_mark is not None else mount_mark.group if mount_mark is not None else None
        if group is None or not group.should_send_event(to_tell, inode_mark, mount_mark, mask, path):
            continue
        try:
            if event is None:
                event = notification.fsnotify_create_event(k, to_tell, mask, path, inode, file_name, cookie)
            group.handle_event(inode_mark, mount_mark, event)
        except LinuxError:
            continue  # without memory for an event there is none
    if event is not None:
        notification.fsnotify_put_event(k, event)


def _next_pair(
    inode_marks: list[FsnotifyMark], mount_marks: list[FsnotifyMark]
) -> tuple[FsnotifyMark | None, FsnotifyMark | None]:
    """Take the marks of the next group out of both lists: one, or one of each."""
    if not mount_marks:
        return inode_marks.pop(0), None
    if not inode_marks:
        return None, mount_marks.pop(0)
    inode_group, mount_group = inode_marks[0].group, mount_marks[0].group
    if inode_group is mount_group or inode_group is None or mount_group is None:
        return inode_marks.pop(0), mount_marks.pop(0)
    if (inode_group.priority, inode_group.serial) > (mount_group.priority, mount_group.serial):
        return inode_marks.pop(0), None
    return None, mount_marks.pop(0)


def _clear_ignored(mask: int, inode_mark: FsnotifyMark | None, mount_mark: FsnotifyMark | None) -> None:
    """Something modified is ignored no longer."""
    if mask & FS_MODIFY:
        for mark in (inode_mark, mount_mark):
            if mark is not None and not mark.flags & FSNOTIFY_MARK_FLAG_IGNORED_SURV_MODIFY:
                mark.ignored_mask = 0


def _asked_for(test_mask: int, inode_mark: FsnotifyMark | None, mount_mark: FsnotifyMark | None) -> int:
    """Return which of the events a group's marks ask for."""
    found = 0
    if inode_mark is not None:
        found = test_mask & inode_mark.mask & ~inode_mark.ignored_mask
    if mount_mark is not None:
        by_mount = test_mask & mount_mark.mask & ~mount_mark.ignored_mask
        if inode_mark is not None:
            by_mount &= ~inode_mark.ignored_mask
        found |= by_mount
    return found


def fsnotify_unmount_inodes(sb: SuperBlock) -> None:
    """A file system is unmounted: tell who has marked something in it, and take these marks away."""
    for inode in [i for i in sb.kernel.vfs.fsnotify_inodes if i.i_sb is sb][::-1]:
        fsnotify(inode, FS_UNMOUNT, None, inode)
        fs_mark.fsnotify_clear_marks_by_inode(inode)


def fsnotify_vfsmount_delete(mnt: Vfsmount) -> None:
    """A mount is gone, its marks go."""
    fs_mark.fsnotify_clear_marks_by_mount(mnt)


# include/linux/fsnotify.h.


def _is_dir(inode: Inode) -> int:
    """Return the bit that says that a directory is meant, or 0."""
    return FS_ISDIR if inode.i_mode & S_IFMT == S_IFDIR else 0


def fsnotify_get_cookie(k: Kernel) -> int:
    """Return what makes the two halves of a rename known as such."""
    k.vfs.fsnotify_sync_cookie = k.vfs.fsnotify_sync_cookie + 1 & 0xFFFFFFFF
    return k.vfs.fsnotify_sync_cookie


def fsnotify_link_count(inode: Inode) -> None:
    """An inode has one name more or less."""
    fsnotify(inode, FS_ATTRIB, None, inode)


def fsnotify_move(
    k: Kernel, old_dir: Inode, new_dir: Inode, old_name: str, isdir: bool, target: Inode | None, moved: Dentry
) -> None:
    """A name was moved, and has replaced target's."""
    cookie = fsnotify_get_cookie(k)
    if not k.vfs.nr_fsnotify_marks:
        return
    source = moved.d_inode
    old_mask = FS_EVENT_ON_CHILD | FS_MOVED_FROM
    new_mask = FS_EVENT_ON_CHILD | FS_MOVED_TO
    if old_dir is new_dir:
        old_mask |= FS_DN_RENAME
    if isdir:
        old_mask |= FS_ISDIR
        new_mask |= FS_ISDIR
    fsnotify(old_dir, old_mask, None, source, old_name, cookie)
    fsnotify(new_dir, new_mask, None, source, moved.d_name, cookie)
    if target is not None:
        fsnotify_link_count(target)
    fsnotify(source, FS_MOVE_SELF, None, source)


def fsnotify_nameremove(dentry: Dentry) -> None:
    """A name is gone."""
    fsnotify_parent(dentry, FS_DELETE | _is_dir(dentry.d_inode))


def fsnotify_inoderemove(inode: Inode) -> None:
    """An inode's last name is gone, and nobody has it open."""
    if inode.i_fsnotify_marks is not None:
        fsnotify(inode, FS_DELETE_SELF, None, inode)
        fs_mark.fsnotify_clear_marks_by_inode(inode)


def fsnotify_create(dir: Inode, dentry: Dentry) -> None:
    """A name was made."""
    fsnotify(dir, FS_CREATE, None, dentry.d_inode, dentry.d_name)


def fsnotify_link(dir: Inode, inode: Inode, new: Dentry) -> None:
    """A file has got another name."""
    fsnotify_link_count(inode)
    fsnotify(dir, FS_CREATE, None, inode, new.d_name)


def fsnotify_mkdir(dir: Inode, dentry: Dentry) -> None:
    """A directory was made."""
    fsnotify(dir, FS_CREATE | FS_ISDIR, None, dentry.d_inode, dentry.d_name)


def _path_event(file: File, mask: int) -> None:
    """Something happened to an open file, unless that was opened in order to look at an event."""
    if file.f_mode & FMODE_NONOTIFY:
        return
    path = file.f_path
    inode = path.dentry.d_inode
    mask |= _is_dir(inode)
    fsnotify_parent(path.dentry, mask, path)
    fsnotify(inode, mask, path, None)


def fsnotify_access(file: File) -> None:
    """An open file was read."""
    _path_event(file, FS_ACCESS)


def fsnotify_modify(file: File) -> None:
    """An open file was written."""
    _path_event(file, FS_MODIFY)


def fsnotify_open(file: File) -> None:
    """A file was opened."""
    _path_event(file, FS_OPEN)


def fsnotify_close(file: File) -> None:
    """An open file's last descriptor is gone."""
    _path_event(file, FS_CLOSE_WRITE if file.f_mode & FMODE_WRITE else FS_CLOSE_NOWRITE)


def _dentry_event(dentry: Dentry, mask: int) -> None:
    inode = dentry.d_inode
    mask |= _is_dir(inode)
    fsnotify_parent(dentry, mask)
    fsnotify(inode, mask, None, inode)


def fsnotify_xattr(dentry: Dentry) -> None:
    """An extended attribute was set, or removed."""
    _dentry_event(dentry, FS_ATTRIB)


def fsnotify_change(
    dentry: Dentry, *, attrib: bool = False, size: bool = False, atime: bool = False, mtime: bool = False
) -> None:
    """Something of an inode was set. attrib: its mode or owner."""
    mask = FS_ATTRIB if attrib or (atime and mtime) else 0
    if size or (mtime and not atime):
        mask |= FS_MODIFY
    if atime and not mtime:
        mask |= FS_ACCESS
    if mask:
        _dentry_event(dentry, mask)
