"""What tasks that ask for a disk's time have of it: shared, copied, let go (block/blk-ioc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.iocontext import IoContext
from procession.include.linux.ioprio import ioprio_valid
from procession.include.linux.sched import CLONE_IO
from procession.mm import slab

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("alloc_io_context", "blk_ioc_init", "copy_io", "exit_io_context")


def blk_ioc_init(k: Kernel) -> None:
    """Make the cache."""
    slab.kmem_cache_create(k, "blkdev_ioc", 104)


def alloc_io_context(k: Kernel) -> IoContext:
    """Return a new one, of one task; raises ENOMEM."""
    k.caches["blkdev_ioc"].alloc()
    return IoContext()


def copy_io(current: Task, p: Task, clone_flags: int) -> None:
    """Let a newborn share its parent's, or have one of the same priority if that was ever set; raises ENOMEM."""
    ioc = current.io_context
    if ioc is None:
        return
    if clone_flags & CLONE_IO:
        ioc.nr_tasks += 1
        p.io_context = ioc
    elif ioprio_valid(ioc.ioprio):
        new = alloc_io_context(current.kernel)
        new.ioprio = ioc.ioprio
        p.io_context = new


def exit_io_context(p: Task) -> None:
    """Take a task's away; the last one who shares it frees it."""
    if p.io_context is None:
        return
    with p.alloc_lock:
        ioc, p.io_context = p.io_context, None
    ioc.nr_tasks -= 1
    if not ioc.nr_tasks:
        p.kernel.caches["blkdev_ioc"].free()
