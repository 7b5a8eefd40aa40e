"""What NETLINK_INET_DIAG tells of TCP (net/ipv4/tcp_diag.c).

Differs: 3.2 tells of the sockets of all networks, this of those of the first, in which alone it can be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.inet import IN6_MAPPED
from procession.include.linux.socket import AF_INET6
from procession.include.linux.tcp import TCP_LISTEN, TCP_SYN_RECV
from procession.include.linux.time import HZ, TICK_PERIOD_NS
from procession.net.ipv4 import inet_csk, inet_hashtables, tcp_ipv4, tcp_sockopt
from procession.net.ipv4.inet_diag import TCPDIAG_GETSOCK, InetDiagEntry, InetDiagHandler, inet_diag_register
from procession.net.ipv4.sock import RequestSock, TcpSock, TimewaitSock, inet_net, jiffies, sock_i_uid

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("tcp_diag_init",)


def tcp_diag_init(k: Kernel) -> None:
    """Say that there are sockets of TCP to tell of."""
    inet_diag_register(k, TCPDIAG_GETSOCK, InetDiagHandler(tcp_diag_dump, tcp_diag_lookup))


def _ms(k: Kernel, when: int) -> int:
    """Return the time until a tick, in ms."""
    return max(when - jiffies(k), 0) * 1000 // HZ


def _six(family: int, address: bytes) -> bytes:
    """Return an address as long as its family's are."""
    if family != AF_INET6 or len(address) == 16:
        return address
    return IN6_MAPPED + address if any(address) else bytes(16)


def _of(family: int, state: int, source: tuple[bytes, int], dest: tuple[bytes, int]) -> InetDiagEntry:
    return InetDiagEntry(family, state, (_six(family, source[0]), source[1]), (_six(family, dest[0]), dest[1]))


def _entry(sk: TcpSock) -> InetDiagEntry:
    entry = _of(sk.family, sk.state, (sk.rcv_saddr, sk.sport), (sk.daddr, sk.dport))
    listening = sk.state == TCP_LISTEN
    entry.rqueue = len(sk.accept_queue) if listening else max(sk.rcv_nxt - sk.copied_seq, 0)
    entry.wqueue = sk.ack_backlog if listening else sk.write_seq - sk.snd_una
    entry.uid, entry.inode = sock_i_uid(sk), sk.i_ino
    entry.bound_dev_if, entry.userlocks, entry.cookie = sk.bound_dev_if, sk.userlocks, sk.address()
    _timer(sk, entry)
    entry.meminfo = (sk.rmem, sk.wmem_queued, 0, 0)
    entry.info = tcp_sockopt.tcp_get_info(sk)
    entry.cong = sk.congestion
    return entry


def _timer(sk: TcpSock, entry: InetDiagEntry) -> None:
    """Note what the socket waits for."""
    if sk.csk_pending:
        entry.timer = 1 if sk.csk_pending == inet_csk.ICSK_TIME_RETRANS else 4
        entry.expires_ms = _ms(sk.kernel, sk.csk_timeout)
        entry.retrans = sk.csk_retransmits if entry.timer == 1 else sk.probes_out
    elif sk.keep_timer is not None and sk.keep_timer.queued:
        entry.timer, entry.retrans = 2, sk.probes_out
        entry.expires_ms = _ms(sk.kernel, sk.keep_timer.expires_ns // TICK_PERIOD_NS)


def _half_open(sk: TcpSock, req: RequestSock) -> InetDiagEntry:
    entry = _of(sk.family, TCP_SYN_RECV, (req.saddr, req.sport), (req.daddr, req.dport))
    entry.timer, entry.retrans = 1, req.retrans
    entry.expires_ms = tcp_ipv4.reqsk_expires(sk, req) * 1000 // HZ
    entry.uid = sock_i_uid(sk)
    entry.bound_dev_if, entry.userlocks, entry.cookie = sk.bound_dev_if, sk.userlocks, req.address()
    return entry


def _timewait(tw: TimewaitSock) -> InetDiagEntry:
    """Tell what is left of a connection, in whatever state: it is asked for as one in TIME_WAIT."""
    entry = _of(tw.family, tw.substate, (tw.rcv_saddr, tw.num), (tw.daddr, tw.dport))
    entry.shown_as = tw.state
    entry.timer, entry.expires_ms = 3, _ms(tw.kernel, tw.expires)
    entry.bound_dev_if, entry.cookie = tw.bound_dev_if, tw.address()
    return entry


def _connection(sk: TcpSock | TimewaitSock) -> InetDiagEntry:
    return _timewait(sk) if isinstance(sk, TimewaitSock) else _entry(sk)


def tcp_diag_dump(k: Kernel) -> list[InetDiagEntry]:
    """Return all sockets of TCP: listeners with their half-open connections, then the others."""
    tables = inet_net(k.init_net_ns)
    found = []
    for listeners in tables.listening.values():
        for sk in listeners:
            found.append(_entry(sk))
            found.extend(_half_open(sk, req) for req in sk.syn_table.values())
    found.extend(_connection(other) for other in tables.ehash.values())
    return found


def tcp_diag_lookup(k: Kernel, saddr: bytes, sport: int, daddr: bytes, dport: int, dif: int) -> InetDiagEntry | None:
    """Return whose a packet to saddr would be: a connection's, or else a listener's (inet_lookup)."""
    net = k.init_net_ns
    sk = inet_hashtables.inet_lookup_established(net, daddr, dport, saddr, sport)
    if sk is None:
        sk = inet_hashtables.inet_lookup_listener(net, saddr, sport, dif)
    return None if sk is None else _connection(sk)
