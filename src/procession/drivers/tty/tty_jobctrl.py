"""Controlling terminals and job control (drivers/tty/tty_io.c and n_tty.c in 3.2; spec 11.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.drivers.tty import tty_io
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID, PIDTYPE_SID
from procession.include.linux.sched import TIF_SIGPENDING, assert_siglock_held
from procession.include.linux.signal import SIG_IGN, SIGCONT, SIGHUP, SIGTTIN, SIGTTOU
from procession.kernel import capability, exit_pgrp, pid, siginfo, signal_send
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.drivers.tty.tty_io import TtyFile
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task
    from procession.include.linux.tty import TtyStruct
    from procession.include.linux.types import UserPtr

__all__ = (
    "disassociate_ctty",
    "is_ignored",
    "job_control",
    "kill_tty_pgrp",
    "no_tty",
    "proc_clear_tty",
    "proc_set_tty",
    "session_clear_tty",
    "tiocgpgrp",
    "tiocgsid",
    "tiocsctty",
    "tiocspgrp",
    "tty_check_change",
    "tty_open_proc_set_tty",
    "tty_signal_session_leader",
)


def kill_tty_pgrp(pgrp: Pid | None, sig: int, priv: int = 1) -> None:
    """Send to a group, as the kernel; that nobody may be there does not matter."""
    if pgrp is None:
        return
    try:
        signal_send.kill_pgrp(pgrp, sig, priv)
    except LinuxError:
        pass  # everybody in it is gone


def is_ignored(current: Task, sig: int) -> bool:
    """Whether current blocks or ignores sig."""
    assert current.sighand is not None
    return bool(current.blocked >> (sig - 1) & 1) or current.sighand.action[sig - 1].handler == SIG_IGN


def _signal_own_pgrp(current: Task, sig: int) -> LinuxError:
    """Send to current's own group, so that it stops, and return what makes the call start anew afterwards."""
    kill_tty_pgrp(pid.task_pgrp(current), sig)
    current.ti_flags |= TIF_SIGPENDING
    return LinuxError(Errno.ERESTARTSYS, "in the background")


def job_control(current: Task, tty: TtyStruct, file: TtyFile) -> None:
    """Let only the foreground read; raises EIO, ERESTARTSYS after SIGTTIN."""
    if file.is_console or current.signal.tty is not tty or tty.pgrp is None or pid.task_pgrp(current) is tty.pgrp:
        return
    if is_ignored(current, SIGTTIN) or exit_pgrp.is_current_pgrp_orphaned(current):
        raise LinuxError(Errno.EIO, "in the background, and nobody to continue it")
    raise _signal_own_pgrp(current, SIGTTIN)


def tty_check_change(current: Task, tty: TtyStruct) -> None:
    """Let only the foreground change the terminal; raises EIO, ERESTARTSYS after SIGTTOU."""
    if current.signal.tty is not tty or tty.pgrp is None or pid.task_pgrp(current) is tty.pgrp:
        return
    if is_ignored(current, SIGTTOU):
        return
    if exit_pgrp.is_current_pgrp_orphaned(current):
        raise LinuxError(Errno.EIO, "in the background, and nobody to continue it")
    raise _signal_own_pgrp(current, SIGTTOU)


# Having a terminal.


def proc_set_tty(current: Task, tty: TtyStruct) -> None:
    """Make tty the terminal of current's session, whose leader current is."""
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        _proc_set_tty_locked(current, tty)


def _proc_set_tty_locked(current: Task, tty: TtyStruct) -> None:
    assert_siglock_held(current)
    k, sig = current.kernel, current.signal
    session, pgrp = pid.task_session(current), pid.task_pgrp(current)
    assert session is not None
    assert pgrp is not None
    with tty.ctrl_lock.irq():
        old = (tty.session, tty.pgrp)
        tty.pgrp, tty.session = pid.get_pid(pgrp), pid.get_pid(session)
    for was in (*old, sig.tty_old_pgrp):
        pid.put_pid(k, was)
    sig.tty = tty_io.tty_kref_get(tty)
    sig.tty_old_pgrp = None


def tty_open_proc_set_tty(current: Task, tty: TtyStruct) -> None:
    """Opening a terminal that nobody has, a session leader without one acquires it."""
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        sig = current.signal
        if sig.leader and sig.tty is None and tty.session is None:
            _proc_set_tty_locked(current, tty)


def proc_clear_tty(p: Task) -> None:
    """Take the terminal away from p's process."""
    assert p.sighand is not None
    with p.sighand.siglock.irq():
        tty = p.signal.tty
        p.signal.tty = None
    tty_io.tty_kref_put(tty)


def session_clear_tty(k: Kernel, session: Pid | None) -> None:
    """Take the terminal away from every process of a session."""
    if session is None:
        return
    with k.tasklist_lock.read():
        for p in list(session.tasks[PIDTYPE_SID] or ()):
            if p.sighand is not None:
                proc_clear_tty(p)


def tty_signal_session_leader(tty: TtyStruct) -> int:
    """A hangup: nobody in the session has the terminal any more, and its leader is told.

    Returns how many references to the terminal were theirs, and are the caller's now.
    """
    k, session = tty.kernel, tty.session
    refs = 0
    if session is None:
        return 0
    with k.tasklist_lock.read():
        for p in reversed(list(session.tasks[PIDTYPE_SID] or ())):
            if p.sighand is None:
                continue
            with p.sighand.siglock.irq():
                sig = p.signal
                if sig.tty is tty:
                    sig.tty = None
                    refs += 1
                if sig.leader:
                    signal_send.send_signal(SIGHUP, siginfo.SEND_SIG_PRIV, p, group=True)
                    signal_send.send_signal(SIGCONT, siginfo.SEND_SIG_PRIV, p, group=True)
                    pid.put_pid(k, sig.tty_old_pgrp)
                    with tty.ctrl_lock.irq():
                        sig.tty_old_pgrp = pid.get_pid(tty.pgrp) if tty.pgrp is not None else None
    return refs


def disassociate_ctty(current: Task, *, on_exit: bool) -> None:
    """A session leader gives its terminal up: the foreground hears of it, and the session has none any more."""
    sig = current.signal
    if not sig.leader:
        return
    k = current.kernel
    tty: TtyStruct | None = tty_io.tty_kref_get(sig.tty)
    if tty is not None:
        pgrp = pid.get_pid(tty.pgrp) if tty.pgrp is not None else None
        if on_exit and not tty.driver.is_pty:
            tty_io.tty_hangup(tty)
        tty_io.tty_kref_put(tty)
        kill_tty_pgrp(pgrp, SIGHUP, int(on_exit))
        if not on_exit:
            kill_tty_pgrp(pgrp, SIGCONT, int(on_exit))
        pid.put_pid(k, pgrp)
    elif on_exit:
        old_pgrp = _take_tty_old_pgrp(current)
        kill_tty_pgrp(old_pgrp, SIGHUP)
        kill_tty_pgrp(old_pgrp, SIGCONT)
        pid.put_pid(k, old_pgrp)
        return

    pid.put_pid(k, _take_tty_old_pgrp(current))
    tty = sig.tty
    if tty is not None:
        with tty.ctrl_lock.irq():
            session, pgrp = tty.session, tty.pgrp
            tty.session = tty.pgrp = None
        pid.put_pid(k, session)
        pid.put_pid(k, pgrp)
    session_clear_tty(k, pid.task_session(current))


def _take_tty_old_pgrp(current: Task) -> Pid | None:
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        old_pgrp = current.signal.tty_old_pgrp
        current.signal.tty_old_pgrp = None
    return old_pgrp


def no_tty(current: Task) -> None:
    """Give the terminal up: the whole session, if current leads it."""
    disassociate_ctty(current, on_exit=False)
    proc_clear_tty(current)


# ioctl.


def tiocsctty(current: Task, tty: TtyStruct, arg: object) -> None:
    """Make tty the controlling terminal (TIOCSCTTY); arg 1 takes it from its session, with CAP_SYS_ADMIN.

    Raises EPERM.
    """
    sig = current.signal
    if sig.leader and pid.task_session(current) is tty.session:
        return
    if not sig.leader or sig.tty is not None:
        raise LinuxError(Errno.EPERM, "no session leader, or it has a terminal")
    if tty.session is not None:
        if arg != 1 or not capability.capable(current, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EPERM, "the terminal of another session")
        session_clear_tty(current.kernel, tty.session)
    proc_set_tty(current, tty)


def tiocgpgrp(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    """Store the foreground group (TIOCGPGRP); raises ENOTTY, EFAULT."""
    if tty is real_tty and current.signal.tty is not real_tty:
        raise LinuxError(Errno.ENOTTY, "not the controlling terminal")
    uaccess.put_user(current, arg, pid.pid_vnr(current, real_tty.pgrp), 4)


def session_of_pgrp(pgrp: Pid) -> Pid | None:
    """Return the session of a group, or of the process of that number if there is no such group."""
    p = pid.pid_task(pgrp, PIDTYPE_PGID) or pid.pid_task(pgrp, PIDTYPE_PID)
    return pid.task_session(p) if p is not None else None


def tiocspgrp(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    """Set the foreground group (TIOCSPGRP); raises ENOTTY, ERESTARTSYS, EFAULT, EINVAL, ESRCH, EPERM in that order."""
    try:
        tty_check_change(current, real_tty)
    except LinuxError as error:
        if error.errno == Errno.EIO:
            raise LinuxError(Errno.ENOTTY, error.why) from error
        raise
    session = pid.task_session(current)
    if current.signal.tty is None or current.signal.tty is not real_tty or real_tty.session is not session:
        raise LinuxError(Errno.ENOTTY, "not the controlling terminal")
    nr = uaccess.get_user(current, arg, 4, signed=True)
    if nr < 0:
        raise LinuxError(Errno.EINVAL, f"process group {nr}")
    pgrp = pid.find_vpid(current, nr)
    if pgrp is None:
        raise LinuxError(Errno.ESRCH, f"no process group {nr}")
    if session_of_pgrp(pgrp) is not session:
        raise LinuxError(Errno.EPERM, "a process group of another session")
    old = real_tty.pgrp
    with real_tty.ctrl_lock.irq():
        real_tty.pgrp = pid.get_pid(pgrp)
    pid.put_pid(current.kernel, old)


def tiocgsid(current: Task, tty: TtyStruct, real_tty: TtyStruct, arg: UserPtr) -> None:
    """Store the session (TIOCGSID); raises ENOTTY, EFAULT."""
    if tty is real_tty and current.signal.tty is not real_tty:
        raise LinuxError(Errno.ENOTTY, "not the controlling terminal")
    if real_tty.session is None:
        raise LinuxError(Errno.ENOTTY, "no session")
    uaccess.put_user(current, arg, pid.pid_vnr(current, real_tty.session), 4)
