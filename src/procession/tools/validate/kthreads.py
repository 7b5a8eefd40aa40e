"""Workers and their works (kernel/workqueue.py), and the requests to kthreadd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import PF_KTHREAD, PF_THREAD_BOUND, TASK_RUNNING

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.workqueue import GlobalCwq, Workqueue, WorkStruct
    from procession.tools.validate.census import Census

__all__ = ("validate_kthreads", "validate_works")


def validate_works(seen: Census) -> list[str]:
    """Return which works are queued otherwise than they and their queues say, and which wait for nobody."""
    k = seen.k
    wrong: list[str] = []
    queued = [work for gcwq in k.wq.gcwq.values() for work in gcwq.worklist]
    under_way = [w.current_work for gcwq in k.wq.gcwq.values() for w in gcwq.workers.values() if w.current_work]
    queues: dict[Workqueue, None] = dict.fromkeys(work.wq for work in (*queued, *under_way) if work.wq is not None)
    for wq in queues:
        active = sum(work.wq is wq for work in (*queued, *under_way))
        if wq.nr_active != active:
            wrong.append(f"workqueue {wq.name}: nr_active {wq.nr_active}, found {active}")
        if wq.delayed_works and active < wq.max_active:
            wrong.append(f"workqueue {wq.name}: works wait, though only {active} are under way")
        queued += wq.delayed_works
    wrong += _lists(queued)
    for gcwq in k.wq.gcwq.values():
        if gcwq.worklist and not _somebody_comes(k, gcwq):
            wrong.append(f"workers of {gcwq.cpu}: works wait and all workers sleep")
    return wrong


def _lists(queued: list[WorkStruct]) -> list[str]:
    wrong = [f"a work for {work.func} is queued and not pending" for work in queued if not work.pending]
    if len({id(work) for work in queued}) != len(queued):
        wrong.append("a work is queued twice")
    return wrong


def _somebody_comes(k: Kernel, gcwq: GlobalCwq) -> bool:
    if gcwq.managing:
        return True
    return any(w.current_work or (w.task is not None and w.task.state == TASK_RUNNING) for w in gcwq.workers.values())


def validate_kthreads(seen: Census) -> list[str]:
    """Return which workers are not what their pool takes them for, and whether kthreadd sleeps over a request."""
    k = seen.k
    wrong: list[str] = []
    for gcwq in k.wq.gcwq.values():
        for id, worker in gcwq.workers.items():
            task = worker.task
            if worker.id != id or worker.gcwq is not gcwq:
                wrong.append(f"worker {worker.id} of {gcwq.cpu} is listed as {id}")
            if task is None:
                continue  # being made
            if task.exit_state or task.flags & (PF_KTHREAD | PF_THREAD_BOUND) != PF_KTHREAD | PF_THREAD_BOUND:
                wrong.append(f"worker {task!r} with flags {task.flags:#x}, exit_state {task.exit_state}")
            if worker.current_work is not None and worker in gcwq.idle_list:
                wrong.append(f"worker {task!r} is idle and works")
        for worker in gcwq.idle_list:
            if gcwq.workers.get(worker.id) is not worker:
                wrong.append(f"an idle worker {worker.id} that {gcwq.cpu} does not have")
    if k.kthreads.kthread_create_list and k.kthreads.kthreadd_task.state != TASK_RUNNING:
        wrong.append("kthreadd sleeps over a request")
    return wrong
