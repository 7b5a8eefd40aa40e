"""What a group of inotify's does with what happens (fs/notify/inotify/inotify_fsnotify.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs.notify import mark, notification
from procession.include.linux.errno import LinuxError
from procession.include.linux.fsnotify_backend import (
    FS_EXCL_UNLINK,
    FS_IN_IGNORED,
    FS_IN_ONESHOT,
    FS_Q_OVERFLOW,
    FSNOTIFY_EVENT_INODE,
    FSNOTIFY_EVENT_NONE,
    FSNOTIFY_EVENT_PATH,
    FsnotifyEvent,
    FsnotifyEventHolder,
    FsnotifyGroup,
    FsnotifyMark,
)
from procession.kernel import user as kernel_user

if TYPE_CHECKING:
    from procession.fs.fasync import FasyncList
    from procession.include.linux.fs import Inode, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import UserStruct

__all__ = ("InotifyGroup", "InotifyMark", "inotify_free_event_priv", "inotify_merge")


class InotifyMark(FsnotifyMark):
    """A watch (struct inotify_inode_mark)."""

    __slots__ = ("wd",)

    def __init__(self, wd: int, mask: int) -> None:
        super().__init__()
        self.wd = wd
        self.mask = mask


class InotifyGroup(FsnotifyGroup):
    """An instance (inotify_fsnotify_ops). idr: its watches by number.  user: who has made it."""

    def __init__(self, k: Kernel, serial: int, user: UserStruct) -> None:
        super().__init__(k, serial)
        self.idr: dict[int, InotifyMark] = {}
        self.last_wd: int = 0
        self.fa: FasyncList | None = None
        self.user: UserStruct = kernel_user.get_uid(user)

    def should_send_event(
        self,
        inode: Inode,
        inode_mark: FsnotifyMark | None,
        vfsmount_mark: FsnotifyMark | None,
        mask: int,
        path: PathRef | None,
    ) -> bool:
        """Not what happens through a name that is gone, if the watch says so."""
        assert inode_mark is not None
        return path is None or not inode_mark.mask & FS_EXCL_UNLINK or not path.dentry.d_deleted

    def handle_event(
        self, inode_mark: FsnotifyMark | None, vfsmount_mark: FsnotifyMark | None, event: FsnotifyEvent
    ) -> None:
        """Queue it; raises ENOMEM."""
        assert isinstance(inode_mark, InotifyMark)
        oneshot = inode_mark.mask & FS_IN_ONESHOT
        _queue(self, event, inode_mark.wd, merge=True)
        if oneshot:
            mark.fsnotify_destroy_mark(inode_mark)

    def freeing_mark(self, mark: FsnotifyMark) -> None:
        """Say that there will be no more of a watch, and forget it (inotify_ignored_and_remove_idr)."""
        assert isinstance(mark, InotifyMark)
        k = self.kernel
        try:
            event = notification.fsnotify_create_event(k, None, FS_IN_IGNORED, None, None)
        except LinuxError:
            event = None  # without memory nothing is said
        if event is not None:
            try:
                _queue(self, event, mark.wd, merge=False)
            except LinuxError:
                pass  # the same
            notification.fsnotify_put_event(k, event)
        del self.idr[mark.wd]
        self.user.inotify_watches -= 1
        k.caches["inotify_inode_mark_cache"].free()

    def free_group_priv(self) -> None:
        """Let the user go."""
        kernel_user.free_uid(self.kernel, self.user)


def _queue(group: InotifyGroup, event: FsnotifyEvent, wd: int, *, merge: bool) -> None:
    """Queue an event with the number of its watch; raises ENOMEM."""
    cache = group.kernel.caches["inotify_event_private_data"]
    cache.alloc()
    try:
        queued = notification.fsnotify_add_notify_event(group, event, wd, inotify_merge if merge else None)
    except LinuxError:
        cache.free()
        raise
    if not queued:
        cache.free()


def inotify_free_event_priv(k: Kernel, holder: FsnotifyEventHolder) -> None:
    """An event was taken out of a queue: what was noted with it goes. That a queue was full has no number."""
    if holder.priv != -1:
        k.caches["inotify_event_private_data"].free()


def _event_compare(old: FsnotifyEvent, new: FsnotifyEvent) -> bool:
    """Whether two events say the same to who reads them."""
    if old.mask != new.mask or old.to_tell is not new.to_tell or old.data_type != new.data_type:
        return False
    if len(old.file_name) != len(new.file_name):
        return False
    if old.data_type == FSNOTIFY_EVENT_INODE:
        return old.file_name == new.file_name
    if old.data_type == FSNOTIFY_EVENT_PATH:
        assert old.path is not None
        assert new.path is not None
        return old.path.mnt is new.path.mnt and old.path.dentry is new.path.dentry
    assert old.data_type == FSNOTIFY_EVENT_NONE
    return bool(old.mask & FS_Q_OVERFLOW) or not old.mask & FS_IN_IGNORED


def inotify_merge(group: FsnotifyGroup, event: FsnotifyEvent) -> bool:
    """Whether the last event of a queue says the same."""
    return _event_compare(group.notification_list[-1].event, event)
