"""Extended attributes (fs/xattr.c, the part of mm/shmem.c, cap_inode_setxattr of security/commoncap.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.fs import namei, namespace, posix_acl
from procession.fs.notify import fsnotify
from procession.include.linux.cred import CAP_SETFCAP, CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, XATTR_CREATE, XATTR_REPLACE, XattrArg
from procession.include.linux.fs import MAY_READ, MAY_WRITE, S_IFDIR, S_IFMT, S_IFREG, S_ISVTX
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, InBuf, OutBuf, Path, SizeT, Str, UserPtr
from procession.include.linux.xattr import (
    XATTR_LIST_MAX,
    XATTR_NAME_CAPS,
    XATTR_NAME_MAX,
    XATTR_SECURITY_PREFIX,
    XATTR_SIZE_MAX,
    XATTR_SYSTEM_PREFIX,
    XATTR_TRUSTED_PREFIX,
    XATTR_USER_PREFIX,
)
from procession.kernel import capability
from procession.lib import string
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, PathRef
    from procession.include.linux.sched import Task

__all__ = (
    "sys_fgetxattr",
    "sys_flistxattr",
    "sys_fremovexattr",
    "sys_fsetxattr",
    "sys_getxattr",
    "sys_lgetxattr",
    "sys_listxattr",
    "sys_llistxattr",
    "sys_lremovexattr",
    "sys_lsetxattr",
    "sys_removexattr",
    "sys_setxattr",
    "vfs_getxattr",
)


def xattr_permission(current: Task, inode: Inode, name: str, mask: int) -> None:
    """Check that current may look at an attribute, or change it; raises EPERM, ENODATA, EACCES."""
    if name.startswith((XATTR_SECURITY_PREFIX, XATTR_SYSTEM_PREFIX)):
        return  # the file system's or the security module's business
    refusal = Errno.EPERM if mask & MAY_WRITE else Errno.ENODATA
    if name.startswith(XATTR_TRUSTED_PREFIX):
        if not capability.capable(current, CAP_SYS_ADMIN):
            raise LinuxError(refusal, "trusted attributes are root's")
        return
    if name.startswith(XATTR_USER_PREFIX):
        kind = inode.i_mode & S_IFMT
        if kind not in (S_IFREG, S_IFDIR):
            raise LinuxError(refusal, "users' attributes are of files and directories")
        sticky = kind == S_IFDIR and inode.i_mode & S_ISVTX
        if sticky and mask & MAY_WRITE and not fs_inode.inode_owner_or_capable(current, inode):
            raise LinuxError(Errno.EPERM, "a sticky directory")
    namei.inode_permission(current, inode, mask)


def cap_inode_setxattr(current: Task, name: str) -> None:
    """Check the privilege that security attributes need; raises EPERM."""
    if name == XATTR_NAME_CAPS:
        if not capability.capable(current, CAP_SETFCAP):
            raise LinuxError(Errno.EPERM, "CAP_SETFCAP")
    elif name.startswith(XATTR_SECURITY_PREFIX) and not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "CAP_SYS_ADMIN")


def shmem_xattr_validate(name: str) -> None:
    """Let tmpfs have the attributes of the system only; raises EOPNOTSUPP, EINVAL for a bare prefix."""
    if not name.startswith((XATTR_SECURITY_PREFIX, XATTR_TRUSTED_PREFIX)):
        raise LinuxError(Errno.EOPNOTSUPP, "not an attribute of tmpfs")
    if name in (XATTR_SECURITY_PREFIX, XATTR_TRUSTED_PREFIX):
        raise LinuxError(Errno.EINVAL, "a prefix alone")


def _check_supported(inode: Inode, name: str) -> None:
    if not inode.has_xattr():
        raise LinuxError(Errno.EOPNOTSUPP, "extended attributes")
    if not name.startswith(XATTR_SYSTEM_PREFIX):
        shmem_xattr_validate(name)


def vfs_setxattr(current: Task, inode: Inode, name: str, value: bytes, flags: int) -> None:
    """Set an attribute; raises EEXIST, ENODATA, ENOMEM for an empty value, and what the checks do."""
    xattr_permission(current, inode, name, MAY_WRITE)
    cap_inode_setxattr(current, name)
    _check_supported(inode, name)
    if name.startswith(XATTR_SYSTEM_PREFIX):
        posix_acl.acl_xattr_set(current, inode, name, value)
        return
    if not value:
        raise LinuxError(Errno.ENOMEM, "3.2 takes an empty value for one whose size wraps around")
    found = inode.i_xattrs is not None and name in inode.i_xattrs
    if found and flags & XATTR_CREATE:
        raise LinuxError(Errno.EEXIST, name)
    if not found and flags & XATTR_REPLACE:
        raise LinuxError(Errno.ENODATA, name)
    if inode.i_xattrs is None:
        inode.i_xattrs = {}
    inode.i_xattrs[name] = value


def vfs_getxattr(current: Task, inode: Inode, name: str) -> bytes:
    """Return an attribute's value; raises ENODATA, EOPNOTSUPP, EINVAL, EACCES."""
    xattr_permission(current, inode, name, MAY_READ)
    _check_supported(inode, name)
    if name.startswith(XATTR_SYSTEM_PREFIX):
        return posix_acl.acl_xattr_get(inode, name)
    value = inode.i_xattrs.get(name) if inode.i_xattrs is not None else None
    if value is None:
        raise LinuxError(Errno.ENODATA, name)
    return value


def vfs_removexattr(current: Task, inode: Inode, name: str) -> None:
    """Remove an attribute; raises ENODATA, and what the checks do."""
    if not inode.has_xattr():
        raise LinuxError(Errno.EOPNOTSUPP, "extended attributes")
    xattr_permission(current, inode, name, MAY_WRITE)
    cap_inode_setxattr(current, name)
    if name.startswith(XATTR_SYSTEM_PREFIX):
        posix_acl.acl_xattr_set(current, inode, name, None)
        return
    shmem_xattr_validate(name)
    if inode.i_xattrs is None or name not in inode.i_xattrs:
        raise LinuxError(Errno.ENODATA, name)
    del inode.i_xattrs[name]


def _name(current: Task, name: UserPtr) -> str:
    """Return an attribute's name; raises EFAULT, ERANGE if it is empty or too long."""
    try:
        text = uaccess.strncpy_from_user(current, name, XATTR_NAME_MAX + 1)
    except LinuxError as error:
        if error.errno == Errno.ENAMETOOLONG:
            raise LinuxError(Errno.ERANGE, "attribute name") from error
        raise
    if not text:
        raise LinuxError(Errno.ERANGE, "attribute name")
    return string.to_text(text)


def _setxattr(current: Task, path: PathRef, ptr: UserPtr, value: UserPtr, size: int, flags: int) -> int:
    namespace.mnt_want_write(path.mnt)
    if flags & ~(XATTR_CREATE | XATTR_REPLACE):
        raise LinuxError(Errno.EINVAL, "flags of setxattr")
    name = _name(current, ptr)
    if size > XATTR_SIZE_MAX:
        raise LinuxError(Errno.E2BIG, "attribute value")
    data = uaccess.copy_from_user(current, value, size) if size else b""
    vfs_setxattr(current, path.dentry.d_inode, name, data, flags)
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_xattr(path.dentry)
    return 0


def _getxattr(current: Task, path: PathRef, ptr: UserPtr, value: UserPtr, size: int) -> int:
    data = vfs_getxattr(current, path.dentry.d_inode, _name(current, ptr))
    if size:
        if size < len(data):
            raise LinuxError(Errno.ERANGE, "room for an attribute")
        uaccess.copy_to_user(current, value, data)
    return len(data)


def _listxattr(current: Task, path: PathRef, list: UserPtr, size: int) -> int:
    inode = path.dentry.d_inode
    if not inode.has_xattr():
        return 0
    attributes = inode.i_xattrs or {}
    trusted = capability.capable(current, CAP_SYS_ADMIN)
    names = [name for name in reversed(attributes) if trusted or not name.startswith(XATTR_TRUSTED_PREFIX)]
    data = b"".join(string.to_bytes(name) + b"\0" for name in names)
    if size:
        if min(size, XATTR_LIST_MAX) < len(data):
            raise LinuxError(Errno.E2BIG if size >= XATTR_LIST_MAX else Errno.ERANGE, "room for names")
        uaccess.copy_to_user(current, list, data)
    return len(data)


def _removexattr(current: Task, path: PathRef, name: UserPtr) -> int:
    namespace.mnt_want_write(path.mnt)
    vfs_removexattr(current, path.dentry.d_inode, _name(current, name))
    if current.kernel.vfs.nr_fsnotify_marks:
        fsnotify.fsnotify_xattr(path.dentry)
    return 0


def _path(current: Task, pathname: UserPtr, *, follow: bool) -> PathRef:
    return namei.user_path_at(current, AT_FDCWD, pathname, follow=follow)


def _of_fd(current: Task, fd: int) -> PathRef:
    return fs_file.fget_light(current, fd).f_path


@syscall
def sys_setxattr(current: Task, pathname: Path, name: Str, value: InBuf, size: SizeT, flags: XattrArg) -> int:
    """Set an attribute of a file.

    Raises EROFS, EINVAL, ERANGE, E2BIG, EFAULT, EPERM, EOPNOTSUPP, EEXIST, ENODATA (setxattr(2)).
    """
    return _setxattr(current, _path(current, pathname, follow=True), name, value, size, flags)


@syscall
def sys_lsetxattr(current: Task, pathname: Path, name: Str, value: InBuf, size: SizeT, flags: XattrArg) -> int:
    """As setxattr(2), of a symbolic link itself."""
    return _setxattr(current, _path(current, pathname, follow=False), name, value, size, flags)


@syscall
def sys_fsetxattr(current: Task, fd: Fd, name: Str, value: InBuf, size: SizeT, flags: XattrArg) -> int:
    """As setxattr(2), of an open file."""
    return _setxattr(current, _of_fd(current, fd), name, value, size, flags)


@syscall
def sys_getxattr(current: Task, pathname: Path, name: Str, value: OutBuf, size: SizeT) -> int:
    """Return the size of an attribute, and its value if there is room; raises ERANGE, ENODATA (getxattr(2))."""
    return _getxattr(current, _path(current, pathname, follow=True), name, value, size)


@syscall
def sys_lgetxattr(current: Task, pathname: Path, name: Str, value: OutBuf, size: SizeT) -> int:
    """As getxattr(2), of a symbolic link itself."""
    return _getxattr(current, _path(current, pathname, follow=False), name, value, size)


@syscall
def sys_fgetxattr(current: Task, fd: Fd, name: Str, value: OutBuf, size: SizeT) -> int:
    """As getxattr(2), of an open file."""
    return _getxattr(current, _of_fd(current, fd), name, value, size)


@syscall
def sys_listxattr(current: Task, pathname: Path, list: OutBuf, size: SizeT) -> int:
    """Return the length of the names of a file's attributes, and the names if there is room (listxattr(2))."""
    return _listxattr(current, _path(current, pathname, follow=True), list, size)


@syscall
def sys_llistxattr(current: Task, pathname: Path, list: OutBuf, size: SizeT) -> int:
    """As listxattr(2), of a symbolic link itself."""
    return _listxattr(current, _path(current, pathname, follow=False), list, size)


@syscall
def sys_flistxattr(current: Task, fd: Fd, list: OutBuf, size: SizeT) -> int:
    """As listxattr(2), of an open file."""
    return _listxattr(current, _of_fd(current, fd), list, size)


@syscall
def sys_removexattr(current: Task, pathname: Path, name: Str) -> int:
    """Remove an attribute of a file; raises ENODATA, EPERM, EOPNOTSUPP (removexattr(2))."""
    return _removexattr(current, _path(current, pathname, follow=True), name)


@syscall
def sys_lremovexattr(current: Task, pathname: Path, name: Str) -> int:
    """As removexattr(2), of a symbolic link itself."""
    return _removexattr(current, _path(current, pathname, follow=False), name)


@syscall
def sys_fremovexattr(current: Task, fd: Fd, name: Str) -> int:
    """As removexattr(2), of an open file."""
    return _removexattr(current, _of_fd(current, fd), name)
