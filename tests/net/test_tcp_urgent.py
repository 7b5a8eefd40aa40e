"""The urgent byte is taken from the segment that it is in."""

from __future__ import annotations

import pytest
from tests.net.sockets import segment, tcp_sock

from procession.net.ipv4 import tcp_data

NOTYET, VALID = 0x0200, 0x0100


@pytest.mark.parametrize(("at", "found"), [
    (0, VALID | ord("a")), (3, VALID | ord("d")), (4, NOTYET), (-1, NOTYET), (-4, NOTYET), (-5, NOTYET),
    (-4107, NOTYET),
])
def test_where_the_urgent_byte_is(at, found):
    """Neither behind a segment nor before it, where the one that had it was dropped for want of room."""
    sk = tcp_sock()
    sk.dead = True
    sk.urg_data, sk.urg_seq = NOTYET, 10_000 + at
    tcp_data.tcp_urg(sk, segment(10_000, b"abcd"))
    assert sk.urg_data == found
