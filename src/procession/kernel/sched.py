"""The scheduler: run queues, switching, waking (kernel/sched.c; spec 17).

The fair class is in sched_fair.py, real-time in sched_rt.py, the system calls in sched_syscalls.py. The machine loop
that makes a picked task run is kernel/entry.py.

Differs: of the ticks of the only CPU, only those happen that would do something; of several, all while one is not
idle. rq.tick_ns is the next one; it is an event like a timer's. No stop class.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Final

from procession.hw.clock import NEVER
from procession.hw.costs import SWITCH_MM_NS, SWITCH_NS
from procession.include.linux.bug import bug, bug_on
from procession.include.linux.sched import (
    DEFAULT_PRIO,
    MAX_RT_PRIO,
    PF_FREEZING,
    SCHED_FIFO,
    SCHED_NORMAL,
    SCHED_RR,
    TASK_ALL,
    TASK_DEAD,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    TIF_FORK,
    TIF_NEED_RESCHED,
    TIF_NOTIFY_RESUME,
    TIF_SYSCALL_TRACEPOINT,
    set_task_state,
    signal_pending_state,
)
from procession.kernel import (
    choose_fault,
    hrtimer,
    latencytop,
    sched_activate,
    sched_balance,
    sched_choose,
    sched_cpu_load,
    sched_entity,
    sched_fair,
    sched_load,
    sched_move,
    sched_rt,
    sched_rt_push,
    sched_rt_throttle,
    sched_select,
    sched_stats,
    sched_weight,
)
from procession.kernel.sched_rq import Rq

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "Rq",
    "cond_resched",
    "do_schedule",
    "init_idle",
    "is_busy",
    "nr_context_switches",
    "nr_running",
    "nr_uninterruptible",
    "resched_task",
    "sched_fork",
    "sched_init",
    "sched_init_granularity",
    "schedule",
    "scheduler_tick",
    "task_nice",
    "task_sched_runtime",
    "try_to_wake_up",
    "wake_up_new_task",
    "wake_up_process",
    "wake_up_state",
)

_RT_POLICIES: Final = (SCHED_FIFO, SCHED_RR)


def sched_init(k: Kernel) -> None:
    """Make the run queues; the calling boot task becomes CPU 0's idle task. The others' follow with init_idle."""
    sched_entity.sched_group_init(k)
    sched_init_granularity(k)
    k.sched.runqueues = [_new_rq(k, 0, k.init_task)]
    sched_load.calc_load_init(k)
    init_idle(k, k.init_task, 0)
    k.init_task.on_cpu = True


def _new_rq(k: Kernel, cpu: int, idle: Task) -> Rq:
    rq = Rq(k, cpu, idle)
    rq.cfs = sched_fair.CfsRq(rq, k.sched.root_task_group)
    k.sched.root_task_group.cfs_rq.append(rq.cfs)
    rq.rt = sched_rt.RtRq(k.sched)
    return rq


def sched_init_granularity(k: Kernel) -> None:
    """Fit what is shared to the number of CPUs (sched_init_granularity)."""
    factor = min(k.nr_cpus, 8).bit_length()  # 1 + log2
    k.sched.sysctl_sched_latency *= factor
    k.sched.sysctl_sched_min_granularity *= factor
    k.sched.sysctl_sched_wakeup_granularity *= factor


def init_idle(k: Kernel, idle: Task, cpu: int) -> None:
    """Make idle the task that runs on cpu when nothing else does."""
    if cpu == len(k.sched.runqueues):
        k.sched.runqueues.append(_new_rq(k, cpu, idle))
    bug_on(k.sched.runqueues[cpu].idle is not idle, "idle tasks are made in the order of CPUs", cpu)
    set_task_state(idle, TASK_RUNNING)
    idle.cpu = cpu
    idle.cpus_allowed = 1 << cpu
    idle.se.exec_start = k.clock.now_ns
    sched_entity.set_task_rq(idle, k.sched.runqueues[cpu])


# Priorities.


def task_nice(p: Task) -> int:
    """Return p's nice value."""
    return p.static_prio - DEFAULT_PRIO


def resched_task(p: Task) -> None:
    """Have the CPU that runs p pick again as soon as p can be left."""
    p.ti_flags |= TIF_NEED_RESCHED


# Waking.


def try_to_wake_up(p: Task, mode: int) -> bool:
    """Make p run if it sleeps in a state that mode admits; returns whether it did."""
    state = p.state
    if not state & mode:
        return False
    k = p.kernel
    rq: Rq = k.sched.runqueues[p.cpu]
    se = p.se
    smp = rq.sd is not None
    if smp:
        old_cpu = rq.cpu
        if not se.on_rq:
            rq = sched_select.select_task_rq_wake(rq, p, mode)
        sched_select.ttwu_stat(k, p, old_cpu, mode)
    else:
        rq.ttwu_count += 1
    with rq.lock.irq():
        if not se.on_rq:
            if state & TASK_UNINTERRUPTIBLE and not p.flags & PF_FREEZING:
                rq.nr_uninterruptible -= 1
            if k.latencytop_enabled and p.prio >= MAX_RT_PRIO:
                latencytop.account_scheduler_latency(p, k.clock.now_ns - se.exec_start, state)
            sched_activate.activate_task(rq, p, wakeup=True)
        if k.trace.sched_wakeup:
            k.trace.sched_wakeup(p.comm, p.pid, p.prio, 1, rq.cpu)
        if rq.curr is not p:
            sched_activate.check_preempt_curr(rq, p)
        set_task_state(p, TASK_RUNNING)
        if smp:
            sched_balance.ttwu_do_wakeup(rq, p)
    return True


def wake_up_process(p: Task) -> bool:
    """Wake p whatever it sleeps in; stopped and traced tasks too, as in 3.2."""
    return try_to_wake_up(p, TASK_ALL)


def wake_up_state(p: Task, state: int) -> bool:
    """Wake p if it sleeps in one of the given states."""
    return try_to_wake_up(p, state)


def sched_fork(p: Task) -> None:
    """Set up a newborn's scheduling; nobody can wake it before wake_up_new_task (spec 17.3)."""
    k = p.kernel
    # RUNNING but on no queue: a signal cannot wake it.
    set_task_state(p, TASK_RUNNING)
    parent = k.current
    p.prio = parent.normal_prio
    if p.sched_reset_on_fork:
        if p.policy in _RT_POLICIES:
            p.policy = SCHED_NORMAL
            p.static_prio = DEFAULT_PRIO
            p.rt_priority = 0
        elif p.static_prio < DEFAULT_PRIO:
            p.static_prio = DEFAULT_PRIO
        p.prio = p.normal_prio = p.static_prio
        p.sched_reset_on_fork = False
    p.rt_time_slice = sched_rt.DEF_TIMESLICE_NS
    p.on_cpu = False
    p.cpu = k.cpu
    rq: Rq = k.sched.runqueues[k.cpu]
    sched_entity.set_task_rq(p, rq)
    sched_weight.set_load_weight(p)
    if p.prio >= MAX_RT_PRIO:
        sched_fair.task_fork_fair(rq, p)
    if k.chooser.exploring:
        p.ti_flags |= TIF_SYSCALL_TRACEPOINT


def wake_up_new_task(p: Task) -> None:
    """Put a newborn on a run queue for the first time."""
    k = p.kernel
    rq: Rq = k.sched.runqueues[p.cpu]
    if rq.sd is not None:
        rq = sched_select.select_task_rq_fork(p)
    if p.set_child_tid:
        p.ti_flags |= TIF_FORK
    with rq.lock.irq():
        sched_activate.activate_task(rq, p, wakeup=False)
        if k.trace.sched_wakeup_new:
            k.trace.sched_wakeup_new(p.comm, p.pid, p.prio, 1, rq.cpu)
        sched_activate.check_preempt_curr(rq, p)
        if rq.sd is not None and p.prio < MAX_RT_PRIO:
            sched_rt_push.task_woken_rt(rq, p)
        if k.chooser.active:
            sched_choose.choose_after_fork(rq, p)


# Switching.


class _Switch:
    """What a kernel stack awaits while another task runs: the machine loop makes it go on."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield


SWITCH: Final = _Switch()


async def schedule(current: Task, wchan: str = "", on: object = None) -> None:
    """Give the CPU to whoever is due; returns when current runs again, in state RUNNING (schedule()).

    A task whose state is another goes to sleep, unless a signal that this state admits is pending.  wchan: the function
    that sleeps.  on: the queue or lock that it sleeps on.
    """
    rq: Rq = current.kernel.sched.runqueues[current.cpu]
    if rq.curr is not current:
        bug("schedule() by a task that is not running", current)
    current.wchan = wchan
    current.waiting_on = on
    if do_schedule(rq):
        await SWITCH
    current.wchan = ""
    current.waiting_on = None


def cond_resched(current: Task) -> None:
    """Give the CPU away in the midst of long work, if somebody is due (_cond_resched).

    Differs: the others' turns are left out. What is current goes on as it does when it has been picked again.
    """
    if current.ti_flags & TIF_NEED_RESCHED and current.prio >= MAX_RT_PRIO:
        cfs = current.se.cfs_rq
        current.ti_flags &= ~TIF_NEED_RESCHED
        cfs.min_vruntime = max(cfs.min_vruntime, current.se.vruntime)


def do_schedule(rq: Rq) -> bool:
    """Pick the next task and make it rq.curr; returns whether that is another one (__schedule)."""
    prev = rq.curr
    k = rq.kernel
    dep = k.lockdep
    if dep.chain is not dep.root or k.rcu.nesting:
        _schedule_bug(prev)

    rq.sched_count += 1
    with rq.lock.irq():
        prev.ti_flags &= ~TIF_NEED_RESCHED
        state = prev.state
        if state:
            if signal_pending_state(state, prev) or (k.chooser.optional and choose_fault.choose_interrupt(prev)):
                set_task_state(prev, TASK_RUNNING)
            else:
                sched_activate.deactivate_task(rq, prev, sleep=True)
        if rq.sd is not None:
            sched_balance.pre_schedule(rq, prev)

        # put_prev_task, pick_next_task.
        if prev.prio < MAX_RT_PRIO:
            sched_rt.put_prev_task_rt(rq, prev)
        elif prev is not rq.idle:
            sched_fair.put_prev_task_fair(rq, prev)
        if rq.active_balance:
            sched_move.active_load_balance_cpu_stop(rq)
        rt = rq.rt
        pushes = False
        if rt.nr_running and not rt.throttled:
            pushes = rq.sd is not None
            next = sched_rt.pick_next_task_rt(rq)
            if k.chooser.exploring:
                k.chooser.provider.begins(next.pid)
        elif rq.cfs.nr_running and not (k.chooser.exploring and sched_choose.choose_task(rq)):
            next = sched_fair.pick_next_task_fair(rq)
        else:
            next = rq.idle
        if next is prev:
            if rq.tick_ns != NEVER or rq.nr_running > 1:
                k.clock.next_event_ns = 0
        else:
            if rq.sd is not None and (prev is rq.idle or next is rq.idle):
                sched_balance.select_nohz_load_balancer(rq, next is rq.idle)
            context_switch(rq, prev, next, state)
        if pushes:
            sched_rt_push.push_rt_tasks(rq)
    return next is not prev


def context_switch(rq: Rq, prev: Task, next: Task, state: int) -> None:
    """Change who runs. The machine loop does the rest: next's stack or user mode."""
    k = rq.kernel
    sched_stats.sched_info_switch(rq, prev, next, state)
    account_process_times(rq, prev)
    rq.cpustat.utime, rq.cpustat.stime = next.utime, next.stime
    if state:
        prev.nvcsw += 1
    else:
        prev.nivcsw += 1
    rq.nr_switches += 1
    if k.trace.sched_switch:
        k.trace.sched_switch(prev.comm, prev.pid, prev.prio, state_name(state), next.comm, next.pid, next.prio)
    if prev.rseq is not None:
        prev.rseq.event = True
        prev.ti_flags |= TIF_NOTIFY_RESUME
    prev.on_cpu = False
    next.on_cpu = True
    rq.curr = next
    if state == TASK_DEAD:
        rq.dead = prev
    clock = k.clock
    cost_ns = SWITCH_NS
    if next.mm is not None and next.mm is not rq.active_mm:
        rq.active_mm = next.mm
        cost_ns += SWITCH_MM_NS
    clock.now_ns += cost_ns
    next.stime += cost_ns
    # Does the turn end, or is something due when next has run for long enough?
    if (
        rq.nr_running > 1
        or rq.tick_ns != NEVER
        or not clock.next_event_ns
        or next.signal.cputime_expires is not None
        or next.prio < MAX_RT_PRIO
        or k.sched.nr_cfs_bandwidth
    ):
        hrtimer.program_event(k)


def account_process_times(rq: Rq, p: Task) -> None:
    """Add to the CPU's times what p, which runs there, has used since this was last done (account_process_tick)."""
    stat = rq.cpustat
    user_ns, stat.utime = p.utime - stat.utime, p.utime
    system_ns, stat.stime = p.stime - stat.stime, p.stime
    if task_nice(p) > 0:
        stat.nice += user_ns
    else:
        stat.user += user_ns
    stat.system += system_ns


_STATE_NAMES: Final = {1: "S", 2: "D", 4: "T", 8: "t", 16: "Z", 32: "X", 64: "x", 128: "W"}
_state_name_cache = {0: "R"}


def state_name(state: int) -> str:
    """Return how sched_switch prints a state."""
    name = _state_name_cache.get(state)
    if name is None:
        name = _state_name_cache[state] = "|".join(text for bit, text in _STATE_NAMES.items() if state & bit)
    return name


def _schedule_bug(prev: Task) -> None:
    k = prev.kernel
    dep = k.lockdep
    if k.rcu.nesting:
        bug("scheduling while atomic: inside rcu_read_lock", prev)
    if dep.chain.in_irq:
        bug("scheduling while atomic: in an interrupt", prev)
    bug("scheduling while atomic: holding", prev, *dep.held())


def scheduler_tick(rq: Rq) -> None:
    """The running task's turn may be over: see whether somebody else is due."""
    curr = rq.curr
    if curr is rq.idle:
        return
    balances = rq.sd is not None and sched_balance.is_tick(rq)
    with rq.lock.irq():
        if balances:
            sched_cpu_load.update_cpu_load(rq)
        if curr.prio < MAX_RT_PRIO:
            sched_rt.task_tick_rt(rq, curr)
        else:
            sched_fair.task_tick_fair(rq, curr)
        sched_rt_throttle.check_throttle(rq)
    if balances:
        sched_balance.trigger_load_balance(rq)


def next_tick(rq: Rq) -> int:
    """Return when scheduler_tick has to look again: with one CPU, NEVER if nobody competes with the running task."""
    curr = rq.curr
    if curr is rq.idle:
        return NEVER
    if curr.prio < MAX_RT_PRIO:
        tick_ns = sched_rt.next_tick_rt(rq, curr)
    elif rq.nr_running <= 1 and not rq.kernel.sched.nr_cfs_bandwidth:
        tick_ns = NEVER
    else:
        tick_ns = sched_fair.next_tick_fair(rq, curr)
    return tick_ns if rq.sd is None else min(tick_ns, sched_balance.next_tick(rq))


# Time.


def task_sched_runtime(p: Task) -> int:
    """Return how long p has run, in ns, up to now."""
    rq: Rq = p.kernel.sched.runqueues[p.cpu]
    runtime = p.se.sum_exec_runtime
    if rq.curr is p:
        runtime += max(0, p.kernel.clock.now_ns - p.se.exec_start)
    return runtime


# What /proc reports.


def nr_running(k: Kernel) -> int:
    """Return how many tasks can run, those that do included."""
    return sum(int(rq.nr_running) for rq in k.sched.runqueues)


def is_busy(rq: Rq) -> bool:
    """Whether a CPU has somebody to run, or a kick: real-time tasks do not count while they are throttled.

    Who was throttled while running has to go first: it would be charged for the time that its CPU is idle.
    """
    throttled = rq.rt.nr_running if rq.rt.throttled and rq.curr.prio >= MAX_RT_PRIO else 0
    return rq.nr_running > throttled or rq.nohz_balance_kick


def nr_uninterruptible(k: Kernel) -> int:
    """Return how many tasks sleep in state D."""
    return max(0, sum(int(rq.nr_uninterruptible) for rq in k.sched.runqueues))


def nr_context_switches(k: Kernel) -> int:
    """Return how often CPUs went from one task to another."""
    return sum(int(rq.nr_switches) for rq in k.sched.runqueues)
