"""What each family of sockets does at a system call (struct proto_ops of include/linux/net.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from procession.include.asm.ioctls import FIONREAD
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netlink import (
    NETLINK_ADD_MEMBERSHIP,
    NETLINK_BROADCAST_ERROR,
    NETLINK_DROP_MEMBERSHIP,
    NETLINK_NO_ENOBUFS,
    NETLINK_PKTINFO,
    SOL_NETLINK,
)
from procession.include.linux.socket import AF_NETLINK, AF_UNIX, SIOCOUTQ, SOCK_DGRAM
from procession.mm import uaccess
from procession.net import scm as net_scm
from procession.net.ipv4.sock import InetSock
from procession.net.netlink import address as netlink_address
from procession.net.netlink import af_netlink
from procession.net.netlink.sock import NetlinkSock
from procession.net.unix import af_unix, receive
from procession.net.unix import poll as unix_poll
from procession.net.unix.sock import SHUTDOWN_MASK, TCP_LISTEN, UnixSock

if TYPE_CHECKING:
    from procession.include.linux.fs import PollTable
    from procession.include.linux.net import Scm
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.net.core.sock import Sock
    from procession.net.unix.receive import Received

__all__ = ("ProtoOps", "sock_ops")


class ProtoOps:
    """Local sockets; another family overrides what it does otherwise."""

    family = AF_UNIX

    def release(self, sk: Any) -> None:
        """The socket's file is closed."""
        af_unix.unix_release(sk)

    def bind(self, current: Task, sk: Any, name: bytes) -> None:
        """Give a socket a name."""
        af_unix.unix_bind(current, sk, name)

    async def connect(self, current: Task, sk: Any, name: bytes, *, nonblock: bool) -> None:
        """Connect a socket."""
        await af_unix.unix_connect(current, sk, name, nonblock=nonblock)

    def socketpair(self, current: Task, a: Any, b: Any) -> None:
        """Connect two new sockets."""
        af_unix.unix_socketpair(current, a, b)

    async def accept(self, current: Task, sk: Any, *, nonblock: bool) -> Sock:
        """Take a connection."""
        return await af_unix.unix_accept(current, sk, nonblock=nonblock)

    def getname(self, sk: Any, *, peer: bool) -> bytes:
        """Return a socket's name, or that of the other end; raises ENOTCONN."""
        of = sk
        if peer:
            of = sk.peer
            if of is None:
                raise LinuxError(Errno.ENOTCONN, "not connected")
        return unix_name(of)

    def poll(self, sk: Any, table: PollTable | None) -> int:
        """Return what can be done without waiting."""
        return unix_poll.unix_poll(sk, table)

    def ioctl(self, sk: Any, cmd: int) -> int:
        """Return what FIONREAD and SIOCOUTQ say; raises EINVAL while listening, ENOIOCTLCMD."""
        if cmd == SIOCOUTQ:
            return int(sk.wmem)
        if cmd != FIONREAD:
            raise LinuxError(Errno.ENOIOCTLCMD, "no ioctl of a local socket")
        if sk.state == TCP_LISTEN:
            raise LinuxError(Errno.EINVAL, "listening")
        lengths = [len(skb.data) for skb in sk.receive_queue]
        return sum(lengths[:1]) if sk.type == SOCK_DGRAM else sum(lengths)

    def accepted_name(self, sk: Any) -> bytes:
        """Return the name of the other end of a connection just taken; raises ENOTCONN if it is gone."""
        return self.getname(sk, peer=True)

    def write_space(self, sk: Any) -> None:
        """The send buffer has become larger."""

    def set_keepalive(self, sk: Any, *, on: bool) -> None:
        """SO_KEEPALIVE was set."""

    def listen(self, current: Task, sk: Any, backlog: int) -> None:
        """Accept connections."""
        af_unix.unix_listen(current, sk, backlog)

    def shutdown(self, sk: Any, mode: int) -> None:
        """End one direction or both."""
        if mode & SHUTDOWN_MASK:
            af_unix.unix_shutdown(sk, mode & SHUTDOWN_MASK)

    def setsockopt(self, current: Task, sk: Any, level: int, optname: int, optval: UserPtr, optlen: int) -> None:
        """Set an option of the family's own."""
        raise LinuxError(Errno.EOPNOTSUPP, "a local socket has no protocol options")

    def getsockopt(self, current: Task, sk: Any, level: int, optname: int, room: int) -> int:
        """Return an option of the family's own."""
        raise LinuxError(Errno.EOPNOTSUPP, "a local socket has no protocol options")

    def getsockopt_bytes(self, current: Task, sk: Any, level: int, optname: int, room: int) -> bytes:
        """Return an option of the family's own as it is stored."""
        return struct.pack("<i", self.getsockopt(current, sk, level, optname, room))

    def control_messages(self, current: Task, control: bytes) -> Scm:
        """Return what travels beside the bytes; raises as scm_send."""
        return net_scm.scm_send(current, control)

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send a message."""
        return await af_unix.unix_sendmsg(current, sk, buf, size, scm, flags, to=to)

    async def recvmsg(self, current: Task, sk: Any, buf: UserPtr, size: int, flags: int) -> Received:
        """Receive a message."""
        return await receive.unix_recvmsg(current, sk, buf, size, flags)


def unix_name(sk: UnixSock | None) -> bytes:
    """Return a local socket's address as user space sees it."""
    return struct.pack("<H", AF_UNIX) + (sk.addr if sk is not None else b"")


class NetlinkOps(ProtoOps):
    """Netlink sockets."""

    family = AF_NETLINK

    def release(self, sk: Any) -> None:
        """The socket's file is closed."""
        af_netlink.netlink_release(sk)

    def bind(self, current: Task, sk: Any, name: bytes) -> None:
        """Give a socket an address, and groups."""
        netlink_address.netlink_bind(current, sk, name)

    async def connect(self, current: Task, sk: Any, name: bytes, *, nonblock: bool) -> None:
        """Say where messages go."""
        netlink_address.netlink_connect(current, sk, name)

    def socketpair(self, current: Task, a: Any, b: Any) -> None:
        """There are no pairs."""
        raise _not_supported("socketpair")

    async def accept(self, current: Task, sk: Any, *, nonblock: bool) -> Sock:
        """There are no connections."""
        raise _not_supported("accept")

    def getname(self, sk: Any, *, peer: bool) -> bytes:
        """Return a socket's address, or where it sends to."""
        return netlink_address.netlink_getname(sk, peer=peer)

    def poll(self, sk: Any, table: PollTable | None) -> int:
        """Return what can be done without waiting."""
        return af_netlink.netlink_poll(sk, table)

    def ioctl(self, sk: Any, cmd: int) -> int:
        """There are none."""
        raise _not_supported("ioctl")

    def listen(self, current: Task, sk: Any, backlog: int) -> None:
        """There are no connections."""
        raise _not_supported("listen")

    def shutdown(self, sk: Any, mode: int) -> None:
        """There are no directions."""
        raise _not_supported("shutdown")

    def setsockopt(self, current: Task, sk: Any, level: int, optname: int, optval: UserPtr, optlen: int) -> None:
        """Set an option; raises ENOPROTOOPT, EFAULT, EPERM, EINVAL (netlink_setsockopt)."""
        if level != SOL_NETLINK:
            raise LinuxError(Errno.ENOPROTOOPT, f"level {level}")
        value = uaccess.get_user(current, optval, 4) if optlen >= 4 else 0
        if optname in (NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP):
            netlink_address.netlink_membership(current, sk, value, join=optname == NETLINK_ADD_MEMBERSHIP)
        elif optname == NETLINK_PKTINFO:
            sk.pktinfo = bool(value)
        elif optname == NETLINK_BROADCAST_ERROR:
            sk.broadcast_error = bool(value)
        elif optname == NETLINK_NO_ENOBUFS:
            netlink_address.netlink_set_no_enobufs(sk, on=bool(value))
        else:
            raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")

    def getsockopt(self, current: Task, sk: Any, level: int, optname: int, room: int) -> int:
        """Return an option; raises ENOPROTOOPT, EINVAL (netlink_getsockopt)."""
        netlink: NetlinkSock = sk
        if level != SOL_NETLINK:
            raise LinuxError(Errno.ENOPROTOOPT, f"level {level}")
        values = {
            NETLINK_PKTINFO: netlink.pktinfo,
            NETLINK_BROADCAST_ERROR: netlink.broadcast_error,
            NETLINK_NO_ENOBUFS: netlink.no_enobufs,
        }
        if optname not in values:
            raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")
        if room < 4:
            raise LinuxError(Errno.EINVAL, "getsockopt: length")
        return int(values[optname])

    async def sendmsg(
        self, current: Task, sk: Any, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
    ) -> int:
        """Send a message."""
        return await af_netlink.netlink_sendmsg(current, sk, buf, size, scm, flags, to=to)

    async def recvmsg(self, current: Task, sk: Any, buf: UserPtr, size: int, flags: int) -> Received:
        """Receive a message."""
        return await af_netlink.netlink_recvmsg(current, sk, buf, size, flags)


def _not_supported(what: str) -> LinuxError:
    return LinuxError(Errno.EOPNOTSUPP, f"{what} of a netlink socket")


def sock_ops(sk: Sock) -> ProtoOps:
    """Return what a socket's family does."""
    if isinstance(sk, InetSock):
        return sk.ops
    return _NETLINK_OPS if isinstance(sk, NetlinkSock) else _UNIX_OPS


_UNIX_OPS: Final = ProtoOps()
_NETLINK_OPS: Final = NetlinkOps()
