"""Delivering signals (kernel/signal.c, do_signal() of arch/x86; spec 10).

3.2's kernel/signal.c is seven files here, each of which knows only those before it: signal_queue.py (pending sets,
blocked ones), signal_jobctl.py (what job control asks of a thread), signal_send.py (sending), signal_notify.py (what a
parent is told), signal_stop.py (stops), this one, signal_syscalls.py.

Differs: dequeue_signal() and get_signal_to_deliver() return what 3.2 writes through pointers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs import coredump
from procession.hw.costs import SIGFRAME_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    JOBCTL_STOP_PENDING,
    JOBCTL_TRAP_MASK,
    PF_EXITING,
    PF_SIGNALED,
    SIGNAL_CLD_MASK,
    SIGNAL_UNKILLABLE,
    TIF_FREEZE,
    TIF_RESTORE_SIGMASK,
    TIF_SIGPENDING,
    TIF_SINGLESTEP,
    assert_siglock_held,
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
    SS_DISABLE,
    SS_ONSTACK,
    KSigaction,
    Siginfo,
)
from procession.kernel import (
    choose_fault,
    exit,
    exit_pgrp,
    freezer,
    rseq,
    sched_account,
    siginfo,
    signal_jobctl,
    signal_notify,
    signal_queue,
    signal_send,
    signal_stop,
)

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("do_signal", "exit_signals", "on_sig_stack", "sas_ss_flags")

_EINTR: Final = int(Errno.EINTR)
_ERESTARTSYS: Final = int(Errno.ERESTARTSYS)
_ERESTARTNOINTR: Final = int(Errno.ERESTARTNOINTR)
_RESTART_CODES: Final = frozenset(
    {_ERESTARTSYS, _ERESTARTNOINTR, int(Errno.ERESTARTNOHAND), int(Errno.ERESTART_RESTARTBLOCK)}
)

# What a signal without a handler does, as signal(7) calls it.
_IGN: Final = 0
_STOP: Final = 1
_TERM: Final = 2


# The alternate stack.


def on_sig_stack(current: Task, sp: int) -> bool:
    """Whether sp lies on the alternate stack."""
    return 0 < sp - current.sas_ss_sp <= current.sas_ss_size


def sas_ss_flags(current: Task, sp: int) -> int:
    """Return ss_flags of the alternate stack: SS_DISABLE, SS_ONSTACK or 0."""
    if not current.sas_ss_size:
        return SS_DISABLE
    return SS_ONSTACK if on_sig_stack(current, sp) else 0


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
            signal_queue.retarget_shared_pending(tsk, ~tsk.blocked)
            if tsk.jobctl & JOBCTL_STOP_PENDING:
                group_stop = signal_jobctl.task_participate_group_stop(tsk)
    if group_stop:
        with tsk.kernel.tasklist_lock.read():
            signal_notify.do_notify_parent_cldstop(tsk, False, CLD_STOPPED)


# Delivery.


async def get_signal_to_deliver(current: Task) -> tuple[int, KSigaction, Siginfo] | None:
    """Deal with the caller's signals up to one that has a handler; returns it, None if there is no more (spec 10.7).

    Stops the process, lets a tracer look, and does not return from what is fatal.
    """
    sighand = current.sighand
    assert sighand is not None
    sig = current.signal
    # Whoever is stopped counts as frozen; now that it runs again it must freeze before it does anything.
    if current.ti_flags & TIF_FREEZE:
        await freezer.refrigerator(current)
    while True:
        if sig.flags & SIGNAL_CLD_MASK:
            signal_stop.report_jobctl(current)
        if current.jobctl & JOBCTL_PENDING_MASK:
            if current.jobctl & JOBCTL_STOP_PENDING and await signal_stop.do_signal_stop(current, 0):
                await freezer.try_to_freeze(current)
                continue
            if current.jobctl & JOBCTL_TRAP_MASK:
                await signal_stop.do_jobctl_trap(current)
                await freezer.try_to_freeze(current)
                continue

        with sighand.siglock.irq():
            info = signal_queue.dequeue_signal(current, current.blocked)
            if info is None:
                return None
            traced = bool(current.ptrace) and info.signo != SIGKILL
            action = _IGN if traced else _disposition(current, info)
        if traced:
            info = await signal_stop.ptrace_signal(current, info)
            if info is None:
                continue
            with sighand.siglock.irq():
                action = _disposition(current, info)

        if isinstance(action, KSigaction):
            return info.signo, action, info
        if action == _STOP:
            # An orphaned group has nobody who could continue it; SIGSTOP does not ask.
            if info.signo == SIGSTOP or not exit_pgrp.is_current_pgrp_orphaned(current):
                await signal_stop.do_signal_stop(current, info.signo)
                await freezer.try_to_freeze(current)
        elif action == _TERM:
            await _dump_and_exit(current, info)


def _disposition(current: Task, info: Siginfo) -> KSigaction | int:
    """Return the action whose handler is to run, or what happens without one: _IGN, _STOP or _TERM; siglock held."""
    assert_siglock_held(current)
    signr = info.signo
    assert current.sighand is not None
    action = current.sighand.action
    ka = action[signr - 1]
    trace = current.kernel.trace
    if trace.signal_deliver:
        errno, code, *rest = siginfo.trace_fields(info, current)
        trace.signal_deliver(signr, errno, code, ka.handler, ka.flags, *rest)
    handler = ka.handler
    if handler not in (SIG_DFL, SIG_IGN):
        if ka.flags & SA_RESETHAND:
            action[signr - 1] = ka.reset()
        return ka
    bit = 1 << (signr - 1)
    if handler == SIG_IGN or bit & SIG_KERNEL_IGNORE_MASK:
        return _IGN
    # What reaches an init although it is unkillable came from outside its namespace.
    if current.signal.flags & SIGNAL_UNKILLABLE and not bit & SIG_KERNEL_ONLY_MASK:
        return _IGN
    return _STOP if bit & SIG_KERNEL_STOP_MASK else _TERM


async def _dump_and_exit(current: Task, info: Siginfo) -> None:
    """Let a signal end the process, with a core dump if that is its way."""
    signr = info.signo
    current.flags |= PF_SIGNALED
    if SIG_KERNEL_COREDUMP_MASK >> (signr - 1) & 1:
        if current.kernel.print_fatal_signals:
            _print_fatal_signal(current, signr)
        await coredump.do_coredump(current, signr)
    await exit.do_group_exit(current, signr)


def _print_fatal_signal(current: Task, signr: int) -> None:
    k = current.kernel
    k.printk(f"{current.comm}/{current.pid}: potentially unexpected fatal signal {signr}.")
    k.printk("")
    for line in current.thread.show_regs(current):
        k.printk(line)


async def do_signal(current: Task) -> None:
    """Deliver a signal on the way to user mode: run its handler, restart the interrupted call (spec 10.11).

    One call makes at most one frame; if TIF_SIGPENDING is still set then, call again.
    """
    found = await get_signal_to_deliver(current)
    if found is not None:
        sig, ka, info = found
        handle_signal(current, sig, ka, info)
        if current.ti_flags & TIF_SINGLESTEP and current.ptrace:
            await signal_stop.ptrace_notify(current, SIGTRAP)
        return

    thread = current.thread
    code = -thread.syscall_get_error()
    if code in _RESTART_CODES and thread.syscall_nr() >= 0:
        if choose_fault.was_interrupted(current) and code != _ERESTARTNOINTR:
            thread.set_return(-_EINTR)
        else:
            thread.syscall_restart(current, code)
    # Without a handler the mask that the call replaced comes back here.
    if current.ti_flags & TIF_RESTORE_SIGMASK:
        current.ti_flags &= ~TIF_RESTORE_SIGMASK
        signal_queue.set_current_blocked(current, current.saved_sigmask)


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
        sched_account.account_system_time(current, SIGFRAME_NS)
        if current.rseq is not None:
            rseq.rseq_signal_deliver(current, sig)
        thread.setup_rt_frame(current, sig, ka, info, oldset)
    except LinuxError:
        signal_send.force_sigsegv(sig, current)
        return
    blocked |= ka.mask
    if not ka.flags & SA_NODEFER:
        blocked |= 1 << (sig - 1)
    signal_queue.set_current_blocked(current, blocked)
    # The frame has the mask now, and sigreturn restores it.
    current.ti_flags &= ~TIF_RESTORE_SIGMASK
