"""Networks of their own: each has its interfaces, addresses and names (net/core/net_namespace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.netdevice import NetDevice
from procession.include.linux.nsproxy import NetNamespace
from procession.include.linux.sched import CLONE_NEWNET

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("copy_net_ns", "setup_net")


def setup_net(k: Kernel) -> NetNamespace:
    """Return a new network: its loopback is there, and down."""
    net = NetNamespace()
    k.net.ifindex += 1
    net.dev_base.append(NetDevice(b"lo", k.net.ifindex, k.clock.now_ns))
    return net


def copy_net_ns(k: Kernel, flags: int, old: NetNamespace) -> NetNamespace:
    """Return the network of a new task, with a reference."""
    if flags & CLONE_NEWNET:
        return setup_net(k)
    old.count += 1
    return old
