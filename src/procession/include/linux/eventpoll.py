"""Constants of poll, epoll, eventfd and signalfd (include/linux/poll.h, eventpoll.h, eventfd.h, signalfd.h).

For signatures: they are printed and listed, code computes with plain ints.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = (
    "EfdArg",
    "EpollCreateArg",
    "EpollEvents",
    "EpollOp",
    "EpollOpArg",
    "EventPtr",
    "EventsPtr",
    "FdSet",
    "PollEvents",
    "PollFds",
    "SfdArg",
    "SigsetPair",
)


class EpollOp(IntEnum):
    """epoll_ctl(2)."""

    ADD = 1
    DEL = 2
    MOD = 3


class EpollCreate(IntFlag):
    """epoll_create1(2)."""

    CLOEXEC = 0o2000000


class PollEvents(IntFlag):
    """poll(2)."""

    IN = 0x1
    PRI = 0x2
    OUT = 0x4
    RDNORM = 0x40
    WRNORM = 0x100
    RDBAND = 0x80
    WRBAND = 0x200
    ERR = 0x8
    HUP = 0x10
    NVAL = 0x20
    MSG = 0x400
    REMOVE = 0x1000
    RDHUP = 0x2000


class EpollEvents(IntFlag):
    """struct epoll_event."""

    IN = 0x1
    PRI = 0x2
    OUT = 0x4
    RDNORM = 0x40
    RDBAND = 0x80
    WRNORM = 0x100
    WRBAND = 0x200
    MSG = 0x400
    ERR = 0x8
    HUP = 0x10
    RDHUP = 0x2000
    ONESHOT = 0x40000000
    ET = 0x80000000


class EfdFlags(IntFlag):
    """eventfd(2)."""

    SEMAPHORE = 1
    CLOEXEC = 0o2000000
    NONBLOCK = 0o4000


class SfdFlags(IntFlag):
    """signalfd(2)."""

    CLOEXEC = 0o2000000
    NONBLOCK = 0o4000


EpollOpArg = Annotated[int, Arg("int", 32, signed=True, values=EpollOp, prefix="EPOLL_CTL_")]
EpollCreateArg = Annotated[int, Arg("int", 32, signed=True, flags=EpollCreate, prefix="EPOLL_")]
EfdArg = Annotated[int, Arg("int", 32, signed=True, flags=EfdFlags, prefix="EFD_")]
SfdArg = Annotated[int, Arg("int", 32, signed=True, flags=SfdFlags, prefix="SFD_")]
EventPtr = Annotated[UserPtr, Arg("struct epoll_event")]
EventsPtr = Annotated[UserPtr, Arg("epoll_events", out=True)]
# The events that happened come after the result.
PollFds = Annotated[UserPtr, Arg("pollfd[]")]
FdSet = Annotated[UserPtr, Arg("fd_set")]
# pselect6's: a signal set and its size.
SigsetPair = Annotated[UserPtr, Arg("sigset_pair")]
