"""Messages about interfaces, addresses and routes (include/linux/rtnetlink.h, if_link.h, if_addr.h)."""

from __future__ import annotations

import struct
from typing import Final

# Types of messages.
RTM_BASE: Final = 16
RTM_NEWLINK: Final = 16
RTM_DELLINK: Final = 17
RTM_GETLINK: Final = 18
RTM_SETLINK: Final = 19
RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
RTM_NEWROUTE: Final = 24
RTM_DELROUTE: Final = 25
RTM_GETROUTE: Final = 26
RTM_NEWNEIGH: Final = 28
RTM_DELNEIGH: Final = 29
RTM_GETNEIGH: Final = 30
RTM_NEWRULE: Final = 32
RTM_GETRULE: Final = 34
RTM_NEWQDISC: Final = 36
RTM_GETQDISC: Final = 38
RTM_GETNEIGHTBL: Final = 66
RTM_SETNEIGHTBL: Final = 67
RTM_MAX: Final = 83

IFINFOMSG: Final = struct.Struct("<BxHiII")  # family, type, index, flags, which of them are meant
IFADDRMSG: Final = struct.Struct("<BBBBI")  # family, length of the prefix, flags, scope, index
RTMSG: Final = struct.Struct("<BBBBBBBBI")  # family, lengths, tos, table, protocol, scope, type, flags

# Groups that are told of changes.
RTNLGRP_LINK: Final = 1
RTNLGRP_IPV4_IFADDR: Final = 5
RTNLGRP_IPV6_IFADDR: Final = 9
RTNLGRP_MAX: Final = 27

# Attributes of a link.
IFLA_ADDRESS: Final = 1
IFLA_BROADCAST: Final = 2
IFLA_IFNAME: Final = 3
IFLA_MTU: Final = 4
IFLA_QDISC: Final = 6
IFLA_STATS: Final = 7
IFLA_MASTER: Final = 10
IFLA_PROTINFO: Final = 12
IFLA_TXQLEN: Final = 13
IFLA_MAP: Final = 14
IFLA_OPERSTATE: Final = 16
IFLA_LINKMODE: Final = 17
IFLA_LINKINFO: Final = 18
IFLA_NET_NS_PID: Final = 19
IFLA_IFALIAS: Final = 20
IFLA_STATS64: Final = 23
IFLA_AF_SPEC: Final = 26
IFLA_GROUP: Final = 27
IFLA_NET_NS_FD: Final = 28
IFLA_MAX: Final = 28
IFLA_EXT_MASK: Final = 29  # 3.3

# Attributes of an address, and its flags.
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_LABEL: Final = 3
IFA_BROADCAST: Final = 4
IFA_CACHEINFO: Final = 6
IFA_MAX: Final = 7
IFA_F_SECONDARY: Final = 0x01
IFA_F_PERMANENT: Final = 0x80

# Attributes of a route.
RTA_DST: Final = 1
RTA_OIF: Final = 4
RTA_GATEWAY: Final = 5
RTA_PRIORITY: Final = 6
RTA_PREFSRC: Final = 7
RTA_METRICS: Final = 8
RTA_CACHEINFO: Final = 12
RTA_TABLE: Final = 15

# How far an address counts.
RT_SCOPE_UNIVERSE: Final = 0
RT_SCOPE_LINK: Final = 253
RT_SCOPE_HOST: Final = 254

RT_TABLE_DEFAULT: Final = 253
RT_TABLE_MAIN: Final = 254
RT_TABLE_LOCAL: Final = 255

# Rules: attributes, and what they do (include/linux/fib_rules.h).
FRA_PRIORITY: Final = 6
FRA_TABLE: Final = 15
FR_ACT_TO_TBL: Final = 1
RTPROT_KERNEL: Final = 2
RTN_UNICAST: Final = 1  # of somebody else
RTN_LOCAL: Final = 2
RTN_BROADCAST: Final = 3
RTN_MULTICAST: Final = 5
RTN_UNREACHABLE: Final = 7
