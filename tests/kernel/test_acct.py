"""Numbers in the records of processes that have ended."""

import struct

import pytest

from procession.kernel.acct import MAXFRACT, encode_comp_t, encode_float


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, 0),
        (MAXFRACT, MAXFRACT),
        (MAXFRACT + 1, 1 << 13 | 1024),
        (8192 + 3, 1 << 13 | 1024),
        (8192 + 4, 1 << 13 | 1025),  # half of what is cut is rounded up
        (8 * MAXFRACT + 4, 2 << 13 | 1024),  # and may take the exponent along
    ],
)
def test_thirteen_bits_and_an_exponent_of_eight(value, encoded):
    """comp_t, rounded."""
    assert encode_comp_t(value) == encoded


@pytest.mark.parametrize(("value", "is_"), [(0, 0.0), (1, 1.0), (3, 3.0), (100, 100.0), ((1 << 24) + 1, 2.0**24)])
def test_a_float_that_is_cut(value, is_):
    """The elapsed time."""
    assert struct.unpack("<f", struct.pack("<I", encode_float(value)))[0] == is_
