"""The end of a run after so much of the host's time, and what was going on then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from procession.arch.x86.syscall_table import SYSCALL_NAMES
from procession.include.linux.sched import PF_KTHREAD, TASK_STOPPED, TASK_TRACED

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.include.linux.sched import Task

__all__ = ("parse_time", "what_ran")

# As GNU timeout's, and milliseconds.
_UNITS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
_TIME: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|)", re.ASCII)
_MOST: Final = 8  # who is named


def parse_time(text: str) -> float:
    """Return how many seconds `500ms`, `10s`, `10`, `2m` or `1.5h` are; raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text}: not a time like 500ms, 10s, 2m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def what_ran(machine: Machine) -> str:
    """Return in one line which threads there are and what each is doing; the machine need not have been shut down."""
    program = machine.kernel.init_program
    threads = [
        t
        for leader in machine.tasks
        if not leader.flags & PF_KTHREAD and (leader.pid != 1 or (program is not None and program.as_init))
        for t in leader.signal.threads
        if not t.exit_state
    ]
    if not threads:
        return "nothing yet"
    named = [f"{t.comm}:{t.pid} {_doing(t)}" for t in threads[:_MOST]]
    if len(threads) > _MOST:
        named.append(f"{len(threads) - _MOST} more")
    return ", ".join(named)


def _doing(t: Task) -> str:
    if t.state & (TASK_STOPPED | TASK_TRACED):
        return "stopped"
    if t.state == 0:
        return "running"
    name = SYSCALL_NAMES.get(t.thread.syscall_nr())
    return f"in {name}" if name else "asleep"
