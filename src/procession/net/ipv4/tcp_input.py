"""What a connection does with a segment (net/ipv4/tcp_input.c).

Differs: nothing is lost or overtaken on a loopback unless a receiver has no room, so there is no fast retransmission:
what was dropped comes again when its timer runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.signal import POLL_HUP, POLL_IN, POLL_OUT
from procession.include.linux.tcp import (
    MAX_TCP_HEADER,
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_HEADER,
    TCP_INIT_CWND,
    TCP_LAST_ACK,
    TCP_MIN_MSS,
    TCP_MSS_DEFAULT,
    TCP_SYN_RECV,
    TCP_TIME_WAIT,
    TCPHDR_ACK,
    TCPHDR_FIN,
    TCPHDR_RST,
    TCPHDR_SYN,
    TCPHDR_URG,
    TCPOLEN_TSTAMP_ALIGNED,
)
from procession.include.linux.time import HZ
from procession.net import sock_async
from procession.net.core.sock import SOCK_KEEPOPEN, SOCK_RCVBUF_LOCK, SOCK_SNDBUF_LOCK, SOCK_URGINLINE
from procession.net.ipv4 import inet_csk, tcp_minisocks, tcp_output
from procession.net.ipv4.inet_csk import (
    ICSK_ACK_PUSHED,
    ICSK_ACK_PUSHED2,
    ICSK_ACK_SCHED,
    ICSK_TIME_PROBE0,
    ICSK_TIME_RETRANS,
    TCP_DELACK_MAX,
    TCP_DELACK_MIN,
)
from procession.net.ipv4.sock import SKB_OVERHEAD, TcpSkb, TcpSock, jiffies
from procession.net.unix.sock import RCV_SHUTDOWN, SEND_SHUTDOWN

if TYPE_CHECKING:
    from procession.net.ipv4.sock import InetSkb

__all__ = (
    "TCP_URG_NOTYET",
    "TCP_URG_READ",
    "TCP_URG_VALID",
    "keepalive_time_when",
    "tcp_fin_time",
    "tcp_init_buffer_space",
    "tcp_initialize_rcv_mss",
    "tcp_rcv_space_adjust",
    "tcp_rcv_state_process",
    "tcp_reset",
    "tcp_valid_rtt_meas",
)

# Beside the byte in TcpSock.urg_data.
TCP_URG_VALID: Final = 0x0100
TCP_URG_NOTYET: Final = 0x0200
TCP_URG_READ: Final = 0x0400

TCP_RTO_MIN: Final = HZ // 5
TCP_FIN_TIMEOUT: Final = 60 * HZ
TCP_KEEPALIVE_TIME: Final = 7200 * HZ
_QUICKACKS: Final = 16


# Buffers and windows.


def _rcvmem(mss: int) -> int:
    """Return how much memory a full segment needs to count as so many bytes."""
    rcvmem = mss + MAX_TCP_HEADER + SKB_OVERHEAD
    while tcp_output.tcp_win_from_space(rcvmem) < mss:
        rcvmem += 128
    return rcvmem


def tcp_init_buffer_space(sk: TcpSock) -> None:
    """Make the buffers large enough for the first windows."""
    k = sk.kernel
    sk.snd_cwnd = TCP_INIT_CWND
    if not sk.userlocks & SOCK_RCVBUF_LOCK:
        icwnd = max(14600 // sk.advmss, 2) if sk.advmss > 1460 else 10
        sk.rcvbuf = max(sk.rcvbuf, min(_rcvmem(sk.advmss) * icwnd, tcp_output.tcp_rmem_max(k)))
    if not sk.userlocks & SOCK_SNDBUF_LOCK:
        sndmem = 10 * (sk.mss_clamp + MAX_TCP_HEADER + SKB_OVERHEAD)
        sk.sndbuf = max(sk.sndbuf, min(sndmem, tcp_output.tcp_wmem_max(k)))
    sk.rcvq_space = sk.rcv_wnd
    maxwin = tcp_output.tcp_full_space(sk)
    if sk.window_clamp >= maxwin:
        sk.window_clamp = maxwin
        if maxwin > 4 * sk.advmss:
            sk.window_clamp = max(maxwin - (maxwin >> 31), 4 * sk.advmss)
    if sk.window_clamp > 2 * sk.advmss and sk.window_clamp + sk.advmss > maxwin:
        sk.window_clamp = max(2 * sk.advmss, maxwin - sk.advmss)
    sk.rcv_ssthresh = min(sk.rcv_ssthresh, sk.window_clamp)


def tcp_initialize_rcv_mss(sk: TcpSock) -> None:
    """Guess how long the other end's segments will be."""
    hint = min(sk.advmss, sk.mss_cache, sk.rcv_wnd // 2, TCP_MSS_DEFAULT)
    sk.rcv_mss = max(hint, TCP_MIN_MSS)


def _grow_window(sk: TcpSock, skb: TcpSkb) -> None:
    if not (sk.rcv_ssthresh < sk.window_clamp and sk.rcv_ssthresh < tcp_output.tcp_space(sk)):
        return
    length = skb.length()
    incr = 0
    if tcp_output.tcp_win_from_space(skb.truesize) <= length:
        incr = 2 * sk.advmss
    else:
        truesize = tcp_output.tcp_win_from_space(skb.truesize) >> 1
        window = tcp_output.tcp_win_from_space(tcp_output.tcp_rmem_max(sk.kernel)) >> 1
        while sk.rcv_ssthresh <= window:
            if truesize <= length:
                incr = 2 * sk.rcv_mss
                break
            truesize >>= 1
            window >>= 1
    if incr:
        sk.rcv_ssthresh = min(sk.rcv_ssthresh + incr, sk.window_clamp)
        sk.ack_quick |= 1


def tcp_rcv_space_adjust(sk: TcpSock) -> None:
    """Let the receive buffer grow with what the reader takes in a round trip."""
    now = jiffies(sk.kernel)
    if sk.rcvq_time:
        time = now - sk.rcvq_time
        if time < sk.rcv_rtt >> 3 or not sk.rcv_rtt:
            return
        space = max(2 * (sk.copied_seq - sk.rcvq_seq), sk.rcvq_space)
        if sk.rcvq_space != space:
            sk.rcvq_space = space
            if not sk.userlocks & SOCK_RCVBUF_LOCK:
                segs = space // sk.advmss or 1
                rcvmem = min(segs * _rcvmem(sk.advmss), tcp_output.tcp_rmem_max(sk.kernel))
                if rcvmem > sk.rcvbuf:
                    sk.rcvbuf = rcvmem
                    sk.window_clamp = space
    sk.rcvq_seq = sk.copied_seq
    sk.rcvq_time = now


def _rcv_rtt_update(sk: TcpSock, sample: int, *, win_dep: bool) -> None:
    new = sk.rcv_rtt
    m = sample or 1
    if new:
        if not win_dep:
            new += m - (new >> 3)
        else:
            new = min(new, m << 3)
    else:
        new = m << 3
    sk.rcv_rtt = new


def _rcv_rtt_measure(sk: TcpSock) -> None:
    now = jiffies(sk.kernel)
    if sk.rcv_rtt_time:
        if sk.rcv_nxt < sk.rcv_rtt_seq:
            return
        _rcv_rtt_update(sk, now - sk.rcv_rtt_time, win_dep=True)
    sk.rcv_rtt_seq = sk.rcv_nxt + sk.rcv_wnd
    sk.rcv_rtt_time = now


def _rcv_rtt_measure_ts(sk: TcpSock, skb: TcpSkb) -> None:
    if skb.tsecr and skb.length() >= sk.rcv_mss:
        _rcv_rtt_update(sk, jiffies(sk.kernel) - skb.tsecr, win_dep=False)


def _measure_rcv_mss(sk: TcpSock, skb: TcpSkb) -> None:
    last = sk.ack_last_seg_size
    sk.ack_last_seg_size = 0
    length = min(skb.length(), tcp_output.tcp_mtu_mss(sk.net, len(sk.daddr)) - TCPOLEN_TSTAMP_ALIGNED)
    if length >= sk.rcv_mss:
        sk.rcv_mss = length
        return
    head = TCP_HEADER + TCPOLEN_TSTAMP_ALIGNED
    whole = length + head
    if whole >= TCP_MSS_DEFAULT + TCP_HEADER or (
        whole >= TCP_MIN_MSS + TCP_HEADER and not skb.flags & (TCPHDR_FIN | TCPHDR_URG | TCPHDR_SYN | 8)
    ):
        sk.ack_last_seg_size = length
        if length == last:
            sk.rcv_mss = length
            return
    if sk.ack_pending & ICSK_ACK_PUSHED:
        sk.ack_pending |= ICSK_ACK_PUSHED2
    sk.ack_pending |= ICSK_ACK_PUSHED


def tcp_enter_quickack_mode(sk: TcpSock) -> None:
    """Acknowledge the next segments at once."""
    _incr_quickack(sk)
    sk.ack_pingpong = False
    sk.ack_ato = TCP_DELACK_MIN


def _incr_quickack(sk: TcpSock) -> None:
    quickacks = sk.rcv_wnd // (2 * sk.rcv_mss) or 2
    if quickacks > sk.ack_quick:
        sk.ack_quick = min(quickacks, _QUICKACKS)


def _event_data_recv(sk: TcpSock, skb: TcpSkb) -> None:
    sk.ack_pending |= ICSK_ACK_SCHED
    _measure_rcv_mss(sk, skb)
    _rcv_rtt_measure(sk)
    now = jiffies(sk.kernel)
    if not sk.ack_ato:
        _incr_quickack(sk)
        sk.ack_ato = TCP_DELACK_MIN
    else:
        m = now - sk.ack_lrcvtime
        if m <= TCP_DELACK_MIN // 2:
            sk.ack_ato = (sk.ack_ato >> 1) + TCP_DELACK_MIN // 2
        elif m < sk.ack_ato:
            sk.ack_ato = min((sk.ack_ato >> 1) + m, sk.rto)
        elif m > sk.rto:
            _incr_quickack(sk)
    sk.ack_lrcvtime = now
    if skb.length() >= 128:
        _grow_window(sk, skb)


# Acknowledgements.


def tcp_valid_rtt_meas(sk: TcpSock, rtt: int) -> None:
    """Note how long a round trip took, in ticks."""
    _rtt_estimator(sk, rtt)
    sk.rto = min((sk.srtt >> 3) + sk.rttvar, tcp_output.TCP_RTO_MAX)
    sk.backoff = 0


def _rtt_estimator(sk: TcpSock, mrtt: int) -> None:
    m = mrtt or 1
    if not sk.srtt:
        sk.srtt = m << 3
        sk.mdev = m << 1
        sk.mdev_max = sk.rttvar = max(sk.mdev, TCP_RTO_MIN)
        sk.rtt_seq = sk.snd_nxt
        return
    m -= sk.srtt >> 3
    sk.srtt += m
    if m < 0:
        m = -m - (sk.mdev >> 2)
        if m > 0:
            m >>= 3
    else:
        m -= sk.mdev >> 2
    sk.mdev += m
    if sk.mdev > sk.mdev_max:
        sk.mdev_max = sk.mdev
        sk.rttvar = max(sk.rttvar, sk.mdev_max)
    if sk.snd_una > sk.rtt_seq:
        if sk.mdev_max < sk.rttvar:
            sk.rttvar -= sk.rttvar - sk.mdev_max >> 2
        sk.rtt_seq = sk.snd_nxt
        sk.mdev_max = TCP_RTO_MIN


def _clean_rtx_queue(sk: TcpSock) -> int:
    """Forget what was acknowledged; returns how many segments that was."""
    acked = 0
    while sk.send_head:
        skb = sk.write_queue[0]
        if skb.end_seq > sk.snd_una:
            if skb.seq < sk.snd_una and skb.length():
                taken = sk.snd_una - skb.seq
                del skb.buf[:taken]
                skb.seq = sk.snd_una
            break
        if skb.flags & TCPHDR_SYN:
            sk.retrans_stamp = 0
        acked += tcp_output._pcount(skb, sk.mss_cache)
        sk.wmem_queued -= skb.truesize
        sk.queue_shrunk = True
        sk.write_queue.popleft()
        sk.send_head -= 1
    if sk.send_head:
        sk.packets_out = max(sk.packets_out - acked, 1)
    else:
        sk.packets_out = 0
    return acked


def _may_update_window(sk: TcpSock, ack: int, ack_seq: int, nwin: int) -> bool:
    return ack > sk.snd_una or ack_seq > sk.snd_wl1 or (ack_seq == sk.snd_wl1 and nwin > sk.snd_wnd)


def _ack(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take an acknowledgement; returns whether it is one of something that was sent (tcp_ack)."""
    prior_snd_una = sk.snd_una
    ack = skb.ack_seq
    if ack < prior_snd_una:
        return True
    if ack > sk.snd_nxt:
        return False
    nwin = skb.window
    if _may_update_window(sk, ack, skb.seq, nwin):
        sk.snd_wl1 = skb.seq
        if sk.snd_wnd != nwin:
            sk.snd_wnd = nwin
            sk.max_window = max(sk.max_window, nwin)
    sk.snd_una = ack
    sk.err_soft = 0
    sk.rcv_tstamp = jiffies(sk.kernel)
    sk.probes_out = 0
    prior_packets = sk.packets_out
    if not prior_packets:
        _ack_probe(sk)
        return True
    acked = _clean_rtx_queue(sk)
    if acked:
        if skb.tsecr:
            tcp_valid_rtt_meas(sk, jiffies(sk.kernel) - skb.tsecr)
        sk.csk_retransmits = 0
        sk.retrans_stamp = 0
        _rearm_rto(sk)
        # Of no use while less is sent than might be.
        if prior_packets >= sk.snd_cwnd or sk.snd_cwnd - prior_packets <= 3 or sk.snd_cwnd < sk.snd_ssthresh:
            _cong_avoid(sk, acked, prior_packets)
    return True


def _cong_avoid(sk: TcpSock, acked: int, in_flight: int) -> None:
    """Let the congestion window grow if it was the limit (tcp_slow_start, tcp_cong_avoid_ai)."""
    left = sk.snd_cwnd - in_flight
    if not (left <= 0 or left * sk.mss_cache < 65536):
        return
    if sk.snd_cwnd < sk.snd_ssthresh:
        sk.snd_cwnd += acked
    else:
        sk.snd_cwnd_cnt += acked
        if sk.snd_cwnd_cnt >= sk.snd_cwnd:
            sk.snd_cwnd_cnt = 0
            sk.snd_cwnd += 1


def _rearm_rto(sk: TcpSock) -> None:
    if sk.packets_out:
        inet_csk.inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, sk.rto, tcp_output.TCP_RTO_MAX)
    else:
        inet_csk.inet_csk_clear_xmit_timer(sk)


def _ack_probe(sk: TcpSock) -> None:
    """The window was told while nothing was under way: ask again later if it is still shut (tcp_ack_probe)."""
    skb = tcp_output.tcp_send_head(sk)
    if skb is None:
        return
    if skb.end_seq <= sk.snd_una + sk.snd_wnd:
        sk.backoff = 0
        inet_csk.inet_csk_clear_xmit_timer(sk)
    else:
        when = min(sk.rto << sk.backoff, tcp_output.TCP_RTO_MAX)
        inet_csk.inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0, when, tcp_output.TCP_RTO_MAX)


def _data_snd_check(sk: TcpSock) -> None:
    """The window may have opened: send, and tell who waits for room."""
    tcp_output.tcp_push_pending_frames(sk, tcp_output.tcp_current_mss(sk), sk.nonagle)
    _check_space(sk)


def _check_space(sk: TcpSock) -> None:
    if not sk.queue_shrunk:
        return
    sk.queue_shrunk = False
    if not sk.nospace:
        return
    if not sk.userlocks & SOCK_SNDBUF_LOCK and sk.packets_out < sk.snd_cwnd:
        sndmem = max(sk.mss_clamp, sk.mss_cache) + MAX_TCP_HEADER + SKB_OVERHEAD
        sndmem *= 2 * max(sk.snd_cwnd, 4)
        if sndmem > sk.sndbuf:
            sk.sndbuf = min(sndmem, tcp_output.tcp_wmem_max(sk.kernel))
    inet_csk.sk_stream_write_space(sk)


def _ack_snd_check(sk: TcpSock) -> None:
    if not sk.ack_pending & ICSK_ACK_SCHED:
        return
    if (
        (sk.rcv_nxt - sk.rcv_wup > sk.rcv_mss and tcp_output.tcp_select_window_now(sk) >= sk.rcv_wnd)
        or (sk.ack_quick and not sk.ack_pingpong)
        or sk.ofo_queue
    ):
        tcp_output.tcp_send_ack(sk)
    else:
        tcp_output.tcp_send_delayed_ack(sk)


# Data.


def _prune_queue(sk: TcpSock) -> bool:
    """Make room in the receive queue; returns whether there is some now."""
    if sk.rmem >= sk.rcvbuf:
        _clamp_window(sk)
    _collapse(sk)
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


def _collapse(sk: TcpSock) -> None:
    """Put what waits to be read into few buffers (tcp_collapse)."""
    room = PAGE_SIZE - MAX_TCP_HEADER - (SKB_OVERHEAD - 192)
    joined: list[InetSkb] = []
    for skb in sk.receive_queue:
        assert isinstance(skb, TcpSkb)
        last = joined[-1] if joined else None
        bloated = skb.truesize > 2 * skb.length() + SKB_OVERHEAD
        if isinstance(last, TcpSkb) and bloated and not last.flags & TCPHDR_FIN and last.room:
            taken = min(last.room, len(skb.data))
            if taken == len(skb.data):
                last.data += skb.data
                last.end_seq = skb.end_seq
                last.flags |= skb.flags & TCPHDR_FIN
                last.room -= taken
                sk.rmem -= skb.truesize
                continue
        if bloated:
            sk.rmem -= skb.truesize
            skb.truesize = PAGE_SIZE + 192
            sk.rmem += skb.truesize
            skb.room = max(room - len(skb.data), 0)
        joined.append(skb)
    sk.receive_queue.clear()
    sk.receive_queue.extend(joined)


def _try_rmem_schedule(sk: TcpSock, size: int) -> bool:
    return sk.rmem <= sk.rcvbuf or _prune_queue(sk)


def _data_queue(sk: TcpSock, skb: TcpSkb) -> None:
    """Take the data and the end of a segment (tcp_data_queue)."""
    if skb.seq == skb.end_seq:
        return
    if skb.seq == sk.rcv_nxt:
        if not tcp_output.tcp_receive_window(sk):
            tcp_enter_quickack_mode(sk)
            sk.ack_pending |= ICSK_ACK_SCHED
            return
        if not _try_rmem_schedule(sk, skb.truesize):
            return
        _queue(sk, skb)
        if sk.ofo_queue:
            _ofo_queue(sk)
        if not sk.dead:
            inet_csk.sk_data_ready(sk)
        return
    if skb.end_seq <= sk.rcv_nxt:
        tcp_enter_quickack_mode(sk)
        sk.ack_pending |= ICSK_ACK_SCHED
        return
    if skb.seq >= sk.rcv_nxt + tcp_output.tcp_receive_window(sk):
        tcp_enter_quickack_mode(sk)
        sk.ack_pending |= ICSK_ACK_SCHED
        return
    tcp_enter_quickack_mode(sk)
    if skb.seq < sk.rcv_nxt:
        # A part is new.
        if tcp_output.tcp_receive_window(sk) and _try_rmem_schedule(sk, skb.truesize):
            skb.data = skb.data[sk.rcv_nxt - skb.seq :]
            skb.seq = sk.rcv_nxt
            _queue(sk, skb)
            if not sk.dead:
                inet_csk.sk_data_ready(sk)
        return
    if not _try_rmem_schedule(sk, skb.truesize):
        return
    sk.ack_pending |= ICSK_ACK_SCHED
    if all(other.seq != skb.seq for other in sk.ofo_queue):
        sk.rmem += skb.truesize
        sk.ofo_queue.append(skb)
        sk.ofo_queue.sort(key=_by_seq)


def _by_seq(skb: TcpSkb) -> int:
    return skb.seq


def _queue(sk: TcpSock, skb: TcpSkb) -> None:
    sk.rmem += skb.truesize
    sk.receive_queue.append(skb)
    sk.rcv_nxt = skb.end_seq
    if skb.length():
        _event_data_recv(sk, skb)
    if skb.flags & TCPHDR_FIN:
        _fin(sk)


def _ofo_queue(sk: TcpSock) -> None:
    """Take what came too early and is next now."""
    while sk.ofo_queue and sk.ofo_queue[0].seq <= sk.rcv_nxt:
        skb = sk.ofo_queue.pop(0)
        sk.rmem -= skb.truesize
        if skb.end_seq > sk.rcv_nxt:
            skb.data = skb.data[sk.rcv_nxt - skb.seq :]
            skb.seq = sk.rcv_nxt
            _queue(sk, skb)


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
    ptr = skb.seq + skb.urg - 1
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


def _urg(sk: TcpSock, skb: TcpSkb) -> None:
    if skb.flags & TCPHDR_URG:
        _check_urg(sk, skb)
    if sk.urg_data == TCP_URG_NOTYET:
        at = sk.urg_seq - skb.seq
        if at < len(skb.data):
            sk.urg_data = TCP_URG_VALID | skb.data[at]
            if not sk.dead:
                inet_csk.sk_data_ready(sk)


# States.


def keepalive_time_when(sk: TcpSock) -> int:
    """Return after how many idle ticks the other end is asked whether it lives."""
    return sk.keepalive_time or TCP_KEEPALIVE_TIME


def tcp_fin_time(sk: TcpSock) -> int:
    """Return how long an orphan waits for the other end's FIN, in ticks."""
    fin_timeout = sk.linger2 or TCP_FIN_TIMEOUT
    return max(fin_timeout, (sk.rto << 2) - (sk.rto >> 1))


def tcp_reset(sk: TcpSock) -> None:
    """The other end has ended the connection with a RST."""
    if sk.state == 2:
        sk.err = Errno.ECONNREFUSED
    elif sk.state == TCP_CLOSE_WAIT:
        sk.err = Errno.EPIPE
    elif sk.state == TCP_CLOSE:
        return
    else:
        sk.err = Errno.ECONNRESET
    if not sk.dead:
        inet_csk.sk_error_report(sk)
    inet_csk.tcp_done(sk)


def _sequence(sk: TcpSock, seq: int, end_seq: int) -> bool:
    return end_seq >= sk.rcv_wup and seq <= sk.rcv_nxt + tcp_output.tcp_receive_window(sk)


def _validate_incoming(sk: TcpSock, skb: TcpSkb) -> bool:
    """Whether a segment is one to look at: of this window, no reset, no SYN."""
    if sk.tstamp_ok and skb.tsval < sk.ts_recent and not skb.flags & TCPHDR_RST:
        _send_dupack(sk, skb)
        return False
    if not _sequence(sk, skb.seq, skb.end_seq):
        if not skb.flags & TCPHDR_RST:
            _send_dupack(sk, skb)
        return False
    if skb.flags & TCPHDR_RST:
        tcp_reset(sk)
        return False
    if sk.tstamp_ok and skb.seq <= sk.rcv_wup:
        sk.ts_recent = skb.tsval
    if skb.flags & TCPHDR_SYN and skb.seq >= sk.rcv_nxt:
        tcp_reset(sk)
        return False
    return True


def _send_dupack(sk: TcpSock, skb: TcpSkb) -> None:
    if skb.end_seq != skb.seq and skb.seq < sk.rcv_nxt:
        tcp_enter_quickack_mode(sk)
    tcp_output.tcp_send_ack(sk)


def tcp_rcv_established(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take a segment of an open connection; returns whether the other end is to be reset."""
    if not _validate_incoming(sk, skb):
        return False
    if not skb.flags & TCPHDR_ACK or not _ack(sk, skb):
        return False
    _rcv_rtt_measure_ts(sk, skb)
    if skb.flags & TCPHDR_URG or sk.urg_data == TCP_URG_NOTYET:
        _urg(sk, skb)
    _data_queue(sk, skb)
    _data_snd_check(sk)
    _ack_snd_check(sk)
    return False


def tcp_rcv_state_process(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take a segment in any state but LISTEN; returns whether the other end is to be reset."""
    state = sk.state
    if state == TCP_ESTABLISHED:
        return tcp_rcv_established(sk, skb)
    if state == TCP_CLOSE:
        return False
    if state == 2:
        return _synsent(sk, skb)
    if not _validate_incoming(sk, skb):
        return False
    if not skb.flags & TCPHDR_ACK:
        return False
    if _process_ack(sk, skb):
        return True
    if sk.destroyed or is_done(sk):
        return False
    if skb.flags & TCPHDR_URG or sk.urg_data == TCP_URG_NOTYET:
        _urg(sk, skb)
    return _process_data(sk, skb)


def is_done(sk: TcpSock) -> bool:
    """Whether the connection has ended meanwhile."""
    return sk.state == TCP_CLOSE


def _process_ack(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take the acknowledgement of a segment, which may end a state; returns whether it is to be reset."""
    acceptable = _ack(sk, skb)
    state = sk.state
    if state == TCP_SYN_RECV:
        if not acceptable:
            return True
        _syn_recv_established(sk, skb)
    elif state == TCP_FIN_WAIT1:
        if sk.snd_una == sk.write_seq:
            return _fin_wait1_acked(sk, skb)
    elif state == TCP_CLOSING:
        if sk.snd_una == sk.write_seq:
            tcp_minisocks.tcp_time_wait(sk, TCP_TIME_WAIT, 0)
    elif state == TCP_LAST_ACK and sk.snd_una == sk.write_seq:
        inet_csk.tcp_done(sk)
    return False


def _syn_recv_established(sk: TcpSock, skb: TcpSkb) -> None:
    """The handshake is over, of both ends that called each other too."""
    inet_csk.tcp_set_state(sk, TCP_ESTABLISHED)
    if not sk.dead:
        inet_csk.sk_state_change(sk)
        if sk.file is not None:  # of two ends that called each other
            sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_IO, POLL_OUT)
    sk.snd_una = skb.ack_seq
    sk.snd_wnd = skb.window
    sk.snd_wl1 = skb.seq
    sk.max_window = max(sk.max_window, sk.snd_wnd)
    if skb.tsecr:
        tcp_valid_rtt_meas(sk, jiffies(sk.kernel) - skb.tsecr)
    if sk.tstamp_ok:
        sk.advmss -= TCPOLEN_TSTAMP_ALIGNED
    sk.lsndtime = jiffies(sk.kernel)
    tcp_initialize_rcv_mss(sk)
    tcp_init_buffer_space(sk)


def _fin_wait1_acked(sk: TcpSock, skb: TcpSkb) -> bool:
    """Our FIN was acknowledged; returns whether the other end is to be reset as nobody reads what it sends."""
    inet_csk.tcp_set_state(sk, TCP_FIN_WAIT2)
    sk.shutdown |= SEND_SHUTDOWN
    if not sk.dead:
        inet_csk.sk_state_change(sk)
        return False
    fin = bool(skb.flags & TCPHDR_FIN)
    if sk.linger2 < 0 or (skb.end_seq != skb.seq and skb.end_seq - fin > sk.rcv_nxt):
        inet_csk.tcp_done(sk)
        return True
    tmo = tcp_fin_time(sk)
    if tmo > tcp_minisocks.TCP_TIMEWAIT_LEN:
        inet_csk.inet_csk_reset_keepalive_timer(sk, tmo - tcp_minisocks.TCP_TIMEWAIT_LEN)
    elif fin:
        inet_csk.inet_csk_reset_keepalive_timer(sk, tmo)
    else:
        tcp_minisocks.tcp_time_wait(sk, TCP_FIN_WAIT2, tmo)
    return False


def _process_data(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take the data of a segment that is not one of ESTABLISHED (steps 7 and on of tcp_rcv_state_process)."""
    state = sk.state
    if state in (TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK):
        if skb.seq < sk.rcv_nxt:
            _data_queue(sk, skb)
    elif state in (TCP_FIN_WAIT1, TCP_FIN_WAIT2):
        if sk.shutdown & RCV_SHUTDOWN:
            fin = bool(skb.flags & TCPHDR_FIN)
            if skb.end_seq != skb.seq and skb.end_seq - fin > sk.rcv_nxt and sk.dead:
                tcp_reset(sk)
                return True
        _data_queue(sk, skb)
    else:
        _data_queue(sk, skb)
    if not is_done(sk):
        _data_snd_check(sk)
        _ack_snd_check(sk)
    return False


# The handshake, as who has called.


def _synsent(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take the answer to our SYN (tcp_rcv_synsent_state_process)."""
    if skb.flags & TCPHDR_ACK:
        if skb.ack_seq != sk.snd_nxt:
            return True
        if skb.flags & TCPHDR_RST:
            tcp_reset(sk)
            return False
        if skb.flags & TCPHDR_SYN:
            _synack(sk, skb)
        return False
    if skb.flags & TCPHDR_RST:
        return False
    if skb.flags & TCPHDR_SYN:
        _simultaneous(sk, skb)
    return False


def _take_options(sk: TcpSock, skb: TcpSkb) -> None:
    """Take what the other end's SYN says: its place, window, scale and longest segment."""
    sk.rcv_nxt = sk.rcv_wup = skb.seq + 1
    if skb.wscale < 0:
        sk.snd_wscale = sk.rcv_wscale = 0
        sk.window_clamp = min(sk.window_clamp, 65535)
    else:
        sk.snd_wscale = skb.wscale
    sk.tstamp_ok = True
    sk.ts_recent = skb.tsval
    sk.mss_clamp = min(sk.mss_clamp, skb.mss) if skb.mss else sk.mss_clamp
    sk.mss_cache = max(min(sk.mss_clamp, tcp_output.tcp_mtu_mss(sk.net, len(sk.daddr))) - TCPOLEN_TSTAMP_ALIGNED, 48)


def _synack(sk: TcpSock, skb: TcpSkb) -> None:
    _ack(sk, skb)
    sk.snd_wl1 = skb.seq
    sk.snd_wnd = skb.window
    sk.max_window = max(sk.max_window, sk.snd_wnd)
    _take_options(sk, skb)
    sk.advmss -= TCPOLEN_TSTAMP_ALIGNED
    tcp_initialize_rcv_mss(sk)
    sk.copied_seq = sk.rcv_nxt
    inet_csk.tcp_set_state(sk, TCP_ESTABLISHED)
    sk.lsndtime = jiffies(sk.kernel)
    tcp_init_buffer_space(sk)
    if sk.flags & SOCK_KEEPOPEN:
        inet_csk.inet_csk_reset_keepalive_timer(sk, keepalive_time_when(sk))
    if not sk.dead:
        inet_csk.sk_state_change(sk)
        sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_IO, POLL_OUT)
    if tcp_output.tcp_send_head(sk) is not None or sk.defer_accept or sk.ack_pingpong:
        # The acknowledgement rides on what is sent next.
        sk.ack_pending |= ICSK_ACK_SCHED
        sk.ack_lrcvtime = jiffies(sk.kernel)
        tcp_enter_quickack_mode(sk)
        inet_csk.inet_csk_reset_delack_timer(sk, TCP_DELACK_MAX)
        return
    tcp_output.tcp_send_ack(sk)


def _simultaneous(sk: TcpSock, skb: TcpSkb) -> None:
    """The other end calls us at the same time, or we ourselves."""
    inet_csk.tcp_set_state(sk, TCP_SYN_RECV)
    _take_options(sk, skb)
    sk.snd_wnd = skb.window
    sk.snd_wl1 = skb.seq
    sk.max_window = max(sk.max_window, sk.snd_wnd)
    sk.copied_seq = sk.rcv_nxt
    tcp_output.tcp_send_synack(sk)
