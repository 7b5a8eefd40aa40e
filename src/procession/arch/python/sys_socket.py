"""Sys: sockets, with addresses as Python's own socket module writes them."""

from __future__ import annotations

import struct
from typing import Any, Final

from procession.arch.python import checks
from procession.arch.python.buffer import InBuffer, OutBuffer
from procession.arch.python.sys_file import FileCalls
from procession.arch.python.traps import trap
from procession.include.linux.inet import SOCKADDR_IN, SOCKADDR_IN6
from procession.include.linux.netlink import SOCKADDR_NL
from procession.include.linux.socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SOCK_STREAM
from procession.lib import string

__all__ = ("Address", "SocketCalls")

# A path or an abstract name; host and port, of IPv6 flow and scope as well; nobody.
Address = str | tuple[str, int] | tuple[str, int, int, int] | tuple[int, int] | None

_ROOM: Final = 128  # bytes: no address is longer


def address_of(what: str, address: Any) -> bytes:
    """Return a struct sockaddr: of a path or abstract name, of (host, port), or bytes that are one already.

    A host is an address in figures, "localhost", or "" for any. Raises TypeError, ValueError.
    """
    if isinstance(address, bytes | bytearray):
        return bytes(address)
    if isinstance(address, str):
        path = checks.encode(what, address)
        return struct.pack("<H", AF_UNIX) + path + (b"" if path.startswith(b"\0") or not path else b"\0")
    if not isinstance(address, tuple) or not 2 <= len(address) <= 4:
        raise TypeError(f"{what}: a path or (host, port) expected, not {address!r:.80}")
    if isinstance(address[0], int):
        return SOCKADDR_NL.pack(AF_NETLINK, 0, *(checks.bits(what, number, 32, signed=False) for number in address[:2]))
    import ipaddress  # noqa: PLC0415 -- most programs have no addresses

    host: str = address[0]
    port = checks.integer(what, address[1], 0, 0xFFFF).to_bytes(2)
    numbers = [checks.bits(what, number, 32, signed=False) for number in address[2:]]
    try:
        known = ipaddress.ip_address(
            {
                "": "0.0.0.0",  # noqa: S104 -- of the machine inside
                "localhost": "127.0.0.1",
            }.get(host, host)
        )
    except ValueError:
        raise ValueError(f"{what}: {host!r} is no address: names are not looked up") from None
    if known.version == 4:
        return SOCKADDR_IN.pack(AF_INET, port, known.packed)
    flow, scope = (*numbers, 0, 0)[:2]
    return SOCKADDR_IN6.pack(AF_INET6, port, flow, known.packed, scope)


def address_from(raw: bytes) -> Address:
    """Return what a struct sockaddr says, None for an empty one."""
    import ipaddress  # noqa: PLC0415

    family = int.from_bytes(raw[:2], "little")
    if family == AF_INET and len(raw) >= SOCKADDR_IN.size:
        return str(ipaddress.IPv4Address(raw[4:8])), int.from_bytes(raw[2:4])
    if family == AF_INET6 and len(raw) >= SOCKADDR_IN6.size:
        _, port, flow, host, scope = SOCKADDR_IN6.unpack(raw[: SOCKADDR_IN6.size])
        return str(ipaddress.IPv6Address(host)), int.from_bytes(port), flow, scope
    if family == AF_NETLINK and len(raw) >= SOCKADDR_NL.size:
        _, _, nl_pid, groups = SOCKADDR_NL.unpack(raw[: SOCKADDR_NL.size])
        return nl_pid, groups
    if family == AF_UNIX:
        path = raw[2:]
        return string.to_text(path if path.startswith(b"\0") else path.split(b"\0", 1)[0])
    return None


class SocketCalls(FileCalls):
    """Everything that has an address. With C's arguments, pointers and lengths, a call is C's, and returns a number."""

    __slots__ = ()

    async def socket(self, family: int = AF_INET, type: int = SOCK_STREAM, protocol: int = 0) -> int:
        """Make a socket."""
        return await trap("socket", family, type, protocol)

    async def bind(self, fd: int, address: Any, *length: Any) -> int:
        r"""Give a socket a name: ("127.0.0.1", 80), ("::1", 80), a path, or "\0" and an abstract name."""
        if length:
            return await self.syscall("bind", fd, address, *length)
        raw = address_of("bind", address)
        return await trap("bind", fd, InBuffer(raw), len(raw))

    async def connect(self, fd: int, address: Any, *length: Any) -> int:
        """Connect a socket; None undoes that."""
        if length:
            return await self.syscall("connect", fd, address, *length)
        raw = b"\0\0" if address is None else address_of("connect", address)
        return await trap("connect", fd, InBuffer(raw), len(raw))

    async def accept(self, fd: int, *pointers: Any) -> Any:
        """Take a connection; returns its descriptor and the other end's address."""
        if pointers:
            return await self.syscall("accept", fd, *pointers)
        name, length = _room()
        return await trap("accept", fd, name, length), _filled(name, length)

    async def getsockname(self, fd: int, *pointers: Any) -> Any:
        """Return a socket's own address."""
        if pointers:
            return await self.syscall("getsockname", fd, *pointers)
        name, length = _room()
        await trap("getsockname", fd, name, length)
        return _filled(name, length)

    async def getpeername(self, fd: int, *pointers: Any) -> Any:
        """Return the other end's address."""
        if pointers:
            return await self.syscall("getpeername", fd, *pointers)
        name, length = _room()
        await trap("getpeername", fd, name, length)
        return _filled(name, length)

    async def send(self, fd: int, data: bytes | bytearray | memoryview | str, flags: int = 0) -> int:
        """Send bytes, or text as UTF-8; returns how many bytes were taken."""
        return await self.sendto(fd, data, flags)

    async def sendto(self, fd: int, data: Any, flags: Any = 0, address: Any = None, *pointers: Any) -> int:
        """Send to an address, or where the socket is connected to; returns how many bytes were taken."""
        if pointers:
            return await self.syscall("sendto", fd, data, flags, address, *pointers)
        data = checks.data_of("sendto", data)
        if address is None:
            return await trap("sendto", fd, InBuffer(data), len(data), flags, 0, 0)
        raw = address_of("sendto", address)
        return await trap("sendto", fd, InBuffer(data), len(data), flags, InBuffer(raw), len(raw))

    async def recv(self, fd: int, n: int, flags: int = 0) -> bytes:
        """Receive up to n bytes, b"" at the end."""
        buffer = OutBuffer(checks.size("recv", n))
        got = await trap("recvfrom", fd, buffer, n, flags, 0, 0)
        return bytes(buffer.data[:got])

    async def recvfrom(self, fd: int, n: Any, flags: int = 0, *pointers: Any) -> Any:
        """Receive up to n bytes, and whom they are from."""
        if pointers:
            return await self.syscall("recvfrom", fd, n, flags, *pointers)
        buffer = OutBuffer(checks.size("recvfrom", n))
        name, length = _room()
        got = await trap("recvfrom", fd, buffer, n, flags, name, length)
        return bytes(buffer.data[:got]), _filled(name, length)

    async def setsockopt(self, fd: int, level: int, optname: int, value: Any, *length: Any) -> int:
        """Set an option to a number, or to the bytes of a struct."""
        if length:
            return await self.syscall("setsockopt", fd, level, optname, value, *length)
        raw = (
            value if isinstance(value, bytes) else struct.pack("<i", checks.bits("setsockopt", value, 32, signed=True))
        )
        return await trap("setsockopt", fd, level, optname, InBuffer(raw), len(raw))

    async def getsockopt(self, fd: int, level: int, optname: int, size: Any = 0, *length: Any) -> Any:
        """Return an option: a number, or with a size the bytes of a struct."""
        if length:
            return await self.syscall("getsockopt", fd, level, optname, size, *length)
        room = checks.integer("getsockopt", size, 0, 1 << 16) or 4
        buffer, used = OutBuffer(room), OutBuffer(4, room.to_bytes(4, "little"))
        await trap("getsockopt", fd, level, optname, buffer, used)
        raw = buffer.load(0, int.from_bytes(used.load(0, 4), "little"))
        return raw if size else int.from_bytes(raw, "little", signed=True)


def _room() -> tuple[OutBuffer, OutBuffer]:
    """Return room for an address, and how much that is."""
    return OutBuffer(_ROOM), OutBuffer(4, _ROOM.to_bytes(4, "little"))


def _filled(name: OutBuffer, length: OutBuffer) -> Address:
    """Return the address in a buffer that the kernel has filled."""
    return address_from(name.load(0, min(int.from_bytes(length.load(0, 4), "little"), _ROOM)))
