"""Packets on their way: the loopback device and the queue behind it (net/ipv4/ip_output.c, drivers/net/loopback.c).

Nothing leaves the machine: what is sent is received at once, by the same CPU, in what is a soft interrupt in 3.2. What
the receiver answers waits until it is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.hw.costs import SKB_NS
from procession.kernel import sched_account
from procession.net.ipv4.sock import inet_net

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.net.ipv4.skbuff import InetSkb

__all__ = ("SoftnetData", "ip_send", "local_bh_disable", "local_bh_enable", "softnet")


ETH_HLEN: Final = 14
_HEADS: Final = 52  # bytes of the heads of IP and TCP, more or less


class SoftnetData:
    """What was sent and not yet received (struct softnet_data).

    disabled: how many hold soft interrupts off.  protos: who takes packets of a protocol (inet_protos).
    other: who takes all others' as well.
    """

    __slots__ = ("disabled", "input_pkt_queue", "other", "protos")

    def __init__(self) -> None:
        self.input_pkt_queue: deque[tuple[NetNamespace, InetSkb]] = deque()
        self.disabled = 0
        self.protos: dict[int, Callable[[Kernel, NetNamespace, InetSkb], None]] = {}
        self.other: Callable[[Kernel, NetNamespace, InetSkb], None] | None = None


def softnet(k: Kernel) -> SoftnetData:
    """Return the queue."""
    found = k.net.softnet
    assert found is not None
    return found


def ip_send(k: Kernel, net: NetNamespace, skb: InetSkb) -> None:
    """Send a packet, whose addresses are ours."""
    sd = softnet(k)
    sched_account.account_system_time(k.current, SKB_NS)
    dev = net.dev_base[0]
    size = len(skb.data) + _HEADS
    dev.packets += 1
    dev.bytes += size + ETH_HLEN
    tables = inet_net(net)
    family = "Ip" if len(skb.daddr) == 4 else "Ip6"
    tables.count(family + "OutRequests")
    tables.count(family + "InReceives")
    tables.count(family + "InDelivers")
    extension = "IpExt" if len(skb.daddr) == 4 else "Ip6"
    tables.count(extension + "OutOctets", size)
    tables.count(extension + "InOctets", size)
    sd.input_pkt_queue.append((net, skb))
    if not sd.disabled:
        _process_backlog(k, sd)


def local_bh_disable(k: Kernel) -> None:
    """Let what is sent wait."""
    softnet(k).disabled += 1


def local_bh_enable(k: Kernel) -> None:
    """Receive what was sent meanwhile."""
    sd = softnet(k)
    sd.disabled -= 1
    if not sd.disabled and sd.input_pkt_queue:
        _process_backlog(k, sd)


def _process_backlog(k: Kernel, sd: SoftnetData) -> None:
    sd.disabled = 1
    queue = sd.input_pkt_queue
    try:
        while queue:
            net, skb = queue.popleft()
            handler = sd.protos.get(skb.protocol)
            if sd.other is not None and (handler is None or inet_net(net).raw):
                sd.other(k, net, skb)
            if handler is not None:
                handler(k, net, skb)
    finally:
        sd.disabled = 0
