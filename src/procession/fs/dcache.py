"""Names in directories, and the way back from a name to its path (fs/dcache.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import super as fs_super
from procession.fs.notify import fsnotify
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFDIR, S_IFMT, Dentry
from procession.include.linux.limits import PATH_MAX
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import OutStr, SizeT
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "d_add",
    "d_delete",
    "d_drop",
    "d_exchange",
    "d_make_root",
    "d_move",
    "d_path",
    "d_pin",
    "d_revalidate",
    "d_unpin",
    "dentry_path",
    "is_subdir",
    "path_is_reachable",
    "shrink_dying",
    "sys_getcwd",
)


def d_make_root(inode: Inode) -> Dentry:
    """Return the root dentry of a file system: its own parent (d_alloc_root)."""
    return Dentry("/", None, inode)


def d_add(parent: Dentry, name: str, inode: Inode) -> Dentry:
    """Remember that name in parent is inode."""
    dentry = Dentry(name, parent, inode)
    if parent.d_inode.d_cache:
        dentry.d_op_revalidate = parent.d_inode.d_op_revalidate
        if parent.d_subdirs is None:
            parent.d_subdirs = {}
        parent.d_subdirs[name] = dentry
    return dentry


def d_pin(dentry: Dentry) -> None:
    """Something is mounted on dentry: remember its name, and those above it, so that path walks meet this dentry."""
    parent = dentry.d_parent
    while parent is not dentry:
        dentry.d_pinned += 1
        if parent.d_subdirs is None:
            parent.d_subdirs = {}
        if not dentry.d_deleted and parent.d_subdirs.get(dentry.d_name) is None:
            parent.d_subdirs[dentry.d_name] = dentry
        dentry, parent = parent, parent.d_parent


def d_unpin(dentry: Dentry) -> None:
    """Undo d_pin."""
    parent = dentry.d_parent
    while parent is not dentry:
        dentry.d_pinned -= 1
        subdirs = parent.d_subdirs
        forgotten = not dentry.d_pinned and not parent.d_inode.d_cache
        if forgotten and subdirs is not None and subdirs.get(dentry.d_name) is dentry:
            del subdirs[dentry.d_name]
        dentry, parent = parent, parent.d_parent


def d_delete(dentry: Dentry) -> None:
    """The name was removed, and perhaps with it the file: tell who watches."""
    d_drop(dentry)
    inode = dentry.d_inode
    k = inode.i_sb.kernel
    if k.vfs.nr_fsnotify_marks:
        if inode.i_nlink == 0 and inode.i_fsnotify_marks is not None:
            if inode.i_mode & S_IFMT == S_IFDIR:
                k.vfs.fsnotify_dying[inode] = dentry
                shrink_dying(k)
            elif inode.i_count <= 0:
                fsnotify.fsnotify_inoderemove(inode)
        fsnotify.fsnotify_nameremove(dentry)


def shrink_dying(k: Kernel) -> None:
    """Tell who watches them of removed directories that nobody uses any more (d_kill)."""
    for inode, dentry in list(k.vfs.fsnotify_dying.items()):
        if inode.i_count <= 0 and not fs_super.is_removed_dir_used(k, dentry):
            del k.vfs.fsnotify_dying[inode]
            fsnotify.fsnotify_inoderemove(inode)


def d_drop(dentry: Dentry) -> None:
    """The name is gone; who still refers to it sees "(deleted)"."""
    dentry.d_deleted = True
    subdirs = dentry.d_parent.d_subdirs
    if subdirs is not None and subdirs.get(dentry.d_name) is dentry:
        del subdirs[dentry.d_name]


def d_revalidate(dentry: Dentry, inode: Inode | None) -> bool:
    """Whether dentry stays, though its name was found to be inode now: the same, or something is mounted there."""
    if dentry.d_inode is inode or dentry.d_pinned:
        return True
    d_drop(dentry)
    return False


def d_move(dentry: Dentry, new_parent: Dentry, new_name: str, target: Dentry | None) -> None:
    """The name became another, perhaps replacing target."""
    if target is not None:
        d_drop(target)
    if dentry.d_parent.d_subdirs is not None:
        dentry.d_parent.d_subdirs.pop(dentry.d_name, None)
    dentry.d_parent = new_parent
    dentry.d_name = new_name
    if new_parent.d_subdirs is None:
        new_parent.d_subdirs = {}
    new_parent.d_subdirs[new_name] = dentry


def d_exchange(one: Dentry, other: Dentry) -> None:
    """Two names have changed places, both of them remembered."""
    one_parent, one_name = one.d_parent, one.d_name
    one.d_parent, one.d_name = other.d_parent, other.d_name
    other.d_parent, other.d_name = one_parent, one_name
    for dentry in (one, other):
        subdirs = dentry.d_parent.d_subdirs
        if subdirs is not None:
            subdirs[dentry.d_name] = dentry


def is_subdir(dentry: Dentry, ancestor: Dentry) -> bool:
    """Whether dentry is ancestor or lies below it, in one file system."""
    while dentry is not ancestor:
        parent = dentry.d_parent
        if parent is dentry:
            return False
        dentry = parent
    return True


def _walk_up(path: PathRef, root: PathRef | None) -> tuple[list[str], bool]:
    """Return the names from the root down to path, and whether root was met (prepend_path)."""
    names: list[str] = []
    mnt: Vfsmount = path.mnt
    dentry = path.dentry
    while root is None or mnt is not root.mnt or dentry is not root.dentry:
        if dentry is mnt.mnt_root:
            if mnt.mnt_parent is None or mnt.mnt_mountpoint is None:
                return names[::-1], root is None
            dentry, mnt = mnt.mnt_mountpoint, mnt.mnt_parent
            continue
        names.append(dentry.d_name)
        dentry = dentry.d_parent
    return names[::-1], True


def _special_name(path: PathRef) -> str | None:
    """Return the text for a file that no path leads to: pipe:[7], anon_inode:[eventfd] (d_dname)."""
    mnt = path.mnt
    if mnt.mnt_parent is None and path.dentry.d_parent is path.dentry and path.dentry is not mnt.mnt_root:
        return path.dentry.d_name
    return None


def path_is_reachable(path: PathRef, root: PathRef) -> bool:
    """Whether path is root or lies below it, where things are mounted now."""
    return _walk_up(path, root)[1]


def d_path(path: PathRef, root: PathRef | None = None) -> str:
    """Return the path's name as seen from root, " (deleted)" behind it if it was removed.

    root None: from the global root, as is a path that root does not lead to.  A file of a kern_mount (its dentry is its
    own parent) is its own name.
    """
    special = _special_name(path)
    if special is not None:
        return special
    names, _ = _walk_up(path, root)
    text = "/" + "/".join(names)
    dentry = path.dentry
    return text + " (deleted)" if dentry.d_deleted and dentry.d_parent is not dentry else text


def dentry_path(dentry: Dentry) -> str:
    """Return the path within its file system, "//deleted" behind it if it was removed."""
    deleted = dentry.d_deleted and dentry.d_parent is not dentry
    names: list[str] = []
    while dentry.d_parent is not dentry:
        names.append(dentry.d_name)
        dentry = dentry.d_parent
    return "/" + "/".join(reversed(names)) + ("//deleted" if deleted else "")


@syscall
def sys_getcwd(current: Task, buf: OutStr, size: SizeT) -> int:
    """Store the working directory's name, NUL included, and return its length (getcwd(2)).

    Raises ENOENT if it was removed, ERANGE. A directory outside the root shows as (unreachable)/….
    """
    assert current.fs is not None
    pwd, root = current.fs.pwd, current.fs.root
    if pwd.dentry.d_deleted:
        raise LinuxError(Errno.ENOENT, "the working directory was removed")
    names, reached = _walk_up(pwd, root)
    text = "/" + "/".join(names)
    if not reached:
        text = "(unreachable)" + text
    data = string.to_bytes(text) + b"\0"
    if len(data) > PATH_MAX:
        raise LinuxError(Errno.ENAMETOOLONG, "working directory")
    if len(data) > size:
        raise LinuxError(Errno.ERANGE, "buffer too small")
    uaccess.copy_to_user(current, buf, data)
    return len(data)
