"""The processes of a kernel that stands still, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import EXIT_ZOMBIE
from procession.include.linux.signal import signame
from procession.kernel import pid, sched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("ps", "signals_in")

_COLUMNS: Final = ("PID", "TID", "PPID", "PGID", "STAT", "COMMAND", "WCHAN", "CALL", "PENDING")
_NUMBERS: Final = 4  # columns that are numbers


def signals_in(mask: int) -> list[str]:
    """Return the names of the signals in a set."""
    return [signame(number) for number in range(1, 65) if mask >> number - 1 & 1]


def _tasks(k: Kernel) -> Iterator[tuple[int, Task]]:
    """Every thread with its depth in the tree, children behind their parents, oldest first."""
    stack = [(0, leader) for leader in reversed(k.tasks) if leader.real_parent not in k.tasks]
    while stack:
        depth, leader = stack.pop()
        for task in leader.signal.threads:
            yield depth, task
        children = [child for task in leader.signal.threads for child in task.children]
        stack += [(depth + 1, child) for child in reversed(children)]


def _state(p: Task) -> str:
    if p.exit_state:
        return "Z" if p.exit_state == EXIT_ZOMBIE else "X"
    running = p is p.kernel.sched.runqueues[p.cpu].curr
    return "R+" if running else sched.state_name(p.state)


def ps(k: Kernel, calls: Mapping[int, str] | None = None) -> str:
    """Return a table: who there is, whose child, in which state, asleep where, in which system call.

    calls: by thread number, what is called. R+ is running on a CPU, R waits for one.
    """
    rows = [_COLUMNS]
    for depth, p in _tasks(k):
        pending = p.pending.signal | p.signal.shared_pending.signal
        rows.append(
            (
                str(p.tgid),
                str(p.pid),
                str(p.real_parent.tgid),
                str(pid.pid_nr(pid.task_pgrp(p))),
                _state(p),
                "  " * depth + p.comm,
                p.wchan or "-",
                (calls or {}).get(p.pid, "-"),
                ",".join(signals_in(pending)) or "-",
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at < _NUMBERS else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(" ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
