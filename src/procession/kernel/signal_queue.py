"""Pending sets and queues of signals, and which are blocked (the first part of kernel/signal.c; spec 10.4, 10.7).

Everything here is called with the siglock held, but for signal_pending() and what takes the lock itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.resource import RLIMIT_SIGPENDING
from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    JOBCTL_STOP_DEQUEUED,
    PF_EXITING,
    SIGNAL_UNKILLABLE,
    TASK_INTERRUPTIBLE,
    TASK_WAKEKILL,
    TIF_FREEZE,
    TIF_RESTORE_SIGMASK,
    TIF_SIGPENDING,
    assert_siglock_held,
    thread_group_empty,
    threads_from,
)
from procession.include.linux.signal import (
    DEFAULT_ACTION,
    NSIG,
    SIG_BLOCK,
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_STOP_MASK,
    SIG_SETMASK,
    SIG_UNBLOCK,
    SIGALRM,
    SYNCHRONOUS_MASK,
    KSigaction,
    Siginfo,
    Sigqueue,
)
from procession.kernel import hrtimer, sched, user
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import SignalStruct, Task
    from procession.include.linux.signal import Requeue, Sigpending

__all__ = (
    "dequeue_signal",
    "flush_itimer_signals",
    "flush_signal_handlers",
    "flush_signals",
    "flush_sigqueue",
    "ignore_signals",
    "recalc_sigpending",
    "recalc_sigpending_and_wake",
    "recalc_sigpending_tsk",
    "retarget_shared_pending",
    "rm_from_queue",
    "set_current_blocked",
    "set_restore_sigmask",
    "set_task_blocked_locked",
    "sig_handler_ignored",
    "sig_ignored",
    "signal_wake_up",
    "signals_init",
    "sigprocmask",
    "sigqueue_charge",
    "sigqueue_put",
    "unhandled_signal",
)

_IGNORE: Final = KSigaction(SIG_IGN)
_ALL_DEFAULT: Final = [DEFAULT_ACTION] * NSIG


def signals_init(k: Kernel) -> None:
    """Make the cache of queue entries, and the queue of those who attach to a stopped task."""
    slab.kmem_cache_create(k, "sigqueue", 160)
    k.bit_wait = k.wait_queue_head("bit_wait.lock")


# Is there work?


def recalc_sigpending_tsk(t: Task) -> bool:
    """Set TIF_SIGPENDING if t has something to do; it is never cleared here (spec ptrace-x86 1).

    Another thread may be between a call that is to be restarted and its way out.
    """
    if (t.pending.signal | t.signal.shared_pending.signal) & ~t.blocked or t.jobctl & JOBCTL_PENDING_MASK:
        t.ti_flags |= TIF_SIGPENDING
        return True
    return False


def recalc_sigpending_and_wake(t: Task) -> None:
    """As recalc_sigpending_tsk, for a thread that may sleep."""
    if recalc_sigpending_tsk(t):
        signal_wake_up(t, resume=False)


def recalc_sigpending(current: Task) -> None:
    """Set or clear the caller's TIF_SIGPENDING."""
    if (
        current.pending.signal | current.signal.shared_pending.signal
    ) & ~current.blocked or current.jobctl & JOBCTL_PENDING_MASK:
        current.ti_flags |= TIF_SIGPENDING
    elif not current.ti_flags & TIF_FREEZE:  # the fake signal that leads to the refrigerator stays
        current.ti_flags &= ~TIF_SIGPENDING


def signal_wake_up(t: Task, resume: bool) -> None:
    """Make t look at its signals; resume wakes it from a killable sleep or a stop as well."""
    t.ti_flags |= TIF_SIGPENDING
    state = t.state
    if state:
        mask = TASK_INTERRUPTIBLE | TASK_WAKEKILL if resume else TASK_INTERRUPTIBLE
        if state & mask:
            sched.try_to_wake_up(t, mask)


# Is it ignored?


def sig_handler_ignored(handler: int, sig: int) -> bool:
    """Whether a signal with this handler does nothing at all."""
    if handler == SIG_DFL:
        return bool(SIG_KERNEL_IGNORE_MASK >> (sig - 1) & 1)
    return handler == SIG_IGN


def unhandled_signal(tsk: Task, sig: int) -> bool:
    """Whether a fault of tsk is worth a message: nobody catches its signal, or tsk is init."""
    if tsk.kernel.init_pid_ns.child_reaper is tsk.group_leader:
        return True
    assert tsk.sighand is not None
    handler = tsk.sighand.action[sig - 1].handler
    return handler in (SIG_IGN, SIG_DFL) and not tsk.ptrace


def sig_ignored(t: Task, sig: int, from_ancestor_ns: bool) -> bool:
    """Whether a signal sent to t need not even be queued (spec 10.5)."""
    # A blocked signal is kept: its handler may have changed by the time it is unblocked.
    if (t.blocked | t.real_blocked) >> (sig - 1) & 1:
        return False
    assert t.sighand is not None
    handler = t.sighand.action[sig - 1].handler
    if handler == SIG_DFL:
        if not SIG_KERNEL_IGNORE_MASK >> (sig - 1) & 1 and (from_ancestor_ns or not t.signal.flags & SIGNAL_UNKILLABLE):
            return False
    elif handler != SIG_IGN:
        return False
    return not t.ptrace  # a tracer wants to see them all


# Queue entries.


def sigqueue_charge(t: Task, info: Siginfo, override_rlimit: bool) -> Sigqueue | None:
    """Return a queue entry charged to t's user, None if the user has too many (__sigqueue_alloc)."""
    owner = t.real_cred.user
    if not override_rlimit and owner.sigpending >= t.signal.rlim[RLIMIT_SIGPENDING][0]:
        return None
    try:
        t.kernel.caches["sigqueue"].alloc()
    except LinuxError:
        return None
    owner.sigpending += 1
    owner.count += 1
    return Sigqueue(info, owner)


def sigqueue_put(k: Kernel, q: Sigqueue) -> None:
    """Free a queue entry, unless it belongs to a timer (__sigqueue_free)."""
    if q.preallocated:
        return
    owner = q.user
    assert owner is not None
    owner.sigpending -= 1
    if owner.count > 1:
        owner.count -= 1
    else:
        user.free_uid(k, owner)
    k.caches["sigqueue"].free()


def flush_sigqueue(k: Kernel, pending: Sigpending) -> None:
    """Empty a pending set and its queue."""
    pending.signal = 0
    if pending.list:
        queue, pending.list = pending.list, []
        for q in queue:
            sigqueue_put(k, q)


def flush_signals(t: Task) -> None:
    """Throw away everything pending for t: what kernel threads do with a signal they have seen."""
    assert t.sighand is not None
    with t.sighand.siglock.irq():
        t.ti_flags &= ~TIF_SIGPENDING
        flush_sigqueue(t.kernel, t.pending)
        flush_sigqueue(t.kernel, t.signal.shared_pending)


def flush_itimer_signals(current: Task) -> None:
    """Throw away the timer signals that were meant for the program before exec."""
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        for pending in (current.pending, current.signal.shared_pending):
            if not pending.list:
                continue
            keep = [q for q in pending.list if not q.info.is_timers()]
            gone = [q for q in pending.list if q.info.is_timers()]
            pending.list = keep
            left = {q.info.signo for q in keep}
            for q in gone:
                if q.info.signo not in left:
                    pending.signal &= ~(1 << (q.info.signo - 1))
                sigqueue_put(current.kernel, q)
        recalc_sigpending(current)


def ignore_signals(t: Task) -> None:
    """Ignore everything, what is pending included: for kernel threads."""
    assert t.sighand is not None
    t.sighand.action[:] = [_IGNORE] * NSIG
    flush_signals(t)


def flush_signal_handlers(t: Task, force_default: bool) -> None:
    """Set all signals to default; ignored ones stay ignored unless forced (spec 7.6).

    sa_restorer stays: 3.2 leaks it to the next program.
    """
    assert t.sighand is not None
    action = t.sighand.action
    if action == _ALL_DEFAULT:
        return
    action[:] = [_flushed(ka, force_default) for ka in action]


def _flushed(ka: KSigaction, force_default: bool) -> KSigaction:
    ignored = ka.handler == SIG_IGN and not force_default
    if ka.restorer:
        return KSigaction(SIG_IGN if ignored else SIG_DFL, 0, ka.restorer)
    return _IGNORE if ignored else DEFAULT_ACTION


def rm_from_queue(k: Kernel, mask: int, pending: Sigpending) -> None:
    """Take the signals in mask out of a pending set."""
    if not pending.signal & mask:
        return
    pending.signal &= ~mask
    gone = [q for q in pending.list if mask >> (q.info.signo - 1) & 1]
    if gone:
        pending.list = [q for q in pending.list if not mask >> (q.info.signo - 1) & 1]
        for q in gone:
            sigqueue_put(k, q)


# Dequeueing.


def next_signal(pending: Sigpending, mask: int) -> int:
    """Return the signal to take first, 0 for none: faults before the others, then by number."""
    ready = pending.signal & ~mask
    if not ready:
        return 0
    ready = ready & SYNCHRONOUS_MASK or ready
    return (ready & -ready).bit_length()


def collect_signal(k: Kernel, sig: int, pending: Sigpending) -> tuple[Siginfo, Requeue | None]:
    """Take the oldest entry of sig off the queue; the bit stays while another is there.

    Returns its information, and whom to tell that it was taken.
    """
    queue = pending.list
    first: Sigqueue | None = None
    for q in queue:
        if q.info.signo == sig:
            if first is not None:
                break
            first = q
    else:
        pending.signal &= ~(1 << (sig - 1))
    if first is None:
        # Its information was never queued: too many entries, or a forced signal.
        return Siginfo(signo=sig), None
    queue.remove(first)
    if first.preallocated:
        return first.info.copy(), first.requeue  # the timer will use its own again
    sigqueue_put(k, first)
    return first.info, first.requeue


def dequeue_signal(current: Task, mask: int) -> Siginfo | None:
    """Take the next signal that mask does not block off the queues, the thread's own before the process's.

    Returns its information, whose signo is the signal; None if there is none.
    """
    k = current.kernel
    sig = next_signal(current.pending, mask)
    if sig:
        info, requeue = collect_signal(k, sig, current.pending)
    else:
        shared = current.signal.shared_pending
        sig = next_signal(shared, mask)
        if not sig:
            recalc_sigpending(current)
            return None
        info, requeue = collect_signal(k, sig, shared)
        if sig == SIGALRM:
            _restart_real_timer(k, current.signal)
    recalc_sigpending(current)
    if SIG_KERNEL_STOP_MASK >> (sig - 1) & 1:
        # A SIGCONT from here on takes the stop back; do_signal_stop() checks.
        current.jobctl |= JOBCTL_STOP_DEQUEUED
    if requeue is not None:
        requeue(current, info)
    return info


def _restart_real_timer(k: Kernel, sig: SignalStruct) -> None:
    """Arm a periodic ITIMER_REAL for its next period, skipping those that are over."""
    timer = sig.it_real_timer
    if timer is not None and sig.it_real_incr_ns and not timer.queued:
        hrtimer.hrtimer_forward(k, timer, sig.it_real_incr_ns)
        hrtimer.hrtimer_start(k, timer, timer.expires_ns)


# The blocked set.


def retarget_shared_pending(tsk: Task, which: int) -> None:
    """Find other threads for those shared signals in which that tsk will not take after all.

    Context: siglock held.
    """
    assert_siglock_held(tsk)
    retarget = tsk.signal.shared_pending.signal & which
    if not retarget:
        return
    for t in threads_from(tsk)[1:]:
        if t.flags & PF_EXITING or not retarget & ~t.blocked:
            continue
        retarget &= t.blocked
        if not t.ti_flags & TIF_SIGPENDING:
            signal_wake_up(t, resume=False)
        if not retarget:
            return


def set_task_blocked_locked(tsk: Task, newset: int) -> None:
    """Set the caller's blocked set, siglock held (__set_task_blocked)."""
    assert_siglock_held(tsk)
    if tsk.ti_flags & TIF_SIGPENDING and not thread_group_empty(tsk):
        retarget_shared_pending(tsk, newset & ~tsk.blocked)
    tsk.blocked = newset
    recalc_sigpending(tsk)


def set_current_blocked(current: Task, newset: int) -> None:
    """Set the caller's blocked set; KILL and STOP must not be in it."""
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        set_task_blocked_locked(current, newset)


def sigprocmask(current: Task, how: int, newset: int) -> int:
    """Change the caller's blocked set as rt_sigprocmask(2) does; returns the old one. Raises EINVAL for how."""
    old = current.blocked
    if how == SIG_BLOCK:
        newset |= old
    elif how == SIG_UNBLOCK:
        newset = old & ~newset
    elif how != SIG_SETMASK:
        raise LinuxError(Errno.EINVAL, "unknown way to change the mask")
    if newset != old or current.ti_flags & TIF_SIGPENDING:
        set_current_blocked(current, newset)
    return old


def set_restore_sigmask(current: Task) -> None:
    """Have saved_sigmask put back when the call returns, after a handler has run."""
    current.ti_flags |= TIF_RESTORE_SIGMASK | TIF_SIGPENDING
