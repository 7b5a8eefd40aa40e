"""/proc/interrupts (fs/proc/interrupts.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("show_interrupts",)

_ROWS: Final = (
    ("NMI", "Non-maskable interrupts"),
    ("LOC", "Local timer interrupts"),
    ("SPU", "Spurious interrupts"),
    ("PMI", "Performance monitoring interrupts"),
    ("IWI", "IRQ work interrupts"),
    ("RES", "Rescheduling interrupts"),
    ("CAL", "Function call interrupts"),
    ("TLB", "TLB shootdowns"),
)


def show_interrupts(current: Task) -> bytes:
    """Return the CPUs' own rows: no device here raises an interrupt, and timers come without one."""
    cpus = range(current.kernel.nr_cpus)
    zeros = "".join([f"{0:10d} " for _ in cpus])
    lines = [" " * 11 + "".join([f"CPU{cpu:<8d}" for cpu in cpus]) + "\n"]
    lines += [f"{name}: {zeros}  {text}\n" for name, text in _ROWS]
    lines += [f"{name}: {0:10d}\n" for name in ("ERR", "MIS")]
    return "".join(lines).encode()
