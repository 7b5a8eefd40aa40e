"""NETLINK_ROUTE: interfaces, and whom to ask about addresses and routes (net/core/rtnetlink.c).

Differs: routes and rules cannot be set; there are no queueing disciplines to ask for.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netdevice import IFF_UP, IFNAMSIZ
from procession.include.linux.netlink import (
    NETLINK_ROUTE,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_MULTI,
    NLM_F_REPLACE,
    NLMSG_GOODSIZE,
    NLMSG_HDRLEN,
    nlmsg,
)
from procession.include.linux.rtnetlink import (
    IFA_MAX,
    IFINFOMSG,
    IFLA_ADDRESS,
    IFLA_AF_SPEC,
    IFLA_BROADCAST,
    IFLA_EXT_MASK,
    IFLA_GROUP,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_LINKMODE,
    IFLA_MAP,
    IFLA_MASTER,
    IFLA_MAX,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    IFLA_NET_NS_PID,
    IFLA_OPERSTATE,
    IFLA_QDISC,
    IFLA_STATS,
    IFLA_STATS64,
    IFLA_TXQLEN,
    RTM_BASE,
    RTM_DELLINK,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_MAX,
    RTM_NEWLINK,
    RTM_SETLINK,
    RTNLGRP_LINK,
    RTNLGRP_MAX,
)
from procession.include.linux.socket import AF_UNSPEC
from procession.kernel import capability
from procession.net.core import dev as net_dev
from procession.net.netlink import af_netlink
from procession.net.netlink.attr import NLA_STRING, NLA_U32, nla_nest, nla_parse, nla_put, nla_put_u32

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkCallback, NetlinkSkb, NetlinkSock

__all__ = ("RtnlLink", "rtnetlink_init", "rtnl_has_listeners", "rtnl_notify", "rtnl_register")

PF_MAX: Final = 128
_RTM_GET: Final = 2  # the kind of a type that asks: new, delete, get, set
_IF_OPER_DOWN: Final = 2
_POLICY: Final[dict[int, tuple[int, int]]] = {
    IFLA_IFNAME: (NLA_STRING, IFNAMSIZ - 1),
    IFLA_MTU: (NLA_U32, 0),
    IFLA_MASTER: (NLA_U32, 0),
    IFLA_TXQLEN: (NLA_U32, 0),
    IFLA_NET_NS_PID: (NLA_U32, 0),
    IFLA_NET_NS_FD: (NLA_U32, 0),
    IFLA_IFALIAS: (NLA_STRING, 255),
    IFLA_GROUP: (NLA_U32, 0),
}
# By kind of thing: how long its messages are at least, and the highest attribute there is.
_RTM_MIN: Final[dict[int, tuple[int, int]]] = {0: (32, IFLA_MAX), 1: (24, IFA_MAX), 2: (28, 16)}

Doit = Callable[["Task", "NetlinkSock", "Nlmsghdr"], None]
Dumpit = Callable[["NetlinkSock"], list[bytes]]  # what is told of each thing, behind the head of a message


class RtnlLink:
    """Who answers a type of message of a protocol family (struct rtnl_link)."""

    __slots__ = ("doit", "dumpit")

    def __init__(self, doit: Doit | None, dumpit: Dumpit | None) -> None:
        self.doit = doit
        self.dumpit = dumpit


def rtnl_register(k: Kernel, family: int, type: int, doit: Doit | None, dumpit: Dumpit | None) -> None:
    """Have a protocol family's messages of a type answered."""
    k.net.rtnl_msg_handlers[family, type] = RtnlLink(doit, dumpit)


def rtnetlink_init(k: Kernel) -> None:
    """Register the protocol, and what it knows itself: interfaces."""
    af_netlink.netlink_kernel_create(k, NETLINK_ROUTE, RTNLGRP_MAX, rtnetlink_rcv, nonroot_recv=True)
    k.net.netdev_chain.append(rtnetlink_event)
    rtnl_register(k, AF_UNSPEC, RTM_GETLINK, rtnl_getlink, rtnl_dump_ifinfo)
    rtnl_register(k, AF_UNSPEC, RTM_SETLINK, rtnl_setlink, None)
    rtnl_register(k, AF_UNSPEC, RTM_NEWLINK, rtnl_newlink, None)
    rtnl_register(k, AF_UNSPEC, RTM_DELLINK, rtnl_dellink, None)
    rtnl_register(k, AF_UNSPEC, RTM_GETNEIGH, None, neigh_dump_info)


def rtnetlink_rcv(current: Task, ssk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Take a message to the kernel."""
    af_netlink.netlink_rcv_skb(current, ssk, skb, rtnetlink_rcv_msg)


def _handler(k: Kernel, family: int, type: int, *, dump: bool) -> RtnlLink | None:
    """Return who answers, of all families together if the one asked for has nobody (rtnl_get_doit, rtnl_get_dumpit)."""
    for of in (family, AF_UNSPEC):
        found = k.net.rtnl_msg_handlers.get((of, type))
        if found is not None and (found.dumpit if dump else found.doit) is not None:
            return found
    return None


def rtnetlink_rcv_msg(current: Task, ssk: NetlinkSock, nlh: Nlmsghdr) -> bool:
    """Answer a request; raises EOPNOTSUPP, EPERM, EINVAL, EBUSY, and what the answer does."""
    if nlh.type > RTM_MAX:
        raise LinuxError(Errno.EOPNOTSUPP, f"route message {nlh.type}")
    if len(nlh.raw) < NLMSG_HDRLEN + 1:
        return True
    k = current.kernel
    family = nlh.raw[NLMSG_HDRLEN]
    kind = nlh.type - RTM_BASE & 3
    if kind != _RTM_GET and not capability.ns_capable(current, ssk.net.user_ns, CAP_NET_ADMIN):
        raise LinuxError(Errno.EPERM, "changing networks needs CAP_NET_ADMIN")
    if kind == _RTM_GET and nlh.flags & NLM_F_DUMP:
        if _handler(k, family, nlh.type, dump=True) is None and not _of_all(k, nlh.type):
            k.not_modelled(f"rtnetlink: dump {nlh.type}")
            raise LinuxError(Errno.EOPNOTSUPP, f"route message {nlh.type}")
        return af_netlink.netlink_dump_start(ssk, nlh, rtnl_dump)
    _check_attributes(k, nlh)
    handler = _handler(k, family, nlh.type, dump=False)
    if handler is None or handler.doit is None:
        k.not_modelled(f"rtnetlink: message {nlh.type}")
        raise LinuxError(Errno.EOPNOTSUPP, f"route message {nlh.type}")
    handler.doit(current, ssk, nlh)
    return True


def _check_attributes(k: Kernel, nlh: Nlmsghdr) -> None:
    """See that a message is long enough, and knows no attributes that 3.2 does not, or later has; raises EINVAL."""
    kind_of = nlh.type - RTM_BASE >> 2
    if kind_of not in _RTM_MIN:
        return
    least, most = _RTM_MIN[kind_of]
    if len(nlh.raw) < least:
        raise LinuxError(Errno.EINVAL, "a short message")
    at = least + 3 & ~3
    while len(nlh.raw) - at >= 4:
        length, kind = struct.unpack_from("<HH", nlh.raw, at)
        if not 4 <= length <= len(nlh.raw) - at:
            return
        if kind > most and not (kind_of == 0 and kind == IFLA_EXT_MASK and "IFLA_EXT_MASK" in k.later):
            raise LinuxError(Errno.EINVAL, f"attribute {kind}")
        at += length + 3 & ~3


def _of_all(k: Kernel, type: int) -> list[int]:
    """Return the families that have something to tell."""
    handlers = k.net.rtnl_msg_handlers
    return sorted(family for family, of in handlers if of == type and handlers[family, of].dumpit is not None)


def rtnl_dump(sk: NetlinkSock, cb: NetlinkCallback) -> bytes:
    """Return the next part of a dump: of one family, or of all, each in parts of its own (rtnl_dump_all)."""
    k = sk.kernel
    family, type = cb.nlh.raw[NLMSG_HDRLEN], cb.nlh.type
    handler = _handler(k, family, type, dump=True)
    handlers = [k.net.rtnl_msg_handlers[of, type] for of in _of_all(k, type)] if handler is None else [handler]
    while cb.args[0] < len(handlers):
        dumpit = handlers[cb.args[0]].dumpit
        assert dumpit is not None
        out = b""
        for payload in dumpit(sk)[cb.args[1] :]:
            more = nlmsg(type - _RTM_GET, NLM_F_MULTI, cb.nlh.seq, sk.pid, payload)
            if out and len(out) + len(more) > NLMSG_GOODSIZE:
                break
            out += more
            cb.args[1] += 1
        if out:
            return out
        cb.args = [cb.args[0] + 1, 0]
    return b""


def rtnl_has_listeners(k: Kernel) -> bool:
    """Whether anybody wants to hear of changes."""
    return bool(k.net.nl_table[NETLINK_ROUTE].members)


def rtnl_notify(
    k: Kernel, net: NetNamespace, group: int, type: int, payload: bytes, asked: tuple[int, int] = (0, 0)
) -> None:
    """Tell all who listen of a change; asked: number and sender of the request for it."""
    af_netlink.netlink_broadcast(k, net, NETLINK_ROUTE, nlmsg(type, 0, *asked, payload), group)


# Interfaces.


def rtnetlink_event(k: Kernel, net: NetNamespace, dev: NetDevice, changes: int) -> None:
    """Tell who listens of a change of an interface."""
    if rtnl_has_listeners(k):
        rtnl_notify(k, net, RTNLGRP_LINK, RTM_NEWLINK, rtnl_fill_ifinfo(k, dev, changes))


def rtnl_fill_ifinfo(k: Kernel, dev: NetDevice, change: int = 0) -> bytes:
    """Return what RTM_NEWLINK tells of an interface."""
    up = bool(dev.flags & IFF_UP)
    out = IFINFOMSG.pack(AF_UNSPEC, dev.type, dev.ifindex, net_dev.dev_get_flags(dev), change)
    out += nla_put(IFLA_IFNAME, dev.name + b"\0") + nla_put_u32(IFLA_TXQLEN, dev.tx_queue_len)
    out += nla_put(IFLA_OPERSTATE, bytes([0 if up else _IF_OPER_DOWN])) + nla_put(IFLA_LINKMODE, bytes([dev.link_mode]))
    out += nla_put_u32(IFLA_MTU, dev.mtu) + nla_put_u32(IFLA_GROUP, dev.group)
    out += nla_put(IFLA_QDISC, b"noqueue\0" if dev.was_up else b"noop\0")
    if dev.ifalias:
        out += nla_put(IFLA_IFALIAS, dev.ifalias + b"\0")
    out += nla_put(IFLA_MAP, bytes(32)) + nla_put(IFLA_ADDRESS, bytes(6)) + nla_put(IFLA_BROADCAST, bytes(6))
    counts = (dev.packets, dev.packets, dev.bytes, dev.bytes)
    out += nla_put(IFLA_STATS, struct.pack("<4I76x", *(count & 0xFFFFFFFF for count in counts)))
    out += nla_put(IFLA_STATS64, struct.pack("<4Q152x", *counts))
    return out + nla_nest(IFLA_AF_SPEC, b"".join(fill(k, dev) for fill in k.net.rtnl_af_ops))


def rtnl_dump_ifinfo(sk: NetlinkSock) -> list[bytes]:
    """Return all interfaces."""
    return [rtnl_fill_ifinfo(sk.kernel, dev) for dev in sk.net.dev_base]


def neigh_dump_info(sk: NetlinkSock) -> list[bytes]:
    """Return the neighbours: a loopback has none (net/core/neighbour.c)."""
    return []


def _parse(current: Task, nlh: Nlmsghdr) -> tuple[int, int, int, dict[int, bytes]]:
    """Return index, flags, which of them are meant, and attributes; raises EINVAL, ERANGE."""
    _, _, index, flags, change = IFINFOMSG.unpack_from(nlh.data)
    return index, flags, change, nla_parse(current.kernel, nlh.data[IFINFOMSG.size :], _POLICY, IFLA_MAX)


def _find(sk: NetlinkSock, index: int, tb: dict[int, bytes]) -> NetDevice:
    """Return the interface that is meant; raises EINVAL if that is not said, ENODEV."""
    if index > 0:
        return net_dev.dev_get_by_index(sk.net, index)
    if IFLA_IFNAME not in tb:
        raise LinuxError(Errno.EINVAL, "which interface?")
    return net_dev.dev_get_by_name(sk.net, _text(tb[IFLA_IFNAME]))


def _text(value: bytes) -> bytes:
    return value.split(b"\0", 1)[0]


def rtnl_getlink(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Tell of one interface; raises EINVAL, ENODEV."""
    index, _, _, tb = _parse(current, nlh)
    info = rtnl_fill_ifinfo(current.kernel, _find(sk, index, tb))
    af_netlink.netlink_unicast(sk, nlmsg(RTM_NEWLINK, 0, nlh.seq, sk.pid, info), sk.pid)


def rtnl_setlink(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Change an interface; raises EINVAL, ENODEV, and what do_setlink does."""
    index, flags, change, tb = _parse(current, nlh)
    dev = _find(sk, index, tb)
    validate_linkmsg(tb)
    do_setlink(current.kernel, sk.net, dev, (index, flags, change), tb)


def rtnl_dellink(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Take an interface away, which the loopback does not let happen; raises EINVAL, ENODEV, EOPNOTSUPP."""
    index, _, _, tb = _parse(current, nlh)
    _find(sk, index, tb)
    raise LinuxError(Errno.EOPNOTSUPP, "the loopback stays")


def rtnl_newlink(current: Task, sk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Change an interface, or make one: there are no kinds that could be made.

    Raises ENODEV, EEXIST, EINVAL, EOPNOTSUPP, and what do_setlink does.
    """
    index, flags, change, tb = _parse(current, nlh)
    name = _text(tb.get(IFLA_IFNAME, b""))
    found = [dev for dev in sk.net.dev_base if (dev.ifindex == index if index > 0 else name and dev.name == name)]
    if found:
        validate_linkmsg(tb)
        if nlh.flags & NLM_F_EXCL:
            raise LinuxError(Errno.EEXIST, "the interface is there")
        if nlh.flags & NLM_F_REPLACE:
            raise LinuxError(Errno.EOPNOTSUPP, "replacing an interface")
        do_setlink(current.kernel, sk.net, found[0], (index, flags, change), tb)
    elif not nlh.flags & NLM_F_CREATE:
        if index or IFLA_GROUP not in tb:
            raise LinuxError(Errno.ENODEV, "no such interface")
        _group_changelink(current, sk, (index, flags, change), tb)
    else:
        raise LinuxError(Errno.EOPNOTSUPP, "a kind of interface")


def _group_changelink(current: Task, sk: NetlinkSock, head: tuple[int, int, int], tb: dict[int, bytes]) -> None:
    """Change all interfaces of a group (rtnl_group_changelink)."""
    group = int.from_bytes(tb[IFLA_GROUP][:4], "little")
    for dev in sk.net.dev_base:
        if dev.group == group:
            do_setlink(current.kernel, sk.net, dev, head, tb)


def validate_linkmsg(tb: dict[int, bytes]) -> None:
    """See that hardware addresses are as long as they must be; raises EINVAL."""
    if any(len(tb[which]) < 6 for which in (IFLA_ADDRESS, IFLA_BROADCAST) if which in tb):
        raise LinuxError(Errno.EINVAL, "a hardware address")


def do_setlink(k: Kernel, net: NetNamespace, dev: NetDevice, head: tuple[int, int, int], tb: dict[int, bytes]) -> None:
    """Change what a message has of an interface, in 3.2's order.

    head: index, flags, which of them are meant. Raises EINVAL, EOPNOTSUPP, EBUSY, EEXIST.
    """
    index, flags, change = head
    if IFLA_NET_NS_PID in tb or IFLA_NET_NS_FD in tb:
        raise LinuxError(Errno.EINVAL, "the loopback stays in its network")
    if IFLA_MAP in tb or IFLA_ADDRESS in tb:
        raise LinuxError(Errno.EOPNOTSUPP, "not of the loopback")
    numbers = {which: int.from_bytes(value[:4], "little") for which, value in tb.items()}
    if IFLA_MTU in tb:
        net_dev.dev_set_mtu(k, net, dev, struct.unpack("<i", tb[IFLA_MTU][:4])[0])
    dev.group = numbers.get(IFLA_GROUP, dev.group)
    if index > 0 and _text(tb.get(IFLA_IFNAME, b"")):
        net_dev.dev_change_name(k, net, dev, _text(tb[IFLA_IFNAME]))
    if IFLA_IFALIAS in tb:
        dev.ifalias = _text(tb[IFLA_IFALIAS])
    if flags or change:
        net_dev.dev_change_flags(k, net, dev, flags & change | dev.flags & ~change if change else flags)
    dev.tx_queue_len = numbers.get(IFLA_TXQLEN, dev.tx_queue_len)
    if IFLA_LINKMODE in tb:
        dev.link_mode = tb[IFLA_LINKMODE][0]
    if numbers.get(IFLA_MASTER):
        raise LinuxError(Errno.EINVAL, "no master")
