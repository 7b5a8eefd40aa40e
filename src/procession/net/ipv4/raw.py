"""Raw sockets, and the echo that answers them (net/ipv4/raw.c, icmp.c, net/ipv6/raw.c, icmp.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import (
    ICMP_DEST_UNREACH,
    ICMP_ECHO,
    ICMP_ECHOREPLY,
    ICMP_PORT_UNREACH,
    ICMPV6_DEST_UNREACH,
    ICMPV6_ECHO_REPLY,
    ICMPV6_ECHO_REQUEST,
    ICMPV6_PORT_UNREACH,
    IN6ADDR_LOOPBACK,
    IP_DF,
    IPPROTO_ICMP,
    IPPROTO_ICMPV6,
    IPPROTO_RAW,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    SIN6_LEN_RFC2133,
    SOCKADDR_IN,
)
from procession.include.linux.limits import USHRT_MAX
from procession.include.linux.socket import AF_INET, AF_INET6, MSG_OOB
from procession.include.linux.tcp import TCP_CLOSE, TCP_ESTABLISHED
from procession.lib.checksum import ip_compute_csum
from procession.mm import uaccess
from procession.net.core import net_namespace
from procession.net.core.sock import SOCK_BROADCAST, sock_prot_inuse_add
from procession.net.ipv4 import datagram, ip_output, route, send_ctl, tcp_wire
from procession.net.ipv4.skbuff import InetSkb, TcpSkb, alloc_skb
from procession.net.ipv4.sock import SOCK_BINDADDR_LOCK, InetSock, Ipcm, RawSock, inet_net, proto_name, sock_orphan
from procession.net.unix.sock import SEND_SHUTDOWN

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("raw_bind", "raw_close", "raw_hash", "raw_rcv", "raw_route", "raw_sendmsg", "raw_unreach", "udp_parse")

_HEAD: Final = 20  # bytes of an IPv4 header
_ICMP_HEAD: Final = 8
_QUOTED: Final = 576 - 20 - _ICMP_HEAD  # bytes of a packet that what is said of it has
_QUOTED6: Final = 1280 - 40 - _ICMP_HEAD
_TOS_CONTROL: Final = 0xC0
_IPV4: Final = 0x45


def raw_hash(sk: RawSock) -> None:
    """Let packets find a socket."""
    inet_net(sk.net).raw[sk] = None
    sock_prot_inuse_add(sk.net, proto_name(sk), 1)


def raw_close(sk: RawSock) -> None:
    """The socket's file is closed."""
    sock_orphan(sk)
    if sk.num:
        del inet_net(sk.net).raw[sk]
        sock_prot_inuse_add(sk.net, proto_name(sk), -1)
    sk.receive_queue.clear()
    sk.error_queue.clear()
    sk.rmem = 0
    net_namespace.put_net(sk.kernel, sk.net)
    sk.kernel.caches["RAW"].free()


def raw_bind(sk: RawSock, name: bytes) -> None:
    """Give a socket an address; raises EINVAL, EADDRNOTAVAIL."""
    if sk.family == AF_INET6:
        if len(name) < SIN6_LEN_RFC2133:
            raise LinuxError(Errno.EINVAL, "length of an address")
        address = name[8:24]
        if len(datagram.unmapped(address)) == 4:
            raise LinuxError(Errno.EADDRNOTAVAIL, "an IPv4 address")
        if sk.state != TCP_CLOSE:
            raise LinuxError(Errno.EINVAL, "connected")
        datagram.bind_scope(sk, address, name)
        many = route.is_multicast(address)
        if any(address) and not many and not route.ipv6_chk_addr(sk.net, address):
            raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
    else:
        if sk.state != TCP_CLOSE or len(name) < SOCKADDR_IN.size:
            raise LinuxError(Errno.EINVAL, "connected, or the length of an address")
        address = name[4:8]
        kind = route.inet_addr_type(sk.net, address)
        if any(address) and kind == route.RTN_UNICAST:
            raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
        many = kind in (route.RTN_BROADCAST, route.RTN_MULTICAST)
    sk.rcv_saddr = address
    sk.saddr = sk.any_address() if many else address
    if any(address):
        sk.userlocks |= SOCK_BINDADDR_LOCK


def raw_route(sk: InetSock, daddr: bytes, ipc: Ipcm | None = None) -> tuple[bytes, bytes]:
    """Return the target and the sender's address; raises ENETUNREACH, EINVAL, ENODEV, EACCES for a broadcast."""
    bound, oif = (sk.saddr, sk.bound_dev_if) if ipc is None else (ipc.saddr, ipc.oif)
    if len(daddr) == 16:
        return route.ip6_route_output(sk.net, daddr, bound if len(bound) == 16 else bytes(16))
    target, source, kind = route.ip_route_output(sk.net, daddr, bound if len(bound) == 4 else bytes(4), oif)
    if kind == route.RTN_BROADCAST and not sk.flags & SOCK_BROADCAST:
        raise LinuxError(Errno.EACCES, "a broadcast")
    return target, source


# Sending.


def _target(sk: RawSock, to: bytes | None) -> bytes:
    """Return where a packet goes; raises EINVAL, EAFNOSUPPORT, EDESTADDRREQ."""
    if to is None or (not to and sk.family == AF_INET):
        if sk.state != TCP_ESTABLISHED:
            raise LinuxError(Errno.EDESTADDRREQ, "to whom?")
        return sk.daddr
    family = int.from_bytes(to[:2], "little")
    if sk.family == AF_INET:
        if len(to) < SOCKADDR_IN.size:
            raise LinuxError(Errno.EINVAL, "length of an address")
        if family not in (AF_INET, 0):
            raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
        return to[4:8]
    if len(to) < SIN6_LEN_RFC2133:
        raise LinuxError(Errno.EINVAL, "length of an address")
    if family and family != AF_INET6:
        raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
    protocol = int.from_bytes(to[2:4])
    if protocol and protocol != sk.num:
        raise LinuxError(Errno.EINVAL, "another protocol")
    return to[8:24] if any(to[8:24]) else IN6ADDR_LOOPBACK


def raw_sendmsg(
    current: Task, sk: RawSock, buf: UserPtr, size: int, flags: int, to: bytes | None, control: bytes = b""
) -> int:
    """Send a packet; with IP_HDRINCL its head is the caller's.

    Raises EMSGSIZE, EOPNOTSUPP, EDESTADDRREQ, EINVAL, EAFNOSUPPORT, ENETUNREACH, ENODEV, EACCES, EFAULT, EPIPE.
    """
    if size > 0xFFFF:
        raise LinuxError(Errno.EMSGSIZE, "longer than a packet")
    if flags & MSG_OOB:
        raise LinuxError(Errno.EOPNOTSUPP, "no urgent data")
    target = _target(sk, to)
    ipc = Ipcm(sk.saddr, sk.bound_dev_if)
    if control and sk.family == AF_INET:
        send_ctl.ip_cmsg_send(ipc, control)
    elif control:
        send_ctl.datagram_send_ctl(sk.net, ipc, control)
    daddr, saddr = raw_route(sk, target, ipc)
    if len(daddr) == 4 and not sk.hdrincl and size > 0xFFFF - _HEAD:
        raise LinuxError(Errno.EMSGSIZE, "longer than a packet")
    if not _may_alloc(sk):
        return size  # lost, as on a busy line
    data = uaccess.copy_from_user(current, buf, size) if size else b""
    if sk.hdrincl and len(daddr) == 4:  # else nobody looks (sock_wmalloc)
        sk.sock_error()
        if sk.shutdown & SEND_SHUTDOWN:
            raise LinuxError(Errno.EPIPE, "shut down")
    ttl = sk.uc_ttl if len(daddr) == 4 else ipc.hops if ipc.hops >= 0 else sk.hop_limit
    protocol, hops, tos = sk.protocol, ttl if ttl >= 0 else 64, sk.tos
    fragment = IP_DF if sk.pmtudisc else 0
    if len(daddr) == 16:
        tos = ipc.tclass if ipc.tclass >= 0 else sk.tclass
    if sk.hdrincl and len(daddr) == 4:
        if size < _HEAD:
            raise LinuxError(Errno.EINVAL, "shorter than a head")
        if size > sk.net.dev_base[0].mtu:
            raise LinuxError(Errno.EMSGSIZE, "longer than the device takes")
        tos, hops, protocol, fragment = data[1], data[8], data[9], int.from_bytes(data[6:8])
        saddr = data[12:16] if any(data[12:16]) else saddr
        data = data[(data[0] & 15) * 4 :]
    elif protocol == IPPROTO_ICMPV6 and len(data) >= 4:
        data = _checksum6(data, saddr, daddr)
    skb = InetSkb(data, saddr, 0, daddr, 0)
    skb.frag_off = fragment
    skb.protocol, skb.hops, skb.tos, skb.raw = protocol, hops, tos, True
    ip_output.ip_send(sk.kernel, sk.net, skb)
    return size


def _may_alloc(sk: RawSock) -> bool:
    """Whether there is memory for a packet; raises ENOBUFS, but to who writes heads and asks for no errors."""
    try:
        alloc_skb(sk.kernel)
    except LinuxError:
        if not sk.hdrincl or sk.recverr:
            raise
        return False
    return True


def _checksum6(data: bytes, saddr: bytes, daddr: bytes) -> bytes:
    """Return a message of ICMPv6 with its checksum, which is the kernel's to compute."""
    blank = data[:2] + b"\0\0" + data[4:]
    pseudo = saddr + daddr + len(data).to_bytes(4) + IPPROTO_ICMPV6.to_bytes(4)
    return data[:2] + ip_compute_csum(pseudo + blank).to_bytes(2) + data[4:]


# Receiving.


def raw_rcv(k: Kernel, net: NetNamespace, skb: InetSkb) -> None:
    """Give a packet to all raw sockets that want it, and answer an echo request."""
    for sk in inet_net(net).raw.copy():
        if sk.num != skb.protocol or len(sk.any_address()) != len(skb.daddr) or not _matches(sk, skb):
            continue
        data = _packet(skb)
        copy = InetSkb(data, skb.saddr, 0, skb.daddr, 0)
        copy.hops, copy.tos, copy.protocol = skb.hops, skb.tos, skb.protocol
        copy.frag_off = skb.frag_off
        if len(skb.daddr) == 4:
            copy.data = _head(copy) + data
        datagram.queue_rcv_skb(sk, copy)
    if skb.protocol == IPPROTO_ICMP and len(skb.daddr) == 4:
        _echo(k, net, skb, ICMP_ECHO, ICMP_ECHOREPLY)
    elif skb.protocol == IPPROTO_ICMPV6 and len(skb.daddr) == 16:
        _echo(k, net, skb, ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY)


def _packet(skb: InetSkb) -> bytes:
    """Return a packet with the head of its protocol."""
    if isinstance(skb, TcpSkb):
        return tcp_wire.tcp_head(skb) + skb.data
    if skb.raw or skb.protocol not in (IPPROTO_UDP, IPPROTO_UDPLITE):
        return skb.data
    return udp_head(skb) + skb.data


def udp_head(skb: InetSkb) -> bytes:
    """Return the head of a datagram. On a loopback IPv4's UDP sums up the addresses alone: nobody computes the rest."""
    size = 8 + len(skb.data)
    pseudo = skb.saddr + skb.daddr + skb.protocol.to_bytes(4) + size.to_bytes(4)
    ports = skb.source.to_bytes(2) + skb.dest.to_bytes(2)
    if skb.protocol == IPPROTO_UDP and len(skb.daddr) == 4:
        return ports + size.to_bytes(2) + (~ip_compute_csum(pseudo) & USHRT_MAX).to_bytes(2)
    whole = ip_compute_csum(pseudo + ports + size.to_bytes(2) + b"\0\0" + skb.data) or USHRT_MAX
    return ports + size.to_bytes(2) + whole.to_bytes(2)


def udp_parse(skb: InetSkb) -> bool:
    """Take the head of a datagram off what a raw socket sent; returns whether it is a datagram (__udp4_lib_rcv)."""
    data = skb.data
    size, total = int.from_bytes(data[4:6]), int.from_bytes(data[6:8])
    lite = skb.protocol == IPPROTO_UDPLITE
    whole = len(data) if lite else size
    covered = size or len(data) if lite else size
    if not 8 <= covered <= len(data) or (not total and (lite or len(skb.daddr) == 16)):
        return False
    pseudo = skb.saddr + skb.daddr + skb.protocol.to_bytes(4) + whole.to_bytes(4)
    if total and ip_compute_csum(pseudo + data[:covered]):
        return False
    skb.source, skb.dest = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
    skb.data, skb.raw = data[8:whole], False
    return True


def _matches(sk: RawSock, skb: InetSkb) -> bool:
    if any(sk.daddr) and sk.daddr != skb.saddr:
        return False
    if any(sk.rcv_saddr) and sk.rcv_saddr != skb.daddr:
        return False
    if sk.num == IPPROTO_ICMP:
        if len(skb.data) < _ICMP_HEAD:
            return False
        if skb.data[0] < 32:
            return not sk.filter >> skb.data[0] & 1
    return sk.num != IPPROTO_RAW


def _head(skb: InetSkb) -> bytes:
    """Return the IPv4 header of a packet."""
    length = _HEAD + len(skb.data)
    head = bytes([_IPV4, skb.tos]) + length.to_bytes(2) + skb.frag_off.to_bytes(4) + bytes([skb.hops, skb.protocol])
    addresses = skb.saddr + skb.daddr
    return head + ip_compute_csum(head + addresses).to_bytes(2) + addresses


def _head6(skb: InetSkb, size: int) -> bytes:
    """Return the IPv6 header of a packet that carries so many bytes."""
    first = 6 << 28 | skb.tos << 20
    return first.to_bytes(4) + size.to_bytes(2) + bytes([skb.protocol, skb.hops]) + skb.saddr + skb.daddr


def raw_unreach(k: Kernel, net: NetNamespace, skb: InetSkb) -> None:
    """Show raw sockets what its sender is told of a datagram to nobody's port (icmp_send, icmpv6_send)."""
    six = len(skb.daddr) == 16
    data = _packet(skb)
    copy = InetSkb(data, skb.saddr, 0, skb.daddr, 0)
    copy.hops, copy.tos, copy.protocol, copy.frag_off = skb.hops, skb.tos, skb.protocol, skb.frag_off
    quoted = _head6(copy, len(data)) + data if six else _head(copy) + data
    note = InetSkb(b"", skb.daddr, 0, skb.saddr, 0)
    note.raw, note.frag_off = True, 0
    if six:
        note.protocol = IPPROTO_ICMPV6
        body = bytes([ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH]) + bytes(6) + quoted[:_QUOTED6]
        note.data = _checksum6(body, note.saddr, note.daddr)
    else:
        note.protocol, note.tos = IPPROTO_ICMP, _TOS_CONTROL
        body = bytes([ICMP_DEST_UNREACH, ICMP_PORT_UNREACH]) + bytes(6) + quoted[:_QUOTED]
        note.data = body[:2] + ip_compute_csum(body).to_bytes(2) + body[4:]
    raw_rcv(k, net, note)


def _echo(k: Kernel, net: NetNamespace, skb: InetSkb, request: int, reply: int) -> None:
    """Answer an echo request whose checksum is right."""
    data = skb.data
    if len(data) < _ICMP_HEAD or data[0] != request:
        return
    if request == ICMP_ECHO and ip_compute_csum(data):
        return
    answer = bytes([reply, 0, 0, 0]) + data[4:]
    if request == ICMP_ECHO:
        answer = answer[:2] + ip_compute_csum(answer).to_bytes(2) + answer[4:]
    else:
        answer = _checksum6(answer, skb.daddr, skb.saddr)
    back = InetSkb(answer, skb.daddr, 0, skb.saddr, 0)
    back.protocol = skb.protocol
    back.frag_off = 0
    ip_output.ip_send(k, net, back)
