"""Signal frames of 32-bit programs (arch/x86/ia32/ia32_signal.c, convert_from_fxsr of arch/x86/kernel/i387.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import segment
from procession.arch.x86 import signal as x86_signal
from procession.arch.x86.ia32 import sys_ia32, vdso32
from procession.hw.costs import SIGRETURN_NS
from procession.hw.unicorn_cpu import USER32_CS, USER_DS
from procession.include.asm.processor_flags import X86_EFLAGS_DF, X86_EFLAGS_TF
from procession.include.asm.ptrace import AX, BP, BX, CX, DI, DX, SI, SP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.signal import SA_ONSTACK, SA_RESTORER, SA_SIGINFO, SIG_KERNEL_ONLY_MASK
from procession.include.linux.syscalls import compat_syscall
from procession.kernel import sched_account, siginfo, signal, signal_queue
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo

__all__ = ("FSAVE_SIZE", "convert_from_fxsr", "convert_to_fxsr", "setup")

# struct sigcontext_ia32: gs fs es ds, di si bp sp bx dx cx ax, trapno err ip cs flags sp ss fpstate oldmask cr2.
_SIGCONTEXT: Final = struct.Struct("<22I")
# struct sigframe_ia32: pretcode, sig, sc; room for an FP state that is elsewhere; extramask, retcode.
_FRAME: Final = struct.Struct("<Ii88s")
_FRAME_END: Final = struct.Struct("<I8s")
_FRAME_SIZE: Final = 736  # with padding, as its FP state has words of 64 bits
_RT_FRAME: Final = struct.Struct("<IiII128sIIIiI88sQ8s")  # pretcode, sig, pinfo, puc, info, uc, retcode
_FRAME_RETCODE: Final = 724
_RT_INFO: Final = 16
_RT_UC: Final = 144
_RT_STACK: Final = _RT_UC + 8
_RT_MCONTEXT: Final = _RT_UC + 20
_RT_SIGMASK: Final = _RT_UC + 108
_RT_RETCODE: Final = 260
_SC: Final = 8
_OLDMASK: Final = _SC + 80
_EXTRAMASK: Final = 720
# pop eax; mov eax, __NR_sigreturn; int 0x80.   mov eax, __NR_rt_sigreturn; int 0x80.
_RETCODE: Final = bytes.fromhex("58 b877000000 cd80")
_RT_RETCODE_BYTES: Final = bytes.fromhex("b8ad000000 cd80 00")

FSAVE_SIZE: Final = 108  # struct user_i387_ia32_struct
_FPSTATE_SIZE: Final = 624
_FXSR_ENV: Final = 112
_FSAVE: Final = struct.Struct("<7I80s")
_FX_HEAD: Final = struct.Struct("<HHBxHIIIIII")  # cwd swd twd fop, rip in two halves, rdp in two, mxcsr, its mask
_ST_OF_FX: Final = 32
_HIGH: Final = 0xFFFF0000


# The x87 state as FSAVE stores it.


def _tag(fxsave: bytes, register: int) -> int:
    """Return what FSAVE's tag word says of a register that is in use: valid, zero or special."""
    at = _ST_OF_FX + 16 * register
    exponent = int.from_bytes(fxsave[at + 8 : at + 10], "little") & 0x7FFF
    significand = int.from_bytes(fxsave[at : at + 8], "little")
    if exponent == 0x7FFF:
        return 2
    if not exponent:
        return 2 if significand else 1
    return 0 if significand >> 63 else 2


def convert_from_fxsr(fxsave: bytes, cs: int, ds: int) -> bytes:
    """Return FXSAVE's image as FSAVE's; where the last instruction was in terms of segments is not known: cs, ds."""
    cwd, swd, twd, _, rip, _, rdp, _, _, _ = _FX_HEAD.unpack_from(fxsave)
    top = swd >> 11 & 7
    tags = _HIGH
    for i in range(8):
        tags |= (_tag(fxsave, i - top & 7) if twd >> i & 1 else 3) << 2 * i
    st = b"".join([fxsave[at : at + 10] for at in range(_ST_OF_FX, _ST_OF_FX + 128, 16)])
    return _FSAVE.pack(cwd | _HIGH, swd | _HIGH, tags, rip, cs, rdp, ds | _HIGH, st)


def convert_to_fxsr(fsave: bytes, fxsave: bytes) -> bytes:
    """Return the image fxsave with what FSAVE's image says."""
    cwd, swd, tags, rip, fcs, rdp, _, st = _FSAVE.unpack(fsave)
    twd = sum((tags >> 2 * i & 3 != 3) << i for i in range(8))
    _, _, _, _, _, rip_high, _, rdp_high, mxcsr, mask = _FX_HEAD.unpack_from(fxsave)
    head = _FX_HEAD.pack(cwd & 0xFFFF, swd & 0xFFFF, twd, fcs >> 16, rip, rip_high, rdp, rdp_high, mxcsr, mask)
    registers = b"".join([st[at : at + 10] + bytes(6) for at in range(0, 80, 10)])
    return head.ljust(_ST_OF_FX, b"\0") + registers + fxsave[_ST_OF_FX + 128 :]


# Making a frame.


def get_sigframe(current: Task, thread: X86Thread, ka: KSigaction, size: int) -> tuple[int, int]:
    """Return where the FP state, which is stored there, and a frame of size bytes go; raises EFAULT."""
    sp = thread.user_sp()
    if ka.flags & SA_ONSTACK and not signal.sas_ss_flags(current, sp):
        sp = current.sas_ss_sp + current.sas_ss_size
    fpstate = sp - _FPSTATE_SIZE & UINT_MAX
    fxsave = x86_signal.save_fxsave(thread)
    fsave = convert_from_fxsr(fxsave, thread.cs, thread.ds)
    status = int.from_bytes(fxsave[2:4], "little")
    uaccess.copy_to_user(current, fpstate, fsave + struct.pack("<I", status) + fxsave)
    # As at the entry of a function: 16 divides sp + 4.
    return fpstate, ((fpstate - size + 4 & -16) - 4) & UINT_MAX


def _sigcontext(thread: X86Thread, fpstate: int, oldmask: int) -> bytes:
    q = thread.q
    sp = q[SP] & UINT_MAX
    general = [q[register] & UINT_MAX for register in (DI, SI, BP, SP, BX, DX, CX, AX)]
    return _SIGCONTEXT.pack(
        thread.gs_selector,
        thread.fs_selector,
        thread.es,
        thread.ds,
        *general,
        thread.trap_no,
        thread.error_code,
        thread.user_pc() & UINT_MAX,
        thread.cs,
        thread.flags,
        sp,
        thread.ss,
        fpstate,
        oldmask & UINT_MAX,
        thread.cr2 & UINT_MAX,
    )


def _begin(thread: X86Thread) -> None:
    thread.sysret = False
    if thread.forced_tf:
        # The tracer's flag is not the program's to save.
        thread.forced_tf = False
        thread.flags &= ~X86_EFLAGS_TF


def _enter(current: Task, thread: X86Thread, ka: KSigaction, frame: int, arguments: tuple[int, int, int]) -> None:
    """Make ka's handler run next, with arguments as -mregparm=3 has them."""
    q = thread.q
    q[SP] = frame
    q[thread.layout.rip_q] = ka.handler & UINT_MAX
    q[AX], q[DX], q[CX] = arguments
    for data in (0, 3):  # es, ds
        segment.load_data(current, thread, data, USER_DS)
    segment.load_ss(current, thread, USER_DS)
    thread.set_cs(USER32_CS)
    if thread.flags & (X86_EFLAGS_DF | X86_EFLAGS_TF):
        thread.flags &= ~(X86_EFLAGS_DF | X86_EFLAGS_TF)
    x86_signal.init_fpu(current, thread)


def _restorer(current: Task, ka: KSigaction, in_vdso: int, retcode: int) -> int:
    """Return where a handler returns to: its action says it, or it is in the vdso, or in the frame."""
    if ka.flags & SA_RESTORER:
        return ka.restorer
    assert current.mm is not None
    return current.mm.vdso + in_vdso if current.mm.vdso else retcode


def setup_frame(current: Task, thread: X86Thread, sig: int, ka: KSigaction, oldset: int) -> None:
    """Push a frame for a handler without SA_SIGINFO, and go there; raises EFAULT."""
    _begin(thread)
    fpstate, frame = get_sigframe(current, thread, ka, _FRAME_SIZE)
    restorer = _restorer(current, ka, vdso32.SIGRETURN, frame + _FRAME_RETCODE)
    context = _sigcontext(thread, fpstate, oldset)
    uaccess.copy_to_user(current, frame, _FRAME.pack(restorer & UINT_MAX, sig, context))
    uaccess.copy_to_user(current, frame + _EXTRAMASK, _FRAME_END.pack(oldset >> 32, _RETCODE))
    _enter(current, thread, ka, frame, (sig, 0, 0))


def setup_rt_frame(current: Task, thread: X86Thread, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
    """Do the same for one with SA_SIGINFO."""
    _begin(thread)
    sp = thread.user_sp()
    fpstate, frame = get_sigframe(current, thread, ka, _RT_FRAME.size)
    restorer = _restorer(current, ka, vdso32.RT_SIGRETURN, frame + _RT_RETCODE)
    data = _RT_FRAME.pack(
        restorer & UINT_MAX,
        sig,
        frame + _RT_INFO,
        frame + _RT_UC,
        bytes(128),
        0,
        0,
        current.sas_ss_sp & UINT_MAX,
        signal.sas_ss_flags(current, sp),
        current.sas_ss_size & UINT_MAX,
        _sigcontext(thread, fpstate, oldset),
        oldset,
        _RT_RETCODE_BYTES,
    )
    # What copy_siginfo_to_user32() leaves of the 128 bytes stays as the stack has it.
    uaccess.copy_to_user(current, frame, data[:_RT_INFO])
    siginfo.copy_siginfo_to_user32(current, frame + _RT_INFO, info)
    uaccess.copy_to_user(current, frame + _RT_UC, data[_RT_UC:])
    _enter(current, thread, ka, frame, (sig, frame + _RT_INFO, frame + _RT_UC))


def setup(current: Task, thread: X86Thread, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
    """Push the frame that ka asks for; raises EFAULT."""
    if ka.flags & SA_SIGINFO:
        setup_rt_frame(current, thread, sig, ka, info, oldset)
    else:
        setup_frame(current, thread, sig, ka, oldset)


# Returning from one.


def restore_sigcontext(current: Task, thread: X86Thread, address: int) -> int:
    """Load the registers from a struct sigcontext_ia32; returns ax; raises EFAULT."""
    current.restart_block = None
    words = _SIGCONTEXT.unpack(uaccess.copy_from_user(current, address, _SIGCONTEXT.size))
    gs, fs, es, ds, di, si, bp, sp, bx, dx, cx, ax, _, _, ip, cs, flags, _, ss, fpstate, _, _ = words
    q = thread.q
    for register, value in ((DI, di), (SI, si), (BP, bp), (SP, sp), (BX, bx), (DX, dx), (CX, cx), (AX, ax)):
        q[register] = value
    q[thread.layout.rip_q] = ip
    fixed = x86_signal.FIX_EFLAGS
    thread.flags = thread.flags & ~fixed | flags & fixed
    thread.orig_ax = -1
    # Selectors of the kernel are none for the user: their lowest bits are set.
    for number, selector, present in (
        (5, gs, thread.gs_selector),
        (4, fs, thread.fs_selector),
        (3, ds, thread.ds),
        (0, es, thread.es),
    ):
        if selector & 0xFFFF | 3 != present:
            segment.load_data(current, thread, number, selector & 0xFFFF | 3)
    has_stack = segment.load_ss(current, thread, ss & 0xFFFF | 3)
    segment.load_cs_again(thread)
    if fpstate:
        _restore_i387(current, thread, fpstate)
    else:
        x86_signal.init_fpu(current, thread)
    code = cs & 0xFFFF | 3
    if not has_stack or not segment.load_cs(current, thread, code):
        x86_signal.bad_iret(current, thread)
    return int(ax)


def _restore_i387(current: Task, thread: X86Thread, address: int) -> None:
    fsave = uaccess.copy_from_user(current, address, FSAVE_SIZE)
    fxsave = uaccess.copy_from_user(current, address + _FXSR_ENV, x86_signal.FXSAVE_SIZE)
    x86_signal.set_fxsave(thread, convert_to_fxsr(fsave, fxsave))


@compat_syscall
def stub32_sigreturn(current: Task) -> int:
    """Return from a handler: what the frame at sp - 8 says; a bad frame is SIGSEGV."""
    thread: Any = current.thread
    frame, ip = thread.user_sp() - 8 & UINT_MAX, thread.user_pc()
    sched_account.account_system_time(current, SIGRETURN_NS)
    try:
        low, high = (uaccess.get_user(current, frame + offset, 4) for offset in (_OLDMASK, _EXTRAMASK))
        signal_queue.set_current_blocked(current, (high << 32 | low) & ~SIG_KERNEL_ONLY_MASK)
        ax = restore_sigcontext(current, thread, frame + _SC)
    except LinuxError:
        x86_signal.signal_fault(current, thread, frame, ip, "32bit sigreturn")
        return 0
    return ax


@compat_syscall
def stub32_rt_sigreturn(current: Task) -> int:
    """Return from a handler with SA_SIGINFO: what the frame at sp - 4 says; a bad frame is SIGSEGV."""
    thread: Any = current.thread
    frame, ip = thread.user_sp() - 4 & UINT_MAX, thread.user_pc()
    sched_account.account_system_time(current, SIGRETURN_NS)
    try:
        mask = uaccess.get_user(current, frame + _RT_SIGMASK, 8)
        signal_queue.set_current_blocked(current, mask & ~SIG_KERNEL_ONLY_MASK)
        ax = restore_sigcontext(current, thread, frame + _RT_MCONTEXT)
        _restore_altstack(current, frame + _RT_STACK)
    except LinuxError:
        x86_signal.signal_fault(current, thread, frame, ip, "32bit rt sigreturn")
        return 0
    return ax


def _restore_altstack(current: Task, address: int) -> None:
    """Only a bad address counts; that the stack is in use, or badly described, does not."""
    try:
        sys_ia32.stub32_sigaltstack(current, address, 0)
    except LinuxError as error:
        if error.errno is Errno.EFAULT:
            raise
