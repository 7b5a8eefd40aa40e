"""What a tracer sees of system calls (include/linux/tracehook.h; spec ptrace-x86 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.ptrace import PT_PTRACED, PT_TRACESYSGOOD
from procession.include.linux.sched import TIF_SYSCALL_EMU, TIF_SYSCALL_TRACE, signal_pending
from procession.include.linux.signal import SIGTRAP
from procession.kernel import sched, sched_choose, signal_send, signal_stop

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "choose_syscall_entry",
    "ptrace_report_syscall",
    "tracehook_report_syscall_entry",
    "tracehook_report_syscall_exit",
)

# What nobody else notices, whenever it is done.
LOCAL_SYSCALLS: Final = frozenset(
    {
        "arch_prctl",
        "brk",
        "clock_getres",
        "clock_gettime",
        "getcpu",
        "getegid",
        "geteuid",
        "getgid",
        "getgroups",
        "getpid",
        "getresgid",
        "getresuid",
        "getrusage",
        "gettid",
        "gettimeofday",
        "getuid",
        "madvise",
        "mmap",
        "mprotect",
        "mremap",
        "munmap",
        "rt_sigreturn",
        "set_robust_list",
        "set_tid_address",
        "sigaltstack",
        "time",
        "times",
    }
)


async def ptrace_report_syscall(current: Task) -> None:
    """Stop for the tracer at the beginning or the end of a call; it may send a signal on the way."""
    if not current.ptrace & PT_PTRACED:
        return
    await signal_stop.ptrace_notify(current, SIGTRAP | (0x80 if current.ptrace & PT_TRACESYSGOOD else 0))
    # Not handed on in the stop's own place: it becomes a signal, which makes a stop of its own.
    if current.exit_code:
        try:
            signal_send.send_sig(current.exit_code, current, 1)
        except LinuxError:
            pass  # SIGKILL has ended the stop, whose own code is still there and may be no signal
        current.exit_code = 0


async def choose_syscall_entry(current: Task, name: str, args: tuple[Any, ...]) -> None:
    """Let whoever is chosen go first (TIF_SYSCALL_TRACEPOINT); raises ERESTARTNOINTR if a signal has come meanwhile.

    It came before the call, so it is handled before, and the call, which nobody has seen yet, begins anew: else it
    would interrupt a sleep that has not begun, and nobody would see what happens if it comes a moment too early.
    """
    if name in LOCAL_SYSCALLS and (current.mm is None or current.mm.mm_users == 1):
        return
    if not sched_choose.choose_before_call(current, name, args):
        return
    await sched.schedule(current)
    current.kernel.sched.in_call = current.pid
    if signal_pending(current):
        stack: Any = current.stack
        stack.name = ""
        raise LinuxError(Errno.ERESTARTNOINTR, name)


async def tracehook_report_syscall_entry(current: Task) -> bool:
    """Let the tracer look at a call, if it wants to; returns whether the call is not to be made (PTRACE_SYSEMU)."""
    emulated = bool(current.ti_flags & TIF_SYSCALL_EMU)
    if current.ti_flags & (TIF_SYSCALL_EMU | TIF_SYSCALL_TRACE):
        await ptrace_report_syscall(current)
    return emulated


async def tracehook_report_syscall_exit(current: Task) -> None:
    """Let the tracer look at a call's result, if it wants to."""
    if current.ti_flags & TIF_SYSCALL_TRACE:
        await ptrace_report_syscall(current)
