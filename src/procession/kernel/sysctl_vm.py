"""/proc/sys/vm (the vm_table of kernel/sysctl.c; spec proc-kthreads 5).

Differs: nothing is written back, swapped or compacted here, so that what says when and how much is stored and read, and
no more; there are no huge pages to be had.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from procession.include.linux.cred import CAP_SYS_RAWIO
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import INT_MAX, UINT_MAX, ULONG_MAX
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.time import HZ
from procession.kernel import capability
from procession.kernel.sysctl import CtlTable, PutInt, each_long, int_table, proc_dointvec, proc_doulongvec_minmax
from procession.mm import filemap

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = ("stored_int", "stored_long", "vm_table")

Store: TypeAlias = "Callable[[Task, UserPtr, int], int]"

_LOWMEM_RESERVE: Final = (256, 32)
_LONG_MAX: Final = ULONG_MAX >> 1
_MIN_FREE_KB: Final = (128, 65536)


# Values that are only kept.


def stored_int(name: str, default: int, low: int = -INT_MAX - 1, high: int = INT_MAX) -> CtlTable:
    """An int that lives in Kernel.sysctls, with its bounds."""

    def put(k: Kernel, value: int) -> None:
        k.sysctls[name] = value

    return int_table(lambda k: k.sysctls.get(name, default), put, low, high)


def stored_long(name: str, default: int, low: int = 0, high: int = ULONG_MAX) -> CtlTable:
    """An unsigned long that lives in Kernel.sysctls; out of its bounds it is passed over."""

    def put(k: Kernel, value: int) -> None:
        k.sysctls[name] = value

    def show(current: Task) -> bytes:
        return b"%d\n" % current.kernel.sysctls.get(name, default)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        return proc_doulongvec_minmax(current, buf, count, put, low, high)

    return CtlTable(0o644, show, store)


def stored_seconds(name: str, default: int) -> CtlTable:
    """Seconds, kept as an int of jiffies, of which too many are cut (proc_dointvec_jiffies)."""

    def show(current: Task) -> bytes:
        jiffies = current.kernel.sysctls.get(name, default * HZ)
        return b"%d\n" % (-(-jiffies // HZ) if jiffies < 0 else jiffies // HZ)

    def store(current: Task, buf: UserPtr, count: int) -> int:
        def put(_field: int, value: int, negative: bool) -> None:
            if value > _LONG_MAX // HZ:
                raise LinuxError(Errno.EINVAL, "too many seconds")
            jiffies = -value * HZ if negative else value * HZ
            current.kernel.sysctls[name] = (jiffies + INT_MAX + 1 & UINT_MAX) - INT_MAX - 1

        return each_long(current, buf, count, 1, put)

    return CtlTable(0o644, show, store)


def _constant(value: int) -> CtlTable:
    return CtlTable(0o444, lambda _: b"%d\n" % value)


# The two ways to say how much may be dirty: either of them puts the other to 0.


def _dirty(ratio: str, size: str, default: int, low: int) -> dict[str, Any]:
    """Return the pair; low: the least number of bytes."""

    def put_ratio(k: Kernel, value: int) -> None:
        k.sysctls[ratio] = value
        k.sysctls[size] = 0

    def put_size(k: Kernel, value: int) -> None:
        k.sysctls[size] = value
        k.sysctls[ratio] = 0

    def show_size(current: Task) -> bytes:
        return b"%d\n" % current.kernel.sysctls.get(size, 0)

    def store_size(current: Task, buf: UserPtr, count: int) -> int:
        return proc_doulongvec_minmax(current, buf, count, put_size, low)

    return {
        ratio: int_table(lambda k: k.sysctls.get(ratio, default), put_ratio, 0, 100),
        size: CtlTable(0o644, show_size, store_size),
    }


# Values with something behind them.


def _put_overcommit_memory(k: Kernel, value: int) -> None:
    k.mm.overcommit_memory = value


def _put_overcommit_ratio(k: Kernel, value: int) -> None:
    k.mm.overcommit_ratio = value


def _put_max_map_count(k: Kernel, value: int) -> None:
    k.mm.max_map_count = value


def _put_mmap_min_addr(k: Kernel, value: int) -> None:
    k.mm.mmap_min_addr = value


def _put_panic_on_oom(k: Kernel, value: int) -> None:
    k.mm.panic_on_oom = value


def _put_oom_kill_allocating_task(k: Kernel, value: int) -> None:
    k.mm.oom_kill_allocating_task = value


def _put_oom_dump_tasks(k: Kernel, value: int) -> None:
    k.mm.oom_dump_tasks = value


def _store_mmap_min_addr(current: Task, buf: UserPtr, count: int) -> int:
    if not capability.capable(current, CAP_SYS_RAWIO):
        raise LinuxError(Errno.EPERM, "needs CAP_SYS_RAWIO")
    return proc_doulongvec_minmax(current, buf, count, _put_mmap_min_addr)


def _show_mmap_min_addr(current: Task) -> bytes:
    return b"%d\n" % current.kernel.mm.mmap_min_addr


def _put_drop_caches(k: Kernel, value: int) -> None:
    """Drop what is clean and not mapped; there are no caches of objects that could be given up (drop_caches)."""
    k.sysctls["drop_caches"] = value
    if value & 1:
        filemap.shrink_page_cache(k, len(k.mm.page_cache))


def _show_lowmem_reserve(current: Task) -> bytes:
    first, second = _LOWMEM_RESERVE
    sysctls = current.kernel.sysctls
    return b"%d\t%d\n" % (sysctls.get("lowmem_reserve_0", first), sysctls.get("lowmem_reserve_1", second))


def _put_lowmem_reserve(field: int) -> PutInt:
    # A ratio that could not be divided by is 1 (setup_per_zone_lowmem_reserve).
    def put(k: Kernel, value: int) -> None:
        k.sysctls[f"lowmem_reserve_{field}"] = max(value, 1)

    return put


def _store_lowmem_reserve(current: Task, buf: UserPtr, count: int) -> int:
    return proc_dointvec(current, buf, count, [_put_lowmem_reserve(0), _put_lowmem_reserve(1)])


def min_free_kbytes(k: Kernel) -> int:
    """Return what the page allocator should keep back: the root of 16 times the memory, in KiB."""
    low, high = _MIN_FREE_KB
    value = isqrt(k.mm.total_pages * (PAGE_SIZE >> 10) * 16)
    return k.sysctls.get("min_free_kbytes", min(max(value, low), high))


def _store_min_free_kbytes(current: Task, buf: UserPtr, count: int) -> int:
    """Take whatever is written: what is wrong with it is not told (min_free_kbytes_sysctl_handler)."""

    def put(k: Kernel, value: int) -> None:
        if value >= 0:
            k.sysctls["min_free_kbytes"] = value

    try:
        return proc_dointvec(current, buf, count, [put])
    except LinuxError:
        return count


def _store_nothing(current: Task, buf: UserPtr, count: int) -> int:
    """Take a number that changes nothing: what it would do is done at once, or there is nothing to do it to."""
    return proc_doulongvec_minmax(current, buf, count, lambda _k, _value: None)


def _store_scan_unevictable(current: Task, buf: UserPtr, count: int) -> int:
    """Take whatever is written as well (scan_unevictable_handler)."""
    try:
        return _store_nothing(current, buf, count)
    except LinuxError:
        return count


def _zero(store: Store) -> CtlTable:
    return CtlTable(0o644, lambda _: b"0\n", store)


def _sizes() -> dict[str, Any]:
    """Return the part about reserves and huge pages."""
    return {
        "nr_hugepages": _zero(_store_nothing),
        "hugetlb_shm_group": stored_int("hugetlb_shm_group", 0),
        "hugepages_treat_as_movable": stored_int("hugepages_treat_as_movable", 0),
        "nr_overcommit_hugepages": stored_long("nr_overcommit_hugepages", 0),
        "lowmem_reserve_ratio": CtlTable(0o644, _show_lowmem_reserve, _store_lowmem_reserve),
        "drop_caches": int_table(lambda k: k.sysctls.get("drop_caches", 0), _put_drop_caches, 1, 3),
        "min_free_kbytes": CtlTable(
            0o644, lambda current: b"%d\n" % min_free_kbytes(current.kernel), _store_min_free_kbytes
        ),
        "percpu_pagelist_fraction": stored_int("percpu_pagelist_fraction", 0, 8),
    }


def vm_table() -> dict[str, Any]:
    """Return /proc/sys/vm, in 3.2's order."""
    return {
        "overcommit_memory": int_table(lambda k: k.mm.overcommit_memory, _put_overcommit_memory, 0, 2),
        "panic_on_oom": int_table(lambda k: k.mm.panic_on_oom, _put_panic_on_oom, 0, 2),
        "oom_kill_allocating_task": int_table(lambda k: k.mm.oom_kill_allocating_task, _put_oom_kill_allocating_task),
        "oom_dump_tasks": int_table(lambda k: k.mm.oom_dump_tasks, _put_oom_dump_tasks),
        "overcommit_ratio": int_table(lambda k: k.mm.overcommit_ratio, _put_overcommit_ratio),
        "page-cluster": stored_int("page-cluster", 3, 0),
        **_dirty("dirty_background_ratio", "dirty_background_bytes", 10, 1),
        **_dirty("dirty_ratio", "dirty_bytes", 20, 2 * PAGE_SIZE),
        "dirty_writeback_centisecs": stored_int("dirty_writeback_centisecs", 500),
        "dirty_expire_centisecs": stored_int("dirty_expire_centisecs", 3000, 0),
        "nr_pdflush_threads": _constant(0),
        "swappiness": stored_int("swappiness", 60, 0, 100),
        **_sizes(),
        "max_map_count": int_table(lambda k: k.mm.max_map_count, _put_max_map_count, 0),
        "laptop_mode": stored_seconds("laptop_mode", 0),
        "block_dump": stored_int("block_dump", 0),
        "vfs_cache_pressure": stored_int("vfs_cache_pressure", 100),
        "legacy_va_layout": stored_int("legacy_va_layout", 0),
        "stat_interval": stored_seconds("stat_interval", 1),
        "mmap_min_addr": CtlTable(0o644, _show_mmap_min_addr, _store_mmap_min_addr),
        "scan_unevictable_pages": _zero(_store_scan_unevictable),
    }
