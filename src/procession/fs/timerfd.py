"""timerfd: timers taken by read(2) (fs/timerfd.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import anon_inodes
from procession.fs import file as fs_file
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC, O_NONBLOCK, O_RDWR
from procession.include.linux.fs import POLLIN, File
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    KTIME_MAX,
    NSEC_PER_SEC,
    TFD_TIMER_ABSTIME,
    TFD_TIMER_CANCEL_ON_SET,
    ItimerspecIn,
    ItimerspecOut,
    TfdCreateArg,
    TfdSettimeArg,
    TimerfdClockArg,
)
from procession.include.linux.types import Fd, UserPtr
from procession.kernel import hrtimer, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("TimerfdCtx", "TimerfdFile", "sys_timerfd_create", "sys_timerfd_gettime", "sys_timerfd_settime")

_ITIMERSPEC: Final = struct.Struct("<qqqq")


class TimerfdCtx:
    """struct timerfd_ctx; ticks: expirations not yet read, of which a periodic timer counts only the first."""

    __slots__ = ("clockid", "expired", "kernel", "ticks", "tintv_ns", "tmr", "wqh")

    def __init__(self, k: Kernel, clockid: int) -> None:
        self.kernel = k
        self.wqh = k.wait_queue_head("timerfd->wqh")
        self.clockid = clockid
        self.ticks = 0
        self.expired = False
        self.tintv_ns = 0
        self.tmr = Hrtimer(timerfd_tmrproc, data=self)

    def catch_up(self) -> None:
        """Add the periods that went by since a periodic timer expired, and arm it again."""
        if self.expired and self.tintv_ns:
            self.ticks += hrtimer.hrtimer_forward(self.tmr, self.kernel.clock.now_ns, self.tintv_ns) - 1
            hrtimer.hrtimer_start(self.kernel, self.tmr, self.tmr.expires_ns)


def timerfd_tmrproc(timer: Hrtimer) -> int | None:
    ctx = timer.data
    assert isinstance(ctx, TimerfdCtx)
    ctx.expired = True
    ctx.ticks += 1
    wait.wake_up(ctx.wqh)
    return None


class TimerfdFile(File):
    """A timerfd's open file."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Return how often the timer has expired since the last read, waiting for the first time.

        Raises EINVAL for less than 8 bytes, EAGAIN, ERESTARTSYS, EFAULT.
        """
        if count < 8:
            raise LinuxError(Errno.EINVAL, "timerfd: eight bytes")
        ctx: TimerfdCtx = self.private_data
        if not ctx.ticks:
            if self.f_flags & O_NONBLOCK:
                raise LinuxError(Errno.EAGAIN, "the timer has not expired")
            with wait.Waiter(current, ctx.wqh, TASK_INTERRUPTIBLE, "timerfd_read") as waiter:
                while not ctx.ticks:
                    await waiter.sleep()
        ctx.catch_up()
        ticks = ctx.ticks
        ctx.expired = False
        ctx.ticks = 0
        uaccess.put_user(current, buf, ticks, 8)
        return 8

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Readable if the timer has expired."""
        ctx: TimerfdCtx = self.private_data
        if table is not None:
            table.wait(ctx.wqh)
        return POLLIN if ctx.ticks else 0

    def release(self, current: Task | None) -> None:
        """Disarm it."""
        ctx: TimerfdCtx = self.private_data
        hrtimer.hrtimer_cancel(ctx.kernel, ctx.tmr)


def timerfd_fget(current: Task, ufd: int) -> TimerfdCtx:
    file = fs_file.fget_light(current, ufd)
    if not isinstance(file, TimerfdFile):
        raise LinuxError(Errno.EINVAL, "not a timerfd")
    ctx: TimerfdCtx = file.private_data
    return ctx


def _remaining(ctx: TimerfdCtx) -> int:
    return max(0, ctx.tmr.expires_ns - ctx.kernel.clock.now_ns) if ctx.tmr.queued else 0


def _pack(value_ns: int, interval_ns: int) -> bytes:
    return _ITIMERSPEC.pack(*divmod(interval_ns, NSEC_PER_SEC), *divmod(value_ns, NSEC_PER_SEC))


@syscall
def sys_timerfd_create(current: Task, clockid: TimerfdClockArg, flags: TfdCreateArg) -> Fd:
    """Make a timer on CLOCK_REALTIME or CLOCK_MONOTONIC (timerfd_create(2)); raises EINVAL, EMFILE."""
    if flags & ~(O_CLOEXEC | O_NONBLOCK) or clockid not in (CLOCK_REALTIME, CLOCK_MONOTONIC):
        raise LinuxError(Errno.EINVAL, "timerfd_create")
    ctx = TimerfdCtx(current.kernel, clockid)
    return anon_inodes.anon_inode_getfd(current, "[timerfd]", TimerfdFile, ctx, O_RDWR | flags)


@syscall
def sys_timerfd_settime(current: Task, ufd: Fd, flags: TfdSettimeArg, utmr: ItimerspecIn, otmr: ItimerspecOut) -> int:
    """Arm or, with a zero value, disarm a timer (timerfd_settime(2)).

    Differs: TFD_TIMER_CANCEL_ON_SET is accepted, but setting the clock cancels nothing.  Raises EFAULT, EINVAL, EBADF.
    """
    isec, insec, sec, nsec = _ITIMERSPEC.unpack(uaccess.copy_from_user(current, utmr, 32))
    if (
        flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)
        or sec < 0
        or not 0 <= nsec < NSEC_PER_SEC
        or isec < 0
        or not 0 <= insec < NSEC_PER_SEC
    ):
        raise LinuxError(Errno.EINVAL, "timerfd_settime")
    ctx = timerfd_fget(current, ufd)
    k = current.kernel
    hrtimer.hrtimer_cancel(k, ctx.tmr)
    if ctx.expired and ctx.tintv_ns:
        hrtimer.hrtimer_forward(ctx.tmr, k.clock.now_ns, ctx.tintv_ns)
    old = _pack(max(0, ctx.tmr.expires_ns - k.clock.now_ns), ctx.tintv_ns)

    value_ns = min(sec * NSEC_PER_SEC + nsec, KTIME_MAX >> 1)
    ctx.expired = False
    ctx.ticks = 0
    ctx.tintv_ns = min(isec * NSEC_PER_SEC + insec, KTIME_MAX >> 1)
    ctx.tmr.expires_ns = 0
    if value_ns:
        if not flags & TFD_TIMER_ABSTIME:
            expires_ns = k.clock.now_ns + value_ns
        else:
            expires_ns = value_ns - (k.boot_time_ns if ctx.clockid == CLOCK_REALTIME else 0)
        hrtimer.hrtimer_start(k, ctx.tmr, expires_ns)
    if otmr:
        uaccess.copy_to_user(current, otmr, old)
    return 0


@syscall
def sys_timerfd_gettime(current: Task, ufd: Fd, otmr: ItimerspecOut) -> int:
    """Store the time to the next expiry, and the period (timerfd_gettime(2)); raises EBADF, EINVAL, EFAULT."""
    ctx = timerfd_fget(current, ufd)
    if ctx.expired and ctx.tintv_ns:
        ctx.catch_up()
        ctx.expired = False
    uaccess.copy_to_user(current, otmr, _pack(_remaining(ctx), ctx.tintv_ns))
    return 0
