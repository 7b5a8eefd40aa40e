"""Who has to go when memory is used up (mm/oom_kill.c; spec 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import MEM_CGROUP_SUBSYS_ID
from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.mm_types import PAGE_SHIFT
from procession.include.linux.printk import KERN_ERR, KERN_INFO
from procession.include.linux.sched import (
    EXIT_NONE,
    PF_EXITING,
    PF_FROZEN,
    PF_KTHREAD,
    TIF_MEMDIE,
    fatal_signal_pending,
    same_thread_group,
)
from procession.include.linux.signal import SIGKILL
from procession.kernel import cgroup, cpuset, freezer, panic, sched, signal_send

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task
    from procession.mm.memcontrol import MemCgroup

__all__ = (
    "GFP_HIGHUSER_MOVABLE",
    "GFP_ZERO",
    "mem_cgroup_out_of_memory",
    "oom_badness",
    "out_of_memory",
    "pagefault_out_of_memory",
)

# include/linux/gfp.h: what a page for a program is asked for with.
GFP_HIGHUSER_MOVABLE: Final = 0x200DA
GFP_ZERO: Final = 0x8000
OOM_SCORE_ADJ_MIN: Final = -1000
_COMPULSORY: Final = 2
_SYS_ADMIN: Final = 1 << CAP_SYS_ADMIN


def out_of_memory(k: Kernel, gfp_mask: int) -> None:
    """Kill the process that frees most, unless one is dying already; panics if there is none, or if asked to."""
    current = k.current
    if fatal_signal_pending(current):
        current.ti_flags |= TIF_MEMDIE  # it will soon give back what it has
        return
    panic_on_oom = k.mm.panic_on_oom
    if panic_on_oom:
        dump_header(k, current, gfp_mask)
        kind = "compulsory" if panic_on_oom == _COMPULSORY else "system-wide"
        panic.panic(k, f"Out of memory: {kind} panic_on_oom is enabled")
    victim: Task | None
    with k.tasklist_lock.read():
        if k.mm.oom_kill_allocating_task and _may_kill(current):
            victim = current
            oom_kill_process(k, current, gfp_mask, 0, "Out of memory (oom_kill_allocating_task)")
        else:
            victim, points = select_bad_process(k, current)
            if victim is not None and points:
                oom_kill_process(k, victim, gfp_mask, points, "Out of memory")
    if victim is None:
        dump_header(k, current, gfp_mask)
        panic.panic(k, "Out of memory and no killable processes...")


def mem_cgroup_out_of_memory(k: Kernel, memcg: MemCgroup) -> None:
    """Kill the process that frees most of what a group may have, unless one is dying already."""
    current = k.current
    if fatal_signal_pending(current):
        current.ti_flags |= TIF_MEMDIE
        return
    if k.mm.panic_on_oom == _COMPULSORY:
        dump_header(k, current, GFP_HIGHUSER_MOVABLE, memcg)
        panic.panic(k, "Out of memory: compulsory panic_on_oom is enabled")
    limit = min(memcg.res.limit, memcg.memsw.limit) >> PAGE_SHIFT
    with k.tasklist_lock.read():
        victim, points = select_bad_process(k, current, memcg, limit)
        if victim is not None and points:
            oom_kill_process(k, victim, GFP_HIGHUSER_MOVABLE, points, "Memory cgroup out of memory", memcg, limit)


def _may_kill(p: Task) -> bool:
    return not oom_unkillable_task(p) and p.mm is not None and p.signal.oom_score_adj != OOM_SCORE_ADJ_MIN


def oom_unkillable_task(p: Task, memcg: MemCgroup | None = None) -> bool:
    """Whether p is init or a kernel thread, or has no memory of the group for which somebody has to go."""
    return p.pid == 1 or p.flags & PF_KTHREAD != 0 or (memcg is not None and not memcg.has_task(p))


def select_bad_process(
    k: Kernel, current: Task, memcg: MemCgroup | None = None, totalpages: int = 0
) -> tuple[Task | None, int]:
    """Return the worst process and its points; points 0: that one is on its way out, wait for it."""
    chosen: Task | None = None
    most = 0
    for leader in k.tasks:
        if memcg is not None and not memcg.has_task(leader):
            continue
        for p in leader.signal.threads:
            if p.exit_state == EXIT_NONE and p.ti_flags & TIF_MEMDIE:
                if p.flags & PF_FROZEN:
                    freezer.thaw_process(p)
                return p, 0
            if p.flags & PF_EXITING and p.mm is not None and not p.exit_state:
                if p is not current:
                    return p, 0
                chosen, most = p, 1000
        points = oom_badness(k, leader, totalpages)
        if points > most:
            chosen, most = leader, points
    return chosen, most


def oom_badness(k: Kernel, p: Task, totalpages: int = 0) -> int:
    """Return how much of memory, in thousandths, killing p would free, corrected by its privileges and wishes.

    totalpages: how much there is, 0: the machine's.  0: p must not be killed.
    """
    if oom_unkillable_task(p) or p.signal.oom_score_adj == OOM_SCORE_ADJ_MIN:
        return 0
    mm = _process_mm(p)
    if mm is None:
        return 0
    points = (mm.rss_anon + mm.rss_file + mm.nr_ptes) * 1000 // max(totalpages or k.mm.total_pages, 1)
    if p.real_cred.cap_effective & _SYS_ADMIN:
        points -= 30
    return min(max(points + p.signal.oom_score_adj, 1), 1000)


def _process_mm(p: Task) -> MmStruct | None:
    """Return the memory of a process, whose leader may be gone already (find_lock_task_mm)."""
    for t in p.signal.threads:
        if t.mm is not None:
            return t.mm
    return p.mm


def dump_tasks(k: Kernel, memcg: MemCgroup | None = None) -> None:
    """Log a line for each process that has memory, of a group if there is one, but for init."""
    k.printk("[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name", KERN_INFO)
    for leader in k.tasks:
        mm = _process_mm(leader)
        if mm is None or oom_unkillable_task(leader, memcg):
            continue
        p = next((t for t in leader.signal.threads if t.mm is not None), leader)
        k.printk(
            f"[{p.pid:5d}] {p.real_cred.uid:5d} {p.tgid:5d} {mm.total_vm:8d} {mm.rss_anon + mm.rss_file:8d} "
            f"{p.cpu:3d}     {p.signal.oom_adj:3d}         {p.signal.oom_score_adj:5d} {p.comm}",
            KERN_INFO,
        )


def dump_header(k: Kernel, p: Task, gfp_mask: int, memcg: MemCgroup | None = None) -> None:
    """Log who could not be served, how memory is used, and by whom; p: who is going to be killed for it."""
    current = k.current
    sig = current.signal
    k.printk(
        f"{current.comm} invoked oom-killer: gfp_mask={gfp_mask:#x}, order=0, oom_adj={sig.oom_adj}, "
        f"oom_score_adj={sig.oom_score_adj}"
    )
    k.printk(cpuset.cpuset_print_task_mems_allowed(current), KERN_INFO)
    panic.dump_stack(current)
    if memcg is not None:
        _print_oom_info(k, memcg, p)
    show_mem(k)
    if k.mm.oom_dump_tasks:
        dump_tasks(k, memcg)


def _print_oom_info(k: Kernel, memcg: MemCgroup, p: Task) -> None:
    """Log whose limit was met (mem_cgroup_print_oom_info)."""
    killed = cgroup.cgroup_path(cgroup.task_cgroup(p, MEM_CGROUP_SUBSYS_ID))
    limited = cgroup.cgroup_path(memcg.cgroup)
    k.printk(f"Task in {killed} killed as a result of limit of {limited}", KERN_INFO)
    for name, counter in (("memory", memcg.res), ("memory+swap", memcg.memsw)):
        k.printk(
            f"{name}: usage {counter.usage >> 10}kB, limit {counter.limit >> 10}kB, failcnt {counter.failcnt}",
            KERN_INFO,
        )


def show_mem(k: Kernel) -> None:
    """Log how memory is used (lib/show_mem.c, show_free_areas).

    Differs: there is one zone without lists by CPU or order, nothing ages, and the kernel's own objects take nothing.
    """
    total, cached = k.mm.total_pages, len(k.mm.page_cache)
    free = len(k.mm.free_list) + total - k.mm.next_fresh
    anon = mapped = tables = locked = 0
    seen: set[MmStruct] = set()
    for leader in k.tasks:
        mm = _process_mm(leader)
        if mm is not None and mm not in seen:
            seen.add(mm)
            anon, mapped = anon + mm.rss_anon, mapped + mm.rss_file
            tables, locked = tables + mm.nr_ptes, locked + mm.locked_vm
    for line in (
        "Mem-Info:",
        f"active_anon:{anon} inactive_anon:0 isolated_anon:0",
        f" active_file:{cached} inactive_file:0 isolated_file:0",
        f" unevictable:{locked} dirty:0 writeback:0 unstable:0",
        f" free:{free} slab_reclaimable:0 slab_unreclaimable:0",
        f" mapped:{mapped} shmem:0 pagetables:{tables} bounce:0",
        f"{cached} total pagecache pages",
        "0 pages in swap cache",
        "Swap cache stats: add 0, delete 0, find 0/0",
        "Free swap  = 0kB",
        "Total swap = 0kB",
        f"{total} pages RAM",
        "1 pages reserved",
    ):
        k.printk(line)


def oom_kill_process(
    k: Kernel, p: Task, gfp_mask: int, points: int, message: str, memcg: MemCgroup | None = None, totalpages: int = 0
) -> None:
    if k.printk_ratelimit("oom_kill_process"):
        dump_header(k, p, gfp_mask, memcg)
    if p.flags & PF_EXITING:
        p.ti_flags |= TIF_MEMDIE
        return
    k.printk(f"{message}: Kill process {p.pid} ({p.comm}) score {points} or sacrifice child", KERN_ERR)
    # A child with memory of its own goes first: less work is lost.
    victim, worst = p, 0
    mm = _process_mm(p)
    for t in p.signal.threads:
        for child in t.children:
            if child.mm is mm or (memcg is not None and not memcg.has_task(child)):
                continue
            score = oom_badness(k, child, totalpages)
            if score > worst:
                victim, worst = child, score
    oom_kill_task(k, victim)


def oom_kill_task(k: Kernel, p: Task) -> None:
    mm = _process_mm(p)
    if mm is None:
        return
    k.printk(
        f"Killed process {p.pid} ({p.comm}) total-vm:{mm.total_vm * 4}kB, anon-rss:{mm.rss_anon * 4}kB, "
        f"file-rss:{mm.rss_file * 4}kB",
        KERN_ERR,
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
            k.printk(f"Kill process {q.pid} ({q.comm}) sharing same memory", KERN_ERR)
            signal_send.force_sig(SIGKILL, q)
    p.ti_flags |= TIF_MEMDIE
    signal_send.force_sig(SIGKILL, p)


def pagefault_out_of_memory(current: Task) -> None:
    """A fault found no memory; the killer has run. Let the victim run, then the fault is tried again."""
    if not current.ti_flags & TIF_MEMDIE:
        sched.resched_task(current)
