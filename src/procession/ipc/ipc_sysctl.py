"""The tunables of an ipc namespace, in /proc/sys/kernel (ipc/ipc_sysctl.c): those of whoever reads or writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from procession.include.linux.errno import Errno, LinuxError
from procession.ipc import ipcns_notifier, msg, shm, util
from procession.kernel import sysctl

if TYPE_CHECKING:
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("ipc_kern_table",)


class _Field(NamedTuple):
    """A value of a namespace."""

    get: Callable[[IpcNamespace], int]
    put: Callable[[IpcNamespace, int], None]


def _put(field: _Field, low: int | None = None, high: int = 0) -> sysctl.PutInt:
    """Return what stores a value, of the bounds low and high if there are any; it raises EINVAL."""

    def put(k: Kernel, value: int) -> None:
        if low is not None and not low <= value <= high:
            raise LinuxError(Errno.EINVAL, f"{low} to {high}")
        field.put(util.ipcns(k.current), value)

    return put


def _show(field: _Field) -> Callable[[Task], bytes]:
    return lambda current: b"%d\n" % field.get(util.ipcns(current))


def _int(field: _Field) -> sysctl.CtlTable:
    """An int (proc_ipc_dointvec)."""

    def store(current: Task, buf: UserPtr, count: int) -> int:
        return sysctl.proc_dointvec(current, buf, count, (_put(field),))

    return sysctl.CtlTable(0o644, _show(field), store)


def _ulong(field: _Field) -> sysctl.CtlTable:
    """An unsigned long (proc_ipc_doulongvec_minmax)."""

    def store(current: Task, buf: UserPtr, count: int) -> int:
        return sysctl.proc_doulongvec_minmax(current, buf, count, _put(field))

    return sysctl.CtlTable(0o644, _show(field), store)


def _put_shmmax(ns: IpcNamespace, value: int) -> None:
    ns.shm_ctlmax = value


def _put_shmall(ns: IpcNamespace, value: int) -> None:
    ns.shm_ctlall = value


def _put_shmmni(ns: IpcNamespace, value: int) -> None:
    ns.shm_ctlmni = value


def _put_shm_rmid_forced(ns: IpcNamespace, value: int) -> None:
    ns.shm_rmid_forced = value


def _put_msgmax(ns: IpcNamespace, value: int) -> None:
    ns.msg_ctlmax = value


def _put_msgmnb(ns: IpcNamespace, value: int) -> None:
    ns.msg_ctlmnb = value


def _put_msgmni(ns: IpcNamespace, value: int) -> None:
    ns.msg_ctlmni = value


def _put_auto_msgmni(ns: IpcNamespace, value: int) -> None:
    ns.auto_msgmni = value


_SHM_RMID_FORCED: Final = _Field(lambda ns: ns.shm_rmid_forced, _put_shm_rmid_forced)
_MSGMNI: Final = _Field(lambda ns: ns.msg_ctlmni, _put_msgmni)
_AUTO_MSGMNI: Final = _Field(lambda ns: ns.auto_msgmni, _put_auto_msgmni)


def _destroy_orphans(current: Task) -> None:
    """Whoever reads or writes shm_rmid_forced while it is 1 sweeps (proc_ipc_dointvec_minmax_orphans)."""
    ns = util.ipcns(current)
    if ns.shm_rmid_forced:
        shm.shm_destroy_orphaned(current.kernel, ns)


def _show_shm_rmid_forced(current: Task) -> bytes:
    text = _show(_SHM_RMID_FORCED)(current)
    _destroy_orphans(current)
    return text


def _store_shm_rmid_forced(current: Task, buf: UserPtr, count: int) -> int:
    taken = sysctl.proc_dointvec(current, buf, count, (_put(_SHM_RMID_FORCED, 0, 1),))
    _destroy_orphans(current)
    return taken


def _store_msgmni(current: Task, buf: UserPtr, count: int) -> int:
    """Set it by hand: nothing else does from now on (proc_ipc_callback_dointvec)."""
    taken = sysctl.proc_dointvec(current, buf, count, (_put(_MSGMNI),))
    if taken == count:
        ipcns_notifier.unregister_ipcns_notifier(current.kernel, util.ipcns(current))
    return taken


def _store_auto_msgmni(current: Task, buf: UserPtr, count: int) -> int:
    """Have msgmni follow the number of namespaces, or not (proc_ipcauto_dointvec_minmax).

    If more stands behind the number than it takes, the file says it, and nothing else changes.
    """
    k = current.kernel
    ns = util.ipcns(current)
    old = ns.auto_msgmni
    taken = sysctl.proc_dointvec(current, buf, count, (_put(_AUTO_MSGMNI, 0, 1),))
    if taken == count and ns.auto_msgmni != old:
        if ns.auto_msgmni:
            msg.recompute_msgmni(k, ns)
            ipcns_notifier.register_ipcns_notifier(k, ns)
        else:
            ipcns_notifier.unregister_ipcns_notifier(k, ns)
    return taken


def _show_sem(current: Task) -> bytes:
    return b"%d\t%d\t%d\t%d\n" % tuple(util.ipcns(current).sem_ctls)


def _put_sem(index: int) -> sysctl.PutInt:
    def put(k: Kernel, value: int) -> None:
        util.ipcns(k.current).sem_ctls[index] = value

    return put


def _store_sem(current: Task, buf: UserPtr, count: int) -> int:
    return sysctl.proc_dointvec(current, buf, count, [_put_sem(index) for index in range(4)])


def ipc_kern_table() -> dict[str, Any]:
    """Return what /proc/sys/kernel has of an ipc namespace."""
    return {
        "shmmax": _ulong(_Field(lambda ns: ns.shm_ctlmax, _put_shmmax)),
        "shmall": _ulong(_Field(lambda ns: ns.shm_ctlall, _put_shmall)),
        "shmmni": _int(_Field(lambda ns: ns.shm_ctlmni, _put_shmmni)),
        "shm_rmid_forced": sysctl.CtlTable(0o644, _show_shm_rmid_forced, _store_shm_rmid_forced),
        "msgmax": _int(_Field(lambda ns: ns.msg_ctlmax, _put_msgmax)),
        "msgmni": sysctl.CtlTable(0o644, _show(_MSGMNI), _store_msgmni),
        "msgmnb": _int(_Field(lambda ns: ns.msg_ctlmnb, _put_msgmnb)),
        "sem": sysctl.CtlTable(0o644, _show_sem, _store_sem),
        "auto_msgmni": sysctl.CtlTable(0o644, _show(_AUTO_MSGMNI), _store_auto_msgmni),
    }
