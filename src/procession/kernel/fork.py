"""Process creation (kernel/fork.c; spec 2, 3, 6)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from procession.block import blk_ioc
from procession.drivers.tty import tty_io
from procession.fs import file, file_table, fs_struct
from procession.hw.costs import AREA_NS, MM_NS, OBJECT_NS, TASK_NS
from procession.include.linux.bug import bug
from procession.include.linux.cred import CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_CLOEXEC
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID, PIDTYPE_SID
from procession.include.linux.pidfd import PIDFD_THREAD
from procession.include.linux.ptrace import (
    PTRACE_EVENT_CLONE,
    PTRACE_EVENT_FORK,
    PTRACE_EVENT_VFORK,
    PTRACE_EVENT_VFORK_DONE,
    ptrace_event_enabled,
)
from procession.include.linux.resource import RLIMIT_NPROC
from procession.include.linux.sched import (
    CLONE_CHILD_CLEARTID,
    CLONE_CHILD_SETTID,
    CLONE_FILES,
    CLONE_FS,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_PARENT,
    CLONE_PARENT_SETTID,
    CLONE_PTRACE,
    CLONE_SIGHAND,
    CLONE_SYSVSEM,
    CLONE_THREAD,
    CLONE_UNTRACED,
    CLONE_VFORK,
    CLONE_VM,
    CSIGNAL,
    EXIT_NONE,
    PF_FORKNOEXEC,
    PF_NPROC_EXCEEDED,
    PF_STARTING,
    PF_SUPERPRIV,
    PF_WQ_WORKER,
    SIGNAL_UNKILLABLE,
    TASK_DEAD,
    TIF_SIGPENDING,
    SighandStruct,
    SignalStruct,
    Task,
)
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.spinlock import RwLock, SpinLock
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import PidNr, UserPtr
from procession.include.linux.undo import Undo
from procession.ipc import sem_undo
from procession.kernel import (
    capability,
    cgroup,
    completion,
    cred,
    fork_mm,
    kthread,
    nsproxy,
    pid,
    pidfd,
    posix_cpu_timers,
    ptrace,
    rseq,
    sched,
    sched_autogroup,
    signal_queue,
    ucount,
    user_namespace,
)
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from procession.include.linux.clone3 import KernelCloneArgs
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.pid import Pid, PidNamespace

__all__ = (
    "copy_process",
    "do_fork",
    "fork_init",
    "free_task",
    "kernel_thread",
    "put_sighand",
    "put_signal_struct",
    "put_task_struct",
    "sys_set_tid_address",
)

THREAD_SIZE: Final = 8192


def fork_init(k: Kernel) -> None:
    """Make the caches and size the machine's task limit by its memory (fork_init, proc_caches_init)."""
    for name, size, cost_ns in (
        ("task_struct", 1776, TASK_NS),
        ("signal_cache", 896, OBJECT_NS),
        ("sighand_cache", 2112, OBJECT_NS),
        ("files_cache", 704, OBJECT_NS),
        ("fs_cache", 56, OBJECT_NS),
        ("mm_struct", 880, MM_NS),
        ("vm_area_struct", 176, AREA_NS),
    ):
        slab.kmem_cache_create(k, name, size, cost_ns)
    k.tasklist_lock = RwLock(k.lock_class("tasklist_lock"))
    k.max_threads = max(20, k.mm.total_pages // (8 * THREAD_SIZE // PAGE_SIZE))


async def do_fork(
    current: Task,
    clone_flags: int,
    stack_start: UserPtr,
    parent_tidptr: UserPtr,
    child_tidptr: UserPtr,
    tls: int = 0,
    later: KernelCloneArgs | None = None,
) -> int:
    """Make a child of current, start it, and return its number as current sees it (spec 6).

    later: what 3.2 could not be asked for.

    Raises every errno of spec 2.2, and ERESTARTNOINTR if a signal arrives first.
    """
    if clone_flags & CLONE_NEWUSER and not user_namespace.are_later(current.kernel):
        if clone_flags & CLONE_THREAD:
            raise LinuxError(Errno.EINVAL, "CLONE_NEWUSER with CLONE_THREAD")
        if not all(capability.capable(current, cap) for cap in (CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID)):
            raise LinuxError(Errno.EPERM, "CLONE_NEWUSER")

    event = _fork_event(current, clone_flags)
    p = copy_process(current, clone_flags, stack_start, child_tidptr, tls, later, traced=bool(event))
    k = current.kernel
    nr = pid.task_pid_vnr(current, p)
    trace = k.trace
    if trace.sched_process_fork:
        trace.sched_process_fork(current.comm, current.pid, p.comm, p.pid)

    if clone_flags & CLONE_PARENT_SETTID:
        try:
            uaccess.put_user(current, parent_tidptr, nr, 4)
        except LinuxError:
            pass  # 3.2 ignores the fault: the child exists and cannot be taken back
    vfork = None
    if clone_flags & CLONE_VFORK:
        # The child signals from mm_release(): at exec or exit. It must find the completion before it first runs.
        vfork = p.vfork_done = completion.init_completion(k)

    p.flags &= ~PF_STARTING
    sched.wake_up_new_task(p)
    # Forking is done and the child runs: let the tracer know.
    if event:
        await ptrace.ptrace_event(current, event, nr)
    if vfork is not None:
        # Neither interruptible nor killable in 3.2: a stopped child holds its parent in state D.
        await completion.wait_for_completion(current, vfork, "do_fork")
        if current.ptrace:
            await ptrace.ptrace_event(current, PTRACE_EVENT_VFORK_DONE, nr)
    return nr


def _fork_event(current: Task, clone_flags: int) -> int:
    """Return which event a tracer has asked to see of this fork; 0 for none."""
    if not current.ptrace or clone_flags & CLONE_UNTRACED:
        return 0
    event = PTRACE_EVENT_FORK
    if clone_flags & CLONE_VFORK:
        event = PTRACE_EVENT_VFORK
    elif clone_flags & CSIGNAL != SIGCHLD:
        event = PTRACE_EVENT_CLONE
    return event if ptrace_event_enabled(current, event) else 0


def copy_process(
    current: Task,
    clone_flags: int,
    stack_start: UserPtr,
    child_tidptr: UserPtr,
    tls: int,
    later: KernelCloneArgs | None = None,
    *,
    traced: bool = False,
) -> Task:
    """Make a new task as a copy of current, visible to everybody but not yet running (spec 3).

    traced: current's tracer shall trace it as well.

    Differs: no perf, audit, NUMA policy.
    """
    check_clone_flags(current, clone_flags)
    k = current.kernel
    with Undo() as undo:
        p = dup_task_struct(current)
        undo.push((free_task, p))
        check_nproc(current)
        cred.copy_creds(current, p, clone_flags)
        undo.push((_bad_fork_cleanup_count, p))
        if k.nr_threads >= k.max_threads:
            raise LinuxError(Errno.EAGAIN, "the machine's task limit")

        _clear_inherited(current, p)
        cgroup.cgroup_fork(p)
        undo.push((cgroup.cgroup_fork_failed, p))
        sched.sched_fork(p)
        _copy_resources(current, p, clone_flags, undo)
        if later is not None and later.clear_sighand:
            signal_queue.flush_signal_handlers(p, force_default=False)
        if current.rseq is not None:
            rseq.rseq_fork(current, p, clone_flags)
        p.thread = current.thread.copy_thread(current, clone_flags, stack_start, p, tls)
        undo.push((p.thread.exit_thread,))

        assert p.nsproxy is not None
        set_tid = () if later is None else later.set_tid
        if set_tid:
            check_set_tid(current, p.nsproxy.pid_ns, set_tid)
        new_pid = pid.alloc_pid(k, p.nsproxy.pid_ns, set_tid)
        undo.push((pid.free_pid, k, new_pid))
        if later is not None and later.wants_pidfd:
            prepare_pidfd(current, new_pid, clone_flags, later, undo)
        _init_identity(current, p, new_pid, clone_flags, child_tidptr)
        cgroup.cgroup_fork_callbacks(p)

        with k.tasklist_lock.write_irq():
            _link_task(current, p, new_pid, clone_flags, traced=traced or bool(clone_flags & CLONE_PTRACE))
    if later is not None and later.file is not None:
        file.fd_install(current, later.fd, later.file)
    cgroup.cgroup_post_fork(p)
    return p


def check_clone_flags(current: Task, clone_flags: int) -> None:
    """Refuse what cannot be shared or separated; raises EINVAL (spec 2.2, rows 3 to 6)."""
    if clone_flags & (CLONE_NEWNS | CLONE_FS) == CLONE_NEWNS | CLONE_FS:
        raise LinuxError(Errno.EINVAL, "CLONE_NEWNS with CLONE_FS")
    new_user = clone_flags & CLONE_NEWUSER and user_namespace.are_later(current.kernel)
    if new_user and clone_flags & CLONE_FS:
        raise LinuxError(Errno.EINVAL, "CLONE_NEWUSER with CLONE_FS")
    if clone_flags & CLONE_THREAD and not clone_flags & CLONE_SIGHAND:
        raise LinuxError(Errno.EINVAL, "CLONE_THREAD without CLONE_SIGHAND")
    if clone_flags & CLONE_SIGHAND and not clone_flags & CLONE_VM:
        raise LinuxError(Errno.EINVAL, "CLONE_SIGHAND without CLONE_VM")
    # A sibling of init would be reaped by nobody.
    if clone_flags & CLONE_PARENT and current.signal.flags & SIGNAL_UNKILLABLE:
        raise LinuxError(Errno.EINVAL, "CLONE_PARENT by init")
    if new_user and clone_flags & CLONE_THREAD:
        raise LinuxError(Errno.EINVAL, "CLONE_NEWUSER with CLONE_THREAD")


def check_set_tid(current: Task, ns: PidNamespace, set_tid: tuple[int, ...]) -> None:
    """Refuse numbers for a child that it cannot have, or current not give; raises EINVAL, EPERM (alloc_pid)."""
    if len(set_tid) > ns.level + 1:
        raise LinuxError(Errno.EINVAL, "more numbers than pid namespaces")
    level_ns: PidNamespace | None = ns
    for nr in set_tid:
        assert level_ns is not None
        if not 1 <= nr < current.kernel.pid_max or (nr != 1 and level_ns.child_reaper is None):
            raise LinuxError(Errno.EINVAL, f"number {nr}")
        if not capability.ns_capable(current, level_ns.user_ns, CAP_SYS_ADMIN):
            raise LinuxError(Errno.EPERM, "CAP_SYS_ADMIN")
        level_ns = level_ns.parent


def prepare_pidfd(current: Task, new_pid: Pid, clone_flags: int, later: KernelCloneArgs, undo: Undo) -> None:
    """Make the descriptor of a child that is not there yet; raises EMFILE, ENFILE, EFAULT (pidfd_prepare)."""
    later.fd = file.alloc_fd(current, 0, O_CLOEXEC)
    undo.push((file.put_unused_fd, current, later.fd))
    later.file = pidfd.pidfd_file(current, new_pid, PIDFD_THREAD if clone_flags & CLONE_THREAD else 0)
    undo.push((file_table.fput, current, later.file))
    uaccess.put_user(current, later.pidfd, later.fd, 4)


def check_nproc(current: Task) -> None:
    """Keep the user within RLIMIT_NPROC; raises EAGAIN (spec 2.2, row 9)."""
    k = current.kernel
    owner = current.real_cred.user
    if (
        ucount.is_nproc_overlimit(current.real_cred, current.signal.rlim[RLIMIT_NPROC][0], 1)
        and owner is not k.users.root_user
        and not capability.capable(current, CAP_SYS_ADMIN)
        and not capability.capable(current, CAP_SYS_RESOURCE)
    ):
        raise LinuxError(Errno.EAGAIN, "RLIMIT_NPROC")
    current.flags &= ~PF_NPROC_EXCEEDED


def dup_task_struct(orig: Task) -> Task:
    """Return a copy of orig, field by field, with two references; raises ENOMEM."""
    orig.kernel.caches["task_struct"].alloc()
    return orig.copy()


def _bad_fork_cleanup_count(p: Task) -> None:
    ucount.dec_rlimit_nproc(p.real_cred)
    cred.exit_creds(p)


def _clear_inherited(current: Task, p: Task) -> None:
    """Give the newborn its own values where a copy of the parent's would be wrong (spec 1.3)."""
    k = current.kernel
    p.flags = p.flags & ~(PF_SUPERPRIV | PF_WQ_WORKER) | PF_FORKNOEXEC | PF_STARTING
    p.alloc_lock = SpinLock(current.alloc_lock.cls)
    p.default_timer_slack_ns = current.timer_slack_ns
    p.start_time = p.real_start_time = k.clock.now_ns


def _copy_resources(current: Task, p: Task, clone_flags: int, undo: Undo) -> None:
    """Copy or share what belongs to a process, in the order of 3.2, each with its way back."""
    if clone_flags & CLONE_SYSVSEM:
        sem_undo.copy_semundo(current, p, clone_flags)
        undo.push((sem_undo.exit_sem, p))
    copy_files(current, p, clone_flags)
    undo.push((file.exit_files, p))
    copy_fs(current, p, clone_flags)
    undo.push((fs_struct.exit_fs, p))
    copy_sighand(p, clone_flags)
    undo.push((_bad_fork_cleanup_sighand, p))
    copy_signal(current, p, clone_flags)
    if not clone_flags & CLONE_THREAD:
        undo.push((free_signal_struct, p.kernel, p.signal))
    fork_mm.copy_mm(current, p, clone_flags)
    if p.mm is not None:
        undo.push((fork_mm.mmput, p.kernel, p.mm))
    nsproxy.copy_namespaces(current, clone_flags, p)
    if p.nsproxy is not None:
        # The last user's namespaces need no grace period here: nobody else has seen this task.
        undo.push((nsproxy.put_nsproxy, p.kernel, p.nsproxy))
    if current.io_context is not None:
        blk_ioc.copy_io(current, p, clone_flags)
        undo.push((blk_ioc.exit_io_context, p))


def copy_files(current: Task, p: Task, clone_flags: int) -> None:
    """Share or copy the descriptor table; raises ENOMEM, EMFILE."""
    oldf = current.files
    if oldf is None:
        return
    if clone_flags & CLONE_FILES:
        oldf.count += 1
        return
    p.files = file.dup_fd(current, oldf)


def copy_fs(current: Task, p: Task, clone_flags: int) -> None:
    """Share or copy root, cwd and umask; raises EAGAIN while an exec counts the sharers."""
    fs = current.fs
    if fs is None:
        return
    if clone_flags & CLONE_FS:
        with fs.lock:
            if fs.in_exec:
                raise LinuxError(Errno.EAGAIN, "CLONE_FS during an exec")
            fs.users += 1
        return
    p.fs = fs_struct.copy_fs_struct(current.kernel, fs)


def copy_sighand(p: Task, clone_flags: int) -> None:
    """Share or copy the signal actions; raises ENOMEM."""
    old = p.sighand
    assert old is not None
    if clone_flags & CLONE_SIGHAND:
        old.count += 1
        return
    p.kernel.caches["sighand_cache"].alloc()
    p.sighand = new = SighandStruct(SpinLock(old.siglock.cls))
    new.action = old.action.copy()


def put_sighand(k: Kernel, sighand: SighandStruct) -> None:
    """Drop a task's reference to its signal actions (__cleanup_sighand)."""
    sighand.count -= 1
    if sighand.count == 0:
        k.caches["sighand_cache"].free()


def _bad_fork_cleanup_sighand(p: Task) -> None:
    assert p.sighand is not None
    put_sighand(p.kernel, p.sighand)


def copy_signal(current: Task, p: Task, clone_flags: int) -> None:
    """Give a new process its signal_struct; a thread uses its leader's; raises ENOMEM (spec 1.5)."""
    if clone_flags & CLONE_THREAD:
        return
    k = current.kernel
    k.caches["signal_cache"].alloc()
    old = current.signal
    sig = SignalStruct(p, k.wait_queue_head("wait_chldexit.lock"))
    if clone_flags & CLONE_NEWPID:
        sig.flags = SIGNAL_UNKILLABLE
    with current.group_leader.alloc_lock:
        sig.rlim = old.rlim.copy()
    posix_cpu_timers.posix_cpu_timers_init_group(sig)
    if old.autogroup is not None:
        sched_autogroup.sched_autogroup_fork(current, sig)
    sig.oom_adj, sig.oom_score_adj, sig.oom_score_adj_min = old.oom_adj, old.oom_score_adj, old.oom_score_adj_min
    sig.has_child_subreaper = old.has_child_subreaper or old.is_child_subreaper
    p.signal = sig


def put_signal_struct(k: Kernel, sig: SignalStruct) -> None:
    """Drop a task's reference."""
    sig.sigcnt -= 1
    if sig.sigcnt == 0:
        free_signal_struct(k, sig)


def free_signal_struct(k: Kernel, sig: SignalStruct) -> None:
    # Nothing refers back to the tasks: else only Python's search for cycles would free their memory.
    sig.threads.clear()
    sig.curr_target = None
    sched_autogroup.sched_autogroup_exit(k, sig)
    if sig.stats is not None:
        k.caches["taskstats"].free()
    k.caches["signal_cache"].free()


def _init_identity(current: Task, p: Task, new_pid: Pid, clone_flags: int, child_tidptr: UserPtr) -> None:
    """Set the newborn's numbers, thread group, exit signal and the places of its number (spec 3.1, step 22)."""
    p.pid = pid.pid_nr(new_pid)
    p.set_child_tid = child_tidptr if clone_flags & CLONE_CHILD_SETTID else 0
    p.clear_child_tid = child_tidptr if clone_flags & CLONE_CHILD_CLEARTID else 0
    # An alternate stack in shared memory cannot serve two at once.
    if clone_flags & (CLONE_VM | CLONE_VFORK) == CLONE_VM:
        p.sas_ss_sp = p.sas_ss_size = 0
    p.exit_signal = -1 if clone_flags & CLONE_THREAD else clone_flags & CSIGNAL
    if clone_flags & CLONE_THREAD:
        p.tgid, p.group_leader = current.tgid, current.group_leader
    else:
        p.tgid, p.group_leader = p.pid, p


def _link_task(current: Task, p: Task, new_pid: Pid, clone_flags: int, *, traced: bool) -> None:
    """Make p findable: family, thread group, pids (spec 3.1, steps 24 to 28)."""
    k = current.kernel
    k.tasklist_lock.assert_held_write()
    if clone_flags & (CLONE_PARENT | CLONE_THREAD):
        p.real_parent = current.real_parent
        p.parent_exec_id = current.parent_exec_id
    else:
        p.real_parent = current
        p.parent_exec_id = current.self_exec_id
    p.parent = p.real_parent

    assert current.sighand is not None
    with current.sighand.siglock:
        # A signal to the process group must reach parent and child or the parent alone: not the parent too late.
        signal_queue.recalc_sigpending(current)
        if current.ti_flags & TIF_SIGPENDING:
            raise LinuxError(Errno.ERESTARTNOINTR, "fork with a pending signal")
        ptrace.ptrace_init_task(current, p, traced)
        sig = current.signal
        if clone_flags & CLONE_THREAD:
            sig.nr_threads += 1
            sig.live += 1
            sig.sigcnt += 1
            sig.threads[p] = None
        else:
            _link_process(current, p, new_pid)
        pid.attach_pid(p, PIDTYPE_PID, new_pid)
        k.nr_threads += 1
        k.total_forks += 1


def _link_process(current: Task, p: Task, new_pid: Pid) -> None:
    """Link a thread group leader; threads are on none of these lists."""
    k = current.kernel
    own = new_pid.numbers[new_pid.level]
    if own.nr == 1:
        own.ns.child_reaper = p
        if current.pid_ns_for_children is own.ns:
            p.signal.flags |= SIGNAL_UNKILLABLE
    p.signal.leader_pid = new_pid
    p.signal.tty = tty_io.tty_kref_get(current.signal.tty)
    leader = current.group_leader
    pgrp, session = leader.pids[PIDTYPE_PGID], leader.pids[PIDTYPE_SID]
    assert pgrp is not None
    assert session is not None
    pid.attach_pid(p, PIDTYPE_PGID, pgrp)
    pid.attach_pid(p, PIDTYPE_SID, session)
    p.real_parent.children[p] = None
    k.tasks[p] = None
    k.process_counts += 1


def free_task(p: Task) -> None:
    """Free a task whatever its count says: for newborns that never ran, and at the end of put_task_struct."""
    p.se.task = None  # as above
    p.kernel.caches["task_struct"].free()


def put_task_struct(p: Task) -> None:
    """Drop a reference; the last one frees the task (__put_task_struct)."""
    p.usage -= 1
    if p.usage:
        return
    if p.exit_state == EXIT_NONE:
        bug("freeing a living task", p)
    if p.state != TASK_DEAD:
        bug("freeing a task that has not left its CPU", p)
    cred.exit_creds(p)
    put_signal_struct(p.kernel, p.signal)
    p.group_leader = p.kernel.init_task  # as above
    free_task(p)


async def kernel_thread(
    current: Task, fn: Callable[[Task, Any], Coroutine[Any, Any, int]], arg: object, flags: int
) -> int:
    """Start a kernel thread that runs fn(task, arg) and exits with its result; returns its number."""
    saved = current.thread
    current.thread = kthread.KthreadThread(fn, arg)
    try:
        return await do_fork(current, flags | CLONE_VM | CLONE_UNTRACED, 0, 0, 0)
    finally:
        current.thread = saved


@syscall
def sys_set_tid_address(current: Task, tidptr: UserPtr) -> PidNr:
    """Set where the thread's number is cleared when it ends; never fails (set_tid_address(2))."""
    current.clear_child_tid = tidptr
    return pid.task_pid_vnr(current, current)
