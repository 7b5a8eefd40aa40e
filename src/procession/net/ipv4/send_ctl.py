"""What control messages say of how one packet is sent (ip_cmsg_send of net/ipv4/ip_sockglue.c, net/ipv6/datagram.c)."""

from __future__ import annotations

from collections.abc import Iterator
import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import (
    IP_PKTINFO,
    IP_RETOPTS,
    IPPROTO_IP,
    IPPROTO_IPV6,
    IPV6_2292HOPLIMIT,
    IPV6_2292PKTINFO,
    IPV6_DONTFRAG,
    IPV6_FLOWINFO,
    IPV6_HOPLIMIT,
    IPV6_PKTINFO,
    IPV6_TCLASS,
)
from procession.net.ipv4 import route

if TYPE_CHECKING:
    from procession.include.linux.nsproxy import NetNamespace
    from procession.net.ipv4.sock import Ipcm

__all__ = ("datagram_send_ctl", "ip_cmsg_send")

_CMSG: Final = struct.Struct("<Qii")
_IN_PKTINFO: Final = struct.Struct("<i4s4s")  # interface, the sender's address, the target
_IN6_PKTINFO: Final = struct.Struct("<16si")
_INT: Final = struct.Struct("<i")
# Of each number: least and most.
_NUMBERS: Final = {
    IPV6_2292HOPLIMIT: (-1, 255),
    IPV6_HOPLIMIT: (-1, 255),
    IPV6_TCLASS: (-1, 255),
    IPV6_DONTFRAG: (0, 1),
}


def _messages(control: bytes, wanted: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of the control messages of a level; raises EINVAL where one does not fit."""
    at = 0
    while at + _CMSG.size <= len(control):
        length, level, kind = _CMSG.unpack_from(control, at)
        if not _CMSG.size <= length <= len(control) - at:
            raise LinuxError(Errno.EINVAL, "control message")
        if level == wanted:
            yield kind, control[at + _CMSG.size : at + length]
        at += length + 7 & ~7


def ip_cmsg_send(ipc: Ipcm, control: bytes) -> None:
    """Do what control messages of IPv4 say; raises EINVAL. Options have no effect."""
    for kind, body in _messages(control, IPPROTO_IP):
        if kind == IP_PKTINFO:
            if len(body) != _IN_PKTINFO.size:
                raise LinuxError(Errno.EINVAL, "IP_PKTINFO")
            ipc.oif, ipc.saddr, _ = _IN_PKTINFO.unpack(body)
        elif kind != IP_RETOPTS:
            raise LinuxError(Errno.EINVAL, f"control message {kind}")


def datagram_send_ctl(net: NetNamespace, ipc: Ipcm, control: bytes) -> None:
    """Do what control messages of IPv6 say; raises EINVAL, ENODEV."""
    for kind, body in _messages(control, IPPROTO_IPV6):
        if kind in (IPV6_PKTINFO, IPV6_2292PKTINFO):
            if len(body) < _IN6_PKTINFO.size:
                raise LinuxError(Errno.EINVAL, "IPV6_PKTINFO")
            _pktinfo6(net, ipc, *_IN6_PKTINFO.unpack_from(body))
        elif kind == IPV6_FLOWINFO:
            if len(body) < _INT.size:
                raise LinuxError(Errno.EINVAL, "IPV6_FLOWINFO")
        elif kind in _NUMBERS:
            _number6(ipc, kind, body)
        else:
            raise LinuxError(Errno.EINVAL, f"control message {kind}")


def _pktinfo6(net: NetNamespace, ipc: Ipcm, saddr: bytes, ifindex: int) -> None:
    if ifindex:
        if ipc.oif and ipc.oif != ifindex:
            raise LinuxError(Errno.EINVAL, "another interface than the socket's")
        ipc.oif = ifindex
    if ipc.oif:
        if ipc.oif != net.dev_base[0].ifindex:
            raise LinuxError(Errno.ENODEV, "no such interface")
    elif route.is_link_local(saddr):
        raise LinuxError(Errno.EINVAL, "a link's address without the interface")
    if any(saddr):
        if not route.ipv6_chk_addr(net, saddr):
            raise LinuxError(Errno.EINVAL, "not an address of ours")
        ipc.saddr = saddr


def _number6(ipc: Ipcm, kind: int, body: bytes) -> None:
    least, most = _NUMBERS[kind]
    if len(body) != _INT.size:
        raise LinuxError(Errno.EINVAL, f"length of control message {kind}")
    (value,) = _INT.unpack(body)
    if not least <= value <= most:
        raise LinuxError(Errno.EINVAL, f"control message {kind}: {value}")
    if kind == IPV6_TCLASS:
        ipc.tclass = value
    elif kind != IPV6_DONTFRAG:
        ipc.hops = value
