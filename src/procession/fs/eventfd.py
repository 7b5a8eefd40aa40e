"""eventfd: a 64-bit counter to wait on (fs/eventfd.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import anon_inodes
from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.eventpoll import EFD_SEMAPHORE, EfdArg
from procession.include.linux.fcntl import O_CLOEXEC, O_NONBLOCK, O_RDWR
from procession.include.linux.fs import POLLERR, POLLHUP, POLLIN, POLLOUT, File
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, UInt, UserPtr
from procession.kernel import wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("EventfdCtx", "EventfdFile", "eventfd_ctx_fdget", "sys_eventfd", "sys_eventfd2")

ULLONG_MAX: Final = (1 << 64) - 1


class EventfdCtx:
    """struct eventfd_ctx."""

    __slots__ = ("count", "flags", "wqh")

    def __init__(self, k: Kernel, count: int, flags: int) -> None:
        self.wqh = k.wait_queue_head("eventfd->wqh")
        self.count = count
        self.flags = flags

    def signal(self, n: int) -> None:
        """Add n to the counter, as far as it goes, without waiting (eventfd_signal)."""
        self.count += min(n, ULLONG_MAX - self.count)
        wait.wake_up(self.wqh, POLLIN)


class EventfdFile(File):
    """An eventfd's open file."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Take the counter, or one of it from a semaphore, waiting until it is positive.

        Raises EINVAL for less than 8 bytes, EAGAIN, ERESTARTSYS, EFAULT.
        """
        if count < 8:
            raise LinuxError(Errno.EINVAL, "eventfd: eight bytes")
        ctx: EventfdCtx = self.private_data
        if not ctx.count:
            if self.f_flags & O_NONBLOCK:
                raise LinuxError(Errno.EAGAIN, "the counter is zero")
            with wait.Waiter(current, ctx.wqh, TASK_INTERRUPTIBLE, "eventfd_read") as waiter:
                while not ctx.count:
                    await waiter.sleep()
        value = 1 if ctx.flags & EFD_SEMAPHORE else ctx.count
        ctx.count -= value
        wait.wake_up(ctx.wqh, POLLOUT)
        uaccess.put_user(current, buf, value, 8)
        return 8

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Add to the counter, waiting until it does not overflow. Raises EINVAL, EFAULT, EAGAIN, ERESTARTSYS."""
        if count < 8:
            raise LinuxError(Errno.EINVAL, "eventfd: eight bytes")
        value = uaccess.get_user(current, buf, 8)
        if value == ULLONG_MAX:
            raise LinuxError(Errno.EINVAL, "eventfd: the one value that is not allowed")
        ctx: EventfdCtx = self.private_data
        if ULLONG_MAX - ctx.count <= value:
            if self.f_flags & O_NONBLOCK:
                raise LinuxError(Errno.EAGAIN, "the counter would overflow")
            with wait.Waiter(current, ctx.wqh, TASK_INTERRUPTIBLE, "eventfd_write") as waiter:
                while ULLONG_MAX - ctx.count <= value:
                    await waiter.sleep()
        ctx.count += value
        wait.wake_up(ctx.wqh, POLLIN)
        return 8

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable if positive, writable if one can be added."""
        ctx: EventfdCtx = self.private_data
        if table is not None:
            table.wait(ctx.wqh)
        mask = 0
        if ctx.count > 0:
            mask |= POLLIN
        if ctx.count == ULLONG_MAX:
            mask |= POLLERR
        if ctx.count < ULLONG_MAX - 1:
            mask |= POLLOUT
        return mask

    def release(self, current: Task | None) -> None:
        """Tell pollers that it is over."""
        ctx: EventfdCtx = self.private_data
        wait.wake_up(ctx.wqh, POLLHUP)


def eventfd_ctx_fdget(current: Task, fd: int) -> EventfdCtx:
    """Return the counter behind a descriptor; raises EBADF, EINVAL."""
    file = fs_file.fget_light(current, fd)
    if not isinstance(file, EventfdFile):
        raise LinuxError(Errno.EINVAL, "not an eventfd")
    ctx: EventfdCtx = file.private_data
    return ctx


@syscall
def sys_eventfd2(current: Task, count: UInt, flags: EfdArg) -> Fd:
    """Make a counter (eventfd2(2)): flags EFD_SEMAPHORE, EFD_NONBLOCK, EFD_CLOEXEC; raises EINVAL, EMFILE."""
    if flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK):
        raise LinuxError(Errno.EINVAL, "eventfd2: unknown flags")
    ctx = EventfdCtx(current.kernel, count, flags)
    return anon_inodes.anon_inode_getfd(
        current, "[eventfd]", EventfdFile, ctx, O_RDWR | flags & (O_CLOEXEC | O_NONBLOCK)
    )


@syscall
def sys_eventfd(current: Task, count: UInt) -> Fd:
    """Make a counter (eventfd(2))."""
    return sys_eventfd2(current, count, 0)
