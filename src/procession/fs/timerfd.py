"""timerfd: timers taken by read(2) (fs/timerfd.c)."""

from __future__ import annotations

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
    TFD_TIMER_ABSTIME,
    TFD_TIMER_CANCEL_ON_SET,
    ItimerspecIn,
    ItimerspecOut,
    TfdCreateArg,
    TfdSettimeArg,
    TimerfdClockArg,
)
from procession.include.linux.types import Fd, UserPtr
from procession.kernel import hrtimer, time, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

_CANCELED: Final = None  # KTIME_MAX in 3.2

__all__ = ("TimerfdCtx", "TimerfdFile", "sys_timerfd_create", "sys_timerfd_gettime", "sys_timerfd_settime")


class TimerfdCtx:
    """struct timerfd_ctx; ticks: expirations not yet read, of which a periodic timer counts only the first.

    moffs_ns: how far CLOCK_REALTIME was ahead of the monotonic clock when somebody last learnt that it had been set;
    _CANCELED: it was set since.
    """

    __slots__ = ("clockid", "expired", "kernel", "might_cancel", "moffs_ns", "ticks", "tintv_ns", "tmr", "wqh")

    def __init__(self, k: Kernel, clockid: int) -> None:
        self.kernel = k
        self.wqh = k.wait_queue_head("timerfd->wqh")
        self.clockid = clockid
        self.ticks = 0
        self.expired = False
        self.tintv_ns = 0
        self.tmr = Hrtimer(timerfd_tmrproc, data=self)
        self.might_cancel = False
        self.moffs_ns: int | None = k.boot_time_ns

    def catch_up(self) -> None:
        """Add the periods that went by since a periodic timer expired, and arm it again."""
        if self.expired and self.tintv_ns:
            self.ticks += hrtimer.hrtimer_forward(self.kernel, self.tmr, self.tintv_ns) - 1
            hrtimer.hrtimer_start(self.kernel, self.tmr, self.tmr.expires_ns)

    def setup_cancel(self, flags: int) -> None:
        """Wait for CLOCK_REALTIME to be set, or no longer, as the flags of timerfd_settime say."""
        wanted = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET
        if self.clockid == CLOCK_REALTIME and flags & wanted == wanted:
            self.might_cancel = True
            self.kernel.timers.cancel_list[self] = None
        else:
            self.remove_cancel()

    def remove_cancel(self) -> None:
        """Wait no longer for CLOCK_REALTIME to be set."""
        self.might_cancel = False
        self.kernel.timers.cancel_list.pop(self, None)

    def clock_was_set(self) -> None:
        """CLOCK_REALTIME was set: wake whoever waits (timerfd_clock_was_set)."""
        if self.moffs_ns != self.kernel.boot_time_ns:
            self.moffs_ns = _CANCELED
            self.ticks += 1
            wait.wake_up(self.wqh)

    def canceled(self) -> bool:
        """Whether the clock was set since somebody was last told."""
        if not self.might_cancel or self.moffs_ns is not _CANCELED:
            return False
        self.moffs_ns = self.kernel.boot_time_ns
        return True

    def setup(self, flags: int, value_ns: int, interval_ns: int) -> bool:
        """Arm the timer unless value_ns is 0; returns whether the clock was set meanwhile (timerfd_setup)."""
        k = self.kernel
        self.expired = False
        self.ticks = 0
        self.tintv_ns = interval_ns
        self.tmr.realtime = self.clockid == CLOCK_REALTIME and bool(flags & TFD_TIMER_ABSTIME)
        self.tmr.expires_ns = value_ns
        if not value_ns:
            return False
        if not flags & TFD_TIMER_ABSTIME:
            value_ns = hrtimer.ktime_add_safe(k.clock.now_ns, value_ns)
        hrtimer.hrtimer_start(k, self.tmr, value_ns)
        return self.canceled()

    def remaining(self) -> int:
        """Return the time to the next expiry in ns, 0 if that is over."""
        return max(0, hrtimer.hrtimer_get_remaining(self.kernel, self.tmr))


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

        Raises EINVAL for less than 8 bytes, EAGAIN, ERESTARTSYS, EFAULT, ECANCELED if CLOCK_REALTIME was set.
        """
        if count < 8:
            raise LinuxError(Errno.EINVAL, "timerfd: eight bytes")
        ctx: TimerfdCtx = self.private_data
        if not ctx.ticks and not self.f_flags & O_NONBLOCK:
            with wait.Waiter(current, ctx.wqh, TASK_INTERRUPTIBLE, "timerfd_read") as waiter:
                while not ctx.ticks:
                    await waiter.sleep()
        if ctx.canceled():
            # What has expired does not matter, nor will a periodic timer go on: all has to be set anew.
            ctx.ticks = 0
            ctx.expired = False
            raise LinuxError(Errno.ECANCELED, "the clock was set")
        if not ctx.ticks:
            raise LinuxError(Errno.EAGAIN, "the timer has not expired")
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
        ctx.remove_cancel()
        hrtimer.hrtimer_cancel(ctx.kernel, ctx.tmr)


def timerfd_fget(current: Task, ufd: int) -> TimerfdCtx:
    file = fs_file.fget_light(current, ufd)
    if not isinstance(file, TimerfdFile):
        raise LinuxError(Errno.EINVAL, "not a timerfd")
    ctx: TimerfdCtx = file.private_data
    return ctx


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

    Raises EFAULT, EINVAL, EBADF; ECANCELED, the timer being armed all the same, if CLOCK_REALTIME was set since
    somebody last heard of that.
    """
    value, interval = time.copy_itimerspec(current, utmr)
    if flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET):
        raise LinuxError(Errno.EINVAL, "timerfd_settime")
    ctx = timerfd_fget(current, ufd)
    k = current.kernel
    ctx.setup_cancel(flags)
    hrtimer.hrtimer_cancel(k, ctx.tmr)
    if ctx.expired and ctx.tintv_ns:
        hrtimer.hrtimer_forward(k, ctx.tmr, ctx.tintv_ns)
    old_value_ns, old_interval_ns = ctx.remaining(), ctx.tintv_ns
    canceled = ctx.setup(flags, time.ktime_set(*value), time.ktime_set(*interval))
    if otmr:
        time.put_itimerspec(current, otmr, old_value_ns, old_interval_ns)
    if canceled:
        raise LinuxError(Errno.ECANCELED, "the clock was set")
    return 0


@syscall
def sys_timerfd_gettime(current: Task, ufd: Fd, otmr: ItimerspecOut) -> int:
    """Store the time to the next expiry, and the period (timerfd_gettime(2)); raises EBADF, EINVAL, EFAULT."""
    ctx = timerfd_fget(current, ufd)
    if ctx.expired and ctx.tintv_ns:
        ctx.catch_up()
        ctx.expired = False
    time.put_itimerspec(current, otmr, ctx.remaining(), ctx.tintv_ns)
    return 0
