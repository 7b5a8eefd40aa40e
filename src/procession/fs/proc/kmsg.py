"""/proc/kmsg: the kernel log for whoever waits for it (fs/proc/kmsg.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NONBLOCK, SEEK_CUR, SEEK_END, SEEK_SET
from procession.include.linux.fs import POLLIN, POLLRDNORM, S_IFREG, File
from procession.include.linux.proc_fs import ProcInode
from procession.include.linux.syslog import SYSLOG_ACTION_OPEN, SYSLOG_ACTION_READ
from procession.kernel import printk

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef, PollTable
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("KmsgInode",)


class KmsgInode(ProcInode):
    """The file; only a privileged task may open it."""

    def __init__(self, sb: ProcSuperBlock) -> None:
        super().__init__(sb, S_IFREG | 0o400)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file; raises EPERM."""
        printk.check_syslog_permissions(current, SYSLOG_ACTION_OPEN, from_file=True)
        return KmsgFile(path, flags, mode)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class KmsgFile(File):
    """An open /proc/kmsg; all of them, and syslog(2), share the place where reading goes on."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Wait for text and take it; raises EAGAIN, EFAULT, ERESTARTSYS."""
        if self.f_flags & O_NONBLOCK and not printk.log_unread(current.kernel):
            raise LinuxError(Errno.EAGAIN, "nothing new")
        return await printk.do_syslog(current, SYSLOG_ACTION_READ, buf, count, from_file=True)

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Refuse with EIO, as /proc does where there is no writing."""
        raise LinuxError(Errno.EIO, "cannot be written")

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable while there is text."""
        k = current.kernel
        if table is not None:
            table.wait(k.log.log_wait)
        return POLLIN | POLLRDNORM if printk.log_unread(k) else 0

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Move f_pos, to which reading pays no attention; raises EINVAL."""
        if whence == SEEK_CUR:
            offset += self.f_pos
        elif whence not in (SEEK_SET, SEEK_END):
            raise LinuxError(Errno.ENXIO, "neither data nor holes")
        if offset < 0:
            raise LinuxError(Errno.EINVAL, "before the start")
        self.f_pos = offset
        return offset
