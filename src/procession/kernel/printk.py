"""The kernel log as user space reads it (kernel/printk.c; spec proc-kthreads 6); k.printk() writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cred import Cap
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int, UserPtr
from procession.kernel import capability
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("log_text", "sys_syslog")

_CLOSE, _OPEN, _READ, _READ_ALL, _READ_CLEAR, _CLEAR = range(6)
_CONSOLE_OFF, _CONSOLE_ON, _CONSOLE_LEVEL, _SIZE_UNREAD, _SIZE_BUFFER = range(6, 11)
_LOG_BUF_LEN = 1 << 18


def log_text(k: Kernel, start: int = 0) -> bytes:
    """Return the log from entry start on, as dmesg -r shows it."""
    lines = (
        f"<6>[{ns // 1_000_000_000:5}.{ns // 1000 % 1_000_000:06}] {text}\n" for ns, text in k.printk_log[start:]
    )
    return "".join(lines).encode("utf-8", "backslashreplace")


@syscall
def sys_syslog(current: Task, type: Int, buf: UserPtr, len: Int) -> int:
    """Read or control the kernel log; raises EPERM, EINVAL, EFAULT (syslog(2)).

    Differs: all messages have level 6; waiting for the next one (SYSLOG_ACTION_READ) is not modelled.
    """
    k = current.kernel
    if type not in (_READ_ALL, _SIZE_BUFFER) and not (
        capability.capable(current, Cap.SYSLOG) or capability.capable(current, Cap.SYS_ADMIN)
    ):
        raise LinuxError(Errno.EPERM, "CAP_SYSLOG")
    if type in (_READ_ALL, _READ_CLEAR):
        if not buf or len < 0:
            raise LinuxError(Errno.EINVAL, "room for the log")
        text = log_text(k, k.printk_cleared)[-len:] if len else b""
        uaccess.copy_to_user(current, buf, text)
        if type == _READ_CLEAR:
            k.printk_cleared = _entries(k)
        return _length(text)
    if type == _CLEAR:
        k.printk_cleared = _entries(k)
    elif type == _SIZE_UNREAD:
        return _length(log_text(k))
    elif type == _SIZE_BUFFER:
        return _LOG_BUF_LEN
    elif type == _CONSOLE_LEVEL and not 1 <= len <= 8:
        raise LinuxError(Errno.EINVAL, "console level")
    elif type == _READ:
        k.not_modelled("syslog: SYSLOG_ACTION_READ")
        raise LinuxError(Errno.EINVAL, "reading the log as it comes")
    elif not _CLOSE <= type <= _SIZE_BUFFER:
        raise LinuxError(Errno.EINVAL, f"action {type}")
    return 0


def _entries(k: Kernel) -> int:
    return len(k.printk_log)


def _length(text: bytes) -> int:
    return len(text)
