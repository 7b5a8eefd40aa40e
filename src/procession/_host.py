"""Which hosts this can run on at all: asked before anything else is imported, and of whatever Python there is."""

from __future__ import annotations

import sys

__all__ = ("why_not",)


def why_not() -> str:
    """Return in a line what this host lacks, empty if nothing that is known of."""
    major, minor = sys.version_info[:2]
    if (major, minor) < (3, 11):
        return f"Python {major}.{minor} is too old: 3.11 or later is needed"
    if sys.platform == "win32":
        return "Windows is not supported (no fcntl): use WSL"
    if sys.platform in ("emscripten", "wasi"):
        return f"{sys.platform} is not supported (no processes, no mmap)"
    if sys.maxsize < 1 << 32:
        return "a 32-bit Python is not supported (a guest's memory does not fit): use a 64-bit one"
    if sys.byteorder != "little":
        return "a big-endian host is not supported (guests are little-endian, and share their memory with it)"
    return ""
