"""The kernel log as user space reads it (kernel/printk.c; spec proc-kthreads 6); k.printk() writes it.

Differs: consoles do not show it: what stands there is the program's alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN, CAP_SYSLOG
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.printk import LOG_BUF_LEN
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.syscalls import syscall
from procession.include.linux.syslog import (
    SYSLOG_ACTION_CLEAR,
    SYSLOG_ACTION_CLOSE,
    SYSLOG_ACTION_CONSOLE_LEVEL,
    SYSLOG_ACTION_CONSOLE_OFF,
    SYSLOG_ACTION_CONSOLE_ON,
    SYSLOG_ACTION_OPEN,
    SYSLOG_ACTION_READ,
    SYSLOG_ACTION_READ_ALL,
    SYSLOG_ACTION_READ_CLEAR,
    SYSLOG_ACTION_SIZE_BUFFER,
    SYSLOG_ACTION_SIZE_UNREAD,
    SyslogBuf,
    SyslogLen,
    SyslogTypeArg,
)
from procession.include.linux.time import TICK_NSEC
from procession.kernel import capability, hrtimer, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("check_syslog_permissions", "do_syslog", "log_unread", "printk_init", "sys_syslog")

_LEVELS: Final = 8


def printk_init(k: Kernel) -> None:
    """Let readers of the log sleep; what was printed before is there."""
    k.log.log_wait = k.wait_queue_head("log_wait.lock")
    timer = Hrtimer(_printk_tick, data=k)

    def wake_up_klogd() -> None:
        # Whoever prints may hold any lock: the next tick wakes the readers.
        if k.log.log_wait.task_list and not timer.queued:
            hrtimer.hrtimer_start(k, timer, (k.clock.now_ns // TICK_NSEC + 1) * TICK_NSEC)

    k.log.wake_up_klogd = wake_up_klogd


def _printk_tick(timer: Hrtimer) -> None:
    k: Kernel = timer.data  # type: ignore[assignment]
    wait.wake_up_interruptible(k.log.log_wait)


def log_unread(k: Kernel) -> int:
    """Return how many bytes SYSLOG_ACTION_READ has not consumed yet."""
    return k.log.log_end - k.log.log_start


@syscall
async def sys_syslog(current: Task, type: SyslogTypeArg, buf: SyslogBuf, len: SyslogLen) -> int:
    """Read or control the kernel log; raises EPERM, EINVAL, EFAULT, ERESTARTSYS (syslog(2))."""
    return await do_syslog(current, type, buf, len, from_file=False)


async def do_syslog(current: Task, type: int, buf: UserPtr, count: int, *, from_file: bool) -> int:
    """Do what syslog(2) does; from_file: for /proc/kmsg, whose opener had the right.

    Raises EPERM, EINVAL, EFAULT, ERESTARTSYS.
    """
    check_syslog_permissions(current, type, from_file=from_file)
    log = current.kernel.log
    if type in (SYSLOG_ACTION_READ, SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_READ_CLEAR):
        if not buf or count < 0:
            raise LinuxError(Errno.EINVAL, "room for the log")
        if not count:
            return 0
        if not uaccess.user_pointer_ok(current, buf, count):
            raise LinuxError(Errno.EFAULT, "room for the log")
        if type == SYSLOG_ACTION_READ:
            return await _read(current, buf, count)
        return _read_all(current, buf, count, clear=type == SYSLOG_ACTION_READ_CLEAR)
    if type == SYSLOG_ACTION_CLEAR:
        log.cleared = log.log_end
    elif type == SYSLOG_ACTION_SIZE_UNREAD:
        return log_unread(current.kernel)
    elif type == SYSLOG_ACTION_SIZE_BUFFER:
        return LOG_BUF_LEN
    elif type in (SYSLOG_ACTION_CONSOLE_OFF, SYSLOG_ACTION_CONSOLE_ON, SYSLOG_ACTION_CONSOLE_LEVEL):
        _set_console_level(current.kernel, type, count)
    elif type not in (SYSLOG_ACTION_CLOSE, SYSLOG_ACTION_OPEN):
        raise LinuxError(Errno.EINVAL, f"action {type}")
    return 0


def check_syslog_permissions(current: Task, type: int, *, from_file: bool) -> None:
    """Raise EPERM unless current may do this with the log; from_file: the opener of /proc/kmsg has been asked."""
    k = current.kernel
    if from_file and type != SYSLOG_ACTION_OPEN:
        return
    if type in (SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_SIZE_BUFFER) and not k.log.dmesg_restrict:
        return
    if capability.capable(current, CAP_SYSLOG):
        return
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "CAP_SYSLOG")
    k.printk_once(
        "check_syslog_permissions",
        f"{current.comm} ({current.pid}): Attempt to access syslog with CAP_SYS_ADMIN but no CAP_SYSLOG (deprecated).",
    )


async def _read(current: Task, buf: UserPtr, count: int) -> int:
    """Wait for text, and take up to count bytes of it; raises EFAULT, ERESTARTSYS."""
    k = current.kernel
    log = k.log
    if not log_unread(k):
        with wait.Waiter(current, log.log_wait, TASK_INTERRUPTIBLE, "do_syslog") as waiter:
            while not log_unread(k):
                await waiter.sleep()
    text = log.text_from(log.log_start)[:count]
    # A byte is taken before it is stored: the one that does not fit is lost.
    stored = 0
    try:
        stored = uaccess.copy_to_user_partial(current, buf, text)
    finally:
        log.log_start += min(stored + 1, len(text))
    if stored < len(text):
        raise LinuxError(Errno.EFAULT, "a part of the log")
    return stored


def _read_all(current: Task, buf: UserPtr, count: int, *, clear: bool) -> int:
    """Copy the last count bytes that were not cleared; raises EFAULT."""
    log = current.kernel.log
    text = log.text_from(log.cleared)[-count:]
    if clear:
        log.cleared = log.log_end
    uaccess.copy_to_user(current, buf, text)
    return len(text)


def _set_console_level(k: Kernel, type: int, level: int) -> None:
    """Turn the console off or on, or set its level; raises EINVAL unless that is 1 to 8."""
    log = k.log
    if type == SYSLOG_ACTION_CONSOLE_OFF:
        if log.saved_console_loglevel < 0:
            log.saved_console_loglevel = log.console_printk[0]
        log.console_printk[0] = log.console_printk[2]
    elif type == SYSLOG_ACTION_CONSOLE_ON:
        if log.saved_console_loglevel >= 0:
            log.console_printk[0] = log.saved_console_loglevel
            log.saved_console_loglevel = -1
    else:
        if not 1 <= level <= _LEVELS:
            raise LinuxError(Errno.EINVAL, "console level")
        log.console_printk[0] = max(level, log.console_printk[2])
        log.saved_console_loglevel = -1
