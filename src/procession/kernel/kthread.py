"""Kernel threads (kernel/kthread.c; spec 12).

They are all children of kthreadd (PID 2), so that they start from a clean environment whoever asks for them. A
thread function is `async def threadfn(current, data) -> int`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, NoReturn

from procession.include.asm.processor import KernelStack, NoRegisters
from procession.include.linux.bug import bug, bug_on
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched import (
    CLONE_FILES,
    CLONE_FS,
    PF_FREEZER_NOSIG,
    PF_NOFREEZE,
    TASK_COMM_LEN,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    get_task_struct,
    set_task_state,
)
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.spinlock import SpinLock
from procession.kernel import completion, exit, fork, pid, sched, sched_syscalls, signal_queue

if TYPE_CHECKING:
    from procession.include.asm.processor import ThreadStruct
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.signal import KSigaction, Siginfo
    from procession.include.linux.types import UserPtr
    from procession.include.linux.wait import Completion

__all__ = (
    "IdleThread",
    "Kthread",
    "KthreadThread",
    "kthread_create",
    "kthread_create_nowait",
    "kthread_data",
    "kthread_init",
    "kthread_run",
    "kthread_should_stop",
    "kthread_stop",
    "kthreadd",
)

ThreadFn = Callable[["Task", Any], Coroutine[Any, Any, int]]
_EINTR: Final = -int(Errno.EINTR)
_CLONE: Final = int(CLONE_FS | CLONE_FILES) | SIGCHLD


class KthreadThread(NoRegisters):
    """The user side of a task that has none: its first run starts fn (the ThreadStruct of kernel threads)."""

    __slots__ = ("arg", "fn", "started")

    def __init__(self, fn: ThreadFn, arg: object) -> None:
        self.fn = fn
        self.arg = arg
        self.started = False

    def run(self, current: Task, budget_ns: int) -> KernelStack | None:
        """Return the thread's whole life; it is a bug to come here again."""
        bug_on(self.started, "a kernel thread returned to user mode", current)
        self.started = True
        return KernelStack(self._ret_from_fork(current))

    async def _ret_from_fork(self, current: Task) -> None:
        own: object = current.thread
        code = await self.fn(current, self.arg)
        if current.thread is own:
            await exit.do_exit(current, code)
        # Else fn executed a program, and this is its way to user mode.

    def copy_thread(self, current: Task, clone_flags: int, usp: UserPtr, p: Task, tls: int) -> ThreadStruct:
        """Return itself: kernel_thread() lends it to the parent for this moment."""
        return self

    def set_return(self, value: int) -> None:
        """There is no system call to return from."""

    def syscall_nr(self) -> int:
        """Return -1: there is no system call."""
        return -1

    def syscall_get_arguments(self) -> tuple[int, ...]:
        """Return zeros: there is no system call."""
        return (0,) * 6

    def syscall_pc(self) -> int:
        """Return 0: there is no system call."""
        return 0

    def syscall_get_error(self) -> int:
        """Return 0: there is no system call."""
        return 0

    def setup_rt_frame(self, current: Task, sig: int, ka: KSigaction, info: Siginfo, oldset: int) -> None:
        """Stop: a kernel thread has no handlers."""
        bug("signal handler in a kernel thread", current)

    async def syscall_trace_leave(self, current: Task) -> int:
        """Stop: a kernel thread makes no system calls."""
        bug("end of a system call of a kernel thread", current)

    def syscall_restart(self, current: Task, code: int) -> None:
        """Stop: a kernel thread makes no system calls."""
        bug("system call restart in a kernel thread", current)

    def exit_thread(self) -> None:
        """Nothing is held."""


class IdleThread(KthreadThread):
    """The user side of an idle task: the machine loop never runs it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(_never, None)
        self.started = True


async def _never(current: Task, arg: object) -> int:
    bug("the idle task ran", current)


class Kthread:
    """What a kernel thread and those who control it share (struct kthread)."""

    __slots__ = ("data", "exited", "should_stop")

    def __init__(self, data: object, exited: Completion) -> None:
        self.should_stop = False
        self.data = data
        self.exited = exited


class KthreadCreateInfo:
    """A request to kthreadd (struct kthread_create_info).

    name: what the thread is going to be called.  failed: if nobody waits, called should there be no thread; such a
    thread takes its name and runs by itself.
    """

    __slots__ = ("data", "done", "error", "failed", "name", "result", "threadfn")

    def __init__(
        self, threadfn: ThreadFn, data: object, done: Completion, name: str, failed: Callable[[], None] | None = None
    ) -> None:
        self.threadfn = threadfn
        self.data = data
        self.done = done
        self.name = name
        self.failed = failed
        self.result: Task | None = None
        self.error: LinuxError | None = None


def kthread_init(k: Kernel) -> None:
    """Start with no requests; kthreadd itself is started by rest_init."""
    k.kthreads.kthread_create_lock = SpinLock(k.lock_class("kthread_create_lock"))


def to_kthread(p: Task) -> Kthread:
    """Return what a kernel thread and those who control it share."""
    return p.kthread if p.kthread is not None else bug("no kernel thread", p)


def kthread_should_stop(current: Task) -> bool:
    """Whether somebody waits in kthread_stop() for the calling kernel thread to return."""
    return to_kthread(current).should_stop


def kthread_data(p: Task) -> Any:
    """Return the data that the thread was created with."""
    return to_kthread(p).data


async def _kthread(current: Task, create: KthreadCreateInfo) -> int:
    """The life of a kernel thread: tell the creator, sleep until woken, run the function."""
    self = Kthread(create.data, completion.init_completion(current.kernel))
    current.kthread = self
    # mm_release() completes vfork_done, which is how kthread_stop() learns that we are gone.
    current.vfork_done = self.exited
    if create.failed is not None:
        current.comm = create.name
        return await create.threadfn(current, create.data)
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    create.result = current
    completion.complete(create.done)
    await sched.schedule(current, "kthread")

    if self.should_stop:
        return _EINTR
    return await create.threadfn(current, create.data)


async def kthread_create(current: Task, threadfn: ThreadFn, data: object, name: str) -> Task:
    """Have kthreadd make a thread called name; it sleeps until wake_up_process(). Raises ENOMEM, EAGAIN."""
    k = current.kernel
    create = KthreadCreateInfo(threadfn, data, completion.init_completion(k), name)
    with k.kthreads.kthread_create_lock.irq():
        k.kthreads.kthread_create_list.append(create)
    sched.wake_up_process(k.kthreads.kthreadd_task)
    await completion.wait_for_completion(current, create.done, "kthread_create_on_node")
    p = create.result
    if p is None:
        assert create.error is not None
        raise create.error
    p.comm = name[: TASK_COMM_LEN - 1]
    # kthreadd may have been given another policy by a curious root.
    sched_syscalls.sched_setscheduler_nocheck(p, 0, 0)
    p.cpus_allowed = (1 << k.nr_cpus) - 1
    return p


def kthread_create_nowait(k: Kernel, threadfn: ThreadFn, data: object, name: str, failed: Callable[[], None]) -> None:
    """Ours: have kthreadd make a thread called name that runs at once; failed is called if there can be none.

    Context: any. For threads that are there from boot in 3.2, and here as soon as they have something to do.
    """
    create = KthreadCreateInfo(threadfn, data, completion.init_completion(k), name, failed)
    with k.kthreads.kthread_create_lock.irq():
        k.kthreads.kthread_create_list.append(create)
    sched.wake_up_process(k.kthreads.kthreadd_task)


async def kthread_run(current: Task, threadfn: ThreadFn, data: object, name: str) -> Task:
    """As kthread_create, and wake it."""
    p = await kthread_create(current, threadfn, data, name)
    sched.wake_up_process(p)
    return p


async def kthread_stop(current: Task, p: Task) -> int:
    """Ask a kernel thread to return and wait until it has; returns its result, -EINTR if it never ran."""
    get_task_struct(p)
    current.held.append(p)
    kthread = to_kthread(p)
    if p.vfork_done is not None:
        kthread.should_stop = True
        sched.wake_up_process(p)
        await completion.wait_for_completion(current, kthread.exited, "kthread_stop")
    code = p.exit_code
    current.held.pop()
    fork.put_task_struct(p)
    return code


async def _create_kthread(current: Task, create: KthreadCreateInfo) -> None:
    """Make one; if it is one of boot's (init/main.py), with the number that is kept for it."""
    k = current.kernel
    ns = k.init_pid_ns
    last_pid = ns.last_pid
    nr = k.kthreads.boot_nrs.get(create.name, 0)
    kept = 0 < nr <= last_pid and nr not in ns.pids
    if kept:
        ns.last_pid = nr - 1
    try:
        await fork.kernel_thread(current, _kthread, create, _CLONE)
    except LinuxError as error:
        create.error = error
        completion.complete(create.done)
        if create.failed is not None:
            create.failed()
    finally:
        if kept:
            ns.last_pid = last_pid


async def kthreadd(current: Task, kthreadd_done: Completion) -> NoReturn:
    """PID 2: make kernel threads on request, for ever.

    Says that it is there: in 3.2 rest_init does, but there it is soon asked for threads, and init waits for these.
    """
    k = current.kernel
    current.comm = "kthreadd"
    signal_queue.ignore_signals(current)
    current.cpus_allowed = (1 << k.nr_cpus) - 1
    current.flags |= PF_NOFREEZE | PF_FREEZER_NOSIG
    completion.complete(kthreadd_done)
    while True:
        set_task_state(current, TASK_INTERRUPTIBLE)
        if not k.kthreads.kthread_create_list:
            await sched.schedule(current, "kthreadd")
        set_task_state(current, TASK_RUNNING)
        while True:
            with k.kthreads.kthread_create_lock.irq():
                create = k.kthreads.kthread_create_list.pop(0) if k.kthreads.kthread_create_list else None
            if create is None:
                break
            await _create_kthread(current, create)


def kthread_task(k: Kernel, nr: int) -> Task:
    """Ours: return the task that kernel_thread() made, by the number it returned."""
    p = pid.find_task_by_pid_ns(nr, k.init_pid_ns)
    assert p is not None
    return p
