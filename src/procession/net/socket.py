"""The socket system calls (net/socket.c). Local and netlink sockets are there; other families are EAFNOSUPPORT."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from procession.fs import fasync, file_table, splice
from procession.fs import file as fs_file
from procession.fs import inode as fs_inode
from procession.include.asm.ioctls import FIOGETOWN, FIOSETOWN, SIOCGPGRP, SIOCSPGRP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC, O_NONBLOCK, O_RDWR, FdPair
from procession.include.linux.fs import FMODE_READ, FMODE_WRITE, S_IFSOCK, Dentry, File, Inode, PathRef
from procession.include.linux.limits import INT_MAX, UINT_MAX, UIO_MAXIOV
from procession.include.linux.net import AF_MAX, SOCK_MAX, SOCK_TYPE_MASK, Scm
from procession.include.linux.netlink import NETLINK_PKTINFO, SOL_NETLINK
from procession.include.linux.socket import (
    AF_INET,
    AF_INET6,
    AF_NETLINK,
    AF_UNIX,
    MSG_CMSG_CLOEXEC,
    MSG_DONTWAIT,
    MSG_TRUNC,
    SO_PEERCRED,
    SO_PEERNAME,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOL_SOCKET,
    AcceptArg,
    FamilyArg,
    MsgArg,
    MsgIn,
    MsgOut,
    OptLenArg,
    OptLevelArg,
    OptNameArg,
    OptOut,
    OptValArg,
    ShutArg,
    SockaddrIn,
    SockaddrOut,
    SockLenArg,
    SockProtocolArg,
    SockTypeArg,
)
from procession.include.linux.sockios import SIOCDEVPRIVATE
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Fd, InBuf, Int, OutBuf, SizeT, UserPtr
from procession.include.linux.undo import Undo
from procession.kernel import choose_fault
from procession.mm import slab, uaccess
from procession.net import proto_ops, sock_async
from procession.net import scm as net_scm
from procession.net.core import dev, iovec
from procession.net.core import sock as net_sock
from procession.net.core.sock import Sock
from procession.net.ipv4 import af_inet, devinet, tcp
from procession.net.ipv4.sock import TcpSock
from procession.net.netlink import af_netlink
from procession.net.netlink.sock import NetlinkSock
from procession.net.unix import af_unix

if TYPE_CHECKING:
    from procession.fs.pipe import PipeInodeInfo
    from procession.include.linux.fs import PollTable
    from procession.include.linux.sched import Task
    from procession.net.unix.receive import Received

__all__ = (
    "SocketFile",
    "do_recvmsg",
    "do_sendmsg",
    "move_addr_to_kernel",
    "move_addr_to_user",
    "recv_with_controls",
    "sock_map_fd",
    "sock_sendmsg",
    "sockfd_lookup",
    "sys_accept",
    "sys_accept4",
    "sys_bind",
    "sys_connect",
    "sys_getpeername",
    "sys_getsockname",
    "sys_getsockopt",
    "sys_listen",
    "sys_recvfrom",
    "sys_recvmsg",
    "sys_sendmsg",
    "sys_sendto",
    "sys_setsockopt",
    "sys_shutdown",
    "sys_socket",
    "sys_socketpair",
)

_ADDRESS_MAX: Final = 128
_MSGHDR: Final = struct.Struct("<QI4xQQQQI4x")


class SocketFile(File):
    """A socket's open file."""

    f_op_aio = True

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Receive; 0 bytes are there at once (sock_aio_read)."""
        if not count:
            return 0
        sk = self.private_data
        count = choose_fault.choose_bytes(current, sk, count)
        got = await proto_ops.sock_ops(sk).recvmsg(current, sk, buf, count, _flags(self, 0))
        net_scm.scm_destroy(current.kernel, current, got.cookie)
        return got.size

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Send."""
        sk = self.private_data
        count = choose_fault.choose_bytes(current, sk, count)
        return await proto_ops.sock_ops(sk).sendmsg(current, sk, buf, count, Scm(), _flags(self, 0), None)

    async def splice_read(self, current: Task, pos: int, pipe: PipeInodeInfo, length: int, flags: int) -> int:
        """Raise EINVAL: only TCP can (sock_splice_read)."""
        raise LinuxError(Errno.EINVAL, "no splice_read in this family")

    async def splice_write(
        self, current: Task, pipe: PipeInodeInfo, pos: int, length: int, flags: int
    ) -> tuple[int, int]:
        """Send what is in a pipe, each buffer by itself."""
        return await splice.generic_splice_sendpage(current, pipe, self, pos, length, flags)

    def poll(self, current: Task, table: PollTable | None) -> int:
        """Report what can be done without waiting."""
        return proto_ops.sock_ops(self.private_data).poll(self.private_data, table)

    async def ioctl(self, current: Task, cmd: int, arg: Any) -> int:
        """Ask the file, the family, then the interfaces; raises EINVAL, ENOTTY, EOPNOTSUPP of a family with none."""
        sk: Sock = self.private_data
        if cmd in (FIOSETOWN, SIOCSPGRP):
            fasync.f_setown(current, self, uaccess.get_user(current, arg, 4))
            return 0
        if cmd in (FIOGETOWN, SIOCGPGRP):
            uaccess.put_user(current, arg, fasync.f_getown(current, self) & UINT_MAX, 4)
            return 0
        if sk.family == AF_INET and cmd in devinet.DEVINET_IOCTLS:
            devinet.devinet_ioctl(current, sk.net, cmd, arg)
            return 0
        if SIOCDEVPRIVATE <= cmd < SIOCDEVPRIVATE + 16:
            dev.dev_ioctl(current, sk.net, cmd, arg)
            return 0
        try:
            value = proto_ops.sock_ops(sk).ioctl(sk, cmd)
        except LinuxError as error:
            if error.errno != Errno.ENOIOCTLCMD:
                raise
        else:
            uaccess.put_user(current, arg, value, 4)
            return 0
        dev.dev_ioctl(current, sk.net, cmd, arg)
        return 0

    def has_fasync(self) -> bool:
        """Yes."""
        return True

    def fasync(self, current: Task | None, fd: int, *, on: bool) -> None:
        """Set or clear O_ASYNC (sock_fasync); raises EINVAL if there is nothing yet that could be accepted."""
        sk = self.private_data
        if sk is None:
            raise LinuxError(Errno.EINVAL, "no socket yet")
        sock_async.sock_fasync(sk, fd, self, on=on)

    def lingers(self) -> bool:
        """Whether SO_LINGER says so."""
        sk = self.private_data
        return isinstance(sk, TcpSock) and bool(sk.flags & net_sock.SOCK_LINGER) and sk.lingertime > 0

    async def linger(self, current: Task) -> None:
        """Wait until what was sent has arrived."""
        await tcp.tcp_linger(current, self.private_data)

    def release(self, current: Task | None) -> None:
        """Close the connection."""
        self.f_path.mnt.mnt_sb.kernel.net.sockets_in_use -= 1
        if self.private_data is not None:
            self.private_data.file = None
            proto_ops.sock_ops(self.private_data).release(self.private_data)


def _flags(file: File, flags: int) -> int:
    return flags | MSG_DONTWAIT if file.f_flags & O_NONBLOCK else flags


def sock_alloc(current: Task) -> None:
    """Ask for the memory of a struct socket, which is the host's; raises ENFILE if it is to be refused."""
    slab.should_failslab(current.kernel, "sock_inode_cache", Errno.ENFILE)


def sock_alloc_file(current: Task, sk: Sock | None, flags: int) -> SocketFile:
    """Return the open file of a socket, None if that is still to come; raises ENFILE."""
    k = current.kernel
    sb = k.net.sock_mnt.mnt_sb
    cred = current.cred
    inode = Inode(sb, fs_inode.get_next_ino(sb), S_IFSOCK | 0o777, cred.fsuid, cred.fsgid)
    inode.i_atime_ns = inode.i_mtime_ns = inode.i_ctime_ns = k.boot_time_ns + k.clock.now_ns
    dentry = Dentry(f"socket:[{inode.i_ino}]", k.net.sock_mnt.mnt_root, inode)
    dentry.d_parent = dentry
    file = SocketFile(PathRef(k.net.sock_mnt, dentry), O_RDWR | flags & O_NONBLOCK, FMODE_READ | FMODE_WRITE)
    file_table.alloc_file(current, file)
    k.net.sockets_in_use += 1
    if sk is not None:
        sock_graft(sk, file)
    return file


def sock_graft(sk: Sock, file: SocketFile) -> None:
    """Make it the socket of an open file."""
    file.private_data = sk
    sk.file = file
    sk.i_ino = file.inode.i_ino


def sock_map_fd(current: Task, sk: Sock, flags: int) -> int:
    """Install a socket in a new descriptor; raises EMFILE, ENFILE."""
    fd = fs_file.alloc_fd(current, 0, flags & O_CLOEXEC)
    try:
        file = sock_alloc_file(current, sk, flags)
    except LinuxError:
        fs_file.put_unused_fd(current, fd)
        raise
    fs_file.fd_install(current, fd, file)
    return fd


def sockfd_lookup(current: Task, fd: int) -> SocketFile:
    """Return the socket behind a descriptor; raises EBADF, ENOTSOCK."""
    file = fs_file.fget_light(current, fd)
    if not isinstance(file, SocketFile):
        raise LinuxError(Errno.ENOTSOCK, f"descriptor {fd}")
    return file


def sock_create(current: Task, family: int, type: int, protocol: int) -> tuple[Sock, int]:
    """Return a new socket and the flags that came with type; raises EINVAL, EAFNOSUPPORT, and what the family does."""
    flags = type & ~SOCK_TYPE_MASK
    if flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK):
        raise LinuxError(Errno.EINVAL, "socket: unknown flags")
    type &= SOCK_TYPE_MASK
    if not 0 <= family < AF_MAX:
        raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
    if type >= SOCK_MAX:
        raise LinuxError(Errno.EINVAL, f"socket type {type}")
    sock_alloc(current)
    if family == AF_NETLINK:
        return af_netlink.netlink_create(current, type, protocol), flags
    if family in (AF_INET, AF_INET6):
        return af_inet.inet_create(current, family, type, protocol), flags
    if family != AF_UNIX:
        if family:
            current.kernel.not_modelled(f"socket: family {family}")
        raise LinuxError(Errno.EAFNOSUPPORT, f"address family {family}")
    return af_unix.unix_create(current, type, protocol), flags


@syscall
def sys_socket(current: Task, family: FamilyArg, type: SockTypeArg, protocol: SockProtocolArg) -> Fd:
    """Make a socket (socket(2))."""
    sk, flags = sock_create(current, family, type, protocol)
    with Undo() as undo:
        undo.push((proto_ops.sock_ops(sk).release, sk))
        return sock_map_fd(current, sk, flags)


@syscall
def sys_socketpair(
    current: Task, family: FamilyArg, type: SockTypeArg, protocol: SockProtocolArg, usockvec: FdPair
) -> int:
    """Make two connected sockets (socketpair(2))."""
    a, flags = sock_create(current, family, type, protocol)
    ops = proto_ops.sock_ops(a)
    with Undo() as undo:
        undo.push((ops.release, a))
        b, _ = sock_create(current, family, type, protocol)
        undo.push((ops.release, b))
        ops.socketpair(current, a, b)
        fd1 = sock_map_fd(current, a, flags)
    try:
        fd2 = sock_map_fd(current, b, flags)
    except LinuxError:
        ops.release(b)
        fs_file.close_fd(current, fd1)
        raise
    try:
        uaccess.copy_to_user(current, usockvec, struct.pack("<ii", fd1, fd2))
    except LinuxError:
        fs_file.close_fd(current, fd1)
        fs_file.close_fd(current, fd2)
        raise
    return 0


# Names and connections.


def move_addr_to_kernel(current: Task, ptr: UserPtr, length: int) -> bytes:
    """Read a socket address; raises EINVAL, EFAULT."""
    if not 0 <= length <= _ADDRESS_MAX:
        raise LinuxError(Errno.EINVAL, "length of an address")
    return uaccess.copy_from_user(current, ptr, length) if length else b""


def move_addr_to_user(current: Task, address: bytes, ptr: UserPtr, lenptr: UserPtr, offset: int = 0) -> None:
    """Store an address, as much of it as there is room for, and its real length; raises EINVAL, EFAULT.

    The room, and then the length, is at lenptr + offset.
    """
    room = uaccess.get_user(current, lenptr, 4, True, offset)
    if room < 0:
        raise LinuxError(Errno.EINVAL, "length of an address")
    if room:
        uaccess.copy_to_user(current, ptr, address[:room])
    uaccess.put_user(current, lenptr, len(address), 4, offset)


@syscall
def sys_bind(current: Task, fd: Fd, umyaddr: SockaddrIn, addrlen: Int) -> int:
    """Give a socket a name (bind(2))."""
    file = sockfd_lookup(current, fd)
    sk = file.private_data
    proto_ops.sock_ops(sk).bind(current, sk, move_addr_to_kernel(current, umyaddr, addrlen))
    return 0


@syscall
def sys_listen(current: Task, fd: Fd, backlog: Int) -> int:
    """Accept connections (listen(2))."""
    sk: Sock = sockfd_lookup(current, fd).private_data
    most = sk.net.sysctl_somaxconn
    # Compared as unsigned: a negative one is more than there may be.
    proto_ops.sock_ops(sk).listen(current, sk, backlog if backlog & UINT_MAX <= most & UINT_MAX else most)
    return 0


@syscall
async def sys_accept4(
    current: Task, fd: Fd, upeer_sockaddr: SockaddrOut, upeer_addrlen: SockLenArg, flags: AcceptArg
) -> Fd:
    """Take a connection (accept4(2))."""
    if flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK):
        raise LinuxError(Errno.EINVAL, "accept4: unknown flags")
    file = sockfd_lookup(current, fd)
    sock_alloc(current)
    # What can be refused for lack of descriptors is refused before a connection is taken.
    newfd = fs_file.alloc_fd(current, 0, flags & O_CLOEXEC)
    with Undo() as undo:
        undo.push((fs_file.put_unused_fd, current, newfd))
        newfile = sock_alloc_file(current, None, flags)
        undo.push((file_table.fput, current, newfile))
        current.held += (file_table.get_file(file), newfile)
        try:
            sk = file.private_data
            server = await proto_ops.sock_ops(sk).accept(current, sk, nonblock=bool(file.f_flags & O_NONBLOCK))
        finally:
            del current.held[-2:]
            file_table.fput(current, file)
        sock_graft(server, newfile)
        if upeer_sockaddr:
            name = proto_ops.sock_ops(server).accepted_name(server)
            move_addr_to_user(current, name, upeer_sockaddr, upeer_addrlen)
    fs_file.fd_install(current, newfd, newfile)
    return newfd


@syscall
async def sys_accept(current: Task, fd: Fd, upeer_sockaddr: SockaddrOut, upeer_addrlen: SockLenArg) -> Fd:
    """Take a connection (accept(2))."""
    return await sys_accept4(current, fd, upeer_sockaddr, upeer_addrlen, 0)


@syscall
async def sys_connect(current: Task, fd: Fd, uservaddr: SockaddrIn, addrlen: Int) -> int:
    """Connect a socket (connect(2))."""
    file = sockfd_lookup(current, fd)
    address = move_addr_to_kernel(current, uservaddr, addrlen)
    current.held.append(file_table.get_file(file))
    try:
        sk = file.private_data
        await proto_ops.sock_ops(sk).connect(current, sk, address, nonblock=bool(file.f_flags & O_NONBLOCK))
    finally:
        current.held.pop()
        file_table.fput(current, file)
    return 0


@syscall
def sys_getsockname(current: Task, fd: Fd, usockaddr: SockaddrOut, usockaddr_len: SockLenArg) -> int:
    """Store a socket's own name (getsockname(2))."""
    sk = sockfd_lookup(current, fd).private_data
    move_addr_to_user(current, proto_ops.sock_ops(sk).getname(sk, peer=False), usockaddr, usockaddr_len)
    return 0


@syscall
def sys_getpeername(current: Task, fd: Fd, usockaddr: SockaddrOut, usockaddr_len: SockLenArg) -> int:
    """Store the name of the other end (getpeername(2)); raises ENOTCONN."""
    sk = sockfd_lookup(current, fd).private_data
    move_addr_to_user(current, proto_ops.sock_ops(sk).getname(sk, peer=True), usockaddr, usockaddr_len)
    return 0


@syscall
def sys_shutdown(current: Task, fd: Fd, how: ShutArg) -> int:
    """End a direction: 0 receiving, 1 sending, 2 both (shutdown(2)); 3.2 looks at no other bits, and refuses none."""
    sk = sockfd_lookup(current, fd).private_data
    proto_ops.sock_ops(sk).shutdown(sk, how + 1)
    return 0


# Options.


@syscall
def sys_setsockopt(
    current: Task, fd: Fd, level: OptLevelArg, optname: OptNameArg, optval: OptValArg, optlen: Int
) -> int:
    """Set an option (setsockopt(2))."""
    if optlen < 0:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")
    sk: Sock = sockfd_lookup(current, fd).private_data
    if level != SOL_SOCKET:
        proto_ops.sock_ops(sk).setsockopt(current, sk, level, optname, optval, optlen)
        return 0
    net_sock.sock_setsockopt(current, sk, optname, optval, optlen)
    return 0


@syscall
def sys_getsockopt(
    current: Task, fd: Fd, level: OptLevelArg, optname: OptNameArg, optval: OptOut, optlen: OptLenArg
) -> int:
    """Return an option (getsockopt(2))."""
    sk: Sock = sockfd_lookup(current, fd).private_data
    room = uaccess.get_user(current, optlen, 4, signed=True)
    if room < 0 and level == SOL_SOCKET:
        raise LinuxError(Errno.EINVAL, "getsockopt: length")
    if level != SOL_SOCKET:
        value = proto_ops.sock_ops(sk).getsockopt_bytes(current, sk, level, optname, room)
    elif optname == SO_PEERCRED:
        value = net_scm.cred_to_ucred(current, sk.peer_pid, sk.peer_cred)
    elif optname == SO_PEERNAME:
        value = _peername(sk, room)
    else:
        value = net_sock.sock_getsockopt(sk, optname)
    if room >= 0:
        value = value[:room]
    uaccess.copy_to_user(current, optval, value)
    uaccess.put_user(current, optlen, len(value), 4)
    return 0


def _peername(sk: Sock, room: int) -> bytes:
    """Return the name of the other end, if it is as long as room at least; raises ENOTCONN, EINVAL."""
    try:
        name = proto_ops.sock_ops(sk).getname(sk, peer=True)
    except LinuxError as error:
        raise LinuxError(Errno.ENOTCONN, error.why) from error
    if len(name) < room:
        raise LinuxError(Errno.EINVAL, "getsockopt: length")
    return name


# Data.


async def sock_sendmsg(
    current: Task, file: SocketFile, buf: UserPtr, size: int, scm: Scm, flags: int, to: bytes | None
) -> int:
    """Send a message; the references of scm are consumed either way."""
    current.held += (file_table.get_file(file), scm)
    try:
        sk = file.private_data
        size = choose_fault.choose_bytes(current, sk, size)
        return await proto_ops.sock_ops(sk).sendmsg(current, sk, buf, size, scm, _flags(file, flags), to)
    finally:
        del current.held[-2:]
        net_scm.scm_destroy(current.kernel, current, scm)
        file_table.fput(current, file)


async def sock_recvmsg(current: Task, file: SocketFile, buf: UserPtr, size: int, flags: int) -> Received:
    """Receive a message; see unix_recvmsg."""
    current.held.append(file_table.get_file(file))
    try:
        sk = file.private_data
        size = choose_fault.choose_bytes(current, sk, size)
        return await proto_ops.sock_ops(sk).recvmsg(current, sk, buf, size, _flags(file, flags))
    finally:
        current.held.pop()
        file_table.fput(current, file)


@syscall
async def sys_sendto(
    current: Task, fd: Fd, buff: InBuf, len: SizeT, flags: MsgArg, addr: SockaddrIn, addr_len: Int
) -> int:
    """Send a message, perhaps to an address (sendto(2))."""
    file = sockfd_lookup(current, fd)
    to = move_addr_to_kernel(current, addr, addr_len) if addr else None
    return await sock_sendmsg(current, file, buff, min(len, INT_MAX), Scm(), flags, to)


@syscall
async def sys_recvfrom(
    current: Task, fd: Fd, ubuf: OutBuf, size: SizeT, flags: MsgArg, addr: SockaddrOut, addr_len: SockLenArg
) -> int:
    """Receive a message, and perhaps its sender's address (recvfrom(2))."""
    file = sockfd_lookup(current, fd)
    got = await sock_recvmsg(current, file, ubuf, min(size, INT_MAX), flags)
    net_scm.scm_destroy(current.kernel, current, got.cookie)
    if addr:
        move_addr_to_user(current, got.name, addr, addr_len)
    return got.size


def _read_msghdr(current: Task, msg: UserPtr, at: int) -> tuple[int, int, int, int, int, int]:
    """Return name, its length, iov, its length, control, its length of a struct msghdr; raises EFAULT, EMSGSIZE."""
    raw = uaccess.copy_from_user(current, msg, _MSGHDR.size, at)
    name, namelen, iov, iovlen, control, controllen, _ = _MSGHDR.unpack(raw)
    if iovlen > UIO_MAXIOV:
        raise LinuxError(Errno.EMSGSIZE, "too many pieces")
    return name, namelen, iov, iovlen, control, controllen


@syscall
async def sys_sendmsg(current: Task, fd: Fd, msg: MsgIn, flags: MsgArg) -> int:
    """Send pieces of memory as one message, with open files (sendmsg(2))."""
    return await do_sendmsg(current, sockfd_lookup(current, fd), msg, 0, flags)


async def do_sendmsg(current: Task, file: SocketFile, msg: UserPtr, at: int, flags: int) -> int:
    """Send the message whose struct msghdr is at msg + at (__sys_sendmsg)."""
    name, namelen, iov, iovlen, control, controllen = _read_msghdr(current, msg, at)
    to = move_addr_to_kernel(current, name, namelen) if namelen else None
    data = iovec.verify_iovec(current, iov, iovlen)
    scm = Scm()
    if controllen > current.kernel.net.sysctl_optmem_max:
        raise LinuxError(Errno.ENOBUFS, "control messages")
    if controllen:
        controls = uaccess.copy_from_user(current, control, controllen)
        scm = proto_ops.sock_ops(file.private_data).control_messages(current, controls)
    return await sock_sendmsg(current, file, data, data.total, scm, flags, to)


@syscall
async def sys_recvmsg(current: Task, fd: Fd, msg: MsgOut, flags: MsgArg) -> int:
    """Receive a message into pieces of memory, with open files and credentials (recvmsg(2))."""
    return (await do_recvmsg(current, sockfd_lookup(current, fd), msg, 0, flags))[0]


async def do_recvmsg(current: Task, file: SocketFile, msg: UserPtr, at: int, flags: int) -> tuple[int, int]:
    """Receive a message, whose struct msghdr is at msg + at; returns its size and its flags (__sys_recvmsg)."""
    name, namelen, iov, iovlen, control, controllen = _read_msghdr(current, msg, at)
    data = iovec.verify_iovec(current, iov, iovlen)
    controls = net_scm.MsgControl(control, controllen)
    got = await recv_with_controls(current, file, data, controls, flags)
    if name:
        move_addr_to_user(current, got.name if namelen else b"", name, msg, at + 8)
    msg_flags = controls.flags | flags & MSG_CMSG_CLOEXEC
    uaccess.put_user(current, msg, msg_flags, 4, at + 48)
    uaccess.put_user(current, msg, controls.used, 8, at + 40)
    return got.size, msg_flags


async def recv_with_controls(
    current: Task, file: SocketFile, data: uaccess.IovBuffer, controls: net_scm.MsgControl, flags: int
) -> Received:
    """Receive a message, and store what came along with it; see unix_recvmsg."""
    got = await sock_recvmsg(current, file, data, data.total, flags)
    sk: Sock = file.private_data
    if got.stamp_ns:
        net_sock.sock_recv_timestamp(current, sk, got.stamp_ns, controls)
    if isinstance(sk, NetlinkSock) and sk.pktinfo:
        net_scm.put_cmsg(current, controls, NETLINK_PKTINFO, struct.pack("<I", got.group), SOL_NETLINK)
    if not got.ended:
        net_scm.scm_recv(current, got.cookie, controls, flags, passcred=sk.passcred)
    for level, kind, body in got.cmsgs:
        net_scm.put_cmsg(current, controls, kind, body, level)
    controls.flags |= got.flags | (MSG_TRUNC if got.cut else 0)
    return got
