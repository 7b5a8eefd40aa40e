"""Internet sockets (include/net/inet_sock.h, inet_connection_sock.h, linux/tcp.h, udp.h).

An address is its bytes: 4 of IPv4, also as an IPv6 socket's "mapped" one, or 16.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.inet import IN6ADDR_ANY, INADDR_ANY, IPPROTO_UDPLITE
from procession.include.linux.net import SS_UNCONNECTED
from procession.include.linux.socket import AF_INET, AF_INET6, SOCK_RAW, SOCK_STREAM
from procession.include.linux.tcp import TCP_INIT_CWND, TCP_MSS_DEFAULT
from procession.include.linux.time import TICK_PERIOD_NS
from procession.include.linux.uidgid import uid_here
from procession.net.core.sock import Sock, sock_address
from procession.net.ipv4.skbuff import InetSkb, TcpSkb

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.net.proto_ops import ProtoOps

__all__ = (
    "SOCK_BINDADDR_LOCK",
    "SOCK_BINDPORT_LOCK",
    "BindBucket",
    "InetNet",
    "InetSock",
    "Ipcm",
    "RawSock",
    "RequestSock",
    "TcpSock",
    "TimewaitSock",
    "UdpSock",
    "inet_net",
    "jiffies",
    "proto_name",
    "sock_i_uid",
    "sock_orphan",
)

SOCK_BINDADDR_LOCK: Final = 4  # of Sock.userlocks: a program has said which address
SOCK_BINDPORT_LOCK: Final = 8  # and which port
TCP_INFINITE_SSTHRESH: Final = 0x7FFFFFFF
_TCP_TIMEOUT_INIT: Final = 250  # ticks
_TCP_TIMEOUT_MAX_MDEV: Final = 250


def jiffies(k: Kernel) -> int:
    """Return the time in ticks."""
    return k.clock.now_ns // TICK_PERIOD_NS


class InetSock(Sock):
    """struct inet_sock.

    ops: what its type does.  saddr: its address, rcv_saddr the one it was bound to.  num, sport: its port, as bound and
    as shown.  dport, daddr: the other end.  owned: a call is at work with it (sk_lock).  rmem: what lies in its queues,
    in bytes.  error_queue: errors to be read with MSG_ERRQUEUE.  cmsg_flags: what a receiver wants to know of packets.
    mc_list: groups it has joined, with interfaces and the addresses by which these were named.  connected: struct
    socket says so (SS_CONNECTED).
    """

    __slots__ = (
        "cmsg_flags",
        "daddr",
        "dport",
        "error_queue",
        "err_soft",
        "freebind",
        "hdrincl",
        "hop_limit",
        "ipv6only",
        "ip_options",
        "mc_all",
        "mc_hops",
        "mc_index",
        "mc_list",
        "mc_loop",
        "mc_loop6",
        "mc_ttl",
        "min_ttl",
        "nodefrag",
        "num",
        "ops",
        "owned",
        "pmtudisc",
        "pmtudisc6",
        "rcv_saddr",
        "receive_queue",
        "recverr",
        "recverr6",
        "rmem",
        "saddr",
        "sport",
        "sock_state",
        "tclass",
        "tos",
        "transparent",
        "uc_ttl",
    )

    def __init__(self, k: Kernel, net: NetNamespace, family: int, type: int, protocol: int, ops: ProtoOps) -> None:
        super().__init__(k, net, family, type, protocol)
        self.ops = ops
        self.saddr = self.rcv_saddr = self.any_address()
        self.daddr = self.any_address()
        self.num = 0
        self.sport = 0
        self.dport = 0
        self.owned = False
        self.rmem = 0
        self.error_queue: deque[InetSkb] = deque()
        self.receive_queue: deque[InetSkb] = deque()
        self.err_soft = 0
        self.sock_state = SS_UNCONNECTED
        self.ipv6only = False
        self.cmsg_flags = 0
        self.recverr = False
        self.recverr6 = False
        self.hdrincl = False
        self.freebind = False
        self.transparent = False
        self.nodefrag = False
        self.mc_loop = True
        self.mc_loop6 = True
        self.mc_hops = 1
        self.mc_all = family != AF_INET6
        self.mc_ttl = 1
        self.mc_index = 0
        self.mc_list: list[tuple[bytes, int, bytes]] = []
        self.uc_ttl = -1
        self.hop_limit = -1
        self.min_ttl = 0
        self.tos = 0
        self.tclass = 0
        self.pmtudisc = 1
        self.pmtudisc6 = 1
        self.ip_options = b""

    def any_address(self) -> bytes:
        """Return the address that says nothing."""
        return IN6ADDR_ANY if self.family == AF_INET6 else INADDR_ANY


class Ipcm:
    """How a packet is sent (struct ipcm_cookie): from where, over which interface; -1 is as the socket has it."""

    __slots__ = ("hops", "oif", "saddr", "tclass")

    def __init__(self, saddr: bytes, oif: int) -> None:
        self.saddr = saddr
        self.oif = oif
        self.hops = -1
        self.tclass = -1


def sock_i_uid(sk: InetSock) -> int:
    """Return whose a socket's file is, as the reader calls him; 0 for one that was not accepted, or is closed."""
    return 0 if sk.file is None else uid_here(sk.kernel.current, sk.file.inode.i_uid)


def sock_orphan(sk: InetSock) -> None:
    """No file is the socket's any more."""
    sk.dead = True
    sk.file = None
    sk.i_ino = 0


class UdpSock(InetSock):
    """struct udp_sock.

    pending: what is held back by a cork; pending_to: where it goes, to which port, and how.  corked: UDP_CORK is set.
    drops: packets that had no room.
    """

    __slots__ = ("corked", "drops", "pending", "pending_to")

    def __init__(self, k: Kernel, net: NetNamespace, family: int, type: int, protocol: int, ops: ProtoOps) -> None:
        super().__init__(k, net, family, type, protocol, ops)
        self.corked = False
        self.pending: bytearray | None = None
        self.pending_to: tuple[bytes, int, Ipcm] = (b"", 0, Ipcm(b"", 0))
        self.drops = 0


class RawSock(InetSock):
    """struct raw_sock.  filter: types of ICMP messages it does not want, as bits.  drops: as UdpSock's."""

    __slots__ = ("drops", "filter")

    def __init__(self, k: Kernel, net: NetNamespace, family: int, type: int, protocol: int, ops: ProtoOps) -> None:
        super().__init__(k, net, family, type, protocol, ops)
        self.filter = 0
        self.drops = 0


class TcpSock(InetSock):
    """struct tcp_sock and inet_connection_sock. Times are in ticks, windows in bytes, places in streams never wrap.

    backlog: segments that came while a call was at work.  write_queue: what was not acknowledged, send_head the index
    of the first not sent.  syn_table: half-open connections by (addresses, ports), accept_queue: whole ones, both of a
    listener.  nospace: somebody waits for room to send.  done: nothing more comes.  orphan: it has no file any more.
    counted: as one that has, or will.  The others are called as in 3.2.
    """

    __slots__ = (
        "accept_queue",
        "ack_ato",
        "ack_lrcvtime",
        "ack_pending",
        "ack_pingpong",
        "ack_quick",
        "ack_timeout",
        "ack_last_seg_size",
        "advmss",
        "ack_backlog",
        "backlog",
        "backoff",
        "bind_hash",
        "bytes_acked",
        "copied_seq",
        "counted",
        "csk_retransmits",
        "csk_timeout",
        "csk_pending",
        "defer_accept",
        "delack_timer",
        "destroyed",
        "done",
        "frto_highmark",
        "hashed",
        "init_time",
        "keep_timer",
        "keepalive_intvl",
        "keepalive_probes",
        "keepalive_time",
        "linger2",
        "lsndtime",
        "max_window",
        "mdev",
        "mdev_max",
        "mss_cache",
        "mss_clamp",
        "nonagle",
        "nospace",
        "ofo_queue",
        "orphan",
        "packets_out",
        "probes_out",
        "probes_tstamp",
        "parent",
        "pushed_seq",
        "qlen_young",
        "queue_shrunk",
        "rcv_mss",
        "rcv_nxt",
        "rcv_rtt_seq",
        "rcv_rtt_time",
        "rcv_rtt",
        "rcv_ssthresh",
        "rcv_tstamp",
        "rcv_wnd",
        "rcv_wscale",
        "rcv_wup",
        "rcvq_seq",
        "rcvq_space",
        "rcvq_time",
        "retrans_stamp",
        "retransmit_timer",
        "rto",
        "rttvar",
        "rtt_seq",
        "congestion",
        "sack_ok",
        "send_head",
        "snd_cwnd",
        "snd_cwnd_cnt",
        "snd_cwnd_used",
        "snd_nxt",
        "snd_sml",
        "snd_ssthresh",
        "snd_una",
        "snd_up",
        "snd_wl1",
        "snd_wnd",
        "snd_wscale",
        "srtt",
        "syn_retries",
        "syn_table",
        "thin_dupack",
        "thin_lto",
        "timer_flag_fin",
        "total_retrans",
        "ts_recent",
        "tso_deferred",
        "tstamp_ok",
        "urg_data",
        "urg_seq",
        "user_mss",
        "user_timeout",
        "window_clamp",
        "wmem_queued",
        "write_queue",
        "write_seq",
        "xmit_size_goal_segs",
    )

    def __init__(self, k: Kernel, net: NetNamespace, family: int, type: int, protocol: int, ops: ProtoOps) -> None:
        super().__init__(k, net, family, type, protocol, ops)
        self.sndbuf = 16384
        self.rcvbuf = 87380
        self.bind_hash: BindBucket | None = None
        self.hashed = False
        self.parent: TcpSock | None = None
        self.orphan = False
        self.destroyed = False
        self.counted = True
        self.done = False
        self.backlog: deque[TcpSkb] = deque()
        self.write_queue: deque[TcpSkb] = deque()
        self.send_head = 0
        self.wmem_queued = 0
        self.ofo_queue: list[TcpSkb] = []
        self.nospace = False
        self.queue_shrunk = False
        # A listener.
        self.syn_table: dict[tuple[bytes, int, bytes, int], RequestSock] = {}
        self.accept_queue: deque[tuple[RequestSock, TcpSock]] = deque()
        self.ack_backlog = 0
        self.qlen_young = 0
        self.defer_accept = 0
        # Options.
        self.nonagle = 0
        self.user_mss = 0
        self.keepalive_time = 0
        self.keepalive_intvl = 0
        self.keepalive_probes = 0
        self.syn_retries = 0
        self.linger2 = 0
        self.window_clamp = 0
        self.user_timeout = 0
        self.thin_lto = False
        self.thin_dupack = False
        self.congestion = b"cubic"
        # Sending.
        self.write_seq = 0
        self.snd_una = self.snd_nxt = self.snd_sml = self.snd_up = self.snd_wl1 = 0
        self.snd_wnd = 0
        self.max_window = 0
        self.pushed_seq = 0
        self.packets_out = 0
        self.snd_cwnd = TCP_INIT_CWND if family == AF_INET else 2
        self.snd_cwnd_cnt = 0
        self.frto_highmark = 0  # where a timed-out window ends, while it is not known whether it is lost
        self.snd_cwnd_used = 0
        self.snd_ssthresh = TCP_INFINITE_SSTHRESH
        self.bytes_acked = 0
        self.mss_cache = TCP_MSS_DEFAULT
        self.mss_clamp = TCP_MSS_DEFAULT
        self.advmss = TCP_MSS_DEFAULT
        self.xmit_size_goal_segs = 0
        self.tso_deferred = 0
        self.tstamp_ok = False
        self.sack_ok = False
        self.snd_wscale = self.rcv_wscale = 0
        self.lsndtime = 0
        # Receiving.
        self.rcv_nxt = self.rcv_wup = self.copied_seq = 0
        self.rcv_wnd = 0
        self.rcv_ssthresh = 0
        self.rcv_mss = TCP_MSS_DEFAULT
        self.rcv_tstamp = 0
        self.ts_recent = 0
        self.rcvq_seq = self.rcvq_space = self.rcvq_time = 0
        self.rcv_rtt = self.rcv_rtt_seq = self.rcv_rtt_time = 0
        self.urg_data = 0
        self.urg_seq = 0
        # Acknowledging.
        self.ack_pending = 0
        self.ack_quick = 0
        self.ack_pingpong = False
        self.ack_ato = 0
        self.ack_timeout = 0
        self.ack_lrcvtime = 0
        self.ack_last_seg_size = 0
        # Timers.
        self.rto = _TCP_TIMEOUT_INIT
        self.srtt = 0
        self.mdev = _TCP_TIMEOUT_MAX_MDEV
        self.mdev_max = 0
        self.rttvar = 0
        self.rtt_seq = 0
        self.backoff = 0
        self.csk_retransmits = 0
        self.csk_pending = 0
        self.csk_timeout = 0
        self.probes_out = 0
        self.probes_tstamp = 0
        self.retrans_stamp = 0
        self.total_retrans = 0
        self.init_time = 0
        self.timer_flag_fin = 0
        self.retransmit_timer: Hrtimer | None = None
        self.delack_timer: Hrtimer | None = None
        self.keep_timer: Hrtimer | None = None

    def write_space(self) -> None:
        """The send buffer has become larger, or emptier."""
        self.ops.write_space(self)

    def set_keepalive(self, *, on: bool) -> None:
        """SO_KEEPALIVE was set."""
        self.ops.set_keepalive(self, on=on)


class RequestSock:
    """A connection that the other end has not answered to yet (struct tcp_request_sock).

    saddr, sport: ours.  daddr, dport: the other end's.  retrans: how often a SYN-ACK was sent again.
    snt_synack: the tick of a SYN-ACK whose round trip can be measured, -1 for none.
    acked: the other end has answered, and waits for a place in the queue or, deferred, has sent nothing.
    """

    __slots__ = (
        "acked",
        "daddr",
        "dport",
        "expires",
        "listener",
        "mss",
        "rcv_isn",
        "rcv_wnd",
        "rcv_wscale",
        "retrans",
        "rx_opt",
        "saddr",
        "serial",
        "snt_isn",
        "snt_synack",
        "snd_wscale",
        "sport",
        "ts_recent",
        "window_clamp",
        "wscale_ok",
    )

    def __init__(self, listener: TcpSock, skb: TcpSkb) -> None:
        self.listener = listener
        self.saddr, self.sport = skb.daddr, skb.dest
        self.daddr, self.dport = skb.saddr, skb.source
        self.rcv_isn = skb.seq
        self.snt_isn = 0
        self.snt_synack = -1
        self.mss = skb.mss or TCP_MSS_DEFAULT
        self.wscale_ok = skb.wscale >= 0
        self.snd_wscale = max(skb.wscale, 0)
        self.rcv_wscale = 0
        self.rcv_wnd = 0
        self.window_clamp = 0
        self.rx_opt = skb.rx_opt
        self.ts_recent = skb.tsval
        self.retrans = 0
        self.acked = False
        self.expires = 0
        listener.kernel.net.sock_serial += 1
        self.serial = listener.kernel.net.sock_serial

    def address(self) -> int:
        """Return where 3.2 might have it in memory."""
        return sock_address(self.serial)


class TimewaitSock:
    """What is left of a connection that has ended (struct tcp_timewait_sock).

    state: TCP_TIME_WAIT.  substate: that, or TCP_FIN_WAIT2 while the other end may still send.
    """

    __slots__ = (
        "bind_hash",
        "daddr",
        "dport",
        "expires",
        "family",
        "ipv6only",
        "kernel",
        "net",
        "num",
        "rcv_nxt",
        "rcv_saddr",
        "rcv_wnd",
        "rcv_wscale",
        "reuse",
        "serial",
        "snd_nxt",
        "state",
        "substate",
        "timer",
        "ts_recent",
        "bound_dev_if",
    )

    def __init__(self, sk: TcpSock, state: int) -> None:
        self.kernel = sk.kernel
        self.net = sk.net
        self.family = sk.family
        self.ipv6only = sk.ipv6only
        self.rcv_saddr, self.num = sk.rcv_saddr, sk.num
        self.daddr, self.dport = sk.daddr, sk.dport
        self.bound_dev_if = sk.bound_dev_if
        self.reuse = sk.reuse
        self.state = 6
        self.substate = state
        sk.kernel.net.sock_serial += 1
        self.serial = sk.kernel.net.sock_serial
        self.rcv_nxt = sk.rcv_nxt
        self.rcv_wscale = sk.rcv_wscale
        self.snd_nxt = sk.snd_nxt
        self.rcv_wnd = sk.rcv_wnd
        self.ts_recent = sk.ts_recent
        self.bind_hash = sk.bind_hash
        self.expires = 0
        self.timer: Hrtimer | None = None

    def address(self) -> int:
        """Return where 3.2 might have it in memory."""
        return sock_address(self.serial)


class BindBucket:
    """Who uses a port (struct inet_bind_bucket).

    fastreuse: 1 all may share it, 0 it must be looked, -1 only connections without a bind.
    """

    __slots__ = ("fastreuse", "owners", "port")

    def __init__(self, port: int) -> None:
        self.port = port
        self.fastreuse = 0
        self.owners: dict[TcpSock | TimewaitSock, None] = {}


class InetNet:
    """The internet protocols of one network (struct netns_ipv4, and what the tables of 3.2 hold of it).

    bhash: TCP's ports.  ehash: connections by (own address, port, other address, port).  listening: listeners by port,
    the newest first.  udp: sockets by port, udplite likewise.  raw: in the order of their making.  stats: what
    /proc/net/snmp and netstat count.
    """

    __slots__ = ("bhash", "ehash", "listening", "pings", "raw", "stats", "udp", "udplite")

    def __init__(self) -> None:
        self.bhash: dict[int, BindBucket] = {}
        self.ehash: dict[tuple[bytes, int, bytes, int], TcpSock | TimewaitSock] = {}
        self.listening: dict[int, list[TcpSock]] = {}
        self.udp: dict[int, list[UdpSock]] = {}
        self.udplite: dict[int, list[UdpSock]] = {}
        self.raw: dict[RawSock, None] = {}
        self.pings: dict[int, list[RawSock]] = {}
        self.stats: dict[str, int] = {}

    def count(self, name: str, n: int = 1) -> None:
        """Add to a number of /proc/net/snmp or netstat."""
        self.stats[name] = self.stats.get(name, 0) + n


def inet_net(net: NetNamespace) -> InetNet:
    """Return the tables of a network, made when first asked for."""
    found = net.inet
    if found is None:
        found = net.inet = InetNet()
    return found


def proto_name(sk: InetSock) -> str:
    """Return what /proc/net/protocols calls a socket's protocol."""
    six = sk.family == AF_INET6
    if sk.type == SOCK_STREAM:
        return "TCPv6" if six else "TCP"
    if sk.type == SOCK_RAW:
        return "RAWv6" if six else "RAW"
    if sk.protocol == IPPROTO_UDPLITE:
        return "UDPLITEv6" if six else "UDP-Lite"
    return "UDPv6" if six else "UDP"
