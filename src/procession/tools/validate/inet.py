"""Internet sockets held against their tables and against what lies in their queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.net.ipv4.sock import InetNet, RawSock, TcpSock, TimewaitSock, UdpSock

if TYPE_CHECKING:
    from procession.tools.validate.census import Census

__all__ = ("validate_inet",)


def validate_inet(seen: Census) -> list[str]:
    """Return which sockets are counted wrongly, and which ports and connections the tables have wrong."""
    k = seen.k
    if k.net.softnet is None:
        return []
    wrong: list[str] = []
    sockets = seen.other_sockets
    kinds: tuple[tuple[str, type], ...] = (("TCP", TcpSock), ("UDP", UdpSock), ("RAW", RawSock))
    for name, kind in kinds:
        count = sum(1 for sk in sockets if isinstance(sk, kind))
        if k.caches[name].nr_active != count:
            wrong.append(f"{name} objects: {k.caches[name].nr_active}, found {count}")
    if k.net.softnet.disabled or k.net.softnet.input_pkt_queue:
        wrong.append("packets under way")
    for sk in sockets:
        if isinstance(sk, TcpSock):
            wrong += _tcp(sk)
        elif isinstance(sk, UdpSock | RawSock):
            queued = sum(skb.truesize for skb in (*sk.receive_queue, *sk.error_queue))
            if sk.rmem != queued:
                wrong.append(f"received memory of a datagram socket: {sk.rmem}, found {queued}")
    tables = [net.inet for net in dict.fromkeys([sk.net for sk in sockets]) if net.inet is not None]
    for table in tables:
        wrong += _table(table)
    return wrong


def _tcp(sk: TcpSock) -> list[str]:
    """Return what is wrong with a connection."""
    wrong = []
    if sk.owned or sk.backlog:
        wrong.append("a call that is over has kept its socket")
    received = sum(skb.truesize for skb in (*sk.receive_queue, *sk.ofo_queue))
    if sk.rmem != received:
        wrong.append(f"received memory of port {sk.sport}: {sk.rmem}, found {received}")
    queued = sum(skb.truesize for skb in sk.write_queue)
    if sk.wmem_queued != queued:
        wrong.append(f"sent memory of port {sk.sport}: {sk.wmem_queued}, found {queued}")
    if not 0 <= sk.send_head <= len(sk.write_queue):
        wrong.append(f"what is to be sent from port {sk.sport}")
    if bool(sk.packets_out) != bool(sk.send_head):
        wrong.append(f"packets under way from port {sk.sport}: {sk.packets_out}, segments {sk.send_head}")
    if not sk.snd_una <= sk.snd_nxt <= sk.write_seq or sk.copied_seq > sk.rcv_nxt:
        wrong.append(f"places in the streams of port {sk.sport}")
    if sk.bind_hash is not None and sk not in sk.bind_hash.owners:
        wrong.append(f"a port without its owner: {sk.num}")
    return wrong


def _table(table: InetNet) -> list[str]:
    """Return what is wrong with the tables of a network."""
    wrong = [f"port {port} of nobody" for port, tb in table.bhash.items() if not tb.owners]
    for (saddr, sport, daddr, dport), sk in table.ehash.items():
        if (sk.rcv_saddr, sk.num, sk.daddr, sk.dport) != (saddr, sport, daddr, dport):
            wrong.append(f"a connection in the wrong place: {sport} to {dport}")
        if isinstance(sk, TimewaitSock) and (sk.timer is None or not sk.timer.queued):
            wrong.append(f"a connection of port {sport} that waits for ever")
    for port, listeners in table.listening.items():
        wrong += [f"a listener of port {sk.num} at {port}" for sk in listeners if sk.num != port or sk.state != 10]
    for udp in (table.udp, table.udplite):
        wrong += [
            f"a socket of port {sk.num} at {port}" for port, found in udp.items() for sk in found if sk.num != port
        ]
    return wrong
