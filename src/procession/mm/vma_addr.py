"""Which file an address of a program belongs to, for messages (print_vma_addr of mm/memory.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import dcache
from procession.mm import mmap

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("print_vma_addr",)


def print_vma_addr(current: Task, prefix: str, ip: int) -> str:
    """Return prefix and what stands at ip or next above, as file[start+size]; nothing if that is no file."""
    mm = current.mm
    assert mm is not None
    with mm.mmap_sem.read():
        vma = mmap.find_vma(mm, ip)
        if vma is None or vma.vm_file is None:
            return ""
        name = dcache.d_path(vma.vm_file.f_path).rpartition("/")[2]
        return f"{prefix}{name}[{vma.vm_start:x}+{vma.vm_end - vma.vm_start:x}]"
