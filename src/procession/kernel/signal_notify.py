"""What a parent or a tracer is told of its child: that it has died, stopped or been continued (spec 8.5, 10.8).

A part of kernel/signal.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.bug import bug
from procession.include.linux.fs import POLLIN
from procession.include.linux.jiffies import jiffies_to_clock_t, nsecs_to_jiffies
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import TASK_STOPPED_BIT, TASK_TRACED_BIT
from procession.include.linux.signal import (
    CLD_CONTINUED,
    CLD_DUMPED,
    CLD_EXITED,
    CLD_KILLED,
    CLD_STOPPED,
    NSIG,
    SA_NOCLDSTOP,
    SA_NOCLDWAIT,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    KSigaction,
    Siginfo,
)
from procession.include.linux.uidgid import from_kuid_munged
from procession.include.linux.wait import WCOREFLAG, WTERMSIG_MASK
from procession.kernel import pid, signal_queue, signal_send, wait

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("do_notify_parent", "do_notify_parent_cldstop", "wake_up_parent")


def wake_up_parent(p: Task, parent: Task) -> None:
    """Wake those threads of parent that wait for p (__wake_up_parent)."""
    queue = parent.signal.wait_chldexit
    if queue.task_list:
        wait.wake_up_interruptible_sync(queue, p)


def do_notify_parent(tsk: Task, sig: int) -> bool:
    """Tell tsk.parent, which is its tracer or else its parent, that tsk is dead (spec 8.5, 10.8).

    sig: the signal to send, tsk.exit_signal; 0: none. It goes to the parent's whole process, with what _death_info()
    says. A process that is not traced and ends with SIGCHLD is nobody's to wait for if the parent's action for SIGCHLD
    is SIG_IGN, when the signal is not sent either, or has SA_NOCLDWAIT, when it is.

    Whatever becomes of the signal, the parent's threads that sleep in wait4(2) for tsk are woken (wake_up_parent): they
    find a zombie, or one child less.

    Returns whether tsk reaps itself: exit_notify(), reparent_leader() and release_task() then make it EXIT_DEAD and
    release it, else it is a zombie until wait_task_zombie(). Only a leader is told of, and only when its other threads
    are gone; that its callers see to.

    Context: tasklist_lock held for writing.
    """
    tsk.kernel.tasklist_lock.assert_held_write()
    if sig == -1:
        bug("a thread that is no leader notifies nobody", tsk)
    if tsk.state & (TASK_STOPPED_BIT | TASK_TRACED_BIT):
        bug("a stopped task cannot be dead", tsk)
    own = tsk.pids[PIDTYPE_PID]
    if own is not None and own.wait_pidfd is not None:
        wait.wake_up(own.wait_pidfd, POLLIN)  # do_notify_pidfd
    parent = tsk.parent
    psig = parent.sighand
    assert psig is not None
    with psig.siglock.irq():
        autoreap = False
        if sig == SIGCHLD and not tsk.ptrace:
            ka: KSigaction = psig.action[SIGCHLD - 1]
            if ka.handler == SIG_IGN:
                autoreap = True
                sig = 0
            elif ka.flags & SA_NOCLDWAIT:
                autoreap = True
        # An ignored SIGCHLD is the common case: do not even say what happened.
        if 0 < sig <= NSIG and (
            sig != SIGCHLD or tsk.kernel.trace.signal_generate or not signal_queue.sig_ignored(parent, sig, False)
        ):
            signal_send.do_send_signal(sig, _death_info(tsk, parent, sig), parent, group=True, from_ancestor_ns=False)
        wake_up_parent(tsk, parent)
    return autoreap


def _death_info(tsk: Task, parent: Task, sig: int) -> Siginfo:
    """Return the siginfo of tsk's end: CLD_EXITED, CLD_KILLED or CLD_DUMPED, with the status or the signal.

    The pid is tsk's number in the parent's namespace, the uid tsk's real one, the times those of all its threads in
    clock ticks.
    """
    code = tsk.exit_code
    if code & WCOREFLAG:
        cause, status = CLD_DUMPED, code & WTERMSIG_MASK
    elif code & WTERMSIG_MASK:
        cause, status = CLD_KILLED, code & WTERMSIG_MASK
    else:
        cause, status = CLD_EXITED, code >> 8
    signal = tsk.signal
    return Siginfo(
        signo=sig,
        code=cause,
        pid=pid.task_pid_vnr(parent, tsk),
        uid=from_kuid_munged(tsk.kernel, parent.real_cred.user_ns, tsk.real_cred.uid),
        status=status,
        utime=jiffies_to_clock_t(nsecs_to_jiffies(tsk.utime + signal.utime)),
        stime=jiffies_to_clock_t(nsecs_to_jiffies(tsk.stime + signal.stime)),
    )


def do_notify_parent_cldstop(tsk: Task, for_ptracer: bool, why: int) -> None:
    """Tell of a stop, trap or continuation: SIGCHLD with why, which is CLD_STOPPED, CLD_TRAPPED or CLD_CONTINUED.

    for_ptracer: the tracer hears of this thread; else the real parent of the process hears of its leader. The signal is
    not sent if SIGCHLD is ignored or has SA_NOCLDSTOP; who sleeps in wait4(2) is woken all the same (spec 10.8).

    Context: tasklist_lock held.
    """
    tsk.kernel.tasklist_lock.assert_held()
    if for_ptracer:
        parent = tsk.parent
    else:
        tsk = tsk.group_leader
        parent = tsk.real_parent
    if why == CLD_CONTINUED:
        status = SIGCONT
    elif why == CLD_STOPPED:
        status = tsk.signal.group_exit_code & WTERMSIG_MASK
    else:
        status = tsk.exit_code & WTERMSIG_MASK
    info = Siginfo(
        signo=SIGCHLD,
        code=why,
        pid=pid.task_pid_vnr(parent, tsk),
        uid=from_kuid_munged(tsk.kernel, parent.real_cred.user_ns, tsk.real_cred.uid),
        status=status,
        utime=jiffies_to_clock_t(nsecs_to_jiffies(tsk.utime)),
        stime=jiffies_to_clock_t(nsecs_to_jiffies(tsk.stime)),
    )
    sighand = parent.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        ka = sighand.action[SIGCHLD - 1]
        if ka.handler != SIG_IGN and not ka.flags & SA_NOCLDSTOP:
            signal_send.send_signal(SIGCHLD, info, parent, group=True)
        # Even one who does not want the signal may be in wait4(2).
        wake_up_parent(tsk, parent)
