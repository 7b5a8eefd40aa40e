"""Telling namespaces of each other's coming and going: the number of queues follows it (ipc/ipcns_notifier.c).

Differs: no memory is hot-plugged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.ipc import msg

if TYPE_CHECKING:
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.kernel import Kernel

__all__ = ("ipcns_notify", "register_ipcns_notifier", "unregister_ipcns_notifier")


def register_ipcns_notifier(k: Kernel, ns: IpcNamespace) -> None:
    """Let ns be told, unless it is already (cond_register_ipcns_notifier)."""
    k.ipc.ipcns_chain[ns] = None
    ns.auto_msgmni = 1


def unregister_ipcns_notifier(k: Kernel, ns: IpcNamespace) -> None:
    """Let ns be told no longer."""
    k.ipc.ipcns_chain.pop(ns, None)
    ns.auto_msgmni = 0


def ipcns_notify(k: Kernel) -> None:
    """There is a namespace more or less (ipcns_callback for all that want to know)."""
    for ns in k.ipc.ipcns_chain:
        msg.recompute_msgmni(k, ns)
