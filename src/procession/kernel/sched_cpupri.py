"""How urgent what runs on each CPU is, and so where a real-time task may go (kernel/sched_cpupri.c, sched_rt.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.sched import MAX_RT_PRIO
from procession.include.linux.topology import SD_WAKE_AFFINE
from procession.kernel.sched_cpu_load import smp_processor_id

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.kernel.sched_rq import Rq

__all__ = ("cpupri_find", "find_lowest_rq", "highest_prio", "is_movable")


def highest_prio(rq: Rq) -> int:
    """Return the priority of a CPU's most urgent real-time task, MAX_RT_PRIO if it has none."""
    bitmap = rq.rt.bitmap
    return (bitmap & -bitmap).bit_length() - 1 if bitmap else MAX_RT_PRIO


def is_movable(p: Task) -> bool:
    """Whether p may use more than one CPU."""
    return p.cpus_allowed & (p.cpus_allowed - 1) != 0


def cpupri_find(p: Task) -> int:
    """Return the CPUs that p may use and where the least urgent things run, as a mask; 0 if none is below p."""
    rqs: list[Rq] = p.kernel.sched.runqueues
    prios = [(highest_prio(rq), rq.cpu) for rq in rqs if p.cpus_allowed >> rq.cpu & 1]
    most = max(prios, default=(0, 0))[0]
    if most <= p.prio:
        return 0
    return sum(1 << cpu for prio, cpu in prios if prio == most)


def find_lowest_rq(p: Task) -> int:
    """Return a CPU where p would run at once: where it was, here, or the first; -1 if there is none."""
    k = p.kernel
    if not is_movable(p):
        return -1
    lowest_mask = cpupri_find(p)
    if not lowest_mask:
        return -1
    if lowest_mask >> p.cpu & 1:
        return p.cpu
    this_cpu = smp_processor_id(k)
    sd = k.sched.runqueues[p.cpu].sd
    if lowest_mask >> this_cpu & 1:
        return this_cpu
    if sd is not None and sd.flags & SD_WAKE_AFFINE and lowest_mask & sd.span:
        lowest_mask &= sd.span
    return (lowest_mask & -lowest_mask).bit_length() - 1
