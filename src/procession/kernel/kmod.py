"""Programs that the kernel runs by itself (kernel/kmod.c; spec proc-kthreads 11).

The requests are works of the queue khelper, so that whoever asks need not be a process with a clean environment.

Differs: this kernel has no modules (CONFIG_MODULES is off), so that request_module() and modprobe are not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from procession.include.linux.binfmts import UserStrings
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.kmod import UMH_NO_WAIT, UMH_WAIT_EXEC, UMH_WAIT_PROC, SubprocessInfo
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.sched import CLONE_FILES, CLONE_FS, CLONE_VFORK
from procession.include.linux.signal import DEFAULT_ACTION, SIGCHLD
from procession.include.linux.wait import WEXITED
from procession.include.linux.workqueue import WorkStruct
from procession.kernel import (
    completion,
    cred,
    exit,
    exit_wait,
    fork,
    pid,
    sched_affinity,
    sched_prio,
    signal_queue,
    workqueue,
)
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.kmod import UmhCleanup, UmhInit
    from procession.include.linux.sched import Task

__all__ = (
    "call_usermodehelper",
    "call_usermodehelper_exec",
    "call_usermodehelper_fns",
    "call_usermodehelper_setfns",
    "call_usermodehelper_setup",
    "usermodehelper_disable",
    "usermodehelper_init",
)

_WAITER_FLAGS: Final = int(CLONE_FS | CLONE_FILES) | SIGCHLD
_HELPER_FLAGS: Final = int(CLONE_VFORK) | SIGCHLD


def usermodehelper_init(k: Kernel) -> None:
    """Make the queue of the requests, one of which is served at a time."""
    slab.kmem_cache_create(k, "subprocess_info", 104)
    k.kthreads.khelper_wq = workqueue.alloc_workqueue("khelper", unbound=True, max_active=1)


def usermodehelper_disable(k: Kernel) -> None:
    """Refuse all requests from now on."""
    k.kthreads.usermodehelper_disabled = True


# The new process.


async def call_usermodehelper_thread(current: Task, sub_info: SubprocessInfo) -> int:
    """What a helper does before it is one (____call_usermodehelper): become like any process, then the program."""
    try:
        await _become_helper(current, sub_info)
    except LinuxError as error:
        sub_info.retval = -error.errno
        await exit.do_exit(current, 0)
    return 0


async def _become_helper(current: Task, sub_info: SubprocessInfo) -> None:
    k = current.kernel
    assert current.sighand is not None
    with current.sighand.siglock.irq():
        signal_queue.flush_signal_handlers(current, True)
    # It can run anywhere, unlike its parent.
    await sched_affinity.set_cpus_allowed_ptr(current, current, (1 << k.nr_cpus) - 1)
    sched_prio.set_user_nice(current, 0)
    new = cred.prepare_creds(k.init_task)
    new.cap_bset &= k.kthreads.usermodehelper_bset
    new.cap_inheritable &= k.kthreads.usermodehelper_inheritable
    if sub_info.init is not None:
        try:
            sub_info.init(current, sub_info, new)
        except LinuxError:
            cred.abort_creds(k, new)
            raise
    cred.commit_creds(current, new)
    await k.kernel_execve(current, sub_info.path, UserStrings(sub_info.argv), UserStrings(sub_info.envp))


async def wait_for_helper(current: Task, sub_info: SubprocessInfo) -> int:
    """Between the worker and a helper whose end is waited for: its parent, who reaps it."""
    assert current.sighand is not None
    # SIGCHLD is ignored by kernel threads: there would be no zombie to get the status from.
    with current.sighand.siglock.irq():
        current.sighand.action[SIGCHLD - 1] = DEFAULT_ACTION
    try:
        nr = await fork.kernel_thread(current, call_usermodehelper_thread, sub_info, SIGCHLD)
        wo = exit_wait.WaitOpts(WEXITED)
        wo.wo_type, wo.wo_pid = PIDTYPE_PID, pid.find_get_pid(current, nr)
        await exit_wait.do_wait(current, wo)
        if wo.status:
            sub_info.retval = wo.status
    except LinuxError as error:
        sub_info.retval = -error.errno
    _complete(sub_info)
    return 0


async def call_usermodehelper_work(current: Task, work: WorkStruct) -> None:
    """Serve a request, in a worker (__call_usermodehelper).

    But for UMH_WAIT_PROC the worker waits until the program runs, even if nobody else does.
    """
    sub_info: SubprocessInfo = work.data
    wait = sub_info.wait
    try:
        if wait == UMH_WAIT_PROC:
            await fork.kernel_thread(current, wait_for_helper, sub_info, _WAITER_FLAGS)
            return
        await fork.kernel_thread(current, call_usermodehelper_thread, sub_info, _HELPER_FLAGS)
    except LinuxError as error:
        sub_info.retval = -error.errno
    if wait == UMH_NO_WAIT:
        call_usermodehelper_freeinfo(current.kernel, sub_info)
    else:
        _complete(sub_info)


def _complete(sub_info: SubprocessInfo) -> None:
    assert sub_info.complete is not None
    completion.complete(sub_info.complete)


# Asking.


def call_usermodehelper_setup(k: Kernel, path: str, argv: Sequence[bytes], envp: Sequence[bytes]) -> SubprocessInfo:
    """Return a request to run path, to be handed to call_usermodehelper_exec(); raises ENOMEM."""
    k.caches["subprocess_info"].alloc()
    work = WorkStruct(call_usermodehelper_work)
    work.data = sub_info = SubprocessInfo(work, path, argv, envp)
    return sub_info


def call_usermodehelper_setfns(
    info: SubprocessInfo, init: UmhInit | None, cleanup: UmhCleanup | None = None, data: object = None
) -> None:
    """Say what is to be called in the new process before it is the program, and when the request is given back."""
    info.init, info.cleanup, info.data = init, cleanup, data


def call_usermodehelper_freeinfo(k: Kernel, info: SubprocessInfo) -> None:
    """Give a request back."""
    if info.cleanup is not None:
        info.cleanup(info)
    info.work.data = None  # no cycle for the garbage collector
    k.caches["subprocess_info"].free()


async def call_usermodehelper_exec(current: Task, sub_info: SubprocessInfo, wait: int) -> int:
    """Run a program as a child of the kernel's; the request is given back.

    wait: UMH_NO_WAIT returns 0 at once. UMH_WAIT_EXEC returns 0 when the program runs. UMH_WAIT_PROC returns its wait
    status when it has ended. Raises EBUSY while helpers are disabled; but for UMH_NO_WAIT also what fork, the request's
    init and exec raise.  Context: sleeps uninterruptibly, but for UMH_NO_WAIT.
    """
    k = current.kernel
    if not sub_info.path:
        call_usermodehelper_freeinfo(k, sub_info)
        return 0
    if k.kthreads.usermodehelper_disabled:
        call_usermodehelper_freeinfo(k, sub_info)
        raise LinuxError(Errno.EBUSY, "user-mode helpers are disabled")
    sub_info.wait = wait
    done = sub_info.complete = completion.init_completion(k)
    workqueue.queue_work(k, k.kthreads.khelper_wq, sub_info.work)
    if wait == UMH_NO_WAIT:
        return 0  # the worker gives it back
    await completion.wait_for_completion(current, done, "call_usermodehelper_exec")
    retval = sub_info.retval
    call_usermodehelper_freeinfo(k, sub_info)
    if retval < 0:
        raise LinuxError(Errno(-retval), f"{sub_info.path}: cannot be run by the kernel")
    return retval


async def call_usermodehelper_fns(
    current: Task,
    path: str,
    argv: Sequence[bytes],
    envp: Sequence[bytes],
    wait: int,
    init: UmhInit | None,
    cleanup: UmhCleanup | None = None,
    data: object = None,
) -> int:
    """As call_usermodehelper, with what is to be called in the new process; raises ENOMEM besides."""
    info = call_usermodehelper_setup(current.kernel, path, argv, envp)
    call_usermodehelper_setfns(info, init, cleanup, data)
    return await call_usermodehelper_exec(current, info, wait)


async def call_usermodehelper(
    current: Task, path: str, argv: Sequence[bytes], envp: Sequence[bytes], wait: int = UMH_WAIT_EXEC
) -> int:
    """Run the program path as root, outside of all namespaces: see call_usermodehelper_exec; raises ENOMEM besides."""
    return await call_usermodehelper_fns(current, path, argv, envp, wait, None)
