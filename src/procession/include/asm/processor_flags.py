"""Bits of rflags (asm/processor-flags.h)."""

from __future__ import annotations

from typing import Final

X86_EFLAGS_TF: Final = 0x100
X86_EFLAGS_DF: Final = 0x400
