"""Freezing and thawing of tasks (kernel/freezer.c, include/linux/freezer.h; spec cgroups B1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import (
    PF_FREEZER_NOSIG,
    PF_FREEZING,
    PF_FROZEN,
    PF_NOFREEZE,
    TASK_INTERRUPTIBLE,
    TASK_STOPPED_BIT,
    TASK_TRACED_BIT,
    TASK_UNINTERRUPTIBLE,
    TIF_FREEZE,
    set_task_state,
)
from procession.kernel import sched, signal_queue

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("freeze_task", "is_task_frozen_enough", "refrigerator", "thaw_process", "try_to_freeze")


def is_task_frozen_enough(p: Task) -> bool:
    """Whether p does nothing until it is thawed: it is frozen, or stopped and will freeze when it goes on."""
    if p.flags & PF_FROZEN:
        return True
    return bool(p.state & (TASK_STOPPED_BIT | TASK_TRACED_BIT) and p.ti_flags & TIF_FREEZE)


def freeze_task(p: Task, sig_only: bool) -> bool:
    """Ask p to freeze; returns whether it will. sig_only: leave out kernel threads, which get no signals."""
    signalled = not p.flags & PF_FREEZER_NOSIG
    if not p.ti_flags & TIF_FREEZE:
        if p.flags & PF_FROZEN or (sig_only and not signalled):
            return False
        p.ti_flags |= TIF_FREEZE
    if signalled:
        assert p.sighand is not None
        with p.sighand.siglock.irq():
            signal_queue.signal_wake_up(p, resume=False)
        return True
    if sig_only:
        return False
    sched.wake_up_state(p, TASK_INTERRUPTIBLE)
    return True


def thaw_process(p: Task) -> bool:
    """Let p go on if it is frozen, or not freeze if it was about to; returns whether it was."""
    with p.alloc_lock:
        frozen = bool(p.flags & PF_FROZEN)
        if frozen:
            p.flags &= ~PF_FROZEN
        else:
            p.ti_flags &= ~TIF_FREEZE
    if frozen:
        sched.wake_up_process(p)
    return frozen


async def try_to_freeze(current: Task) -> None:
    """Freeze if somebody has asked for it."""
    if current.ti_flags & TIF_FREEZE:
        await refrigerator(current)


async def refrigerator(current: Task) -> None:
    """Sleep until thawed; no signal ends it, and it is not load."""
    with current.alloc_lock:
        if not current.flags & PF_NOFREEZE:
            current.flags |= PF_FROZEN
        current.ti_flags &= ~TIF_FREEZE
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        signal_queue.recalc_sigpending(current)  # we were sent a fake signal
    current.flags |= PF_FREEZING
    while current.flags & PF_FROZEN:
        set_task_state(current, TASK_UNINTERRUPTIBLE)
        await sched.schedule(current, "refrigerator")
    current.flags &= ~PF_FREEZING
