"""User memory: every load and store through a pointer of user space (asm/uaccess.h, mm/memory.c access_process_vm).

A pointer is an address in current's memory, or a Python program's HostBuffer. Absent pages are faulted in as a user
access would; whatever goes wrong is EFAULT and nothing else. Addresses of the other half are never valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import pgtable
from procession.include.asm.pgtable import PTE_PFN_MASK, PTE_PRESENT, PTE_RW, PTE_USER
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import TASK_SIZE
from procession.kernel import fork_mm
from procession.mm import memory, mmap, text

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "access_ok",
    "access_process_vm",
    "access_remote_vm",
    "clear_user",
    "copy_from_user",
    "copy_from_user_partial",
    "copy_to_user",
    "copy_to_user_partial",
    "get_user",
    "load",
    "peek",
    "put_user",
    "store",
    "strncpy_from_user",
    "strnlen_user",
    "user_pointer_ok",
    "write_remote_vm",
)

_READ: Final = PTE_PRESENT | PTE_USER
_WRITE: Final = PTE_PRESENT | PTE_USER | PTE_RW


def access_ok(address: int, size: int) -> bool:
    """Whether [address, address+size) lies in the user half."""
    return address >= 0 and address + size <= TASK_SIZE


def _should_fail_usercopy(k: Kernel, function: str) -> None:
    """Raise EFAULT if this access is to be refused (should_fail_usercopy)."""
    assert k.fault_attr is not None
    k.fault_attr.ask(k, "usercopy", function, Errno.EFAULT)


def _frame(current: Task, mm: MmStruct, address: int, write: bool) -> int:
    """Return the physical address of a user byte, faulting its page in; raises EFAULT."""
    want = _WRITE if write else _READ
    q = current.kernel.frames.q
    # A write that has to break copy-on-write after reading is done in one fault; a second round means a stack page.
    for _ in range(3):
        base = mm.pte_tables.get(address >> 21)
        if base is not None:
            entry = q[base + (address >> 12 & 511)]
            if entry & want == want:
                return (entry & PTE_PFN_MASK) + (address & 4095)
        if not 0 <= address < TASK_SIZE:
            break
        memory.fixup_user_fault(current, mm, address, write)
    raise LinuxError(Errno.EFAULT, f"bad address {address:#x}")


def copy_from_user_partial(current: Task, ptr: UserPtr, n: int) -> bytes:
    """Return the first n bytes at ptr, or those before the first bad page; raises EFAULT if there are none."""
    if current.kernel.fault_attr is not None:
        _should_fail_usercopy(current.kernel, "copy_from_user")
    return _load(current, ptr, n)


def _load(current: Task, ptr: UserPtr, n: int) -> bytes:
    if not isinstance(ptr, int):
        return ptr.load(0, n)
    if n <= 0:
        return b""
    mm = current.mm
    if mm is None:
        raise LinuxError(Errno.EFAULT, "no user memory")
    phys = current.kernel.frames.phys
    pieces: list[bytes] = []
    end = ptr + n
    while ptr < end:
        part = min(4096 - (ptr & 4095), end - ptr)
        try:
            at = _frame(current, mm, ptr, False)
        except LinuxError:
            if pieces:
                break
            raise
        pieces.append(bytes(phys[at : at + part]))
        ptr += part
    return b"".join(pieces)


def copy_from_user(current: Task, ptr: UserPtr, n: int) -> bytes:
    """Return n bytes at ptr; raises EFAULT."""
    if current.kernel.fault_attr is not None:
        _should_fail_usercopy(current.kernel, "copy_from_user")
    if not isinstance(ptr, int):
        return ptr.load(0, n)
    mm = current.mm
    if mm is not None and (ptr & 4095) + n <= 4096:
        base = mm.pte_tables.get(ptr >> 21)
        if base is not None:
            frames = current.kernel.frames
            entry = frames.q[base + (ptr >> 12 & 511)]
            if entry & 5 == 5:
                at = (entry & PTE_PFN_MASK) + (ptr & 4095)
                return bytes(frames.phys[at : at + n])
    return load(current, ptr, n)


def load(current: Task, ptr: UserPtr, n: int) -> bytes:
    """Ours: copy_from_user for a program's own accesses, which are not the kernel's to refuse; raises EFAULT."""
    data = _load(current, ptr, n)
    if len(data) < n:
        raise LinuxError(Errno.EFAULT, f"only {len(data)} of {n} bytes are there")
    return data


def copy_to_user_partial(current: Task, ptr: UserPtr, data: bytes) -> int:
    """Store data at ptr up to the first bad page; returns bytes stored; raises EFAULT if that is none of some."""
    if current.kernel.fault_attr is not None:
        _should_fail_usercopy(current.kernel, "copy_to_user")
    return _store(current, ptr, data)


def _store(current: Task, ptr: UserPtr, data: bytes) -> int:
    if not isinstance(ptr, int):
        ptr.store(0, data)
        return len(data)
    n = len(data)
    if not n:
        return 0
    mm = current.mm
    if mm is None:
        raise LinuxError(Errno.EFAULT, "no user memory")
    phys = current.kernel.frames.phys
    done = 0
    while done < n:
        part = min(4096 - (ptr & 4095), n - done)
        try:
            at = _frame(current, mm, ptr, True)
        except LinuxError:
            if done:
                break
            raise
        phys[at : at + part] = data[done : done + part]
        ptr += part
        done += part
    return done


def copy_to_user(current: Task, ptr: UserPtr, data: bytes, offset: int = 0) -> None:
    """Store data at ptr + offset; raises EFAULT, perhaps with a part stored."""
    if current.kernel.fault_attr is not None:
        _should_fail_usercopy(current.kernel, "copy_to_user")
    if not isinstance(ptr, int):
        ptr.store(offset, data)
        return
    ptr += offset
    n = len(data)
    mm = current.mm
    if mm is not None and (ptr & 4095) + n <= 4096:
        base = mm.pte_tables.get(ptr >> 21)
        if base is not None:
            frames = current.kernel.frames
            entry = frames.q[base + (ptr >> 12 & 511)]
            if entry & 7 == 7:
                at = (entry & PTE_PFN_MASK) + (ptr & 4095)
                frames.phys[at : at + n] = data
                return
    store(current, ptr, data)


def store(current: Task, ptr: UserPtr, data: bytes) -> None:
    """Ours: copy_to_user for a program's own accesses, which are not the kernel's to refuse; raises EFAULT."""
    if _store(current, ptr, data) < len(data):
        raise LinuxError(Errno.EFAULT, f"bad address in {ptr:#x}+{len(data):#x}")


def get_user(current: Task, ptr: UserPtr, size: int, signed: bool = False, offset: int = 0) -> int:
    """Return the little-endian number of size bytes at ptr + offset; raises EFAULT."""
    k = current.kernel
    if k.fault_attr is not None:
        _should_fail_usercopy(k, "get_user")
    if not isinstance(ptr, int):
        return int.from_bytes(ptr.load(offset, size), "little", signed=signed)
    ptr += offset
    mm = current.mm
    at = ptr & 4095
    if mm is not None and at + size <= 4096:
        base = mm.pte_tables.get(ptr >> 21)
        if base is not None:
            frames = k.frames
            entry = frames.q[base + (ptr >> 12 & 511)]
            if entry & 5 == 5:
                at += entry & PTE_PFN_MASK
                if size == 8 and not (at & 7 or signed):
                    return frames.q[at >> 3]
                return int.from_bytes(frames.phys[at : at + size], "little", signed=signed)
    return int.from_bytes(load(current, ptr, size), "little", signed=signed)


def put_user(current: Task, ptr: UserPtr, value: int, size: int, offset: int = 0) -> None:
    """Store value as a little-endian number of size bytes, cut to fit, at ptr + offset; raises EFAULT."""
    copy_to_user(current, ptr, (value & (1 << size * 8) - 1).to_bytes(size, "little"), offset)


def clear_user(current: Task, ptr: UserPtr, n: int) -> None:
    """Store n zero bytes; raises EFAULT."""
    if current.kernel.fault_attr is not None:
        _should_fail_usercopy(current.kernel, "clear_user")
    if not isinstance(ptr, int):
        ptr.store(0, bytes(n))
        return
    while n > 0:
        part = min(n, 65536)
        store(current, ptr, bytes(part))
        ptr += part
        n -= part


def strncpy_from_user(current: Task, ptr: UserPtr, maxlen: int) -> bytes:
    """Return the string at ptr without its NUL; raises EFAULT, ENAMETOOLONG if no NUL is in the first maxlen bytes."""
    if current.kernel.fault_attr is not None:
        _should_fail_usercopy(current.kernel, "strncpy_from_user")
    if not isinstance(ptr, int):
        data = ptr.load(0, min(maxlen, len(ptr)))
        end = data.find(0)
        if end >= 0:
            return data[:end]
        if len(data) < maxlen:
            raise LinuxError(Errno.EFAULT, "string without an end")
        raise LinuxError(Errno.ENAMETOOLONG, f"longer than {maxlen} bytes")
    found = strnlen_user(current, ptr, maxlen)
    if found is None:
        raise LinuxError(Errno.ENAMETOOLONG, f"longer than {maxlen} bytes")
    return found


def strnlen_user(current: Task, ptr: int, maxlen: int) -> bytes | None:
    """Return the string at ptr without its NUL, None if it is longer than maxlen - 1; raises EFAULT."""
    mm = current.mm
    if mm is None:
        raise LinuxError(Errno.EFAULT, "no user memory")
    phys = current.kernel.frames.phys
    pieces: list[bytes] = []
    left = maxlen
    while left > 0:
        at = _frame(current, mm, ptr, False)
        # Most strings are short: look at a little first.
        part = min(4096 - (ptr & 4095), left, 256)
        piece = bytes(phys[at : at + part])
        end = piece.find(0)
        if end >= 0:
            if not pieces:
                return piece[:end]
            pieces.append(piece[:end])
            return b"".join(pieces)
        pieces.append(piece)
        ptr += part
        left -= part
    return None


def user_pointer_ok(current: Task, ptr: UserPtr, n: int) -> bool:
    """Whether ptr could be valid for n bytes, without touching it (access_ok)."""
    return access_ok(ptr, n) if isinstance(ptr, int) else n <= len(ptr)


def peek(k: Kernel, mm: MmStruct, address: int, n: int) -> bytes | None:
    """Ours: return n bytes of mm for somebody who only looks: None if a page is not present, nothing is faulted in."""
    phys = k.frames.phys
    pieces = []
    while n > 0:
        pfn = memory.follow_page(k, mm, address)
        if pfn < 0:
            return None
        part = min(4096 - (address & 4095), n)
        at = (pfn << 12) + (address & 4095)
        pieces.append(bytes(phys[at : at + part]))
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
                break
            try:
                pfn = memory.get_user_page(k, mm, vma, address, write, force)
            except LinuxError:
                break
            part = min(4096 - (address & 4095), n - done)
            at = (pfn << 12) + (address & 4095)
            if write_data is None:
                pieces.append(bytes(phys[at : at + part]))
            else:
                phys[at : at + part] = write_data[done : done + part]
                text.revoke_exec(k, pfn, pgtable.lookup_address(k, mm, address))
            address += part
            done += part
    return done if write else b"".join(pieces)


def write_remote_vm(k: Kernel, mm: MmStruct, address: int, data: bytes) -> None:
    """Write into an address space nobody runs in yet, growing its stack as needed: exec's strings; raises EFAULT."""
    if access_remote_vm(k, mm, address, len(data), data) != len(data):
        raise LinuxError(Errno.EFAULT, f"cannot write {len(data)} bytes at {address:#x}")
