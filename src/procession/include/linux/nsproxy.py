"""Namespaces of a task (include/linux/nsproxy.h, utsname.h)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import MntNamespace
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task, UserStruct


@dataclass(eq=False, slots=True)
class UserNamespace:
    """struct user_namespace: in 3.2 a label on user_structs, little more."""

    serial: int = 0  # Ours: a stable key, the first namespace is 0
    count: int = 1
    creator: UserStruct | None = None  # with a reference; None for the first


@dataclass(eq=False, slots=True)
class UtsNamespace:
    """struct uts_namespace."""

    sysname: str = "Linux"
    nodename: str = "procession"
    release: str = "3.2.0"
    version: str = "#1 SMP"
    machine: str = "x86_64"
    domainname: str = "(none)"
    count: int = 1


@dataclass(eq=False, slots=True)
class IpcNamespace:
    """struct ipc_namespace."""

    count: int = 1


@dataclass(eq=False, slots=True)
class NetNamespace:
    """struct net."""

    count: int = 1


@dataclass(eq=False, slots=True)
class Nsproxy:
    """struct nsproxy; count is the number of tasks that point here."""

    uts_ns: UtsNamespace
    ipc_ns: IpcNamespace
    mnt_ns: MntNamespace
    pid_ns: PidNamespace
    net_ns: NetNamespace
    count: int = 1


def utsname(current: Task) -> UtsNamespace:
    """Return the names of the system as current sees them."""
    assert current.nsproxy is not None
    return current.nsproxy.uts_ns
