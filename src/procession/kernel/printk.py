"""The kernel log as user space reads it (kernel/printk.c; spec proc-kthreads 6); k.printk() writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN, CAP_SYSLOG
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.syscalls import syscall
from procession.include.linux.syslog import (
    SYSLOG_ACTION_CLEAR,
    SYSLOG_ACTION_CLOSE,
    SYSLOG_ACTION_CONSOLE_LEVEL,
    SYSLOG_ACTION_READ,
    SYSLOG_ACTION_READ_ALL,
    SYSLOG_ACTION_READ_CLEAR,
    SYSLOG_ACTION_SIZE_BUFFER,
    SYSLOG_ACTION_SIZE_UNREAD,
)
from procession.include.linux.time import NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC
from procession.include.linux.types import Int, UserPtr
from procession.kernel import capability
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("log_text", "sys_syslog")

_LOG_BUF_LEN: Final = 1 << 18


def log_text(k: Kernel, start: int = 0) -> bytes:
    """Return the log from entry start on, as dmesg -r shows it."""
    lines = (
        f"<6>[{ns // NSEC_PER_SEC:5}.{ns // NSEC_PER_USEC % USEC_PER_SEC:06}] {text}\n"
        for ns, text in k.printk_log[start:]
    )
    return "".join(lines).encode("utf-8", "backslashreplace")


@syscall
def sys_syslog(current: Task, type: Int, buf: UserPtr, len: Int) -> int:
    """Read or control the kernel log; raises EPERM, EINVAL, EFAULT (syslog(2)).

    Differs: all messages have level 6; waiting for the next one (SYSLOG_ACTION_READ) is not modelled.
    """
    k = current.kernel
    if type not in (SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_SIZE_BUFFER) and not (
        capability.capable(current, CAP_SYSLOG) or capability.capable(current, CAP_SYS_ADMIN)
    ):
        raise LinuxError(Errno.EPERM, "CAP_SYSLOG")
    if type in (SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_READ_CLEAR):
        if not buf or len < 0:
            raise LinuxError(Errno.EINVAL, "room for the log")
        text = log_text(k, k.printk_cleared)[-len:] if len else b""
        uaccess.copy_to_user(current, buf, text)
        if type == SYSLOG_ACTION_READ_CLEAR:
            k.printk_cleared = _entries(k)
        return _length(text)
    if type == SYSLOG_ACTION_CLEAR:
        k.printk_cleared = _entries(k)
    elif type == SYSLOG_ACTION_SIZE_UNREAD:
        return _length(log_text(k))
    elif type == SYSLOG_ACTION_SIZE_BUFFER:
        return _LOG_BUF_LEN
    elif type == SYSLOG_ACTION_CONSOLE_LEVEL and not 1 <= len <= 8:
        raise LinuxError(Errno.EINVAL, "console level")
    elif type == SYSLOG_ACTION_READ:
        k.not_modelled("syslog: SYSLOG_ACTION_READ")
        raise LinuxError(Errno.EINVAL, "reading the log as it comes")
    elif not SYSLOG_ACTION_CLOSE <= type <= SYSLOG_ACTION_SIZE_BUFFER:
        raise LinuxError(Errno.EINVAL, f"action {type}")
    return 0


def _entries(k: Kernel) -> int:
    return len(k.printk_log)


def _length(text: bytes) -> int:
    return len(text)
