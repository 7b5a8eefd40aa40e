"""/proc/meminfo and vmstat (fs/proc/meminfo.c, mm/vmstat.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.mm import page_alloc, slab

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("meminfo_proc_show", "vmstat_show")

VMALLOC_KB: Final = 34359738367
KERNEL_STACK_KB: Final = 8


def meminfo_proc_show(current: Task) -> bytes:
    """Return where the memory is, in KiB. Differs: the kernel's own objects take none of it, and nothing is swapped."""
    k = current.kernel
    free = page_alloc.nr_free_pages(k)
    cached = len(k.mm.page_cache)
    mms = {t.mm: None for p in k.tasks for t in p.signal.threads if t.mm is not None}
    tables = sum(mm.nr_ptes for mm in mms)
    anon = sum(mm.rss_anon for mm in mms)
    mapped = sum(mm.rss_file for mm in mms)
    slab_kb = sum(count * size for _, count, size, _ in slab.slabinfo(k)) >> 10
    limit = k.mm.total_pages * k.mm.overcommit_ratio // 100
    rows = (
        ("MemTotal", k.mm.total_pages * 4),
        ("MemFree", free * 4),
        ("Buffers", 0),
        ("Cached", cached * 4),
        ("SwapCached", 0),
        ("Active", (anon + mapped) * 4),
        ("Inactive", max(0, cached - mapped) * 4),
        ("Active(anon)", anon * 4),
        ("Inactive(anon)", 0),
        ("Active(file)", mapped * 4),
        ("Inactive(file)", max(0, cached - mapped) * 4),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", anon * 4),
        ("Mapped", mapped * 4),
        ("Shmem", 0),
        ("Slab", slab_kb),
        ("SReclaimable", 0),
        ("SUnreclaim", slab_kb),
        ("KernelStack", k.nr_threads * KERNEL_STACK_KB),
        ("PageTables", tables * 4),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("CommitLimit", limit * 4),
        ("Committed_AS", k.mm.vm_committed * 4),
        ("VmallocTotal", VMALLOC_KB),
        ("VmallocUsed", 0),
        ("VmallocChunk", VMALLOC_KB),
    )
    return "".join(f"{name + ':':<16}{value:8d} kB\n" for name, value in rows).encode()


def vmstat_show(current: Task) -> bytes:
    """Return the counters that exist here."""
    k = current.kernel
    faults = sum(t.min_flt + t.maj_flt for p in k.tasks for t in p.signal.threads)
    majors = sum(t.maj_flt for p in k.tasks for t in p.signal.threads)
    return (
        f"nr_free_pages {page_alloc.nr_free_pages(k)}\nnr_file_pages {len(k.mm.page_cache)}\npgpgin 0\npgpgout 0\n"
        f"pswpin 0\npswpout 0\npgfault {faults}\npgmajfault {majors}\n"
    ).encode()
