"""/proc/cmdline (fs/proc/cmdline.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("cmdline_proc_show",)


def cmdline_proc_show(current: Task) -> bytes:
    """Return what a boot loader would have handed to the kernel."""
    return b"root=rootfs ro quiet\n"
