"""Secure computing where calls come in (secure_computing of arch/x86's entry; kernel/seccomp.py decides)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import arguments, syscall_table
from procession.arch.x86.syscall_table import NR
from procession.include.asm.processor import SyscallStack
from procession.include.asm.ptrace import AX
from procession.include.linux.errno import Errno
from procession.include.linux.limits import INT_MAX, UINT_MAX
from procession.include.linux.sched import TIF_WORK_SYSCALL_ENTRY
from procession.include.linux.seccomp import (
    AUDIT_ARCH_I386,
    AUDIT_ARCH_X86_64,
    SECCOMP_MODE_STRICT,
    SECCOMP_RET_ACTION_FULL,
    SECCOMP_RET_ALLOW,
    SECCOMP_RET_LOG,
    SECCOMP_RET_TRACE,
)
from procession.include.linux.signal import SIGKILL
from procession.kernel import exit, seccomp

if TYPE_CHECKING:
    from procession.arch.x86.entry import Entry
    from procession.include.linux.sched import Task

__all__ = ("denies", "judge", "judge32")

# What a task under seccomp mode 1 may still call.
_MODE1_SYSCALLS: Final = frozenset(NR[name] for name in ("read", "write", "exit", "rt_sigreturn"))


def denies(entry: Entry, current: Task, nr: int) -> bool:
    """Whether a call is not made as it stands: then it is on its own stack, to be answered or ended there.

    A tracer is asked before the filters; judge() is called for it then.
    """
    if current.seccomp_mode == SECCOMP_MODE_STRICT:
        if nr in _MODE1_SYSCALLS:
            return False
        entry.stack = SyscallStack(current, nr, "seccomp", exit.do_exit(current, SIGKILL))
        entry.halt()
        return True
    if current.ti_flags & TIF_WORK_SYSCALL_ENTRY:
        return False
    q = entry.q
    args = tuple([q[register] for register in arguments.REGISTERS])
    ip = q[entry.rip_q] + 2
    verdict = seccomp.run_filters(current, _int(nr), AUDIT_ARCH_X86_64, ip, args)
    if verdict in (SECCOMP_RET_ALLOW, SECCOMP_RET_LOG):
        return False
    name = syscall_table.syscall_name(nr)
    entry.stack = SyscallStack(current, nr, name, _judged(current, nr, ip, verdict))
    entry.halt()
    return True


def _int(nr: int) -> int:
    nr &= UINT_MAX
    return nr - (1 << 32) if nr > INT_MAX else nr


async def _judged(current: Task, nr: int, ip: int, verdict: int) -> int:
    """Do what the filters have decided about a call, which may be to make it after all."""
    _sys_enter(current, nr)
    return await _carry_out(current, nr, ip, verdict)


async def _carry_out(current: Task, nr: int, ip: int, verdict: int) -> int:
    made, result = await _act(current, _int(nr), AUDIT_ARCH_X86_64, ip, verdict)
    if not made:
        return result
    thread: Any = current.thread
    call = current.kernel.syscalls.get(syscall_table.syscall_name(thread.orig_ax))  # a tracer may have changed it
    if call is None:
        return -int(Errno.ENOSYS)
    answer = call.fn(current, *arguments.decode_saved(call, thread.q))
    if call.is_async:
        answer = await answer
    return answer or 0


async def _act(current: Task, nr: int, arch: int, ip: int, verdict: int) -> tuple[bool, int]:
    """Do as seccomp.act(); about what a tracer that was asked has left of the call the filters are asked once more."""
    made, result = await seccomp.act(current, nr, arch, ip, verdict)
    if not made or not _asks_tracer(verdict):
        return made, result
    thread: Any = current.thread
    nr = _int(thread.orig_ax)
    if nr < 0:
        value: int = thread.q[AX]
        return False, value - (1 << 64) if value >> 63 else value
    verdict = seccomp.run_filters(current, nr, arch, ip, thread.syscall_get_arguments())
    return (True, 0) if _asks_tracer(verdict) else await seccomp.act(current, nr, arch, ip, verdict)


def _asks_tracer(verdict: int) -> bool:
    return verdict & SECCOMP_RET_ACTION_FULL == SECCOMP_RET_TRACE


def _sys_enter(current: Task, nr: int) -> None:
    trace = current.kernel.trace
    if not trace.sys_enter:
        return
    name = syscall_table.syscall_name(nr)
    call = current.kernel.syscalls.get(name)
    thread: Any = current.thread
    args = thread.syscall_get_arguments() if call is None else arguments.decode_saved(call, thread.q)
    trace.sys_enter(nr, name, args)


async def judge(current: Task, nr: int) -> int:
    """Ask the filters about a call that a tracer has seen, and make it unless they refuse it; returns its result."""
    thread = current.thread
    ip = thread.syscall_pc()
    verdict = seccomp.run_filters(current, _int(nr), AUDIT_ARCH_X86_64, ip, thread.syscall_get_arguments())
    return await _carry_out(current, nr, ip, verdict)


async def judge32(current: Task, nr: int, words: tuple[int, ...]) -> tuple[bool, int]:
    """Ask the filters about a call by INT 0x80; returns as seccomp.act()."""
    ip = current.thread.syscall_pc()
    verdict = seccomp.run_filters(current, _int(nr), AUDIT_ARCH_I386, ip, words)
    return await _act(current, _int(nr), AUDIT_ARCH_I386, ip, verdict)
