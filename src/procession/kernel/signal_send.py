"""Sending signals: who may, whom kill(2) means, which thread takes it (part of kernel/signal.c; spec 10.2 to 10.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from procession.hw.chooser import TAKES_SIGNAL
from procession.hw.costs import SIGNAL_TASK_NS
from procession.include.linux.bug import bug_on
from procession.include.linux.cred import CAP_KILL
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID
from procession.include.linux.ptrace import PT_SEIZED
from procession.include.linux.sched import (
    JOBCTL_PENDING_MASK,
    JOBCTL_STOP_PENDING,
    PF_EXITING,
    SIGNAL_CLD_CONTINUED,
    SIGNAL_CLD_STOPPED,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_CONTINUED,
    SIGNAL_STOP_STOPPED,
    SIGNAL_UNKILLABLE,
    TASK_STOPPED_BIT,
    TASK_TRACED_BIT,
    TIF_SIGPENDING,
    assert_siglock_held,
    same_thread_group,
    threads_from,
)
from procession.include.linux.signal import (
    NSIG,
    SIG_DFL,
    SIG_IGN,
    SIG_KERNEL_COREDUMP_MASK,
    SIG_KERNEL_IGNORE_MASK,
    SIG_KERNEL_STOP_MASK,
    SIGCONT,
    SIGKILL,
    SIGKILL_MASK,
    SIGRTMIN,
    SIGSEGV,
    Siginfo,
    Sigqueue,
)
from procession.include.linux.uidgid import from_kuid_munged
from procession.kernel import capability, pid, rcupdate, sched, sched_account, signal_jobctl, signal_queue, wait
from procession.kernel.siginfo import (
    SEND_SIG_FORCED,
    SEND_SIG_NOINFO,
    SEND_SIG_PRIV,
    AnyInfo,
    hide_sender,
    rename_sender,
    trace_fields,
)

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task

__all__ = (
    "check_kill_permission",
    "do_send_sig_info",
    "force_sig",
    "force_sig_info",
    "force_sigsegv",
    "group_send_sig_info",
    "kill_pgrp",
    "kill_pgrp_info_locked",
    "kill_pid_info",
    "kill_proc_info",
    "kill_something_info",
    "send_sig",
    "send_sig_info",
    "send_signal",
    "send_sigqueue",
    "sigqueue_alloc",
    "sigqueue_free",
    "zap_other_threads",
)

_SIGCONT_BIT: Final = 1 << (SIGCONT - 1)
_UNKILLABLE_OR_EXIT: Final = SIGNAL_UNKILLABLE | SIGNAL_GROUP_EXIT
_NOT_FATAL_MASK: Final = SIG_KERNEL_IGNORE_MASK | SIG_KERNEL_STOP_MASK


# Who may send to whom.


def si_fromuser(info: AnyInfo) -> bool:
    """Whether a user sent this, so that permission matters."""
    return info is SEND_SIG_NOINFO or (isinstance(info, Siginfo) and info.code <= 0 and not info.has_class())


def kill_ok_by_cred(current: Task, t: Task) -> bool:
    """Whether current's ids, or CAP_KILL, let it send to t."""
    cred, tcred = current.cred, t.real_cred
    if cred.user.user_ns is tcred.user.user_ns and (
        cred.euid in (tcred.suid, tcred.uid) or cred.uid in (tcred.suid, tcred.uid)
    ):
        return True
    return capability.ns_capable(current, tcred.user_ns, CAP_KILL)


def check_kill_permission(current: Task, sig: int, info: AnyInfo, t: Task) -> None:
    """Let pass what current may send to t; raises EINVAL for no signal, EPERM (spec 10.2)."""
    if not 0 <= sig <= NSIG:
        raise LinuxError(Errno.EINVAL, f"no signal {sig}")
    if not si_fromuser(info) or same_thread_group(current, t) or kill_ok_by_cred(current, t):
        return
    if sig == SIGCONT:
        session = pid.task_session(t)
        if session is not None and session is pid.task_session(current):
            return
    raise LinuxError(Errno.EPERM, f"signal {sig} to {t!r}")


# The core: one signal, one target, siglock held.


def prepare_signal(sig: int, p: Task, from_ancestor_ns: bool) -> bool:
    """Do what a stop or continue signal does by being sent (spec 10.5).

    Returns False if the signal itself is ignored.
    """
    assert_siglock_held(p)
    bit = 1 << (sig - 1)
    if bit & (SIG_KERNEL_STOP_MASK | _SIGCONT_BIT) and not p.signal.flags & SIGNAL_GROUP_EXIT:
        k = p.kernel
        gone = _SIGCONT_BIT if bit != _SIGCONT_BIT else SIG_KERNEL_STOP_MASK
        signal_queue.rm_from_queue(k, gone, p.signal.shared_pending)
        for t in threads_from(p):
            signal_queue.rm_from_queue(k, gone, t.pending)
            if bit == _SIGCONT_BIT:
                signal_jobctl.task_clear_jobctl_pending(t, JOBCTL_STOP_PENDING)
                if t.ptrace & PT_SEIZED:
                    signal_jobctl.ptrace_trap_notify(t)
                else:
                    sched.wake_up_state(t, TASK_STOPPED_BIT)
        if bit == _SIGCONT_BIT:
            _note_continued(p)
    return not signal_queue.sig_ignored(p, sig, from_ancestor_ns)


def _note_continued(p: Task) -> None:
    """Have the first thread that comes by tell the parent; the assignments lose other flags, as in 3.2."""
    sig = p.signal
    why = 0
    if sig.flags & SIGNAL_STOP_STOPPED:
        why = SIGNAL_CLD_CONTINUED
    elif sig.group_stop_count:
        why = SIGNAL_CLD_STOPPED  # the stop was as good as there: report that it happened
    if why:
        sig.flags = why | SIGNAL_STOP_CONTINUED
        sig.group_stop_count = 0
        sig.group_exit_code = 0


def wants_signal(sig: int, p: Task) -> bool:
    """Whether p is a good choice to take a signal: it may, and is not busy with another one."""
    if p.blocked >> (sig - 1) & 1 or p.flags & PF_EXITING:
        return False
    if sig == SIGKILL:
        return True
    if p.state & (TASK_STOPPED_BIT | TASK_TRACED_BIT):
        return False
    return p.on_cpu or not p.ti_flags & TIF_SIGPENDING


def complete_signal(sig: int, p: Task, group: bool) -> None:
    """Choose the thread that shall take a signal just queued, and wake it (spec 10.6).

    A signal that is going to kill the whole process does so here: each thread gets a SIGKILL of its own.
    """
    signal = p.signal
    if wants_signal(sig, p):
        t = p
    elif not group or len(signal.threads) == 1:
        return  # it stays queued until p unblocks it or wakes up
    else:
        chosen = _choose_thread(sig, p)
        if chosen is None:
            return
        t = chosen

    assert p.sighand is not None
    bit = 1 << (sig - 1)
    if (
        p.sighand.action[sig - 1].handler == SIG_DFL
        and not bit & _NOT_FATAL_MASK
        and not signal.flags & _UNKILLABLE_OR_EXIT
        and not t.real_blocked & bit
        and (sig == SIGKILL or not t.ptrace)
        and not bit & SIG_KERNEL_COREDUMP_MASK  # whose dump wants the threads as they are
    ):
        signal.flags = SIGNAL_GROUP_EXIT
        signal.group_exit_code = sig
        signal.group_stop_count = 0
        threads = threads_from(p)
        for thread in threads:
            _kill_thread(thread)
        sched_account.account_system_time(p.kernel.current, len(threads) * SIGNAL_TASK_NS)
        return
    signal_queue.signal_wake_up(t, resume=sig == SIGKILL)


def _choose_thread(sig: int, p: Task) -> Task | None:
    """Go round the threads from the one that was chosen last; any that wants it may be nearer than the others."""
    signal = p.signal
    assert signal.curr_target is not None
    ring = threads_from(signal.curr_target)
    if p.kernel.chooser.active or p.kernel.chooser.exploring:
        ring = [t for t in ring if wants_signal(sig, t)]
        first = p.kernel.chooser.choose(TAKES_SIGNAL, [t.pid for t in ring])
        ring = ring[first:]
    asked = 0
    chosen = None
    for t in ring:
        asked += 1
        if wants_signal(sig, t):
            signal.curr_target = chosen = t
            break
    sched_account.account_system_time(p.kernel.current, asked * SIGNAL_TASK_NS)
    return chosen


def _kill_thread(t: Task) -> None:
    signal_jobctl.task_clear_jobctl_pending(t, JOBCTL_PENDING_MASK)
    t.pending.signal |= SIGKILL_MASK
    signal_queue.signal_wake_up(t, resume=True)


def zap_other_threads(p: Task) -> int:
    """Kill all other threads of p's process; returns how many there are."""
    assert_siglock_held(p)
    p.signal.group_stop_count = 0
    others = threads_from(p)[1:]
    for t in others:
        signal_jobctl.task_clear_jobctl_pending(t, JOBCTL_PENDING_MASK)
        if not t.exit_state:
            t.pending.signal |= SIGKILL_MASK
            signal_queue.signal_wake_up(t, resume=True)
    sched_account.account_system_time(p.kernel.current, len(others) * SIGNAL_TASK_NS)
    return len(others)


def send_signal(sig: int, info: AnyInfo, t: Task, group: bool) -> None:
    """Queue a signal for t alone or for its process; raises EAGAIN if a real-time one finds no room (spec 10.4).

    Context: siglock held. An info given here must not be changed afterwards.
    """
    assert_siglock_held(t)
    from_ancestor_ns = False
    if si_fromuser(info):
        from_ancestor_ns = not pid.task_pid_nr_ns(t.kernel.current, pid.task_active_pid_ns(t))
    if isinstance(info, Siginfo) and t.cred.user_ns is not t.kernel.current.cred.user_ns:
        info = rename_sender(info, t)
    do_send_signal(sig, info, t, group, from_ancestor_ns)


def do_send_signal(sig: int, info: AnyInfo, t: Task, group: bool, from_ancestor_ns: bool) -> None:
    """As send_signal, for a sender that t's namespace has a number for, or has not (__send_signal)."""
    trace = t.kernel.trace
    if trace.signal_generate:
        errno, code, *rest = trace_fields(info, t.kernel.current)
        trace.signal_generate(int(sig), errno, code, t.comm, t.pid, *rest)
    if not prepare_signal(sig, t, from_ancestor_ns):
        return
    pending = t.signal.shared_pending if group else t.pending
    bit = 1 << (sig - 1)
    # A standard signal is pending once, with what its first sender said.
    if sig < SIGRTMIN and pending.signal & bit:
        return

    if info is not SEND_SIG_FORCED:
        q = _sigqueue_for(sig, info, t, from_ancestor_ns)
        if q is not None:
            pending.list.append(q)
        elif isinstance(info, Siginfo):
            if sig >= SIGRTMIN and info.code:
                if trace.signal_overflow_fail:
                    trace.signal_overflow_fail(int(sig), int(group), *trace_fields(info, t.kernel.current)[:2])
                raise LinuxError(Errno.EAGAIN, "RLIMIT_SIGPENDING")
            if trace.signal_lose_info:
                trace.signal_lose_info(int(sig), int(group), *trace_fields(info, t.kernel.current)[:2])
    _signalfd_notify(t)
    pending.signal |= bit
    complete_signal(sig, t, group)


def _sigqueue_for(sig: int, info: AnyInfo, t: Task, from_ancestor_ns: bool) -> Sigqueue | None:
    """Return a queue entry, None if t's user has used up RLIMIT_SIGPENDING and the signal is not worth an exception."""
    if isinstance(info, Siginfo):
        override_rlimit = sig < SIGRTMIN and (info.code >= 0 or info.has_class())
        if from_ancestor_ns and info.pid:
            info = hide_sender(info)
        return signal_queue.sigqueue_charge(t, info, override_rlimit)
    if info is SEND_SIG_PRIV:
        return signal_queue.sigqueue_charge(t, Siginfo(signo=sig, code=info.code), sig < SIGRTMIN)
    current = t.kernel.current
    sender = pid.task_tgid_nr_ns(current, pid.task_active_pid_ns(t))
    uid = from_kuid_munged(t.kernel, t.cred.user_ns, current.cred.uid)
    return signal_queue.sigqueue_charge(t, Siginfo(signo=sig, pid=sender, uid=uid), sig < SIGRTMIN)


def _signalfd_notify(t: Task) -> None:
    assert t.sighand is not None
    queue = t.sighand.signalfd_wqh
    if queue is not None and queue.task_list:
        wait.wake_up(queue)


# Senders.


def do_send_sig_info(sig: int, info: AnyInfo, p: Task, group: bool) -> None:
    """Send without asking for permission; raises ESRCH if p is no longer there, EAGAIN."""
    sighand = p.sighand
    if sighand is None:
        raise LinuxError(Errno.ESRCH, "released task")
    with sighand.siglock.irq():
        send_signal(sig, info, p, group)


def send_sig_info(sig: int, info: AnyInfo, p: Task) -> None:
    """Send to one thread; raises EINVAL, ESRCH, EAGAIN."""
    if not 0 <= sig <= NSIG:
        raise LinuxError(Errno.EINVAL, f"no signal {sig}")
    do_send_sig_info(sig, info, p, group=False)


def send_sig(sig: int, p: Task, priv: int) -> None:
    """Send to one thread, as the kernel if priv, else as current; raises EINVAL, ESRCH."""
    send_sig_info(sig, SEND_SIG_PRIV if priv else SEND_SIG_NOINFO, p)


def group_send_sig_info(sig: int, info: AnyInfo, p: Task) -> None:
    """Send to p's process if current may; sig 0 only asks. Raises EINVAL, EPERM, ESRCH, EAGAIN."""
    check_kill_permission(p.kernel.current, sig, info, p)
    if sig:
        do_send_sig_info(sig, info, p, group=True)


def force_sig_info(sig: int, info: AnyInfo, t: Task) -> None:
    """Send a signal that t cannot escape: it is unblocked and no longer ignored (spec 10.10)."""
    sighand = t.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        ka = sighand.action[sig - 1]
        bit = 1 << (sig - 1)
        blocked = t.blocked & bit
        if blocked or ka.handler == SIG_IGN:
            ka = sighand.action[sig - 1] = ka.reset()
            if blocked:
                t.blocked &= ~bit
                signal_queue.recalc_sigpending_and_wake(t)
        if ka.handler == SIG_DFL:
            t.signal.flags &= ~SIGNAL_UNKILLABLE
        send_signal(sig, info, t, group=False)


def force_sig(sig: int, p: Task) -> None:
    """As force_sig_info, from the kernel and without details."""
    force_sig_info(sig, SEND_SIG_PRIV, p)


def force_sigsegv(sig: int, p: Task) -> None:
    """Send SIGSEGV because a frame for sig could not be made; if that was SIGSEGV's own, it kills."""
    if sig == SIGSEGV:
        sighand = p.sighand
        assert sighand is not None
        with sighand.siglock.irq():
            sighand.action[sig - 1] = sighand.action[sig - 1].reset()
    force_sig(SIGSEGV, p)


def _send_to_all(sig: int, info: AnyInfo, targets: Iterable[Task]) -> None:
    """Send to each process, tasklist_lock held; raises the last failure if none succeeded, ESRCH if there was none."""
    failure = LinuxError(Errno.ESRCH, "no such process group")
    success = False
    asked = 0
    current = None
    for p in targets:
        p.kernel.tasklist_lock.assert_held()
        try:
            group_send_sig_info(sig, info, p)
        except LinuxError as error:
            failure = error
        else:
            success = True
        asked += 1
        current = p.kernel.current
    if current is not None:
        sched_account.account_system_time(current, asked * SIGNAL_TASK_NS)
    if not success:
        raise failure


def kill_pgrp_info_locked(sig: int, info: AnyInfo, pgrp: Pid | None) -> None:
    """Send to all members of a process group, under tasklist_lock (__kill_pgrp_info); raises ESRCH, EPERM, EINVAL."""
    members = list(pgrp.tasks[PIDTYPE_PGID] or ()) if pgrp is not None else []
    if members:
        members[0].kernel.tasklist_lock.assert_held()
    _send_to_all(sig, info, reversed(members))


def kill_pgrp(pgrp: Pid | None, sig: int, priv: int) -> None:
    """Send to a process group, as the kernel if priv, else as current; raises ESRCH, EPERM, EINVAL."""
    first = pid.pid_task(pgrp, PIDTYPE_PGID)
    if first is None:
        raise LinuxError(Errno.ESRCH, "empty process group")
    with first.kernel.tasklist_lock.read():
        kill_pgrp_info_locked(sig, SEND_SIG_PRIV if priv else SEND_SIG_NOINFO, pgrp)


def kill_pid_info(sig: int, info: AnyInfo, target: Pid | None) -> None:
    """Send to the process of the thread with this pid; raises ESRCH, EINVAL, EPERM, EAGAIN.

    Differs: no second attempt, since no task is unhashed between the look-up and the lock.
    """
    p = pid.pid_task(target, PIDTYPE_PID)
    if p is None:
        raise LinuxError(Errno.ESRCH, "no such process")
    with rcupdate.rcu_read_lock(p.kernel):
        group_send_sig_info(sig, info, p)


def kill_proc_info(current: Task, sig: int, info: AnyInfo, nr: int) -> None:
    """As kill_pid_info, by the number current knows the thread by."""
    kill_pid_info(sig, info, pid.find_vpid(current, nr))


def kill_something_info(current: Task, sig: int, info: AnyInfo, nr: int) -> None:
    """Send to whom kill(2)'s first argument means; raises ESRCH, EINVAL, EPERM, EAGAIN (spec 10.3)."""
    if nr > 0:
        kill_pid_info(sig, info, pid.find_vpid(current, nr))
        return
    k = current.kernel
    with k.tasklist_lock.read():
        if nr != -1:
            kill_pgrp_info_locked(sig, info, pid.find_vpid(current, -nr) if nr else pid.task_pgrp(current))
            return
        _kill_everybody(current, sig, info)


def _kill_everybody(current: Task, sig: int, info: AnyInfo) -> None:
    """Send to all processes but our own and the namespace's init; that most may be forbidden is no error."""
    failure: LinuxError | None = LinuxError(Errno.ESRCH, "nobody else")
    count = 0
    everybody = list(current.kernel.tasks)
    sched_account.account_system_time(current, len(everybody) * SIGNAL_TASK_NS)
    for p in everybody:
        if pid.task_pid_vnr(current, p) <= 1 or same_thread_group(p, current):
            continue
        if not count:
            failure = None
        count += 1
        try:
            group_send_sig_info(sig, info, p)
        except LinuxError as error:
            if error.errno != Errno.EPERM:
                failure = error
        else:
            failure = None
    if failure is not None:
        raise failure


# Entries that a timer owns.


def sigqueue_alloc(current: Task) -> Sigqueue:
    """Return an entry that stays with its timer and is queued again and again; raises EAGAIN at RLIMIT_SIGPENDING."""
    q = signal_queue.sigqueue_charge(current, Siginfo(signo=0), override_rlimit=False)
    if q is None:
        raise LinuxError(Errno.EAGAIN, "RLIMIT_SIGPENDING")
    q.preallocated = True
    return q


def sigqueue_free(current: Task, q: Sigqueue) -> None:
    """Give up a timer's entry; one that is still queued is freed when its signal is taken."""
    bug_on(not q.preallocated, "not a timer's queue entry")
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        q.preallocated = False
        queued = _is_queued(q, current)
    if not queued:
        signal_queue.sigqueue_put(current.kernel, q)


def _is_queued(q: Sigqueue, t: Task) -> bool:
    return q in t.signal.shared_pending.list or any(q in thread.pending.list for thread in t.signal.threads)


def send_sigqueue(q: Sigqueue, t: Task, group: bool) -> bool:
    """Send a timer's signal; while its entry is queued, only the overrun counts on. Returns False if it is ignored."""
    bug_on(not q.preallocated, "not a timer's queue entry")
    sighand = t.sighand
    if sighand is None:
        return False
    sig = q.info.signo
    with sighand.siglock.irq():
        if not prepare_signal(sig, t, from_ancestor_ns=False):
            return False
        if _is_queued(q, t):
            bug_on(not q.info.is_timers(), "requeued entry that is no timer's")
            q.info.overrun += 1
            return True
        q.info.overrun = 0
        _signalfd_notify(t)
        pending = t.signal.shared_pending if group else t.pending
        pending.list.append(q)
        pending.signal |= 1 << (sig - 1)
        complete_signal(sig, t, group)
    return True
