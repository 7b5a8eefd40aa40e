"""The general registers, as their numbers in machine code (asm/ptrace.h has them by name)."""

from __future__ import annotations

from typing import Final

AX: Final = 0
CX: Final = 1
DX: Final = 2
BX: Final = 3
SP: Final = 4
BP: Final = 5
SI: Final = 6
DI: Final = 7
R8: Final = 8
R9: Final = 9
R10: Final = 10
R11: Final = 11
R12: Final = 12
R13: Final = 13
R14: Final = 14
R15: Final = 15
