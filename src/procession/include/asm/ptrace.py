"""The general registers, as their numbers in machine code, and requests of x86 alone (asm/ptrace.h, ptrace-abi.h)."""

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

PTRACE_GETREGS: Final = 12
PTRACE_SETREGS: Final = 13
PTRACE_GETFPREGS: Final = 14
PTRACE_SETFPREGS: Final = 15
PTRACE_GETFPXREGS: Final = 18
PTRACE_SETFPXREGS: Final = 19
PTRACE_OLDSETOPTIONS: Final = 21
PTRACE_GET_THREAD_AREA: Final = 25
PTRACE_SET_THREAD_AREA: Final = 26
PTRACE_ARCH_PRCTL: Final = 30
PTRACE_SYSEMU: Final = 31
PTRACE_SYSEMU_SINGLESTEP: Final = 32
PTRACE_SINGLEBLOCK: Final = 33
