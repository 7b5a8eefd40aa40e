"""What a 32-bit tracer asks of a tracee of any kind (compat_arch_ptrace in arch/x86/kernel/ptrace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import hw_breakpoint, ptrace
from procession.arch.x86.ia32 import process_ia32
from procession.arch.x86.process import X86Thread
from procession.include.asm.ptrace import (
    PTRACE_ARCH_PRCTL,
    PTRACE_GETFPREGS,
    PTRACE_GETFPXREGS,
    PTRACE_GETREGS,
    PTRACE_SETFPREGS,
    PTRACE_SETFPXREGS,
    PTRACE_SETREGS,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.ptrace import PTRACE_PEEKUSR, PTRACE_POKEUSR
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.types import Int, PidNr, UInt
from procession.kernel import ptrace_request
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.asm.processor import Regset
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ()

# Offsets in struct user32.
_REGS_SIZE: Final = 68
_DEBUGREG: Final = 252  # the debug registers alone may be asked for at any byte
_LAST_DEBUGREG: Final = 280
_SIZE: Final = 284
_SETS: Final = frozenset({PTRACE_SETREGS, PTRACE_SETFPREGS, PTRACE_SETFPXREGS})


@compat_syscall
async def compat_sys_ptrace(current: Task, request: Int, pid: PidNr, addr: UInt, data: UInt) -> int:
    """ptrace(2)."""
    return await ptrace_request.do_ptrace(current, request, pid, addr, data, compat_arch_ptrace)


def compat_arch_ptrace(current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
    """Answer a request about registers, and pass on all others; raises EIO, EFAULT, what setting a register does."""
    thread = child.thread
    if not isinstance(thread, X86Thread):
        return ptrace_request.compat_ptrace_request(current, child, request, addr, data)
    if request == PTRACE_PEEKUSR:
        uaccess.put_user(current, data, _peekusr(thread, addr), 4)
        return 0
    if request == PTRACE_POKEUSR:
        assert isinstance(data, int)
        _pokeusr(thread, addr, data)
        return 0
    regset = _regset(thread, request)
    if regset is not None:
        _copy_regset(current, regset, data, write=request in _SETS)
        return 0
    if request == PTRACE_ARCH_PRCTL:
        raise LinuxError(Errno.EIO, "of 64-bit tracers")
    return ptrace_request.compat_ptrace_request(current, child, request, addr, data)


def _regset(thread: X86Thread, request: int) -> Regset | None:
    if request in (PTRACE_GETREGS, PTRACE_SETREGS):
        return process_ia32.GeneralRegset32(thread)
    if request in (PTRACE_GETFPREGS, PTRACE_SETFPREGS):
        return process_ia32.FsaveRegset(thread)
    if request in (PTRACE_GETFPXREGS, PTRACE_SETFPXREGS):
        return ptrace.FpRegset(thread)
    return None


def _copy_regset(current: Task, regset: Regset, data: UserPtr, *, write: bool) -> None:
    if write:
        regset.set(current, data, regset.size)
    else:
        uaccess.copy_to_user(current, data, regset.get())


def _check_offset(offset: int) -> None:
    if offset > _SIZE or offset & 3:
        raise LinuxError(Errno.EIO, "no word of struct user32")


def _peekusr(thread: X86Thread, offset: int) -> int:
    """Return a word of struct user32 (getreg32), 0 where nothing is kept; raises EIO outside it."""
    if _DEBUGREG <= offset <= _LAST_DEBUGREG:
        return hw_breakpoint.ptrace_get_debugreg(thread, offset - _DEBUGREG >> 2) & UINT_MAX
    _check_offset(offset)
    return process_ia32.getreg32(thread, offset) if offset < _REGS_SIZE else 0


def _pokeusr(thread: X86Thread, offset: int, value: int) -> None:
    """Set a word of struct user32 (putreg32), if it is kept; raises EIO, and what the register refuses."""
    if _DEBUGREG <= offset <= _LAST_DEBUGREG:
        hw_breakpoint.ptrace_set_debugreg(thread, offset - _DEBUGREG >> 2, value)
        return
    _check_offset(offset)
    if offset < _REGS_SIZE:
        process_ia32.putreg32(thread, offset, value)
