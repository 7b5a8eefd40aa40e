"""What the kernel's work takes (kernel/sched.c; later kernel/sched/cputime.c). Imports nothing, since all use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("account_system_time",)


def account_system_time(p: Task, ns: int) -> None:
    """Let the time pass that the kernel needs for p, the current task: so many of what hw/costs.py lists."""
    p.kernel.clock.now_ns += ns
    p.stime += ns
