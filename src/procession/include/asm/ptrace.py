"""The general registers, as their numbers in machine code (asm/ptrace.h has them by name)."""

from __future__ import annotations

from typing import Final

AX: Final = 0
SP: Final = 4
R11: Final = 11
