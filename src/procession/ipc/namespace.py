"""ipc namespaces: made, shared, let go (ipc/namespace.c, init_ipc_ns of msgutil.c; spec 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.ipc_namespace import IpcNamespace
from procession.include.linux.sched import CLONE_NEWIPC
from procession.kernel import user

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("copy_ipcs", "ipc_ns_init", "put_ipc_ns")


def ipc_ns_init(k: Kernel) -> None:
    """Make the first one."""
    k.init_ipc_ns = create_ipc_ns(k)


def create_ipc_ns(k: Kernel) -> IpcNamespace:
    """Return a new one, with one reference."""
    return IpcNamespace()


def copy_ipcs(k: Kernel, flags: int, tsk: Task, ns: IpcNamespace) -> IpcNamespace:
    """Return a reference to ns, or to a new one that tsk's user namespace owns if the flags ask for that."""
    if flags & CLONE_NEWIPC:
        new = create_ipc_ns(k)
        new.user_ns = user.get_user_ns(tsk.cred.user.user_ns)
        return new
    ns.count += 1
    return ns


def put_ipc_ns(k: Kernel, ns: IpcNamespace) -> None:
    """Drop a reference; the last one takes all objects along."""
    ns.count -= 1
    if not ns.count:
        user.put_user_ns(k, ns.user_ns)
