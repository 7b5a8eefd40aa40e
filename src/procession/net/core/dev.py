"""Network interfaces (net/core/dev.c, drivers/net/loopback.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError

if TYPE_CHECKING:
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.nsproxy import NetNamespace

__all__ = ("dev_get_by_index", "dev_get_by_name")


def dev_get_by_name(net: NetNamespace, name: bytes) -> NetDevice:
    """Return the interface of that name; raises ENODEV."""
    for dev in net.dev_base:
        if dev.name == name:
            return dev
    raise LinuxError(Errno.ENODEV, "no such interface")


def dev_get_by_index(net: NetNamespace, ifindex: int) -> NetDevice:
    """Return the interface of that number; raises ENODEV."""
    for dev in net.dev_base:
        if dev.ifindex == ifindex:
            return dev
    raise LinuxError(Errno.ENODEV, "no such interface")
