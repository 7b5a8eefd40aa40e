"""System calls of the scheduler (kernel/sched.c; spec 17.1)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.hw.clock import NEVER
from procession.include.linux.cgroup import CPUSET_SUBSYS_ID
from procession.include.linux.cred import CAP_SYS_NICE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.jiffies import jiffies_to_ns, nsecs_to_jiffies
from procession.include.linux.resource import RLIMIT_NICE, RLIMIT_RTPRIO
from procession.include.linux.sched import (
    MAX_RT_PRIO,
    PF_THREAD_BOUND,
    SCHED_BATCH,
    SCHED_FIFO,
    SCHED_IDLE,
    SCHED_NORMAL,
    SCHED_RESET_ON_FORK,
    SCHED_RR,
    TIF_NEED_RESCHED,
    CpuMaskIn,
    CpuMaskOut,
    ParamIn,
    ParamOut,
    PolicyArg,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import TimespecOut
from procession.include.linux.types import PidNr, UInt, UserPtr
from procession.kernel import (
    capability,
    pid,
    rtmutex,
    sched,
    sched_affinity,
    sched_fair,
    sched_prio,
    sched_rt,
    sched_weight,
    time,
)
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "sched_getaffinity",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_setscheduler_nocheck",
    "sys_sched_get_priority_max",
    "sys_sched_get_priority_min",
    "sys_sched_getaffinity",
    "sys_sched_getparam",
    "sys_sched_getscheduler",
    "sys_sched_rr_get_interval",
    "sys_sched_setaffinity",
    "sys_sched_setparam",
    "sys_sched_setscheduler",
    "sys_sched_yield",
)

_RT: Final = (SCHED_FIFO, SCHED_RR)
_KNOWN: Final = (SCHED_NORMAL, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE)
MAX_USER_RT_PRIO: Final = 100
_KEEP_POLICY: Final = -1


def find_process_by_pid(current: Task, nr: int) -> Task:
    """Return the thread a call is about, 0 for the caller; raises ESRCH."""
    if not nr:
        return current
    p = pid.find_task_by_vpid(current, nr)
    if p is None:
        raise LinuxError(Errno.ESRCH, f"no thread {nr}")
    return p


def check_same_owner(current: Task, p: Task) -> bool:
    euid = current.cred.euid
    return euid in (p.cred.euid, p.cred.uid) and current.cred.user.user_ns is p.cred.user.user_ns


# Policy.


def sched_setscheduler(current: Task, p: Task, policy: int, priority: int) -> None:
    """Change p's policy if current may; policy -1 keeps it; raises EINVAL, EPERM (spec 17.1).

    Nothing happens if neither policy nor priority changes, nor to SCHED_RESET_ON_FORK then.
    """
    reset_on_fork = p.sched_reset_on_fork
    if policy < 0:
        policy = p.policy
    else:
        reset_on_fork = bool(policy & SCHED_RESET_ON_FORK)
        policy &= ~SCHED_RESET_ON_FORK
        if policy not in _KNOWN:
            raise LinuxError(Errno.EINVAL, f"policy {policy}")
    if not 0 <= priority < MAX_USER_RT_PRIO:
        raise LinuxError(Errno.EINVAL, f"priority {priority}")
    if (policy in _RT) != (priority != 0):
        raise LinuxError(Errno.EINVAL, f"priority {priority} for policy {policy}")
    if not capability.capable(current, CAP_SYS_NICE):
        _check_unprivileged(current, p, policy, priority, reset_on_fork)
    if policy == p.policy and (policy not in _RT or priority == p.rt_priority):
        return  # SCHED_RESET_ON_FORK alone changes nothing
    _setscheduler(p, policy, priority, reset_on_fork)


def _check_unprivileged(current: Task, p: Task, policy: int, priority: int, reset_on_fork: bool) -> None:
    rlim = p.signal.rlim
    if policy in _RT:
        rlim_rtprio = rlim[RLIMIT_RTPRIO][0]
        if policy != p.policy and not rlim_rtprio:
            raise LinuxError(Errno.EPERM, "RLIMIT_RTPRIO is 0")
        if priority > p.rt_priority and priority > rlim_rtprio:
            raise LinuxError(Errno.EPERM, "beyond RLIMIT_RTPRIO")
    # SCHED_IDLE counts as nice 20: leaving it is a raise.
    if p.policy == SCHED_IDLE and policy != SCHED_IDLE and sched.task_nice(p) < 20 - rlim[RLIMIT_NICE][0]:
        raise LinuxError(Errno.EPERM, "leaving SCHED_IDLE beyond RLIMIT_NICE")
    if not check_same_owner(current, p):
        raise LinuxError(Errno.EPERM, "another user's thread")
    if p.sched_reset_on_fork and not reset_on_fork:
        raise LinuxError(Errno.EPERM, "SCHED_RESET_ON_FORK cannot be cleared")


def sched_setscheduler_nocheck(p: Task, policy: int, priority: int) -> None:
    """Change p's policy, from kernel code."""
    if p.policy != policy or p.rt_priority != priority:
        _setscheduler(p, policy, priority, p.sched_reset_on_fork)


def _setscheduler(p: Task, policy: int, priority: int, reset_on_fork: bool) -> None:
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    with rq.lock.irq():
        change = sched_prio.begin_change(rq, p)
        p.policy = policy
        p.rt_priority = priority
        p.sched_reset_on_fork = reset_on_fork
        p.normal_prio = sched_prio.normal_prio(p)
        p.prio = sched_prio.rt_mutex_getprio(p)
        sched_weight.set_load_weight(p)
        if p.prio < MAX_RT_PRIO and policy == SCHED_RR:
            p.rt_time_slice = sched_rt.DEF_TIMESLICE_NS
        sched_prio.end_change(rq, p, change)
    rtmutex.rt_mutex_adjust_pi(p)


def do_sched_setscheduler(current: Task, nr: int, policy: int, param: UserPtr) -> int:
    if not param or nr < 0:
        raise LinuxError(Errno.EINVAL, "sched_setscheduler")
    priority = uaccess.get_user(current, param, 4, True)
    sched_setscheduler(current, find_process_by_pid(current, nr), policy, priority)
    return 0


@syscall
def sys_sched_setscheduler(current: Task, nr: PidNr, policy: PolicyArg, param: ParamIn) -> int:
    """Change a thread's policy and real-time priority (sched_setscheduler(2)).

    Raises EINVAL, EFAULT, ESRCH, EPERM.
    """
    if policy < 0:
        raise LinuxError(Errno.EINVAL, f"policy {policy}")
    return do_sched_setscheduler(current, nr, policy, param)


@syscall
def sys_sched_setparam(current: Task, nr: PidNr, param: ParamIn) -> int:
    """Change a thread's real-time priority (sched_setparam(2)); raises EINVAL, EFAULT, ESRCH, EPERM."""
    return do_sched_setscheduler(current, nr, _KEEP_POLICY, param)


@syscall
def sys_sched_getscheduler(current: Task, nr: PidNr) -> PolicyArg:
    """Return a thread's policy, with RESET_ON_FORK if set (sched_getscheduler(2)); raises EINVAL, ESRCH."""
    if nr < 0:
        raise LinuxError(Errno.EINVAL, f"pid {nr}")
    p = find_process_by_pid(current, nr)
    return p.policy | (SCHED_RESET_ON_FORK if p.sched_reset_on_fork else 0)


@syscall
def sys_sched_getparam(current: Task, nr: PidNr, param: ParamOut) -> int:
    """Read a thread's real-time priority (sched_getparam(2)); raises EINVAL, ESRCH, EFAULT."""
    if not param or nr < 0:
        raise LinuxError(Errno.EINVAL, "sched_getparam")
    uaccess.put_user(current, param, find_process_by_pid(current, nr).rt_priority, 4)
    return 0


@syscall
def sys_sched_get_priority_max(current: Task, policy: PolicyArg) -> int:
    """Return the highest priority of a policy (sched_get_priority_max(2)); raises EINVAL."""
    if policy not in _KNOWN:
        raise LinuxError(Errno.EINVAL, f"policy {policy}")
    return MAX_USER_RT_PRIO - 1 if policy in _RT else 0


@syscall
def sys_sched_get_priority_min(current: Task, policy: PolicyArg) -> int:
    """Return the lowest priority of a policy (sched_get_priority_min(2)); raises EINVAL."""
    if policy not in _KNOWN:
        raise LinuxError(Errno.EINVAL, f"policy {policy}")
    return 1 if policy in _RT else 0


@syscall
def sys_sched_rr_get_interval(current: Task, nr: PidNr, interval: TimespecOut) -> int:
    """Read how long a thread may run before its equals are due (sched_rr_get_interval(2)).

    Raises EINVAL, ESRCH, EFAULT.
    """
    if nr < 0:
        raise LinuxError(Errno.EINVAL, f"pid {nr}")
    p = find_process_by_pid(current, nr)
    rq: sched.Rq = p.kernel.sched.runqueues[p.cpu]
    if p.policy == SCHED_RR:
        slice_ns = sched_rt.DEF_TIMESLICE_NS
    elif p.policy == SCHED_FIFO or not rq.cfs.load:
        slice_ns = 0
    else:
        slice_ns = sched_fair.sched_slice(rq.cfs, p.se)
    time.put_timespec(current, interval, jiffies_to_ns(nsecs_to_jiffies(slice_ns)))
    return 0


@syscall
def sys_sched_yield(current: Task) -> int:
    """Let others run first (sched_yield(2)): all of them if the task is a fair one, its equals if it is real-time.

    A busy wait cannot stop the machine: each call costs time, and time brings the others' turn.
    """
    rq: sched.Rq = current.kernel.sched.runqueues[current.cpu]
    rq.yld_count += 1
    with rq.lock.irq():
        if current.prio < MAX_RT_PRIO:
            sched_rt.yield_task_rt(rq)
        else:
            sched_fair.yield_task_fair(rq)
        # The caller schedules on its way to user mode, which is now.
        if rq.nr_running > 1 or rq.tick_ns != NEVER:
            current.ti_flags |= TIF_NEED_RESCHED
    return 0


# Affinity.


def sched_getaffinity(p: Task) -> int:
    """Return the CPUs that p may use and that there are, as a bit mask."""
    return p.cpus_allowed & ((1 << p.kernel.nr_cpus) - 1)


async def sched_setaffinity(current: Task, p: Task, mask: int) -> None:
    """Restrict p to the CPUs in mask; raises EPERM, EINVAL if none of them is there, or p is bound.

    A thread that runs or waits for a CPU has moved by the time this returns; a sleeper moves when it wakes.
    """
    ns = p.real_cred.user_ns
    if not check_same_owner(current, p) and not capability.ns_capable(current, ns, CAP_SYS_NICE):
        raise LinuxError(Errno.EPERM, "another user's thread")
    mask &= p.cgroups.subsys[CPUSET_SUBSYS_ID].cpus((1 << p.kernel.nr_cpus) - 1)
    if mask and mask == p.cpus_allowed:
        return
    if not mask or (p.flags & PF_THREAD_BOUND and p is not current):
        raise LinuxError(Errno.EINVAL, "affinity")
    await sched_affinity.set_cpus_allowed_ptr(current, p, mask)


@syscall
async def sys_sched_setaffinity(current: Task, nr: PidNr, length: UInt, user_mask_ptr: CpuMaskIn) -> int:
    """Choose the CPUs that a thread may use (sched_setaffinity(2)); raises EFAULT, ESRCH, EPERM, EINVAL."""
    size = min(length, 8)
    mask = int.from_bytes(uaccess.copy_from_user(current, user_mask_ptr, size), "little") if size else 0
    await sched_setaffinity(current, find_process_by_pid(current, nr), mask)
    return 0


@syscall
def sys_sched_getaffinity(current: Task, nr: PidNr, length: UInt, user_mask_ptr: CpuMaskOut) -> int:
    """Read the CPUs that a thread may use; returns how many bytes were written (sched_getaffinity(2)).

    Raises EINVAL for a buffer too small or not a multiple of 8, ESRCH, EFAULT.
    """
    if length * 8 < current.kernel.nr_cpus or length & 7:
        raise LinuxError(Errno.EINVAL, f"cpumask of {length} bytes")
    mask = sched_getaffinity(find_process_by_pid(current, nr))
    uaccess.copy_to_user(current, user_mask_ptr, struct.pack("<Q", mask))
    return 8
