"""POSIX message queues of 32-bit programs (ipc/compat_mq.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CREAT
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.types import Fd, Int, UInt, UserPtr
from procession.ipc import mqueue_syscalls
from procession.kernel import time
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ()

_ATTR: Final = struct.Struct("<iiii16x")
_TIMESPEC: Final = struct.Struct("<ii")
_SIGEVENT: Final = struct.Struct("<Iii")


@compat_syscall
def compat_sys_mq_open(current: Task, u_name: UserPtr, oflag: Int, mode: UInt, u_attr: UserPtr) -> Fd:
    """mq_open(2). Attributes are read only if a queue may be made."""
    attr = None
    if u_attr and oflag & O_CREAT:
        _, maxmsg, msgsize, _ = _ATTR.unpack(uaccess.copy_from_user(current, u_attr, _ATTR.size))
        attr = int(maxmsg), int(msgsize)
    return mqueue_syscalls.do_mq_open(current, u_name, oflag, mode & 0xFFFF, attr)


def _timeout(current: Task, ptr: UserPtr) -> int | None:
    """Return a time of day in ns, None for none; raises EFAULT, EINVAL (compat_prepare_timeout)."""
    if not ptr:
        return None
    sec, nsec = _TIMESPEC.unpack(uaccess.copy_from_user(current, ptr, _TIMESPEC.size))
    if not time.timespec_valid(sec, nsec):
        raise LinuxError(Errno.EINVAL, "not a timespec")
    return time.ktime_set(sec, nsec)


@compat_syscall
async def compat_sys_mq_timedsend(
    current: Task, mqdes: Fd, u_msg_ptr: UserPtr, msg_len: UInt, msg_prio: UInt, u_abs_timeout: UserPtr
) -> int:
    """mq_timedsend(2)."""
    expires_ns = _timeout(current, u_abs_timeout)
    return await mqueue_syscalls.do_mq_timedsend(current, mqdes, u_msg_ptr, msg_len, msg_prio, expires_ns)


@compat_syscall
async def compat_sys_mq_timedreceive(
    current: Task, mqdes: Fd, u_msg_ptr: UserPtr, msg_len: UInt, u_msg_prio: UserPtr, u_abs_timeout: UserPtr
) -> int:
    """mq_timedreceive(2)."""
    expires_ns = _timeout(current, u_abs_timeout)
    return await mqueue_syscalls.do_mq_timedreceive(current, mqdes, u_msg_ptr, msg_len, u_msg_prio, expires_ns)


@compat_syscall
async def compat_sys_mq_notify(current: Task, mqdes: Fd, u_notification: UserPtr) -> int:
    """mq_notify(2)."""
    notify = None
    if u_notification:
        value, signo, kind = _SIGEVENT.unpack(uaccess.copy_from_user(current, u_notification, _SIGEVENT.size))
        notify = mqueue_syscalls.mq_notification(value, signo, kind)
    return await mqueue_syscalls.do_mq_notify(current, mqdes, notify)


@compat_syscall
def compat_sys_mq_getsetattr(current: Task, mqdes: Fd, u_mqstat: UserPtr, u_omqstat: UserPtr) -> int:
    """mq_getsetattr(2)."""
    flags: int | None = None
    if u_mqstat:
        flags = _ATTR.unpack(uaccess.copy_from_user(current, u_mqstat, _ATTR.size))[0]
    old = mqueue_syscalls.do_mq_getsetattr(current, mqdes, flags)
    if u_omqstat:
        uaccess.copy_to_user(current, u_omqstat, _ATTR.pack(*old))
    return 0
