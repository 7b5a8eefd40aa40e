"""What the kernel needs of a CPU (the contract between arch/x86 and an execution engine).

An engine runs user code until one of the hooks stops it. The hooks are called with the CPU standing at the event, may
change its registers and the page tables, and user code goes on when they return: a page fault's instruction runs
again, a system call's successor is next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

__all__ = ("Cpu", "CpuError", "CpuState", "Hooks")


class CpuError(Exception):
    """The engine did what it must not do, or is not one that we know."""


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
        ...

    def interrupt(self, engine: int, vector: int) -> None:
        """An exception, or INT n, in which case state.rip is already behind it."""
        ...

    def port_io(self) -> None:
        """An instruction that wants to do port I/O, at state.rip.

        Unlike the others it may be in the middle of a block: some instructions behind it still run after stop().
        """
        ...


class CpuState(Protocol):
    """The registers of one task, wherever they are just now: on an engine or put away.

    q: the state as 64-bit words; see hw/calibration.Layout for what is where.  cpu: the engine that has it, or None.
    saved: where it is kept otherwise.
    """

    q: memoryview
    cpu: Any
    saved: memoryview


class Cpu(Protocol):
    """One execution engine.

    q, d: the registers it has, as words of 64 and 32 bits.  owner: whose they are.  counted: whether it counts
    instructions.  running: run() is in progress, perhaps inside a hook.  error: set by a hook for run() to raise.
    """

    q: memoryview
    d: memoryview
    owner: CpuState | None
    counted: bool
    running: bool
    error: BaseException | None

    def load(self, state: CpuState) -> None:
        """Take a task's registers in, putting away those of the last one."""
        ...

    def unload(self) -> None:
        """Put the registers away."""
        ...

    def flags(self) -> int:
        """Return rflags; only inside a hook. At other times they are among the registers."""
        ...

    def set_fpu_control(self, fpcw: int, mxcsr: int) -> None:
        """Set the control words of x87 and SSE."""
        ...

    def set_page_table(self, pgd: int) -> None:
        """Translate addresses by the tables at pgd (0: nothing is mapped) and forget all older translations."""
        ...

    def set_exits(self, addresses: Sequence[int]) -> None:
        """Have run() end before the instruction at any of these addresses."""
        ...

    def run(self, count: int) -> None:
        """Run user code until a hook calls stop() or an exit; a counting engine also stops after count instructions."""
        ...

    def stop(self) -> None:
        """End run() after the current instruction."""
        ...

    def leave(self) -> None:
        """End run() from within a hook, whatever that has done to the page tables."""
        ...

    def drop_code(self, frames: Sequence[int]) -> None:
        """Forget code translated from these frames: the kernel has written into them."""
        ...

    def drop_all_code(self) -> None:
        """Forget all translated code."""
        ...
