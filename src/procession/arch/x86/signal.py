"""Signal frames (arch/x86/kernel/signal.c, i387.c; spec 10.12)."""

from __future__ import annotations

from functools import cache
import struct
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import entry, segment
from procession.hw.costs import SIGRETURN_NS
from procession.hw.cpu import X86_TRAP_GP
from procession.hw.unicorn_cpu import USER_CS
from procession.include.asm.processor_flags import X86_EFLAGS_DF, X86_EFLAGS_TF
from procession.include.asm.ptrace import AX, DI, DX, SI, SP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import TASK_SIZE
from procession.include.linux.printk import KERN_EMERG, KERN_INFO, pointer
from procession.include.linux.signal import SA_ONSTACK, SA_RESTORER, SA_SIGINFO, SIG_KERNEL_ONLY_MASK, SIGSEGV
from procession.include.linux.syscalls import syscall
from procession.kernel import sched_account, siginfo, signal, signal_queue, signal_send, signal_syscalls
from procession.mm import uaccess, vma_addr

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.hw.calibration import Layout
    from procession.hw.unicorn_cpu import UnicornCpu
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo

__all__ = (
    "FIX_EFLAGS",
    "FXSAVE_SIZE",
    "bad_iret",
    "init_fpu",
    "restore_fxsave",
    "save_fxsave",
    "set_fxsave",
    "setup_rt_frame",
    "signal_fault",
    "sys_rt_sigreturn",
)

FXSAVE_SIZE: Final = 512
_RED_ZONE: Final = 128
_FRAME_SIZE: Final = 440
_UCONTEXT: Final = 8  # offsets in the frame
_INFO: Final = 312
# offsets in ucontext
_UC_STACK: Final = 16
_UC_MCONTEXT: Final = 40
UC_SIGMASK: Final = 296


# pretcode; uc_flags, uc_link; ss_sp, ss_flags, ss_size; r8 … sp, ip, flags; cs gs fs; err trapno oldmask cr2 fpstate;
# uc_sigmask.
_FRAME: Final = struct.Struct("<Q QQ QI4xQ 18Q HHHH 5Q 64x Q")
_SIGCONTEXT: Final = struct.Struct("<18Q HHHH 5Q")
_GENERAL: Final = struct.Struct("<16Q")

FIX_EFLAGS: Final = 0x50DD5  # what a program may change: AC RF OF DF TF SF ZF AF PF CF


def setup_rt_frame(current: Task, thread: X86Thread, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
    """Push a frame for ka's handler and go there; raises EFAULT if it cannot be written or has no way back."""
    q = thread.q
    thread.sysret = False
    thread.fixup_top_of_stack()
    if thread.forced_tf:
        # The tracer's flag is not the program's to save.
        thread.forced_tf = False
        thread.flags &= ~X86_EFLAGS_TF
    sp = thread.user_sp()
    fpstate, frame = get_sigframe(current, sp, ka)
    if not 0 <= frame <= TASK_SIZE - _FRAME_SIZE:
        raise LinuxError(Errno.EFAULT, "no room for a signal frame")
    if not ka.flags & SA_RESTORER:
        raise LinuxError(Errno.EFAULT, "no sa_restorer")
    uaccess.copy_to_user(current, fpstate, save_fxsave(thread))
    if ka.flags & SA_SIGINFO:
        siginfo.copy_siginfo_to_user(current, frame + _INFO, info)
    layout = thread.layout
    flags = thread.flags
    uaccess.copy_to_user(
        current,
        frame,
        _FRAME.pack(
            ka.restorer,
            0,
            0,
            current.sas_ss_sp & ULONG_MAX,
            signal.sas_ss_flags(current, sp),
            current.sas_ss_size,
            *_in_order(q[:16].tolist()),
            q[layout.rip_q],
            flags,
            thread.cs,
            0,
            0,
            0,
            thread.error_code,
            thread.trap_no,
            oldset,
            thread.cr2,
            fpstate,
            oldset,
        ),
    )
    q[DI] = sig
    q[SI] = frame + _INFO
    q[DX] = frame + _UCONTEXT
    q[AX] = 0
    q[SP] = frame
    q[layout.rip_q] = ka.handler
    if thread.cs != USER_CS:
        thread.set_cs(USER_CS)
    if flags & (X86_EFLAGS_DF | X86_EFLAGS_TF):
        thread.flags = flags & ~(X86_EFLAGS_DF | X86_EFLAGS_TF)
    # A handler begins with a new FP state (save_i387_xstate() ends in clear_used_math()).
    init_fpu(current, thread)


def _in_order(registers: list[int]) -> tuple[int, ...]:
    """Return the general registers, given in the order of their numbers in machine code, in sigcontext's."""
    ax, cx, dx, bx, sp, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15 = registers
    return r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp


def get_sigframe(current: Task, sp: int, ka: KSigaction) -> tuple[int, int]:
    """Return where the FP state and the frame go; the frame's address is -1 if the alternate stack overflows."""
    on_stack = signal.on_sig_stack(current, sp)
    top = sp - _RED_ZONE
    if ka.flags & SA_ONSTACK and not on_stack and current.sas_ss_size:
        top = current.sas_ss_sp + current.sas_ss_size
    fpstate = top - FXSAVE_SIZE & ~63
    # As at the entry of a function: 16 divides sp + 8.
    frame = (fpstate - _FRAME_SIZE & ~15) - 8
    if on_stack and not signal.on_sig_stack(current, frame):
        return fpstate, -1
    return fpstate, frame


@syscall
def sys_rt_sigreturn(current: Task) -> int:
    """Return from a signal handler: what the frame at sp - 8 says; a bad frame is SIGSEGV."""
    thread: Any = current.thread
    frame, ip = thread.user_sp() - 8, thread.syscall_pc()
    sched_account.account_system_time(current, SIGRETURN_NS)
    try:
        (mask,) = struct.unpack("<Q", uaccess.copy_from_user(current, frame + _UCONTEXT + UC_SIGMASK, 8))
        signal_queue.set_current_blocked(current, mask & ~SIG_KERNEL_ONLY_MASK)
        result = restore_sigcontext(current, thread, frame + _UCONTEXT + _UC_MCONTEXT)
        _restore_altstack(current, frame + _UCONTEXT + _UC_STACK, thread.user_sp())
    except LinuxError:
        signal_fault(current, thread, frame, ip, "rt_sigreturn")
        return 0
    return result


def signal_fault(current: Task, thread: X86Thread, frame: int, ip: int, where: str) -> None:
    """Log a signal frame that cannot be read, and send SIGSEGV for it."""
    k = current.kernel
    if k.show_unhandled_signals and k.printk_ratelimit("signal_fault"):
        place = vma_addr.print_vma_addr(current, " in ", ip)
        k.printk(
            f"{current.comm}[{current.pid}] bad frame in {where} frame:{pointer(frame & ULONG_MAX)} ip:{ip:x} "
            f"sp:{thread.user_sp():x} orax:{thread.orig_ax & ULONG_MAX:x}{place}",
            KERN_INFO if current.pid > 1 else KERN_EMERG,
        )
    signal_send.force_sig(SIGSEGV, current)


def restore_sigcontext(current: Task, thread: X86Thread, address: int) -> int:
    """Load the registers from a struct sigcontext; returns ax; raises EFAULT."""
    # A restarted nanosleep would sleep for what an older interruption left.
    current.restart_block = None
    words = _SIGCONTEXT.unpack(uaccess.copy_from_user(current, address, _SIGCONTEXT.size))
    q = thread.q
    r8, r9, r10, r11, r12, r13, r14, r15, di, si, bp, bx, dx, ax, cx, sp = words[:16]
    # In the order of machine code.
    _GENERAL.pack_into(q, 0, ax, cx, dx, bx, sp, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15)
    q[thread.layout.rip_q] = words[16]
    thread.flags = thread.flags & ~FIX_EFLAGS | words[17] & FIX_EFLAGS
    thread.orig_ax = -1
    fpstate = words[26]
    if fpstate:
        restore_fxsave(current, thread, uaccess.copy_from_user(current, fpstate, FXSAVE_SIZE))
    else:
        init_fpu(current, thread)
    code = words[18] | 3
    if not segment.load_cs(current, thread, code):
        bad_iret(current, thread)
    return int(q[AX])


def bad_iret(current: Task, thread: X86Thread) -> None:
    """Send current SIGSEGV: there is nowhere to go back to, which is the protection fault that IRET meets."""
    thread.trap_no, thread.error_code = X86_TRAP_GP, 0
    signal_send.force_sig(SIGSEGV, current)


def _restore_altstack(current: Task, address: int, sp: int) -> None:
    """Only a bad address counts; that the stack is in use, or badly described, does not."""
    try:
        signal_syscalls.do_sigaltstack(current, address, 0, sp)
    except LinuxError as error:
        if error.errno is Errno.EFAULT:
            raise


# The x87 and SSE state, as FXSAVE stores it.

_FX_HEAD: Final = struct.Struct("<HHBxHQQII")
_MXCSR_MASK: Final = 0xFFFF
_MXCSR_FEATURE_MASK: Final = 0xFFBF  # what 3.2 takes for it: its compiler has dropped the question to the CPU


@cache
def _valid_bits(empty: bytes) -> int:
    """Return FXSAVE's tags, a bit for each register in use, from the engine's, a byte for each that is empty."""
    return sum((not tag) << i for i, tag in enumerate(empty))


@cache
def _empty_bytes(valid: int) -> bytes:
    """Inverse of _valid_bits()."""
    return bytes(not valid >> i & 1 for i in range(8))


@cache
def _xmm_registers(stride: int) -> struct.Struct:
    """Return how the XMM registers lie in the engine's state: each begins a register of stride bytes."""
    return struct.Struct("<" + f"16s{stride - 16}x" * 16)


class _Image:
    """An FP state in both forms: as it lies in the engine, and as FXSAVE stores it."""

    __slots__ = ("control", "fxsave", "mxcsr", "x87", "xmm")

    def __init__(self, x87: bytes, xmm: bytes, control: int, mxcsr: int, fxsave: bytes) -> None:
        self.x87 = x87
        self.xmm = xmm
        self.control = control
        self.mxcsr = mxcsr
        self.fxsave = fxsave


# The one saved last, which is often the next one, too, and the one to load. Replaced as a whole: machines of several
# threads share it.
_last: list[_Image] = [_Image(b"", b"", 0, 0, b"")]


def save_fxsave(thread: X86Thread) -> bytes:
    """Return the 512 bytes of FXSAVE."""
    layout = thread.layout
    state = thread.saved if thread.cpu is None else thread.cpu.state
    x87 = bytes(state[layout.x87_start : layout.x87_end])
    xmm = bytes(state[layout.xmm : layout.xmm_end])
    mxcsr = int.from_bytes(state[layout.mxcsr_d * 4 : layout.mxcsr_d * 4 + 4], "little")
    last = _last[0]
    if x87 == last.x87 and xmm == last.xmm and mxcsr == last.mxcsr:
        return last.fxsave
    control, fxsave = _fxsave(layout, state, mxcsr)
    _last[0] = _Image(x87, xmm, control, mxcsr, fxsave)
    return fxsave


def _fxsave(layout: Layout, state: memoryview, mxcsr: int) -> tuple[int, bytes]:
    """Return the x87 control word and the image."""
    top = state[layout.fpstt] & 7
    control, status = _control_and_status(layout, state)
    valid = _valid_bits(bytes(state[layout.fptags : layout.fptags + 8]))
    st = _ST.unpack_from(state, layout.fpregs)
    xmm = _xmm_registers(layout.xmm_stride).unpack_from(state, layout.xmm)
    return control, _FXSAVE.pack(
        control, status | top << 11, valid, 0, 0, 0, mxcsr, _MXCSR_MASK, *st[top:], *st[:top], b"".join(xmm)
    )


def _control_and_status(layout: Layout, state: memoryview) -> tuple[int, int]:
    """Return the x87 control and status words, the latter without the top of the stack."""
    control = int.from_bytes(state[layout.fpuc : layout.fpuc + 2], "little")
    return control, int.from_bytes(state[layout.fpus : layout.fpus + 2], "little") & ~0x3800


# An x87 register is ten bytes of sixteen; the image counts them from the top of the stack.
_ST: Final = struct.Struct("<" + "10s6x" * 8)
_FXSAVE: Final = struct.Struct(_FX_HEAD.format + "10s6x" * 8 + "256s96x")
_FX_REGISTERS: Final = struct.Struct("<" + "10s6x" * 8 + "16s" * 16)
_INITIAL_CONTROL: Final = 0x37F
_INITIAL_MXCSR: Final = 0x1F80
_ALL_EMPTY: Final = b"\1" * 8
_NO_ST: Final = bytes(8 * 16)


def init_fpu(current: Task, thread: X86Thread) -> None:
    """Load the state that a program begins with."""
    cpu = entry.vcpu_of(current.kernel).seize(thread)
    layout, state = cpu.layout, cpu.state
    _set_control(cpu, _INITIAL_CONTROL, _INITIAL_MXCSR)
    state[layout.fpstt] = 0
    state[layout.fpus : layout.fpus + 2] = b"\0\0"
    state[layout.fptags : layout.fptags + 8] = _ALL_EMPTY
    state[layout.fpregs : layout.fpregs + 8 * 16] = _NO_ST
    state[layout.xmm : layout.xmm_end] = bytes(layout.xmm_end - layout.xmm)


def restore_fxsave(current: Task, thread: X86Thread, data: bytes) -> None:
    """Load the state from 512 bytes as FXRSTOR does; raises EFAULT for bad bits."""
    cpu = entry.vcpu_of(current.kernel).seize(thread)
    layout = thread.layout
    state = cpu.state
    last = _last[0]
    if data == last.fxsave:
        _set_control(cpu, last.control, last.mxcsr)
        state[layout.x87_start : layout.x87_end] = last.x87
        state[layout.xmm : layout.xmm_end] = last.xmm
        return
    control, status, tags, _, _, _, mxcsr, _ = _FX_HEAD.unpack_from(data)
    if mxcsr & ~_MXCSR_MASK:
        raise LinuxError(Errno.EFAULT, "reserved bits of MXCSR")
    _set_control(cpu, control, mxcsr)
    _load_registers(layout, state, status, tags, data)


def set_fxsave(thread: X86Thread, data: bytes) -> None:
    """Do the same for a thread that does not run, and may be on no engine; bad bits of MXCSR are dropped."""
    layout, cpu = thread.layout, thread.cpu
    state = thread.saved if cpu is None else cpu.state
    control, status, tags, _, _, _, mxcsr, _ = _FX_HEAD.unpack_from(data)
    mxcsr &= _MXCSR_FEATURE_MASK
    if cpu is None:
        thread.fpu_control = (control, mxcsr)
        state[layout.fpuc : layout.fpuc + 2] = control.to_bytes(2, "little")
        state[layout.mxcsr_d * 4 : layout.mxcsr_d * 4 + 4] = mxcsr.to_bytes(4, "little")
    else:
        cpu.set_fpu_control(control, mxcsr)
    _load_registers(layout, state, status, tags, data)


def _load_registers(layout: Layout, state: memoryview, status: int, tags: int, data: bytes) -> None:
    top = status >> 11 & 7
    state[layout.fpstt] = top
    state[layout.fpus : layout.fpus + 2] = (status & ~0x3800).to_bytes(2, "little")
    state[layout.fptags : layout.fptags + 8] = _empty_bytes(tags)
    registers = _FX_REGISTERS.unpack_from(data, _FX_HEAD.size)
    _ST.pack_into(state, layout.fpregs, *registers[8 - top : 8], *registers[: 8 - top])
    _xmm_registers(layout.xmm_stride).pack_into(state, layout.xmm, *registers[8:])


def _set_control(cpu: UnicornCpu, control: int, mxcsr: int) -> None:
    """Set the control words unless they are already so: the engine derives more from them, which takes a while."""
    layout, state = cpu.layout, cpu.state
    if control != state[layout.fpuc] | state[layout.fpuc + 1] << 8 or mxcsr != cpu.d[layout.mxcsr_d]:
        cpu.set_fpu_control(control, mxcsr)
