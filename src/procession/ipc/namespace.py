"""ipc namespaces: made, shared, let go (ipc/namespace.c, init_ipc_ns of msgutil.c; spec 13)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from procession.include.linux.ipc_namespace import IPC_MSG_IDS, IPC_SEM_IDS, IPC_SHM_IDS, IpcNamespace
from procession.include.linux.sched import CLONE_NEWIPC
from procession.include.linux.undo import Undo
from procession.ipc import ipcns_notifier, mqueue, msg, sem, shm, util
from procession.kernel import ucount, user, user_namespace
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.cred import Cred
    from procession.include.linux.ipc import KernIpcPerm
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import UserNamespace

__all__ = ("copy_ipcs", "ipc_ns_init", "put_ipc_ns")


def ipc_ns_init(k: Kernel) -> None:
    """Make the first one, and what its objects are made of."""
    slab.kmem_cache_create(k, "ipc_namespace", 1024)
    sem.sem_init(k)
    msg.msg_init(k)
    shm.shm_init(k)
    k.init_ipc_ns = _new_ipc_ns(k, k.users.init_user_ns)


def _new_ipc_ns(k: Kernel, user_ns: UserNamespace) -> IpcNamespace:
    ns = IpcNamespace(user_ns, (util.ipc_init_ids(k), util.ipc_init_ids(k), util.ipc_init_ids(k)))
    user_ns.count += 1
    msg.recompute_msgmni(k, ns)
    ipcns_notifier.ipcns_notify(k)
    ipcns_notifier.register_ipcns_notifier(k, ns)
    k.ipc.namespaces[ns] = None
    return ns


def create_ipc_ns(k: Kernel, cred: Cred) -> IpcNamespace:
    """Return a new one, with one reference, that cred's user namespace owns; raises ENOMEM, ENOSPC."""
    ucounts = user_namespace.charge_namespace(k, cred, ucount.MAX_IPC_NAMESPACES)
    with Undo() as undo:
        undo.push((ucount.dec_ucount, k, ucounts, ucount.MAX_IPC_NAMESPACES))
        k.caches["ipc_namespace"].alloc()
    k.ipc.nr_ipc_ns += 1
    ns = _new_ipc_ns(k, cred.user_ns)
    ns.ucounts = ucounts
    mqueue.mq_init_ns(k, ns)
    return ns


def copy_ipcs(k: Kernel, flags: int, cred: Cred, ns: IpcNamespace) -> IpcNamespace:
    """Return a reference to ns, or to a new one if the flags ask for that; raises ENOMEM, ENOSPC."""
    if flags & CLONE_NEWIPC:
        return create_ipc_ns(k, cred)
    ns.count += 1
    return ns


def put_ipc_ns(k: Kernel, ns: IpcNamespace) -> None:
    """Drop a reference; the last one takes all objects along."""
    ns.count -= 1
    if not ns.count:
        mqueue.mq_clear_sbinfo(ns)
        mqueue.mq_put_mnt(ns)
        free_ipc_ns(k, ns)


def free_ipcs(
    k: Kernel, ns: IpcNamespace, which: int, free: Callable[[Kernel, IpcNamespace, KernIpcPerm], None]
) -> None:
    """Free all objects of a kind, by index."""
    ids = ns.ids[which]
    with ids.rw_mutex.write():
        for ipcp in list(ids.ipcs):
            if ipcp is not None:
                free(k, ns, ipcp)


def free_ipc_ns(k: Kernel, ns: IpcNamespace) -> None:
    """Free all objects, and let the other namespaces have more queues."""
    ipcns_notifier.unregister_ipcns_notifier(k, ns)
    free_ipcs(k, ns, IPC_SEM_IDS, sem.freeary)
    free_ipcs(k, ns, IPC_MSG_IDS, msg.freeque)
    free_ipcs(k, ns, IPC_SHM_IDS, shm.do_shm_rmid)  # none is attached: that would hold ns
    k.caches["ipc_namespace"].free()
    del k.ipc.namespaces[ns]
    k.ipc.nr_ipc_ns -= 1
    ipcns_notifier.ipcns_notify(k)
    ucount.dec_ucount(k, ns.ucounts, ucount.MAX_IPC_NAMESPACES)
    user.put_user_ns(k, ns.user_ns)
