"""What an ipc namespace holds (include/linux/ipc_namespace.h)."""

from __future__ import annotations

__all__ = ("IpcNamespace",)


class IpcNamespace:
    """struct ipc_namespace. count: the nsproxies and open /proc/PID/ns/ipc files that point here."""

    __slots__ = ("count",)  # derived

    def __init__(self, count: int = 1) -> None:
        self.count: int = count
