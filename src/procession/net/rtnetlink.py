"""NETLINK_ROUTE as far as a kernel without internet protocols has it (net/core/rtnetlink.c).

Differs: links are not there: asking for them is EOPNOTSUPP. Of addresses there are none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netlink import NETLINK_ROUTE, NLM_F_DUMP, NLMSG_HDRLEN
from procession.kernel import capability
from procession.net.netlink import af_netlink

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkCallback, NetlinkSkb, NetlinkSock

__all__ = ("rtnetlink_init",)

RTM_BASE: Final = 16
RTM_GETADDR: Final = 22
RTM_MAX: Final = 83
RTNLGRP_MAX: Final = 27
RTM_GET: Final = 2  # the kind of a type that asks: new, delete, get, set


def rtnetlink_init(k: Kernel) -> None:
    """Register the protocol."""
    af_netlink.netlink_kernel_create(k, NETLINK_ROUTE, RTNLGRP_MAX, rtnetlink_rcv, nonroot_recv=True)


def rtnetlink_rcv(current: Task, ssk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Take a message to the kernel."""
    af_netlink.netlink_rcv_skb(current, ssk, skb, rtnetlink_rcv_msg)


def rtnetlink_rcv_msg(current: Task, ssk: NetlinkSock, nlh: Nlmsghdr) -> bool:
    """Answer a request; raises EOPNOTSUPP, EPERM."""
    if nlh.type > RTM_MAX:
        raise LinuxError(Errno.EOPNOTSUPP, f"route message {nlh.type}")
    if len(nlh.raw) < NLMSG_HDRLEN + 1:
        return True
    kind = nlh.type - RTM_BASE & 3
    if kind != RTM_GET and not capability.capable(current, CAP_NET_ADMIN):
        raise LinuxError(Errno.EPERM, "changing routes needs CAP_NET_ADMIN")
    if nlh.type == RTM_GETADDR and nlh.flags & NLM_F_DUMP:
        return af_netlink.netlink_dump_start(ssk, nlh, rtnl_dump_all)
    current.kernel.not_modelled(f"rtnetlink: message {nlh.type}")
    raise LinuxError(Errno.EOPNOTSUPP, f"route message {nlh.type}")


def rtnl_dump_all(sk: NetlinkSock, cb: NetlinkCallback) -> bytes:
    """Return what each protocol family has to tell: there is none that has addresses."""
    return b""
