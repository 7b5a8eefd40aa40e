"""What comes too early is kept once, and counted once."""

from __future__ import annotations

import pytest
from tests.net.sockets import segment, tcp_sock

from procession.net.ipv4 import tcp_data

COST = 704


@pytest.mark.parametrize(("came", "kept"), [
    ([(5, 7), (5, 7)], [(5, 7)]), ([(5, 7), (5, 6)], [(5, 7)]), ([(5, 7), (5, 8)], [(5, 8)]),
    ([(9, 10), (5, 7)], [(5, 7), (9, 10)]), ([(5, 7), (6, 9)], [(5, 7), (6, 9)]), ([(5, 7), (7, 9)], [(5, 7), (7, 9)]),
    ([(5, 6), (7, 8), (9, 12), (4, 10)], [(4, 10), (9, 12)]), ([(5, 6), (7, 8), (4, 8)], [(4, 8)]),
])
def test_what_is_kept(came, kept):
    """Not what is there already, and nothing that a later segment covers."""
    sk = tcp_sock()
    sk.rcv_nxt = sk.rcv_wup = sk.copied_seq = 1
    sk.rcv_wnd = 1000
    for seq, end_seq in came:
        skb = segment(seq, bytes(end_seq - seq))
        skb.truesize = COST
        tcp_data.tcp_data_queue(sk, skb)
    assert [(skb.seq, skb.end_seq) for skb in sk.ofo_queue] == kept
    assert sk.rmem == COST * len(kept)
