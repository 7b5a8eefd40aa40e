"""Network interfaces (include/linux/netdevice.h, if.h). There is one kind: the loopback of a network."""

from __future__ import annotations

from typing import Final

IFNAMSIZ: Final = 16  # a name with its NUL

# NetDevice.flags.
IFF_UP: Final = 0x1
IFF_BROADCAST: Final = 0x2
IFF_DEBUG: Final = 0x4
IFF_LOOPBACK: Final = 0x8
IFF_POINTOPOINT: Final = 0x10
IFF_NOTRAILERS: Final = 0x20
IFF_RUNNING: Final = 0x40
IFF_NOARP: Final = 0x80
IFF_PROMISC: Final = 0x100
IFF_ALLMULTI: Final = 0x200
IFF_MULTICAST: Final = 0x1000
IFF_PORTSEL: Final = 0x2000
IFF_AUTOMEDIA: Final = 0x4000
IFF_DYNAMIC: Final = 0x8000
IFF_LOWER_UP: Final = 0x10000

ARPHRD_LOOPBACK: Final = 772
LOOPBACK_MTU: Final = 16 * 1024 + 20 + 20 + 12  # bytes: 16 KiB and the heads of TCP


class InIfaddr:
    """An address of an interface (struct in_ifaddr, inet6_ifaddr): 4 bytes or 16."""

    __slots__ = ("address", "peer", "broadcast", "prefixlen", "scope", "flags", "label", "created_ns")  # derived

    def __init__(self, address: bytes, prefixlen: int, scope: int, label: bytes, created_ns: int) -> None:
        self.address: bytes = address
        self.peer: bytes = address  # the other end's, of a line between two
        self.broadcast: bytes = b""
        self.prefixlen: int = prefixlen
        self.scope: int = scope
        self.flags: int = 0x80  # IFA_F_PERMANENT
        self.label: bytes = label
        self.created_ns: int = created_ns


class NetDevice:
    """struct net_device."""

    __slots__ = (
        "name",
        "ifindex",
        "flags",
        "was_up",
        "tstamp_ns",
        "mtu",
        "type",
        "tx_queue_len",
        "group",
        "link_mode",
        "ifalias",
        "packets",
        "bytes",
        "ifa_list",
        "if6_list",
    )  # derived

    def __init__(self, name: bytes, ifindex: int, created_ns: int) -> None:
        self.name: bytes = name
        self.ifindex: int = ifindex
        self.flags: int = IFF_LOOPBACK  # IFF_ bits, but those that say how it is: dev_get_flags
        self.was_up: bool = False
        self.tstamp_ns: int = created_ns  # when it was made, or last set up or down
        self.mtu: int = LOOPBACK_MTU  # bytes
        self.type: int = ARPHRD_LOOPBACK
        self.tx_queue_len: int = 0
        self.group: int = 0
        self.link_mode: int = 0
        self.ifalias: bytes = b""
        self.packets: int = 0  # that went through it: what it has sent, it has received
        self.bytes: int = 0
        self.ifa_list: list[InIfaddr] = []  # IPv4
        self.if6_list: list[InIfaddr] = []  # IPv6
