"""/proc/meminfo (fs/proc/meminfo.c; spec proc-kthreads 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.fs.proc import vmstat
from procession.include.linux.mm_types import HPAGE_SIZE

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("meminfo_proc_show",)

VMALLOC_KB: Final = 34359738367
HUGEPAGE_KB: Final = HPAGE_SIZE >> 10


def meminfo_proc_show(current: Task) -> bytes:
    """Return where the memory is, in KiB. Differs: the kernel's own objects take none of it, and nothing is swapped."""
    k = current.kernel
    state = vmstat.node_state(k)
    unevictable = min(state.mlocked, state.anon)
    slab_kb = state.slab * 4
    limit = k.mm.total_pages * k.mm.overcommit_ratio // 100
    active, inactive_file = state.anon - unevictable, state.cached - state.mapped
    rows = (
        ("MemTotal", k.mm.total_pages * 4),
        ("MemFree", state.free * 4),
        ("Buffers", 0),
        ("Cached", state.cached * 4),
        ("SwapCached", 0),
        ("Active", (active + state.mapped) * 4),
        ("Inactive", inactive_file * 4),
        ("Active(anon)", active * 4),
        ("Inactive(anon)", 0),
        ("Active(file)", state.mapped * 4),
        ("Inactive(file)", inactive_file * 4),
        ("Unevictable", unevictable * 4),
        ("Mlocked", unevictable * 4),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", state.anon * 4),
        ("Mapped", state.mapped * 4),
        ("Shmem", state.shmem * 4),
        ("Slab", slab_kb),
        ("SReclaimable", 0),
        ("SUnreclaim", slab_kb),
        ("KernelStack", state.stacks * vmstat.KERNEL_STACK_PAGES * 4),
        ("PageTables", state.tables * 4),
        ("NFS_Unstable", 0),
        ("Bounce", 0),
        ("WritebackTmp", 0),
        ("CommitLimit", limit * 4),
        ("Committed_AS", k.mm.vm_committed * 4),
        ("VmallocTotal", VMALLOC_KB),
        ("VmallocUsed", 0),
        ("VmallocChunk", VMALLOC_KB),
    )
    lines = [f"{name + ':':<16}{value:8d} kB\n" for name, value in rows]
    lines += [f"{f'HugePages_{name}:':<16}{0:8d}\n" for name in ("Total", "Free", "Rsvd", "Surp")]
    lines.append(f"{'Hugepagesize:':<16}{HUGEPAGE_KB:8d} kB\n")
    mapped_large = k.mm.total_pages * 4 // HUGEPAGE_KB * HUGEPAGE_KB
    for name, size_kb in (("DirectMap4k", k.mm.total_pages * 4 - mapped_large), ("DirectMap2M", mapped_large)):
        lines.append(f"{name + ':':<12}{size_kb:12d} kB\n")
    return "".join(lines).encode()
