"""What is left of a connection that has ended (net/ipv4/tcp_minisocks.c, inet_timewait_sock.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.tcp import TCP_FIN_WAIT2, TCP_TIME_WAIT, TCPHDR_ACK, TCPHDR_FIN, TCPHDR_RST, TCPHDR_SYN
from procession.include.linux.time import HZ, TICK_PERIOD_NS
from procession.kernel import hrtimer
from procession.mm import slab
from procession.net.ipv4 import inet_csk, inet_hashtables, ip_output, tcp_output
from procession.net.ipv4.skbuff import OPTION_TS, TcpSkb
from procession.net.ipv4.sock import TcpSock, TimewaitSock, inet_net, jiffies

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("TCP_TIMEWAIT_LEN", "tcp_time_wait", "tcp_timewait_state_process")

TCP_TIMEWAIT_LEN: Final = 60 * HZ
_MAX_ORPHANS: Final = 8192


def tcp_time_wait(sk: TcpSock, state: int, timeo: int) -> None:
    """Put what is left in the place of a connection, for timeo ticks and no shorter than retransmissions take."""
    k = sk.kernel
    tw = TimewaitSock(sk, state)
    if k.net.tw_count < _MAX_ORPHANS and sk.bind_hash is not None and _has_memory(k):
        rto = (sk.rto << 2) - (sk.rto >> 1)
        timeo = max(timeo, rto)
        if state == TCP_TIME_WAIT:
            timeo = TCP_TIMEWAIT_LEN
        tw.bind_hash = sk.bind_hash
        tw.bind_hash.owners[tw] = None
        inet_hashtables.inet_unhash(sk)
        inet_net(sk.net).ehash[tw.rcv_saddr, tw.num, tw.daddr, tw.dport] = tw
        k.net.tw_count += 1
        inet_net(sk.net).count("TcpExtTW")
        inet_twsk_schedule(tw, timeo)
    else:
        tw.bind_hash = None
    inet_csk.tcp_done(sk)


def _has_memory(k: Kernel) -> bool:
    """Whether there is memory for what is left of a connection; without it the connection ends at once."""
    try:
        slab.should_failslab(k, "tw_sock_TCP")
    except LinuxError:
        return False
    return True


def inet_twsk_schedule(tw: TimewaitSock, timeo: int) -> None:
    """Let it go after so many ticks."""
    timer = tw.timer
    if timer is None:
        timer = tw.timer = Hrtimer(_expired, data=tw)
    k = tw.kernel
    tw.expires = jiffies(k) + timeo
    hrtimer.hrtimer_start(k, timer, tw.expires * TICK_PERIOD_NS)


def _expired(timer: Hrtimer) -> None:
    tw = timer.data
    assert isinstance(tw, TimewaitSock)
    inet_hashtables.inet_twsk_deschedule(tw)


def tcp_timewait_state_process(k: Kernel, tw: TimewaitSock, skb: TcpSkb) -> bool:
    """Take a segment; returns whether it is a SYN that may open the connection anew."""
    if tw.substate == TCP_FIN_WAIT2:
        _fin_wait2(k, tw, skb)
        return False
    old = skb.tsval < tw.ts_recent
    if not old and skb.seq == tw.rcv_nxt and (skb.seq == skb.end_seq or skb.flags & TCPHDR_RST):
        if skb.flags & TCPHDR_RST:
            inet_hashtables.inet_twsk_deschedule(tw)
            return False
        inet_twsk_schedule(tw, TCP_TIMEWAIT_LEN)
        tw.ts_recent = skb.tsval
        return False
    syn = skb.flags & TCPHDR_SYN and not skb.flags & (TCPHDR_RST | TCPHDR_ACK)
    if syn and not old and (skb.seq > tw.rcv_nxt or tw.ts_recent < skb.tsval):
        return True
    if not skb.flags & TCPHDR_RST:
        if old or skb.flags & TCPHDR_ACK:
            inet_twsk_schedule(tw, TCP_TIMEWAIT_LEN)
        _timewait_ack(k, tw, skb)
    return False


def _fin_wait2(k: Kernel, tw: TimewaitSock, skb: TcpSkb) -> None:
    """Wait for the other end's FIN; its data is answered by a reset."""
    if not _in_window(skb.seq, skb.end_seq, tw.rcv_nxt, tw.rcv_nxt + tw.rcv_wnd):
        _timewait_ack(k, tw, skb)
        return
    if skb.flags & TCPHDR_RST:
        inet_hashtables.inet_twsk_deschedule(tw)
        return
    if skb.flags & TCPHDR_SYN and skb.seq >= tw.rcv_nxt:
        inet_hashtables.inet_twsk_deschedule(tw)
        tcp_output.tcp_send_reset(k, tw.net, skb)
        return
    if not skb.flags & TCPHDR_ACK or skb.end_seq <= tw.rcv_nxt or skb.end_seq == skb.seq:
        return
    if not skb.flags & TCPHDR_FIN or skb.end_seq != tw.rcv_nxt + 1:
        inet_hashtables.inet_twsk_deschedule(tw)
        tcp_output.tcp_send_reset(k, tw.net, skb)
        return
    tw.substate = TCP_TIME_WAIT
    tw.rcv_nxt = skb.end_seq
    tw.ts_recent = skb.tsval
    inet_twsk_schedule(tw, TCP_TIMEWAIT_LEN)
    _timewait_ack(k, tw, skb)


def _in_window(seq: int, end_seq: int, start: int, end: int) -> bool:
    if seq == start:
        return True
    if end_seq > start and seq < end:
        return True
    return seq == end and seq == end_seq


def _timewait_ack(k: Kernel, tw: TimewaitSock, skb: TcpSkb) -> None:
    """Say what has come (tcp_v4_timewait_ack)."""
    reply = TcpSkb(skb.daddr, skb.dest, skb.saddr, skb.source)
    reply.protocol = IPPROTO_TCP
    reply.flags = TCPHDR_ACK
    reply.seq = reply.end_seq = tw.snd_nxt
    reply.ack_seq = tw.rcv_nxt
    reply.window, reply.rcv_wscale = tw.rcv_wnd, tw.rcv_wscale
    reply.computed = True
    reply.tsval, reply.tsecr, reply.rx_opt = jiffies(k), tw.ts_recent, OPTION_TS if tw.ts_recent else 0
    ip_output.ip_send(k, tw.net, reply)
