"""The head of a segment as bytes, which only raw sockets see and send (tcp_options_write of net/ipv4/tcp_output.c).

To all others a segment is a TcpSkb, whose places in the streams never wrap.

Differs: nobody is told which data has come out of order (SACK), which only a raw socket can send.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.limits import UINT_MAX, USHRT_MAX
from procession.include.linux.tcp import TCP_HEADER, TCPHDR_ACK, TCPHDR_FIN, TCPHDR_SYN
from procession.lib.checksum import csum_fold, ip_compute_csum
from procession.net.ipv4 import route
from procession.net.ipv4.inet_hashtables import inet_lookup_established
from procession.net.ipv4.skbuff import OPTION_SACK_ADVERTISE, OPTION_TS, InetSkb, TcpSkb, packet_truesize
from procession.net.ipv4.sock import TcpSock

if TYPE_CHECKING:
    from procession.include.linux.nsproxy import NetNamespace

__all__ = ("tcp_head", "tcp_parse", "unwrap")

# Ports, sequence number, acknowledgement, offset of the data, flags, window, checksum, urgent pointer.
_HEAD: Final = struct.Struct(">HHIIBBHHH")
_TIMES: Final = struct.Struct(">II")
_CHECK: Final = 16  # where the checksum is
_NOP: Final = b"\x01"
_PAD: Final = b"\x01\x01"
_MSS: Final = 2  # kinds of options
_WINDOW: Final = 3
_TIMESTAMP: Final = 8
_SACK_PERM: Final = b"\x04\x02"
_FLAGS: Final = 0x3F


def _options(skb: TcpSkb) -> bytes:
    """Return the options of a segment of ours: nothing for a reset by nobody, else times, and what a SYN has."""
    if skb.rcv_wscale < 0:
        return b""
    times = b""
    if skb.rx_opt & OPTION_TS:
        times = bytes([_TIMESTAMP, 10]) + _TIMES.pack(skb.tsval & UINT_MAX, skb.tsecr & UINT_MAX)
    if not skb.flags & TCPHDR_SYN:
        return _PAD + times if times else b""
    scale = _NOP + bytes([_WINDOW, 3, skb.wscale]) if skb.wscale >= 0 else b""
    # Who may be told of what has come out of order says so in the place of padding.
    padding = _SACK_PERM if skb.rx_opt & OPTION_SACK_ADVERTISE else _PAD
    if not times:
        padding = _PAD + padding if padding is _SACK_PERM else b""
    return bytes([_MSS, 4]) + skb.mss.to_bytes(2) + padding + times + scale


def tcp_head(skb: TcpSkb) -> bytes:
    """Return the head of a segment on the loopback, where nobody computes the checksum but of what no socket sends."""
    options = _options(skb)
    size = TCP_HEADER + len(options)
    window = skb.window if skb.flags & TCPHDR_SYN or skb.rcv_wscale < 0 else skb.window >> skb.rcv_wscale
    head = _HEAD.pack(
        skb.source, skb.dest, skb.seq & UINT_MAX, skb.ack_seq & UINT_MAX if skb.flags & TCPHDR_ACK else 0,
        size << 2, skb.flags, min(window, USHRT_MAX), 0, skb.urg,
    ) + options  # fmt: skip
    pseudo = _pseudo(skb, size + len(skb.data))
    check = csum_fold(pseudo)
    if skb.computed and len(skb.daddr) == 4:
        check = ip_compute_csum(pseudo + head + skb.data)
    return head[:_CHECK] + check.to_bytes(2) + head[_CHECK + 2 :]


def _pseudo(skb: InetSkb, size: int) -> bytes:
    return skb.saddr + skb.daddr + IPPROTO_TCP.to_bytes(4) + size.to_bytes(4)


def tcp_parse(net: NetNamespace, packet: InetSkb) -> TcpSkb | None:
    """Return the segment that a raw socket has sent; None if it is none, its checksum wrong, or its sender not here."""
    data = packet.data
    offset = data[12] >> 4 << 2 if len(data) >= TCP_HEADER else 0
    if not TCP_HEADER <= offset <= len(data) or ip_compute_csum(_pseudo(packet, len(data)) + data):
        return None
    if not _is_local(net, packet.saddr):
        return None
    source, dest, seq, ack_seq, _, flags, window, _, urg = _HEAD.unpack_from(data)
    skb = TcpSkb(packet.saddr, source, packet.daddr, dest)
    skb.protocol, skb.hops, skb.tos = packet.protocol, packet.hops, packet.tos
    skb.data = data[offset:]
    skb.truesize = packet_truesize(len(data), six=len(packet.daddr) == 16)
    skb.flags, skb.urg, skb.rx_opt = flags & _FLAGS, urg, 0
    sk = inet_lookup_established(net, skb.saddr, source, skb.daddr, dest)
    skb.seq, skb.ack_seq, skb.window = seq, ack_seq, window
    if sk is not None:
        skb.seq = unwrap(seq, sk.rcv_nxt)
        skb.ack_seq = unwrap(ack_seq, sk.snd_nxt)
        skb.tsval = sk.ts_recent  # who sends no time is not too old
    if isinstance(sk, TcpSock) and not flags & TCPHDR_SYN:
        skb.window <<= sk.snd_wscale
    skb.end_seq = skb.seq + len(skb.data) + (flags & TCPHDR_SYN > 0) + (flags & TCPHDR_FIN > 0)
    _parse_options(skb, data[TCP_HEADER:offset])
    return skb


def _is_local(net: NetNamespace, address: bytes) -> bool:
    if len(address) == 16:
        return route.ipv6_chk_addr(net, address)
    return route.inet_addr_type(net, address) == route.RTN_LOCAL


def unwrap(number: int, near: int) -> int:
    """Return the place in a stream that is called number and lies nearest to another one."""
    return near + ((number - near + (1 << 31)) & UINT_MAX) - (1 << 31)


def _parse_options(skb: TcpSkb, options: bytes) -> None:
    """Take what a segment says beside (tcp_parse_options)."""
    at = 0
    while at < len(options) and options[at]:
        if options[at] == _NOP[0]:
            at += 1
            continue
        length = options[at + 1] if at + 1 < len(options) else 0
        if length < 2 or at + length > len(options):
            return
        value = options[at + 2 : at + length]
        if options[at] == _MSS and length == 4 and skb.flags & TCPHDR_SYN:
            skb.mss = int.from_bytes(value)
        elif options[at] == _WINDOW and length == 3 and skb.flags & TCPHDR_SYN:
            skb.wscale = min(value[0], 14)
        elif options[at] == _TIMESTAMP and length == 10:
            skb.tsval, skb.tsecr = _TIMES.unpack(value)
            skb.rx_opt |= OPTION_TS
        elif options[at] == _SACK_PERM[0] and length == 2:
            skb.rx_opt |= OPTION_SACK_ADVERTISE
        at += length
