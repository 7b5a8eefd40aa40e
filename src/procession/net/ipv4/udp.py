"""UDP and UDP-Lite, over both versions of IP (net/ipv4/udp.c, net/ipv6/udp.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import (
    ICMP_DEST_UNREACH,
    ICMP_PORT_UNREACH,
    ICMPV6_DEST_UNREACH,
    ICMPV6_PORT_UNREACH,
    IPPROTO_UDPLITE,
)
from procession.include.linux.limits import INT_MAX
from procession.include.linux.socket import AF_INET, AF_INET6, MSG_MORE, MSG_OOB
from procession.include.linux.tcp import TCP_ESTABLISHED
from procession.mm import uaccess
from procession.net.core.sock import SOCK_BROADCAST, sock_prot_inuse_add
from procession.net.ipv4 import datagram, ip_output, raw, route, send_ctl
from procession.net.ipv4.inet_hashtables import PORT_HIGH, PORT_LOW, ipv6_rcv_saddr_equal, random_port
from procession.net.ipv4.skbuff import InetSkb, alloc_skb
from procession.net.ipv4.sock import Ipcm, UdpSock, inet_net, proto_name
from procession.net.unix.sock import SEND_SHUTDOWN

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "udp_get_port",
    "udp_push_pending_frames",
    "udp_rcv",
    "udp_sendmsg",
    "udp_table",
    "udp_unhash",
    "udplite_rcv",
)

_MAX_DATAGRAM: Final = 65507
_MAX_DATAGRAM6: Final = 65527


def udp_table(net: NetNamespace, protocol: int) -> dict[int, list[UdpSock]]:
    """Return the sockets of UDP or UDP-Lite by port, of each the newest first."""
    tables = inet_net(net)
    return tables.udplite if protocol == IPPROTO_UDPLITE else tables.udp


# Ports.


def _conflict(sk: UdpSock, port: int) -> bool:
    for sk2 in udp_table(sk.net, sk.protocol).get(port, ()):
        if sk2 is sk or (sk.bound_dev_if and sk2.bound_dev_if and sk.bound_dev_if != sk2.bound_dev_if):
            continue
        if not (sk.reuse and sk2.reuse) and ipv6_rcv_saddr_equal(sk, sk2):
            return True
    return False


def udp_get_port(sk: UdpSock, port: int) -> None:
    """Give a socket a port, any one for 0; raises EADDRINUSE."""
    if not port:
        port = first = random_port(sk.kernel)
        while _conflict(sk, port):
            port = PORT_LOW if port == PORT_HIGH else port + 1
            if port == first:
                raise LinuxError(Errno.EADDRINUSE, "all ports are in use")
    elif _conflict(sk, port):
        raise LinuxError(Errno.EADDRINUSE, f"port {port}")
    sk.num = port
    table = udp_table(sk.net, sk.protocol)
    if sk not in table.get(port, ()):
        table.setdefault(port, []).insert(0, sk)
        sock_prot_inuse_add(sk.net, proto_name(sk), 1)


def udp_unhash(sk: UdpSock) -> None:
    """Give a socket's port back."""
    table = udp_table(sk.net, sk.protocol)
    sockets = table.get(sk.num)
    if sockets is not None and sk in sockets:
        sockets.remove(sk)
        sock_prot_inuse_add(sk.net, proto_name(sk), -1)
        if not sockets:
            del table[sk.num]
        sk.num = 0


# Receiving.


def _score(sk: UdpSock, skb: InetSkb, dif: int) -> int:
    """Return how much a socket says of a packet, -1 if it is not for it (compute_score)."""
    four = len(skb.daddr) == 4
    if four and len(sk.rcv_saddr) == 16 and (any(sk.rcv_saddr) or sk.ipv6only):
        return -1
    if not four and len(sk.rcv_saddr) == 4:
        return -1
    score = int(sk.family == (AF_INET if four else AF_INET6))
    if any(sk.rcv_saddr):
        if sk.rcv_saddr != skb.daddr:
            return -1
        score += 2
    if any(sk.daddr):
        if sk.daddr != skb.saddr:
            return -1
        score += 2
    if sk.dport:
        if sk.dport != skb.source:
            return -1
        score += 2
    if sk.bound_dev_if:
        if sk.bound_dev_if != dif:
            return -1
        score += 2
    return score


def udp_lookup(net: NetNamespace, skb: InetSkb, protocol: int) -> UdpSock | None:
    """Return whose a packet is."""
    best, found = -1, None
    dif = net.dev_base[0].ifindex
    for sk in udp_table(net, protocol).get(skb.dest, ()):
        score = _score(sk, skb, dif)
        if score > best:
            best, found = score, sk
    return found


def _stats_name(protocol: int, address: bytes) -> str:
    """Return how the numbers of a protocol begin in /proc/net/snmp, or snmp6."""
    return ("UdpLite" if protocol == IPPROTO_UDPLITE else "Udp") + ("6" if len(address) == 16 else "")


def udp_rcv(k: Kernel, net: NetNamespace, skb: InetSkb) -> None:
    """Take a datagram from the network."""
    name = _stats_name(skb.protocol, skb.daddr)
    if skb.raw and not raw.udp_parse(skb):
        inet_net(net).count(name + "InErrors")
        return
    if len(skb.daddr) == 4 and route.inet_addr_type(net, skb.daddr) in (route.RTN_BROADCAST, route.RTN_MULTICAST):
        _mcast_deliver(net, skb)
        return
    sk = udp_lookup(net, skb, skb.protocol)
    if sk is None:
        inet_net(net).count(name + "NoPorts")
        _send_unreach(k, net, skb)
        return
    _queue(sk, skb, name)


def udplite_rcv(k: Kernel, net: NetNamespace, skb: InetSkb) -> None:
    """Take a datagram of UDP-Lite's from the network."""
    udp_rcv(k, net, skb)


def _queue(sk: UdpSock, skb: InetSkb, name: str) -> None:
    counts = inet_net(sk.net)
    error = datagram.queue_rcv_skb(sk, skb, raw.udp_head(skb) if sk.sk_filter is not None else b"")
    if not error:
        counts.count(name + "InDatagrams")
        return
    if error == Errno.ENOMEM:
        counts.count(name + "RcvbufErrors")
    counts.count(name + "InErrors")


def _mcast_deliver(net: NetNamespace, skb: InetSkb) -> None:
    """Give all who listen a copy of what is for many."""
    dif = net.dev_base[0].ifindex
    for sk in list(udp_table(net, skb.protocol).get(skb.dest, ())):
        if _score(sk, skb, dif) < 0:
            continue
        joined = any(group == skb.daddr for group, _, _ in sk.mc_list)
        if route.is_multicast(skb.daddr) and not joined and not sk.mc_all:
            continue
        copy = InetSkb(skb.data, skb.saddr, skb.source, skb.daddr, skb.dest)
        copy.hops, copy.tos = skb.hops, skb.tos
        _queue(sk, copy, "Udp")


def _send_unreach(k: Kernel, net: NetNamespace, skb: InetSkb) -> None:
    """Tell the sender that nobody has that port (icmp_send, and udp_err which it comes to)."""
    counts = inet_net(net)
    six = len(skb.daddr) == 16
    counts.count("Icmp6OutMsgs" if six else "IcmpOutMsgs")
    counts.count("Icmp6OutDestUnreachs" if six else "IcmpOutDestUnreachs")
    counts.count("Icmp6InMsgs" if six else "IcmpInMsgs")
    counts.count("Icmp6InDestUnreachs" if six else "IcmpInDestUnreachs")
    if counts.raw:
        raw.raw_unreach(k, net, skb)
    back = InetSkb(b"", skb.daddr, skb.dest, skb.saddr, skb.source)
    sk = udp_lookup(net, back, skb.protocol)
    if sk is None:
        return
    if sk.recverr6 if six else sk.recverr:
        kind, code = (ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH) if six else (ICMP_DEST_UNREACH, ICMP_PORT_UNREACH)
        datagram.ip_icmp_error(sk, skb, Errno.ECONNREFUSED, kind, code)
    elif sk.state == TCP_ESTABLISHED:
        datagram.report_error(sk, Errno.ECONNREFUSED)


# Sending.


def udp_sendmsg(
    current: Task, sk: UdpSock, buf: UserPtr, size: int, flags: int, to: bytes | None, control: bytes = b""
) -> int:
    """Send a datagram, or a part of one that is held back.

    Raises EMSGSIZE, EOPNOTSUPP, EINVAL, EAFNOSUPPORT, EDESTADDRREQ, ENETUNREACH, ENODEV, EACCES, EFAULT, EPIPE, an
    error left.
    """
    six = sk.family == AF_INET6
    if size > (INT_MAX - 8 if six else 0xFFFF):
        raise LinuxError(Errno.EMSGSIZE, "longer than a datagram")
    more = bool(flags & MSG_MORE) or sk.corked
    if not six or (sk.pending is not None and len(sk.pending_to[0]) == 4):
        _check_urgent(flags)
    if sk.pending is not None:
        return _append(current, sk, buf, size, more=more)
    target = datagram.send_address(sk, to) if to is not None else None
    if target is None:
        if sk.state != TCP_ESTABLISHED:
            raise LinuxError(Errno.EDESTADDRREQ, "to whom?")
        if to is not None and len(sk.daddr) == 4:
            raise LinuxError(Errno.ENETUNREACH, "an IPv4 address that was not named as one")
        target = (sk.daddr, sk.dport)
    if six and len(target[0]) == 4:
        _check_urgent(flags)
    ipc = _sent_as(sk, target[0], control)
    daddr, saddr = udp_route(sk, target[0], ipc)
    most = _MAX_DATAGRAM if len(daddr) == 4 else _MAX_DATAGRAM6
    if size > most:
        raise LinuxError(Errno.EMSGSIZE, "longer than a datagram")
    if more:
        sk.pending = bytearray()
        sk.pending_to = (daddr, target[1], ipc)
        return _append(current, sk, buf, size, more=True)
    _alloc_skb(sk, daddr)
    data = uaccess.copy_from_user(current, buf, size) if size else b""
    _check_sender(sk)
    _send(sk, data, saddr, daddr, target[1], ipc)
    return size


def _check_urgent(flags: int) -> None:
    """Refuse urgent data, with EOPNOTSUPP: udpv6_sendmsg does not look, so an IPv6 datagram goes as any other."""
    if flags & MSG_OOB:
        raise LinuxError(Errno.EOPNOTSUPP, "no urgent data")


def _sent_as(sk: UdpSock, daddr: bytes, control: bytes) -> Ipcm:
    """Return how a datagram is sent: as the socket says, or control messages; raises EINVAL, ENODEV."""
    ipc = Ipcm(sk.saddr, sk.bound_dev_if)
    if not control:
        return ipc
    if len(daddr) == 4:
        send_ctl.ip_cmsg_send(ipc, control)
    else:
        send_ctl.datagram_send_ctl(sk.net, ipc, control)
    return ipc


def udp_route(sk: UdpSock, daddr: bytes, ipc: Ipcm | None = None) -> tuple[bytes, bytes]:
    """Return the target and the sender's address; raises ENETUNREACH, EINVAL, ENODEV, EACCES for a broadcast."""
    bound, oif = (sk.saddr, sk.bound_dev_if) if ipc is None else (ipc.saddr, ipc.oif)
    if len(daddr) == 16:
        return route.ip6_route_output(sk.net, daddr, bound if len(bound) == 16 else bytes(16))
    if any(bound) and len(bound) == 16:
        raise LinuxError(Errno.ENETUNREACH, "from an IPv6 address")
    saddr = bound if len(bound) == 4 else bytes(4)
    oif = oif or (sk.mc_index if route.is_multicast(daddr) else 0)
    target, source, kind = route.ip_route_output(sk.net, daddr, saddr, oif)
    if kind == route.RTN_BROADCAST and not sk.flags & SOCK_BROADCAST:
        raise LinuxError(Errno.EACCES, "a broadcast")
    return target, source


def _check_sender(sk: UdpSock) -> None:
    """Raise what went wrong before, or EPIPE, without a signal (sock_alloc_send_pskb)."""
    sk.sock_error()
    if sk.shutdown & SEND_SHUTDOWN:
        raise LinuxError(Errno.EPIPE, "shut down")


def _append(current: Task, sk: UdpSock, buf: UserPtr, size: int, *, more: bool) -> int:
    """Add to the datagram that is held back, and send it unless more is to come."""
    assert sk.pending is not None
    most = _MAX_DATAGRAM if len(sk.pending_to[0]) == 4 else _MAX_DATAGRAM6
    if len(sk.pending) + size > most:
        sk.pending = None
        raise LinuxError(Errno.EMSGSIZE, "longer than a datagram")
    try:
        _check_sender(sk)
        _alloc_skb(sk, sk.pending_to[0])
        sk.pending += uaccess.copy_from_user(current, buf, size) if size else b""
    except LinuxError:
        sk.pending = None
        raise
    if not more:
        udp_push_pending_frames(sk)
    return size


def _alloc_skb(sk: UdpSock, daddr: bytes) -> None:
    """Ask for a datagram's memory; raises ENOBUFS."""
    try:
        alloc_skb(sk.kernel)
    except LinuxError:
        inet_net(sk.net).count(_stats_name(sk.protocol, daddr) + "SndbufErrors")
        raise


def udp_push_pending_frames(sk: UdpSock) -> None:
    """Send what is held back, if anything is."""
    if sk.pending is None:
        return
    data, (daddr, dport, ipc) = bytes(sk.pending), sk.pending_to
    sk.pending = None
    daddr, saddr = udp_route(sk, daddr, ipc)
    _send(sk, data, saddr, daddr, dport, ipc)


def _send(sk: UdpSock, data: bytes, saddr: bytes, daddr: bytes, dport: int, ipc: Ipcm) -> None:
    skb = InetSkb(data, saddr, sk.num, daddr, dport)
    if not sk.pmtudisc:
        skb.frag_off = 0
    skb.protocol = sk.protocol
    four = len(daddr) == 4
    ttl = sk.uc_ttl if four else sk.hop_limit
    if route.is_multicast(daddr):
        ttl = sk.mc_ttl
        if not sk.mc_loop:
            return
    skb.hops = ipc.hops if ipc.hops >= 0 else ttl if ttl >= 0 else 64
    skb.tos = sk.tos if four else ipc.tclass if ipc.tclass >= 0 else sk.tclass
    inet_net(sk.net).count(_stats_name(sk.protocol, daddr) + "OutDatagrams")
    ip_output.ip_send(sk.kernel, sk.net, skb)
