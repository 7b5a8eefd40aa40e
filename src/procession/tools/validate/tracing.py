"""Tracers and tracees: what kernel/ptrace.py and the tracer's stops promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.ptrace import (
    PT_EVENT_FLAG,
    PT_PTRACE_CAP,
    PT_PTRACED,
    PT_SEIZED,
    PT_TRACE_MASK,
    PTRACE_EVENT_SECCOMP,
    PTRACE_EVENT_STOP,
)
from procession.include.linux.sched import (
    JOBCTL_LISTENING,
    JOBCTL_TRAP_MASK,
    JOBCTL_TRAP_NOTIFY,
    JOBCTL_TRAPPING,
    TASK_STOPPED_BIT,
    TASK_TRACED_BIT,
)
from procession.tools.validate.census import Census

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("validate_tracing",)

_ALL_FLAGS: Final = PT_PTRACED | PT_TRACE_MASK | PT_PTRACE_CAP | PT_SEIZED | PT_EVENT_FLAG(PTRACE_EVENT_SECCOMP)


def validate_tracing(seen: Census) -> list[str]:
    """Return where tracers and tracees disagree, and who is in a stop that nobody can end."""
    wrong: list[str] = []
    for p in seen.hashed:
        if p.ptraced:
            for tracee in p.ptraced:
                if not tracee.ptrace or tracee.parent is not p:
                    wrong.append(f"{tracee!r} is on the list of {p!r}, which does not trace it: {tracee.ptrace:#x}")
        if p.ptrace:
            _tracee(p, wrong)
        elif p.state & TASK_TRACED_BIT:
            wrong.append(f"{p!r} has stopped for a tracer that it does not have")
        elif p.jobctl & (JOBCTL_TRAP_MASK | JOBCTL_TRAPPING):
            wrong.append(f"{p!r} is to trap for a tracer that it does not have: jobctl {p.jobctl:#x}")
        # A siginfo is there from the beginning of a stop to its end; between the two the task may be frozen.
        if p.last_siginfo is not None and p.wchan not in ("ptrace_stop", "refrigerator"):
            wrong.append(f"{p!r} has the siginfo of a stop that it is not in")
        elif p.state & TASK_TRACED_BIT and p.wchan != "ptrace_stop":
            wrong.append(f"{p!r} has stopped for its tracer in {p.wchan or 'user mode'}")
    wrong += [f"{p!r} was released and is still traced" for p in seen.gone if p.ptrace]
    return wrong


def _tracee(p: Task, wrong: list[str]) -> None:
    """Check one whom somebody traces."""
    tracer, jobctl = p.parent, p.jobctl
    if not p.ptrace & PT_PTRACED or p.ptrace & ~_ALL_FLAGS:
        wrong.append(f"{p!r}: ptrace flags {p.ptrace:#x}")
    if not tracer.ptraced or p not in tracer.ptraced:
        wrong.append(f"{p!r} is not on the list of its tracer {tracer!r}")
    if tracer.exit_state:
        wrong.append(f"{p!r} is traced by {tracer!r}, which is dead")
    if p.state & TASK_STOPPED_BIT:
        wrong.append(f"{p!r} has stopped for its process and not for its tracer")
    if jobctl & JOBCTL_TRAPPING and tracer.wchan != "ptrace_trapping_sleep_fn":
        wrong.append(f"{p!r} is on its way to a trap for which {tracer!r} does not wait: jobctl {jobctl:#x}")
    if jobctl & (JOBCTL_TRAP_NOTIFY | JOBCTL_LISTENING) and not p.ptrace & PT_SEIZED:
        wrong.append(f"{p!r} is not seized: jobctl {jobctl:#x}")
    if jobctl & JOBCTL_LISTENING and (p.last_siginfo is None or p.last_siginfo.code >> 8 != PTRACE_EVENT_STOP):
        wrong.append(f"{p!r} listens outside of the stop of its group: jobctl {jobctl:#x}")
