"""Three system calls at fixed addresses, for programs older than the vDSO (arch/x86/kernel/vsyscall_64.c).

As with vsyscall=emulate, 3.2's default, nothing is mapped there: calling one is a page fault, answered here. There is
no vDSO: AT_SYSINFO_EHDR is not passed, and libc makes real system calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.hw.costs import TRAP_NS
from procession.include.asm.ptrace import AX, DI, SI, SP
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.signal import SIGSEGV
from procession.include.linux.syscalls import SYSCALLS
from procession.kernel import sched_account, signal_send
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("VSYSCALL_START", "emulate_vsyscall")

VSYSCALL_START: Final = 0xFFFFFFFFFF600000
_CALLS: Final = (("gettimeofday", 2), ("time", 1), ("getcpu", 2))


def emulate_vsyscall(current: Task, address: int) -> bool:
    """Carry out the call at address and return from it; false if there is none, so that the fault is one."""
    nr = (address & 0xC00) >> 10
    if address & ~0xC00 != VSYSCALL_START or nr >= len(_CALLS):
        return False
    sched_account.account_system_time(current, TRAP_NS)  # beside the fault
    thread: Any = current.thread
    q = thread.q
    name, nr_args = _CALLS[nr]
    args = [q[DI], q[SI]][:nr_args]
    try:
        caller = uaccess.get_user(current, q[SP], 8)
        result = SYSCALLS[name].fn(current, *args, *([0] if name == "getcpu" else []))
    except LinuxError as error:
        if error.errno is Errno.EFAULT:
            signal_send.force_sig(SIGSEGV, current)
            return True
        result = -error.errno
    q[AX] = result & ULONG_MAX
    q[thread.layout.rip_q] = caller
    q[SP] = q[SP] + 8 & ULONG_MAX
    return True
