"""What all inodes have in common (fs/inode.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, posix_acl
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_FOWNER
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NOATIME
from procession.include.linux.fs import S_IFDIR, S_IFMT, S_IFREG, S_ISGID, S_ISUID, S_IXGRP
from procession.include.linux.mount import (
    MNT_NOATIME,
    MNT_NODEV,
    MNT_NODIRATIME,
    MNT_NOSUID,
    MNT_READONLY,
    MNT_RELATIME,
)
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.uidgid import kgid_has_mapping, kuid_has_mapping
from procession.include.linux.xattr import XATTR_NAME_CAPS
from procession.kernel import capability, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.fs import File, Inode, SuperBlock, Vfsmount
    from procession.include.linux.sched import Task

__all__ = (
    "check_maker",
    "current_fs_time",
    "file_accessed",
    "get_next_ino",
    "inode_init_owner",
    "inode_killpriv",
    "inode_owner_or_capable",
    "iput",
    "may_open_dev",
    "mnt_may_suid",
    "owns_inode",
    "should_remove_suid",
    "touch_atime",
)

DAY_NS: Final = 24 * 60 * 60 * NSEC_PER_SEC


def current_fs_time(sb: SuperBlock) -> int:
    """Return the time that inodes are stamped with, ns since 1970.

    Differs: exact, where 3.2 takes the time of the last tick.
    """
    k = sb.kernel
    return k.boot_time_ns + k.clock.now_ns


def get_next_ino(sb: SuperBlock) -> int:
    """Return a fresh inode number."""
    ino = sb.s_next_ino
    sb.s_next_ino = ino + 1
    return ino


def iput(inode: Inode) -> None:
    """An open file of the inode is gone; if its last name went before, so does the inode."""
    inode.i_count -= 1
    if inode.i_count <= 0 and inode.i_nlink == 0:
        k = inode.i_sb.kernel
        if inode.i_fsnotify_marks is not None and inode not in k.vfs.fsnotify_dying:
            fsnotify.fsnotify_inoderemove(inode)
        inode.evict()
        if k.vfs.fsnotify_dying:
            dcache.shrink_dying(k)


def inode_init_owner(current: Task, inode: Inode, dir: Inode | None) -> None:
    """Give a new inode its owner; one made in a set-group-id directory gets the directory's group."""
    cred = current.cred
    inode.i_uid = cred.fsuid
    inode.i_gid = cred.fsgid
    if dir is not None and dir.i_mode & S_ISGID:
        inode.i_gid = dir.i_gid
        if inode.i_mode & S_IFMT == S_IFDIR:
            inode.i_mode |= S_ISGID
    if dir is not None and dir.i_default_acl is not None:
        posix_acl.generic_acl_init(inode, dir.i_default_acl)
    inode.owner_given()


def inode_owner_or_capable(current: Task, inode: Inode) -> bool:
    """Whether current may do what only the owner may."""
    if owns_inode(current, inode):
        return True
    ns = current.cred.user_ns
    # In 3.2 a file is of the first namespace.
    return ns.creator is None and kuid_has_mapping(ns, inode.i_uid) and capability.ns_capable(current, ns, CAP_FOWNER)


def check_maker(current: Task, sb: SuperBlock) -> None:
    """See that a new file's owner has a name where sb was mounted; raises EOVERFLOW (fsuidgid_has_mapping)."""
    ns, cred = sb.s_user_ns, current.cred
    if ns is not None and not (kuid_has_mapping(ns, cred.fsuid) and kgid_has_mapping(ns, cred.fsgid)):
        raise LinuxError(Errno.EOVERFLOW, "an owner without a name on this file system")


def may_open_dev(mnt: Vfsmount) -> bool:
    """Whether devices are devices on this mount: not where somebody else than the machine's administrator made them."""
    sb = mnt.mnt_sb
    return not mnt.mnt_flags & MNT_NODEV and (sb.s_user_ns is None or sb.s_type == "devpts")


def mnt_may_suid(current: Task, mnt: Vfsmount) -> bool:
    """Whether programs on this mount may give current rights: not another namespace's (fs/namespace.c)."""
    if mnt.mnt_flags & MNT_NOSUID:
        return False
    if not user_namespace.are_later(current.kernel):
        return True
    assert current.nsproxy is not None
    return mnt.mnt_ns is current.nsproxy.mnt_ns and user_namespace.in_userns(mnt.mnt_sb.s_user_ns, current.cred.user_ns)


def owns_inode(current: Task, inode: Inode) -> bool:
    """Whether current is the owner; nobody in another user namespace than the first is."""
    cred = current.cred
    return cred.fsuid == inode.i_uid and cred.user.user_ns is current.kernel.users.init_user_ns


def touch_atime(mnt: Vfsmount, inode: Inode) -> None:
    """Note an access; with relatime only if the last one is older than the last change, or a day old."""
    flags = mnt.mnt_flags
    atime = inode.i_atime_ns
    if flags & MNT_RELATIME and atime > inode.i_mtime_ns and atime > inode.i_ctime_ns:
        k = inode.i_sb.kernel
        if k.boot_time_ns + k.clock.now_ns - atime < DAY_NS:
            return
    if flags & MNT_NOATIME or inode.i_sb.s_readonly or flags & MNT_READONLY:
        return
    if flags & MNT_NODIRATIME and inode.i_mode & S_IFMT == S_IFDIR:
        return
    k = inode.i_sb.kernel
    inode.i_atime_ns = k.boot_time_ns + k.clock.now_ns


def file_accessed(file: File) -> None:
    """Note a read through file, unless it was opened O_NOATIME."""
    if not file.f_flags & O_NOATIME:
        path = file.f_path
        touch_atime(path.mnt, path.dentry.d_inode)


def inode_killpriv(inode: Inode) -> None:
    """Take away the capabilities that a file gives: it is not what they were given to (cap_inode_killpriv)."""
    if inode.i_xattrs is not None:
        inode.i_xattrs.pop(XATTR_NAME_CAPS, None)


def should_remove_suid(mode: int) -> int:
    """Return the set-id bits that a write takes away; set-group-id without group-exec is mandatory locking."""
    kill = mode & S_ISUID
    if mode & S_ISGID and mode & S_IXGRP:
        kill |= S_ISGID
    return kill if mode & S_IFMT == S_IFREG else 0
