"""What an ipc namespace holds (include/linux/ipc_namespace.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.fs import Vfsmount

__all__ = ("IpcNamespace",)


class IpcNamespace:
    """struct ipc_namespace. count: the nsproxies and open /proc/PID/ns/ipc files that point here."""

    __slots__ = ("count", "mq_mnt", "mq_queues_count", "mq_queues_max", "mq_msg_max", "mq_msgsize_max")  # derived

    def __init__(self, count: int = 1) -> None:
        self.count: int = count
        # POSIX message queues: mq_lock.
        self.mq_mnt: Vfsmount | None = None  # the kernel's own mount of their file system
        self.mq_queues_count: int = 0
        self.mq_queues_max: int = 256
        self.mq_msg_max: int = 10  # messages in a queue, of a user without CAP_SYS_RESOURCE; and by default
        self.mq_msgsize_max: int = 8192  # their size in bytes, likewise
