"""ELF files (include/linux/elf.h)."""

from __future__ import annotations

from typing import Final

ELFMAG: Final = b"\x7fELF"

# e_type.
ET_EXEC: Final = 2
ET_DYN: Final = 3
ET_CORE: Final = 4

# e_machine.
EM_386: Final = 3
EM_486: Final = 6
EM_X86_64: Final = 62

# p_type.
PT_LOAD: Final = 1
PT_INTERP: Final = 3
PT_NOTE: Final = 4
PT_GNU_STACK: Final = 0x6474E551

# What a note of a core file holds.
NT_PRSTATUS: Final = 1
NT_PRFPREG: Final = 2
NT_PRPSINFO: Final = 3
NT_AUXV: Final = 6
NT_386_TLS: Final = 0x200
NT_386_IOPERM: Final = 0x201
NT_X86_XSTATE: Final = 0x202
NT_PRXFPREG: Final = 0x46E62B7F

# p_flags.
PF_X: Final = 1
PF_W: Final = 2
PF_R: Final = 4
