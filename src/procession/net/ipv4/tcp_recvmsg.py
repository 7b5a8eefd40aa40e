"""Receiving from a connection (tcp_recvmsg and what it calls, of net/ipv4/tcp.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import TASK_INTERRUPTIBLE, signal_pending
from procession.include.linux.socket import MSG_DONTWAIT, MSG_OOB, MSG_PEEK, MSG_TRUNC, MSG_WAITALL
from procession.include.linux.tcp import TCP_CLOSE, TCP_LISTEN, TCPHDR_FIN, TCPHDR_SYN
from procession.mm import uaccess
from procession.net.core.sock import SOCK_URGINLINE, SockWaiter, sock_intr_errno, sock_rcvlowat, sock_rcvtimeo
from procession.net.ipv4 import tcp_ack, tcp_ipv4, tcp_output
from procession.net.ipv4.inet_csk import ICSK_ACK_PUSHED, ICSK_ACK_PUSHED2, ICSK_ACK_SCHED
from procession.net.ipv4.skbuff import TcpSkb
from procession.net.ipv4.sock import TcpSock
from procession.net.ipv4.tcp_data import TCP_URG_READ, TCP_URG_VALID
from procession.net.sock_async import SOCK_ASYNC_WAITDATA
from procession.net.unix.receive import Received
from procession.net.unix.sock import RCV_SHUTDOWN

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("tcp_cleanup_rbuf", "tcp_read_sock", "tcp_recvmsg")


async def tcp_recvmsg(current: Task, sk: TcpSock, buf: UserPtr, size: int, flags: int) -> Received:
    """Receive; nothing is the end. Raises ENOTCONN, EAGAIN, EFAULT, ERESTARTSYS, EINVAL, what the other end did."""
    got = Received()
    sk.owned = True
    try:
        if sk.state == TCP_LISTEN:
            raise LinuxError(Errno.ENOTCONN, "listening")
        timeo = sock_rcvtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
        if flags & MSG_OOB:
            _recv_urg(current, sk, buf, size, flags, got)
            return got
        got.size = await _recvmsg(current, sk, buf, size, flags, timeo)
        got.full = got.size
        return got
    finally:
        tcp_ipv4.release_sock(sk)


def _recv_urg(current: Task, sk: TcpSock, buf: UserPtr, size: int, flags: int, got: Received) -> None:
    """Receive the urgent byte; raises EINVAL, ENOTCONN, EAGAIN (tcp_recv_urg)."""
    if sk.flags & SOCK_URGINLINE or not sk.urg_data or sk.urg_data == TCP_URG_READ:
        raise LinuxError(Errno.EINVAL, "no urgent byte")
    if sk.state == TCP_CLOSE and not sk.done:
        raise LinuxError(Errno.ENOTCONN, "not connected")
    if sk.urg_data & TCP_URG_VALID:
        byte = sk.urg_data & 0xFF
        if not flags & MSG_PEEK:
            sk.urg_data = TCP_URG_READ
        got.flags |= MSG_OOB
        if size > 0:
            if not flags & MSG_TRUNC:
                uaccess.copy_to_user(current, buf, bytes([byte]))
            got.size = got.full = 1
        else:
            got.flags |= MSG_TRUNC
        return
    if sk.state == TCP_CLOSE or sk.shutdown & RCV_SHUTDOWN:
        return
    raise LinuxError(Errno.EAGAIN, "the urgent byte has not come yet")


class _Reading:
    """A call of tcp_recvmsg: how far it has come.  peek_seq: the place in the stream, if it only looks."""

    __slots__ = ("copied", "flags", "peek_seq", "size", "timeo")

    def __init__(self, sk: TcpSock, size: int, flags: int, timeo: int) -> None:
        self.size = size
        self.copied = 0
        self.flags = flags
        self.timeo = timeo
        self.peek_seq = sk.copied_seq

    def seq(self, sk: TcpSock) -> int:
        """Return where the next byte stands."""
        return self.peek_seq if self.flags & MSG_PEEK else sk.copied_seq

    def advance(self, sk: TcpSock, n: int) -> None:
        """So many bytes are done with."""
        if self.flags & MSG_PEEK:
            self.peek_seq += n
        else:
            sk.copied_seq += n


async def _recvmsg(current: Task, sk: TcpSock, buf: UserPtr, size: int, flags: int, timeo: int) -> int:
    reading = _Reading(sk, size, flags, timeo)
    target = sock_rcvlowat(sk, size, waitall=bool(flags & MSG_WAITALL))
    waiter: SockWaiter | None = None
    while True:
        if sk.urg_data and sk.urg_seq == reading.seq(sk):
            if reading.copied:
                break
            if signal_pending(current):
                raise LinuxError(sock_intr_errno(timeo) if timeo else Errno.EAGAIN, "tcp_recvmsg")
        skb = _next_skb(sk, reading.seq(sk))
        if skb is not None:
            if _take(current, sk, skb, buf, reading):
                break
            if reading.copied < size:
                continue
            break
        if reading.copied >= target and not sk.backlog:
            break
        if _over(current, sk, reading):
            break
        tcp_cleanup_rbuf(sk, reading.copied)
        if reading.copied >= target:
            tcp_ipv4.release_sock(sk)
            sk.owned = True
            continue
        if waiter is None:
            waiter = SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "sk_wait_data", timeo)
        if not await _wait_data(sk, waiter):
            reading.timeo = 0
    tcp_cleanup_rbuf(sk, reading.copied)
    return reading.copied


def _next_skb(sk: TcpSock, seq: int) -> TcpSkb | None:
    """Return the queued segment with that byte, or the end behind it."""
    for skb in sk.receive_queue:
        assert isinstance(skb, TcpSkb)
        offset = seq - skb.seq - (skb.flags & TCPHDR_SYN > 0)
        if offset < len(skb.data) or skb.flags & TCPHDR_FIN:
            return skb
    return None


def _take(current: Task, sk: TcpSock, skb: TcpSkb, buf: UserPtr, reading: _Reading) -> bool:
    """Copy from a segment; returns whether that is all the call gets."""
    offset = reading.seq(sk) - skb.seq - (skb.flags & TCPHDR_SYN > 0)
    if offset >= len(skb.data):
        reading.advance(sk, 1)
        if not reading.flags & MSG_PEEK:
            _eat(sk, skb)
        return True
    used = min(len(skb.data) - offset, reading.size - reading.copied)
    if sk.urg_data:
        urg_offset = sk.urg_seq - reading.seq(sk)
        if 0 <= urg_offset < used:
            if urg_offset:
                used = urg_offset
            elif not sk.flags & SOCK_URGINLINE:
                reading.advance(sk, 1)
                offset += 1
                used -= 1
    if used > 0:
        if not reading.flags & MSG_TRUNC:
            try:
                uaccess.copy_to_user(current, buf, skb.data[offset : offset + used], reading.copied)
            except LinuxError:
                if not reading.copied:
                    raise
                return True
        reading.advance(sk, used)
        reading.copied += used
        tcp_ack.tcp_rcv_space_adjust(sk)
    if sk.urg_data and sk.copied_seq > sk.urg_seq:
        sk.urg_data = 0
    if used + offset < len(skb.data):
        return False
    if skb.flags & TCPHDR_FIN:
        reading.advance(sk, 1)
    if not reading.flags & MSG_PEEK:
        _eat(sk, skb)
    return bool(skb.flags & TCPHDR_FIN)


def _eat(sk: TcpSock, skb: TcpSkb) -> None:
    """Take the first segment, which was read, off the queue (sk_eat_skb)."""
    sk.receive_queue.popleft()
    sk.rmem -= skb.truesize


def _over(current: Task, sk: TcpSock, reading: _Reading) -> bool:
    """Whether there is nothing to wait for; raises what went wrong if nothing was copied."""
    if reading.copied:
        return bool(
            sk.err
            or sk.state == TCP_CLOSE
            or sk.shutdown & RCV_SHUTDOWN
            or not reading.timeo
            or signal_pending(current)
        )
    if sk.done:
        return True
    sk.sock_error()
    if sk.shutdown & RCV_SHUTDOWN:
        return True
    if sk.state == TCP_CLOSE:
        raise LinuxError(Errno.ENOTCONN, "not connected")
    if not reading.timeo:
        raise LinuxError(Errno.EAGAIN, "nothing to read")
    if signal_pending(current):
        raise LinuxError(sock_intr_errno(sk.sk_rcvtimeo), "tcp_recvmsg")
    return False


async def _wait_data(sk: TcpSock, waiter: SockWaiter) -> bool:
    """Sleep until something comes; returns False when the time is over (sk_wait_data).

    A signal ends the sleep as well: the caller looks at it.
    """
    if waiter.timed_out:
        return False
    with waiter:
        sk.sock_flags |= SOCK_ASYNC_WAITDATA
        before = len(sk.receive_queue)
        tcp_ipv4.release_sock(sk)
        try:
            idle = len(sk.receive_queue) == before and not sk.err and not sk.shutdown & RCV_SHUTDOWN
            if idle and not signal_pending(waiter.task):
                await waiter.rest()
        finally:
            sk.owned = True
            sk.sock_flags &= ~SOCK_ASYNC_WAITDATA
    return not waiter.timed_out


def tcp_read_sock(sk: TcpSock) -> bytes:
    """Take all that has come, for the kernel itself."""
    sk.owned = True
    pieces = []
    while (skb := _next_skb(sk, sk.copied_seq)) is not None:
        offset = sk.copied_seq - skb.seq - (skb.flags & TCPHDR_SYN > 0)
        pieces.append(skb.data[offset:])
        sk.copied_seq += len(skb.data) - offset + (skb.flags & TCPHDR_FIN > 0)
        _eat(sk, skb)
    data = b"".join(pieces)
    tcp_cleanup_rbuf(sk, len(data))
    tcp_ipv4.release_sock(sk)
    return data


def tcp_cleanup_rbuf(sk: TcpSock, copied: int) -> None:
    """Acknowledge what was read, if that is worth it (tcp_cleanup_rbuf)."""
    now = False
    if sk.ack_pending & ICSK_ACK_SCHED:
        pushed = sk.ack_pending & ICSK_ACK_PUSHED2 or (sk.ack_pending & ICSK_ACK_PUSHED and not sk.ack_pingpong)
        now = sk.rcv_nxt - sk.rcv_wup > sk.rcv_mss or bool(copied > 0 and pushed and not sk.rmem)
    if copied > 0 and not now and not sk.shutdown & RCV_SHUTDOWN:
        window = tcp_output.tcp_receive_window(sk)
        if 2 * window <= sk.window_clamp:
            new = tcp_output.tcp_select_window_now(sk)
            now = bool(new) and new >= 2 * window
    if now:
        tcp_output.tcp_send_ack(sk)
