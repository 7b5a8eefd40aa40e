"""Object caches of one kernel, and the leak check at shutdown (mm/slab.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.hw.costs import OBJECT_NS
from procession.include.linux.bug import bug_on
from procession.include.linux.errno import Errno
from procession.include.linux.slab import KmemCache

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

__all__ = ("kmem_cache_create", "should_failslab", "slab_baseline", "slab_report", "slabinfo")


def kmem_cache_create(k: Kernel, name: str, size: int, cost_ns: int = OBJECT_NS) -> KmemCache:
    """Make the cache k.caches[name] for objects of size bytes that take cost_ns to make; a name is used once.

    Its objects take no frames, so that a guest could use up the host: they may come to half of the machine's memory.
    """
    bug_on(name in k.caches, "cache made twice", name)
    cache = k.caches[name] = KmemCache(k, name, size, cost_ns)
    cache.limit = k.mm.total_pages * 2048 // size
    return cache


def should_failslab(k: Kernel, what: str, errno: Errno = Errno.ENOMEM) -> None:
    """Raise errno if memory is to be refused that no cache here counts, since it is the host's."""
    if k.fault_attr is not None:
        k.fault_attr.ask(k, "slab", what, errno)


def slab_baseline(k: Kernel) -> dict[str, int]:
    """Return the objects alive in each cache, to be given to slab_report later."""
    return {name: cache.nr_active for name, cache in k.caches.items()}


def slab_report(k: Kernel, baseline: dict[str, int] | None = None) -> dict[str, int]:
    """Return by how many objects each cache differs from baseline (from empty without one), leaving out those at it."""
    baseline = baseline or {}
    changes = {name: cache.nr_active - baseline.get(name, 0) for name, cache in k.caches.items()}
    return {name: change for name, change in changes.items() if change}


def slabinfo(k: Kernel) -> list[tuple[str, int, int, int]]:
    """Return (name, active objects, object size, allocations so far) of all caches, in order of creation."""
    return [(cache.name, cache.nr_active, cache.size, cache.nr_allocs) for cache in k.caches.values()]
