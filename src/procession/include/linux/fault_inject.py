"""Requests of the kernel to itself that are refused on purpose (include/linux/fault-inject.h, lib/fault-inject.c).

What failslab, fail_page_alloc and later kernels' fail_usercopy and /proc/PID/fail-nth do: a task that is armed with n
has its n-th request from then on refused. Few places ask: KmemCache.alloc, page_alloc, alloc_pidmap and the functions
of mm/uaccess.py. Each tests Kernel.fault_attr, which is None unless somebody injects.
"""

from __future__ import annotations

from dataclasses import dataclass
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task


# What can be refused: an object of a cache, a frame, a number for a task, a load or store through a user pointer.
FAULT_KINDS: Final = ("slab", "page", "pid", "usercopy")
# Whose functions are no news in Fault.where: they are where everybody asks; and those that nobody calls.
_ASKED: Final = frozenset(
    {
        "procession.include.linux.fault_inject",
        "procession.include.linux.slab",
        "procession.mm.page_alloc",
        "procession.mm.uaccess",
    }
)
_BOTTOM: Final = frozenset({"procession.arch.x86.entry", "procession.arch.python.process", "procession.kernel.entry"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that was refused.

    kind: one of FAULT_KINDS.  what: the cache's name, or the function of mm/uaccess.py.  where: the kernel functions
    that led there, innermost first.  comm, pid: whose request it was.
    """

    kind: str
    what: str
    where: tuple[str, ...]
    comm: str
    pid: int

    def __str__(self) -> str:
        what = self.kind if self.what == self.kind else f"{self.kind} {self.what}"
        return f"{what} in {' < '.join(self.where)}"


class FaultAttr:
    """Whom to refuse what (struct fault_attr).

    kinds: what counts as a request.  armed: how many more requests each task has until one is refused.
    hits: what was refused.  seen: requests that armed tasks have made.
    """

    __slots__ = ("armed", "hits", "kinds", "seen")

    def __init__(self, kinds: tuple[str, ...] = FAULT_KINDS) -> None:
        self.kinds = kinds
        self.armed: dict[Task, int] = {}
        self.hits: list[Fault] = []
        self.seen = 0

    def should_fail(self, k: Kernel, kind: str, what: str) -> bool:
        """Count a request of the running task; returns whether it is the one to be refused."""
        if not self.armed or kind not in self.kinds:
            return False
        current = k.current
        left = self.armed.get(current)
        if left is None:
            return False
        self.seen += 1
        self.armed[current] = left - 1
        if left != 1:
            return False
        self.hits.append(Fault(kind, what, _where(), current.comm, current.pid))
        return True


def _where() -> tuple[str, ...]:
    """Return the kernel functions on the stack, innermost first, without those that only ask and those at its foot."""
    names: list[str] = []
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals["__name__"]
        if module in _BOTTOM or not module.startswith("procession."):
            break
        if module not in _ASKED:
            names.append(frame.f_code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(names)
