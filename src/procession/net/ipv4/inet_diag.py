"""NETLINK_INET_DIAG: TCP's sockets for `ss` (net/ipv4/inet_diag.c).

As in 3.2 it answers in the first network alone, and there shows the sockets of all.
"""

from __future__ import annotations

from collections.abc import Callable
import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.inet import IN6_MAPPED
from procession.include.linux.netlink import (
    NETLINK_INET_DIAG,
    NLATTR,
    NLM_F_DUMP,
    NLM_F_MULTI,
    NLMSG_GOODSIZE,
    NLMSG_HDRLEN,
    nlmsg,
    nlmsg_align,
)
from procession.include.linux.socket import AF_INET, AF_INET6
from procession.net.netlink import af_netlink
from procession.net.netlink.attr import nla_put

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.netlink import Nlmsghdr
    from procession.include.linux.sched import Task
    from procession.net.netlink.sock import NetlinkCallback, NetlinkSkb, NetlinkSock

__all__ = ("TCPDIAG_GETSOCK", "InetDiagEntry", "InetDiagHandler", "inet_diag_init", "inet_diag_register")

TCPDIAG_GETSOCK: Final = 18
INET_DIAG_GETSOCK_MAX: Final = 24
INET_DIAG_REQ_BYTECODE: Final = 1
INET_DIAG_MEMINFO: Final = 1
INET_DIAG_INFO: Final = 2
INET_DIAG_CONG: Final = 4
_NOCOOKIE: Final = (0xFFFFFFFF, 0xFFFFFFFF)
_REQUEST: Final = struct.Struct("<BBBB2s2s16s16sIIIII")
_SOCKID: Final = struct.Struct("<BBBB2s2s16s16sIIIIIIII")

# Instructions of a filter (struct inet_diag_bc_op): code, how far to go if true, and how far if not.
_BC: Final = struct.Struct("<BBH")
_BC_NOP: Final = 0
_BC_JMP: Final = 1
_BC_S_GE: Final = 2
_BC_S_LE: Final = 3
_BC_D_GE: Final = 4
_BC_D_LE: Final = 5
_BC_AUTO: Final = 6
_BC_S_COND: Final = 7
_BC_D_COND: Final = 8
_HOSTCOND: Final = struct.Struct("<BBxxi")  # family, length of the prefix, port or -1; the address follows


class InetDiagEntry:
    """What there is to tell of a connection, a listener, or one that is neither yet (struct inet_diag_msg).

    family: AF_INET or AF_INET6; saddr, daddr: 4 bytes or 16.  timer: 0 none, 1 retransmission, 2 keepalive, 3 the end
    of TIME_WAIT, 4 a probe; expires_ms: when.  shown_as: the state by which it is asked for.  userlocks: SOCK_ bits.
    meminfo: received, sent, reserved, in sk_buffs, in bytes; info: a struct tcp_info; cong: a name.
    """

    __slots__ = (
        "bound_dev_if",
        "cong",
        "cookie",
        "daddr",
        "dport",
        "expires_ms",
        "family",
        "info",
        "inode",
        "meminfo",
        "retrans",
        "rqueue",
        "saddr",
        "shown_as",
        "sport",
        "state",
        "timer",
        "uid",
        "userlocks",
        "wqueue",
    )

    def __init__(self, family: int, state: int, source: tuple[bytes, int], dest: tuple[bytes, int]) -> None:
        self.family = family
        self.state = self.shown_as = state
        self.saddr, self.sport = source
        self.daddr, self.dport = dest
        self.timer = self.retrans = self.expires_ms = 0
        self.rqueue = self.wqueue = self.uid = self.inode = 0
        self.bound_dev_if = self.cookie = self.userlocks = 0
        self.meminfo: tuple[int, int, int, int] | None = None
        self.info = b""
        self.cong = b""


class InetDiagHandler:
    """Who knows a kind of sockets (struct inet_diag_handler).

    dump: returns all, listeners first.  lookup: returns whose a packet would be: the first two arguments are the
    socket's own address and port, the next two the other end's, then the interface.
    """

    __slots__ = ("dump", "lookup")

    def __init__(
        self,
        dump: Callable[[Kernel], list[InetDiagEntry]],
        lookup: Callable[[Kernel, bytes, int, bytes, int, int], InetDiagEntry | None],
    ) -> None:
        self.dump = dump
        self.lookup = lookup


def inet_diag_init(k: Kernel) -> None:
    """Register the protocol."""
    af_netlink.netlink_kernel_create(k, NETLINK_INET_DIAG, 32, inet_diag_rcv, init_net_only=True)


def inet_diag_register(k: Kernel, type: int, handler: InetDiagHandler) -> None:
    """Say who knows a kind of sockets: TCPDIAG_GETSOCK."""
    k.net.inet_diag_table[type] = handler


def inet_diag_rcv(current: Task, ssk: NetlinkSock, skb: NetlinkSkb) -> None:
    """Take a message to the kernel."""
    af_netlink.netlink_rcv_skb(current, ssk, skb, inet_diag_rcv_msg)


def inet_diag_rcv_msg(current: Task, ssk: NetlinkSock, nlh: Nlmsghdr) -> bool:
    """Answer a request; raises EINVAL, ENOENT, ESTALE, EBUSY."""
    if nlh.type >= INET_DIAG_GETSOCK_MAX or len(nlh.data) < _REQUEST.size:
        raise LinuxError(Errno.EINVAL, "not a request")
    if not nlh.flags & NLM_F_DUMP:
        inet_diag_get_exact(current.kernel, ssk, nlh)
        return True
    if len(nlh.data) > _REQUEST.size:
        code = _bytecode(nlh)
        if len(code) < _BC.size or not inet_diag_bc_audit(code):
            raise LinuxError(Errno.EINVAL, "a filter")
    return af_netlink.netlink_dump_start(ssk, nlh, inet_diag_dump)


def _bytecode(nlh: Nlmsghdr) -> bytes:
    """Return a request's filter, nothing if it has none."""
    at = NLMSG_HDRLEN + _REQUEST.size
    while len(nlh.raw) - at >= NLATTR.size:
        length, kind = NLATTR.unpack_from(nlh.raw, at)
        if not NLATTR.size <= length <= len(nlh.raw) - at:
            break
        if kind == INET_DIAG_REQ_BYTECODE:
            return nlh.raw[at + NLATTR.size : at + length]
        at += nlmsg_align(length)
    return b""


def _fill(entry: InetDiagEntry, ext: int) -> bytes:
    """Return what is told of a socket (inet_csk_diag_fill)."""
    cookie = (entry.cookie & 0xFFFFFFFF, entry.cookie >> 32)
    ports = (entry.sport.to_bytes(2, "big"), entry.dport.to_bytes(2, "big"))
    head = (entry.family, entry.state, entry.timer, entry.retrans, *ports, entry.saddr, entry.daddr)
    queues = (entry.expires_ms, entry.rqueue, entry.wqueue, entry.uid, entry.inode)
    out = _SOCKID.pack(*head, entry.bound_dev_if, *cookie, *queues)
    if ext & 1 << INET_DIAG_MEMINFO - 1 and entry.meminfo is not None:
        out += nla_put(INET_DIAG_MEMINFO, struct.pack("<4I", *entry.meminfo))
    if ext & 1 << INET_DIAG_INFO - 1 and entry.info:
        out += nla_put(INET_DIAG_INFO, entry.info)
    if ext & 1 << INET_DIAG_CONG - 1 and entry.cong:
        out += nla_put(INET_DIAG_CONG, entry.cong + b"\0")
    return out


def inet_diag_get_exact(k: Kernel, ssk: NetlinkSock, nlh: Nlmsghdr) -> None:
    """Tell of one socket; raises ENOENT, EINVAL for another family's, ESTALE if the name is another's by now."""
    handler = k.net.inet_diag_table.get(nlh.type)
    if handler is None:
        raise LinuxError(Errno.ENOENT, "no such kind of sockets")
    family, _, _, ext, sport, dport, src, dst, dev, *cookie, _, _ = _REQUEST.unpack_from(nlh.data)
    if family not in (AF_INET, AF_INET6):
        raise LinuxError(Errno.EINVAL, f"family {family}")
    length = 4 if family == AF_INET else 16
    ports = (int.from_bytes(sport, "big"), int.from_bytes(dport, "big"))
    entry = handler.lookup(k, src[:length], ports[0], dst[:length], ports[1], dev)
    if entry is None:
        raise LinuxError(Errno.ENOENT, "no such socket")
    if tuple(cookie) not in (_NOCOOKIE, (entry.cookie & 0xFFFFFFFF, entry.cookie >> 32)):
        raise LinuxError(Errno.ESTALE, "another socket")
    af_netlink.netlink_unicast(ssk, nlmsg(nlh.type, 0, nlh.seq, ssk.pid, _fill(entry, ext)), ssk.pid)


def inet_diag_dump(sk: NetlinkSock, cb: NetlinkCallback) -> bytes:
    """Tell of all sockets, as many as one part holds."""
    handler = sk.kernel.net.inet_diag_table.get(cb.nlh.type)
    if handler is None:
        return b""
    entries = handler.dump(sk.kernel)
    _, _, _, ext, sport, dport, *_, states, _ = _REQUEST.unpack_from(cb.nlh.data)
    code = _bytecode(cb.nlh)
    out = b""
    while cb.args[0] < len(entries):
        entry = entries[cb.args[0]]
        shown = states >> entry.shown_as & 1
        for wanted, port in ((sport, entry.sport), (dport, entry.dport)):
            shown = shown and (not any(wanted) or int.from_bytes(wanted, "big") == port)
        if shown and (not code or inet_diag_bc_run(code, entry)):
            more = nlmsg(cb.nlh.type, NLM_F_MULTI, cb.nlh.seq, sk.pid, _fill(entry, ext))
            if len(out) + len(more) > NLMSG_GOODSIZE:
                break
            out += more
        cb.args[0] += 1
    return out


# Filters.


def _valid_cc(code: bytes, at: int, to: int) -> bool:
    """Whether one of the steps, counted from the start without branching off, ends there (valid_cc)."""
    while 0 <= at <= to and at < len(code):
        if at == to:
            return True
        yes = code[at + 1]
        if yes < 4 or yes & 3:
            return False
        at += yes
    return at == to == len(code)


def _operand(op: int) -> int:
    """Return how many bytes of an instruction's operand are looked at in any case."""
    if op in (_BC_S_COND, _BC_D_COND):
        return _HOSTCOND.size
    return _BC.size if op in (_BC_S_GE, _BC_S_LE, _BC_D_GE, _BC_D_LE) else 0


def inet_diag_bc_audit(code: bytes) -> bool:
    """Whether a filter is one that ends: all jumps go forward, to the start of an instruction.

    Differs: 3.2 does not look whether an instruction's operand is there, and reads what lies behind the filter.
    """
    at = 0
    left = len(code)
    while left > 0:
        if left < _BC.size:
            return False
        op, yes, no = _BC.unpack_from(code, at)
        if op > _BC_D_COND:
            return False
        if left < _BC.size + _operand(op):
            return False
        if op != _BC_NOP:
            if no < 4 or no > left + 4 or no & 3:
                return False
            if no < left and not _valid_cc(code, 0, at + no):
                return False
        if yes < 4 or yes > left + 4 or yes & 3:
            return False
        at += yes
        left -= yes
    return left == 0


def inet_diag_bc_run(code: bytes, entry: InetDiagEntry) -> bool:
    """Whether a socket passes a filter: whoever comes to its end, not beyond."""
    at = 0
    while at < len(code):
        op, yes, no = _BC.unpack_from(code, at)
        at += yes if _holds(code, at, op, entry) else no
    return at == len(code)


def _holds(code: bytes, at: int, op: int, entry: InetDiagEntry) -> bool:
    if op in (_BC_S_GE, _BC_S_LE, _BC_D_GE, _BC_D_LE):
        _, _, value = _BC.unpack_from(code, at + _BC.size)
        port = entry.sport if op in (_BC_S_GE, _BC_S_LE) else entry.dport
        return bool(port >= value) if op in (_BC_S_GE, _BC_D_GE) else bool(port <= value)
    if op == _BC_AUTO:
        return not entry.userlocks & 8  # SOCK_BINDPORT_LOCK
    if op in (_BC_S_COND, _BC_D_COND):
        return _host_holds(code, at + _BC.size, op, entry)
    return op == _BC_NOP


def _host_holds(code: bytes, at: int, op: int, entry: InetDiagEntry) -> bool:
    family: int
    prefix: int
    port: int
    family, prefix, port = _HOSTCOND.unpack_from(code, at)
    address, own = (entry.saddr, entry.sport) if op == _BC_S_COND else (entry.daddr, entry.dport)
    if port not in (-1, own):
        return False
    if not prefix:
        return True
    wanted = code[at + _HOSTCOND.size :]
    if _bitstring_match(address, wanted, prefix):
        return True
    mapped = entry.family == AF_INET6 and family == AF_INET and address[:12] == IN6_MAPPED
    return mapped and _bitstring_match(address[12:], wanted, prefix)


def _bitstring_match(address: bytes, wanted: bytes, bits: int) -> bool:
    """Whether two addresses, of whatever families, begin with the same bits."""
    size = bits + 7 >> 3
    if size > len(address) or size > len(wanted):
        return False
    differing = int.from_bytes(address[:size], "big") ^ int.from_bytes(wanted[:size], "big")
    return not differing >> 8 * size - bits
