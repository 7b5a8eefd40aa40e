"""A tracee's registers (arch/x86/kernel/ptrace.c, i387.c; spec ptrace-x86 5, 9).

They are `struct user`: the general registers at its beginning, the debug registers near its end; and sets of registers,
by the types that core files have for them.

Differs: ss stays as it is, and cs but for those of the kernel's segments. What the FPU's last instruction was, and the
unused end of its state, are not kept: they read 0. There is no XSAVE.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import hw_breakpoint, segment, tls
from procession.arch.x86 import signal as x86_signal
from procession.hw.unicorn_cpu import USER_DS
from procession.include.asm.processor_flags import FLAG_MASK, X86_EFLAGS_TF
from procession.include.asm.ptrace import (
    AX,
    BP,
    BX,
    CX,
    DI,
    DX,
    PTRACE_ARCH_PRCTL,
    PTRACE_GET_THREAD_AREA,
    PTRACE_GETFPREGS,
    PTRACE_GETREGS,
    PTRACE_SET_THREAD_AREA,
    PTRACE_SETFPREGS,
    PTRACE_SETREGS,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    SI,
    SP,
)
from procession.include.linux.elf import NT_386_IOPERM, NT_PRFPREG, NT_PRSTATUS, NT_X86_XSTATE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import TASK_SIZE
from procession.include.linux.prctl import ARCH_GET_FS, ARCH_GET_GS, ARCH_SET_FS, ARCH_SET_GS
from procession.include.linux.ptrace import PTRACE_PEEKUSR, PTRACE_POKEUSR
from procession.kernel import ptrace_request
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "arch_ptrace",
    "change_segments",
    "do_arch_prctl",
    "find_regset",
    "forget_bases",
    "genregs_get",
    "load_segments",
)

# Offsets in struct user.
_ORIG_RAX: Final = 120
_RIP: Final = 128
_CS: Final = 136
_EFLAGS: Final = 144
_SS: Final = 160
_FS_BASE: Final = 168
_GS_BASE: Final = 176
_DS: Final = 184
_ES: Final = 192
_FS: Final = 200
_GS: Final = 208
_REGS_SIZE: Final = 216
_DEBUGREG: Final = 848
_SIZE: Final = 928

_USER_REGS: Final = struct.Struct("<27Q")
# What is at which offset; orig_rax, rip, cs and eflags come between the last two.
_GENERAL: Final = {
    8 * i: register for i, register in enumerate((R15, R14, R13, R12, BP, BX, R11, R10, R9, R8, AX, CX, DX, SI, DI))
} | {152: SP}
_SEGMENTS: Final = frozenset({_CS, _SS, _DS, _ES, _FS, _GS})


# One register.


def getreg(thread: X86Thread, offset: int) -> int:
    """Return the general register at an offset of struct user."""
    q, layout = thread.q, thread.layout
    register = _GENERAL.get(offset)
    if register is not None:
        return int(q[register])
    if offset == _RIP:
        return int(q[layout.rip_q])
    if offset == _ORIG_RAX:
        return thread.orig_ax & ULONG_MAX
    if offset == _EFLAGS:
        flags = thread.flags
        return flags & ~X86_EFLAGS_TF if thread.forced_tf else flags
    forget_bases(thread)
    if offset == _FS_BASE:
        return _base(thread, thread.fs, thread.fs_selector, tls.FS_TLS_SEL)
    if offset == _GS_BASE:
        return _base(thread, thread.gs, thread.gs_selector, tls.GS_TLS_SEL)
    return _get_segment_reg(thread, offset)


def forget_bases(thread: X86Thread) -> None:
    """Forget bases beside which the program has loaded selectors: they bring others along (__switch_to)."""
    if thread.segments_changed:
        return  # these are a tracer's, and not loaded yet
    if thread.fs_selector:
        thread.fs = 0
    if thread.gs_selector:
        thread.gs = 0


def change_segments(thread: X86Thread) -> None:
    """Let the next switch load thread's selectors, which somebody sets now, or what they stand for."""
    forget_bases(thread)
    thread.segments_changed = True


def _base(thread: X86Thread, base: int, selector: int, tls_selector: int) -> int:
    if base:
        return base
    return tls.base_of(thread, selector) if selector == tls_selector else 0


def _get_segment_reg(thread: X86Thread, offset: int) -> int:
    if offset == _CS:
        return thread.cs
    if offset == _SS:
        return thread.ss if thread.orig_ax < 0 or thread.ia32 else USER_DS
    if offset == _DS:
        return thread.ds
    if offset == _ES:
        return thread.es
    return thread.fs_selector if offset == _FS else thread.gs_selector


def putreg(thread: X86Thread, offset: int, value: int) -> None:
    """Set the general register at an offset of struct user; raises EIO for a bad selector, and a kernel base."""
    q, layout = thread.q, thread.layout
    register = _GENERAL.get(offset)
    if register is not None:
        q[register] = value
    elif offset == _RIP:
        q[layout.rip_q] = value
    elif offset == _ORIG_RAX:
        # What is asked of it are its low 32 bits alone, but it reads back as a whole.
        thread.orig_ax = value - (1 << 64) if value >> 63 else value
    elif offset == _EFLAGS:
        set_flags(thread, value)
    elif offset in _SEGMENTS:
        set_segment_reg(thread, offset, value & 0xFFFF)
    else:
        _put_base(thread, offset == _FS_BASE, value)


def set_flags(thread: X86Thread, value: int) -> None:
    """Set eflags; a trap flag in it is the program's own, and without one the tracer's stays."""
    if value & X86_EFLAGS_TF:
        thread.forced_tf = False
    elif thread.forced_tf:
        value |= X86_EFLAGS_TF
    flags_q = thread.layout.rflags_q
    thread.q[flags_q] = thread.q[flags_q] & ~FLAG_MASK | value & FLAG_MASK


def set_segment_reg(thread: X86Thread, offset: int, value: int) -> None:
    """Set a selector, but no cs or ss of a 64-bit program; raises EIO if it is not the user's, or 0 for these."""
    if value and value & 3 != 3:
        raise LinuxError(Errno.EIO, "not a user's selector")
    if offset in (_CS, _SS):
        if not value:
            raise LinuxError(Errno.EIO, "no code segment, or no stack segment")
        if not thread.ia32:
            return
    change_segments(thread)
    # Setting fs_base has implied another fs than a tracer writes that knows nothing of slots: leave it (gs alike).
    if offset == _FS:
        if not _is_implied(value, thread.fs, thread.fs_selector, tls.FS_TLS_SEL):
            thread.fs_selector = value
    elif offset == _GS:
        if not _is_implied(value, thread.gs, thread.gs_selector, tls.GS_TLS_SEL):
            thread.gs_selector = value
    elif offset == _DS:
        thread.ds = value
    elif offset == _ES:
        thread.es = value
    elif offset == _CS:
        thread.cs = value
    else:
        thread.ss = value


def _is_implied(value: int, base: int, selector: int, tls_selector: int) -> bool:
    if value == tls_selector:
        return selector == 0 and base != 0
    return value == 0 and selector == tls_selector and base == 0


def _put_base(thread: X86Thread, is_fs: bool, value: int) -> None:
    if value >= TASK_SIZE:
        raise LinuxError(Errno.EIO, "not a user address")
    forget_bases(thread)
    if value != (thread.fs if is_fs else thread.gs):
        set_base(thread, is_fs, value)


def load_segments(task: Task, thread: X86Thread) -> None:
    """Do what loading the selectors does that a tracer has set: bad ones become 0, others bring their base along."""
    thread.segments_changed = False
    for number, selector in ((3, thread.ds), (0, thread.es), (4, thread.fs_selector), (5, thread.gs_selector)):
        segment.load_data(task, thread, number, selector)
    if thread.ia32:
        segment.load_iret(task, thread)  # what is bad then it finds again when it is to run
    else:
        segment.load_cs_again(thread)
    q, layout = thread.q, thread.layout
    if thread.fs:
        q[layout.fs_base_q] = thread.fs
    if thread.gs:
        q[layout.gs_base_q] = thread.gs


# Bases.


def set_base(thread: X86Thread, is_fs: bool, base: int) -> None:
    """Set the base of fs or gs: below 4 GiB by way of the thread's slot in the GDT, which is faster."""
    slot = base <= 0xFFFFFFFF
    if slot:
        tls.set_32bit_tls(thread, tls.FS_TLS if is_fs else tls.GS_TLS, base)
    layout = thread.layout
    if is_fs:
        thread.fsindex, thread.fs = (tls.FS_TLS_SEL, 0) if slot else (0, base)
        thread.fs_selector = thread.fsindex
        thread.q[layout.fs_base_q] = base
    else:
        thread.gsindex, thread.gs = (tls.GS_TLS_SEL, 0) if slot else (0, base)
        thread.gs_selector = thread.gsindex
        thread.q[layout.gs_base_q] = base


def do_arch_prctl(current: Task, thread: X86Thread, code: int, addr: UserPtr) -> None:
    """Set or get a base of thread's, which may be another task's; raises EPERM for a kernel address, EINVAL, EFAULT."""
    if code in (ARCH_SET_FS, ARCH_SET_GS):
        if not isinstance(addr, int) or addr >= TASK_SIZE:
            raise LinuxError(Errno.EPERM, "not a user address")
        set_base(thread, code == ARCH_SET_FS, addr)
    elif code in (ARCH_GET_FS, ARCH_GET_GS):
        uaccess.put_user(current, addr, _get_base(thread, code == ARCH_GET_FS, thread is current.thread), 8)
    else:
        raise LinuxError(Errno.EINVAL, f"arch_prctl code {code:#x}")


def _get_base(thread: X86Thread, is_fs: bool, doit: bool) -> int:
    """Return the base of fs or gs; doit: of the caller's own.

    It is the slot's as long as the last switch has found the slot's selector, whatever has been loaded since.
    """
    q, layout = thread.q, thread.layout
    if doit:
        fsindex, fs = thread.fsindex, int(q[layout.fs_base_q])
        gsindex, gs = thread.gsindex, int(q[layout.gs_base_q]) if thread.gs_selector else thread.gs
    else:
        forget_bases(thread)
        fsindex, fs, gsindex, gs = thread.fs_selector, thread.fs, thread.gs_selector, thread.gs
    if is_fs:
        return tls.base_of(thread, fsindex) if fsindex == tls.FS_TLS_SEL else fs
    return tls.base_of(thread, gsindex) if gsindex == tls.GS_TLS_SEL else gs


# Sets of registers.


def genregs_get(thread: X86Thread) -> bytes:
    """Return struct user_regs_struct: what getreg() says of each, which tracers ask for at every stop."""
    forget_bases(thread)
    q, layout = thread.q, thread.layout
    ax, cx, dx, bx, sp, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15 = q[:16].tolist()
    fsindex, gsindex = thread.fs_selector, thread.gs_selector
    return _USER_REGS.pack(
        *(r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di),
        thread.orig_ax & ULONG_MAX,
        q[layout.rip_q],
        thread.cs,
        getreg(thread, _EFLAGS),
        sp,
        _get_segment_reg(thread, _SS),
        _base(thread, thread.fs, fsindex, tls.FS_TLS_SEL),
        _base(thread, thread.gs, gsindex, tls.GS_TLS_SEL),
        thread.ds,
        thread.es,
        fsindex,
        gsindex,
    )


class GeneralRegset:
    """NT_PRSTATUS: struct user_regs_struct."""

    def __init__(self, thread: X86Thread) -> None:
        self.size = _REGS_SIZE
        self.unit = 8
        self._regs = thread

    def get(self) -> bytes:
        """Return it."""
        return genregs_get(self._regs)

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Set one after the other; raises EFAULT, or EIO, at the first that cannot be: those before it are set."""
        for offset in range(0, size, 8):
            (value,) = struct.unpack("<Q", uaccess.copy_from_user(current, ubuf, 8, offset))
            putreg(self._regs, offset, value)


class FpRegset:
    """NT_PRFPREG: what FXSAVE stores."""

    def __init__(self, thread: X86Thread) -> None:
        self.size = x86_signal.FXSAVE_SIZE
        self.unit = 8
        self._regs = thread

    def get(self) -> bytes:
        """Return it."""
        return x86_signal.save_fxsave(self._regs)

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Set it; bits of MXCSR that the CPU does not know are dropped. Raises EFAULT, what cannot be read being 0."""
        image = self.get()
        try:
            data = uaccess.copy_from_user(current, ubuf, size)
        except LinuxError:
            x86_signal.set_fxsave(self._regs, self._readable(current, ubuf, size).ljust(size, b"\0") + image[size:])
            raise
        x86_signal.set_fxsave(self._regs, data + image[size:])

    def _readable(self, current: Task, ubuf: UserPtr, size: int) -> bytes:
        try:
            return uaccess.copy_from_user_partial(current, ubuf, size)
        except LinuxError:
            return b""


class NoRegset:
    """A set that there is, but not on this machine."""

    def __init__(self, size: int, error: Errno) -> None:
        self.size = size
        self.unit = 8
        self._error = error

    def get(self) -> bytes:
        """Raise what there is to say."""
        raise LinuxError(self._error, "no such registers here")

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Raise what there is to say."""
        raise LinuxError(self._error, "no such registers here")


class IopermRegset:
    """NT_386_IOPERM: a bit for each I/O port that the thread may not use."""

    def __init__(self, bitmap: int) -> None:
        self.size = _IO_BITMAP_BYTES
        self.unit = 8
        self._bitmap = bitmap

    def get(self) -> bytes:
        """Return it."""
        return self._bitmap.to_bytes(_IO_BITMAP_BYTES, "little")

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Raise EOPNOTSUPP, as later kernels do: a tracer can only look. 3.2 oopses."""
        raise LinuxError(Errno.EOPNOTSUPP, "ports are not a tracer's to give")


def find_regset(thread: X86Thread, type: int) -> GeneralRegset | FpRegset | IopermRegset | NoRegset | None:
    """Return a set of 64-bit registers by the type of its note, None if it is none of x86_64_regsets."""
    if type == NT_PRSTATUS:
        thread.fixup_top_of_stack()
        return GeneralRegset(thread)
    if type == NT_PRFPREG:
        return FpRegset(thread)
    if type == NT_X86_XSTATE:
        return NoRegset(0, Errno.ENODEV)
    if type == NT_386_IOPERM:
        bitmap = thread.io_bitmap
        return NoRegset(_IO_BITMAP_BYTES, Errno.ENXIO) if bitmap is None else IopermRegset(bitmap)
    return None


_IO_BITMAP_BYTES: Final = 8192


# Requests.


def _check_range(data: UserPtr, size: int) -> None:
    if isinstance(data, int) and not uaccess.access_ok(data, size):
        raise LinuxError(Errno.EIO, "not a user address")


def _peekusr(thread: X86Thread, addr: int) -> int:
    """Return a word of struct user, 0 where nothing is kept; raises EIO outside it."""
    if addr & 7 or not 0 <= addr < _SIZE:
        raise LinuxError(Errno.EIO, "no word of struct user")
    if addr < _REGS_SIZE:
        return getreg(thread, addr)
    n = addr - _DEBUGREG >> 3
    return hw_breakpoint.ptrace_get_debugreg(thread, n) if n >= 0 else 0


def _pokeusr(thread: X86Thread, addr: int, value: int) -> None:
    """Set a word of struct user; raises EIO where nothing is kept, and what the register refuses."""
    n = addr - _DEBUGREG >> 3
    if addr & 7 or not (0 <= addr < _REGS_SIZE or 0 <= n < 8):
        raise LinuxError(Errno.EIO, "no word of struct user")
    if addr < _REGS_SIZE:
        putreg(thread, addr, value)
        return
    hw_breakpoint.ptrace_set_debugreg(thread, n, value)


def arch_ptrace(current: Task, thread: X86Thread, request: int, addr: int, data: UserPtr) -> int:
    """Answer a request about registers (arch_ptrace); raises EIO if there is none, EFAULT, EINVAL, EPERM."""
    thread.fixup_top_of_stack()
    if request == PTRACE_PEEKUSR:
        uaccess.put_user(current, data, _peekusr(thread, addr), 8)
    elif request == PTRACE_POKEUSR:
        _pokeusr(thread, addr, ptrace_request.number(data))
    elif request == PTRACE_GETREGS:
        _check_range(data, _REGS_SIZE)
        uaccess.copy_to_user(current, data, genregs_get(thread))
    elif request == PTRACE_SETREGS:
        _check_range(data, _REGS_SIZE)
        GeneralRegset(thread).set(current, data, _REGS_SIZE)
    elif request == PTRACE_GETFPREGS:
        _check_range(data, x86_signal.FXSAVE_SIZE)
        uaccess.copy_to_user(current, data, x86_signal.save_fxsave(thread))
    elif request == PTRACE_SETFPREGS:
        _check_range(data, x86_signal.FXSAVE_SIZE)
        FpRegset(thread).set(current, data, x86_signal.FXSAVE_SIZE)
    elif request in (PTRACE_GET_THREAD_AREA, PTRACE_SET_THREAD_AREA):
        _thread_area(current, thread, request, addr & 0xFFFFFFFF, data)
    elif request == PTRACE_ARCH_PRCTL:
        do_arch_prctl(current, thread, ptrace_request.number(data) & 0xFFFFFFFF, addr)
    else:
        raise LinuxError(Errno.EIO, "no such request")
    return 0


def _thread_area(current: Task, thread: X86Thread, request: int, index: int, data: UserPtr) -> None:
    if index >> 31:
        raise LinuxError(Errno.EIO, "a negative index")
    if request == PTRACE_GET_THREAD_AREA:
        tls.do_get_thread_area(current, thread, index, data)
        return
    tls.do_set_thread_area(current, thread, index, data)
    change_segments(thread)
