"""The checksum of the internet protocols (lib/checksum.c)."""

from __future__ import annotations

__all__ = ("csum_fold", "ip_compute_csum")


def csum_fold(data: bytes) -> int:
    """Return the sum of the 16-bit words of data, big end first, with what is carried out added again."""
    if len(data) & 1:
        data += b"\0"
    total = sum([int.from_bytes(data[i : i + 2]) for i in range(0, len(data), 2)])
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def ip_compute_csum(data: bytes) -> int:
    """Return what is written as the checksum of data; 0 of data that has its own in it, and right."""
    return ~csum_fold(data) & 0xFFFF
