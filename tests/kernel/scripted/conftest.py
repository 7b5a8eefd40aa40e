"""Processes whose user code is a list of system calls, on a bare kernel with real tasks, scheduler and exit path."""

from __future__ import annotations

from collections.abc import Callable
import inspect
from typing import Any

import pytest

from procession.hw.costs import TRAP_NS
from procession.include.asm.processor import KernelStack, NoRegisters
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.kernel import Kernel
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_SID
from procession.include.linux.sched import PF_KTHREAD, SIGNAL_GROUP_EXIT, SIGNAL_UNKILLABLE, Task
from procession.include.linux.signal import KSigaction, Siginfo, sigmask
from procession.kernel import entry, exit, fork, pid, sched, signal_queue, signal_syscalls

HANDLER = 0x400000
SIGCHLD = 17

Action = Callable[[Task], Any]


class Script(NoRegisters):
    """User code: a list of system calls. What a handler was given ends up in `delivered`, results in `results`."""

    def __init__(self, *actions: Action) -> None:
        self.actions = list(actions)
        self.delivered: list[tuple[int, Siginfo]] = []
        self.results: list[int] = []
        self.call: Action | None = None
        self.ret = 0
        self.bad_stack = False

    def run(self, current: Task, budget_ns: int | None) -> KernelStack:
        current.kernel.clock.advance(TRAP_NS)
        if not self.actions:
            return KernelStack(exit.do_group_exit(current, 0))
        return KernelStack(self._trap(current, self.actions.pop(0)))

    async def _trap(self, current: Task, action: Action) -> None:
        self.call, self.ret = action, 0
        try:
            result = action(current)
            if inspect.isawaitable(result):
                result = await result
            self.ret = result or 0
        except LinuxError as error:
            self.ret = -error.errno
        await entry.exit_to_user_mode(current)
        if self.call is action:
            self.results.append(self.ret)

    def copy_thread(self, current: Task, clone_flags: int, usp: int, p: Task, tls: int) -> Script:
        return Script()

    def set_return(self, value: int) -> None:
        self.ret = value

    def syscall_nr(self) -> int:
        return -1 if self.call is None else 0

    def syscall_get_error(self) -> int:
        return min(0, self.ret)

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        if self.bad_stack:
            raise LinuxError(Errno.EFAULT)
        self.delivered.append((sig, info))
        if self.call is not None:
            self.results.append(self.ret)
        self.call, self.ret = None, 0
        self.actions.insert(0, lambda task: signal_queue.set_current_blocked(task, oldset))

    def syscall_restart(self, current: Task, code: int) -> None:
        assert self.call is not None
        block = current.restart_block
        self.actions.insert(0, block if code == Errno.ERESTART_RESTARTBLOCK else self.call)
        self.call, self.ret = None, 0

    def user_pc(self) -> int:
        return 0

    def user_sp(self) -> int:
        return 0

    def user_regset_view(self) -> tuple[()]:
        return ()

    def exit_thread(self) -> None:
        pass


class Machine:
    """A bare kernel whose PID 1 sleeps, and any number of scripted processes below it."""

    def __init__(self, k: Kernel) -> None:
        self.k = k
        self.run()
        self.init = k.init_pid_ns.child_reaper
        self.init.signal.flags = SIGNAL_UNKILLABLE
        for role in (PIDTYPE_PGID, PIDTYPE_SID):
            k.init_struct_pid.tasks[role][k.init_task] = None      # as INIT_STRUCT_PID has it
            pid.change_pid(self.init, role, self.init.pids[0])

    def process(self, *actions: Action, parent: Task | None = None, flags: int = SIGCHLD, uid: int = 0) -> Task:
        """Return a new task that sleeps in pause(2) after its actions."""
        parent = parent or self.init
        saved, parent.thread = parent.thread, Script()
        p = fork.copy_process(parent, flags, 0, 0, 0)
        parent.thread = saved
        p.comm = f"task{p.pid}"
        p.flags &= ~PF_KTHREAD
        p.thread = Script(*actions, signal_syscalls.sys_pause)
        if uid:
            p.real_cred.uid = p.real_cred.euid = p.real_cred.suid = uid
            p.real_cred.cap_effective = p.real_cred.cap_permitted = 0
        sched.wake_up_new_task(p)
        return p

    def run(self) -> None:
        """Run until everybody sleeps."""
        with pytest.raises(entry.Deadlock):
            entry.run(self.k)

    def kill(self, p: Task, sig: int, sender: Task | None = None) -> None:
        """kill(2) from a task that is not running: PID 1 unless said otherwise."""
        rq = self.k.sched.runqueues[0]
        curr, rq.curr = rq.curr, sender or self.init
        try:
            signal_syscalls.sys_kill(rq.curr, p.pid, sig)
        finally:
            rq.curr = curr

    # What tests say often.

    @staticmethod
    def handle(p: Task, *sigs: int, flags: int = 0, mask: int = 0) -> None:
        """Have p handle these signals."""
        for sig in sigs:
            signal_syscalls.do_sigaction(p, sig, KSigaction(HANDLER, flags, 0, mask))

    @staticmethod
    def delivered(p: Task) -> list[int]:
        """Return the signals whose handlers ran."""
        return [sig for sig, _ in p.thread.delivered]

    @staticmethod
    def block(*sigs: int) -> Action:
        """A call that blocks signals."""
        return lambda current: signal_queue.sigprocmask(current, 0, sigmask(*sigs)) and 0

    @staticmethod
    def unblock(*sigs: int) -> Action:
        """A call that unblocks signals."""
        return lambda current: signal_queue.sigprocmask(current, 1, sigmask(*sigs)) and 0

    @staticmethod
    def status_of(p: Task) -> int:
        """Return the wait status of a zombie."""
        return p.signal.group_exit_code if p.signal.flags & SIGNAL_GROUP_EXIT else p.exit_code


@pytest.fixture
def m(k: Kernel) -> Machine:
    """A machine of scripted processes."""
    return Machine(k)
