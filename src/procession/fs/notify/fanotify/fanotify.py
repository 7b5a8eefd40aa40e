"""What a group of fanotify's does with what happens (fs/notify/fanotify/fanotify.c; spec files 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs.notify import notification
from procession.include.linux.fs import S_IFDIR, S_IFMT, S_IFREG
from procession.include.linux.fsnotify_backend import (
    FS_EVENT_ON_CHILD,
    FS_ISDIR,
    FSNOTIFY_EVENT_INODE,
    FsnotifyEvent,
    FsnotifyGroup,
    FsnotifyMark,
)
from procession.kernel import user as kernel_user

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import UserStruct

__all__ = ("FanotifyGroup", "fanotify_merge")


class FanotifyGroup(FsnotifyGroup):
    """A listener (fanotify_fsnotify_ops). user: who made it.  f_flags: how files are opened for who reads events."""

    def __init__(self, k: Kernel, serial: int, user: UserStruct, f_flags: int) -> None:
        super().__init__(k, serial)
        self.user: UserStruct = kernel_user.get_uid(user)
        self.f_flags: int = f_flags
        self.max_marks: int = 0

    def should_send_event(
        self,
        inode: Inode,
        inode_mark: FsnotifyMark | None,
        vfsmount_mark: FsnotifyMark | None,
        mask: int,
        path: PathRef | None,
    ) -> bool:
        """Only what is done with open files, and only with regular ones and directories."""
        if path is None:
            return False
        kind = path.dentry.d_inode.i_mode & S_IFMT
        if kind not in (S_IFREG, S_IFDIR):
            return False
        marks_mask = ignored = 0
        for mark in (inode_mark, vfsmount_mark):
            if mark is not None:
                marks_mask |= mark.mask
                ignored |= mark.ignored_mask
        # Something in the directory, of which its mark does not want to know.
        of_child = inode_mark is not None and vfsmount_mark is None and mask & FS_EVENT_ON_CHILD
        if of_child and not marks_mask & FS_EVENT_ON_CHILD:
            return False
        if kind == S_IFDIR and ignored & FS_ISDIR:
            return False
        return bool(mask & marks_mask & ~ignored)

    def handle_event(
        self, inode_mark: FsnotifyMark | None, vfsmount_mark: FsnotifyMark | None, event: FsnotifyEvent
    ) -> None:
        """Queue it; raises ENOMEM."""
        notification.fsnotify_add_notify_event(self, event, -1, fanotify_merge)

    def freeing_mark(self, mark: FsnotifyMark) -> None:
        """Free it."""
        self.kernel.caches["fanotify_mark"].free()

    def free_group_priv(self) -> None:
        """Let the user go."""
        self.user.fanotify_listeners -= 1
        kernel_user.free_uid(self.kernel, self.user)


def _should_merge(old: FsnotifyEvent, new: FsnotifyEvent) -> bool:
    """Whether events go together: of the same marked inode, by the same process.

    Which file it was should matter as well, but 3.2 compares it in vain: a break is missing.
    """
    assert old.data_type != FSNOTIFY_EVENT_INODE
    return old.to_tell is new.to_tell and old.data_type == new.data_type and old.tgid is new.tgid


def fanotify_merge(group: FsnotifyGroup, event: FsnotifyEvent) -> bool:
    """Add an event to the last one in the queue that it goes together with; raises ENOMEM."""
    for holder in reversed(group.notification_list):
        old = holder.event
        if not _should_merge(old, event):
            continue
        if old.mask == event.mask:
            return True
        if old.refcnt == 1:
            old.mask |= event.mask
            return True
        # Another queue has it, too.
        new = notification.fsnotify_clone_event(group.kernel, old)
        new.mask |= event.mask
        notification.fsnotify_replace_event(group.kernel, holder, new)
        return True
    return False
