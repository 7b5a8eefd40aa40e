"""Work for later, and who does it (include/linux/workqueue.h, kernel/workqueue.c); functions in kernel/workqueue.py."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock

WORK_CPU_UNBOUND: Final = -1  # in the place of a CPU's number: the pool whose workers run anywhere
WQ_DFL_ACTIVE: Final = 256  # how many works of one queue may be under way at once, unless it says otherwise

WorkFunc = Callable[["Task", "WorkStruct"], Coroutine[Any, Any, None]]


class WorkStruct:
    """One thing to do: func(current, work) runs in a worker (struct work_struct).

    data: what it is about.  pending: it is queued, and was not begun.  wq: where it was queued last.
    """

    __slots__ = ("func", "data", "pending", "wq")  # derived

    def __init__(self, func: WorkFunc, data: Any = None) -> None:
        self.func: WorkFunc = func
        self.data: Any = data
        self.pending: bool = False
        self.wq: Workqueue | None = None


class Workqueue:
    """Works that belong together, of which max_active are under way at once (struct workqueue_struct and its cwqs).

    unbound: they are done by the pool without a CPU.  nr_active: how many are under way or first in line.
    delayed_works: the others, which wait for one of those to end.
    """

    __slots__ = ("name", "unbound", "max_active", "nr_active", "delayed_works")  # derived

    def __init__(self, name: str, unbound: bool, max_active: int) -> None:
        self.name: str = name
        self.unbound: bool = unbound
        self.max_active: int = max_active
        self.nr_active: int = 0
        self.delayed_works: list[WorkStruct] = []


class Worker:
    """One kworker (struct worker): id is the second number of its name, current_work what it is doing.

    last_active_ns: when it became idle.
    """

    __slots__ = ("gcwq", "id", "task", "current_work", "last_active_ns")  # derived

    def __init__(self, gcwq: GlobalCwq, id: int) -> None:
        self.gcwq: GlobalCwq = gcwq
        self.id: int = id
        self.task: Task | None = None
        self.current_work: WorkStruct | None = None
        self.last_active_ns: int = 0


class GlobalCwq:
    """The workers of one CPU, or of none (struct global_cwq): what is to be done by whichever of them is free.

    workers: by id.  idle_list: those that sleep, who became idle last at its end.  managing: one of them, or kthreadd
    for the first, is making another one.
    """

    __slots__ = ("lock", "cpu", "worklist", "workers", "idle_list", "managing")  # derived

    def __init__(self, lock: SpinLock, cpu: int) -> None:
        self.lock: SpinLock = lock
        self.cpu: int = cpu
        self.worklist: list[WorkStruct] = []
        self.workers: dict[int, Worker] = {}
        self.idle_list: list[Worker] = []
        self.managing: bool = False
