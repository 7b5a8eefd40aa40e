"""Sockets of datagrams: where they go, and their end (net/ipv4/datagram.c, udp.c)."""

from __future__ import annotations

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import SOCKADDR_IN
from procession.include.linux.socket import AF_INET, AF_INET6
from procession.include.linux.tcp import TCP_CLOSE, TCP_ESTABLISHED
from procession.net.core import net_namespace
from procession.net.ipv4 import inet_csk, inet_names, raw, udp
from procession.net.ipv4.sock import SOCK_BINDADDR_LOCK, SOCK_BINDPORT_LOCK, InetSock, UdpSock, sock_orphan

__all__ = ("dgram_shutdown", "ip4_datagram_connect", "udp_destroy", "udp_disconnect")


def dgram_shutdown(sk: InetSock, how: int) -> None:
    """End one direction or both, also of a socket that is not connected: that is told ENOTCONN all the same."""
    sk.shutdown |= how
    inet_csk.sk_wake_all(sk)
    if sk.state == TCP_CLOSE:
        raise LinuxError(Errno.ENOTCONN, "not connected")


def ip4_datagram_connect(sk: InetSock, name: bytes) -> None:
    """Say where datagrams go; raises EINVAL, EAFNOSUPPORT, ENETUNREACH, EACCES (ip4_datagram_connect)."""
    family = int.from_bytes(name[:2], "little")
    if sk.family == AF_INET6 and family == AF_INET:
        if sk.ipv6only:
            raise LinuxError(Errno.EAFNOSUPPORT, "an IPv4 address")
        if len(name) < SOCKADDR_IN.size:
            raise LinuxError(Errno.EINVAL, "length of an address")
        address, port = name[4:8], int.from_bytes(name[2:4])
    else:
        address, port = inet_names.connect_address(sk, name)
    if len(address) == 4 and sk.ipv6only:
        raise LinuxError(Errno.ENETUNREACH, "an IPv4 address")
    if isinstance(sk, UdpSock):
        daddr, saddr = udp.udp_route(sk, address)
    else:
        daddr, saddr = raw.raw_route(sk, address)
    if not any(sk.saddr):
        sk.saddr = saddr
    if not any(sk.rcv_saddr):
        sk.rcv_saddr = saddr
    sk.daddr, sk.dport = daddr, port
    sk.state = TCP_ESTABLISHED


def udp_disconnect(sk: InetSock) -> None:
    """Have datagrams go nowhere; a port that was not asked for is given back."""
    sk.state = TCP_CLOSE
    sk.daddr = sk.any_address()
    sk.dport = 0
    sk.bound_dev_if = 0
    if not sk.userlocks & SOCK_BINDADDR_LOCK:
        sk.saddr = sk.rcv_saddr = sk.any_address()
    if isinstance(sk, UdpSock) and not sk.userlocks & SOCK_BINDPORT_LOCK:
        udp.udp_unhash(sk)
        sk.sport = 0


def udp_destroy(sk: UdpSock) -> None:
    """The socket's file is closed."""
    udp.udp_push_pending_frames(sk)
    sock_orphan(sk)
    udp.udp_unhash(sk)
    sk.receive_queue.clear()
    sk.error_queue.clear()
    sk.rmem = 0
    net_namespace.put_net(sk.kernel, sk.net)
    sk.kernel.caches["UDP"].free()
