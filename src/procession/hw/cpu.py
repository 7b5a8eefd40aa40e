"""What the kernel needs of a CPU (the contract between arch/x86 and an execution engine).

An engine runs user code until one of the hooks stops it. The hooks are called with the CPU standing at the event, may
change its registers and the page tables, and user code goes on when they return: a page fault's instruction runs
again, a system call's successor is next.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

__all__ = ("CpuError", "CpuState", "Hooks")


class CpuError(Exception):
    """The engine did what it must not do, or is not one that we know."""


# What every page table has in its last entry, and so at the top of the address space: pages of the engine's own, which
# an address of the host's memory stands for that no machine reaches. There are, in pages from KERNEL_START on:
FIRMWARE: Final = 1 << 38
KERNEL_START: Final = 0xFFFFFFFFFF600000
KERNEL_HALF: Final = FIRMWARE + (16 << 12) | 0x67
VSYSCALL_PAGE: Final = 0  # for the user to read and execute
GDT_PAGE: Final = 1
LDT_PAGE: Final = 16  # … 31
LDT_BYTES: Final = 65536

# Numbers of x86 exceptions, as hooks get them.
X86_TRAP_DE: Final = 0
X86_TRAP_DB: Final = 1
X86_TRAP_NMI: Final = 2
X86_TRAP_BP: Final = 3
X86_TRAP_OF: Final = 4
X86_TRAP_BR: Final = 5
X86_TRAP_UD: Final = 6
X86_TRAP_NM: Final = 7
X86_TRAP_DF: Final = 8
X86_TRAP_TS: Final = 10
X86_TRAP_NP: Final = 11
X86_TRAP_SS: Final = 12
X86_TRAP_GP: Final = 13
X86_TRAP_PF: Final = 14
X86_TRAP_MF: Final = 16
X86_TRAP_AC: Final = 17
X86_TRAP_XF: Final = 19


class Hooks(Protocol):
    """Who handles what user code does. An exception that leaves a hook ends run() and comes out of it."""

    def syscall(self) -> None:
        """A SYSCALL instruction, at state.rip; what follows it runs next."""

    def sysenter(self) -> None:
        """A SYSENTER instruction; what is two bytes behind state.rip runs next."""

    def interrupt(self, engine: int, vector: int) -> None:
        """An exception, or INT n, in which case state.rip is already behind it."""

    def port_io(self) -> None:
        """An instruction that wants to do port I/O, at state.rip.

        Unlike the others it may be in the middle of a block: some instructions behind it still run after stop().
        """


class CpuState(Protocol):
    """The registers of one task, wherever they are just now: on an engine or put away.

    q: the state as 64-bit words; see hw/calibration.Layout for what is where.  cpu: the engine that has it, or None.
    saved: where it is kept otherwise.  tls: descriptors 12, 13 and 14 of its GDT.
    """

    q: memoryview
    cpu: Any
    saved: memoryview
    tls: tuple[int, int, int]
