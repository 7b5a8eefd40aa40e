"""What can be done with a local socket without waiting (part of net/unix/af_unix.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.fs import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP, POLLRDNORM, POLLWRBAND, POLLWRNORM
from procession.include.linux.socket import SOCK_DGRAM, SOCK_STREAM
from procession.net.sock_async import SOCK_ASYNC_NOSPACE
from procession.net.unix.af_unix import unix_recvq_full
from procession.net.unix.sock import RCV_SHUTDOWN, SHUTDOWN_MASK, TCP_CLOSE, UnixSock

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable

__all__ = ("unix_poll",)

_READABLE: Final = POLLIN | POLLRDNORM
_WRITABLE: Final = POLLOUT | POLLWRNORM | POLLWRBAND


def unix_poll(sk: UnixSock, table: PollTable | None) -> int:
    """Return what can be done without waiting."""
    if table is not None:
        table.wait(sk.wait)
    mask = 0
    if sk.err:
        mask |= POLLERR
    if sk.shutdown == SHUTDOWN_MASK:
        mask |= POLLHUP
    if sk.shutdown & RCV_SHUTDOWN:
        mask |= POLLRDHUP | _READABLE
    if sk.receive_queue or sk.accept_queue:
        mask |= _READABLE
    if sk.type != SOCK_DGRAM and sk.state == TCP_CLOSE:
        mask |= POLLHUP
    if sk.wmem * 4 <= sk.sndbuf and (sk.type == SOCK_STREAM or _peer_has_room(sk, table)):
        mask |= _WRITABLE
    elif sk.type != SOCK_STREAM:
        sk.sock_flags |= SOCK_ASYNC_NOSPACE
    return mask


def _peer_has_room(sk: UnixSock, table: PollTable | None) -> bool:
    """Whether a datagram could be queued; the queue of one that is connected back has no limit (unix_dgram_poll)."""
    other = sk.peer
    if other is None or other.peer is sk:
        return True
    if table is not None:
        table.wait(other.peer_wait)
    return not unix_recvq_full(other)
