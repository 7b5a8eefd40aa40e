"""/proc/sys/net: sockets' buffers and queues (net/core/sysctl_net_core.c, net/unix/sysctl_net_unix.c).

Differs: what counts for one network alone is there for each of them, but beside it what counts for all is shown too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procession.include.linux.cred import CAP_NET_ADMIN
from procession.kernel import capability
from procession.kernel.sysctl import CtlTable, int_table, proc_dointvec
from procession.kernel.sysctl_vm import stored_int, stored_seconds

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import NetNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("net_int_table", "net_table")


def net_int_table(get: Callable[[NetNamespace], int], put: Callable[[NetNamespace, int], None]) -> CtlTable:
    """An int of the reader's network."""

    def show(current: Task) -> bytes:
        assert current.nsproxy is not None
        return b"%d\n" % get(current.nsproxy.net_ns)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        assert current.nsproxy is not None
        net = current.nsproxy.net_ns

        def put_here(_: Kernel, value: int) -> None:
            put(net, value)

        return proc_dointvec(current, buf, count, (put_here,))

    return CtlTable(0o644, show, store, owner=_net_owner)


def _net_owner(current: Task) -> bool:
    """Whether current is root, or administrator of its network (net_ctl_permissions)."""
    assert current.nsproxy is not None
    return not current.cred.euid or capability.ns_capable(current, current.nsproxy.net_ns.user_ns, CAP_NET_ADMIN)


def _put_somaxconn(net: NetNamespace, value: int) -> None:
    net.sysctl_somaxconn = value


def _put_max_dgram_qlen(net: NetNamespace, value: int) -> None:
    net.sysctl_max_dgram_qlen = value


def _put_wmem_max(k: Kernel, value: int) -> None:
    k.net.sysctl_wmem_max = value


def _put_rmem_max(k: Kernel, value: int) -> None:
    k.net.sysctl_rmem_max = value


def _put_wmem_default(k: Kernel, value: int) -> None:
    k.net.sysctl_wmem_default = value


def _put_rmem_default(k: Kernel, value: int) -> None:
    k.net.sysctl_rmem_default = value


def _put_optmem_max(k: Kernel, value: int) -> None:
    k.net.sysctl_optmem_max = value


def net_table() -> dict[str, Any]:
    """Return /proc/sys/net."""
    return {
        "core": {
            "wmem_max": int_table(lambda k: k.net.sysctl_wmem_max, _put_wmem_max),
            "rmem_max": int_table(lambda k: k.net.sysctl_rmem_max, _put_rmem_max),
            "wmem_default": int_table(lambda k: k.net.sysctl_wmem_default, _put_wmem_default),
            "rmem_default": int_table(lambda k: k.net.sysctl_rmem_default, _put_rmem_default),
            "dev_weight": stored_int("net.core.dev_weight", 64),
            "netdev_max_backlog": stored_int("net.core.netdev_max_backlog", 1000),
            "netdev_tstamp_prequeue": stored_int("net.core.netdev_tstamp_prequeue", 1),
            "message_cost": stored_seconds("net.core.message_cost", 5),
            "message_burst": stored_int("net.core.message_burst", 10),
            "optmem_max": int_table(lambda k: k.net.sysctl_optmem_max, _put_optmem_max),
            "netdev_budget": stored_int("net.core.netdev_budget", 300),
            "warnings": stored_int("net.core.warnings", 1),
            "somaxconn": net_int_table(lambda net: net.sysctl_somaxconn, _put_somaxconn),
        },
        "unix": {"max_dgram_qlen": net_int_table(lambda net: net.sysctl_max_dgram_qlen, _put_max_dgram_qlen)},
    }
