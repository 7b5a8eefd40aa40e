"""Run queues, wait queues, timers, locks: who may run, and who can be woken."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from procession.drivers.tty.tty_io import TtyFile
from procession.fs.eventfd import EventfdFile
from procession.fs.eventpoll import EventpollFile, _EpPollEntry
from procession.fs.pipe import PipeFile
from procession.fs.timerfd import TimerfdFile
from procession.include.linux.fs import File
from procession.include.linux.rwsem import Mutex
from procession.include.linux.sched import (
    MAX_RT_PRIO,
    PF_FREEZING,
    TASK_DEAD,
    TASK_RUNNING,
    TASK_UNINTERRUPTIBLE,
    SignalStruct,
    Task,
)
from procession.include.linux.wait import Completion, WaitQueueHead
from procession.kernel import hrtimer
from procession.kernel.cgroup_procs import EventEntry
from procession.kernel.pidfd import PidfdFile
from procession.net.ipv4.sock import InetSock
from procession.net.socket import SocketFile
from procession.tools.validate.census import Census

if TYPE_CHECKING:
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.sched import SchedEntity
    from procession.kernel.futex import FutexHash
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.sched_rq import Rq

__all__ = ("validate_futexes", "validate_locks", "validate_runqueues", "validate_timers", "validate_wait_queues")


def validate_runqueues(seen: Census) -> list[str]:
    """Return who is on a run queue and should not be, or the other way round, and which counts do not fit."""
    k = seen.k
    wrong: list[str] = []
    queued: dict[Task, Rq] = {}
    for rq in k.sched.runqueues:
        _runqueue(rq, queued, wrong)
    blocked = 0
    for p in seen.hashed:
        on_rq = p.se.on_rq
        if on_rq != (p in queued):
            wrong.append(f"{p!r}: on_rq {on_rq}, queued on {queued[p].cpu if p in queued else 'no CPU'}")
        if on_rq != (p.state == TASK_RUNNING):
            wrong.append(f"{p!r}: state {p.state}, on_rq {on_rq}")
        if p.state & TASK_UNINTERRUPTIBLE and not p.flags & PF_FREEZING:
            blocked += 1
        if p.on_cpu != (k.sched.runqueues[p.cpu].curr is p):
            wrong.append(f"{p!r}: on_cpu {p.on_cpu}, CPU {p.cpu} runs {k.sched.runqueues[p.cpu].curr!r}")
    idle = sum(1 << rq.cpu for rq in k.sched.runqueues if rq.curr is rq.idle)
    if k.nr_cpus > 1 and k.sched.runqueues[0].sd is not None and k.sched.nohz.idle_cpus_mask & ~idle:
        wrong.append(f"idle_cpus_mask {k.sched.nohz.idle_cpus_mask:#x}, idle are {idle:#x}")
    uninterruptible = sum(rq.nr_uninterruptible for rq in k.sched.runqueues)
    if uninterruptible != blocked:
        wrong.append(f"nr_uninterruptible {uninterruptible}, found {blocked}")
    if len(queued) != sum(1 for p in queued if p.signal.threads and p in p.signal.threads):
        wrong.append(f"a released task is on a run queue: {[p for p in queued if p not in p.signal.threads]}")
    return wrong


def _runqueue(rq: Rq, queued: dict[Task, Rq], wrong: list[str]) -> None:
    rt = rq.rt
    curr = rq.curr
    fair = _fair_tasks(rq.cfs, wrong)
    running = rq.cfs.curr
    while running is not None and running.my_q is not None:
        running = running.my_q.curr
    if running is not None and running.task is not curr:
        wrong.append(f"CPU {rq.cpu}: runs {curr!r}, its fair class {running.task!r}")
    real = [p for queue in rt.active.values() for p in queue]
    bitmap = 0
    for prio, queue in rt.active.items():
        bitmap |= bool(queue) << prio
        wrong += [f"CPU {rq.cpu}: {p!r} of priority {p.prio} is queued at {prio}" for p in queue if p.prio != prio]
    for what, count, found in (
        ("real-time nr_running", rt.nr_running, len(real)),
        ("bitmap", rt.bitmap, bitmap),
        ("nr_running", rq.nr_running, len(fair) + len(real)),
    ):
        if count != found:
            wrong.append(f"CPU {rq.cpu}: {what} {count}, found {found}")
    # The throttled can run, but no CPU has them.
    for tg in rq.kernel.sched.task_groups:
        if tg.se and tg.cfs_rq[rq.cpu].throttled:
            fair += _fair_tasks(tg.cfs_rq[rq.cpu], wrong)
    for p in (*fair, *real):
        if p in queued or p.cpu != rq.cpu or p is rq.idle:
            wrong.append(f"CPU {rq.cpu}: {p!r} of CPU {p.cpu} is queued here")
        if (p.prio < MAX_RT_PRIO) != (p in real):
            wrong.append(f"CPU {rq.cpu}: {p!r} of priority {p.prio} is in the other class's queue")
        queued[p] = rq
    if rq.dead is not None and rq.dead.state != TASK_DEAD:
        wrong.append(f"CPU {rq.cpu}: {rq.dead!r} has left for ever in state {rq.dead.state}")


def _fair_tasks(cfs: CfsRq, wrong: list[str]) -> list[Task]:
    """Return the tasks of a queue and of the groups in it, having looked at each."""
    where = f"CPU {cfs.rq.cpu}"
    queued = [se for _, _, se in cfs.timeline]
    for (vruntime, serial, se), (after, next_serial, _) in pairwise(cfs.timeline):
        if (vruntime, serial) > (after, next_serial):
            wrong.append(f"{where}: {se.task!r} is queued with vruntime {vruntime} ahead of {after}")
    for vruntime, serial, se in cfs.timeline:
        if (se.vruntime, se.serial) != (vruntime, serial):
            wrong.append(f"{where}: {se.task!r} is queued with vruntime {vruntime}, not its {se.vruntime}")
    if cfs.curr is not None:
        if cfs.curr in queued:
            wrong.append(f"{where}: {cfs.curr.task!r} runs, and is in the queue")
        elif cfs.curr.on_rq:
            queued.append(cfs.curr)
    load = sum(se.weight for se in queued)
    for what, count, found in (("fair nr_running", cfs.nr_running, len(queued)), ("load", cfs.load, load)):
        if count != found:
            wrong.append(f"{where}: {what} {count}, found {found}")
    for buddy in (cfs.last, cfs.next, cfs.chosen):
        if buddy is not None and not buddy.on_rq:
            wrong.append(f"{where}: a buddy is {buddy.task!r}, which is not queued")
    tasks: list[Task] = []
    for se in queued:
        if se.cfs_rq is not cfs or not se.on_rq:
            wrong.append(f"{where}: {se.task!r} is in another queue than it says")
        if se.my_q is not None:
            tasks += _group_tasks(se, se.my_q, wrong)
        elif se.task is not None:
            tasks.append(se.task)
    if cfs.smp:
        _shared_queue(cfs, [se for se in queued if se.my_q is None], wrong)
    return tasks


def _shared_queue(cfs: CfsRq, queued: list[SchedEntity], wrong: list[str]) -> None:
    """Look at what other CPUs pull tasks by; queued: the tasks'."""
    where = f"CPU {cfs.rq.cpu}"
    if {se.task for se in queued} != set(cfs.tasks) or len(queued) != len(cfs.tasks):
        wrong.append(f"{where}: {cfs.tasks} could be pulled, queued are {[se.task for se in queued]}")
    weight = sum(se.weight for se in queued)
    if weight != cfs.task_weight:
        wrong.append(f"{where}: task_weight {cfs.task_weight}, found {weight}")
    if cfs.nr_running and cfs not in cfs.rq.leaf_cfs_rq_list:
        wrong.append(f"{where}: a queue of {cfs.nr_running} that balancing does not find")
    contributed = sum(int(other.load_contribution) for other in cfs.tg.cfs_rq)
    if cfs.tg.load_weight != contributed:
        wrong.append(f"{where}: a group's load_weight {cfs.tg.load_weight}, its queues have said {contributed}")


def _group_tasks(se: SchedEntity, cfs: CfsRq, wrong: list[str]) -> list[Task]:
    tg = cfs.tg
    where = f"CPU {cfs.rq.cpu}"
    if tg.se[cfs.rq.cpu] is not se or tg not in tg.kernel.sched.task_groups:
        wrong.append(f"{where}: a group is queued that is none")
    if len(tg.se) == 1 and se.weight != tg.shares and not cfs.throttle_count:
        wrong.append(f"{where}: a group weighs {se.weight}, its shares are {tg.shares}")
    tasks = _fair_tasks(cfs, wrong)
    if cfs.throttled or not tasks or cfs.h_nr_running != len(tasks):
        wrong.append(f"{where}: a group of {cfs.h_nr_running} tasks, throttled {cfs.throttled}, has {tasks}")
    return tasks


# Wait queues.


def validate_wait_queues(seen: Census) -> list[str]:
    """Return who stands on a wait queue without waiting, and who waits on one that does not know."""
    k = seen.k
    wrong: list[str] = []
    queues: list[WaitQueueHead] = [k.tty.console_wait, *(sig.wait_chldexit for sig in seen.signals)]
    for p in seen.hashed:
        if p.stack is None:
            if p.waiting_on is not None or p.wchan:
                wrong.append(f"{p!r} is in user mode and waits in {p.wchan}")
            continue
        where = p.waiting_on
        kind = type(where)
        if kind is WaitQueueHead:
            queue: WaitQueueHead = where  # type: ignore[assignment]
        elif kind is Completion or kind is Mutex:
            queue = where.wait  # type: ignore[attr-defined]
        else:
            continue
        queues.append(queue)
        if p.state != TASK_RUNNING and not any(entry.task is p for entry in queue.task_list):
            wrong.append(f"{p!r} sleeps in {p.wchan} on a queue that it is not on")
    for file in seen.open_files:
        queues += _queues_of(file)
    for p in seen.hashed:
        if p.sighand is not None and p.sighand.signalfd_wqh is not None:
            queues.append(p.sighand.signalfd_wqh)
    for queue in dict.fromkeys(queues):
        if queue.task_list:
            _wait_queue(queue, wrong)
    return wrong


def _wait_queue(queue: WaitQueueHead, wrong: list[str]) -> None:
    name = queue.lock.cls.name
    for entry in queue.task_list:
        if isinstance(entry, (_EpPollEntry, EventEntry)):
            continue  # stands there as long as the epoll set, or the group, watches the file, whoever made it
        p = entry.task
        if p.exit_state or p.state == TASK_DEAD:
            wrong.append(f"{p!r} is dead and on a queue ({name})")
        elif p.stack is None:
            wrong.append(f"{p!r} is in user mode and on a queue ({name})")
    if len(dict.fromkeys(queue.task_list)) != len(queue.task_list):
        wrong.append(f"an entry is on a queue twice ({name})")


def _queues_of(file: File) -> tuple[WaitQueueHead, ...]:
    """Return the wait queues of what a file stands for."""
    if isinstance(file, PipeFile):
        return (file.pipe.wait,)
    if isinstance(file, TtyFile):
        return file.private_data.read_wait, file.private_data.write_wait
    if isinstance(file, SocketFile) and file.private_data is not None:
        if isinstance(file.private_data, InetSock):
            return (file.private_data.wait,)
        return file.private_data.wait, file.private_data.peer_wait
    if isinstance(file, EventpollFile):
        return file.private_data.wq, file.private_data.poll_wait
    if isinstance(file, PidfdFile):
        return () if file.private_data.wait_pidfd is None else (file.private_data.wait_pidfd,)
    if isinstance(file, EventfdFile | TimerfdFile):
        return (file.private_data.wqh,)
    return ()


def validate_futexes(seen: Census) -> list[str]:
    """Return which sleepers on user-space locks are not asleep, or queued wrongly."""
    k = seen.k
    wrong: list[str] = []
    futexes: FutexHash = k.futex_queues
    for key, queue in futexes.queues.items():
        if not queue:
            wrong.append(f"an empty queue is kept for futex {key[1]:#x}")
        for q in queue:
            if q.key != key:
                wrong.append(f"{q.task!r} stands on the queue of another futex")
            if q.task.exit_state or q.task.stack is None:
                wrong.append(f"{q.task!r} is queued on a futex and does not sleep")
        if any(after < q for q, after in pairwise(queue)):
            wrong.append(f"the queue of futex {key[1]:#x} is out of order")
    for p in seen.hashed:
        _inheritance(p, wrong)
    return wrong


def _inheritance(p: Task, wrong: list[str]) -> None:
    """Look at what p has lent to others, and they to it."""
    blocked = p.pi_blocked_on
    if blocked is not None:
        lock = blocked.lock
        if lock is None or blocked not in lock.wait_list or blocked.task is not p:
            wrong.append(f"{p!r} waits for a lock that does not know")
        else:
            if any(waiter.prio > after.prio for waiter, after in pairwise(lock.wait_list)):
                wrong.append(f"who waits for the lock that {p!r} waits for is out of order")
            owner = lock.owner
            if owner is not None and (owner.pi_waiters is None or lock.wait_list[0] not in owner.pi_waiters):
                wrong.append(f"{owner!r} does not know who waits first for a lock of its")
    for waiter in p.pi_waiters or ():
        if waiter.lock is None or waiter.lock.owner is not p or waiter.lock.wait_list[0] is not waiter:
            wrong.append(f"{p!r} inherits from {waiter.task!r}, who does not wait first for a lock of its")
    if p.prio > p.normal_prio or (p.prio < p.normal_prio and p.pi_waiters is None):
        wrong.append(f"{p!r} of priority {p.normal_prio} has {p.prio}, and nobody lends it that")
    for pi_state in p.pi_state_list or ():
        if pi_state.owner is not p or pi_state.refcount < 1:
            wrong.append(f"{p!r} has a PI futex of {pi_state.owner!r} in its list")


# Timers and locks.


def validate_timers(seen: Census) -> list[str]:
    """Return which armed timers are those of the dead, or will never run."""
    k = seen.k
    wrong: list[str] = []
    armed: dict[Hrtimer, None] = {}
    for expires_ns, serial, timer in k.timers.hrtimers:
        if timer.queued and timer.serial == serial:
            armed[timer] = None
            due_ns = hrtimer.hrtimer_event(k, timer)
            if due_ns != expires_ns:
                wrong.append(f"a timer for {due_ns} ns stands at {expires_ns} ns")
            whose = timer.data
            if isinstance(whose, Task) and whose.exit_state:
                wrong.append(f"a timer of {whose!r}, who is dead, is armed")
            if isinstance(whose, SignalStruct) and not whose.live:
                wrong.append(f"ITIMER_REAL of the dead process {whose.leader_pid!r} is armed")
    for sig in seen.signals:
        real = sig.it_real_timer
        if real is not None and real.queued and real not in armed:
            wrong.append(f"ITIMER_REAL of {list(sig.threads)} is armed, but not queued")
        for posix in (sig.posix_timers or {}).values():
            if posix.timer is not None and posix.timer.queued and posix.timer not in armed:
                wrong.append(f"timer {posix.id} of {list(sig.threads)} is armed, but not queued")
    return wrong


def validate_locks(seen: Census) -> list[str]:
    """Return which spinlocks are held between two traps, where nobody may hold one, and who reads under RCU."""
    k = seen.k
    wrong: list[str] = []
    dep = k.lockdep
    if dep.chain is not dep.root:
        wrong.append(f"locks held: {[cls.name for cls in dep.held()]}")
    if k.rcu.nesting:
        wrong.append(f"rcu_read_lock is held {k.rcu.nesting} times")
    if k.tasklist_lock.held is not None:
        wrong.append("tasklist_lock is held")
    for p in seen.tasks:
        if p.alloc_lock.held or (p.sighand is not None and p.sighand.siglock.held):
            wrong.append(f"alloc_lock or siglock of {p!r} is held")
        if p.mm is not None and (p.mm.mmap_sem.held or p.mm.page_table_lock.held):
            wrong.append(f"mmap_sem or page_table_lock of {p!r} is held")
    for lock in (
        k.pidmap_lock,
        k.users.uidhash_lock,
        k.kthreads.kthread_create_lock,
        *(rq.lock for rq in k.sched.runqueues),
    ):
        if lock.held is not None:
            wrong.append(f"{lock.cls.name} is held")
    return wrong
