"""/proc/interrupts (fs/proc/interrupts.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("show_interrupts",)


def show_interrupts(current: Task) -> bytes:
    """Return the heading: no device here raises an interrupt, and timers come without one."""
    cpus = range(current.kernel.nr_cpus)
    head = " " * 11 + "".join(f"CPU{cpu:<8d}" for cpu in cpus) + "\n"
    zeros = "".join(f"{0:10d} " for _ in cpus)
    return f"{head}NMI: {zeros}  Non-maskable interrupts\nLOC: {zeros}  Local timer interrupts\n".encode()
