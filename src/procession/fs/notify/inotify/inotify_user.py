"""The calls of inotify(7), and its descriptors (fs/notify/inotify/inotify_user.c; spec files 1)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import anon_inodes, fasync, namei
from procession.fs import file as fs_file
from procession.fs.notify import mark as fs_mark
from procession.fs.notify import notification
from procession.fs.notify.inotify.inotify_fsnotify import InotifyGroup, InotifyMark, inotify_free_event_priv
from procession.include.asm.ioctls import FIONREAD
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, O_CLOEXEC, O_NONBLOCK, O_RDONLY
from procession.include.linux.fs import MAY_READ, POLLIN, POLLRDNORM, File
from procession.include.linux.fsnotify_backend import (
    FS_EVENT_ON_CHILD,
    FS_EXCL_UNLINK,
    FS_IN_IGNORED,
    FS_IN_ONESHOT,
    FS_ISDIR,
    FS_Q_OVERFLOW,
    FS_UNMOUNT,
    FsnotifyEvent,
)
from procession.include.linux.inotify import (
    IN_ALL_EVENTS,
    IN_DONT_FOLLOW,
    IN_MASK_ADD,
    IN_ONLYDIR,
    InotifyInitArg,
    InotifyMaskArg,
)
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, Int, Path, UserPtr
from procession.kernel import wait
from procession.lib import string
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("InotifyFile", "sys_inotify_add_watch", "sys_inotify_init", "sys_inotify_init1", "sys_inotify_rm_watch")

DEFAULT_MAX_QUEUED_EVENTS: Final = 16384
DEFAULT_MAX_USER_INSTANCES: Final = 128
DEFAULT_MAX_USER_WATCHES: Final = 8192

_SHOWN: Final = IN_ALL_EVENTS | FS_ISDIR | FS_UNMOUNT | FS_IN_IGNORED | FS_Q_OVERFLOW
_EVENT: Final = struct.Struct("<iIII")  # struct inotify_event


def inotify_arg_to_mask(arg: int) -> int:
    """Return what a watch asks for: also for its own end, and for what happens to members of a directory."""
    return FS_IN_IGNORED | FS_EVENT_ON_CHILD | FS_UNMOUNT | arg & (IN_ALL_EVENTS | FS_IN_ONESHOT | FS_EXCL_UNLINK)


def _name_len(event: FsnotifyEvent) -> int:
    """Return how many bytes an event's name takes: with its end, a multiple of the event's own size."""
    if not event.file_name:
        return 0
    return -(-(len(string.to_bytes(event.file_name)) + 1) // _EVENT.size) * _EVENT.size


class InotifyFile(File):
    """An instance's open file."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Take as many events as fit, waiting for the first.

        Raises EINVAL if that does not fit, EAGAIN, EINTR, EFAULT: then it is lost, and so are those before it.
        """
        group: InotifyGroup = self.private_data
        done = 0
        with wait.Waiter(
            current, group.notification_waitq, TASK_INTERRUPTIBLE, "inotify_read", errno=Errno.EINTR
        ) as waiter:
            while True:
                if group.notification_list:
                    event = group.notification_list[0].event
                    if _EVENT.size + _name_len(event) > count - done:
                        if not done:
                            raise LinuxError(Errno.EINVAL, "no room for the next event")
                        break
                    done += copy_event_to_user(current, group, buf, done)
                    continue
                if done:
                    break
                if self.f_flags & O_NONBLOCK:
                    raise LinuxError(Errno.EAGAIN, "nothing happened")
                await waiter.sleep()
        return done

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable while there are events."""
        group: InotifyGroup = self.private_data
        if table is not None:
            table.wait(group.notification_waitq)
        return POLLIN | POLLRDNORM if group.notification_list else 0

    def has_fasync(self) -> bool:
        """Yes."""
        return True

    def fasync(self, current: Task | None, fd: int, *, on: bool) -> None:
        """Set or clear O_ASYNC (inotify_fasync), without consequence: 3.2 never looks at the list. Raises ENOMEM."""
        group: InotifyGroup = self.private_data
        group.fa = fasync.fasync_helper(fd, self, on, group.fa)

    async def ioctl(self, current: Task, cmd: int, arg: UserPtr) -> int:
        """FIONREAD: how many bytes all events would take; raises ENOTTY, EFAULT."""
        if cmd != FIONREAD:
            raise LinuxError(Errno.ENOTTY, f"ioctl {cmd:#x} of inotify")
        group: InotifyGroup = self.private_data
        length = sum([_EVENT.size + _name_len(holder.event) for holder in group.notification_list])
        uaccess.put_user(current, arg, length, 4)
        return 0

    def release(self, current: Task | None) -> None:
        """Let the instance go, with its watches."""
        group: InotifyGroup = self.private_data
        user = group.user
        inotify_destroy_group(group)
        user.inotify_devs -= 1


def copy_event_to_user(current: Task, group: InotifyGroup, buf: UserPtr, offset: int) -> int:
    """Take the oldest event out of the queue and store it; returns its size, raises EFAULT."""
    k = group.kernel
    holder = notification.fsnotify_remove_notify_event(group)
    event = holder.event
    inotify_free_event_priv(k, holder)
    length = _name_len(event)
    record = _EVENT.pack(holder.priv, event.mask & _SHOWN, event.sync_cookie, length)
    try:
        uaccess.copy_to_user(current, buf, record + string.to_bytes(event.file_name).ljust(length, b"\0"), offset)
    finally:
        notification.fsnotify_put_event(k, event)
    return len(record) + length


def inotify_destroy_group(group: InotifyGroup) -> None:
    """Take an instance's watches away, and what is queued."""
    fs_mark.fsnotify_clear_marks_by_group(group)
    for holder in group.notification_list:
        inotify_free_event_priv(group.kernel, holder)
    fs_mark.fsnotify_destroy_group(group)


def inotify_user_setup(k: Kernel) -> None:
    """Make the caches, the first time that somebody makes an instance."""
    if "inotify_inode_mark_cache" not in k.caches:
        notification.fsnotify_notification_init(k)
        slab.kmem_cache_create(k, "inotify_inode_mark_cache", 136)
        slab.kmem_cache_create(k, "inotify_event_private_data", 32)


@syscall
def sys_inotify_init1(current: Task, flags: InotifyInitArg) -> Fd:
    """Make an instance (inotify_init1(2)): flags IN_NONBLOCK, IN_CLOEXEC.

    Raises EINVAL, EMFILE, also if the user has too many, ENFILE.
    """
    if flags & ~(O_CLOEXEC | O_NONBLOCK):
        raise LinuxError(Errno.EINVAL, "inotify_init1: unknown flags")
    k = current.kernel
    inotify_user_setup(k)
    user = current.cred.user
    if user.inotify_devs >= k.sysctls.get("inotify_max_user_instances", DEFAULT_MAX_USER_INSTANCES):
        raise LinuxError(Errno.EMFILE, "fs.inotify.max_user_instances")
    group = InotifyGroup(k, fs_mark.fsnotify_group_serial(k), user)
    group.max_events = k.sysctls.get("inotify_max_queued_events", DEFAULT_MAX_QUEUED_EVENTS)
    user.inotify_devs += 1
    try:
        return anon_inodes.anon_inode_getfd(current, "inotify", InotifyFile, group, O_RDONLY | flags)
    except LinuxError:
        user.inotify_devs -= 1
        inotify_destroy_group(group)
        raise


@syscall
def sys_inotify_init(current: Task) -> Fd:
    """Make an instance (inotify_init(2))."""
    return sys_inotify_init1(current, 0)


def _group_of(current: Task, fd: int) -> InotifyGroup:
    """Return the instance of a descriptor; raises EBADF, EINVAL."""
    file = fs_file.fget_light(current, fd)
    if not isinstance(file, InotifyFile):
        raise LinuxError(Errno.EINVAL, "not an inotify descriptor")
    group: InotifyGroup = file.private_data
    return group


@syscall
def sys_inotify_add_watch(current: Task, fd: Fd, pathname: Path, mask: InotifyMaskArg) -> int:
    """Watch a file, or change how it is watched; returns the watch's number (inotify_add_watch(2)).

    Raises EBADF, EINVAL, EACCES without read permission, ENOSPC if the user has too many, ENOMEM.
    """
    group = _group_of(current, fd)
    path = namei.user_path_at(
        current, AT_FDCWD, pathname, follow=not mask & IN_DONT_FOLLOW, directory=bool(mask & IN_ONLYDIR)
    )
    inode = path.dentry.d_inode
    namei.inode_permission(current, inode, MAY_READ)
    return inotify_update_watch(group, inode, mask)


def inotify_update_watch(group: InotifyGroup, inode: Inode, arg: int) -> int:
    """Change the instance's watch of an inode, or make one; returns its number. Raises EINVAL, ENOSPC, ENOMEM."""
    mask = inotify_arg_to_mask(arg)
    if not mask & IN_ALL_EVENTS:
        raise LinuxError(Errno.EINVAL, "nothing to watch for")
    found = fs_mark.fsnotify_find_inode_mark(group, inode)
    if found is None:
        return _inotify_new_watch(group, inode, mask)
    assert isinstance(found, InotifyMark)
    found.mask = found.mask | mask if arg & IN_MASK_ADD else mask
    fs_mark.fsnotify_recalc_inode_mask(inode)
    return found.wd


def _inotify_new_watch(group: InotifyGroup, inode: Inode, mask: int) -> int:
    k = group.kernel
    k.caches["inotify_inode_mark_cache"].alloc()
    if group.user.inotify_watches >= k.sysctls.get("inotify_max_user_watches", DEFAULT_MAX_USER_WATCHES):
        k.caches["inotify_inode_mark_cache"].free()
        raise LinuxError(Errno.ENOSPC, "fs.inotify.max_user_watches")
    group.last_wd += 1  # never one that has been used
    mark = group.idr[group.last_wd] = InotifyMark(group.last_wd, mask)
    fs_mark.fsnotify_add_mark(mark, group, inode)
    group.user.inotify_watches += 1
    return mark.wd


@syscall
def sys_inotify_rm_watch(current: Task, fd: Fd, wd: Int) -> int:
    """Watch something no longer (inotify_rm_watch(2)); raises EBADF, EINVAL."""
    mark = _group_of(current, fd).idr.get(wd)
    if mark is None:
        raise LinuxError(Errno.EINVAL, f"no watch {wd}")
    fs_mark.fsnotify_destroy_mark(mark)
    return 0
