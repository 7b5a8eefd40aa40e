"""The user side of a task that runs an ELF program (arch/x86/kernel/process.c, process_64.c, asm/ptrace.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import arguments, debug_entry, entry, ptrace, step, tls, traps
from procession.arch.x86 import signal as x86_signal
from procession.arch.x86.syscall_table import NR
from procession.hw import unicorn_cpu
from procession.hw.unicorn_cpu import USER32_CS, USER_DS
from procession.include.asm.processor_flags import X86_EFLAGS_IOPL, X86_EFLAGS_TF
from procession.include.asm.ptrace import AX, BP, BX, CX, DI, DX, R8, R9, R10, R11, R12, R13, R14, R15, SI, SP
from procession.include.linux.clone3 import CLONE_PIDFD, KernelCloneArgs
from procession.include.linux.cred import CAP_SYS_RAWIO
from procession.include.linux.elf import NT_PRFPREG, NT_PRSTATUS
from procession.include.linux.errno import MAX_ERRNO, Errno, LinuxError
from procession.include.linux.limits import UINT_MAX, ULONG_MAX
from procession.include.linux.mm_types import TASK_SIZE
from procession.include.linux.prctl import ArchPrctlArg, ArchPrctlOption
from procession.include.linux.printk import pointer
from procession.include.linux.sched import (
    CLONE_DETACHED,
    CLONE_PARENT_SETTID,
    CLONE_SETTLS,
    CLONE_VFORK,
    CLONE_VM,
    TIF_SINGLESTEP,
    TIF_SYSCALL_EMU,
    CloneArg,
)
from procession.include.linux.signal import SIGCHLD, TRAP_BRKPT
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Addr, Int, StackTop, UInt, UserPtr
from procession.kernel import capability, fork, panic, tracehook

if TYPE_CHECKING:
    from procession.arch.x86.hw_breakpoint import Breakpoint
    from procession.hw.calibration import Layout
    from procession.hw.unicorn_cpu import UnicornCpu
    from procession.include.asm.processor import KernelStack, Regset
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo

__all__ = (
    "X86Thread",
    "begin",
    "start_thread",
    "switch_to",
    "sys_arch_prctl",
    "sys_clone",
    "sys_fork",
    "sys_ioperm",
    "sys_iopl",
    "sys_vfork",
)

_FLAGS: Final = 0x253DD5  # ID AC RF IOPL OF DF TF SF ZF AF PF CF: what user mode may have set
IO_BITMAP_BITS: Final = 65536
# All of them. Written out as a number it would be too long a word for the compiler.
_NO_PORTS: Final = int.from_bytes(b"\xff" * (IO_BITMAP_BITS // 8), "little")
_RESTARTBLOCK: Final = int(Errno.ERESTART_RESTARTBLOCK)
# How far what the engine derives from segments is from its bit for code of 64 bits: HF_ADDSEG_SHIFT, HF_SS32_SHIFT,
# HF_CS32_SHIFT.
_CS64_TO_ADDSEG: Final = 9
_CS64_TO_SS32: Final = 10
_CS64_TO_CS32: Final = 11
_WIDE_STACK: Final = 1 << 54
_NR_RESTART_SYSCALL: Final = NR["restart_syscall"]

_SHOWN_REGISTERS: Final = (
    (("RAX", AX), ("RBX", BX), ("RCX", CX)),
    (("RDX", DX), ("RSI", SI), ("RDI", DI)),
    (("RBP", BP), ("R08", R8), ("R09", R9)),
    (("R10", R10), ("R11", R11), ("R12", R12)),
    (("R13", R13), ("R14", R14), ("R15", R15)),
)
_ARGUMENTS: Final = (DI, SI, DX, R10, R8, R9)


class X86Thread:
    """Task.thread of an ELF program.

    saved: the registers, when no engine has them; q: where they are now, as 64-bit words; cpu: the engine that has
    them (hw.cpu.CpuState).  orig_ax: number of the call in progress or just answered, -1 otherwise.
    ts_compat: it has come by INT 0x80 (TS_COMPAT).  sysret: it brings the trap flag back by SYSRET.
    trap_no, error_code, cr2: the last exception that became a signal.
    fs, gs: their bases, 0 if the selectors have them.  fsindex, gsindex: these, as the last switch has found them.
    tls: their slots as the CPU has them.  switches: how often another task had come when it last ran.
    forced_tf: the trap flag is the tracer's and not the program's own (TIF_FORCED_TF).
    fpu_control: x87 control word and MXCSR that a tracer has set, of which an engine has to derive more.
    segments_changed: a tracer has set selectors or slots, which are still to be loaded.
    ptrace_bps: DR0 … DR3, None as long as nobody has written any; debugreg6, ptrace_dr7: as they were left last.
    io_bitmap: the I/O ports that it may not use, None as long as nobody has asked for any.
    ia32: its program is of 32 bits (TIF_IA32).  nr_restart_syscall: what it calls restart_syscall(2).
    has_breakpoints: one of the debug registers is enabled.  hits: those that the CPU has met, until it traps.
    """

    __slots__ = (
        "cpu",
        "cr2",
        "debugreg6",
        "error_code",
        "forced_tf",
        "fpu_control",
        "fs",
        "fsindex",
        "gs",
        "gsindex",
        "has_breakpoints",
        "hits",
        "ia32",
        "io_bitmap",
        "layout",
        "nr_restart_syscall",
        "orig_ax",
        "ptrace_bps",
        "ptrace_dr7",
        "q",
        "saved",
        "segments_changed",
        "switches",
        "sysret",
        "tls",
        "tls_array",
        "trap_no",
        "ts_compat",
        "tsc_sigsegv",
    )

    def __init__(self, state: bytes, layout: Layout) -> None:
        self.saved = memoryview(bytearray(state))
        self.q = self.saved.cast("Q")
        self.cpu: UnicornCpu | None = None
        self.layout = layout
        self.orig_ax = -1
        self.ia32 = False
        self.nr_restart_syscall = _NR_RESTART_SYSCALL
        self.sysret = self.ts_compat = False
        self.trap_no = self.error_code = self.cr2 = 0
        self.tsc_sigsegv = False  # prctl(PR_SET_TSC, PR_TSC_SIGSEGV)
        self.fs = self.gs = self.fsindex = self.gsindex = 0
        self.switches = -1
        self.tls = (0, 0, 0)
        self.tls_array: list[tls.Descriptor] = [tls.EMPTY] * 3
        self.segments_changed = False
        self.io_bitmap: int | None = None
        self.ptrace_bps: list[Breakpoint | None] | None = None
        self.debugreg6 = self.ptrace_dr7 = self.hits = 0
        self.fpu_control: tuple[int, int] | None = None
        self.has_breakpoints = self.forced_tf = False

    # Selectors, which are the engine's: what a program loads is there.

    def _selector(self, segment: int) -> int:
        return int(self.q[self.layout.selectors_q + 3 * segment]) & 0xFFFF

    def _set_selector(self, segment: int, selector: int) -> None:
        self.q[self.layout.selectors_q + 3 * segment] = selector

    def set_segment(self, segment: int, selector: int, base: int, hidden: int) -> None:
        """Load a segment of data, or the stack's (2); hidden: the latter's flags, as the engine has them."""
        q, at = self.q, self.layout.selectors_q + 3 * segment
        q[at], q[at + 1], q[at + 2] = selector, base, hidden

    @property
    def es(self) -> int:
        """Selector of es."""
        return self._selector(0)

    @es.setter
    def es(self, value: int) -> None:
        self._set_selector(0, value)

    @property
    def cs(self) -> int:
        """Selector of cs, which says of how many bits code is. What is set is loaded by load_iret()."""
        return self._selector(1)

    @cs.setter
    def cs(self, value: int) -> None:
        self._set_selector(1, value)

    @property
    def ss(self) -> int:
        """Selector of ss; set like that of cs."""
        return self._selector(2)

    @ss.setter
    def ss(self, value: int) -> None:
        self._set_selector(2, value)

    def set_cs(self, selector: int) -> None:
        """Go on with code of 32 bits if selector is USER32_CS, else with code of 64 bits."""
        if selector == USER32_CS:
            self.set_code(selector, 0, self.layout.modes[2][2], wide=True)
            return
        q = self.q
        for word, long, _ in self.layout.modes:
            q[word] = long
        q[self.layout.selectors_q + 4] = 0

    def set_code(self, selector: int, base: int, hidden: int, *, wide: bool) -> None:
        """Go on in a segment of code that begins at base; hidden: its limit and flags, as the engine has them.

        wide: of 32 bits, else of 16. What the engine derives from segments (HF_ADDSEG_MASK …) is derived here.
        """
        q, layout = self.q, self.layout
        first = layout.selectors_q
        word, long, short = layout.modes[0]
        at_cs64 = long & ~short
        added = not wide or q[first + 1] or q[first + 7] or q[first + 10]  # bases of es, ss, ds
        derived = short & ~(at_cs64 >> _CS64_TO_ADDSEG)
        if added:
            derived |= at_cs64 >> _CS64_TO_ADDSEG
        if not wide:
            derived &= ~(at_cs64 >> _CS64_TO_CS32)
        if not q[first + 8] & _WIDE_STACK:
            derived &= ~(at_cs64 >> _CS64_TO_SS32)
        q[word] = derived
        q[first + 3], q[first + 4], q[first + 5] = selector, base, hidden

    def linear_pc(self) -> int:
        """Return where the instruction at ip is in memory (convert_ip_to_linear)."""
        base = self.q[self.layout.selectors_q + 4]
        return int(self.q[self.layout.rip_q] + base & UINT_MAX if base else self.q[self.layout.rip_q])

    @property
    def ds(self) -> int:
        """Selector of ds."""
        return self._selector(3)

    @ds.setter
    def ds(self, value: int) -> None:
        self._set_selector(3, value)

    @property
    def fs_selector(self) -> int:
        """Selector of fs."""
        return self._selector(4)

    @fs_selector.setter
    def fs_selector(self, value: int) -> None:
        self._set_selector(4, value)

    @property
    def gs_selector(self) -> int:
        """Selector of gs."""
        return self._selector(5)

    @gs_selector.setter
    def gs_selector(self, value: int) -> None:
        self._set_selector(5, value)

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
        if current.nvcsw + current.nivcsw != self.switches:
            switch_to(current, self)
        k = current.kernel
        if self.has_breakpoints:
            return debug_entry.debug_vcpu_of(k).run(current, self, budget_ns)
        cpu = k.cpu
        vcpu: entry.Entry = k.x86.vcpus[cpu] if cpu < len(k.x86.vcpus) else entry.vcpu_of(k)
        return vcpu.run(current, self, budget_ns)

    def copy_thread(self, current: Task, clone_flags: int, usp: UserPtr, p: Task, tls: int) -> X86Thread:
        """Return the child's registers: the parent's, but the call returns 0; raises EPERM for a TLS address."""
        child = X86Thread(bytes(self.saved if self.cpu is None else self.cpu.state), self.layout)
        self.copy_into(child, usp)
        if self.ts_compat:
            # The child goes back by SYSRET all the same, which loses two registers.
            q = child.q
            q[CX], q[R11] = q[self.layout.rip_q], q[self.layout.rflags_q]
        if clone_flags & CLONE_SETTLS:
            if tls >= TASK_SIZE:
                raise LinuxError(Errno.EPERM, "TLS outside user space")
            ptrace.set_base(child, True, tls)
        return child

    def copy_into(self, child: X86Thread, usp: UserPtr) -> None:
        """Give a child what it has beside the registers, and its stack pointer unless that is 0."""
        child.tsc_sigsegv = self.tsc_sigsegv
        child.trap_no, child.error_code, child.cr2 = self.trap_no, self.error_code, self.cr2
        child.sysret = self.sysret
        # A base beside a selector is not copied.
        child.fs = 0 if self.fs_selector else self.fs
        child.gs = 0 if self.gs_selector else self.gs
        child.segments_changed = child.fs != self.fs or child.gs != self.gs
        child.fpu_control = self.fpu_control
        child.io_bitmap = self.io_bitmap
        child.tls_array, child.tls = self.tls_array[:], self.tls
        # The words are copied, the breakpoints not.
        child.debugreg6, child.ptrace_dr7 = self.debugreg6, self.ptrace_dr7
        q = child.q
        q[AX] = 0
        assert isinstance(usp, int)
        if self.forced_tf:
            q[self.layout.rflags_q] &= ~X86_EFLAGS_TF  # nobody steps the child
        if usp:
            q[SP] = usp

    def set_return(self, value: int) -> None:
        """Set what the system call returns."""
        self.q[AX] = value & ULONG_MAX

    def syscall_nr(self) -> int:
        """Return orig_ax."""
        return self.orig_ax

    def syscall_get_arguments(self) -> tuple[int, ...]:
        """Return the six registers that have them."""
        if self.ts_compat:
            return arguments.ia32_words(self.q)
        return tuple([self.q[register] for register in _ARGUMENTS])

    def syscall_pc(self) -> int:
        """Return what SYSCALL has left in cx, unless that is lost: ip may still be that of the instruction."""
        q = self.q
        return int(q[self.layout.rip_q] if self.ts_compat or q[CX] == ULONG_MAX else q[CX])

    def fixup_top_of_stack(self) -> None:
        """Make the frame of a call complete, for a signal or a tracer: cx, which SYSCALL has used, is lost."""
        q = self.q
        if self.orig_ax >= 0 and not self.ts_compat and q[CX] == q[self.layout.rip_q]:
            q[CX] = ULONG_MAX

    def syscall_get_error(self) -> int:
        """Return ax if it is an errno, else 0."""
        value = self.q[AX]
        if self.ts_compat and value >> 31 & 1:
            value |= ULONG_MAX ^ UINT_MAX  # a tracer may have set the lower half alone
        return value - (1 << 64) if value > ULONG_MAX - MAX_ERRNO else 0

    async def syscall_trace_leave(self, current: Task) -> int:
        """Tell the tracer of the end of the call, one that steps by a signal; returns 0 (syscall_trace_leave).

        PTRACE_SYSEMU_SINGLESTEP has told of the call already.
        """
        if current.ti_flags & (TIF_SINGLESTEP | TIF_SYSCALL_EMU) == TIF_SINGLESTEP:
            traps.send_sigtrap(current, self, TRAP_BRKPT)
        else:
            await tracehook.tracehook_report_syscall_exit(current)
        return 0

    def syscall_restart(self, current: Task, code: int) -> None:
        """Go back to the SYSCALL instruction (spec 10.11)."""
        self.fixup_top_of_stack()
        self.q[AX] = self.nr_restart_syscall if code == _RESTARTBLOCK else self.orig_ax & ULONG_MAX
        self.q[self.layout.rip_q] -= 2
        self.orig_ax = -1
        self.sysret = False

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        """Make ka.handler run next; raises EFAULT."""
        x86_signal.setup_rt_frame(current, self, sig, ka, info, oldset)

    def user_pc(self) -> int:
        """Return ip."""
        return int(self.q[self.layout.rip_q])

    def set_user_pc(self, pc: int) -> None:
        """Set ip."""
        self.q[self.layout.rip_q] = pc
        self.sysret = False

    def user_sp(self) -> int:
        """Return sp."""
        return int(self.q[SP])

    def user_regset_view(self) -> tuple[tuple[int, bytes], ...]:
        """Return the general registers, and those of the FPU as FXSAVE has them (x86_64_regsets)."""
        return (NT_PRSTATUS, ptrace.genregs_get(self)), (NT_PRFPREG, x86_signal.save_fxsave(self))

    def arch_ptrace(self, current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
        """Raise EIO."""
        return ptrace.arch_ptrace(current, self, request, addr, data)

    def find_regset(self, type: int) -> Regset | None:
        """Return a set of registers by the type of its note in a core file; None if there is no such set."""
        return ptrace.find_regset(self, type)

    def get_tsc_mode(self) -> bool:
        """Whether the program may read the time stamp counter."""
        return not self.tsc_sigsegv

    def set_tsc_mode(self, enable: bool) -> None:
        """Let the program read the time stamp counter, or not."""
        self.tsc_sigsegv = not enable

    def user_enable_single_step(self, child: Task) -> None:
        """Let child stop behind its next instruction."""
        step.enable_step(child, self, block=False)

    def user_enable_block_step(self, child: Task) -> None:
        """Let child stop behind the next branch that it takes."""
        step.enable_step(child, self, block=True)

    def user_disable_single_step(self, child: Task) -> None:
        """Let child run on."""
        step.disable_step(child, self)

    def show_regs(self, current: Task) -> list[str]:
        """Return what the log shows after a fatal signal (show_regs); the kernel's own addresses are not known."""
        q, layout, ip = self.q, self.layout, self.user_pc()
        k, uts = current.kernel, current.kernel.init_uts_ns
        version = f"{panic.print_tainted(k)} {uts.release.decode()} {uts.version.decode()}"
        mm = current.mm
        pgd = mm.pgd if mm is not None else 0
        lines = [
            f"CPU {k.cpu} ",
            f"Pid: {current.pid}, comm: {current.comm:.20} {version}",
            f"RIP: {self.cs:04x}:[<{ip:016x}>]  [<{pointer(ip)}>] {f'{ip - 1:#x}' if ip else pointer(0)}",
            f"RSP: {USER_DS:04x}:{q[SP]:016x}  EFLAGS: {self.flags:08x}",
        ]
        lines += [" ".join([f"{name}: {q[register]:016x}" for name, register in row]) for row in _SHOWN_REGISTERS]
        fs, gs = (f"({selector:04x})" for selector in (self.fs_selector, self.gs_selector))
        return [
            *lines,
            f"FS:  {q[layout.fs_base_q]:016x}{fs} GS:{0:016x}{gs} knlGS:{q[layout.gs_base_q]:016x}",
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


def switch_to(task: Task, thread: X86Thread) -> None:
    """Do what a switch away from task and back does to fs and gs, where it changes anything (__switch_to).

    A selector brings its base along, which may be another one by now, and makes the kernel forget the one that was set.
    That comes back in the place of a null selector, which takes the base off.
    """
    q, layout = thread.q, thread.layout
    fs, gs, fsindex, gsindex = thread.fs, thread.gs, thread.fs_selector, thread.gs_selector
    if (
        thread.segments_changed
        or (fsindex | gsindex) & tls.FROM_LDT
        or (fs and (fsindex or q[layout.fs_base_q] != fs))
        or (gs and (gsindex or q[layout.gs_base_q] != gs))
    ):
        ptrace.forget_bases(thread)
        ptrace.load_segments(task, thread)
        fsindex, gsindex = thread.fs_selector, thread.gs_selector
    thread.fsindex, thread.gsindex = fsindex, gsindex
    thread.switches = task.nvcsw + task.nivcsw


def start_thread(current: Task, ip: int, sp: int) -> None:
    """Make current begin at ip in user mode, with fresh registers (start_thread, flush_thread)."""
    cpu = entry.vcpu_of(current.kernel).cpu
    begin(current, X86Thread(unicorn_cpu.user_template(), cpu.layout), ip, sp)


def begin(current: Task, thread: X86Thread, ip: int, sp: int) -> None:
    """Make current go on with thread's registers, at ip."""
    thread.q[thread.layout.rip_q] = ip
    thread.q[SP] = sp
    old = current.thread
    thread.orig_ax = old.syscall_nr()
    if isinstance(old, X86Thread):
        # Breakpoints and slots of the GDT are gone; what a tracer has left in the other words is not.
        thread.debugreg6, thread.ptrace_dr7 = old.debugreg6, old.ptrace_dr7
        thread.io_bitmap = old.io_bitmap
        thread.forced_tf = old.forced_tf
        thread.tsc_sigsegv = old.tsc_sigsegv
        thread.trap_no, thread.error_code, thread.cr2 = old.trap_no, old.error_code, old.cr2
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
    later = None
    if clone_flags & CLONE_PIDFD and "CLONE_PIDFD" in current.kernel.later:
        if clone_flags & (CLONE_PARENT_SETTID | CLONE_DETACHED):
            raise LinuxError(Errno.EINVAL, "CLONE_PIDFD with CLONE_PARENT_SETTID or CLONE_DETACHED")
        later = KernelCloneArgs(parent_tid)
        later.wants_pidfd = True
    return await fork.do_fork(current, clone_flags & 0xFFFFFFFF, newsp, parent_tid, child_tid, tls, later)


@syscall
def sys_arch_prctl(current: Task, code: ArchPrctlOption, addr: ArchPrctlArg) -> int:
    """Set or get the base of fs or gs; raises EPERM for a kernel address, EINVAL, EFAULT (arch_prctl(2))."""
    thread = current.thread
    if not isinstance(thread, X86Thread):
        raise LinuxError(Errno.EINVAL, "no segments here")
    ptrace.do_arch_prctl(current, thread, code, addr)
    return 0


@syscall
def sys_iopl(current: Task, level: UInt) -> int:
    """Set which privilege level may use all I/O ports; raises EINVAL, EPERM without CAP_SYS_RAWIO (iopl(2))."""
    thread = current.thread
    assert isinstance(thread, X86Thread)
    if level > 3:
        raise LinuxError(Errno.EINVAL, "I/O privilege level")
    if level > (thread.flags & X86_EFLAGS_IOPL) >> 12 and not capability.capable(current, CAP_SYS_RAWIO):
        raise LinuxError(Errno.EPERM, "CAP_SYS_RAWIO")
    thread.flags = thread.flags & ~X86_EFLAGS_IOPL | level << 12
    return 0


@syscall
def sys_ioperm(current: Task, frm: Addr, num: Addr, turn_on: Int) -> int:
    """Allow or forbid a thread some I/O ports; raises EINVAL, EPERM without CAP_SYS_RAWIO (ioperm(2))."""
    thread = current.thread
    assert isinstance(thread, X86Thread)
    if (frm + num & ULONG_MAX) <= frm or frm + num > IO_BITMAP_BITS:
        raise LinuxError(Errno.EINVAL, "I/O port numbers")
    if turn_on and not capability.capable(current, CAP_SYS_RAWIO):
        raise LinuxError(Errno.EPERM, "CAP_SYS_RAWIO")
    ports = (1 << num) - 1 << frm
    bitmap = thread.io_bitmap if thread.io_bitmap is not None else _NO_PORTS
    thread.io_bitmap = bitmap & ~ports if turn_on else bitmap | ports
    return 0
