"""Receiving from local sockets (part of net/unix/af_unix.c; spec sockets 6)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import file_table
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import POLLOUT, POLLWRBAND, POLLWRNORM
from procession.include.linux.net import Scm
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.socket import (
    AF_UNIX,
    MSG_DONTWAIT,
    MSG_OOB,
    MSG_PEEK,
    MSG_WAITALL,
    SOCK_DGRAM,
    SOCK_SEQPACKET,
    SOCK_STREAM,
)
from procession.kernel import mutex, time, wait
from procession.mm import uaccess
from procession.net import scm
from procession.net.core.sock import SOCK_RCVTSTAMP, SockWaiter, sock_intr_errno, sock_rcvlowat, sock_rcvtimeo
from procession.net.sock_async import SOCK_ASYNC_WAITDATA
from procession.net.unix import af_unix, garbage
from procession.net.unix.sock import RCV_SHUTDOWN, TCP_ESTABLISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.unix.sock import Skb, UnixSock

__all__ = ("Received", "unix_recvmsg")

_AF_UNIX: Final = struct.pack("<H", AF_UNIX)


class Received:
    """What unix_recvmsg has stored.

    size: bytes.  full: the length of the whole message.  name: the sender's address, empty if it has none.
    cookie: what came along, with references.  ended: there will be no more messages, and this is none.  cut: size bytes
    were not enough.  group: the netlink group it was for, 0 if for one receiver.  stamp_ns: when it was sent, a time of
    day, 0 if nobody wants to know.  flags: MSG_ bits for msg_flags.  cmsgs: control messages (level, type, data).
    """

    __slots__ = ("cmsgs", "cookie", "cut", "ended", "flags", "full", "group", "name", "size", "stamp_ns")

    def __init__(self) -> None:
        self.size = self.full = self.group = self.stamp_ns = self.flags = 0
        self.cmsgs: Sequence[tuple[int, int, bytes]] = ()
        self.cut = False
        self.name = b""
        self.ended = False
        self.cookie = Scm()


async def unix_recvmsg(current: Task, sk: UnixSock, buf: UserPtr, size: int, flags: int) -> Received:
    """Store up to size bytes that have come, waiting for the first.

    Raises EINVAL, ENOTCONN, EOPNOTSUPP, EAGAIN, ERESTARTSYS, ECONNRESET, EFAULT.
    """
    if sk.type == SOCK_STREAM and sk.state != TCP_ESTABLISHED:
        raise LinuxError(Errno.EINVAL, "not connected")
    if sk.type == SOCK_SEQPACKET and sk.state != TCP_ESTABLISHED:
        raise LinuxError(Errno.ENOTCONN, "not connected")
    if flags & MSG_OOB:
        raise LinuxError(Errno.EOPNOTSUPP, "no urgent data")
    if sk.type != SOCK_STREAM:
        return await _dgram_recvmsg(current, sk, buf, size, flags)
    got = Received()
    current.held.append(got.cookie)
    try:
        await _stream_recvmsg(current, sk, buf, size, flags, got)
    finally:
        current.held.pop()
    return got


async def _dgram_recvmsg(current: Task, sk: UnixSock, buf: UserPtr, size: int, flags: int) -> Received:
    """Receive a datagram. Readers stand in line: in 3.2 even who does not want to wait, if another does."""
    if sk.receive_queue and (sk.readlock is None or not mutex.mutex_is_locked(sk.readlock)):
        return _take_datagram(current, sk, buf, size, flags)
    if sk.readlock is None:
        sk.readlock = mutex.mutex_init(sk.kernel, "unix->readlock")
    lock = sk.readlock
    try:
        await mutex.mutex_lock_interruptible(current, lock)
    except LinuxError as error:
        timeo = sock_rcvtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
        raise LinuxError(sock_intr_errno(timeo), error.why) from error
    try:
        await _wait_for_data(current, sk, flags)
        return _take_datagram(current, sk, buf, size, flags)
    finally:
        mutex.mutex_unlock(current, lock)


def _take_datagram(current: Task, sk: UnixSock, buf: UserPtr, size: int, flags: int) -> Received:
    """Store the first datagram, nothing if there will be no more; raises EFAULT."""
    got = Received()
    if not sk.receive_queue:
        got.ended = True
        return got
    skb = sk.receive_queue[0]
    data = skb.data
    got.full = len(data)
    got.name = _name_of(skb)
    if not flags & MSG_PEEK:
        sk.receive_queue.popleft()
        af_unix.consume_skb(skb)
        wait.wake_up_interruptible_sync(sk.peer_wait, POLLOUT | POLLWRNORM | POLLWRBAND)
    try:
        # A bad address costs the message: it has left the queue.
        uaccess.copy_to_user(current, buf, data[:size])
    except LinuxError:
        if not flags & MSG_PEEK:
            garbage.unix_notinflight(sk.kernel, skb.scm.fp)
            scm.scm_destroy(sk.kernel, current, skb.scm)
        raise
    got.size = min(size, len(data))
    got.cut = size < len(data)
    if sk.flags & SOCK_RCVTSTAMP:
        # One that came before anybody wanted to know is as old as the first look at it.
        got.stamp_ns = skb.stamp_ns = skb.stamp_ns or time.getnstimeofday(sk.kernel)
    _take_along(got.cookie, skb, flags)
    got.cookie.creds = scm.cred_to_ucred(current, got.cookie.pid, got.cookie.cred)
    return got


def _name_of(skb: Skb) -> bytes:
    addr = skb.sender.addr
    return _AF_UNIX + addr if addr else b""


def _take_along(cookie: Scm, skb: Skb, flags: int) -> None:
    """Give the receiver what came with a buffer: all of it, or in a look every file once more."""
    if flags & MSG_PEEK:
        cookie.fp = [file_table.get_file(file) for file in skb.scm.fp]
        scm.scm_set_cred(cookie, skb.scm.pid, skb.scm.cred)
    else:
        garbage.unix_notinflight(skb.sender.kernel, skb.scm.fp)
        cookie.fp, skb.scm.fp = skb.scm.fp, ()
        cookie.pid, skb.scm.pid = skb.scm.pid, None
        cookie.cred, skb.scm.cred = skb.scm.cred, None


async def _stream_recvmsg(current: Task, sk: UnixSock, buf: UserPtr, size: int, flags: int, got: Received) -> None:
    target = sock_rcvlowat(sk, size, waitall=bool(flags & MSG_WAITALL))
    first = True
    try:
        while True:
            if not sk.receive_queue:
                sk.recursion_level = 0
                if got.size >= target:
                    return
                await _wait_for_data(current, sk, flags)
                if not sk.receive_queue:
                    return
            skb = sk.receive_queue[0]
            # What different senders have written is not mixed.
            if not first and (skb.scm.pid is not got.cookie.pid or skb.scm.cred is not got.cookie.cred):
                return
            chunk = min(len(skb.data), size - got.size)
            if first:
                scm.scm_set_cred(got.cookie, skb.scm.pid, skb.scm.cred)
                got.cookie.creds = scm.cred_to_ucred(current, skb.scm.pid, skb.scm.cred)
                got.name = _name_of(skb)
                first = False
            uaccess.copy_to_user(current, buf, skb.data[:chunk], got.size)
            got.size += chunk
            got.full = got.size
            # In 3.2 a look does not go beyond the first buffer.
            if _take_bytes(sk, skb, chunk, flags, got.cookie) or got.size == size:
                return
    except LinuxError:
        if not got.size:
            scm.scm_destroy(sk.kernel, current, got.cookie)
            raise


def _take_bytes(sk: UnixSock, skb: Skb, count: int, flags: int, cookie: Scm) -> bool:
    """Take count bytes and the files off the first buffer; returns whether the read is over with that."""
    if flags & MSG_PEEK:
        cookie.fp = [file_table.get_file(file) for file in skb.scm.fp]
        return True
    if skb.scm.fp:
        garbage.unix_notinflight(sk.kernel, skb.scm.fp)
        cookie.fp, skb.scm.fp = skb.scm.fp, ()
    if count < len(skb.data):
        skb.data = skb.data[count:]
        return True
    sk.receive_queue.popleft()
    af_unix.consume_skb(skb)
    scm.scm_destroy_cred(sk.kernel, skb.scm)
    return bool(cookie.fp)


async def _wait_for_data(current: Task, sk: UnixSock, flags: int) -> None:
    """Wait for a buffer, or for the end; raises EAGAIN, ERESTARTSYS, EINTR, ECONNRESET."""
    if sk.receive_queue:
        return
    sk.sock_error()
    timeo = sock_rcvtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
    # A datagram socket that is shut down has no end, except for those who wait for it.
    if sk.shutdown & RCV_SHUTDOWN and (timeo or sk.type != SOCK_DGRAM):
        return
    if not timeo:
        raise LinuxError(Errno.EAGAIN, "nothing to read")
    stream = sk.type == SOCK_STREAM
    wchan = "unix_stream_data_wait" if stream else "skb_recv_datagram"
    if stream:
        sk.sock_flags |= SOCK_ASYNC_WAITDATA
    try:
        with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, wchan, timeo) as waiter:
            while not sk.receive_queue and not sk.err and not sk.shutdown & RCV_SHUTDOWN:
                await waiter.rest()
    finally:
        sk.sock_flags &= ~SOCK_ASYNC_WAITDATA
    if not sk.receive_queue:
        sk.sock_error()
