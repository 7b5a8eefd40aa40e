"""The fair class on several CPUs (kernel/sched_fair.c).

Differs: CPUs share work by simple rules: a waking task goes to an idle CPU, a newborn to the shortest queue, and a CPU
that runs dry pulls from the longest. So kernel.sched_migration_cost and sched_nr_migrate have no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cgroup import CPUACCT_SUBSYS_ID
from procession.kernel import sched_entity, sched_fair

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched import Rq
    from procession.kernel.sched_fair import CfsRq

__all__ = ("idle_balance", "select_task_rq", "select_task_rq_fork", "set_task_cpu")


def _migrate(rq: Rq, dest: Rq, p: Task) -> Rq:
    """Move p, which is on no queue, keeping its place relative to the others."""
    if dest is rq:
        return rq
    se = p.se
    min_vruntime = se.cfs_rq.min_vruntime
    set_task_cpu(rq, dest, p)
    se.vruntime += se.cfs_rq.min_vruntime - min_vruntime
    return dest


def set_task_cpu(rq: Rq, dest: Rq, p: Task) -> None:
    """Let another CPU be p's, whose vruntime is relative or will be made to fit."""
    trace = rq.kernel.trace
    if trace.sched_migrate_task:
        trace.sched_migrate_task(p.comm, p.pid, p.prio, rq.cpu, dest.cpu)
    if p.cgroups is not rq.kernel.cgroups.init_css_set:
        p.cgroups.subsys[CPUACCT_SUBSYS_ID].charge(p)
    p.cpu = dest.cpu
    sched_entity.set_task_rq(p, dest)


def _allowed(rq: Rq, p: Task) -> list[Rq]:
    return [other for other in rq.kernel.sched.runqueues if p.cpus_allowed >> other.cpu & 1]


def select_task_rq(rq: Rq, p: Task) -> Rq:
    """Return where a waking task goes: where it was if that CPU is idle, else an idle one, else where it was."""
    allowed = _allowed(rq, p)
    if rq in allowed and not rq.nr_running:
        return rq
    for other in allowed:
        if not other.nr_running:
            return _migrate(rq, other, p)
    return rq if rq in allowed else _migrate(rq, allowed[0], p)


def select_task_rq_fork(rq: Rq, p: Task) -> Rq:
    """Return where a newborn goes: the shortest queue, its parent's CPU among equals."""
    best = None
    for other in _allowed(rq, p):
        if best is None or other.nr_running < best.nr_running or (other is rq and other.nr_running == best.nr_running):
            best = other
    assert best is not None
    if best is not rq:
        # A newborn's vruntime is relative already.
        p.cpu = best.cpu
        sched_entity.set_task_rq(p, best)
    return best


def idle_balance(rq: Rq) -> None:
    """Before rq goes idle, pull the task that would wait longest on the longest queue."""
    busiest = None
    for other in rq.kernel.sched.runqueues:
        if _somebody_waits(other.cfs) and (busiest is None or other.nr_running > busiest.nr_running):
            busiest = other
    if busiest is None or busiest is rq:
        return
    p = _find_task(busiest.cfs, rq.cpu)
    if p is not None:
        sched_fair.dequeue_task_fair(busiest, p, sleep=True)
        _migrate(busiest, rq, p)
        sched_fair.enqueue_task_fair(rq, p, wakeup=True)


def _somebody_waits(cfs: CfsRq) -> bool:
    while not cfs.timeline:
        if cfs.curr is None or cfs.curr.my_q is None:
            return False
        cfs = cfs.curr.my_q
    return True


def _find_task(cfs: CfsRq, cpu: int) -> Task | None:
    """Return the last task of a queue, or of the groups in it, that waits and may use cpu."""
    waiting = [se for _, _, se in reversed(cfs.timeline)]
    if cfs.curr is not None and cfs.curr.my_q is not None:
        waiting.append(cfs.curr)
    for se in waiting:
        p = se.task if se.my_q is None else _find_task(se.my_q, cpu)
        if p is not None and p.cpus_allowed >> cpu & 1:
            return p
    return None
