"""What NETLINK_INET_DIAG tells of TCP (net/ipv4/tcp_diag.c).

Differs: 3.2 tells of the sockets of all networks, this of those of the first, in which alone it can be asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.inet import IN6_MAPPED
from procession.include.linux.socket import AF_INET6
from procession.include.linux.time import HZ
from procession.include.linux.uidgid import uid_here
from procession.net.ipv4 import inet_csk, tcp_ipv4, tcp_sockopt
from procession.net.ipv4.inet_diag import TCPDIAG_GETSOCK, InetDiagEntry, inet_diag_register
from procession.net.ipv4.sock import TcpSock, TimewaitSock, inet_net, jiffies

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("tcp_diag_init",)


def tcp_diag_init(k: Kernel) -> None:
    """Say that there are sockets of TCP to tell of."""
    inet_diag_register(k, TCPDIAG_GETSOCK, tcp_diag_dump)


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
    k = sk.kernel
    entry = _of(sk.family, sk.state, (sk.rcv_saddr, sk.sport), (sk.daddr, sk.dport))
    listening = sk.state == 10
    entry.rqueue = len(sk.accept_queue) if listening else max(sk.rcv_nxt - sk.copied_seq, 0)
    entry.wqueue = sk.ack_backlog if listening else sk.write_seq - sk.snd_una
    entry.uid, entry.inode = uid_here(sk.kernel.current, sk.uid), sk.i_ino
    entry.bound_dev_if, entry.userlocks, entry.cookie = sk.bound_dev_if, sk.userlocks, sk.address()
    if sk.csk_pending:
        entry.timer = 1 if sk.csk_pending == inet_csk.ICSK_TIME_RETRANS else 4
        entry.expires_ms = _ms(k, sk.csk_timeout)
        entry.retrans = sk.csk_retransmits if entry.timer == 1 else sk.probes_out
    entry.meminfo = (sk.rmem, sk.wmem_queued, 0, 0)
    entry.info = tcp_sockopt.tcp_get_info(sk)
    entry.cong = sk.congestion
    return entry


def tcp_diag_dump(k: Kernel) -> list[InetDiagEntry]:
    """Return all sockets of TCP: listeners with their half-open connections, then the others."""
    tables = inet_net(k.init_net_ns)
    found = []
    for listeners in tables.listening.values():
        for sk in listeners:
            found.append(_entry(sk))
            for req in sk.syn_table.values():
                entry = _of(sk.family, 3, (req.saddr, req.sport), (req.daddr, req.dport))
                entry.timer, entry.retrans = 1, req.retrans
                entry.expires_ms = tcp_ipv4.reqsk_expires(sk, req) * 1000 // HZ
                entry.uid = uid_here(sk.kernel.current, sk.uid)
                found.append(entry)
    for other in tables.ehash.values():
        if isinstance(other, TimewaitSock):
            entry = _of(other.family, other.substate, (other.rcv_saddr, other.num), (other.daddr, other.dport))
            entry.timer, entry.expires_ms = 3, _ms(k, other.expires)
            found.append(entry)
        else:
            found.append(_entry(other))
    return found
