"""Numbers of segments as raw sockets write them, and places in streams, which do not wrap here."""

import pytest

from procession.net.ipv4.tcp_wire import unwrap

WRAP = 1 << 32


@pytest.mark.parametrize(("number", "near", "place"), [
    (7, 5, 7), (3, 5, 3), (5, 5, 5),
    (2, 3 * WRAP - 1, 3 * WRAP + 2),            # it has wrapped since
    (WRAP - 2, 3 * WRAP + 1, 3 * WRAP - 2),     # and this is from before
    (WRAP // 2, WRAP + 1, WRAP + WRAP // 2),
])
def test_a_number_is_the_nearest_place_that_it_can_mean(number, near, place):
    """Of all that have these 32 bits at their end."""
    assert unwrap(number, near) == place
