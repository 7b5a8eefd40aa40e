"""What job control asks a thread to do: the bits of Task.jobctl (a part of kernel/signal.c; spec 10.9).

Everything here is called with the siglock held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug_on
from procession.include.linux.ptrace import PT_SEIZED
from procession.include.linux.sched import (
    JOBCTL_LISTENING,
    JOBCTL_PENDING_MASK,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_DEQUEUED,
    JOBCTL_STOP_PENDING,
    JOBCTL_STOP_SIGMASK,
    JOBCTL_TRAP_NOTIFY,
    JOBCTL_TRAPPING,
    PF_EXITING,
    SIGNAL_STOP_STOPPED,
    fatal_signal_pending,
)
from procession.kernel import signal_queue, wait

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "ptrace_trap_notify",
    "task_clear_jobctl_pending",
    "task_clear_jobctl_trapping",
    "task_participate_group_stop",
    "task_set_jobctl_pending",
)


def task_set_jobctl_pending(p: Task, mask: int) -> bool:
    """Ask p to stop or trap; returns False if it is dying."""
    bug_on(bool(mask & JOBCTL_TRAPPING and not mask & JOBCTL_PENDING_MASK), "TRAPPING without a trap", p)
    if p.flags & PF_EXITING or fatal_signal_pending(p):
        return False
    if mask & JOBCTL_STOP_SIGMASK:
        p.jobctl &= ~JOBCTL_STOP_SIGMASK
    p.jobctl |= mask
    return True


def task_clear_jobctl_trapping(p: Task) -> None:
    """Say that p has reached the trap its tracer waits for, in ptrace_attach()."""
    if p.jobctl & JOBCTL_TRAPPING:
        p.jobctl &= ~JOBCTL_TRAPPING
        wait.wake_up(p.kernel.bit_wait)


def task_clear_jobctl_pending(p: Task, mask: int) -> None:
    """Take back what p was asked to do."""
    jobctl = p.jobctl
    if not jobctl:
        return
    if mask & JOBCTL_STOP_PENDING:
        mask |= JOBCTL_STOP_CONSUME | JOBCTL_STOP_DEQUEUED
    p.jobctl = jobctl & ~mask
    if not p.jobctl & JOBCTL_PENDING_MASK:
        task_clear_jobctl_trapping(p)


def task_participate_group_stop(p: Task) -> bool:
    """Count p as stopped; returns True if it completes a fresh stop, which the parent must hear of."""
    sig = p.signal
    consume = p.jobctl & JOBCTL_STOP_CONSUME
    task_clear_jobctl_pending(p, JOBCTL_STOP_PENDING)
    if not consume:
        return False
    if sig.group_stop_count:
        sig.group_stop_count -= 1
    if not sig.group_stop_count and not sig.flags & SIGNAL_STOP_STOPPED:
        sig.flags = SIGNAL_STOP_STOPPED  # assigned: other flags are lost, as in 3.2
        return True
    return False


def ptrace_trap_notify(t: Task) -> None:
    """Let a seized tracee report that its job-control state has changed."""
    bug_on(not t.ptrace & PT_SEIZED, "notify trap of a task that is not seized", t)
    task_set_jobctl_pending(t, JOBCTL_TRAP_NOTIFY)
    signal_queue.signal_wake_up(t, resume=bool(t.jobctl & JOBCTL_LISTENING))
