"""Names of internet sockets (inet_bind, inet_autobind, inet_getname of net/ipv4/af_inet.c; net/ipv6/af_inet6.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cred import CAP_NET_BIND_SERVICE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import IN6ADDR_LOOPBACK, PROT_SOCK, SIN6_LEN_RFC2133, SOCKADDR_IN
from procession.include.linux.socket import AF_INET, AF_INET6, AF_UNSPEC, SOCK_STREAM
from procession.include.linux.tcp import TCP_CLOSE, TCPF_CLOSE, TCPF_SYN_SENT
from procession.kernel import capability
from procession.net.ipv4 import datagram, inet_hashtables, route, udp
from procession.net.ipv4.sock import SOCK_BINDADDR_LOCK, SOCK_BINDPORT_LOCK, InetSock, TcpSock, UdpSock

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("connect_address", "inet_autobind", "inet_bind", "inet_getname")


def inet_bind(current: Task, sk: InetSock, name: bytes) -> None:
    """Give a socket an address and a port; raises EINVAL, EAFNOSUPPORT, EADDRNOTAVAIL, EACCES, EADDRINUSE."""
    if sk.family == AF_INET6:
        _bind6(current, sk, name)
        return
    if len(name) < SOCKADDR_IN.size:
        raise LinuxError(Errno.EINVAL, "length of an address")
    family, be_port, address = SOCKADDR_IN.unpack(name[: SOCKADDR_IN.size])
    if family != AF_INET and (family != AF_UNSPEC or any(address)):
        raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
    kind = route.inet_addr_type(sk.net, address)
    if kind == route.RTN_UNICAST and not (sk.freebind or sk.transparent):
        raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
    port = int.from_bytes(be_port)
    _check_port(current, sk, port)
    if sk.state != TCP_CLOSE or sk.num:
        raise LinuxError(Errno.EINVAL, "bound already")
    many = kind in (route.RTN_BROADCAST, route.RTN_MULTICAST)
    _finish_bind(sk, address, bytes(4) if many and any(address) and sk.type != SOCK_STREAM else address, port)


def _check_port(current: Task, sk: InetSock, port: int) -> None:
    if 0 < port < PROT_SOCK and not capability.ns_capable(current, sk.net.user_ns, CAP_NET_BIND_SERVICE):
        raise LinuxError(Errno.EACCES, "ports below 1024 need CAP_NET_BIND_SERVICE")


def _finish_bind(sk: InetSock, rcv_saddr: bytes, saddr: bytes, port: int) -> None:
    """Take the port; the address is given back if it is in use."""
    sk.rcv_saddr, sk.saddr = rcv_saddr, saddr
    try:
        get_port(sk, port)
    except LinuxError:
        sk.rcv_saddr = sk.saddr = sk.any_address()
        raise
    if any(rcv_saddr):
        sk.userlocks |= SOCK_BINDADDR_LOCK
    if port:
        sk.userlocks |= SOCK_BINDPORT_LOCK
    sk.sport = sk.num
    sk.daddr = sk.any_address()
    sk.dport = 0


def _bind6(current: Task, sk: InetSock, name: bytes) -> None:
    """The same for IPv6 (inet6_bind), which looks at the port first."""
    if len(name) < SIN6_LEN_RFC2133:
        raise LinuxError(Errno.EINVAL, "length of an address")
    if int.from_bytes(name[:2], "little") != AF_INET6:
        raise LinuxError(Errno.EAFNOSUPPORT, "not an IPv6 address")
    address, port = name[8:24], int.from_bytes(name[2:4])
    if route.is_multicast(address) and sk.type == SOCK_STREAM:
        raise LinuxError(Errno.EINVAL, "a stream of many")
    _check_port(current, sk, port)
    if sk.state != TCP_CLOSE or sk.num:
        raise LinuxError(Errno.EINVAL, "bound already")
    address = datagram.unmapped(address)
    if len(address) == 4:
        if sk.ipv6only:
            raise LinuxError(Errno.EINVAL, "an IPv4 address")
        if any(address) and route.inet_addr_type(sk.net, address) != route.RTN_LOCAL:
            raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
        if not any(address):
            address = bytes(4)
    elif any(address):
        datagram.bind_scope(sk, address, name)
        if not route.is_multicast(address) and not route.ipv6_chk_addr(sk.net, address):
            raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
    only = sk.ipv6only
    if len(address) == 16 and any(address):
        sk.ipv6only = True
    try:
        _finish_bind(sk, address, address, port)
    except LinuxError:
        sk.ipv6only = only
        raise


def get_port(sk: InetSock, port: int) -> None:
    """Give a socket a port, any one for 0; raises EADDRINUSE."""
    if isinstance(sk, TcpSock):
        inet_hashtables.inet_csk_get_port(sk, port)
    elif isinstance(sk, UdpSock):
        udp.udp_get_port(sk, port)


def inet_autobind(sk: InetSock) -> None:
    """Give a socket a port if it has none; raises EAGAIN."""
    if sk.num:
        return
    try:
        get_port(sk, 0)
    except LinuxError:
        raise LinuxError(Errno.EAGAIN, "all ports are in use") from None
    sk.sport = sk.num


def inet_getname(sk: InetSock, *, peer: bool) -> bytes:
    """Return a socket's name, or that of the other end; raises ENOTCONN."""
    if peer:
        if not sk.dport or 1 << sk.state & (TCPF_CLOSE | TCPF_SYN_SENT):
            raise LinuxError(Errno.ENOTCONN, "not connected")
        return datagram.sockaddr(sk, sk.daddr, sk.dport)
    address = sk.rcv_saddr if any(sk.rcv_saddr) else sk.saddr
    return datagram.sockaddr(sk, address, sk.sport)


def connect_address(sk: InetSock, name: bytes) -> tuple[bytes, int]:
    """Return the target that connect(2) was given; raises EINVAL, EAFNOSUPPORT, ENETUNREACH."""
    if sk.family == AF_INET:
        if len(name) < SOCKADDR_IN.size:
            raise LinuxError(Errno.EINVAL, "length of an address")
        family, port, address = SOCKADDR_IN.unpack(name[: SOCKADDR_IN.size])
        if family != AF_INET:
            raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
        return address, int.from_bytes(port)
    if len(name) < SIN6_LEN_RFC2133:
        raise LinuxError(Errno.EINVAL, "length of an address")
    if int.from_bytes(name[:2], "little") != AF_INET6:
        raise LinuxError(Errno.EAFNOSUPPORT, "not an IPv6 address")
    address = name[8:24]
    if not any(address):
        address = IN6ADDR_LOOPBACK
    if route.is_multicast(address) and sk.type == SOCK_STREAM:
        raise LinuxError(Errno.ENETUNREACH, "a stream to many")
    if route.is_link_local(address) and not (sk.bound_dev_if or any(name[24:28])):
        raise LinuxError(Errno.EINVAL, "a link-local address without a scope")
    return datagram.unmapped(address), int.from_bytes(name[2:4])
