"""Acknowledgements, round trips and windows of a connection (part of net/ipv4/tcp_input.c).

Differs: nothing is lost or overtaken on a loopback unless a receiver has no room, so there is no fast retransmission:
what was dropped comes again when its timer runs.
"""

from __future__ import annotations

from typing import Final

from procession.include.linux.tcp import (
    MAX_TCP_HEADER,
    TCP_HEADER,
    TCP_INIT_CWND,
    TCP_MIN_MSS,
    TCP_MSS_DEFAULT,
    TCPHDR_FIN,
    TCPHDR_SYN,
    TCPHDR_URG,
)
from procession.include.linux.time import HZ
from procession.net.core.sock import SOCK_RCVBUF_LOCK, SOCK_SNDBUF_LOCK
from procession.net.ipv4 import inet_csk, tcp_output
from procession.net.ipv4.inet_csk import (
    ICSK_ACK_PUSHED,
    ICSK_ACK_PUSHED2,
    ICSK_ACK_SCHED,
    ICSK_TIME_PROBE0,
    ICSK_TIME_RETRANS,
    TCP_DELACK_MIN,
)
from procession.net.ipv4.skbuff import SKB_OVERHEAD, TcpSkb
from procession.net.ipv4.sock import TcpSock, jiffies

__all__ = (
    "tcp_ack",
    "tcp_ack_snd_check",
    "tcp_data_snd_check",
    "tcp_enter_quickack_mode",
    "tcp_event_data_recv",
    "tcp_init_buffer_space",
    "tcp_initialize_rcv_mss",
    "tcp_may_update_window",
    "tcp_rcv_rtt_measure_ts",
    "tcp_rcv_space_adjust",
    "tcp_valid_rtt_meas",
)

TCP_RTO_MIN: Final = HZ // 5
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


def tcp_rcv_rtt_measure_ts(sk: TcpSock, skb: TcpSkb) -> None:
    """Note how long ago what this segment answers was sent."""
    if skb.tsecr and skb.length() >= sk.rcv_mss:
        _rcv_rtt_update(sk, jiffies(sk.kernel) - skb.tsecr, win_dep=False)


def _measure_rcv_mss(sk: TcpSock, skb: TcpSkb) -> None:
    last = sk.ack_last_seg_size
    sk.ack_last_seg_size = 0
    length = min(skb.length(), tcp_output.tcp_mtu_mss(sk.net, len(sk.daddr)) - tcp_output.tcp_options_len(sk))
    if length >= sk.rcv_mss:
        sk.rcv_mss = length
        return
    head = TCP_HEADER + tcp_output.tcp_options_len(sk)
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


def tcp_event_data_recv(sk: TcpSock, skb: TcpSkb) -> None:
    """Data has come: think of when to acknowledge it, and whether the window can grow."""
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


def _clean_rtx_queue(sk: TcpSock) -> tuple[int, int]:
    """Forget what was acknowledged; returns how many segments that was, and the round trip in ticks, -1 if unknown."""
    acked = 0
    seq_rtt = -1
    resent = False
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
        if skb.retrans:
            resent = True
        elif seq_rtt < 0:
            seq_rtt = jiffies(sk.kernel) - skb.when
        acked += tcp_output._pcount(skb, sk.mss_cache)
        sk.wmem_queued -= skb.truesize
        sk.queue_shrunk = True
        sk.write_queue.popleft()
        sk.send_head -= 1
    if sk.send_head:
        sk.packets_out = max(sk.packets_out - acked, 1)
    else:
        sk.packets_out = 0
    return acked, -1 if resent else seq_rtt


def tcp_may_update_window(sk: TcpSock, ack: int, ack_seq: int, nwin: int) -> bool:
    """Whether the window that a segment tells of is news."""
    return ack > sk.snd_una or ack_seq > sk.snd_wl1 or (ack_seq == sk.snd_wl1 and nwin > sk.snd_wnd)


def tcp_ack(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take an acknowledgement; returns whether it is one of something that was sent (tcp_ack)."""
    prior_snd_una = sk.snd_una
    ack = skb.ack_seq
    if ack < prior_snd_una:
        return True
    if ack > sk.snd_nxt:
        return False
    nwin = skb.window
    if tcp_may_update_window(sk, ack, skb.seq, nwin):
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
    acked, seq_rtt = _clean_rtx_queue(sk)
    if acked:
        if skb.tsecr:
            seq_rtt = jiffies(sk.kernel) - skb.tsecr
        if seq_rtt >= 0:
            tcp_valid_rtt_meas(sk, seq_rtt)
        sk.csk_retransmits = 0
        sk.retrans_stamp = 0
        _rearm_rto(sk)
        if sk.frto_highmark:
            # What was sent again has arrived: begin with two segments (tcp_process_frto).
            sk.snd_cwnd = sk.packets_out + 2
            if sk.snd_una >= sk.frto_highmark:
                sk.frto_highmark = 0
            return True
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


def tcp_data_snd_check(sk: TcpSock) -> None:
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


def tcp_ack_snd_check(sk: TcpSock) -> None:
    """Acknowledge what has come, now or later (__tcp_ack_snd_check)."""
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
