"""Look at a program's memory without touching it: nothing is faulted in, no counter moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.mm_types import PAGE_SIZE
from procession.mm import gup, mmap

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct

__all__ = ("peek",)


def peek(k: Kernel, mm: MmStruct, address: int, size: int) -> bytes | None:
    """Return what the program would read at address, None where it has no memory."""
    out = []
    while size > 0:
        part = min(PAGE_SIZE - address % PAGE_SIZE, size)
        data = gup.peek(k, mm, address, part)
        if data is None:
            data = _absent(mm, address, part)
        if data is None:
            return None
        out.append(data)
        address += part
        size -= part
    return b"".join(out)


def _absent(mm: MmStruct, address: int, size: int) -> bytes | None:
    """Return what a page that is not in memory yet will hold: the file's contents, or zeros."""
    vma = mmap.find_vma(mm, address)
    if vma is None or address < vma.vm_start:
        return None
    if vma.vm_file is None:
        return bytes(size)
    index = vma.vm_pgoff + (address - vma.vm_start) // PAGE_SIZE
    inode = vma.vm_file.inode
    if index * PAGE_SIZE >= inode.i_size:
        return None
    page = inode.readpage(index).ljust(PAGE_SIZE, b"\0")
    return page[address % PAGE_SIZE : address % PAGE_SIZE + size]
