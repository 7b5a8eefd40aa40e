"""Sockets of 32-bit programs: one call for all, and messages of 32-bit words (net/compat.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, UINT_MAX, UIO_MAXIOV
from procession.include.linux.net import Scm
from procession.include.linux.socket import (
    MSG_CMSG_CLOEXEC,
    SO_ATTACH_FILTER,
    SO_RCVTIMEO_OLD,
    SO_SNDTIMEO_OLD,
    SOL_SOCKET,
)
from procession.include.linux.syscalls import COMPAT_SYSCALLS, SYSCALLS, compat_syscall
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.types import Fd, Int, UInt, UserPtr
from procession.mm import uaccess
from procession.net import mmsg, proto_ops, socket
from procession.net import scm as net_scm
from procession.net.core import filter, iovec, sock

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.net.core.sock import Sock

__all__ = ()

_MSGHDR: Final = struct.Struct("<7I")  # name, its length, iov, its length, control, its length, flags
_TWO_WORDS: Final = struct.Struct("<ii")
_FPROG: Final = struct.Struct("<H2xI")
_CMSG: Final = struct.Struct("<Iii")
_NATIVE_CMSG: Final = struct.Struct("<Qii")
_COMPAT_MSG_CMSG: Final = 0x80000000  # MSG_CMSG_COMPAT, which a program may not set itself

# By number: which call, and how many arguments it has.
_CALLS: Final = (
    ("socket", 3),
    ("bind", 3),
    ("connect", 3),
    ("listen", 2),
    ("accept", 3),
    ("getsockname", 3),
    ("getpeername", 3),
    ("socketpair", 4),
    ("send", 4),
    ("recv", 4),
    ("sendto", 6),
    ("recvfrom", 6),
    ("shutdown", 2),
    ("compat_sys_setsockopt", 5),
    ("compat_sys_getsockopt", 5),
    ("compat_sys_sendmsg", 3),
    ("compat_sys_recvmsg", 3),
    ("accept4", 4),
    ("compat_sys_recvmmsg", 5),
    ("compat_sys_sendmmsg", 4),
)
_WITHOUT_ADDRESS: Final = {"send": "sendto", "recv": "recvfrom"}


@compat_syscall
async def compat_sys_socketcall(current: Task, call: Int, args: UserPtr) -> int:
    """Make a call of sockets, whose arguments are in memory (socketcall(2)); raises EINVAL, EFAULT, ENOSYS."""
    if not 1 <= call <= len(_CALLS):
        raise LinuxError(Errno.EINVAL, "no such call")
    name, count = _CALLS[call - 1]
    words = struct.unpack(f"<{count}I", uaccess.copy_from_user(current, args, 4 * count))
    if name in _WITHOUT_ADDRESS:
        name, words = _WITHOUT_ADDRESS[name], (*words, 0, 0)
    found = SYSCALLS.get(name) or COMPAT_SYSCALLS.get(name)
    if found is None:
        current.kernel.not_modelled(name)
        raise LinuxError(Errno.ENOSYS, name)
    result = found.fn(current, *found.decode(words))
    return int(await result if found.is_async else result)


def get_compat_msghdr(current: Task, msg: UserPtr, at: int) -> tuple[int, int, int, int, int, int]:
    """Return name, its length, iov, its length, control, its length; raises EFAULT, EMSGSIZE."""
    name, namelen, iov, iovlen, control, controllen, _ = _MSGHDR.unpack(
        uaccess.copy_from_user(current, msg, _MSGHDR.size, at)
    )
    if iovlen > UIO_MAXIOV:
        raise LinuxError(Errno.EMSGSIZE, "too many pieces")
    return name, namelen, iov, iovlen, control, controllen


def verify_compat_iovec(current: Task, ptr: int, count: int) -> uaccess.IovBuffer:
    """Return the pieces of memory that an array of 32-bit iovecs names; raises EFAULT."""
    words = struct.unpack(f"<{2 * count}I", uaccess.copy_from_user(current, ptr, 8 * count)) if count else ()
    return iovec.iovec_of(current, list(zip(words[::2], words[1::2], strict=True)))


def cmsghdr_from_user_compat_to_kern(control: bytes) -> bytes:
    """Return control messages of 32 bits as native ones; raises EINVAL."""
    out = bytearray()
    at = 0
    while at + _CMSG.size <= len(control):
        length, level, kind = _CMSG.unpack_from(control, at)
        if length < _CMSG.size or at + length > len(control):
            raise LinuxError(Errno.EINVAL, "control message")
        body = control[at + _CMSG.size : at + length]
        out += _NATIVE_CMSG.pack(_NATIVE_CMSG.size + len(body), level, kind) + body
        out += bytes(-len(out) & 7)
        at += length + 3 & ~3
    if not out:
        raise LinuxError(Errno.EINVAL, "control message")
    return bytes(out)


class CompatMsgControl(net_scm.MsgControl):
    """The room for control messages that a struct compat_msghdr gives (put_cmsg_compat)."""

    __slots__ = ()

    def __init__(self, pointer: UserPtr, room: int) -> None:
        super().__init__(pointer, room)
        self.head = _CMSG.size
        self.align = 4

    def header(self, length: int, kind: int, level: int = SOL_SOCKET) -> bytes:
        """Return a struct compat_cmsghdr."""
        return _CMSG.pack(length, level, kind)


@compat_syscall
async def compat_sys_sendmsg(current: Task, fd: Fd, msg: UserPtr, flags: UInt) -> int:
    """sendmsg(2)."""
    return await _sendmsg(current, socket.sockfd_lookup(current, fd), msg, 0, flags & ~_COMPAT_MSG_CMSG)


async def _sendmsg(current: Task, file: socket.SocketFile, msg: UserPtr, at: int, flags: int) -> int:
    name, namelen, iov, iovlen, control, controllen = get_compat_msghdr(current, msg, at)
    to = socket.move_addr_to_kernel(current, name, namelen) if namelen else None
    data = verify_compat_iovec(current, iov, iovlen)
    scm = Scm()
    if controllen > INT_MAX:
        raise LinuxError(Errno.ENOBUFS, "control messages")
    if controllen:
        controls = cmsghdr_from_user_compat_to_kern(uaccess.copy_from_user(current, control, controllen))
        if len(controls) > current.kernel.net.sysctl_optmem_max:
            raise LinuxError(Errno.ENOBUFS, "control messages")
        scm = proto_ops.sock_ops(file.private_data).control_messages(current, controls)
    return await socket.sock_sendmsg(current, file, data, data.total, scm, flags, to)


@compat_syscall
async def compat_sys_recvmsg(current: Task, fd: Fd, msg: UserPtr, flags: UInt) -> int:
    """recvmsg(2)."""
    return (await _recvmsg(current, socket.sockfd_lookup(current, fd), msg, 0, flags & ~_COMPAT_MSG_CMSG))[0]


async def _recvmsg(current: Task, file: socket.SocketFile, msg: UserPtr, at: int, flags: int) -> tuple[int, int]:
    name, namelen, iov, iovlen, control, controllen = get_compat_msghdr(current, msg, at)
    data = verify_compat_iovec(current, iov, iovlen)
    controls = CompatMsgControl(control, controllen)
    got = await socket.recv_with_controls(current, file, data, controls, flags)
    if name:
        socket.move_addr_to_user(current, got.name if namelen else b"", name, msg, at + 4)
    msg_flags = (controls.flags | flags & MSG_CMSG_CLOEXEC) & UINT_MAX
    uaccess.put_user(current, msg, msg_flags, 4, at + 24)
    uaccess.put_user(current, msg, controls.used, 4, at + 20)
    return got.size, msg_flags


class CompatMmsghdr(mmsg.Mmsghdr):
    """How a struct compat_mmsghdr lies in memory."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.size = 32
        self.msg_len = 28

    async def send(self, current: Task, file: socket.SocketFile, mmsg: UserPtr, at: int, flags: int) -> int:
        """Send the message at mmsg + at."""
        return await _sendmsg(current, file, mmsg, at, flags)

    async def receive(
        self, current: Task, file: socket.SocketFile, mmsg: UserPtr, at: int, flags: int
    ) -> tuple[int, int]:
        """Receive a message into mmsg + at; returns its size and flags."""
        return await _recvmsg(current, file, mmsg, at, flags)


@compat_syscall
async def compat_sys_sendmmsg(current: Task, fd: Fd, vec: UserPtr, vlen: UInt, flags: UInt) -> int:
    """sendmmsg(2)."""
    return await mmsg.do_sendmmsg(current, fd, vec, vlen, flags & ~_COMPAT_MSG_CMSG, CompatMmsghdr())


@compat_syscall
async def compat_sys_recvmmsg(current: Task, fd: Fd, vec: UserPtr, vlen: UInt, flags: UInt, timeout: UserPtr) -> int:
    """recvmmsg(2)."""
    flags &= ~_COMPAT_MSG_CMSG
    if not timeout:
        return await mmsg.do_recvmmsg(current, fd, vec, vlen, flags, None, CompatMmsghdr())
    sec, nsec = _TWO_WORDS.unpack(uaccess.copy_from_user(current, timeout, _TWO_WORDS.size))
    end_ns = mmsg.mmsg_timeout(current, sec, nsec)
    received = await mmsg.do_recvmmsg(current, fd, vec, vlen, flags, end_ns, CompatMmsghdr())
    if received:
        left = divmod(max(0, end_ns - current.kernel.clock.now_ns), NSEC_PER_SEC)
        uaccess.copy_to_user(current, timeout, _TWO_WORDS.pack(*left))
    return received


@compat_syscall
def compat_sys_setsockopt(current: Task, fd: Fd, level: Int, optname: Int, optval: UserPtr, optlen: UInt) -> int:
    """Set an option whose structure is another one for 32-bit programs (setsockopt(2)). No length is negative there."""
    if level != SOL_SOCKET or optname not in (SO_ATTACH_FILTER, SO_RCVTIMEO_OLD, SO_SNDTIMEO_OLD):
        return socket.sys_setsockopt(current, fd, level, optname, optval, min(optlen, INT_MAX))
    sk: Sock = socket.sockfd_lookup(current, fd).private_data
    if optname == SO_ATTACH_FILTER:
        count, program = _FPROG.unpack(uaccess.copy_from_user(current, optval, _FPROG.size))
        sk.sk_filter = filter.sk_attach_filter(current, count, program, sk.sk_filter)
        return 0
    if optlen < _TWO_WORDS.size:
        raise LinuxError(Errno.EINVAL, "a timeout's length")
    sec, usec = _TWO_WORDS.unpack(uaccess.copy_from_user(current, optval, _TWO_WORDS.size))
    sock.sock_set_timeout(sk, optname, sec, usec)
    return 0


@compat_syscall
def compat_sys_getsockopt(current: Task, fd: Fd, level: Int, optname: Int, optval: UserPtr, optlen: UserPtr) -> int:
    """Return an option whose structure is another one for 32-bit programs (getsockopt(2))."""
    if level != SOL_SOCKET or optname not in (SO_RCVTIMEO_OLD, SO_SNDTIMEO_OLD):
        return socket.sys_getsockopt(current, fd, level, optname, optval, optlen)
    sk: Sock = socket.sockfd_lookup(current, fd).private_data
    if uaccess.get_user(current, optlen, 4, signed=True) < _TWO_WORDS.size:
        raise LinuxError(Errno.EINVAL, "a timeout's length")
    sec, usec = sock.timeout_timeval(sk, optname)
    uaccess.put_user(current, optlen, _TWO_WORDS.size, 4)
    uaccess.copy_to_user(current, optval, struct.pack("<Ii", sec & UINT_MAX, usec))
    return 0
