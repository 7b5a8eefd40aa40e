"""/proc/filesystems (fs/filesystems.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("filesystems_proc_show",)


def filesystems_proc_show(current: Task) -> bytes:
    """Return the registered types, in the order of their registration."""
    types = current.kernel.vfs.file_systems.values()
    return "".join(f"{'nodev' if fs.nodev else ''}\t{fs.name}\n" for fs in types).encode()
