"""Path walking, none of it by the host, and open (fs/namei.c); what changes names is in namei_modify.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import dcache, file_table, namespace, posix_acl
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    AT_FDCWD,
    O_ACCMODE,
    O_APPEND,
    O_CREAT,
    O_DIRECT,
    O_DIRECTORY,
    O_DSYNC,
    O_EXCL,
    O_NOATIME,
    O_NOCTTY,
    O_NOFOLLOW,
    O_PATH,
    O_SYNC,
    O_TRUNC,
)
from procession.include.linux.fs import (
    FMODE_EXEC,
    FMODE_LSEEK,
    FMODE_PATH,
    FMODE_PREAD,
    FMODE_PWRITE,
    FMODE_READ,
    FMODE_WRITE,
    MAY_APPEND,
    MAY_EXEC,
    MAY_OPEN,
    MAY_READ,
    MAY_WRITE,
    S_IALLUGO,
    S_IFBLK,
    S_IFCHR,
    S_IFDIR,
    S_IFIFO,
    S_IFLNK,
    S_IFMT,
    S_IFREG,
    S_IFSOCK,
    S_IRWXG,
    S_IXUGO,
    Dentry,
    File,
    Inode,
    PathRef,
)
from procession.include.linux.limits import NAME_MAX, PATH_MAX
from procession.kernel import capability
from procession.lib import string
from procession.mm import uaccess
from procession.security import device_cgroup

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "dentry_open",
    "do_filp_open",
    "generic_permission",
    "getname",
    "inode_permission",
    "kern_path",
    "kern_path_parent",
    "lookup_hash",
    "may_create",
    "path_lookupat",
    "user_path_at",
    "user_path_parent",
)

LAST_NORM: Final = 0
LAST_ROOT: Final = 1
LAST_DOT: Final = 2
LAST_DOTDOT: Final = 3
LAST_BIND: Final = 4
MAX_NESTED_LINKS: Final = 8
MAX_LINKS: Final = 40

_MAY_RWX: Final = MAY_READ | MAY_WRITE | MAY_EXEC
_ACC_MODE: Final = (MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE)
_OPEN_FMODE: Final = (FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0)
_SEEKABLE: Final = FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE


class Nameidata:
    """Where a walk is, and the last component it has still to take."""

    __slots__ = ("current", "dentry", "depth", "last", "last_type", "links", "mnt", "root", "slash")

    def __init__(self, current: Task, root: PathRef, start: PathRef) -> None:
        self.current = current
        self.root = root
        self.mnt: Vfsmount = start.mnt
        self.dentry: Dentry = start.dentry
        self.last = ""
        self.last_type = LAST_ROOT
        self.slash = False  # slashes follow the last component: it has to be a directory
        self.depth = 0  # current->link_count
        self.links = 0  # current->total_link_count


# Permissions.


def generic_permission(current: Task, inode: Inode, mask: int) -> None:
    """Check the mode bits, then the capabilities that override them; raises EACCES."""
    cred = current.cred
    mode = inode.i_mode
    bits = mode
    if cred.user.user_ns is current.kernel.users.init_user_ns:  # where the owners of all files are
        if cred.fsuid == inode.i_uid:
            bits >>= 6
        elif inode.i_acl is not None and mode & S_IRWXG:
            bits = 7 if posix_acl.posix_acl_permission(current, inode, inode.i_acl, mask & _MAY_RWX) else 0
        elif cred.fsgid == inode.i_gid or inode.i_gid in cred.group_info:
            bits >>= 3
    mask &= MAY_READ | MAY_WRITE | MAY_EXEC
    if not mask & ~bits:
        return
    if mode & S_IFMT == S_IFDIR:
        if capability.capable_wrt_inode_uidgid(current, inode, CAP_DAC_OVERRIDE):
            return
        if not mask & MAY_WRITE and capability.capable_wrt_inode_uidgid(current, inode, CAP_DAC_READ_SEARCH):
            return
    else:
        # Even root executes only what somebody may execute.
        if (not mask & MAY_EXEC or mode & S_IXUGO) and capability.capable_wrt_inode_uidgid(
            current, inode, CAP_DAC_OVERRIDE
        ):
            return
        if mask == MAY_READ and capability.capable_wrt_inode_uidgid(current, inode, CAP_DAC_READ_SEARCH):
            return
    raise LinuxError(Errno.EACCES, "permission bits")


def inode_permission(current: Task, inode: Inode, mask: int) -> None:
    """Check that current may access inode as mask says, MAY_READ and so on; raises EACCES, EROFS."""
    if mask & MAY_WRITE and inode.i_sb.s_readonly and inode.i_mode & S_IFMT in (S_IFREG, S_IFDIR, S_IFLNK):
        raise LinuxError(Errno.EROFS, "read-only file system")
    if inode.i_op_permission:
        inode.permission(current, mask & _MAY_RWX)
    else:
        generic_permission(current, inode, mask)
    if current.kernel.cgroups.devices_limited:
        device_cgroup.devcgroup_inode_permission(current, inode, mask)


# Names from user space.


def getname(current: Task, ptr: UserPtr, *, empty: bool = False) -> str:
    """Return a path from user space; raises EFAULT, ENAMETOOLONG, and ENOENT for "" unless empty is allowed.

    Names are bytes to Linux: ours are str, with surrogate escapes for what is no UTF-8.
    """
    raw = uaccess.strncpy_from_user(current, ptr, PATH_MAX)
    if not raw and not empty:
        raise LinuxError(Errno.ENOENT, "empty path")
    return string.to_text(raw)


# The walk.


def path_init(current: Task, dfd: int, name: str) -> Nameidata:
    """Start a walk at the root, the working directory, or dfd; raises EBADF, ENOTDIR."""
    fs = current.fs
    assert fs is not None
    root = fs.root
    if name.startswith("/"):
        return Nameidata(current, root, root)
    if dfd == AT_FDCWD:
        return Nameidata(current, root, fs.pwd)
    start = fs_file.fget_raw(current, dfd).f_path
    if name and start.dentry.d_inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, "dirfd is no directory")
    return Nameidata(current, root, start)


def link_path_walk(nd: Nameidata, name: str) -> None:
    """Take all components but the last, which is left in nd.last; raises ENOENT, ENOTDIR, EACCES, ELOOP."""
    name = name.lstrip("/")
    nd.slash = False
    if not name:
        nd.last_type = LAST_ROOT
        nd.last = ""
        return
    if name[-1] == "/":
        nd.slash = True
        name = name.rstrip("/")
    parts = name.split("/")
    last = parts.pop()
    dentry = nd.dentry
    for part in parts:
        inode = dentry.d_inode
        if inode.i_mode & S_IXUGO != S_IXUGO or inode.i_op_permission or inode.i_acl is not None:
            inode_permission(nd.current, inode, MAY_EXEC)
        if part == "." or not part:
            continue
        if part == "..":
            follow_dotdot(nd)
            dentry = nd.dentry
            continue
        subdirs = dentry.d_subdirs
        child = subdirs.get(part) if subdirs is not None else None
        if child is None or child.d_op_revalidate:
            child = _real_lookup(dentry, part)
        kind = child.d_inode.i_mode & S_IFMT
        if kind == S_IFDIR:
            if child.d_mounted:
                follow_mount(nd, child)
                dentry = nd.dentry
            else:
                nd.dentry = dentry = child
        elif kind == S_IFLNK:
            slash = nd.slash
            nested_symlink(nd, child)
            nd.slash = slash
            dentry = nd.dentry
        else:
            raise LinuxError(Errno.ENOTDIR, part)
    inode = dentry.d_inode
    if inode.i_mode & S_IXUGO != S_IXUGO or inode.i_op_permission or inode.i_acl is not None:
        inode_permission(nd.current, inode, MAY_EXEC)
    nd.last = last
    nd.last_type = LAST_NORM
    if last == ".":
        nd.last_type = LAST_DOT
    elif last == "..":
        nd.last_type = LAST_DOTDOT


def _real_lookup(parent: Dentry, name: str) -> Dentry:
    """Ask the file system for a name that is not remembered, or has to be looked up each time.

    Raises ENOENT, ENAMETOOLONG, ENOTDIR.
    """
    subdirs = parent.d_subdirs
    known = subdirs.get(name) if subdirs is not None else None
    if known is None and subdirs is not None and name in subdirs:
        raise LinuxError(Errno.ENOENT, name)
    if len(name) > 63 and len(string.to_bytes(name)) > NAME_MAX:
        raise LinuxError(Errno.ENAMETOOLONG, name)
    directory = parent.d_inode
    try:
        inode = directory.lookup(name)
    except LinuxError as error:
        if known is not None and error.errno == Errno.ENOENT and dcache.d_revalidate(known, None):
            return known
        if error.errno == Errno.ENOENT and directory.d_cache and not directory.d_op_revalidate:
            if subdirs is None:
                subdirs = parent.d_subdirs = {}
            subdirs[name] = None
        raise
    if known is not None and dcache.d_revalidate(known, inode):
        return known
    return dcache.d_add(parent, name, inode)


def follow_mount(nd: Nameidata, dentry: Dentry) -> None:
    """Step onto dentry, and onto what is mounted there."""
    table = nd.current.kernel.vfs.mount_hashtable
    mnt = nd.mnt
    while dentry.d_mounted:
        top = table.get((mnt, dentry))
        if top is None:
            break
        mnt = top
        dentry = mnt.mnt_root
    nd.mnt = mnt
    nd.dentry = dentry


def follow_dotdot(nd: Nameidata) -> None:
    """Step up, not beyond the root and out of mounts."""
    mnt, dentry, root = nd.mnt, nd.dentry, nd.root
    while True:
        if dentry is root.dentry and mnt is root.mnt:
            break
        if dentry is not mnt.mnt_root:
            dentry = dentry.d_parent
            break
        if mnt.mnt_parent is None or mnt.mnt_mountpoint is None:
            break
        dentry, mnt = mnt.mnt_mountpoint, mnt.mnt_parent
    nd.mnt = mnt
    follow_mount(nd, dentry)


def walk_component(nd: Nameidata, *, follow: bool) -> Dentry | None:
    """Take nd.last. Returns a symbolic link that is to be followed, without stepping onto it."""
    kind = nd.last_type
    if kind == LAST_NORM:
        parent = nd.dentry
        subdirs = parent.d_subdirs
        child = subdirs.get(nd.last) if subdirs is not None else None
        if child is None or child.d_op_revalidate:
            if parent.d_inode.i_mode & S_IFMT != S_IFDIR:
                raise LinuxError(Errno.ENOTDIR, parent.d_name)
            child = _real_lookup(parent, nd.last)
        if child.d_mounted:
            follow_mount(nd, child)
            return None
        if follow and child.d_inode.i_mode & S_IFMT == S_IFLNK:
            return child
        nd.dentry = child
    elif kind == LAST_DOTDOT:
        follow_dotdot(nd)
    return None


def follow_link(nd: Nameidata, link: Dentry) -> None:
    """Follow one symbolic link up to its last component. Raises ELOOP at the 41st, and what a magic link refuses."""
    if nd.links >= MAX_LINKS:
        raise LinuxError(Errno.ELOOP, link.d_name)
    nd.links += 1
    inode = link.d_inode
    fs_inode.touch_atime(nd.mnt, inode)
    target = inode.follow_link(nd.current)
    if target is not None:
        if target.dentry.d_inode.i_mode & S_IFMT == S_IFLNK:
            raise LinuxError(Errno.ELOOP, "a link to a link itself")
        nd.mnt, nd.dentry = target.mnt, target.dentry
        nd.last_type = LAST_BIND
        nd.slash = False
        return
    text = inode.readlink(nd.current)
    if text.startswith("/"):
        nd.mnt, nd.dentry = nd.root.mnt, nd.root.dentry
    link_path_walk(nd, text)


def nested_symlink(nd: Nameidata, link: Dentry) -> None:
    """Follow a link in the middle of a path; it must lead to a directory. Raises ELOOP when 8 are nested."""
    if nd.depth >= MAX_NESTED_LINKS:
        raise LinuxError(Errno.ELOOP, "symbolic links nested too deep")
    nd.depth += 1
    more: Dentry | None = link
    while more is not None:
        follow_link(nd, more)
        more = walk_component(nd, follow=True)
    nd.depth -= 1
    if nd.dentry.d_inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, link.d_name)


def path_lookupat(current: Task, dfd: int, name: str, *, follow: bool, directory: bool = False) -> PathRef:
    """Return where name leads. directory: it must be one (ENOTDIR). A trailing slash implies both."""
    nd = path_init(current, dfd, name)
    link_path_walk(nd, name)
    slash = nd.slash
    link = walk_component(nd, follow=follow or slash)
    while link is not None:
        follow_link(nd, link)
        slash = slash or nd.slash
        link = walk_component(nd, follow=follow or slash)
    if (slash or directory) and nd.dentry.d_inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, name)
    if nd.mnt.mnt_expiry_mark:
        nd.mnt.mnt_expiry_mark -= 1
    return PathRef(nd.mnt, nd.dentry)


def user_path_at(
    current: Task, dfd: int, ptr: UserPtr, follow: bool, *, directory: bool = False, empty: bool = False
) -> PathRef:
    """Look up a path given by user space. empty: "" names dfd itself (LOOKUP_EMPTY)."""
    return path_lookupat(current, dfd, getname(current, ptr, empty=empty), follow=follow, directory=directory)


def kern_path(current: Task, name: str, follow: bool = True, *, directory: bool = False) -> PathRef:
    """Look up a path given by the kernel, with current's root, cwd and rights."""
    if not name:
        raise LinuxError(Errno.ENOENT, "empty path")
    return path_lookupat(current, AT_FDCWD, name, follow=follow, directory=directory)


def kern_path_parent(current: Task, dfd: int, name: str) -> Nameidata:
    """Walk to the directory that name's last component is in."""
    nd = path_init(current, dfd, name)
    link_path_walk(nd, name)
    return nd


def user_path_parent(current: Task, dfd: int, ptr: UserPtr) -> Nameidata:
    """As kern_path_parent, for a path from user space."""
    return kern_path_parent(current, dfd, getname(current, ptr))


def lookup_hash(nd: Nameidata) -> Dentry | None:
    """Return the dentry of nd.last, without stepping onto it; None for a negative one."""
    parent = nd.dentry
    subdirs = parent.d_subdirs
    child = subdirs.get(nd.last) if subdirs is not None else None
    if child is not None and not child.d_op_revalidate:
        return child
    if parent.d_inode.i_mode & S_IFMT != S_IFDIR:
        raise LinuxError(Errno.ENOTDIR, parent.d_name)
    try:
        return _real_lookup(parent, nd.last)
    except LinuxError as error:
        if error.errno != Errno.ENOENT or not parent.d_inode.d_negative:
            raise
        return None


# Opening.


def do_filp_open(
    current: Task, dfd: int, name: str, flags: int, mode: int, nd: Nameidata | None = None
) -> tuple[File, bool]:
    """Open name, or what nd has come to, as open(2) does; the file is counted and belongs to the caller.

    flags may hold FMODE_EXEC: then only the right to execute is asked for. What may have to be waited for is the
    caller's, fs/open.py's: the other end of a FIFO, the holders of leases, and then that the file is emptied, if the
    second of the results says so.
    """
    flags, acc_mode = build_open_flags(flags)
    file_table.get_empty_filp(current)
    try:
        if nd is None:
            nd = kern_path_parent(current, dfd, name)
        created = _open_walk(nd, flags, mode)
        if created:
            acc_mode = MAY_OPEN  # the mode given does not bind this first open
            flags &= ~O_TRUNC
        inode = nd.dentry.d_inode
        truncate = flags & O_TRUNC != 0 and inode.i_mode & S_IFMT == S_IFREG
        if truncate:
            _may_truncate(nd.mnt, inode)
        if acc_mode:
            may_open(nd, inode, acc_mode, flags)
        result = dentry_open(current, PathRef(nd.mnt, nd.dentry), flags)
    except BaseException:
        file_table.free_filp(current.kernel)
        raise
    return result, truncate


def _may_truncate(mnt: Vfsmount, inode: Inode) -> None:
    """Check what O_TRUNC needs even without write access to the descriptor; raises EROFS, ETXTBSY."""
    namespace.mnt_want_write(mnt)
    if inode.i_writecount < 0:
        raise LinuxError(Errno.ETXTBSY, "being executed")


def build_open_flags(flags: int) -> tuple[int, int]:
    """Return the flags that count, and the rights they ask for."""
    if flags & FMODE_EXEC:
        return flags & ~FMODE_EXEC, MAY_EXEC | MAY_OPEN
    if flags & (O_SYNC & ~O_DSYNC):
        flags |= O_DSYNC
    if flags & O_PATH:
        return flags & (O_DIRECTORY | O_NOFOLLOW | O_PATH), 0
    acc_mode = MAY_OPEN | _ACC_MODE[flags & O_ACCMODE]
    if flags & O_TRUNC:
        acc_mode |= MAY_WRITE
    if flags & O_APPEND:
        acc_mode |= MAY_APPEND
    return flags, acc_mode


def _open_walk(nd: Nameidata, flags: int, mode: int) -> bool:
    """Take the last component and the links it leads through; returns whether the file was made just now."""
    follow = not flags & O_NOFOLLOW
    link, created = do_last(nd, flags, mode, follow=follow)
    while link is not None:
        if not follow and not nd.slash:
            raise LinuxError(Errno.ELOOP, link.d_name)
        slash = nd.slash
        follow_link(nd, link)
        nd.slash = nd.slash or slash
        flags &= ~O_EXCL
        link, created = do_last(nd, flags, mode, follow=follow)
    return created


def do_last(nd: Nameidata, flags: int, mode: int, *, follow: bool) -> tuple[Dentry | None, bool]:
    """Take the last component of an open. Returns (link to follow, False) or (None, whether the file was made)."""
    if nd.last_type != LAST_NORM:
        walk_component(nd, follow=False)
        if flags & O_CREAT and nd.last_type != LAST_BIND:
            raise LinuxError(Errno.EISDIR, "cannot create a directory's own name")
        return None, False
    if not flags & O_CREAT:
        link = walk_component(nd, follow=follow or nd.slash or not flags & O_PATH)
        if link is not None:
            return link, False
        if (nd.slash or flags & O_DIRECTORY) and nd.dentry.d_inode.i_mode & S_IFMT != S_IFDIR:
            raise LinuxError(Errno.ENOTDIR, nd.last)
        return None, False
    if nd.slash:
        raise LinuxError(Errno.EISDIR, nd.last)
    dentry = lookup_hash(nd)
    if dentry is None:
        _create(nd, mode)
        return None, True
    if flags & O_EXCL:
        raise LinuxError(Errno.EEXIST, nd.last)
    if not dentry.d_mounted and dentry.d_inode.i_mode & S_IFMT == S_IFLNK:
        return dentry, False
    follow_mount(nd, dentry)
    if nd.dentry.d_inode.i_mode & S_IFMT == S_IFDIR:
        raise LinuxError(Errno.EISDIR, nd.last)
    return None, False


def _create(nd: Nameidata, mode: int) -> None:
    """Make the regular file that O_CREAT asks for, and step onto it (vfs_create)."""
    current, parent = nd.current, nd.dentry
    namespace.mnt_want_write(nd.mnt)
    may_create(current, parent.d_inode)
    inode = parent.d_inode.create(nd.last, S_IFREG | mode & S_IALLUGO & ~posix_acl.umask_in(current, parent.d_inode))
    fs_inode.inode_init_owner(current, inode, parent.d_inode)
    nd.dentry = dcache.d_add(parent, nd.last, inode)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_create(parent.d_inode, nd.dentry)


def may_create(current: Task, dir: Inode) -> None:
    """Check that names may be added to dir; raises ENOENT if it was removed, EOVERFLOW, EACCES."""
    if dir.i_nlink == 0:
        raise LinuxError(Errno.ENOENT, "the directory was removed")
    fs_inode.check_maker(current, dir.i_sb)
    inode_permission(current, dir, MAY_WRITE | MAY_EXEC)


def may_open(nd: Nameidata, inode: Inode, acc_mode: int, flags: int) -> None:
    """Check what kind of file it is and whether current may."""
    kind = inode.i_mode & S_IFMT
    if kind == S_IFDIR:
        if acc_mode & MAY_WRITE:
            raise LinuxError(Errno.EISDIR, "a directory is not written")
    elif kind in (S_IFBLK, S_IFCHR) and not fs_inode.may_open_dev(nd.mnt):
        raise LinuxError(Errno.EACCES, "no devices on this mount")
    if acc_mode & MAY_WRITE and kind in (S_IFREG, S_IFDIR):
        namespace.mnt_want_write(nd.mnt)
    inode_permission(nd.current, inode, acc_mode & _MAY_RWX)
    if flags & O_NOATIME and not fs_inode.inode_owner_or_capable(nd.current, inode):
        raise LinuxError(Errno.EPERM, "O_NOATIME is the owner's")


def dentry_open(current: Task, path: PathRef, flags: int) -> File:
    """Make the open file of an inode that was looked up and may be opened (__dentry_open).

    The caller has counted it with get_empty_filp(). Raises ETXTBSY, ENXIO, EINVAL for O_DIRECT.
    """
    inode = path.dentry.d_inode
    kind = inode.i_mode & S_IFMT
    if path.mnt.mnt_expiry_mark:
        path.mnt.mnt_expiry_mark -= 1
    if flags & O_PATH:
        result = File(path, flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW), FMODE_PATH)
        inode.i_count += 1
        return result
    f_mode = _OPEN_FMODE[flags & O_ACCMODE]
    flags &= ~(O_CREAT | O_EXCL | O_TRUNC)
    if kind == S_IFREG:
        if f_mode & FMODE_WRITE and inode.i_writecount < 0:
            raise LinuxError(Errno.ETXTBSY, "being executed")
        if flags & O_DIRECT:
            raise LinuxError(Errno.EINVAL, "O_DIRECT")
        if f_mode & FMODE_WRITE:
            inode.i_writecount += 1
        try:
            result = inode.open(current, path, flags, f_mode | _SEEKABLE)
        except BaseException:
            if f_mode & FMODE_WRITE:
                inode.i_writecount -= 1
            raise
    elif kind == S_IFSOCK:
        raise LinuxError(Errno.ENXIO, "a socket is connected to, not opened")
    elif kind == S_IFIFO:
        result = File(path, flags, f_mode)
    else:
        result = inode.open(current, path, flags, f_mode | _SEEKABLE)
    result.f_flags &= ~O_NOCTTY  # only now: the open itself has to know
    result.f_path.dentry.d_inode.i_count += 1
    return result
