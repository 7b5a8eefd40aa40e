"""Who has to go when memory is used up (mm/oom_kill.c; spec 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cred import CAP_FULL_SET, CAP_SYS_ADMIN
from procession.include.linux.sched import (
    EXIT_NONE,
    PF_EXITING,
    PF_KTHREAD,
    TIF_MEMDIE,
    fatal_signal_pending,
    same_thread_group,
)
from procession.include.linux.signal import SIGKILL
from procession.kernel import panic, sched, signal_send

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("oom_badness", "out_of_memory", "pagefault_out_of_memory")

OOM_SCORE_ADJ_MIN: Final = -1000
_SYS_ADMIN: Final = 1 << CAP_SYS_ADMIN & CAP_FULL_SET


def out_of_memory(k: Kernel) -> None:
    """Kill the process that frees most, unless one is dying already; panics if there is none."""
    current = k.current
    if fatal_signal_pending(current):
        current.ti_flags |= TIF_MEMDIE  # it will soon give back what it has
        return
    with k.tasklist_lock.read():
        victim, points = select_bad_process(k, current)
        if victim is not None and points:
            oom_kill_process(k, victim, points)
    if victim is None:
        panic.panic(k, "Out of memory and no killable processes...")


def select_bad_process(k: Kernel, current: Task) -> tuple[Task | None, int]:
    """Return the worst process and its points; points 0: that one is on its way out, wait for it."""
    chosen: Task | None = None
    most = 0
    for leader in k.tasks:
        for p in leader.signal.threads:
            if p.exit_state == EXIT_NONE and p.ti_flags & TIF_MEMDIE:
                return p, 0
            if p.flags & PF_EXITING and p.mm is not None and not p.exit_state:
                if p is not current:
                    return p, 0
                chosen, most = p, 1000
        points = oom_badness(k, leader)
        if points > most:
            chosen, most = leader, points
    return chosen, most


def oom_badness(k: Kernel, p: Task) -> int:
    """Return how much of memory, in thousandths, killing p would free, corrected by its privileges and wishes.

    0: p must not be killed.
    """
    if p.pid == 1 or p.flags & PF_KTHREAD or p.signal.oom_score_adj == OOM_SCORE_ADJ_MIN:
        return 0
    mm = _process_mm(p)
    if mm is None:
        return 0
    points = (mm.rss_anon + mm.rss_file + mm.nr_ptes) * 1000 // max(k.mm.total_pages, 1)
    if p.real_cred.cap_effective & _SYS_ADMIN:
        points -= 30
    return min(max(points + p.signal.oom_score_adj, 1), 1000)


def _process_mm(p: Task) -> MmStruct | None:
    """Return the memory of a process, whose leader may be gone already (find_lock_task_mm)."""
    for t in p.signal.threads:
        if t.mm is not None:
            return t.mm
    return p.mm


def oom_kill_process(k: Kernel, p: Task, points: int) -> None:
    if p.flags & PF_EXITING:
        p.ti_flags |= TIF_MEMDIE
        return
    k.printk(f"Out of memory: Kill process {p.pid} ({p.comm}) score {points} or sacrifice child")
    # A child with memory of its own goes first: less work is lost.
    victim, worst = p, 0
    mm = _process_mm(p)
    for t in p.signal.threads:
        for child in t.children:
            if child.mm is mm:
                continue
            score = oom_badness(k, child)
            if score > worst:
                victim, worst = child, score
    oom_kill_task(k, victim)


def oom_kill_task(k: Kernel, p: Task) -> None:
    mm = _process_mm(p)
    if mm is None:
        return
    k.printk(
        f"Killed process {p.pid} ({p.comm}) total-vm:{mm.total_vm * 4}kB, anon-rss:{mm.rss_anon * 4}kB, "
        f"file-rss:{mm.rss_file * 4}kB"
    )
    trace = k.trace
    if trace.oom_kill:
        trace.oom_kill(p.comm, p.pid)
    # Whoever shares the memory keeps it alive, so they all go.
    for q in k.tasks:
        if (
            q.mm is mm
            and not same_thread_group(q, p)
            and not q.flags & PF_KTHREAD
            and q.signal.oom_score_adj != OOM_SCORE_ADJ_MIN
        ):
            signal_send.force_sig(SIGKILL, q)
    p.ti_flags |= TIF_MEMDIE
    signal_send.force_sig(SIGKILL, p)


def pagefault_out_of_memory(current: Task) -> None:
    """A fault found no memory; the killer has run. Let the victim run, then the fault is tried again."""
    if not current.ti_flags & TIF_MEMDIE:
        sched.resched_task(current)
