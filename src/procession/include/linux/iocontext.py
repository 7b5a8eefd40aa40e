"""What tasks have of disks' time (include/linux/iocontext.h)."""

from __future__ import annotations


class IoContext:
    """struct io_context. nr_tasks: who shares it.  ioprio: class and level, as ioprio_set(2) has them.

    Differs: no refcount beside it, since no request of a disk refers to one.
    """

    __slots__ = ("nr_tasks", "ioprio")  # derived

    def __init__(self) -> None:
        self.nr_tasks: int = 1
        self.ioprio: int = 0
