"""How strace prints addresses, messages and options of sockets."""

from __future__ import annotations

from enum import IntEnum
import struct
from typing import Any, Final

from procession.include.linux.inet import IN6_MAPPED, SIN6_LEN_RFC2133, IpOpt, IpProto, Ipv6Opt, UdpOpt
from procession.include.linux.netdevice import (
    ARPHRD_LOOPBACK,
    IFF_ALLMULTI,
    IFF_BROADCAST,
    IFF_DEBUG,
    IFF_LOOPBACK,
    IFF_MULTICAST,
    IFF_NOARP,
    IFF_NOTRAILERS,
    IFF_POINTOPOINT,
    IFF_PROMISC,
    IFF_RUNNING,
    IFF_UP,
)
from procession.include.linux.netlink import SOCKADDR_NL, NetlinkFamily
from procession.include.linux.socket import (
    AF_INET,
    AF_INET6,
    AF_NETLINK,
    SO_LINGER,
    SO_PEERCRED,
    SOL_IP,
    SOL_IPV6,
    SOL_SOCKET,
    SOL_TCP,
    SOL_UDP,
    Family,
    SockOpt,
    SockOptLevel,
)
from procession.include.linux.sockios import (
    SIOCGIFADDR,
    SIOCGIFBRDADDR,
    SIOCGIFDSTADDR,
    SIOCGIFFLAGS,
    SIOCGIFHWADDR,
    SIOCGIFINDEX,
    SIOCGIFMETRIC,
    SIOCGIFMTU,
    SIOCGIFNAME,
    SIOCGIFNETMASK,
    SIOCGIFTXQLEN,
    SIOCSIFADDR,
    SIOCSIFBRDADDR,
    SIOCSIFDSTADDR,
    SIOCSIFFLAGS,
    SIOCSIFHWADDR,
    SIOCSIFMETRIC,
    SIOCSIFMTU,
    SIOCSIFNETMASK,
    SIOCSIFTXQLEN,
)
from procession.include.linux.tcp import TcpOpt
from procession.tools.strace_args import pointer, value_name
from procession.tools.strace_files import iovec
from procession.tools.strace_structs import INT, Printer, Shown

__all__ = ("IFREQ_COMMANDS", "SOCKET_PRINTERS", "ifreq")

_OPTIONS: Final[dict[int, tuple[type[IntEnum], str]]] = {
    SOL_SOCKET: (SockOpt, "SO_"),
    SOL_IP: (IpOpt, "IP_"),
    SOL_TCP: (TcpOpt, "TCP_"),
    SOL_UDP: (UdpOpt, "UDP_"),
    SOL_IPV6: (Ipv6Opt, "IPV6_"),
}
_MSGHDR: Final = struct.Struct("<QI4xQQQQI4x")
_MMSGHDR: Final = 64  # struct mmsghdr, bytes
_SIN6_LEN: Final = 28  # with the scope, which came later
_CMSG: Final = struct.Struct("<Qii")


def address(shown: Shown, ptr: Any, length: int) -> str:
    """A struct sockaddr of that length."""
    if isinstance(ptr, int) and not ptr:
        return "NULL"
    raw = shown.peek(ptr, 0, min(length, 128)) if length >= 2 and shown.style.verbose else None
    if raw is None or len(raw) < 2:
        return pointer(ptr)
    family = int.from_bytes(raw[:2], "little")
    name = value_name(family, Family, "AF_")
    rest = raw[2:]
    if family == AF_NETLINK and len(raw) >= SOCKADDR_NL.size:
        _, _, nl_pid, groups = SOCKADDR_NL.unpack(raw[: SOCKADDR_NL.size])
        mask = f"{groups:#08x}" if groups else "00000000"
        return f"{{sa_family={name}, nl_pid={nl_pid}, nl_groups={mask}}}"
    if not rest:
        return f"{{sa_family={name}}}"
    if family in (AF_INET, AF_INET6) and len(raw) >= (16 if family == AF_INET else SIN6_LEN_RFC2133):
        return f"{{sa_family={name}, {_internet(family, raw)}}}"
    if family == 1:
        if rest[0]:
            return f"{{sa_family={name}, sun_path={shown.quote(rest.split(bytes(1))[0])}}}"
        return f"{{sa_family={name}, sun_path=@{shown.quote(rest[1:])}}}"
    return f"{{sa_family={name}, sa_data={shown.quote(rest)}}}"


def _internet(family: int, raw: bytes) -> str:
    """The port and the address of a struct sockaddr_in or sockaddr_in6."""
    from ipaddress import IPv4Address  # noqa: PLC0415 -- seldom needed, and takes long

    port = int.from_bytes(raw[2:4])
    if family == AF_INET:
        return f'sin_port=htons({port}), sin_addr=inet_addr("{IPv4Address(raw[4:8])}")'
    text = f"sin6_port=htons({port}), sin6_flowinfo=htonl({int.from_bytes(raw[4:8])}), "
    text += f'inet_pton(AF_INET6, "{_ipv6(raw[8:24])}", &sin6_addr)'
    return text + (f", sin6_scope_id={int.from_bytes(raw[24:28], 'little')}" if len(raw) >= _SIN6_LEN else "")


def _ipv6(raw: bytes) -> str:
    """An IPv6 address as inet_ntop(3) writes it."""
    from ipaddress import IPv4Address, IPv6Address  # noqa: PLC0415

    if raw[:12] == IN6_MAPPED:
        return f"::ffff:{IPv4Address(raw[12:])}"
    return str(IPv6Address(raw))


def _protocol(shown: Shown, at: int) -> str:
    value = shown.args[at]
    if shown.args[0] in (AF_INET, AF_INET6):
        return value_name(value, IpProto, "IPPROTO_")
    return value_name(value, NetlinkFamily, "NETLINK_") if shown.args[0] == AF_NETLINK else str(value)


def _sockaddr(shown: Shown, at: int) -> str:
    length = shown.args[at + 1]
    if not shown.params[at].arg.out:
        return address(shown, shown.args[at], length)
    if shown.failed:
        return pointer(shown.args[at])
    room, used = shown.before.get(at + 1), shown.read_int(length, INT)
    return pointer(shown.args[at]) if room is None or used is None else address(shown, shown.args[at], min(room, used))


def _socklen(shown: Shown, at: int) -> str:
    before = shown.before.get(at)
    now = shown.read_int(shown.args[at], INT)
    if before is None or now is None:
        return pointer(shown.args[at])
    return f"[{before}]" if shown.failed or now == before else f"[{before} => {now}]"


# Messages.


def _msghdr(shown: Shown, at: int) -> str:
    received = shown.params[at].arg.out
    if received and shown.failed:
        fields = shown.read(shown.args[at], _MSGHDR)
        return pointer(shown.args[at]) if fields is None else f"{{msg_namelen={fields[1]}}}"
    return _message(shown, shown.args[at], shown.ret if received else None)


def _message(shown: Shown, ptr: Any, size: int | None) -> str:
    """A struct msghdr; size: how many bytes of its pieces are to be seen, None for all."""
    fields = shown.read(ptr, _MSGHDR)
    if fields is None:
        return pointer(ptr)
    name, namelen, iov, iovlen, control, controllen, flags = fields
    text = f"{{msg_name={address(shown, name, namelen)}, msg_namelen={namelen}, "
    text += f"msg_iov={iovec(shown, iov, iovlen, size=size)}, msg_iovlen={iovlen}"
    if controllen:
        text += f", msg_control={_control(shown, control, controllen)}"
    names = {0: "0", 8: "MSG_CTRUNC", 0x20: "MSG_TRUNC", 0x28: "MSG_CTRUNC|MSG_TRUNC", 0x40000000: "MSG_CMSG_CLOEXEC"}
    return text + f", msg_controllen={controllen}, msg_flags={names.get(flags) or hex(flags)}}}"


def _mmsghdrs(shown: Shown, at: int) -> str:
    """An array of struct mmsghdr: as many as were moved, of those that were given."""
    sent = shown.params[at].arg.kind == "struct mmsghdr[] sent"
    if shown.failed and not sent:
        return pointer(shown.args[at])
    count = min(shown.args[at + 1], 1024) if shown.failed or shown.ret is None else shown.ret
    out = []
    for n in range(shown.items(count)):
        length = shown.read_int(shown.args[at] + _MMSGHDR * n + _MSGHDR.size, INT)
        if length is None:
            return pointer(shown.args[at])
        text = _message(shown, shown.args[at] + _MMSGHDR * n, None if sent else length)
        out.append(f"{{msg_hdr={text}}}" if shown.failed else f"{{msg_hdr={text}, msg_len={length}}}")
    return "[" + ", ".join([*out, *(["..."] if len(out) < count else [])]) + "]"


def _control(shown: Shown, ptr: int, length: int) -> str:
    raw = shown.peek(ptr, 0, min(length, 4096)) if ptr else None
    if raw is None:
        return pointer(ptr)
    out, at = [], 0
    while at + _CMSG.size <= len(raw):
        size, level, kind = _CMSG.unpack_from(raw, at)
        head = f"{{cmsg_len={size}, cmsg_level={value_name(level, SockOptLevel, 'SOL_', 'SOL_??')}, cmsg_type="
        body = raw[at + _CMSG.size : at + size]
        if level == 1 and kind == 1:
            numbers = [fd for (fd,) in struct.iter_unpack("<i", body[: len(body) // 4 * 4])]
            wanted = numbers[: shown.items(len(numbers))]
            fds = ", ".join([*map(shown.descriptor, wanted), *(["..."] if len(wanted) < len(numbers) else [])])
            out.append(f"{head}SCM_RIGHTS, cmsg_data=[{fds}]}}")
        elif level == 1 and kind == 2 and len(body) >= 12:
            pid, uid, gid = struct.unpack("<iii", body[:12])
            out.append(f"{head}SCM_CREDENTIALS, cmsg_data={{pid={pid}, uid={uid}, gid={gid}}}}}")
        else:
            out.append(f"{head}{kind:#x}{' /* IP_??? */' if level == SOL_IP else ''}}}")
        if size < _CMSG.size:
            out.append(f"... /* {pointer(ptr + at)} */")
            break
        at += (size + 7) // 8 * 8
    return "[" + ", ".join(out) + "]"


# Options.


def _sockopt(shown: Shown, at: int) -> str:
    names, prefix = _OPTIONS.get(shown.args[at - 1], (None, ""))
    return str(shown.args[at]) if names is None else value_name(shown.args[at], names, prefix)


def _sockopt_value(shown: Shown, at: int) -> str:
    ptr, level, option, length = shown.args[at], shown.args[at - 2], shown.args[at - 1], shown.args[at + 1]
    if shown.params[at].arg.out:
        if shown.failed:
            return pointer(ptr)
        length = shown.read_int(length, INT) or 0
    if not isinstance(ptr, int) or not shown.style.verbose:
        return pointer(ptr)
    if level == SOL_SOCKET and option == SO_PEERCRED and length == 12:
        fields = shown.read(ptr, struct.Struct("<iii"))
        return pointer(ptr) if fields is None else "{{pid={}, uid={}, gid={}}}".format(*fields)
    if level == SOL_SOCKET and option == SO_LINGER and length == 8:
        fields = shown.read(ptr, struct.Struct("<ii"))
        return pointer(ptr) if fields is None else "{{l_onoff={}, l_linger={}}}".format(*fields)
    if length == INT.size:
        value = shown.read_int(ptr, INT)
        return pointer(ptr) if value is None else f"[{value}]"
    return shown.data(ptr, length)


# Interfaces.

_IFF: Final = {
    "UP": IFF_UP,
    "BROADCAST": IFF_BROADCAST,
    "DEBUG": IFF_DEBUG,
    "LOOPBACK": IFF_LOOPBACK,
    "POINTOPOINT": IFF_POINTOPOINT,
    "NOTRAILERS": IFF_NOTRAILERS,
    "RUNNING": IFF_RUNNING,
    "NOARP": IFF_NOARP,
    "PROMISC": IFF_PROMISC,
    "ALLMULTI": IFF_ALLMULTI,
    "MULTICAST": IFF_MULTICAST,
}
_NUMBERS: Final = {
    SIOCGIFMETRIC: "ifr_metric",
    SIOCSIFMETRIC: "ifr_metric",
    SIOCGIFMTU: "ifr_mtu",
    SIOCSIFMTU: "ifr_mtu",
    SIOCGIFINDEX: "ifr_ifindex",
    SIOCGIFTXQLEN: "ifr_qlen",
    SIOCSIFTXQLEN: "ifr_qlen",
}
_ADDRESSES: Final = {
    SIOCGIFADDR: "ifr_addr",
    SIOCSIFADDR: "ifr_addr",
    SIOCGIFDSTADDR: "ifr_dstaddr",
    SIOCSIFDSTADDR: "ifr_dstaddr",
    SIOCGIFBRDADDR: "ifr_broadaddr",
    SIOCSIFBRDADDR: "ifr_broadaddr",
    SIOCGIFNETMASK: "ifr_netmask",
    SIOCSIFNETMASK: "ifr_netmask",
    SIOCGIFHWADDR: "ifr_hwaddr",
    SIOCSIFHWADDR: "ifr_hwaddr",
}
IFREQ_COMMANDS: Final = frozenset({*_NUMBERS, *_ADDRESSES, SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFNAME})


def ifreq(shown: Shown, cmd: int, ptr: Any) -> str:
    """A struct ifreq as a call has it; what is asked for is not there when the call has failed."""
    raw = shown.peek(ptr, 0, 40) if shown.style.verbose and isinstance(ptr, int) and ptr else None
    if raw is None:
        return pointer(ptr)
    name = shown.quote(raw[:16].split(b"\0", 1)[0])
    index = int.from_bytes(raw[16:20], "little", signed=True)
    if cmd == SIOCGIFNAME:
        return f"{{ifr_ifindex={index}}}" if shown.failed else f"{{ifr_ifindex={index}, ifr_name={name}}}"
    asked = cmd not in (SIOCSIFFLAGS, SIOCSIFMETRIC, SIOCSIFMTU, SIOCSIFTXQLEN) and not _sets_address(cmd)
    if asked and shown.failed:
        return f"{{ifr_name={name}}}"
    if cmd in (SIOCGIFFLAGS, SIOCSIFFLAGS):
        flags = "|".join(f"IFF_{flag}" for flag, bit in _IFF.items() if index & bit)
        return f"{{ifr_name={name}, ifr_flags={flags or 0}}}"
    if cmd in _NUMBERS:
        return f"{{ifr_name={name}, {_NUMBERS[cmd]}={index}}}"
    hard = cmd in (SIOCGIFHWADDR, SIOCSIFHWADDR)
    text = _hardware_address(raw[16:32]) if hard else address(shown, ptr + 16, 16)
    return f"{{ifr_name={name}, {_ADDRESSES[cmd]}={text}}}"


def _sets_address(cmd: int) -> bool:
    return cmd in (SIOCSIFADDR, SIOCSIFDSTADDR, SIOCSIFBRDADDR, SIOCSIFNETMASK, SIOCSIFHWADDR)


# Kinds of interfaces, with the length of their addresses.
_HARDWARE: Final = {0: ("NETROM", 7), 1: ("ETHER", 6), 2: ("EETHER", 14), ARPHRD_LOOPBACK: ("LOOPBACK", 6)}


def _hardware_address(raw: bytes) -> str:
    kind = int.from_bytes(raw[:2], "little")
    name, length = _HARDWARE.get(kind, ("", 14))
    family = f"ARPHRD_{name}" if name else f"{kind:#x} /* ARPHRD_??? */"
    return f"{{sa_family={family}, sa_data={raw[2 : 2 + length].hex(':')}}}"


SOCKET_PRINTERS: Final[dict[str, Printer]] = {
    "sock_protocol": _protocol,
    "sockaddr": _sockaddr,
    "socklen": _socklen,
    "struct msghdr": _msghdr,
    "struct mmsghdr[]": _mmsghdrs,
    "struct mmsghdr[] sent": _mmsghdrs,
    "sockopt": _sockopt,
    "sockopt_value": _sockopt_value,
}
