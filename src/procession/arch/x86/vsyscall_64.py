"""Three system calls at fixed addresses, for programs older than the vDSO (arch/x86/kernel/vsyscall_64.c).

As with vsyscall=native, 3.2's default, the page has code that makes them. There is no vDSO: AT_SYSINFO_EHDR is not
passed, and libc makes real system calls.
"""

from __future__ import annotations

from typing import Final

from procession.arch.x86.syscall_table import NR
from procession.hw.cpu import KERNEL_START

__all__ = ("VSYSCALL_PAGE", "VSYSCALL_START")

VSYSCALL_START: Final = KERNEL_START
_SLOT: Final = 1024  # bytes


def _slot(name: str) -> bytes:
    """Return the code of a call: mov $nr, %rax; syscall; ret; and int3 behind it."""
    code = b"\x48\xc7\xc0" + NR[name].to_bytes(4, "little") + b"\x0f\x05\xc3"
    return code.ljust(_SLOT, b"\xcc")


# What is there (vsyscall_emu_64.S); the last slot is empty.
VSYSCALL_PAGE: Final = (_slot("gettimeofday") + _slot("time") + _slot("getcpu")).ljust(4096, b"\xcc")
