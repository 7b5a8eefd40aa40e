"""struct pid, struct upid and pid namespaces (include/linux/pid.h, pid_namespace.h)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "BITS_PER_PAGE",
    "PIDMAP_ENTRIES",
    "PID_MAX_LIMIT",
    "RESERVED_PIDS",
    "Pid",
    "PidNamespace",
    "PidType",
    "Pidmap",
    "Upid",
)

RESERVED_PIDS = 300
PID_MAX_LIMIT = 4 * 1024 * 1024
BITS_PER_PAGE = 32768
PIDMAP_ENTRIES = PID_MAX_LIMIT // BITS_PER_PAGE


class PidType(IntEnum):
    """The roles in which a task can use a pid."""

    PID = 0
    PGID = 1
    SID = 2


@dataclass(eq=False, slots=True)
class Upid:
    """A pid's number in one namespace."""

    nr: int
    ns: PidNamespace


class Pid:
    """A process identifier, independent of its number (struct pid).

    tasks[type] holds the users in the order they attached; Linux's lists run newest first, so iterate reversed().
    A type nobody uses yet is None.
    """

    __slots__ = ("count", "level", "numbers", "tasks")

    def __init__(self, level: int, numbers: list[Upid]) -> None:
        self.count = 1
        self.level = level
        self.numbers = numbers  # index = namespace level
        self.tasks: list[dict[Task, None] | None] = [None, None, None]

    def __repr__(self) -> str:
        return f"<pid {'/'.join(str(u.nr) for u in self.numbers)}>"


@dataclass(eq=False, slots=True)
class Pidmap:
    """One page of the allocation bitmap: 32768 numbers. page is None until first use."""

    nr_free: int = BITS_PER_PAGE
    page: bytearray | None = None


@dataclass(eq=False, slots=True)
class PidNamespace:
    """struct pid_namespace. pids is this namespace's part of the global pid hash."""

    level: int
    parent: PidNamespace | None
    count: int = 1
    last_pid: int = 0
    child_reaper: Task | None = None
    pidmap: list[Pidmap] = field(default_factory=list)
    pids: dict[int, Pid] = field(default_factory=dict)
