"""Targets, permission, queues, limits, the notice of death (kernel/signal.c; spec 10.2 to 10.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from procession.include.linux.bug import KernelBug
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.resource import RLIMIT_SIGPENDING
from procession.include.linux.sched import (
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_VM,
    EXIT_DEAD,
    EXIT_ZOMBIE,
    PF_SIGNALED,
    SIGNAL_GROUP_EXIT,
    SIGNAL_UNKILLABLE,
    TASK_INTERRUPTIBLE,
    Task,
)
from procession.include.linux.signal import (
    CLD_EXITED,
    CLD_KILLED,
    CLD_STOPPED,
    SA_NOCLDWAIT,
    SIG_IGN,
    SIGCHLD,
    SIGCONT,
    SIGKILL,
    SIGQUIT,
    SIGSEGV,
    SIGTERM,
    SIGURG,
    SIGUSR1,
    SIGUSR2,
    KSigaction,
    Sig,
    Siginfo,
    sigmask,
)
from procession.kernel import exit, pid, rcupdate, signal_notify, signal_queue, signal_send, signal_syscalls
from procession.kernel.siginfo import SEND_SIG_PRIV

HANDLER = 0x400000
THREAD = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM

Machine = Any       # conftest.py's


# Death.


def test_fatal_signal_kills_all_threads_at_once(m: Machine) -> None:
    """The status is the signal's, the threads die of SIGKILL (spec 10.6)."""
    p = m.process()
    t = m.process(parent=p, flags=THREAD)
    m.run()
    m.kill(p, SIGTERM)

    assert p.signal.flags & SIGNAL_GROUP_EXIT
    assert p.pending.signal & sigmask(SIGKILL)
    assert t.pending.signal & sigmask(SIGKILL)

    m.run()

    assert (p.exit_state, t.exit_state) == (EXIT_ZOMBIE, EXIT_DEAD)
    assert m.status_of(p) == SIGTERM


def test_core_dump_signal_kills_at_delivery(m: Machine) -> None:
    """SIGQUIT has no fast path; without a core file the status has no core bit."""
    p = m.process()
    m.run()
    m.kill(p, SIGQUIT)

    assert not p.signal.flags & SIGNAL_GROUP_EXIT

    m.run()

    assert (p.exit_code, p.flags & PF_SIGNALED) == (SIGQUIT, PF_SIGNALED)


def test_init_is_immune_from_inside(m: Machine) -> None:
    """kill(1, 9) returns 0 and nothing happens (spec 23.7)."""
    p = m.process(lambda c: signal_syscalls.sys_kill(c, 1, SIGKILL), lambda c: signal_syscalls.sys_kill(c, 1, SIGTERM))
    m.run()

    assert p.thread.results[:2] == [0, 0]
    assert m.init.state == TASK_INTERRUPTIBLE
    assert not m.init.signal.shared_pending.signal


def test_force_sig_breaks_through(m: Machine) -> None:
    """Blocked, ignored, unkillable: force_sig resets all of it (spec 10.10)."""
    p = m.process(m.block(SIGSEGV))
    signal_syscalls.do_sigaction(p, SIGSEGV, KSigaction(SIG_IGN))
    p.signal.flags |= SIGNAL_UNKILLABLE
    m.run()
    signal_send.force_sig(SIGSEGV, p)

    assert not p.signal.flags & SIGNAL_UNKILLABLE

    m.run()

    assert p.exit_code == SIGSEGV


# The parent.


def test_sigchld_tells_how_the_child_died(m: Machine) -> None:
    """si_code, si_status, si_pid, si_uid of an exit and of a kill."""
    parent = m.process()
    m.handle(parent, SIGCHLD)
    m.run()
    child = m.process(lambda c: exit.do_group_exit(c, 3 << 8), parent=parent, uid=5)
    m.run()
    info = parent.thread.delivered[0][1]

    assert (info.code, info.status, info.pid, info.uid) == (CLD_EXITED, 3, child.pid, 5)

    other = m.process(parent=m.init)
    assert m.init.sighand
    m.run()
    m.kill(other, SIGKILL)
    m.run()
    info = signal_notify._death_info(other, m.init, SIGCHLD)

    assert (info.code, info.status) == (CLD_KILLED, SIGKILL)


@pytest.mark.parametrize(("action", "signals", "reaped"), [
    (KSigaction(), 0, False),
    (KSigaction(SIG_IGN), 0, True),
    (KSigaction(HANDLER, SA_NOCLDWAIT), 1, True),
    (KSigaction(0, SA_NOCLDWAIT), 0, True),
    (KSigaction(HANDLER), 1, False),
])
def test_autoreap(m: Machine, action: KSigaction, signals: int, reaped: bool) -> None:
    """SIG_IGN and SA_NOCLDWAIT leave no zombie; only SIG_IGN suppresses the signal; SIG_DFL does neither."""
    parent = m.process()
    signal_syscalls.do_sigaction(parent, SIGCHLD, action)
    m.run()
    child = m.process(lambda c: exit.do_group_exit(c, 0), parent=parent)
    m.run()

    assert m.delivered(parent).count(SIGCHLD) == signals
    assert child.exit_state == (EXIT_DEAD if reaped else EXIT_ZOMBIE)


def test_other_exit_signal(m: Machine) -> None:
    """clone(SIGUSR1): the parent gets that instead, and nothing for 0."""
    parent = m.process(signal_syscalls.sys_pause)
    m.handle(parent, SIGUSR1, SIGCHLD)
    m.run()
    m.process(lambda c: exit.do_group_exit(c, 0), parent=parent, flags=SIGUSR1)
    m.run()

    assert m.delivered(parent) == [SIGUSR1]

    m.process(lambda c: exit.do_group_exit(c, 0), parent=parent, flags=0)
    m.run()

    assert m.delivered(parent) == [SIGUSR1]


# Sending.


def test_kill_errnos(m: Machine) -> None:
    """Nobody there comes before no such signal (spec 23.8); 0 only asks."""
    p = m.process(
        lambda c: signal_syscalls.sys_kill(c, 999, 999), lambda c: signal_syscalls.sys_kill(c, c.pid, 999),
        lambda c: signal_syscalls.sys_kill(c, c.pid, 0), lambda c: signal_syscalls.sys_tkill(c, 0, 1),
        lambda c: signal_syscalls.sys_tgkill(c, c.pid + 1, c.pid, 1), lambda c: signal_syscalls.sys_kill(c, -999, 1),
    )
    m.run()

    assert p.thread.results == [
        -Errno.ESRCH, -Errno.EINVAL, 0, -Errno.EINVAL, -Errno.ESRCH, -Errno.ESRCH,
    ]


def test_permission(m: Machine) -> None:
    """Real or effective uid against real or saved uid; SIGCONT within the session; kill(-1) forgives EPERM."""
    target = m.process(uid=5)
    kill = signal_syscalls.sys_kill
    p = m.process(lambda c: kill(c, target.pid, SIGURG), lambda c: kill(c, target.pid, SIGCONT),
                  lambda c: kill(c, -1, 0), uid=6)
    same = m.process(lambda c: kill(c, target.pid, SIGURG), uid=5)
    m.run()

    assert p.thread.results == [-Errno.EPERM, 0, 0]
    assert same.thread.results == [0]


def test_group_signal_prefers_the_addressed_thread_then_goes_round(m: Machine) -> None:
    """complete_signal: main thread first, then whoever does not block it (spec 10.6)."""
    p = m.process(m.block(SIGUSR1), signal_syscalls.sys_pause)
    t = m.process(m.unblock(SIGUSR1), parent=p, flags=THREAD)
    m.handle(p, SIGUSR1, SIGUSR2)
    m.run()
    m.kill(p, SIGUSR2)
    m.run()
    m.kill(p, SIGUSR1)
    m.run()

    assert m.delivered(p) == [SIGUSR2]
    assert m.delivered(t) == [SIGUSR1]


def test_blocking_passes_shared_signals_on(m: Machine) -> None:
    """A thread that blocks a pending shared signal finds another one for it (retarget_shared_pending)."""
    p = m.process()
    t = m.process(parent=p, flags=THREAD)
    m.handle(p, SIGUSR1)
    m.run()
    m.kill(p, SIGUSR1)
    signal_queue.set_current_blocked(p, sigmask(SIGUSR1))
    m.run()

    assert (m.delivered(p), m.delivered(t)) == ([], [SIGUSR1])


def test_sigpending_limit(m: Machine) -> None:
    """A queued real-time signal beyond the limit is EAGAIN, kill(2)'s and standard ones lose only their words."""
    p = m.process(m.block(34, SIGUSR1))
    m.run()
    p.signal.rlim = [*p.signal.rlim]
    p.signal.rlim[RLIMIT_SIGPENDING] = (0, 0)
    with pytest.raises(LinuxError) as caught:
        signal_send.send_sig_info(34, Siginfo(signo=34, code=-1), p)
    signal_send.send_sig_info(34, Siginfo(signo=34), p)
    m.kill(p, SIGUSR1)

    assert caught.value.errno == Errno.EAGAIN
    assert p.pending.list == []
    assert p.pending.signal == sigmask(34)
    assert len(p.signal.shared_pending.list) == 1      # kill(2) of a standard signal overrides the limit


def test_ignoring_purges_what_is_pending(m: Machine) -> None:
    """sigaction(SIG_IGN) throws pending instances away, shared and private, and gives the entries back."""
    p = m.process(m.block(SIGUSR1))
    m.run()
    m.kill(p, SIGUSR1)
    signal_send.send_sig(SIGUSR1, p, 0)

    assert p.real_cred.user.sigpending == 2

    signal_syscalls.do_sigaction(p, SIGUSR1, KSigaction(SIG_IGN))

    assert not p.pending.signal | p.signal.shared_pending.signal
    assert p.real_cred.user.sigpending == 0
    assert m.k.caches["sigqueue"].nr_active == 0


def test_ignored_signal_is_not_queued_unless_blocked(m: Machine) -> None:
    """SIG_IGN drops at the source; while blocked the signal is kept, since the handler may change."""
    p, q = m.process(), m.process(m.block(SIGUSR1))
    for task in (p, q):
        signal_syscalls.do_sigaction(task, SIGUSR1, KSigaction(SIG_IGN))
    m.run()
    m.kill(p, SIGUSR1)
    m.kill(q, SIGUSR1)

    assert not p.signal.shared_pending.signal
    assert q.signal.shared_pending.signal


@pytest.mark.parametrize("call", [
    lambda p: signal_queue.set_task_blocked_locked(p, 0),
    lambda p: signal_queue.retarget_shared_pending(p, 0),
    lambda p: signal_send.send_signal(SIGUSR1, SEND_SIG_PRIV, p, group=True),
    lambda p: signal_send.kill_pgrp_info_locked(SIGUSR1, SEND_SIG_PRIV, pid.task_pgrp(p)),
    lambda p: signal_notify.do_notify_parent(p, SIGCHLD),
    lambda p: signal_notify.do_notify_parent_cldstop(p, False, CLD_STOPPED),
], ids=["block", "retarget", "send", "group", "death", "stop"])
def test_the_lock_must_be_held(m: Machine, call: Callable[[Task], Any]) -> None:
    """What its caller has to lock is not touched without."""
    p = m.process()
    m.run()

    with pytest.raises(KernelBug, match="lock not held"):
        call(p)


# Books.


def test_everything_is_given_back(m: Machine) -> None:
    """After a death with signals queued, no entry and no charge is left."""
    p = m.process(m.block(34, SIGUSR1))
    m.run()
    for _ in range(5):
        signal_send.send_sig(34, p, 0)
    m.kill(p, SIGUSR1)
    m.kill(p, SIGKILL)
    m.run()
    exit.release_task(p)
    rcupdate.rcu_barrier(m.k)

    assert m.k.caches["sigqueue"].nr_active == 0
    assert m.k.users.root_user.sigpending == 0


def test_trace_events(m: Machine) -> None:
    """signal_generate and signal_deliver carry numbers, sender code and the handler."""
    events = []
    m.k.trace.subscribe(events.append, "signal_generate", "signal_deliver")
    p = m.process()
    m.handle(p, SIGUSR1)
    m.run()
    m.kill(p, SIGUSR1)
    m.run()

    # More fields follow, for strace.
    assert events[0][4:10] == ("signal_generate", SIGUSR1, 0, 0, p.comm, p.pid)
    assert events[1][4:10] == ("signal_deliver", SIGUSR1, 0, 0, HANDLER, 0)
    assert Sig(events[-1][5]) == SIGCHLD
