"""Handlers, restarts, masks, waiting for signals (kernel/signal.c; spec 10.7, 10.11)."""

from __future__ import annotations

from typing import Any

import pytest

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import EXIT_ZOMBIE, Task
from procession.include.linux.signal import SA_NODEFER, SA_RESETHAND, SA_RESTART, SI_USER, KSigaction, Siginfo, sigmask
from procession.kernel import signal_send, signal_syscalls

SIGUSR1, SIGUSR2, SIGSEGV, SIGHUP = 10, 12, 11, 1

Machine = Any       # conftest.py's


# Delivery.


def test_handler_runs_and_pause_returns_eintr(m: Machine) -> None:
    """A handler ends pause(2); its siginfo names the sender; the signal is blocked while it runs."""
    p = m.process()
    m.handle(p, SIGUSR1)
    m.run()
    m.kill(p, SIGUSR1)
    m.run()

    sig, info = p.thread.delivered[0]
    assert (sig, info.code, info.pid, info.uid) == (SIGUSR1, SI_USER, 1, 0)
    assert p.thread.results == [-Errno.EINTR, 0]
    assert p.exit_state == EXIT_ZOMBIE


@pytest.mark.parametrize(("code", "flags", "restarted"), [
    (Errno.ERESTARTSYS, 0, False),
    (Errno.ERESTARTSYS, SA_RESTART, True),
    (Errno.ERESTARTNOINTR, 0, True),
    (Errno.ERESTARTNOHAND, SA_RESTART, False),
    (Errno.ERESTART_RESTARTBLOCK, SA_RESTART, False),
])
def test_restart_classes_with_handler(m: Machine, code: Errno, flags: int, restarted: bool) -> None:
    """The table of spec 10.11, when a handler runs."""
    made = []

    def call(current: Task) -> int:
        made.append(1)
        if len(made) > 1:
            return 7
        signal_send.send_sig(SIGUSR1, current, 0)
        raise LinuxError(code)

    p = m.process(call)
    m.handle(p, SIGUSR1, flags=int(flags))
    m.run()

    assert len(made) == (2 if restarted else 1)
    assert p.thread.results[0] == (0 if restarted else -Errno.EINTR)


@pytest.mark.parametrize("code", [Errno.ERESTARTSYS, Errno.ERESTARTNOINTR, Errno.ERESTARTNOHAND])
def test_restart_without_handler(m: Machine, code: Errno) -> None:
    """A signal that does nothing is not noticed by the interrupted call."""
    made = []

    def call(current: Task) -> int:
        made.append(1)
        if len(made) > 1:
            return 7
        current.ti_flags |= 4
        raise LinuxError(code)

    p = m.process(call)
    m.run()

    assert p.thread.results == [7]


def test_restart_block_runs_instead(m: Machine) -> None:
    """ERESTART_RESTARTBLOCK continues through restart_syscall(2)."""

    async def rest(current: Task) -> int:
        return 42

    def call(current: Task) -> int:
        current.restart_block = rest
        current.ti_flags |= 4
        raise LinuxError(Errno.ERESTART_RESTARTBLOCK)

    p = m.process(call)
    m.run()

    assert p.thread.results == [42]


def test_several_handlers_stack_up(m: Machine) -> None:
    """Both frames are made before user code runs: the lower number lies on the outside; only one sees the error."""
    p = m.process(m.block(SIGUSR1, SIGUSR2), lambda c: signal_send.send_sig(SIGUSR2, c, 0),
                  lambda c: signal_send.send_sig(SIGUSR1, c, 0), m.unblock(SIGUSR1, SIGUSR2))
    m.handle(p, SIGUSR1, SIGUSR2)
    m.run()

    assert m.delivered(p) == [SIGUSR1, SIGUSR2]


def test_fault_signals_come_first(m: Machine) -> None:
    """SIGSEGV before SIGHUP although 11 > 1 (spec 23.12)."""
    p = m.process(m.block(SIGSEGV, SIGHUP), lambda c: signal_send.send_sig(SIGHUP, c, 0),
                  lambda c: signal_send.send_sig(SIGSEGV, c, 0), m.unblock(SIGSEGV, SIGHUP))
    m.handle(p, SIGSEGV, SIGHUP)
    m.run()

    assert m.delivered(p) == [SIGSEGV, SIGHUP]


def test_standard_signals_merge_and_realtime_ones_queue(m: Machine) -> None:
    """Ten SIGUSR1: one, with the first sender's words; three of each real-time one: all, in order, lower first."""

    def send(current: Task) -> None:
        for value in range(10):
            signal_send.send_sig_info(SIGUSR1, Siginfo(signo=SIGUSR1, code=-1, value=value), current)
        for value in range(3):
            for sig in (35, 34):
                signal_send.send_sig_info(sig, Siginfo(signo=sig, code=-1, value=value), current)

    p = m.process(m.block(SIGUSR1, 34, 35), send, m.unblock(SIGUSR1, 34, 35))
    m.handle(p, SIGUSR1, 34, 35, mask=sigmask(SIGUSR1, 34, 35))
    m.run()

    assert [(sig, info.value) for sig, info in p.thread.delivered] == [
        (SIGUSR1, 0), (34, 0), (34, 1), (34, 2), (35, 0), (35, 1), (35, 2),
    ]


def test_resethand_and_nodefer(m: Machine) -> None:
    """RESETHAND: the second one kills. NODEFER: not blocked meanwhile."""
    p = m.process(lambda c: signal_send.send_sig(SIGUSR1, c, 0), lambda c: signal_send.send_sig(SIGUSR1, c, 0))
    m.handle(p, SIGUSR1, flags=int(SA_RESETHAND | SA_NODEFER))
    m.run()

    assert m.delivered(p) == [SIGUSR1]
    assert m.status_of(p) == SIGUSR1


def test_handler_mask_is_blocked_and_restored(m: Machine) -> None:
    """sa_mask and the signal itself are blocked until sigreturn."""
    seen = []
    p = m.process(lambda c: signal_send.send_sig(SIGUSR1, c, 0))

    def setup_rt_frame(_task: Task, _sig: int, _ka: KSigaction, _info: Siginfo, oldset: int) -> None:
        seen.append(oldset)
        p.thread.actions.insert(0, lambda task: seen.append(task.blocked))

    p.thread.setup_rt_frame = setup_rt_frame
    m.handle(p, SIGUSR1, mask=sigmask(SIGUSR2))
    m.run()

    assert seen == [0, sigmask(SIGUSR1, SIGUSR2)]


def test_bad_stack_is_sigsegv(m: Machine) -> None:
    """A frame that cannot be written: SIGSEGV, which kills if its own frame cannot be written either."""
    p = m.process(lambda c: signal_send.send_sig(SIGUSR1, c, 0))
    m.handle(p, SIGUSR1, SIGSEGV)
    p.thread.bad_stack = True
    m.run()

    assert m.status_of(p) & 0x7F == SIGSEGV


# Waiting.


def test_sigtimedwait(m: Machine) -> None:
    """It takes a blocked signal at once, waits for one, times out with EAGAIN, and is interrupted by others."""
    results = []

    async def wait(current: Task) -> None:
        for timeout_ns in (None, None, 5_000_000, None):
            try:
                info = await signal_syscalls.do_sigtimedwait(current, sigmask(SIGUSR1), timeout_ns)
                results.append(info.signo)
            except LinuxError as error:
                results.append(error.errno)

    p = m.process(m.block(SIGUSR1), lambda c: signal_send.send_sig(SIGUSR1, c, 0), wait)
    m.handle(p, SIGUSR2)
    m.run()

    assert results == [SIGUSR1]
    assert p.real_blocked == sigmask(SIGUSR1)

    m.kill(p, SIGUSR1)
    m.run()

    assert results == [SIGUSR1, SIGUSR1, Errno.EAGAIN]

    m.kill(p, SIGUSR2)
    m.run()

    assert results[3:] == [Errno.EINTR]
    assert m.delivered(p) == [SIGUSR2]


def test_sigsuspend_mask_comes_back_after_the_handler(m: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler runs with the temporary mask, the frame holds the old one."""
    monkeypatch.setattr(signal_syscalls.uaccess, "get_user", lambda *_args, **_kw: sigmask(SIGUSR2))
    p = m.process(m.block(SIGUSR1), lambda c: signal_syscalls.sys_rt_sigsuspend(c, 1, 8))
    m.handle(p, SIGUSR1)
    m.run()
    m.kill(p, SIGUSR1)
    m.run()

    assert m.delivered(p) == [SIGUSR1]
    assert p.thread.results[1] == -Errno.EINTR
    assert p.blocked == sigmask(SIGUSR1)
