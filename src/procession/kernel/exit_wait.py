"""Waiting for children and tracees (the second half of kernel/exit.c; spec 9, ptrace-x86 6)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
import struct
from typing import TYPE_CHECKING, Final

from procession.hw.chooser import IS_REAPED
from procession.hw.costs import WAIT_CHILD_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import PIDTYPE_MAX, PIDTYPE_PGID, PIDTYPE_PID
from procession.include.linux.pidfd import PIDFD_NONBLOCK
from procession.include.linux.ptrace import ptrace_reparented
from procession.include.linux.resource import RUSAGE_BOTH, Rusage, RusageOut
from procession.include.linux.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    JOBCTL_LISTENING,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_CONTINUED,
    SIGNAL_STOP_STOPPED,
    TASK_INTERRUPTIBLE,
    TASK_STOPPED_BIT,
    TASK_TRACED_BIT,
    Task,
    delay_group_leader,
    thread_group_leader,
    threads_from,
)
from procession.include.linux.signal import (
    CLD_CONTINUED,
    CLD_DUMPED,
    CLD_EXITED,
    CLD_KILLED,
    CLD_STOPPED,
    CLD_TRAPPED,
    SIGCHLD,
    SIGCONT,
    InfoOut,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import PidNr, UserPtr
from procession.include.linux.uidgid import uid_here
from procession.include.linux.wait import (
    P_ALL,
    P_PGID,
    P_PID,
    P_PIDFD,
    W_CONTINUED,
    WALL,
    WCLONE,
    WCONTINUED,
    WCOREFLAG,
    WEXITED,
    WNOHANG,
    WNOTHREAD,
    WNOWAIT,
    WSTOPPED_BYTE,
    WTERMSIG_MASK,
    WUNTRACED,
    IdTypeArg,
    Wait4Arg,
    WaitidArg,
    WaitQueueEntry,
    WaitStatus,
)
from procession.kernel import exit, pid, pidfd, ptrace, sched, sched_account, sched_cputime, signal_notify, sys, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid

__all__ = ("WaitOpts", "do_wait", "sys_wait4", "sys_waitid")


# What looking at one candidate, or at all of them, has found.
NO_MATCH: Final = 0  # nobody whom the wait could ever be about
UNREADY: Final = 1  # somebody who may do later what is waited for
FOUND: Final = 2  # somebody who has: WaitOpts says who and what


class WaitOpts:
    """What somebody waits for, and what became of it (struct wait_opts).

    wo_type PIDTYPE_MAX: any child.  wo_info, wo_stat, wo_rusage: where in user memory to say it, 0 for nowhere.
    The rest is filled in by the child that is found, and written there after the locks are dropped.
    traced: it is a zombie that another process's child is: that process hears of it next.
    """

    __slots__ = (
        "wo_flags",
        "wo_type",
        "wo_pid",
        "wo_info",
        "wo_stat",
        "wo_rusage",
        "child",
        "nr",
        "uid",
        "cause",
        "si_status",
        "status",
        "rusage",
        "traced",
    )  # derived

    def __init__(self, wo_flags: int, wo_info: UserPtr = 0, wo_stat: UserPtr = 0, wo_rusage: UserPtr = 0) -> None:
        self.wo_flags: int = wo_flags
        self.wo_type: int = PIDTYPE_MAX
        self.wo_pid: Pid | None = None
        self.wo_info: UserPtr = wo_info
        self.wo_stat: UserPtr = wo_stat
        self.wo_rusage: UserPtr = wo_rusage
        self.child: Task | None = None
        self.nr: int = 0  # the child's number as the waiter sees it
        self.uid: int = 0
        self.cause: int = 0  # si_code
        self.si_status: int = 0
        self.status: int = 0  # as wait4(2) has it
        self.rusage: Rusage | None = None
        self.traced: bool = False


def eligible_pid(wo: WaitOpts, p: Task) -> bool:
    """Whether the selector admits p; PGID is the leader's."""
    type = wo.wo_type
    if type == PIDTYPE_MAX:
        return True
    return (p if type == PIDTYPE_PID else p.group_leader).pids[type] is wo.wo_pid


def eligible_child(wo: WaitOpts, p: Task) -> bool:
    """Whether the selector and the clone options admit p (spec 9.3)."""
    if not eligible_pid(wo, p):
        return False
    # Ordinary children signal SIGCHLD at death; "clone" children do not.
    return bool(wo.wo_flags & WALL) or (p.exit_signal != SIGCHLD) == bool(wo.wo_flags & WCLONE)


def _record(current: Task, wo: WaitOpts, p: Task, cause: int, si_status: int, status: int) -> int:
    """Note what happened to p; returns FOUND."""
    wo.child = p
    wo.cause, wo.si_status, wo.status = cause, si_status, status
    wo.nr = pid.task_pid_vnr(current, p)
    wo.uid = uid_here(current, p.cred.uid)
    if wo.wo_rusage:
        wo.rusage = sys.k_getrusage(p, RUSAGE_BOTH)
    return FOUND


def _exit_cause(status: int) -> tuple[int, int]:
    """Return (si_code, si_status) for a death with this wait status."""
    if not status & WTERMSIG_MASK:
        return CLD_EXITED, status >> 8
    return CLD_DUMPED if status & WCOREFLAG else CLD_KILLED, status & WTERMSIG_MASK


def wait_task_zombie(current: Task, wo: WaitOpts, p: Task) -> int:
    """Report a zombie and, unless WNOWAIT, claim it; NO_MATCH if the dead are not asked for (spec 9.5)."""
    if not wo.wo_flags & WEXITED:
        return NO_MATCH
    if wo.wo_flags & WNOWAIT:
        # As 3.2 does, from the task's own code: group_exit_code is not looked at here.
        return _record(current, wo, p, *_exit_cause(p.exit_code), p.exit_code)

    exit.advance_exit_state(p, EXIT_ZOMBIE, EXIT_DEAD)  # claimed: nobody else may report it
    wo.traced = ptrace_reparented(p)
    # A thread counts with its process.
    if not wo.traced and thread_group_leader(p):
        _account_child(p)
    trace = p.kernel.trace
    if trace.sched_process_wait:
        trace.sched_process_wait(p.comm, p.pid, p.prio)
    sig = p.signal
    status = sig.group_exit_code if sig.flags & SIGNAL_GROUP_EXIT else p.exit_code
    return _record(current, wo, p, *_exit_cause(status), status)


def _account_child(p: Task) -> None:
    """Add a reaped process's usage, and that of its own reaped children, to its parent's (spec 9.5)."""
    psig, sig = p.real_parent.signal, p.signal
    sighand = p.real_parent.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        utime, stime = sched_cputime.thread_group_times(p)
        psig.cutime += utime + sig.cutime
        psig.cstime += stime + sig.cstime
        psig.cmin_flt += p.min_flt + sig.min_flt + sig.cmin_flt
        psig.cmaj_flt += p.maj_flt + sig.maj_flt + sig.cmaj_flt
        psig.cnvcsw += p.nvcsw + sig.nvcsw + sig.cnvcsw
        psig.cnivcsw += p.nivcsw + sig.nivcsw + sig.cnivcsw
        psig.cinblock += p.inblock + sig.inblock + sig.cinblock
        ours, its = psig.ioac, sig.ioac
        psig.ioac = (
            ours[0] + its[0] + p.rchar,
            ours[1] + its[1] + p.wchar,
            ours[2] + its[2] + p.syscr,
            ours[3] + its[3] + p.syscw,
        )
        psig.coublock += p.oublock + sig.oublock + sig.coublock
        psig.cmaxrss = max(psig.cmaxrss, sig.maxrss, sig.cmaxrss)


def wait_task_stopped(current: Task, wo: WaitOpts, p: Task, traced: bool) -> bool:
    """Report a stop, once: that of the process, or, of a tracee, of the thread; returns whether there is one.

    To tracers every wait tells of stops, to parents only one with WUNTRACED.
    """
    if not traced and not wo.wo_flags & WUNTRACED:
        return False
    assert p.sighand is not None
    with p.sighand.siglock.irq():
        if traced:
            # One that listens is as if it ran, whether its stop has been told or not.
            stopped = p.state & (TASK_STOPPED_BIT | TASK_TRACED_BIT) and not p.jobctl & JOBCTL_LISTENING
            code = p.exit_code if stopped else 0
            if code and not wo.wo_flags & WNOWAIT:
                p.exit_code = 0
        else:
            code = p.signal.group_exit_code if p.signal.flags & SIGNAL_STOP_STOPPED else 0
            if code and not wo.wo_flags & WNOWAIT:
                p.signal.group_exit_code = 0
    if not code:
        return False
    _record(current, wo, p, CLD_TRAPPED if traced else CLD_STOPPED, code, code << 8 | WSTOPPED_BYTE)
    return True


def wait_task_continued(current: Task, wo: WaitOpts, p: Task) -> bool:
    """Report that a stopped process runs again, once, to whoever asks first; returns whether there is that to tell."""
    if not wo.wo_flags & WCONTINUED or not p.signal.flags & SIGNAL_STOP_CONTINUED:
        return False
    assert p.sighand is not None
    with p.sighand.siglock.irq():
        if not p.signal.flags & SIGNAL_STOP_CONTINUED:
            return False
        if not wo.wo_flags & WNOWAIT:
            p.signal.flags &= ~SIGNAL_STOP_CONTINUED
    _record(current, wo, p, CLD_CONTINUED, SIGCONT, W_CONTINUED)
    return True


def wait_consider_task(current: Task, wo: WaitOpts, p: Task, traced: bool) -> int:
    """Look at one candidate, as its tracer or as its parent (spec 9.4)."""
    if not eligible_child(wo, p):
        return NO_MATCH
    if p.exit_state == EXIT_DEAD:
        # Its tracer is about to tell its parent, if that is somebody else.
        return UNREADY if not traced and ptrace_reparented(p) else NO_MATCH
    answer = UNREADY
    if p.exit_state == EXIT_ZOMBIE:
        # A tracer sees a zombie first; the parent hears of it when that one lets it go.
        if not traced and p.ptrace:
            return UNREADY
        if not delay_group_leader(p):
            return wait_task_zombie(current, wo, p)
        # A dead leader whose threads live on: something will happen yet.
        if traced and not wo.wo_flags & (WCONTINUED | WEXITED):
            answer = NO_MATCH
    elif not traced and p.ptrace and not ptrace_reparented(p):
        # Traced from within its parent's process: one stop is not told twice.
        return NO_MATCH
    if wait_task_stopped(current, wo, p, traced) or wait_task_continued(current, wo, p):
        return FOUND
    return answer


def _wait_among(current: Task, wo: WaitOpts, tasks: Iterable[Task], traced: bool) -> int:
    """Look at candidates up to the first that is found."""
    best = NO_MATCH
    looked_at = 0
    for p in tasks:
        looked_at += 1
        result = wait_consider_task(current, wo, p, traced)
        if result != NO_MATCH:
            best = result
        if result == FOUND:
            break
    sched_account.account_system_time(current, looked_at * WAIT_CHILD_NS)
    return best


def _in_chosen_order(wo: WaitOpts, tsk: Task) -> list[Task]:
    """Return tsk's children with the zombie first that is chosen: 3.2 takes the oldest, POSIX leaves it open."""
    children = list(tsk.children)
    program = tsk.kernel.init_program
    if tsk.pid == 1 and (program is None or not program.as_init):
        return children  # whom the machine's own init reaps first nobody can tell
    if wo.wo_type == PIDTYPE_PID or not wo.wo_flags & WEXITED:
        return children
    dead = [
        p
        for p in children
        if p.exit_state == EXIT_ZOMBIE and eligible_child(wo, p) and not p.ptrace and not delay_group_leader(p)
    ]
    answer = tsk.kernel.chooser.choose(IS_REAPED, [p.pid for p in dead])
    if answer:
        children.remove(dead[answer])
        children.insert(0, dead[answer])
    return children


def do_wait_thread(current: Task, wo: WaitOpts, tsk: Task) -> int:
    """Look at the children of one thread of the waiting process, then at those whom it traces, the newest first."""
    children = _in_chosen_order(wo, tsk) if current.kernel.chooser.exploring else tsk.children
    best = _wait_among(current, wo, children, False)
    if best == FOUND or not tsk.ptraced:
        return best
    result = _wait_among(current, wo, reversed(tsk.ptraced), True)
    return best if result == NO_MATCH else result


def _look_for_child(current: Task, wo: WaitOpts) -> int:
    """Look at the children of all threads of the caller, its own first."""
    if wo.wo_type != PIDTYPE_MAX and (wo.wo_pid is None or not wo.wo_pid.tasks[wo.wo_type]):
        return NO_MATCH
    best = NO_MATCH
    with current.kernel.tasklist_lock.read():
        for tsk in (current,) if wo.wo_flags & WNOTHREAD else threads_from(current):
            result = do_wait_thread(current, wo, tsk)
            if result == FOUND:
                return FOUND
            if result == UNREADY:
                best = UNREADY
    return best


async def do_wait(current: Task, wo: WaitOpts) -> int:
    """Wait until a child changes as wo asks; returns its number, 0 with WNOHANG if none has (spec 9.2).

    The reference to wo_pid is given back. Raises ECHILD if there is nobody to wait for, ERESTARTSYS if a signal comes
    first; EFAULT comes after the child is claimed.
    """
    queue, woken = current.signal.wait_chldexit, partial(child_wait_callback, wo)
    current.held.append(wo.wo_pid)
    try:
        with wait.Waiter(current, queue, TASK_INTERRUPTIBLE, "do_wait", func=woken) as waiter:
            result = _look_for_child(current, wo)
            while result == UNREADY and not wo.wo_flags & WNOHANG:
                await waiter.sleep()
                result = _look_for_child(current, wo)
    finally:
        current.held.pop()
        pid.put_pid(current.kernel, wo.wo_pid)

    if result == FOUND:
        return _report(current, wo)
    if result == NO_MATCH:
        raise LinuxError(Errno.ECHILD, "no such child")
    return 0


def _report(current: Task, wo: WaitOpts) -> int:
    """Tell user memory of the child that was found, and let it go if it was claimed; returns its number.

    Raises EFAULT, but the child is gone all the same.
    """
    child = wo.child
    assert child is not None
    try:
        if wo.rusage is not None:
            uaccess.copy_to_user(current, wo.wo_rusage, sys.pack_rusage(wo.rusage))
        if wo.wo_stat:
            uaccess.put_user(current, wo.wo_stat, wo.status, 4)
        if wo.wo_info:
            _put_siginfo(current, wo.wo_info, SIGCHLD, wo)
    finally:
        if child.exit_state == EXIT_DEAD:
            _let_go(wo, child)
    return wo.nr


def _let_go(wo: WaitOpts, child: Task) -> None:
    """Release a zombie that was claimed, or leave it to its parent if that is not whom it was claimed by."""
    if wo.traced:
        with child.kernel.tasklist_lock.write_irq():
            ptrace.ptrace_unlink(child)
            if thread_group_leader(child) and not signal_notify.do_notify_parent(child, child.exit_signal):
                exit.advance_exit_state(child, EXIT_DEAD, EXIT_ZOMBIE)
                return
    exit.release_task(child)


def _put_siginfo(current: Task, infop: UserPtr, signo: int, wo: WaitOpts) -> None:
    """Write signo, errno, code, then pid, uid, status: the padding between them is not written."""
    uaccess.copy_to_user(current, infop, struct.pack("<iii", signo, 0, wo.cause))
    uaccess.copy_to_user(current, infop, struct.pack("<iIi", wo.nr, wo.uid, wo.si_status), 16)


def child_wait_callback(wo: WaitOpts, entry: WaitQueueEntry, mode: int, key: object) -> bool:
    """Wake the sleeper if the child that has changed, the key, is one it waits for."""
    assert isinstance(key, Task)
    if not eligible_pid(wo, key):
        return False
    if wo.wo_flags & WNOTHREAD and key.parent is not entry.task:
        return False
    return sched.try_to_wake_up(entry.task, mode)


@syscall
async def sys_wait4(current: Task, upid: PidNr, stat_addr: WaitStatus, options: Wait4Arg, ru: RusageOut) -> int:
    """Wait for a child to end, stop or continue (wait4(2); spec 9.1).

    Raises EINVAL for unknown options, ECHILD, ERESTARTSYS; EFAULT comes after the child is reaped.
    """
    if options & 0xFFFFFFFF & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE):
        raise LinuxError(Errno.EINVAL, "unknown wait4 options")
    wo = WaitOpts(options & 0xFFFFFFFF | WEXITED, wo_stat=stat_addr, wo_rusage=ru)
    if upid > 0:
        wo.wo_type, wo.wo_pid = PIDTYPE_PID, pid.find_get_pid(current, upid)
    elif upid == 0:
        wo.wo_type, wo.wo_pid = PIDTYPE_PGID, pid.get_task_pid(current, PIDTYPE_PGID)
    elif upid != -1:
        wo.wo_type, wo.wo_pid = PIDTYPE_PGID, pid.find_get_pid(current, -upid)
    return await do_wait(current, wo)


@syscall
async def sys_waitid(
    current: Task, which: IdTypeArg, upid: PidNr, infop: InfoOut, options: WaitidArg, ru: RusageOut
) -> int:
    """Wait with a siginfo as the answer (waitid(2); spec 9.1).

    Raises EINVAL for options or selectors that 3.2 does not know, ECHILD, ERESTARTSYS, EFAULT.
    """
    flags = options & 0xFFFFFFFF
    if flags & ~(WNOHANG | WNOWAIT | WEXITED | WUNTRACED | WCONTINUED):
        raise LinuxError(Errno.EINVAL, "unknown waitid options")
    if not flags & (WEXITED | WUNTRACED | WCONTINUED):
        raise LinuxError(Errno.EINVAL, "nothing to wait for")
    wo = WaitOpts(flags, wo_info=infop, wo_rusage=ru)
    if which in (P_PID, P_PGID):
        if upid <= 0:
            raise LinuxError(Errno.EINVAL, "no such selector")
        wo.wo_type = PIDTYPE_PID if which == P_PID else PIDTYPE_PGID
        wo.wo_pid = pid.find_get_pid(current, upid)
    elif which == P_PIDFD and "P_PIDFD" in current.kernel.later:
        return await _waitid_pidfd(current, upid, wo)
    elif which != P_ALL:
        raise LinuxError(Errno.EINVAL, "unknown idtype")
    if not await do_wait(current, wo) and infop:
        _put_siginfo(current, infop, 0, wo)
    return 0


async def _waitid_pidfd(current: Task, fd: int, wo: WaitOpts) -> int:
    """Wait for whom a descriptor means (P_PIDFD); raises EINVAL, EBADF, EAGAIN for one that is non-blocking."""
    if fd < 0:
        raise LinuxError(Errno.EINVAL, "no such selector")
    wo.wo_type = PIDTYPE_PID
    wo.wo_pid, f_flags = pidfd.pidfd_get_pid(current, fd)
    asked = wo.wo_flags
    if f_flags & PIDFD_NONBLOCK:
        wo.wo_flags |= WNOHANG
    if not await do_wait(current, wo):
        if not asked & WNOHANG and f_flags & PIDFD_NONBLOCK:
            raise LinuxError(Errno.EAGAIN, "the descriptor is non-blocking")
        if wo.wo_info:
            _put_siginfo(current, wo.wo_info, 0, wo)
    return 0
