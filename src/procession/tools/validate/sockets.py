"""Local sockets: which of them are on their way, what lies in their queues, and who pays for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.net.unix.garbage import unix_get_socket
from procession.tools.validate.census import tally

if TYPE_CHECKING:
    from procession.net.unix.sock import UnixSock
    from procession.tools.validate.census import Census

__all__ = ("validate_local_sockets",)


def validate_local_sockets(seen: Census) -> list[str]:
    """Return which counts of local sockets are off."""
    sockets = seen.sockets
    if not sockets and not seen.k.net.gc_inflight_list:
        return []
    wrong: list[str] = []
    messages = [skb for sk in dict.fromkeys(sockets) for skb in sk.receive_queue]
    held = [sk for skb in messages for file in skb.scm.fp if (sk := unix_get_socket(file)) is not None]
    found = tally(held)
    net = seen.k.net
    if net.unix_tot_inflight != len(held):
        wrong.append(f"sockets on their way: {net.unix_tot_inflight}, found {len(held)}")
    if net.gc_inflight_list.keys() != found.keys():
        wrong.append(f"list of sockets on their way: {len(net.gc_inflight_list)}, found {len(found)}")
    charged: dict[UnixSock, int] = {}
    for skb in messages:
        charged[skb.sender] = charged.get(skb.sender, 0) + skb.truesize
    for sk in dict.fromkeys(sockets):
        if sk.inflight != found.get(sk, 0):
            wrong.append(f"inflight of socket {sk.i_ino}: {sk.inflight}, found {found.get(sk, 0)}")
        if sk.wmem != charged.get(sk, 0):
            wrong.append(f"wmem of socket {sk.i_ino}: {sk.wmem}, found {charged.get(sk, 0)}")
        if sk not in sk.net.unix_socket_table:
            wrong.append(f"socket {sk.i_ino} is not known in its network")
    return wrong
