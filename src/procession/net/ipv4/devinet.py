"""IPv4 addresses of interfaces (net/ipv4/devinet.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netdevice import IFF_LOOPBACK, IFF_UP, IFNAMSIZ, InIfaddr
from procession.include.linux.rtnetlink import (
    IFA_ADDRESS,
    IFA_BROADCAST,
    IFA_F_PERMANENT,
    IFA_F_SECONDARY,
    IFA_LABEL,
    IFA_LOCAL,
    IFA_MAX,
    IFADDRMSG,
    RT_SCOPE_HOST,
    RTM_DELADDR,
    RTM_GETADDR,
    RTM_NEWADDR,
    RTNLGRP_IPV4_IFADDR,
)
from procession.include.linux.socket import AF_INET
from procession.include.linux.sockios import (
    SIOCGIFADDR,
    SIOCGIFBRDADDR,
    SIOCGIFDSTADDR,
    SIOCGIFNETMASK,
    SIOCSIFADDR,
    SIOCSIFBRDADDR,
    SIOCSIFDSTADDR,
    SIOCSIFFLAGS,
    SIOCSIFNETMASK,
)
from procession.kernel import capability
from procession.mm import uaccess
from procession.net.core import dev as net_dev
from procession.net.core import rtnetlink
from procession.net.netlink.attr import NLA_STRING, NLA_U32, nla_parse, nla_put

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.netlink.sock import NetlinkSock

__all__ = ("DEVINET_IOCTLS", "devinet_init", "devinet_ioctl", "inet_make_mask")

_READING: Final = (SIOCGIFADDR, SIOCGIFBRDADDR, SIOCGIFDSTADDR, SIOCGIFNETMASK)
_WRITING: Final = (SIOCSIFADDR, SIOCSIFBRDADDR, SIOCSIFDSTADDR, SIOCSIFNETMASK)
DEVINET_IOCTLS: Final = (*_READING, *_WRITING, SIOCSIFFLAGS)
_POLICY: Final[dict[int, tuple[int, int]]] = {
    IFA_LOCAL: (NLA_U32, 0),
    IFA_ADDRESS: (NLA_U32, 0),
    IFA_BROADCAST: (NLA_U32, 0),
    IFA_LABEL: (NLA_STRING, IFNAMSIZ - 1),
}


def devinet_init(k: Kernel) -> None:
    """Give the loopback its address whenever it is set up, and answer questions about addresses."""
    k.net.netdev_chain.append(inetdev_event)
    rtnetlink.rtnl_register(k, AF_INET, RTM_NEWADDR, inet_rtm_newaddr, None)
    rtnetlink.rtnl_register(k, AF_INET, RTM_DELADDR, inet_rtm_deladdr, None)
    rtnetlink.rtnl_register(k, AF_INET, RTM_GETADDR, None, inet_dump_ifaddr)


def inetdev_event(k: Kernel, net: NetNamespace, dev: NetDevice, changes: int) -> None:
    """An interface was set up or down. Its addresses stay when it goes down."""
    if not changes & IFF_UP or not dev.flags & IFF_UP or not dev.flags & IFF_LOOPBACK:
        return
    ifa = InIfaddr(b"\x7f\0\0\1", 8, RT_SCOPE_HOST, dev.name, k.clock.now_ns)
    try:
        inet_insert_ifa(k, net, dev, ifa)
    except LinuxError:
        return  # it has kept it


def inet_make_mask(prefixlen: int) -> int:
    """Return the mask of a network, as a number."""
    return 0xFFFFFFFF << 32 - prefixlen & 0xFFFFFFFF


def _same_net(one: InIfaddr, address: bytes) -> bool:
    """Whether an address lies in the network of another (inet_ifa_match)."""
    differing = int.from_bytes(one.peer, "big") ^ int.from_bytes(address, "big")
    return not differing & inet_make_mask(one.prefixlen)


def inet_insert_ifa(
    k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr, asked: tuple[int, int] = (0, 0)
) -> None:
    """Add an address: a secondary one behind all, another behind those of its scope; raises EEXIST, EINVAL.

    asked: number and sender of the request for it.
    """
    if not any(ifa.address):
        return
    at = 0
    for n, other in enumerate(dev.ifa_list):
        if not other.flags & IFA_F_SECONDARY and ifa.scope <= other.scope:
            at = n + 1
        if other.prefixlen == ifa.prefixlen and _same_net(other, ifa.peer):
            if other.address == ifa.address:
                raise LinuxError(Errno.EEXIST, "an address of the interface")
            if other.scope != ifa.scope:
                raise LinuxError(Errno.EINVAL, "another scope")
            ifa.flags |= IFA_F_SECONDARY
    dev.ifa_list.insert(len(dev.ifa_list) if ifa.flags & IFA_F_SECONDARY else at, ifa)
    _notify(k, net, dev, ifa, RTM_NEWADDR, asked)


def inet_del_ifa(k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr, asked: tuple[int, int] = (0, 0)) -> None:
    """Take an address away, and the secondary ones of its network with it."""
    if not ifa.flags & IFA_F_SECONDARY:
        for other in dev.ifa_list.copy():
            if other.flags & IFA_F_SECONDARY and other.prefixlen == ifa.prefixlen and _same_net(ifa, other.peer):
                dev.ifa_list.remove(other)
                _notify(k, net, dev, other, RTM_DELADDR, asked)
    dev.ifa_list.remove(ifa)
    _notify(k, net, dev, ifa, RTM_DELADDR, asked)


# ioctl(2).


def devinet_ioctl(current: Task, net: NetNamespace, cmd: int, arg: UserPtr) -> None:
    """Answer what an AF_INET socket is asked about addresses; raises EFAULT, EACCES, EINVAL, ENODEV, EADDRNOTAVAIL."""
    raw = uaccess.copy_from_user(current, arg, net_dev.IFREQ_SIZE)
    family, _, wanted = struct.unpack_from("<HH4s", raw, IFNAMSIZ)
    if cmd not in _READING and not capability.ns_capable(current, net.user_ns, CAP_NET_ADMIN):
        raise LinuxError(Errno.EACCES, "addresses need CAP_NET_ADMIN")
    if cmd in _WRITING and family != AF_INET:
        raise LinuxError(Errno.EINVAL, "not an IPv4 address")
    label = net_dev.ifr_name(raw)
    name, colon, _ = label.partition(b":")
    dev = net_dev.dev_get_by_name(net, name)
    labelled = [ifa for ifa in dev.ifa_list if ifa.label == label]
    exact = [ifa for ifa in labelled if ifa.address == wanted] if cmd in _READING and family == AF_INET else []
    ifa = next(iter(exact or labelled), None)
    if ifa is None and (cmd not in (SIOCSIFADDR, SIOCSIFFLAGS) or (cmd == SIOCSIFFLAGS and colon)):
        raise LinuxError(Errno.EADDRNOTAVAIL, "no such address")
    k = current.kernel
    if cmd == SIOCSIFFLAGS:
        flags = int.from_bytes(raw[IFNAMSIZ : IFNAMSIZ + 2], "little")
        if not colon:
            net_dev.dev_change_flags(k, net, dev, flags)
        elif ifa is not None and not flags & IFF_UP:
            inet_del_ifa(k, net, dev, ifa)
    elif cmd == SIOCSIFADDR:
        _set_address(k, net, dev, ifa, wanted, label)
    elif ifa is not None and cmd in _READING:
        found = struct.pack("<HH4s8x", AF_INET, 0, _read(ifa, cmd))
        uaccess.copy_to_user(current, arg, raw[:IFNAMSIZ] + found + raw[IFNAMSIZ + len(found) :])
    elif ifa is not None:
        _write(k, net, dev, ifa, cmd, wanted)


def _read(ifa: InIfaddr, cmd: int) -> bytes:
    if cmd == SIOCGIFADDR:
        return ifa.address
    if cmd == SIOCGIFDSTADDR:
        return ifa.peer
    return inet_make_mask(ifa.prefixlen).to_bytes(4, "big") if cmd == SIOCGIFNETMASK else ifa.broadcast or bytes(4)


def inet_abc_len(address: bytes) -> int:
    """Return how long the network's part of an address is by its class, bits; raises EINVAL for one of no class."""
    first = address[0]
    if not any(address):
        return 0
    if first < 128:
        return 8
    if first < 192:
        return 16
    if first < 224:
        return 24
    raise LinuxError(Errno.EINVAL, "an address of no class")


def _set_address(
    k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr | None, address: bytes, label: bytes
) -> None:
    prefixlen = inet_abc_len(address)
    scope = 0
    if ifa is not None:
        if ifa.address == address:
            return
        inet_del_ifa(k, net, dev, ifa)
    if address[0] == 127:
        scope = RT_SCOPE_HOST
    inet_insert_ifa(k, net, dev, InIfaddr(address, prefixlen, scope, label, k.clock.now_ns))


def _write(k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr, cmd: int, value: bytes) -> None:
    """Change something of an address, which is another one then; raises EINVAL."""
    new = InIfaddr(ifa.address, ifa.prefixlen, ifa.scope, ifa.label, ifa.created_ns)
    new.peer, new.broadcast = ifa.peer, ifa.broadcast
    if cmd == SIOCSIFBRDADDR:
        new.broadcast = value if any(value) else b""
    elif cmd == SIOCSIFDSTADDR:
        inet_abc_len(value)
        new.peer = value
    else:
        mask = int.from_bytes(value, "big")
        if (~mask & 0xFFFFFFFF) & (~mask & 0xFFFFFFFF) + 1:
            raise LinuxError(Errno.EINVAL, "not a mask")
        new.prefixlen = mask.bit_count()
    inet_del_ifa(k, net, dev, ifa)
    inet_insert_ifa(k, net, dev, new)


# Netlink.


def inet_fill_ifaddr(dev: NetDevice, ifa: InIfaddr) -> bytes:
    """Return an address as RTM_NEWADDR tells of it."""
    head = IFADDRMSG.pack(AF_INET, ifa.prefixlen, ifa.flags | IFA_F_PERMANENT, ifa.scope, dev.ifindex)
    attributes = nla_put(IFA_ADDRESS, ifa.peer) + nla_put(IFA_LOCAL, ifa.address)
    if ifa.broadcast:
        attributes += nla_put(IFA_BROADCAST, ifa.broadcast)
    return head + attributes + nla_put(IFA_LABEL, ifa.label + b"\0")


def _notify(k: Kernel, net: NetNamespace, dev: NetDevice, ifa: InIfaddr, type: int, asked: tuple[int, int]) -> None:
    if rtnetlink.rtnl_has_listeners(k):
        rtnetlink.rtnl_notify(k, net, RTNLGRP_IPV4_IFADDR, type, inet_fill_ifaddr(dev, ifa), asked)


def inet_dump_ifaddr(sk: NetlinkSock) -> list[bytes]:
    """Return all addresses."""
    return [inet_fill_ifaddr(dev, ifa) for dev in sk.net.dev_base for ifa in dev.ifa_list]


def inet_rtm_newaddr(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Add an address; raises EINVAL, ENODEV, EEXIST."""
    k = current.kernel
    _, prefixlen, flags, scope, index = IFADDRMSG.unpack_from(nlh.data)
    tb = nla_parse(k, nlh.data[IFADDRMSG.size :], _POLICY, IFA_MAX)
    if prefixlen > 32 or IFA_LOCAL not in tb:
        raise LinuxError(Errno.EINVAL, "not an address")
    dev = net_dev.dev_get_by_index(sk.net, index)
    label = tb[IFA_LABEL].split(b"\0", 1)[0] if IFA_LABEL in tb else dev.name
    ifa = InIfaddr(tb[IFA_LOCAL][:4], prefixlen, scope, label, k.clock.now_ns)
    ifa.flags = flags & ~IFA_F_SECONDARY
    ifa.peer = tb.get(IFA_ADDRESS, ifa.address)[:4]
    ifa.broadcast = tb.get(IFA_BROADCAST, b"")[:4]
    inet_insert_ifa(k, sk.net, dev, ifa, (nlh.seq, sk.pid))


def inet_rtm_deladdr(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Take an address away; raises ENODEV, EADDRNOTAVAIL."""
    k = current.kernel
    _, prefixlen, _, _, index = IFADDRMSG.unpack_from(nlh.data)
    tb = nla_parse(k, nlh.data[IFADDRMSG.size :], _POLICY, IFA_MAX)
    dev = net_dev.dev_get_by_index(sk.net, index)
    for ifa in dev.ifa_list:
        if IFA_LOCAL in tb and tb[IFA_LOCAL][:4] != ifa.address:
            continue
        if IFA_LABEL in tb and tb[IFA_LABEL].split(b"\0", 1)[0] != ifa.label:
            continue
        if IFA_ADDRESS in tb and (prefixlen != ifa.prefixlen or not _same_net(ifa, tb[IFA_ADDRESS][:4])):
            continue
        inet_del_ifa(k, sk.net, dev, ifa, (nlh.seq, sk.pid))
        return
    raise LinuxError(Errno.EADDRNOTAVAIL, "no such address")
