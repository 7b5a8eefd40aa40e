"""fcntl(2)'s F_NOTIFY: a directory's owner is told by signals what happens in it (fs/notify/dnotify; spec files 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import fasync
from procession.fs.notify import mark as fs_mark
from procession.fs.notify import notification
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    DN_ACCESS,
    DN_ATTRIB,
    DN_CREATE,
    DN_DELETE,
    DN_MODIFY,
    DN_MULTISHOT,
    DN_RENAME,
)
from procession.include.linux.fs import S_IFDIR, S_IFMT
from procession.include.linux.fsnotify_backend import (
    FS_ACCESS,
    FS_ATTRIB,
    FS_CREATE,
    FS_DELETE,
    FS_DN_MULTISHOT,
    FS_DN_RENAME,
    FS_EVENT_ON_CHILD,
    FS_MODIFY,
    FS_MOVED_FROM,
    FS_MOVED_TO,
    FsnotifyEvent,
    FsnotifyGroup,
    FsnotifyMark,
)
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.signal import POLL_MSG
from procession.kernel import pid
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.fdtable import FilesStruct
    from procession.include.linux.fs import File, Inode, PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("DnotifyGroup", "DnotifyMark", "DnotifyStruct", "dnotify_flush", "fcntl_dirnotify")


class DnotifyStruct:
    """What one has asked for of an open directory (struct dnotify_struct); dn_mask: FS_ bits."""

    __slots__ = ("dn_fd", "dn_filp", "dn_mask", "dn_owner")

    def __init__(self, filp: File, fd: int, owner: FilesStruct | None, mask: int) -> None:
        self.dn_filp = filp
        self.dn_fd = fd
        self.dn_owner = owner
        self.dn_mask = mask


class DnotifyMark(FsnotifyMark):
    """A directory's mark; dn: what all have asked for, the newest first."""

    __slots__ = ("dn",)

    def __init__(self, mask: int) -> None:
        super().__init__()
        self.mask = mask
        self.dn: list[DnotifyStruct] = []


class DnotifyGroup(FsnotifyGroup):
    """The one that all who use F_NOTIFY belong to (dnotify_fsnotify_ops)."""

    def should_send_event(
        self,
        inode: Inode,
        inode_mark: FsnotifyMark | None,
        vfsmount_mark: FsnotifyMark | None,
        mask: int,
        path: PathRef | None,
    ) -> bool:
        """Only of directories."""
        return inode.i_mode & S_IFMT == S_IFDIR

    def handle_event(
        self, inode_mark: FsnotifyMark | None, vfsmount_mark: FsnotifyMark | None, event: FsnotifyEvent
    ) -> None:
        """Send everybody a signal who has asked for it: once, unless he wants it each time."""
        assert isinstance(inode_mark, DnotifyMark)
        test_mask = event.mask & ~FS_EVENT_ON_CHILD
        for dn in list(inode_mark.dn):
            if not dn.dn_mask & test_mask:
                continue
            fown = dn.dn_filp.f_owner
            if fown is not None:
                fasync.send_sigio(fown, dn.dn_fd, POLL_MSG)
            if not dn.dn_mask & FS_DN_MULTISHOT:
                _detach_dn(inode_mark, dn)

    def freeing_mark(self, mark: FsnotifyMark) -> None:
        """Free it."""
        self.kernel.caches["dnotify_mark"].free()


def _group(k: Kernel) -> DnotifyGroup:
    """Return the group, made with its caches when somebody asks for it first (dnotify_init)."""
    group = k.vfs.dnotify_group
    if group is None:
        notification.fsnotify_notification_init(k)
        slab.kmem_cache_create(k, "dnotify_struct", 32)
        slab.kmem_cache_create(k, "dnotify_mark", 136)
        group = k.vfs.dnotify_group = DnotifyGroup(k, 0)  # older than any other
    return group


def _recalc_inode_mask(mark: DnotifyMark) -> None:
    mark.mask = 0
    for dn in mark.dn:
        mark.mask |= dn.dn_mask & ~FS_DN_MULTISHOT
    if mark.inode is not None:
        fs_mark.fsnotify_recalc_inode_mask(mark.inode)


def _detach_dn(mark: DnotifyMark, dn: DnotifyStruct) -> None:
    mark.dn.remove(dn)
    dn.dn_filp.inode.i_sb.kernel.caches["dnotify_struct"].free()
    _recalc_inode_mask(mark)


def dnotify_flush(file: File, owner: FilesStruct | None) -> None:
    """A descriptor of a directory is closed: its process is not told any more, whatever else it has open."""
    inode = file.inode
    group = inode.i_sb.kernel.vfs.dnotify_group
    if group is None or inode.i_mode & S_IFMT != S_IFDIR:
        return
    mark = fs_mark.fsnotify_find_inode_mark(group, inode)
    if mark is None:
        return
    assert isinstance(mark, DnotifyMark)
    for dn in mark.dn:
        if dn.dn_owner is owner and dn.dn_filp is file:
            _detach_dn(mark, dn)
            break
    if not mark.dn:
        fs_mark.fsnotify_destroy_mark(mark)


def convert_arg(arg: int) -> int:
    """Return which events the bits of F_NOTIFY mean."""
    new_mask = FS_EVENT_ON_CHILD
    for bit, mask in (
        (DN_MULTISHOT, FS_DN_MULTISHOT),
        (DN_DELETE, FS_DELETE | FS_MOVED_FROM),
        (DN_MODIFY, FS_MODIFY),
        (DN_ACCESS, FS_ACCESS),
        (DN_ATTRIB, FS_ATTRIB),
        (DN_RENAME, FS_DN_RENAME),
        (DN_CREATE, FS_CREATE | FS_MOVED_TO),
    ):
        if arg & bit:
            new_mask |= mask
    return new_mask


def fcntl_dirnotify(current: Task, fd: int, file: File, arg: int) -> None:
    """F_NOTIFY: have the owner told of what arg, DN_ bits, says, or with none of them no longer.

    Who asks becomes the owner if there is none. Raises EINVAL if fs.dir-notify-enable forbids it, ENOTDIR, ENOMEM.
    """
    k = current.kernel
    if not k.vfs.dir_notify_enable:
        raise LinuxError(Errno.EINVAL, "fs.dir-notify-enable")
    if not arg & UINT_MAX & ~DN_MULTISHOT:
        dnotify_flush(file, current.files)
        return
    inode = file.inode
    if inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, "F_NOTIFY")
    group = _group(k)
    mask = convert_arg(arg)
    mark = fs_mark.fsnotify_find_inode_mark(group, inode)
    k.caches["dnotify_struct"].alloc()
    if mark is None:
        try:
            k.caches["dnotify_mark"].alloc()
        except LinuxError:
            k.caches["dnotify_struct"].free()
            raise
        mark = DnotifyMark(mask)
        fs_mark.fsnotify_add_mark(mark, group, inode)
    assert isinstance(mark, DnotifyMark)
    fasync.f_modown(current, file, pid.task_pid(current), PIDTYPE_PID, force=False)
    _attach_dn(k, mark, DnotifyStruct(file, fd, current.files, mask))
    _recalc_inode_mask(mark)


def _attach_dn(k: Kernel, mark: DnotifyMark, dn: DnotifyStruct) -> None:
    """Add what is asked for to what the same one has asked for before."""
    for odn in mark.dn:
        if odn.dn_owner is dn.dn_owner and odn.dn_filp is dn.dn_filp:
            odn.dn_fd = dn.dn_fd
            odn.dn_mask |= dn.dn_mask
            k.caches["dnotify_struct"].free()
            return
    mark.dn.insert(0, dn)
