"""A netlink socket, what is on its way to it, and the protocols there are (net/netlink/af_netlink.c's structures)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.include.linux.socket import AF_NETLINK
from procession.net.core.sock import Sock
from procession.net.unix.sock import skb_truesize

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task

__all__ = ("NetlinkCallback", "NetlinkSkb", "NetlinkSock", "NetlinkTable")


class NetlinkSkb:
    """A message, or several, on the way (struct sk_buff with its netlink_skb_parms).

    pid: the sender's.  dst_group: the group it went to, 0 for one receiver.  creds: a struct ucred, zeros if the sender
    gave none.  truesize: what it costs its receiver, in bytes.
    """

    __slots__ = ("creds", "data", "dst_group", "pid", "truesize")

    def __init__(self, data: bytes, pid: int = 0, dst_group: int = 0, creds: bytes = bytes(12)) -> None:
        self.data = data
        self.pid = pid
        self.dst_group = dst_group
        self.creds = creds
        self.truesize = skb_truesize(len(data))


class NetlinkCallback:
    """A dump that goes on whenever its receiver has read (struct netlink_callback).

    dump: returns the next bytes, none at the end; args: where it is.
    """

    __slots__ = ("args", "dump", "nlh")

    def __init__(self, dump: Callable[[NetlinkSock, NetlinkCallback], bytes], nlh: Nlmsghdr) -> None:
        self.dump = dump
        self.nlh = nlh
        self.args = [0, 0]


class NetlinkSock(Sock):
    """struct netlink_sock.

    pid: its address, 0 while it has none.  groups: the set it listens to, bit n for group n + 1.  congested: its
    queue was full, and has not been emptied since.  rmem: the memory of what is queued, in bytes.  callback: the dump
    under way.  drops: messages that it had no room for.
    """

    __slots__ = (
        "broadcast_error",
        "callback",
        "congested",
        "connected",
        "drops",
        "dst_group",
        "dst_pid",
        "groups",
        "no_enobufs",
        "peer_wait",
        "pid",
        "pktinfo",
        "receive_queue",
        "rmem",
    )

    def __init__(self, k: Kernel, net: NetNamespace, type: int, protocol: int) -> None:
        super().__init__(k, net, AF_NETLINK, type, protocol)
        self.peer_wait = k.wait_queue_head("netlink->wait")  # senders that wait for room
        self.receive_queue: deque[NetlinkSkb] = deque()
        self.pid = 0
        self.groups = 0
        self.dst_pid = 0
        self.dst_group = 0
        self.connected = False
        self.congested = False
        self.no_enobufs = False
        self.broadcast_error = False
        self.pktinfo = False
        self.rmem = 0
        self.drops = 0
        self.callback: NetlinkCallback | None = None


class NetlinkTable:
    """A protocol (struct netlink_table).

    netlink_rcv: takes what is sent to the kernel, None if nobody there listens.  nonroot_recv: whoever likes may join
    groups.  init_net_only: the kernel listens in the first network alone.  groups: how many there are.
    sockets: by network and pid.  members: those in a group, the newest last.
    """

    __slots__ = ("groups", "init_net_only", "members", "netlink_rcv", "nonroot_recv", "sockets")

    def __init__(
        self,
        groups: int,
        netlink_rcv: Callable[[Task, NetlinkSock, NetlinkSkb], None] | None,
        *,
        nonroot_recv: bool,
        init_net_only: bool,
    ) -> None:
        self.groups = groups
        self.init_net_only = init_net_only
        self.netlink_rcv = netlink_rcv
        self.nonroot_recv = nonroot_recv
        self.sockets: dict[tuple[NetNamespace, int], NetlinkSock] = {}
        self.members: dict[NetlinkSock, None] = {}
