"""Robust locks: what a dying thread still holds is marked for those who come after it (kernel/futex.c; spec 22.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_PTRACE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.syscalls import compat_syscall, syscall
from procession.include.linux.types import AddrOut, LongOut, PidNr, SizeT, UInt, UserPtr
from procession.kernel import capability, futex, futex_pi, pid
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("compat_exit_robust_list", "exit_robust_list", "sys_get_robust_list", "sys_set_robust_list")

ROBUST_LIST_LIMIT: Final = 2048
_HEAD_SIZE: Final = 24  # struct robust_list_head: list, futex_offset, list_op_pending
_COMPAT_HEAD_SIZE: Final = 12


def exit_robust_list(current: Task) -> None:
    """Walk the list that the thread registered; any fault ends the walk."""
    head = current.robust_list
    if isinstance(head, int) and head:
        _walk(current, head, 8)


def compat_exit_robust_list(current: Task) -> None:
    """Walk the list of a 32-bit program (kernel/futex_compat.c)."""
    _walk(current, current.compat_robust_list, 4)


def _walk(current: Task, head: int, word: int) -> None:
    try:
        _walk_words(current, head, word)
    except LinuxError:
        pass  # the list is the program's; a broken one harms only itself


def _walk_words(current: Task, head: int, word: int) -> None:
    entry = uaccess.get_user(current, head, word)
    offset = uaccess.get_user(current, head + word, word, True)
    pending = uaccess.get_user(current, head + 2 * word, word)
    for _ in range(ROBUST_LIST_LIMIT):
        if entry & ~1 == head:
            break
        # Read on first: a lock that is handed over may be freed by its new owner.
        following: int | None = None
        try:
            following = uaccess.get_user(current, entry & ~1, word)
        finally:
            if entry & ~1 != pending & ~1:
                handle_futex_death(current, (entry & ~1) + offset, entry & 1)
        entry = following
    if pending & ~1:
        handle_futex_death(current, (pending & ~1) + offset, pending & 1)


def handle_futex_death(current: Task, uaddr: int, pi: int) -> None:
    """Mark one lock as orphaned if current holds it, and wake one waiter; raises EFAULT."""
    word = uaccess.get_user(current, uaddr, 4)
    if word & futex_pi.FUTEX_TID_MASK != pid.task_pid_vnr(current, current):
        return
    uaccess.put_user(current, uaddr, word & futex_pi.FUTEX_WAITERS | futex_pi.FUTEX_OWNER_DIED, 4)
    if word & futex_pi.FUTEX_WAITERS and not pi:
        futex.futex_wake(current, uaddr, True, 1, futex.FUTEX_BITSET_MATCH_ANY)


@syscall
def sys_set_robust_list(current: Task, head: UserPtr, length: SizeT) -> int:
    """Register the calling thread's list of robust locks (set_robust_list(2)); raises EINVAL."""
    if length != _HEAD_SIZE:
        raise LinuxError(Errno.EINVAL, "size of struct robust_list_head")
    current.robust_list = head  # type: ignore[assignment]  # an address, or a Python program's buffer
    return 0


@syscall
def sys_get_robust_list(current: Task, nr: PidNr, head_ptr: AddrOut, len_ptr: LongOut) -> int:
    """Read a thread's registration (get_robust_list(2)); raises ESRCH, EPERM, EFAULT."""
    p = _whose(current, nr)
    uaccess.put_user(current, len_ptr, _HEAD_SIZE, 8)
    head = p.robust_list
    uaccess.put_user(current, head_ptr, head if isinstance(head, int) else 0, 8)
    return 0


def _whose(current: Task, nr: int) -> Task:
    if not nr:
        return current
    p = pid.find_task_by_vpid(current, nr)
    if p is None:
        raise LinuxError(Errno.ESRCH, f"no thread {nr}")
    cred, pcred = current.cred, p.real_cred
    ns = pcred.user_ns
    own = cred.user.user_ns is pcred.user.user_ns and cred.euid in (pcred.euid, pcred.uid)
    if not own and not capability.ns_capable(current, ns, CAP_SYS_PTRACE):
        raise LinuxError(Errno.EPERM, "another user's thread")
    return p


@compat_syscall
def compat_sys_set_robust_list(current: Task, head: UserPtr, length: UInt) -> int:
    """set_robust_list(2)."""
    if length != _COMPAT_HEAD_SIZE:
        raise LinuxError(Errno.EINVAL, "size of struct compat_robust_list_head")
    current.compat_robust_list = head  # type: ignore[assignment]  # code of 32 bits has addresses only
    return 0


@compat_syscall
def compat_sys_get_robust_list(current: Task, nr: PidNr, head_ptr: UserPtr, len_ptr: UserPtr) -> int:
    """get_robust_list(2)."""
    p = _whose(current, nr)
    uaccess.put_user(current, len_ptr, _COMPAT_HEAD_SIZE, 4)
    uaccess.put_user(current, head_ptr, p.compat_robust_list, 4)
    return 0
