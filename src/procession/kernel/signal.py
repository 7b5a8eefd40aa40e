"""Delivering signals (kernel/signal.c; spec 10). The one door to all of signal.c: others call signal.NAME.

The parts: signal_queue.py (pending sets), signal_send.py (sending, the parent's notice), signal_stop.py (job control),
signal_syscalls.py. They are imported through this module only: they are pieces of one file.

Differs: dequeue_signal() and get_signal_to_deliver() return what 3.2 writes through pointers. No freezer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from procession.fs import coredump
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_MASK,
    PF_EXITING,
    PF_SIGNALED,
    SIGNAL_CLD_MASK,
    SIGNAL_UNKILLABLE,
    TIF_RESTORE_SIGMASK,
    TIF_SIGPENDING,
    TIF_SINGLESTEP,
    signal_group_exit,
    thread_group_empty,
)
from procession.include.linux.signal import (
    CLD_STOPPED,
    SA_NODEFER,
    SA_RESETHAND,
    SA_RESTART,
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_COREDUMP_MASK,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_ONLY_MASK,
    SIG_KERNEL_STOP_MASK,
    SIGKILL,
    SIGSTOP,
    SIGTRAP,
    KSigaction,
    Siginfo,
)
from procession.kernel import exit
from procession.kernel.siginfo import (
    SEND_SIG_FORCED,
    SEND_SIG_NOINFO,
    SEND_SIG_PRIV,
    AnyInfo,
    siginfo_from_user,
    siginfo_to_user,
    trace_fields,
)
from procession.kernel.signal_queue import (
    dequeue_signal,
    fatal_signal_pending,
    flush_itimer_signals,
    flush_signal_handlers,
    flush_signals,
    flush_sigqueue,
    ignore_signals,
    next_signal,
    recalc_sigpending,
    recalc_sigpending_and_wake,
    recalc_sigpending_tsk,
    rm_from_queue,
    sig_handler_ignored,
    sig_ignored,
    signal_pending,
    signal_pending_state,
    signal_wake_up,
    signals_init,
    threads_from,
    unhandled_signal,
)
from procession.kernel.signal_send import (
    check_kill_permission,
    complete_signal,
    do_notify_parent,
    do_send_sig_info,
    force_sig,
    force_sig_info,
    force_sigsegv,
    group_send_sig_info,
    kill_pgrp,
    kill_pgrp_info_locked,
    kill_pid,
    kill_pid_info,
    kill_proc_info,
    kill_something_info,
    prepare_signal,
    send_sig,
    send_sig_info,
    send_signal,
    send_sigqueue,
    sigqueue_alloc,
    sigqueue_free,
    wake_up_parent,
    zap_other_threads,
)
from procession.kernel.signal_stop import (
    PTRACE_EVENT_STOP,
    do_jobctl_trap,
    do_notify_parent_cldstop,
    do_signal_stop,
    ptrace_notify,
    ptrace_signal,
    ptrace_stop,
    ptrace_trap_notify,
    report_jobctl,
    task_clear_jobctl_pending,
    task_clear_jobctl_trapping,
    task_is_stopped_or_traced,
    task_participate_group_stop,
    task_set_jobctl_pending,
)

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = (
    "PTRACE_EVENT_STOP",
    "SEND_SIG_FORCED",
    "SEND_SIG_NOINFO",
    "SEND_SIG_PRIV",
    "AnyInfo",
    "check_kill_permission",
    "complete_signal",
    "dequeue_signal",
    "do_jobctl_trap",
    "do_notify_parent",
    "do_notify_parent_cldstop",
    "do_send_sig_info",
    "do_signal",
    "do_signal_stop",
    "exit_signals",
    "fatal_signal_pending",
    "flush_itimer_signals",
    "flush_signal_handlers",
    "flush_signals",
    "flush_sigqueue",
    "force_sig",
    "force_sig_info",
    "force_sigsegv",
    "get_signal_to_deliver",
    "group_send_sig_info",
    "handle_signal",
    "ignore_signals",
    "kill_pgrp",
    "kill_pgrp_info_locked",
    "kill_pid",
    "kill_pid_info",
    "kill_proc_info",
    "kill_something_info",
    "next_signal",
    "on_sig_stack",
    "prepare_signal",
    "ptrace_notify",
    "ptrace_signal",
    "ptrace_stop",
    "ptrace_trap_notify",
    "recalc_sigpending",
    "recalc_sigpending_and_wake",
    "recalc_sigpending_tsk",
    "report_jobctl",
    "retarget_shared_pending",
    "rm_from_queue",
    "sas_ss_flags",
    "send_sig",
    "send_sig_info",
    "send_signal",
    "send_sigqueue",
    "set_current_blocked",
    "set_restore_sigmask",
    "set_task_blocked_locked",
    "sig_handler_ignored",
    "sig_ignored",
    "siginfo_from_user",
    "siginfo_to_user",
    "signal_pending",
    "signal_pending_state",
    "signal_wake_up",
    "signals_init",
    "sigprocmask",
    "sigqueue_alloc",
    "sigqueue_free",
    "task_clear_jobctl_pending",
    "task_clear_jobctl_trapping",
    "task_is_stopped_or_traced",
    "task_participate_group_stop",
    "task_set_jobctl_pending",
    "threads_from",
    "unhandled_signal",
    "wake_up_parent",
    "zap_other_threads",
)

_EINTR: Final = int(Errno.EINTR)
_ERESTARTSYS: Final = int(Errno.ERESTARTSYS)
_ERESTARTNOINTR: Final = int(Errno.ERESTARTNOINTR)
_RESTART_CODES: Final = frozenset(
    {_ERESTARTSYS, _ERESTARTNOINTR, int(Errno.ERESTARTNOHAND), int(Errno.ERESTART_RESTARTBLOCK)}
)
_UNSET: Final = -1

# What becomes of a signal that was taken off the queue.
_DROP: Final = 0
_HANDLE: Final = 1
_STOP: Final = 2
_FATAL: Final = 3


# The blocked set.


def retarget_shared_pending(tsk: Task, which: int) -> None:
    """Find other threads for those shared signals in which that tsk will not take after all.

    Context: siglock held.
    """
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
    if how == 0:
        newset |= old
    elif how == 1:
        newset = old & ~newset
    elif how != 2:
        raise LinuxError(Errno.EINVAL, "unknown way to change the mask")
    if newset != old or current.ti_flags & TIF_SIGPENDING:
        set_current_blocked(current, newset)
    return old


def set_restore_sigmask(current: Task) -> None:
    """Have saved_sigmask put back when the call returns, after a handler has run."""
    current.ti_flags |= TIF_RESTORE_SIGMASK | TIF_SIGPENDING


# The alternate stack.


def on_sig_stack(current: Task, sp: int) -> bool:
    """Whether sp lies on the alternate stack."""
    return 0 < sp - current.sas_ss_sp <= current.sas_ss_size


def sas_ss_flags(current: Task, sp: int) -> int:
    """Return ss_flags of the alternate stack: SS_DISABLE 2, SS_ONSTACK 1 or 0."""
    if not current.sas_ss_size:
        return 2
    return 1 if on_sig_stack(current, sp) else 0


# The end of a thread.


def exit_signals(tsk: Task) -> None:
    """From here on tsk takes no part in its process's signals: hand over those that waited for it (spec 8.2.6)."""
    if thread_group_empty(tsk) or signal_group_exit(tsk.signal):
        tsk.flags |= PF_EXITING
        return
    group_stop = False
    assert tsk.sighand is not None
    with tsk.sighand.siglock.irq():
        # Under the lock: from now on this thread is not chosen any more.
        tsk.flags |= PF_EXITING
        if tsk.ti_flags & TIF_SIGPENDING:
            retarget_shared_pending(tsk, ~tsk.blocked)
            if tsk.jobctl & JOBCTL_STOP_PENDING:
                group_stop = task_participate_group_stop(tsk)
    if group_stop:
        with tsk.kernel.tasklist_lock.read():
            do_notify_parent_cldstop(tsk, False, CLD_STOPPED)


# Delivery.


async def get_signal_to_deliver(current: Task) -> tuple[int, KSigaction, Siginfo] | None:
    """Deal with the caller's signals up to one that has a handler; returns it, None if there is no more (spec 10.7).

    Stops the process, lets a tracer look, and does not return from what is fatal.
    """
    sighand = current.sighand
    assert sighand is not None
    sig = current.signal
    while True:
        if sig.flags & SIGNAL_CLD_MASK:
            report_jobctl(current)
        if current.jobctl & JOBCTL_PENDING_MASK:
            if current.jobctl & JOBCTL_STOP_PENDING and await do_signal_stop(current, 0):
                continue
            if current.jobctl & JOBCTL_TRAP_MASK:
                await do_jobctl_trap(current)
                continue

        with sighand.siglock.irq():
            info = dequeue_signal(current, current.blocked)
            if info is None:
                return None
            traced = bool(current.ptrace) and info.signo != SIGKILL
            verdict = _UNSET if traced else _settle(current, info)
        if traced:
            info = await ptrace_signal(current, info)
            if info is None:
                continue
            with sighand.siglock.irq():
                verdict = _settle(current, info)

        if isinstance(verdict, KSigaction):
            return info.signo, verdict, info
        if verdict == _STOP:
            # An orphaned group has nobody who could continue it; SIGSTOP does not ask.
            if info.signo == SIGSTOP or not exit.is_current_pgrp_orphaned(current):
                await do_signal_stop(current, info.signo)
        elif verdict == _FATAL:
            await _die(current, info)


def _settle(current: Task, info: Siginfo) -> KSigaction | int:
    """Return the action whose handler is to run, or else _DROP, _STOP or _FATAL; siglock held."""
    signr = info.signo
    assert current.sighand is not None
    action = current.sighand.action
    ka = action[signr - 1]
    trace = current.kernel.trace
    if trace.signal_deliver:
        errno, code, *rest = trace_fields(info, current)
        trace.signal_deliver(int(signr), errno, code, ka.handler, int(ka.flags), *rest)
    handler = ka.handler
    if handler not in (SIG_DFL, SIG_IGN):
        if ka.flags & SA_RESETHAND:
            action[signr - 1] = replace(ka, handler=SIG_DFL)
        return ka
    bit = 1 << (signr - 1)
    if handler == SIG_IGN or bit & SIG_KERNEL_IGNORE_MASK:
        return _DROP
    # What reaches an init although it is unkillable came from outside its namespace.
    if current.signal.flags & SIGNAL_UNKILLABLE and not bit & SIG_KERNEL_ONLY_MASK:
        return _DROP
    return _STOP if bit & SIG_KERNEL_STOP_MASK else _FATAL


async def _die(current: Task, info: Siginfo) -> None:
    """Let a signal end the process, with a core dump if that is its way."""
    signr = info.signo
    current.flags |= PF_SIGNALED
    if SIG_KERNEL_COREDUMP_MASK >> (signr - 1) & 1:
        await coredump.do_coredump(current, signr)
    await exit.do_group_exit(current, signr)


async def do_signal(current: Task) -> None:
    """Deliver a signal on the way to user mode: run its handler, restart the interrupted call (spec 10.11).

    One call makes at most one frame; if TIF_SIGPENDING is still set then, call again.
    """
    found = await get_signal_to_deliver(current)
    if found is not None:
        sig, ka, info = found
        handle_signal(current, sig, ka, info)
        if current.ti_flags & TIF_SINGLESTEP and current.ptrace:
            await ptrace_notify(current, SIGTRAP)
        return

    thread = current.thread
    code = -thread.syscall_get_error()
    if code in _RESTART_CODES and thread.syscall_nr() >= 0:
        thread.syscall_restart(current, code)
    # Without a handler the mask that the call replaced comes back here.
    if current.ti_flags & TIF_RESTORE_SIGMASK:
        current.ti_flags &= ~TIF_RESTORE_SIGMASK
        set_current_blocked(current, current.saved_sigmask)


def handle_signal(current: Task, sig: int, ka: KSigaction, info: Siginfo) -> None:
    """Make the user side run a handler; if its frame cannot be written, SIGSEGV takes the signal's place."""
    thread = current.thread
    code = -thread.syscall_get_error()
    if code in _RESTART_CODES and thread.syscall_nr() >= 0:
        if code == _ERESTARTNOINTR or (code == _ERESTARTSYS and ka.flags & SA_RESTART):
            thread.syscall_restart(current, code)
        else:
            thread.set_return(-_EINTR)

    blocked = current.blocked
    oldset = current.saved_sigmask if current.ti_flags & TIF_RESTORE_SIGMASK else blocked
    try:
        thread.setup_rt_frame(current, sig, ka, info, oldset)
    except LinuxError:
        force_sigsegv(sig, current)
        return
    blocked |= ka.mask
    if not ka.flags & SA_NODEFER:
        blocked |= 1 << (sig - 1)
    set_current_blocked(current, blocked)
    # The frame has the mask now, and sigreturn restores it.
    current.ti_flags &= ~TIF_RESTORE_SIGMASK
