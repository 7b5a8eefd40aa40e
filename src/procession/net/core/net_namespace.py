"""Networks of their own: each has its interfaces, addresses and names (net/core/net_namespace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.netdevice import NetDevice
from procession.include.linux.nsproxy import NetNamespace
from procession.include.linux.sched import CLONE_NEWNET
from procession.kernel import ucount, user, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel

__all__ = ("copy_net_ns", "put_net", "setup_net")


def setup_net(k: Kernel) -> NetNamespace:
    """Return a new network: its loopback is there, and down."""
    net = NetNamespace()
    k.net.ifindex += 1
    net.dev_base.append(NetDevice(b"lo", k.net.ifindex, k.clock.now_ns))
    return net


def copy_net_ns(k: Kernel, flags: int, cred: Cred, old: NetNamespace) -> NetNamespace:
    """Return the network that a task shall have, with a reference; raises ENOSPC, since 3.8, for too many."""
    if flags & CLONE_NEWNET:
        ucounts = user_namespace.charge_namespace(k, cred, ucount.MAX_NET_NAMESPACES)
        net = setup_net(k)
        net.user_ns, net.ucounts = user_namespace.owner_of(k, cred), ucounts
        return net
    old.count += 1
    return old


def put_net(k: Kernel, net: NetNamespace) -> None:
    """Drop a reference; the last one lets its owner go."""
    net.count -= 1
    if not net.count:
        ucount.dec_ucount(k, net.ucounts, ucount.MAX_NET_NAMESPACES)
        user.put_user_ns(k, net.user_ns)
