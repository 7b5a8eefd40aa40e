"""/proc/vmstat, zoneinfo, buddyinfo and pagetypeinfo (mm/vmstat.c; spec proc-kthreads 3).

Differs: frames are handed out one by one, so that what was used and is free again lies in no larger blocks; nothing is
reclaimed in the background, written back, swapped, compacted or of another size than 4 KiB: all those counters are 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from procession.hw.memory import PG_FILE
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE
from procession.kernel import sysctl_vm
from procession.mm import page_alloc, slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("NodeState", "buddyinfo_show", "node_state", "pagetypeinfo_show", "vmstat_show", "zoneinfo_show")

MAX_ORDER: Final = 11
PAGEBLOCK_ORDER: Final = 9
KERNEL_STACK_PAGES: Final = 2
_DMA32_END: Final = 1 << 32 - PAGE_SHIFT
_MIGRATE_TYPES: Final = ("Unmovable", "Reclaimable", "Movable", "Reserve", "Isolate")
_ZONE_EVENTS: Final = ("dma32", "normal", "movable")


class NodeState(NamedTuple):
    """Where the memory is, in pages (vm_stat)."""

    free: int
    anon: int
    mapped: int
    cached: int
    mlocked: int
    slab: int
    tables: int
    stacks: int
    shmem: int


def node_state(k: Kernel) -> NodeState:
    """Return the counters, each page counted once, whoever maps it."""
    frames = k.frames
    mapcount, pflags = frames.mapcount, frames.pflags
    mapped = [pfn for pfn, count in enumerate(mapcount[: k.mm.next_fresh].tolist()) if count]
    files = sum(1 for pfn in mapped if pflags[pfn] & PG_FILE)
    mms = {t.mm: None for p in k.tasks for t in p.signal.threads if t.mm is not None}
    shm = k.mm.shm_mnt
    shmem = 0 if shm is None else sum(inode.i_sb is shm.mnt_sb for inode, _ in k.mm.page_cache.values())
    return NodeState(
        free=page_alloc.nr_free_pages(k),
        anon=len(mapped) - files,
        mapped=files,
        cached=len(k.mm.page_cache),
        mlocked=sum(mm.locked_vm for mm in mms),
        slab=sum(count * size for _, count, size, _ in slab.slabinfo(k)) >> PAGE_SHIFT,
        tables=sum(mm.nr_ptes for mm in mms),
        stacks=k.nr_threads,
        shmem=shmem,
    )


def _zone_counters(state: NodeState) -> tuple[tuple[str, int], ...]:
    """Return the counters that each zone has (vmstat_text, as far as zones)."""
    unevictable = min(state.mlocked, state.anon)
    return (
        ("nr_free_pages", state.free),
        ("nr_inactive_anon", 0),
        ("nr_active_anon", state.anon - unevictable),
        ("nr_inactive_file", state.cached - state.mapped),
        ("nr_active_file", state.mapped),
        ("nr_unevictable", unevictable),
        ("nr_mlock", unevictable),
        ("nr_anon_pages", state.anon),
        ("nr_mapped", state.mapped),
        ("nr_file_pages", state.cached),
        ("nr_dirty", 0),
        ("nr_writeback", 0),
        ("nr_slab_reclaimable", 0),
        ("nr_slab_unreclaimable", state.slab),
        ("nr_page_table_pages", state.tables),
        ("nr_kernel_stack", state.stacks),
        ("nr_unstable", 0),
        ("nr_bounce", 0),
        ("nr_vmscan_write", 0),
        ("nr_vmscan_immediate_reclaim", 0),
        ("nr_writeback_temp", 0),
        ("nr_isolated_anon", 0),
        ("nr_isolated_file", 0),
        ("nr_shmem", state.shmem),
        ("nr_dirtied", 0),
        ("nr_written", 0),
        ("nr_anon_transparent_hugepages", 0),
    )


def vmstat_show(current: Task) -> bytes:
    """Return the counters of the machine."""
    k = current.kernel
    state = node_state(k)
    dirtyable = state.free + state.cached - state.shmem
    background = dirtyable * k.sysctls.get("dirty_background_ratio", 10) // 100
    rows = [
        *_zone_counters(state),
        ("nr_dirty_threshold", dirtyable * k.sysctls.get("dirty_ratio", 20) // 100),
        ("nr_dirty_background_threshold", background),
        *_events(k),
    ]
    return "".join([f"{name} {value}\n" for name, value in rows]).encode()


def _events(k: Kernel) -> list[tuple[str, int]]:
    """Return what has happened since boot (vm_event_item)."""
    used = k.mm.total_pages - page_alloc.nr_free_pages(k)
    none = ["pgpgin", "pgpgout", "pswpin", "pswpout"]
    rows = [(name, 0) for name in none]
    rows += [("pgalloc_dma32", k.mm.pgalloc), ("pgalloc_normal", 0), ("pgalloc_movable", 0)]
    rows += [("pgfree", max(0, k.mm.pgalloc - used)), ("pgactivate", 0), ("pgdeactivate", 0)]
    rows += [("pgfault", k.mm.pgminfault + k.mm.pgmajfault), ("pgmajfault", k.mm.pgmajfault)]
    for event in ("pgrefill", "pgsteal", "pgscan_kswapd", "pgscan_direct"):
        rows += [(f"{event}_{zone}", 0) for zone in _ZONE_EVENTS]
    return rows + [(name, 0) for name in _NEVER]


_NEVER: Final = (
    "pginodesteal",
    "slabs_scanned",
    "kswapd_steal",
    "kswapd_inodesteal",
    "kswapd_low_wmark_hit_quickly",
    "kswapd_high_wmark_hit_quickly",
    "kswapd_skip_congestion_wait",
    "pageoutrun",
    "allocstall",
    "pgrotated",
    "htlb_buddy_alloc_success",
    "htlb_buddy_alloc_fail",
    "unevictable_pgs_culled",
    "unevictable_pgs_scanned",
    "unevictable_pgs_rescued",
    "unevictable_pgs_mlocked",
    "unevictable_pgs_munlocked",
    "unevictable_pgs_cleared",
    "unevictable_pgs_stranded",
    "unevictable_pgs_mlockfreed",
)


# Zones: what a device with 32 bits of address reaches, and the rest.


def _zones(k: Kernel) -> list[tuple[str, int, int]]:
    """Return (name, first frame, end)."""
    total = k.mm.total_pages
    zones = [("DMA32", 0, min(total, _DMA32_END))]
    return [*zones, ("Normal", _DMA32_END, total)] if total > _DMA32_END else zones


def _free_area(k: Kernel, start: int, end: int) -> list[int]:
    """Return how many free blocks of each order there are: what was never used is in as large ones as it can be."""
    counts = [0] * MAX_ORDER
    counts[0] = sum(start <= pfn < end for pfn in k.mm.free_list)
    pfn = max(start, k.mm.next_fresh)
    while pfn < end:
        order = MAX_ORDER - 1
        while pfn & (1 << order) - 1 or pfn + (1 << order) > end:
            order -= 1
        counts[order] += 1
        pfn += 1 << order
    return counts


def buddyinfo_show(current: Task) -> bytes:
    """Return the free blocks of each order."""
    k = current.kernel
    lines = []
    for name, start, end in _zones(k):
        counts = "".join([f"{count:6d} " for count in _free_area(k, start, end)])
        lines.append(f"Node 0, zone {name:>8} {counts}\n")
    return "".join(lines).encode()


def pagetypeinfo_show(current: Task) -> bytes:
    """Return the free blocks by what they may be used for. Differs: all of them can be moved."""
    k = current.kernel
    orders = "".join([f"{order:6d} " for order in range(MAX_ORDER)])
    lines = [f"Page block order: {PAGEBLOCK_ORDER}\nPages per block:  {1 << PAGEBLOCK_ORDER}\n\n"]
    lines.append(f"{'Free pages count per migrate type at order':<43} {orders}\n")
    for name, start, end in _zones(k):
        free = _free_area(k, start, end)
        for kind in _MIGRATE_TYPES:
            counts = "".join([f"{count if kind == 'Movable' else 0:6d} " for count in free])
            lines.append(f"Node    0, zone {name:>8}, type {kind:>12} {counts}\n")
    lines.append(f"\n{'Number of blocks type':<23}" + "".join([f"{kind:>12} " for kind in _MIGRATE_TYPES]) + "\n")
    for name, start, end in _zones(k):
        blocks = end - start + (1 << PAGEBLOCK_ORDER) - 1 >> PAGEBLOCK_ORDER
        counts = "".join([f"{blocks if kind == 'Movable' else 0:12d} " for kind in _MIGRATE_TYPES])
        lines.append(f"Node 0, zone {name:>8} {counts}\n")
    return "".join(lines).encode()


def zoneinfo_show(current: Task) -> bytes:
    """Return each zone's counters and watermarks."""
    k = current.kernel
    zones = _zones(k)
    state = node_state(k)
    lines = []
    for name, start, end in zones:
        free = sum(count << order for order, count in enumerate(_free_area(k, start, end)))
        # All that is used counts for the zone that is used first.
        counters = _zone_counters(state if not start else NodeState(*[0] * len(state)))
        lines += [f"Node 0, zone {name:>8}\n", f"  pages free     {free}\n"]
        low = sysctl_vm.min_free_kbytes(k) * (end - start) // (k.mm.total_pages * (PAGE_SIZE >> 10))
        marks = (("min", low), ("low", low + low // 4), ("high", low + low // 2), ("scanned", 0))
        lines += [f"        {mark:<8} {value}\n" for mark, value in marks]
        lines += [f"        spanned  {end - start}\n", f"        present  {end - start}\n"]
        lines += [f"    {text:<12} {free if text == 'nr_free_pages' else value}\n" for text, value in counters]
        lines.append("        protection: (0, 0, 0)\n  pagesets\n")
        for cpu in range(k.nr_cpus):
            lines += [f"    cpu: {cpu}\n", "              count: 0\n", "              high:  0\n"]
            lines.append("              batch: 1\n")
            if k.nr_cpus > 1:
                lines.append("  vm stats threshold: 1\n")
        lines.append(f"  all_unreclaimable: 0\n  start_pfn:         {start}\n  inactive_ratio:    1\n")
    return "".join(lines).encode()
