"""Bits of rflags (asm/processor-flags.h)."""

from __future__ import annotations

from typing import Final

X86_EFLAGS_TF: Final = 0x100
X86_EFLAGS_DF: Final = 0x400
X86_EFLAGS_IOPL: Final = 0x3000
X86_EFLAGS_RF: Final = 0x10000

FLAG_MASK: Final = 0x54DD5  # what a tracer may set: CF PF AF ZF SF TF DF OF NT RF AC (kernel/ptrace.c)
