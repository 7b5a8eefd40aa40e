"""Bytes of the guest as text of Python's, and back: the one way in which that is done (lib/string.c has strings).

Most are UTF-8. A byte that is none becomes a lone surrogate, U+DC80 to U+DCFF, and comes back as the byte it was.
"""

from __future__ import annotations

from typing import Final

__all__ = ("SPACE", "skip_spaces", "strim", "to_bytes", "to_text")

# isspace() of the kernel (lib/ctype.c): the no-break space of Latin-1 is one.
SPACE: Final = b" \t\n\v\f\r\xa0"


def to_text(data: bytes) -> str:
    """Return bytes as text."""
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return the bytes that text stands for."""
    return text.encode("utf-8", "surrogateescape")


def skip_spaces(text: bytes) -> bytes:
    """Return text without the blanks that it begins with."""
    return text.lstrip(SPACE)


def strim(text: bytes) -> bytes:
    """Return text up to its first NUL without blanks at either end (strstrip)."""
    return text.split(b"\0", 1)[0].strip(SPACE)
