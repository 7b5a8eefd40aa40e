"""SIGIO and SIGURG of sockets (sock_fasync, sock_wake_async of net/socket.c; sk_wake_async of include/net/sock.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import fasync
from procession.include.linux.errno import LinuxError
from procession.include.linux.signal import POLL_PRI, SIGIO, SIGURG

if TYPE_CHECKING:
    from procession.fs.fasync import FasyncList
    from procession.include.linux.fs import File

__all__ = (
    "SOCK_ASYNC_NOSPACE",
    "SOCK_ASYNC_WAITDATA",
    "SOCK_WAKE_IO",
    "SOCK_WAKE_SPACE",
    "SOCK_WAKE_URG",
    "SOCK_WAKE_WAITD",
    "Socket",
    "sk_send_sigurg",
    "sk_wake_async",
    "sock_fasync",
)

# Bits of Socket.sock_flags.
SOCK_ASYNC_NOSPACE: Final = 1 << 0  # somebody has found no room to send: OUT when there is
SOCK_ASYNC_WAITDATA: Final = 1 << 1  # somebody sleeps until there is data: no IN

# What has happened.
SOCK_WAKE_IO: Final = 0
SOCK_WAKE_WAITD: Final = 1
SOCK_WAKE_SPACE: Final = 2
SOCK_WAKE_URG: Final = 3


class Socket:
    """What of struct socket its signals need; every kind of socket is one.

    fasync_list: the socket's file, if O_ASYNC is set.  file: as long as it is open.
    """

    __slots__ = ("fasync_list", "file", "sock_flags")

    def __init__(self) -> None:
        self.fasync_list: FasyncList | None = None
        self.file: File | None = None
        self.sock_flags = 0


def sock_fasync(sk: Socket, fd: int, file: File, *, on: bool) -> None:
    """Set or clear O_ASYNC; without memory for that it stays as it is, and nobody is told."""
    try:
        sk.fasync_list = fasync.fasync_helper(fd, file, on, sk.fasync_list)
    except LinuxError:
        return  # as in 3.2, which does not look


def sk_wake_async(sk: Socket, how: int, band: int) -> None:
    """Tell a socket's owner what has happened: how SOCK_WAKE_IO and so on, band POLL_IN and so on."""
    entries = sk.fasync_list
    if entries is None:
        return
    if how == SOCK_WAKE_WAITD and sk.sock_flags & SOCK_ASYNC_WAITDATA:
        return
    if how == SOCK_WAKE_SPACE:
        if not sk.sock_flags & SOCK_ASYNC_NOSPACE:
            return
        sk.sock_flags &= ~SOCK_ASYNC_NOSPACE
    fasync.kill_fasync(entries, SIGURG if how == SOCK_WAKE_URG else SIGIO, band)


def sk_send_sigurg(sk: Socket) -> None:
    """Tell a socket's owner of urgent data; O_ASYNC is not needed for SIGURG."""
    file = sk.file
    if file is not None and file.f_owner is not None and fasync.send_sigurg(file.f_owner):
        sk_wake_async(sk, SOCK_WAKE_URG, POLL_PRI)
