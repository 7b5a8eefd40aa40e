"""Listening, accepting and connecting (net/ipv4/af_inet.c, inet_connection_sock.c, tcp_ipv4.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.net import SS_CONNECTED, SS_CONNECTING, SS_DISCONNECTING, SS_UNCONNECTED
from procession.include.linux.sched import TASK_INTERRUPTIBLE
from procession.include.linux.tcp import (
    TCP_CLOSE,
    TCP_LISTEN,
    TCP_SYN_SENT,
    TCPF_CLOSE,
    TCPF_LISTEN,
    TCPF_SYN_RECV,
    TCPF_SYN_SENT,
)
from procession.mm import slab
from procession.net.core.sock import SockWaiter, sock_rcvtimeo, sock_sndtimeo
from procession.net.ipv4 import inet_csk, inet_hashtables, inet_names, route, skbuff, tcp, tcp_ipv4, tcp_output
from procession.net.ipv4.sock import TcpSock

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("inet_csk_accept", "inet_listen", "inet_shutdown", "inet_stream_connect", "tcp_connect")


def inet_listen(sk: TcpSock, backlog: int) -> None:
    """Accept connections from now on; raises EINVAL, EADDRINUSE, ENOMEM."""
    if sk.sock_state != SS_UNCONNECTED or not 1 << sk.state & (TCPF_CLOSE | TCPF_LISTEN):
        raise LinuxError(Errno.EINVAL, "connected")
    if sk.state != TCP_LISTEN:
        slab.should_failslab(sk.kernel, "listen_sock")
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


def tcp_connect(sk: TcpSock, name: bytes) -> None:
    """Begin the handshake (tcp_v4_connect, tcp_v6_connect)."""
    address, port = inet_names.connect_address(sk, name)
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
            # Differs: 3.2 calls, and cannot be answered.
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
        skbuff.alloc_skb(sk.kernel)
    except LinuxError:
        inet_csk.tcp_set_state(sk, TCP_CLOSE)
        sk.dport = 0
        if not any(before[0]):
            sk.saddr, sk.rcv_saddr = before
        raise
    tcp_output.tcp_connect(sk)
