"""Process termination (kernel/exit.c; spec 8).

The waiting side is in kernel/exit_wait.py, orphaned process groups in kernel/exit_pgrp.py.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NoReturn

from procession.block import blk_ioc
from procession.drivers.tty import tty_io, tty_jobctrl
from procession.fs import coredump, file, fs_struct
from procession.hw.costs import EXIT_NS
from procession.include.linux.bug import InitKilled, bug, bug_on
from procession.include.linux.errno import LinuxError
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_PID, PIDTYPE_SID
from procession.include.linux.proc_fs import proc_flush_task
from procession.include.linux.ptrace import PTRACE_EVENT_EXIT, ptrace_reparented
from procession.include.linux.sched import (
    EXIT_DEAD,
    EXIT_NONE,
    EXIT_ZOMBIE,
    PF_EXITING,
    PF_EXITPIDONE,
    SIGNAL_GROUP_EXIT,
    TASK_DEAD,
    TIF_FREEZE,
    Task,
    next_thread,
    same_thread_group,
    set_task_state,
    thread_group_empty,
    thread_group_leader,
    threads_from,
)
from procession.include.linux.signal import SIGCHLD
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int
from procession.include.linux.wait import WCOREFLAG
from procession.ipc import sem_undo, shm
from procession.kernel import (
    acct,
    cgroup,
    exit_pgrp,
    fork,
    fork_mm,
    itimer,
    nsproxy,
    panic,
    pid,
    pid_namespace,
    posix_cpu_timers,
    posix_timers,
    ptrace,
    rcupdate,
    sched,
    sched_account,
    siginfo,
    signal,
    signal_notify,
    signal_queue,
    signal_send,
    ucount,
)

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct

__all__ = (
    "advance_exit_state",
    "do_exit",
    "do_group_exit",
    "exit_notify",
    "mm_update_next_owner",
    "release_task",
    "sys_exit",
    "sys_exit_group",
)


def advance_exit_state(p: Task, old: int, new: int) -> None:
    """Take p from one exit_state to the next; it is a bug if p is not in the old one (ours).

    Under tasklist_lock. For reading is enough to turn a zombie into EXIT_DEAD: that is how somebody who waits claims
    it, of whom 3.2 lets one win by xchg().
    """
    if old == EXIT_ZOMBIE:
        p.kernel.tasklist_lock.assert_held()
    else:
        p.kernel.tasklist_lock.assert_held_write()
    if p.exit_state != old:
        bug("wrong exit_state", p, p.exit_state, old, new)
    p.exit_state = new


def unhash_process_locked(p: Task, group_dead: bool) -> None:
    """Take p out of the pid and task tables (__unhash_process)."""
    k = p.kernel
    k.tasklist_lock.assert_held_write()
    k.nr_threads -= 1
    pid.detach_pid(p, PIDTYPE_PID)
    if group_dead:
        pid.detach_pid(p, PIDTYPE_PGID)
        pid.detach_pid(p, PIDTYPE_SID)
        del k.tasks[p]
        del p.real_parent.children[p]
        k.process_counts -= 1
    del p.signal.threads[p]


def exit_signal_locked(tsk: Task) -> None:
    """Fold a dead thread into its process and take away its signal state (__exit_signal).

    A leader is always the last one here: it is released only when its group is empty.
    """
    k = tsk.kernel
    k.tasklist_lock.assert_held_write()
    sig = tsk.signal
    sighand = tsk.sighand
    assert sighand is not None
    leader = thread_group_leader(tsk)
    with sighand.siglock:
        if sig.cputime_expires is not None:
            posix_cpu_timers.posix_cpu_timers_exit(tsk)
        tty = None
        if leader:
            tty = sig.tty
            sig.tty = None
        else:
            _fold_thread(tsk)
        sig.nr_threads -= 1
        unhash_process_locked(tsk, leader)
        if tsk.pending.signal:  # a SIGKILL from a group exit has no entry
            signal_queue.flush_sigqueue(k, tsk.pending)
        tsk.sighand = None
    fork.put_sighand(k, sighand)
    if leader:
        if sig.shared_pending.signal:
            signal_queue.flush_sigqueue(k, sig.shared_pending)
        tty_io.tty_kref_put(tty)


def _fold_thread(tsk: Task) -> None:
    """Add a thread's usage to its process, and wake an exec that waits for it to go."""
    sig = tsk.signal
    if sig.notify_count > 0:
        sig.notify_count -= 1
        if not sig.notify_count and sig.group_exit_task is not None:
            sched.wake_up_process(sig.group_exit_task)
    if sig.curr_target is tsk:
        sig.curr_target = next_thread(tsk)
    sig.utime += tsk.utime
    sig.stime += tsk.stime
    sig.min_flt += tsk.min_flt
    sig.maj_flt += tsk.maj_flt
    sig.nvcsw += tsk.nvcsw
    sig.nivcsw += tsk.nivcsw
    sig.inblock += tsk.inblock
    rchar, wchar, syscr, syscw = sig.ioac
    sig.ioac = rchar + tsk.rchar, wchar + tsk.wchar, syscr + tsk.syscr, syscw + tsk.syscw
    sig.oublock += tsk.oublock
    sig.sum_sched_runtime += sched.task_sched_runtime(tsk)


def release_task(p: Task) -> None:
    """Let a dead task go for good: its number is free, its memory follows after a grace period (spec 8.8).

    If p was the last thread behind a leader that is a zombie already, the leader's parent hears of it now.
    """
    k = p.kernel
    while True:
        ucount.dec_rlimit_nproc(p.real_cred)
        proc_flush_task(p)
        trace = k.trace
        if trace.sched_process_free:
            trace.sched_process_free(p.comm, p.pid, p.prio, k.current.pid)

        zap_leader = False
        with k.tasklist_lock.write_irq():
            ptrace.ptrace_unlink(p)
            leader = p.group_leader
            exit_signal_locked(p)
            if leader is not p and leader.exit_state == EXIT_ZOMBIE and thread_group_empty(leader):
                zap_leader = signal_notify.do_notify_parent(leader, leader.exit_signal)
                if zap_leader:
                    advance_exit_state(leader, EXIT_ZOMBIE, EXIT_DEAD)

        rcupdate.call_rcu(k, fork.put_task_struct, p)
        if not zap_leader:
            return
        p = leader


# Finding new parents.


def find_new_reaper(father: Task) -> Task | None:
    """Return who adopts father's children: a fellow thread that lives, else the namespace's init (spec 8.4).

    None: father is that init, and the namespace ends with it. 3.2 sees to that right here and drops tasklist_lock
    meanwhile; forget_original_parent() does it here.  Context: tasklist_lock held for writing.
    """
    father.kernel.tasklist_lock.assert_held_write()
    ns = pid.task_active_pid_ns(father)
    for thread in threads_from(father)[1:]:
        if thread.flags & PF_EXITING:
            continue
        if ns.child_reaper is father:
            ns.child_reaper = thread
        return thread
    if ns.child_reaper is father:
        return None
    if father.signal.has_child_subreaper:
        reaper = father.real_parent
        while reaper is not father.kernel.init_task and pid.task_active_pid_ns(reaper) is ns:
            if reaper.signal.is_child_subreaper:
                for thread in threads_from(reaper):
                    if not thread.flags & PF_EXITING:
                        return thread
            reaper = reaper.real_parent
    return ns.child_reaper


def reparent_leader(father: Task, p: Task, dead: list[Task]) -> None:
    """Move p to its new parent's children, and tell that parent what it has to know.

    Whoever is a zombie that nobody will wait for is added to dead.
    """
    father.kernel.tasklist_lock.assert_held_write()
    del father.children[p]
    p.real_parent.children[p] = None
    if p.exit_state == EXIT_DEAD or same_thread_group(p.real_parent, father):
        return

    # A new parent of another process knows nothing of a special exit signal.
    p.exit_signal = SIGCHLD
    # The end of one that is traced by somebody else is that one's to hear of first.
    if (
        not p.ptrace
        and p.exit_state == EXIT_ZOMBIE
        and thread_group_empty(p)
        and signal_notify.do_notify_parent(p, p.exit_signal)
    ):
        advance_exit_state(p, EXIT_ZOMBIE, EXIT_DEAD)
        dead.append(p)
    exit_pgrp.kill_orphaned_pgrp(p, father)


async def forget_original_parent(father: Task) -> None:
    """Give father's children a new parent; those whose new parent ignores them are released at once."""
    k = father.kernel
    dead: list[Task] = []
    ptrace.exit_ptrace(father)
    with k.tasklist_lock.write_irq():
        reaper = find_new_reaper(father)
        if reaper is not None:
            _reparent_children(father, reaper, dead)
    if reaper is None:
        ns = pid.task_active_pid_ns(father)
        if ns is k.init_pid_ns:
            raise InitKilled("Attempted to kill init!")
        await pid_namespace.zap_pid_ns_processes(father, ns)
        with k.tasklist_lock.write_irq():
            # Should init itself be traced or awaited from outside, its number must still lead to a reaper.
            ns.child_reaper = reaper = k.init_pid_ns.child_reaper
            assert reaper is not None
            _reparent_children(father, reaper, dead)
    for p in dead:
        release_task(p)


def _reparent_children(father: Task, reaper: Task, dead: list[Task]) -> None:
    trace = father.kernel.trace
    for p in list(father.children):
        if trace.sched_process_reparent:
            trace.sched_process_reparent(p.comm, p.pid, father.pid, reaper.pid)
        for t in threads_from(p):
            t.real_parent = reaper
            if t.parent is father:
                bug_on(bool(t.ptrace), "a tracer leaves a task that it traces", t)
                t.parent = reaper
            if t.pdeath_signal:
                try:
                    signal_send.group_send_sig_info(t.pdeath_signal, siginfo.SEND_SIG_NOINFO, t)
                except LinuxError:
                    pass  # a father that has changed users may have lost the right to
        reparent_leader(father, p, dead)


# The end of a task.


async def exit_notify(tsk: Task, group_dead: bool) -> None:
    """Tell everybody concerned that tsk is dead, and become a zombie or nothing (spec 8.3)."""
    k = tsk.kernel
    sched_account.account_system_time(tsk, EXIT_NS)
    # Children move first: once we are a zombie our parent may reap us, and they would be left with nobody.
    await forget_original_parent(tsk)
    await nsproxy.exit_task_namespaces(tsk)

    with k.tasklist_lock.write_irq():
        if group_dead:
            exit_pgrp.kill_orphaned_pgrp(tsk.group_leader, None)
        _drop_special_exit_signal(tsk)
        autoreap = _notify_parent(tsk)
        advance_exit_state(tsk, EXIT_NONE, EXIT_DEAD if autoreap else EXIT_ZOMBIE)
        # An exec in another thread waits for the leader to become a zombie.
        sig = tsk.signal
        if sig.notify_count < 0 and sig.group_exit_task is not None:
            sched.wake_up_process(sig.group_exit_task)
    if autoreap:
        release_task(tsk)


def _drop_special_exit_signal(tsk: Task) -> None:
    """Fall back to SIGCHLD if parent or child has become another program since the fork."""
    if (
        thread_group_leader(tsk)
        and tsk.exit_signal != SIGCHLD
        and (tsk.parent_exec_id != tsk.real_parent.self_exec_id or tsk.self_exec_id != tsk.parent_exec_id)
    ):
        tsk.exit_signal = SIGCHLD


def _notify_parent(tsk: Task) -> bool:
    """Tell the tracer or the parent, if it is to hear of this end now; returns whether tsk reaps itself."""
    if tsk.ptrace:
        whole = thread_group_leader(tsk) and thread_group_empty(tsk) and not ptrace_reparented(tsk)
        return signal_notify.do_notify_parent(tsk, tsk.exit_signal if whole else SIGCHLD)
    if not thread_group_leader(tsk):
        return True
    # A leader stays silent until its last thread is gone.
    return thread_group_empty(tsk) and signal_notify.do_notify_parent(tsk, tsk.exit_signal)


async def exit_mm(tsk: Task) -> None:
    """Leave the address space; if somebody is dumping it, let it wait for us and wait for its end.

    Differs: it is nobody's active_mm afterwards, as in 3.2 it stays that of the CPU until another program runs there.
    """
    mm = tsk.mm
    fork_mm.mm_release(tsk, mm)
    if mm is None:
        return
    if mm.core_state is not None:
        await coredump.wait_for_dump(tsk, mm)
    # No dump begins between that look and here: nothing sleeps.
    with mm.mmap_sem.read(), tsk.alloc_lock:
        tsk.ti_flags &= ~TIF_FREEZE  # it is not to stop half-way
        tsk.mm = tsk.active_mm = None  # nobody borrows an address space here: no CPU looks at one in the kernel
    mm_update_next_owner(tsk, mm)
    fork_mm.mmput(tsk.kernel, mm)


def mm_update_next_owner(p: Task, mm: MmStruct) -> None:
    """Hand the role of mm's owner from p, which leaves it, to somebody who still uses it."""
    if mm.owner is not p:
        return
    mm.owner = None
    if mm.mm_users <= 1:
        return
    with p.kernel.tasklist_lock.read():
        everybody = (t for leader in p.kernel.tasks for t in leader.signal.threads)
        for t in chain(p.children, p.real_parent.children, everybody):
            if t.mm is mm:
                mm.owner = t
                return


def _end_process(current: Task) -> None:
    """Take down what only the last living thread may: the timers; and note how much memory the process had at most."""
    sig, mm = current.signal, current.mm
    if sig.it_real_timer is not None:
        itimer.exit_itimers_real(current)
    if sig.posix_timers:
        posix_timers.exit_itimers(current)
    if mm is not None:
        sig.maxrss = max(sig.maxrss, mm.hiwater_rss, mm.rss_anon + mm.rss_file)


def _account_end(current: Task, code: int, group_dead: bool) -> None:
    """Take down a process's timers if it ends, and add up what the thread has used, while it has its memory."""
    k, sig = current.kernel, current.signal
    if group_dead:
        _end_process(current)
    acct.acct_collect(current, group_dead=group_dead)
    current.exit_code = code
    if not group_dead or sig.stats is not None or k.taskstats.listeners[k.cpu]:
        k.taskstats.exit(current, group_dead)


async def do_exit(current: Task, code: int) -> NoReturn:
    """End the calling thread with a wait status (spec 8.2).

    Differs: no audit, perf.
    """
    k = current.kernel
    if not current.pid:
        panic.panic(k, "Attempted to kill the idle task!")
    if current.ptrace:
        await ptrace.ptrace_event(current, PTRACE_EVENT_EXIT, code)
    if current.flags & PF_EXITING:
        # A bug on the way out: leave the task as it is rather than make it worse.
        current.flags |= PF_EXITPIDONE
        panic.oops(current, "fixing recursive fault")
    signal.exit_signals(current)  # from here on no group signal picks us

    sig = current.signal
    sig.live -= 1
    group_dead = sig.live == 0
    _account_end(current, code, group_dead)

    await exit_mm(current)
    if group_dead and k.acct_list:
        await acct.acct_process(current)
    trace = k.trace
    if trace.sched_process_exit:
        status = sig.group_exit_code if sig.flags & SIGNAL_GROUP_EXIT else code
        trace.sched_process_exit(current.comm, current.pid, current.prio, status, current.tgid)
    if current.sysvsem is not None:
        sem_undo.exit_sem(current)
    shm.exit_shm(current)
    if current.files is not None:
        file.exit_files(current)
    if current.fs is not None:
        fs_struct.exit_fs(current)
    current.thread.exit_thread()
    cgroup.cgroup_exit(current)
    if group_dead:
        tty_jobctrl.disassociate_ctty(current, on_exit=True)
    await exit_notify(current, group_dead)

    current.flags |= PF_EXITPIDONE
    blk_ioc.exit_io_context(current)
    set_task_state(current, TASK_DEAD)
    await sched.schedule(current)
    bug("a dead task was scheduled", current)


async def do_group_exit(current: Task, exit_code: int) -> NoReturn:
    """End the whole process: the first thread to come here decides the status (spec 8.1)."""
    if exit_code & WCOREFLAG:
        bug("core bit in an exit code", exit_code)
    sig = current.signal
    if sig.flags & SIGNAL_GROUP_EXIT or sig.group_exit_task is not None:
        exit_code = sig.group_exit_code
    elif not thread_group_empty(current):
        assert current.sighand is not None
        with current.sighand.siglock.irq():
            sig.group_exit_code = exit_code
            sig.flags = SIGNAL_GROUP_EXIT
            signal_send.zap_other_threads(current)
    await do_exit(current, exit_code)


@syscall
async def sys_exit(current: Task, error_code: Int) -> int:
    """End the calling thread (_exit(2))."""
    await do_exit(current, (error_code & 0xFF) << 8)


@syscall
async def sys_exit_group(current: Task, error_code: Int) -> int:
    """End all threads of the process (exit_group(2))."""
    await do_group_exit(current, (error_code & 0xFF) << 8)
