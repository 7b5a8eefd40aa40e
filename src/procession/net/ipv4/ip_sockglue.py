"""The options of IP, IPv6 and UDP (net/ipv4/ip_sockglue.c, net/ipv6/ipv6_sockglue.c, net/ipv4/udp.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import (
    ICMP_FILTER,
    IP_ADD_MEMBERSHIP,
    IP_DROP_MEMBERSHIP,
    IP_FREEBIND,
    IP_HDRINCL,
    IP_MINTTL,
    IP_MTU,
    IP_MTU_DISCOVER,
    IP_MULTICAST_ALL,
    IP_MULTICAST_IF,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_NODEFRAG,
    IP_OPTIONS,
    IP_PASSSEC,
    IP_PKTINFO,
    IP_RECVERR,
    IP_RECVOPTS,
    IP_RECVORIGDSTADDR,
    IP_RECVTOS,
    IP_RECVTTL,
    IP_RETOPTS,
    IP_ROUTER_ALERT,
    IP_TOS,
    IP_TRANSPARENT,
    IP_TTL,
    IPPROTO_ICMP,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPPROTO_RAW,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    IPV6_ADD_MEMBERSHIP,
    IPV6_DROP_MEMBERSHIP,
    IPV6_MTU,
    IPV6_MTU_DISCOVER,
    IPV6_MULTICAST_HOPS,
    IPV6_MULTICAST_IF,
    IPV6_MULTICAST_LOOP,
    IPV6_RECVERR,
    IPV6_RECVHOPLIMIT,
    IPV6_RECVPKTINFO,
    IPV6_RECVTCLASS,
    IPV6_TCLASS,
    IPV6_UNICAST_HOPS,
    IPV6_V6ONLY,
    UDP_CORK,
    UDP_ENCAP,
)
from procession.include.linux.limits import INT_MAX
from procession.include.linux.socket import AF_INET, AF_INET6, SOCK_RAW, SOCK_STREAM
from procession.include.linux.tcp import TCP_CLOSE
from procession.kernel import capability
from procession.mm import slab, uaccess
from procession.net.ipv4 import datagram, route, udp
from procession.net.ipv4.sock import InetSock, RawSock, UdpSock

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("getsockopt", "setsockopt")

_CMSG_BITS: Final[dict[int, int]] = {
    IP_PKTINFO: datagram.CMSG_PKTINFO,
    IP_RECVTTL: datagram.CMSG_TTL,
    IP_RECVTOS: datagram.CMSG_TOS,
    IP_RECVOPTS: datagram.CMSG_RECVOPTS,
    IP_RETOPTS: datagram.CMSG_RETOPTS,
    IP_PASSSEC: datagram.CMSG_PASSSEC,
    IP_RECVORIGDSTADDR: datagram.CMSG_ORIGDST,
}
# What is given as a number: of all else not even the address is looked at. 3.2 has a bit for most, in a word of 32.
_NUMBERS: Final[frozenset[int]] = frozenset(_CMSG_BITS) | {
    IP_TOS,
    IP_TTL,
    IP_HDRINCL,
    IP_MTU_DISCOVER,
    IP_RECVERR,
    IP_ROUTER_ALERT,
    IP_FREEBIND,
    IP_TRANSPARENT,
    IP_MINTTL,
    IP_NODEFRAG,
    IP_MULTICAST_TTL,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_ALL,
}
_CMSG_BITS6: Final[dict[int, int]] = {
    IPV6_RECVPKTINFO: datagram.CMSG_PKTINFO6,
    IPV6_RECVHOPLIMIT: datagram.CMSG_HOPLIMIT,
    IPV6_RECVTCLASS: datagram.CMSG_TCLASS,
}
_MREQ: Final = struct.Struct("<4s4s")
_MREQN: Final = struct.Struct("<4s4si")
_MREQ6: Final = struct.Struct("<16si")
_MAX_MEMBERSHIPS: Final = 20
_UDP_ENCAP_L2TPINUDP: Final = 3
IPV6_MIN_MTU: Final = 1280


def _unknown(optname: int) -> LinuxError:
    return LinuxError(Errno.ENOPROTOOPT, f"option {optname}")


def setsockopt(current: Task, sk: InetSock, level: int, optname: int, optval: UserPtr, optlen: int) -> None:
    """Set an option of a level that is not TCP's; raises ENOPROTOOPT, EINVAL, EFAULT, EPERM, ENODEV, and so on."""
    if level == IPPROTO_IP and not (sk.family == AF_INET6 and sk.type == SOCK_RAW):
        _set_ip(current, sk, optname, optval, optlen)
    elif level == IPPROTO_IPV6 and sk.family == AF_INET6:
        _set_ipv6(current, sk, optname, optval, optlen)
    elif isinstance(sk, UdpSock) and level in (IPPROTO_UDP, IPPROTO_UDPLITE):
        _set_udp(current, sk, optname, optval, optlen)
    elif isinstance(sk, RawSock) and level == IPPROTO_RAW and optname == ICMP_FILTER and sk.family == AF_INET:
        if sk.protocol != IPPROTO_ICMP:
            raise LinuxError(Errno.EOPNOTSUPP, "not of ICMP")
        raw = uaccess.copy_from_user(current, optval, min(optlen, 4))
        sk.filter = int.from_bytes(raw, "little") | sk.filter >> 8 * len(raw) << 8 * len(raw)
    else:
        raise _unknown(optname)


def getsockopt(current: Task, sk: InetSock, level: int, optname: int, room: int) -> bytes:
    """Return an option of a level that is not TCP's; raises ENOPROTOOPT, ENOTCONN."""
    if level == IPPROTO_IP and not (sk.family == AF_INET6 and sk.type == SOCK_RAW):
        return _get_ip(sk, optname, room)
    if level == IPPROTO_IPV6 and sk.family == AF_INET6:
        return _get_ipv6(sk, optname)
    if isinstance(sk, UdpSock) and level in (IPPROTO_UDP, IPPROTO_UDPLITE):
        if optname == UDP_CORK:
            return struct.pack("<i", sk.corked)
        if optname == UDP_ENCAP:
            return struct.pack("<i", 0)
        raise _unknown(optname)
    if isinstance(sk, RawSock) and level == IPPROTO_RAW and sk.family == AF_INET:
        if optname != ICMP_FILTER:
            raise _unknown(optname)
        if sk.protocol != IPPROTO_ICMP:
            raise LinuxError(Errno.EOPNOTSUPP, "not of ICMP")
        return struct.pack("<I", sk.filter)
    if sk.family == AF_INET:
        raise LinuxError(Errno.EOPNOTSUPP, f"level {level}")
    raise _unknown(optname)


def _set_udp(current: Task, sk: UdpSock, optname: int, optval: UserPtr, optlen: int) -> None:
    if optlen < 4:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")
    value = uaccess.get_user(current, optval, 4, signed=True)
    if optname == UDP_CORK:
        sk.corked = bool(value)
        if not value:
            udp.udp_push_pending_frames(sk)
    elif optname != UDP_ENCAP or not 0 <= value <= _UDP_ENCAP_L2TPINUDP:
        raise _unknown(optname)
    elif value:
        current.kernel.not_modelled("setsockopt: UDP_ENCAP")
        raise _unknown(optname)


# IP.


def _value(current: Task, optval: UserPtr, optlen: int) -> int:
    """Return a number that is given as an int or as a byte."""
    if optlen >= 4:
        return uaccess.get_user(current, optval, 4, signed=True)
    return uaccess.get_user(current, optval, 1) if optlen >= 1 else 0


def _set_ip(current: Task, sk: InetSock, optname: int, optval: UserPtr, optlen: int) -> None:
    if optname in (IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF):
        _set_multicast(current, sk, optname, optval, optlen)
        return
    value = _value(current, optval, optlen) if optname in _NUMBERS or optname & 31 in _NUMBERS else 0
    if optname in _CMSG_BITS:
        bit = _CMSG_BITS[optname]
        sk.cmsg_flags = sk.cmsg_flags | bit if value else sk.cmsg_flags & ~bit
    elif optname == IP_OPTIONS:
        if optlen > 40:
            raise LinuxError(Errno.EINVAL, "IP_OPTIONS: length")
        sk.ip_options = uaccess.copy_from_user(current, optval, optlen) if optlen else b""
    elif optname == IP_TOS:
        if sk.type == SOCK_STREAM:
            value = value & ~3 | sk.tos & 3
        sk.tos = value & 0xFF
    elif optname == IP_TTL:
        if optlen < 1 or (value != -1 and not 0 <= value <= 255):
            raise LinuxError(Errno.EINVAL, "IP_TTL")
        sk.uc_ttl = value
    elif optname == IP_HDRINCL:
        if sk.type != SOCK_RAW:
            raise _unknown(optname)
        sk.hdrincl = bool(value)
    elif optname == IP_MTU_DISCOVER:
        if not 0 <= value <= 3:
            raise LinuxError(Errno.EINVAL, "IP_MTU_DISCOVER")
        sk.pmtudisc = value
    elif optname == IP_RECVERR:
        sk.recverr = bool(value)
        if not value:
            _purge_errors(sk)
    else:
        _set_ip_more(current, sk, optname, value, optlen)


def _purge_errors(sk: InetSock) -> None:
    sk.rmem -= sum(note.truesize for note in sk.error_queue)
    sk.error_queue.clear()


def _set_ip_more(current: Task, sk: InetSock, optname: int, value: int, optlen: int) -> None:
    if optname in (IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_FREEBIND, IP_MULTICAST_ALL) and optlen < 1:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")
    if optname == IP_MULTICAST_TTL:
        if sk.type == SOCK_STREAM or not -1 <= value <= 255:
            raise LinuxError(Errno.EINVAL, "IP_MULTICAST_TTL")
        sk.mc_ttl = 1 if value == -1 else value
    elif optname == IP_MULTICAST_LOOP:
        sk.mc_loop = bool(value)
    elif optname == IP_MULTICAST_ALL:
        if value not in (0, 1):
            raise LinuxError(Errno.EINVAL, "IP_MULTICAST_ALL")
        sk.mc_all = bool(value)
    elif optname == IP_FREEBIND:
        sk.freebind = bool(value)
    elif optname == IP_TRANSPARENT:
        if not capability.ns_capable(current, sk.net.user_ns, CAP_NET_ADMIN):
            raise LinuxError(Errno.EPERM, "IP_TRANSPARENT needs CAP_NET_ADMIN")
        if optlen < 1:
            raise LinuxError(Errno.EINVAL, "setsockopt: length")
        sk.transparent = bool(value)
    elif optname == IP_MINTTL:
        if optlen < 1 or not 0 <= value <= 255:
            raise LinuxError(Errno.EINVAL, "IP_MINTTL")
        sk.min_ttl = value
    elif optname == IP_NODEFRAG:
        if sk.type != SOCK_RAW:
            raise _unknown(optname)
        sk.nodefrag = bool(value)
    elif optname == IP_ROUTER_ALERT:
        if sk.type != SOCK_RAW or sk.num == IPPROTO_RAW:
            raise LinuxError(Errno.EINVAL, "IP_ROUTER_ALERT")
        current.kernel.not_modelled("setsockopt: IP_ROUTER_ALERT")
        raise _unknown(optname)
    else:
        raise _unknown(optname)


def _interface(sk: InetSock, address: bytes, index: int) -> int:
    """Return the interface of a group: by number, by its address, or where a packet would go; raises ENODEV."""
    dev = sk.net.dev_base[0]
    if index:
        if index != dev.ifindex:
            raise LinuxError(Errno.ENODEV, "no such interface")
    elif any(address):
        if route.inet_addr_type(sk.net, address) != route.RTN_LOCAL:
            raise LinuxError(Errno.ENODEV, "no interface has that address")
    else:
        raise LinuxError(Errno.ENODEV, "no route to the group")
    return dev.ifindex


def _set_multicast(current: Task, sk: InetSock, optname: int, optval: UserPtr, optlen: int) -> None:
    if optname == IP_MULTICAST_IF:
        if sk.type == SOCK_STREAM or optlen < 4:
            raise LinuxError(Errno.EINVAL, "IP_MULTICAST_IF")
    elif sk.type == SOCK_STREAM:
        raise LinuxError(Errno.EPROTO, "a stream of many")
    elif optlen < _MREQ.size:
        raise LinuxError(Errno.EINVAL, "a membership's length")
    group, address, index = b"", bytes(4), 0
    if optlen >= _MREQN.size:
        group, address, index = _MREQN.unpack(uaccess.copy_from_user(current, optval, _MREQN.size))
    elif optname != IP_MULTICAST_IF:
        group, address = _MREQ.unpack(uaccess.copy_from_user(current, optval, _MREQ.size))
    else:
        address = uaccess.copy_from_user(current, optval, 4)
    if optname == IP_MULTICAST_IF:
        if not index and not any(address):
            sk.mc_index = 0
        elif not index and route.inet_addr_type(sk.net, address) != route.RTN_LOCAL:
            raise LinuxError(Errno.EADDRNOTAVAIL, "no interface has that address")
        elif index and index != sk.net.dev_base[0].ifindex:
            raise LinuxError(Errno.EADDRNOTAVAIL, "no such interface")
        else:
            sk.mc_index = sk.net.dev_base[0].ifindex
        return
    if optname == IP_ADD_MEMBERSHIP:
        if not route.is_multicast(group):
            raise LinuxError(Errno.EINVAL, "not a group")
        _join(sk, group, _interface(sk, address, index), address)
    else:
        _leave4(sk, group, address, index)


def _join(sk: InetSock, group: bytes, index: int, address: bytes) -> None:
    if any(member[:2] == (group, index) for member in sk.mc_list):
        raise LinuxError(Errno.EADDRINUSE, "a member already")
    if len(sk.mc_list) >= _MAX_MEMBERSHIPS:
        raise LinuxError(Errno.ENOBUFS, "a member of too many groups")
    slab.should_failslab(sk.kernel, "ip_mc_socklist", Errno.ENOBUFS)
    sk.mc_list.append((group, index, address))


def _leave4(sk: InetSock, group: bytes, address: bytes, index: int) -> None:
    """Leave a group of IPv4 (ip_mc_leave_group); raises ENODEV for no interface, EADDRNOTAVAIL."""
    for member in sk.mc_list:
        if member[0] == group and (member[1] == index if index else not any(address) or member[2] == address):
            sk.mc_list.remove(member)
            return
    _interface(sk, address, index)
    raise LinuxError(Errno.EADDRNOTAVAIL, "not a member")


def _leave(sk: InetSock, group: bytes, index: int) -> None:
    for member in sk.mc_list:
        if member[0] == group and (not index or member[1] == index):
            sk.mc_list.remove(member)
            return
    raise LinuxError(Errno.EADDRNOTAVAIL, "not a member")


def _get_ip(sk: InetSock, optname: int, room: int) -> bytes:
    if room < 0:
        raise LinuxError(Errno.EINVAL, "getsockopt: length")
    if optname == IP_OPTIONS:
        return sk.ip_options
    if optname == IP_MULTICAST_IF:
        return b"\x7f\0\0\1" if sk.mc_index else bytes(4)
    if optname == IP_MTU:
        if not sk.dport or sk.state == TCP_CLOSE:
            raise LinuxError(Errno.ENOTCONN, "not connected")
        return _short(sk.net.dev_base[0].mtu, room)
    if optname in _CMSG_BITS:
        return _short(int(bool(sk.cmsg_flags & _CMSG_BITS[optname])), room)
    values = {
        IP_TOS: sk.tos,
        IP_TTL: sk.uc_ttl if sk.uc_ttl >= 0 else 64,
        IP_HDRINCL: int(sk.hdrincl),
        IP_MTU_DISCOVER: sk.pmtudisc,
        IP_RECVERR: int(sk.recverr),
        IP_MULTICAST_TTL: sk.mc_ttl,
        IP_MULTICAST_LOOP: int(sk.mc_loop),
        IP_MULTICAST_ALL: int(sk.mc_all),
        IP_FREEBIND: int(sk.freebind),
        IP_TRANSPARENT: int(sk.transparent),
        IP_MINTTL: sk.min_ttl,
        IP_NODEFRAG: int(sk.nodefrag),
    }
    if optname not in values:
        raise _unknown(optname)
    return _short(values[optname], room)


def _short(value: int, room: int) -> bytes:
    """Return a number as a byte if there is no room for more and it is one, else as an int."""
    if 0 < room < 4 and 0 <= value <= 255:
        return bytes([value])
    return struct.pack("<i", value)


# IPv6.


def _set_ipv6(current: Task, sk: InetSock, optname: int, optval: UserPtr, optlen: int) -> None:
    if optname in (IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP):
        _set_member6(current, sk, optname, optval, optlen)
        return
    value = uaccess.get_user(current, optval, 4, signed=True) if optlen >= 4 and optval else 0
    if optname in _CMSG_BITS6:
        _need_int(optlen)
        bit = _CMSG_BITS6[optname]
        sk.cmsg_flags = sk.cmsg_flags | bit if value else sk.cmsg_flags & ~bit
    elif optname == IPV6_V6ONLY:
        _need_int(optlen)
        if sk.num:
            raise LinuxError(Errno.EINVAL, "bound already")
        sk.ipv6only = bool(value)
    elif optname == IPV6_RECVERR:
        _need_int(optlen)
        sk.recverr6 = bool(value)
        if not value:
            _purge_errors(sk)
    elif optname == IPV6_MULTICAST_IF:
        _set_multicast_if6(sk, value, optlen)
    else:
        _set_number6(sk, optname, value, optlen)


# Least and most; of an MTU, 0 too.
_RANGES6: Final[dict[int, tuple[int, int]]] = {
    IPV6_UNICAST_HOPS: (-1, 255),
    IPV6_MULTICAST_HOPS: (-1, 255),
    IPV6_MULTICAST_LOOP: (0, 1),
    IPV6_TCLASS: (-1, 255),
    IPV6_MTU_DISCOVER: (0, 3),
    IPV6_MTU: (IPV6_MIN_MTU, INT_MAX),
}


def _set_number6(sk: InetSock, optname: int, value: int, optlen: int) -> None:
    """Set an option that is a number; raises ENOPROTOOPT, EINVAL."""
    if optname not in _RANGES6 or (optname == IPV6_MULTICAST_HOPS and sk.type == SOCK_STREAM):
        raise _unknown(optname)
    _need_int(optlen)
    least, most = _RANGES6[optname]
    if not least <= value <= most and not (optname == IPV6_MTU and not value):
        raise LinuxError(Errno.EINVAL, f"option {optname}")
    if optname == IPV6_UNICAST_HOPS:
        sk.hop_limit = value
    elif optname == IPV6_MULTICAST_HOPS:
        sk.mc_hops = 1 if value == -1 else value
    elif optname == IPV6_MULTICAST_LOOP:
        sk.mc_loop6 = bool(value)
    elif optname == IPV6_TCLASS:
        sk.tclass = max(value, 0)
    elif optname == IPV6_MTU_DISCOVER:
        sk.pmtudisc6 = value


def _need_int(optlen: int) -> None:
    if optlen < 4:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")


def _set_multicast_if6(sk: InetSock, value: int, optlen: int) -> None:
    if sk.type == SOCK_STREAM:
        raise _unknown(IPV6_MULTICAST_IF)
    _need_int(optlen)
    if value and value != sk.net.dev_base[0].ifindex:
        raise LinuxError(Errno.ENODEV, "no such interface")
    sk.mc_index = value


def _set_member6(current: Task, sk: InetSock, optname: int, optval: UserPtr, optlen: int) -> None:
    if optlen < _MREQ6.size:
        raise LinuxError(Errno.EINVAL, "a membership's length")
    if sk.type == SOCK_STREAM:
        raise LinuxError(Errno.EPROTO, "a stream of many")
    group, index = _MREQ6.unpack(uaccess.copy_from_user(current, optval, _MREQ6.size))
    if optname == IPV6_DROP_MEMBERSHIP:
        _leave(sk, group, index)
        return
    if not route.is_multicast(group):
        raise LinuxError(Errno.EINVAL, "not a group")
    if index != sk.net.dev_base[0].ifindex:
        raise LinuxError(Errno.ENODEV, "no such interface")
    _join(sk, group, index, b"")


def _get_ipv6(sk: InetSock, optname: int) -> bytes:
    if optname in _CMSG_BITS6:
        return struct.pack("<i", bool(sk.cmsg_flags & _CMSG_BITS6[optname]))
    if optname == IPV6_MTU:
        if not sk.dport or sk.state == TCP_CLOSE:
            raise LinuxError(Errno.ENOTCONN, "not connected")
        return struct.pack("<i", sk.net.dev_base[0].mtu)
    values = {
        IPV6_V6ONLY: int(sk.ipv6only),
        IPV6_UNICAST_HOPS: sk.hop_limit if sk.hop_limit >= 0 else 64,
        IPV6_MULTICAST_HOPS: sk.mc_hops,
        IPV6_MULTICAST_LOOP: int(sk.mc_loop6),
        IPV6_MULTICAST_IF: sk.mc_index,
        IPV6_MTU_DISCOVER: sk.pmtudisc6,
        IPV6_RECVERR: int(sk.recverr6),
        IPV6_TCLASS: sk.tclass,
    }
    if optname not in values:
        raise _unknown(optname)
    return struct.pack("<i", values[optname])
