"""sched_setattr(2) and sched_getattr(2) (a part of kernel/sched/syscalls.c, as of 6.18).

Differs: there is no SCHED_DEADLINE, and no clamping of utilization.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.sched import SCHED_BATCH, SCHED_FIFO, SCHED_NORMAL, SCHED_RESET_ON_FORK, SCHED_RR
from procession.include.linux.sched_attr import (
    SCHED_ATTR,
    SCHED_ATTR_SIZE_VER0,
    SCHED_ATTR_SIZE_VER1,
    SCHED_FLAG_ALL,
    SCHED_FLAG_KEEP_PARAMS,
    SCHED_FLAG_KEEP_POLICY,
    SCHED_FLAG_RESET_ON_FORK,
    SCHED_FLAG_UTIL_CLAMP,
    SchedAttrIn,
    SchedAttrOut,
)
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import PidNr, UInt
from procession.kernel import capability, sched, sched_prio, sched_syscalls
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("sys_sched_getattr", "sys_sched_setattr")

_RT: Final = (SCHED_FIFO, SCHED_RR)
_FAIR: Final = (SCHED_NORMAL, SCHED_BATCH)
_MIN_NICE: Final = -20
_MAX_NICE: Final = 19


@later_syscall
def sys_sched_setattr(current: Task, nr: PidNr, uattr: SchedAttrIn, flags: UInt) -> int:
    """Change a thread's policy with its nice value or its priority (sched_setattr(2)).

    Raises EINVAL, E2BIG, EFAULT, ESRCH, EPERM.
    """
    if not uattr or nr < 0 or flags:
        raise LinuxError(Errno.EINVAL, "sched_setattr")
    policy, sched_flags, nice, priority = _copy_attr(current, uattr)
    if policy >> 31:
        raise LinuxError(Errno.EINVAL, f"policy {policy}")
    p = sched_syscalls.find_process_by_pid(current, nr)
    if sched_flags & SCHED_FLAG_KEEP_POLICY:
        policy = p.policy
    if sched_flags & SCHED_FLAG_KEEP_PARAMS:
        nice, priority = sched.task_nice(p), p.rt_priority
    if sched_flags & ~SCHED_FLAG_ALL or sched_flags & SCHED_FLAG_UTIL_CLAMP:
        raise LinuxError(Errno.EINVAL, "sched_setattr: flags")
    _setattr(current, p, policy, sched_flags, nice, priority)
    return 0


def _copy_attr(current: Task, uattr: UserPtr) -> tuple[int, int, int, int]:
    """Return policy, flags, nice value and priority; raises E2BIG, and says then how large the structure is."""
    size = uaccess.get_user(current, uattr, 4) or SCHED_ATTR_SIZE_VER0
    try:
        raw = _sized(current, uattr, size)
    except LinuxError as error:
        if error.errno == Errno.E2BIG:
            uaccess.put_user(current, uattr, SCHED_ATTR.size, 4)
        raise
    _, policy, flags, nice, priority, *_ = SCHED_ATTR.unpack(raw)
    if flags & SCHED_FLAG_UTIL_CLAMP and size < SCHED_ATTR_SIZE_VER1:
        raise LinuxError(Errno.EINVAL, "sched_setattr: no room for a clamp")
    return policy, flags, max(_MIN_NICE, min(nice, _MAX_NICE)), priority


def _sized(current: Task, uattr: UserPtr, size: int) -> bytes:
    if not SCHED_ATTR_SIZE_VER0 <= size <= PAGE_SIZE:
        raise LinuxError(Errno.E2BIG, f"a sched_attr of {size} bytes")
    return uaccess.copy_struct_from_user(current, uattr, size, SCHED_ATTR.size)


def _setattr(current: Task, p: Task, policy: int, flags: int, nice: int, priority: int) -> None:
    """Change what differs, if current may (sched_setscheduler of a sched_attr)."""
    reset = bool(flags & SCHED_FLAG_RESET_ON_FORK)
    if policy in _FAIR and nice < sched.task_nice(p) and not capability.can_nice(current, p, nice):
        raise LinuxError(Errno.EPERM, "beyond RLIMIT_NICE")
    same = policy == p.policy and (policy not in _RT or priority == p.rt_priority)
    sched_syscalls.sched_setscheduler(current, p, policy | (SCHED_RESET_ON_FORK if reset else 0), priority)
    if same:
        p.sched_reset_on_fork = reset
    if policy in _FAIR:
        sched_prio.set_user_nice(p, nice)


@later_syscall
def sys_sched_getattr(current: Task, nr: PidNr, uattr: SchedAttrOut, usize: UInt, flags: UInt) -> int:
    """Read a thread's policy with its nice value or its priority (sched_getattr(2)); raises EINVAL, ESRCH, EFAULT."""
    if not uattr or nr < 0 or not SCHED_ATTR_SIZE_VER0 <= usize <= PAGE_SIZE or flags:
        raise LinuxError(Errno.EINVAL, "sched_getattr")
    p = sched_syscalls.find_process_by_pid(current, nr)
    size = min(usize, SCHED_ATTR.size)
    sched_flags = SCHED_FLAG_RESET_ON_FORK if p.sched_reset_on_fork else 0
    is_rt = p.policy in _RT
    nice = 0 if is_rt else sched.task_nice(p)
    data = SCHED_ATTR.pack(size, p.policy, sched_flags, nice, p.rt_priority if is_rt else 0, 0, 0, 0, 0, 0)
    uaccess.copy_to_user(current, uattr, data[:size])
    return 0
