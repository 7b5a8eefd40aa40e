"""What groups of watchers, their marks and the events they are told are made of (include/linux/fsnotify_backend.h)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.wait import WaitQueueHead

# The first sixteen are those of inotify(7), where they are called IN_.
FS_ACCESS: Final = 0x1
FS_MODIFY: Final = 0x2
FS_ATTRIB: Final = 0x4
FS_CLOSE_WRITE: Final = 0x8
FS_CLOSE_NOWRITE: Final = 0x10
FS_OPEN: Final = 0x20
FS_MOVED_FROM: Final = 0x40
FS_MOVED_TO: Final = 0x80
FS_CREATE: Final = 0x100
FS_DELETE: Final = 0x200
FS_DELETE_SELF: Final = 0x400
FS_MOVE_SELF: Final = 0x800
FS_UNMOUNT: Final = 0x2000
FS_Q_OVERFLOW: Final = 0x4000
FS_IN_IGNORED: Final = 0x8000
FS_EXCL_UNLINK: Final = 0x4000000  # not of what has no name any more
FS_EVENT_ON_CHILD: Final = 0x8000000  # of a mark: what happens to members of the directory, too
FS_DN_RENAME: Final = 0x10000000  # moved within one directory
FS_DN_MULTISHOT: Final = 0x20000000
FS_ISDIR: Final = 0x40000000
FS_IN_ONESHOT: Final = 0x80000000

FS_EVENTS_POSS_ON_CHILD: Final = (
    FS_ACCESS
    | FS_MODIFY
    | FS_ATTRIB
    | FS_CLOSE_WRITE
    | FS_CLOSE_NOWRITE
    | FS_OPEN
    | FS_MOVED_FROM
    | FS_MOVED_TO
    | FS_CREATE
    | FS_DELETE
)

# What kind of thing an event is about.
FSNOTIFY_EVENT_NONE: Final = 0
FSNOTIFY_EVENT_PATH: Final = 1
FSNOTIFY_EVENT_INODE: Final = 2

# FsnotifyMark.flags.
FSNOTIFY_MARK_FLAG_INODE: Final = 0x01
FSNOTIFY_MARK_FLAG_VFSMOUNT: Final = 0x02
FSNOTIFY_MARK_FLAG_IGNORED_SURV_MODIFY: Final = 0x08
FSNOTIFY_MARK_FLAG_ALIVE: Final = 0x10


class FsnotifyEvent:
    """Something that happened (struct fsnotify_event); groups share it.

    to_tell: whose marks it was sent to.  path, inode: what it happened to, one of them or, of an event of ours, none.
    file_name: of what it happened to in the directory to_tell, "" for to_tell itself.  refcnt: queues, and its maker.
    holder_used: whether it stands in a queue with the holder that belongs to it; in a second one it needs another.
    """

    __slots__ = (
        "to_tell",
        "mask",
        "path",
        "inode",
        "data_type",
        "file_name",
        "sync_cookie",
        "tgid",
        "refcnt",
        "holder_used",
    )  # derived

    def __init__(
        self,
        to_tell: Inode | None,
        mask: int,
        path: PathRef | None,
        inode: Inode | None,
        file_name: str,
        sync_cookie: int,
        tgid: Pid | None,
    ) -> None:
        self.to_tell: Inode | None = to_tell
        self.mask: int = mask  # FS_ bits
        self.path: PathRef | None = path
        self.inode: Inode | None = inode
        self.data_type: int = FSNOTIFY_EVENT_NONE
        if path is not None:
            self.data_type = FSNOTIFY_EVENT_PATH
        elif inode is not None:
            self.data_type = FSNOTIFY_EVENT_INODE
        self.file_name: str = file_name
        self.sync_cookie: int = sync_cookie  # the same for both halves of a rename
        self.tgid: Pid | None = tgid  # whose doing it was
        self.refcnt: int = 1
        self.holder_used: bool = False


class FsnotifyEventHolder:
    """An event's place in a queue (struct fsnotify_event_holder). own: it is part of the event.

    priv: what the group wants to remember of the event there, here an inotify watch's number.
    """

    __slots__ = ("event", "priv", "own")  # derived

    def __init__(self, event: FsnotifyEvent, priv: int, own: bool) -> None:
        self.event: FsnotifyEvent = event
        self.priv: int = priv
        self.own: bool = own


class FsnotifyMark:
    """What a group wants to know of an inode, or of all that is reached through a mount (struct fsnotify_mark)."""

    __slots__ = ("group", "mask", "ignored_mask", "flags", "inode", "mnt")  # derived

    def __init__(self) -> None:
        self.group: FsnotifyGroup | None = None
        self.mask: int = 0  # FS_ bits
        self.ignored_mask: int = 0
        self.flags: int = 0  # FSNOTIFY_MARK_FLAG_ bits
        self.inode: Inode | None = None
        self.mnt: Vfsmount | None = None


class FsnotifyGroup:
    """One who watches (struct fsnotify_group). Subclasses are the fsnotify_ops.

    priority, then serial: in which order groups are asked, the highest first.  notification_list: the oldest first.
    """

    def __init__(self, k: Kernel, serial: int) -> None:
        self.kernel: Kernel = k
        k.vfs.fsnotify_groups[self] = None
        self.serial: int = serial
        self.priority: int = 0
        self.marks: dict[FsnotifyMark, None] = {}
        self.notification_list: deque[FsnotifyEventHolder] = deque()
        self.q_len: int = 0
        self.max_events: int = 0xFFFFFFFF
        self.notification_waitq: WaitQueueHead = k.wait_queue_head("group->notification_waitq")

    def should_send_event(
        self,
        inode: Inode,
        inode_mark: FsnotifyMark | None,
        vfsmount_mark: FsnotifyMark | None,
        mask: int,
        path: PathRef | None,
    ) -> bool:
        """Whether the group wants an event of inode that its marks ask for. path: what it is about, if known."""
        return True

    def handle_event(
        self, inode_mark: FsnotifyMark | None, vfsmount_mark: FsnotifyMark | None, event: FsnotifyEvent
    ) -> None:
        """Take an event, often into the queue; raises ENOMEM."""

    def freeing_mark(self, mark: FsnotifyMark) -> None:
        """Called when a mark has been taken away."""

    def free_group_priv(self) -> None:
        """Called when the group goes."""
