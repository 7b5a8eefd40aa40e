"""A local socket and what is on its way to it (include/net/af_unix.h, sock.h, linux/skbuff.h)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.net import Scm
from procession.kernel import wait

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode
    from procession.include.linux.kernel import Kernel

__all__ = (
    "RCV_SHUTDOWN",
    "SEND_SHUTDOWN",
    "SHUTDOWN_MASK",
    "SKB_OVERHEAD",
    "SK_WMEM_MAX",
    "TCP_CLOSE",
    "TCP_ESTABLISHED",
    "TCP_LISTEN",
    "Skb",
    "UnixSock",
)

SK_WMEM_MAX: Final = 212992
SKB_OVERHEAD: Final = 576  # about what a buffer's bookkeeping is charged with
RCV_SHUTDOWN: Final = 1
SEND_SHUTDOWN: Final = 2
SHUTDOWN_MASK: Final = 3
TCP_ESTABLISHED: Final = 1
TCP_CLOSE: Final = 7
TCP_LISTEN: Final = 10


class Skb:
    """A piece of data on its way (struct sk_buff)."""

    __slots__ = ("data", "pages", "scm", "sender")

    def __init__(self, data: bytes, sender: UnixSock, scm: Scm) -> None:
        self.data = data
        self.pages = len(data) + SKB_OVERHEAD + PAGE_SIZE - 1 >> PAGE_SHIFT
        self.sender = sender
        self.scm = scm


class UnixSock:
    """struct unix_sock.

    recursion_level: how deep sockets were passed through sockets to get here.
    addr: sun_path as bound, a path with its NUL or a NUL and an abstract name.  wmem: bytes sent and not yet read.
    accept_queue: the server's ends of connections nobody has accepted.
    """

    __slots__ = (
        "accept_queue",
        "addr",
        "backlog",
        "dead",
        "err",
        "inode",
        "kernel",
        "passcred",
        "peer",
        "peer_wait",
        "peercred",
        "receive_queue",
        "recursion_level",
        "shutdown",
        "sndbuf",
        "state",
        "type",
        "wait",
        "wmem",
    )

    def __init__(self, k: Kernel, type: int) -> None:
        self.kernel = k
        self.type = type
        self.state = TCP_CLOSE
        self.wait = k.wait_queue_head("sk->wait")
        self.peer_wait = k.wait_queue_head("unix->peer_wait")
        self.receive_queue: deque[Skb] = deque()
        self.accept_queue: deque[UnixSock] = deque()
        self.backlog = 0
        self.peer: UnixSock | None = None
        self.peercred = (0, 0xFFFFFFFF, 0xFFFFFFFF)
        self.addr = b""
        self.inode: Inode | None = None
        self.shutdown = 0
        self.err = 0
        self.wmem = 0
        self.recursion_level = 0
        self.sndbuf = SK_WMEM_MAX
        self.passcred = False
        self.dead = False

    def state_change(self) -> None:
        """Wake everybody: the other end or a direction is gone."""
        wait.wake_up_all(self.wait)
        wait.wake_up_all(self.peer_wait)

    def sock_error(self) -> None:
        """Raise the error that the other end left, once."""
        if self.err:
            err, self.err = self.err, 0
            raise LinuxError(Errno(err), "socket error")
