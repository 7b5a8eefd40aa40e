"""Sockets of 32-bit programs: one call for all, and messages of 32-bit words (net/compat.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, UINT_MAX, UIO_MAXIOV
from procession.include.linux.net import Scm
from procession.include.linux.socket import MSG_CMSG_CLOEXEC, SOL_SOCKET
from procession.include.linux.syscalls import COMPAT_SYSCALLS, SYSCALLS, compat_syscall
from procession.include.linux.types import Fd, Int, UInt, UserPtr
from procession.mm import uaccess
from procession.net import scm as net_scm
from procession.net import socket

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ()

_MSGHDR: Final = struct.Struct("<7I")  # name, its length, iov, its length, control, its length, flags
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
    ("setsockopt", 5),
    ("getsockopt", 5),
    ("compat_sys_sendmsg", 3),
    ("compat_sys_recvmsg", 3),
    ("accept4", 4),
    ("recvmmsg", 5),
    ("sendmmsg", 4),
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
    if name == "setsockopt" and words[4] >> 31:
        words = (*words[:4], INT_MAX)  # a negative length is a long one there
    found = SYSCALLS.get(name) or COMPAT_SYSCALLS.get(name)
    if found is None:
        current.kernel.not_modelled(name)
        raise LinuxError(Errno.ENOSYS, name)
    result = found.fn(current, *found.decode(words))
    return int(await result if found.is_async else result)


def get_compat_msghdr(current: Task, msg: UserPtr) -> tuple[int, int, int, int, int, int]:
    """Return name, its length, iov, its length, control, its length; raises EFAULT, EMSGSIZE."""
    name, namelen, iov, iovlen, control, controllen, _ = _MSGHDR.unpack(
        uaccess.copy_from_user(current, msg, _MSGHDR.size)
    )
    if iovlen > UIO_MAXIOV:
        raise LinuxError(Errno.EMSGSIZE, "too many pieces")
    return name, namelen, iov, iovlen, control, controllen


def verify_compat_iovec(current: Task, ptr: int, count: int) -> uaccess.IovBuffer:
    """Return the pieces of memory that an array of 32-bit iovecs names; raises EFAULT."""
    words = struct.unpack(f"<{2 * count}I", uaccess.copy_from_user(current, ptr, 8 * count)) if count else ()
    return socket.iovec(current, list(zip(words[::2], words[1::2], strict=True)))


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
    file = socket.sockfd_lookup(current, fd)
    name, namelen, iov, iovlen, control, controllen = get_compat_msghdr(current, msg)
    to = socket.move_addr_to_kernel(current, name, namelen) if namelen else None
    data = verify_compat_iovec(current, iov, iovlen)
    scm = Scm()
    if controllen > INT_MAX:
        raise LinuxError(Errno.ENOBUFS, "control messages")
    if controllen:
        controls = cmsghdr_from_user_compat_to_kern(uaccess.copy_from_user(current, control, controllen))
        if len(controls) > socket.OPTMEM_MAX:
            raise LinuxError(Errno.ENOBUFS, "control messages")
        scm = net_scm.scm_send(current, controls)
    return await socket.sock_sendmsg(current, file, data, data.total, scm, flags & ~_COMPAT_MSG_CMSG, to)


@compat_syscall
async def compat_sys_recvmsg(current: Task, fd: Fd, msg: UserPtr, flags: UInt) -> int:
    """recvmsg(2)."""
    file = socket.sockfd_lookup(current, fd)
    name, namelen, iov, iovlen, control, controllen = get_compat_msghdr(current, msg)
    data = verify_compat_iovec(current, iov, iovlen)
    controls = CompatMsgControl(control, controllen)
    got = await socket.recv_with_controls(current, file, data, controls, flags & ~_COMPAT_MSG_CMSG)
    if name:
        socket.move_addr_to_user(current, got.name if namelen else b"", name, msg, 4)
    uaccess.put_user(current, msg, (controls.flags | flags & MSG_CMSG_CLOEXEC) & UINT_MAX, 4, 24)
    uaccess.put_user(current, msg, controls.used, 4, 20)
    return got.size
