"""Who watches files: their marks, the events they have not read yet, and what all that is counted as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs.notify.fanotify.fanotify import FanotifyGroup
from procession.fs.notify.fanotify.fanotify_user import FanotifyFile
from procession.fs.notify.inotify.inotify_fsnotify import InotifyGroup, InotifyMark
from procession.fs.notify.inotify.inotify_user import InotifyFile
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.fsnotify_backend import FsnotifyGroup, FsnotifyMark
    from procession.include.linux.kernel import Kernel

__all__ = ("validate_notify",)


def validate_notify(seen: Census) -> list[str]:
    """Return which marks, groups and events are out of order."""
    k = seen.k
    groups = k.vfs.fsnotify_groups
    wrong: list[str] = []
    if k.vfs.nr_fsnotify_marks != sum(len(group.marks) for group in groups):
        wrong.append(f"nr_fsnotify_marks: {k.vfs.nr_fsnotify_marks}, found {sum(len(g.marks) for g in groups)}")
    if "fsnotify_event" not in k.caches:
        return wrong
    for group in groups:
        wrong += _marks(group)
        if group.q_len != len(group.notification_list):
            wrong.append(f"q_len of a group: {group.q_len}, found {len(group.notification_list)}")
    for inode in k.vfs.fsnotify_inodes:
        marks = inode.i_fsnotify_marks or []
        wrong += _order(f"inode {inode.i_ino}", marks)
        if not marks or inode.i_fsnotify_mask != _or_of(marks):
            wrong.append(f"i_fsnotify_mask of inode {inode.i_ino}: {inode.i_fsnotify_mask:#x} of {len(marks)} marks")
    wrong += _events(seen)
    return wrong + _instances(seen) + _listeners(seen)


def _or_of(marks: list[FsnotifyMark]) -> int:
    mask = 0
    for mark in marks:
        mask |= mark.mask
    return mask


def _order(name: str, marks: list[FsnotifyMark]) -> list[str]:
    """Check that groups are asked in the order of their rank, each once."""
    ranks = [(mark.group.priority, mark.group.serial) for mark in marks if mark.group is not None]
    return [] if ranks == sorted(set(ranks), reverse=True) else [f"marks of {name} are in the order {ranks}"]


def _marks(group: FsnotifyGroup) -> list[str]:
    """Check that each mark stands where it belongs."""
    wrong = []
    for mark in group.marks:
        inode, mnt = mark.inode, mark.mnt
        there = inode.i_fsnotify_marks if inode is not None else mnt.mnt_fsnotify_marks if mnt is not None else None
        if mark.group is not group or mark not in (there or ()):
            wrong.append("a mark that its inode or mount does not know")
        if mnt is not None and mnt.mnt_fsnotify_mask != _or_of(mnt.mnt_fsnotify_marks or []):
            wrong.append(f"mnt_fsnotify_mask of mount {mnt.mnt_id}: {mnt.mnt_fsnotify_mask:#x}")
        if mnt is not None and mnt.mnt_sb.s_active <= 0:
            wrong.append(f"mount {mnt.mnt_id} has a mark, and is gone")
    return wrong


def _events(seen: Census) -> list[str]:
    """Compare events and their places in queues with what is counted."""
    k = seen.k
    wrong = [
        f"refcnt of an event {event.mask:#x}: {event.refcnt}, found {n}"
        for event, n in seen.fsnotify_events.items()
        if event.refcnt != n
    ]
    holders = [holder for group in k.vfs.fsnotify_groups for holder in group.notification_list]
    wrong += _objects(k, "fsnotify_event", len(seen.fsnotify_events))
    return wrong + _objects(k, "fsnotify_event_holder", sum(1 for holder in holders if not holder.own))


def _instances(seen: Census) -> list[str]:
    """Compare inotify's instances and watches with what is open, and with what users have to pay."""
    k = seen.k
    if "inotify_inode_mark_cache" not in k.caches:
        return []
    wrong: list[str] = []
    groups = [group for group in k.vfs.fsnotify_groups if isinstance(group, InotifyGroup)]
    files = [file.private_data for file in seen.open_files if isinstance(file, InotifyFile)]
    if len(files) != len(groups) or any(group not in groups for group in files):
        wrong.append(f"{len(groups)} instances of inotify, {len(files)} of them open")
    for group in groups:
        if any(not isinstance(m, InotifyMark) or group.idr.get(m.wd) is not m for m in group.marks):
            wrong.append("a watch that is not in the table of its numbers")
        if len(group.idr) != len(group.marks):
            wrong.append(f"{len(group.idr)} numbers of {len(group.marks)} watches")
    devs = tally([group.user for group in groups])
    for user in k.users.uidhash.values():
        watches = sum(len(group.marks) for group in groups if group.user is user)
        if user.inotify_devs != devs.get(user, 0):
            wrong.append(f"inotify_devs of user {user.uid}: {user.inotify_devs}, found {devs.get(user, 0)}")
        if user.inotify_watches != watches:
            wrong.append(f"inotify_watches of user {user.uid}: {user.inotify_watches}, found {watches}")
    wrong += _objects(k, "inotify_inode_mark_cache", sum(len(group.marks) for group in groups))
    told = [holder for group in groups for holder in group.notification_list if holder.priv != -1]
    return wrong + _objects(k, "inotify_event_private_data", len(told))


def _listeners(seen: Census) -> list[str]:
    """The same of fanotify's."""
    k = seen.k
    if "fanotify_mark" not in k.caches:
        return []
    wrong: list[str] = []
    groups = [group for group in k.vfs.fsnotify_groups if isinstance(group, FanotifyGroup)]
    files = [file.private_data for file in seen.open_files if isinstance(file, FanotifyFile)]
    if len(files) != len(groups) or any(group not in groups for group in files):
        wrong.append(f"{len(groups)} listeners of fanotify, {len(files)} of them open")
    users = tally([group.user for group in groups])
    for user in k.users.uidhash.values():
        if user.fanotify_listeners != users.get(user, 0):
            wrong.append(
                f"fanotify_listeners of user {user.uid}: {user.fanotify_listeners}, found {users.get(user, 0)}"
            )
    return wrong + _objects(k, "fanotify_mark", sum(len(group.marks) for group in groups))


def _objects(k: Kernel, name: str, found: int) -> list[str]:
    active = k.caches[name].nr_active
    return [] if active == found else [f"{name} objects: {active}, found {found}"]
