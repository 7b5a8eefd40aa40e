"""Who may look into and trace whom (a part of kernel/ptrace.c; spec 14.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_SYS_PTRACE
from procession.kernel import capability, mutex, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.nsproxy import UserNamespace
    from procession.include.linux.rwsem import Mutex
    from procession.include.linux.sched import Task

__all__ = ("PTRACE_MODE_ATTACH", "PTRACE_MODE_READ", "cred_guard_mutex", "ptrace_may_access", "ptrace_traceme_allowed")

PTRACE_MODE_READ: Final = 1
PTRACE_MODE_ATTACH: Final = 2


def ptrace_has_cap(current: Task, ns: UserNamespace | None) -> bool:
    """Whether current may trace anybody in a user namespace."""
    return capability.ns_capable(current, ns, CAP_SYS_PTRACE)


def ptrace_may_access(current: Task, task: Task, mode: int) -> bool:
    """Whether current may look at (PTRACE_MODE_READ) or attach to task (spec 14.2).

    Oneself always. Else all of the target's ids must be current's real ones, the target must be dumpable, and must not
    be permitted more than current; CAP_SYS_PTRACE stands in for each.
    """
    # Not only out of kindness: a program looks into /proc/self without being asked for capabilities it never used.
    if task is current:
        return True
    cred, tcred = current.cred, task.real_cred
    ns = tcred.user_ns
    same_user = (
        cred.user.user_ns is tcred.user.user_ns
        and cred.uid == tcred.euid
        and cred.uid == tcred.suid
        and cred.uid == tcred.uid
        and cred.gid == tcred.egid
        and cred.gid == tcred.sgid
        and cred.gid == tcred.gid
    )
    if not same_user and not ptrace_has_cap(current, ns):
        return False
    mm = task.mm
    # Whoever has executed it may know what it has in memory, whatever namespace it has entered since (4.10).
    reader = mm.user_ns if mm is not None and user_namespace.are_later(current.kernel) else ns
    dumpable = mm.dumpable if mm is not None else 0
    if not dumpable and not ptrace_has_cap(current, reader):
        return False
    # security_ptrace_access_check: the capability module's rule.
    if cred.user_ns is ns and not tcred.cap_permitted & ~cred.cap_permitted:
        return True
    return ptrace_has_cap(current, ns)


def ptrace_traceme_allowed(current: Task) -> bool:
    """Whether current may make its parent its tracer (security_ptrace_traceme): ids do not matter, capabilities do."""
    parent = current.parent
    cred, child_cred = parent.real_cred, current.real_cred
    ns = child_cred.user_ns
    if cred.user_ns is ns and not child_cred.cap_permitted & ~cred.cap_permitted:
        return True
    return capability.has_ns_capability(parent, ns, CAP_SYS_PTRACE)


def cred_guard_mutex(task: Task) -> Mutex:
    """Return the mutex of task's process under which an exec or an attach decides by credentials, made when needed."""
    guard = task.signal.cred_guard_mutex
    if guard is None:
        guard = task.signal.cred_guard_mutex = mutex.mutex_init(task.kernel, "cred_guard_mutex")
    return guard
