"""/proc/cmdline (fs/proc/cmdline.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("SAVED_COMMAND_LINE", "cmdline_proc_show")

SAVED_COMMAND_LINE: Final = "root=rootfs ro quiet"


def cmdline_proc_show(current: Task) -> bytes:
    """Return what a boot loader would have handed to the kernel."""
    return f"{SAVED_COMMAND_LINE}\n".encode()
