"""UTS namespaces: made, shared, let go (kernel/utsname.c; spec namespaces 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import CLONE_NEWUTS
from procession.kernel import user

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UtsNamespace
    from procession.include.linux.sched import Task

__all__ = ("copy_utsname", "put_uts_ns")


def copy_utsname(flags: int, tsk: Task, ns: UtsNamespace) -> UtsNamespace:
    """Return a reference to ns, or to a copy that tsk's user namespace owns if the flags ask for that."""
    if flags & CLONE_NEWUTS:
        new = ns.copy()
        new.user_ns = user.get_user_ns(tsk.cred.user.user_ns)
        new.count = 1
        return new
    ns.count += 1
    return ns


def put_uts_ns(k: Kernel, ns: UtsNamespace) -> None:
    """Drop a reference; the last one lets its owner go."""
    ns.count -= 1
    if not ns.count:
        user.put_user_ns(k, ns.user_ns)
