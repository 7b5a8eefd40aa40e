"""The user side of a task that runs an ELF program (arch/x86/kernel/process.c, process_64.c, asm/ptrace.h)."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import entry
from procession.arch.x86 import signal as x86_signal
from procession.arch.x86.syscall_table import NR
from procession.hw import unicorn_cpu
from procession.hw.unicorn_cpu import USER_CS, USER_DS
from procession.include.asm.ptrace import AX, BP, BX, CX, DI, DX, R8, R9, R10, R11, R12, R13, R14, R15, SI, SP
from procession.include.linux.cred import CAP_SYS_RAWIO
from procession.include.linux.elf import NT_PRFPREG, NT_PRSTATUS
from procession.include.linux.errno import MAX_ERRNO, Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import TASK_SIZE
from procession.include.linux.prctl import (
    ARCH_GET_FS,
    ARCH_GET_GS,
    ARCH_SET_FS,
    ARCH_SET_GS,
    ArchPrctlArg,
    ArchPrctlOption,
)
from procession.include.linux.printk import pointer
from procession.include.linux.sched import CLONE_SETTLS, CLONE_VFORK, CLONE_VM, CloneArg
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, Int, StackTop, UInt, UserPtr
from procession.kernel import capability, fork
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.hw.calibration import Layout
    from procession.hw.unicorn_cpu import UnicornCpu
    from procession.include.asm.processor import KernelStack
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo

__all__ = (
    "X86Thread",
    "start_thread",
    "sys_arch_prctl",
    "sys_clone",
    "sys_fork",
    "sys_ioperm",
    "sys_iopl",
    "sys_vfork",
)

_FLAGS: Final = 0x250DD5  # ID AC RF OF DF TF SF ZF AF PF CF: what user mode may have set
_RESTARTBLOCK: Final = int(Errno.ERESTART_RESTARTBLOCK)
_NR_RESTART_SYSCALL: Final = NR["restart_syscall"]

# struct user_regs_struct.
_USER_REGS: Final = Struct("<27Q")
_SHOWN_REGISTERS: Final = (
    (("RAX", AX), ("RBX", BX), ("RCX", CX)),
    (("RDX", DX), ("RSI", SI), ("RDI", DI)),
    (("RBP", BP), ("R08", R8), ("R09", R9)),
    (("R10", R10), ("R11", R11), ("R12", R12)),
    (("R13", R13), ("R14", R14), ("R15", R15)),
)
_ARGUMENTS: Final = (DI, SI, DX, R10, R8, R9)
_USER_REGS_GENERAL: Final = (R15, R14, R13, R12, BP, BX, R11, R10, R9, R8, AX, CX, DX, SI, DI)


class X86Thread:
    """Task.thread of an ELF program.

    saved: the registers, when no engine has them; q: where they are now, as 64-bit words; cpu: the engine that has
    them (hw.cpu.CpuState).  orig_ax: number of the call in progress or just answered, -1 otherwise.
    sysret: that call brings the trap flag back by SYSRET.  trap_no, error_code, cr2: the last exception that became a
    signal.
    """

    __slots__ = ("cpu", "cr2", "error_code", "layout", "orig_ax", "q", "saved", "sysret", "trap_no", "tsc_sigsegv")

    def __init__(self, state: bytes, layout: Layout) -> None:
        self.saved = memoryview(bytearray(state))
        self.q = self.saved.cast("Q")
        self.cpu: UnicornCpu | None = None
        self.layout = layout
        self.orig_ax = -1
        self.sysret = False
        self.trap_no = self.error_code = self.cr2 = 0
        self.tsc_sigsegv = False  # prctl(PR_SET_TSC, PR_TSC_SIGSEGV)

    @property
    def flags(self) -> int:
        """Rflags."""
        if self.cpu is not None and self.cpu.running:
            return self.cpu.flags()
        return int(self.q[self.layout.rflags_q])

    @flags.setter
    def flags(self, value: int) -> None:
        value = value & _FLAGS | 0x202
        if self.cpu is not None and self.cpu.running:
            self.cpu.set_flags(value)
        else:
            self.q[self.layout.rflags_q] = value

    def run(self, current: Task, budget_ns: int) -> KernelStack | None:
        """Run user code up to a call that sleeps, or until there is other work (see ThreadStruct.run)."""
        k = current.kernel
        cpu = k.cpu
        vcpu: entry.Entry = k.x86.vcpus[cpu] if cpu < len(k.x86.vcpus) else entry.vcpu_of(k)
        return vcpu.run(current, self, budget_ns)

    def copy_thread(self, current: Task, clone_flags: int, usp: UserPtr, p: Task, tls: int) -> X86Thread:
        """Return the child's registers: the parent's, but the call returns 0; raises EPERM for a TLS address."""
        child = X86Thread(bytes(self.saved if self.cpu is None else self.cpu.state), self.layout)
        child.tsc_sigsegv = self.tsc_sigsegv
        child.sysret = self.sysret
        q = child.q
        q[AX] = 0
        assert isinstance(usp, int)
        if usp:
            q[SP] = usp
        if clone_flags & CLONE_SETTLS:
            if tls >= TASK_SIZE:
                raise LinuxError(Errno.EPERM, "TLS outside user space")
            q[self.layout.fs_base_q] = tls
        return child

    def set_return(self, value: int) -> None:
        """Set what the system call returns."""
        self.q[AX] = value & ULONG_MAX

    def syscall_nr(self) -> int:
        """Return orig_ax."""
        return self.orig_ax

    def syscall_get_arguments(self) -> tuple[int, ...]:
        """Return the six registers that have them."""
        return tuple([self.q[register] for register in _ARGUMENTS])

    def syscall_pc(self) -> int:
        """Return what SYSCALL has left in cx: ip may still be that of the instruction."""
        return int(self.q[CX])

    def syscall_get_error(self) -> int:
        """Return ax if it is an errno, else 0."""
        value = self.q[AX]
        return value - (1 << 64) if value > ULONG_MAX - MAX_ERRNO else 0

    def syscall_restart(self, current: Task, code: int) -> None:
        """Go back to the SYSCALL instruction (spec 10.11)."""
        self.q[AX] = _NR_RESTART_SYSCALL if code == _RESTARTBLOCK else self.orig_ax & ULONG_MAX
        self.q[self.layout.rip_q] -= 2
        self.orig_ax = -1
        self.sysret = False

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        """Make ka.handler run next; raises EFAULT."""
        x86_signal.setup_rt_frame(current, self, sig, ka, info, oldset)

    def user_pc(self) -> int:
        """Return ip."""
        return int(self.q[self.layout.rip_q])

    def user_sp(self) -> int:
        """Return sp."""
        return int(self.q[SP])

    def user_regset_view(self) -> tuple[tuple[int, bytes], ...]:
        """Return the general registers, and those of the FPU as FXSAVE has them (x86_64_regsets)."""
        q, layout = self.q, self.layout
        general = _USER_REGS.pack(
            *[q[register] for register in _USER_REGS_GENERAL],
            *(self.orig_ax & ULONG_MAX, q[layout.rip_q], USER_CS, self.flags, q[SP], USER_DS),
            *(q[layout.fs_base_q], q[layout.gs_base_q], 0, 0, 0, 0),  # ds, es, fs, gs
        )
        return (NT_PRSTATUS, general), (NT_PRFPREG, x86_signal.save_fxsave(self))

    def arch_ptrace(self, current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
        """Raise EIO."""
        raise LinuxError(Errno.EIO, "no such request")

    def find_regset(self, type: int) -> None:
        """Return None."""
        return

    def user_enable_single_step(self, child: Task) -> None:
        """Raise EIO."""
        raise LinuxError(Errno.EIO, "no stepping")

    def user_enable_block_step(self, child: Task) -> None:
        """Raise EIO."""
        raise LinuxError(Errno.EIO, "no stepping")

    def user_disable_single_step(self, child: Task) -> None:
        """Let it run on."""

    def show_regs(self, current: Task) -> list[str]:
        """Return what the log shows after a fatal signal (show_regs); the kernel's own addresses are not known."""
        q, layout, ip = self.q, self.layout, self.user_pc()
        uts = current.kernel.init_uts_ns
        mm = current.mm
        pgd = mm.pgd if mm is not None else 0
        lines = [
            f"CPU {current.kernel.cpu} ",
            f"Pid: {current.pid}, comm: {current.comm:.20} Not tainted {uts.release.decode()} {uts.version.decode()}",
            f"RIP: {USER_CS:04x}:[<{ip:016x}>]  [<{pointer(ip)}>] {f'{ip - 1:#x}' if ip else pointer(0)}",
            f"RSP: {USER_DS:04x}:{q[SP]:016x}  EFLAGS: {self.flags:08x}",
        ]
        lines += [" ".join([f"{name}: {q[register]:016x}" for name, register in row]) for row in _SHOWN_REGISTERS]
        return [
            *lines,
            f"FS:  {q[layout.fs_base_q]:016x}(0000) GS:{0:016x}(0000) knlGS:{q[layout.gs_base_q]:016x}",
            "CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033",
            f"CR2: {self.cr2:016x} CR3: {pgd:016x} CR4: 00000000000006b0",
            f"DR0: {0:016x} DR1: {0:016x} DR2: {0:016x}",
            f"DR3: {0:016x} DR6: 00000000ffff0ff0 DR7: 0000000000000400",
            f"Process {current.comm} (pid: {current.pid}, threadinfo {pointer(0)}, task {pointer(0)})",
            "",
            "Call Trace:",
        ]

    def exit_thread(self) -> None:
        """Leave the engine; the registers are worth nothing any more."""
        if self.cpu is not None:
            self.cpu.owner = None
            self.cpu = None
            self.q = self.saved.cast("Q")


def start_thread(current: Task, ip: int, sp: int) -> None:
    """Make current begin at ip in user mode, with fresh registers (start_thread, flush_thread)."""
    cpu = entry.vcpu_of(current.kernel).cpu
    thread = X86Thread(unicorn_cpu.user_template(), cpu.layout)
    thread.q[thread.layout.rip_q] = ip
    thread.q[SP] = sp
    current.thread = thread


@syscall
async def sys_fork(current: Task) -> int:
    """Make a child that is a copy (fork(2))."""
    return await fork.do_fork(current, SIGCHLD, 0, 0, 0)


@syscall
async def sys_vfork(current: Task) -> int:
    """Make a child in the same memory and wait until it execs or exits (vfork(2))."""
    return await fork.do_fork(current, CLONE_VFORK | CLONE_VM | SIGCHLD, 0, 0, 0)


@syscall
async def sys_clone(
    current: Task, clone_flags: CloneArg, newsp: StackTop, parent_tid: UserPtr, child_tid: UserPtr, tls: Addr
) -> int:
    """Make a child that shares what the flags say (clone(2)); x86-64's order of arguments."""
    return await fork.do_fork(current, clone_flags & 0xFFFFFFFF, newsp, parent_tid, child_tid, tls)


@syscall
def sys_arch_prctl(current: Task, code: ArchPrctlOption, addr: ArchPrctlArg) -> int:
    """Set or get the base of fs or gs; raises EPERM for a kernel address, EINVAL, EFAULT (arch_prctl(2))."""
    thread = current.thread
    if not isinstance(thread, X86Thread):
        raise LinuxError(Errno.EINVAL, "no segments here")
    layout = thread.layout
    if code in (ARCH_SET_FS, ARCH_SET_GS):
        if addr >= TASK_SIZE:
            raise LinuxError(Errno.EPERM, "not a user address")
        thread.q[layout.fs_base_q if code == ARCH_SET_FS else layout.gs_base_q] = addr
    elif code in (ARCH_GET_FS, ARCH_GET_GS):
        uaccess.put_user(current, addr, thread.q[layout.fs_base_q if code == ARCH_GET_FS else layout.gs_base_q], 8)
    else:
        raise LinuxError(Errno.EINVAL, f"arch_prctl code {code:#x}")
    return 0


@syscall
def sys_iopl(current: Task, level: UInt) -> int:
    """Ask for access to all I/O ports; raises EINVAL, EPERM (iopl(2)).

    Differs: there are no ports, so nobody gets a level.
    """
    if level > 3:
        raise LinuxError(Errno.EINVAL, "I/O privilege level")
    if level:
        if capability.capable(current, CAP_SYS_RAWIO):
            current.kernel.not_modelled("iopl")
        raise LinuxError(Errno.EPERM, "no access to I/O ports")
    return 0


@syscall
def sys_ioperm(current: Task, frm: Addr, num: Addr, turn_on: Int) -> int:
    """Ask for access to some I/O ports; raises EINVAL, EPERM (ioperm(2)).

    Differs: there are no ports, so nobody gets any.
    """
    if (frm + num & ULONG_MAX) <= frm or frm + num > 65536:
        raise LinuxError(Errno.EINVAL, "I/O port numbers")
    if turn_on:
        if capability.capable(current, CAP_SYS_RAWIO):
            current.kernel.not_modelled("ioperm")
        raise LinuxError(Errno.EPERM, "no access to I/O ports")
    return 0
