"""TCP: states, options, flags of segments (include/linux/tcp.h, net/tcp_states.h, net/tcp.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

# Sock.state. Other families use some of them, too.
TCP_ESTABLISHED: Final = 1
TCP_SYN_SENT: Final = 2
TCP_SYN_RECV: Final = 3
TCP_FIN_WAIT1: Final = 4
TCP_FIN_WAIT2: Final = 5
TCP_TIME_WAIT: Final = 6
TCP_CLOSE: Final = 7
TCP_CLOSE_WAIT: Final = 8
TCP_LAST_ACK: Final = 9
TCP_LISTEN: Final = 10
TCP_CLOSING: Final = 11

# Sets of them: 1 << state.
TCPF_ESTABLISHED: Final = 1 << 1
TCPF_SYN_SENT: Final = 1 << 2
TCPF_SYN_RECV: Final = 1 << 3
TCPF_FIN_WAIT1: Final = 1 << 4
TCPF_FIN_WAIT2: Final = 1 << 5
TCPF_CLOSE: Final = 1 << 7
TCPF_CLOSE_WAIT: Final = 1 << 8
TCPF_LAST_ACK: Final = 1 << 9
TCPF_LISTEN: Final = 1 << 10
TCPF_CLOSING: Final = 1 << 11

# setsockopt(2) at IPPROTO_TCP.
TCP_NODELAY: Final = 1
TCP_MAXSEG: Final = 2
TCP_CORK: Final = 3
TCP_KEEPIDLE: Final = 4
TCP_KEEPINTVL: Final = 5
TCP_KEEPCNT: Final = 6
TCP_SYNCNT: Final = 7
TCP_LINGER2: Final = 8
TCP_DEFER_ACCEPT: Final = 9
TCP_WINDOW_CLAMP: Final = 10
TCP_INFO: Final = 11
TCP_QUICKACK: Final = 12
TCP_CONGESTION: Final = 13
TCP_MD5SIG: Final = 14
TCP_COOKIE_TRANSACTIONS: Final = 15
TCP_THIN_LINEAR_TIMEOUTS: Final = 16
TCP_THIN_DUPACK: Final = 17
TCP_USER_TIMEOUT: Final = 18

# Flags of a segment.
TCPHDR_FIN: Final = 0x01
TCPHDR_SYN: Final = 0x02
TCPHDR_RST: Final = 0x04
TCPHDR_PSH: Final = 0x08
TCPHDR_ACK: Final = 0x10
TCPHDR_URG: Final = 0x20

# Lengths, in bytes.
TCP_HEADER: Final = 20
TCPOLEN_TSTAMP_ALIGNED: Final = 12
TCP_MSS_DEFAULT: Final = 536
TCP_MIN_MSS: Final = 88
MAX_TCP_WINDOW: Final = 32767
MAX_TCP_HEADER: Final = 160  # room kept before the data of a segment

# Numbers of segments, probes and seconds.
TCP_INIT_CWND: Final = 10
MAX_TCP_KEEPIDLE: Final = 32767
MAX_TCP_KEEPINTVL: Final = 32767
MAX_TCP_KEEPCNT: Final = 127
MAX_TCP_SYNCNT: Final = 127

# TcpSock.nonagle.
TCP_NAGLE_OFF: Final = 1
TCP_NAGLE_CORK: Final = 2
TCP_NAGLE_PUSH: Final = 4


class TcpOpt(IntEnum):
    """setsockopt(2) at SOL_TCP."""

    NODELAY = TCP_NODELAY
    MAXSEG = TCP_MAXSEG
    CORK = TCP_CORK
    KEEPIDLE = TCP_KEEPIDLE
    KEEPINTVL = TCP_KEEPINTVL
    KEEPCNT = TCP_KEEPCNT
    SYNCNT = TCP_SYNCNT
    LINGER2 = TCP_LINGER2
    DEFER_ACCEPT = TCP_DEFER_ACCEPT
    WINDOW_CLAMP = TCP_WINDOW_CLAMP
    INFO = TCP_INFO
    QUICKACK = TCP_QUICKACK
    CONGESTION = TCP_CONGESTION
    MD5SIG = TCP_MD5SIG
    COOKIE_TRANSACTIONS = TCP_COOKIE_TRANSACTIONS
    THIN_LINEAR_TIMEOUTS = TCP_THIN_LINEAR_TIMEOUTS
    THIN_DUPACK = TCP_THIN_DUPACK
    USER_TIMEOUT = TCP_USER_TIMEOUT
