"""Bits of the debug registers (asm/debugreg.h, asm/hw_breakpoint.h)."""

from __future__ import annotations

from typing import Final

DR_TRAP_BITS: Final = 0xF  # of DR6: which of DR0 … DR3 was hit
DR_STEP: Final = 0x4000

DR_ENABLE_SIZE: Final = 2  # of DR7: bits a register has there to be enabled by
DR_CONTROL_SHIFT: Final = 16  # behind these come
DR_CONTROL_SIZE: Final = 4  # bits a register for what is looked for, and how long it is
DR_GLOBAL_ENABLE: Final = 2
DR_CONTROL_RESERVED: Final = 0xFFFFFFFF0000FC00

HBP_NUM: Final = 4

X86_BREAKPOINT_EXECUTE: Final = 0
X86_BREAKPOINT_WRITE: Final = 1
X86_BREAKPOINT_RW: Final = 3
