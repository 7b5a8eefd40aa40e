"""Routes of IPv4, all of which follow from the addresses (net/ipv4/fib_frontend.c, fib_trie.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.netdevice import IFF_UP
from procession.include.linux.rtnetlink import (
    IFA_F_SECONDARY,
    RT_SCOPE_HOST,
    RT_SCOPE_LINK,
    RT_TABLE_LOCAL,
    RTA_DST,
    RTA_OIF,
    RTA_PREFSRC,
    RTA_TABLE,
    RTM_GETROUTE,
    RTMSG,
    RTN_BROADCAST,
    RTN_LOCAL,
    RTPROT_KERNEL,
)
from procession.include.linux.socket import AF_INET
from procession.net.core import rtnetlink
from procession.net.ipv4.devinet import inet_make_mask
from procession.net.netlink.attr import nla_put, nla_put_u32

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netdevice import InIfaddr, NetDevice
    from procession.net.netlink.sock import NetlinkSock

__all__ = ("fib_init", "fib_local_routes")

# The settings of an interface that IFLA_INET_CONF tells of, as they are at first.
_DEVCONF: Final = (0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, *[0] * 9)


def fib_init(k: Kernel) -> None:
    """Answer questions about routes, and tell of an interface's IPv4 side."""
    rtnetlink.rtnl_register(k, AF_INET, RTM_GETROUTE, None, inet_dump_fib)
    k.net.rtnl_af_ops.append(inet_fill_link_af)


def inet_fill_link_af(k: Kernel, dev: NetDevice) -> bytes:
    """Return the settings of an interface."""
    return nla_put(AF_INET, nla_put(1, struct.pack("<25I", *_DEVCONF)))


def _primary(dev: NetDevice, ifa: InIfaddr) -> bytes:
    """Return the first address of a secondary one's network, or its own (inet_ifa_byprefix)."""
    mask = inet_make_mask(ifa.prefixlen)
    for other in dev.ifa_list:
        differing = int.from_bytes(other.peer, "big") ^ int.from_bytes(ifa.peer, "big")
        if other.prefixlen == ifa.prefixlen and not differing & mask:
            return other.address
    return ifa.address


def _of_address(dev: NetDevice, ifa: InIfaddr) -> list[tuple[int, int, int, int, bytes, NetDevice]]:
    """Return the routes that an address brings (fib_add_ifaddr)."""
    address, mask = int.from_bytes(ifa.address, "big"), inet_make_mask(ifa.prefixlen)
    prefix = int.from_bytes(ifa.peer, "big") & mask
    source = _primary(dev, ifa) if ifa.flags & IFA_F_SECONDARY else ifa.address
    routes = [(address, 32, RTN_LOCAL, RT_SCOPE_HOST, source, dev)]
    if ifa.flags & IFA_F_SECONDARY:
        return routes
    if ifa.broadcast and ifa.broadcast != b"\xff\xff\xff\xff":
        routes.append((int.from_bytes(ifa.broadcast, "big"), 32, RTN_BROADCAST, RT_SCOPE_LINK, source, dev))
    if prefix >> 24 and dev.was_up and (prefix != address or ifa.prefixlen < 32):
        routes.append((prefix, ifa.prefixlen, RTN_LOCAL, RT_SCOPE_HOST, source, dev))
        if ifa.prefixlen < 31:
            routes.append((prefix, 32, RTN_BROADCAST, RT_SCOPE_LINK, source, dev))
            routes.append((prefix | ~mask & 0xFFFFFFFF, 32, RTN_BROADCAST, RT_SCOPE_LINK, source, dev))
    return routes


def fib_local_routes(devs: list[NetDevice]) -> list[tuple[int, int, int, int, bytes, NetDevice]]:
    """Return the routes of the local table, lowest first: address, length, kind, scope, source, interface."""
    found = [route for dev in devs for ifa in dev.ifa_list for route in _of_address(dev, ifa)]
    # What leads to one's own addresses outlives that the interface is down.
    found = [route for route in found if route[2] == RTN_LOCAL or route[5].flags & IFF_UP]
    unique = {(route[0], -route[1], route[2]): route for route in reversed(found)}
    return [unique[key] for key in sorted(unique)]


def inet_dump_fib(sk: NetlinkSock) -> list[bytes]:
    """Return all routes."""
    out = []
    for number, length, kind, scope, source, dev in fib_local_routes(sk.net.dev_base):
        head = RTMSG.pack(AF_INET, length, 0, 0, RT_TABLE_LOCAL, RTPROT_KERNEL, scope, kind, 0)
        attributes = nla_put_u32(RTA_TABLE, RT_TABLE_LOCAL) + nla_put(RTA_DST, number.to_bytes(4, "big"))
        out.append(head + attributes + nla_put(RTA_PREFSRC, source) + nla_put_u32(RTA_OIF, dev.ifindex))
    return out
