"""Sizes that user space is promised (include/linux/limits.h), and the ends of C's types (kernel.h)."""

from __future__ import annotations

from typing import Final

NGROUPS_MAX: Final = 65536
NAME_MAX: Final = 255
PATH_MAX: Final = 4096
PIPE_BUF: Final = 4096
UIO_MAXIOV: Final = 1024

USHRT_MAX: Final = 0xFFFF
INT_MAX: Final = 0x7FFFFFFF
LONG_MIN: Final = -0x8000000000000000
UINT_MAX: Final = 0xFFFFFFFF
ULONG_MAX: Final = 0xFFFFFFFFFFFFFFFF
