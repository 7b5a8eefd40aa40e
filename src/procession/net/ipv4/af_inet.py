"""Internet sockets (net/ipv4/af_inet.c, net/ipv6/af_inet6.c; spec sockets 1, 3-5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.cred import CAP_NET_RAW
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import (
    IPPROTO_ICMP,
    IPPROTO_IP,
    IPPROTO_RAW,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
)
from procession.include.linux.limits import USHRT_MAX
from procession.include.linux.net import Scm
from procession.include.linux.socket import AF_INET, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM
from procession.kernel import capability
from procession.mm import slab
from procession.net.ipv4 import (
    datagram,
    inet_csk,
    inet_dgram,
    inet_ioctl,
    inet_names,
    inet_stream,
    ip_output,
    ip_sockglue,
    raw,
    tcp,
    tcp_ipv4,
    tcp_recvmsg,
    tcp_sockopt,
    tcp_timer,
    udp,
)
from procession.net.ipv4.sock import InetSock, RawSock, TcpSock, UdpSock
from procession.net.proto_ops import ProtoOps
from procession.net.unix.sock import SHUTDOWN_MASK

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.core.sock import Sock
    from procession.net.unix.receive import Received

__all__ = ("inet_create", "stream_ops")

_UNBOUND_PING: Final = "ping sockets are for groups of ping_group_range, by default nobody"


def inet_init(k: Kernel) -> None:
    """Make what internet sockets are counted in and received by, when the first is made."""
    slab.kmem_cache_create(k, "TCP", 1600)
    slab.kmem_cache_create(k, "UDP", 896)
    slab.kmem_cache_create(k, "RAW", 832)
    sd = k.net.softnet = ip_output.SoftnetData()
    sd.protos[IPPROTO_TCP] = tcp_ipv4.tcp_v4_rcv
    sd.protos[IPPROTO_UDP] = udp.udp_rcv
    sd.protos[IPPROTO_UDPLITE] = udp.udplite_rcv
    sd.other = raw.raw_rcv


def inet_create(current: Task, family: int, type: int, protocol: int) -> InetSock:
    """Make a socket; raises ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM, EACCES, ENOBUFS."""
    ops, protocol = _find_protocol(family, type, protocol)
    assert current.nsproxy is not None
    net = current.nsproxy.net_ns
    if type == SOCK_RAW and not capability.ns_capable(current, net.user_ns, CAP_NET_RAW):
        raise LinuxError(Errno.EPERM, "raw sockets need CAP_NET_RAW")
    k = current.kernel
    if k.net.softnet is None:
        inet_init(k)
    cache = "TCP" if type == SOCK_STREAM else "RAW" if type == SOCK_RAW else "UDP"
    if type == SOCK_DGRAM and protocol == IPPROTO_ICMP:
        raise LinuxError(Errno.EACCES, _UNBOUND_PING)
    try:
        k.caches[cache].alloc()
    except LinuxError:
        raise LinuxError(Errno.ENOBUFS, "no memory for a socket") from None
    sk: InetSock
    if type == SOCK_STREAM:
        stream = TcpSock(k, net, family, type, protocol, ops)
        tcp_ipv4.tcp_init_sock(stream)
        sk = stream
    elif type == SOCK_DGRAM:
        sk = UdpSock(k, net, family, type, protocol, ops)
    else:
        sk = RawSock(k, net, family, type, protocol & 0xFF, ops)
        sk.num = sk.sport = protocol & USHRT_MAX
        sk.hdrincl = protocol == IPPROTO_RAW
        if sk.num:
            raw.raw_hash(sk)
    return sk


def _find_protocol(family: int, type: int, protocol: int) -> tuple[ProtoOps, int]:
    """Return what a type of socket does, and its protocol; raises ESOCKTNOSUPPORT, EPROTONOSUPPORT."""
    if type == SOCK_RAW:
        if protocol == IPPROTO_IP:
            raise LinuxError(Errno.EPROTONOSUPPORT, "a raw socket needs a protocol")
        return _RAW_OPS, protocol
    if type not in (SOCK_STREAM, SOCK_DGRAM):
        raise LinuxError(Errno.ESOCKTNOSUPPORT, f"socket type {type}")
    known: tuple[int, ...] = (IPPROTO_TCP,)
    if type == SOCK_DGRAM:
        known = (IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_ICMP) if family == AF_INET else (IPPROTO_UDP, IPPROTO_UDPLITE)
    if protocol == IPPROTO_IP:
        protocol = known[0]
    if protocol not in known:
        raise LinuxError(Errno.EPROTONOSUPPORT, f"protocol {protocol}")
    return (_STREAM_OPS if type == SOCK_STREAM else _DGRAM_OPS), protocol


# What all types do.


class InetOps(ProtoOps):
    """What internet sockets of all types do alike."""

    family = AF_INET

    def bind(self, current: Task, sk: Any, name: bytes) -> None:
        """Give a socket a name."""
        inet_names.inet_bind(current, sk, name)

    def control_messages(self, current: Task, control: bytes) -> Scm:
        """Return them as they are: no files travel here."""
        scm = Scm()
        scm.control = control
        return scm

    def socketpair(self, current: Task, a: Any, b: Any) -> None:
        """There are no pairs."""
        raise LinuxError(Errno.EOPNOTSUPP, "no pairs of internet sockets")

    def getname(self, sk: Any, *, peer: bool) -> bytes:
        """Return a socket's name, or that of the other end."""
        return inet_names.inet_getname(sk, peer=peer)

    def accepted_name(self, sk: Any) -> bytes:
        """Return the name of the other end of a connection just taken, even if it has ended already."""
        return datagram.sockaddr(sk, sk.daddr, sk.dport)

    async def accept(self, current: Task, sk: Any, *, nonblock: bool) -> Sock:
        """There are no connections."""
        raise LinuxError(Errno.EOPNOTSUPP, "no connections")

    def listen(self, current: Task, sk: Any, backlog: int) -> None:
        """There are no connections."""
        raise LinuxError(Errno.EOPNOTSUPP, "no connections")

    def poll(self, sk: Any, table: PollTable | None) -> int:
        """Return what can be done without waiting."""
        return datagram.datagram_poll(sk, table)

    def setsockopt(self, current: Task, sk: Any, level: int, optname: int, optval: UserPtr, optlen: int) -> None:
        """Set an option of IP, or of the protocol."""
        if isinstance(sk, TcpSock) and level == IPPROTO_TCP:
            tcp_sockopt.tcp_setsockopt(current, sk, optname, optval, optlen)
        else:
            ip_sockglue.setsockopt(current, sk, level, optname, optval, optlen)

    def getsockopt_bytes(self, current: Task, sk: Any, level: int, optname: int, room: int) -> bytes:
        """Return an option of IP, or of the protocol."""
        if isinstance(sk, TcpSock) and level == IPPROTO_TCP:
            return tcp_sockopt.tcp_getsockopt(current, sk, optname, room)
        return ip_sockglue.getsockopt(current, sk, level, optname, room)

    def ioctl(self, sk: Any, cmd: int) -> int:
        """Return what FIONREAD, SIOCOUTQ and SIOCATMARK say."""
        return inet_ioctl.inet_ioctl(sk, cmd)

    def write_space(self, sk: Any) -> None:
        """The send buffer has become larger."""

    def set_keepalive(self, sk: Any, *, on: bool) -> None:
        """SO_KEEPALIVE was set."""


def _how(how: int) -> int:
    """Return the directions that shutdown(2) names, plus one; raises EINVAL."""
    if how & ~SHUTDOWN_MASK or not how:
        raise LinuxError(Errno.EINVAL, "shutdown: which direction?")
    return how


# Streams.


class StreamOps(InetOps):
    """TCP."""

    def release(self, sk: Any) -> None:
        """The socket's file is closed."""
        tcp.tcp_close(sk)

    async def connect(self, current: Task, sk: Any, name: bytes, *, nonblock: bool) -> None:
        """Connect."""
        await inet_stream.inet_stream_connect(current, sk, name, nonblock=nonblock)

    async def accept(self, current: Task, sk: Any, *, nonblock: bool) -> Sock:
        """Take a connection."""
        return await inet_stream.inet_csk_accept(current, sk, nonblock=nonblock)

    def listen(self, current: Task, sk: Any, backlog: int) -> None:
        """Accept connections."""
        inet_stream.inet_listen(sk, backlog)

    def shutdown(self, sk: Any, mode: int) -> None:
        """End one direction or both."""
        inet_stream.inet_shutdown(sk, _how(mode))

    def poll(self, sk: Any, table: PollTable | None) -> int:
        """Return what can be done without waiting."""
        return tcp.tcp_poll(sk, table)

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send."""
        return await tcp.tcp_sendmsg(current, sk, buf, size, flags)

    async def recvmsg(self, current: Task, sk: Any, buf: UserPtr, size: int, flags: int) -> Received:
        """Receive."""
        return await tcp_recvmsg.tcp_recvmsg(current, sk, buf, size, flags)

    def write_space(self, sk: Any) -> None:
        """The send buffer has become larger."""
        inet_csk.sk_stream_write_space(sk)

    def set_keepalive(self, sk: Any, *, on: bool) -> None:
        """SO_KEEPALIVE was set."""
        tcp_timer.tcp_set_keepalive(sk, on=on)


# Datagrams.


class DgramOps(InetOps):
    """UDP and UDP-Lite."""

    def release(self, sk: Any) -> None:
        """The socket's file is closed."""
        inet_dgram.udp_destroy(sk)

    async def connect(self, current: Task, sk: Any, name: bytes, *, nonblock: bool) -> None:
        """Say where datagrams go."""
        if len(name) < 2:
            raise LinuxError(Errno.EINVAL, "length of an address")
        if not int.from_bytes(name[:2], "little"):
            inet_dgram.udp_disconnect(sk)
            return
        inet_names.inet_autobind(sk)
        inet_dgram.ip4_datagram_connect(sk, name)

    def shutdown(self, sk: Any, mode: int) -> None:
        """End one direction or both."""
        inet_dgram.dgram_shutdown(sk, _how(mode))

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send a datagram."""
        inet_names.inet_autobind(sk)
        return udp.udp_sendmsg(current, sk, buf, size, flags, to, scm.control)

    async def recvmsg(self, current: Task, sk: Any, buf: UserPtr, size: int, flags: int) -> Received:
        """Receive a datagram."""
        return await datagram.recv_datagram(current, sk, buf, size, flags)


# Raw sockets.


class RawOps(DgramOps):
    """Raw sockets."""

    def release(self, sk: Any) -> None:
        """The socket's file is closed."""
        raw.raw_close(sk)

    def bind(self, current: Task, sk: Any, name: bytes) -> None:
        """Give a socket an address."""
        raw.raw_bind(sk, name)

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send a packet."""
        return raw.raw_sendmsg(current, sk, buf, size, flags, to, scm.control)


_STREAM_OPS: Final = StreamOps()
_DGRAM_OPS: Final = DgramOps()
_RAW_OPS: Final = RawOps()


def stream_ops() -> ProtoOps:
    """Return what TCP's sockets do, for one of the kernel's own."""
    return _STREAM_OPS
