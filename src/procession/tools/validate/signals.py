"""Pending signals, blocked sets, job control: what kernel/signal*.py promise."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAPPING,
    PF_DUMPCORE,
    PF_EXITING,
    PF_SIGNALED,
    SIGNAL_CLD_MASK,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_CONTINUED,
    SIGNAL_STOP_STOPPED,
    SIGNAL_UNKILLABLE,
    TASK_STOPPED_BIT,
    TIF_SIGPENDING,
    SignalStruct,
)
from procession.include.linux.signal import NSIG, SIGRTMIN, Sigpending
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("validate_jobctl", "validate_pending", "validate_sigpending", "validate_sigqueues")

_KILL_STOP: Final = 1 << 8 | 1 << 18
# On the way out, or waiting for nothing but the end of a dump, a task has no signals to look at any more.
_LEAVING: Final = PF_EXITING | PF_DUMPCORE | PF_SIGNALED
_ALL_FLAGS: Final = (
    SIGNAL_STOP_STOPPED | SIGNAL_STOP_CONTINUED | SIGNAL_GROUP_EXIT | SIGNAL_CLD_MASK | SIGNAL_UNKILLABLE
)


def validate_pending(seen: Census) -> list[str]:
    """Return which pending sets do not fit their queues, and who blocks what cannot be blocked."""
    wrong: list[str] = []
    for p in seen.tasks:
        if (p.blocked | p.real_blocked) & _KILL_STOP:
            wrong.append(f"{p!r} blocks SIGKILL or SIGSTOP: {p.blocked:#x}")
        if p.pending.signal or p.pending.list:
            _queue(p.pending, f"{p!r}", wrong)
    for sig in seen.signals:
        shared = sig.shared_pending
        if shared.signal or shared.list:
            _queue(shared, f"process {list(sig.threads)}", wrong)
    for p in seen.gone:
        if p.pending.signal or p.pending.list:
            wrong.append(f"{p!r} was released with signals pending")
    return wrong


def _queue(pending: Sigpending, whose: str, wrong: list[str]) -> None:
    """A bit may stand without an entry (forced, or too many queued), an entry not without its bit."""
    numbers = Counter([q.info.signo for q in pending.list if not q.info.is_timers()])
    for signo in dict.fromkeys(q.info.signo for q in pending.list):
        if not 0 < signo <= NSIG or not pending.signal >> (signo - 1) & 1:
            wrong.append(f"{whose}: signal {signo} is queued, but not pending")
        if signo < SIGRTMIN and numbers[signo] > 1:
            wrong.append(f"{whose}: signal {signo} is queued {numbers[signo]} times")
    if pending.signal >> NSIG:
        wrong.append(f"{whose}: pending {pending.signal:#x}")


def validate_sigpending(seen: Census) -> list[str]:
    """Return who has a signal to take and was not told: a thread its own, some thread each shared one."""
    k = seen.k
    wrong: list[str] = []
    for leader in k.tasks:
        sig = leader.signal
        # A thread that an exec ends hands nothing on, and one that is traced may be long in ending.
        shared = sig.shared_pending.signal if sig.group_exit_task is None else 0
        told = wanted = 0
        for p in sig.threads:
            if p.flags & _LEAVING:
                continue
            if p.ti_flags & TIF_SIGPENDING or p.waiting_on is sig:
                told |= ~p.blocked  # who comes out of a stop looks again without being told
            elif p.pending.signal & ~p.blocked or p.jobctl & JOBCTL_PENDING_MASK:
                wrong.append(f"{p!r} has {p.pending.signal & ~p.blocked:#x} to take, but TIF_SIGPENDING is clear")
            wanted |= ~p.blocked
        if shared & wanted & ~told:
            wrong.append(f"no thread of {leader!r} was told of {shared & wanted & ~told:#x}")
    return wrong


def validate_jobctl(seen: Census) -> list[str]:
    """Return which stops are not counted, and who is stopped without one."""
    k = seen.k
    wrong: list[str] = []
    for leader in k.tasks:
        sig = leader.signal
        if not (sig.group_stop_count or sig.flags or leader.jobctl or leader.state) and len(sig.threads) == 1:
            continue
        to_come = 0
        for p in sig.threads:
            _stop(p, sig, wrong)
            to_come += bool(p.jobctl & JOBCTL_STOP_CONSUME)
        if sig.group_stop_count != to_come:
            wrong.append(f"{leader!r}: group_stop_count {sig.group_stop_count}, threads to come {to_come}")
        if sig.flags & ~_ALL_FLAGS:
            wrong.append(f"{leader!r}: signal flags {sig.flags:#x}")
    return wrong


def _stop(p: Task, sig: SignalStruct, wrong: list[str]) -> None:
    jobctl = p.jobctl
    if jobctl & JOBCTL_STOP_CONSUME and not jobctl & JOBCTL_STOP_PENDING:
        wrong.append(f"{p!r} is counted in a stop that it is not asked for: jobctl {jobctl:#x}")
    if jobctl & JOBCTL_TRAPPING and not jobctl & JOBCTL_PENDING_MASK:
        wrong.append(f"{p!r} is trapping without a trap: jobctl {jobctl:#x}")
    if p.state & TASK_STOPPED_BIT:
        if jobctl & JOBCTL_STOP_PENDING:
            wrong.append(f"{p!r} is stopped with a stop to come: jobctl {jobctl:#x}")
        if not (sig.flags & SIGNAL_STOP_STOPPED or sig.group_stop_count):
            wrong.append(f"{p!r} is stopped, its process is not: flags {sig.flags:#x}")


def validate_sigqueues(seen: Census) -> list[str]:
    """Return which users are charged with other queue entries than there are."""
    k = seen.k
    wrong: list[str] = []
    entries = seen.sigqueues
    active = k.caches["sigqueue"].nr_active
    if active != len(entries):
        wrong.append(f"sigqueue objects: {active}, found {len(entries)}")
    charged = tally([q.user for q in entries])
    if None in charged:
        wrong.append(f"{charged[None]} queued signals are charged to nobody")
    for user in k.users.uidhash.values():
        if user.sigpending != charged.get(user, 0):
            wrong.append(f"user {user.uid}: sigpending {user.sigpending}, found {charged.get(user, 0)}")
    timers = sum([len(sig.posix_timers) for sig in seen.signals if sig.posix_timers])
    if not timers == len(k.timers.posix_timers_id) == k.caches["posix_timers_cache"].nr_active:
        wrong.append(f"posix timers: {timers}, numbers taken {len(k.timers.posix_timers_id)}")
    return wrong
