"""Which types of file systems there are, by number (fs/filesystems.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import namei
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int, ULong
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_sysfs",)


@syscall
def sys_sysfs(current: Task, option: Int, arg1: ULong, arg2: ULong) -> int:
    """Tell of the types of file systems (sysfs(2)): 1 a name's number, 2 a number's name, 3 how many there are.

    Raises EINVAL, EFAULT.
    """
    types = list(current.kernel.vfs.file_systems)
    if option == 1:
        name = namei.getname(current, arg1)
        if name not in types:
            raise LinuxError(Errno.EINVAL, f"no file system type {name}")
        return types.index(name)
    if option == 2:
        number = arg1 & 0xFFFFFFFF
        if number >= len(types):
            raise LinuxError(Errno.EINVAL, f"no file system type {number}")
        uaccess.copy_to_user(current, arg2, types[number].encode() + b"\0")
        return 0
    if option == 3:
        return len(types)
    raise LinuxError(Errno.EINVAL, f"sysfs option {option}")
