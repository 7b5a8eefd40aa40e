"""Memory that is not current's own: other tasks', and for who only looks (mm/memory.c; later mm/gup.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.arch.x86 import pgtable, vsyscall_64
from procession.hw.costs import COPY_KIB_NS
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import (
    PAGE_MASK,
    PAGE_SHIFT,
    PAGE_SIZE,
    TASK_SIZE,
    VM_FAULT_OOM,
    VM_FAULT_SIGBUS,
    VM_IO,
    VM_MAYREAD,
    VM_MAYWRITE,
    VM_PFNMAP,
    VM_READ,
    VM_WRITE,
)
from procession.kernel import fork_mm, sched_account
from procession.mm import memory, mmap, text

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct, VmArea
    from procession.include.linux.sched import Task

__all__ = ("access_process_vm", "access_remote_vm", "get_user_page", "has_gate_vma", "peek", "write_remote_vm")


def get_user_page(k: Kernel, mm: MmStruct, vma: VmArea, address: int, write: bool, force: bool) -> int:
    """Return the frame at address in vma, made present as for an access by mm's owner; takes no reference.

    force: as a tracer, past the area's permissions (a write breaks copy-on-write even in a read-only area).
    Raises EFAULT, ENOMEM (get_user_pages, one page).
    """
    flags = vma.vm_flags
    allowed = VM_MAYWRITE if write and force else VM_WRITE if write else VM_MAYREAD if force else VM_READ
    if flags & (VM_IO | VM_PFNMAP) or not flags & allowed:
        raise LinuxError(Errno.EFAULT, "area forbids it")
    pfn = memory.follow_page(k, mm, address, write)
    if pfn < 0:
        result = memory.handle_mm_fault(k, mm, vma, address, write)
        if result & VM_FAULT_OOM:
            raise LinuxError(Errno.ENOMEM, "no memory for a page of another task")
        if result & VM_FAULT_SIGBUS:
            raise LinuxError(Errno.EFAULT, "beyond the end of the file")
        pfn = memory.follow_page(k, mm, address)
    return pfn


def peek(k: Kernel, mm: MmStruct, address: int, n: int) -> bytes | None:
    """Ours: return n bytes of mm for somebody who only looks: None if a page is not present, nothing is faulted in."""
    phys = k.frames.phys
    pieces = []
    while n > 0:
        pfn = memory.follow_page(k, mm, address)
        if pfn < 0:
            return None
        part = min(PAGE_SIZE - (address & ~PAGE_MASK), n)
        at = (pfn << PAGE_SHIFT) + (address & ~PAGE_MASK)
        pieces.append(phys[at : at + part].tobytes())
        address += part
        n -= part
    return b"".join(pieces)


def access_process_vm(tsk: Task, address: int, n: int, write_data: bytes | None = None) -> bytes | int:
    """Read n bytes of another task's memory, or write write_data there, as a tracer: past the areas' permissions.

    Returns the bytes, or the number written; fewer than asked for at the first page that cannot be had, none if tsk
    has no memory.
    """
    mm = fork_mm.get_task_mm(tsk)
    if mm is None:
        return b"" if write_data is None else 0
    try:
        return access_remote_vm(tsk.kernel, mm, address, n, write_data, force=True)
    finally:
        fork_mm.mmput(tsk.kernel, mm)


def access_remote_vm(
    k: Kernel, mm: MmStruct, address: int, n: int, write_data: bytes | None = None, *, force: bool = True
) -> bytes | int:
    """access_process_vm for a given mm."""
    phys = k.frames.phys
    write = write_data is not None
    if write_data is not None:
        n = min(n, len(write_data))
    pieces = []
    done = 0
    with mm.mmap_sem.read():
        while done < n:
            vma = mmap.find_extend_vma(k.current, mm, address)
            if vma is None:
                gate = None if write else _gate_page(mm, address, n - done)
                if gate is None:
                    break
                pieces.append(gate)
                address += len(gate)
                done += len(gate)
                continue
            try:
                pfn = get_user_page(k, mm, vma, address, write, force)
            except LinuxError:
                break
            part = min(PAGE_SIZE - (address & ~PAGE_MASK), n - done)
            at = (pfn << PAGE_SHIFT) + (address & ~PAGE_MASK)
            if write_data is None:
                pieces.append(phys[at : at + part].tobytes())
            else:
                phys[at : at + part] = write_data[done : done + part]
                text.revoke_exec(k, pfn, pgtable.lookup_address(k, mm, address))
            address += part
            done += part
    sched_account.account_system_time(k.current, done * COPY_KIB_NS >> 10)
    return done if write else b"".join(pieces)


def has_gate_vma(mm: MmStruct) -> bool:
    """Whether the vsyscall page is one of mm's: not if its addresses end before it (get_gate_vma)."""
    return mm.task_size == TASK_SIZE


def _gate_page(mm: MmStruct, address: int, n: int) -> bytes | None:
    """Return up to n bytes of the page that others share, None if address is not in it (in_gate_area)."""
    if not has_gate_vma(mm):
        return None
    at = address - vsyscall_64.VSYSCALL_START
    return vsyscall_64.VSYSCALL_PAGE[at : at + n] if 0 <= at < PAGE_SIZE else None


def write_remote_vm(k: Kernel, mm: MmStruct, address: int, data: bytes) -> None:
    """Write into an address space nobody runs in yet, growing its stack as needed: exec's strings; raises EFAULT."""
    if access_remote_vm(k, mm, address, len(data), data) != len(data):
        raise LinuxError(Errno.EFAULT, f"cannot write {len(data)} bytes at {address:#x}")
