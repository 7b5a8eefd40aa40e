"""What a tracer asks of its tracee: ptrace(2) and the requests that all machines have (a part of kernel/ptrace.c).

Those about registers are the architecture's: ThreadStruct.arch_ptrace().
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, TypeAlias

from procession.include.asm.ptrace import (
    PTRACE_OLDSETOPTIONS,
    PTRACE_SINGLEBLOCK,
    PTRACE_SYSEMU,
    PTRACE_SYSEMU_SINGLESTEP,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.ptrace import (
    PT_EVENT_FLAG,
    PT_SEIZED,
    PT_TRACE_MASK,
    PT_TRACESYSGOOD,
    PTRACE_ATTACH,
    PTRACE_CONT,
    PTRACE_DETACH,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
    PTRACE_GETEVENTMSG,
    PTRACE_GETREGSET,
    PTRACE_GETSIGINFO,
    PTRACE_INTERRUPT,
    PTRACE_KILL,
    PTRACE_LISTEN,
    PTRACE_O_MASK,
    PTRACE_O_TRACESECCOMP,
    PTRACE_O_TRACESYSGOOD,
    PTRACE_PEEKDATA,
    PTRACE_PEEKTEXT,
    PTRACE_POKEDATA,
    PTRACE_POKETEXT,
    PTRACE_SEIZE,
    PTRACE_SETOPTIONS,
    PTRACE_SETREGSET,
    PTRACE_SETSIGINFO,
    PTRACE_SINGLESTEP,
    PTRACE_SYSCALL,
    PTRACE_TRACEME,
    PtraceAddr,
    PtraceData,
    PtracePid,
    PtraceRequest,
)
from procession.include.linux.sched import (
    JOBCTL_LISTENING,
    JOBCTL_TRAP_NOTIFY,
    JOBCTL_TRAP_STOP,
    TASK_TRACED_BIT,
    TIF_SYSCALL_EMU,
    TIF_SYSCALL_TRACE,
    get_task_struct,
)
from procession.include.linux.signal import SIGKILL
from procession.include.linux.syscalls import syscall
from procession.kernel import fork, pid, ptrace, sched, siginfo, signal_jobctl, signal_queue
from procession.mm import gup, uaccess

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("Answer", "compat_ptrace_request", "do_ptrace", "number", "sys_ptrace")

# current, child, request, addr, data: raises what the request does.
Answer: TypeAlias = "Callable[[Task, Task, int, int, UserPtr], int]"

_WORD: Final = struct.Struct("<Q")
_COMPAT_WORD: Final = struct.Struct("<I")
_IOVEC: Final = struct.Struct("<QQ")  # iov_base, iov_len
_COMPAT_IOVEC: Final = struct.Struct("<II")
_RESUMING: Final = frozenset(
    {PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP, PTRACE_SINGLEBLOCK, PTRACE_SYSEMU, PTRACE_SYSEMU_SINGLESTEP}
)


def number(data: UserPtr) -> int:
    """Return data where it is no pointer; raises EIO for what a Python program has in place of an address."""
    if not isinstance(data, int):
        raise LinuxError(Errno.EIO, "a number expected")
    return data


def _setoptions(child: Task, data: int) -> None:
    """Take over the options that there are; raises EINVAL if there were others, too: later kernels change nothing."""
    mask = PTRACE_O_MASK
    if "SECCOMP_MODE_FILTER" in child.kernel.later:
        mask |= PTRACE_O_TRACESECCOMP
    child.ptrace &= ~(PT_TRACE_MASK | PT_EVENT_FLAG(PTRACE_EVENT_SECCOMP))
    if data & PTRACE_O_TRACESYSGOOD:
        child.ptrace |= PT_TRACESYSGOOD
    # The bits of the events stand in one order in both words, three places apart.
    child.ptrace |= (data & mask & ~PTRACE_O_TRACESYSGOOD) << 3
    if data & ~mask:
        raise LinuxError(Errno.EINVAL, "unknown ptrace options")


def _getsiginfo(current: Task, child: Task, data: UserPtr) -> None:
    """Store the siginfo of child's stop; raises EINVAL in a group stop, which has none; EFAULT."""
    if child.last_siginfo is None:
        raise LinuxError(Errno.EINVAL, "no siginfo in this stop")
    siginfo.copy_siginfo_to_user(current, data, child.last_siginfo)


def _setsiginfo(current: Task, child: Task, data: UserPtr) -> None:
    """Replace the siginfo of child's stop; raises EFAULT first, then as _getsiginfo."""
    info = siginfo.siginfo_from_user(uaccess.copy_from_user(current, data, siginfo.SIGINFO_SIZE))
    assert child.sighand is not None
    with child.sighand.siglock.irq():
        if child.last_siginfo is None:
            raise LinuxError(Errno.EINVAL, "no siginfo in this stop")
        child.last_siginfo = info


def _resume(child: Task, request: int, data: int) -> None:
    """Let child go on as request says, with signal data; raises EIO if that is none (ptrace_resume)."""
    if not ptrace.ptrace_valid_signal(data):
        raise LinuxError(Errno.EIO, "no signal")
    emulated = request in (PTRACE_SYSEMU, PTRACE_SYSEMU_SINGLESTEP)
    child.ti_flags &= ~(TIF_SYSCALL_TRACE | TIF_SYSCALL_EMU)
    child.ti_flags |= TIF_SYSCALL_TRACE if request == PTRACE_SYSCALL else TIF_SYSCALL_EMU if emulated else 0
    if request == PTRACE_SINGLEBLOCK:
        child.thread.user_enable_block_step(child)
    elif request in (PTRACE_SINGLESTEP, PTRACE_SYSEMU_SINGLESTEP):
        child.thread.user_enable_single_step(child)
    else:
        child.thread.user_disable_single_step(child)
    child.exit_code = data
    sched.wake_up_state(child, TASK_TRACED_BIT)


def _peek(current: Task, child: Task, addr: int, data: UserPtr, form: struct.Struct) -> None:
    """Store the word at addr at data, where libc looks for it; raises EIO if it is not all there, EFAULT."""
    word = gup.access_process_vm(child, addr, form.size)
    assert isinstance(word, bytes)
    if len(word) != form.size:
        raise LinuxError(Errno.EIO, "no memory there")
    uaccess.copy_to_user(current, data, word)


def _poke(child: Task, addr: int, data: int, form: struct.Struct) -> None:
    """Write a word, past protections; raises EIO if it does not all fit: what does is written."""
    if gup.access_process_vm(child, addr, form.size, form.pack(data)) != form.size:
        raise LinuxError(Errno.EIO, "no memory there")


def _regset(current: Task, child: Task, request: int, type: int, uiov: UserPtr, form: struct.Struct) -> None:
    """Copy a set of registers, or its beginning, to or from where an iovec says; stores how long it was.

    Raises EFAULT, EINVAL for an unknown set or a length that is no multiple of its unit, EIO for no user address.
    """
    base, length = form.unpack(uaccess.copy_from_user(current, uiov, form.size))
    regset = child.thread.find_regset(type & 0xFFFFFFFF)
    if regset is None or length % regset.unit:
        raise LinuxError(Errno.EINVAL, "no such set of registers, or not of this length")
    length = min(length, regset.size)
    if not uaccess.access_ok(base, length):
        raise LinuxError(Errno.EIO, "not a user address")
    if request == PTRACE_GETREGSET:
        uaccess.copy_to_user(current, base, regset.get()[:length])
    else:
        regset.set(current, base, length)
    uaccess.put_user(current, uiov, length, form.size // 2, form.size // 2)


def _interrupt(child: Task) -> None:
    """Trap a seized child wherever it is; raises EIO if it is not seized.

    A trap that it is in already does not change, but one that listens traps anew.
    """
    if not child.ptrace & PT_SEIZED:
        raise LinuxError(Errno.EIO, "not seized")
    assert child.sighand is not None
    with child.sighand.siglock.irq():
        if signal_jobctl.task_set_jobctl_pending(child, JOBCTL_TRAP_STOP):
            signal_queue.signal_wake_up(child, resume=bool(child.jobctl & JOBCTL_LISTENING))


def _listen(child: Task) -> None:
    """Leave a seized child in its trap until something happens to its group stop; raises EIO in another stop."""
    if not child.ptrace & PT_SEIZED:
        raise LinuxError(Errno.EIO, "not seized")
    assert child.sighand is not None
    with child.sighand.siglock.irq():
        info = child.last_siginfo
        if info is None or info.code >> 8 != PTRACE_EVENT_STOP:
            raise LinuxError(Errno.EIO, "not in a STOP trap")
        child.jobctl |= JOBCTL_LISTENING
        # What came between the beginning of this trap and now.
        if child.jobctl & JOBCTL_TRAP_NOTIFY:
            signal_queue.signal_wake_up(child, resume=True)


def ptrace_request(current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
    """Answer a request; raises EIO if there is no such one, and what spec ptrace-x86 5 says of each."""
    if request in (PTRACE_PEEKTEXT, PTRACE_PEEKDATA):
        _peek(current, child, addr, data, _WORD)
    elif request in (PTRACE_GETREGSET, PTRACE_SETREGSET):
        _regset(current, child, request, addr, data, _IOVEC)
    elif request == PTRACE_GETEVENTMSG:
        uaccess.put_user(current, data, child.ptrace_message, 8)
    elif request == PTRACE_GETSIGINFO:
        _getsiginfo(current, child, data)
    elif request == PTRACE_SETSIGINFO:
        _setsiginfo(current, child, data)
    elif request == PTRACE_INTERRUPT:
        _interrupt(child)
    elif request == PTRACE_LISTEN:
        _listen(child)
    else:
        value = number(data)
        if request in (PTRACE_POKETEXT, PTRACE_POKEDATA):
            _poke(child, addr, value, _WORD)
        elif request in (PTRACE_SETOPTIONS, PTRACE_OLDSETOPTIONS):
            _setoptions(child, value)
        elif request == PTRACE_DETACH:
            ptrace.ptrace_detach(current, child, value)
        elif request in _RESUMING:
            _resume(child, request, value)
        elif request == PTRACE_KILL:
            if not child.exit_state:
                _resume(child, request, SIGKILL)
        else:
            return child.thread.arch_ptrace(current, child, request, addr, data)
    return 0


def compat_ptrace_request(current: Task, child: Task, request: int, addr: int, data: UserPtr) -> int:
    """Answer the request of a tracer whose words have 32 bits."""
    if request in (PTRACE_PEEKTEXT, PTRACE_PEEKDATA):
        _peek(current, child, addr, data, _COMPAT_WORD)
    elif request in (PTRACE_POKETEXT, PTRACE_POKEDATA):
        _poke(child, addr, number(data), _COMPAT_WORD)
    elif request in (PTRACE_GETREGSET, PTRACE_SETREGSET):
        _regset(current, child, request, addr, data, _COMPAT_IOVEC)
    elif request == PTRACE_GETEVENTMSG:
        uaccess.put_user(current, data, child.ptrace_message, 4)
    elif request == PTRACE_GETSIGINFO:
        native = uaccess.KernelBuffer(bytes(siginfo.SIGINFO_SIZE))
        _getsiginfo(current, child, native)
        assert child.last_siginfo is not None
        siginfo.copy_siginfo_to_user32(current, data, child.last_siginfo)
    elif request == PTRACE_SETSIGINFO:
        _setsiginfo(current, child, siginfo.native_siginfo(current, data))
    else:
        return ptrace_request(current, child, request, addr, data)
    return 0


@syscall
async def sys_ptrace(current: Task, request: PtraceRequest, nr: PtracePid, addr: PtraceAddr, data: PtraceData) -> int:
    """Trace another thread (ptrace(2); spec 14, ptrace-x86 5).

    Raises ESRCH for an unknown number, or one that the caller does not trace or that has not stopped for it; then what
    the request raises: EIO, EPERM, EFAULT, EINVAL, ERESTARTNOINTR.
    """
    return await do_ptrace(current, request, nr, addr, data, ptrace_request)


async def do_ptrace(current: Task, request: int, nr: int, addr: int, data: UserPtr, answer: Answer) -> int:
    """Do what sys_ptrace() does; answer: who answers what is asked of a tracee that has stopped."""
    if request == PTRACE_TRACEME:
        ptrace.ptrace_traceme(current)
        return 0
    child = pid.pid_task(pid.find_vpid(current, nr), PIDTYPE_PID)
    if child is None:
        raise LinuxError(Errno.ESRCH, "no such thread")
    get_task_struct(child)
    current.held.append(child)
    try:
        if request in (PTRACE_ATTACH, PTRACE_SEIZE):
            await ptrace.ptrace_attach(current, child, request, number(data))
            return 0
        ptrace.ptrace_check_attach(current, child, ignore_state=request in (PTRACE_KILL, PTRACE_INTERRUPT))
        return answer(current, child, request, addr, data)
    finally:
        current.held.pop()
        fork.put_task_struct(child)
