"""kcmp(2) (kernel/kcmp.c, as of 6.18).

Differs: what is not the same has no order: the answer is then 3, where Linux's is 1 or 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched_attr import (
    KCMP_FILE,
    KCMP_FILES,
    KCMP_FS,
    KCMP_IO,
    KCMP_SIGHAND,
    KCMP_SYSVSEM,
    KCMP_VM,
    KcmpArg,
    KcmpIdx,
)
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import PidNr
from procession.kernel import pid, ptrace_access

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.sched import Task

__all__ = ("sys_kcmp",)

_NO_ORDER: Final = 3


@later_syscall
def sys_kcmp(current: Task, pid1: PidNr, pid2: PidNr, type: KcmpArg, idx1: KcmpIdx, idx2: KcmpIdx) -> int:
    """Tell whether two threads share something (kcmp(2)): 0 if they do.

    Raises ESRCH, EPERM for whom current may not look at, EBADF for descriptors, EINVAL.
    """
    first, second = pid.find_task_by_vpid(current, pid1), pid.find_task_by_vpid(current, pid2)
    if first is None or second is None:
        raise LinuxError(Errno.ESRCH, "kcmp")
    mode = ptrace_access.PTRACE_MODE_READ
    if not all(ptrace_access.ptrace_may_access(current, p, mode) for p in (first, second)):
        raise LinuxError(Errno.EPERM, "kcmp")
    if type == KCMP_FILE:
        same = _file(first, idx1) is _file(second, idx2)
    elif type == KCMP_VM:
        same = first.mm is second.mm
    elif type == KCMP_FILES:
        same = first.files is second.files
    elif type == KCMP_FS:
        same = first.fs is second.fs
    elif type == KCMP_SIGHAND:
        same = first.sighand is second.sighand
    elif type == KCMP_IO:
        same = first.io_context is second.io_context
    elif type == KCMP_SYSVSEM:
        same = first.sysvsem is second.sysvsem
    else:
        raise LinuxError(Errno.EINVAL, f"kcmp: type {type}")
    return 0 if same else _NO_ORDER


def _file(p: Task, fd: int) -> File:
    file = p.files.fd[fd] if p.files is not None and fd < len(p.files.fd) else None
    if file is None:
        raise LinuxError(Errno.EBADF, f"descriptor {fd}")
    return file
