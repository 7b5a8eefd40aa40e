"""What an exception's error code says (arch/x86/include/asm/traps.h; 3.2 has the bits of page faults in mm/fault.c)."""

from typing import Final

PF_PROT: Final = 1  # the page is there, but forbids it
PF_WRITE: Final = 2
PF_USER: Final = 4
PF_INSTR: Final = 16
