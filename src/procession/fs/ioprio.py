"""Priorities of input and output: set and read (fs/ioprio.c; spec cgroups F).

Differs: there is no disk to be waited for, so nothing is faster or slower by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.block import blk_ioc
from procession.include.linux.cred import CAP_SYS_ADMIN, CAP_SYS_NICE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.ioprio import (
    IOPRIO_BE_NR,
    IOPRIO_CLASS_BE,
    IOPRIO_CLASS_IDLE,
    IOPRIO_CLASS_NONE,
    IOPRIO_CLASS_RT,
    IOPRIO_CLASS_SHIFT,
    IOPRIO_NORM,
    IOPRIO_WHO_PGRP,
    IOPRIO_WHO_PROCESS,
    IOPRIO_WHO_USER,
    IoprioArg,
    IoprioWhoArg,
    ioprio_class,
    ioprio_data,
)
from procession.include.linux.pid import PIDTYPE_PGID
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int
from procession.include.linux.uidgid import make_kuid
from procession.kernel import capability, pid, rcupdate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from procession.include.linux.sched import Task, UserStruct

__all__ = ("set_task_ioprio", "sys_ioprio_get", "sys_ioprio_set")


def set_task_ioprio(current: Task, task: Task, ioprio: int) -> None:
    """Set a task's priority; raises EPERM for a stranger's, ENOMEM."""
    cred, tcred = current.cred, task.real_cred
    if tcred.uid not in (cred.euid, cred.uid) and not capability.capable(current, CAP_SYS_NICE):
        raise LinuxError(Errno.EPERM, f"I/O priority of {task!r}")
    if tcred.cap_permitted & ~cred.cap_permitted and not capability.ns_capable(current, tcred.user_ns, CAP_SYS_NICE):
        raise LinuxError(Errno.EPERM, f"{task!r} has more capabilities")
    with task.alloc_lock:
        ioc = task.io_context
        if ioc is None:
            ioc = task.io_context = blk_ioc.alloc_io_context(current.kernel)
        ioc.ioprio = ioprio


def get_task_ioprio(task: Task) -> int:
    """Return a task's priority."""
    ioc = task.io_context
    return IOPRIO_CLASS_NONE << IOPRIO_CLASS_SHIFT | IOPRIO_NORM if ioc is None else ioc.ioprio


def ioprio_best(aprio: int, bprio: int) -> int:
    """Return the better of two priorities; one that was not set counts as best effort."""
    aclass = ioprio_class(aprio) or IOPRIO_CLASS_BE
    bclass = ioprio_class(bprio) or IOPRIO_CLASS_BE
    if aclass == bclass:
        return min(aprio, bprio)
    return bprio if aclass > bclass else aprio


def _check_ioprio(current: Task, ioprio: int) -> None:
    """Raise EPERM for a real-time class without CAP_SYS_ADMIN, EINVAL for what is no priority."""
    data, kind = ioprio_data(ioprio), ioprio_class(ioprio)
    if kind == IOPRIO_CLASS_RT and not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "real-time I/O needs CAP_SYS_ADMIN")
    if kind in (IOPRIO_CLASS_RT, IOPRIO_CLASS_BE):
        if data >= IOPRIO_BE_NR:
            raise LinuxError(Errno.EINVAL, f"level {data}")
    elif kind == IOPRIO_CLASS_NONE:
        if data:
            raise LinuxError(Errno.EINVAL, "a level without a class")
    elif kind != IOPRIO_CLASS_IDLE:
        raise LinuxError(Errno.EINVAL, f"class {kind}")


def _process(current: Task, who: int) -> Task:
    p = pid.find_task_by_vpid(current, who) if who else current
    if p is None:
        raise LinuxError(Errno.ESRCH, f"no thread {who}")
    return p


def _group(current: Task, who: int) -> list[Task]:
    """Return the leaders of a group's processes, the newest member first; raises ESRCH if there is none."""
    pgrp = pid.find_vpid(current, who) if who else pid.task_pgrp(current)
    members = pgrp.tasks[PIDTYPE_PGID] if pgrp is not None else None
    if not members:
        raise LinuxError(Errno.ESRCH, f"no process group {who}")
    return list(reversed(members))


def _find_user(current: Task, who: int) -> UserStruct:
    """Return a user who has processes, or credentials somewhere; raises ESRCH."""
    user = current.cred.user
    if who:
        found = current.kernel.users.uidhash.get(
            (make_kuid(current.cred.user_ns, who & 0xFFFFFFFF), user.user_ns.serial)
        )
        if found is None:
            raise LinuxError(Errno.ESRCH, f"no user {who}")
        user = found
    return user


def _threads_of(current: Task, uid: int) -> Iterator[Task]:
    for leader in current.kernel.tasks:
        for p in leader.signal.threads:
            if p.real_cred.uid == uid:
                yield p


def _set_group(current: Task, who: int, ioprio: int) -> None:
    """Set all threads of a group; an error leaves out the rest of its process, and the last process's counts."""
    failure: LinuxError | None = None
    for leader in _group(current, who):
        failure = None
        for p in leader.signal.threads:
            try:
                set_task_ioprio(current, p, ioprio)
            except LinuxError as error:
                failure = error
                break
    if failure is not None:
        raise failure


def _set_user(current: Task, who: int, ioprio: int) -> None:
    """Set all threads of a user. 3.2 looks for those of number 0, if that means the own user."""
    _find_user(current, who)
    found = False
    for p in _threads_of(current, who & 0xFFFFFFFF):
        set_task_ioprio(current, p, ioprio)
        found = True
    if not found:
        raise LinuxError(Errno.ESRCH, f"no process of user {who}")


@syscall
def sys_ioprio_set(current: Task, which: IoprioWhoArg, who: Int, ioprio: IoprioArg) -> int:
    """Set the I/O priority of a thread, of a group's or a user's (ioprio_set(2)).

    Raises EPERM, EINVAL, ESRCH, ENOMEM.
    """
    _check_ioprio(current, ioprio)
    k = current.kernel
    with rcupdate.rcu_read_lock(k):
        if which == IOPRIO_WHO_PROCESS:
            set_task_ioprio(current, _process(current, who), ioprio)
        elif which == IOPRIO_WHO_PGRP:
            _set_group(current, who, ioprio)
        elif which == IOPRIO_WHO_USER:
            _set_user(current, who, ioprio)
        else:
            raise LinuxError(Errno.EINVAL, f"which {which}")
    return 0


@syscall
def sys_ioprio_get(current: Task, which: IoprioWhoArg, who: Int) -> IoprioArg:
    """Return the I/O priority of a thread, or the best of a group's or a user's (ioprio_get(2)).

    Raises EINVAL, ESRCH.
    """
    with rcupdate.rcu_read_lock(current.kernel):
        if which == IOPRIO_WHO_PROCESS:
            return get_task_ioprio(_process(current, who))
        if which == IOPRIO_WHO_PGRP:
            found = [get_task_ioprio(p) for leader in _group(current, who) for p in leader.signal.threads]
        elif which == IOPRIO_WHO_USER:
            found = [get_task_ioprio(p) for p in _threads_of(current, _find_user(current, who).uid)]
        else:
            raise LinuxError(Errno.EINVAL, f"which {which}")
    if not found:
        raise LinuxError(Errno.ESRCH, "nobody")
    best = found[0]
    for ioprio in found[1:]:
        best = ioprio_best(best, ioprio)
    return best
