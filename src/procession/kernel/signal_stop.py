"""Job-control stops and the tracer's stops (the part of kernel/signal.c about jobctl; spec 10.9, 14.3).

In 3.2 these functions are entered with the siglock held and drop it to sleep. Here they take it themselves: nothing
can come between, since only an `await` lets another task in. Other modules use them through kernel/signal.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    JOBCTL_TRAP_STOP,
    JOBCTL_TRAPPING,
    PF_EXITING,
    SIGNAL_CLD_CONTINUED,
    SIGNAL_CLD_MASK,
    SIGNAL_STOP_STOPPED,
    TASK_RUNNING,
    TASK_STOPPED,
    TASK_STOPPED_BIT,
    TASK_TRACED,
    TASK_TRACED_BIT,
    signal_group_exit,
)
from procession.include.linux.signal import (
    CLD_CONTINUED,
    CLD_STOPPED,
    CLD_TRAPPED,
    SA_NOCLDSTOP,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    SIGTRAP,
    Siginfo,
)
from procession.include.linux.time import NSEC_PER_CLOCK_T
from procession.kernel import pid, sched, signal_queue, signal_send

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "PTRACE_EVENT_STOP",
    "do_jobctl_trap",
    "do_notify_parent_cldstop",
    "do_signal_stop",
    "ptrace_notify",
    "ptrace_signal",
    "ptrace_stop",
    "ptrace_trap_notify",
    "report_jobctl",
    "task_clear_jobctl_pending",
    "task_clear_jobctl_trapping",
    "task_is_stopped_or_traced",
    "task_participate_group_stop",
    "task_set_jobctl_pending",
)

PTRACE_EVENT_STOP: Final = 7

_STOPPED_OR_TRACED: Final = TASK_STOPPED_BIT | TASK_TRACED_BIT


# Bits of Task.jobctl; siglock held.


def task_is_stopped_or_traced(p: Task) -> bool:
    """Whether p sleeps in a stop."""
    return bool(p.state & _STOPPED_OR_TRACED)


def task_set_jobctl_pending(p: Task, mask: int) -> bool:
    """Ask p to stop or trap; returns False if it is dying."""
    bug_on(bool(mask & JOBCTL_TRAPPING and not mask & JOBCTL_PENDING_MASK), "TRAPPING without a trap", p)
    if p.flags & PF_EXITING or signal_queue.fatal_signal_pending(p):
        return False
    if mask & JOBCTL_STOP_SIGMASK:
        p.jobctl &= ~JOBCTL_STOP_SIGMASK
    p.jobctl |= mask
    return True


def task_clear_jobctl_trapping(p: Task) -> None:
    """Say that p has reached the trap its tracer waits for.

    Differs: the tracer in ptrace_attach() is woken as the parent that waits for p.
    """
    if p.jobctl & JOBCTL_TRAPPING:
        p.jobctl &= ~JOBCTL_TRAPPING
        signal_send.wake_up_parent(p, p.parent)


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


# Reports to the parent.


def do_notify_parent_cldstop(tsk: Task, for_ptracer: bool, why: int) -> None:
    """Tell the real parent of tsk's process, or tsk's tracer, of a stop or continuation (spec 10.8).

    Context: tasklist_lock held.
    """
    if for_ptracer:
        parent = tsk.parent
    else:
        tsk = tsk.group_leader
        parent = tsk.real_parent
    if why == CLD_CONTINUED:
        status = SIGCONT
    elif why == CLD_STOPPED:
        status = tsk.signal.group_exit_code & 0x7F
    else:
        status = tsk.exit_code & 0x7F
    assert parent.nsproxy is not None
    info = Siginfo(
        signo=SIGCHLD,
        code=why,
        pid=pid.task_pid_nr_ns(tsk, parent.nsproxy.pid_ns),
        uid=tsk.real_cred.uid,
        status=status,
        utime=tsk.utime // NSEC_PER_CLOCK_T,
        stime=tsk.stime // NSEC_PER_CLOCK_T,
    )
    sighand = parent.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        ka = sighand.action[SIGCHLD - 1]
        if ka.handler != SIG_IGN and not ka.flags & SA_NOCLDSTOP:
            signal_send.send_signal(SIGCHLD, info, parent, group=True)
        # Even one who does not want the signal may be in wait4(2).
        signal_send.wake_up_parent(tsk, parent)


def report_jobctl(current: Task) -> None:
    """Deliver the notice of a continuation, or of a stop that it cut short, which SIGCONT left to us."""
    sig = current.signal
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        why = CLD_CONTINUED if sig.flags & SIGNAL_CLD_CONTINUED else CLD_STOPPED
        sig.flags &= ~SIGNAL_CLD_MASK
    # If the leader is traced by somebody else, both hear of it.
    with current.kernel.tasklist_lock.read():
        do_notify_parent_cldstop(current, False, why)
        leader = current.group_leader
        if _ptrace_reparented(leader):
            do_notify_parent_cldstop(leader, True, why)


def _ptrace_reparented(p: Task) -> bool:
    return p.real_parent.tgid != p.parent.tgid


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
            task_set_jobctl_pending(current, JOBCTL_TRAP_STOP)
            return False
        notify = task_participate_group_stop(current)
        current.state = TASK_STOPPED
    if notify:
        with current.kernel.tasklist_lock.read():
            do_notify_parent_cldstop(current, False, CLD_STOPPED)
    # Nothing runs us again but SIGCONT and SIGKILL.
    current.wchan = "do_signal_stop"
    current.waiting_on = current.signal
    await sched.schedule(current)
    current.wchan = ""
    current.waiting_on = None
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
    if task_set_jobctl_pending(current, gstop):
        sig.group_stop_count += 1
    for t in signal_queue.threads_from(current)[1:]:
        # Stopped is not enough of a reason to leave out a traced one: it must trap anew.
        if not t.state & TASK_STOPPED_BIT and task_set_jobctl_pending(t, gstop):
            sig.group_stop_count += 1
            if t.ptrace & PT_SEIZED:
                ptrace_trap_notify(t)
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
        current.state = TASK_TRACED
        current.last_siginfo = info
        current.exit_code = exit_code
        # If SIGCONT came in between there is no stop left to take part in.
        gstop_done = False
        if why == CLD_STOPPED and current.jobctl & JOBCTL_STOP_PENDING:
            gstop_done = task_participate_group_stop(current)
        task_clear_jobctl_pending(current, JOBCTL_TRAP_STOP)
        if info is not None and info.code >> 8 == PTRACE_EVENT_STOP:
            task_clear_jobctl_pending(current, JOBCTL_TRAP_NOTIFY)
        task_clear_jobctl_trapping(current)

    stops = bool(current.ptrace)
    with current.kernel.tasklist_lock.read():
        if stops:
            do_notify_parent_cldstop(current, True, why)
            if gstop_done and _ptrace_reparented(current):
                do_notify_parent_cldstop(current, False, why)
        elif gstop_done:
            do_notify_parent_cldstop(current, False, why)
    if stops:
        current.wchan = "ptrace_stop"
        await sched.schedule(current)
        current.wchan = ""
    else:
        current.state = TASK_RUNNING
        if clear_code:
            current.exit_code = 0

    with current.sighand.siglock.irq():
        info = current.last_siginfo
        current.last_siginfo = None
        current.jobctl &= ~JOBCTL_LISTENING
        # Whatever arrived meanwhile passed us by: look again before user mode.
        signal_queue.recalc_sigpending_tsk(current)
    return info


async def _ptrace_do_notify(current: Task, signr: int, exit_code: int, why: int) -> None:
    assert current.nsproxy is not None
    info = Siginfo(
        signo=signr, code=exit_code, pid=pid.task_pid_nr_ns(current, current.nsproxy.pid_ns), uid=current.cred.uid
    )
    await ptrace_stop(current, exit_code, why, True, info)


async def ptrace_notify(current: Task, exit_code: int) -> None:
    """Stop to report a system call, an event or a step to the tracer."""
    bug_on(exit_code & (0x7F | ~0xFFFF) != SIGTRAP, "not a trap code", exit_code)
    await _ptrace_do_notify(current, SIGTRAP, exit_code, CLD_TRAPPED)


async def do_jobctl_trap(current: Task) -> None:
    """Take the trap that stands in a tracee for a group stop."""
    sig = current.signal
    signr = current.jobctl & JOBCTL_STOP_SIGMASK
    if current.ptrace & PT_SEIZED:
        if not sig.group_stop_count and not sig.flags & SIGNAL_STOP_STOPPED:
            signr = SIGTRAP
        await _ptrace_do_notify(current, signr, signr | PTRACE_EVENT_STOP << 8, CLD_STOPPED)
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
    info = seen or info
    if signr != info.signo:
        assert current.nsproxy is not None
        tracer = current.parent
        info = Siginfo(signo=signr, pid=pid.task_pid_nr_ns(tracer, current.nsproxy.pid_ns), uid=tracer.real_cred.uid)
    if current.blocked >> (signr - 1) & 1:
        assert current.sighand is not None
        with current.sighand.siglock.irq():
            signal_send.send_signal(signr, info, current, group=False)
        return None
    return info
