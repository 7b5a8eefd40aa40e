"""What tasks sleep for, and how long, counted by where they sleep (kernel/latencytop.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.latencytop import LatencyRecord
from procession.include.linux.sched import TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE
from procession.kernel import stacktrace

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("account_scheduler_latency", "clear_all_latency_tracing", "clear_global_latency_tracing")

MAXLR: Final = 128  # records of the machine
LT_SAVECOUNT: Final = 32  # and of a task
LT_BACKTRACEDEPTH: Final = 12
_USER_REQUESTED_US: Final = 5000


def clear_all_latency_tracing(p: Task) -> None:
    """Forget what p has slept for."""
    p.latency_record = None


def clear_global_latency_tracing(k: Kernel) -> None:
    """Forget what all have slept for."""
    k.latency_record.clear()


def account_scheduler_latency(tsk: Task, slept_ns: int, state: int) -> None:
    """Count a sleep that ends, in a state that is not yet another (enqueue_sleeper).

    A long interruptible one is left out: somebody has asked for that.
    """
    usecs = slept_ns >> 10
    if not state & (TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE) or usecs <= 0:
        return
    if state & TASK_INTERRUPTIBLE and usecs > _USER_REQUESTED_US:
        return
    backtrace = tuple(stacktrace.save_stack_trace_tsk(tsk)[:LT_BACKTRACEDEPTH])
    # Kernel threads are not the machine's concern.
    if tsk.mm is not None:
        _account(tsk.kernel.latency_record, MAXLR - 1, backtrace, usecs)
    if tsk.latency_record is None:
        tsk.latency_record = []
    _account(tsk.latency_record, LT_SAVECOUNT, backtrace, usecs)


def _account(records: list[LatencyRecord], room: int, backtrace: tuple[str, ...], usecs: int) -> None:
    for record in records:
        if record.backtrace == backtrace:
            record.count += 1
            record.time_us += usecs
            record.max_us = max(record.max_us, usecs)
            return
    if len(records) < room:
        records.append(LatencyRecord(backtrace, 1, usecs, usecs))
