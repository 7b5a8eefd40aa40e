"""What sockets of all families have, and the options of SOL_SOCKET (net/core/sock.c, include/net/sock.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_NET_ADMIN, CAP_NET_RAW
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, UINT_MAX
from procession.include.linux.netdevice import IFNAMSIZ
from procession.include.linux.socket import (
    SO_ACCEPTCONN,
    SO_ATTACH_FILTER,
    SO_BINDTODEVICE,
    SO_BROADCAST,
    SO_BSDCOMPAT,
    SO_DEBUG,
    SO_DETACH_FILTER,
    SO_DOMAIN,
    SO_DONTROUTE,
    SO_ERROR,
    SO_KEEPALIVE,
    SO_LINGER,
    SO_MARK,
    SO_NO_CHECK,
    SO_OOBINLINE,
    SO_PASSCRED,
    SO_PASSSEC,
    SO_PRIORITY,
    SO_PROTOCOL,
    SO_RCVBUF,
    SO_RCVBUFFORCE,
    SO_RCVLOWAT,
    SO_RCVTIMEO_OLD,
    SO_REUSEADDR,
    SO_RXQ_OVFL,
    SO_SNDBUF,
    SO_SNDBUFFORCE,
    SO_SNDLOWAT,
    SO_SNDTIMEO_OLD,
    SO_TIMESTAMP_OLD,
    SO_TIMESTAMPING_OLD,
    SO_TIMESTAMPNS_OLD,
    SO_TYPE,
)
from procession.include.linux.tcp import TCP_CLOSE, TCP_ESTABLISHED, TCP_LISTEN
from procession.include.linux.time import HZ, NSEC_PER_SEC, NSEC_PER_USEC, TICK_PERIOD_NS, USEC_PER_SEC
from procession.kernel import capability, hrtimer, wait
from procession.mm import uaccess
from procession.net import scm
from procession.net.core import dev, filter
from procession.net.sock_async import Socket

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.include.linux.wait import WaitQueueHead

__all__ = (
    "MAX_SCHEDULE_TIMEOUT",
    "SOCK_BROADCAST",
    "SOCK_DBG",
    "SOCK_KEEPOPEN",
    "SOCK_LINGER",
    "SOCK_LOCALROUTE",
    "SOCK_RCVBUF_LOCK",
    "SOCK_RCVTSTAMP",
    "SOCK_RCVTSTAMPNS",
    "SOCK_RXQ_OVFL",
    "SOCK_SNDBUF_LOCK",
    "SOCK_URGINLINE",
    "TCP_CLOSE",
    "TCP_ESTABLISHED",
    "TCP_LISTEN",
    "Sock",
    "SockWaiter",
    "sk_init",
    "sock_address",
    "sock_getsockopt",
    "sock_intr_errno",
    "sock_prot_inuse_add",
    "sock_rcvlowat",
    "sock_rcvtimeo",
    "sock_recv_timestamp",
    "sock_set_timeout",
    "sock_setsockopt",
    "sock_sndtimeo",
    "timeout_timeval",
)

MAX_SCHEDULE_TIMEOUT: Final = (1 << 63) - 1  # ticks: for ever
SOCK_MIN_SNDBUF: Final = 2048
SOCK_MIN_RCVBUF: Final = 2048 + 192  # a buffer and its head
SOCK_SNDBUF_LOCK: Final = 1  # of Sock.userlocks: a program has said how large the buffer is
SOCK_RCVBUF_LOCK: Final = 2
_FIRST_ADDRESS: Final = 0xFFFF88000E000000
_SOCK_ROOM: Final = 1024  # bytes
_LINGER: Final = struct.Struct("<ii")
_FPROG: Final = struct.Struct("<H6xQ")
_TIMEVAL: Final = struct.Struct("<qq")
_SOF_TIMESTAMPING_MASK: Final = 127
_TC_PRIO_MAX: Final = 6  # what may be asked for without CAP_NET_ADMIN

# Bits of Sock.flags (enum sock_flags).
SOCK_URGINLINE: Final = 1 << 2
SOCK_KEEPOPEN: Final = 1 << 3
SOCK_LINGER: Final = 1 << 4
SOCK_BROADCAST: Final = 1 << 6
SOCK_DBG: Final = 1 << 9
SOCK_RCVTSTAMP: Final = 1 << 10
SOCK_RCVTSTAMPNS: Final = 1 << 11
SOCK_LOCALROUTE: Final = 1 << 12
SOCK_RXQ_OVFL: Final = 1 << 21
_SOCK_PASSSEC: Final = 1 << 22  # of struct socket in 3.2

# Options that are a bit each.
_BITS: Final[dict[int, int]] = {
    SO_DEBUG: SOCK_DBG,
    SO_DONTROUTE: SOCK_LOCALROUTE,
    SO_BROADCAST: SOCK_BROADCAST,
    SO_KEEPALIVE: SOCK_KEEPOPEN,
    SO_OOBINLINE: SOCK_URGINLINE,
    SO_PASSSEC: _SOCK_PASSSEC,
    SO_RXQ_OVFL: SOCK_RXQ_OVFL,
}


def sk_init(k: Kernel) -> None:
    """Say how large the buffers of sockets are, and may be made, by how much memory there is."""
    net = k.net
    if k.mm.total_pages <= 4096:
        net.sysctl_wmem_max = net.sysctl_rmem_max = net.sysctl_wmem_default = net.sysctl_rmem_default = 32767
    elif k.mm.total_pages >= 131072:
        net.sysctl_wmem_max = net.sysctl_rmem_max = 131071


def sock_address(serial: int) -> int:
    """Return where 3.2 might have a socket in memory, or what comes before one and after."""
    return _FIRST_ADDRESS + serial * _SOCK_ROOM


class Sock(Socket):
    """What a socket is in every family (struct socket, struct sock).

    serial: which socket of the machine it is, counted from the first.
    net: where its names count, with a reference.  i_ino: the number of its open file's inode, 0 without one.
    wait: who sleeps for data, connections or room.  err: what the next call is told, an errno, 0 for nothing.
    rcvbuf, sndbuf: what may lie in a queue, in bytes.  userlocks: SOCK_SNDBUF_LOCK, SOCK_RCVBUF_LOCK.
    sk_rcvtimeo, sk_sndtimeo: ticks that a call waits at most, MAX_SCHEDULE_TIMEOUT for ever.  flags: SOCK_ bits.
    lingertime: ticks.  sk_filter: which packets it takes, None for all.  bound_dev_if: an interface, 0 for all.
    peer_pid, peer_cred: who made the other end, each with a reference.
    """

    __slots__ = (
        "bound_dev_if",
        "dead",
        "err",
        "family",
        "flags",
        "i_ino",
        "kernel",
        "lingertime",
        "mark",
        "net",
        "no_check",
        "passcred",
        "peer_cred",
        "peer_pid",
        "priority",
        "protocol",
        "rcvbuf",
        "rcvlowat",
        "reuse",
        "serial",
        "shutdown",
        "sk_filter",
        "sk_rcvtimeo",
        "sk_sndtimeo",
        "sndbuf",
        "state",
        "tsflags",
        "type",
        "userlocks",
        "wait",
    )

    def __init__(self, k: Kernel, net: NetNamespace, family: int, type: int, protocol: int) -> None:
        super().__init__()
        self.kernel = k
        k.net.sock_serial += 1
        self.serial = k.net.sock_serial
        self.net = net
        net.count += 1
        self.family = family
        self.type = type
        self.protocol = protocol
        self.wait = k.wait_queue_head("sk->wait")
        self.i_ino = 0
        self.state = TCP_CLOSE
        self.shutdown = 0
        self.dead = False
        self.err = 0
        self.passcred = False
        self.peer_pid: Pid | None = None
        self.peer_cred: Cred | None = None
        self.flags = 0
        self.reuse = False
        self.no_check = 0
        self.priority = 0
        self.mark = 0
        self.bound_dev_if = 0
        self.tsflags = 0
        self.lingertime = 0
        self.sk_filter: list[tuple[int, int, int, int]] | None = None
        self.sk_rcvtimeo = MAX_SCHEDULE_TIMEOUT
        self.sk_sndtimeo = MAX_SCHEDULE_TIMEOUT
        self.rcvlowat = 1
        self.userlocks = 0
        self.rcvbuf = k.net.sysctl_rmem_default
        self.sndbuf = k.net.sysctl_wmem_default

    def address(self) -> int:
        """Return where 3.2 might have it in memory: what /proc/net shows to tell sockets apart."""
        return sock_address(self.serial)

    def write_space(self) -> None:
        """The send buffer has become larger, or emptier."""

    def set_keepalive(self, *, on: bool) -> None:
        """SO_KEEPALIVE was set."""

    def sock_error(self) -> None:
        """Raise the error that something asynchronous has left, once."""
        if self.err:
            err, self.err = self.err, 0
            raise LinuxError(Errno(err), "socket error")


def sock_prot_inuse_add(net: NetNamespace, name: str, value: int) -> None:
    """Count the sockets of a protocol in a network, for /proc/net/protocols."""
    net.proto_inuse[name] = net.proto_inuse.get(name, 0) + value


# Waiting.


def sock_rcvtimeo(sk: Sock, *, noblock: bool) -> int:
    """Return how long a call may wait for something to receive, ticks."""
    return 0 if noblock else sk.sk_rcvtimeo


def sock_sndtimeo(sk: Sock, *, noblock: bool) -> int:
    """Return how long a call may wait to be able to send, ticks."""
    return 0 if noblock else sk.sk_sndtimeo


def sock_rcvlowat(sk: Sock, size: int, *, waitall: bool) -> int:
    """Return how many of size bytes a call waits for, at least one."""
    return (size if waitall else min(sk.rcvlowat, size)) or 1


def sock_intr_errno(timeo: int) -> Errno:
    """Return what a signal does to a wait: one that has an end is never restarted."""
    return Errno.ERESTARTSYS if timeo == MAX_SCHEDULE_TIMEOUT else Errno.EINTR


class SockWaiter(wait.Waiter):
    """A sleeper on one of a socket's queues, for timeo ticks at most; see kernel/wait.Waiter.

        with SockWaiter(current, sk.wait, TASK_INTERRUPTIBLE, "…", timeo) as waiter:
            while not sk.receive_queue:
                await waiter.rest()

    rest raises EAGAIN when it is called again after the time is over, so what has come by then counts.
    """

    __slots__ = ("expires_ns", "timed_out")

    def __init__(
        self, current: Task, queue: WaitQueueHead, state: int, wchan: str, timeo: int, *, exclusive: bool = False
    ) -> None:
        super().__init__(current, queue, state, wchan, exclusive=exclusive, errno=sock_intr_errno(timeo))
        now_ns = current.kernel.clock.now_ns
        infinite = timeo == MAX_SCHEDULE_TIMEOUT
        self.expires_ns = None if infinite else hrtimer.ktime_add_safe(now_ns, timeo * TICK_PERIOD_NS)
        self.timed_out = False

    def __enter__(self) -> SockWaiter:
        super().__enter__()
        return self

    def left(self) -> int:
        """Return how many of the ticks are left (schedule_timeout)."""
        if self.expires_ns is None:
            return MAX_SCHEDULE_TIMEOUT
        return max(0, -(-(self.expires_ns - self.task.kernel.clock.now_ns) // TICK_PERIOD_NS))

    async def rest(self) -> None:
        """Sleep; raises EAGAIN when the time is over, ERESTARTSYS, EINTR for a wait with an end."""
        if self.timed_out:
            raise LinuxError(Errno.EAGAIN, f"{self.wchan}: time over")
        self.timed_out = await self.sleep_until(self.expires_ns)


def sock_recv_timestamp(current: Task, sk: Sock, stamp_ns: int, controls: scm.MsgControl) -> None:
    """Store when a message was sent, as a time of day, if the socket wants to know."""
    if sk.flags & SOCK_RCVTSTAMPNS:
        scm.put_cmsg(current, controls, SO_TIMESTAMPNS_OLD, _TIMEVAL.pack(*divmod(stamp_ns, NSEC_PER_SEC)))
    elif sk.flags & SOCK_RCVTSTAMP:
        sec, nsec = divmod(stamp_ns, NSEC_PER_SEC)
        scm.put_cmsg(current, controls, SO_TIMESTAMP_OLD, _TIMEVAL.pack(sec, nsec // NSEC_PER_USEC))


# Setting options.


def sock_setsockopt(current: Task, sk: Sock, optname: int, optval: UserPtr, optlen: int) -> None:
    """Set an option of SOL_SOCKET; raises EINVAL, EFAULT, EPERM, EACCES, EDOM, ENODEV, ENOENT, ENOPROTOOPT."""
    if optname == SO_BINDTODEVICE:
        sock_bindtodevice(current, sk, optval, optlen)
        return
    if optlen < 4:
        raise LinuxError(Errno.EINVAL, "setsockopt: length")
    value = uaccess.get_user(current, optval, 4, signed=True)
    if optname in _BITS:
        if optname == SO_DEBUG and value:
            _need_admin(current, sk, Errno.EACCES)
        if optname == SO_KEEPALIVE:
            sk.set_keepalive(on=bool(value))
        _set_flag(sk, _BITS[optname], on=bool(value))
    elif optname in (SO_SNDBUF, SO_SNDBUFFORCE, SO_RCVBUF, SO_RCVBUFFORCE):
        _set_buffer(current, sk, optname, value)
    elif optname == SO_LINGER:
        _set_linger(current, sk, optval, optlen)
    elif optname in (SO_RCVTIMEO_OLD, SO_SNDTIMEO_OLD):
        if optlen < _TIMEVAL.size:
            raise LinuxError(Errno.EINVAL, "a timeout's length")
        sock_set_timeout(sk, optname, *_TIMEVAL.unpack(uaccess.copy_from_user(current, optval, _TIMEVAL.size)))
    elif optname in (SO_TIMESTAMP_OLD, SO_TIMESTAMPNS_OLD):
        _set_timestamp(sk, optname, on=bool(value))
    elif optname == SO_ATTACH_FILTER:
        if optlen != _FPROG.size:
            raise LinuxError(Errno.EINVAL, "struct sock_fprog")
        count, program = _FPROG.unpack(uaccess.copy_from_user(current, optval, _FPROG.size))
        sk.sk_filter = filter.sk_attach_filter(current, count, program, sk.sk_filter)
    elif optname == SO_DETACH_FILTER:
        if sk.sk_filter is None:
            raise LinuxError(Errno.ENOENT, "no filter")
        sk.sk_filter = None
    else:
        _set_number(current, sk, optname, value)


def _need_admin(current: Task, sk: Sock, errno: Errno) -> None:
    if not capability.ns_capable(current, sk.net.user_ns, CAP_NET_ADMIN):
        raise LinuxError(errno, "a socket's option needs CAP_NET_ADMIN")


def _set_flag(sk: Sock, bit: int, *, on: bool) -> None:
    sk.flags = sk.flags | bit if on else sk.flags & ~bit


def _set_number(current: Task, sk: Sock, optname: int, value: int) -> None:
    """Set an option that is a number; raises EPERM, EINVAL, ENOPROTOOPT."""
    if optname == SO_REUSEADDR:
        sk.reuse = bool(value)
    elif optname == SO_NO_CHECK:
        sk.no_check = int(bool(value))
    elif optname == SO_PRIORITY:
        if not 0 <= value <= _TC_PRIO_MAX:
            _need_admin(current, sk, Errno.EPERM)
        sk.priority = value
    elif optname == SO_PASSCRED:
        sk.passcred = bool(value)
    elif optname == SO_TIMESTAMPING_OLD:
        if value & ~_SOF_TIMESTAMPING_MASK:
            raise LinuxError(Errno.EINVAL, "SO_TIMESTAMPING")
        sk.tsflags = value
    elif optname == SO_RCVLOWAT:
        sk.rcvlowat = INT_MAX if value < 0 else value or 1
    elif optname == SO_MARK:
        _need_admin(current, sk, Errno.EPERM)
        sk.mark = value
    elif optname != SO_BSDCOMPAT:  # which is obsolete
        raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")


def _set_buffer(current: Task, sk: Sock, optname: int, value: int) -> None:
    """Set how much a queue holds: twice what is asked for, as the structures count too; raises EPERM."""
    net = current.kernel.net
    sending = optname in (SO_SNDBUF, SO_SNDBUFFORCE)
    if optname in (SO_SNDBUF, SO_RCVBUF):
        most = net.sysctl_wmem_max if sending else net.sysctl_rmem_max
        if value & UINT_MAX > most:
            value = most
    else:
        _need_admin(current, sk, Errno.EPERM)
    double = (2 * value + INT_MAX + 1 & UINT_MAX) - INT_MAX - 1
    if sending:
        sk.userlocks |= SOCK_SNDBUF_LOCK
        sk.sndbuf = max(double, SOCK_MIN_SNDBUF)
        sk.write_space()
    else:
        sk.userlocks |= SOCK_RCVBUF_LOCK
        # Compared as unsigned, so a negative one stays: then nothing is let in.
        sk.rcvbuf = SOCK_MIN_RCVBUF if 0 <= double < SOCK_MIN_RCVBUF else double


def _set_linger(current: Task, sk: Sock, optval: UserPtr, optlen: int) -> None:
    if optlen < _LINGER.size:
        raise LinuxError(Errno.EINVAL, "SO_LINGER: length")
    on, seconds = _LINGER.unpack(uaccess.copy_from_user(current, optval, _LINGER.size))
    _set_flag(sk, SOCK_LINGER, on=bool(on))
    if on:
        sk.lingertime = seconds * HZ & UINT_MAX


def sock_set_timeout(sk: Sock, optname: int, sec: int, usec: int) -> None:
    """Set SO_RCVTIMEO or SO_SNDTIMEO, rounded up to ticks; raises EDOM.

    No time at all is for ever, and a negative one no waiting.
    """
    if not 0 <= usec < USEC_PER_SEC:
        raise LinuxError(Errno.EDOM, "a timeout's microseconds")
    timeo = MAX_SCHEDULE_TIMEOUT
    if sec < 0:
        timeo = 0
    elif (sec or usec) and sec < MAX_SCHEDULE_TIMEOUT // HZ - 1:
        timeo = sec * HZ + (usec + USEC_PER_SEC // HZ - 1) // (USEC_PER_SEC // HZ)
    if optname == SO_RCVTIMEO_OLD:
        sk.sk_rcvtimeo = timeo
    else:
        sk.sk_sndtimeo = timeo


def _set_timestamp(sk: Sock, optname: int, *, on: bool) -> None:
    if on:
        _set_flag(sk, SOCK_RCVTSTAMPNS, on=optname == SO_TIMESTAMPNS_OLD)
        sk.flags |= SOCK_RCVTSTAMP
    else:
        sk.flags &= ~(SOCK_RCVTSTAMP | SOCK_RCVTSTAMPNS)


def sock_bindtodevice(current: Task, sk: Sock, optval: UserPtr, optlen: int) -> None:
    """Let a socket see one interface alone, all of them if its name is empty; raises EPERM, EFAULT, ENODEV."""
    if not capability.ns_capable(current, sk.net.user_ns, CAP_NET_RAW):
        raise LinuxError(Errno.EPERM, "SO_BINDTODEVICE needs CAP_NET_RAW")
    name = uaccess.copy_from_user(current, optval, min(optlen, IFNAMSIZ - 1)).split(b"\0", 1)[0] if optlen else b""
    sk.bound_dev_if = dev.dev_get_by_name(sk.net, name).ifindex if name else 0


# Reading options.


def sock_getsockopt(sk: Sock, optname: int) -> bytes:
    """Return an option of SOL_SOCKET that is the same for all families; raises ENOPROTOOPT."""
    if optname == SO_LINGER:
        return _LINGER.pack(int(bool(sk.flags & SOCK_LINGER)), sk.lingertime // HZ)
    if optname in (SO_RCVTIMEO_OLD, SO_SNDTIMEO_OLD):
        return _TIMEVAL.pack(*timeout_timeval(sk, optname))
    return struct.pack("<i", _get_number(sk, optname))


def timeout_timeval(sk: Sock, optname: int) -> tuple[int, int]:
    """Return SO_RCVTIMEO or SO_SNDTIMEO in seconds and microseconds, zeros for ever."""
    timeo = sk.sk_rcvtimeo if optname == SO_RCVTIMEO_OLD else sk.sk_sndtimeo
    if timeo == MAX_SCHEDULE_TIMEOUT:
        return 0, 0
    return timeo // HZ, timeo % HZ * USEC_PER_SEC // HZ


def _get_number(sk: Sock, optname: int) -> int:
    if optname in _BITS:
        return int(bool(sk.flags & _BITS[optname]))
    if optname == SO_ERROR:
        err, sk.err = sk.err, 0
        return int(err)
    values = {
        SO_TYPE: sk.type,
        SO_PROTOCOL: sk.protocol,
        SO_DOMAIN: sk.family,
        SO_ACCEPTCONN: int(sk.state == TCP_LISTEN),
        SO_SNDBUF: sk.sndbuf,
        SO_RCVBUF: sk.rcvbuf,
        SO_REUSEADDR: int(sk.reuse),
        SO_NO_CHECK: sk.no_check,
        SO_PRIORITY: sk.priority,
        SO_PASSCRED: int(sk.passcred),
        SO_MARK: sk.mark,
        SO_RCVLOWAT: sk.rcvlowat,
        SO_SNDLOWAT: 1,
        SO_BSDCOMPAT: 0,
        SO_TIMESTAMP_OLD: int(sk.flags & (SOCK_RCVTSTAMP | SOCK_RCVTSTAMPNS) == SOCK_RCVTSTAMP),
        SO_TIMESTAMPNS_OLD: int(bool(sk.flags & SOCK_RCVTSTAMPNS)),
        SO_TIMESTAMPING_OLD: sk.tsflags,
    }
    if optname not in values:
        raise LinuxError(Errno.ENOPROTOOPT, f"option {optname}")
    return values[optname]
