"""Constants of poll, epoll, eventfd and signalfd (include/linux/poll.h, eventpoll.h, eventfd.h, signalfd.h).

For signatures: they are printed and listed, code computes with plain ints.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, Final

from procession.include.linux.fs import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLNVAL,
    POLLOUT,
    POLLPRI,
    POLLRDBAND,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRBAND,
    POLLWRNORM,
    File,
)
from procession.include.linux.types import Arg, UserPtr

# epoll_ctl(2).
EPOLL_CTL_ADD: Final = 1
EPOLL_CTL_DEL: Final = 2
EPOLL_CTL_MOD: Final = 3


class EpollOp(IntEnum):
    """epoll_ctl(2)."""

    ADD = EPOLL_CTL_ADD
    DEL = EPOLL_CTL_DEL
    MOD = EPOLL_CTL_MOD


# epoll_create1(2).
EPOLL_CLOEXEC: Final = 0o2000000


class EpollCreate(IntFlag):
    """epoll_create1(2)."""

    CLOEXEC = EPOLL_CLOEXEC


# poll(2).
POLLMSG: Final = 0x400
POLLREMOVE: Final = 0x1000


class PollEvents(IntFlag):
    """poll(2)."""

    IN = POLLIN
    PRI = POLLPRI
    OUT = POLLOUT
    RDNORM = POLLRDNORM
    WRNORM = POLLWRNORM
    RDBAND = POLLRDBAND
    WRBAND = POLLWRBAND
    ERR = POLLERR
    HUP = POLLHUP
    NVAL = POLLNVAL
    MSG = POLLMSG
    REMOVE = POLLREMOVE
    RDHUP = POLLRDHUP


# struct epoll_event.
EPOLLIN: Final = 0x1
EPOLLPRI: Final = 0x2
EPOLLOUT: Final = 0x4
EPOLLRDNORM: Final = 0x40
EPOLLRDBAND: Final = 0x80
EPOLLWRNORM: Final = 0x100
EPOLLWRBAND: Final = 0x200
EPOLLMSG: Final = 0x400
EPOLLERR: Final = 0x8
EPOLLHUP: Final = 0x10
EPOLLRDHUP: Final = 0x2000
EPOLLEXCLUSIVE: Final = 0x10000000  # of 4.5
EPOLLONESHOT: Final = 0x40000000
EPOLLET: Final = 0x80000000


class EpollEvents(IntFlag):
    """struct epoll_event."""

    IN = EPOLLIN
    PRI = EPOLLPRI
    OUT = EPOLLOUT
    RDNORM = EPOLLRDNORM
    RDBAND = EPOLLRDBAND
    WRNORM = EPOLLWRNORM
    WRBAND = EPOLLWRBAND
    MSG = EPOLLMSG
    ERR = EPOLLERR
    HUP = EPOLLHUP
    RDHUP = EPOLLRDHUP
    EXCLUSIVE = EPOLLEXCLUSIVE
    ONESHOT = EPOLLONESHOT
    ET = EPOLLET


# eventfd(2).
EFD_SEMAPHORE: Final = 1
EFD_CLOEXEC: Final = 0o2000000
EFD_NONBLOCK: Final = 0o4000


class EfdFlags(IntFlag):
    """eventfd(2)."""

    SEMAPHORE = EFD_SEMAPHORE
    CLOEXEC = EFD_CLOEXEC
    NONBLOCK = EFD_NONBLOCK


# signalfd(2).
SFD_CLOEXEC: Final = 0o2000000
SFD_NONBLOCK: Final = 0o4000


class SfdFlags(IntFlag):
    """signalfd(2)."""

    CLOEXEC = SFD_CLOEXEC
    NONBLOCK = SFD_NONBLOCK


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


def eventpoll_release(file: File) -> None:
    """A file is being closed for good: whoever watches it stops."""
    for item in list(file.f_ep_links or ()):
        item.release()
