"""Internet protocols: numbers, addresses, options (include/linux/in.h, in6.h, icmp.h, udp.h; `in` is a word of Python's)."""

from __future__ import annotations

import struct
from typing import Final

IPPROTO_IP: Final = 0
IPPROTO_ICMP: Final = 1
IPPROTO_TCP: Final = 6
IPPROTO_UDP: Final = 17
IPPROTO_IPV6: Final = 41
IPPROTO_ICMPV6: Final = 58
IPPROTO_UDPLITE: Final = 136
IPPROTO_RAW: Final = 255

INADDR_ANY: Final = bytes(4)
INADDR_LOOPBACK: Final = b"\x7f\0\0\1"
INADDR_BROADCAST: Final = b"\xff\xff\xff\xff"
IN6ADDR_ANY: Final = bytes(16)
IN6ADDR_LOOPBACK: Final = bytes(15) + b"\1"
IN6_MAPPED: Final = bytes(10) + b"\xff\xff"  # the first 12 bytes of an IPv4 address as one of IPv6

SOCKADDR_IN: Final = struct.Struct("<H2s4s8x")
SOCKADDR_IN6: Final = struct.Struct("<H2sI16sI")
SIN6_LEN_RFC2133: Final = 24  # without a scope

PROT_SOCK: Final = 1024  # ports below are for who may (CAP_NET_BIND_SERVICE)

# setsockopt(2) at IPPROTO_IP.
IP_TOS: Final = 1
IP_TTL: Final = 2
IP_HDRINCL: Final = 3
IP_OPTIONS: Final = 4
IP_ROUTER_ALERT: Final = 5
IP_RECVOPTS: Final = 6
IP_RETOPTS: Final = 7
IP_PKTINFO: Final = 8
IP_PKTOPTIONS: Final = 9
IP_MTU_DISCOVER: Final = 10
IP_RECVERR: Final = 11
IP_RECVTTL: Final = 12
IP_RECVTOS: Final = 13
IP_MTU: Final = 14
IP_FREEBIND: Final = 15
IP_PASSSEC: Final = 18
IP_TRANSPARENT: Final = 19
IP_RECVORIGDSTADDR: Final = 20
IP_MINTTL: Final = 21
IP_NODEFRAG: Final = 22
IP_MULTICAST_IF: Final = 32
IP_MULTICAST_TTL: Final = 33
IP_MULTICAST_LOOP: Final = 34
IP_ADD_MEMBERSHIP: Final = 35
IP_DROP_MEMBERSHIP: Final = 36
IP_MULTICAST_ALL: Final = 49

# setsockopt(2) at IPPROTO_IPV6.
IPV6_UNICAST_HOPS: Final = 16
IPV6_MULTICAST_IF: Final = 17
IPV6_MULTICAST_HOPS: Final = 18
IPV6_MULTICAST_LOOP: Final = 19
IPV6_ADD_MEMBERSHIP: Final = 20
IPV6_DROP_MEMBERSHIP: Final = 21
IPV6_MTU_DISCOVER: Final = 23
IPV6_MTU: Final = 24
IPV6_RECVERR: Final = 25
IPV6_V6ONLY: Final = 26
IPV6_RECVPKTINFO: Final = 49
IPV6_PKTINFO: Final = 50
IPV6_RECVHOPLIMIT: Final = 51
IPV6_HOPLIMIT: Final = 52
IPV6_RECVTCLASS: Final = 66
IPV6_TCLASS: Final = 67

# setsockopt(2) at IPPROTO_UDP.
UDP_CORK: Final = 1
UDP_ENCAP: Final = 100

ICMP_FILTER: Final = 1  # at SOL_RAW, which is IPPROTO_RAW

# Messages of ICMP.
ICMP_ECHOREPLY: Final = 0
ICMP_DEST_UNREACH: Final = 3
ICMP_ECHO: Final = 8
ICMP_PROT_UNREACH: Final = 2
ICMP_PORT_UNREACH: Final = 3
ICMPV6_DEST_UNREACH: Final = 1
ICMPV6_PORT_UNREACH: Final = 4
ICMPV6_ECHO_REQUEST: Final = 128
ICMPV6_ECHO_REPLY: Final = 129

SO_EE_ORIGIN_LOCAL: Final = 1  # who has told of an error
SO_EE_ORIGIN_ICMP: Final = 2
SO_EE_ORIGIN_ICMP6: Final = 3
