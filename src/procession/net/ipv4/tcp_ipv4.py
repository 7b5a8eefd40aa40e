"""From a segment to the socket it is for, and the opening of connections (net/ipv4/tcp_ipv4.c, tcp_minisocks.c).

Of both families: an IPv6 socket whose other end has an IPv4 address is one of IPv4 in all but its names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.tcp import (
    TCP_ESTABLISHED,
    TCP_LISTEN,
    TCP_SYN_RECV,
    TCPHDR_ACK,
    TCPHDR_RST,
    TCPHDR_SYN,
    TCPOLEN_TSTAMP_ALIGNED,
)
from procession.include.linux.time import HZ
from procession.mm import slab
from procession.net.core.sock import SOCK_KEEPOPEN
from procession.net.ipv4 import (
    datagram,
    inet_csk,
    inet_hashtables,
    ip_output,
    tcp_ack,
    tcp_input,
    tcp_minisocks,
    tcp_output,
    tcp_timer,
    tcp_wire,
)
from procession.net.ipv4.skbuff import OPTION_SACK_ADVERTISE, OPTION_TS, TcpSkb
from procession.net.ipv4.sock import SOCK_BINDPORT_LOCK, RequestSock, TcpSock, TimewaitSock, inet_net, jiffies

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.net.ipv4.skbuff import InetSkb

__all__ = ("inet_csk_listen_stop", "release_sock", "reqsk_expires", "tcp_init_sock", "tcp_v4_rcv", "tcp_v4_send_synack")

_SYN_QUEUE_INTERVAL: Final = HZ // 5
_TCP_SYNACK_RETRIES: Final = 5


# The lock of a socket: who works with it takes care of what has come meanwhile.


def release_sock(sk: TcpSock) -> None:
    """The call is done, or sleeps: do what has come meanwhile."""
    backlog = sk.backlog
    while backlog:
        tcp_v4_do_rcv(sk, backlog.popleft())
    sk.owned = False


def tcp_init_sock(sk: TcpSock) -> None:
    """Make a new socket's timers."""
    tcp_timer.tcp_init_xmit_timers(sk, _synack_timer)


# Receiving.


def tcp_v4_rcv(k: Kernel, net: NetNamespace, packet: InetSkb) -> None:
    """Take a segment from the network."""
    inet_net(net).count("TcpInSegs")
    skb = packet if isinstance(packet, TcpSkb) else tcp_wire.tcp_parse(net, packet)
    if skb is None:
        inet_net(net).count("TcpInErrs")
        return
    sk = inet_hashtables.inet_lookup_established(net, skb.saddr, skb.source, skb.daddr, skb.dest)
    if isinstance(sk, TimewaitSock):
        if not tcp_minisocks.tcp_timewait_state_process(k, sk, skb):
            return
        listener = inet_hashtables.inet_lookup_listener(net, skb.daddr, skb.dest, net.dev_base[0].ifindex)
        if listener is None:
            return
        skb.when = sk.snd_nxt + 65535 + 2
        inet_hashtables.inet_twsk_deschedule(sk)
        sk = listener
    elif sk is None:
        skb.when = 0
        sk = inet_hashtables.inet_lookup_listener(net, skb.daddr, skb.dest, net.dev_base[0].ifindex)
    else:
        skb.when = 0
    if sk is None:
        tcp_output.tcp_send_reset(k, net, skb)
        return
    if skb.hops < sk.min_ttl:
        return
    if sk.sk_filter is not None and not datagram.inet_filter(sk, skb, tcp_wire.tcp_head(skb) + skb.data):
        return
    if sk.owned:
        sk.backlog.append(skb)
    else:
        tcp_v4_do_rcv(sk, skb)


def tcp_v4_do_rcv(sk: TcpSock, skb: TcpSkb) -> None:
    """Give a segment to its connection, or to the listener that is to make one of it."""
    k, net = sk.kernel, sk.net
    if sk.state == TCP_LISTEN:
        _listen_rcv(sk, skb)
        return
    if tcp_input.tcp_rcv_state_process(sk, skb):
        tcp_output.tcp_send_reset(k, net, skb)


def _listen_rcv(sk: TcpSock, skb: TcpSkb) -> None:
    """Take a segment for a listener: a SYN, or what follows one (tcp_v4_hnd_req)."""
    req = sk.syn_table.get((skb.daddr, skb.dest, skb.saddr, skb.source))
    if req is not None:
        _check_req(sk, req, skb)
        return
    established = inet_hashtables.inet_lookup_established(sk.net, skb.saddr, skb.source, skb.daddr, skb.dest)
    if isinstance(established, TcpSock):
        if established.owned:
            established.backlog.append(skb)
        else:
            tcp_v4_do_rcv(established, skb)
        return
    if skb.flags & TCPHDR_ACK:
        tcp_output.tcp_send_reset(sk.kernel, sk.net, skb)
    elif skb.flags & TCPHDR_SYN and not skb.flags & TCPHDR_RST:
        _conn_request(sk, skb)


# Half-open connections.


def _acceptq_is_full(sk: TcpSock) -> bool:
    return len(sk.accept_queue) > sk.ack_backlog


def _max_qlen(sk: TcpSock) -> int:
    """Return how many half-open connections a listener has at most."""
    entries = max(8, min(sk.ack_backlog, 128))
    return 1 << entries.bit_length()


def _conn_request(sk: TcpSock, skb: TcpSkb) -> None:
    """A SYN: note the caller, and answer (tcp_v4_conn_request)."""
    if len(sk.syn_table) >= _max_qlen(sk) and not skb.when:
        return
    if _acceptq_is_full(sk) and sk.qlen_young > 1:
        inet_net(sk.net).count("TcpExtListenOverflows")
        inet_net(sk.net).count("TcpExtListenDrops")
        return
    k = sk.kernel
    try:
        slab.should_failslab(k, "request_sock_TCP")
    except LinuxError:
        return  # the caller calls again
    req = RequestSock(sk, skb)
    if sk.user_mss:
        req.mss = min(req.mss, 65535)
    req.snt_isn = skb.when or tcp_isn(k)
    sk.syn_table[req.saddr, req.sport, req.daddr, req.dport] = req
    sk.qlen_young += 1
    req.expires = jiffies(k) + HZ
    req.snt_synack = jiffies(k)
    if len(sk.syn_table) == 1:
        inet_csk.inet_csk_reset_keepalive_timer(sk, HZ)
    tcp_v4_send_synack(sk, req)


def tcp_isn(k: Kernel) -> int:
    """Return the place where a stream begins."""
    k.net.tcp_isn += 64000
    return k.net.tcp_isn


def tcp_v4_send_synack(sk: TcpSock, req: RequestSock) -> None:
    """Answer a SYN."""
    k = sk.kernel
    mss = tcp_output.tcp_mtu_mss(sk.net, len(req.daddr))
    if sk.user_mss:
        mss = min(mss, sk.user_mss)
    if not req.rcv_wnd:
        times = TCPOLEN_TSTAMP_ALIGNED if req.rx_opt & OPTION_TS else 0
        req.rcv_wnd, req.window_clamp, req.rcv_wscale = tcp_output.tcp_select_initial_window(
            k, tcp_output.tcp_full_space(sk), mss - times, sk.window_clamp
        )
        if not req.wscale_ok:
            req.rcv_wscale = 0
    reply = TcpSkb(req.saddr, req.sport, req.daddr, req.dport)
    reply.protocol = IPPROTO_TCP
    reply.flags = TCPHDR_SYN | TCPHDR_ACK
    reply.seq = req.snt_isn
    reply.end_seq = req.snt_isn + 1
    reply.ack_seq = req.rcv_isn + 1
    reply.window = min(req.rcv_wnd, 65535)
    reply.mss = mss
    reply.wscale = req.rcv_wscale if req.wscale_ok else -1
    reply.rcv_wscale = req.rcv_wscale
    reply.tsval, reply.tsecr, reply.rx_opt = jiffies(k), req.ts_recent, req.rx_opt
    inet_net(sk.net).count("TcpOutSegs")
    ip_output.ip_send(k, sk.net, reply)


def _reqsk_send_ack(sk: TcpSock, req: RequestSock) -> None:
    """Say what a half-open connection waits for (tcp_v4_reqsk_send_ack)."""
    reply = TcpSkb(req.saddr, req.sport, req.daddr, req.dport)
    reply.protocol = IPPROTO_TCP
    reply.flags = TCPHDR_ACK
    reply.seq = reply.end_seq = req.snt_isn + 1
    reply.ack_seq = req.rcv_isn + 1
    reply.window = req.rcv_wnd
    reply.rcv_wscale = 0  # 3.2 writes the window unscaled
    reply.computed = True
    reply.tsval, reply.tsecr, reply.rx_opt = jiffies(sk.kernel), req.ts_recent, OPTION_TS if req.ts_recent else 0
    ip_output.ip_send(sk.kernel, sk.net, reply)


def _drop_request(sk: TcpSock, req: RequestSock) -> None:
    del sk.syn_table[req.saddr, req.sport, req.daddr, req.dport]
    if not req.retrans:
        sk.qlen_young -= 1
    if not sk.syn_table and sk.keep_timer is not None:
        sk.keep_timer.queued = False


def reqsk_expires(sk: TcpSock, req: RequestSock) -> int:
    """Return the ticks until a SYN-ACK is sent again."""
    return max(req.expires - jiffies(sk.kernel), 0)


def _synack_timer(sk: TcpSock) -> int:
    """Answer again, or give up; returns the ticks until the next look (inet_csk_reqsk_queue_prune)."""
    if not sk.syn_table:
        return 0
    now = jiffies(sk.kernel)
    max_retries = sk.syn_retries or _TCP_SYNACK_RETRIES
    thresh = max_retries
    if len(sk.syn_table) > _max_qlen(sk) >> 1:
        young = sk.qlen_young << 1
        while thresh > 2 and len(sk.syn_table) >= young:
            thresh -= 1
            young <<= 1
    if sk.defer_accept:
        max_retries = sk.defer_accept
    for req in list(sk.syn_table.values()):
        if now < req.expires:
            continue
        expire, resend = _recalc(sk, req, thresh, max_retries)
        if resend and not expire:
            tcp_v4_send_synack(sk, req)
        key = (req.saddr, req.sport, req.daddr, req.dport)
        if sk.syn_table.get(key) is not req:
            continue
        if not expire:
            if not req.retrans:
                sk.qlen_young -= 1
            req.retrans += 1
            req.expires = now + min(HZ << req.retrans, tcp_output.TCP_RTO_MAX)
            continue
        _drop_request(sk, req)
    return _SYN_QUEUE_INTERVAL if sk.syn_table else 0


def _recalc(sk: TcpSock, req: RequestSock, thresh: int, max_retries: int) -> tuple[bool, bool]:
    """Return whether to give up, and whether to answer again (syn_ack_recalc)."""
    if not sk.defer_accept:
        return req.retrans >= thresh, True
    expire = req.retrans >= thresh and (not req.acked or req.retrans >= max_retries)
    return expire, not req.acked or req.retrans >= sk.defer_accept - 1


def _check_req(sk: TcpSock, req: RequestSock, skb: TcpSkb) -> None:
    """Take the answer to our SYN-ACK (tcp_check_req)."""
    old = skb.tsval and skb.tsval < req.ts_recent
    if skb.seq == req.rcv_isn and not old and skb.flags & TCPHDR_SYN and not skb.flags & (TCPHDR_RST | TCPHDR_ACK):
        tcp_v4_send_synack(sk, req)
        return
    if skb.flags & TCPHDR_ACK and skb.ack_seq != req.snt_isn + 1:
        tcp_output.tcp_send_reset(sk.kernel, sk.net, skb)
        return
    in_window = skb.end_seq >= req.rcv_isn + 1 and skb.seq <= req.rcv_isn + 1 + req.rcv_wnd
    if old or not in_window:
        if not skb.flags & TCPHDR_RST:
            _reqsk_send_ack(sk, req)
        return
    if skb.seq <= req.rcv_isn + 1:
        req.ts_recent = skb.tsval
    if skb.tsecr:
        req.snt_synack = skb.tsecr
    elif req.retrans:
        req.snt_synack = -1  # which of them this answers is not known
    if skb.flags & (TCPHDR_RST | TCPHDR_SYN):
        _drop_request(sk, req)
        if not skb.flags & TCPHDR_RST:
            tcp_output.tcp_send_reset(sk.kernel, sk.net, skb)
        return
    if not skb.flags & TCPHDR_ACK:
        return
    if req.retrans < sk.defer_accept and skb.end_seq == req.rcv_isn + 1:
        req.acked = True
        return
    child = _syn_recv_sock(sk, req)
    if child is None:
        req.acked = True
        return
    _drop_request(sk, req)
    sk.accept_queue.append((req, child))
    # The child's first segment (tcp_child_process).
    state = child.state
    if tcp_input.tcp_rcv_state_process(child, skb):
        tcp_output.tcp_send_reset(sk.kernel, sk.net, skb)
    if state == TCP_SYN_RECV and child.state != state:
        inet_csk.sk_data_ready(sk)


def _syn_recv_sock(sk: TcpSock, req: RequestSock) -> TcpSock | None:
    """Make the connection's socket, None if there is no room for it (tcp_v4_syn_recv_sock)."""
    if _acceptq_is_full(sk):
        inet_net(sk.net).count("TcpExtListenOverflows")
        inet_net(sk.net).count("TcpExtListenDrops")
        return None
    k = sk.kernel
    try:
        k.caches["TCP"].alloc()
    except LinuxError:
        inet_net(sk.net).count("TcpExtListenDrops")
        return None
    child = TcpSock(k, sk.net, sk.family, sk.type, sk.protocol, sk.ops)
    _inherit(sk, child)
    child.saddr = child.rcv_saddr = req.saddr
    child.daddr, child.dport = req.daddr, req.dport
    child.sport = req.sport
    tcp_init_sock(child)
    _openreq_child(sk, child, req)
    inet_hashtables.inet_inherit_port(sk, child)
    inet_hashtables.inet_hash(child)
    inet_net(sk.net).count("TcpPassiveOpens")
    return child


def _inherit(sk: TcpSock, child: TcpSock) -> None:
    """Give a connection what its listener was told (sk_clone)."""
    child.flags = sk.flags
    child.reuse = sk.reuse
    child.priority = sk.priority
    child.mark = sk.mark
    child.bound_dev_if = sk.bound_dev_if
    child.lingertime = sk.lingertime
    child.sk_filter = sk.sk_filter
    child.sk_rcvtimeo, child.sk_sndtimeo = sk.sk_rcvtimeo, sk.sk_sndtimeo
    child.rcvlowat = sk.rcvlowat
    child.tsflags = sk.tsflags
    child.no_check = sk.no_check
    child.passcred = sk.passcred
    child.userlocks = sk.userlocks & ~SOCK_BINDPORT_LOCK
    child.sndbuf, child.rcvbuf = sk.sndbuf, sk.rcvbuf
    child.nonagle = sk.nonagle
    child.user_mss = sk.user_mss
    child.keepalive_time = sk.keepalive_time
    child.keepalive_intvl = sk.keepalive_intvl
    child.keepalive_probes = sk.keepalive_probes
    child.syn_retries = sk.syn_retries
    child.linger2 = sk.linger2
    child.user_timeout = sk.user_timeout
    child.thin_lto, child.thin_dupack = sk.thin_lto, sk.thin_dupack
    child.congestion = sk.congestion
    child.uc_ttl, child.tos, child.tclass, child.hop_limit = sk.uc_ttl, sk.tos, sk.tclass, sk.hop_limit
    child.min_ttl = sk.min_ttl
    child.cmsg_flags = sk.cmsg_flags
    child.recverr, child.recverr6 = sk.recverr, sk.recverr6
    child.ipv6only = sk.ipv6only
    child.transparent, child.freebind = sk.transparent, sk.freebind
    child.parent = sk


def _openreq_child(sk: TcpSock, child: TcpSock, req: RequestSock) -> None:
    """Begin where the handshake has ended (tcp_create_openreq_child, tcp_sync_mss)."""
    k = sk.kernel
    child.state = TCP_SYN_RECV
    child.rcv_nxt = child.rcv_wup = child.copied_seq = req.rcv_isn + 1
    child.snd_una = child.snd_nxt = child.snd_sml = child.snd_up = req.snt_isn + 1
    child.snd_wl1 = req.rcv_isn
    child.write_seq = child.pushed_seq = req.snt_isn + 1
    child.tstamp_ok = req.rx_opt & OPTION_TS != 0
    child.sack_ok = req.rx_opt & OPTION_SACK_ADVERTISE != 0
    child.ts_recent = req.ts_recent
    child.window_clamp = req.window_clamp
    child.rcv_ssthresh = req.rcv_wnd
    child.rcv_wnd = req.rcv_wnd
    child.snd_wscale, child.rcv_wscale = req.snd_wscale, req.rcv_wscale
    if not req.wscale_ok:
        child.snd_wscale = child.rcv_wscale = 0
        child.window_clamp = min(child.window_clamp, 65535)
    mtu_mss = tcp_output.tcp_mtu_mss(sk.net, len(req.daddr))
    child.mss_clamp = req.mss
    child.advmss = min(mtu_mss, sk.user_mss) if sk.user_mss else mtu_mss
    child.mss_cache = max(min(req.mss, mtu_mss) - tcp_output.tcp_options_len(child), 48)
    child.mdev = HZ
    child.rto = HZ
    child.rcv_tstamp = jiffies(k)
    child.lsndtime = jiffies(k)
    tcp_ack.tcp_initialize_rcv_mss(child)
    if req.snt_synack >= 0:
        tcp_ack.tcp_valid_rtt_meas(child, jiffies(k) - req.snt_synack)
    if child.flags & SOCK_KEEPOPEN:
        inet_csk.inet_csk_reset_keepalive_timer(child, tcp_input.keepalive_time_when(child))


# The end of a listener.


def inet_csk_listen_stop(sk: TcpSock) -> None:
    """Forget half-open connections, and reset those that nobody has accepted."""
    if sk.keep_timer is not None:
        sk.keep_timer.queued = False
    sk.syn_table.clear()
    sk.qlen_young = 0
    k = sk.kernel
    while sk.accept_queue:
        _, child = sk.accept_queue.popleft()
        ip_output.local_bh_disable(k)
        child.dead = True
        if child.state not in (7, 2):
            # tcp_disconnect
            child.err = Errno.ECONNRESET
            if child.state in (TCP_ESTABLISHED, TCP_SYN_RECV, 4, 5, 8):
                tcp_output.tcp_send_active_reset(child)
            inet_csk.tcp_set_state(child, 7)
        inet_csk.inet_csk_destroy_sock(child)
        ip_output.local_bh_enable(k)
