"""Exceptions other than page faults (arch/x86/kernel/traps.c; spec ptrace-x86 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import hw_breakpoint
from procession.hw.cpu import (
    X86_TRAP_AC,
    X86_TRAP_BP,
    X86_TRAP_BR,
    X86_TRAP_DB,
    X86_TRAP_DE,
    X86_TRAP_GP,
    X86_TRAP_MF,
    X86_TRAP_NP,
    X86_TRAP_OF,
    X86_TRAP_SS,
    X86_TRAP_TS,
    X86_TRAP_UD,
    X86_TRAP_XF,
)
from procession.include.asm.debugreg import DR_STEP, DR_TRAP_BITS
from procession.include.asm.ptrace import AX, CX, DX
from procession.include.linux.errno import LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.printk import KERN_INFO
from procession.include.linux.sched import TIF_BLOCKSTEP
from procession.include.linux.signal import (
    BUS_ADRALN,
    FPE_FLTDIV,
    FPE_INTDIV,
    ILL_ILLOPN,
    SIGBUS,
    SIGFPE,
    SIGILL,
    SIGSEGV,
    SIGTRAP,
    TRAP_BRKPT,
    TRAP_HWBKPT,
    TRAP_TRACE,
    Siginfo,
)
from procession.kernel import signal_queue, signal_send
from procession.mm import memory, uaccess, vma_addr

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("NO_GATE", "do_debug", "do_general_protection", "do_trap", "send_sigtrap", "trap_init")

FPE_FLTOVF: Final = 4
FPE_FLTUND: Final = 5
FPE_FLTRES: Final = 6
FPE_FLTINV: Final = 7
NO_GATE: Final = 1 << 8  # beside a vector: it was INT n, and not the exception of that number

# Vector -> signal, si_code. A code of None: no siginfo, that is SI_KERNEL. The address is ip, except for #AC.
_TRAPS: Final[dict[int, tuple[int, int | None]]] = {
    X86_TRAP_DE: (SIGFPE, FPE_INTDIV),
    X86_TRAP_BP: (SIGTRAP, None),
    X86_TRAP_OF: (SIGSEGV, None),
    X86_TRAP_BR: (SIGSEGV, None),
    X86_TRAP_UD: (SIGILL, ILL_ILLOPN),
    9: (SIGFPE, None),
    X86_TRAP_TS: (SIGSEGV, None),
    X86_TRAP_NP: (SIGBUS, None),
    X86_TRAP_SS: (SIGBUS, None),
    X86_TRAP_AC: (SIGBUS, BUS_ADRALN),
}


_NAMES: Final[dict[int, str]] = {
    X86_TRAP_DE: "divide error",
    X86_TRAP_BP: "int3",
    X86_TRAP_OF: "overflow",
    X86_TRAP_BR: "bounds",
    X86_TRAP_UD: "invalid opcode",
    9: "coprocessor segment overrun",
    X86_TRAP_TS: "invalid TSS",
    X86_TRAP_NP: "segment not present",
    X86_TRAP_SS: "stack segment",
    X86_TRAP_AC: "alignment check",
}
# These come on a stack of their own, where the kernel may not sleep, and so does not ask what file it was.
_ON_OWN_STACK: Final = (X86_TRAP_BP, X86_TRAP_SS)


def trap_init(k: Kernel) -> None:
    """Set the gate through which the kernel's own accesses to user memory fault pages in."""
    k.page_fault = memory.fixup_user_fault


def do_trap(current: Task, thread: X86Thread, vector: int, error_code: int) -> None:
    """Send current the signal that exception vector stands for."""
    if vector == X86_TRAP_GP:
        do_general_protection(current, thread, error_code)
        return
    if vector in (X86_TRAP_MF, X86_TRAP_XF):
        math_error(current, thread, vector)
        return
    if vector == X86_TRAP_UD and _icebp(current, thread):
        return
    if vector not in _TRAPS:
        # INT n: no gate for user mode, which is a protection fault at the instruction itself. INT 6 stands there.
        if vector != NO_GATE | X86_TRAP_UD:
            thread.q[thread.layout.rip_q] -= 2
        do_general_protection(current, thread, (vector & ~NO_GATE) << 3 | 2)
        return
    sig, code = _TRAPS[vector]
    thread.trap_no, thread.error_code = vector, error_code
    if vector in _NAMES:
        where = vector not in _ON_OWN_STACK
        _show_trap(current, thread, sig, f" trap {_NAMES[vector]}", error_code, where=where)
    if code is None:
        signal_send.force_sig(sig, current)
        return
    addr = 0 if vector == X86_TRAP_AC else thread.user_pc()
    signal_send.force_sig_info(sig, Siginfo(signo=sig, code=code, addr=addr), current)


def _icebp(current: Task, thread: X86Thread) -> bool:
    """Carry out INT1 if that is what ip points at: the engine takes it for an undefined instruction."""
    try:
        if uaccess.copy_from_user(current, thread.linear_pc(), 1) != b"\xf1":
            return False
    except LinuxError:
        return False
    thread.q[thread.layout.rip_q] += 1
    do_debug(current, thread, 0)
    return True


def do_debug(current: Task, thread: X86Thread, dr6: int) -> None:
    """Send current SIGTRAP for a debug exception: dr6 says why it came, and 0 is an INT1 (spec ptrace-x86 11)."""
    current.ti_flags &= ~TIF_BLOCKSTEP  # the CPU has forgotten it, too
    thread.debugreg6 = dr6
    if dr6 & DR_TRAP_BITS and not dr6 & DR_STEP:
        hw_breakpoint.hw_breakpoint_handler(thread, dr6)
    send_sigtrap(current, thread, TRAP_TRACE if dr6 & DR_STEP else TRAP_HWBKPT if dr6 else TRAP_BRKPT)


def send_sigtrap(current: Task, thread: X86Thread, code: int) -> None:
    """Send current SIGTRAP at its ip."""
    thread.trap_no, thread.error_code = X86_TRAP_DB, 0
    signal_send.force_sig_info(SIGTRAP, Siginfo(signo=SIGTRAP, code=code, addr=thread.user_pc()), current)


def do_general_protection(current: Task, thread: X86Thread, error_code: int) -> None:
    """Answer RDTSC from the virtual clock; all else that is forbidden in user mode is SIGSEGV."""
    if error_code == 0 and not thread.tsc_sigsegv and _rdtsc(current, thread):
        return
    thread.trap_no, thread.error_code = X86_TRAP_GP, error_code
    _show_trap(current, thread, SIGSEGV, " general protection", error_code)
    signal_send.force_sig(SIGSEGV, current)


def _show_trap(current: Task, thread: X86Thread, sig: int, what: str, error_code: int, *, where: bool = True) -> None:
    """Log an exception that is going to end current; where: with the file that ip is in."""
    k = current.kernel
    if not k.show_unhandled_signals or not signal_queue.unhandled_signal(current, sig):
        return
    if not k.printk_ratelimit("do_trap"):
        return
    ip = thread.user_pc()
    place = vma_addr.print_vma_addr(current, " in ", ip) if where else ""
    k.printk(
        f"{current.comm}[{current.pid}]{what} ip:{ip:x} sp:{thread.user_sp():x} error:{error_code:x}{place}", KERN_INFO
    )


def _rdtsc(current: Task, thread: X86Thread) -> bool:
    """Carry out RDTSC or RDTSCP if that is what ip points at: the engine's own would give the host's time.

    The counter runs at 1 GHz.
    """
    q = thread.q
    ip = thread.linear_pc()
    try:
        code = uaccess.copy_from_user(current, ip, 2)
        if code == b"\x0f\x01":
            code += uaccess.copy_from_user(current, ip + 2, 1)
    except LinuxError:
        return False
    if code == b"\x0f\x01\xf9":
        q[CX] = current.kernel.cpu  # TSC_AUX, as the vDSO's getcpu expects it
    elif code != b"\x0f\x31":
        return False
    now = current.kernel.clock.now_ns
    q[AX] = now & UINT_MAX
    q[DX] = now >> 32 & UINT_MAX
    q[thread.layout.rip_q] += len(code)
    return True


def math_error(current: Task, thread: X86Thread, vector: int) -> None:
    """Send SIGFPE with what the x87 or SSE status says, or nothing if it says nothing."""
    layout, saved = thread.layout, thread.q.cast("B")
    if vector == X86_TRAP_MF:
        control = int.from_bytes(saved[layout.fpuc : layout.fpuc + 2], "little")
        status = int.from_bytes(saved[layout.fpus : layout.fpus + 2], "little")
        err = status & ~control & 0x3F
    else:
        mxcsr = int.from_bytes(saved[layout.mxcsr_d * 4 : layout.mxcsr_d * 4 + 4], "little")
        err = ~(mxcsr >> 7) & mxcsr & 0x3F
    thread.trap_no, thread.error_code = vector, 0
    for mask, code in ((1, FPE_FLTINV), (4, FPE_FLTDIV), (8, FPE_FLTOVF), (0x12, FPE_FLTUND), (0x20, FPE_FLTRES)):
        if err & mask:
            signal_send.force_sig_info(SIGFPE, Siginfo(signo=SIGFPE, code=code, addr=thread.user_pc()), current)
            return
