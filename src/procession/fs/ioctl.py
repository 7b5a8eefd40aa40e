"""ioctl(2): what every file understands, then the file's own (fs/ioctl.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import fcntl, file_table
from procession.fs import file as fs_file
from procession.include.asm.ioctls import (
    FIBMAP,
    FIGETBSZ,
    FIOASYNC,
    FIOCLEX,
    FIONBIO,
    FIONCLEX,
    FIONREAD,
    FIOQSIZE,
    IoctlArg,
    IoctlCmd,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_ASYNC, O_NONBLOCK
from procession.include.linux.fs import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, UserPtr
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = ("sys_ioctl",)


def _file_ioctl(current: Task, file: File, cmd: int, arg: UserPtr) -> bool:
    """Answer what regular files and directories understand; returns whether it was that."""
    inode = file.inode
    kind = inode.i_mode & S_IFMT
    if cmd == FIONREAD and kind == S_IFREG:
        uaccess.put_user(current, arg, inode.i_size - file.f_pos, 4)
    elif cmd == FIBMAP and kind == S_IFREG:
        raise LinuxError(Errno.EINVAL, "no block map")
    elif cmd == FIOQSIZE:
        if kind not in (S_IFREG, S_IFDIR, S_IFLNK):
            raise LinuxError(Errno.ENOTTY, "a size of that")
        uaccess.put_user(current, arg, inode.getattr(current).blocks * 512, 8)  # inode_get_bytes
    elif cmd == FIGETBSZ:
        uaccess.put_user(current, arg, file.inode.i_sb.s_blocksize, 4)
    else:
        return False
    return True


def _ioctl_fioasync(current: Task, fd: int, file: File, *, on: bool) -> None:
    """Set or clear O_ASYNC; raises ENOTTY if that would be a change and this kind of file has no news, ENOMEM."""
    if on == bool(file.f_flags & O_ASYNC):
        return
    if not file.has_fasync():
        raise LinuxError(Errno.ENOTTY, "FIOASYNC")
    file.fasync(current, fd, on=on)


@syscall
async def sys_ioctl(current: Task, fd: Fd, cmd: IoctlCmd, arg: IoctlArg) -> int:
    """Control a device (ioctl(2)); raises ENOTTY for what the file does not know."""
    file = fs_file.fget_light(current, fd)
    if cmd in (FIOCLEX, FIONCLEX):
        fcntl.set_close_on_exec(current, fd, cmd == FIOCLEX)
        return 0
    if cmd == FIONBIO:
        on = uaccess.get_user(current, arg, 4)
        file.f_flags = file.f_flags | O_NONBLOCK if on else file.f_flags & ~O_NONBLOCK
        return 0
    if cmd == FIOASYNC:
        _ioctl_fioasync(current, fd, file, on=bool(uaccess.get_user(current, arg, 4)))
        return 0
    if _file_ioctl(current, file, cmd, arg):
        return 0
    file.f_count += 1
    current.held.append(file)
    try:
        return await file.ioctl(current, cmd, arg)
    except LinuxError as error:
        if error.errno == Errno.ENOIOCTLCMD:
            raise LinuxError(Errno.ENOTTY, error.why) from error
        raise
    finally:
        current.held.pop()
        file_table.fput(current, file)
