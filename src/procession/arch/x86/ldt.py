"""Local descriptor tables (arch/x86/kernel/ldt.c; spec ptrace-x86 14), and descriptors (asm/desc.h)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import vsyscall_64
from procession.hw.cpu import LDT_PAGE, VSYSCALL_PAGE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int, ULong, UserPtr
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.arch.x86.entry import Entry
    from procession.hw.unicorn_cpu import UnicornCpu
    from procession.include.linux.sched import Task

__all__ = ("BITS", "NOT_PRESENT", "USEABLE", "USER_DESC", "cpu_init", "fill_ldt", "load_ldt", "sys_modify_ldt")

# struct user_desc: entry_number, base_addr, limit, bits.
USER_DESC: Final[struct.Struct] = struct.Struct("<IIII")
BITS: Final = 0x7F  # those that a descriptor keeps: lm is not one of them
_EMPTY_BITS: Final = 0x28  # read_exec_only, seg_not_present
_CONTENTS: Final = 3
NOT_PRESENT: Final = 0x20
USEABLE: Final = 0x40
_LDT_ENTRIES: Final = 8192
_LDT_ENTRY_SIZE: Final = 8
_STEP: Final = 512  # entries by which a table grows
_DEFAULT_SIZE: Final = 128
_GDT_ENTRY_PER_CPU: Final = 15
_PER_CPU: Final = 0xF40000000000


def fill_ldt(base: int, limit: int, bits: int) -> int:
    """Return the descriptor that a struct user_desc stands for."""
    if not base and not limit and bits & BITS == _EMPTY_BITS:
        return 0
    type = (bits >> 3 & 1 ^ 1) << 1 | (bits >> 1 & _CONTENTS) << 2
    present = ~bits >> 5 & 1
    access = present << 7 | 3 << 5 | 1 << 4 | type
    flags = (bits >> 4 & 1) << 3 | (bits & 1) << 2 | bits >> 6 & 1
    return (
        limit & 0xFFFF
        | (base & 0xFFFFFF) << 16
        | access << 40
        | (limit >> 16 & 15) << 48
        | flags << 52
        | base >> 24 << 56
    )


def cpu_init(cpu: UnicornCpu, nr: int) -> None:
    """Set up what an engine has for all tasks, and a segment whose limit is the number of the CPU."""
    cpu.set_descriptor(_GDT_ENTRY_PER_CPU, _PER_CPU | nr)
    cpu.set_kernel_pages(VSYSCALL_PAGE, vsyscall_64.VSYSCALL_PAGE)


def load_ldt(entry: Entry, ldt: bytes | None) -> None:
    """Have an address space's table on an engine, and nothing behind it."""
    room = len(entry.ldt) if entry.ldt is not None else 0
    entry.ldt = ldt
    entry.cpu.set_kernel_pages(LDT_PAGE, (ldt or b"").ljust(room, b"\0"))


def read_ldt(current: Task, ptr: UserPtr, bytecount: int) -> int:
    """Store the table, and zeroes behind it; returns how much; raises EFAULT."""
    assert current.mm is not None
    ldt = current.mm.ldt
    if ldt is None:
        return 0
    bytecount = min(bytecount, _LDT_ENTRIES * _LDT_ENTRY_SIZE)
    uaccess.copy_to_user(current, ptr, ldt[:bytecount].ljust(bytecount, b"\0"))
    return bytecount


def read_default_ldt(current: Task, ptr: UserPtr, bytecount: int) -> int:
    """Store zeroes; returns how many; raises EFAULT."""
    size = min(bytecount, _DEFAULT_SIZE)
    uaccess.clear_user(current, ptr, size)
    return size


def write_ldt(current: Task, ptr: UserPtr, bytecount: int, *, oldmode: bool) -> int:
    """Set an entry; raises EINVAL, EFAULT."""
    mm = current.mm
    assert mm is not None
    if bytecount != USER_DESC.size:
        raise LinuxError(Errno.EINVAL, "size of struct user_desc")
    entry, base, limit, bits = USER_DESC.unpack(uaccess.copy_from_user(current, ptr, USER_DESC.size))
    if entry >= _LDT_ENTRIES:
        raise LinuxError(Errno.EINVAL, "no such entry")
    if bits >> 1 & _CONTENTS == _CONTENTS and (oldmode or not bits & NOT_PRESENT):
        raise LinuxError(Errno.EINVAL, "conforming code")
    if oldmode:
        descriptor = fill_ldt(base, limit, bits & ~USEABLE) if base or limit else 0
    else:
        descriptor = fill_ldt(base, limit, bits)
    ldt = bytearray(mm.ldt or b"")
    if len(ldt) <= entry * _LDT_ENTRY_SIZE:
        ldt = ldt.ljust((entry // _STEP + 1) * _STEP * _LDT_ENTRY_SIZE, b"\0")
    struct.pack_into("<Q", ldt, entry * _LDT_ENTRY_SIZE, descriptor)
    mm.ldt = bytes(ldt)
    current.kernel.x86.tlb_gen += 1  # the engines load it with the page table
    return 0


@syscall
def sys_modify_ldt(current: Task, func: Int, ptr: UserPtr, bytecount: ULong) -> int:
    """Read or write the local descriptor table (modify_ldt(2)).

    Errors, EINVAL, EFAULT and ENOSYS, are returned as an int, which is positive as a long.
    """
    try:
        if func == 0:
            return read_ldt(current, ptr, bytecount)
        if func == 2:
            return read_default_ldt(current, ptr, bytecount)
        if func in (1, 0x11):
            return write_ldt(current, ptr, bytecount, oldmode=func == 1)
    except LinuxError as error:
        return -error.errno & UINT_MAX
    return -Errno.ENOSYS & UINT_MAX
