"""What a connection does with a segment (net/ipv4/tcp_input.c)."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import Errno
from procession.include.linux.signal import POLL_OUT
from procession.include.linux.tcp import (
    TCP_CLOSE,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_LAST_ACK,
    TCP_SYN_RECV,
    TCP_TIME_WAIT,
    TCPHDR_ACK,
    TCPHDR_FIN,
    TCPHDR_RST,
    TCPHDR_SYN,
    TCPHDR_URG,
)
from procession.include.linux.time import HZ
from procession.net import sock_async
from procession.net.core.sock import SOCK_KEEPOPEN
from procession.net.ipv4 import inet_csk, tcp_ack, tcp_data, tcp_minisocks, tcp_output
from procession.net.ipv4.inet_csk import ICSK_ACK_SCHED, TCP_DELACK_MAX
from procession.net.ipv4.skbuff import OPTION_SACK_ADVERTISE, OPTION_TS, TcpSkb
from procession.net.ipv4.sock import TcpSock, jiffies
from procession.net.unix.sock import RCV_SHUTDOWN, SEND_SHUTDOWN

__all__ = ("TCP_FIN_TIMEOUT", "keepalive_time_when", "tcp_fin_time", "tcp_rcv_state_process", "tcp_reset")

TCP_FIN_TIMEOUT: Final = 60 * HZ
TCP_KEEPALIVE_TIME: Final = 7200 * HZ
_PAWS_WINDOW: Final = 1  # so much older than the last one may the time of a segment be


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


def _validate_incoming(sk: TcpSock, skb: TcpSkb) -> int:
    """Return 1 for a segment to look at, of this window, no reset, no SYN; 0 for one to drop, -1 for one to reset."""
    old = sk.tstamp_ok and sk.ts_recent - skb.tsval > _PAWS_WINDOW
    if old and not _disordered_ack(sk, skb) and not skb.flags & TCPHDR_RST:
        _send_dupack(sk, skb)
        return 0
    if not _sequence(sk, skb.seq, skb.end_seq):
        if not skb.flags & TCPHDR_RST:
            _send_dupack(sk, skb)
        return 0
    if skb.flags & TCPHDR_RST:
        tcp_reset(sk)
        return 0
    if sk.tstamp_ok and skb.seq <= sk.rcv_wup and skb.tsval >= sk.ts_recent:
        sk.ts_recent = skb.tsval
    if skb.flags & TCPHDR_SYN and skb.seq >= sk.rcv_nxt:
        tcp_reset(sk)
        return -1
    return 1


def _disordered_ack(sk: TcpSock, skb: TcpSkb) -> bool:
    """Whether an old segment is an acknowledgement that others have overtaken, which does no harm."""
    if not skb.flags & TCPHDR_ACK or not skb.seq == skb.end_seq == sk.rcv_nxt or skb.ack_seq != sk.snd_una:
        return False
    if tcp_ack.tcp_may_update_window(sk, skb.ack_seq, skb.seq, skb.window):
        return False
    return sk.ts_recent - skb.tsval <= sk.rto * 1024 // HZ


def _send_dupack(sk: TcpSock, skb: TcpSkb) -> None:
    if skb.end_seq != skb.seq and skb.seq < sk.rcv_nxt:
        tcp_ack.tcp_enter_quickack_mode(sk)
    tcp_output.tcp_send_ack(sk)


def tcp_rcv_established(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take a segment of an open connection; returns whether the other end is to be reset."""
    valid = _validate_incoming(sk, skb)
    if valid <= 0:
        return valid < 0
    if skb.flags & TCPHDR_ACK and not tcp_ack.tcp_ack(sk, skb):
        return False
    tcp_ack.tcp_rcv_rtt_measure_ts(sk, skb)
    if skb.flags & TCPHDR_URG or sk.urg_data == tcp_data.TCP_URG_NOTYET:
        tcp_data.tcp_urg(sk, skb)
    tcp_data.tcp_data_queue(sk, skb)
    tcp_ack.tcp_data_snd_check(sk)
    tcp_ack.tcp_ack_snd_check(sk)
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
    valid = _validate_incoming(sk, skb)
    if valid <= 0:
        return valid < 0
    if not skb.flags & TCPHDR_ACK:
        return False
    if _process_ack(sk, skb):
        return True
    if sk.destroyed or is_done(sk):
        return False
    if skb.flags & TCPHDR_URG or sk.urg_data == tcp_data.TCP_URG_NOTYET:
        tcp_data.tcp_urg(sk, skb)
    return _process_data(sk, skb)


def is_done(sk: TcpSock) -> bool:
    """Whether the connection has ended meanwhile."""
    return sk.state == TCP_CLOSE


def _process_ack(sk: TcpSock, skb: TcpSkb) -> bool:
    """Take the acknowledgement of a segment, which may end a state; returns whether it is to be reset."""
    acceptable = tcp_ack.tcp_ack(sk, skb)
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
    sk.advmss -= tcp_output.tcp_options_len(sk)
    sk.lsndtime = jiffies(sk.kernel)
    tcp_ack.tcp_initialize_rcv_mss(sk)
    tcp_ack.tcp_init_buffer_space(sk)


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
            tcp_data.tcp_data_queue(sk, skb)
    elif state in (TCP_FIN_WAIT1, TCP_FIN_WAIT2):
        if sk.shutdown & RCV_SHUTDOWN:
            fin = bool(skb.flags & TCPHDR_FIN)
            if skb.end_seq != skb.seq and skb.end_seq - fin > sk.rcv_nxt:
                tcp_reset(sk)
                return True
        tcp_data.tcp_data_queue(sk, skb)
    else:
        tcp_data.tcp_data_queue(sk, skb)
    if not is_done(sk):
        tcp_ack.tcp_data_snd_check(sk)
        tcp_ack.tcp_ack_snd_check(sk)
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
    sk.tstamp_ok = skb.rx_opt & OPTION_TS != 0
    sk.sack_ok = skb.rx_opt & OPTION_SACK_ADVERTISE != 0
    sk.ts_recent = skb.tsval
    if skb.mss:
        sk.mss_clamp = min(sk.user_mss, skb.mss) if sk.user_mss else skb.mss
    mss = min(sk.mss_clamp, tcp_output.tcp_mtu_mss(sk.net, len(sk.daddr)))
    sk.mss_cache = max(mss - tcp_output.tcp_options_len(sk), 48)


def _synack(sk: TcpSock, skb: TcpSkb) -> None:
    tcp_ack.tcp_ack(sk, skb)
    sk.snd_wl1 = skb.seq
    sk.snd_wnd = skb.window
    sk.max_window = max(sk.max_window, sk.snd_wnd)
    _take_options(sk, skb)
    sk.advmss -= tcp_output.tcp_options_len(sk)
    tcp_ack.tcp_initialize_rcv_mss(sk)
    sk.copied_seq = sk.rcv_nxt
    inet_csk.tcp_set_state(sk, TCP_ESTABLISHED)
    sk.lsndtime = jiffies(sk.kernel)
    tcp_ack.tcp_init_buffer_space(sk)
    if sk.flags & SOCK_KEEPOPEN:
        inet_csk.inet_csk_reset_keepalive_timer(sk, keepalive_time_when(sk))
    if not sk.dead:
        inet_csk.sk_state_change(sk)
        sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_IO, POLL_OUT)
    if tcp_output.tcp_send_head(sk) is not None or sk.defer_accept or sk.ack_pingpong:
        # The acknowledgement rides on what is sent next.
        sk.ack_pending |= ICSK_ACK_SCHED
        sk.ack_lrcvtime = jiffies(sk.kernel)
        tcp_ack.tcp_enter_quickack_mode(sk)
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
