"""Job control (kernel/signal.c; spec 10.9)."""

from __future__ import annotations

from typing import Any

from procession.include.linux.errno import LinuxError
from procession.include.linux.pid import PIDTYPE_PGID
from procession.include.linux.sched import (
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VM,
    JOBCTL_PENDING_MASK,
    SIGNAL_STOP_STOPPED,
    TASK_INTERRUPTIBLE,
    TASK_STOPPED,
    Task,
)
from procession.include.linux.signal import CLD_CONTINUED, CLD_STOPPED, SIG_IGN, KSigaction, sigmask
from procession.kernel import exit_wait, pid, signal_syscalls

SIGKILL, SIGTERM, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP = 9, 15, 17, 18, 19, 20
THREAD = int(CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)
WUNTRACED, WCONTINUED = 2, 8

Machine = Any       # conftest.py's


def test_stop_and_continue_are_reported_once(m: Machine) -> None:
    """SIGSTOP, wait, SIGCONT, wait: each reported once, with SIGCHLD for both (spec 9.5, 10.9)."""
    seen = []

    async def watch(current: Task) -> None:
        for _ in range(2):
            wo = exit_wait.WaitOpts(4 | WUNTRACED | WCONTINUED)
            try:
                seen.append((await exit_wait.do_wait(current, wo), wo.cause, wo.status))
            except LinuxError as error:
                seen.append(error.errno)

    parent = m.process(m.block(SIGCHLD), watch)
    m.handle(parent, SIGCHLD)
    child = m.process(parent=parent)
    m.run()
    m.kill(child, SIGSTOP)
    m.run()

    assert child.state == TASK_STOPPED
    assert seen == [(child.pid, CLD_STOPPED, SIGSTOP << 8 | 0x7F)]
    assert parent.signal.shared_pending.list[0].info.code == CLD_STOPPED

    m.kill(child, SIGCONT)
    m.run()

    assert child.state == TASK_INTERRUPTIBLE
    assert seen[1:] == [(child.pid, CLD_CONTINUED, 0xFFFF)]


def test_stopped_process_keeps_signals_until_continued(m: Machine) -> None:
    """SIGTERM waits for SIGCONT; SIGKILL does not (spec 23.9)."""
    a, b = m.process(), m.process()
    m.run()
    m.kill(a, SIGSTOP)
    m.kill(b, SIGSTOP)
    m.run()
    m.kill(a, SIGTERM)
    m.kill(b, SIGKILL)
    m.run()

    assert a.state == TASK_STOPPED
    assert m.status_of(b) == SIGKILL

    m.kill(a, SIGCONT)
    m.run()

    assert m.status_of(a) == SIGTERM


def test_continue_works_while_blocked_or_ignored(m: Machine) -> None:
    """SIGCONT's effect does not depend on its disposition (spec 23.10)."""
    for prepare in (m.block(SIGCONT), lambda c: signal_syscalls.do_sigaction(c, SIGCONT, KSigaction(SIG_IGN)) and 0):
        p = m.process(prepare)
        m.run()
        m.kill(p, SIGSTOP)
        m.run()
        assert p.state == TASK_STOPPED
        m.kill(p, SIGCONT)
        m.run()
        assert p.state == TASK_INTERRUPTIBLE


def test_stop_and_continue_cancel_each_other(m: Machine) -> None:
    """A pending SIGTSTP is gone after SIGCONT, and the other way round."""
    p = m.process(m.block(SIGTSTP, SIGCONT))
    m.run()
    m.kill(p, SIGTSTP)

    assert p.signal.shared_pending.signal == sigmask(SIGTSTP)

    m.kill(p, SIGCONT)

    assert p.signal.shared_pending.signal == sigmask(SIGCONT)

    m.kill(p, SIGTSTP)

    assert p.signal.shared_pending.signal == sigmask(SIGTSTP)
    assert len(p.signal.shared_pending.list) == 1


def test_all_threads_stop_and_one_report(m: Machine) -> None:
    """The last thread to stop tells the parent."""
    parent = m.process(m.block(SIGCHLD))
    p = m.process(parent=parent)
    t = m.process(parent=p, flags=THREAD)
    m.run()
    m.kill(p, SIGSTOP)
    m.run()

    assert (p.state, t.state) == (TASK_STOPPED, TASK_STOPPED)
    assert p.signal.flags == SIGNAL_STOP_STOPPED
    assert (p.signal.group_exit_code, p.signal.group_stop_count) == (SIGSTOP, 0)

    m.kill(p, SIGCONT)
    m.run()

    assert (p.state, t.state) == (TASK_INTERRUPTIBLE, TASK_INTERRUPTIBLE)
    assert not (p.jobctl | t.jobctl) & JOBCTL_PENDING_MASK


def test_orphaned_group_drops_tstp_but_not_stop(m: Machine) -> None:
    """SIGTSTP in an orphaned process group is dropped (spec 23.16)."""
    p = m.process()
    pid.change_pid(p, PIDTYPE_PGID, p.pids[0])
    m.run()
    m.kill(p, SIGTSTP)
    m.run()

    assert p.state == TASK_INTERRUPTIBLE

    m.kill(p, SIGSTOP)
    m.run()

    assert p.state == TASK_STOPPED
