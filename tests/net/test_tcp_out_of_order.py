"""What comes too early is kept once, and counted once."""

from __future__ import annotations

import pytest

from procession import Machine
from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.socket import AF_INET, SOCK_STREAM
from procession.net.ipv4 import af_inet, tcp_data
from procession.net.ipv4.skbuff import TcpSkb
from procession.net.ipv4.sock import TcpSock

COST = 704


@pytest.mark.parametrize(("came", "kept"), [
    ([(5, 7), (5, 7)], [(5, 7)]), ([(5, 7), (5, 6)], [(5, 7)]), ([(5, 7), (5, 8)], [(5, 8)]),
    ([(9, 10), (5, 7)], [(5, 7), (9, 10)]), ([(5, 7), (6, 9)], [(5, 7), (6, 9)]), ([(5, 7), (7, 9)], [(5, 7), (7, 9)]),
    ([(5, 6), (7, 8), (9, 12), (4, 10)], [(4, 10), (9, 12)]), ([(5, 6), (7, 8), (4, 8)], [(4, 8)]),
])
def test_what_is_kept(came, kept):
    """Not what is there already, and nothing that a later segment covers."""
    async def main(sys):
        await sys.socket()

    machine = Machine()
    machine.run(main)
    k = machine.kernel
    sk = TcpSock(k, k.init_net_ns, AF_INET, SOCK_STREAM, IPPROTO_TCP, af_inet.stream_ops())
    sk.rcv_nxt = sk.rcv_wup = sk.copied_seq = 1
    sk.rcv_wnd = 1000
    for seq, end_seq in came:
        skb = TcpSkb(b"\x7f\0\0\1", 1, b"\x7f\0\0\1", 2)
        skb.seq, skb.end_seq, skb.data, skb.truesize = seq, end_seq, bytes(end_seq - seq), COST
        tcp_data.tcp_data_queue(sk, skb)
    assert [(skb.seq, skb.end_seq) for skb in sk.ofo_queue] == kept
    assert sk.rmem == COST * len(kept)
