"""Packets and segments (include/linux/skbuff.h, net/tcp.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno
from procession.include.linux.inet import IP_DF
from procession.include.linux.tcp import TCPHDR_FIN, TCPHDR_SYN
from procession.mm import slab
from procession.net.unix.sock import SIZEOF_SHARED_INFO, SIZEOF_SK_BUFF, skb_truesize

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = (
    "OPTION_SACK_ADVERTISE",
    "OPTION_TS",
    "SKB_OVERHEAD",
    "InetSkb",
    "TcpSkb",
    "alloc_skb",
    "packet_truesize",
    "skb_truesize",
)

OPTION_SACK_ADVERTISE: Final = 1  # it may be told of what has come out of order
OPTION_TS: Final = 2  # times

_HEADS: Final = 51  # bytes before and behind what an IPv4 packet carries: its head, a device's, and some to align it
_HEADS6: Final = 64  # the same of IPv6, where a fragment's head has room
SKB_OVERHEAD: Final = SIZEOF_SK_BUFF + SIZEOF_SHARED_INFO


def alloc_skb(k: Kernel) -> None:
    """Ask for the memory of a packet, which is the host's; raises ENOBUFS if it is to be refused."""
    slab.should_failslab(k, "skbuff_head_cache", Errno.ENOBUFS)


def packet_truesize(size: int, *, six: bool) -> int:
    """Return what a packet costs that carries size bytes and was sent as such."""
    return skb_truesize(size + (_HEADS6 if six else _HEADS))


class InetSkb:
    """A packet, or what waits in a queue (struct sk_buff).

    saddr, daddr, source, dest: where it comes from and goes to.  data: what it carries.  truesize: what it costs the
    queue that it is in.  err: a struct sock_extended_err and what follows it, in an error queue.  stamp_ns: the time of
    day it came, 0 if nobody wanted to know.  frag_off: IP_DF, or 0 if it may be cut into fragments.  raw: a raw socket
    sent it, so that its data begins with the head of its protocol.
    """

    __slots__ = (
        "daddr",
        "data",
        "dest",
        "err",
        "frag_off",
        "hops",
        "protocol",
        "raw",
        "saddr",
        "source",
        "stamp_ns",
        "tos",
        "truesize",
    )

    def __init__(self, data: bytes, saddr: bytes, source: int, daddr: bytes, dest: int) -> None:
        self.data = data
        self.saddr = saddr
        self.source = source
        self.daddr = daddr
        self.dest = dest
        self.protocol = 0
        self.truesize = 0
        self.err = b""
        self.stamp_ns = 0
        self.hops = 64
        self.tos = 0
        self.raw = False
        self.frag_off = IP_DF


class TcpSkb(InetSkb):
    """A segment (struct tcp_skb_cb beside).

    seq, end_seq, ack_seq: places in the streams, which never wrap here.  buf: the data while it grows.  when: tick it
    was sent.  urg: how far behind seq the urgent mark stands, 0 without one.  mss, wscale: options of a SYN, 0 and -1
    if it has none.  rx_opt: which others it has.  rcv_wscale: how its sender's windows are written, -1 if there is no
    connection behind it.  computed: the kernel itself sends it, and not a socket, so that its checksum is there.
    room: what still fits into the head of the buffer.  pages: bytes behind the head.
    """

    __slots__ = (
        "ack_seq",
        "buf",
        "computed",
        "end_seq",
        "flags",
        "mss",
        "rcv_wscale",
        "retrans",
        "room",
        "rx_opt",
        "seq",
        "tsecr",
        "tsval",
        "urg",
        "when",
        "window",
        "wscale",
    )

    def __init__(self, saddr: bytes, source: int, daddr: bytes, dest: int) -> None:
        super().__init__(b"", saddr, source, daddr, dest)
        self.buf = bytearray()
        self.seq = 0
        self.end_seq = 0
        self.ack_seq = 0
        self.flags = 0
        self.window = 0
        self.urg = 0
        self.mss = 0
        self.wscale = -1
        self.rcv_wscale = -1
        self.computed = False
        self.tsval = 0
        self.tsecr = 0
        self.rx_opt = OPTION_TS | OPTION_SACK_ADVERTISE
        self.when = 0
        self.retrans = False
        self.room = 0

    def length(self) -> int:
        """Return how many bytes it carries."""
        return self.end_seq - self.seq - (self.flags & TCPHDR_SYN > 0) - (self.flags & TCPHDR_FIN > 0)
