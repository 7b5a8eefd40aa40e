"""Bits of Task.ptrace, what a tracer is told of (include/linux/ptrace.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

PT_PTRACED: Final = 0x1
PT_TRACESYSGOOD: Final = 0x4
PT_PTRACE_CAP: Final = 0x8  # ptracer can follow suid-exec
PT_SEIZED: Final = 0x10000

# The event in the second byte of the status that the tracer waits for.
PTRACE_EVENT_FORK: Final = 1
PTRACE_EVENT_VFORK: Final = 2
PTRACE_EVENT_CLONE: Final = 3
PTRACE_EVENT_EXEC: Final = 4
PTRACE_EVENT_STOP: Final = 7


def ptrace_reparented(child: Task) -> bool:
    """Whether another process than child's real parent traces it."""
    return child.real_parent.tgid != child.parent.tgid
