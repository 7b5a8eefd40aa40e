"""What of memory the tasks of a group use, and how much they may (mm/memcontrol.c; spec cgroups B6).

Each page that is charged is on a list of its group, and marked PG_CGROUP, so that whoever frees it gives it back. The
top group's pages are not: it has what nobody else has. Nothing of this is there until a second group is made.

Differs: a page is given back when it is freed, and not when it is unmapped last. A limit that is met while the kernel
itself touches user memory is exceeded by that page, since a plain function cannot wait; the killer, or the sleep, comes
on the way to user mode. There is no swap: memory and swap is memory. Nothing ages, so there is no reclaim by soft
limits, and what is active is what is anonymous.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.hw.memory import PG_CGROUP, PG_DIRTY, PG_FILE
from procession.include.linux.cgroup import MEM_CGROUP_SUBSYS_ID, Cgroup, CgroupSubsysState
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.sched import TIF_MEMCG_OOM, TIF_MEMDIE, fatal_signal_pending
from procession.kernel import wait
from procession.kernel.res_counter import ResCounter
from procession.mm import filemap

if TYPE_CHECKING:
    from procession.fs.eventfd import EventfdCtx
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("MemCgroup", "MemoryController", "mem_cgroup_from_cont", "mem_cgroup_from_task")

CHARGE_BATCH: Final = 32
MEM_CGROUP_RECLAIM_RETRIES: Final = 5
SWAP_CLUSTER_MAX: Final = 32
_THRESHOLDS_EVENTS_TARGET: Final = 128


class MemCgroupThresholds:
    """Whom to tell when usage crosses an amount; current: the last one that is below usage, -1 if none is."""

    __slots__ = ("current", "entries")

    def __init__(self) -> None:
        self.entries: list[tuple[int, EventfdCtx]] = []  # by amount
        self.current = -1

    def find_current(self, usage: int) -> None:
        """Note where usage is now, without telling anybody."""
        self.current = sum(1 for threshold, _ in self.entries if threshold < usage) - 1

    def notify(self, usage: int) -> None:
        """Tell those whose amount has been crossed (__mem_cgroup_threshold)."""
        i = self.current
        while i >= 0 and self.entries[i][0] > usage:
            self.entries[i][1].signal(1)
            i -= 1
        i += 1
        while i < len(self.entries) and self.entries[i][0] <= usage:
            self.entries[i][1].signal(1)
            i += 1
        self.current = i - 1


class MemCgroup(CgroupSubsysState):
    """A group's memory (struct mem_cgroup).

    parent: the group above, if that one's limits hold here, too.  rss, cache: its pages, as they came; the numbers of
    frames.
    """

    __slots__ = (
        "cache",
        "events",
        "memsw",
        "memsw_is_minimum",
        "memsw_thresholds",
        "move_charge_at_immigrate",
        "oom_kill_disable",
        "oom_lock",
        "oom_notify",
        "parent",
        "pgfault",
        "pgmajfault",
        "pgpgin",
        "pgpgout",
        "res",
        "rss",
        "swappiness",
        "thresholds",
        "under_oom",
        "use_hierarchy",
    )

    def __init__(self, cgroup: Cgroup, above: MemCgroup | None) -> None:
        super().__init__(cgroup)
        self.use_hierarchy: bool = above is not None and above.use_hierarchy
        self.parent: MemCgroup | None = above if self.use_hierarchy else None
        self.res: ResCounter = ResCounter(self.parent.res if self.parent is not None else None)
        self.memsw: ResCounter = ResCounter(self.parent.memsw if self.parent is not None else None)
        self.memsw_is_minimum = False
        self.swappiness: int = above.swappiness if above is not None else 60
        self.oom_kill_disable: bool = above is not None and above.oom_kill_disable
        self.oom_lock = False
        self.under_oom = 0
        self.move_charge_at_immigrate = 0
        self.oom_notify: list[EventfdCtx] = []
        self.thresholds = MemCgroupThresholds()
        self.memsw_thresholds = MemCgroupThresholds()
        self.events = 0
        self.rss: dict[int, None] = {}
        self.cache: dict[int, None] = {}
        self.pgpgin = 0
        self.pgpgout = 0
        self.pgfault = 0
        self.pgmajfault = 0

    @property
    def is_root(self) -> bool:
        """Whether it is the top group, which has no limits."""
        return self.cgroup.parent is None

    def subtree(self) -> list[MemCgroup]:
        """Return the group and, if its limits hold for those below, all these."""
        groups = [self]
        if self.use_hierarchy:
            for child in self.cgroup.children.values():
                groups += mem_cgroup_from_cont(child).subtree()
        return groups

    def has_task(self, p: Task) -> bool:
        """Whether p's memory belongs to the group (task_in_mem_cgroup)."""
        for t in p.signal.threads:
            if t.mm is not None and t.mm.owner is not None:
                return mem_cgroup_from_task(t.mm.owner) in self.subtree()
        return False


def mem_cgroup_from_cont(cgrp: Cgroup) -> MemCgroup:
    """Return a group's memory."""
    css = cgrp.subsys[MEM_CGROUP_SUBSYS_ID]
    assert isinstance(css, MemCgroup)
    return css


def mem_cgroup_from_task(p: Task) -> MemCgroup:
    """Return the memory of the group that a task is in."""
    css = p.cgroups.subsys[MEM_CGROUP_SUBSYS_ID]
    assert isinstance(css, MemCgroup)
    return css


class MemoryController:
    """What there is once a second group is: who pays for which page.

    pages: frame -> group.  stock: by CPU, pages that were charged in advance.  may_oom: a user's fault is being
    answered, so that it can be told to wait.  oom_waitq: who waits until there is room.
    """

    __slots__ = ("kernel", "may_oom", "oom_waitq", "pages", "stock")

    def __init__(self, k: Kernel) -> None:
        self.kernel = k
        self.pages: dict[int, MemCgroup] = {}
        self.stock: list[tuple[MemCgroup | None, int]] = [(None, 0)] * k.nr_cpus
        self.may_oom = False
        self.oom_waitq = k.wait_queue_head("memcg_oom_waitq.lock")

    # Charging.

    def newpage_charge(self, mm: MmStruct, pfn: int) -> bool:
        """Charge a new anonymous page to mm's group; False: the fault has to wait."""
        memcg = self.charged_to(mm)
        if memcg is None:
            return True
        if not self.try_charge(memcg):
            return False
        self.commit(memcg, pfn, anon=True)
        return True

    def cache_charge(self, pfn: int) -> None:
        """Charge a new page of a file to the group of who caused it."""
        mm = self.kernel.current.mm
        memcg = self.charged_to(mm) if mm is not None else None
        if memcg is not None:
            may_oom, self.may_oom = self.may_oom, False
            self.try_charge(memcg)
            self.may_oom = may_oom
            self.commit(memcg, pfn, anon=False)

    def charged_to(self, mm: MmStruct) -> MemCgroup | None:
        """Return who pays for mm, None if nobody does: the top group, and those about to die, are let pass."""
        current = self.kernel.current
        if current.ti_flags & TIF_MEMDIE or fatal_signal_pending(current):
            return None
        memcg = mem_cgroup_from_task(mm.owner or current)
        return None if memcg.is_root else memcg

    def try_charge(self, memcg: MemCgroup) -> bool:
        """Count one page more (__mem_cgroup_try_charge).

        Over the limit, file pages go first. If that does not help, False for a fault that can wait; what cannot wait
        is counted all the same, and waits on its way to user mode.
        """
        cpu = self.kernel.cpu
        owner, nr = self.stock[cpu]
        if owner is memcg and nr:
            self.stock[cpu] = memcg, nr - 1
            return True
        if self._do_charge(memcg, CHARGE_BATCH) is None:
            self._refill_stock(cpu, memcg, CHARGE_BATCH - 1)
            return True
        retries = MEM_CGROUP_RECLAIM_RETRIES
        while True:
            over = self._do_charge(memcg, 1)
            if over is None:
                return True
            if self.reclaim(over, SWAP_CLUSTER_MAX) or _margin(over):
                continue
            if not retries:
                break
            retries -= 1
        current = self.kernel.current
        current.memcg_oom = over
        current.ti_flags |= TIF_MEMCG_OOM
        if self.may_oom:
            return False
        memcg.res.charge_nofail(PAGE_SIZE)
        memcg.memsw.charge_nofail(PAGE_SIZE)
        return True

    def _do_charge(self, memcg: MemCgroup, nr_pages: int) -> MemCgroup | None:
        """Count so many pages more; returns the group whose limit is in the way."""
        size = nr_pages * PAGE_SIZE
        failed = memcg.res.charge(size)
        if failed is None:
            # Its limit is never below that of memory alone, and nothing is swapped.
            memcg.memsw.charge_nofail(size)
            return None
        over: MemCgroup | None = memcg
        while over is not None and over.res is not failed:
            over = over.parent
        assert over is not None
        return over

    def commit(self, memcg: MemCgroup, pfn: int, *, anon: bool) -> None:
        """Note who has paid for a page."""
        self.kernel.frames.pflags[pfn] |= PG_CGROUP
        self.pages[pfn] = memcg
        (memcg.rss if anon else memcg.cache)[pfn] = None
        memcg.pgpgin += 1
        self._check_events(memcg)

    def uncharge_page(self, pfn: int) -> None:
        """A page that is marked is being freed."""
        memcg = self.forget(pfn)
        memcg.pgpgout += 1
        memcg.res.uncharge(PAGE_SIZE)
        memcg.memsw.uncharge(PAGE_SIZE)
        # In 3.2 pages that are unmapped together are counted as unused when all are, behind their last event.
        memcg.events += 1
        if memcg.under_oom:
            self.oom_recover(memcg)

    def forget(self, pfn: int) -> MemCgroup:
        """Take a page from the group that has it, without giving back what was paid."""
        memcg = self.pages.pop(pfn)
        memcg.rss.pop(pfn, None)
        memcg.cache.pop(pfn, None)
        return memcg

    # Pages charged in advance.

    def _refill_stock(self, cpu: int, memcg: MemCgroup, nr: int) -> None:
        self._drain_stock(cpu)
        self.stock[cpu] = memcg, nr

    def _drain_stock(self, cpu: int) -> None:
        memcg, nr = self.stock[cpu]
        if memcg is not None and nr:
            memcg.res.uncharge(nr * PAGE_SIZE)
            memcg.memsw.uncharge(nr * PAGE_SIZE)
        self.stock[cpu] = None, 0

    def drain_all_stock(self, root: MemCgroup) -> None:
        """Give back what a group and those below have paid in advance."""
        for cpu, (memcg, _) in enumerate(self.stock):
            if memcg is not None and memcg in root.subtree():
                self._drain_stock(cpu)

    # Making room.

    def reclaim(self, root: MemCgroup, nr: int) -> int:
        """Drop up to nr file pages of a group and those below that nobody uses; returns how many went."""
        self.drain_all_stock(root)
        k = self.kernel
        frames, cached = k.frames, k.mm.page_cache
        victims = [
            cached[pfn]
            for memcg in root.subtree()
            for pfn in memcg.cache
            if pfn in cached and frames.count[pfn] == 1 and not frames.pflags[pfn] & PG_DIRTY
        ][:nr]
        for inode, index in victims:
            filemap.delete_from_page_cache(k, inode, index)
        return len(victims)

    def oom_recover(self, memcg: MemCgroup) -> None:
        """There is room: let those try again who wait for a page of the group (memcg_oom_recover)."""
        if memcg.under_oom:
            wait.wake_up_all(self.oom_waitq, memcg)

    # Numbers.

    def count_vm_event(self, mm: MmStruct, *, major: bool) -> None:
        """Note a page fault."""
        owner = mm.owner
        if owner is not None:
            memcg = mem_cgroup_from_task(owner)
            if major:
                memcg.pgmajfault += 1
            else:
                memcg.pgfault += 1

    def _check_events(self, memcg: MemCgroup) -> None:
        """Look now and then whether an amount was crossed that somebody wants to hear of (memcg_check_events)."""
        memcg.events += 1
        if memcg.events % _THRESHOLDS_EVENTS_TARGET:
            return
        above: MemCgroup | None = memcg
        while above is not None:
            above.thresholds.notify(above.res.usage)
            above.memsw_thresholds.notify(above.memsw.usage)
            above = above.parent

    def mapped_file(self, memcg: MemCgroup) -> int:
        """Return how many of the group's file pages are mapped."""
        frames = self.kernel.frames
        return sum(1 for pfn in memcg.cache if frames.pflags[pfn] & PG_FILE and frames.mapcount[pfn])


def _margin(memcg: MemCgroup) -> int:
    """Return how many pages there is room for."""
    return min(memcg.res.margin(), memcg.memsw.margin()) // PAGE_SIZE
