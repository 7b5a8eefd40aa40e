"""The user side of a task that runs a 32-bit program (what TIF_IA32 decides in arch/x86/kernel/process_64.c, ptrace.c).

Its code makes system calls by INT 0x80, or by SYSENTER in the vdso. SYSCALL is an illegal instruction there, as on CPUs
of Intel.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import entry, process, ptrace, segment, tls
from procession.arch.x86 import signal as x86_signal
from procession.arch.x86.ia32 import ia32_signal, ia32entry, vdso32
from procession.arch.x86.process import X86Thread
from procession.hw import unicorn_cpu
from procession.hw.unicorn_cpu import USER32_CS, USER_DS
from procession.include.asm.ptrace import AX, BP, BX, CX, DI, DX, SI, SP
from procession.include.linux.elf import NT_386_IOPERM, NT_386_TLS, NT_PRFPREG, NT_PRSTATUS, NT_PRXFPREG, NT_X86_XSTATE
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.mm_types import (
    PAGE_SIZE,
    VM_DONTEXPAND,
    VM_EXEC,
    VM_MAYEXEC,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_READ,
    VmArea,
)
from procession.include.linux.sched import CLONE_SETTLS
from procession.mm import gup, mmap, uaccess

if TYPE_CHECKING:
    from procession.hw.calibration import Layout
    from procession.include.asm.processor import KernelStack, Regset
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo
    from procession.include.linux.types import UserPtr

__all__ = ("Ia32Thread", "start_thread_ia32", "syscall32_setup_pages")

_NR_RESTART_SYSCALL: Final = ia32entry.IA32_NAMES.index("sys_restart_syscall")
# struct user_regs_struct32.
_REGS32: Final = struct.Struct("<17I")
_GENERAL: Final = {0: BX, 4: CX, 8: DX, 12: SI, 16: DI, 20: BP, 24: AX, 60: SP}
_SEGMENTS: Final = {28: 184, 32: 192, 36: 200, 40: 208, 52: 136, 64: 160}  # where struct user of 64 bits has them
_ORIG_EAX: Final = 44
_EIP: Final = 48
_EFLAGS: Final = 56
_EFLAGS_64: Final = 144
_TLS_ENTRIES: Final = 3
_VDSO_COMPAT: Final = 2  # of vdso32_enabled: at an address that never changes
_VDSO_FLAGS: Final = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_DONTEXPAND


class Ia32Thread(X86Thread):
    """Task.thread of a 32-bit program."""

    def __init__(self, state: bytes, layout: Layout) -> None:
        super().__init__(state, layout)
        self.ia32 = True
        self.nr_restart_syscall = _NR_RESTART_SYSCALL

    def run(self, current: Task, budget_ns: int) -> KernelStack | None:
        """Run user code, unless there is nowhere to go on.

        IRET loads segments of its own for code and stack, which may have changed: a tracer may have set any.
        """
        if (self.cs != USER32_CS or self.ss != USER_DS) and not segment.load_iret(current, self):
            self.orig_ax = -1
            x86_signal.bad_iret(current, self)
            return None
        return super().run(current, budget_ns)

    def copy_thread(self, current: Task, clone_flags: int, usp: UserPtr, p: Task, tls: int) -> X86Thread:
        """Return the child's registers; its thread area is the struct user_desc at si. Raises EFAULT, EINVAL."""
        child = Ia32Thread(bytes(self.saved if self.cpu is None else self.cpu.state), self.layout)
        self.copy_into(child, usp)
        if clone_flags & CLONE_SETTLS:
            _set_tls(current, child)
        return child

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        """Make ka.handler run next; raises EFAULT."""
        ia32_signal.setup(current, self, sig, ka, info, oldset)

    def syscall_pc(self) -> int:
        """Return ip, which is behind INT 0x80, or where SYSENTER returns to."""
        return self.user_pc()

    def fixup_top_of_stack(self) -> None:
        """Do nothing: INT 0x80 loses no register."""

    def user_regset_view(self) -> tuple[tuple[int, bytes], ...]:
        """Return what a core file has: registers, FPU in both forms, thread areas if there are any (x86_32_regsets)."""
        fxsave = x86_signal.save_fxsave(self)
        fsave = ia32_signal.convert_from_fxsr(fxsave, self.cs, self.ds)
        sets = ((NT_PRSTATUS, genregs32_get(self)), (NT_PRFPREG, fsave), (NT_PRXFPREG, fxsave))
        if any(descriptor != tls.EMPTY for descriptor in self.tls_array):
            return (*sets, (NT_386_TLS, _tls_get(self)))
        return sets

    def find_regset(self, type: int) -> Regset | None:
        """Return a set of registers by the type of its note, None if it is none of x86_32_regsets."""
        if type == NT_PRSTATUS:
            return GeneralRegset32(self)
        if type == NT_PRFPREG:
            return FsaveRegset(self)
        if type == NT_386_TLS:
            return TlsRegset(self)
        if type == NT_PRXFPREG:
            return ptrace.find_regset(self, NT_PRFPREG)
        return ptrace.find_regset(self, type) if type in (NT_X86_XSTATE, NT_386_IOPERM) else None


def _set_tls(current: Task, child: X86Thread) -> None:
    tls.do_set_thread_area(current, child, -1, child.q[SI] & UINT_MAX)
    child.segments_changed = True  # its selectors are the parent's, and what they stand for may be another segment


def syscall32_setup_pages(current: Task) -> None:
    """Give current the page of the vdso, unless programs are to have none; raises ENOMEM.

    Differs: it is a page of the program's own from the beginning on.
    """
    k, mm = current.kernel, current.mm
    assert mm is not None
    enabled = k.x86.vdso32_enabled
    if not enabled:
        return
    with mm.mmap_sem.write():
        old = enabled == _VDSO_COMPAT
        addr = vdso32.VDSO_HIGH_BASE if old else mmap.get_unmapped_area(current, mm, 0, PAGE_SIZE, 0)
        mmap.insert_vm_struct(current, mm, VmArea(mm, addr, addr + PAGE_SIZE, _VDSO_FLAGS, name="[vdso]"))
        mm.total_vm += 1
        mm.vdso = addr
    gup.write_remote_vm(k, mm, addr, vdso32.vdso32_image())


def start_thread_ia32(current: Task, ip: int, sp: int) -> None:
    """Make current begin at ip as a 32-bit program, with fresh registers."""
    cpu = entry.vcpu_of(current.kernel).cpu
    thread = Ia32Thread(unicorn_cpu.user_template(), cpu.layout)
    thread.set_cs(USER32_CS)
    thread.ds = thread.es = USER_DS
    process.begin(current, thread, ip, sp)


# One register.


def getreg32(thread: X86Thread, offset: int) -> int:
    """Return the register at an offset of struct user_regs_struct32."""
    register = _GENERAL.get(offset)
    if register is not None:
        return int(thread.q[register]) & UINT_MAX
    if offset == _EIP:
        return thread.user_pc() & UINT_MAX
    if offset == _ORIG_EAX:
        return thread.orig_ax & UINT_MAX
    return ptrace.getreg(thread, _EFLAGS_64 if offset == _EFLAGS else _SEGMENTS[offset]) & UINT_MAX


def putreg32(thread: X86Thread, offset: int, value: int) -> None:
    """Set the register at an offset of struct user_regs_struct32; raises EIO for a bad selector."""
    register = _GENERAL.get(offset)
    if register is not None:
        thread.q[register] = value
    elif offset == _EIP:
        thread.q[thread.layout.rip_q] = value
    elif offset == _ORIG_EAX:
        thread.orig_ax = value - (value >> 31 << 32)  # extended, so that -1 means what it does
    elif offset == _EFLAGS:
        ptrace.set_flags(thread, value)
    else:
        ptrace.set_segment_reg(thread, _SEGMENTS[offset], value & 0xFFFF)


def genregs32_get(thread: X86Thread) -> bytes:
    """Return struct user_regs_struct32."""
    return _REGS32.pack(*[getreg32(thread, offset) for offset in range(0, _REGS32.size, 4)])


# Sets of registers.


class GeneralRegset32:
    """NT_PRSTATUS: struct user_regs_struct32."""

    def __init__(self, thread: X86Thread) -> None:
        self.size = _REGS32.size
        self.unit = 4
        self._regs = thread

    def get(self) -> bytes:
        """Return it."""
        return genregs32_get(self._regs)

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Set one after the other; raises EFAULT, or EIO, at the first that cannot be: those before it are set."""
        for offset in range(0, size, 4):
            (value,) = struct.unpack("<I", uaccess.copy_from_user(current, ubuf, 4, offset))
            putreg32(self._regs, offset, value)


class FsaveRegset:
    """NT_PRFPREG: what FSAVE stores."""

    def __init__(self, thread: X86Thread) -> None:
        self.size = ia32_signal.FSAVE_SIZE
        self.unit = 4
        self._regs = thread

    def get(self) -> bytes:
        """Return it."""
        return ia32_signal.convert_from_fxsr(x86_signal.save_fxsave(self._regs), self._regs.cs, self._regs.ds)

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Set it; raises EFAULT."""
        fsave = uaccess.copy_from_user(current, ubuf, size) + self.get()[size:]
        fxsave = ia32_signal.convert_to_fxsr(fsave, x86_signal.save_fxsave(self._regs))
        x86_signal.set_fxsave(self._regs, fxsave)


class TlsRegset:
    """NT_386_TLS: the thread's slots of the GDT."""

    def __init__(self, thread: X86Thread) -> None:
        self.size = _TLS_ENTRIES * tls.USER_DESC_SIZE
        self.unit = tls.USER_DESC_SIZE
        self._regs = thread

    def get(self) -> bytes:
        """Return them."""
        return _tls_get(self._regs)

    def set(self, current: Task, ubuf: UserPtr, size: int) -> None:
        """Set the first of them; raises EFAULT."""
        data = uaccess.copy_from_user(current, ubuf, size)
        for slot in range(size // tls.USER_DESC_SIZE):
            tls.set_tls_desc(self._regs, slot, data[slot * tls.USER_DESC_SIZE :][: tls.USER_DESC_SIZE])
        ptrace.change_segments(self._regs)


def _tls_get(thread: X86Thread) -> bytes:
    return b"".join([tls.get_tls_desc(thread, slot) for slot in range(_TLS_ENTRIES)])
