"""The machine loop: what runs on a CPU, kernel stack or user mode (arch/x86/kernel/entry_64.S, process.c; ours).

A task either has a suspended kernel stack (task.stack) or is in user mode. schedule() yields out of a
stack after it has put another task into rq.curr; each turn of the loop makes rq.curr go on.

With several CPUs the one whose clock is behind moves next, equals in turn; the chooser may send another one ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.chooser import CPU_GOES_ON, CPU_MOVES, ReplayError, RunEnded
from procession.hw.clock import NEVER
from procession.include.asm.processor import KernelStack
from procession.include.linux.bug import InitKilled, KernelBug, KernelPanic
from procession.include.linux.errno import LinuxError
from procession.include.linux.printk import KERN_EMERG
from procession.include.linux.sched import (
    PF_KTHREAD,
    SIGNAL_GROUP_EXIT,
    TASK_RUNNING,
    TIF_FORK,
    TIF_MEMCG_OOM,
    TIF_NEED_RESCHED,
    TIF_NOTIFY_RESUME,
    TIF_SIGPENDING,
)
from procession.kernel import (
    fork,
    hrtimer,
    lockdep,
    panic,
    pid,
    rcupdate,
    rseq,
    sched,
    sched_balance,
    sched_choose,
    signal,
)
from procession.mm import memcontrol_oom, uaccess

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "HALTED",
    "LIMIT",
    "Deadlock",
    "choose_after_call",
    "choose_after_trap",
    "exit_to_user_mode",
    "resume",
    "run",
    "schedule_tail",
    "sleepers",
)

# How run() ended.
HALTED: Final = "halted"  # Kernel.halted was set
LIMIT: Final = "limit"  # the time the caller gave is over

WORK_MASK: Final = TIF_NEED_RESCHED | TIF_SIGPENDING | TIF_FORK | TIF_NOTIFY_RESUME | TIF_MEMCG_OOM
# A CPU's turn while there are others: what the clocks may differ by.
CPU_TURN_NS: Final = 50_000


class Deadlock(Exception):
    """Everybody sleeps, and nothing will ever wake anybody; the text says who sleeps where."""


def run(k: Kernel, limit_ns: int | None = None) -> str:
    """Run until Kernel.halted is set, or the clock has reached limit_ns; returns HALTED or LIMIT.

    Raises LinuxError if the program that the machine was booted for cannot be executed, Deadlock, KernelPanic, and
    KernelBug for anything else that leaves kernel code, ReplayError if this is not the run that was recorded.
    """
    k.clock.next_event_ns = 0
    how = _run(k, NEVER if limit_ns is None else limit_ns)
    if k.init_error is not None:
        raise k.init_error
    if how == LIMIT and limit_ns is None:
        panic.panic(k, "the clock has come to its end, after 292 years")
    return how


def _run(k: Kernel, end_ns: int) -> str:
    try:
        if k.nr_cpus == 1:
            return _run_up(k, end_ns)
        return _run_smp(k, end_ns)
    except InitKilled as panicked:
        program = k.init_program
        if program is not None and program.as_init:
            # The program was PID 1, and it has ended: what is a panic to Linux is the end of the run here.
            sig = k.current.signal
            k.exit_code = sig.group_exit_code if sig.flags & SIGNAL_GROUP_EXIT else k.current.exit_code
            k.halted = True
            return HALTED
        k.printk(f"Kernel panic - not syncing: {panicked}", KERN_EMERG)
        raise
    except KernelBug as error:
        error.add_note(panic.oops_text(k, str(error)))
        raise
    except (KernelPanic, OSError, MemoryError, Deadlock, ReplayError, RunEnded):
        raise  # the host's failures, the guest's, and the user's
    except Exception as uncaught:
        # An exception that no system call caught is a bug, whatever its type.
        text = panic.oops_text(k, repr(uncaught))
        raise KernelBug(text) from uncaught


def resume(k: Kernel) -> None:
    """Go on where Kernel.at_program has ended the machine loop, until Kernel.halted is set; raises what run() does."""
    _run(k, NEVER)
    if k.init_error is not None:
        raise k.init_error


async def exit_to_user_mode(current: Task) -> None:
    """Do what has to be done before current goes back to user mode (do_notify_resume, ret_from_fork)."""
    while True:
        flags = current.ti_flags
        if flags & TIF_FORK:
            current.ti_flags &= ~TIF_FORK
            schedule_tail(current)
        elif flags & TIF_MEMCG_OOM:
            await memcontrol_oom.mem_cgroup_oom_synchronize(current)
        elif flags & TIF_NEED_RESCHED:
            if not sched_choose.put_off(current):
                await sched.schedule(current)
        elif flags & TIF_SIGPENDING:
            await signal.do_signal(current)
        elif flags & TIF_NOTIFY_RESUME:
            current.ti_flags &= ~TIF_NOTIFY_RESUME
            current.kernel.keys.replace_session(current)
            if current.rseq is not None:
                rseq.rseq_handle_notify_resume(current)
        else:
            return


def schedule_tail(current: Task) -> None:
    """The first thing a new task does: store its number where CLONE_CHILD_SETTID asked for it.

    In kernel/sched.c, which here is below everything that reaches user memory.
    """
    if current.set_child_tid:
        try:
            uaccess.put_user(current, current.set_child_tid, pid.task_pid_vnr(current, current), 4)
        except LinuxError:
            pass  # nobody to tell: 3.2 ignores it as well


def _run_up(k: Kernel, end_ns: int) -> str:
    rq: sched.Rq = k.sched.runqueues[0]
    rq.limit_ns = end_ns
    while True:
        _cpu_loop(k, rq)
        if k.halted:
            return HALTED
        if k.clock.now_ns >= end_ns:
            return LIMIT
        if not cpu_idle(k, end_ns):
            raise Deadlock("; ".join(sleepers(k)))


def _run_smp(k: Kernel, end_ns: int) -> str:
    rqs: list[sched.Rq] = k.sched.runqueues
    clock = k.clock
    clock.switch_cpu(k.cpu, k.cpu)
    while True:
        if k.halted:
            return HALTED
        clock.switch_cpu(k.cpu, k.cpu)
        busy = [rq for rq in rqs if sched.is_busy(rq)]
        if not busy and (k.rcu.next or k.rcu.wait):
            rcupdate.rcu_quiescent(k)  # nobody reads on an idle CPU
            continue
        if not busy:
            if clock.now_ns >= end_ns:
                return LIMIT
            # All clocks stand still but the one that the timers go by.
            if not cpu_idle(k, end_ns):
                raise Deadlock("; ".join(sleepers(k)))
            hrtimer.run_queues(k)
            continue
        first_ns = min(clock.cpu_ns[rq.cpu] for rq in busy)
        if first_ns >= end_ns:
            return LIMIT
        rq = _next_cpu(k, busy, first_ns)
        clock.switch_cpu(k.cpu, rq.cpu)
        k.cpu = rq.cpu
        clock.next_event_ns = 0
        rq.limit_ns = min(end_ns, first_ns + CPU_TURN_NS)
        _cpu_loop(k, rq)


def _next_cpu(k: Kernel, busy: list[sched.Rq], first_ns: int) -> sched.Rq:
    """Return the CPU that is behind, of equals the one whose turn it is, or one that is chosen to go ahead.

    first_ns: where the clock of the one behind stands; the others' stay within a turn of it.
    """
    cpu_ns = k.clock.cpu_ns
    chosen, k.sched.next_cpu = k.sched.next_cpu, -1
    for rq in busy:
        if rq.cpu == chosen:  # unless its work has been taken away meanwhile
            return rq
    if not k.chooser.active:
        equals = [rq for rq in busy if cpu_ns[rq.cpu] == first_ns]
        return min(equals, key=lambda rq: (rq.cpu - k.cpu - 1) % k.nr_cpus)
    ready = [rq for rq in busy if cpu_ns[rq.cpu] < first_ns + CPU_TURN_NS]
    ready.sort(key=lambda rq: (cpu_ns[rq.cpu], (rq.cpu - k.cpu - 1) % k.nr_cpus))
    return ready[k.chooser.choose(CPU_MOVES, [rq.cpu for rq in ready])]


def choose_after_trap(k: Kernel) -> None:
    """Ask whether somebody else shall run before current goes on behind its trap, on this CPU or on another one."""
    rq: sched.Rq = k.sched.runqueues[k.cpu]
    curr = rq.curr
    if curr.stack is not None or curr is rq.idle:
        return
    sched_choose.choose_after_trap(rq, curr)
    if k.nr_cpus == 1:
        return
    clock = k.clock
    clock.cpu_ns[rq.cpu] = clock.now_ns
    rqs: list[sched.Rq] = k.sched.runqueues
    busy = [other for other in rqs if sched.is_busy(other)]
    most_ns = min(clock.cpu_ns[other.cpu] for other in busy) + CPU_TURN_NS
    cpus = [rq.cpu, *(other.cpu for other in busy if other is not rq and clock.cpu_ns[other.cpu] < most_ns)]
    answer = k.chooser.choose(CPU_GOES_ON, cpus)
    if answer:
        k.sched.next_cpu = cpus[answer]
        rq.limit_ns = clock.now_ns
        clock.next_event_ns = 0


def choose_after_call(k: Kernel) -> None:
    """Ask who goes on behind current's call, if it is over (sched_choose.choose_after_call)."""
    rq: sched.Rq = k.sched.runqueues[k.cpu]
    if rq.curr.stack is None and rq.curr is not rq.idle:
        sched_choose.choose_after_call(rq.curr)


def _cpu_loop(k: Kernel, rq: sched.Rq) -> None:
    """Run one CPU until it is idle, its limit is reached, or the machine is halted."""
    clock = k.clock
    idle = rq.idle
    dep = k.lockdep
    rcu = k.rcu
    while True:
        if rq.dead is not None:
            finish_task_switch(rq)
        if rcu.next or rcu.wait:
            rcupdate.rcu_quiescent(k)
        if clock.now_ns >= clock.next_event_ns:
            hrtimer.run_queues(k)
            if clock.now_ns >= rq.limit_ns:
                return

        curr = rq.curr
        stack = curr.stack
        if stack is not None:
            if stack.step():
                curr.stack = None
                if dep.chain is not dep.root or rcu.nesting:
                    lockdep.debug_check_no_locks_held(curr)
        elif curr is idle:
            if rq.nohz_balance_kick:
                sched_balance.scheduler_ipi(rq)
            if k.sched.idles or not sched.is_busy(rq):
                return
            sched.do_schedule(rq)
            continue
        elif curr.ti_flags & WORK_MASK:
            if curr.ti_flags & WORK_MASK == TIF_NEED_RESCHED:
                if not sched_choose.put_off(curr):
                    sched.do_schedule(rq)
            else:
                curr.stack = KernelStack(exit_to_user_mode(curr))
            continue
        else:
            budget_ns = k.timers.next_timer_ns - clock.now_ns
            if k.chooser.optional:
                budget_ns = sched_choose.budget_inside(curr, budget_ns)
            stack = curr.thread.run(curr, budget_ns)
            if stack is not None:
                curr.stack = stack
            elif dep.chain is not dep.root:
                lockdep.debug_check_no_locks_held(curr)
        if k.after_trap is not None:
            k.after_trap()
        if k.halted:
            return


def finish_task_switch(rq: sched.Rq) -> None:
    """The task that left this CPU was dead: take its stack down and drop the reference for being current."""
    dead = rq.dead
    assert dead is not None
    rq.dead = None
    dead.stack = None
    fork.put_task_struct(dead)


def cpu_idle(k: Kernel, end_ns: int) -> bool:
    """All CPUs are idle: let time pass until something is due; returns False if nothing ever will be.

    Virtual time does not pass while the outside is waited for, so with a timer due it is only asked.
    """
    clock = k.clock
    event_ns = min(hrtimer.next_timer_event(k), end_ns)
    if k.pm_idle is not None:
        timeout_ns: int | None = 0
        if event_ns == NEVER:
            timeout_ns = None
        elif clock.realtime:
            timeout_ns = max(0, event_ns - clock.now_ns)
        if k.pm_idle(k, timeout_ns):
            return True
    if event_ns == NEVER:
        return False
    if k.sched.idles:
        k.sched.idles = False  # somebody could go on, but time passes first
    elif k.chooser.exploring:
        k.chooser.provider.time_passes()
    clock.idle_until(event_ns)
    k.sched.call_ns = clock.now_ns
    return True


def sleepers(k: Kernel) -> list[str]:
    """Return one line for each task that sleeps: what a deadlock is made of.

    The kernel threads of boot, which wait for work as ever, are not.
    """
    lines = []
    for leader in k.tasks:
        if leader.flags & PF_KTHREAD and leader.comm in k.kthreads.boot_nrs:
            continue
        for p in leader.signal.threads:
            if p.state != TASK_RUNNING and not p.exit_state:
                where = p.wchan or "?"
                lines.append(f"{p.comm}:{p.pid} {sched.state_name(p.state)} in {where}")
    return lines
