"""Constants of the socket calls (include/linux/socket.h, net.h, asm/socket.h).

For signatures: they are printed and listed, code computes with those of net.py. Members stand in strace's order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.netlink import SOL_NETLINK
from procession.include.linux.types import Arg, UserPtr

# Address families that programs ask for.
AF_UNSPEC: Final = 0
AF_UNIX: Final = 1
AF_INET: Final = 2
AF_AX25: Final = 3
AF_IPX: Final = 4
AF_APPLETALK: Final = 5
AF_INET6: Final = 10
AF_KEY: Final = 15
AF_NETLINK: Final = 16
AF_PACKET: Final = 17
AF_BLUETOOTH: Final = 31
AF_ALG: Final = 38


class Family(IntEnum):
    """Address families that programs ask for."""

    UNSPEC = AF_UNSPEC
    UNIX = AF_UNIX
    INET = AF_INET
    AX25 = AF_AX25
    IPX = AF_IPX
    APPLETALK = AF_APPLETALK
    INET6 = AF_INET6
    KEY = AF_KEY
    NETLINK = AF_NETLINK
    PACKET = AF_PACKET
    BLUETOOTH = AF_BLUETOOTH
    ALG = AF_ALG


# Types of sockets.
SOCK_STREAM: Final = 1
SOCK_DGRAM: Final = 2
SOCK_RAW: Final = 3
SOCK_RDM: Final = 4
SOCK_SEQPACKET: Final = 5
SOCK_DCCP: Final = 6
SOCK_PACKET: Final = 10


class SockType(IntEnum):
    """Types of sockets."""

    STREAM = SOCK_STREAM
    DGRAM = SOCK_DGRAM
    RAW = SOCK_RAW
    RDM = SOCK_RDM
    SEQPACKET = SOCK_SEQPACKET
    DCCP = SOCK_DCCP
    PACKET = SOCK_PACKET


# Or-ed to the type.
SOCK_CLOEXEC: Final = 0o2000000
SOCK_NONBLOCK: Final = 0o4000


class SockFlags(IntFlag):
    """Or-ed to the type."""

    CLOEXEC = SOCK_CLOEXEC
    NONBLOCK = SOCK_NONBLOCK


# shutdown(2).
SHUT_RD: Final = 0
SHUT_WR: Final = 1
SHUT_RDWR: Final = 2


class Shut(IntEnum):
    """shutdown(2)."""

    RD = SHUT_RD
    WR = SHUT_WR
    RDWR = SHUT_RDWR


# send(2), recv(2).
MSG_OOB: Final = 0x1
MSG_PEEK: Final = 0x2
MSG_DONTROUTE: Final = 0x4
MSG_CTRUNC: Final = 0x8
MSG_PROBE: Final = 0x10
MSG_TRUNC: Final = 0x20
MSG_DONTWAIT: Final = 0x40
MSG_EOR: Final = 0x80
MSG_WAITALL: Final = 0x100
MSG_CONFIRM: Final = 0x800
MSG_ERRQUEUE: Final = 0x2000
MSG_NOSIGNAL: Final = 0x4000
MSG_MORE: Final = 0x8000
MSG_WAITFORONE: Final = 0x10000
MSG_CMSG_CLOEXEC: Final = 0x40000000


class MsgFlags(IntFlag):
    """send(2), recv(2)."""

    OOB = MSG_OOB
    PEEK = MSG_PEEK
    DONTROUTE = MSG_DONTROUTE
    CTRUNC = MSG_CTRUNC
    PROBE = MSG_PROBE
    TRUNC = MSG_TRUNC
    DONTWAIT = MSG_DONTWAIT
    EOR = MSG_EOR
    WAITALL = MSG_WAITALL
    CONFIRM = MSG_CONFIRM
    ERRQUEUE = MSG_ERRQUEUE
    NOSIGNAL = MSG_NOSIGNAL
    MORE = MSG_MORE
    WAITFORONE = MSG_WAITFORONE
    CMSG_CLOEXEC = MSG_CMSG_CLOEXEC


# ioctl(2): how much was sent and not yet read.
SIOCOUTQ: Final = 0x5411

# setsockopt(2)'s level.
SOL_IP: Final = 0
SOL_SOCKET: Final = 1
SOL_TCP: Final = 6
SOL_UDP: Final = 17
SOL_IPV6: Final = 41
SOL_RAW: Final = 255


class SockOptLevel(IntEnum):
    """setsockopt(2)'s level."""

    IP = SOL_IP
    SOCKET = SOL_SOCKET
    TCP = SOL_TCP
    UDP = SOL_UDP
    IPV6 = SOL_IPV6
    RAW = SOL_RAW
    NETLINK = SOL_NETLINK


# setsockopt(2) at SOL_SOCKET.
SO_DEBUG: Final = 1
SO_REUSEADDR: Final = 2
SO_TYPE: Final = 3
SO_ERROR: Final = 4
SO_DONTROUTE: Final = 5
SO_BROADCAST: Final = 6
SO_SNDBUF: Final = 7
SO_RCVBUF: Final = 8
SO_KEEPALIVE: Final = 9
SO_OOBINLINE: Final = 10
SO_NO_CHECK: Final = 11
SO_PRIORITY: Final = 12
SO_LINGER: Final = 13
SO_BSDCOMPAT: Final = 14
SO_PASSCRED: Final = 16
SO_PEERCRED: Final = 17
SO_RCVLOWAT: Final = 18
SO_SNDLOWAT: Final = 19
SO_RCVTIMEO_OLD: Final = 20
SO_SNDTIMEO_OLD: Final = 21
SO_BINDTODEVICE: Final = 25
SO_ATTACH_FILTER: Final = 26
SO_DETACH_FILTER: Final = 27
SO_PEERNAME: Final = 28
SO_TIMESTAMP_OLD: Final = 29
SO_ACCEPTCONN: Final = 30
SO_PEERSEC: Final = 31
SO_SNDBUFFORCE: Final = 32
SO_RCVBUFFORCE: Final = 33
SO_PASSSEC: Final = 34
SO_TIMESTAMPNS_OLD: Final = 35
SO_MARK: Final = 36
SO_TIMESTAMPING_OLD: Final = 37
SO_PROTOCOL: Final = 38
SO_DOMAIN: Final = 39
SO_RXQ_OVFL: Final = 40


class SockOpt(IntEnum):
    """setsockopt(2) at SOL_SOCKET."""

    DEBUG = SO_DEBUG
    REUSEADDR = SO_REUSEADDR
    TYPE = SO_TYPE
    ERROR = SO_ERROR
    DONTROUTE = SO_DONTROUTE
    BROADCAST = SO_BROADCAST
    SNDBUF = SO_SNDBUF
    RCVBUF = SO_RCVBUF
    KEEPALIVE = SO_KEEPALIVE
    OOBINLINE = SO_OOBINLINE
    NO_CHECK = SO_NO_CHECK
    PRIORITY = SO_PRIORITY
    LINGER = SO_LINGER
    BSDCOMPAT = SO_BSDCOMPAT
    PASSCRED = SO_PASSCRED
    PEERCRED = SO_PEERCRED
    RCVLOWAT = SO_RCVLOWAT
    SNDLOWAT = SO_SNDLOWAT
    RCVTIMEO_OLD = SO_RCVTIMEO_OLD
    SNDTIMEO_OLD = SO_SNDTIMEO_OLD
    BINDTODEVICE = SO_BINDTODEVICE
    ATTACH_FILTER = SO_ATTACH_FILTER
    DETACH_FILTER = SO_DETACH_FILTER
    PEERNAME = SO_PEERNAME
    TIMESTAMP_OLD = SO_TIMESTAMP_OLD
    ACCEPTCONN = SO_ACCEPTCONN
    PEERSEC = SO_PEERSEC
    SNDBUFFORCE = SO_SNDBUFFORCE
    RCVBUFFORCE = SO_RCVBUFFORCE
    PASSSEC = SO_PASSSEC
    TIMESTAMPNS_OLD = SO_TIMESTAMPNS_OLD
    MARK = SO_MARK
    TIMESTAMPING_OLD = SO_TIMESTAMPING_OLD
    PROTOCOL = SO_PROTOCOL
    DOMAIN = SO_DOMAIN
    RXQ_OVFL = SO_RXQ_OVFL


FamilyArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        values=Family,
        prefix="AF_",
        accepts=(AF_UNIX, AF_INET, AF_INET6, AF_NETLINK),
        refused=tuple(f for f in Family if f not in (AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)),
    ),
]
SockTypeArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=SockFlags,
        prefix="SOCK_",
        values=SockType,
        mask=0xF,
        accepts=(SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, *SockFlags),
    ),
]
SockProtocolArg = Annotated[int, Arg("sock_protocol", 32, signed=True)]
AcceptArg = Annotated[int, Arg("int", 32, signed=True, flags=SockFlags, prefix="SOCK_")]
ShutArg = Annotated[int, Arg("int", 32, signed=True, values=Shut, prefix="SHUT_")]
MsgArg = Annotated[int, Arg("int", 32, flags=MsgFlags, prefix="MSG_")]
OptLevelArg = Annotated[
    int, Arg("int", 32, signed=True, values=SockOptLevel, prefix="SOL_", unknown="SOL_??", accepts=tuple(SockOptLevel))
]
OptNameArg = Annotated[int, Arg("sockopt", 32, signed=True, values=SockOpt, prefix="SO_")]
OptValArg = Annotated[UserPtr, Arg("sockopt_value")]
OptOut = Annotated[UserPtr, Arg("sockopt_value", out=True)]
OptLenArg = Annotated[UserPtr, Arg("socklen", out=True)]
SockLenArg = Annotated[UserPtr, Arg("socklen", out=True)]
SockaddrIn = Annotated[UserPtr, Arg("sockaddr")]
SockaddrOut = Annotated[UserPtr, Arg("sockaddr", out=True)]
MsgIn = Annotated[UserPtr, Arg("struct msghdr")]
MsgOut = Annotated[UserPtr, Arg("struct msghdr", out=True)]
MmsgIn = Annotated[UserPtr, Arg("struct mmsghdr[] sent", out=True)]  # the lengths are filled in
MmsgOut = Annotated[UserPtr, Arg("struct mmsghdr[]", out=True)]
