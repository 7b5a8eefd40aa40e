"""What sockets of packets have in common: queues, names, errors, control messages (net/core/datagram.c, ip_sockglue.c).

Of both families.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import (
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    POLLRDBAND,
    POLLRDHUP,
    POLLRDNORM,
    POLLWRBAND,
    POLLWRNORM,
)
from procession.include.linux.if_ether import ETH_P_IP, ETH_P_IPV6
from procession.include.linux.inet import (
    IN6_MAPPED,
    IN6ADDR_LOOPBACK,
    IP_PKTINFO,
    IP_RECVERR,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_HOPLIMIT,
    IPV6_PKTINFO,
    IPV6_RECVERR,
    IPV6_TCLASS,
    SIN6_LEN_RFC2133,
    SO_EE_ORIGIN_ICMP,
    SO_EE_ORIGIN_ICMP6,
    SOCKADDR_IN,
    SOCKADDR_IN6,
)
from procession.include.linux.netdevice import ARPHRD_LOOPBACK
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.signal import POLL_ERR, POLL_IN
from procession.include.linux.socket import AF_INET, AF_INET6, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_PEEK, MSG_TRUNC
from procession.kernel import time, wait
from procession.mm import uaccess
from procession.net import sock_async
from procession.net.core import filter
from procession.net.core.sock import SOCK_RCVTSTAMP, SockWaiter, sock_rcvtimeo
from procession.net.ipv4 import route
from procession.net.ipv4.skbuff import InetSkb, packet_truesize
from procession.net.ipv4.sock import InetSock, RawSock, UdpSock
from procession.net.unix.receive import Received
from procession.net.unix.sock import RCV_SHUTDOWN, SHUTDOWN_MASK

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "CMSG_HOPLIMIT",
    "CMSG_ORIGDST",
    "CMSG_PASSSEC",
    "CMSG_PKTINFO",
    "CMSG_PKTINFO6",
    "CMSG_RECVOPTS",
    "CMSG_RETOPTS",
    "CMSG_TCLASS",
    "CMSG_TOS",
    "CMSG_TTL",
    "bind_scope",
    "datagram_poll",
    "inet_filter",
    "ip_cmsgs",
    "ip_icmp_error",
    "ip_recv_error",
    "queue_rcv_skb",
    "recv_datagram",
    "send_address",
    "sockaddr",
    "unmapped",
)

# Bits of InetSock.cmsg_flags.
CMSG_PKTINFO: Final = 1
CMSG_TTL: Final = 2
CMSG_TOS: Final = 4
CMSG_RECVOPTS: Final = 8
CMSG_RETOPTS: Final = 16
CMSG_PASSSEC: Final = 32
CMSG_ORIGDST: Final = 64
CMSG_PKTINFO6: Final = 256
CMSG_HOPLIMIT: Final = 512
CMSG_TCLASS: Final = 1024

_UDP_HEAD: Final = 8  # bytes
_IP_HEAD: Final = 20
_EXTENDED_ERR: Final = struct.Struct("<I4BII")
IP_ORIGDSTADDR: Final = 20


# Names.


def sockaddr(sk: InetSock, address: bytes, port: int) -> bytes:
    """Return an address as a socket's family writes it."""
    be_port = port.to_bytes(2)
    if sk.family == AF_INET:
        return SOCKADDR_IN.pack(AF_INET, be_port, address)
    if len(address) == 4:
        address = IN6_MAPPED + address if any(address) else bytes(16)
    return SOCKADDR_IN6.pack(AF_INET6, be_port, 0, address, 0)


def unmapped(address: bytes) -> bytes:
    """Return an IPv6 address as IPv4's if it stands for one."""
    return address[12:] if address[:12] == IN6_MAPPED else address


def send_address(sk: InetSock, name: bytes) -> tuple[bytes, int] | None:
    """Return the target that a sockaddr names, None for AF_UNSPEC of an IPv6 socket; raises EINVAL, EAFNOSUPPORT."""
    if sk.family == AF_INET:
        return _send_address4(name)
    if len(name) < 2:
        raise LinuxError(Errno.EINVAL, "length of an address")
    family = int.from_bytes(name[:2], "little")
    if family == AF_INET:
        if sk.ipv6only:
            raise LinuxError(Errno.ENETUNREACH, "an IPv4 address")
        return _send_address4(name)
    if not family:
        return None
    if family != AF_INET6 or len(name) < SIN6_LEN_RFC2133:
        raise LinuxError(Errno.EINVAL, "not an IPv6 address")
    address, port = unmapped(name[8:24]), int.from_bytes(name[2:4])
    if len(address) == 4 and sk.ipv6only:
        raise LinuxError(Errno.ENETUNREACH, "an IPv4 address")
    if not port:
        raise LinuxError(Errno.EINVAL, "port 0")
    return address if any(address) else IN6ADDR_LOOPBACK, port


def _send_address4(name: bytes) -> tuple[bytes, int]:
    if len(name) < SOCKADDR_IN.size:
        raise LinuxError(Errno.EINVAL, "length of an address")
    family, port, address = SOCKADDR_IN.unpack(name[: SOCKADDR_IN.size])
    if family not in (AF_INET, 0):
        raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
    if port == b"\0\0":
        raise LinuxError(Errno.EINVAL, "port 0")
    return address, int.from_bytes(port)


def bind_scope(sk: InetSock, address: bytes, name: bytes) -> None:
    """Bind a socket to the interface of an address that says nothing without one; raises EINVAL, ENODEV."""
    if not route.is_link_local(address):
        return
    scope = int.from_bytes(name[24:28].ljust(4, b"\0"), "little")
    sk.bound_dev_if = scope or sk.bound_dev_if
    if not sk.bound_dev_if:
        raise LinuxError(Errno.EINVAL, "a link-local address without a scope")
    if sk.bound_dev_if != sk.net.dev_base[0].ifindex:
        raise LinuxError(Errno.ENODEV, "no such interface")


# Queues.


def queue_rcv_skb(sk: UdpSock | RawSock, skb: InetSkb, head: bytes = b"") -> int:
    """Give a socket a packet, whose head its filter sees too; returns 0, ENOMEM, or EPERM (sock_queue_rcv_skb)."""
    if sk.rmem >= sk.rcvbuf:
        sk.drops += 1
        return Errno.ENOMEM
    if sk.sk_filter is not None:
        taken = inet_filter(sk, skb, head + skb.data)
        if not taken:
            return Errno.EPERM
        skb.data = skb.data[: max(taken - len(head), 0)]
    own = _UDP_HEAD if isinstance(sk, UdpSock) else -_IP_HEAD if len(skb.daddr) == 4 else 0
    skb.truesize = packet_truesize(len(skb.data) + own, six=len(skb.daddr) == 16)
    if sk.flags & SOCK_RCVTSTAMP:
        skb.stamp_ns = time.getnstimeofday(sk.kernel)
    sk.rmem += skb.truesize
    sk.receive_queue.append(skb)
    if not sk.dead:
        wait.wake_up_interruptible_sync(sk.wait, POLLIN | POLLRDNORM | POLLRDBAND)
        sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_WAITD, POLL_IN)
    return 0


def inet_filter(sk: InetSock, skb: InetSkb, data: bytes) -> int:
    """Return how many bytes of a packet that came over the loopback a socket's filter takes (sk_filter)."""
    assert sk.sk_filter is not None
    dev = sk.net.dev_base[0]
    protocol = ETH_P_IP if len(skb.daddr) == 4 else ETH_P_IPV6
    return filter.sk_filter(sk.sk_filter, data, protocol, dev.ifindex, ARPHRD_LOOPBACK)


def datagram_poll(sk: InetSock, table: PollTable | None) -> int:
    """Return what can be done without waiting; there is always room to send."""
    if table is not None:
        table.wait(sk.wait)
    mask = POLLOUT | POLLWRNORM | POLLWRBAND
    if sk.err or sk.error_queue:
        mask |= POLLERR
    if sk.shutdown & RCV_SHUTDOWN:
        mask |= POLLRDHUP | POLLIN | POLLRDNORM
    if sk.shutdown == SHUTDOWN_MASK:
        mask |= POLLHUP
    if sk.receive_queue:
        mask |= POLLIN | POLLRDNORM
    return mask


async def recv_datagram(current: Task, sk: InetSock, buf: UserPtr, size: int, flags: int) -> Received:
    """Store the next packet, as much of it as size bytes hold; raises EAGAIN, EFAULT, ERESTARTSYS, an error left."""
    got = Received()
    if flags & MSG_ERRQUEUE:
        return ip_recv_error(current, sk, buf, size)
    await _wait_for_packet(current, sk, sock_rcvtimeo(sk, noblock=bool(flags & MSG_DONTWAIT)))
    if not sk.receive_queue:
        got.ended = True
        return got
    skb = sk.receive_queue[0]
    if not flags & MSG_PEEK:
        sk.receive_queue.popleft()
        sk.rmem -= skb.truesize
    # A bad address costs the packet: it has left the queue.
    uaccess.copy_to_user(current, buf, skb.data[:size])
    got.full = len(skb.data)
    got.cut = size < got.full
    got.size = got.full if flags & MSG_TRUNC else min(size, got.full)
    got.name = sockaddr(sk, skb.saddr, skb.source)
    if sk.flags & SOCK_RCVTSTAMP:
        got.stamp_ns = skb.stamp_ns = skb.stamp_ns or time.getnstimeofday(sk.kernel)
    if sk.cmsg_flags:
        got.cmsgs = ip_cmsgs(sk, skb)
    return got


async def _wait_for_packet(current: Task, sk: InetSock, timeo: int) -> None:
    sk.sock_error()
    if sk.receive_queue:
        return
    if not timeo:
        raise LinuxError(Errno.EAGAIN, "nothing to read")
    waiter = SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "skb_recv_datagram", timeo, exclusive=True)
    with waiter:
        while not sk.receive_queue:
            sk.sock_error()
            if sk.shutdown & RCV_SHUTDOWN:
                return
            await waiter.rest()


# What is told beside the data.


def ip_cmsgs(sk: InetSock, skb: InetSkb) -> list[tuple[int, int, bytes]]:
    """Return the control messages that a socket wants of a packet (ip_cmsg_recv, datagram_recv_ctl)."""
    found = []
    flags = sk.cmsg_flags
    index = sk.net.dev_base[0].ifindex
    if len(skb.daddr) == 4 and sk.family == AF_INET:
        if flags & CMSG_PKTINFO:
            found.append((IPPROTO_IP, IP_PKTINFO, struct.pack("<I4s4s", index, skb.daddr, skb.daddr)))
        if flags & CMSG_TTL:
            found.append((IPPROTO_IP, IP_TTL, struct.pack("<I", skb.hops)))
        if flags & CMSG_TOS:
            found.append((IPPROTO_IP, IP_TOS, bytes([skb.tos])))
        if flags & CMSG_ORIGDST:
            found.append((IPPROTO_IP, IP_ORIGDSTADDR, SOCKADDR_IN.pack(AF_INET, skb.dest.to_bytes(2), skb.daddr)))
        return found
    if flags & CMSG_PKTINFO6:
        address = skb.daddr if len(skb.daddr) == 16 else IN6_MAPPED + skb.daddr
        found.append((IPPROTO_IPV6, IPV6_PKTINFO, address + struct.pack("<I", index)))
    if flags & CMSG_HOPLIMIT:
        found.append((IPPROTO_IPV6, IPV6_HOPLIMIT, struct.pack("<I", skb.hops)))
    if flags & CMSG_TCLASS:
        found.append((IPPROTO_IPV6, IPV6_TCLASS, struct.pack("<I", skb.tos)))
    return found


# Errors.


def ip_icmp_error(sk: InetSock, skb: InetSkb, errno: int, kind: int, code: int) -> None:
    """Note an error that a packet of sk's has met, with the packet, for MSG_ERRQUEUE."""
    origin = SO_EE_ORIGIN_ICMP if len(skb.daddr) == 4 else SO_EE_ORIGIN_ICMP6
    note = InetSkb(skb.data, skb.daddr, skb.dest, skb.saddr, skb.source)
    note.err = _EXTENDED_ERR.pack(errno, origin, kind, code, 0, 0, 0)
    note.truesize = packet_truesize(len(skb.data) + _UDP_HEAD, six=len(skb.daddr) == 16)
    if sk.rmem + note.truesize >= sk.rcvbuf:
        return
    sk.rmem += note.truesize
    sk.error_queue.append(note)
    report_error(sk, errno)


def report_error(sk: InetSock, errno: int) -> None:
    """Leave an error for the next call, and wake who waits."""
    sk.err = errno
    wait.wake_up_interruptible(sk.wait, POLLERR)
    sock_async.sk_wake_async(sk, sock_async.SOCK_WAKE_IO, POLL_ERR)


def ip_recv_error(current: Task, sk: InetSock, buf: UserPtr, size: int) -> Received:
    """Store the packet that the oldest error was about, and tell of the error; raises EAGAIN, EFAULT."""
    if not sk.error_queue:
        raise LinuxError(Errno.EAGAIN, "no error")
    note = sk.error_queue.popleft()
    sk.rmem -= note.truesize
    uaccess.copy_to_user(current, buf, note.data[:size])
    got = Received()
    got.size = got.full = min(size, len(note.data))
    got.cut = size < len(note.data)
    got.name = sockaddr(sk, note.saddr, note.source)
    offender = sockaddr(sk, note.saddr, 0)
    if sk.family == AF_INET:
        got.cmsgs = [(IPPROTO_IP, IP_RECVERR, note.err + offender)]
    else:
        got.cmsgs = [(IPPROTO_IPV6, IPV6_RECVERR, note.err + offender)]
    got.flags = MSG_ERRQUEUE
    sk.err = _EXTENDED_ERR.unpack(sk.error_queue[0].err)[0] if sk.error_queue else 0
    return got
