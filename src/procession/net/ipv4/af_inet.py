"""Internet sockets (net/ipv4/af_inet.c, net/ipv6/af_inet6.c; spec sockets 1, 3-5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.include.asm.ioctls import FIONREAD
from procession.include.linux.cred import CAP_NET_BIND_SERVICE, CAP_NET_RAW
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import (
    IN6ADDR_LOOPBACK,
    IPPROTO_ICMP,
    IPPROTO_IP,
    IPPROTO_RAW,
    IPPROTO_TCP,
    IPPROTO_UDP,
    IPPROTO_UDPLITE,
    PROT_SOCK,
    SIN6_LEN_RFC2133,
    SOCKADDR_IN,
)
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.socket import AF_INET, AF_INET6, AF_UNSPEC, SIOCOUTQ, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM
from procession.include.linux.sockios import SIOCATMARK, SIOCOUTQNSD
from procession.include.linux.tcp import (
    TCP_CLOSE,
    TCP_ESTABLISHED,
    TCP_LISTEN,
    TCP_SYN_SENT,
    TCPF_CLOSE,
    TCPF_LISTEN,
    TCPF_SYN_RECV,
    TCPF_SYN_SENT,
)
from procession.kernel import capability
from procession.mm import slab
from procession.net.core.sock import SockWaiter, sock_rcvtimeo, sock_sndtimeo
from procession.net.ipv4 import (
    datagram,
    inet_csk,
    inet_hashtables,
    ip_output,
    ip_sockglue,
    raw,
    route,
    tcp,
    tcp_ipv4,
    tcp_output,
    tcp_recvmsg,
    tcp_sockopt,
    tcp_timer,
    udp,
)
from procession.net.ipv4.sock import (
    SOCK_BINDADDR_LOCK,
    SOCK_BINDPORT_LOCK,
    SS_CONNECTED,
    SS_CONNECTING,
    SS_DISCONNECTING,
    SS_UNCONNECTED,
    InetSock,
    RawSock,
    TcpSock,
    UdpSock,
)
from procession.net.proto_ops import ProtoOps
from procession.net.unix.sock import SHUTDOWN_MASK

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.net import Scm
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.core.sock import Sock
    from procession.net.unix.receive import Received

__all__ = ("inet_create",)

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
    if type == SOCK_RAW and not capability.capable(current, CAP_NET_RAW):
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
    assert current.nsproxy is not None
    net = current.nsproxy.net_ns
    sk: InetSock
    if type == SOCK_STREAM:
        stream = TcpSock(k, net, family, type, protocol, ops)
        tcp_ipv4.tcp_init_sock(stream)
        sk = stream
    elif type == SOCK_DGRAM:
        sk = UdpSock(k, net, family, type, protocol, ops)
    else:
        sk = RawSock(k, net, family, type, protocol, ops)
        sk.num = protocol
        sk.sport = protocol
        sk.hdrincl = protocol == IPPROTO_RAW
        raw.raw_hash(sk)
    sk.uid = current.cred.fsuid
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


# Names.


def inet_bind(current: Task, sk: InetSock, name: bytes) -> None:
    """Give a socket an address and a port; raises EINVAL, EAFNOSUPPORT, EADDRNOTAVAIL, EACCES, EADDRINUSE."""
    if sk.family == AF_INET6:
        _bind6(current, sk, name)
        return
    if len(name) < SOCKADDR_IN.size:
        raise LinuxError(Errno.EINVAL, "length of an address")
    family, be_port, address = SOCKADDR_IN.unpack(name[: SOCKADDR_IN.size])
    if family != AF_INET and (family != AF_UNSPEC or any(address)):
        raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
    kind = route.inet_addr_type(sk.net, address)
    if kind == route.RTN_UNICAST and not (sk.freebind or sk.transparent):
        raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
    port = int.from_bytes(be_port)
    _check_port(current, port)
    if sk.state != TCP_CLOSE or sk.num:
        raise LinuxError(Errno.EINVAL, "bound already")
    many = kind in (route.RTN_BROADCAST, route.RTN_MULTICAST)
    _finish_bind(sk, address, bytes(4) if many and any(address) and sk.type != SOCK_STREAM else address, port)


def _check_port(current: Task, port: int) -> None:
    if 0 < port < PROT_SOCK and not capability.capable(current, CAP_NET_BIND_SERVICE):
        raise LinuxError(Errno.EACCES, "ports below 1024 need CAP_NET_BIND_SERVICE")


def _finish_bind(sk: InetSock, rcv_saddr: bytes, saddr: bytes, port: int) -> None:
    """Take the port; the address is given back if it is in use."""
    sk.rcv_saddr, sk.saddr = rcv_saddr, saddr
    try:
        get_port(sk, port)
    except LinuxError:
        sk.rcv_saddr = sk.saddr = sk.any_address()
        raise
    if any(rcv_saddr):
        sk.userlocks |= SOCK_BINDADDR_LOCK
    if port:
        sk.userlocks |= SOCK_BINDPORT_LOCK
    sk.sport = sk.num
    sk.daddr = sk.any_address()
    sk.dport = 0


def _bind6(current: Task, sk: InetSock, name: bytes) -> None:
    """The same for IPv6 (inet6_bind), which looks at the port first."""
    if len(name) < SIN6_LEN_RFC2133:
        raise LinuxError(Errno.EINVAL, "length of an address")
    if int.from_bytes(name[:2], "little") != AF_INET6:
        raise LinuxError(Errno.EAFNOSUPPORT, "not an IPv6 address")
    address, port = name[8:24], int.from_bytes(name[2:4])
    if route.is_multicast(address) and sk.type == SOCK_STREAM:
        raise LinuxError(Errno.EINVAL, "a stream of many")
    _check_port(current, port)
    if sk.state != TCP_CLOSE or sk.num:
        raise LinuxError(Errno.EINVAL, "bound already")
    address = datagram.unmapped(address)
    if len(address) == 4:
        if sk.ipv6only:
            raise LinuxError(Errno.EINVAL, "an IPv4 address")
        if any(address) and route.inet_addr_type(sk.net, address) != route.RTN_LOCAL:
            raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
        if not any(address):
            address = bytes(4)
    elif any(address):
        if route.is_link_local(address):
            scope = int.from_bytes(name[24:28].ljust(4, b"\0"), "little")
            if not (scope or sk.bound_dev_if):
                raise LinuxError(Errno.EINVAL, "a link-local address without a scope")
            if scope and scope != sk.net.dev_base[0].ifindex:
                raise LinuxError(Errno.ENODEV, "no such interface")
        if not route.is_multicast(address) and not route.ipv6_chk_addr(sk.net, address):
            raise LinuxError(Errno.EADDRNOTAVAIL, "not an address of ours")
    only = sk.ipv6only
    if len(address) == 16 and any(address):
        sk.ipv6only = True
    try:
        _finish_bind(sk, address, address, port)
    except LinuxError:
        sk.ipv6only = only
        raise


def get_port(sk: InetSock, port: int) -> None:
    """Give a socket a port, any one for 0; raises EADDRINUSE."""
    if isinstance(sk, TcpSock):
        inet_hashtables.inet_csk_get_port(sk, port)
    elif isinstance(sk, UdpSock):
        udp.udp_get_port(sk, port)


def inet_autobind(sk: InetSock) -> None:
    """Give a socket a port if it has none; raises EAGAIN."""
    if sk.num:
        return
    try:
        get_port(sk, 0)
    except LinuxError:
        raise LinuxError(Errno.EAGAIN, "all ports are in use") from None
    sk.sport = sk.num


def inet_getname(sk: InetSock, *, peer: bool) -> bytes:
    """Return a socket's name, or that of the other end; raises ENOTCONN."""
    if peer:
        if not sk.dport or 1 << sk.state & (TCPF_CLOSE | TCPF_SYN_SENT):
            raise LinuxError(Errno.ENOTCONN, "not connected")
        return datagram.sockaddr(sk, sk.daddr, sk.dport)
    address = sk.rcv_saddr if any(sk.rcv_saddr) else sk.saddr
    return datagram.sockaddr(sk, address, sk.sport)


def inet_ioctl(sk: InetSock, cmd: int) -> int:
    """Return what FIONREAD and its like say; raises EINVAL while listening, ENOIOCTLCMD for what is not known."""
    if isinstance(sk, TcpSock):
        return tcp_ioctl(sk, cmd)
    if cmd == SIOCOUTQ:
        return 0
    if cmd == FIONREAD:
        return len(sk.receive_queue[0].data) if sk.receive_queue else 0
    raise LinuxError(Errno.ENOIOCTLCMD, "no ioctl of a datagram socket")


def tcp_ioctl(sk: TcpSock, cmd: int) -> int:
    """Return how much can be read, was not acknowledged or not sent, or whether the urgent mark is reached."""
    if cmd == SIOCATMARK:
        return int(bool(sk.urg_data) and sk.urg_seq == sk.copied_seq)
    if cmd not in (FIONREAD, SIOCOUTQ, SIOCOUTQNSD):
        raise LinuxError(Errno.ENOIOCTLCMD, "no ioctl of TCP")
    if sk.state == TCP_LISTEN:
        raise LinuxError(Errno.EINVAL, "listening")
    if cmd == FIONREAD:
        return tcp.tcp_inq(sk)
    if 1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV):
        return 0
    return sk.write_seq - (sk.snd_una if cmd == SIOCOUTQ else sk.snd_nxt)


# What all types do.


class InetOps(ProtoOps):
    """What internet sockets of all types do alike."""

    family = AF_INET

    def bind(self, current: Task, sk: Any, name: bytes) -> None:
        """Give a socket a name."""
        inet_bind(current, sk, name)

    def socketpair(self, current: Task, a: Any, b: Any) -> None:
        """There are no pairs."""
        raise LinuxError(Errno.EOPNOTSUPP, "no pairs of internet sockets")

    def getname(self, sk: Any, *, peer: bool) -> bytes:
        """Return a socket's name, or that of the other end."""
        return inet_getname(sk, peer=peer)

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
        return inet_ioctl(sk, cmd)

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
        await inet_stream_connect(current, sk, name, nonblock=nonblock)

    async def accept(self, current: Task, sk: Any, *, nonblock: bool) -> Sock:
        """Take a connection."""
        return await inet_csk_accept(current, sk, nonblock=nonblock)

    def listen(self, current: Task, sk: Any, backlog: int) -> None:
        """Accept connections."""
        inet_listen(sk, backlog)

    def shutdown(self, sk: Any, mode: int) -> None:
        """End one direction or both."""
        inet_shutdown(sk, _how(mode))

    def poll(self, sk: Any, table: PollTable | None) -> int:
        """Return what can be done without waiting."""
        return tcp.tcp_poll(sk, table)

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send."""
        if not sk.num:
            inet_autobind(sk)
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


def inet_listen(sk: TcpSock, backlog: int) -> None:
    """Accept connections from now on; raises EINVAL, EADDRINUSE."""
    if sk.sock_state != SS_UNCONNECTED or not 1 << sk.state & (TCPF_CLOSE | TCPF_LISTEN):
        raise LinuxError(Errno.EINVAL, "connected")
    if sk.state != TCP_LISTEN:
        sk.ack_backlog = 0
        inet_csk.tcp_set_state(sk, TCP_LISTEN)
        try:
            inet_hashtables.inet_csk_get_port(sk, sk.num)
        except LinuxError:
            sk.state = TCP_CLOSE
            raise LinuxError(Errno.EADDRINUSE, "somebody listens there") from None
        sk.sport = sk.num
        inet_hashtables.inet_hash(sk)
    sk.ack_backlog = backlog


async def inet_csk_accept(current: Task, sk: TcpSock, *, nonblock: bool) -> TcpSock:
    """Return the oldest connection; raises EINVAL, EAGAIN, ERESTARTSYS."""
    if sk.state != TCP_LISTEN:
        raise LinuxError(Errno.EINVAL, "not listening")
    if not sk.accept_queue:
        timeo = sock_rcvtimeo(sk, noblock=nonblock)
        if not timeo:
            raise LinuxError(Errno.EAGAIN, "no connection")
        waiter = SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "inet_csk_accept", timeo, exclusive=True)
        with waiter:
            while not sk.accept_queue:
                await waiter.rest()
                if not sk.accept_queue and sk.state != TCP_LISTEN:
                    raise LinuxError(Errno.EINVAL, "not listening any more")
    _, child = sk.accept_queue.popleft()
    child.parent = None
    child.sock_state = SS_CONNECTED
    return child


def inet_shutdown(sk: TcpSock, how: int) -> None:
    """End one direction or both; raises ENOTCONN (inet_shutdown)."""
    sk.owned = True
    try:
        if sk.sock_state == SS_CONNECTING:
            connecting = 1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV | TCPF_CLOSE)
            sk.sock_state = SS_DISCONNECTING if connecting else SS_CONNECTED
        state = sk.state
        error = state == TCP_CLOSE
        if state == TCP_LISTEN:
            if how & 1:
                tcp.tcp_disconnect(sk)
                sk.sock_state = SS_UNCONNECTED
        elif state == TCP_SYN_SENT:
            tcp.tcp_disconnect(sk)
            sk.sock_state = SS_UNCONNECTED
        else:
            sk.shutdown |= how
            if not error:
                tcp.tcp_shutdown(sk, how)
        inet_csk.sk_state_change(sk)
    finally:
        tcp_ipv4.release_sock(sk)
    if error:
        raise LinuxError(Errno.ENOTCONN, "not connected")


async def inet_stream_connect(current: Task, sk: TcpSock, name: bytes, *, nonblock: bool) -> None:
    """Connect; raises what the address is wrong for, EISCONN, EALREADY, EINPROGRESS, ERESTARTSYS, what went wrong."""
    if len(name) < 2:
        raise LinuxError(Errno.EINVAL, "length of an address")
    sk.owned = True
    try:
        if not int.from_bytes(name[:2], "little"):
            tcp.tcp_disconnect(sk)
            sk.sock_state = SS_UNCONNECTED
            return
        in_progress = Errno.EALREADY
        if sk.sock_state == SS_CONNECTED:
            raise LinuxError(Errno.EISCONN, "connected")
        if sk.sock_state == SS_UNCONNECTED:
            if sk.state != TCP_CLOSE:
                raise LinuxError(Errno.EISCONN, "listening")
            tcp_connect(sk, name)
            sk.sock_state = SS_CONNECTING
            in_progress = Errno.EINPROGRESS
        elif sk.sock_state != SS_CONNECTING:
            raise LinuxError(Errno.EINVAL, "on its way down")
        timeo = sock_sndtimeo(sk, noblock=nonblock)
        if 1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV):
            if not timeo:
                raise LinuxError(in_progress, "the connection is on its way")
            await _wait_for_connect(current, sk, timeo, in_progress)
        if sk.state == TCP_CLOSE:
            err, sk.err = sk.err or Errno.ECONNABORTED, 0
            sk.sock_state = SS_UNCONNECTED
            tcp.tcp_disconnect(sk)
            sk.err = 0 if err != Errno.ECONNABORTED else sk.err
            raise LinuxError(Errno(err), "the connection failed")
        sk.sock_state = SS_CONNECTED
    finally:
        tcp_ipv4.release_sock(sk)


async def _wait_for_connect(current: Task, sk: TcpSock, timeo: int, late: Errno) -> None:
    """Wait until the handshake is over; raises late when the time is, ERESTARTSYS (inet_wait_for_connect)."""
    with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "inet_wait_for_connect", timeo) as waiter:
        while 1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV):
            tcp_ipv4.release_sock(sk)
            try:
                if 1 << sk.state & (TCPF_SYN_SENT | TCPF_SYN_RECV):
                    if waiter.timed_out:
                        raise LinuxError(late, "the connection is on its way")
                    await waiter.rest()
            finally:
                sk.owned = True


def connect_address(sk: InetSock, name: bytes) -> tuple[bytes, int]:
    """Return the target that connect(2) was given; raises EINVAL, EAFNOSUPPORT, ENETUNREACH."""
    if sk.family == AF_INET:
        if len(name) < SOCKADDR_IN.size:
            raise LinuxError(Errno.EINVAL, "length of an address")
        family, port, address = SOCKADDR_IN.unpack(name[: SOCKADDR_IN.size])
        if family != AF_INET:
            raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
        return address, int.from_bytes(port)
    if len(name) < SIN6_LEN_RFC2133:
        raise LinuxError(Errno.EINVAL, "length of an address")
    if int.from_bytes(name[:2], "little") != AF_INET6:
        raise LinuxError(Errno.EAFNOSUPPORT, "not an IPv6 address")
    address = name[8:24]
    if not any(address):
        address = IN6ADDR_LOOPBACK
    if route.is_multicast(address) and sk.type == SOCK_STREAM:
        raise LinuxError(Errno.ENETUNREACH, "a stream to many")
    if route.is_link_local(address) and not (sk.bound_dev_if or any(name[24:28])):
        raise LinuxError(Errno.EINVAL, "a link-local address without a scope")
    return datagram.unmapped(address), int.from_bytes(name[2:4])


def tcp_connect(sk: TcpSock, name: bytes) -> None:
    """Begin the handshake (tcp_v4_connect, tcp_v6_connect)."""
    address, port = connect_address(sk, name)
    if len(address) == 4:
        if sk.ipv6only:
            raise LinuxError(Errno.ENETUNREACH, "an IPv4 address")
        bound = sk.saddr if len(sk.saddr) == 4 else bytes(4)
        if len(sk.saddr) == 16 and any(sk.saddr):
            raise LinuxError(Errno.ENETUNREACH, "from an IPv6 address")
        daddr, saddr, kind = route.ip_route_output(sk.net, address, bound, sk.bound_dev_if)
        if kind != route.RTN_LOCAL:
            raise LinuxError(Errno.ENETUNREACH, "a stream to many")
    else:
        if len(sk.saddr) == 4:
            raise LinuxError(Errno.EINVAL, "from an IPv4 address")
        daddr, saddr = route.ip6_route_output(sk.net, address, sk.saddr)
    before = sk.saddr, sk.rcv_saddr
    if not any(sk.saddr):
        sk.saddr = saddr
    sk.rcv_saddr = sk.saddr
    sk.daddr, sk.dport = daddr, port
    inet_csk.tcp_set_state(sk, TCP_SYN_SENT)
    if not sk.write_seq:
        sk.write_seq = tcp_ipv4.tcp_isn(sk.kernel)
    try:
        inet_hashtables.inet_hash_connect(sk)
    except LinuxError:
        inet_csk.tcp_set_state(sk, TCP_CLOSE)
        sk.dport = 0
        if not any(before[0]):
            sk.saddr, sk.rcv_saddr = before
        raise
    tcp_output.tcp_connect(sk)


# Datagrams.


class DgramOps(InetOps):
    """UDP and UDP-Lite."""

    def release(self, sk: Any) -> None:
        """The socket's file is closed."""
        udp_destroy(sk)

    async def connect(self, current: Task, sk: Any, name: bytes, *, nonblock: bool) -> None:
        """Say where datagrams go."""
        if len(name) < 2:
            raise LinuxError(Errno.EINVAL, "length of an address")
        if not int.from_bytes(name[:2], "little"):
            udp_disconnect(sk)
            return
        inet_autobind(sk)
        ip4_datagram_connect(sk, name)

    def shutdown(self, sk: Any, mode: int) -> None:
        """End one direction or both."""
        dgram_shutdown(sk, _how(mode))

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send a datagram."""
        inet_autobind(sk)
        return udp.udp_sendmsg(current, sk, buf, size, flags, to)

    async def recvmsg(self, current: Task, sk: Any, buf: UserPtr, size: int, flags: int) -> Received:
        """Receive a datagram."""
        return await datagram.recv_datagram(current, sk, buf, size, flags)


def dgram_shutdown(sk: InetSock, how: int) -> None:
    """End one direction or both, also of a socket that is not connected: that is told ENOTCONN all the same."""
    sk.shutdown |= how
    inet_csk.sk_wake_all(sk)
    if sk.state == TCP_CLOSE:
        raise LinuxError(Errno.ENOTCONN, "not connected")


def ip4_datagram_connect(sk: InetSock, name: bytes) -> None:
    """Say where datagrams go; raises EINVAL, EAFNOSUPPORT, ENETUNREACH, EACCES (ip4_datagram_connect)."""
    family = int.from_bytes(name[:2], "little")
    if sk.family == AF_INET6 and family == AF_INET:
        if sk.ipv6only:
            raise LinuxError(Errno.EAFNOSUPPORT, "an IPv4 address")
        if len(name) < SOCKADDR_IN.size:
            raise LinuxError(Errno.EINVAL, "length of an address")
        address, port = name[4:8], int.from_bytes(name[2:4])
    else:
        address, port = connect_address(sk, name)
    if len(address) == 4 and sk.ipv6only:
        raise LinuxError(Errno.ENETUNREACH, "an IPv4 address")
    if isinstance(sk, UdpSock):
        daddr, saddr = udp.udp_route(sk, address)
    else:
        daddr, saddr = raw.raw_route(sk, address)
    if not any(sk.saddr):
        sk.saddr = saddr
    if not any(sk.rcv_saddr):
        sk.rcv_saddr = saddr
    sk.daddr, sk.dport = daddr, port
    sk.state = TCP_ESTABLISHED


def udp_disconnect(sk: InetSock) -> None:
    """Have datagrams go nowhere; a port that was not asked for is given back."""
    sk.state = TCP_CLOSE
    sk.daddr = sk.any_address()
    sk.dport = 0
    sk.bound_dev_if = 0
    if not sk.userlocks & SOCK_BINDADDR_LOCK:
        sk.saddr = sk.rcv_saddr = sk.any_address()
    if isinstance(sk, UdpSock) and not sk.userlocks & SOCK_BINDPORT_LOCK:
        udp.udp_unhash(sk)
        sk.sport = 0


def udp_destroy(sk: UdpSock) -> None:
    """The socket's file is closed."""
    udp.udp_push_pending_frames(sk)
    sk.dead = True
    udp.udp_unhash(sk)
    sk.receive_queue.clear()
    sk.error_queue.clear()
    sk.rmem = 0
    sk.net.count -= 1
    sk.kernel.caches["UDP"].free()


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
        return raw.raw_sendmsg(current, sk, buf, size, flags, to)


_STREAM_OPS: Final = StreamOps()
_DGRAM_OPS: Final = DgramOps()
_RAW_OPS: Final = RawOps()
