"""The timers of a connection (net/ipv4/tcp_timer.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.tcp import (
    TCP_CLOSE,
    TCP_FIN_WAIT2,
    TCP_LISTEN,
    TCPF_CLOSE,
    TCPF_LISTEN,
    TCPF_SYN_RECV,
    TCPF_SYN_SENT,
)
from procession.include.linux.time import HZ, TICK_PERIOD_NS
from procession.net.core.sock import SOCK_KEEPOPEN
from procession.net.ipv4 import inet_csk, ip_output, tcp_input, tcp_minisocks, tcp_output
from procession.net.ipv4.inet_csk import (
    ICSK_ACK_SCHED,
    ICSK_ACK_TIMER,
    ICSK_TIME_PROBE0,
    ICSK_TIME_RETRANS,
    TCP_DELACK_MIN,
)
from procession.net.ipv4.sock import TcpSock, jiffies
from procession.net.ipv4.tcp_output import TCP_RTO_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("TCP_SYN_RETRIES", "keepalive_intvl_when", "keepalive_probes", "tcp_init_xmit_timers", "tcp_set_keepalive")

TCP_SYN_RETRIES: Final = 5
_TCP_RETRIES2: Final = 15
_ORPHAN_RETRIES: Final = 8
_KEEPALIVE_INTVL: Final = 75 * HZ
_KEEPALIVE_PROBES: Final = 9
_BUSY: Final = HZ // 20  # the socket is at work: look again later


def tcp_init_xmit_timers(sk: TcpSock, listen_timer: Callable[[TcpSock], int]) -> None:
    """Make the timers; listen_timer does that of a listener, and returns the ticks until the next time, 0 for none."""
    sk.retransmit_timer = Hrtimer(_write_timer, data=sk)
    sk.delack_timer = Hrtimer(_delack_timer, data=sk)

    def keepalive(timer: Hrtimer) -> int | None:
        return _keepalive_timer(sk, listen_timer)

    sk.keep_timer = Hrtimer(keepalive, data=sk)


def keepalive_intvl_when(sk: TcpSock) -> int:
    """Return the ticks between two questions whether the other end lives."""
    return sk.keepalive_intvl or _KEEPALIVE_INTVL


def keepalive_probes(sk: TcpSock) -> int:
    """Return how many of them may stay without an answer."""
    return sk.keepalive_probes or _KEEPALIVE_PROBES


def tcp_set_keepalive(sk: TcpSock, *, on: bool) -> None:
    """SO_KEEPALIVE was set."""
    if 1 << sk.state & (TCPF_CLOSE | TCPF_LISTEN):
        return
    if on and not sk.flags & SOCK_KEEPOPEN:
        inet_csk.inet_csk_reset_keepalive_timer(sk, tcp_input.keepalive_time_when(sk))
    elif not on and sk.keep_timer is not None:
        sk.keep_timer.queued = False


def _at(tick: int) -> int:
    return tick * TICK_PERIOD_NS


def _delack_timer(timer: Hrtimer) -> int | None:
    """Acknowledge what has waited (tcp_delack_timer)."""
    sk = timer.data
    assert isinstance(sk, TcpSock)
    k = sk.kernel
    if sk.state == TCP_CLOSE or not sk.ack_pending & ICSK_ACK_TIMER:
        return None
    if sk.ack_timeout > jiffies(k):
        return _at(sk.ack_timeout)
    sk.ack_pending &= ~ICSK_ACK_TIMER
    if sk.ack_pending & ICSK_ACK_SCHED:
        if not sk.ack_pingpong:
            sk.ack_ato = min(sk.ack_ato << 1, sk.rto)
        else:
            sk.ack_pingpong = False
            sk.ack_ato = TCP_DELACK_MIN
        ip_output.local_bh_disable(k)
        tcp_output.tcp_send_ack(sk)
        ip_output.local_bh_enable(k)
    return None


def _write_timer(timer: Hrtimer) -> int | None:
    """Send again, or ask about the window (tcp_write_timer)."""
    sk = timer.data
    assert isinstance(sk, TcpSock)
    k = sk.kernel
    if sk.state == TCP_CLOSE or not sk.csk_pending:
        return None
    if sk.csk_timeout > jiffies(k):
        return _at(sk.csk_timeout)
    event, sk.csk_pending = sk.csk_pending, 0
    ip_output.local_bh_disable(k)
    if event == ICSK_TIME_RETRANS:
        _retransmit_timer(sk)
    elif event == ICSK_TIME_PROBE0:
        _probe_timer(sk)
    ip_output.local_bh_enable(k)
    return None


def _write_err(sk: TcpSock) -> None:
    """Nobody answers any more."""
    sk.err = sk.err_soft or Errno.ETIMEDOUT
    inet_csk.sk_error_report(sk)
    inet_csk.tcp_done(sk)


def _retransmits_timed_out(sk: TcpSock, boundary: int, timeout: int, *, syn: bool) -> bool:
    """Whether what was sent first has waited as long as so many retransmissions take."""
    if not sk.csk_retransmits:
        return False
    start = sk.retrans_stamp or (sk.write_queue[0].when if sk.write_queue else jiffies(sk.kernel))
    if not timeout:
        base = HZ if syn else HZ // 5
        thresh = max((TCP_RTO_MAX // base).bit_length() - 1, 0)
        if boundary <= thresh:
            timeout = ((2 << boundary) - 1) * base
        else:
            timeout = ((2 << thresh) - 1) * base + (boundary - thresh) * TCP_RTO_MAX
    return jiffies(sk.kernel) - start >= timeout


def _write_timeout(sk: TcpSock) -> bool:
    """Whether to give up (tcp_write_timeout)."""
    syn = bool(1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV))
    if syn:
        retry_until = sk.syn_retries or TCP_SYN_RETRIES
        timed_out = _retransmits_timed_out(sk, retry_until, 0, syn=True)
    else:
        retry_until = _ORPHAN_RETRIES if sk.dead else _TCP_RETRIES2
        timed_out = _retransmits_timed_out(sk, retry_until, sk.user_timeout, syn=False)
    if timed_out:
        _write_err(sk)
    return timed_out


def _ssthresh(sk: TcpSock) -> int:
    """Return where the congestion window grows slowly from now on (bictcp_recalc_ssthresh, tcp_reno_ssthresh)."""
    return max(sk.snd_cwnd * 717 // 1024 if sk.congestion == b"cubic" else sk.snd_cwnd >> 1, 2)


def _retransmit_timer(sk: TcpSock) -> None:
    """What was sent was not acknowledged in time (tcp_retransmit_timer)."""
    if not sk.packets_out or not sk.write_queue:
        return
    now = jiffies(sk.kernel)
    if not sk.snd_wnd and not sk.dead and not 1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV):
        # The receiver has shut its window behind us.
        if now - sk.rcv_tstamp > TCP_RTO_MAX:
            _write_err(sk)
            return
        tcp_output.tcp_retransmit_skb(sk, sk.write_queue[0])
    else:
        if _write_timeout(sk):
            return
        if not sk.csk_retransmits:
            sk.snd_ssthresh = _ssthresh(sk)
            sk.frto_highmark = sk.snd_nxt
        # Too much may be for whom the window never was the limit (tcp_enter_frto).
        sk.snd_cwnd = min(sk.snd_cwnd, sk.packets_out + 1)
        tcp_output.tcp_retransmit_skb(sk, sk.write_queue[0])
        sk.backoff += 1
        sk.csk_retransmits += 1
    sk.rto = min(sk.rto << 1, TCP_RTO_MAX)
    inet_csk.inet_csk_reset_xmit_timer(sk, ICSK_TIME_RETRANS, sk.rto, TCP_RTO_MAX)


def _probe_timer(sk: TcpSock) -> None:
    """The window is shut: ask about it (tcp_probe_timer)."""
    if sk.packets_out or tcp_output.tcp_send_head(sk) is None:
        sk.probes_out = 0
        return
    max_probes = _TCP_RETRIES2
    if sk.dead:
        alive = sk.rto << sk.backoff < TCP_RTO_MAX
        max_probes = _ORPHAN_RETRIES
        if not alive and sk.probes_out >= max_probes:
            inet_csk.tcp_done(sk)
            return
    if sk.probes_out > max_probes:
        _write_err(sk)
    else:
        tcp_output.tcp_send_probe0(sk)


def _keepalive_timer(sk: TcpSock, listen_timer: Callable[[TcpSock], int]) -> int | None:
    """Look after a listener's half-open connections, an orphan, the other end (tcp_keepalive_timer)."""
    k = sk.kernel
    ip_output.local_bh_disable(k)
    again = listen_timer(sk) if sk.state == TCP_LISTEN else _keepalive(sk)
    ip_output.local_bh_enable(k)
    return _at(jiffies(k) + again) if again else None


def _keepalive(sk: TcpSock) -> int:
    """Return the ticks until it is to be looked again, 0 for never."""
    if sk.state == TCP_FIN_WAIT2 and sk.dead:
        if sk.linger2 >= 0:
            tmo = tcp_input.tcp_fin_time(sk) - tcp_minisocks.TCP_TIMEWAIT_LEN
            if tmo > 0:
                tcp_minisocks.tcp_time_wait(sk, TCP_FIN_WAIT2, tmo)
                return 0
        tcp_output.tcp_send_active_reset(sk)
        inet_csk.tcp_done(sk)
        return 0
    if not sk.flags & SOCK_KEEPOPEN or sk.state == TCP_CLOSE:
        return 0
    elapsed = tcp_input.keepalive_time_when(sk)
    if sk.packets_out or tcp_output.tcp_send_head(sk) is not None:
        return elapsed
    idle = jiffies(sk.kernel) - max(sk.ack_lrcvtime, sk.rcv_tstamp)
    if idle < elapsed:
        return elapsed - idle
    over = idle >= sk.user_timeout if sk.user_timeout else sk.probes_out >= keepalive_probes(sk)
    if over and (sk.probes_out > 0 or not sk.user_timeout):
        tcp_output.tcp_send_active_reset(sk)
        _write_err(sk)
        return 0
    if tcp_output.tcp_write_wakeup(sk):
        sk.probes_out += 1
        return keepalive_intvl_when(sk)
    return _BUSY
