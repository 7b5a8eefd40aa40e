"""Who uses which port, and whose a segment is (net/ipv4/inet_hashtables.c, inet_connection_sock.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
import zlib

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.socket import AF_INET, AF_INET6
from procession.include.linux.tcp import TCP_CLOSE, TCP_LISTEN
from procession.mm import slab
from procession.net.core.sock import sock_prot_inuse_add
from procession.net.ipv4.sock import BindBucket, InetNet, InetSock, TcpSock, TimewaitSock, inet_net, proto_name

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace

__all__ = (
    "PORT_HIGH",
    "PORT_LOW",
    "inet_csk_get_port",
    "inet_hash",
    "inet_hash_connect",
    "inet_inherit_port",
    "inet_lookup_established",
    "inet_lookup_listener",
    "inet_put_port",
    "inet_twsk_deschedule",
    "inet_unhash",
    "ipv6_rcv_saddr_equal",
    "random_port",
)

PORT_LOW: Final = 32768
PORT_HIGH: Final = 61000
_ATTEMPTS: Final = 5
_BUCKETS: Final = "tcp_bind_bucket"


def ipv6_rcv_saddr_equal(sk: InetSock | TimewaitSock, sk2: InetSock | TimewaitSock) -> bool:
    """Whether two sockets' bound addresses share one."""
    a, b = sk.rcv_saddr, sk2.rcv_saddr
    if len(a) == 4 and len(b) == 4:
        return not sk.ipv6only and not sk2.ipv6only and (a == b or not any(a) or not any(b))
    if len(a) == 16 and len(b) == 16:
        return a == b or not any(a) or not any(b)
    of_six = sk if len(a) == 16 else sk2
    return not any(of_six.rcv_saddr) and not of_six.ipv6only


def inet_csk_bind_conflict(sk: TcpSock, tb: BindBucket) -> bool:
    """Whether somebody who shares a port with sk does not want to."""
    for sk2 in tb.owners:
        if sk2 is sk or (sk.bound_dev_if and sk2.bound_dev_if and sk.bound_dev_if != sk2.bound_dev_if):
            continue
        shared = sk.reuse and sk2.reuse and sk2.state != TCP_LISTEN
        if not shared and ipv6_rcv_saddr_equal(sk, sk2):
            return True
    return False


def random_port(k: Kernel) -> int:
    """Return a port that a program may be given."""
    return PORT_LOW + int.from_bytes(k.chooser.random_bytes(4)) % (PORT_HIGH - PORT_LOW + 1)


def _find_port(sk: TcpSock, net: InetNet) -> tuple[int, bool]:
    """Return a port nobody has, or the least used one that may be shared, and which of both; raises EADDRINUSE."""
    rover = random_port(sk.kernel)
    smallest = -1
    smallest_size = -1
    for _ in range(PORT_HIGH - PORT_LOW + 1):
        tb = net.bhash.get(rover)
        if tb is None:
            return rover, False
        size = len(tb.owners)
        if tb.fastreuse > 0 and sk.reuse and sk.state != TCP_LISTEN and (size < smallest_size or smallest_size < 0):
            smallest, smallest_size = rover, size
        rover = PORT_LOW if rover == PORT_HIGH else rover + 1
    if smallest < 0:
        raise LinuxError(Errno.EADDRINUSE, "all ports are in use")
    return smallest, True


def inet_csk_get_port(sk: TcpSock, port: int) -> None:
    """Give a socket a port, any one for 0; raises EADDRINUSE."""
    net = inet_net(sk.net)
    picked = False
    for attempt in range(_ATTEMPTS):
        snum = port
        if not port:
            snum, picked = _find_port(sk, net)
        tb = net.bhash.get(snum)
        if tb is None or not tb.owners:
            break
        if tb.fastreuse > 0 and sk.reuse and sk.state != TCP_LISTEN and not picked:
            break
        if not inet_csk_bind_conflict(sk, tb):
            break
        if not picked or attempt == _ATTEMPTS - 1:
            raise LinuxError(Errno.EADDRINUSE, f"port {snum}")
    if tb is None:
        slab.should_failslab(sk.kernel, _BUCKETS, Errno.EADDRINUSE)
        tb = net.bhash[snum] = BindBucket(snum)
    sharing = sk.reuse and sk.state != TCP_LISTEN
    if not tb.owners:
        tb.fastreuse = int(sharing)
    elif tb.fastreuse and not sharing:
        tb.fastreuse = 0
    if sk.bind_hash is None:
        inet_bind_hash(sk, tb)


def inet_bind_hash(sk: TcpSock, tb: BindBucket) -> None:
    """Make a socket an owner of a port."""
    sk.num = tb.port
    tb.owners[sk] = None
    sk.bind_hash = tb


def inet_put_port(sk: TcpSock | TimewaitSock) -> None:
    """Give a port back."""
    tb = sk.bind_hash
    if tb is None:
        return
    del tb.owners[sk]
    sk.bind_hash = None
    if isinstance(sk, TcpSock):
        sk.num = 0
    if not tb.owners:
        bhash = inet_net(sk.net).bhash
        if bhash.get(tb.port) is tb:
            del bhash[tb.port]


def inet_inherit_port(sk: TcpSock, child: TcpSock) -> None:
    """Let a connection share its listener's port."""
    assert sk.bind_hash is not None
    inet_bind_hash(child, sk.bind_hash)


# Connections and listeners.


def inet_hash(sk: TcpSock) -> None:
    """Let packets find a socket."""
    net = inet_net(sk.net)
    if sk.state == TCP_LISTEN:
        net.listening.setdefault(sk.num, []).insert(0, sk)
    elif sk.state != TCP_CLOSE:
        net.ehash[sk.rcv_saddr, sk.num, sk.daddr, sk.dport] = sk
    sk.hashed = True
    sock_prot_inuse_add(sk.net, proto_name(sk), 1)


def inet_unhash(sk: TcpSock) -> None:
    """Let packets find it no more."""
    if not sk.hashed:
        return
    sk.hashed = False
    sock_prot_inuse_add(sk.net, proto_name(sk), -1)
    net = inet_net(sk.net)
    listeners = net.listening.get(sk.num)
    if listeners is not None and sk in listeners:
        listeners.remove(sk)
        if not listeners:
            del net.listening[sk.num]
        return
    key = (sk.rcv_saddr, sk.num, sk.daddr, sk.dport)
    if net.ehash.get(key) is sk:
        del net.ehash[key]


def inet_lookup_established(
    net: NetNamespace, saddr: bytes, sport: int, daddr: bytes, dport: int
) -> TcpSock | TimewaitSock | None:
    """Return the connection that a segment from (saddr, sport) to (daddr, dport) belongs to."""
    return inet_net(net).ehash.get((daddr, dport, saddr, sport))


def inet_lookup_listener(net: NetNamespace, daddr: bytes, dport: int, dif: int) -> TcpSock | None:
    """Return who listens there, the one that says most of it and, of two alike, the newest."""
    best, found = -1, None
    for sk in inet_net(net).listening.get(dport, ()):
        score = _compute_score(sk, daddr, dif)
        if score > best:
            best, found = score, sk
    return found


def _compute_score(sk: TcpSock, daddr: bytes, dif: int) -> int:
    score = int(sk.family == (AF_INET if len(daddr) == 4 else AF_INET6))
    if any(sk.rcv_saddr):
        if sk.rcv_saddr != daddr:
            return -1
        score += 2
    elif (len(sk.rcv_saddr) == 16 and len(daddr) == 4 and sk.ipv6only) or (len(sk.rcv_saddr) == 4 and len(daddr) == 16):
        return -1
    if sk.bound_dev_if:
        if sk.bound_dev_if != dif:
            return -1
        score += 2
    return score


# Connecting.


def _check_established(sk: TcpSock, port: int, *, bound: bool) -> bool:
    """Whether a connection from port would be the only one, or takes the place of one that waits (TIME_WAIT)."""
    ehash = inet_net(sk.net).ehash
    key = (sk.rcv_saddr, port, sk.daddr, sk.dport)
    other = ehash.get(key)
    if other is None:
        return True
    if not isinstance(other, TimewaitSock) or not bound:
        return False
    sk.write_seq = other.snd_nxt + 65535 + 2
    sk.ts_recent = other.ts_recent
    inet_twsk_deschedule(other)
    return True


def inet_hash_connect(sk: TcpSock) -> None:
    """Make a connection findable, from a port that is free for it if it has none; raises EADDRNOTAVAIL."""
    if sk.num:
        alone = sk.bind_hash is not None and list(sk.bind_hash.owners) == [sk]
        if not alone and not _check_established(sk, sk.num, bound=True):
            raise LinuxError(Errno.EADDRNOTAVAIL, "there is such a connection")
        inet_hash(sk)
        return
    k = sk.kernel
    net = inet_net(sk.net)
    remaining = PORT_HIGH - PORT_LOW + 1
    offset = k.net.port_hint + zlib.crc32(sk.saddr + sk.daddr + sk.dport.to_bytes(2))
    for i in range(1, remaining + 1):
        port = PORT_LOW + (i + offset) % remaining
        tb = net.bhash.get(port)
        if tb is not None and (tb.fastreuse >= 0 or not _check_established(sk, port, bound=False)):
            continue
        if tb is None:
            slab.should_failslab(k, _BUCKETS, Errno.EADDRNOTAVAIL)
            tb = net.bhash[port] = BindBucket(port)
            tb.fastreuse = -1
        k.net.port_hint += i
        inet_bind_hash(sk, tb)
        sk.sport = port
        inet_hash(sk)
        return
    raise LinuxError(Errno.EADDRNOTAVAIL, "all ports are in use")


def inet_twsk_deschedule(tw: TimewaitSock) -> None:
    """Forget what was left of a connection."""
    if tw.timer is not None:
        tw.timer.queued = False
        tw.timer = None
    ehash = inet_net(tw.net).ehash
    key = (tw.rcv_saddr, tw.num, tw.daddr, tw.dport)
    if ehash.get(key) is tw:
        del ehash[key]
        tw.kernel.net.tw_count -= 1
    inet_put_port(tw)
