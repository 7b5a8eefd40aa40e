"""The slots of the GDT that are a thread's own, and what selectors mean (arch/x86/kernel/tls.c; spec ptrace-x86 14).

The engine has a thread's slots in its GDT while it has its registers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import ldt
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "EMPTY",
    "FROM_LDT",
    "FS_TLS",
    "FS_TLS_SEL",
    "GDT_ENTRY_TLS_MIN",
    "GS_TLS",
    "GS_TLS_SEL",
    "USER_DESC_SIZE",
    "Descriptor",
    "base_of",
    "do_get_thread_area",
    "do_set_thread_area",
    "get_tls_desc",
    "load_tls",
    "set_32bit_tls",
    "set_tls_desc",
)

GDT_ENTRY_TLS_MIN: Final = 12
GDT_ENTRY_TLS_MAX: Final = 14
FS_TLS: Final = 0
GS_TLS: Final = 1
FS_TLS_SEL: Final = (GDT_ENTRY_TLS_MIN + FS_TLS) << 3 | 3
GS_TLS_SEL: Final = (GDT_ENTRY_TLS_MIN + GS_TLS) << 3 | 3
USER_DESC_SIZE: Final = ldt.USER_DESC.size
FROM_LDT: Final = 4

_SEG_32BIT: Final = 1
_READ_EXEC_ONLY: Final = 8
_LIMIT_IN_PAGES: Final = 0x10
_LIMIT: Final = 0xFFFFF

Descriptor = tuple[int, int, int]  # base, limit, bits of user_desc
EMPTY: Final = (0, 0, _READ_EXEC_ONLY | ldt.NOT_PRESENT)


def set_32bit_tls(thread: X86Thread, slot: int, base: int) -> None:
    """Make a slot a segment of all 4 GiB from base on."""
    thread.tls_array[slot] = (base, _LIMIT, _SEG_32BIT | _LIMIT_IN_PAGES | ldt.USEABLE)
    load_tls(thread)


def load_tls(thread: X86Thread) -> None:
    """Have thread's slots where the CPU looks for them."""
    first, second, third = (ldt.fill_ldt(*descriptor) for descriptor in thread.tls_array)
    thread.tls = first, second, third
    if thread.cpu is not None:
        thread.cpu.set_tls(thread.tls)


def do_get_thread_area(current: Task, thread: X86Thread, index: int, u_info: UserPtr) -> None:
    """Store slot index of thread, counted as in the GDT, as a struct user_desc; raises EINVAL, EFAULT."""
    if not GDT_ENTRY_TLS_MIN <= index <= GDT_ENTRY_TLS_MAX:
        raise LinuxError(Errno.EINVAL, "no slot for thread areas")
    uaccess.copy_to_user(current, u_info, get_tls_desc(thread, index - GDT_ENTRY_TLS_MIN))


def get_tls_desc(thread: X86Thread, slot: int) -> bytes:
    """Return a slot of thread's as a struct user_desc."""
    return ldt.USER_DESC.pack(GDT_ENTRY_TLS_MIN + slot, *thread.tls_array[slot])


def set_tls_desc(thread: X86Thread, slot: int, desc: bytes) -> None:
    """Set a slot of thread's from a struct user_desc, whose number of an entry does not matter."""
    _, base, limit, bits = ldt.USER_DESC.unpack(desc)
    thread.tls_array[slot] = (base, limit & _LIMIT, bits & ldt.BITS)
    load_tls(thread)


def get_free_idx(thread: X86Thread) -> int:
    """Return the first empty slot, counted as in the GDT; raises ESRCH."""
    for slot, descriptor in enumerate(thread.tls_array):
        if descriptor == EMPTY:
            return GDT_ENTRY_TLS_MIN + slot
    raise LinuxError(Errno.ESRCH, "no empty slot")


def do_set_thread_area(current: Task, thread: X86Thread, index: int, u_info: UserPtr) -> None:
    """Set slot index of thread from a struct user_desc, which names it itself if index is -1; raises EFAULT, EINVAL.

    Naming -1 asks for the first empty one, and its number is stored there: raises ESRCH if there is none.
    """
    desc = uaccess.copy_from_user(current, u_info, USER_DESC_SIZE)
    if index == -1:
        index = int.from_bytes(desc[:4], "little")
        if index == UINT_MAX:
            index = get_free_idx(thread)
            uaccess.put_user(current, u_info, index, 4)
    if not GDT_ENTRY_TLS_MIN <= index <= GDT_ENTRY_TLS_MAX:
        raise LinuxError(Errno.EINVAL, "no slot for thread areas")
    set_tls_desc(thread, index - GDT_ENTRY_TLS_MIN, desc)


def base_of(thread: X86Thread, selector: int) -> int:
    """Return where the segment begins that a selector stands for; 0 for those that are not thread's own."""
    slot = (selector >> 3) - GDT_ENTRY_TLS_MIN
    return thread.tls_array[slot][0] if 0 <= slot < len(thread.tls_array) and not selector & FROM_LDT else 0
