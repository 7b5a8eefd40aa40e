"""Attributes of netlink messages (net/netlink attributes of 3.2's lib/nlattr.c, net/netlink.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.netlink import NLA_HDRLEN, NLA_TYPE_MASK, NLATTR, nlmsg_align
from procession.include.linux.printk import KERN_WARNING

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = (
    "NLA_NUL_STRING",
    "NLA_STRING",
    "NLA_U16",
    "NLA_U32",
    "NLA_UNSPEC",
    "nla_nest",
    "nla_parse",
    "nla_put",
    "nla_put_u32",
)

NLA_UNSPEC: Final = 0
NLA_U16: Final = 2
NLA_U32: Final = 3
NLA_STRING: Final = 5
NLA_NUL_STRING: Final = 10
_MINLEN: Final[dict[int, int]] = {NLA_U16: 2, NLA_U32: 4}


def nla_put(type: int, data: bytes) -> bytes:
    """Return an attribute, padded."""
    return NLATTR.pack(NLA_HDRLEN + len(data), type) + data + bytes(-len(data) & 3)


def nla_put_u32(type: int, value: int) -> bytes:
    """Return an attribute that is a number."""
    return nla_put(type, value.to_bytes(4, "little"))


def nla_nest(type: int, attributes: bytes) -> bytes:
    """Return an attribute made of others (nla_nest_start, nla_nest_end)."""
    return nla_put(type, attributes)


def validate_nla(data: bytes, kind: int, length: int) -> None:
    """Hold an attribute against its policy; raises ERANGE, EINVAL for a string without an end.

    length: of a string at most, 0 if it is free; of an NLA_UNSPEC at least.
    """
    size = len(data)
    if kind == NLA_NUL_STRING:
        most = min(size, length + 1) if length else size
        if b"\0" not in data[:most]:
            raise LinuxError(Errno.EINVAL, "a string attribute without its end")
    if kind in (NLA_STRING, NLA_NUL_STRING):
        if size < 1:
            raise LinuxError(Errno.ERANGE, "an empty string attribute")
        if length and size - (data[-1] == 0) > length:
            raise LinuxError(Errno.ERANGE, "a long string attribute")
    elif size < (length if kind == NLA_UNSPEC else _MINLEN[kind]):
        raise LinuxError(Errno.ERANGE, "a short attribute")


def nla_parse(k: Kernel, raw: bytes, policy: dict[int, tuple[int, int]], maxtype: int) -> dict[int, bytes]:
    """Return the attributes of types up to maxtype by type, the last of each; policy: type -> (NLA_ kind, length).

    Raises EINVAL, ERANGE for what the policy does not want.
    """
    found: dict[int, bytes] = {}
    at = 0
    while len(raw) - at >= NLA_HDRLEN:
        length, kind = NLATTR.unpack_from(raw, at)
        if length < NLA_HDRLEN or length > len(raw) - at:
            break
        kind &= NLA_TYPE_MASK
        if 0 < kind <= maxtype:
            data = raw[at + NLA_HDRLEN : at + length]
            if kind in policy:
                validate_nla(data, *policy[kind])
            found[kind] = data
        at += nlmsg_align(length)
    if at < len(raw):
        k.printk(f"netlink: {len(raw) - at} bytes leftover after parsing attributes.", KERN_WARNING)
    return found
