"""The limits of POSIX message queues under /proc/sys/fs/mqueue (ipc/mq_sysctl.c): of the reader's ipc namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX
from procession.kernel import sysctl

if TYPE_CHECKING:
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("mq_sysctl_dir",)

MIN_MSGMAX: Final = 1
MAX_MSGMAX: Final = 65536  # HARD_MSGMAX
MIN_MSGSIZEMAX: Final = 128
MAX_MSGSIZEMAX: Final = 8192 * 128


def _get_mq(current: Task) -> IpcNamespace:
    assert current.nsproxy is not None
    return current.nsproxy.ipc_ns


def _int(
    get: Callable[[IpcNamespace], int],
    put: Callable[[IpcNamespace, int], None],
    low: int = -INT_MAX - 1,
    high: int = INT_MAX,
) -> sysctl.CtlTable:
    """A number between bounds (proc_mq_dointvec_minmax)."""

    def bounded(k: Kernel, value: int) -> None:
        if not low <= value <= high:
            raise LinuxError(Errno.EINVAL, f"{low} to {high}")
        put(_get_mq(k.current), value)

    def show(current: Task) -> bytes:
        return b"%d\n" % get(_get_mq(current))

    def store(current: Task, buf: UserPtr, count: int) -> int:
        return sysctl.proc_dointvec(current, buf, count, (bounded,))

    return sysctl.CtlTable(0o644, show, store)


def _put_queues_max(ns: IpcNamespace, value: int) -> None:
    ns.mq_queues_max = value


def _put_msg_max(ns: IpcNamespace, value: int) -> None:
    ns.mq_msg_max = value


def _put_msgsize_max(ns: IpcNamespace, value: int) -> None:
    ns.mq_msgsize_max = value


def mq_sysctl_dir() -> dict[str, Any]:
    """Return /proc/sys/fs/mqueue."""
    return {
        "queues_max": _int(lambda ns: ns.mq_queues_max, _put_queues_max),
        "msg_max": _int(lambda ns: ns.mq_msg_max, _put_msg_max, MIN_MSGMAX, MAX_MSGMAX),
        "msgsize_max": _int(lambda ns: ns.mq_msgsize_max, _put_msgsize_max, MIN_MSGSIZEMAX, MAX_MSGSIZEMAX),
    }
