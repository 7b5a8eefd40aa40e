"""Netlink: addresses, headers of messages, attributes (include/linux/netlink.h, net/netlink.h)."""

from __future__ import annotations

from enum import IntEnum
import struct
from typing import Final

from procession.include.linux.mm_types import PAGE_SIZE

# Protocols.
NETLINK_ROUTE: Final = 0
NETLINK_UNUSED: Final = 1
NETLINK_USERSOCK: Final = 2
NETLINK_FIREWALL: Final = 3
NETLINK_INET_DIAG: Final = 4
NETLINK_NFLOG: Final = 5
NETLINK_XFRM: Final = 6
NETLINK_SELINUX: Final = 7
NETLINK_ISCSI: Final = 8
NETLINK_AUDIT: Final = 9
NETLINK_FIB_LOOKUP: Final = 10
NETLINK_CONNECTOR: Final = 11
NETLINK_NETFILTER: Final = 12
NETLINK_IP6_FW: Final = 13
NETLINK_DNRTMSG: Final = 14
NETLINK_KOBJECT_UEVENT: Final = 15
NETLINK_GENERIC: Final = 16
NETLINK_SCSITRANSPORT: Final = 18
NETLINK_ECRYPTFS: Final = 19
NETLINK_RDMA: Final = 20


class NetlinkFamily(IntEnum):
    """Protocols."""

    ROUTE = NETLINK_ROUTE
    UNUSED = NETLINK_UNUSED
    USERSOCK = NETLINK_USERSOCK
    FIREWALL = NETLINK_FIREWALL
    INET_DIAG = NETLINK_INET_DIAG
    NFLOG = NETLINK_NFLOG
    XFRM = NETLINK_XFRM
    SELINUX = NETLINK_SELINUX
    ISCSI = NETLINK_ISCSI
    AUDIT = NETLINK_AUDIT
    FIB_LOOKUP = NETLINK_FIB_LOOKUP
    CONNECTOR = NETLINK_CONNECTOR
    NETFILTER = NETLINK_NETFILTER
    IP6_FW = NETLINK_IP6_FW
    DNRTMSG = NETLINK_DNRTMSG
    KOBJECT_UEVENT = NETLINK_KOBJECT_UEVENT
    GENERIC = NETLINK_GENERIC
    SCSITRANSPORT = NETLINK_SCSITRANSPORT
    ECRYPTFS = NETLINK_ECRYPTFS
    RDMA = NETLINK_RDMA


MAX_LINKS: Final = 32
SOL_NETLINK: Final = 270

# Options at SOL_NETLINK.
NETLINK_ADD_MEMBERSHIP: Final = 1
NETLINK_DROP_MEMBERSHIP: Final = 2
NETLINK_PKTINFO: Final = 3
NETLINK_BROADCAST_ERROR: Final = 4
NETLINK_NO_ENOBUFS: Final = 5

# Flags of messages.
NLM_F_REQUEST: Final = 1
NLM_F_MULTI: Final = 2
NLM_F_ACK: Final = 4
NLM_F_ROOT: Final = 0x100
NLM_F_MATCH: Final = 0x200
NLM_F_REPLACE: Final = 0x100  # of what changes
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400
NLM_F_DUMP: Final = NLM_F_ROOT | NLM_F_MATCH

# Types of messages that all protocols share.
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLMSG_MIN_TYPE: Final = 0x10

NLMSG_GOODSIZE: Final = PAGE_SIZE - 320  # what a part of a dump holds, bytes
NLMSG_HDRLEN: Final = 16
NLA_HDRLEN: Final = 4
NLA_TYPE_MASK: Final = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

NLMSGHDR: Final = struct.Struct("<IHHII")  # length, type, flags, sequence number, pid
SOCKADDR_NL: Final = struct.Struct("<HHII")  # family, padding, pid, groups
NLATTR: Final = struct.Struct("<HH")  # length, type


def nlmsg_align(size: int) -> int:
    """Return where what comes behind size bytes begins (NLMSG_ALIGN)."""
    return size + 3 & ~3


class Nlmsghdr:
    """The head of a message, and all of it as raw (struct nlmsghdr)."""

    __slots__ = ("flags", "pid", "raw", "seq", "type")

    def __init__(self, raw: bytes) -> None:
        """Read a message; raw is as long as its head says."""
        self.raw = raw
        _, self.type, self.flags, self.seq, self.pid = NLMSGHDR.unpack_from(raw)

    @property
    def data(self) -> bytes:
        """What is behind the head."""
        return self.raw[NLMSG_HDRLEN:]


def nlmsg(type: int, flags: int, seq: int, pid: int, payload: bytes) -> bytes:
    """Return a message, padded (nlmsg_put)."""
    size = NLMSG_HDRLEN + len(payload)
    return NLMSGHDR.pack(size, type, flags, seq, pid) + payload + bytes(-size & 3)
