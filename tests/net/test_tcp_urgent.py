"""The urgent byte is taken from the segment that it is in."""

from __future__ import annotations

import pytest

from procession import Machine
from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.socket import AF_INET, SOCK_STREAM
from procession.net.ipv4 import af_inet, tcp_data
from procession.net.ipv4.skbuff import TcpSkb
from procession.net.ipv4.sock import TcpSock

NOTYET, VALID = 0x0200, 0x0100


@pytest.mark.parametrize(("at", "found"), [
    (0, VALID | ord("a")), (3, VALID | ord("d")), (4, NOTYET), (-1, NOTYET), (-4, NOTYET), (-5, NOTYET),
    (-4107, NOTYET),
])
def test_where_the_urgent_byte_is(at, found):
    """Neither behind a segment nor before it, where the one that had it was dropped for want of room."""
    async def main(sys):
        await sys.socket()

    machine = Machine()
    machine.run(main)
    k = machine.kernel
    sk = TcpSock(k, k.init_net_ns, AF_INET, SOCK_STREAM, IPPROTO_TCP, af_inet.stream_ops())
    sk.dead = True
    skb = TcpSkb(b"\x7f\0\0\1", 1, b"\x7f\0\0\1", 2)
    skb.seq, skb.end_seq, skb.data = 10_000, 10_004, b"abcd"
    sk.urg_data, sk.urg_seq = NOTYET, 10_000 + at
    tcp_data.tcp_urg(sk, skb)
    assert sk.urg_data == found
