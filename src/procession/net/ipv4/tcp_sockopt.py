"""The options of TCP (do_tcp_setsockopt, do_tcp_getsockopt and tcp_get_info of net/ipv4/tcp.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.tcp import (
    MAX_TCP_KEEPCNT,
    MAX_TCP_KEEPIDLE,
    MAX_TCP_KEEPINTVL,
    MAX_TCP_SYNCNT,
    MAX_TCP_WINDOW,
    TCP_CLOSE,
    TCP_CONGESTION,
    TCP_COOKIE_TRANSACTIONS,
    TCP_CORK,
    TCP_DEFER_ACCEPT,
    TCP_INFO,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_LINGER2,
    TCP_LISTEN,
    TCP_MAXSEG,
    TCP_MD5SIG,
    TCP_MIN_MSS,
    TCP_NAGLE_CORK,
    TCP_NAGLE_OFF,
    TCP_NAGLE_PUSH,
    TCP_NODELAY,
    TCP_QUICKACK,
    TCP_SYNCNT,
    TCP_THIN_DUPACK,
    TCP_THIN_LINEAR_TIMEOUTS,
    TCP_USER_TIMEOUT,
    TCP_WINDOW_CLAMP,
    TCPF_CLOSE_WAIT,
    TCPF_ESTABLISHED,
)
from procession.include.linux.time import HZ
from procession.mm import uaccess
from procession.net.core.sock import SOCK_KEEPOPEN, SOCK_MIN_RCVBUF
from procession.net.ipv4 import inet_csk, tcp, tcp_input, tcp_output, tcp_recvmsg, tcp_timer
from procession.net.ipv4.inet_csk import ICSK_ACK_PUSHED, ICSK_ACK_SCHED
from procession.net.ipv4.sock import TcpSock, jiffies

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("tcp_getsockopt", "tcp_setsockopt")

_CA_NAME_MAX: Final = 16
_CONGESTIONS: Final = (b"cubic", b"reno")
_INFO: Final = struct.Struct("<8B24I")
_USEC_PER_TICK: Final = 1_000_000 // HZ
_MSEC_PER_TICK: Final = 1_000 // HZ


def tcp_setsockopt(current: Task, sk: TcpSock, optname: int, optval: UserPtr, optlen: int) -> None:
    """Set an option; raises EINVAL, EFAULT, ENOENT for an unknown congestion control, ENOPROTOOPT."""
    if optname == TCP_CONGESTION:
        _set_congestion(current, sk, optval, optlen)
        return
    if optlen < 4:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")
    value = uaccess.get_user(current, optval, 4, signed=True)
    if optname == TCP_MAXSEG:
        if not TCP_MIN_MSS <= value <= MAX_TCP_WINDOW:
            raise LinuxError(Errno.EINVAL, "TCP_MAXSEG")
        sk.user_mss = value
    elif optname == TCP_NODELAY:
        if value:
            sk.nonagle |= TCP_NAGLE_OFF | TCP_NAGLE_PUSH
            _push(sk)
        else:
            sk.nonagle &= ~TCP_NAGLE_OFF
    elif optname == TCP_CORK:
        if value:
            sk.nonagle |= TCP_NAGLE_CORK
        else:
            sk.nonagle &= ~TCP_NAGLE_CORK
            if sk.nonagle & TCP_NAGLE_OFF:
                sk.nonagle |= TCP_NAGLE_PUSH
            _push(sk)
    elif optname in (TCP_THIN_LINEAR_TIMEOUTS, TCP_THIN_DUPACK):
        _set_thin(sk, optname, value)
    elif optname in (TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT):
        _set_count(sk, optname, value)
    else:
        _set_other(sk, optname, value)


def _push(sk: TcpSock) -> None:
    sk.owned = True
    tcp.tcp_push_frames(sk)
    tcp.tcp_release(sk)


def _set_congestion(current: Task, sk: TcpSock, optval: UserPtr, optlen: int) -> None:
    if optlen < 1:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")
    name = uaccess.copy_from_user(current, optval, min(_CA_NAME_MAX - 1, optlen)).split(b"\0", 1)[0]
    if name not in _CONGESTIONS:
        raise LinuxError(Errno.ENOENT, "no such congestion control")
    sk.congestion = name


def _set_thin(sk: TcpSock, optname: int, value: int) -> None:
    if not 0 <= value <= 1:
        raise LinuxError(Errno.EINVAL, "neither 0 nor 1")
    if optname == TCP_THIN_DUPACK:
        sk.thin_dupack = bool(value)
    else:
        sk.thin_lto = bool(value)


def _set_count(sk: TcpSock, optname: int, value: int) -> None:
    """Set a number of seconds or of tries, which is at least 1."""
    most = {
        TCP_KEEPIDLE: MAX_TCP_KEEPIDLE,
        TCP_KEEPINTVL: MAX_TCP_KEEPINTVL,
        TCP_KEEPCNT: MAX_TCP_KEEPCNT,
        TCP_SYNCNT: MAX_TCP_SYNCNT,
    }[optname]
    if not 1 <= value <= most:
        raise LinuxError(Errno.EINVAL, "out of range")
    if optname == TCP_KEEPINTVL:
        sk.keepalive_intvl = value * HZ
    elif optname == TCP_KEEPCNT:
        sk.keepalive_probes = value
    elif optname == TCP_SYNCNT:
        sk.syn_retries = value
    else:
        sk.keepalive_time = value * HZ
        if sk.flags & SOCK_KEEPOPEN and sk.state not in (TCP_CLOSE, TCP_LISTEN):
            idle = jiffies(sk.kernel) - max(sk.ack_lrcvtime, sk.rcv_tstamp)
            inet_csk.inet_csk_reset_keepalive_timer(sk, max(sk.keepalive_time - idle, 0))


def _set_other(sk: TcpSock, optname: int, value: int) -> None:
    if optname == TCP_LINGER2:
        if value < 0:
            sk.linger2 = -1
        elif value > tcp_input.TCP_FIN_TIMEOUT // HZ:
            sk.linger2 = 0
        else:
            sk.linger2 = value * HZ
    elif optname == TCP_DEFER_ACCEPT:
        sk.defer_accept = secs_to_retrans(value)
    elif optname == TCP_WINDOW_CLAMP:
        if not value:
            if sk.state != TCP_CLOSE:
                raise LinuxError(Errno.EINVAL, "no window at all")
            sk.window_clamp = 0
        else:
            sk.window_clamp = max(value & UINT_MAX, SOCK_MIN_RCVBUF // 2)
    elif optname == TCP_QUICKACK:
        _set_quickack(sk, value)
    elif optname == TCP_USER_TIMEOUT:
        # Ticks, of which a negative number of milliseconds is as many as there can be.
        sk.user_timeout = -2 & UINT_MAX if value < 0 else -(-value // _MSEC_PER_TICK)
    elif optname in (TCP_MD5SIG, TCP_COOKIE_TRANSACTIONS):
        sk.kernel.not_modelled(f"setsockopt: TCP option {optname}")
        raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")
    else:
        raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")


def _set_quickack(sk: TcpSock, value: int) -> None:
    if not value:
        sk.ack_pingpong = True
        return
    sk.ack_pingpong = False
    if 1 << sk.state & (TCPF_ESTABLISHED | TCPF_CLOSE_WAIT) and sk.ack_pending & ICSK_ACK_SCHED:
        sk.ack_pending |= ICSK_ACK_PUSHED
        sk.owned = True
        tcp_recvmsg.tcp_cleanup_rbuf(sk, 1)
        tcp.tcp_release(sk)
        if not value & 1:
            sk.ack_pingpong = True


def secs_to_retrans(seconds: int) -> int:
    """Return after how many SYN-ACKs so many seconds are over."""
    res = 0
    if seconds > 0:
        period = timeout = 1
        res = 1
        while seconds > period and res < 255:
            res += 1
            timeout = min(timeout << 1, 120)
            period += timeout
    return res


def retrans_to_secs(retrans: int) -> int:
    """Return how many seconds so many SYN-ACKs take."""
    period = 0
    if retrans > 0:
        period = timeout = 1
        for _ in range(retrans - 1):
            timeout = min(timeout << 1, 120)
            period += timeout
    return period


# Reading.


def tcp_getsockopt(current: Task, sk: TcpSock, optname: int, room: int) -> bytes:
    """Return an option; raises ENOPROTOOPT."""
    if optname == TCP_INFO:
        return tcp_get_info(sk)
    if optname == TCP_CONGESTION:
        return sk.congestion.ljust(_CA_NAME_MAX, b"\0")
    values = {
        TCP_MAXSEG: sk.mss_cache,
        TCP_NODELAY: int(bool(sk.nonagle & TCP_NAGLE_OFF)),
        TCP_CORK: int(bool(sk.nonagle & TCP_NAGLE_CORK)),
        TCP_KEEPIDLE: tcp_input.keepalive_time_when(sk) // HZ,
        TCP_KEEPINTVL: tcp_timer.keepalive_intvl_when(sk) // HZ,
        TCP_KEEPCNT: tcp_timer.keepalive_probes(sk),
        TCP_SYNCNT: sk.syn_retries or tcp_timer.TCP_SYN_RETRIES,
        TCP_LINGER2: -1 if sk.linger2 < 0 else (sk.linger2 or tcp_input.TCP_FIN_TIMEOUT) // HZ,
        TCP_DEFER_ACCEPT: retrans_to_secs(sk.defer_accept),
        TCP_WINDOW_CLAMP: sk.window_clamp,
        TCP_QUICKACK: int(not sk.ack_pingpong),
        TCP_THIN_LINEAR_TIMEOUTS: int(sk.thin_lto),
        TCP_THIN_DUPACK: int(sk.thin_dupack),
        TCP_USER_TIMEOUT: sk.user_timeout * _MSEC_PER_TICK,
    }
    if optname not in values:
        if optname == TCP_COOKIE_TRANSACTIONS:
            sk.kernel.not_modelled(f"getsockopt: TCP option {optname}")
        raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")
    return struct.pack("<I", values[optname] & UINT_MAX)


def tcp_get_info(sk: TcpSock) -> bytes:
    """Return a struct tcp_info."""
    now = jiffies(sk.kernel)
    listening = sk.state == TCP_LISTEN
    scaled = sk.rcv_wscale and sk.max_window
    options = (1 if sk.tstamp_ok else 0) | (2 if sk.sack_ok else 0) | (4 if scaled else 0)
    return _INFO.pack(
        sk.state,
        0,
        sk.csk_retransmits & 0xFF,
        sk.probes_out & 0xFF,
        sk.backoff & 0xFF,
        options,
        sk.snd_wscale | sk.rcv_wscale << 4 if scaled else 0,
        0,
        sk.rto * _USEC_PER_TICK,
        sk.ack_ato * _USEC_PER_TICK,
        sk.mss_cache,
        sk.rcv_mss,
        len(sk.accept_queue) if listening else sk.packets_out,
        sk.ack_backlog if listening else 0,
        0,
        0,
        0,
        (now - sk.lsndtime) * _MSEC_PER_TICK & UINT_MAX,
        0,
        (now - sk.ack_lrcvtime) * _MSEC_PER_TICK & UINT_MAX,
        (now - sk.rcv_tstamp) * _MSEC_PER_TICK & UINT_MAX,
        tcp_output.tcp_mtu_mss(sk.net, 4) + 40 if any(sk.daddr) else 0,
        sk.rcv_ssthresh,
        sk.srtt * _USEC_PER_TICK >> 3,
        sk.mdev * _USEC_PER_TICK >> 2,
        sk.snd_ssthresh,
        sk.snd_cwnd,
        sk.advmss,
        3,
        sk.rcv_rtt * _USEC_PER_TICK >> 3,
        sk.rcvq_space,
        sk.total_retrans,
    )
