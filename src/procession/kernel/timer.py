"""Who am I, and what time is left: the small calls that 3.2 keeps in kernel/timer.c."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.types import Arg, PidNr, UidT, UInt, UserPtr
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import itimer, pid, sched_load
from procession.mm import page_alloc, uaccess

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "sys_alarm",
    "sys_getegid",
    "sys_geteuid",
    "sys_getgid",
    "sys_getpid",
    "sys_getppid",
    "sys_gettid",
    "sys_getuid",
    "sys_sysinfo",
)

# uptime, loads, total/free/shared/buffer RAM, total/free swap, procs, total/free high memory, unit.
_SYSINFO: Final = struct.Struct("<q3Q6QH6x2QI4x")
_LOAD_SHIFT: Final = 16 - 11  # SI_LOAD_SHIFT - FSHIFT


@syscall
def sys_getpid(current: Task) -> PidNr:
    """Return the process id (getpid(2))."""
    return pid.task_tgid_vnr(current, current)


@syscall
def sys_getppid(current: Task) -> PidNr:
    """Return the parent's process id, 0 if it is outside our namespace; a tracer is never reported (getppid(2))."""
    return pid.task_tgid_vnr(current, current.real_parent)


@syscall
def sys_gettid(current: Task) -> PidNr:
    """Return the thread id (gettid(2))."""
    return pid.task_pid_vnr(current, current)


@syscall
def sys_getuid(current: Task) -> UidT:
    """Return the real user id (getuid(2))."""
    return uid_here(current, current.cred.uid)


@syscall
def sys_geteuid(current: Task) -> UidT:
    """Return the effective user id (geteuid(2))."""
    return uid_here(current, current.cred.euid)


@syscall
def sys_getgid(current: Task) -> UidT:
    """Return the real group id (getgid(2))."""
    return gid_here(current, current.cred.gid)


@syscall
def sys_getegid(current: Task) -> UidT:
    """Return the effective group id (getegid(2))."""
    return gid_here(current, current.cred.egid)


@syscall
def sys_alarm(current: Task, seconds: UInt) -> int:
    """Have SIGALRM sent; returns the seconds the previous alarm had left (alarm(2))."""
    return itimer.alarm_setitimer(current, seconds)


@syscall
def sys_sysinfo(current: Task, info: Annotated[UserPtr, Arg("struct sysinfo", out=True)]) -> int:
    """Return uptime, load, memory and the number of threads; raises EFAULT (sysinfo(2))."""
    k = current.kernel
    uptime = -(-k.clock.now_ns // NSEC_PER_SEC)
    loads = sched_load.get_avenrun(k, 0, _LOAD_SHIFT)
    total, free = k.mm.total_pages * PAGE_SIZE, page_alloc.nr_free_pages(k) * PAGE_SIZE
    uaccess.copy_to_user(
        current, info, _SYSINFO.pack(uptime, *loads, total, free, 0, 0, 0, 0, min(k.nr_threads, 0xFFFF), 0, 0, 1)
    )
    return 0
