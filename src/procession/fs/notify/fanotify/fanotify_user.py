"""The calls of fanotify(7), and its descriptors (fs/notify/fanotify/fanotify_user.c; spec files 2).

There are no permission events: they take a kernel with security modules.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import anon_inodes, file_table, namei
from procession.fs import file as fs_file
from procession.fs.notify import mark as fs_mark
from procession.fs.notify import notification
from procession.fs.notify.fanotify.fanotify import FanotifyGroup
from procession.include.asm.ioctls import FIONREAD
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fanotify import (
    FAN_ALL_CLASS_BITS,
    FAN_ALL_EVENTS,
    FAN_ALL_INIT_FLAGS,
    FAN_ALL_MARK_FLAGS,
    FAN_CLASS_CONTENT,
    FAN_CLASS_PRE_CONTENT,
    FAN_CLOEXEC,
    FAN_MARK_ADD,
    FAN_MARK_DONT_FOLLOW,
    FAN_MARK_FLUSH,
    FAN_MARK_IGNORED_MASK,
    FAN_MARK_IGNORED_SURV_MODIFY,
    FAN_MARK_MOUNT,
    FAN_MARK_ONLYDIR,
    FAN_MARK_REMOVE,
    FAN_NOFD,
    FAN_NONBLOCK,
    FAN_UNLIMITED_MARKS,
    FAN_UNLIMITED_QUEUE,
    FANOTIFY_METADATA_VERSION,
    FanotifyInitArg,
    FanotifyMarkArg,
    FanotifyMaskArg,
)
from procession.include.linux.fcntl import O_CLOEXEC, O_NONBLOCK, O_RDWR, OpenArg
from procession.include.linux.fs import FMODE_NONOTIFY, MAY_READ, POLLIN, POLLRDNORM, S_IFDIR, S_IFMT, File
from procession.include.linux.fsnotify_backend import (
    FS_EVENT_ON_CHILD,
    FS_ISDIR,
    FS_Q_OVERFLOW,
    FSNOTIFY_MARK_FLAG_IGNORED_SURV_MODIFY,
    FSNOTIFY_MARK_FLAG_INODE,
    FSNOTIFY_MARK_FLAG_VFSMOUNT,
    FsnotifyEvent,
    FsnotifyMark,
)
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import DirFd, Fd, Path, UserPtr
from procession.kernel import capability, pid, wait
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef, PollTable, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("FanotifyFile", "sys_fanotify_init", "sys_fanotify_mark")

FANOTIFY_DEFAULT_MAX_EVENTS: Final = 16384
FANOTIFY_DEFAULT_MAX_MARKS: Final = 8192
FANOTIFY_DEFAULT_MAX_LISTENERS: Final = 128

_METADATA: Final = struct.Struct("<IBBHQii")  # struct fanotify_event_metadata
_OUTGOING: Final = FAN_ALL_EVENTS | FS_Q_OVERFLOW
_ONE_OF: Final = FAN_MARK_ADD | FAN_MARK_REMOVE | FAN_MARK_FLUSH


class FanotifyFile(File):
    """A listener's open file."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Take as many events as fit, waiting for the first, and open a descriptor for each.

        Raises EINVAL if that does not fit, EAGAIN, ERESTARTSYS, what opening does, EFAULT: then those before are lost.
        """
        group: FanotifyGroup = self.private_data
        done = 0
        with wait.Waiter(current, group.notification_waitq, TASK_INTERRUPTIBLE, "fanotify_read") as waiter:
            while True:
                if group.notification_list:
                    try:
                        done += copy_event_to_user(current, group, buf, count - done, done)
                    except LinuxError as error:
                        if not done or error.errno == Errno.EFAULT:
                            raise
                        break
                    continue
                if done:
                    break
                if self.f_flags & O_NONBLOCK:
                    raise LinuxError(Errno.EAGAIN, "nothing happened")
                await waiter.sleep()
        return done

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable while there are events."""
        group: FanotifyGroup = self.private_data
        if table is not None:
            table.wait(group.notification_waitq)
        return POLLIN | POLLRDNORM if group.notification_list else 0

    async def ioctl(self, current: Task, cmd: int, arg: UserPtr) -> int:
        """FIONREAD: how many bytes all events would take; raises ENOTTY, EFAULT."""
        if cmd != FIONREAD:
            raise LinuxError(Errno.ENOTTY, f"ioctl {cmd:#x} of fanotify")
        group: FanotifyGroup = self.private_data
        uaccess.put_user(current, arg, _METADATA.size * group.q_len, 4)
        return 0

    def release(self, current: Task | None) -> None:
        """Let the listener go, with its marks."""
        fs_mark.fsnotify_destroy_group(self.private_data)


def create_fd(current: Task, group: FanotifyGroup, path: PathRef) -> int:
    """Open what an event is about, once more, for who reads it, whatever he may; that makes no events.

    Raises EMFILE, ENFILE, ETXTBSY, and what the file does.
    """
    fd = fs_file.alloc_fd(current)
    counted = False
    try:
        file_table.get_empty_filp(current)
        counted = True
        file = namei.dentry_open(current, path, group.f_flags)
    except LinuxError:
        if counted:
            file_table.free_filp(current.kernel)
        fs_file.put_unused_fd(current, fd)
        raise
    file.f_mode |= FMODE_NONOTIFY
    file.f_flags |= FMODE_NONOTIFY
    fs_file.fd_install(current, fd, file)
    return fd


def copy_event_to_user(current: Task, group: FanotifyGroup, buf: UserPtr, room: int, offset: int) -> int:
    """Take the oldest event out of the queue and store it; returns its size. Raises EINVAL, EFAULT, as create_fd."""
    if _METADATA.size > room:
        raise LinuxError(Errno.EINVAL, "no room for the next event")
    event = notification.fsnotify_remove_notify_event(group).event
    try:
        return _copy_metadata(current, group, event, buf, offset)
    finally:
        notification.fsnotify_put_event(group.kernel, event)


def _copy_metadata(current: Task, group: FanotifyGroup, event: FsnotifyEvent, buf: UserPtr, offset: int) -> int:
    fd = FAN_NOFD
    if event.path is not None:
        fd = create_fd(current, group, event.path)
    size = _METADATA.size
    nr = pid.pid_vnr(current, event.tgid)
    record = _METADATA.pack(size, FANOTIFY_METADATA_VERSION, 0, size, event.mask & _OUTGOING, fd, nr)
    try:
        uaccess.copy_to_user(current, buf, record, offset)
    except LinuxError:
        if fd != FAN_NOFD:
            fs_file.close_fd(current, fd)
        raise
    return size


def fanotify_user_setup(k: Kernel) -> None:
    """Make the caches, the first time that somebody listens."""
    if "fanotify_mark" not in k.caches:
        notification.fsnotify_notification_init(k)
        slab.kmem_cache_create(k, "fanotify_mark", 120)


@syscall
def sys_fanotify_init(current: Task, flags: FanotifyInitArg, event_f_flags: OpenArg) -> Fd:
    """Make a listener (fanotify_init(2)); event_f_flags, which are not looked at: how files are opened for it.

    Raises EPERM, EINVAL, EMFILE, also if the user has too many, ENFILE.
    """
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "fanotify_init")
    if flags & ~FAN_ALL_INIT_FLAGS:
        raise LinuxError(Errno.EINVAL, "fanotify_init: unknown flags")
    k = current.kernel
    fanotify_user_setup(k)
    user = current.cred.user
    if user.fanotify_listeners > FANOTIFY_DEFAULT_MAX_LISTENERS:
        raise LinuxError(Errno.EMFILE, "too many listeners")
    if flags & FAN_ALL_CLASS_BITS == FAN_ALL_CLASS_BITS:
        raise LinuxError(Errno.EINVAL, "no such class")
    group = FanotifyGroup(k, fs_mark.fsnotify_group_serial(k), user, event_f_flags)
    user.fanotify_listeners += 1
    group.priority = {FAN_CLASS_CONTENT: 1, FAN_CLASS_PRE_CONTENT: 2}.get(flags & FAN_ALL_CLASS_BITS, 0)
    group.max_events = UINT_MAX if flags & FAN_UNLIMITED_QUEUE else FANOTIFY_DEFAULT_MAX_EVENTS
    group.max_marks = UINT_MAX if flags & FAN_UNLIMITED_MARKS else FANOTIFY_DEFAULT_MAX_MARKS
    f_flags = O_RDWR | (O_CLOEXEC if flags & FAN_CLOEXEC else 0) | (O_NONBLOCK if flags & FAN_NONBLOCK else 0)
    try:
        return anon_inodes.anon_inode_getfd(current, "[fanotify]", FanotifyFile, group, f_flags)
    except LinuxError:
        fs_mark.fsnotify_destroy_group(group)
        raise


def _check_flags(flags: int, mask: int) -> None:
    """Raise EINVAL for what fanotify_mark does not take."""
    if mask >> 32 or flags & ~FAN_ALL_MARK_FLAGS:
        raise LinuxError(Errno.EINVAL, "fanotify_mark: unknown bits")
    what = flags & _ONE_OF
    if what not in (FAN_MARK_ADD, FAN_MARK_REMOVE, FAN_MARK_FLUSH):
        raise LinuxError(Errno.EINVAL, "one of FAN_MARK_ADD, FAN_MARK_REMOVE, FAN_MARK_FLUSH")
    if what != FAN_MARK_FLUSH and not mask:
        raise LinuxError(Errno.EINVAL, "no events")
    if mask & ~(FAN_ALL_EVENTS | FS_EVENT_ON_CHILD | FS_ISDIR):
        raise LinuxError(Errno.EINVAL, "fanotify_mark: unknown events")


@syscall
def sys_fanotify_mark(
    current: Task, fanotify_fd: Fd, flags: FanotifyMarkArg, mask: FanotifyMaskArg, dfd: DirFd, pathname: Path
) -> int:
    """Add events to a mark of a file or a mount, or take some away, or all marks of either kind (fanotify_mark(2)).

    Raises EINVAL, EBADF, EACCES without read permission, ENOENT if there is no mark, ENOSPC for too many, ENOMEM.
    """
    _check_flags(flags, mask)
    file = fs_file.fget_light(current, fanotify_fd)
    if not isinstance(file, FanotifyFile):
        raise LinuxError(Errno.EINVAL, "not a fanotify descriptor")
    group: FanotifyGroup = file.private_data
    path = fanotify_find_path(current, dfd, pathname, flags)
    inode, mnt = (None, path.mnt) if flags & FAN_MARK_MOUNT else (path.dentry.d_inode, None)
    if flags & FAN_MARK_ADD:
        fanotify_add_mark(group, inode, mnt, mask, flags)
    elif flags & FAN_MARK_REMOVE:
        fanotify_remove_mark(group, inode, mnt, mask & ~FS_ISDIR, flags)
    else:
        kind = FSNOTIFY_MARK_FLAG_VFSMOUNT if flags & FAN_MARK_MOUNT else FSNOTIFY_MARK_FLAG_INODE
        fs_mark.fsnotify_clear_marks_by_group(group, kind)
    return 0


def fanotify_find_path(current: Task, dfd: int, pathname: UserPtr, flags: int) -> PathRef:
    """Return what is to be marked: a path, or without one what dfd is open on."""
    directory = bool(flags & FAN_MARK_ONLYDIR)
    if isinstance(pathname, int) and not pathname:
        path = fs_file.fget_light(current, dfd).f_path
        if directory and path.dentry.d_inode.i_mode & S_IFMT != S_IFDIR:
            raise LinuxError(Errno.ENOTDIR, "FAN_MARK_ONLYDIR")
    else:
        follow = not flags & FAN_MARK_DONT_FOLLOW
        path = namei.user_path_at(current, dfd, pathname, follow=follow, directory=directory)
    namei.inode_permission(current, path.dentry.d_inode, MAY_READ)
    return path


def _find_mark(group: FanotifyGroup, inode: Inode | None, mnt: Vfsmount | None) -> FsnotifyMark | None:
    if inode is not None:
        return fs_mark.fsnotify_find_inode_mark(group, inode)
    assert mnt is not None
    return fs_mark.fsnotify_find_vfsmount_mark(group, mnt)


def _recalc(inode: Inode | None, mnt: Vfsmount | None) -> None:
    if inode is not None:
        fs_mark.fsnotify_recalc_inode_mask(inode)
    elif mnt is not None:
        fs_mark.fsnotify_recalc_vfsmount_mask(mnt)


def fanotify_add_mark(group: FanotifyGroup, inode: Inode | None, mnt: Vfsmount | None, mask: int, flags: int) -> None:
    """Add to the mark of an inode or a mount, making it if there is none; raises ENOSPC, ENOMEM."""
    ignored, survives = flags & FAN_MARK_IGNORED_MASK, flags & FAN_MARK_IGNORED_SURV_MODIFY
    if inode is not None and ignored and not survives and inode.i_writecount > 0:
        return  # the next write would end it
    mark = _find_mark(group, inode, mnt)
    if mark is None:
        if len(group.marks) + 1 > group.max_marks:
            raise LinuxError(Errno.ENOSPC, "too many marks")
        group.kernel.caches["fanotify_mark"].alloc()
        mark = FsnotifyMark()
        fs_mark.fsnotify_add_mark(mark, group, inode, mnt)
    if not ignored:
        mark.mask |= mask & ~FS_ISDIR
    else:
        mark.ignored_mask |= mask & ~FS_ISDIR
        if survives:
            mark.flags |= FSNOTIFY_MARK_FLAG_IGNORED_SURV_MODIFY
    if not mask & FS_ISDIR:
        mark.ignored_mask |= FS_ISDIR
    _recalc(inode, mnt)


def fanotify_remove_mark(
    group: FanotifyGroup, inode: Inode | None, mnt: Vfsmount | None, mask: int, flags: int
) -> None:
    """Take events out of a mark, which goes when none is left; raises ENOENT."""
    mark = _find_mark(group, inode, mnt)
    if mark is None:
        raise LinuxError(Errno.ENOENT, "no mark there")
    if flags & FAN_MARK_IGNORED_MASK:
        old = mark.ignored_mask
        mark.ignored_mask = old & ~mask
    else:
        old = mark.mask
        mark.mask = old & ~mask
    if not old & ~mask:
        fs_mark.fsnotify_destroy_mark(mark)
    _recalc(inode, mnt)
