"""Device numbers (include/linux/kdev_t.h), kept everywhere as programs see them: the lower 32 bits of dev_t."""

from __future__ import annotations

__all__ = ("new_decode_dev", "new_encode_dev")


def new_encode_dev(major: int, minor: int) -> int:
    """Return the number of a device."""
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


def new_decode_dev(dev: int) -> tuple[int, int]:
    """Return (major, minor)."""
    return dev >> 8 & 0xFFF, dev & 0xFF | dev >> 12 & 0xFFF00
