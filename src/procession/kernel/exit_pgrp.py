"""Orphaned process groups (a part of kernel/exit.c; spec 8.6): stops, terminals and exits ask for them."""

from __future__ import annotations

from procession.include.linux.pid import PIDTYPE_PGID, Pid
from procession.include.linux.sched import SIGNAL_STOP_STOPPED, Task, thread_group_empty
from procession.include.linux.signal import SIGCONT, SIGHUP
from procession.kernel import pid, siginfo, signal_send

__all__ = ("is_current_pgrp_orphaned", "kill_orphaned_pgrp")


def will_become_orphaned_pgrp(pgrp: Pid, ignored: Task | None) -> bool:
    """Whether nobody outside pgrp, but in its session, will be left to watch over it (spec 8.6).

    ignored: a member that is leaving.  Context: tasklist_lock held.
    """
    for p in _pgrp_members(pgrp):
        p.kernel.tasklist_lock.assert_held()
        if p is ignored or (p.exit_state and thread_group_empty(p)) or p.real_parent.pid == 1:
            continue
        parent = p.real_parent
        if pid.task_pgrp(parent) is not pgrp and pid.task_session(parent) is pid.task_session(p):
            return False
    return True


def _pgrp_members(pgrp: Pid) -> list[Task]:
    return list(reversed(pgrp.tasks[PIDTYPE_PGID] or ()))


def is_current_pgrp_orphaned(current: Task) -> bool:
    """Whether current's process group is orphaned."""
    with current.kernel.tasklist_lock.read():
        pgrp = pid.task_pgrp(current)
        assert pgrp is not None
        return will_become_orphaned_pgrp(pgrp, None)


def has_stopped_jobs(pgrp: Pid) -> bool:
    """Whether a process of pgrp is stopped."""
    return any(p.signal.flags & SIGNAL_STOP_STOPPED for p in _pgrp_members(pgrp))


def kill_orphaned_pgrp(tsk: Task, parent: Task | None) -> None:
    """Send SIGHUP and SIGCONT to tsk's group if it loses its last watcher while a member is stopped.

    parent None: tsk itself is exiting; else tsk is being taken from that parent.
    """
    tsk.kernel.tasklist_lock.assert_held_write()
    pgrp = pid.task_pgrp(tsk)
    ignored = None
    if parent is None:
        parent = tsk.real_parent
        ignored = tsk
    if (
        pgrp is not None
        and pid.task_pgrp(parent) is not pgrp
        and pid.task_session(parent) is pid.task_session(tsk)
        and will_become_orphaned_pgrp(pgrp, ignored)
        and has_stopped_jobs(pgrp)
    ):
        signal_send.kill_pgrp_info_locked(SIGHUP, siginfo.SEND_SIG_PRIV, pgrp)
        signal_send.kill_pgrp_info_locked(SIGCONT, siginfo.SEND_SIG_PRIV, pgrp)
