"""What /proc/net tells of internet sockets (net/ipv4/proc.c, tcp_ipv4.c, udp.c, raw.c, and their like of IPv6).

Differs: connections stand in the order they were made, 3.2's in that of a hash with a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.inet import IN6_MAPPED
from procession.include.linux.socket import AF_INET, AF_INET6
from procession.include.linux.tcp import TCP_LISTEN
from procession.include.linux.time import HZ, USER_HZ
from procession.net.core.sock import SOCK_KEEPOPEN
from procession.net.ipv4 import inet_csk, tcp_ipv4
from procession.net.ipv4.sock import RawSock, TcpSock, TimewaitSock, UdpSock, inet_net, jiffies, sock_i_uid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.net.ipv4.sock import RequestSock

__all__ = ("inet_proc_init",)

_TMPSZ: Final = 150  # how long a line of IPv4 is
_UDP_WIDTH: Final = 128
_UDP_HTABLE: Final = 256
_TCP_HEAD: Final = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
_TCP6_HEAD: Final = (
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
    "tm->when retrnsmt   uid  timeout inode\n"
)
_UDP_HEAD: Final = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
)
_UDP6_HEAD: Final = (
    "  sl  local_address                         remote_address                        st tx_queue rx_queue tr "
    "tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
)
_IP: Final = (
    "Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers"
)
_IP_MORE: Final = (
    "OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates"
)
_ICMP: Final = (
    "InMsgs InErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps"
    " InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutDestUnreachs OutTimeExcds OutParmProbs"
    " OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps"
)
_TCP: Final = (
    "RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs"
    " RetransSegs InErrs OutRsts"
)
_UDP: Final = "InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors"
_TCPEXT: Final = (
    "SyncookiesSent SyncookiesRecv SyncookiesFailed EmbryonicRsts PruneCalled RcvPruned OfoPruned"
    " OutOfWindowIcmps LockDroppedIcmps ArpFilter TW TWRecycled TWKilled PAWSPassive PAWSActive PAWSEstab"
    " DelayedACKs DelayedACKLocked DelayedACKLost ListenOverflows ListenDrops TCPPrequeued"
    " TCPDirectCopyFromBacklog TCPDirectCopyFromPrequeue TCPPrequeueDropped TCPHPHits TCPHPHitsToUser"
    " TCPPureAcks TCPHPAcks TCPRenoRecovery TCPSackRecovery TCPSACKReneging TCPFACKReorder TCPSACKReorder"
    " TCPRenoReorder TCPTSReorder TCPFullUndo TCPPartialUndo TCPDSACKUndo TCPLossUndo TCPLoss"
    " TCPLostRetransmit TCPRenoFailures TCPSackFailures TCPLossFailures TCPFastRetrans TCPForwardRetrans"
    " TCPSlowStartRetrans TCPTimeouts TCPRenoRecoveryFail TCPSackRecoveryFail TCPSchedulerFailed"
    " TCPRcvCollapsed TCPDSACKOldSent TCPDSACKOfoSent TCPDSACKRecv TCPDSACKOfoRecv TCPAbortOnSyn"
    " TCPAbortOnData TCPAbortOnClose TCPAbortOnMemory TCPAbortOnTimeout TCPAbortOnLinger TCPAbortFailed"
    " TCPMemoryPressures TCPSACKDiscard TCPDSACKIgnoredOld TCPDSACKIgnoredNoUndo TCPSpuriousRTOs"
    " TCPMD5NotFound TCPMD5Unexpected TCPSackShifted TCPSackMerged TCPSackShiftFallback TCPBacklogDrop"
    " TCPMinTTLDrop TCPDeferAcceptDrop IPReversePathFilter TCPTimeWaitOverflow TCPReqQFullDoCookies"
    " TCPReqQFullDrop"
)
_IPEXT: Final = (
    "InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets OutOctets"
    " InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets"
)
_IP6: Final = (
    "InReceives InHdrErrors InTooBigErrors InNoRoutes InAddrErrors InUnknownProtos InTruncatedPkts"
    " InDiscards InDelivers OutForwDatagrams OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds"
    " ReasmOKs ReasmFails FragOKs FragFails FragCreates InMcastPkts OutMcastPkts InOctets OutOctets"
    " InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets"
)
_ICMP6: Final = (
    "InMsgs InErrors OutMsgs OutErrors InDestUnreachs InPktTooBigs InTimeExcds InParmProblems InEchos"
    " InEchoReplies InGroupMembQueries InGroupMembResponses InGroupMembReductions InRouterSolicits"
    " InRouterAdvertisements InNeighborSolicits InNeighborAdvertisements InRedirects InMLDv2Reports"
    " OutDestUnreachs OutPktTooBigs OutTimeExcds OutParmProblems OutEchos OutEchoReplies"
    " OutGroupMembQueries OutGroupMembResponses OutGroupMembReductions OutRouterSolicits"
    " OutRouterAdvertisements OutNeighborSolicits OutNeighborAdvertisements OutRedirects OutMLDv2Reports"
)
_KERNEL_SOCKETS: Final = 10  # that 3.2 makes for itself
_FIXED: Final = {
    "IpForwarding": 2,
    "IpDefaultTTL": 64,
    "TcpRtoAlgorithm": 1,
    "TcpRtoMin": 200,
    "TcpRtoMax": 120000,
    "TcpMaxConn": -1,
}


def inet_proc_init(k: Kernel) -> None:
    """Register the files."""
    files = k.net.proc_net
    files["tcp"] = tcp4_seq_show
    files["tcp6"] = tcp6_seq_show
    files["udp"] = udp4_seq_show
    files["udp6"] = udp6_seq_show
    files["udplite"] = udplite4_seq_show
    files["udplite6"] = udplite6_seq_show
    files["raw"] = raw_seq_show
    files["raw6"] = raw6_seq_show
    files["snmp"] = snmp_seq_show
    files["snmp6"] = snmp6_seq_show
    files["netstat"] = netstat_seq_show
    files["icmp"] = icmp_seq_show
    files["sockstat"] = sockstat_seq_show
    files["sockstat6"] = sockstat6_seq_show


def _address(address: bytes, port: int, family: int) -> str:
    """Return an address as it lies in memory, and a port."""
    if family == AF_INET6 and len(address) == 4:
        address = IN6_MAPPED + address if any(address) else bytes(16)
    words = [int.from_bytes(address[i : i + 4], "little") for i in range(0, len(address), 4)]
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _ticks(k: Kernel, when: int) -> int:
    """Return the time until a tick in 1/100 s (jiffies_delta_to_clock_t)."""
    return max(when - jiffies(k), 0) * USER_HZ // HZ


# TCP.


def _timer(sk: TcpSock) -> tuple[int, int]:
    """Return which timer runs, and until when in ticks."""
    if sk.csk_pending == inet_csk.ICSK_TIME_RETRANS:
        return 1, sk.csk_timeout
    if sk.csk_pending == inet_csk.ICSK_TIME_PROBE0:
        return 4, sk.csk_timeout
    timer = sk.keep_timer
    if timer is not None and timer.queued and (sk.flags & SOCK_KEEPOPEN or sk.state == TCP_LISTEN):
        return 2, timer.expires_ns * HZ // 1_000_000_000
    return 0, jiffies(sk.kernel)


def _refs(sk: TcpSock) -> int:
    """Return how many have a reference to a socket: its file or who is to take it, and each timer."""
    timers = (sk.retransmit_timer, sk.delack_timer, sk.keep_timer)
    return 1 + len([timer for timer in timers if timer is not None and timer.queued])


def _tcp_line(number: int, sk: TcpSock) -> str:
    k = sk.kernel
    active, expires = _timer(sk)
    unread = len(sk.accept_queue) if sk.state == TCP_LISTEN else max(sk.rcv_nxt - sk.copied_seq, 0)
    ssthresh = -1 if sk.snd_ssthresh >= 0x7FFFFFFF else sk.snd_ssthresh
    local = _address(sk.rcv_saddr, sk.sport, sk.family)
    return (
        f"{number:4d}: {local} {_address(sk.daddr, sk.dport, sk.family)} {sk.state:02X} "
        f"{sk.write_seq - sk.snd_una:08X}:{unread:08X} {active:02X}:{_ticks(k, expires):08X} {sk.csk_retransmits:08X} "
        f"{sock_i_uid(sk):5d} {sk.probes_out:8d} {sk.i_ino} {_refs(sk)} {sk.address():016x} {sk.rto * USER_HZ // HZ} "
        f"{sk.ack_ato * USER_HZ // HZ} {sk.ack_quick << 1 | sk.ack_pingpong} {sk.snd_cwnd} {ssthresh}"
    )


def _half_open_line(number: int, sk: TcpSock, req: RequestSock) -> str:
    left = tcp_ipv4.reqsk_expires(sk, req) * USER_HZ // HZ
    return (
        f"{number:4d}: {_address(req.saddr, req.sport, sk.family)} {_address(req.daddr, req.dport, sk.family)} 03 "
        f"{0:08X}:{0:08X} 01:{left:08X} {req.retrans:08X} {sock_i_uid(sk):5d} {0:8d} 0 {_refs(sk)} {req.address():016x}"
    )


def _timewait_line(number: int, tw: TimewaitSock) -> str:
    return (
        f"{number:4d}: {_address(tw.rcv_saddr, tw.num, tw.family)} {_address(tw.daddr, tw.dport, tw.family)} "
        f"{tw.substate:02X} {0:08X}:{0:08X} 03:{_ticks(tw.kernel, tw.expires):08X} {0:08X} {0:5d} {0:8d} 0 3 "
        f"{tw.address():016x}"
    )


def _tcp_lines(net: NetNamespace, family: int) -> list[str]:
    tables = inet_net(net)
    lines: list[str] = []
    for listeners in tables.listening.values():
        for sk in listeners:
            if sk.family == family:
                lines.append(_tcp_line(len(lines), sk))
                for req in sk.syn_table.values():
                    lines.append(_half_open_line(len(lines), sk, req))
    waits: list[TimewaitSock] = []
    for other in tables.ehash.values():
        if other.family != family:
            continue
        if isinstance(other, TimewaitSock):
            waits.append(other)
        else:
            lines.append(_tcp_line(len(lines), other))
    for tw in waits:
        lines.append(_timewait_line(len(lines), tw))
    return lines


def tcp4_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return TCP's sockets of IPv4, each line as long as the other."""
    return "".join(f"{line:<{_TMPSZ - 1}}\n" for line in (_TCP_HEAD, *_tcp_lines(net, AF_INET))).encode()


def tcp6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return those of IPv6."""
    return (_TCP6_HEAD + "".join(f"{line}\n" for line in _tcp_lines(net, AF_INET6))).encode()


# Datagrams.


def _datagram_line(sk: UdpSock | RawSock, bucket: int) -> str:
    return (
        f"{bucket:5d}: {_address(sk.rcv_saddr, sk.sport, sk.family)} {_address(sk.daddr, sk.dport, sk.family)} "
        f"{sk.state:02X} {0:08X}:{sk.rmem:08X} 00:00000000 {0:08X} {sock_i_uid(sk):5d} {0:8d} {sk.i_ino} 2 "
        f"{sk.address():016x} {sk.drops}"
    )


def _udp_lines(table: dict[int, list[UdpSock]], family: int) -> list[str]:
    found = [(port % _UDP_HTABLE, sk) for port, sockets in table.items() for sk in sockets if sk.family == family]
    found.sort(key=_bucket)
    return [_datagram_line(sk, bucket) for bucket, sk in found]


def _bucket(entry: tuple[int, UdpSock]) -> int:
    return entry[0]


def _four(lines: Iterable[str]) -> bytes:
    return "".join(f"{line:<{_UDP_WIDTH - 1}}\n" for line in (_UDP_HEAD, *lines)).encode()


def _six(lines: Iterable[str]) -> bytes:
    return (_UDP6_HEAD + "".join(f"{line}\n" for line in lines)).encode()


def udp4_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return UDP's sockets of IPv4."""
    return _four(_udp_lines(inet_net(net).udp, AF_INET))


def udp6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return UDP's sockets of IPv6."""
    return _six(_udp_lines(inet_net(net).udp, AF_INET6))


def udplite4_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return UDP-Lite's sockets of IPv4."""
    return _four(_udp_lines(inet_net(net).udplite, AF_INET))


def udplite6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return UDP-Lite's sockets of IPv6."""
    return _six(_udp_lines(inet_net(net).udplite, AF_INET6))


def _raw_lines(net: NetNamespace, family: int) -> list[str]:
    return [_datagram_line(sk, sk.num)[1:] for sk in inet_net(net).raw if sk.family == family]


def raw_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the raw sockets of IPv4."""
    return (_UDP_HEAD + "\n" + "".join(f"{line}\n" for line in _raw_lines(net, AF_INET))).encode()


def raw6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the raw sockets of IPv6."""
    return _six(_raw_lines(net, AF_INET6))


# Numbers.


def _row(net: NetNamespace, prefix: str, names: str) -> str:
    stats = inet_net(net).stats
    values = [_FIXED.get(prefix + name, stats.get(prefix + name, 0)) for name in names.split()]
    return f"{prefix}: {names}\n{prefix}: {' '.join(map(str, values))}\n"


def snmp_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return what the protocols have counted."""
    text = _row(net, "Ip", f"{_IP} {_IP_MORE}") + _row(net, "Icmp", _ICMP)
    stats = inet_net(net).stats
    unreach = stats.get("IcmpOutDestUnreachs", 0)
    if unreach:
        text += f"IcmpMsg: InType3 OutType3\nIcmpMsg: {unreach} {unreach}\n"
    return (text + _row(net, "Tcp", _TCP) + _row(net, "Udp", _UDP) + _row(net, "UdpLite", _UDP)).encode()


def netstat_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return what else they have counted."""
    return (_row(net, "TcpExt", _TCPEXT) + _row(net, "IpExt", _IPEXT)).encode()


def snmp6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return what the protocols over IPv6 have counted, a number a line."""
    stats = inet_net(net).stats
    groups = (("Ip6", _IP6), ("Icmp6", _ICMP6), ("Udp6", _UDP), ("UdpLite6", _UDP))
    names = [prefix + name for prefix, group in groups for name in group.split()]
    return "".join(f"{name:<32}\t{stats.get(name, 0)}\n" for name in names).encode()


def icmp_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return the ping sockets: there are none."""
    return _four(())


def sockstat_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return how many sockets there are."""
    alloc = k.caches["TCP"].nr_active if k.net.softnet is not None else 0
    used = net.proto_inuse
    return (
        f"sockets: used {k.net.sockets_in_use + _KERNEL_SOCKETS}\n"
        f"TCP: inuse {used.get('TCP', 0)} orphan {k.net.orphan_count} tw {k.net.tw_count} "
        f"alloc {alloc + k.net.orphan_count} mem 0\n"
        f"UDP: inuse {used.get('UDP', 0)} mem 0\n"
        f"UDPLITE: inuse {used.get('UDP-Lite', 0)}\n"
        f"RAW: inuse {used.get('RAW', 0)}\n"
        "FRAG: inuse 0 memory 0\n"
    ).encode()


def sockstat6_seq_show(k: Kernel, net: NetNamespace) -> bytes:
    """Return how many sockets of IPv6 there are."""
    used = net.proto_inuse
    return (
        f"TCP6: inuse {used.get('TCPv6', 0)}\n"
        f"UDP6: inuse {used.get('UDPv6', 0)}\n"
        f"UDPLITE6: inuse {used.get('UDPLITEv6', 0)}\n"
        f"RAW6: inuse {used.get('RAWv6', 0)}\n"
        "FRAG6: inuse 0 memory 0\n"
    ).encode()
