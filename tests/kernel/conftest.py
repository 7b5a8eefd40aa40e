"""A kernel without files and user programs, in which kernel threads play the processes."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
import types
from typing import Any

import pytest

from procession.arch.x86 import traps
from procession.block import blk_ioc
from procession.hw.chooser import Chooser
from procession.hw.clock import Clock
from procession.hw.console import BufferConsole
from procession.hw.memory import Frames
from procession.include.linux.fs import MntNamespace
from procession.include.linux.kernel import Kernel
from procession.include.linux.nsproxy import Nsproxy
from procession.include.linux.sched import TASK_INTERRUPTIBLE, Task, set_task_state
from procession.include.linux.taskstats import TaskstatsState
from procession.include.trace.tracepoints import Trace
from procession.init import main as init_main
from procession.kernel import (
    acct,
    cgroup,
    cred,
    entry,
    fork,
    futex,
    hrtimer,
    kthread,
    lockdep,
    nsproxy,
    pid,
    posix_timers,
    rcupdate,
    sched,
    sched_balance,
    sched_group,
    signal_queue,
    taskstats,
    user,
)
from procession.mm import page_alloc, slab
from procession.security.keys import proc as key_proc
from procession.tools.validate import Checker

SIGCHLD = 17
ThreadFn = Callable[[Task, Any], Coroutine[Any, Any, int]]


class BareKernel(Kernel):
    """A booted kernel with PID 0 only."""

    def __init__(self, cpus: int = 1) -> None:
        super().__init__()
        self.frames = Frames(4 << 20)
        self.clock = Clock()
        self.chooser = Chooser(0)
        self.console = BufferConsole()
        self.nr_cpus = cpus
        self.lockdep = lockdep.LockdepState(self)
        self.trace = Trace(self)
        traps.trap_init(self)
        page_alloc.mem_init(self)
        fork.fork_init(self)
        user.uid_cache_init(self)
        cred.cred_init(self)
        nsproxy.nsproxy_init(self)
        pid.pidmap_init(self)
        cgroup.cgroup_init(self, init_main.cgroup_subsystems(self))
        init_main.init_task(self)
        mounts = MntNamespace(None, [], self.wait_queue_head("ns->poll"))
        self.init_nsproxy = Nsproxy(self.init_uts_ns, self.init_ipc_ns, mounts, self.init_pid_ns, self.init_net_ns)
        self.init_task.nsproxy = self.init_nsproxy
        sched.sched_init(self)
        rcupdate.rcu_init(self)
        hrtimer.hrtimers_init(self)
        posix_timers.posix_timers_init(self)
        futex.futex_init(self)
        kthread.kthread_init(self)
        signal_queue.signals_init(self)
        blk_ioc.blk_ioc_init(self)
        acct.acct_init(self)
        slab.kmem_cache_create(self, "taskstats", 328)
        self.taskstats = TaskstatsState(None, cpus, taskstats.taskstats_exit)
        key_proc.key_init(self)
        init_main.smp_init(self)
        sched_balance.sched_init_smp(self)
        self.init_task.cpus_allowed = (1 << cpus) - 1
        self.tty.console_wait = self.wait_queue_head("console")
        Checker(self, dense=200)

    def spawn(self, fn: ThreadFn, arg: object = None, name: str = "") -> Task:
        """Start a task that runs fn; the first one is PID 1 and must not end."""
        if self.nr_cpus > 1:
            self.clock.switch_cpu(self.cpu, 0)
            self.cpu = 0  # where the boot task is
        coro = fork.kernel_thread(self.current, fn, arg, SIGCHLD)
        nr = init_main._at_boot(coro)
        p = kthread.kthread_task(self, nr)
        p.comm = name or fn.__name__[:15]
        return p

    def settle(self) -> str:
        """Run until everybody sleeps; returns who does, and where."""
        with pytest.raises(entry.Deadlock) as end:
            entry.run(self)
        return str(end.value)

    def start(self, fn: ThreadFn, arg: object = None, name: str = "") -> Task:
        """Spawn, and let it come to its first sleep: newborns do not run in the order of birth under CFS."""
        p = self.spawn(fn, arg, name)
        self.settle()
        return p

    def go(self, limit_ns: int | None = None) -> str:
        """Run the machine."""
        return entry.run(self, limit_ns)


def account_user(p: Task, ns: int) -> None:
    """Let ns pass in user mode, as running a program does."""
    p.kernel.clock.advance(ns)
    p.utime += ns


def account_system(p: Task, ns: int) -> None:
    """Let ns pass in kernel mode, as a system call does."""
    p.kernel.clock.advance(ns)
    p.stime += ns


async def sleep(current: Task, ns: int) -> None:
    """Sleep in state S."""
    set_task_state(current, TASK_INTERRUPTIBLE)
    await hrtimer.schedule_hrtimeout(current, current.kernel.clock.now_ns + ns, "sleep")


async def work(current: Task, ns: int, step_ns: int = 100_000) -> None:
    """Use the CPU for ns, giving it up when told to, as user code does."""
    k = current.kernel
    while ns > 0:
        step = min(step_ns, ns)
        account_user(current, step)
        ns -= step
        if k.clock.now_ns >= k.clock.next_event_ns:
            hrtimer.run_queues(k)
            await interrupt()
        if current.ti_flags & 8:
            await sched.schedule(current)


@types.coroutine
def interrupt():
    """Let the machine loop look at its limit, as it can whenever user code runs."""
    yield


async def _init(current: Task, arg: object) -> int:
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current)


@pytest.fixture
def k() -> BareKernel:
    """One CPU, and a PID 1 that sleeps for ever."""
    kernel = BareKernel()
    kernel.start(_init, name="init")
    return kernel


@pytest.fixture
def smp() -> BareKernel:
    """Two CPUs, and a PID 1 that sleeps for ever."""
    kernel = BareKernel(cpus=2)
    kernel.start(_init, name="init")
    return kernel


# Groups of tasks.

MS = 10**6


async def spin(current, arg):
    """Compute for ever, or for arg ns."""
    await work(current, arg or 10**15)
    return 0


def runtimes(*tasks):
    return [sched.task_sched_runtime(p) / MS for p in tasks]


def group(k, *tasks, parent=None):
    """Return a new group with tasks in it."""
    tg = sched_group.sched_create_group(k, parent or k.sched.root_task_group)
    for p in tasks:
        move(p, tg)
    return tg


def move(p, tg):
    p.sched_task_group = tg
    sched_group.sched_move_task(p)
