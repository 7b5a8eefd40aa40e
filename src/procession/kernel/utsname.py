"""UTS namespaces: made, shared, let go (kernel/utsname.c; spec namespaces 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import CLONE_NEWUTS
from procession.kernel import ucount, user, user_namespace

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UtsNamespace

__all__ = ("copy_utsname", "put_uts_ns")


def copy_utsname(k: Kernel, flags: int, cred: Cred, ns: UtsNamespace) -> UtsNamespace:
    """Return a reference to ns, or to a copy that cred's user namespace owns if the flags ask for that.

    Raises ENOSPC, since 3.8, where the user has too many.
    """
    if flags & CLONE_NEWUTS:
        ucounts = user_namespace.charge_namespace(k, cred, ucount.MAX_UTS_NAMESPACES)
        new = ns.copy()
        new.ucounts = ucounts
        new.user_ns = user.get_user_ns(cred.user_ns)
        new.count = 1
        return new
    ns.count += 1
    return ns


def put_uts_ns(k: Kernel, ns: UtsNamespace) -> None:
    """Drop a reference; the last one lets its owner go."""
    ns.count -= 1
    if not ns.count:
        ucount.dec_ucount(k, ns.ucounts, ucount.MAX_UTS_NAMESPACES)
        user.put_user_ns(k, ns.user_ns)
