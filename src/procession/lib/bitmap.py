"""Sets of numbers as text (lib/bitmap.c)."""

from __future__ import annotations

__all__ = ("bitmap_list", "bitmap_text")


def bitmap_text(mask: int, bits: int) -> str:
    """Return a mask as bitmap_scnprintf prints it: groups of 32 bits, the first as wide as bits asks for."""
    width = ((bits & 31 or 32) + 3) // 4
    groups = []
    for shift in range((bits - 1) // 32 * 32, -1, -32):
        groups.append(f"{mask >> shift & 0xFFFFFFFF:0{width}x}")
        width = 8
    return ",".join(groups)


def bitmap_list(mask: int) -> str:
    """Return a mask as bitmap_scnlistprintf prints it: 0-3,5."""
    out = []
    bit = 0
    while mask >> bit:
        if mask >> bit & 1:
            end = bit
            while mask >> (end + 1) & 1:
                end += 1
            out.append(str(bit) if end == bit else f"{bit}-{end}")
            bit = end
        bit += 1
    return ",".join(out)
