"""Where packets go: to this machine, or nowhere (net/ipv4/route.c, fib_frontend.c, net/ipv6/addrconf.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import INADDR_BROADCAST, INADDR_LOOPBACK
from procession.include.linux.netdevice import IFF_UP
from procession.include.linux.rtnetlink import RTN_BROADCAST, RTN_LOCAL, RTN_MULTICAST, RTN_UNICAST

if TYPE_CHECKING:
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.nsproxy import NetNamespace

__all__ = (
    "RTN_BROADCAST",
    "RTN_LOCAL",
    "RTN_MULTICAST",
    "RTN_UNICAST",
    "inet_addr_type",
    "ip6_route_output",
    "ip_route_output",
    "ipv6_chk_addr",
    "is_link_local",
    "is_multicast",
)


def is_multicast(address: bytes) -> bool:
    """Whether it is an address of many."""
    return address[0] & 0xF0 == 0xE0 if len(address) == 4 else address[0] == 0xFF


def is_link_local(address: bytes) -> bool:
    """Whether an IPv6 address says nothing without an interface."""
    if len(address) == 4:
        return False
    return (address[0] == 0xFE and address[1] & 0xC0 == 0x80) or (address[0] == 0xFF and address[1] & 0xF == 2)


def _loopback(net: NetNamespace) -> NetDevice | None:
    """Return the interface if it is up."""
    dev = net.dev_base[0]
    return dev if dev.flags & IFF_UP else None


def inet_addr_type(net: NetNamespace, address: bytes) -> int:
    """Return what kind of IPv4 address that is (inet_addr_type)."""
    if address in (bytes(4), INADDR_BROADCAST):
        return RTN_BROADCAST
    if is_multicast(address):
        return RTN_MULTICAST
    dev = _loopback(net)
    number = int.from_bytes(address)
    for ifa in dev.ifa_list if dev is not None else ():
        own, host = int.from_bytes(ifa.address), (1 << 32 - ifa.prefixlen) - 1
        if number == own:
            return RTN_LOCAL
        if number & ~host == own & ~host:
            # Of the loopback each address of its network is its own but the first and the last.
            return RTN_BROADCAST if ifa.prefixlen < 31 and number & host in (0, host) else RTN_LOCAL
    return RTN_UNICAST


def ip_route_output(net: NetNamespace, daddr: bytes, saddr: bytes, oif: int = 0) -> tuple[bytes, bytes, int]:
    """Return the target, the sender's address and the kind of the target (ip_route_output_key).

    saddr: the address the sender is bound to, zeros for none.  Raises EINVAL, ENODEV, ENETUNREACH.
    """
    dev = net.dev_base[0]
    bound = any(saddr)
    if bound and inet_addr_type(net, saddr) != RTN_LOCAL:
        raise LinuxError(Errno.EINVAL, "not an address of ours")
    if oif and oif != dev.ifindex:
        raise LinuxError(Errno.ENODEV, "no such interface")
    if oif and not dev.flags & IFF_UP:
        raise LinuxError(Errno.ENETUNREACH, "the interface is down")
    if not any(daddr):
        daddr = saddr if bound else INADDR_LOOPBACK
        if inet_addr_type(net, daddr) != RTN_LOCAL:
            raise LinuxError(Errno.EINVAL, "the loopback is down")
        return daddr, saddr if bound else daddr, RTN_LOCAL
    kind = inet_addr_type(net, daddr)
    if kind in (RTN_LOCAL, RTN_BROADCAST) and daddr != INADDR_BROADCAST:
        return daddr, saddr if bound else _prefsrc(net, daddr), kind
    if kind != RTN_UNICAST and (bound or oif):
        return daddr, saddr if bound else INADDR_LOOPBACK, kind
    raise LinuxError(Errno.ENETUNREACH, "no route there")


def _prefsrc(net: NetNamespace, daddr: bytes) -> bytes:
    """Return the address of ours that stands nearest to one of our networks."""
    number = int.from_bytes(daddr)
    for ifa in net.dev_base[0].ifa_list:
        host = (1 << 32 - ifa.prefixlen) - 1
        if number & ~host == int.from_bytes(ifa.address) & ~host:
            return ifa.address
    return INADDR_LOOPBACK


def ipv6_chk_addr(net: NetNamespace, address: bytes) -> bool:
    """Whether an IPv6 address is ours."""
    dev = _loopback(net)
    return dev is not None and any(ifa.address == address for ifa in dev.if6_list)


def ip6_route_output(net: NetNamespace, daddr: bytes, saddr: bytes) -> tuple[bytes, bytes]:
    """Return the target and the sender's address; raises ENETUNREACH (ip6_dst_lookup)."""
    if not ipv6_chk_addr(net, daddr):
        raise LinuxError(Errno.ENETUNREACH, "no route there")
    return daddr, saddr if any(saddr) else daddr
