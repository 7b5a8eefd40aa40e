"""Accounting of what address spaces were promised (3.2: mm/mmap.c; later mm/util.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import PAGE_SHIFT, VM_EXEC, VM_GROWSDOWN, VM_WRITE
from procession.include.linux.resource import RLIMIT_AS
from procession.kernel import capability
from procession.mm import page_alloc

if TYPE_CHECKING:
    from procession.include.linux.fs import File
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("may_expand_vm", "rlimit", "vm_enough_memory", "vm_stat_account")

OVERCOMMIT_GUESS: Final = 0
OVERCOMMIT_ALWAYS: Final = 1
OVERCOMMIT_NEVER: Final = 2


def rlimit(current: Task, resource: int) -> int:
    """Return current's soft limit."""
    return current.signal.rlim[resource][0]


def may_expand_vm(current: Task, mm: MmStruct, npages: int) -> bool:
    """Whether mm may grow by npages under RLIMIT_AS."""
    return mm.total_vm + npages <= current.signal.rlim[RLIMIT_AS][0] >> PAGE_SHIFT


def vm_enough_memory(current: Task, pages: int) -> None:
    """Promise pages to a private writable mapping; raises ENOMEM (security_vm_enough_memory).

    Take the promise back with k.mm.vm_committed -= pages. By default only what could not possibly be had is refused:
    more than all free frames and cached pages.
    """
    k = current.kernel
    mode = k.mm.overcommit_memory
    if mode == OVERCOMMIT_GUESS:
        free = page_alloc.nr_free_pages(k)
        # The quick answer first: it is the usual one, and privileged tasks get the last 3 percent.
        if pages >= free - (free >> 5) and pages >= free + len(k.mm.page_cache) - _reserved(current, free):
            raise LinuxError(Errno.ENOMEM, f"{pages} pages are an obvious overcommit")
    elif mode == OVERCOMMIT_NEVER:
        allowed = k.mm.total_pages * k.mm.overcommit_ratio // 100
        if not capability.capable(current, CAP_SYS_ADMIN):
            allowed -= allowed // 32
        # One process must not take it all.
        if current.mm is not None:
            allowed -= current.mm.total_vm // 32
        # 3.2 counts without a sign: less than nothing is more than enough.
        if k.mm.vm_committed + pages >= allowed & ULONG_MAX:
            raise LinuxError(Errno.ENOMEM, "the commit limit")
    k.mm.vm_committed += pages


def _reserved(current: Task, free: int) -> int:
    return 0 if capability.capable(current, CAP_SYS_ADMIN) else free // 32


def vm_stat_account(mm: MmStruct, flags: int, file: File | None, pages: int) -> None:
    """Keep the counts that /proc/PID/status shows."""
    if file is not None:
        mm.shared_vm += pages
        if flags & (VM_EXEC | VM_WRITE) == VM_EXEC:
            mm.exec_vm += pages
    elif flags & VM_GROWSDOWN:
        mm.stack_vm += pages
