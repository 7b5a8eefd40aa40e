"""Work for later, done by kernel threads that all who have some share (kernel/workqueue.c; spec proc-kthreads 12).

Each CPU has a pool of workers, kworker/CPU:ID, and there is one without a CPU, kworker/u:ID. The last idle worker that
starts to work makes another one first, so that there is always one to be woken.

Differs: the first workers, which boot makes in 3.2, are made when there is first something to do, or somebody looks for
them (init/kthreads.py). Rescuers do nothing: a worker that cannot be made is tried again each second. In the pools of
CPUs, too, every work that waits gets a worker at once, not only when none of the others can run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.bug import bug_on
from procession.include.linux.errno import LinuxError
from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.sched import (
    PF_THREAD_BOUND,
    PF_WQ_WORKER,
    TASK_INTERRUPTIBLE,
    TASK_RUNNING,
    set_task_state,
)
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.timer import TimerList
from procession.include.linux.workqueue import WORK_CPU_UNBOUND, WQ_DFL_ACTIVE, GlobalCwq, Worker, Workqueue, WorkStruct
from procession.kernel import hrtimer, kthread, sched

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = (
    "alloc_worker",
    "alloc_workqueue",
    "destroy_workers",
    "init_workqueues",
    "queue_work",
    "schedule_work",
    "worker_enter_idle",
    "worker_thread",
)

MAX_IDLE_WORKERS_RATIO: Final = 4  # one idle worker more than two is kept for so many busy ones
IDLE_WORKER_TIMEOUT_NS: Final = 300 * NSEC_PER_SEC
_IDLE_SLACK_NS: Final = 600 * NSEC_PER_SEC


def init_workqueues(k: Kernel) -> None:
    """Make the pools, and the queue of schedule_work()."""
    for cpu in [*range(k.nr_cpus), WORK_CPU_UNBOUND]:
        k.wq.gcwq[cpu] = GlobalCwq(SpinLock(k.lock_class("gcwq->lock")), cpu)
    k.wq.system_wq = alloc_workqueue("events")
    k.wq.idle_timer = TimerList(idle_worker_timeout)
    k.wq.idle_timer.slack_ns = _IDLE_SLACK_NS


def alloc_workqueue(name: str, *, unbound: bool = False, max_active: int = WQ_DFL_ACTIVE) -> Workqueue:
    """Return a queue; its works are done by the pool of the CPU that queues them, or unbound by any."""
    return Workqueue(name, unbound, max_active)


# Queueing.


def queue_work(k: Kernel, wq: Workqueue, work: WorkStruct) -> bool:
    """Have work done soon; returns False if it is queued already, so that it will be.

    Context: any; nothing sleeps.
    """
    if work.pending:
        return False
    work.pending = True
    work.wq = wq
    gcwq = k.wq.gcwq[WORK_CPU_UNBOUND if wq.unbound else k.cpu]
    with gcwq.lock.irq():
        if wq.nr_active < wq.max_active:
            wq.nr_active += 1
            insert_work(gcwq, work)
        else:
            wq.delayed_works.append(work)
    if not gcwq.workers and not gcwq.managing:
        gcwq.managing = True
        _request_first_worker(k, gcwq)
    return True


def schedule_work(k: Kernel, work: WorkStruct) -> bool:
    """As queue_work, where all those go that have no queue of their own."""
    return queue_work(k, k.wq.system_wq, work)


def insert_work(gcwq: GlobalCwq, work: WorkStruct) -> None:
    gcwq.worklist.append(work)
    wake_up_worker(gcwq)


def wake_up_worker(gcwq: GlobalCwq) -> None:
    """Wake the worker that became idle last, if any is; who begins to work sees to it that another one is."""
    if gcwq.idle_list:
        task = gcwq.idle_list[-1].task
        assert task is not None
        sched.wake_up_process(task)


# Making and ending workers.


def worker_name(cpu: int, id: int) -> str:
    """Return what ps shows of a worker."""
    return f"kworker/{'u' if cpu == WORK_CPU_UNBOUND else cpu}:{id}"


def alloc_worker(gcwq: GlobalCwq, id: int = 0) -> Worker:
    """Return a worker with the lowest number from id on that is free in its pool."""
    while id in gcwq.workers:
        id += 1
    worker = gcwq.workers[id] = Worker(gcwq, id)
    return worker


def _request_first_worker(k: Kernel, gcwq: GlobalCwq) -> None:
    """Ask kthreadd for the pool's first worker, without waiting: whoever queues may not be able to sleep."""
    worker = alloc_worker(gcwq)

    def failed() -> None:
        del gcwq.workers[worker.id]
        timer = Hrtimer(lambda _: _request_first_worker(k, gcwq))
        hrtimer.hrtimer_start(k, timer, k.clock.now_ns + NSEC_PER_SEC)

    kthread.kthread_create_nowait(k, first_worker_thread, worker, worker_name(gcwq.cpu, worker.id), failed)


async def first_worker_thread(current: Task, worker: Worker) -> int:
    """The life of a pool's first worker, which nobody has waited for."""
    worker.gcwq.managing = False
    start_worker(current, worker)
    return await worker_thread(current, worker)


def start_worker(p: Task, worker: Worker) -> None:
    """Tie a worker that has not worked yet to its CPU; whose mask nobody may change, not even that of one without."""
    worker.task = p
    cpu = worker.gcwq.cpu
    p.cpus_allowed = (1 << p.kernel.nr_cpus) - 1 if cpu == WORK_CPU_UNBOUND else 1 << cpu
    p.flags |= PF_THREAD_BOUND


async def create_worker(current: Task, gcwq: GlobalCwq) -> Worker:
    """Make another worker, which goes to sleep as an idle one; raises ENOMEM, EAGAIN."""
    worker = alloc_worker(gcwq)
    try:
        p = await kthread.kthread_create(current, worker_thread, worker, worker_name(gcwq.cpu, worker.id))
    except LinuxError:
        del gcwq.workers[worker.id]
        raise
    start_worker(p, worker)
    worker_enter_idle(worker)
    sched.wake_up_process(p)
    return worker


async def maybe_create_worker(current: Task, gcwq: GlobalCwq) -> None:
    """Make sure that somebody is idle, for the works that come while we do ours."""
    gcwq.managing = True
    while not gcwq.idle_list and gcwq.worklist:
        try:
            await create_worker(current, gcwq)
        except LinuxError:
            set_task_state(current, TASK_INTERRUPTIBLE)
            await hrtimer.schedule_timeout(current, NSEC_PER_SEC, "maybe_create_worker")
    gcwq.managing = False


def too_many_workers(gcwq: GlobalCwq) -> bool:
    """Whether one of the idle workers can go: two always stay."""
    nr_idle = len(gcwq.idle_list)
    nr_busy = len(gcwq.workers) - nr_idle
    return nr_idle > 2 and (nr_idle - 2) * MAX_IDLE_WORKERS_RATIO >= nr_busy


def idle_worker_timeout(k: Kernel) -> None:
    """End those who have been idle for long, and look again when the next one will have been."""
    next_ns = 0
    for gcwq in k.wq.gcwq.values():
        while too_many_workers(gcwq):
            worker = gcwq.idle_list[0]
            expires_ns = worker.last_active_ns + IDLE_WORKER_TIMEOUT_NS
            if k.clock.now_ns < expires_ns:
                next_ns = min(next_ns, expires_ns) if next_ns else expires_ns
                break
            destroy_worker(worker)
    if next_ns:
        hrtimer.mod_timer(k, k.wq.idle_timer, next_ns)


def destroy_worker(worker: Worker) -> None:
    """Let an idle worker return; the pool has forgotten it."""
    gcwq = worker.gcwq
    bug_on(worker not in gcwq.idle_list, "a worker is destroyed that is not idle", worker.id)
    gcwq.idle_list.remove(worker)
    del gcwq.workers[worker.id]
    task, worker.task = worker.task, None
    assert task is not None
    sched.wake_up_process(task)


async def destroy_workers(current: Task) -> None:
    """Ours: at the end of the machine, wait until all works are done and their workers have ended."""
    k = current.kernel
    for gcwq in k.wq.gcwq.values():
        while gcwq.workers or gcwq.worklist:
            while gcwq.idle_list and not gcwq.worklist:
                destroy_worker(gcwq.idle_list[0])
            set_task_state(current, TASK_INTERRUPTIBLE)
            await hrtimer.schedule_timeout(current, NSEC_PER_SEC // 100, "destroy_workers")


# Working.


def worker_enter_idle(worker: Worker) -> None:
    """From now on the worker can be woken for a work."""
    gcwq = worker.gcwq
    task = worker.task
    assert task is not None
    k = task.kernel
    worker.last_active_ns = k.clock.now_ns
    gcwq.idle_list.append(worker)
    if too_many_workers(gcwq) and not hrtimer.timer_pending(k, k.wq.idle_timer):
        hrtimer.mod_timer(k, k.wq.idle_timer, k.clock.now_ns + IDLE_WORKER_TIMEOUT_NS)


def worker_leave_idle(worker: Worker) -> None:
    if worker in worker.gcwq.idle_list:
        worker.gcwq.idle_list.remove(worker)


async def worker_thread(current: Task, worker: Worker) -> int:
    """The life of a worker: whatever its pool has to do, then sleep."""
    gcwq = worker.gcwq
    current.flags |= PF_WQ_WORKER
    while worker.task is not None:
        worker_leave_idle(worker)
        while gcwq.worklist:
            if not gcwq.idle_list and not gcwq.managing:
                await maybe_create_worker(current, gcwq)
                continue
            await process_one_work(current, worker, gcwq.worklist.pop(0))
        worker_enter_idle(worker)
        set_task_state(current, TASK_INTERRUPTIBLE)
        await sched.schedule(current, "worker_thread")
    set_task_state(current, TASK_RUNNING)
    current.flags &= ~PF_WQ_WORKER
    return 0


async def process_one_work(current: Task, worker: Worker, work: WorkStruct) -> None:
    """Do a work, having waked somebody for the next one; then let in one that had to wait for this."""
    gcwq = worker.gcwq
    wq = work.wq
    assert wq is not None
    worker.current_work = work
    # From here on it may be queued again.
    work.pending = False
    if gcwq.worklist:
        wake_up_worker(gcwq)
    await work.func(current, work)
    worker.current_work = None
    with gcwq.lock.irq():
        wq.nr_active -= 1
        if wq.delayed_works:
            wq.nr_active += 1
            insert_work(gcwq, wq.delayed_works.pop(0))
