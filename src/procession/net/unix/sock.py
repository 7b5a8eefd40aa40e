"""A local socket and what is on its way to it (include/net/af_unix.h, sock.h, linux/skbuff.h)."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.net import Scm
from procession.kernel import wait
from procession.net.sock_async import Socket

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.fs import Inode, Vfsmount
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.pid import Pid

__all__ = (
    "RCV_SHUTDOWN",
    "SEND_SHUTDOWN",
    "SHUTDOWN_MASK",
    "SKB_MAX_ALLOC",
    "SK_WMEM_MAX",
    "TCP_CLOSE",
    "TCP_ESTABLISHED",
    "TCP_LISTEN",
    "Skb",
    "UnixSock",
)

SK_WMEM_MAX: Final = 212992
SIZEOF_SK_BUFF: Final = 192
SIZEOF_SHARED_INFO: Final = 384  # struct skb_shared_info, behind the data
SKB_MAX_ALLOC: Final = 4 * PAGE_SIZE - SIZEOF_SHARED_INFO  # what a buffer holds whose memory is at most four pages
RCV_SHUTDOWN: Final = 1
SEND_SHUTDOWN: Final = 2
SHUTDOWN_MASK: Final = 3
TCP_ESTABLISHED: Final = 1
TCP_CLOSE: Final = 7
TCP_LISTEN: Final = 10


def skb_truesize(size: int) -> int:
    """Return how much memory a buffer for size bytes takes, the structures included (__alloc_skb)."""
    room = (size + 63 & -64) + SIZEOF_SHARED_INFO
    return max(512, 1 << (room - 1).bit_length()) + SIZEOF_SK_BUFF


class Skb:
    """A piece of data on its way (struct sk_buff).

    truesize: what its sender is charged with until all of it was read, in bytes.
    """

    __slots__ = ("data", "pages", "scm", "sender", "truesize")

    def __init__(self, data: bytes, sender: UnixSock, scm: Scm) -> None:
        self.data = data
        self.truesize = skb_truesize(len(data))
        self.pages = self.truesize + PAGE_SIZE - 1 >> PAGE_SHIFT
        self.sender = sender
        self.scm = scm


class UnixSock(Socket):
    """struct unix_sock.

    recursion_level: how deep sockets were passed through sockets to get here.
    addr: sun_path as bound, a path with its NUL or a NUL and an abstract name.  wmem: the memory, in bytes, of what was
    sent and not yet read.  accept_queue: the server's ends of connections nobody has accepted.  embryo: it is one.
    i_ino: the number of its open file's inode, 0 without one (sock_i_ino).  inode, mnt: of the path it is bound to.
    net: where its abstract name counts, with a reference.
    peer_pid, peer_cred: who made the other end, each with a reference.
    """

    __slots__ = (
        "accept_queue",
        "addr",
        "backlog",
        "dead",
        "embryo",
        "err",
        "i_ino",
        "inode",
        "kernel",
        "mnt",
        "net",
        "passcred",
        "peer",
        "peer_cred",
        "peer_pid",
        "peer_wait",
        "receive_queue",
        "recursion_level",
        "shutdown",
        "sndbuf",
        "state",
        "type",
        "wait",
        "wmem",
    )

    def __init__(self, k: Kernel, net: NetNamespace, type: int) -> None:
        super().__init__()
        self.kernel = k
        self.net = net
        net.count += 1
        self.type = type
        self.state = TCP_CLOSE
        self.wait = k.wait_queue_head("sk->wait")
        self.peer_wait = k.wait_queue_head("unix->peer_wait")
        self.receive_queue: deque[Skb] = deque()
        self.accept_queue: deque[UnixSock] = deque()
        self.backlog = 0
        self.peer: UnixSock | None = None
        self.peer_pid: Pid | None = None
        self.peer_cred: Cred | None = None
        self.embryo = False
        self.addr = b""
        self.i_ino = 0
        self.inode: Inode | None = None
        self.mnt: Vfsmount | None = None
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
