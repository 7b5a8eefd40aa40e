"""mount(2), umount(2), pivot_root(2) (the second half of fs/namespace.c; spec namespaces 5.1, 5.3, 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, fs_struct, namei, namespace, pnode
from procession.fs import super as fs_super
from procession.fs.notify import notification
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_FDCWD,
    MNT_DETACH,
    MNT_EXPIRE,
    MNT_FORCE,
    MS_BIND,
    MS_MOVE,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_RELATIME,
    MS_REMOUNT,
    MS_SHARED,
    MS_SILENT,
    MS_SLAVE,
    MS_STRICTATIME,
    MS_UNBINDABLE,
    UMOUNT_NOFOLLOW,
    MountArg,
    MountTypeArg,
    UmountArg,
)
from procession.include.linux.fs import FMODE_WRITE, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, MntNamespace, PathRef
from procession.include.linux.limits import PATH_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.mount import (
    MNT_ATIME_MASK,
    MNT_LOCK_ATIME,
    MNT_LOCK_NODEV,
    MNT_LOCK_NOEXEC,
    MNT_LOCK_NOSUID,
    MNT_LOCK_READONLY,
    MNT_LOCKED,
    MNT_LOCKS,
    MNT_NOATIME,
    MNT_NODEV,
    MNT_NODIRATIME,
    MNT_NOEXEC,
    MNT_NOSUID,
    MNT_PROPAGATION_MASK,
    MNT_READONLY,
    MNT_RELATIME,
    MNT_UNBINDABLE,
)
from procession.include.linux.proc_ns import NsfsInode
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Path, Str, UserPtr
from procession.include.linux.undo import Undo
from procession.kernel import capability, user_namespace
from procession.kernel import user as kernel_user
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.fs.super import FileSystemType
    from procession.include.linux.fs import Dentry, Inode, SuperBlock, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.sched import Task

__all__ = ("sys_mount", "sys_pivot_root", "sys_umount2")

_PROPAGATION: Final = MS_PRIVATE | MS_SLAVE | MS_SHARED | MS_UNBINDABLE
_MGC_VAL: Final = 0xC0ED0000
_MGC_MSK: Final = 0xFFFF0000
_TO_EXPIRE: Final = 2
# Flags of mounts, not of what is mounted: gone once they are translated.
_ATIME: Final = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME
_PER_MOUNT: Final = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME


# What is in use.


def _is_used(k: Kernel, mnt: Vfsmount) -> bool:
    """Whether something but its place and its children refers to a mount (do_refcount_check).

    Differs: 3.2 counts references; here the rare question is answered by looking. A file in a message is not seen.
    """
    for p in fs_super.all_tasks(k):
        if p.fs is not None and mnt in (p.fs.root.mnt, p.fs.pwd.mnt):
            return True
    return (
        any(file.f_path.mnt is mnt for file in fs_super.files_in_use(k))
        or any(sk.mnt is mnt for sk in k.net.unix_sockets.values())
        or notification.fsnotify_uses_mount(k, mnt)
    )


def propagate_mount_busy(k: Kernel, mnt: Vfsmount) -> bool:
    """Whether a mount cannot go, for what is mounted on it, or for its use, or that of one that would go with it."""
    if mnt.mnt_mounts or _is_used(k, mnt):
        return True
    if mnt.mnt_parent is None or mnt.mnt_mountpoint is None:
        return False
    for m in pnode.propagated(mnt.mnt_parent):
        child = namespace.lookup_mnt_last(k, m, mnt.mnt_mountpoint)
        if child is not None and not child.mnt_mounts and _is_used(k, child):
            return True
    return False


def _check_mnt(current: Task, mnt: Vfsmount) -> bool:
    """Whether a mount is in current's namespace."""
    assert current.nsproxy is not None
    return mnt.mnt_ns is current.nsproxy.mnt_ns


def _capable(current: Task) -> None:
    """See that current may change the mounts that it has; raises EPERM (may_mount)."""
    assert current.nsproxy is not None
    if not capability.ns_capable(current, current.nsproxy.mnt_ns.user_ns, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "mounting needs CAP_SYS_ADMIN")


def lock_mount(k: Kernel, path: PathRef) -> PathRef:
    """Return the topmost place at path; raises ENOENT if it was removed."""
    while True:
        if path.dentry.d_deleted:
            raise LinuxError(Errno.ENOENT, "the mount point was removed")
        mnt = namespace.lookup_mnt(k, path.mnt, path.dentry)
        if mnt is None:
            return path
        path = PathRef(mnt, mnt.mnt_root)


def _is_dir(dentry: Dentry) -> bool:
    return dentry.d_inode.i_mode & S_IFMT == S_IFDIR


# mount(2).


def copy_mount_string(current: Task, ptr: UserPtr) -> str | None:
    """Return a string of the caller's, None for NULL; raises EFAULT, EINVAL if it is longer than a page."""
    if isinstance(ptr, int) and not ptr:
        return None
    try:
        # strnlen_user looks at one byte more than there may be.
        text = uaccess.strncpy_from_user(current, ptr, PATH_MAX + 1)
    except LinuxError as error:
        if error.errno == Errno.ENAMETOOLONG:
            raise LinuxError(Errno.EINVAL, "longer than a page") from error
        raise
    if len(text) >= PATH_MAX:
        raise LinuxError(Errno.EINVAL, "longer than a page")
    return string.to_text(text)


def copy_mount_options(current: Task, data: UserPtr) -> str:
    """Return the page of options as far as it can be read; raises EFAULT if not one byte can.

    No options are not the same as a page on which there are none: that is a comma, as if it were two empty ones.
    """
    if isinstance(data, int) and not data:
        return ""
    if not isinstance(data, int):
        return string.to_text(uaccess.strncpy_from_user(current, data, PAGE_SIZE)) or ","
    page = uaccess.copy_from_user_partial(current, data, PAGE_SIZE - 1)
    return string.to_text(page.split(b"\0", 1)[0]) or ","


def _mnt_flags(flags: int) -> int:
    out = 0 if flags & MS_NOATIME else MNT_RELATIME
    for bit, mnt_bit in (
        (MS_NOSUID, MNT_NOSUID),
        (MS_NODEV, MNT_NODEV),
        (MS_NOEXEC, MNT_NOEXEC),
        (MS_NOATIME, MNT_NOATIME),
        (MS_NODIRATIME, MNT_NODIRATIME),
        (MS_RDONLY, MNT_READONLY),
    ):
        if flags & bit:
            out |= mnt_bit
    if flags & MS_STRICTATIME:
        out &= ~(MNT_RELATIME | MNT_NOATIME)
    return out


@syscall
def sys_mount(current: Task, dev_name: Path, dir_name: Path, type: MountTypeArg, flags: MountArg, data: Str) -> int:
    """Mount a file system, bind, move, or change how a mount is mounted (mount(2)).

    Raises EFAULT, EINVAL, EPERM, ENODEV, ENOENT, ENOTDIR, EBUSY, ELOOP, ENOMEM.
    """
    kind = copy_mount_string(current, type)
    name = namei.getname(current, dir_name)
    dev = copy_mount_string(current, dev_name)
    options = copy_mount_options(current, data)
    if flags & _MGC_MSK == _MGC_VAL:
        flags &= ~_MGC_MSK
    path = namei.kern_path(current, name)
    mnt_flags = _mnt_flags(flags)
    if flags & MS_REMOUNT and not flags & _ATIME and user_namespace.are_later(current.kernel):
        mnt_flags = mnt_flags & ~MNT_ATIME_MASK | path.mnt.mnt_flags & MNT_ATIME_MASK
    flags &= ~_PER_MOUNT
    if flags & MS_REMOUNT:
        do_remount(current, path, flags, mnt_flags, options)
    elif flags & MS_BIND:
        do_loopback(current, path, dev, recurse=bool(flags & MS_REC))
    elif flags & _PROPAGATION:
        do_change_type(current, path, flags)
    elif flags & MS_MOVE:
        do_move_mount(current, path, dev)
    else:
        do_new_mount(current, path, kind, flags, mnt_flags, dev, options)
    return 0


def change_mount_flags(k: Kernel, mnt: Vfsmount, flags: int) -> None:
    """Say whether a mount alone is read-only; raises EBUSY while a file is open for writing through it."""
    if not flags & MS_RDONLY or mnt.mnt_flags & MNT_READONLY:
        return
    for file in fs_super.files_in_use(k):
        kind = file.inode.i_mode & S_IFMT
        if file.f_path.mnt is mnt and file.f_mode & FMODE_WRITE and kind in (S_IFREG, S_IFDIR):
            raise LinuxError(Errno.EBUSY, "a file is open for writing")


def can_change_locked_flags(mnt: Vfsmount, mnt_flags: int) -> bool:
    """Whether a mount may have these flags: none may go that keeps files from whom it was given to."""
    fl = mnt.mnt_flags
    for lock, flag in (
        (MNT_LOCK_READONLY, MNT_READONLY),
        (MNT_LOCK_NODEV, MNT_NODEV),
        (MNT_LOCK_NOSUID, MNT_NOSUID),
        (MNT_LOCK_NOEXEC, MNT_NOEXEC),
    ):
        if fl & lock and not mnt_flags & flag:
            return False
    return not fl & MNT_LOCK_ATIME or fl & MNT_ATIME_MASK == mnt_flags & MNT_ATIME_MASK


def do_remount(current: Task, path: PathRef, flags: int, mnt_flags: int, options: str) -> None:
    """Replace the flags of a mount, and those of its file system unless flags has MS_BIND."""
    k, mnt = current.kernel, path.mnt
    _capable(current)
    if not _check_mnt(current, mnt) or path.dentry is not mnt.mnt_root:
        raise LinuxError(Errno.EINVAL, "not the root of a mount in this namespace")
    if not can_change_locked_flags(mnt, mnt_flags):
        raise LinuxError(Errno.EPERM, "flags that have to stay")
    if flags & MS_BIND:
        change_mount_flags(k, mnt, flags)
    else:
        if not capability.ns_capable(current, mnt.mnt_sb.s_user_ns, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EPERM, "somebody else's file system")
        fs_super.do_remount_sb(k, mnt.mnt_sb, flags, options)
    mnt.mnt_flags = mnt_flags | mnt.mnt_flags & (MNT_PROPAGATION_MASK | MNT_LOCKS)
    if mnt.mnt_ns is not None:
        namespace.touch_mnt_namespace(mnt.mnt_ns)


def do_change_type(current: Task, path: PathRef, flags: int) -> None:
    """Say what happens to mounts below a mount, or a tree of them, in its copies."""
    k, mnt = current.kernel, path.mnt
    _capable(current)
    if path.dentry is not mnt.mnt_root:
        raise LinuxError(Errno.EINVAL, "not the root of a mount")
    type = flags & ~(MS_REC | MS_SILENT)
    if type & ~_PROPAGATION or type & (type - 1):
        raise LinuxError(Errno.EINVAL, "more than one type, or other flags")
    recurse = bool(flags & MS_REC)
    if type == MS_SHARED:
        namespace.invent_group_ids(k, mnt, recurse=recurse)
    for m in list(namespace.mount_tree(mnt)) if recurse else (mnt,):
        pnode.change_mnt_propagation(k, m, type)


def _graft_tree(current: Task, mnt: Vfsmount, path: PathRef) -> None:
    if _is_dir(path.dentry) != _is_dir(mnt.mnt_root):
        raise LinuxError(Errno.ENOTDIR, "a directory on a file, or a file on a directory")
    namespace.attach_recursive_mnt(current.kernel, mnt, path)


def _give_up(k: Kernel, mnt: Vfsmount) -> None:
    namespace.umount_tree(k, mnt, propagate=False)


def _may_mount_ns(current: Task, inode: Inode) -> bool:
    """Whether a namespace's file can be mounted here: not if it is one of mounts that may keep this (mnt_ns_loop)."""
    assert current.nsproxy is not None
    assert isinstance(inode, NsfsInode)
    return not isinstance(inode.ns, MntNamespace) or current.nsproxy.mnt_ns.seq < inode.ns.seq


def do_loopback(current: Task, path: PathRef, old_name: str | None, *, recurse: bool) -> None:
    """Show what is at old_name at path as well."""
    k = current.kernel
    _capable(current)
    if not old_name:
        raise LinuxError(Errno.EINVAL, "bind of nothing")
    old = namei.kern_path(current, old_name)
    path = lock_mount(k, path)
    if old.mnt.mnt_flags & MNT_UNBINDABLE:
        raise LinuxError(Errno.EINVAL, "unbindable")
    # What a namespace's link leads to is in no namespace of mounts itself.
    if not _check_mnt(current, path.mnt) or not (_check_mnt(current, old.mnt) or old.mnt is k.vfs.nsfs_mnt):
        raise LinuxError(Errno.EINVAL, "a mount of another namespace")
    if old.mnt is k.vfs.nsfs_mnt and not _may_mount_ns(current, old.dentry.d_inode):
        raise LinuxError(Errno.EINVAL, "mounts that would keep each other")
    if not recurse and namespace.has_locked_children(old.mnt, old.dentry):
        raise LinuxError(Errno.EINVAL, "without what has to stay there")
    make = namespace.copy_tree if recurse else namespace.clone_mnt
    mnt = make(k, old.mnt, old.dentry, 0)
    mnt.mnt_flags &= ~MNT_LOCKED
    with Undo() as undo:
        undo.push((_give_up, k, mnt))
        _graft_tree(current, mnt, path)


def do_move_mount(current: Task, path: PathRef, old_name: str | None) -> None:
    """Take a mount with all below it to another place."""
    k = current.kernel
    _capable(current)
    if not old_name:
        raise LinuxError(Errno.EINVAL, "move of nothing")
    old = namei.kern_path(current, old_name)
    path = lock_mount(k, path)
    mnt = old.mnt
    parent = mnt.mnt_parent
    if not _check_mnt(current, path.mnt) or not _check_mnt(current, mnt):
        raise LinuxError(Errno.EINVAL, "a mount of another namespace")
    if old.dentry is not mnt.mnt_root or parent is None:
        raise LinuxError(Errno.EINVAL, "not the root of a mount that can move")
    if mnt.mnt_flags & MNT_LOCKED:
        raise LinuxError(Errno.EINVAL, "it has to stay there")
    if _is_dir(path.dentry) != _is_dir(old.dentry):
        raise LinuxError(Errno.EINVAL, "a directory on a file, or a file on a directory")
    if pnode.is_shared(parent):
        raise LinuxError(Errno.EINVAL, "its peers would keep it")
    unbindable = any(m.mnt_flags & MNT_UNBINDABLE for m in namespace.mount_tree(mnt))
    if pnode.is_shared(path.mnt) and unbindable:
        raise LinuxError(Errno.EINVAL, "what is unbindable cannot be copied for peers")
    p: Vfsmount | None = path.mnt
    while p is not None and p.mnt_parent is not None:
        if p is mnt:
            raise LinuxError(Errno.ELOOP, "into itself")
        p = p.mnt_parent
    namespace.attach_recursive_mnt(k, mnt, path, moved=True)


def _mount_capable(current: Task, fs: FileSystemType) -> UserNamespace | None:
    """Return whose a new instance will be, None for the first namespace; raises EPERM without CAP_SYS_ADMIN there."""
    if not user_namespace.are_later(current.kernel):
        return None
    owner = None if fs.owner is None else fs.owner(current)
    if not capability.ns_capable(current, owner, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "not for this namespace's administrator")
    return None if owner is current.kernel.users.init_user_ns else owner


def _mount_too_revealing(current: Task, sb: SuperBlock, new_flags: int) -> int:
    """Return the locks of a mount that shows all of this file system already; raises EPERM if there is none.

    Otherwise who was given a part of /proc, or less than all rights to it, would mount it again.
    """
    assert current.nsproxy is not None
    ns = current.nsproxy.mnt_ns
    if ns.user_ns is None or ns.user_ns is current.kernel.users.init_user_ns:
        return 0
    for mnt in ns.mounts:
        if mnt.mnt_sb.s_type != sb.s_type or mnt.mnt_root is not mnt.mnt_sb.s_root:
            continue
        flags = mnt.mnt_flags | (MNT_LOCK_READONLY if mnt.mnt_sb.s_readonly else 0)
        if flags & MNT_LOCK_READONLY and not new_flags & MNT_READONLY:
            continue
        if flags & MNT_LOCK_ATIME and flags & MNT_ATIME_MASK != new_flags & MNT_ATIME_MASK:
            continue
        if not any(m.mnt_flags & MNT_LOCKED and not _is_empty_dir(current, m.mnt_mountpoint) for m in mnt.mnt_mounts):
            return flags & (MNT_LOCK_READONLY | MNT_LOCK_ATIME)
    raise LinuxError(Errno.EPERM, "not all of it is seen here")


def _is_empty_dir(current: Task, place: Dentry | None) -> bool:
    """Whether it is a directory of /proc or /sys that is there to be mounted on: nothing is hidden if it is."""
    return place is not None and _is_dir(place) and not place.d_inode.readdir(current)


def do_new_mount(
    current: Task, path: PathRef, kind: str | None, flags: int, mnt_flags: int, dev: str | None, options: str
) -> None:
    """Mount a file system that may be new."""
    if kind is None:
        raise LinuxError(Errno.EINVAL, "no file system type")
    _capable(current)
    k = current.kernel
    fs = fs_super.get_fs_type(k, kind)
    owner = _mount_capable(current, fs)
    sb = fs.mount(k, current, flags, dev or "none", options)
    assert sb.s_root is not None
    fresh = not sb.s_active
    if fresh:
        fs_super.set_sb_flags(sb, flags)
    if fs.visible:
        mnt_flags |= _mount_too_revealing(current, sb, mnt_flags)
    mnt = namespace.alloc_vfsmnt(k, sb, sb.s_root, mnt_flags, "none" if dev is None else dev)
    if fresh and owner is not None:
        sb.s_user_ns = kernel_user.get_user_ns(owner)
    with Undo() as undo:
        undo.push((_give_up, k, mnt))
        path = lock_mount(k, path)
        if not _check_mnt(current, path.mnt):
            raise LinuxError(Errno.EINVAL, "a mount of another namespace")
        if path.mnt.mnt_sb is sb and path.mnt.mnt_root is path.dentry:
            raise LinuxError(Errno.EBUSY, "mounted there already")
        if sb.s_root.d_inode.i_mode & S_IFMT == S_IFLNK:
            raise LinuxError(Errno.EINVAL, "a symbolic link")
        _graft_tree(current, mnt, path)


# umount(2).


@syscall
def sys_umount2(current: Task, name: Path, flags: UmountArg) -> int:
    """Take a mount away (umount(2)); raises EINVAL, EPERM, EBUSY, EAGAIN when it was marked to expire.

    Differs: the root of a namespace cannot be detached (EINVAL), with which 3.2 crashes.
    """
    if flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW):
        raise LinuxError(Errno.EINVAL, "unknown flags")
    text = namei.getname(current, name)
    path = namei.path_lookupat(current, AT_FDCWD, text, follow=not flags & UMOUNT_NOFOLLOW)
    mnt = path.mnt
    if mnt.mnt_expiry_mark:
        mnt.mnt_expiry_mark += 1  # only our own look
    if path.dentry is not mnt.mnt_root or not _check_mnt(current, mnt):
        raise LinuxError(Errno.EINVAL, "not the root of a mount in this namespace")
    _capable(current)
    if mnt.mnt_flags & MNT_LOCKED:
        raise LinuxError(Errno.EINVAL, "it has to stay there")
    if flags & MNT_FORCE and not capability.ns_capable(current, mnt.mnt_sb.s_user_ns, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "force, of somebody else's file system")
    do_umount(current, mnt, flags)
    return 0


def do_umount(current: Task, mnt: Vfsmount, flags: int) -> None:
    k, fs = current.kernel, current.fs
    assert fs is not None
    is_root = mnt is fs.root.mnt
    if flags & MNT_EXPIRE:
        if is_root or flags & (MNT_FORCE | MNT_DETACH):
            raise LinuxError(Errno.EINVAL, "the root does not expire, nor what is forced")
        if mnt.mnt_mounts or _is_used(k, mnt):
            raise LinuxError(Errno.EBUSY, "in use")
        if mnt.mnt_expiry_mark < _TO_EXPIRE:
            mnt.mnt_expiry_mark = _TO_EXPIRE
            raise LinuxError(Errno.EAGAIN, "marked to expire")
    if is_root and not flags & MNT_DETACH:
        if not capability.ns_capable(current, mnt.mnt_sb.s_user_ns, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EPERM, "somebody else's file system")
        if not mnt.mnt_sb.s_readonly:
            fs_super.do_remount_sb(k, mnt.mnt_sb, MS_RDONLY)
        return
    if not flags & MNT_DETACH and propagate_mount_busy(k, mnt):
        raise LinuxError(Errno.EBUSY, "in use")
    if mnt.mnt_parent is None:
        raise LinuxError(Errno.EINVAL, "the root of the namespace")
    namespace.umount_tree(k, mnt, propagate=True)


# pivot_root(2).


def _is_shared_place(mnt: Vfsmount) -> bool:
    """Whether a mount's parent is shared; one that is on nothing is its own."""
    return pnode.is_shared(mnt.mnt_parent or mnt)


def _is_reachable_below(path: PathRef, new: PathRef) -> bool:
    """Whether path lies below new, which is the root of its mount."""
    tmp = path.mnt
    if tmp is new.mnt:
        return dcache.is_subdir(path.dentry, new.dentry)
    while tmp.mnt_parent is not None and tmp.mnt_mountpoint is not None:
        if tmp.mnt_parent is new.mnt:
            return dcache.is_subdir(tmp.mnt_mountpoint, new.dentry)
        tmp = tmp.mnt_parent
    return False


def _check_pivot(current: Task, new: PathRef, old: PathRef, root: PathRef) -> None:
    if pnode.is_shared(old.mnt) or _is_shared_place(new.mnt) or _is_shared_place(root.mnt):
        raise LinuxError(Errno.EINVAL, "peers would have to follow")
    if not _check_mnt(current, root.mnt) or not _check_mnt(current, new.mnt):
        raise LinuxError(Errno.EINVAL, "a mount of another namespace")
    if new.mnt.mnt_flags & MNT_LOCKED:
        raise LinuxError(Errno.EINVAL, "it has to stay there")
    if new.dentry.d_deleted or old.dentry.d_deleted:
        raise LinuxError(Errno.ENOENT, "a removed directory")
    if root.mnt in (new.mnt, old.mnt):
        raise LinuxError(Errno.EBUSY, "on the same file system")
    for path in (root, new):
        # The machine's first root is its rootfs, which could not go. Most machines have another on that, which can.
        movable = path.mnt.mnt_parent is not None or (path is root and user_namespace.are_later(current.kernel))
        if path.dentry is not path.mnt.mnt_root or not movable:
            raise LinuxError(Errno.EINVAL, "not a mount point, or attached to nothing")
    if not _is_reachable_below(old, new):
        raise LinuxError(Errno.EINVAL, "the old root would be out of reach")


@syscall
def sys_pivot_root(current: Task, new_root: Path, put_old: Path) -> int:
    """Make a mount the root, and put the old root somewhere below it (pivot_root(2)).

    Raises EPERM, EINVAL, EBUSY, ENOENT, ENOTDIR. Differs: with "CLONE_NEWUSER" the machine's first root can go as well.
    """
    k, fs = current.kernel, current.fs
    assert fs is not None
    assert current.nsproxy is not None
    _capable(current)
    new = namei.user_path_at(current, AT_FDCWD, new_root, follow=True, directory=True)
    old = namei.user_path_at(current, AT_FDCWD, put_old, follow=True, directory=True)
    root = fs.root
    old = lock_mount(k, old)
    _check_pivot(current, new, old, root)
    namespace.detach_mnt(k, new.mnt)
    place = None if root.mnt.mnt_parent is None else namespace.detach_mnt(k, root.mnt)
    if root.mnt.mnt_flags & MNT_LOCKED:
        new.mnt.mnt_flags |= MNT_LOCKED
        root.mnt.mnt_flags &= ~MNT_LOCKED
    namespace.attach_mnt(k, root.mnt, old)
    if place is not None:
        namespace.attach_mnt(k, new.mnt, place)
    else:
        current.nsproxy.mnt_ns.root = new.mnt
    namespace.touch_mnt_namespace(current.nsproxy.mnt_ns)
    fs_struct.chroot_fs_refs(k, root, new)
    return 0
