"""FIONREAD and its like (inet_ioctl of net/ipv4/af_inet.c; tcp_ioctl of tcp.c; udp_ioctl of udp.c)."""

from __future__ import annotations

from procession.include.asm.ioctls import FIONREAD
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.socket import SIOCOUTQ
from procession.include.linux.sockios import SIOCATMARK, SIOCOUTQNSD
from procession.include.linux.tcp import TCP_LISTEN, TCPF_SYN_RECV, TCPF_SYN_SENT
from procession.net.ipv4 import tcp
from procession.net.ipv4.sock import InetSock, TcpSock

__all__ = ("inet_ioctl",)


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
