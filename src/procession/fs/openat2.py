"""openat2(2): a look-up that may not go everywhere (parts of fs/namei.c and open.c of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import namei
from procession.fs import open as fs_open
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import (
    O_ACCMODE,
    O_CLOEXEC,
    O_CREAT,
    O_DIRECTORY,
    O_LARGEFILE,
    O_NOFOLLOW,
    O_PATH,
    O_TRUNC,
)
from procession.include.linux.fs import MAY_EXEC, S_IALLUGO, S_IFDIR, S_IFLNK, S_IFMT, Dentry, PathRef
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.openat2 import (
    OPEN_HOW,
    RESOLVE_BENEATH,
    RESOLVE_CACHED,
    RESOLVE_IN_ROOT,
    RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS,
    RESOLVE_NO_XDEV,
    TMPFILE_BIT,
    VALID_OPEN_FLAGS,
    OpenHowPtr,
)
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import DirFd, Fd, Path, SizeT
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.fs.namei import Nameidata
    from procession.include.linux.sched import Task

__all__ = ("sys_openat2",)

_RESOLVE: Final = 0x3F
_SCOPED: Final = RESOLVE_BENEATH | RESOLVE_IN_ROOT
_O_PATH_FLAGS: Final = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC


@later_syscall
async def sys_openat2(current: Task, dfd: DirFd, filename: Path, how: OpenHowPtr, usize: SizeT) -> Fd:
    """Open a file by a look-up that may not go everywhere (openat2(2)).

    Raises E2BIG, EINVAL, EFAULT; EXDEV or ELOOP where the look-up would go astray; and what open(2) does.
    Differs: O_TMPFILE with a restriction is EOPNOTSUPP.
    """
    if usize < OPEN_HOW.size:
        raise LinuxError(Errno.EINVAL, "openat2: too small")
    if usize > PAGE_SIZE:
        raise LinuxError(Errno.E2BIG, "openat2: larger than a page")
    flags, mode, resolve = OPEN_HOW.unpack(uaccess.copy_struct_from_user(current, how, usize, OPEN_HOW.size))
    _check_how(flags, mode, resolve)
    if not flags & O_PATH:
        flags |= O_LARGEFILE
    name = namei.getname(current, filename)
    if not resolve:
        return await fs_open.do_sys_open(current, dfd, name, flags, mode)
    if resolve & RESOLVE_CACHED and flags & (O_TRUNC | O_CREAT | TMPFILE_BIT):
        raise LinuxError(Errno.EAGAIN, "openat2: RESOLVE_CACHED")
    if flags & TMPFILE_BIT:
        raise LinuxError(Errno.EOPNOTSUPP, "openat2: O_TMPFILE below a restricted look-up")
    fd = fs_file.alloc_fd(current, 0, flags)
    try:
        nd = _Walk(current, dfd, name, resolve, follow=not flags & O_NOFOLLOW).parent()
        file = await fs_open.do_filp_open(current, dfd, name, flags, mode, nd)
    except BaseException:
        fs_file.put_unused_fd(current, fd)
        raise
    fs_file.fd_install(current, fd, file)
    return fd


def _check_how(flags: int, mode: int, resolve: int) -> None:
    """Raise EINVAL for what open(2) would let pass (build_open_flags)."""
    if flags & ~VALID_OPEN_FLAGS:
        raise LinuxError(Errno.EINVAL, "openat2: unknown flags")
    if resolve & ~_RESOLVE or resolve & _SCOPED == _SCOPED:
        raise LinuxError(Errno.EINVAL, "openat2: resolve")
    if flags & (O_CREAT | TMPFILE_BIT):
        if mode & ~S_IALLUGO:
            raise LinuxError(Errno.EINVAL, "openat2: mode")
    elif mode:
        raise LinuxError(Errno.EINVAL, "openat2: a mode for a file that is there")
    if flags & (O_DIRECTORY | O_CREAT) == O_DIRECTORY | O_CREAT:
        raise LinuxError(Errno.EINVAL, "openat2: O_CREAT of a directory")
    if flags & TMPFILE_BIT and (not flags & O_DIRECTORY or not flags & O_ACCMODE):
        raise LinuxError(Errno.EINVAL, "openat2: O_TMPFILE")
    if flags & O_PATH and flags & ~_O_PATH_FLAGS:
        raise LinuxError(Errno.EINVAL, "openat2: flags with O_PATH")


class _Walk:
    """A look-up that goes one component at a time, and looks where it is going.

    parts: the components that are left, the next one last.
    """

    def __init__(self, current: Task, dfd: int, name: str, resolve: int, *, follow: bool) -> None:
        self.current = current
        self.resolve = resolve
        self.follow = follow
        scoped = resolve & _SCOPED
        if scoped == RESOLVE_BENEATH and name.startswith("/"):
            raise LinuxError(Errno.EXDEV, "an absolute path")
        self.nd: Nameidata = namei.path_init(current, dfd, name.lstrip("/") or "." if scoped else name)
        if scoped:
            start = self.nd.dentry.d_inode
            if start.i_mode & S_IFMT != S_IFDIR:
                raise LinuxError(Errno.ENOTDIR, "dirfd is no directory")
            self.nd.root = PathRef(self.nd.mnt, self.nd.dentry)
        self.start_mnt = self.nd.mnt
        self.slash = name.endswith("/")
        self.parts = [part for part in reversed(name.split("/")) if part]

    def parent(self) -> Nameidata:
        """Go up to the last component, which is left in nd.last, or to the end if that has no name of its own."""
        nd = self.nd
        nd.last_type = namei.LAST_ROOT
        while self.parts:
            part = self.parts.pop()
            inode = nd.dentry.d_inode
            if inode.i_mode & S_IFMT != S_IFDIR:
                raise LinuxError(Errno.ENOTDIR, nd.dentry.d_name)
            namei.inode_permission(self.current, inode, MAY_EXEC)
            nd.last_type = namei.LAST_NORM
            if part in (".", ".."):
                nd.last_type = namei.LAST_DOT if part == "." else namei.LAST_DOTDOT
                self._dots(part)
                continue
            nd.last = part
            if self._last(part):
                nd.slash = self.slash
                return nd
        if nd.last_type in (namei.LAST_DOT, namei.LAST_DOTDOT):
            nd.last_type = namei.LAST_DOT  # nothing is left to do
        return nd

    def _last(self, part: str) -> bool:
        """Step onto a component, or follow it; returns whether it is the last, and left to the open itself."""
        nd = self.nd
        found = namei.lookup_hash(nd)
        if found is not None and found.d_mounted and self.resolve & RESOLVE_NO_XDEV:
            raise LinuxError(Errno.EXDEV, f"{part}: another mount")
        is_link = found is not None and not found.d_mounted and found.d_inode.i_mode & S_IFMT == S_IFLNK
        at_end = not self.parts
        if at_end and (not is_link or not (self.follow or self.slash)):
            return True
        if found is None:
            raise LinuxError(Errno.ENOENT, part)
        if not is_link:
            namei.follow_mount(nd, found)
            return False
        return self._link(found)

    def _dots(self, part: str) -> None:
        nd = self.nd
        if part == ".":
            return
        at_root = nd.dentry is nd.root.dentry and nd.mnt is nd.root.mnt
        if at_root and self.resolve & RESOLVE_BENEATH:
            raise LinuxError(Errno.EXDEV, "..: above where it began")
        mnt = nd.mnt
        namei.follow_dotdot(nd)
        if nd.mnt is not mnt and self.resolve & RESOLVE_NO_XDEV:
            raise LinuxError(Errno.EXDEV, "..: another mount")

    def _link(self, link: Dentry) -> bool:
        """Follow a symbolic link; returns whether that was the end, where a magic link has led."""
        nd = self.nd
        if nd.links >= namei.MAX_LINKS or self.resolve & RESOLVE_NO_SYMLINKS:
            raise LinuxError(Errno.ELOOP, link.d_name)
        nd.links += 1
        inode = link.d_inode
        fs_inode.touch_atime(nd.mnt, inode)
        target = inode.follow_link(self.current)
        if target is not None:
            return self._magic(link, target)
        text = inode.readlink(self.current)
        if text.startswith("/"):
            if self.resolve & RESOLVE_BENEATH:
                raise LinuxError(Errno.EXDEV, f"{link.d_name}: an absolute link")
            if self.resolve & RESOLVE_NO_XDEV and nd.root.mnt is not nd.mnt:
                raise LinuxError(Errno.EXDEV, f"{link.d_name}: another mount")
            nd.mnt, nd.dentry = nd.root.mnt, nd.root.dentry
        if not self.parts:
            self.slash = self.slash or text.endswith("/")
        self.parts += [part for part in reversed(text.split("/")) if part]
        if not self.parts:
            nd.last_type = namei.LAST_ROOT
        return False

    def _magic(self, link: Dentry, target: PathRef) -> bool:
        if self.resolve & RESOLVE_CACHED:
            raise LinuxError(Errno.EAGAIN, f"{link.d_name}: a magic link is not cached")
        if self.resolve & RESOLVE_NO_MAGICLINKS:
            raise LinuxError(Errno.ELOOP, f"{link.d_name}: a magic link")
        if self.resolve & _SCOPED or (self.resolve & RESOLVE_NO_XDEV and target.mnt is not self.nd.mnt):
            raise LinuxError(Errno.EXDEV, f"{link.d_name}: a magic link")
        self.nd.mnt, self.nd.dentry = target.mnt, target.dentry
        if self.parts:
            return False
        self.nd.last_type = namei.LAST_BIND
        return True
