"""Bits of Task.ptrace (include/linux/ptrace.h)."""

from __future__ import annotations

from typing import Final

PT_PTRACED: Final = 0x1
PT_TRACESYSGOOD: Final = 0x4
PT_PTRACE_CAP: Final = 0x8  # ptracer can follow suid-exec
PT_SEIZED: Final = 0x10000
