"""/proc/slabinfo (mm/slab.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.mm_types import PAGE_SIZE
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("slabinfo_show",)


def slabinfo_show(current: Task) -> bytes:
    """Return the object caches. Differs: objects are counted, not packed into pages, so every slab is full."""
    lines = [
        "slabinfo - version: 2.1\n",
        (
            "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> "
            "<batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
        ),
    ]
    for name, active, size, _ in slab.slabinfo(current.kernel):
        pages = 1 if size <= PAGE_SIZE else (size + PAGE_SIZE - 1) // PAGE_SIZE
        per_slab = max(1, pages * PAGE_SIZE // max(size, 1))
        slabs = -(-active // per_slab)
        lines.append(
            f"{name:<17} {active:6d} {active:6d} {size:6d} {per_slab:4d} {pages:4d} : tunables {0:4d} {0:4d} {0:4d} : "
            f"slabdata {slabs:6d} {slabs:6d} {0:6d}\n"
        )
    return "".join(lines).encode()
