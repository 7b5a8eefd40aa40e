"""How many namespaces and processes each user of each user namespace has (kernel/ucount.c as of 6.18).

What a user of a namespace has is charged to whoever made the namespace as well, and so on up. Only where user
namespaces are as since 3.8. Who holds a Ucounts holds its namespace too.

Differs: of what is limited per user, only processes and namespaces are counted per namespace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX
from procession.include.linux.nsproxy import Ucounts

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace

__all__ = (
    "alloc_ucounts",
    "dec_rlimit_nproc",
    "dec_ucount",
    "inc_rlimit_nproc",
    "inc_ucount",
    "is_nproc_overlimit",
    "put_ucounts",
    "ucount_max",
)

MAX_USER_NAMESPACES: Final = "max_user_namespaces"
MAX_PID_NAMESPACES: Final = "max_pid_namespaces"
MAX_UTS_NAMESPACES: Final = "max_uts_namespaces"
MAX_IPC_NAMESPACES: Final = "max_ipc_namespaces"
MAX_NET_NAMESPACES: Final = "max_net_namespaces"
MAX_MNT_NAMESPACES: Final = "max_mnt_namespaces"
KINDS: Final = (
    MAX_USER_NAMESPACES,
    MAX_PID_NAMESPACES,
    MAX_UTS_NAMESPACES,
    MAX_IPC_NAMESPACES,
    MAX_NET_NAMESPACES,
    MAX_MNT_NAMESPACES,
)


def alloc_ucounts(k: Kernel, ns: UserNamespace, uid: int) -> Ucounts:
    """Return what a user has of ns, with a reference."""
    key = (ns.serial, uid)
    ucounts = k.users.ucounts.get(key)
    if ucounts is None:
        ucounts = k.users.ucounts[key] = Ucounts(ns, uid)
    else:
        ucounts.count += 1
    return ucounts


def put_ucounts(k: Kernel, ucounts: Ucounts | None) -> None:
    """Drop a reference; without one there is nothing to count."""
    if ucounts is None:
        return
    ucounts.count -= 1
    if not ucounts.count:
        del k.users.ucounts[ucounts.ns.serial, ucounts.uid]


def ucount_max(k: Kernel, ns: UserNamespace, kind: str) -> int:
    """Return how many namespaces of a kind one user may have in ns: half as many as there may be tasks, at first."""
    return ns.ucount_max.get(kind, INT_MAX if ns.level else k.max_threads // 2)


def inc_ucount(k: Kernel, ns: UserNamespace, uid: int, kind: str) -> Ucounts:
    """Charge a user of ns, and all makers above, with a namespace; returns where. Raises ENOSPC if one has too many."""
    ucounts = alloc_ucounts(k, ns, uid)
    charged: list[Ucounts] = []
    at: Ucounts | None = ucounts
    while at is not None:
        if at.namespaces.get(kind, 0) >= ucount_max(k, at.ns, kind):
            for before in charged:
                before.namespaces[kind] -= 1
            put_ucounts(k, ucounts)
            raise LinuxError(Errno.ENOSPC, kind)
        at.namespaces[kind] = at.namespaces.get(kind, 0) + 1
        charged.append(at)
        at = at.ns.ucounts
    return ucounts


def dec_ucount(k: Kernel, ucounts: Ucounts | None, kind: str) -> None:
    """A namespace that was charged is gone."""
    at = ucounts
    while at is not None:
        at.namespaces[kind] -= 1
        at = at.ns.ucounts
    put_ucounts(k, ucounts)


def inc_rlimit_nproc(cred: Cred) -> None:
    """A process more has these credentials."""
    cred.user.processes += 1
    at = cred.ucounts
    while at is not None:
        at.processes += 1
        at = at.ns.ucounts


def dec_rlimit_nproc(cred: Cred) -> None:
    """A process less has these credentials."""
    cred.user.processes -= 1
    at = cred.ucounts
    while at is not None:
        at.processes -= 1
        at = at.ns.ucounts


def is_nproc_overlimit(cred: Cred, limit: int, more: int = 0) -> bool:
    """Whether a user has more than limit processes, or a maker of a namespace more than he could have at that time.

    more: those that come on top. In 3.2 only the user counts.
    """
    at = cred.ucounts
    if at is None:
        return cred.user.processes + more > limit
    while at is not None:
        if at.processes + more > limit:
            return True
        limit = at.ns.nproc_max
        at = at.ns.ucounts
    return False
