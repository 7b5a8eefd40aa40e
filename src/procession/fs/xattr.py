"""Extended attributes (fs/xattr.c): no file system here has any, so names are checked and EOPNOTSUPP is the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import file as fs_file
from procession.fs import namei
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, XattrArg
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, InBuf, OutBuf, Path, SizeT, Str, UserPtr
from procession.mm import uaccess

if TYPE_CHECKING:
    from typing import NoReturn

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
)

XATTR_NAME_MAX: Final = 255


def _refuse(current: Task, name: UserPtr) -> NoReturn:
    try:
        text = uaccess.strncpy_from_user(current, name, XATTR_NAME_MAX + 1)
    except LinuxError as error:
        if error.errno == Errno.ENAMETOOLONG:
            raise LinuxError(Errno.ERANGE, "attribute name") from error
        raise
    if not text:
        raise LinuxError(Errno.ERANGE, "attribute name")
    raise LinuxError(Errno.EOPNOTSUPP, "extended attributes")


def _path(current: Task, pathname: UserPtr, *, follow: bool) -> None:
    namei.user_path_at(current, AT_FDCWD, pathname, follow=follow)


@syscall
def sys_setxattr(current: Task, pathname: Path, name: Str, value: InBuf, size: SizeT, flags: XattrArg) -> int:
    """setxattr(2)."""
    _path(current, pathname, follow=True)
    _refuse(current, name)


@syscall
def sys_lsetxattr(current: Task, pathname: Path, name: Str, value: InBuf, size: SizeT, flags: XattrArg) -> int:
    """lsetxattr(2)."""
    _path(current, pathname, follow=False)
    _refuse(current, name)


@syscall
def sys_fsetxattr(current: Task, fd: Fd, name: Str, value: InBuf, size: SizeT, flags: XattrArg) -> int:
    """fsetxattr(2)."""
    fs_file.fget_light(current, fd)
    _refuse(current, name)


@syscall
def sys_getxattr(current: Task, pathname: Path, name: Str, value: OutBuf, size: SizeT) -> int:
    """getxattr(2)."""
    _path(current, pathname, follow=True)
    _refuse(current, name)


@syscall
def sys_lgetxattr(current: Task, pathname: Path, name: Str, value: OutBuf, size: SizeT) -> int:
    """lgetxattr(2)."""
    _path(current, pathname, follow=False)
    _refuse(current, name)


@syscall
def sys_fgetxattr(current: Task, fd: Fd, name: Str, value: OutBuf, size: SizeT) -> int:
    """fgetxattr(2)."""
    fs_file.fget_light(current, fd)
    _refuse(current, name)


@syscall
def sys_listxattr(current: Task, pathname: Path, list: OutBuf, size: SizeT) -> int:
    """Return an empty list (listxattr(2))."""
    _path(current, pathname, follow=True)
    return 0


@syscall
def sys_llistxattr(current: Task, pathname: Path, list: OutBuf, size: SizeT) -> int:
    """Return an empty list (llistxattr(2))."""
    _path(current, pathname, follow=False)
    return 0


@syscall
def sys_flistxattr(current: Task, fd: Fd, list: OutBuf, size: SizeT) -> int:
    """Return an empty list (flistxattr(2))."""
    fs_file.fget_light(current, fd)
    return 0


@syscall
def sys_removexattr(current: Task, pathname: Path, name: Str) -> int:
    """removexattr(2)."""
    _path(current, pathname, follow=True)
    _refuse(current, name)


@syscall
def sys_lremovexattr(current: Task, pathname: Path, name: Str) -> int:
    """lremovexattr(2)."""
    _path(current, pathname, follow=False)
    _refuse(current, name)


@syscall
def sys_fremovexattr(current: Task, fd: Fd, name: Str) -> int:
    """fremovexattr(2)."""
    fs_file.fget_light(current, fd)
    _refuse(current, name)
