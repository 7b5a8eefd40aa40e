"""Who traces whom: attaching, detaching, the ends of both sides, events (kernel/ptrace.c; spec 14, ptrace-x86 4, 7, 8).

Who may is in kernel/ptrace_access.py, what a tracer then asks for in kernel/ptrace_request.py; the stops themselves are
signals' business (kernel/signal_stop.py), and waiting for them is wait4(2)'s.

A tracee is on its tracer's list `ptraced` and has the tracer as its `parent`, while `real_parent` and `children` stay
as they are.  tasklist_lock protects these, as all family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.bug import bug, bug_on
from procession.include.linux.cred import CAP_SYS_PTRACE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.ptrace import (
    PT_PTRACE_CAP,
    PT_PTRACED,
    PT_SEIZED,
    PTRACE_EVENT_EXEC,
    PTRACE_SEIZE,
    PTRACE_SEIZE_DEVEL,
    ptrace_event_enabled,
)
from procession.include.linux.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    JOBCTL_LISTENING,
    JOBCTL_STOP_PENDING,
    JOBCTL_STOP_SIGMASK,
    JOBCTL_TRAP_MASK,
    JOBCTL_TRAP_STOP,
    JOBCTL_TRAPPING,
    PF_EXITING,
    PF_KTHREAD,
    SIGNAL_STOP_STOPPED,
    TASK_STOPPED_BIT,
    TASK_TRACED_BIT,
    TASK_UNINTERRUPTIBLE,
    TIF_SIGPENDING,
    TIF_SYSCALL_EMU,
    TIF_SYSCALL_TRACE,
    Task,
    same_thread_group,
    thread_group_empty,
    thread_group_leader,
)
from procession.include.linux.signal import NSIG, SA_NOCLDWAIT, SIG_IGN, SIGCHLD, SIGSTOP, SIGTRAP
from procession.kernel import (
    capability,
    exit,
    mutex,
    ptrace_access,
    siginfo,
    signal_jobctl,
    signal_notify,
    signal_queue,
    signal_send,
    signal_stop,
    wait,
)

if TYPE_CHECKING:
    from procession.include.linux.sched import SighandStruct

__all__ = (
    "exit_ptrace",
    "ptrace_attach",
    "ptrace_check_attach",
    "ptrace_detach",
    "ptrace_event",
    "ptrace_init_task",
    "ptrace_traceme",
    "ptrace_unlink",
    "ptrace_valid_signal",
    "task_is_traced",
)

_SIGSTOP_BIT: Final = 1 << (SIGSTOP - 1)


def task_is_traced(p: Task) -> bool:
    """Whether p is in a stop for its tracer."""
    return bool(p.state & TASK_TRACED_BIT)


def ptrace_valid_signal(data: int) -> bool:
    """Whether a tracer's data is a signal, or 0 for none (valid_signal)."""
    return 0 <= data <= NSIG


# Links.


def ptrace_link_locked(child: Task, tracer: Task) -> None:
    """Make child the newest tracee of tracer, a thread (__ptrace_link)."""
    child.kernel.tasklist_lock.assert_held_write()
    if tracer.ptraced is None:
        tracer.ptraced = {}
    bug_on(child in tracer.ptraced, "traced twice", child, tracer)
    tracer.ptraced[child] = None
    child.parent = tracer


def ptrace_unlink_locked(child: Task) -> None:
    """Free child of its tracer, and let it run on, or take part in its process's stop (__ptrace_unlink).

    A stop for the tracer becomes one of job control if such a one is in effect: TRACED, RUNNING, STOPPED.
    """
    child.kernel.tasklist_lock.assert_held_write()
    bug_on(not child.ptrace, "nobody traces it", child)
    tracer = child.parent
    child.ptrace = 0
    child.parent = child.real_parent
    assert tracer.ptraced is not None
    del tracer.ptraced[child]

    assert child.sighand is not None
    with child.sighand.siglock:
        # What the tracer has not seen is nobody's to see; who waits in ptrace_attach() is let go.
        signal_jobctl.task_clear_jobctl_pending(child, JOBCTL_TRAP_MASK)
        signal_jobctl.task_clear_jobctl_trapping(child)
        if not child.flags & PF_EXITING and (child.signal.flags & SIGNAL_STOP_STOPPED or child.signal.group_stop_count):
            child.jobctl |= JOBCTL_STOP_PENDING
            if not child.jobctl & JOBCTL_STOP_SIGMASK:
                child.jobctl |= SIGSTOP
        # As a kick: it looks by itself what there is to do.
        if child.jobctl & JOBCTL_STOP_PENDING or task_is_traced(child):
            signal_queue.signal_wake_up(child, resume=task_is_traced(child))


def ptrace_unlink(child: Task) -> None:
    """Free child of its tracer, if it has one; tasklist_lock held for writing."""
    child.kernel.tasklist_lock.assert_held_write()
    if child.ptrace:
        ptrace_unlink_locked(child)


def ptrace_init_task(current: Task, child: Task, traced: bool) -> None:
    """Let current's tracer trace its newborn child as well, if it is to (ptrace_init_task).

    Its first stop is already pending: SIGSTOP without a siginfo, or the trap of one that is seized.
    Context: tasklist_lock held for writing, and current's siglock.
    """
    current.kernel.tasklist_lock.assert_held_write()
    if not traced or not current.ptrace:
        return
    child.ptrace = current.ptrace
    ptrace_link_locked(child, current.parent)
    if child.ptrace & PT_SEIZED:
        signal_jobctl.task_set_jobctl_pending(child, JOBCTL_TRAP_STOP)
    else:
        child.pending.signal |= _SIGSTOP_BIT
    child.ti_flags |= TIF_SIGPENDING


# Attaching.


def ptrace_check_attach(current: Task, child: Task, *, ignore_state: bool) -> None:
    """See that current traces child, which has stopped for it and does not listen; raises ESRCH.

    ignore_state: it may be doing anything.
    Differs: who is seen to have stopped is off its CPU already (wait_task_inactive).
    """
    with current.kernel.tasklist_lock.read():
        if child.ptrace and child.parent is current:
            bug_on(bool(child.state & TASK_STOPPED_BIT), "a tracee is stopped, not traced", child)
            if ignore_state or (task_is_traced(child) and not child.jobctl & JOBCTL_LISTENING):
                return
    raise LinuxError(Errno.ESRCH, "not traced by the caller, or not stopped")


async def ptrace_attach(current: Task, task: Task, request: int, flags: int) -> None:
    """Begin to trace task: by PTRACE_ATTACH, which stops it, or PTRACE_SEIZE with its flag (spec ptrace-x86 4).

    Returns when one that was stopped has come to its trap. Raises EIO for a SEIZE without PTRACE_SEIZE_DEVEL; EPERM
    for a kernel thread, the caller's own process, one that current may not trace, that is dead or traced already;
    ERESTARTNOINTR if a signal comes while task is in an exec.
    """
    if request == PTRACE_SEIZE and not flags & PTRACE_SEIZE_DEVEL:
        raise LinuxError(Errno.EIO, "PTRACE_SEIZE without PTRACE_SEIZE_DEVEL")
    if task.flags & PF_KTHREAD:
        raise LinuxError(Errno.EPERM, "a kernel thread")
    if same_thread_group(task, current):
        raise LinuxError(Errno.EPERM, "a thread of the caller's own process")
    guard = ptrace_access.cred_guard_mutex(task)
    try:
        await mutex.mutex_lock_interruptible(current, guard)
    except LinuxError:
        raise LinuxError(Errno.ERESTARTNOINTR) from None
    try:
        _attach(current, task, request == PTRACE_SEIZE)
    finally:
        mutex.mutex_unlock(current, guard)
    with wait.Waiter(current, current.kernel.bit_wait, TASK_UNINTERRUPTIBLE, "ptrace_trapping_sleep_fn") as waiter:
        while task.jobctl & JOBCTL_TRAPPING:
            await waiter.sleep()


def _attach(current: Task, task: Task, seize: bool) -> None:
    with task.alloc_lock:
        if not ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_ATTACH):
            raise LinuxError(Errno.EPERM, "not to be traced by the caller")
    with current.kernel.tasklist_lock.write_irq():
        if task.exit_state:
            raise LinuxError(Errno.EPERM, "dead")
        if task.ptrace:
            raise LinuxError(Errno.EPERM, "traced already")
        task.ptrace = PT_PTRACED | (PT_SEIZED if seize else 0)
        if capability.ns_capable(current, task.real_cred.user_ns, CAP_SYS_PTRACE):
            task.ptrace |= PT_PTRACE_CAP
        ptrace_link_locked(task, current)
        if not seize:
            signal_send.send_sig_info(SIGSTOP, siginfo.SEND_SIG_FORCED, task)
        assert task.sighand is not None
        with task.sighand.siglock:
            # One that is stopped already comes to its trap by way of RUNNING, which nobody is to see: the caller waits.
            if task.state & TASK_STOPPED_BIT and signal_jobctl.task_set_jobctl_pending(
                task, JOBCTL_TRAP_STOP | JOBCTL_TRAPPING
            ):
                signal_queue.signal_wake_up(task, resume=True)


def ptrace_traceme(current: Task) -> None:
    """Be traced by one's parent, the thread that made us, from now on; nothing stops by that.

    Raises EPERM if traced already, or permitted more than the parent. Nothing happens if the parent is exiting.
    """
    with current.kernel.tasklist_lock.write_irq():
        if current.ptrace:
            raise LinuxError(Errno.EPERM, "traced already")
        if not ptrace_access.ptrace_traceme_allowed(current):
            raise LinuxError(Errno.EPERM, "permitted more than the parent")
        if not current.real_parent.flags & PF_EXITING:
            current.ptrace = PT_PTRACED
            ptrace_link_locked(current, current.real_parent)


# Detaching.


def _ignoring_children(sigh: SighandStruct) -> bool:
    with sigh.siglock:
        ka = sigh.action[SIGCHLD - 1]
        return ka.handler == SIG_IGN or bool(ka.flags & SA_NOCLDWAIT)


def _detach_locked(tracer: Task, p: Task) -> bool:
    """Free p of tracer; returns whether it is dead and nobody's to wait for, so to be released (__ptrace_detach)."""
    tracer.kernel.tasklist_lock.assert_held_write()
    ptrace_unlink_locked(p)
    if p.exit_state != EXIT_ZOMBIE:
        return False
    dead = not thread_group_leader(p)
    if not dead and thread_group_empty(p):
        if not same_thread_group(p.real_parent, tracer):
            dead = signal_notify.do_notify_parent(p, p.exit_signal)
        else:
            # Its parent has been told already, as the tracer.
            assert tracer.sighand is not None
            if _ignoring_children(tracer.sighand):
                signal_notify.wake_up_parent(p, tracer)
                dead = True
    if dead:
        exit.advance_exit_state(p, EXIT_ZOMBIE, EXIT_DEAD)
    return dead


def ptrace_detach(current: Task, child: Task, data: int) -> None:
    """Let child go on without a tracer, with signal data at a signal's stop; raises EIO if that is none.

    Differs: nobody can have killed it since ptrace_check_attach().
    """
    if not ptrace_valid_signal(data):
        raise LinuxError(Errno.EIO, "no signal")
    # ptrace_disable(): the architecture's part.
    child.thread.user_disable_single_step(child)
    child.ti_flags &= ~(TIF_SYSCALL_EMU | TIF_SYSCALL_TRACE)
    with current.kernel.tasklist_lock.write_irq():
        child.exit_code = data
        ptrace_unlink_locked(child)


def exit_ptrace(tracer: Task) -> None:
    """Free all tracees of a thread that ends, the newest first (exit_ptrace).

    They go on where they were, and keep their flags of stepping and tracing: nobody takes these off.
    """
    if not tracer.ptraced:
        return
    with tracer.kernel.tasklist_lock.write_irq():
        dead = [p for p in reversed(list(tracer.ptraced)) if _detach_locked(tracer, p)]
        if tracer.ptraced:
            bug("a tracer ends and still has tracees", tracer, tracer.ptraced)
    for p in reversed(dead):
        exit.release_task(p)


# Events.


async def ptrace_event(current: Task, event: int, message: int) -> None:
    """Let a tracee stop if its tracer asked for this event; message is what PTRACE_GETEVENTMSG says of it.

    An exec that it did not ask for sends SIGTRAP.
    """
    if ptrace_event_enabled(current, event):
        current.ptrace_message = message
        await signal_stop.ptrace_notify(current, event << 8 | SIGTRAP)
    elif event == PTRACE_EVENT_EXEC:
        signal_send.send_sig(SIGTRAP, current, 0)
