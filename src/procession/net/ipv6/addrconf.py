"""IPv6 addresses of interfaces, and the routes that follow from them (net/ipv6/addrconf.c, route.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.jiffies import INITIAL_JIFFIES, jiffies_to_clock_t
from procession.include.linux.netdevice import IFF_LOOPBACK, IFF_UP, InIfaddr
from procession.include.linux.netlink import NLM_F_REPLACE
from procession.include.linux.rtnetlink import (
    IFA_ADDRESS,
    IFA_CACHEINFO,
    IFA_F_PERMANENT,
    IFA_LOCAL,
    IFA_MAX,
    IFADDRMSG,
    IFINFOMSG,
    IFLA_ADDRESS,
    IFLA_IFNAME,
    IFLA_MTU,
    IFLA_PROTINFO,
    RT_SCOPE_HOST,
    RT_SCOPE_LINK,
    RT_TABLE_MAIN,
    RTA_CACHEINFO,
    RTA_DST,
    RTA_GATEWAY,
    RTA_METRICS,
    RTA_OIF,
    RTA_PRIORITY,
    RTA_TABLE,
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_GETLINK,
    RTM_GETROUTE,
    RTM_NEWADDR,
    RTMSG,
    RTN_LOCAL,
    RTN_UNREACHABLE,
    RTNLGRP_IPV6_IFADDR,
    RTPROT_KERNEL,
)
from procession.include.linux.socket import AF_INET6
from procession.include.linux.time import HZ, TICK_PERIOD_NS
from procession.net.core import dev as net_dev
from procession.net.core import rtnetlink
from procession.net.netlink.attr import NLA_UNSPEC, nla_nest, nla_parse, nla_put, nla_put_u32

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkSock

__all__ = ("addrconf_init", "ipv6_addr_scope")

_POLICY: Final[dict[int, tuple[int, int]]] = {
    IFA_ADDRESS: (NLA_UNSPEC, 16),
    IFA_LOCAL: (NLA_UNSPEC, 16),
    IFA_CACHEINFO: (NLA_UNSPEC, 16),
}
_IF_READY: Final = 0x80000000
_FOR_EVER: Final = 0xFFFFFFFF
_METRIC_MAX: Final = 0xFFFFFFFF
_IFA_CACHEINFO: Final = struct.Struct("<IIII")  # preferred, valid, created, changed
_RTA_CACHEINFO: Final = struct.Struct("<IIiiI12x")  # users, last use, expires, error, times used
# The settings of an interface that IFLA_INET6_CONF tells of, as they are at first, but its MTU.
_DEVCONF: Final = (0, 64, 0, 1, 1, 1, 1, 3, 4000, 1000, *[0] * 5, 16, 0, 1, 1, *[0] * 8, _FOR_EVER, 0)
_REACHABLE_MS: Final = 30000
_RETRANS_MS: Final = 1000


def addrconf_init(k: Kernel) -> None:
    """Give the loopback its address whenever it is set up, and answer questions about addresses and routes."""
    k.net.netdev_chain.append(addrconf_notify)
    k.net.rtnl_af_ops.append(_fill_link_af)
    rtnetlink.rtnl_register(k, AF_INET6, RTM_GETLINK, None, inet6_dump_ifinfo)
    rtnetlink.rtnl_register(k, AF_INET6, RTM_NEWADDR, inet6_rtm_newaddr, None)
    rtnetlink.rtnl_register(k, AF_INET6, RTM_DELADDR, inet6_rtm_deladdr, None)
    rtnetlink.rtnl_register(k, AF_INET6, RTM_GETADDR, None, inet6_dump_ifaddr)
    rtnetlink.rtnl_register(k, AF_INET6, RTM_GETROUTE, None, inet6_dump_fib)


def ipv6_addr_scope(address: bytes) -> int:
    """Return how far an address counts, as rtnetlink says it (rt_scope)."""
    if address == bytes(15) + b"\1":
        return RT_SCOPE_HOST
    return RT_SCOPE_LINK if address[0] == 0xFE and address[1] & 0xC0 == 0x80 else 0


def addrconf_notify(k: Kernel, net: NetNamespace, dev: NetDevice, changes: int) -> None:
    """An interface was set up or down. Its addresses go with it."""
    if not changes & IFF_UP:
        return
    dev.tstamp_ns = k.clock.now_ns
    if dev.flags & IFF_UP:
        if dev.flags & IFF_LOOPBACK:
            _add(k, net, dev, InIfaddr(bytes(15) + b"\1", 128, RT_SCOPE_HOST, dev.name, k.clock.now_ns))
        return
    while dev.if6_list:
        _del(k, net, dev, dev.if6_list[0])


def _add(k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr) -> None:
    """Add an address, behind those that count at least as far (ipv6_link_dev_addr)."""
    at = next((n for n, other in enumerate(dev.if6_list) if _range(other) < _range(ifa)), len(dev.if6_list))
    dev.if6_list.insert(at, ifa)
    _notify(k, net, dev, ifa, RTM_NEWADDR)


def _range(ifa: InIfaddr) -> int:
    return 255 - ifa.scope


def _del(k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr) -> None:
    dev.if6_list.remove(ifa)
    _notify(k, net, dev, ifa, RTM_DELADDR)


def _notify(k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr, event: int) -> None:
    """Tell who listens of an address (inet6_ifa_notify)."""
    if rtnetlink.rtnl_has_listeners(k):
        rtnetlink.rtnl_notify(k, net, RTNLGRP_IPV6_IFADDR, event, inet6_fill_ifaddr(dev, ifa))


# Netlink.


def _stamp(ns: int) -> int:
    """Return a time since boot in 1/100 s, by the tick (cstamp_delta)."""
    return ns // TICK_PERIOD_NS * 100 // HZ & _FOR_EVER


def inet6_fill_ifaddr(dev: NetDevice, ifa: InIfaddr) -> bytes:
    """Return an address as RTM_NEWADDR tells of it."""
    created = _stamp(ifa.created_ns)
    times = _IFA_CACHEINFO.pack(_FOR_EVER, _FOR_EVER, created, created)
    head = IFADDRMSG.pack(AF_INET6, ifa.prefixlen, ifa.flags, ifa.scope, dev.ifindex)
    return head + nla_put(IFA_ADDRESS, ifa.address) + nla_put(IFA_CACHEINFO, times)


def inet6_dump_ifaddr(sk: NetlinkSock) -> list[bytes]:
    """Return all addresses."""
    return [inet6_fill_ifaddr(dev, ifa) for dev in sk.net.dev_base for ifa in dev.if6_list]


def _address_of(current: Task, nlh: Nlmsghdr) -> bytes:
    """Return the address that a message is about; raises EINVAL (extract_addr)."""
    tb = nla_parse(current.kernel, nlh.data[IFADDRMSG.size :], _POLICY, IFA_MAX)
    found = [tb[which][:16] for which in (IFA_LOCAL, IFA_ADDRESS) if which in tb]
    if not found or len(found[0]) < 16 or (IFA_ADDRESS in tb and tb[IFA_ADDRESS][:16] != found[0]):
        raise LinuxError(Errno.EINVAL, "not an address")
    return found[0]


def inet6_rtm_newaddr(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Add an address; raises EINVAL, ENODEV, EEXIST, ENETDOWN."""
    k = current.kernel
    address = _address_of(current, nlh)
    _, prefixlen, _, _, index = IFADDRMSG.unpack_from(nlh.data)
    dev = net_dev.dev_get_by_index(sk.net, index)
    there = next((ifa for ifa in dev.if6_list if ifa.address == address), None)
    if there is not None:
        if not nlh.flags & NLM_F_REPLACE:
            raise LinuxError(Errno.EEXIST, "an address of the interface")
        _notify(k, sk.net, dev, there, RTM_NEWADDR)
        return
    if prefixlen > 128:
        raise LinuxError(Errno.EINVAL, "length of a prefix")
    ifa = InIfaddr(address, prefixlen, ipv6_addr_scope(address), dev.name, k.clock.now_ns)
    ifa.flags = IFA_F_PERMANENT
    _add(k, sk.net, dev, ifa)


def inet6_rtm_deladdr(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Take an address away; raises EINVAL, ENODEV, EADDRNOTAVAIL."""
    address = _address_of(current, nlh)
    _, prefixlen, _, _, index = IFADDRMSG.unpack_from(nlh.data)
    if prefixlen > 128:
        raise LinuxError(Errno.EINVAL, "length of a prefix")
    dev = net_dev.dev_get_by_index(sk.net, index)
    for ifa in dev.if6_list:
        if ifa.address == address and ifa.prefixlen == prefixlen:
            _del(current.kernel, sk.net, dev, ifa)
            return
    raise LinuxError(Errno.EADDRNOTAVAIL, "no such address")


def _link_attributes(k: Kernel, dev: NetDevice) -> bytes:
    """Return what there is to say of an interface's IPv6 side (inet6_fill_ifla6_attrs)."""
    flags = _IF_READY if dev.flags & IFF_UP else 0
    conf = struct.pack("<29I", *_DEVCONF[:2], dev.mtu, *_DEVCONF[3:])
    return (
        nla_put_u32(1, flags)
        + nla_put(5, struct.pack("<4I", 0xFFFF, _stamp(dev.tstamp_ns), _REACHABLE_MS, _RETRANS_MS))
        + nla_put(2, conf)
        + nla_put(3, struct.pack("<31Q", 31, *[0] * 30))
        + nla_put(6, struct.pack("<5Q", 5, *[0] * 4))
    )


def _fill_link_af(k: Kernel, dev: NetDevice) -> bytes:
    return nla_nest(AF_INET6, _link_attributes(k, dev))


def inet6_dump_ifinfo(sk: NetlinkSock) -> list[bytes]:
    """Return the IPv6 side of all interfaces."""
    out = []
    for dev in sk.net.dev_base:
        head = IFINFOMSG.pack(AF_INET6, dev.type, dev.ifindex, net_dev.dev_get_flags(dev), 0)
        head += nla_put(IFLA_IFNAME, dev.name + b"\0") + nla_put(IFLA_ADDRESS, bytes(6))
        out.append(head + nla_put_u32(IFLA_MTU, dev.mtu) + nla_nest(IFLA_PROTINFO, _link_attributes(sk.kernel, dev)))
    return out


def inet6_dump_fib(sk: NetlinkSock) -> list[bytes]:
    """Return all routes: to one's own addresses, and that there are no others."""
    k = sk.kernel
    out = []
    for dev in sk.net.dev_base:
        for ifa in dev.if6_list:
            head = RTMSG.pack(AF_INET6, 128, 0, 0, RT_TABLE_MAIN, 0, 0, RTN_LOCAL, 0)
            head += nla_put_u32(RTA_TABLE, RT_TABLE_MAIN) + nla_put(RTA_DST, ifa.address)
            head += nla_put(RTA_GATEWAY, bytes(16)) + nla_put_u32(RTA_OIF, dev.ifindex) + nla_put_u32(RTA_PRIORITY, 0)
            idle = jiffies_to_clock_t((k.clock.now_ns - ifa.created_ns) // TICK_PERIOD_NS) & _FOR_EVER
            out.append(head + nla_put(RTA_CACHEINFO, _RTA_CACHEINFO.pack(1, idle, 0, 0, 0)))
    lo = sk.net.dev_base[0]
    head = RTMSG.pack(AF_INET6, 0, 0, 0, 0, RTPROT_KERNEL, 0, RTN_UNREACHABLE, 0)
    head += nla_put_u32(RTA_TABLE, 0) + nla_nest(RTA_METRICS, nla_put_u32(10, 255)) + nla_put_u32(RTA_OIF, lo.ifindex)
    idle = jiffies_to_clock_t(INITIAL_JIFFIES + k.clock.now_ns // TICK_PERIOD_NS) & _FOR_EVER
    cache = _RTA_CACHEINFO.pack(1, idle, 0, -Errno.ENETUNREACH, 1)
    out.append(head + nla_put_u32(RTA_PRIORITY, _METRIC_MAX) + nla_put(RTA_CACHEINFO, cache))
    return out
