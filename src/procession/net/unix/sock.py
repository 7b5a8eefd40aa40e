"""A local socket and what is on its way to it (include/net/af_unix.h, sock.h, linux/skbuff.h)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from procession.include.linux.fs import POLLOUT, POLLWRBAND, POLLWRNORM
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.net import Scm
from procession.include.linux.signal import POLL_OUT
from procession.include.linux.socket import AF_UNIX
from procession.kernel import wait
from procession.net.core.sock import TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN, Sock
from procession.net.sock_async import SOCK_WAKE_SPACE, sk_wake_async

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.rwsem import Mutex

__all__ = (
    "RCV_SHUTDOWN",
    "SEND_SHUTDOWN",
    "SHUTDOWN_MASK",
    "SKB_MAX_ALLOC",
    "TCP_CLOSE",
    "TCP_ESTABLISHED",
    "TCP_LISTEN",
    "Skb",
    "UnixSock",
)

SIZEOF_SK_BUFF: Final = 192
SIZEOF_SHARED_INFO: Final = 384  # struct skb_shared_info, behind the data
SKB_MAX_ALLOC: Final = 4 * PAGE_SIZE - SIZEOF_SHARED_INFO  # what a buffer holds whose memory is at most four pages
RCV_SHUTDOWN: Final = 1
SEND_SHUTDOWN: Final = 2
SHUTDOWN_MASK: Final = 3


def skb_truesize(size: int) -> int:
    """Return how much memory a buffer for size bytes takes, the structures included (__alloc_skb)."""
    room = (size + 63 & -64) + SIZEOF_SHARED_INFO
    return max(512, 1 << (room - 1).bit_length()) + SIZEOF_SK_BUFF


class Skb:
    """A piece of data on its way (struct sk_buff).

    truesize: what its sender is charged with until all of it was read, in bytes.  stamp_ns: when it was sent, a time of
    day, 0 if nobody wanted to know.
    """

    __slots__ = ("data", "pages", "scm", "sender", "stamp_ns", "truesize")

    def __init__(self, data: bytes, sender: UnixSock, scm: Scm) -> None:
        self.data = data
        self.truesize = skb_truesize(len(data))
        self.pages = self.truesize + PAGE_SIZE - 1 >> PAGE_SHIFT
        self.sender = sender
        self.stamp_ns = 0
        self.scm = scm


class UnixSock(Sock):
    """struct unix_sock.

    file: its open file, None while it has none.  inflight: how many messages hold that.
    recursion_level: how deep sockets were passed through sockets to get here.
    addr: sun_path as bound, a path with its NUL or a NUL and an abstract name.  wmem: the memory, in bytes, of what was
    sent and not yet read.  accept_queue: the server's ends of connections nobody has accepted.  embryo: it is one.
    readlock: who may wait for datagrams, None until somebody does.
    inode, mnt: of the path it is bound to.
    """

    __slots__ = (
        "accept_queue",
        "addr",
        "backlog",
        "embryo",
        "inflight",
        "inode",
        "mnt",
        "peer",
        "peer_wait",
        "readlock",
        "receive_queue",
        "recursion_level",
        "wmem",
    )

    def __init__(self, k: Kernel, net: NetNamespace, type: int) -> None:
        super().__init__(k, net, AF_UNIX, type, 0)
        self.peer_wait = k.wait_queue_head("unix->peer_wait")
        self.receive_queue: deque[Skb] = deque()
        self.accept_queue: deque[UnixSock] = deque()
        self.readlock: Mutex | None = None
        self.backlog = 0
        self.peer: UnixSock | None = None
        self.embryo = False
        self.inflight = 0
        self.addr = b""
        self.inode: Inode | None = None
        self.mnt: Vfsmount | None = None
        self.wmem = 0
        self.recursion_level = 0

    def state_change(self) -> None:
        """Wake everybody: the other end or a direction is gone."""
        wait.wake_up_all(self.wait)
        wait.wake_up_all(self.peer_wait)

    def write_space(self) -> None:
        """Wake who waits for room, if there is enough of it (unix_write_space)."""
        if self.wmem * 4 <= self.sndbuf:
            wait.wake_up_all(self.wait, POLLOUT | POLLWRNORM | POLLWRBAND)
            if self.fasync_list is not None:
                sk_wake_async(self, SOCK_WAKE_SPACE, POLL_OUT)
