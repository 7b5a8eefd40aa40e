"""Sending segments (net/ipv4/tcp_output.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.tcp import (
    TCP_CLOSE,
    TCP_HEADER,
    TCP_MIN_MSS,
    TCP_MSS_DEFAULT,
    TCP_NAGLE_CORK,
    TCP_NAGLE_OFF,
    TCP_NAGLE_PUSH,
    TCPHDR_ACK,
    TCPHDR_FIN,
    TCPHDR_PSH,
    TCPHDR_RST,
    TCPHDR_SYN,
    TCPHDR_URG,
    TCPOLEN_TSTAMP_ALIGNED,
)
from procession.include.linux.time import HZ
from procession.net.ipv4 import ip_output
from procession.net.ipv4.inet_csk import (
    ICSK_ACK_PUSHED,
    ICSK_ACK_SCHED,
    ICSK_ACK_TIMER,
    ICSK_TIME_PROBE0,
    ICSK_TIME_RETRANS,
    TCP_DELACK_MAX,
    TCP_DELACK_MIN,
    inet_csk_reset_xmit_timer,
    sk_reset_timer,
)
from procession.net.ipv4.skbuff import OPTION_TS, SKB_OVERHEAD, TcpSkb
from procession.net.ipv4.sock import TcpSock, inet_net, jiffies

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace

__all__ = (
    "SKB_HEAD",
    "TCP_RTO_MAX",
    "tcp_connect",
    "tcp_current_mss",
    "tcp_full_space",
    "tcp_mtu_mss",
    "tcp_options_len",
    "tcp_push_pending_frames",
    "tcp_receive_window",
    "tcp_retransmit_skb",
    "tcp_rmem_max",
    "tcp_select_initial_window",
    "tcp_select_window_now",
    "tcp_send_ack",
    "tcp_send_active_reset",
    "tcp_send_delayed_ack",
    "tcp_send_fin",
    "tcp_send_head",
    "tcp_send_probe0",
    "tcp_send_reset",
    "tcp_send_synack",
    "tcp_space",
    "tcp_win_from_space",
    "tcp_wmem_max",
    "tcp_write_wakeup",
    "tcp_write_xmit",
    "tcp_xmit_probe_skb",
    "tcp_xmit_size_goal",
)

TCP_RTO_MAX: Final = 120 * HZ
SKB_HEAD: Final = 2048  # of a segment that grows: what is more lies in pages
GSO_MAX_SIZE: Final = 65536
_TCP_TSO_WIN_DIVISOR: Final = 3
_MAX_SCALED: Final = 65535
_TCP_INIT_RCVWND: Final = 10  # segments of 1460 bytes


def tcp_mtu_mss(net: NetNamespace, family_len: int) -> int:
    """Return how many bytes a segment may carry with addresses of so many bytes, its options among them."""
    return net.dev_base[0].mtu - (20 if family_len == 4 else 40) - TCP_HEADER


# Memory and windows.


def _tcp_limit(k: Kernel) -> int:
    """Return a share of the machine's memory, in bytes: what one connection may hold (tcp_init)."""
    pages = max(k.mm.total_pages * 491 // 500 // 8, 128)
    return min(4 << 20, 32 * pages)


def tcp_rmem_max(k: Kernel) -> int:
    """Return how large a receive buffer may grow (sysctl_tcp_rmem[2])."""
    return max(87380, _tcp_limit(k))


def tcp_wmem_max(k: Kernel) -> int:
    """Return how large a send buffer may grow (sysctl_tcp_wmem[2])."""
    return max(65536, _tcp_limit(k))


def tcp_win_from_space(space: int) -> int:
    """Return how much of so much memory is data (sysctl_tcp_adv_win_scale 2)."""
    return space - (space >> 2)


def tcp_space(sk: TcpSock) -> int:
    """Return how much may still come."""
    return tcp_win_from_space(sk.rcvbuf - sk.rmem)


def tcp_full_space(sk: TcpSock) -> int:
    """Return how much may come when nothing is queued."""
    return tcp_win_from_space(sk.rcvbuf)


def tcp_options_len(sk: TcpSock) -> int:
    """Return how long the options of each segment of a connection are."""
    return TCPOLEN_TSTAMP_ALIGNED if sk.tstamp_ok else 0


def tcp_receive_window(sk: TcpSock) -> int:
    """Return what is left of the window the other end was told of."""
    return max(sk.rcv_wup + sk.rcv_wnd - sk.rcv_nxt, 0)


def tcp_select_initial_window(k: Kernel, space: int, mss: int, clamp: int) -> tuple[int, int, int]:
    """Return the first window, its clamp and its scale."""
    if not clamp:
        clamp = _MAX_SCALED << 14
    space = min(clamp, max(space, 0))
    if space > mss:
        space = space // mss * mss
    rcv_wnd = space
    wscale = 0
    space = min(max(tcp_rmem_max(k), k.net.sysctl_rmem_max), clamp)
    while space > _MAX_SCALED and wscale < 14:
        space >>= 1
        wscale += 1
    if mss > 1 << wscale:
        init_cwnd = max(1460 * _TCP_INIT_RCVWND // mss, 2) if mss > 1460 else _TCP_INIT_RCVWND
        rcv_wnd = min(rcv_wnd, init_cwnd * mss)
    return rcv_wnd, min(_MAX_SCALED << wscale, clamp), wscale


def tcp_select_window_now(sk: TcpSock) -> int:
    """Return the window that could be offered now (__tcp_select_window)."""
    mss = sk.rcv_mss
    free_space = tcp_space(sk)
    full_space = min(sk.window_clamp, tcp_full_space(sk))
    mss = min(mss, full_space)
    if free_space < full_space >> 1:
        sk.ack_quick = 0
        if free_space < mss:
            return 0
    free_space = min(free_space, sk.rcv_ssthresh)
    if sk.rcv_wscale:
        return free_space + (1 << sk.rcv_wscale) - 1 >> sk.rcv_wscale << sk.rcv_wscale
    window = sk.rcv_wnd
    if window <= free_space - mss or window > free_space:
        return free_space // mss * mss if mss else 0
    if mss == full_space and free_space > window + (full_space >> 1):
        return free_space
    return window


def _select_window(sk: TcpSock) -> int:
    """Decide on the window to offer, never less than before, and return it as the head of a segment has it."""
    cur_win = tcp_receive_window(sk)
    new_win = tcp_select_window_now(sk)
    if new_win < cur_win:
        new_win = cur_win + (1 << sk.rcv_wscale) - 1 >> sk.rcv_wscale << sk.rcv_wscale
    sk.rcv_wnd = new_win
    sk.rcv_wup = sk.rcv_nxt
    return min(new_win, _MAX_SCALED << sk.rcv_wscale) >> sk.rcv_wscale << sk.rcv_wscale


# One segment.


def tcp_transmit_skb(sk: TcpSock, skb: TcpSkb) -> None:
    """Send a copy of a segment."""
    k = sk.kernel
    copy = TcpSkb(sk.saddr, sk.sport, sk.daddr, sk.dport)
    copy.protocol = IPPROTO_TCP
    copy.flags = skb.flags
    copy.seq, copy.end_seq = skb.seq, skb.end_seq
    copy.data = bytes(skb.buf)
    copy.truesize = skb.truesize
    copy.mss, copy.wscale = skb.mss, skb.wscale
    if not skb.flags & TCPHDR_SYN:
        copy.rx_opt = OPTION_TS if sk.tstamp_ok else 0
    if copy.rx_opt:
        copy.tsval, copy.tsecr = jiffies(k), sk.ts_recent
    copy.when, copy.rcv_wscale = skb.when, sk.rcv_wscale
    copy.hops = sk.uc_ttl if sk.uc_ttl >= 0 else 64
    copy.tos = sk.tos
    if not sk.pmtudisc:
        copy.frag_off = 0
    if skb.flags & TCPHDR_SYN:
        copy.window = min(sk.rcv_wnd, _MAX_SCALED)
    else:
        copy.window = _select_window(sk)
    copy.ack_seq = sk.rcv_nxt
    if sk.snd_up > sk.snd_una and skb.seq < sk.snd_up:
        copy.flags |= TCPHDR_URG
        copy.urg = min(sk.snd_up - skb.seq, 0xFFFF)
    if skb.flags & TCPHDR_ACK:
        tcp_event_ack_sent(sk)
    if skb.end_seq != skb.seq:
        _event_data_sent(sk)
    inet_net(sk.net).count("TcpOutSegs")
    ip_output.ip_send(k, sk.net, copy)


def tcp_event_ack_sent(sk: TcpSock) -> None:
    """What had come is acknowledged."""
    if sk.ack_quick:
        sk.ack_quick -= 1
        if not sk.ack_quick:
            sk.ack_ato = TCP_DELACK_MIN
    sk.ack_pending = 0


def _event_data_sent(sk: TcpSock) -> None:
    now = jiffies(sk.kernel)
    sk.lsndtime = now
    # An answer that soon is a conversation: acknowledgements ride on what is sent.
    if now - sk.ack_lrcvtime < sk.ack_ato:
        sk.ack_pingpong = True


def _control_skb(sk: TcpSock, seq: int, flags: int) -> TcpSkb:
    """Return a segment without data (tcp_init_nondata_skb)."""
    skb = TcpSkb(sk.saddr, sk.sport, sk.daddr, sk.dport)
    skb.flags = flags
    skb.seq = seq
    skb.end_seq = seq + (1 if flags & (TCPHDR_SYN | TCPHDR_FIN) else 0)
    skb.truesize = 512 + SKB_OVERHEAD
    return skb


def tcp_acceptable_seq(sk: TcpSock) -> int:
    """Return a place the other end will accept."""
    return min(sk.snd_nxt, sk.snd_una + sk.snd_wnd)


def tcp_send_ack(sk: TcpSock) -> None:
    """Acknowledge what has come."""
    if sk.state != TCP_CLOSE:
        tcp_transmit_skb(sk, _control_skb(sk, tcp_acceptable_seq(sk), TCPHDR_ACK))


def tcp_send_delayed_ack(sk: TcpSock) -> None:
    """Acknowledge what has come, later unless it has waited long."""
    now = jiffies(sk.kernel)
    ato = sk.ack_ato
    if ato > TCP_DELACK_MIN:
        max_ato = HZ // 2
        if sk.ack_pingpong or sk.ack_pending & ICSK_ACK_PUSHED:
            max_ato = TCP_DELACK_MAX
        if sk.srtt:
            max_ato = min(max(sk.srtt >> 3, TCP_DELACK_MIN), max_ato)
        ato = min(ato, max_ato)
    timeout = now + ato
    if sk.ack_pending & ICSK_ACK_TIMER:
        if sk.ack_timeout <= now + (ato >> 2):
            tcp_send_ack(sk)
            return
        timeout = min(timeout, sk.ack_timeout)
    sk.ack_pending |= ICSK_ACK_SCHED | ICSK_ACK_TIMER
    sk.ack_timeout = timeout
    sk_reset_timer(sk, sk.delack_timer, timeout)


def tcp_send_active_reset(sk: TcpSock) -> None:
    """Tell the other end that the connection is no more."""
    skb = _control_skb(sk, tcp_acceptable_seq(sk), TCPHDR_ACK | TCPHDR_RST)
    skb.when = jiffies(sk.kernel)
    inet_net(sk.net).count("TcpOutRsts")
    tcp_transmit_skb(sk, skb)


def tcp_send_reset(k: Kernel, net: NetNamespace, skb: TcpSkb) -> None:
    """Answer a segment that belongs to nobody (tcp_v4_send_reset)."""
    if skb.flags & TCPHDR_RST:
        return
    reply = TcpSkb(skb.daddr, skb.dest, skb.saddr, skb.source)
    reply.protocol = IPPROTO_TCP
    reply.flags = TCPHDR_RST
    reply.computed = True
    if skb.flags & TCPHDR_ACK:
        reply.seq = reply.end_seq = skb.ack_seq
    else:
        reply.flags |= TCPHDR_ACK
        reply.ack_seq = skb.end_seq
    inet_net(net).count("TcpOutSegs")
    inet_net(net).count("TcpOutRsts")
    ip_output.ip_send(k, net, reply)


# The queue of what is to be sent.


def tcp_send_head(sk: TcpSock) -> TcpSkb | None:
    """Return the first segment that was not sent."""
    return sk.write_queue[sk.send_head] if sk.send_head < len(sk.write_queue) else None


def tcp_current_mss(sk: TcpSock) -> int:
    """Return how many bytes of data fit into a segment."""
    return sk.mss_cache


def tcp_xmit_size_goal(sk: TcpSock, mss_now: int, *, large: bool) -> int:
    """Return how long a segment may become that the device is to cut."""
    if not large:
        return mss_now
    goal = GSO_MAX_SIZE - 1 - (20 if len(sk.daddr) == 4 else 40) - (32 if sk.tstamp_ok else 20)
    goal = _bound_to_half_wnd(sk, goal)
    sk.xmit_size_goal_segs = goal // mss_now
    return max(sk.xmit_size_goal_segs * mss_now, mss_now)


def _bound_to_half_wnd(sk: TcpSock, size: int) -> int:
    cutoff = sk.max_window >> 1 if sk.max_window >= 512 else sk.max_window
    if cutoff and size > cutoff:
        return max(cutoff, 68 - 32)
    return size


def _pcount(skb: TcpSkb, mss: int) -> int:
    """Return into how many segments the device cuts it."""
    length = skb.length()
    return (length + mss - 1) // mss if length > mss else 1


def _nagle_test(sk: TcpSock, skb: TcpSkb, mss_now: int, nonagle: int) -> bool:
    """Whether a segment may go, or should wait for more to join it."""
    if nonagle & TCP_NAGLE_PUSH or sk.snd_up > sk.snd_una or skb.flags & TCPHDR_FIN:
        return True
    if skb.length() >= mss_now:
        return True
    if nonagle & TCP_NAGLE_CORK:
        return False
    return bool(nonagle or not sk.packets_out or not sk.snd_una < sk.snd_sml <= sk.snd_nxt)


def _tso_should_defer(sk: TcpSock, skb: TcpSkb, mss: int) -> bool:
    """Whether it is better to wait for a larger window (tcp_tso_should_defer)."""
    now = jiffies(sk.kernel)
    if skb.flags & TCPHDR_FIN or (sk.tso_deferred and now - (sk.tso_deferred >> 1) > 1):
        sk.tso_deferred = 0
        return False
    send_win = sk.snd_una + sk.snd_wnd - skb.seq
    cong_win = (sk.snd_cwnd - sk.packets_out) * sk.mss_cache
    limit = min(send_win, cong_win)
    chunk = min(sk.snd_wnd, sk.snd_cwnd * sk.mss_cache) // _TCP_TSO_WIN_DIVISOR
    last = skb is sk.write_queue[-1]
    if limit >= GSO_MAX_SIZE or (not last and limit >= skb.length()) or limit >= chunk:
        sk.tso_deferred = 0
        return False
    sk.tso_deferred = 1 | now << 1
    return True


def _split_point(sk: TcpSock, skb: TcpSkb, mss_now: int, quota: int) -> int:
    """Return how much of a long segment may go (tcp_mss_split_point)."""
    window = sk.snd_una + sk.snd_wnd - skb.seq
    cwnd_len = mss_now * quota
    if cwnd_len <= window and skb is not sk.write_queue[-1]:
        return cwnd_len
    needed = min(skb.length(), window)
    if cwnd_len <= needed:
        return cwnd_len
    return needed - needed % mss_now


def tcp_fragment(sk: TcpSock, at: int, length: int) -> None:
    """Cut the segment at index at of the queue behind length bytes."""
    skb = sk.write_queue[at]
    rest = TcpSkb(skb.saddr, skb.source, skb.daddr, skb.dest)
    rest.flags = skb.flags
    skb.flags &= ~(TCPHDR_FIN | TCPHDR_PSH)
    rest.seq = skb.seq + length
    rest.end_seq = skb.end_seq
    skb.end_seq = rest.seq
    rest.buf = skb.buf[length:]
    del skb.buf[length:]
    moved = len(rest.buf)
    rest.truesize = SKB_OVERHEAD + 512 + moved
    skb.truesize = max(skb.truesize - moved, SKB_OVERHEAD + length)
    sk.wmem_queued += SKB_OVERHEAD + 512
    rest.when = skb.when
    sk.write_queue.insert(at + 1, rest)


def tcp_write_xmit(sk: TcpSock, mss_now: int, nonagle: int, *, push_one: bool = False) -> bool:
    """Send what may go; returns whether a shut window holds back what is there."""
    sent = 0
    while sk.send_head < len(sk.write_queue):
        skb = sk.write_queue[sk.send_head]
        segs = _pcount(skb, mss_now)
        quota = _cwnd_test(sk, skb)
        if not quota:
            break
        length = skb.length()
        end_seq = skb.seq + mss_now if length > mss_now else skb.end_seq
        if end_seq > sk.snd_una + sk.snd_wnd:
            break
        last = sk.send_head == len(sk.write_queue) - 1
        if segs == 1:
            if not _nagle_test(sk, skb, mss_now, nonagle if last else TCP_NAGLE_PUSH):
                break
        elif not push_one and _tso_should_defer(sk, skb, mss_now):
            break
        limit = mss_now
        if segs > 1 and sk.snd_up <= sk.snd_una:
            limit = _split_point(sk, skb, mss_now, quota)
        if length > limit:
            tcp_fragment(sk, sk.send_head, limit)
        _send_now(sk, skb, mss_now)
        sent += 1
        if push_one:
            break
    if sent:
        return False
    return not sk.packets_out and sk.send_head < len(sk.write_queue)


def _send_now(sk: TcpSock, skb: TcpSkb, mss_now: int) -> None:
    """Send the first segment that was not, and note it (tcp_event_new_data_sent)."""
    skb.when = jiffies(sk.kernel)
    sk.send_head += 1
    sk.snd_nxt = skb.end_seq
    prior = sk.packets_out
    sk.packets_out += _pcount(skb, mss_now)
    if not prior:
        inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, sk.rto, TCP_RTO_MAX)
    if skb.length() < mss_now:
        sk.snd_sml = skb.end_seq
    tcp_transmit_skb(sk, skb)


def _cwnd_test(sk: TcpSock, skb: TcpSkb) -> int:
    """Return how many segments the congestion window lets go."""
    if skb.flags & TCPHDR_FIN and skb.length() <= sk.mss_cache:
        return 1
    return max(sk.snd_cwnd - sk.packets_out, 0)


def tcp_push_pending_frames(sk: TcpSock, mss_now: int, nonagle: int) -> None:
    """Send what may go, and see to it that a shut window is asked about (__tcp_push_pending_frames)."""
    if sk.state == TCP_CLOSE or sk.send_head >= len(sk.write_queue):
        return
    if tcp_write_xmit(sk, mss_now, nonagle) and not sk.packets_out and not sk.csk_pending:
        inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0, sk.rto, TCP_RTO_MAX)


# Opening and closing.


def tcp_connect(sk: TcpSock) -> None:
    """Send the SYN (tcp_connect_init, tcp_connect)."""
    k = sk.kernel
    # So long are segments to who does not say how long they may be.
    sk.mss_clamp = sk.user_mss or TCP_MSS_DEFAULT
    mss = tcp_mtu_mss(sk.net, len(sk.daddr))
    sk.advmss = min(mss, sk.user_mss) if sk.user_mss else mss
    sk.rcv_mss = TCP_MIN_MSS
    sk.mss_cache = max(min(mss, sk.mss_clamp), 48 + TCPOLEN_TSTAMP_ALIGNED) - TCPOLEN_TSTAMP_ALIGNED
    clamp = sk.window_clamp
    sk.rcv_wnd, sk.window_clamp, sk.rcv_wscale = tcp_select_initial_window(k, tcp_full_space(sk), sk.advmss, clamp)
    sk.rcv_ssthresh = sk.rcv_wnd
    sk.err = 0
    sk.snd_wnd = 0
    sk.snd_wl1 = sk.write_seq
    sk.snd_una = sk.snd_sml = sk.snd_up = sk.snd_nxt = sk.write_seq
    sk.rcv_nxt = sk.rcv_wup = sk.copied_seq = 0
    sk.rto = HZ
    sk.csk_retransmits = 0
    skb = _control_skb(sk, sk.write_seq, TCPHDR_SYN)
    skb.mss, skb.wscale = sk.advmss, sk.rcv_wscale
    sk.write_seq += 1
    sk.pushed_seq = sk.write_seq
    skb.when = sk.retrans_stamp = jiffies(k)
    skb.truesize = 768 + SKB_OVERHEAD
    sk.write_queue.append(skb)
    sk.send_head = len(sk.write_queue)
    sk.wmem_queued += skb.truesize
    sk.packets_out = 1
    sk.snd_nxt = sk.write_seq
    inet_net(sk.net).count("TcpActiveOpens")
    inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, sk.rto, TCP_RTO_MAX)
    tcp_transmit_skb(sk, skb)


def tcp_send_synack(sk: TcpSock) -> None:
    """Answer a SYN that has met ours: the same again, with an acknowledgement."""
    skb = sk.write_queue[0]
    skb.flags |= TCPHDR_ACK
    skb.when = jiffies(sk.kernel)
    tcp_transmit_skb(sk, skb)


def tcp_send_fin(sk: TcpSock) -> None:
    """Say that nothing more comes, with the last data if that was not sent."""
    mss_now = tcp_current_mss(sk)
    if tcp_send_head(sk) is not None:
        skb = sk.write_queue[-1]
        skb.flags |= TCPHDR_FIN
        skb.end_seq += 1
        sk.write_seq += 1
    else:
        skb = _control_skb(sk, sk.write_seq, TCPHDR_ACK | TCPHDR_FIN)
        sk.write_seq = skb.end_seq
        sk.write_queue.append(skb)
        sk.wmem_queued += skb.truesize
    tcp_push_pending_frames(sk, mss_now, TCP_NAGLE_OFF)


def tcp_retransmit_skb(sk: TcpSock, skb: TcpSkb) -> None:
    """Send a segment again."""
    if not skb.flags & TCPHDR_SYN and skb.seq >= sk.snd_una + sk.snd_wnd and skb.seq != sk.snd_una:
        return
    skb.when = jiffies(sk.kernel)
    skb.retrans = True
    sk.total_retrans += 1
    if not sk.retrans_stamp:
        sk.retrans_stamp = skb.when
    inet_net(sk.net).count("TcpRetransSegs")
    tcp_transmit_skb(sk, skb)


# Probes.


def tcp_xmit_probe_skb(sk: TcpSock, *, urgent: bool) -> None:
    """Send what the other end has to answer: a place that was acknowledged."""
    skb = _control_skb(sk, sk.snd_una - (0 if urgent else 1), TCPHDR_ACK)
    skb.when = jiffies(sk.kernel)
    tcp_transmit_skb(sk, skb)


def tcp_write_wakeup(sk: TcpSock) -> bool:
    """Ask about the window, with data if it is open; returns whether the answer shows that the other end lives."""
    if sk.state == TCP_CLOSE:
        return False
    skb = tcp_send_head(sk)
    window_end = sk.snd_una + sk.snd_wnd
    if skb is None or skb.seq >= window_end:
        if sk.snd_una + 1 <= sk.snd_up < sk.snd_una + 0xFFFF:
            tcp_xmit_probe_skb(sk, urgent=True)
        tcp_xmit_probe_skb(sk, urgent=False)
        return True
    mss = tcp_current_mss(sk)
    size = window_end - skb.seq
    sk.pushed_seq = max(sk.pushed_seq, skb.end_seq)
    if size < skb.end_seq - skb.seq or skb.length() > mss:
        size = min(size, mss)
        skb.flags |= TCPHDR_PSH
        tcp_fragment(sk, sk.send_head, size)
    skb.flags |= TCPHDR_PSH
    _send_now(sk, skb, mss)
    return True


def tcp_send_probe0(sk: TcpSock) -> None:
    """Ask about a shut window, later and later."""
    tcp_write_wakeup(sk)
    if sk.packets_out or tcp_send_head(sk) is None:
        sk.probes_out = 0
        sk.backoff = 0
        return
    if sk.backoff < 15:
        sk.backoff += 1
    sk.probes_out += 1
    inet_csk_reset_xmit_timer(sk, ICSK_TIME_PROBE0, min(sk.rto << sk.backoff, TCP_RTO_MAX), TCP_RTO_MAX)
