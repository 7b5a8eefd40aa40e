"""Network interfaces, and the ioctl calls that name one (net/core/dev.c, drivers/net/loopback.c).

Differs: the loopback cannot be given a hardware address or a queueing discipline, as in 3.2; other interfaces there are
none, nor drivers that would make one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netdevice import (
    IFF_ALLMULTI,
    IFF_AUTOMEDIA,
    IFF_BROADCAST,
    IFF_DEBUG,
    IFF_DYNAMIC,
    IFF_LOOPBACK,
    IFF_LOWER_UP,
    IFF_MULTICAST,
    IFF_NOARP,
    IFF_NOTRAILERS,
    IFF_POINTOPOINT,
    IFF_PORTSEL,
    IFF_PROMISC,
    IFF_RUNNING,
    IFF_UP,
    IFNAMSIZ,
)
from procession.include.linux.sockios import (
    SIOCADDMULTI,
    SIOCDELMULTI,
    SIOCDEVPRIVATE,
    SIOCETHTOOL,
    SIOCGIFCONF,
    SIOCGIFFLAGS,
    SIOCGIFHWADDR,
    SIOCGIFINDEX,
    SIOCGIFMAP,
    SIOCGIFMETRIC,
    SIOCGIFMTU,
    SIOCGIFNAME,
    SIOCGIFSLAVE,
    SIOCGIFTXQLEN,
    SIOCSIFFLAGS,
    SIOCSIFHWADDR,
    SIOCSIFHWBROADCAST,
    SIOCSIFMAP,
    SIOCSIFMETRIC,
    SIOCSIFMTU,
    SIOCSIFNAME,
    SIOCSIFSLAVE,
    SIOCSIFTXQLEN,
)
from procession.kernel import capability
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "IFREQ_SIZE",
    "dev_change_flags",
    "dev_change_name",
    "dev_get_by_index",
    "dev_get_by_name",
    "dev_get_flags",
    "dev_ioctl",
    "dev_set_mtu",
    "ifr_name",
)

IFREQ_SIZE: Final = 40
_IFCONF: Final = struct.Struct("<i4xQ")
_SETTABLE: Final = (
    IFF_DEBUG | IFF_NOTRAILERS | IFF_NOARP | IFF_DYNAMIC | IFF_MULTICAST | IFF_PORTSEL | IFF_AUTOMEDIA
    | IFF_PROMISC | IFF_ALLMULTI
)  # fmt: skip
_VOLATILE: Final = IFF_LOOPBACK | IFF_POINTOPOINT | IFF_BROADCAST  # a device is or has, whatever a program says
_READING: Final = (
    SIOCGIFFLAGS,
    SIOCGIFMETRIC,
    SIOCGIFMTU,
    SIOCGIFHWADDR,
    SIOCGIFSLAVE,
    SIOCGIFMAP,
    SIOCGIFINDEX,
    SIOCGIFTXQLEN,
)
_WRITING: Final = (
    SIOCSIFFLAGS,
    SIOCSIFMETRIC,
    SIOCSIFMTU,
    SIOCSIFMAP,
    SIOCSIFHWADDR,
    SIOCSIFSLAVE,
    SIOCADDMULTI,
    SIOCDELMULTI,
    SIOCSIFHWBROADCAST,
    SIOCSIFTXQLEN,
    SIOCSIFNAME,
)


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


def dev_get_flags(dev: NetDevice) -> int:
    """Return the IFF_ bits of an interface, those included that say how it is."""
    return dev.flags | (IFF_RUNNING | IFF_LOWER_UP if dev.flags & IFF_UP else 0)


def dev_change_flags(k: Kernel, net: NetNamespace, dev: NetDevice, flags: int) -> None:
    """Set the bits that a program may set, IFF_UP among them."""
    old = dev.flags
    dev.flags = flags & (_SETTABLE | IFF_UP) | old & _VOLATILE
    changes = old ^ dev.flags
    if dev.flags & IFF_UP:
        dev.was_up = True
    if changes:
        call_netdevice_notifiers(k, net, dev, changes)


def call_netdevice_notifiers(k: Kernel, net: NetNamespace, dev: NetDevice, changes: int) -> None:
    """Tell of changes of an interface: of flags, or for 0 of something else."""
    for notify in k.net.netdev_chain:
        notify(k, net, dev, changes)


def dev_set_mtu(k: Kernel, net: NetNamespace, dev: NetDevice, mtu: int) -> None:
    """Set how long a packet may be, bytes; raises EINVAL."""
    if mtu == dev.mtu:
        return
    if mtu < 0:
        raise LinuxError(Errno.EINVAL, "MTU")
    dev.mtu = mtu
    call_netdevice_notifiers(k, net, dev, 0)


def dev_change_name(k: Kernel, net: NetNamespace, dev: NetDevice, name: bytes) -> None:
    """Give an interface another name; a %d becomes the first number that is free.

    Raises EBUSY while it is up, EINVAL, EEXIST.
    """
    if dev.flags & IFF_UP:
        raise LinuxError(Errno.EBUSY, "the interface is up")
    if name == dev.name:
        return
    if not name or name in (b".", b"..") or b"/" in name or any(c in b" \t\n\v\f\r" for c in name):
        raise LinuxError(Errno.EINVAL, "name of an interface")
    if b"%" in name:
        head, _, tail = name.partition(b"%")
        if tail[:1] != b"d" or b"%" in tail:
            raise LinuxError(Errno.EINVAL, "name of an interface")
        number = 0
        while any(other.name == b"%s%d%s" % (head, number, tail[1:]) for other in net.dev_base):
            number += 1
        name = (b"%s%d%s" % (head, number, tail[1:]))[: IFNAMSIZ - 1]
    elif any(other.name == name for other in net.dev_base):
        raise LinuxError(Errno.EEXIST, "an interface of that name")
    dev.name = name
    call_netdevice_notifiers(k, net, dev, 0)


# ioctl(2).


def ifr_name(raw: bytes) -> bytes:
    """Return the name in a struct ifreq, which ends within its room."""
    return raw[: IFNAMSIZ - 1].split(b"\0", 1)[0]


def dev_ioctl(current: Task, net: NetNamespace, cmd: int, arg: UserPtr) -> None:
    """Answer what all sockets can be asked about interfaces; raises EFAULT, ENODEV, EPERM, ENOTTY, EINVAL."""
    if cmd == SIOCGIFCONF:
        dev_ifconf(current, net, arg)
        return
    if cmd == SIOCGIFNAME:
        dev_ifname(current, net, arg)
        return
    raw = uaccess.copy_from_user(current, arg, IFREQ_SIZE)  # whatever cmd is: later kernels look at that first
    private = SIOCDEVPRIVATE <= cmd < SIOCDEVPRIVATE + 16
    if cmd not in _READING and cmd not in _WRITING and cmd != SIOCETHTOOL and not private:
        raise LinuxError(Errno.ENOTTY, "no such ioctl of a socket")
    if cmd in _WRITING and not capability.ns_capable(current, net.user_ns, CAP_NET_ADMIN):
        raise LinuxError(Errno.EPERM, "interfaces need CAP_NET_ADMIN")
    dev = dev_get_by_name(net, ifr_name(raw).split(b":", 1)[0])
    if cmd in _READING:
        uaccess.copy_to_user(current, arg, dev_ifsioc_locked(dev, cmd, raw[IFNAMSIZ:]), IFNAMSIZ)
    elif cmd == SIOCETHTOOL or private:
        raise LinuxError(Errno.EOPNOTSUPP, "the loopback has no settings")
    else:
        dev_ifsioc(current.kernel, net, dev, cmd, raw[IFNAMSIZ:])


def dev_ifconf(current: Task, net: NetNamespace, arg: UserPtr) -> None:
    """Store the IPv4 addresses of all interfaces that there is room for, or how much it takes; raises EFAULT."""
    length, pointer = _IFCONF.unpack(uaccess.copy_from_user(current, arg, _IFCONF.size))
    total = 0
    for dev in net.dev_base:
        for ifa in dev.ifa_list:
            if pointer:
                if length - total < IFREQ_SIZE:
                    break
                entry = struct.pack("<16sHH4s16x", ifa.label, 2, 0, ifa.address)
                uaccess.copy_to_user(current, pointer, entry, total)
            total += IFREQ_SIZE
    uaccess.copy_to_user(current, arg, _IFCONF.pack(total, pointer))


def dev_ifname(current: Task, net: NetNamespace, arg: UserPtr) -> None:
    """Store the name that goes with a number; raises EFAULT, ENODEV."""
    raw = uaccess.copy_from_user(current, arg, IFREQ_SIZE)
    dev = dev_get_by_index(net, int.from_bytes(raw[16:20], "little", signed=True))
    uaccess.copy_to_user(current, arg, dev.name.ljust(IFNAMSIZ, b"\0"))


def dev_ifsioc_locked(dev: NetDevice, cmd: int, data: bytes) -> bytes:
    """Return the union of a struct ifreq as a question fills it in; raises EINVAL."""
    if cmd == SIOCGIFSLAVE:
        raise LinuxError(Errno.EINVAL, "no slaves")
    if cmd == SIOCGIFFLAGS:
        filled = struct.pack("<H", dev_get_flags(dev) & 0xFFFF)
    elif cmd == SIOCGIFHWADDR:
        filled = struct.pack("<H6x", dev.type)
    elif cmd == SIOCGIFMAP:
        filled = bytes(20)
    else:
        numbers = {SIOCGIFMTU: dev.mtu, SIOCGIFINDEX: dev.ifindex, SIOCGIFTXQLEN: dev.tx_queue_len}
        filled = struct.pack("<i", numbers.get(cmd, 0))
    return filled + data[len(filled) :]


def dev_ifsioc(k: Kernel, net: NetNamespace, dev: NetDevice, cmd: int, data: bytes) -> None:
    """Change an interface; raises EINVAL, EOPNOTSUPP, EBUSY, EEXIST."""
    value = int.from_bytes(data[:4], "little", signed=True)
    if cmd == SIOCSIFFLAGS:
        dev_change_flags(k, net, dev, value & 0xFFFF)
    elif cmd == SIOCSIFMTU:
        dev_set_mtu(k, net, dev, value)
    elif cmd == SIOCSIFTXQLEN:
        if value < 0:
            raise LinuxError(Errno.EINVAL, "length of a queue")
        dev.tx_queue_len = value
    elif cmd == SIOCSIFNAME:
        dev_change_name(k, net, dev, ifr_name(data))
    elif cmd in (SIOCADDMULTI, SIOCDELMULTI, SIOCSIFSLAVE):
        raise LinuxError(Errno.EINVAL, "not of the loopback")
    elif cmd == SIOCSIFHWBROADCAST:
        if value & 0xFFFF != dev.type:
            raise LinuxError(Errno.EINVAL, "an address of another kind")
    else:
        raise LinuxError(Errno.EOPNOTSUPP, "not of the loopback")
