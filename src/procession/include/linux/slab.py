"""Object caches: what is counted when kernel objects are made and freed (include/linux/slab.h).

The objects are Python's; the cache counts them, so that a leak shows, and is where allocations can be made to fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.bug import bug
from procession.include.linux.errno import Errno, LinuxError

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel

KMALLOC_MAX_SIZE: Final = 1 << 22  # bytes, what the page allocator gives in one piece


class KmemCache:
    """A named cache: alloc() before an object is made, free() when it is given up."""

    __slots__ = ("cost_ns", "kernel", "limit", "name", "nr_active", "nr_allocs", "size")

    def __init__(self, k: Kernel, name: str, size: int, cost_ns: int) -> None:
        self.kernel = k
        self.name = name
        self.size = size  # of the C object, bytes, for /proc/slabinfo
        self.cost_ns = cost_ns  # of one object, see hw/costs.py
        self.nr_active = 0
        self.nr_allocs = 0
        self.limit = 1 << 62  # how many there is memory for

    def alloc(self) -> None:
        """Count one more object; raises ENOMEM beyond the limit, or when told to fail."""
        if self.nr_active >= self.limit:
            raise LinuxError(Errno.ENOMEM, f"no memory for {self.name}")
        k = self.kernel
        if k.fault_attr is not None:
            k.fault_attr.ask(k, "slab", self.name, Errno.ENOMEM)
        if k.sched.runqueues:  # as soon as somebody is current
            k.clock.now_ns += self.cost_ns
            k.current.stime += self.cost_ns
        self.nr_active += 1
        self.nr_allocs += 1

    def free(self) -> None:
        """Count one object less."""
        if self.nr_active <= 0:
            bug("slab object freed twice", self.name)
        self.nr_active -= 1
