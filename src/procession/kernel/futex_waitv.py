"""futex_waitv(2): to wait for one of several futexes (kernel/futex/syscalls.c and waitwake.c, as of 6.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.sched import TASK_INTERRUPTIBLE, set_task_state, signal_pending
from procession.include.linux.sched_attr import (
    FUTEX2_PRIVATE,
    FUTEX2_SIZE_U32,
    FUTEX_WAITV,
    FUTEX_WAITV_MAX,
    FutexWaitvFlags,
    FutexWaitvPtr,
)
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.time import CLOCK_MONOTONIC, CLOCK_REALTIME, ClockArg, TimespecIn
from procession.include.linux.types import UInt
from procession.kernel import futex, hrtimer, time
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("sys_futex_waitv",)


@later_syscall
async def sys_futex_waitv(
    current: Task,
    waiters: FutexWaitvPtr,
    nr_futexes: UInt,
    flags: FutexWaitvFlags,
    timeout: TimespecIn,
    clockid: ClockArg,
) -> int:
    """Sleep until one of several futexes is woken, and return which (futex_waitv(2)); timeout is a point in time.

    Raises EINVAL, EFAULT, EAGAIN if one has another value, ETIMEDOUT, ERESTARTSYS.
    """
    if flags or not 0 < nr_futexes <= FUTEX_WAITV_MAX or not waiters:
        raise LinuxError(Errno.EINVAL, "futex_waitv")
    expires_ns = None
    if timeout:
        if clockid not in (CLOCK_MONOTONIC, CLOCK_REALTIME):
            raise LinuxError(Errno.EINVAL, "futex_waitv: clock")
        expires_ns = time.get_timespec(current, timeout)
    words = _parse_waitv(current, waiters, nr_futexes)
    return await _wait_multiple(current, words, expires_ns, realtime=clockid == CLOCK_REALTIME)


def _parse_waitv(current: Task, waiters: UserPtr, count: int) -> list[tuple[int, int, bool]]:
    """Return value, address and whether it is shared, of each (futex_parse_waitv)."""
    raw = uaccess.copy_from_user(current, waiters, count * FUTEX_WAITV.size)
    words = []
    for val, uaddr, flags, reserved in FUTEX_WAITV.iter_unpack(raw):
        if flags & ~FUTEX2_PRIVATE != FUTEX2_SIZE_U32 or reserved or val > UINT_MAX:
            raise LinuxError(Errno.EINVAL, "futex_waitv: flags")
        words.append((val, uaddr, not flags & FUTEX2_PRIVATE))
    return words


async def _wait_multiple(
    current: Task, words: list[tuple[int, int, bool]], expires_ns: int | None, *, realtime: bool
) -> int:
    """Queue for all of them and sleep (futex_wait_multiple)."""
    k = current.kernel
    keys = [futex.get_futex_key(current, uaddr, shared) for _, uaddr, shared in words]
    while True:
        for val, uaddr, _ in words:
            if uaccess.get_user(current, uaddr, 4) != val:
                raise LinuxError(Errno.EAGAIN, "a futex has another value")
        queued = [futex.new_futex_q(current, key) for key in keys]
        for q in queued:
            futex.queue_me(k, q)
        set_task_state(current, TASK_INTERRUPTIBLE)
        timed_out = await hrtimer.schedule_hrtimeout(
            current, expires_ns, "futex_wait_multiple", queued, realtime=realtime, delta_ns=current.timer_slack_ns
        )
        woken = [at for at, q in enumerate(queued) if not futex.unqueue_me(k, q)]
        if woken:
            return woken[-1]
        if timed_out:
            raise LinuxError(Errno.ETIMEDOUT, "futex_waitv")
        if signal_pending(current):
            raise LinuxError(Errno.ERESTARTSYS, "futex_waitv")
