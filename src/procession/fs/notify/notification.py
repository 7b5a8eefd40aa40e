"""Events, and the queues of groups in which they wait to be read (fs/notify/notification.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.fs import inode as fs_inode
from procession.include.linux.fsnotify_backend import FS_Q_OVERFLOW, FsnotifyEvent, FsnotifyEventHolder
from procession.include.linux.pid import PIDTYPE_PID
from procession.kernel import pid, wait
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef, Vfsmount
    from procession.include.linux.fsnotify_backend import FsnotifyGroup
    from procession.include.linux.kernel import Kernel

__all__ = (
    "fsnotify_add_notify_event",
    "fsnotify_clone_event",
    "fsnotify_create_event",
    "fsnotify_flush_notify",
    "fsnotify_notification_init",
    "fsnotify_put_event",
    "fsnotify_remove_notify_event",
    "fsnotify_replace_event",
    "fsnotify_uses_mount",
    "q_overflow_event",
)

# (group whose queue is not empty, event) -> whether it became part of what is queued there; raises ENOMEM.
MergeFn = Callable[["FsnotifyGroup", FsnotifyEvent], bool]


def fsnotify_notification_init(k: Kernel) -> None:
    """Make the caches when somebody begins to watch for the first time."""
    if "fsnotify_event" not in k.caches:
        slab.kmem_cache_create(k, "fsnotify_event", 136)
        slab.kmem_cache_create(k, "fsnotify_event_holder", 24)


def fsnotify_create_event(
    k: Kernel,
    to_tell: Inode | None,
    mask: int,
    path: PathRef | None,
    inode: Inode | None,
    file_name: str = "",
    cookie: int = 0,
) -> FsnotifyEvent:
    """Make an event, with a reference for the caller. It keeps the path's file in being. Raises ENOMEM."""
    k.caches["fsnotify_event"].alloc()
    tgid = k.current.group_leader.pids[PIDTYPE_PID]
    if tgid is not None:
        pid.get_pid(tgid)
    if path is not None:
        path.dentry.d_inode.i_count += 1
    return FsnotifyEvent(to_tell, mask, path, inode, file_name, cookie, tgid)


def fsnotify_clone_event(k: Kernel, old: FsnotifyEvent) -> FsnotifyEvent:
    """Return a copy of an event, with a reference for the caller; raises ENOMEM."""
    k.caches["fsnotify_event"].alloc()
    if old.tgid is not None:
        pid.get_pid(old.tgid)
    if old.path is not None:
        old.path.dentry.d_inode.i_count += 1
    return FsnotifyEvent(old.to_tell, old.mask, old.path, old.inode, old.file_name, old.sync_cookie, old.tgid)


def fsnotify_replace_event(k: Kernel, holder: FsnotifyEventHolder, new: FsnotifyEvent) -> None:
    """Put a new event where another stands in a queue; the caller's reference to it becomes the queue's."""
    old = holder.event
    if holder.own:
        old.holder_used = False
    else:
        k.caches["fsnotify_event_holder"].free()
    holder.event, holder.own = new, True
    new.holder_used = True
    fsnotify_put_event(k, old)


def fsnotify_put_event(k: Kernel, event: FsnotifyEvent) -> None:
    """Drop a reference; the last one frees."""
    event.refcnt -= 1
    if event.refcnt:
        return
    k.caches["fsnotify_event"].free()
    pid.put_pid(k, event.tgid)
    path = event.path
    if path is not None:
        fs_inode.iput(path.dentry.d_inode)


def fsnotify_add_notify_event(group: FsnotifyGroup, event: FsnotifyEvent, priv: int, merge: MergeFn | None) -> bool:
    """Queue an event with what the group wants to remember of it; returns whether it stands there as itself.

    It does not if it was merged, or the queue is full: then the queue gets one that says so. Raises ENOMEM.
    """
    k = group.kernel
    full = group.q_len >= group.max_events
    if full:
        event = q_overflow_event(k)
        priv = -1
    queue = group.notification_list
    if queue and merge is not None and merge(group, event):
        return False
    own = not event.holder_used
    if own:
        event.holder_used = True
    else:
        k.caches["fsnotify_event_holder"].alloc()  # it stands in another queue
    group.q_len += 1
    event.refcnt += 1
    queue.append(FsnotifyEventHolder(event, priv, own))
    wait.wake_up(group.notification_waitq)
    return not full


def q_overflow_event(k: Kernel) -> FsnotifyEvent:
    """Return the event that stands for those that a full queue did not take; there is one for all queues."""
    event = k.vfs.q_overflow_event
    if event is None:
        event = k.vfs.q_overflow_event = FsnotifyEvent(None, FS_Q_OVERFLOW, None, None, "", 0, None)
    return event


def fsnotify_remove_notify_event(group: FsnotifyGroup) -> FsnotifyEventHolder:
    """Take the oldest event out of the queue; the queue's reference to it becomes the caller's."""
    holder = group.notification_list.popleft()
    if holder.own:
        holder.event.holder_used = False
    else:
        group.kernel.caches["fsnotify_event_holder"].free()
    group.q_len -= 1
    return holder


def fsnotify_uses_mount(k: Kernel, mnt: Vfsmount) -> bool:
    """Whether an event that nobody has read yet refers to a mount."""
    for group in k.vfs.fsnotify_groups:
        for holder in group.notification_list:
            path = holder.event.path
            if path is not None and path.mnt is mnt:
                return True
    return False


def fsnotify_flush_notify(group: FsnotifyGroup) -> None:
    """Throw away what is queued."""
    while group.notification_list:
        fsnotify_put_event(group.kernel, fsnotify_remove_notify_event(group).event)
