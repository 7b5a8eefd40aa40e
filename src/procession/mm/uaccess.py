"""User memory: every load and store through a pointer of user space (asm/uaccess.h, arch/x86/lib/usercopy_64.c).

A pointer is an address in current's memory, or a Python program's HostBuffer. An absent page is a page fault, answered
through Kernel.page_fault as a user's own access would be; whatever goes wrong is EFAULT and nothing else. Addresses of
the other half are never valid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from procession.hw.costs import COPY_FREE, COPY_KIB_NS, FAULT_NS
from procession.include.asm.pgtable import (
    PMD_SHIFT,
    PTE_ACCESSED,
    PTE_INDEX_MASK,
    PTE_PFN_MASK,
    PTE_PRESENT,
    PTE_RW,
    PTE_USER,
)
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SHIFT, PAGE_SIZE, TASK_SIZE
from procession.kernel import sched_account

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "IovBuffer",
    "KernelBuffer",
    "access_ok",
    "clear_user",
    "copy_from_user",
    "copy_from_user_partial",
    "copy_to_user",
    "copy_to_user_partial",
    "get_user",
    "load",
    "put_user",
    "store",
    "strncpy_from_user",
    "strnlen_user",
    "user_pointer_ok",
)

# What the page table entry of a byte must allow.
_READ: Final = PTE_PRESENT | PTE_USER | PTE_ACCESSED
_WRITE: Final = PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_RW

_OFFSET: Final = PAGE_SIZE - 1  # the bits of an address that say where in its page
_ZEROES: Final = 16 * PAGE_SIZE  # that many are stored at once
_SHORT: Final = 256  # most strings are: look at so much first
_ONES: Final = tuple((1 << size * 8) - 1 for size in range(9))  # the largest number of so many bytes


def access_ok(address: int, size: int) -> bool:
    """Whether [address, address+size) lies in the user half."""
    return address >= 0 and address + size <= TASK_SIZE


def should_fail_usercopy(k: Kernel, function: str) -> None:
    """Raise EFAULT if this access is to be refused."""
    assert k.fault_attr is not None
    k.fault_attr.ask(k, "usercopy", function, Errno.EFAULT)


def _user_frame(current: Task, mm: MmStruct, address: int, want: int) -> int:
    """Return the physical address of a user byte whose entry allows want, faulting its page in; raises EFAULT."""
    faults = 0
    while True:
        base = mm.pte_tables.get(address >> PMD_SHIFT)
        if base is not None:
            slot = base + (address >> PAGE_SHIFT & PTE_INDEX_MASK)
            entry = current.kernel.frames.q[slot]
            if entry & want == want:
                return (entry & PTE_PFN_MASK) + (address & _OFFSET)
            if (entry | PTE_ACCESSED) & want == want:
                # The CPU notes that it was there.
                current.kernel.frames.q[slot] = entry | PTE_ACCESSED
                continue
        # A write that has to break copy-on-write after reading is done in one fault; a second means a stack page.
        if faults == 2 or not 0 <= address < TASK_SIZE:
            raise LinuxError(Errno.EFAULT, f"bad address {address:#x}")
        sched_account.account_system_time(current, FAULT_NS)
        current.kernel.page_fault(current, mm, address, want == _WRITE)
        faults += 1


def _user_pages(current: Task, ptr: int, n: int, want: int) -> Iterator[slice]:
    """Yield where in physical memory the n bytes at ptr lie, page by page up to the first bad one.

    Raises EFAULT if that is the first of all.
    """
    mm = current.mm
    if mm is None:
        raise LinuxError(Errno.EFAULT, "no user memory")
    end = ptr + n
    address = ptr
    while address < end:
        part = min(PAGE_SIZE - (address & _OFFSET), end - address)
        try:
            at = _user_frame(current, mm, address, want)
        except LinuxError:
            if address == ptr:
                raise
            return
        yield slice(at, at + part)
        address += part


def copy_from_user_partial(current: Task, ptr: UserPtr, n: int, offset: int = 0) -> bytes:
    """Return the first n bytes at ptr + offset, or those before the first bad page; raises EFAULT if there are none."""
    if current.kernel.fault_attr is not None:
        should_fail_usercopy(current.kernel, "copy_from_user")
    if isinstance(ptr, int):
        data = _load(current, ptr + offset, n)
    else:
        data = ptr.load_partial(offset, n) if isinstance(ptr, IovBuffer) else ptr.load(offset, n)
    if len(data) >= COPY_FREE:
        sched_account.account_system_time(current, len(data) * COPY_KIB_NS >> 10)
    return data


def _load(current: Task, ptr: int, n: int) -> bytes:
    if n <= 0:
        return b""
    phys = current.kernel.frames.phys
    return b"".join([phys[page].tobytes() for page in _user_pages(current, ptr, n, _READ)])


def copy_from_user(current: Task, ptr: UserPtr, n: int, offset: int = 0) -> bytes:
    """Return n bytes at ptr + offset; raises EFAULT."""
    k = current.kernel
    if k.fault_attr is not None:
        should_fail_usercopy(k, "copy_from_user")
    if n >= COPY_FREE:
        sched_account.account_system_time(current, n * COPY_KIB_NS >> 10)
    if not isinstance(ptr, int):
        return ptr.load(offset, n)
    ptr += offset
    mm = current.mm
    if mm is not None and 0 < n <= PAGE_SIZE - (ptr & _OFFSET):
        at = _user_frame(current, mm, ptr, _READ)
        return k.frames.phys[at : at + n].tobytes()
    return load(current, ptr, n)


def load(current: Task, ptr: UserPtr, n: int) -> bytes:
    """Ours: copy_from_user for a program's own accesses, which are not the kernel's to refuse; raises EFAULT."""
    data = _load(current, ptr, n) if isinstance(ptr, int) else ptr.load(0, n)
    if len(data) < n:
        raise LinuxError(Errno.EFAULT, f"only {len(data)} of {n} bytes are there")
    return data


def copy_to_user_partial(current: Task, ptr: UserPtr, data: bytes, offset: int = 0) -> int:
    """Store data at ptr + offset up to the first bad page; returns bytes stored; raises EFAULT if none of some are."""
    if current.kernel.fault_attr is not None:
        should_fail_usercopy(current.kernel, "copy_to_user")
    if len(data) >= COPY_FREE:
        sched_account.account_system_time(current, len(data) * COPY_KIB_NS >> 10)
    if isinstance(ptr, int):
        return _store(current, ptr + offset, data)
    if isinstance(ptr, IovBuffer):
        return ptr.store_partial(offset, data)
    ptr.store(offset, data)
    return len(data)


def _store(current: Task, ptr: int, data: bytes) -> int:
    if not data:
        return 0
    phys = current.kernel.frames.phys
    done = 0
    for page in _user_pages(current, ptr, len(data), _WRITE):
        part = page.stop - page.start
        phys[page] = data[done : done + part]
        done += part
    return done


def copy_to_user(current: Task, ptr: UserPtr, data: bytes, offset: int = 0) -> None:
    """Store data at ptr + offset; raises EFAULT, perhaps with a part stored."""
    k = current.kernel
    if k.fault_attr is not None:
        should_fail_usercopy(k, "copy_to_user")
    n = len(data)
    if n >= COPY_FREE:
        sched_account.account_system_time(current, n * COPY_KIB_NS >> 10)
    if not isinstance(ptr, int):
        ptr.store(offset, data)
        return
    ptr += offset
    mm = current.mm
    if mm is not None and 0 < n <= PAGE_SIZE - (ptr & _OFFSET):
        at = _user_frame(current, mm, ptr, _WRITE)
        k.frames.phys[at : at + n] = data
        return
    store(current, ptr, data)


def store(current: Task, ptr: UserPtr, data: bytes) -> None:
    """Ours: copy_to_user for a program's own accesses, which are not the kernel's to refuse; raises EFAULT."""
    if not isinstance(ptr, int):
        ptr.store(0, data)
    elif _store(current, ptr, data) < len(data):
        raise LinuxError(Errno.EFAULT, f"bad address in {ptr:#x}+{len(data):#x}")


def get_user(current: Task, ptr: UserPtr, size: int, signed: bool = False, offset: int = 0) -> int:
    """Return the little-endian number of size bytes at ptr + offset; raises EFAULT."""
    k = current.kernel
    if k.fault_attr is not None:
        should_fail_usercopy(k, "get_user")
    if not isinstance(ptr, int):
        return int.from_bytes(ptr.load(offset, size), "little", signed=signed)
    ptr += offset
    mm = current.mm
    if mm is not None and size <= PAGE_SIZE - (ptr & _OFFSET):
        at = _user_frame(current, mm, ptr, _READ)
        if not signed and (at & 7) + size <= 8:
            word = k.frames.q[at >> 3]
            return word if size == 8 else word >> (at & 7) * 8 & _ONES[size]
        return int.from_bytes(k.frames.phys[at : at + size], "little", signed=signed)
    return int.from_bytes(load(current, ptr, size), "little", signed=signed)


def put_user(current: Task, ptr: UserPtr, value: int, size: int, offset: int = 0) -> None:
    """Store value as a little-endian number of size bytes, cut to fit, at ptr + offset; raises EFAULT."""
    copy_to_user(current, ptr, (value & (1 << size * 8) - 1).to_bytes(size, "little"), offset)


def clear_user(current: Task, ptr: UserPtr, n: int) -> None:
    """Store n zero bytes; raises EFAULT."""
    if current.kernel.fault_attr is not None:
        should_fail_usercopy(current.kernel, "clear_user")
    if n >= COPY_FREE:
        sched_account.account_system_time(current, n * COPY_KIB_NS >> 10)
    if not isinstance(ptr, int):
        ptr.store(0, bytes(n))
        return
    while n > 0:
        part = min(n, _ZEROES)
        store(current, ptr, bytes(part))
        ptr += part
        n -= part


def strncpy_from_user(current: Task, ptr: UserPtr, maxlen: int) -> bytes:
    """Return the string at ptr without its NUL; raises EFAULT, ENAMETOOLONG if no NUL is in the first maxlen bytes."""
    if current.kernel.fault_attr is not None:
        should_fail_usercopy(current.kernel, "strncpy_from_user")
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
        at = _user_frame(current, mm, ptr, _READ)
        part = min(PAGE_SIZE - (ptr & _OFFSET), left, _SHORT)
        piece = phys[at : at + part].tobytes()
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


def copy_struct_from_user(current: Task, ptr: UserPtr, usize: int, ksize: int) -> bytes:
    """Return a structure that may have grown, ksize bytes of it; what an older program leaves out is zero.

    Raises E2BIG if a newer one says something that is not known here, EFAULT.
    """
    raw = copy_from_user(current, ptr, min(usize, ksize))
    if usize > ksize and any(copy_from_user(current, ptr, usize - ksize, ksize)):
        raise LinuxError(Errno.E2BIG, "a member of a structure that is not known here")
    return raw.ljust(ksize, b"\0")


def user_pointer_ok(current: Task, ptr: UserPtr, n: int) -> bool:
    """Whether ptr could be valid for n bytes, without touching it (access_ok)."""
    return access_ok(ptr, n) if isinstance(ptr, int) else n <= len(ptr)


class KernelBuffer:
    """A structure of the kernel's own, where a call expects user memory (set_fs(KERNEL_DS))."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)

    def load(self, offset: int, size: int) -> bytes:
        """Return a part of it."""
        return bytes(self.data[offset : offset + size])

    def store(self, offset: int, data: bytes) -> None:
        """Overwrite a part of it."""
        self.data[offset : offset + len(data)] = data

    def __len__(self) -> int:
        return len(self.data)


class IovBuffer:
    """The pieces of current's memory that a struct iovec array names, as if they were one (struct iov_iter).

    segments: (address, length in bytes) of each.  total: the sum of the lengths.
    """

    __slots__ = ("current", "segments", "total")

    def __init__(self, current: Task, segments: list[tuple[int, int]], total: int) -> None:
        self.current = current
        self.segments = segments
        self.total = total

    def __len__(self) -> int:
        return self.total

    def __bool__(self) -> bool:
        return True

    def _pieces(self, offset: int, size: int) -> list[tuple[int, int]]:
        """Return (address, length) of what [offset, offset + size) covers."""
        pieces = []
        for base, length in self.segments:
            if offset >= length:
                offset -= length
                continue
            part = min(size, length - offset)
            pieces.append((base + offset, part))
            size -= part
            offset = 0
            if not size:
                break
        return pieces

    def segment_end(self, offset: int) -> int:
        """Return where the piece that holds byte offset ends, as an offset."""
        end = 0
        for _, length in self.segments:
            end += length
            if offset < end:
                break
        return end

    def load(self, offset: int, size: int) -> bytes:
        """Gather size bytes; raises EFAULT."""
        data = self.load_partial(offset, size) if size else b""
        if len(data) < size:
            raise LinuxError(Errno.EFAULT, f"only {len(data)} of {size} bytes are there")
        return data

    def load_partial(self, offset: int, size: int) -> bytes:
        """Gather size bytes, or those before the first bad page; raises EFAULT if there are none."""
        parts: list[bytes] = []
        for base, part in self._pieces(offset, size):
            try:
                data = _load(self.current, base, part)
            except LinuxError:
                if not parts:
                    raise
                break
            parts.append(data)
            if len(data) < part:
                break
        return b"".join(parts)

    def store(self, offset: int, data: bytes) -> None:
        """Scatter data; raises EFAULT, perhaps with a part stored."""
        if data and self.store_partial(offset, data) < len(data):
            raise LinuxError(Errno.EFAULT, "a bad address among the pieces")

    def store_partial(self, offset: int, data: bytes) -> int:
        """Scatter data up to the first bad page; returns bytes stored; raises EFAULT if that is none of some."""
        done = 0
        for base, part in self._pieces(offset, len(data)):
            try:
                stored = _store(self.current, base, data[done : done + part])
            except LinuxError:
                if not done:
                    raise
                break
            done += stored
            if stored < part:
                break
        return done
