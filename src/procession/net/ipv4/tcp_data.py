"""The data of segments, and the urgent byte (part of net/ipv4/tcp_input.c)."""

from __future__ import annotations

from typing import Final

from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.signal import POLL_HUP, POLL_IN
from procession.include.linux.tcp import (
    MAX_TCP_HEADER,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_SYN_RECV,
    TCP_TIME_WAIT,
    TCPHDR_FIN,
    TCPHDR_SYN,
    TCPHDR_URG,
)
from procession.net import sock_async
from procession.net.core.sock import SOCK_RCVBUF_LOCK, SOCK_URGINLINE
from procession.net.ipv4 import inet_csk, tcp_ack, tcp_minisocks, tcp_output
from procession.net.ipv4.inet_csk import ICSK_ACK_SCHED
from procession.net.ipv4.skbuff import TcpSkb, skb_truesize
from procession.net.ipv4.sock import TcpSock
from procession.net.unix.sock import RCV_SHUTDOWN, SEND_SHUTDOWN, SIZEOF_SHARED_INFO

__all__ = ("TCP_URG_NOTYET", "TCP_URG_READ", "TCP_URG_VALID", "tcp_data_queue", "tcp_urg")

# Beside the byte in TcpSock.urg_data.
TCP_URG_VALID: Final = 0x0100
TCP_URG_NOTYET: Final = 0x0200
TCP_URG_READ: Final = 0x0400
_RAW_HEADROOM: Final = 56  # bytes before the data of a segment that a raw socket has sent


# Data.


def _prune_queue(sk: TcpSock) -> bool:
    """Make room in the receive queue; returns whether there is some now."""
    if sk.rmem >= sk.rcvbuf:
        _clamp_window(sk)
    _collapse_ofo_queue(sk)
    queue = [skb for skb in sk.receive_queue if isinstance(skb, TcpSkb)]
    sk.receive_queue.clear()
    sk.receive_queue.extend(_collapse(sk, queue, sk.copied_seq, sk.rcv_nxt))
    if sk.rmem <= sk.rcvbuf:
        return True
    sk.rmem -= sum(skb.truesize for skb in sk.ofo_queue)
    sk.ofo_queue.clear()
    return sk.rmem <= sk.rcvbuf


def _clamp_window(sk: TcpSock) -> None:
    sk.ack_quick = 0
    most = tcp_output.tcp_rmem_max(sk.kernel)
    if sk.rcvbuf < most and not sk.userlocks & SOCK_RCVBUF_LOCK:
        sk.rcvbuf = min(sk.rmem, most)
    if sk.rmem > sk.rcvbuf:
        sk.rcv_ssthresh = min(sk.window_clamp, 2 * sk.advmss)


def _collapse(sk: TcpSock, skbs: list[TcpSkb], start: int, end: int) -> list[TcpSkb]:
    """Return what segments hold from start to end in as few buffers as can be, if any wastes room (tcp_collapse)."""
    kept: list[TcpSkb] = []
    at = 0
    while at < len(skbs):
        skb = skbs[at]
        if start >= skb.end_seq:
            sk.rmem -= skb.truesize
        elif skb.flags & (TCPHDR_SYN | TCPHDR_FIN) or not _is_bloated(skb, start, skbs[at + 1 : at + 2]):
            start = skb.end_seq
            kept.append(skb)
        else:
            break
        at += 1
    while start < end and at < len(skbs):
        joined = _joined(skbs[at], start, end - start)
        sk.rmem += joined.truesize
        kept.append(joined)
        while start < joined.end_seq:
            skb = skbs[at]
            upto = min(joined.end_seq, skb.end_seq)
            joined.data += skb.data[start - skb.seq : upto - skb.seq]
            start = upto
            if start >= skb.end_seq:
                sk.rmem -= skb.truesize
                at += 1
                if at == len(skbs) or skbs[at].flags & (TCPHDR_SYN | TCPHDR_FIN):
                    joined.end_seq = start
                    return kept + skbs[at:]
    return kept + skbs[at:]


def _is_bloated(skb: TcpSkb, start: int, following: list[TcpSkb]) -> bool:
    """Whether a segment holds less than its buffer could, or what was read, or does not end where the next begins."""
    if tcp_output.tcp_win_from_space(skb.truesize) > len(skb.data) or skb.seq < start:
        return True
    return bool(following) and following[0].seq != skb.end_seq


def _joined(skb: TcpSkb, start: int, size: int) -> TcpSkb:
    """Return a buffer for size bytes from start on, or what a page holds, still empty, with the head of a segment."""
    headroom = MAX_TCP_HEADER if skb.rcv_wscale >= 0 else _RAW_HEADROOM
    size = min(size, PAGE_SIZE - headroom - SIZEOF_SHARED_INFO)
    joined = TcpSkb(skb.saddr, skb.source, skb.daddr, skb.dest)
    joined.protocol, joined.hops, joined.tos, joined.flags = skb.protocol, skb.hops, skb.tos, skb.flags
    joined.seq, joined.end_seq = start, start + size
    joined.rcv_wscale = skb.rcv_wscale
    joined.truesize = skb_truesize(size + headroom)
    return joined


def _collapse_ofo_queue(sk: TcpSock) -> None:
    """Do so with what has come too early: with each piece that has no gap (tcp_collapse_ofo_queue)."""
    pieces: list[list[TcpSkb]] = []
    end = 0
    for skb in sk.ofo_queue:
        if not pieces or skb.seq > end:
            pieces.append([])
        pieces[-1].append(skb)
        end = max(end, skb.end_seq) if len(pieces[-1]) > 1 else skb.end_seq
    sk.ofo_queue.clear()
    for piece in pieces:
        sk.ofo_queue += _collapse(sk, piece, piece[0].seq, max([skb.end_seq for skb in piece]))


def _try_rmem_schedule(sk: TcpSock, size: int) -> bool:
    return sk.rmem <= sk.rcvbuf or _prune_queue(sk)


def tcp_data_queue(sk: TcpSock, skb: TcpSkb) -> None:
    """Take the data and the end of a segment (tcp_data_queue)."""
    if skb.seq == skb.end_seq:
        return
    if skb.seq == sk.rcv_nxt:
        if not tcp_output.tcp_receive_window(sk):
            tcp_ack.tcp_enter_quickack_mode(sk)
            sk.ack_pending |= ICSK_ACK_SCHED
            return
        _queue_and_out(sk, skb)
        return
    if skb.end_seq <= sk.rcv_nxt:
        tcp_ack.tcp_enter_quickack_mode(sk)
        sk.ack_pending |= ICSK_ACK_SCHED
        return
    if skb.seq >= sk.rcv_nxt + tcp_output.tcp_receive_window(sk):
        tcp_ack.tcp_enter_quickack_mode(sk)
        sk.ack_pending |= ICSK_ACK_SCHED
        return
    tcp_ack.tcp_enter_quickack_mode(sk)
    if skb.seq < sk.rcv_nxt:
        # A part is new.
        if tcp_output.tcp_receive_window(sk):
            skb.data = skb.data[sk.rcv_nxt - skb.seq :]
            skb.seq = sk.rcv_nxt
            _queue_and_out(sk, skb)
        return
    if not _try_rmem_schedule(sk, skb.truesize):
        return
    sk.ack_pending |= ICSK_ACK_SCHED
    _ofo_insert(sk, skb)


def _queue_and_out(sk: TcpSock, skb: TcpSkb) -> None:
    """Take the data that is next, and what had come too early behind it."""
    if not _try_rmem_schedule(sk, skb.truesize):
        return
    _queue(sk, skb)
    if sk.ofo_queue:
        _ofo_queue(sk)
        # A gap that was filled is told of at once.
        if not sk.ofo_queue:
            sk.ack_pingpong = False
    if not sk.dead:
        inet_csk.sk_data_ready(sk)


def _ofo_insert(sk: TcpSock, skb: TcpSkb) -> None:
    """Keep what came too early: not what is there already, and instead of all that it covers."""
    queue = sk.ofo_queue
    at = len(queue)
    while at and queue[at - 1].seq > skb.seq:
        at -= 1
    if at and queue[at - 1].end_seq > skb.seq:
        if skb.end_seq <= queue[at - 1].end_seq:
            return
        if queue[at - 1].seq == skb.seq:
            at -= 1
    while at < len(queue) and queue[at].end_seq <= skb.end_seq:
        sk.rmem -= queue.pop(at).truesize
    sk.rmem += skb.truesize
    queue.insert(at, skb)


def _queue(sk: TcpSock, skb: TcpSkb) -> None:
    sk.rmem += skb.truesize
    sk.receive_queue.append(skb)
    sk.rcv_nxt = skb.end_seq
    if skb.length():
        tcp_ack.tcp_event_data_recv(sk, skb)
    if skb.flags & TCPHDR_FIN:
        _fin(sk)


def _ofo_queue(sk: TcpSock) -> None:
    """Take what came too early and is next now."""
    while sk.ofo_queue and sk.ofo_queue[0].seq <= sk.rcv_nxt:
        skb = sk.ofo_queue.pop(0)
        if skb.end_seq <= sk.rcv_nxt:
            sk.rmem -= skb.truesize
            continue
        skb.data = skb.data[sk.rcv_nxt - skb.seq :]
        skb.seq = sk.rcv_nxt
        sk.receive_queue.append(skb)
        sk.rcv_nxt = skb.end_seq
        if skb.flags & TCPHDR_FIN:
            _fin(sk)


def _fin(sk: TcpSock) -> None:
    """The other end sends nothing any more."""
    sk.ack_pending |= ICSK_ACK_SCHED
    sk.shutdown |= RCV_SHUTDOWN
    sk.done = True
    state = sk.state
    if state in (TCP_SYN_RECV, TCP_ESTABLISHED):
        inet_csk.tcp_set_state(sk, TCP_CLOSE_WAIT)
        sk.ack_pingpong = True
    elif state == TCP_FIN_WAIT1:
        tcp_output.tcp_send_ack(sk)
        inet_csk.tcp_set_state(sk, TCP_CLOSING)
    elif state == TCP_FIN_WAIT2:
        tcp_output.tcp_send_ack(sk)
        tcp_minisocks.tcp_time_wait(sk, TCP_TIME_WAIT, 0)
    sk.rmem -= sum(skb.truesize for skb in sk.ofo_queue)
    sk.ofo_queue.clear()
    if not sk.dead:
        inet_csk.sk_state_change(sk)
        both = sk.shutdown == RCV_SHUTDOWN | SEND_SHUTDOWN or sk.state == TCP_CLOSE
        sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_WAITD, POLL_HUP if both else POLL_IN)


# Urgent data.


def _check_urg(sk: TcpSock, skb: TcpSkb) -> None:
    """A segment says where the urgent byte stands."""
    ptr = skb.seq + max(skb.urg - 1, 0)
    if sk.copied_seq > ptr or ptr < sk.rcv_nxt:
        return
    if sk.urg_data and ptr <= sk.urg_seq:
        return
    inet_csk.sk_send_sigurg(sk)
    # What was urgent before becomes data, but for the byte if it is the next one and was read.
    if sk.urg_seq == sk.copied_seq and sk.urg_data and not sk.flags & SOCK_URGINLINE and sk.copied_seq != sk.rcv_nxt:
        first = sk.receive_queue[0] if sk.receive_queue else None
        sk.copied_seq += 1
        if isinstance(first, TcpSkb) and sk.copied_seq >= first.end_seq:
            sk.receive_queue.popleft()
            sk.rmem -= first.truesize
    sk.urg_data = TCP_URG_NOTYET
    sk.urg_seq = ptr


def tcp_urg(sk: TcpSock, skb: TcpSkb) -> None:
    """Look for the urgent byte in a segment."""
    if skb.flags & TCPHDR_URG:
        _check_urg(sk, skb)
    if sk.urg_data == TCP_URG_NOTYET:
        at = sk.urg_seq - skb.seq  # before it, if that segment had no room here
        if 0 <= at < len(skb.data):
            sk.urg_data = TCP_URG_VALID | skb.data[at]
            if not sk.dead:
                inet_csk.sk_data_ready(sk)
