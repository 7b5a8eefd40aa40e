"""Several messages with one call: sendmmsg(2), recvmmsg(2) (part of net/socket.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file_table
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UIO_MAXIOV
from procession.include.linux.socket import MSG_DONTWAIT, MSG_OOB, MSG_WAITFORONE, MmsgIn, MmsgOut, MsgArg
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import TimespecTimeout
from procession.include.linux.types import Fd, UInt
from procession.kernel import hrtimer, time
from procession.mm import uaccess
from procession.net import socket

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.core.sock import Sock

__all__ = ("Mmsghdr", "do_recvmmsg", "do_sendmmsg", "mmsg_timeout", "sys_recvmmsg", "sys_sendmmsg")

_TIMESPEC: Final = struct.Struct("<qq")


class Mmsghdr:
    """How a struct mmsghdr lies in memory; size, msg_len: bytes, and where the length of the message is."""

    __slots__ = ("msg_len", "size")

    def __init__(self) -> None:
        self.size = 64
        self.msg_len = 56

    async def send(self, current: Task, file: socket.SocketFile, mmsg: UserPtr, at: int, flags: int) -> int:
        """Send the message at mmsg + at."""
        return await socket.do_sendmsg(current, file, mmsg, at, flags)

    async def receive(
        self, current: Task, file: socket.SocketFile, mmsg: UserPtr, at: int, flags: int
    ) -> tuple[int, int]:
        """Receive a message into mmsg + at; returns its size and flags."""
        return await socket.do_recvmsg(current, file, mmsg, at, flags)


async def do_sendmmsg(current: Task, fd: int, mmsg: UserPtr, vlen: int, flags: int, kind: Mmsghdr) -> int:
    """Send up to vlen messages; returns how many were, and raises what stopped it only if none was (__sys_sendmmsg)."""
    file = socket.sockfd_lookup(current, fd)
    current.held.append(file_table.get_file(file))
    sent = 0
    try:
        while sent < min(vlen, UIO_MAXIOV):
            at = sent * kind.size
            size = await kind.send(current, file, mmsg, at, flags)
            uaccess.put_user(current, mmsg, size, 4, at + kind.msg_len)
            sent += 1
    except LinuxError:
        if not sent:
            raise
    finally:
        current.held.pop()
        file_table.fput(current, file)
    return sent


async def do_recvmmsg(
    current: Task, fd: int, mmsg: UserPtr, vlen: int, flags: int, end_ns: int | None, kind: Mmsghdr
) -> int:
    """Receive up to vlen messages; returns how many (__sys_recvmmsg).

    end_ns: no more are waited for when one came later, None for no end. What stopped it after the first is left for
    the next call, unless it was that there was no more to receive.
    """
    file = socket.sockfd_lookup(current, fd)
    sk: Sock = file.private_data
    sk.sock_error()
    current.held.append(file_table.get_file(file))
    received = 0
    try:
        while received < vlen:
            at = received * kind.size
            size, msg_flags = await kind.receive(current, file, mmsg, at, flags & ~MSG_WAITFORONE)
            uaccess.put_user(current, mmsg, size, 4, at + kind.msg_len)
            received += 1
            if flags & MSG_WAITFORONE:
                flags |= MSG_DONTWAIT
            if (end_ns is not None and end_ns <= current.kernel.clock.now_ns) or msg_flags & MSG_OOB:
                break
    except LinuxError as error:
        if not received:
            raise
        if error.errno != Errno.EAGAIN:
            sk.err = error.errno
    finally:
        current.held.pop()
        file_table.fput(current, file)
    return received


def mmsg_timeout(current: Task, sec: int, nsec: int) -> int:
    """Return when a time for recvmmsg is over, in ns; raises EINVAL if it is not a time (poll_select_set_timeout)."""
    if not time.timespec_valid(sec, nsec):
        raise LinuxError(Errno.EINVAL, "not a timespec")
    return hrtimer.ktime_add_safe(current.kernel.clock.now_ns, time.ktime_set(sec, nsec)) if sec or nsec else 0


@syscall
async def sys_sendmmsg(current: Task, fd: Fd, mmsg: MmsgIn, vlen: UInt, flags: MsgArg) -> int:
    """Send several messages; returns how many were (sendmmsg(2))."""
    return await do_sendmmsg(current, fd, mmsg, vlen, flags, Mmsghdr())


@syscall
async def sys_recvmmsg(
    current: Task, fd: Fd, mmsg: MmsgOut, vlen: UInt, flags: MsgArg, timeout: TimespecTimeout
) -> int:
    """Receive several messages; returns how many (recvmmsg(2)). The time counts after each, not while one waits."""
    if not timeout:
        return await do_recvmmsg(current, fd, mmsg, vlen, flags, None, Mmsghdr())
    sec, nsec = _TIMESPEC.unpack(uaccess.copy_from_user(current, timeout, _TIMESPEC.size))
    end_ns = mmsg_timeout(current, sec, nsec)
    received = await do_recvmmsg(current, fd, mmsg, vlen, flags, end_ns, Mmsghdr())
    if received:
        time.put_timespec(current, timeout, max(0, end_ns - current.kernel.clock.now_ns))
    return received
