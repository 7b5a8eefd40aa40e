"""What an ipc namespace holds (include/linux/ipc_namespace.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.nsproxy import UserNamespace

__all__ = ("IpcNamespace",)


class IpcNamespace:
    """struct ipc_namespace. count: the nsproxies and open /proc/PID/ns/ipc files that point here."""

    __slots__ = ("count", "user_ns")  # derived

    def __init__(self, count: int = 1) -> None:
        self.count: int = count
        self.user_ns: UserNamespace | None = None  # of whoever made it, with a reference; None for the first
