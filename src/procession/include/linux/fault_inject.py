"""Requests of the kernel to itself that are refused on purpose (include/linux/fault-inject.h, lib/fault-inject.c).

What failslab, fail_page_alloc and later kernels' fail_usercopy and /proc/PID/fail-nth do: a task that is armed with n
has its n-th request from then on refused. Few places ask: KmemCache.alloc, page_alloc, alloc_pidmap and the functions
of mm/uaccess.py. Each tests Kernel.fault_attr, which is None unless somebody injects. Which functions a refusal went
through is read from its traceback: compiled code has no stack of frames to look at, but writes tracebacks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError

if TYPE_CHECKING:
    from types import TracebackType

    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task


# What can be refused: an object of a cache, a frame, a number for a task, a load or store through a user pointer.
FAULT_KINDS: Final = ("slab", "page", "pid", "usercopy")
# Whose functions are no news in Fault.where: they are where everybody asks; and those at the foot of a stack.
_ASKED: Final = frozenset(
    {
        "procession.include.linux.fault_inject",
        "procession.include.linux.slab",
        "procession.mm.page_alloc",
        "procession.mm.slab",
        "procession.mm.uaccess",
    }
)
_BOTTOM: Final = frozenset({"procession.arch.x86.entry", "procession.arch.python.process", "procession.kernel.entry"})


class Fault:
    """A request that was refused.

    kind: one of FAULT_KINDS.  what: the cache's name, or the function of mm/uaccess.py.  comm, pid: whose request it
    was.  error: what the refusal was, as long as somebody may be dealing with it.
    """

    __slots__ = ("kind", "what", "comm", "pid", "error", "_where")  # derived

    def __init__(self, kind: str, what: str, comm: str, pid: int, error: LinuxError | None) -> None:
        self.kind: str = kind
        self.what: str = what
        self.comm: str = comm
        self.pid: int = pid
        self.error: LinuxError | None = error
        self._where: tuple[str, ...] = ()

    @property
    def where(self) -> tuple[str, ...]:
        """The kernel functions that the refusal went through, from the one that asked to the one that dealt with it."""
        return self._where if self.error is None else _functions(self.error.__traceback__)

    def settle(self) -> None:
        """Keep the names and let go of what a traceback holds: the call is over."""
        self._where = self.where
        self.error = None

    def __str__(self) -> str:
        what = self.kind if self.what == self.kind else f"{self.kind} {self.what}"
        return f"{what} in {' < '.join(self.where)}"


class FaultAttr:
    """Whom to refuse what (struct fault_attr).

    kinds: what counts as a request.  armed: how many more requests each task has until one is refused.
    hits: what was refused.  seen: requests that armed tasks have made.
    """

    __slots__ = ("_unsettled", "armed", "hits", "kinds", "seen")

    def __init__(self, kinds: tuple[str, ...] = FAULT_KINDS) -> None:
        self.kinds = kinds
        self.armed: dict[Task, int] = {}
        self.hits: list[Fault] = []
        self._unsettled: dict[Task, Fault] = {}
        self.seen = 0

    def ask(self, k: Kernel, kind: str, what: str, errno: Errno) -> None:
        """Count a request of the running task (should_fail); raises errno if it is the one to be refused."""
        if not self.armed or kind not in self.kinds:
            return
        current = k.current
        left = self.armed.get(current)
        if left is None:
            return
        self.seen += 1
        self.armed[current] = left - 1
        if left != 1:
            return
        error = LinuxError(errno, f"injected into {what}")
        fault = self._unsettled[current] = Fault(kind, what, current.comm, current.pid, error)
        self.hits.append(fault)
        raise error

    def disarm(self, task: Task) -> None:
        """Leave a task alone from now on: the call in question is over."""
        del self.armed[task]
        fault = self._unsettled.pop(task, None)
        if fault is not None:
            fault.settle()


def _functions(traceback: TracebackType | None) -> tuple[str, ...]:
    """Return the kernel functions of a traceback, innermost first, without those that only ask and those at its foot.

    A function that an exception has left twice, by a finally, stands there once.
    """
    entries: list[tuple[str, str]] = []
    while traceback is not None:
        frame = traceback.tb_frame
        entry = frame.f_globals["__name__"], frame.f_code.co_name
        if entry[0] in _BOTTOM:
            entries.clear()
        elif entry[0] not in _ASKED and entry not in entries[-1:]:
            entries.append(entry)
        traceback = traceback.tb_next
    return tuple([name for _, name in reversed(entries)])
