"""Addresses and groups of netlink sockets (part of net/netlink/af_netlink.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netlink import SOCKADDR_NL
from procession.include.linux.socket import AF_NETLINK, AF_UNSPEC
from procession.kernel import capability, pid, wait

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkSock, NetlinkTable

__all__ = (
    "first_group",
    "group_mask",
    "netlink_autobind",
    "netlink_bind",
    "netlink_capable",
    "netlink_connect",
    "netlink_getname",
    "netlink_membership",
    "netlink_set_no_enobufs",
    "parse",
    "sockaddr",
)

_FIRST_ROVER: Final = -4097  # where autobind looks when the caller's own number is in use, and then below


def _table(sk: NetlinkSock) -> NetlinkTable:
    return sk.kernel.net.nl_table[sk.protocol]


def netlink_capable(current: Task, sk: NetlinkSock, *, receive: bool) -> bool:
    """Whether current may listen to groups, or send to them."""
    return (receive and _table(sk).nonroot_recv) or capability.ns_capable(current, sk.net.user_ns, CAP_NET_ADMIN)


def parse(name: bytes) -> tuple[int, int, int]:
    """Return family, pid and groups of a sockaddr_nl; 3.2 looks at no length, what is missing is zero here."""
    family, _, nl_pid, groups = SOCKADDR_NL.unpack(name[: SOCKADDR_NL.size].ljust(SOCKADDR_NL.size, b"\0"))
    return family, nl_pid, groups


def sockaddr(nl_pid: int, groups: int) -> bytes:
    """Return a sockaddr_nl."""
    return SOCKADDR_NL.pack(AF_NETLINK, 0, nl_pid & 0xFFFFFFFF, groups & 0xFFFFFFFF)


def first_group(groups: int) -> int:
    """Return the lowest group of a mask, 0 if there is none (ffs)."""
    return (groups & -groups).bit_length()


def group_mask(group: int) -> int:
    """Return the mask with a group alone, nothing for 0 and for those that no mask holds."""
    return 1 << group - 1 & 0xFFFFFFFF if group else 0


def netlink_insert(sk: NetlinkSock, nl_pid: int) -> None:
    """Give a socket its address; raises EADDRINUSE."""
    sockets = _table(sk).sockets
    if (sk.net, nl_pid) in sockets:
        raise LinuxError(Errno.EADDRINUSE, f"netlink pid {nl_pid}")
    sockets[sk.net, nl_pid] = sk
    sk.pid = nl_pid


def netlink_autobind(current: Task, sk: NetlinkSock) -> None:
    """Give a socket the caller's pid as its address, or one that nobody has."""
    net = current.kernel.net
    sockets = _table(sk).sockets
    nl_pid = pid.task_tgid_vnr(current, current)
    while (sk.net, nl_pid & 0xFFFFFFFF) in sockets:
        nl_pid = net.netlink_rover
        net.netlink_rover -= 1
        if net.netlink_rover < -(1 << 31):
            net.netlink_rover = _FIRST_ROVER
    netlink_insert(sk, nl_pid & 0xFFFFFFFF)


def netlink_update_groups(sk: NetlinkSock, groups: int) -> None:
    """Make groups the set that a socket listens to."""
    members = _table(sk).members
    sk.groups = groups
    if not groups:
        members.pop(sk, None)
    elif sk not in members:
        members[sk] = None


def netlink_bind(current: Task, sk: NetlinkSock, name: bytes) -> None:
    """Give a socket an address, and groups to listen to; raises EINVAL, EPERM, EADDRINUSE."""
    family, nl_pid, groups = parse(name)
    if family != AF_NETLINK:
        raise LinuxError(Errno.EINVAL, "not a netlink address")
    if groups and not netlink_capable(current, sk, receive=True):
        raise LinuxError(Errno.EPERM, "groups need CAP_NET_ADMIN")
    if sk.pid:
        if nl_pid != sk.pid:
            raise LinuxError(Errno.EINVAL, "bound to another pid")
    elif nl_pid:
        netlink_insert(sk, nl_pid)
    else:
        netlink_autobind(current, sk)
    netlink_update_groups(sk, sk.groups & ~0xFFFFFFFF | groups)


def netlink_membership(current: Task, sk: NetlinkSock, group: int, *, join: bool) -> None:
    """Join or leave a group by its number; raises EPERM, EINVAL."""
    if not netlink_capable(current, sk, receive=True):
        raise LinuxError(Errno.EPERM, "groups need CAP_NET_ADMIN")
    if not 0 < group <= _table(sk).groups:
        raise LinuxError(Errno.EINVAL, f"group {group}")
    bit = 1 << group - 1
    netlink_update_groups(sk, sk.groups | bit if join else sk.groups & ~bit)


def netlink_set_no_enobufs(sk: NetlinkSock, *, on: bool) -> None:
    """Say whether a receiver wants to hear nothing of lost messages."""
    sk.no_enobufs = on
    if on:
        sk.congested = False
        wait.wake_up_interruptible(sk.peer_wait)


def netlink_connect(current: Task, sk: NetlinkSock, name: bytes) -> None:
    """Say where messages without an address go; raises EINVAL, EPERM."""
    if len(name) < 2:
        raise LinuxError(Errno.EINVAL, "length of an address")
    family, nl_pid, groups = parse(name)
    if family == AF_UNSPEC:
        sk.connected = False
        sk.dst_pid = sk.dst_group = 0
        return
    if family != AF_NETLINK:
        raise LinuxError(Errno.EINVAL, "not a netlink address")
    if groups and not netlink_capable(current, sk, receive=False):
        raise LinuxError(Errno.EPERM, "groups need CAP_NET_ADMIN")
    if not sk.pid:
        netlink_autobind(current, sk)
    sk.connected = True
    sk.dst_pid = nl_pid
    sk.dst_group = first_group(groups)


def netlink_getname(sk: NetlinkSock, *, peer: bool) -> bytes:
    """Return a socket's own address, or where it is connected to."""
    return sockaddr(sk.dst_pid, group_mask(sk.dst_group)) if peer else sockaddr(sk.pid, sk.groups)
