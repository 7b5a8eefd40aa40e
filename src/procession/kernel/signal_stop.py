"""Job-control stops and the tracer's stops (a part of kernel/signal.c; spec 10.9, 14.3).

In 3.2 these functions are entered with the siglock held and drop it to sleep. Here they take it themselves: nothing
can come between, since only an `await` lets another task in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug_on
from procession.include.linux.ptrace import PT_SEIZED, PTRACE_EVENT_STOP, ptrace_reparented
from procession.include.linux.sched import (
    JOBCTL_LISTENING,
    JOBCTL_STOP_CONSUME,
    JOBCTL_STOP_DEQUEUED,
    JOBCTL_STOP_PENDING,
    JOBCTL_STOP_SIGMASK,
    JOBCTL_TRAP_NOTIFY,
    JOBCTL_TRAP_STOP,
    SIGNAL_CLD_CONTINUED,
    SIGNAL_CLD_MASK,
    SIGNAL_STOP_STOPPED,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_STOPPED_BIT,
    TASK_TRACED,
    set_task_state,
    signal_group_exit,
    threads_from,
)
from procession.include.linux.signal import CLD_CONTINUED, CLD_STOPPED, CLD_TRAPPED, SIGTRAP, Siginfo
from procession.include.linux.uidgid import uid_here
from procession.include.linux.wait import WTERMSIG_MASK
from procession.kernel import freezer, pid, sched, signal_jobctl, signal_notify, signal_queue, signal_send

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("do_jobctl_trap", "do_signal_stop", "ptrace_notify", "ptrace_signal", "report_jobctl")


def report_jobctl(current: Task) -> None:
    """Deliver the notice of a continuation, or of a stop that it cut short, which SIGCONT left to us."""
    sig = current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        why = CLD_CONTINUED if sig.flags & SIGNAL_CLD_CONTINUED else CLD_STOPPED
        sig.flags &= ~SIGNAL_CLD_MASK
    # If the leader is traced by somebody else, both hear of it.
    with current.kernel.tasklist_lock.read():
        signal_notify.do_notify_parent_cldstop(current, False, why)
        leader = current.group_leader
        if ptrace_reparented(leader):
            signal_notify.do_notify_parent_cldstop(leader, True, why)


# Stops.


async def do_signal_stop(current: Task, signr: int) -> bool:
    """Stop the process, or take part in a stop that another thread began; signr 0 in that case (spec 10.9).

    Returns False if it must not stop, or if a tracer's trap takes the place of the stop.
    """
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        if not current.jobctl & JOBCTL_STOP_PENDING and not _begin_group_stop(current, signr):
            return False
        if current.ptrace:
            signal_jobctl.task_set_jobctl_pending(current, JOBCTL_TRAP_STOP)
            return False
        notify = signal_jobctl.task_participate_group_stop(current)
        set_task_state(current, TASK_STOPPED)
    if notify:
        with current.kernel.tasklist_lock.read():
            signal_notify.do_notify_parent_cldstop(current, False, CLD_STOPPED)
    # Nothing runs us again but SIGCONT and SIGKILL.
    await sched.schedule(current, "do_signal_stop", current.signal)
    return True


def _begin_group_stop(current: Task, signr: int) -> bool:
    """Ask all threads to stop; returns False if SIGCONT or the end of the process was faster."""
    sig = current.signal
    if not current.jobctl & JOBCTL_STOP_DEQUEUED or signal_group_exit(sig):
        return False
    if not sig.flags & SIGNAL_STOP_STOPPED:
        sig.group_exit_code = signr
    sig.group_stop_count = 0
    gstop = signr | JOBCTL_STOP_PENDING | JOBCTL_STOP_CONSUME
    if signal_jobctl.task_set_jobctl_pending(current, gstop):
        sig.group_stop_count += 1
    for t in threads_from(current)[1:]:
        # Stopped is not enough of a reason to leave out a traced one: it must trap anew.
        if not t.state & TASK_STOPPED_BIT and signal_jobctl.task_set_jobctl_pending(t, gstop):
            sig.group_stop_count += 1
            if t.ptrace & PT_SEIZED:
                signal_jobctl.ptrace_trap_notify(t)
            else:
                signal_queue.signal_wake_up(t, resume=False)
    return True


# Traps.


async def ptrace_stop(
    current: Task, exit_code: int, why: int, clear_code: bool, info: Siginfo | None
) -> Siginfo | None:
    """Stop for the tracer, which finds exit_code and info; returns info, as the tracer may have changed it.

    Does not stop if the tracer is gone, or the task is about to die.
    """
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        set_task_state(current, TASK_TRACED)
        current.last_siginfo = info
        current.exit_code = exit_code
        # If SIGCONT came in between there is no stop left to take part in.
        gstop_done = False
        if why == CLD_STOPPED and current.jobctl & JOBCTL_STOP_PENDING:
            gstop_done = signal_jobctl.task_participate_group_stop(current)
        signal_jobctl.task_clear_jobctl_pending(current, JOBCTL_TRAP_STOP)
        if info is not None and info.code >> 8 == PTRACE_EVENT_STOP:
            signal_jobctl.task_clear_jobctl_pending(current, JOBCTL_TRAP_NOTIFY)
        signal_jobctl.task_clear_jobctl_trapping(current)

    stops = _may_ptrace_stop(current)
    _tell_of_trap(current, why, stops, gstop_done)
    if stops:
        await sched.schedule(current, "ptrace_stop", current.signal)
    else:
        set_task_state(current, TASK_RUNNING)
        if clear_code:
            current.exit_code = 0
    # Whoever is traced and stopped counts as frozen, too.
    await freezer.try_to_freeze(current)

    with current.sighand.siglock.irq():
        info = current.last_siginfo
        current.last_siginfo = None
        current.jobctl &= ~JOBCTL_LISTENING
        # Whatever arrived meanwhile passed us by: look again before user mode.
        signal_queue.recalc_sigpending_tsk(current)
    return info


def _may_ptrace_stop(current: Task) -> bool:
    """Whether there is a tracer to let current go on: one that shares memory which is being dumped waits itself."""
    if not current.ptrace:
        return False
    mm = current.mm
    return mm is None or mm.core_state is None or mm is not current.parent.mm


def _tell_of_trap(current: Task, why: int, stops: bool, gstop_done: bool) -> None:
    """Tell the tracer of a trap, and the real parent if it completes a group stop."""
    with current.kernel.tasklist_lock.read():
        if stops:
            signal_notify.do_notify_parent_cldstop(current, True, why)
        if gstop_done and (not stops or ptrace_reparented(current)):
            signal_notify.do_notify_parent_cldstop(current, False, why)


async def ptrace_do_notify(current: Task, signr: int, exit_code: int, why: int) -> None:
    info = Siginfo(
        signo=signr, code=exit_code, pid=pid.task_pid_vnr(current, current), uid=uid_here(current, current.cred.uid)
    )
    await ptrace_stop(current, exit_code, why, True, info)


async def ptrace_notify(current: Task, exit_code: int) -> None:
    """Stop to report a system call, an event or a step to the tracer."""
    bug_on(exit_code & (WTERMSIG_MASK | ~0xFFFF) != SIGTRAP, "not a trap code", exit_code)
    await ptrace_do_notify(current, SIGTRAP, exit_code, CLD_TRAPPED)


async def do_jobctl_trap(current: Task) -> None:
    """Take the trap that stands in a tracee for a group stop."""
    sig = current.signal
    signr = current.jobctl & JOBCTL_STOP_SIGMASK
    if current.ptrace & PT_SEIZED:
        if not sig.group_stop_count and not sig.flags & SIGNAL_STOP_STOPPED:
            signr = SIGTRAP
        await ptrace_do_notify(current, signr, signr | PTRACE_EVENT_STOP << 8, CLD_STOPPED)
        return
    await ptrace_stop(current, signr, CLD_STOPPED, False, None)
    current.exit_code = 0


async def ptrace_signal(current: Task, info: Siginfo) -> Siginfo | None:
    """Show a signal to the tracer; returns what it wants delivered instead, None for nothing (spec 10.7.4)."""
    # Whatever the tracer makes of it may be a stop signal.
    current.jobctl |= JOBCTL_STOP_DEQUEUED
    seen = await ptrace_stop(current, info.signo, CLD_TRAPPED, False, info)
    signr = current.exit_code
    if not signr:
        return None
    current.exit_code = 0
    assert seen is not None
    info = seen
    if signr != info.signo:
        tracer = current.parent
        info = Siginfo(signo=signr, pid=pid.task_pid_vnr(current, tracer), uid=uid_here(current, tracer.real_cred.uid))
    if current.blocked >> (signr - 1) & 1:
        assert current.sighand is not None
        with current.sighand.siglock.irq():
            signal_send.send_signal(signr, info, current, group=False)
        return None
    return info
