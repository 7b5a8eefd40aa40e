"""What processes take back of semaphores when they end (the undo lists of ipc/sem.c; spec ipc 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.ipc_namespace import IPC_SEM_IDS
from procession.include.linux.sched import CLONE_SYSVSEM
from procession.include.linux.sem import SEMVMX, SemQueue, SemUndo, SemUndoList
from procession.include.linux.spinlock import SpinLock
from procession.ipc import sem, util
from procession.kernel import pid

if TYPE_CHECKING:
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.sched import Task

__all__ = ("copy_semundo", "exit_sem", "find_alloc_undo")


def get_undo_list(current: Task) -> SemUndoList:
    """Return current's list, made if there is none; raises ENOMEM."""
    ulp = current.sysvsem
    if ulp is None:
        k = current.kernel
        k.caches["sem_undo_list"].alloc()
        ulp = current.sysvsem = SemUndoList(SpinLock(k.lock_class("sem_undo_list.lock")))
    return ulp


def lookup_undo(ulp: SemUndoList, semid: int) -> SemUndo | None:
    """Return the entry of a set, which comes first from now on."""
    ulp.lock.assert_held()
    for i, un in enumerate(ulp.list_proc):
        if un.semid == semid:
            if i:
                del ulp.list_proc[i]
                ulp.list_proc.insert(0, un)
            return un
    return None


def find_alloc_undo(current: Task, ns: IpcNamespace, semid: int) -> SemUndo:
    """Return what current would take back of a set, made if there is nothing; raises ENOMEM, EINVAL, EIDRM."""
    ulp = get_undo_list(current)
    with ulp.lock:
        un = lookup_undo(ulp, semid)
    if un is not None:
        return un
    sma = sem.sem_obtain_check(ns.ids[IPC_SEM_IDS], semid)
    current.kernel.caches["sem_undo"].alloc()
    un = SemUndo(ulp, semid, sma.sem_nsems)
    with sma.lock:
        with ulp.lock:
            ulp.list_proc.insert(0, un)
        sma.list_id[un] = None
    return un


def copy_semundo(current: Task, p: Task, clone_flags: int) -> None:
    """Let a newborn share its parent's list with CLONE_SYSVSEM; else it has none. Raises ENOMEM."""
    if clone_flags & CLONE_SYSVSEM:
        ulp = get_undo_list(current)
        ulp.refcnt += 1
        p.sysvsem = ulp


def exit_sem(tsk: Task) -> None:
    """Leave the list; the last task that shares it takes everything back, without ever sleeping.

    Context: tsk is current, or was never run.
    """
    ulp = tsk.sysvsem
    if ulp is None:
        return
    tsk.sysvsem = None
    ulp.refcnt -= 1
    if ulp.refcnt:
        return
    k = tsk.kernel
    ids = util.ipcns(tsk).ids[IPC_SEM_IDS]
    pid_nr = pid.task_tgid_vnr(k.current, k.current)
    while ulp.list_proc:
        un = ulp.list_proc[0]
        sma = sem.sem_obtain_check(ids, un.semid)
        tasks: list[SemQueue] = []
        with sma.lock:
            del sma.list_id[un]
            with ulp.lock:
                del ulp.list_proc[0]
            for curr, semadj in zip(sma.sem_base, un.semadj, strict=True):
                if semadj:
                    curr.semval = min(max(curr.semval + semadj, 0), SEMVMX)
                    curr.sempid = pid_nr
            sem.do_smart_update(k, sma, None, True, tasks)
        sem.wake_up_sem_queue_do(tasks)
        k.caches["sem_undo"].free()
    k.caches["sem_undo_list"].free()
