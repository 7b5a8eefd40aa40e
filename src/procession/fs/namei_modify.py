"""Making, removing and renaming names (the second half of fs/namei.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache, namei, namespace, posix_acl, ramfs
from procession.fs import inode as fs_inode
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_MKNOD
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    AT_REMOVEDIR,
    AT_SYMLINK_FOLLOW,
    AtLinkArg,
    AtRemoveArg,
    DevArg,
    FileModeArg,
)
from procession.include.linux.fs import (
    MAY_EXEC,
    MAY_WRITE,
    S_IALLUGO,
    S_IFBLK,
    S_IFCHR,
    S_IFDIR,
    S_IFIFO,
    S_IFMT,
    S_IFREG,
    S_IFSOCK,
    S_IRWXUGO,
    S_ISVTX,
    Dentry,
    Inode,
)
from procession.include.linux.openat2 import RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, RenameArg
from procession.include.linux.syscalls import later_syscall, syscall
from procession.include.linux.types import DirFd, LinkText, ModeT, Path, UserPtr
from procession.kernel import capability
from procession.security import device_cgroup

if TYPE_CHECKING:
    from procession.fs.namei import Nameidata
    from procession.include.linux.sched import Task

__all__ = (
    "sys_link",
    "sys_linkat",
    "sys_mkdir",
    "sys_mkdirat",
    "sys_mknod",
    "sys_mknodat",
    "sys_rename",
    "sys_renameat",
    "sys_renameat2",
    "sys_rmdir",
    "sys_symlink",
    "sys_symlinkat",
    "sys_unlink",
    "sys_unlinkat",
    "vfs_exchange",
    "vfs_mkdir",
    "vfs_mknod",
    "vfs_rename",
    "vfs_rmdir",
    "vfs_symlink",
    "vfs_unlink",
)


def _is_dir(dentry: Dentry) -> bool:
    return dentry.d_inode.i_mode & S_IFMT == S_IFDIR


def _path_create(current: Task, dfd: int, name: str, *, is_dir: bool) -> Nameidata:
    """Walk to the directory where name is to be made (kern_path_create).

    Raises EEXIST if it is there, or has no name of its own; ENOENT for a trailing slash unless is_dir.
    """
    nd = namei.kern_path_parent(current, dfd, name)
    if nd.last_type != namei.LAST_NORM or namei.lookup_hash(nd) is not None:
        raise LinuxError(Errno.EEXIST, name)
    if nd.slash and not is_dir:
        raise LinuxError(Errno.ENOENT, "a trailing slash names a directory")
    namespace.mnt_want_write(nd.mnt)
    return nd


def _instantiate(current: Task, parent: Dentry, name: str, inode: Inode) -> Dentry:
    fs_inode.inode_init_owner(current, inode, parent.d_inode)
    return dcache.d_add(parent, name, inode)


# Making.


def vfs_mknod(current: Task, parent: Dentry, name: str, mode: int, dev: int) -> Dentry:
    """Make a regular file, device, FIFO or socket; raises EPERM without CAP_MKNOD for a device."""
    namei.may_create(current, parent.d_inode)
    kind = mode & S_IFMT
    if kind in (S_IFCHR, S_IFBLK) and not capability.capable(current, CAP_MKNOD):
        raise LinuxError(Errno.EPERM, "mknod")
    if kind in (S_IFCHR, S_IFBLK):
        device_cgroup.devcgroup_inode_mknod(current, kind, dev)
    inode = parent.d_inode
    made = inode.create(name, mode) if kind == S_IFREG else inode.mknod(name, mode, dev)
    dentry = _instantiate(current, parent, name, made)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_create(inode, dentry)
    return dentry


def vfs_mkdir(current: Task, parent: Dentry, name: str, mode: int) -> Dentry:
    """Make a directory."""
    namei.may_create(current, parent.d_inode)
    dentry = _instantiate(current, parent, name, parent.d_inode.mkdir(name, mode & (S_IRWXUGO | S_ISVTX)))
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_mkdir(parent.d_inode, dentry)
    return dentry


def vfs_symlink(current: Task, parent: Dentry, name: str, target: str) -> Dentry:
    """Make a symbolic link."""
    namei.may_create(current, parent.d_inode)
    dentry = _instantiate(current, parent, name, parent.d_inode.symlink(name, target))
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_create(parent.d_inode, dentry)
    return dentry


@syscall
def sys_mknodat(current: Task, dfd: DirFd, filename: Path, mode: FileModeArg, dev: DevArg) -> int:
    """Make a file that is no directory (mknodat(2))."""
    kind = mode & S_IFMT
    if kind == S_IFDIR:
        raise LinuxError(Errno.EPERM, "mknod of a directory")
    nd = _path_create(current, dfd, namei.getname(current, filename), is_dir=False)
    if kind not in (0, S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK):
        raise LinuxError(Errno.EINVAL, "mknod type")
    mode &= S_IALLUGO & ~posix_acl.umask_in(current, nd.dentry.d_inode)
    vfs_mknod(current, nd.dentry, nd.last, (kind or S_IFREG) | mode, dev if kind in (S_IFCHR, S_IFBLK) else 0)
    return 0


@syscall
def sys_mknod(current: Task, filename: Path, mode: FileModeArg, dev: DevArg) -> int:
    """Make a file that is no directory (mknod(2))."""
    return sys_mknodat(current, AT_FDCWD, filename, mode, dev)


@syscall
def sys_mkdirat(current: Task, dfd: DirFd, pathname: Path, mode: ModeT) -> int:
    """Make a directory (mkdirat(2))."""
    nd = _path_create(current, dfd, namei.getname(current, pathname), is_dir=True)
    vfs_mkdir(current, nd.dentry, nd.last, mode & ~posix_acl.umask_in(current, nd.dentry.d_inode))
    return 0


@syscall
def sys_mkdir(current: Task, pathname: Path, mode: ModeT) -> int:
    """Make a directory (mkdir(2))."""
    return sys_mkdirat(current, AT_FDCWD, pathname, mode)


@syscall
def sys_symlinkat(current: Task, oldname: LinkText, newdfd: DirFd, newname: Path) -> int:
    """Make a symbolic link with any text (symlinkat(2))."""
    target = namei.getname(current, oldname)
    nd = _path_create(current, newdfd, namei.getname(current, newname), is_dir=False)
    vfs_symlink(current, nd.dentry, nd.last, target)
    return 0


@syscall
def sys_symlink(current: Task, oldname: LinkText, newname: Path) -> int:
    """Make a symbolic link (symlink(2))."""
    return sys_symlinkat(current, oldname, AT_FDCWD, newname)


@syscall
def sys_linkat(current: Task, olddfd: DirFd, oldname: Path, newdfd: DirFd, newname: Path, flags: AtLinkArg) -> int:
    """Give a file another name (linkat(2)); raises EXDEV across mounts, EPERM for a directory."""
    if flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH):
        raise LinuxError(Errno.EINVAL, "linkat flags")
    empty = bool(flags & AT_EMPTY_PATH)
    if empty and not capability.capable(current, CAP_DAC_READ_SEARCH):
        raise LinuxError(Errno.ENOENT, "AT_EMPTY_PATH")
    old = namei.user_path_at(current, olddfd, oldname, follow=bool(flags & AT_SYMLINK_FOLLOW), empty=empty)
    nd = _path_create(current, newdfd, namei.getname(current, newname), is_dir=False)
    if old.mnt is not nd.mnt:
        raise LinuxError(Errno.EXDEV, "link across mounts")
    inode, parent = old.dentry.d_inode, nd.dentry
    namei.may_create(current, parent.d_inode)
    if inode.i_mode & S_IFMT == S_IFDIR:
        raise LinuxError(Errno.EPERM, "link to a directory")
    if inode.i_nlink == 0 and not (isinstance(inode, ramfs.RamfsReg) and inode.linkable):
        raise LinuxError(Errno.ENOENT, "link to a removed file")
    parent.d_inode.link(inode, nd.last)
    dentry = dcache.d_add(parent, nd.last, inode)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_link(parent.d_inode, inode, dentry)
    return 0


@syscall
def sys_link(current: Task, oldname: Path, newname: Path) -> int:
    """Give a file another name (link(2)); a symbolic link is not followed."""
    return sys_linkat(current, AT_FDCWD, oldname, AT_FDCWD, newname, 0)


# Removing.


def may_delete(current: Task, dir: Inode, victim: Dentry, *, is_dir: bool) -> None:
    """Check that victim's name may go; raises EACCES, EPERM (sticky), ENOTDIR, EISDIR, EBUSY, ENOENT."""
    namei.inode_permission(current, dir, MAY_WRITE | MAY_EXEC)
    inode = victim.d_inode
    if dir.i_mode & S_ISVTX:
        own = fs_inode.owns_inode(current, inode) or fs_inode.owns_inode(current, dir)
        if not own and not capability.capable_wrt_inode_uidgid(current, inode, CAP_FOWNER):
            raise LinuxError(Errno.EPERM, "sticky directory")
    if is_dir:
        if inode.i_mode & S_IFMT != S_IFDIR:
            raise LinuxError(Errno.ENOTDIR, victim.d_name)
    elif inode.i_mode & S_IFMT == S_IFDIR:
        raise LinuxError(Errno.EISDIR, victim.d_name)


def vfs_rmdir(current: Task, parent: Dentry, dentry: Dentry) -> None:
    """Remove an empty directory."""
    may_delete(current, parent.d_inode, dentry, is_dir=True)
    if dentry.d_mounted:
        raise LinuxError(Errno.EBUSY, "a mount point")
    parent.d_inode.rmdir(dentry.d_name)
    dcache.d_delete(dentry)


def vfs_unlink(current: Task, parent: Dentry, dentry: Dentry) -> None:
    """Remove a name that is not a directory's."""
    may_delete(current, parent.d_inode, dentry, is_dir=False)
    if dentry.d_mounted:
        raise LinuxError(Errno.EBUSY, "a mount point")
    parent.d_inode.unlink(dentry.d_name)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_link_count(dentry.d_inode)
    dcache.d_delete(dentry)


def do_rmdir(current: Task, dfd: int, name: str) -> None:
    nd = namei.kern_path_parent(current, dfd, name)
    if nd.last_type != namei.LAST_NORM:
        errno = {namei.LAST_DOTDOT: Errno.ENOTEMPTY, namei.LAST_DOT: Errno.EINVAL}.get(nd.last_type, Errno.EBUSY)
        raise LinuxError(errno, name)
    dentry = namei.lookup_hash(nd)
    if dentry is None:
        raise LinuxError(Errno.ENOENT, name)
    namespace.mnt_want_write(nd.mnt)
    vfs_rmdir(current, nd.dentry, dentry)


def do_unlinkat(current: Task, dfd: int, name: str) -> None:
    nd = namei.kern_path_parent(current, dfd, name)
    if nd.last_type != namei.LAST_NORM:
        raise LinuxError(Errno.EISDIR, name)
    dentry = namei.lookup_hash(nd)
    if dentry is None:
        raise LinuxError(Errno.ENOENT, name)
    if nd.slash:
        raise LinuxError(Errno.EISDIR if _is_dir(dentry) else Errno.ENOTDIR, name)
    namespace.mnt_want_write(nd.mnt)
    vfs_unlink(current, nd.dentry, dentry)


@syscall
def sys_rmdir(current: Task, pathname: Path) -> int:
    """Remove an empty directory (rmdir(2))."""
    do_rmdir(current, AT_FDCWD, namei.getname(current, pathname))
    return 0


@syscall
def sys_unlink(current: Task, pathname: Path) -> int:
    """Remove a name; the file goes with its last name and its last open descriptor (unlink(2))."""
    do_unlinkat(current, AT_FDCWD, namei.getname(current, pathname))
    return 0


@syscall
def sys_unlinkat(current: Task, dfd: DirFd, pathname: Path, flag: AtRemoveArg) -> int:
    """Remove a name, or with AT_REMOVEDIR an empty directory (unlinkat(2))."""
    if flag & ~AT_REMOVEDIR:
        raise LinuxError(Errno.EINVAL, "unlinkat flags")
    name = namei.getname(current, pathname)
    if flag & AT_REMOVEDIR:
        do_rmdir(current, dfd, name)
    else:
        do_unlinkat(current, dfd, name)
    return 0


# Renaming.


def _child_towards(ancestor: Dentry, dentry: Dentry) -> Dentry | None:
    """Return the child of ancestor that dentry is, or is below; None if it is not below ancestor (d_ancestor)."""
    while dentry.d_parent is not dentry:
        if dentry.d_parent is ancestor:
            return dentry
        dentry = dentry.d_parent
    return None


def vfs_rename(
    current: Task, old_parent: Dentry, old: Dentry, new_parent: Dentry, new_name: str, new: Dentry | None
) -> None:
    """Move a name, replacing new; raises EACCES, EPERM, EISDIR, ENOTDIR, EBUSY, ENOTEMPTY."""
    if new is not None and new.d_inode is old.d_inode:
        return  # two names of one file: nothing to do, says POSIX
    is_dir = _is_dir(old)
    old_dir, new_dir = old_parent.d_inode, new_parent.d_inode
    may_delete(current, old_dir, old, is_dir=is_dir)
    if new is None:
        namei.may_create(current, new_dir)
    else:
        may_delete(current, new_dir, new, is_dir=is_dir)
    if is_dir and new_dir is not old_dir:
        # Its .. changes.
        namei.inode_permission(current, old.d_inode, MAY_WRITE)
    if old.d_mounted or (new is not None and new.d_mounted):
        raise LinuxError(Errno.EBUSY, "a mount point")
    old_name = old.d_name
    old_dir.rename(old_name, new_dir, new_name)
    dcache.d_move(old, new_parent, new_name, new)
    target = new.d_inode if new is not None else None
    fsnotify.fsnotify_move(current.kernel, old_dir, new_dir, old_name, is_dir, target, old)
    # Of a directory that is replaced, 3.2's tmpfs takes one link only: as if it were still there, it says nothing.
    if target is not None and not is_dir and target.i_nlink == 0 and target.i_count <= 0:
        fsnotify.fsnotify_inoderemove(target)


@syscall
def sys_renameat(current: Task, olddfd: DirFd, oldname: Path, newdfd: DirFd, newname: Path) -> int:
    """Move a name, replacing what is there (renameat(2))."""
    return _renameat(current, olddfd, oldname, newdfd, newname, 0)


@later_syscall
def sys_renameat2(current: Task, olddfd: DirFd, oldname: Path, newdfd: DirFd, newname: Path, flags: RenameArg) -> int:
    """Move a name, replacing what is there, or not, or exchange two (renameat2(2)); raises EEXIST, ENOENT, EINVAL.

    Differs: RENAME_WHITEOUT is refused with EINVAL.
    """
    if flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT):
        raise LinuxError(Errno.EINVAL, "renameat2: unknown flags")
    if flags & (RENAME_NOREPLACE | RENAME_WHITEOUT) and flags & RENAME_EXCHANGE:
        raise LinuxError(Errno.EINVAL, "renameat2: RENAME_EXCHANGE with another flag")
    if flags & RENAME_WHITEOUT:
        current.kernel.not_modelled("renameat2: RENAME_WHITEOUT")
        raise LinuxError(Errno.EINVAL, "renameat2: RENAME_WHITEOUT")
    return _renameat(current, olddfd, oldname, newdfd, newname, flags)


def _renameat(current: Task, olddfd: int, oldname: UserPtr, newdfd: int, newname: UserPtr, flags: int) -> int:
    """Find the two names and move them; flags: RENAME_ bits (do_renameat2)."""
    old_nd = namei.user_path_parent(current, olddfd, oldname)
    new_nd = namei.user_path_parent(current, newdfd, newname)
    if old_nd.mnt is not new_nd.mnt:
        raise LinuxError(Errno.EXDEV, "rename across mounts")
    if old_nd.last_type != namei.LAST_NORM or new_nd.last_type != namei.LAST_NORM:
        if flags & RENAME_NOREPLACE and new_nd.last_type != namei.LAST_NORM and old_nd.last_type == namei.LAST_NORM:
            raise LinuxError(Errno.EEXIST, "rename to . or ..")
        raise LinuxError(Errno.EBUSY, "rename of . or ..")
    old = namei.lookup_hash(old_nd)
    if old is None:
        raise LinuxError(Errno.ENOENT, old_nd.last)
    if flags and _look_at_target(old, old_nd, new_nd, flags):
        namespace.mnt_want_write(old_nd.mnt)
        vfs_exchange(current, old_nd.dentry, old, new_nd.dentry, namei.lookup_hash(new_nd))
        return 0
    if not _is_dir(old) and (old_nd.slash or new_nd.slash):
        raise LinuxError(Errno.ENOTDIR, "a trailing slash names a directory")
    same = old_nd.dentry is new_nd.dentry
    if not same and _child_towards(old_nd.dentry, new_nd.dentry) is old:
        raise LinuxError(Errno.EINVAL, "a directory cannot move into itself")
    new = namei.lookup_hash(new_nd)
    if not same and new is not None and _child_towards(new_nd.dentry, old_nd.dentry) is new:
        raise LinuxError(Errno.ENOTEMPTY, "the target holds the source")
    namespace.mnt_want_write(old_nd.mnt)
    vfs_rename(current, old_nd.dentry, old, new_nd.dentry, new_nd.last, new)
    return 0


def _look_at_target(old: Dentry, old_nd: Nameidata, new_nd: Nameidata, flags: int) -> bool:
    """Check the new name as RENAME_ flags ask for it; returns whether the two are to change places.

    Raises EEXIST with RENAME_NOREPLACE; with RENAME_EXCHANGE ENOENT, ENOTDIR, and EINVAL if one is below the other.
    """
    new = namei.lookup_hash(new_nd)
    if flags & RENAME_NOREPLACE:
        if new is not None:
            raise LinuxError(Errno.EEXIST, new_nd.last)
        return False
    if new is None:
        raise LinuxError(Errno.ENOENT, new_nd.last)
    if (new_nd.slash and not _is_dir(new)) or (old_nd.slash and not _is_dir(old)):
        raise LinuxError(Errno.ENOTDIR, "a trailing slash names a directory")
    if old_nd.dentry is not new_nd.dentry and (
        _child_towards(old_nd.dentry, new_nd.dentry) is old or _child_towards(new_nd.dentry, old_nd.dentry) is new
    ):
        raise LinuxError(Errno.EINVAL, "a directory cannot move into itself")
    return True


def vfs_exchange(current: Task, old_parent: Dentry, old: Dentry, new_parent: Dentry, new: Dentry | None) -> None:
    """Let two names change places; raises EACCES, EPERM, EBUSY, EINVAL where the file system cannot."""
    assert new is not None
    if new.d_inode is old.d_inode:
        return
    old_dir, new_dir = old_parent.d_inode, new_parent.d_inode
    may_delete(current, old_dir, old, is_dir=_is_dir(old))
    may_delete(current, new_dir, new, is_dir=_is_dir(new))
    if new_dir is not old_dir:
        for dentry in (old, new):
            if _is_dir(dentry):
                namei.inode_permission(current, dentry.d_inode, MAY_WRITE)
    if old.d_mounted or new.d_mounted:
        raise LinuxError(Errno.EBUSY, "a mount point")
    if not isinstance(old_dir, ramfs.RamfsDir) or not isinstance(new_dir, ramfs.RamfsDir):
        raise LinuxError(Errno.EINVAL, "RENAME_EXCHANGE on this file system")
    old_dir.exchange(old.d_name, new_dir, new.d_name)
    dcache.d_exchange(old, new)


@syscall
def sys_rename(current: Task, oldname: Path, newname: Path) -> int:
    """Move a name, replacing what is there (rename(2))."""
    return sys_renameat(current, AT_FDCWD, oldname, AT_FDCWD, newname)
