"""Wait queues and completions (include/linux/wait.h, completion.h); the functions are in kernel/wait.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.spinlock import SpinLock

__all__ = ("Completion", "WaitQueueEntry", "WaitQueueHead")


@dataclass(eq=False, slots=True)
class WaitQueueEntry:
    """One sleeper on one queue (wait_queue_t)."""

    task: Task
    exclusive: bool = False
    # Called by wake_up with the key; returns true if it woke somebody. None: default_wake_function.
    func: Callable[[WaitQueueEntry, int, object], bool] | None = None


@dataclass(eq=False, slots=True)
class WaitQueueHead:
    """Sleepers in wake order: non-exclusive ones newest first, then exclusive ones oldest first."""

    lock: SpinLock
    task_list: list[WaitQueueEntry] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Completion:
    """struct completion: done counts complete() calls nobody has consumed yet."""

    wait: WaitQueueHead
    done: int = 0
