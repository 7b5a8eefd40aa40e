"""struct pid, struct upid and pid namespaces (include/linux/pid.h, pid_namespace.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.nsproxy import Ucounts, UserNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.wait import WaitQueueHead
    from procession.kernel.acct import BsdAcct


RESERVED_PIDS: Final = 300
PID_MAX_LIMIT: Final = 4 * 1024 * 1024
BITS_PER_PAGE: Final = 32768


# The roles in which a task can use a pid.
PIDTYPE_PID: Final = 0
PIDTYPE_PGID: Final = 1
PIDTYPE_SID: Final = 2
PIDTYPE_MAX: Final = 3  # their number; in a selector: none of them


class PidType(IntEnum):
    """The roles in which a task can use a pid."""

    PID = PIDTYPE_PID
    PGID = PIDTYPE_PGID
    SID = PIDTYPE_SID


class Upid:
    """A pid's number in one namespace."""

    __slots__ = ("nr", "ns")  # derived

    def __init__(self, nr: int, ns: PidNamespace) -> None:
        self.nr: int = nr
        self.ns: PidNamespace = ns


class Pid:
    """A process identifier, independent of its number (struct pid).

    tasks[type] holds the users in the order they attached; Linux's lists run newest first, so iterate reversed().
    A type nobody uses yet is None.
    """

    __slots__ = ("count", "level", "numbers", "tasks", "wait_pidfd")

    def __init__(self, level: int, numbers: list[Upid]) -> None:
        self.count = 1
        self.level = level
        self.numbers = numbers  # index = namespace level
        self.tasks: list[dict[Task, None] | None] = [None, None, None]
        self.wait_pidfd: WaitQueueHead | None = None  # who polls a descriptor of it; made with the first

    def pidfd_queue(self, k: Kernel) -> WaitQueueHead:
        """Return the queue of those who poll a descriptor of it."""
        if self.wait_pidfd is None:
            self.wait_pidfd = k.wait_queue_head("pid->wait_pidfd")
        return self.wait_pidfd

    def __repr__(self) -> str:
        return f"<pid {'/'.join(str(u.nr) for u in self.numbers)}>"


class Pidmap:
    """One page of the allocation bitmap: 32768 numbers. page is None until first use."""

    __slots__ = ("nr_free", "page")  # derived

    def __init__(self) -> None:
        self.nr_free: int = BITS_PER_PAGE
        self.page: bytearray | None = None


class PidNamespace:
    """struct pid_namespace. pids is this namespace's part of the global pid hash."""

    __slots__ = (
        "level",
        "parent",
        "count",
        "inum",
        "last_pid",
        "child_reaper",
        "pidmap",
        "pids",
        "user_ns",
        "ucounts",
        "reboot",
        "bacct",
    )  # derived

    def __init__(self, level: int, parent: PidNamespace | None) -> None:
        self.level: int = level
        self.parent: PidNamespace | None = parent
        self.count: int = 1
        self.inum: int = 0
        self.last_pid: int = 0
        self.child_reaper: Task | None = None
        self.pidmap: list[Pidmap] = []  # as far as numbers were ever looked for
        self.pids: dict[int, Pid] = {}
        self.user_ns: UserNamespace | None = None  # of whoever made it, with a reference; None for the first
        self.ucounts: Ucounts | None = None  # where it is charged; with a reference
        self.reboot: int = 0  # what its init shall seem to have died of: SIGHUP, SIGINT
        self.bacct: BsdAcct | None = None  # where the records of its processes go

    def pidmap_of(self, index: int) -> Pidmap:
        """Return a page of the bitmap."""
        pidmap = self.pidmap
        while index >= len(pidmap):
            pidmap.append(Pidmap())
        return pidmap[index]


def get_pid_ns(ns: PidNamespace) -> PidNamespace:
    """Take a reference."""
    ns.count += 1
    return ns
