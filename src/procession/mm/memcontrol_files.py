"""The memory controller: groups, moving, and its files (mm/memcontrol.c; spec cgroups B6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from procession.hw.memory import PG_CGROUP, PG_FILE
from procession.include.linux.cgroup import MEM_CGROUP_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.sched import signal_pending
from procession.kernel import cgroup
from procession.kernel.res_counter import ResCounter, res_counter_memparse_write_strategy
from procession.mm import memory
from procession.mm.memcontrol import (
    MEM_CGROUP_RECLAIM_RETRIES,
    SWAP_CLUSTER_MAX,
    MemCgroup,
    MemoryController,
    mem_cgroup_from_cont,
    mem_cgroup_from_task,
)

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("MemorySubsys",)

# Cftype.private.
_MEM: Final = 0
_MEMSWAP: Final = 1

MOVE_CHARGE_TYPE_ANON: Final = 1
MOVE_CHARGE_TYPE_FILE: Final = 2
_MAX_IDS: Final = 65535
_MAX_SWAPPINESS: Final = 100


def _counter(cgrp: Cgroup, cft: Cftype) -> ResCounter:
    memcg = mem_cgroup_from_cont(cgrp)
    return memcg.memsw if cft.private == _MEMSWAP else memcg.res


# Amounts.


def _max_usage_read(cgrp: Cgroup, cft: Cftype) -> int:
    return _counter(cgrp, cft).max_usage


def _max_usage_reset(current: Task, cgrp: Cgroup, cft: Cftype) -> None:
    counter = _counter(cgrp, cft)
    counter.max_usage = counter.usage


def _failcnt_read(cgrp: Cgroup, cft: Cftype) -> int:
    return _counter(cgrp, cft).failcnt


def _failcnt_reset(current: Task, cgrp: Cgroup, cft: Cftype) -> None:
    _counter(cgrp, cft).failcnt = 0


def _limit_read(cgrp: Cgroup, cft: Cftype) -> int:
    return _counter(cgrp, cft).limit


def _limit_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    """Set a limit; file pages go if that is needed. Raises EINVAL, EBUSY, EINTR (mem_cgroup_resize_limit)."""
    memcg = mem_cgroup_from_cont(cgrp)
    if memcg.is_root:
        raise LinuxError(Errno.EINVAL, "the top group has no limit")
    value = res_counter_memparse_write_strategy(text)
    counter = _counter(cgrp, cft)
    enlarge = counter.limit < value
    retries = MEM_CGROUP_RECLAIM_RETRIES * sum(1 for _ in memcg.subtree())
    controller = current.kernel.mm.memcg
    while True:
        if signal_pending(current):
            raise LinuxError(Errno.EINTR, "a signal")
        if (value < memcg.res.limit) if cft.private == _MEMSWAP else (memcg.memsw.limit < value):
            raise LinuxError(Errno.EINVAL, "memory and swap must not be less than memory")
        if counter.usage <= value:
            counter.set_limit(value)
            memcg.memsw_is_minimum = memcg.res.limit == memcg.memsw.limit
            break
        before = counter.usage
        if controller is not None:
            controller.reclaim(memcg, SWAP_CLUSTER_MAX)
        if counter.usage >= before:
            retries -= 1
            if not retries:
                raise LinuxError(Errno.EBUSY, "more is in use")
    if enlarge and controller is not None:
        controller.oom_recover(memcg)


def _soft_limit_read(cgrp: Cgroup, cft: Cftype) -> int:
    return mem_cgroup_from_cont(cgrp).res.soft_limit


def _soft_limit_write(current: Task, cgrp: Cgroup, cft: Cftype, text: bytes) -> None:
    mem_cgroup_from_cont(cgrp).res.soft_limit = res_counter_memparse_write_strategy(text)


# Flags.


def _parent_is_hierarchical(cgrp: Cgroup) -> bool:
    return cgrp.parent is not None and mem_cgroup_from_cont(cgrp.parent).use_hierarchy


def _check_hierarchy(cgrp: Cgroup) -> None:
    """Raise EINVAL in the midst of a hierarchy, of which only a root without groups below can be changed."""
    if _parent_is_hierarchical(cgrp) or (mem_cgroup_from_cont(cgrp).use_hierarchy and cgrp.children):
        raise LinuxError(Errno.EINVAL, "a part of a hierarchy")


def _hierarchy_read(cgrp: Cgroup, cft: Cftype) -> int:
    return int(mem_cgroup_from_cont(cgrp).use_hierarchy)


def _hierarchy_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if _parent_is_hierarchical(cgrp) or value > 1:
        raise LinuxError(Errno.EINVAL, "0 or 1, at the top of a hierarchy")
    if cgrp.children:
        raise LinuxError(Errno.EBUSY, "there are groups below")
    mem_cgroup_from_cont(cgrp).use_hierarchy = bool(value)


def _swappiness_read(cgrp: Cgroup, cft: Cftype) -> int:
    return mem_cgroup_from_cont(cgrp).swappiness


def _swappiness_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if value > _MAX_SWAPPINESS or cgrp.parent is None:
        raise LinuxError(Errno.EINVAL, "swappiness")
    _check_hierarchy(cgrp)
    mem_cgroup_from_cont(cgrp).swappiness = value


def _move_charge_read(cgrp: Cgroup, cft: Cftype) -> int:
    return mem_cgroup_from_cont(cgrp).move_charge_at_immigrate


def _move_charge_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if value & ~(MOVE_CHARGE_TYPE_ANON | MOVE_CHARGE_TYPE_FILE):
        raise LinuxError(Errno.EINVAL, "no such pages")
    mem_cgroup_from_cont(cgrp).move_charge_at_immigrate = value


def _oom_control_read(current: Task, cgrp: Cgroup, cft: Cftype) -> str:
    memcg = mem_cgroup_from_cont(cgrp)
    return f"oom_kill_disable {int(memcg.oom_kill_disable)}\nunder_oom {int(memcg.under_oom > 0)}\n"


def _oom_control_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if cgrp.parent is None or value > 1:
        raise LinuxError(Errno.EINVAL, "0 or 1")
    _check_hierarchy(cgrp)
    memcg = mem_cgroup_from_cont(cgrp)
    memcg.oom_kill_disable = bool(value)
    controller = current.kernel.mm.memcg
    if not value and controller is not None:
        controller.oom_recover(memcg)


# Events.


def _usage_register(cgrp: Cgroup, cft: Cftype, ctx: Any, args: bytes) -> None:
    threshold = res_counter_memparse_write_strategy(args)
    memcg = mem_cgroup_from_cont(cgrp)
    counter = _counter(cgrp, cft)
    thresholds = memcg.memsw_thresholds if cft.private == _MEMSWAP else memcg.thresholds
    thresholds.notify(counter.usage)  # somebody might hear of a crossing that was not looked at
    thresholds.entries.append((threshold, ctx))
    thresholds.entries.sort(key=_amount)
    thresholds.find_current(counter.usage)


def _amount(entry: tuple[int, Any]) -> int:
    return entry[0]


def _usage_unregister(cgrp: Cgroup, cft: Cftype, ctx: Any) -> None:
    memcg = mem_cgroup_from_cont(cgrp)
    thresholds = memcg.memsw_thresholds if cft.private == _MEMSWAP else memcg.thresholds
    usage = _counter(cgrp, cft).usage
    thresholds.notify(usage)
    thresholds.entries = [entry for entry in thresholds.entries if entry[1] is not ctx]
    thresholds.find_current(usage)


def _oom_register(cgrp: Cgroup, cft: Cftype, ctx: Any, args: bytes) -> None:
    memcg = mem_cgroup_from_cont(cgrp)
    memcg.oom_notify.append(ctx)
    if memcg.under_oom:
        ctx.signal(1)


def _oom_unregister(cgrp: Cgroup, cft: Cftype, ctx: Any) -> None:
    memcg = mem_cgroup_from_cont(cgrp)
    memcg.oom_notify = [other for other in memcg.oom_notify if other is not ctx]


# Groups.


class MemorySubsys(CgroupSubsys):
    """The controller.

    ids: how many groups there are besides the top one. moving: bytes charged for a move; source: the group that had
    them.
    """

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "memory", MEM_CGROUP_SUBSYS_ID)
        self.ids = 0
        self.moving = 0
        self.source: MemCgroup | None = None

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return the state of a group without memory; raises ENOSPC."""
        if cgrp.parent is None:
            return MemCgroup(cgrp, None)
        if self.ids + 1 >= _MAX_IDS:
            raise LinuxError(Errno.ENOSPC, "too many groups")
        self.ids += 1
        if self.kernel.mm.memcg is None:
            self.kernel.mm.memcg = MemoryController(self.kernel)
        return MemCgroup(cgrp, mem_cgroup_from_cont(cgrp.parent))

    def pre_destroy(self, current: Task, cgrp: Cgroup) -> None:
        """Leave what is charged to the group above; raises EBUSY, EINTR (mem_cgroup_force_empty)."""
        self._empty(current, cgrp)

    def destroy(self, cgrp: Cgroup) -> None:
        """Give the number back."""
        self.ids -= 1

    def _controller(self) -> MemoryController:
        controller = self.kernel.mm.memcg
        if controller is None:
            controller = self.kernel.mm.memcg = MemoryController(self.kernel)
        return controller

    def _empty(self, current: Task, cgrp: Cgroup) -> None:
        if cgroup.cgroup_task_count(cgrp) or cgrp.children:
            raise LinuxError(Errno.EBUSY, "not empty")
        if signal_pending(current):
            raise LinuxError(Errno.EINTR, "a signal")
        memcg = mem_cgroup_from_cont(cgrp)
        controller = self._controller()
        controller.drain_all_stock(memcg)
        assert cgrp.parent is not None
        above = mem_cgroup_from_cont(cgrp.parent)
        pages = [*memcg.rss, *memcg.cache]
        size = len(pages) * PAGE_SIZE
        if not above.is_root and memcg.parent is None:
            controller.drain_all_stock(above)
            if above.res.charge(size) is not None:
                raise LinuxError(Errno.EBUSY, "no room in the group above")
            above.memsw.charge_nofail(size)
        memcg.res.uncharge(size)
        memcg.memsw.uncharge(size)
        if memcg.parent is not None:
            above.res.charge_nofail(size)
            above.memsw.charge_nofail(size)
        for pfn in pages:
            self._reparent(controller, pfn, above)

    def _reparent(self, controller: MemoryController, pfn: int, to: MemCgroup) -> None:
        """Let another group have a page; what it costs has been moved."""
        memcg = controller.pages[pfn]
        anon = pfn in memcg.rss
        controller.forget(pfn)
        memcg.pgpgout += 1
        if to.is_root:
            self.kernel.frames.pflags[pfn] &= ~PG_CGROUP
        else:
            controller.commit(to, pfn, anon=anon)

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of every group."""
        return [
            self._usage_file("usage_in_bytes", _MEM),
            Cftype("max_usage_in_bytes", read_u64=_max_usage_read, trigger=_max_usage_reset),
            Cftype("limit_in_bytes", read_u64=_limit_read, write_string=_limit_write),
            Cftype("soft_limit_in_bytes", read_u64=_soft_limit_read, write_string=_soft_limit_write),
            Cftype("failcnt", read_u64=_failcnt_read, trigger=_failcnt_reset),
            Cftype("stat", read_seq=self._stat_read),
            Cftype("force_empty", trigger=self._force_empty),
            Cftype("use_hierarchy", read_u64=_hierarchy_read, write_u64=_hierarchy_write),
            Cftype("swappiness", read_u64=_swappiness_read, write_u64=_swappiness_write),
            Cftype("move_charge_at_immigrate", read_u64=_move_charge_read, write_u64=_move_charge_write),
            Cftype(
                "oom_control",
                read_seq=_oom_control_read,
                write_u64=_oom_control_write,
                register_event=_oom_register,
                unregister_event=_oom_unregister,
            ),
            self._usage_file("memsw.usage_in_bytes", _MEMSWAP),
            Cftype("memsw.max_usage_in_bytes", private=_MEMSWAP, read_u64=_max_usage_read, trigger=_max_usage_reset),
            Cftype("memsw.limit_in_bytes", private=_MEMSWAP, read_u64=_limit_read, write_string=_limit_write),
            Cftype("memsw.failcnt", private=_MEMSWAP, read_u64=_failcnt_read, trigger=_failcnt_reset),
        ]

    def _usage_file(self, name: str, kind: int) -> Cftype:
        return Cftype(
            name,
            private=kind,
            read_u64=self._usage_read,
            register_event=_usage_register,
            unregister_event=_usage_unregister,
        )

    def _force_empty(self, current: Task, cgrp: Cgroup, cft: Cftype) -> None:
        if cgroup.cgroup_task_count(cgrp) or cgrp.children:
            raise LinuxError(Errno.EBUSY, "not empty")
        # So it is not the top group, which has all tasks if it has no groups below.
        controller = self._controller()
        while controller.reclaim(mem_cgroup_from_cont(cgrp), SWAP_CLUSTER_MAX):
            pass
        self._empty(current, cgrp)

    # What is used.

    def _usage_read(self, cgrp: Cgroup, cft: Cftype) -> int:
        memcg = mem_cgroup_from_cont(cgrp)
        if not memcg.is_root:
            return _counter(cgrp, cft).usage
        return sum(sum(self._pages(each)) for each in memcg.subtree()) * PAGE_SIZE

    def _pages(self, memcg: MemCgroup) -> tuple[int, int]:
        """Return how many pages of files and how many anonymous ones a group has."""
        if not memcg.is_root:
            return len(memcg.cache), len(memcg.rss)
        k = self.kernel
        pages = self._controller().pages
        frames, cached, zero = k.frames, k.mm.page_cache, k.mm.zero_pfn
        others = sum(1 for pfn in cached if pfn in pages)
        anon = 0
        for pfn in range(1, k.mm.next_fresh):
            if frames.mapcount[pfn] and not frames.pflags[pfn] & PG_FILE and pfn != zero and pfn not in pages:
                anon += 1
        return len(cached) - others, anon

    def _counts(self, memcg: MemCgroup) -> list[int]:
        cache, rss = self._pages(memcg)
        mapped = self._controller().mapped_file(memcg)
        amounts = [cache, rss, mapped]
        faults = [memcg.pgfault, memcg.pgmajfault]
        lists = [0, rss, cache, 0, 0]
        return [
            *(n << PAGE_SHIFT for n in amounts),
            memcg.pgpgin,
            memcg.pgpgout,
            0,
            *faults,
            *(n << PAGE_SHIFT for n in lists),
        ]

    def _stat_read(self, current: Task, cgrp: Cgroup, cft: Cftype) -> str:
        memcg = mem_cgroup_from_cont(cgrp)
        own = self._counts(memcg)
        total = [sum(column) for column in zip(*(self._counts(each) for each in memcg.subtree()), strict=True)]
        limit, memsw_limit = memcg.res.limit, memcg.memsw.limit
        above = memcg.parent
        while above is not None:
            limit, memsw_limit = min(limit, above.res.limit), min(memsw_limit, above.memsw.limit)
            above = above.parent
        lines = [f"{name} {value}\n" for name, value in zip(_STAT_NAMES, own, strict=True)]
        lines += [f"hierarchical_memory_limit {limit}\n", f"hierarchical_memsw_limit {memsw_limit}\n"]
        lines += [f"total_{name} {value}\n" for name, value in zip(_STAT_NAMES, total, strict=True)]
        return "".join(lines)

    # Moving what a task has to the group that it comes to.

    def can_attach(self, current: Task, cgrp: Cgroup, p: Task) -> None:
        """Charge in advance what is to be moved; raises ENOMEM if the group has no room for it."""
        self.moving = 0
        memcg = mem_cgroup_from_cont(cgrp)
        if not memcg.move_charge_at_immigrate:
            return
        self.source = mem_cgroup_from_task(p)
        size = len(self._movable(memcg, p)) * PAGE_SIZE
        if not memcg.is_root:
            controller = self._controller()
            while memcg.res.charge(size) is not None:
                if not controller.reclaim(memcg, SWAP_CLUSTER_MAX):
                    raise LinuxError(Errno.ENOMEM, "no room for what it has")
            memcg.memsw.charge_nofail(size)
        self.moving = size

    def cancel_attach(self, cgrp: Cgroup, p: Task) -> None:
        """Give back what was charged in advance."""
        self._give_back(mem_cgroup_from_cont(cgrp), self.moving)
        self.moving = 0

    def _give_back(self, memcg: MemCgroup, size: int) -> None:
        if not memcg.is_root:
            memcg.res.uncharge(size)
            memcg.memsw.uncharge(size)

    def _movable(self, memcg: MemCgroup, p: Task) -> list[int]:
        """Return the frames that p's memory maps and p's group has paid for, of the kinds to be moved.

        An anonymous page stays if more than two map it (is_target_pte_for_mc).
        """
        mm = p.mm
        if mm is None or mm.owner is not p:
            return []
        frames, pages = self.kernel.frames, self._controller().pages
        kinds = memcg.move_charge_at_immigrate
        source = None if self.source is None or self.source.is_root else self.source
        found = []
        for pfn in _mapped_frames(self.kernel, mm):
            is_file = frames.pflags[pfn] & PG_FILE
            wanted = MOVE_CHARGE_TYPE_FILE if is_file else MOVE_CHARGE_TYPE_ANON
            few = is_file or frames.mapcount[pfn] <= 2
            if pages.get(pfn) is source and kinds & wanted and few and pfn != self.kernel.mm.zero_pfn:
                found.append(pfn)
        return found

    async def attach(self, current: Task, cgrp: Cgroup, old_cgrp: Cgroup, p: Task) -> None:
        """Move what was charged in advance."""
        if not self.moving:
            return
        memcg = mem_cgroup_from_cont(cgrp)
        controller = self._controller()
        left = self.moving
        self.moving = 0
        for pfn in self._movable(memcg, p):
            if not left:
                break
            left -= PAGE_SIZE
            anon = not self.kernel.frames.pflags[pfn] & PG_FILE
            if pfn in controller.pages:
                controller.uncharge_page(pfn)
            if memcg.is_root:
                self.kernel.frames.pflags[pfn] &= ~PG_CGROUP
            else:
                controller.commit(memcg, pfn, anon=anon)
        self._give_back(memcg, left)
        self.source = None


_STAT_NAMES: Final = (
    "cache",
    "rss",
    "mapped_file",
    "pgpgin",
    "pgpgout",
    "swap",
    "pgfault",
    "pgmajfault",
    "inactive_anon",
    "active_anon",
    "inactive_file",
    "active_file",
    "unevictable",
)


def _mapped_frames(k: Kernel, mm: MmStruct) -> list[int]:
    """Return the frames that an address space maps, or would if it touched its files, each once."""
    found: dict[int, None] = {}
    for vma in mm.mmap:
        cached = vma.vm_file.f_path.dentry.d_inode.mapping if vma.vm_file is not None else {}
        for address in range(vma.vm_start, vma.vm_end, PAGE_SIZE):
            pfn = memory.follow_page(k, mm, address)
            if pfn < 0:
                pfn = cached.get((address - vma.vm_start >> PAGE_SHIFT) + vma.vm_pgoff, -1)
            if pfn >= 0:
                found[pfn] = None
    return list(found)
