"""What a program does with a connection (net/ipv4/tcp.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLPRI, POLLRDHUP, POLLRDNORM, POLLWRNORM
from procession.include.linux.sched import TASK_INTERRUPTIBLE, signal_pending
from procession.include.linux.signal import SIGPIPE
from procession.include.linux.socket import MSG_DONTWAIT, MSG_MORE, MSG_NOSIGNAL, MSG_OOB
from procession.include.linux.tcp import (
    MAX_TCP_HEADER,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_LAST_ACK,
    TCP_LISTEN,
    TCP_NAGLE_CORK,
    TCP_NAGLE_PUSH,
    TCP_SYN_RECV,
    TCP_SYN_SENT,
    TCPF_CLOSE,
    TCPF_CLOSE_WAIT,
    TCPF_CLOSING,
    TCPF_ESTABLISHED,
    TCPF_FIN_WAIT1,
    TCPF_FIN_WAIT2,
    TCPF_LAST_ACK,
    TCPF_LISTEN,
    TCPF_SYN_RECV,
    TCPF_SYN_SENT,
    TCPHDR_ACK,
    TCPHDR_PSH,
)
from procession.kernel import signal_send
from procession.mm import uaccess
from procession.net.core.sock import SOCK_LINGER, SOCK_URGINLINE, SockWaiter, sock_intr_errno, sock_sndtimeo
from procession.net.ipv4 import inet_csk, ip_output, tcp_input, tcp_ipv4, tcp_minisocks, tcp_output
from procession.net.ipv4.skbuff import SKB_OVERHEAD, TcpSkb, alloc_skb
from procession.net.ipv4.sock import SOCK_BINDADDR_LOCK, TcpSock, sock_orphan
from procession.net.ipv4.tcp_data import TCP_URG_VALID
from procession.net.sock_async import SOCK_ASYNC_NOSPACE
from procession.net.unix.sock import RCV_SHUTDOWN, SEND_SHUTDOWN, SHUTDOWN_MASK

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "tcp_close",
    "tcp_disconnect",
    "tcp_inq",
    "tcp_linger",
    "tcp_poll",
    "tcp_push_frames",
    "tcp_release",
    "tcp_sendmsg",
    "tcp_shutdown",
)

_ROOM: Final = (
    tcp_output.SKB_HEAD - MAX_TCP_HEADER - (SKB_OVERHEAD - 192)
)  # data that lies behind the head of a segment
_CONNECTED: Final = TCPF_ESTABLISHED | TCPF_CLOSE_WAIT
_CONNECTING: Final = TCPF_SYN_SENT | TCPF_SYN_RECV

# Where closing leads to, and whether a FIN is sent (new_state).
_NEW_STATE: Final = {
    TCP_ESTABLISHED: (TCP_FIN_WAIT1, True),
    TCP_SYN_SENT: (TCP_CLOSE, False),
    TCP_SYN_RECV: (TCP_FIN_WAIT1, True),
    TCP_FIN_WAIT1: (TCP_FIN_WAIT1, False),
    TCP_FIN_WAIT2: (TCP_FIN_WAIT2, False),
    TCP_CLOSE: (TCP_CLOSE, False),
    TCP_CLOSE_WAIT: (TCP_LAST_ACK, True),
    TCP_LAST_ACK: (TCP_LAST_ACK, False),
    TCP_LISTEN: (TCP_CLOSE, False),
    TCP_CLOSING: (TCP_CLOSING, False),
}


def tcp_release(sk: TcpSock) -> None:
    """A call that has worked with a socket is done."""
    tcp_ipv4.release_sock(sk)


# Polling.


def tcp_poll(sk: TcpSock, table: PollTable | None) -> int:
    """Return what can be done without waiting."""
    if table is not None:
        table.wait(sk.wait)
    if sk.state == TCP_LISTEN:
        return POLLIN | POLLRDNORM if sk.accept_queue else 0
    mask = 0
    if sk.shutdown == SHUTDOWN_MASK or sk.state == TCP_CLOSE:
        mask |= POLLHUP
    if sk.shutdown & RCV_SHUTDOWN:
        mask |= POLLIN | POLLRDNORM | POLLRDHUP
    if not 1 << sk.state & _CONNECTING:
        target = sk.rcvlowat
        if sk.urg_seq == sk.copied_seq and not sk.flags & SOCK_URGINLINE and sk.urg_data:
            target += 1
        if sk.rcv_nxt - sk.copied_seq >= target:
            mask |= POLLIN | POLLRDNORM
        if sk.shutdown & SEND_SHUTDOWN or _has_room(sk):
            mask |= POLLOUT | POLLWRNORM
        else:
            sk.sock_flags |= SOCK_ASYNC_NOSPACE
            sk.nospace = True
        if sk.urg_data & TCP_URG_VALID:
            mask |= POLLPRI
    if sk.err:
        mask |= POLLERR
    return mask


def _has_room(sk: TcpSock) -> bool:
    return sk.sndbuf - sk.wmem_queued >= sk.wmem_queued >> 1


def tcp_inq(sk: TcpSock) -> int:
    """Return how many bytes can be read, up to the urgent one (SIOCINQ)."""
    if 1 << sk.state & _CONNECTING:
        return 0
    if sk.flags & SOCK_URGINLINE or not sk.urg_data or sk.urg_seq < sk.copied_seq or sk.urg_seq >= sk.rcv_nxt:
        answer = sk.rcv_nxt - sk.copied_seq
        # The end counts as one.
        if answer and sk.done:
            answer -= 1
        return answer
    return sk.urg_seq - sk.copied_seq


# Sending.


async def tcp_sendmsg(current: Task, sk: TcpSock, buf: UserPtr, size: int, flags: int) -> int:
    """Send; returns how much was taken.

    Raises EPIPE with SIGPIPE, EAGAIN, EFAULT, ERESTARTSYS, what the other end did.
    """
    sk.owned = True
    try:
        return await _sendmsg(current, sk, buf, size, flags)
    except LinuxError as error:
        raise _stream_error(current, sk, flags, error) from None
    finally:
        tcp_ipv4.release_sock(sk)


def _stream_error(current: Task, sk: TcpSock, flags: int, error: LinuxError) -> LinuxError:
    """Return what sending failed for; a broken connection says why once, and after that sends SIGPIPE."""
    if error.errno != Errno.EPIPE:
        return error
    if sk.err:
        err, sk.err = sk.err, 0
        if err != Errno.EPIPE:
            return LinuxError(Errno(err), "socket error")
    if not flags & MSG_NOSIGNAL:
        signal_send.send_sig(SIGPIPE, current, 0)
    return error


async def _sendmsg(current: Task, sk: TcpSock, buf: UserPtr, size: int, flags: int) -> int:
    timeo = sock_sndtimeo(sk, noblock=bool(flags & MSG_DONTWAIT))
    if not 1 << sk.state & _CONNECTED:
        await _wait_connect(current, sk, timeo)
    sk.sock_flags &= ~SOCK_ASYNC_NOSPACE
    large = not flags & MSG_OOB
    mss_now = tcp_output.tcp_current_mss(sk)
    size_goal = tcp_output.tcp_xmit_size_goal(sk, mss_now, large=large)
    if sk.err or sk.shutdown & SEND_SHUTDOWN:
        raise LinuxError(Errno.EPIPE, "not to be sent to any more")
    copied = 0
    waiting: SockWaiter | None = None
    try:
        while copied < size:
            skb = sk.write_queue[-1] if sk.send_head < len(sk.write_queue) else None
            room = size_goal - len(skb.buf) if skb is not None else 0
            if room <= 0:
                if sk.wmem_queued >= sk.sndbuf or not _may_alloc(sk):
                    sk.nospace = True
                    if copied:
                        _push(sk, flags & ~MSG_MORE, mss_now, TCP_NAGLE_PUSH)
                    waiting = await _wait_memory(current, sk, timeo, waiting)
                    size_goal = tcp_output.tcp_xmit_size_goal(sk, mss_now, large=large)
                    continue
                skb = _new_segment(sk)
                room = size_goal
            assert skb is not None
            piece = _copy(current, sk, skb, buf, min(room, size - copied), copied)
            if not copied:
                skb.flags &= ~TCPHDR_PSH
            sk.write_seq += piece
            skb.end_seq += piece
            copied += piece
            if copied < size and len(skb.buf) >= size_goal and large:
                _push_full(sk, skb, mss_now)
    except LinuxError:
        if not copied:
            raise
    if copied:
        _push(sk, flags, mss_now, sk.nonagle)
    return copied


def _push_full(sk: TcpSock, skb: TcpSkb, mss_now: int) -> None:
    """A segment is full, and more is to come: let it go."""
    if _forced_push(sk):
        _mark_push(sk, skb)
        tcp_output.tcp_push_pending_frames(sk, mss_now, TCP_NAGLE_PUSH)
    elif sk.send_head == len(sk.write_queue) - 1:
        tcp_output.tcp_write_xmit(sk, mss_now, TCP_NAGLE_PUSH, push_one=True)


def _may_alloc(sk: TcpSock) -> bool:
    """Whether there is memory for a segment; who finds none waits for some, as for room."""
    try:
        alloc_skb(sk.kernel)
    except LinuxError:
        return False
    return True


def _new_segment(sk: TcpSock) -> TcpSkb:
    """Put an empty segment at the end of the queue (sk_stream_alloc_skb, skb_entail)."""
    skb = TcpSkb(sk.saddr, sk.sport, sk.daddr, sk.dport)
    skb.seq = skb.end_seq = sk.write_seq
    skb.flags = TCPHDR_ACK
    skb.truesize = tcp_output.SKB_HEAD + 192
    skb.room = _ROOM
    sk.write_queue.append(skb)
    sk.wmem_queued += skb.truesize
    if sk.nonagle & TCP_NAGLE_PUSH:
        sk.nonagle &= ~TCP_NAGLE_PUSH
    return skb


def _copy(current: Task, sk: TcpSock, skb: TcpSkb, buf: UserPtr, want: int, at: int) -> int:
    """Copy up to want bytes behind a segment's data; raises EFAULT if there are none."""
    try:
        data = uaccess.copy_from_user(current, buf, want, at)
    except LinuxError:
        try:
            data = uaccess.copy_from_user_partial(current, buf, want, at)
        except LinuxError:
            if not skb.buf:
                sk.write_queue.pop()
                sk.wmem_queued -= skb.truesize
            raise
    skb.buf += data
    in_head = min(skb.room, len(data))
    skb.room -= in_head
    skb.truesize += len(data) - in_head
    sk.wmem_queued += len(data) - in_head
    return len(data)


def _forced_push(sk: TcpSock) -> bool:
    return sk.write_seq > sk.pushed_seq + (sk.max_window >> 1)


def _mark_push(sk: TcpSock, skb: TcpSkb) -> None:
    skb.flags |= TCPHDR_PSH
    sk.pushed_seq = sk.write_seq


def _push(sk: TcpSock, flags: int, mss_now: int, nonagle: int) -> None:
    """Send what was taken, unless more is to come (tcp_push)."""
    if tcp_output.tcp_send_head(sk) is None:
        return
    if not flags & MSG_MORE or _forced_push(sk):
        _mark_push(sk, sk.write_queue[-1])
    if flags & MSG_OOB:
        sk.snd_up = sk.write_seq
    tcp_output.tcp_push_pending_frames(sk, mss_now, TCP_NAGLE_CORK if flags & MSG_MORE else nonagle)


def tcp_push_frames(sk: TcpSock) -> None:
    """Send what was held back (tcp_push_pending_frames)."""
    if tcp_output.tcp_send_head(sk) is not None:
        tcp_output.tcp_push_pending_frames(sk, tcp_output.tcp_current_mss(sk), sk.nonagle)


async def _wait_connect(current: Task, sk: TcpSock, timeo: int) -> None:
    """Wait until a connection is open; raises EPIPE, EAGAIN, ERESTARTSYS, what went wrong (sk_stream_wait_connect)."""
    with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "sk_stream_wait_connect", timeo) as waiter:
        while True:
            sk.sock_error()
            if not 1 << sk.state & _CONNECTING:
                if 1 << sk.state & _CONNECTED:
                    return
                raise LinuxError(Errno.EPIPE, "not connected")
            if not timeo:
                raise LinuxError(Errno.EAGAIN, "not connected yet")
            tcp_ipv4.release_sock(sk)
            try:
                if 1 << sk.state & _CONNECTING and not sk.err:
                    await waiter.rest()
            finally:
                sk.owned = True


async def _wait_memory(current: Task, sk: TcpSock, timeo: int, waiting: SockWaiter | None) -> SockWaiter:
    """Wait for room; raises EPIPE, EAGAIN, ERESTARTSYS (sk_stream_wait_memory).

    waiting: what an earlier wait of this call returned, whose time goes on.
    """
    waiter = waiting or SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "sk_stream_wait_memory", timeo)
    with waiter:
        while True:
            sk.sock_flags |= SOCK_ASYNC_NOSPACE
            if sk.err or sk.shutdown & SEND_SHUTDOWN:
                raise LinuxError(Errno.EPIPE, "not to be sent to any more")
            if not timeo:
                raise LinuxError(Errno.EAGAIN, "the send buffer is full")
            if signal_pending(current):
                raise LinuxError(sock_intr_errno(timeo), "sk_stream_wait_memory")
            sk.sock_flags &= ~SOCK_ASYNC_NOSPACE
            if sk.wmem_queued < sk.sndbuf:
                return waiter
            sk.nospace = True
            tcp_ipv4.release_sock(sk)
            try:
                if not (sk.err or sk.shutdown & SEND_SHUTDOWN or sk.wmem_queued < sk.sndbuf):
                    await waiter.rest()
            finally:
                sk.owned = True


# The end.


def _close_state(sk: TcpSock) -> bool:
    """Go where closing leads to; returns whether a FIN is to be sent."""
    state, fin = _NEW_STATE[sk.state]
    inet_csk.tcp_set_state(sk, state)
    return fin


def tcp_shutdown(sk: TcpSock, how: int) -> None:
    """Send no more; receiving goes on."""
    if not how & SEND_SHUTDOWN:
        return
    if 1 << sk.state & (TCPF_ESTABLISHED | TCPF_SYN_SENT | TCPF_SYN_RECV | TCPF_CLOSE_WAIT) and _close_state(sk):
        tcp_output.tcp_send_fin(sk)


def _drop_unread(sk: TcpSock) -> bool:
    """Empty the receive queue; returns whether data was in it."""
    unread = any(skb.data for skb in sk.receive_queue)
    sk.receive_queue.clear()
    sk.rmem = 0
    return unread


async def tcp_linger(current: Task, sk: TcpSock) -> None:
    """Send the FIN; wait for SO_LINGER's time until it is acknowledged, or a signal comes (sk_stream_wait_close)."""
    if 1 << sk.state & (TCPF_CLOSE | TCPF_LISTEN) or any(skb.data for skb in sk.receive_queue):
        return
    sk.owned = True
    sk.shutdown = SHUTDOWN_MASK
    if _close_state(sk):
        tcp_output.tcp_send_fin(sk)
    tcp_ipv4.release_sock(sk)
    waiter = SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "sk_stream_wait_close", sk.lingertime)
    with waiter:
        while 1 << sk.state & (TCPF_FIN_WAIT1 | TCPF_CLOSING | TCPF_LAST_ACK):
            if waiter.timed_out or signal_pending(current):
                break
            await waiter.rest()


def tcp_close(sk: TcpSock) -> None:
    """No file is the socket's any more: end the connection in order, or with a reset if data was not read."""
    k = sk.kernel
    sk.owned = True
    sk.shutdown = SHUTDOWN_MASK
    lingers = sk.flags & SOCK_LINGER and not sk.lingertime
    if sk.state == TCP_LISTEN:
        inet_csk.tcp_set_state(sk, TCP_CLOSE)
        tcp_ipv4.inet_csk_listen_stop(sk)
    else:
        unread = _drop_unread(sk)
        if sk.state != TCP_CLOSE:
            if unread:
                inet_csk.tcp_set_state(sk, TCP_CLOSE)
                tcp_output.tcp_send_active_reset(sk)
            elif lingers:
                tcp_disconnect(sk)
            elif _close_state(sk):
                tcp_output.tcp_send_fin(sk)
    sock_orphan(sk)
    sk.orphan = True
    k.net.orphan_count += 1
    inet_csk.sk_put(sk)
    tcp_ipv4.release_sock(sk)
    if sk.destroyed:
        return
    ip_output.local_bh_disable(k)
    _orphan(sk)
    ip_output.local_bh_enable(k)


def _orphan(sk: TcpSock) -> None:
    """Say how long an orphan goes on (the end of tcp_close)."""
    if sk.state == TCP_FIN_WAIT2:
        if sk.linger2 < 0:
            inet_csk.tcp_set_state(sk, TCP_CLOSE)
            tcp_output.tcp_send_active_reset(sk)
        else:
            tmo = tcp_input.tcp_fin_time(sk)
            if tmo > tcp_minisocks.TCP_TIMEWAIT_LEN:
                inet_csk.inet_csk_reset_keepalive_timer(sk, tmo - tcp_minisocks.TCP_TIMEWAIT_LEN)
            else:
                tcp_minisocks.tcp_time_wait(sk, TCP_FIN_WAIT2, tmo)
                return
    if sk.state == TCP_CLOSE:
        inet_csk.inet_csk_destroy_sock(sk)


def tcp_disconnect(sk: TcpSock) -> None:
    """Be as new again, but for a name that was given with bind; the other end gets a reset."""
    old = sk.state
    if old != TCP_CLOSE:
        inet_csk.tcp_set_state(sk, TCP_CLOSE)
    if old == TCP_LISTEN:
        tcp_ipv4.inet_csk_listen_stop(sk)
    elif _need_reset(old) or (sk.snd_nxt != sk.write_seq and 1 << old & (TCPF_CLOSING | TCPF_LAST_ACK)):
        tcp_output.tcp_send_active_reset(sk)
        sk.err = Errno.ECONNRESET
    elif old == TCP_SYN_SENT:
        sk.err = Errno.ECONNRESET
    inet_csk.tcp_clear_xmit_timers(sk)
    sk.receive_queue.clear()
    sk.ofo_queue.clear()
    sk.rmem = 0
    inet_csk.tcp_write_queue_purge(sk)
    sk.dport = 0
    if not sk.userlocks & SOCK_BINDADDR_LOCK:
        sk.saddr = sk.rcv_saddr = sk.any_address()
    sk.shutdown = 0
    sk.done = False
    sk.srtt = 0
    sk.write_seq += sk.max_window + 2
    sk.backoff = 0
    sk.snd_cwnd = 2
    sk.frto_highmark = 0
    sk.probes_out = 0
    sk.packets_out = 0
    sk.snd_ssthresh = 0x7FFFFFFF
    sk.snd_cwnd_cnt = 0
    sk.urg_data = 0
    sk.ack_pingpong = False
    sk.ack_ato = sk.ack_quick = 0
    sk.daddr = sk.any_address()
    inet_csk.sk_error_report(sk)


def _need_reset(state: int) -> bool:
    flags = TCPF_ESTABLISHED | TCPF_CLOSE_WAIT | TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2 | TCPF_SYN_RECV
    return bool(1 << state & flags)
