"""Constants of the socket calls (include/linux/socket.h, net.h, asm/socket.h).

For signatures: they are printed and listed, code computes with those of net.py. Members stand in strace's order.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "AcceptArg",
    "FamilyArg",
    "MsgArg",
    "MsgIn",
    "MsgOut",
    "OptLenArg",
    "OptLevelArg",
    "OptNameArg",
    "OptOut",
    "OptValArg",
    "ShutArg",
    "SockLenArg",
    "SockOpt",
    "SockOptLevel",
    "SockTypeArg",
    "SockaddrIn",
    "SockaddrOut",
)


class Family(IntEnum):
    """Address families that programs ask for."""

    UNSPEC = 0
    UNIX = 1
    INET = 2
    AX25 = 3
    IPX = 4
    APPLETALK = 5
    INET6 = 10
    KEY = 15
    NETLINK = 16
    PACKET = 17
    BLUETOOTH = 31
    ALG = 38


class SockType(IntEnum):
    """Types of sockets."""

    STREAM = 1
    DGRAM = 2
    RAW = 3
    RDM = 4
    SEQPACKET = 5
    DCCP = 6
    PACKET = 10


class SockFlags(IntFlag):
    """Or-ed to the type."""

    CLOEXEC = 0o2000000
    NONBLOCK = 0o4000


class Shut(IntEnum):
    """shutdown(2)."""

    RD = 0
    WR = 1
    RDWR = 2


class MsgFlags(IntFlag):
    """send(2), recv(2)."""

    OOB = 0x1
    PEEK = 0x2
    DONTROUTE = 0x4
    CTRUNC = 0x8
    PROBE = 0x10
    TRUNC = 0x20
    DONTWAIT = 0x40
    EOR = 0x80
    WAITALL = 0x100
    CONFIRM = 0x800
    ERRQUEUE = 0x2000
    NOSIGNAL = 0x4000
    MORE = 0x8000
    WAITFORONE = 0x10000
    CMSG_CLOEXEC = 0x40000000


class SockOptLevel(IntEnum):
    """setsockopt(2)'s level."""

    SOCKET = 1
    TCP = 6


class SockOpt(IntEnum):
    """setsockopt(2) at SOL_SOCKET."""

    DEBUG = 1
    REUSEADDR = 2
    TYPE = 3
    ERROR = 4
    DONTROUTE = 5
    BROADCAST = 6
    SNDBUF = 7
    RCVBUF = 8
    KEEPALIVE = 9
    OOBINLINE = 10
    LINGER = 13
    PASSCRED = 16
    PEERCRED = 17
    RCVLOWAT = 18
    SNDLOWAT = 19
    RCVTIMEO_OLD = 20
    SNDTIMEO_OLD = 21
    ACCEPTCONN = 30
    SNDBUFFORCE = 32
    RCVBUFFORCE = 33
    PROTOCOL = 38
    DOMAIN = 39


FamilyArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        values=Family,
        prefix="AF_",
        accepts=(Family.UNIX,),
        refused=tuple(f for f in Family if f not in (Family.UNSPEC, Family.UNIX)),
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
        accepts=(SockType.STREAM, SockType.DGRAM, SockType.RAW, SockType.SEQPACKET, *SockFlags),
    ),
]
AcceptArg = Annotated[int, Arg("int", 32, signed=True, flags=SockFlags, prefix="SOCK_")]
ShutArg = Annotated[int, Arg("int", 32, signed=True, values=Shut, prefix="SHUT_")]
MsgArg = Annotated[int, Arg("int", 32, flags=MsgFlags, prefix="MSG_")]
OptLevelArg = Annotated[
    int,
    Arg("int", 32, signed=True, values=SockOptLevel, prefix="SOL_", unknown="SOL_??", accepts=(SockOptLevel.SOCKET,)),
]
OptNameArg = Annotated[
    int,
    Arg("sockopt", 32, signed=True, values=SockOpt, prefix="SO_", refused=(SockOpt.RCVTIMEO_OLD, SockOpt.SNDTIMEO_OLD)),
]
OptValArg = Annotated[UserPtr, Arg("sockopt_value")]
OptOut = Annotated[UserPtr, Arg("sockopt_value", out=True)]
OptLenArg = Annotated[UserPtr, Arg("socklen", out=True)]
SockLenArg = Annotated[UserPtr, Arg("socklen", out=True)]
SockaddrIn = Annotated[UserPtr, Arg("sockaddr")]
SockaddrOut = Annotated[UserPtr, Arg("sockaddr", out=True)]
MsgIn = Annotated[UserPtr, Arg("struct msghdr")]
MsgOut = Annotated[UserPtr, Arg("struct msghdr", out=True)]
