"""Debug registers as a tracer sets them (arch/x86/kernel/hw_breakpoint.c, ptrace.c; spec ptrace-x86 10).

In 3.2 each of DR0 … DR3 that was ever written is a perf event of the thread, which has two minds: what was asked for
last and found good (the attributes), and what the CPU is given. They differ behind an error, and a tracer sees it. What
makes the CPU stop is in arch/x86/debug_entry.py.

Differs: nobody but tracers asks for breakpoints, so there is always a register free for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.asm.debugreg import (
    DR_CONTROL_RESERVED,
    DR_CONTROL_SHIFT,
    DR_CONTROL_SIZE,
    DR_ENABLE_SIZE,
    DR_GLOBAL_ENABLE,
    HBP_NUM,
    X86_BREAKPOINT_EXECUTE,
    X86_BREAKPOINT_RW,
    X86_BREAKPOINT_WRITE,
)
from procession.include.asm.processor_flags import X86_EFLAGS_RF
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import TASK_SIZE

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread

__all__ = ("Breakpoint", "hw_breakpoint_handler", "ptrace_get_debugreg", "ptrace_set_debugreg")

_BYTES: Final = (1, 2, 8, 4)  # by the two bits of a length in DR7
_TYPES: Final = (X86_BREAKPOINT_EXECUTE, X86_BREAKPOINT_WRITE, X86_BREAKPOINT_RW)


class Breakpoint:
    """One of DR0 … DR3 that has been written.

    address, type, length: what the CPU is given; length in bytes, and 1 for an instruction.
    asked_address, asked_type, asked_length, disabled: the attributes of 3.2's perf event.
    """

    __slots__ = ("address", "asked_address", "asked_length", "asked_type", "disabled", "length", "type")

    def __init__(self, address: int) -> None:
        self.address = self.asked_address = address
        self.type = self.asked_type = X86_BREAKPOINT_WRITE
        self.length = self.asked_length = 1
        self.disabled = True

    def modify(self, address: int, type: int, length: int, *, disabled: bool) -> None:
        """Ask for something else (modify_user_hw_breakpoint); raises EINVAL, and the old attributes stay then.

        One that is disabled may be anything, and the CPU is not told. An error leaves the CPU with what was refused.
        """
        if not disabled:
            self._validate(address, type, length)
        self.asked_address, self.asked_type, self.asked_length = address, type, length
        self.disabled = disabled

    def _validate(self, address: int, type: int, length: int) -> None:
        self.address, self.type, self.length = address, type, length
        if address & (length - 1):
            raise LinuxError(Errno.EINVAL, "an address that is not aligned")
        if address >= TASK_SIZE:
            raise LinuxError(Errno.EINVAL, "an address of the kernel's")


def decode_dr7(dr7: int, n: int) -> tuple[bool, int, int]:
    """Return whether register n is enabled, the two bits that say what for, and those that say how long it is."""
    control = dr7 >> DR_CONTROL_SHIFT + n * DR_CONTROL_SIZE
    return bool(dr7 >> n * DR_ENABLE_SIZE & 3), control & 3, control >> 2 & 3


def ptrace_get_dr7(bps: list[Breakpoint | None]) -> int:
    """Return DR7 as what is enabled makes it."""
    dr7 = 0
    for n, bp in enumerate(bps):
        if bp is not None and not bp.disabled:
            control = _BYTES.index(bp.length) << 2 | bp.type
            dr7 |= control << DR_CONTROL_SHIFT + n * DR_CONTROL_SIZE | DR_GLOBAL_ENABLE << n * DR_ENABLE_SIZE
    return dr7


def hw_breakpoint_handler(thread: X86Thread, dr6: int) -> None:
    """See that an instruction that was stopped before is run when the program goes on (hw_breakpoint_handler)."""
    for n, bp in enumerate(thread.ptrace_bps or ()):
        if bp is not None and dr6 >> n & 1 and bp.type == X86_BREAKPOINT_EXECUTE:
            thread.flags |= X86_EFLAGS_RF


def ptrace_get_debugreg(thread: X86Thread, n: int) -> int:
    """Return DRn as the tracer sees it."""
    if n < HBP_NUM:
        bp = None if thread.ptrace_bps is None else thread.ptrace_bps[n]
        return 0 if bp is None else bp.address
    return thread.debugreg6 if n == 6 else thread.ptrace_dr7 if n == 7 else 0


def ptrace_set_debugreg(thread: X86Thread, n: int, value: int) -> None:
    """Set DRn; raises EIO for DR4 and DR5, EINVAL for what may not be looked for."""
    if n in (4, 5):
        raise LinuxError(Errno.EIO, "no such debug register")
    if n == 6:
        thread.debugreg6 = value
        return
    bps = thread.ptrace_bps
    if bps is None:
        bps = thread.ptrace_bps = [None] * HBP_NUM
    try:
        if n == 7:
            ptrace_write_dr7(bps, value & ~DR_CONTROL_RESERVED)
            thread.ptrace_dr7 = value
        else:
            ptrace_set_breakpoint_addr(bps, n, value)
    finally:
        thread.has_breakpoints = any(bp is not None and not bp.disabled for bp in bps)


def ptrace_set_breakpoint_addr(bps: list[Breakpoint | None], n: int, address: int) -> None:
    """Set DR0 … DR3; raises EINVAL for an address of the kernel's, the first time or while it is enabled."""
    bp = bps[n]
    if bp is not None:
        bp.modify(address, bp.asked_type, bp.asked_length, disabled=bp.disabled)
        return
    if address >= TASK_SIZE:
        raise LinuxError(Errno.EINVAL, "an address of the kernel's")
    bps[n] = Breakpoint(address)


def ptrace_write_dr7(bps: list[Breakpoint | None], dr7: int) -> None:
    """Enable what dr7 says, then disable the rest; raises EINVAL, having gone back to the old setting.

    In two passes, so that nobody can take a register away meanwhile. The second one's errors count, too.
    """
    old = ptrace_get_dr7(bps)
    error: LinuxError | None = None
    try:
        _enable(bps, dr7, disable=False)
    except LinuxError as refused:
        error, dr7 = refused, old
    _enable(bps, dr7, disable=True)
    if error is not None:
        raise error


def _enable(bps: list[Breakpoint | None], dr7: int, *, disable: bool) -> None:
    for n, bp in enumerate(bps):
        enabled, type, length = decode_dr7(dr7, n)
        if enabled or (disable and bp is not None):
            ptrace_modify_breakpoint(bp, type, length, disabled=not enabled)


def ptrace_modify_breakpoint(bp: Breakpoint | None, type: int, length: int, *, disabled: bool) -> None:
    """Enable or disable a register by the bits of DR7; raises EINVAL for one without an address, and for bad bits."""
    if bp is None:
        raise LinuxError(Errno.EINVAL, "enabled without an address")
    if type not in _TYPES:
        raise LinuxError(Errno.EINVAL, "breakpoints of ports")
    if type == X86_BREAKPOINT_EXECUTE and length:
        raise LinuxError(Errno.EINVAL, "an instruction has no length")
    bp.modify(bp.asked_address, type, _BYTES[length], disabled=disabled)
