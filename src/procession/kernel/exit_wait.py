"""Waiting for children (the second half of kernel/exit.c; spec 9).

Differs: no tracers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import struct
from typing import TYPE_CHECKING

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID
from procession.include.linux.resource import RUSAGE_BOTH, Rusage, RusageOut
from procession.include.linux.sched import (
    EXIT_DEAD,
    EXIT_ZOMBIE,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_CONTINUED,
    SIGNAL_STOP_STOPPED,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    Task,
    delay_group_leader,
)
from procession.include.linux.signal import (
    CLD_CONTINUED,
    CLD_DUMPED,
    CLD_EXITED,
    CLD_KILLED,
    CLD_STOPPED,
    SIGCHLD,
    SIGCONT,
    InfoOut,
)
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import PidNr
from procession.include.linux.wait import (
    P_ALL,
    P_PGID,
    P_PID,
    WALL,
    WCLONE,
    WCONTINUED,
    WEXITED,
    WNOHANG,
    WNOTHREAD,
    WNOWAIT,
    WUNTRACED,
    IdTypeArg,
    Wait4Arg,
    WaitidArg,
    WaitQueueEntry,
    WaitStatus,
)
from procession.kernel import exit, pid, sched, signal, sys, wait
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid

__all__ = ("WaitOpts", "do_wait", "sys_wait4", "sys_waitid", "wait_for_any")


@dataclass(eq=False, slots=True)
class WaitOpts:
    """What somebody waits for, and what became of it (struct wait_opts).

    wo_type None: any child. The results are filled in by the child that is found.
    """

    wo_flags: int
    wo_type: int | None = None
    wo_pid: Pid | None = None
    notask_error: Errno | None = None
    # Results, written to user memory after the locks are dropped.
    status: int = 0
    cause: int = 0  # si_code
    si_status: int = 0
    si_pid: int = 0
    si_uid: int = 0
    rusage: Rusage | None = None
    want_rusage: bool = False


def _eligible_child(wo: WaitOpts, p: Task) -> bool:
    """Whether the selector and the clone options admit p (spec 9.3)."""
    if wo.wo_type is not None:
        own = p.pids[PIDTYPE_PID] if wo.wo_type == 0 else p.group_leader.pids[wo.wo_type]
        if own is not wo.wo_pid:
            return False
    # Ordinary children signal SIGCHLD at death; "clone" children do not.
    return bool(wo.wo_flags & WALL) or (p.exit_signal != SIGCHLD) == bool(wo.wo_flags & WCLONE)


def _fill(wo: WaitOpts, current: Task, p: Task, cause: int, si_status: int, status: int) -> int:
    """Record what happened to p; returns its number as the waiter sees it."""
    assert current.nsproxy is not None
    wo.cause, wo.si_status, wo.status = cause, si_status, status
    wo.si_pid = pid.task_pid_nr_ns(p, current.nsproxy.pid_ns)
    wo.si_uid = p.cred.uid
    if wo.want_rusage:
        wo.rusage = sys.k_getrusage(p, RUSAGE_BOTH)
    return wo.si_pid


def _exit_cause(status: int) -> tuple[int, int]:
    """Return (si_code, si_status) for a death with this wait status."""
    if not status & 0x7F:
        return CLD_EXITED, status >> 8
    return CLD_DUMPED if status & 0x80 else CLD_KILLED, status & 0x7F


def wait_task_zombie(current: Task, wo: WaitOpts, p: Task) -> int:
    """Report a zombie and, unless WNOWAIT, reap it; returns its number, 0 if not asked for (spec 9.5)."""
    if not wo.wo_flags & WEXITED:
        return 0
    if wo.wo_flags & WNOWAIT:
        # As 3.2 does, from the task's own code: group_exit_code is not looked at here.
        return _fill(wo, current, p, *_exit_cause(p.exit_code), p.exit_code)

    p.exit_state = EXIT_DEAD  # claimed: nobody else may report it
    _account_child(p)
    trace = p.kernel.trace
    if trace.sched_process_wait:
        trace.sched_process_wait(p.comm, p.pid, p.prio)
    sig = p.signal
    status = sig.group_exit_code if sig.flags & SIGNAL_GROUP_EXIT else p.exit_code
    return _fill(wo, current, p, *_exit_cause(status), status)


def _account_child(p: Task) -> None:
    """Add a reaped process's usage, and that of its own reaped children, to its parent's (spec 9.5)."""
    psig, sig = p.real_parent.signal, p.signal
    sighand = p.real_parent.sighand
    assert sighand is not None
    with sighand.siglock.irq():
        psig.cutime += p.utime + sig.utime + sig.cutime
        psig.cstime += p.stime + sig.stime + sig.cstime
        psig.cmin_flt += p.min_flt + sig.min_flt + sig.cmin_flt
        psig.cmaj_flt += p.maj_flt + sig.maj_flt + sig.cmaj_flt
        psig.cnvcsw += p.nvcsw + sig.nvcsw + sig.cnvcsw
        psig.cnivcsw += p.nivcsw + sig.nivcsw + sig.cnivcsw
        psig.cinblock += p.inblock + sig.inblock + sig.cinblock
        psig.coublock += p.oublock + sig.oublock + sig.coublock
        psig.cmaxrss = max(psig.cmaxrss, sig.maxrss, sig.cmaxrss)


def wait_task_stopped(current: Task, wo: WaitOpts, p: Task) -> int:
    """Report a stop once; returns the number or 0."""
    if not wo.wo_flags & WUNTRACED:
        return 0
    assert p.sighand is not None
    with p.sighand.siglock.irq():
        code = p.signal.group_exit_code if p.signal.flags & SIGNAL_STOP_STOPPED else 0
        if code and not wo.wo_flags & WNOWAIT:
            p.signal.group_exit_code = 0
    return _fill(wo, current, p, CLD_STOPPED, code, code << 8 | 0x7F) if code else 0


def wait_task_continued(current: Task, wo: WaitOpts, p: Task) -> int:
    """Report that a stopped process runs again, once; returns the number or 0."""
    if not wo.wo_flags & WCONTINUED or not p.signal.flags & SIGNAL_STOP_CONTINUED:
        return 0
    assert p.sighand is not None
    with p.sighand.siglock.irq():
        if not p.signal.flags & SIGNAL_STOP_CONTINUED:
            return 0
        if not wo.wo_flags & WNOWAIT:
            p.signal.flags &= ~SIGNAL_STOP_CONTINUED
    return _fill(wo, current, p, CLD_CONTINUED, SIGCONT, 0xFFFF)


def wait_consider_task(current: Task, wo: WaitOpts, p: Task) -> int:
    """Look at one candidate; returns its number if it satisfies the wait (spec 9.4)."""
    if not _eligible_child(wo, p) or p.exit_state == EXIT_DEAD:
        return 0
    if p.exit_state == EXIT_ZOMBIE and not delay_group_leader(p):
        return wait_task_zombie(current, wo, p)
    # Alive, or a dead leader whose threads live on: something will happen yet.
    wo.notask_error = None
    return wait_task_stopped(current, wo, p) or wait_task_continued(current, wo, p)


def _do_wait_thread(current: Task, wo: WaitOpts, tsk: Task) -> tuple[int, Task | None]:
    """Scan the children of one thread of the waiting process."""
    for p in tsk.children:
        found = wait_consider_task(current, wo, p)
        if found:
            return found, p
    return 0, None


def _scan(current: Task, wo: WaitOpts) -> tuple[int, Task | None]:
    """Look through all threads of the caller, itself first; under tasklist_lock."""
    found = _do_wait_thread(current, wo, current)
    if found[0] or wo.wo_flags & WNOTHREAD or len(current.signal.threads) == 1:
        return found
    threads = list(current.signal.threads)
    at = threads.index(current)
    for tsk in threads[at + 1 :] + threads[:at]:
        found = _do_wait_thread(current, wo, tsk)
        if found[0]:
            return found
    return 0, None


async def do_wait(current: Task, wo: WaitOpts) -> int:
    """Wait until a child changes as wo asks; returns its number, 0 with WNOHANG if none has (spec 9.2).

    Raises ECHILD if there is nobody to wait for, ERESTARTSYS if a signal comes first.
    """
    k = current.kernel
    queue = current.signal.wait_chldexit
    entry: WaitQueueEntry | None = None
    while True:
        wo.notask_error = Errno.ECHILD
        found, child = 0, None
        if wo.wo_type is None or (wo.wo_pid is not None and wo.wo_pid.tasks[wo.wo_type]):
            with k.tasklist_lock.read():
                found, child = _scan(current, wo)
        if found or wo.notask_error is not None or wo.wo_flags & WNOHANG:
            break
        if entry is None:
            # Nothing can change between the scan and here: the kernel is entered by one task at a time per lock,
            # so queueing after the first scan is queueing before it.
            entry = WaitQueueEntry(current, func=_child_wait_callback(wo))
            wait.add_wait_queue(queue, entry)
        current.state = TASK_INTERRUPTIBLE
        if signal.signal_pending(current):
            wo.notask_error = Errno.ERESTARTSYS
            break
        current.wchan = "do_wait"
        current.waiting_on = queue
        await sched.schedule(current)
    if entry is not None:
        current.state = TASK_RUNNING
        current.wchan = ""
        current.waiting_on = None
        wait.remove_wait_queue(queue, entry)

    if found:
        if child is not None and child.exit_state == EXIT_DEAD:
            exit.release_task(child)
        return found
    if wo.notask_error is not None:
        raise LinuxError(wo.notask_error, "wait")
    return 0


def _child_wait_callback(wo: WaitOpts) -> Callable[[WaitQueueEntry, int, object], bool]:
    """Return a wake function that lets only matching children through (child_wait_callback)."""

    def callback(entry: WaitQueueEntry, mode: int, key: object) -> bool:
        if isinstance(key, Task):
            if not _eligible_pid(wo, key):
                return False
            if wo.wo_flags & WNOTHREAD and key.parent is not entry.task:
                return False
        return sched.try_to_wake_up(entry.task, mode)

    return callback


def _eligible_pid(wo: WaitOpts, p: Task) -> bool:
    if wo.wo_type is None:
        return True
    return (p.pids[PIDTYPE_PID] if wo.wo_type == 0 else p.group_leader.pids[wo.wo_type]) is wo.wo_pid


async def wait_for_any(current: Task) -> int:
    """wait4(-1, NULL, __WALL, NULL) for the kernel's own use."""
    return await do_wait(current, WaitOpts(WEXITED | WALL))


@syscall
async def sys_wait4(current: Task, upid: PidNr, stat_addr: WaitStatus, options: Wait4Arg, ru: RusageOut) -> int:
    """Wait for a child to end, stop or continue (wait4(2); spec 9.1).

    Raises EINVAL for unknown options, ECHILD, ERESTARTSYS; EFAULT comes after the child is reaped.
    """
    if options & 0xFFFFFFFF & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE):
        raise LinuxError(Errno.EINVAL, "unknown wait4 options")
    wo = WaitOpts(options & 0xFFFFFFFF | WEXITED, want_rusage=bool(ru))
    if upid == -1:
        pass
    elif upid > 0:
        wo.wo_type, wo.wo_pid = 0, pid.find_get_pid(current, upid)
    elif upid == 0:
        wo.wo_type, wo.wo_pid = PIDTYPE_PGID, pid.get_task_pid(current, PIDTYPE_PGID)
    else:
        wo.wo_type, wo.wo_pid = PIDTYPE_PGID, pid.find_get_pid(current, -upid)
    try:
        found = await do_wait(current, wo)
    finally:
        pid.put_pid(current.kernel, wo.wo_pid)
    if found and ru:
        assert wo.rusage is not None
        uaccess.copy_to_user(current, ru, sys.pack_rusage(wo.rusage))
    if found and stat_addr:
        uaccess.put_user(current, stat_addr, wo.status, 4)
    return found


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
    wo = WaitOpts(flags, want_rusage=bool(ru))
    if which in (P_PID, P_PGID):
        if upid <= 0:
            raise LinuxError(Errno.EINVAL, "no such selector")
        wo.wo_type = 0 if which == P_PID else PIDTYPE_PGID
        wo.wo_pid = pid.find_get_pid(current, upid)
    elif which != P_ALL:
        raise LinuxError(Errno.EINVAL, "unknown idtype")
    try:
        found = await do_wait(current, wo)
    finally:
        pid.put_pid(current.kernel, wo.wo_pid)

    if found and ru:
        assert wo.rusage is not None
        uaccess.copy_to_user(current, ru, sys.pack_rusage(wo.rusage))
    if infop:
        # signo, errno, code, padding, pid, uid, status; the padding is not written.
        signo = SIGCHLD if found else 0
        head = struct.pack("<iii", signo, 0, wo.cause if found else 0)
        tail = struct.pack("<iIi", wo.si_pid, wo.si_uid, wo.si_status) if found else bytes(12)
        uaccess.copy_to_user(current, infop, head)
        uaccess.copy_to_user(current, infop, tail, 16)
    return 0
