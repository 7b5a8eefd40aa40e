"""Changing owner, mode, size and times (fs/attr.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import inode as fs_inode
from procession.fs import posix_acl
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_CHOWN, CAP_FSETID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import MAX_LFS_FILESIZE, S_IALLUGO, S_IFDIR, S_IFMT, S_ISGID, S_ISUID, S_IXGRP, Iattr
from procession.include.linux.resource import RLIM_INFINITY, RLIMIT_FSIZE
from procession.include.linux.signal import SIGXFSZ
from procession.kernel import capability, groups, signal_send

if TYPE_CHECKING:
    from procession.include.linux.fs import Dentry, Inode
    from procession.include.linux.sched import Task

__all__ = ("chmod_inode", "chown_inode", "inode_newsize_ok", "set_times", "truncate_inode")


def inode_newsize_ok(current: Task, inode: Inode, size: int) -> None:
    """Check the limits on a file's size; raises EFBIG, with SIGXFSZ beyond RLIMIT_FSIZE."""
    if size <= inode.i_size:
        return
    limit = current.signal.rlim[RLIMIT_FSIZE][0]
    if limit != RLIM_INFINITY and size > limit:
        signal_send.send_sig(SIGXFSZ, current, 0)
        raise LinuxError(Errno.EFBIG, "RLIMIT_FSIZE")
    if size > MAX_LFS_FILESIZE:
        raise LinuxError(Errno.EFBIG, "beyond the largest size")


def truncate_inode(current: Task, dentry: Dentry, size: int) -> None:
    """Set the size of a file that may be written, and drop its set-id bits."""
    inode = dentry.d_inode
    inode_newsize_ok(current, inode, size)
    mode = inode.i_mode
    kill = fs_inode.should_remove_suid(mode)
    dropped = kill != 0 and not capability.capable(current, CAP_FSETID)
    if dropped:
        mode &= ~kill
        inode.setattr(Iattr(mode=mode))
    else:
        inode.setattr(Iattr())
    inode.i_mode = mode
    inode.truncate(size)
    inode.i_mtime_ns = inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_change(dentry, attrib=dropped, size=True)


def chmod_inode(current: Task, dentry: Dentry, mode: int) -> None:
    """Set the permission bits; raises EPERM. Set-group-id is silently left out for a group not one's own."""
    inode = dentry.d_inode
    if not fs_inode.inode_owner_or_capable(current, inode):
        raise LinuxError(Errno.EPERM, "not the owner")
    mode = (mode & S_IALLUGO) | (inode.i_mode & S_IFMT)
    if (
        mode & S_ISGID
        and not groups.in_group_p(current, inode.i_gid)
        and not capability.capable_wrt_inode_uidgid(current, inode, CAP_FSETID)
    ):
        mode &= ~S_ISGID
    inode.setattr(Iattr(mode=mode))
    inode.i_mode = mode
    posix_acl.generic_acl_chmod(inode)
    inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_change(dentry, attrib=True)


def chown_inode(current: Task, dentry: Dentry, uid: int, gid: int) -> None:
    """Set owner and group, -1 for no change; raises EPERM. Set-id bits of a file go, even for root."""
    inode = dentry.d_inode
    if inode.i_mode & S_IFMT != S_IFDIR:
        fs_inode.inode_killpriv(inode)  # before anybody has asked whether this is allowed
    fsuid = current.cred.fsuid
    if (
        uid != -1
        and (fsuid != inode.i_uid or uid != inode.i_uid)
        and not capability.capable_wrt_inode_uidgid(current, inode, CAP_CHOWN)
    ):
        raise LinuxError(Errno.EPERM, "chown")
    if (
        gid != -1
        and (fsuid != inode.i_uid or (not groups.in_group_p(current, gid) and gid != inode.i_gid))
        and not capability.capable_wrt_inode_uidgid(current, inode, CAP_CHOWN)
    ):
        raise LinuxError(Errno.EPERM, "chgrp")
    kill = 0
    if inode.i_mode & S_IFMT != S_IFDIR:
        kill = inode.i_mode & S_ISUID
        if inode.i_mode & (S_ISGID | S_IXGRP) == S_ISGID | S_IXGRP:
            kill |= S_ISGID
    inode.setattr(
        Iattr(
            mode=inode.i_mode & ~kill if kill else None, uid=None if uid == -1 else uid, gid=None if gid == -1 else gid
        )
    )
    inode.i_mode &= ~kill
    if uid != -1:
        inode.i_uid = uid
    if gid != -1:
        inode.i_gid = gid
    inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_change(dentry, attrib=bool(kill) or uid != -1 or gid != -1)


def set_times(dentry: Dentry, atime_ns: int | None, mtime_ns: int | None) -> None:
    """Set access and modification time, None to leave one alone."""
    inode = dentry.d_inode
    inode.setattr(Iattr(atime_ns=atime_ns, mtime_ns=mtime_ns))
    if atime_ns is not None:
        inode.i_atime_ns = atime_ns
    if mtime_ns is not None:
        inode.i_mtime_ns = mtime_ns
    inode.i_ctime_ns = fs_inode.current_fs_time(inode.i_sb)
    if inode.i_sb.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_change(dentry, atime=atime_ns is not None, mtime=mtime_ns is not None)
