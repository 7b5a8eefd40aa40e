"""Segments of code that programs make: in a slot of their own in the GDT, or in their LDT (asm/desc.h, head_64.S).

Differs: the engine does not hold the addresses of code and data against limits, nor reading against code that is only
to be executed. What a 64-bit program has loaded as its stack segment outlives its system calls, which is to be seen in
ss alone. What ds and es have from a slot of their own in the GDT outlives a switch: 3.2 loads these two before the
slots, so by those of the task before, which most often has none.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.arch.x86.tls import FROM_LDT, GDT_ENTRY_TLS_MIN
from procession.hw.unicorn_cpu import USER32_CS, USER_CS, USER_DS

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task

__all__ = ("load_cs", "load_cs_again", "load_data", "load_iret", "load_ss")

_ENTRY_SIZE: Final = 8
_BASE_LOW: Final = 0xFFFFFF
_PRESENT_USER_CODE: Final = 0xF8 << 40  # present, of level 3, a segment of code
_PRESENT_USER: Final = 0xF0 << 40  # present, of level 3, of code or data
_CODE: Final = 1 << 43
_READABLE: Final = 1 << 41
_WRITABLE: Final = 1 << 41  # of data
_FLAT: Final = 0x00CFF3000000FFFF
_GDT_USER: Final = (4, 5, 6, 15)  # code of 32 bits, data, code of 64 bits, and the number of the CPU as a limit
_WIDE: Final = 1 << 54


def _descriptor(task: Task, thread: X86Thread, selector: int) -> int:
    """Return what a selector of task's own stands for, 0 for nothing."""
    index = selector >> 3
    if selector & FROM_LDT:
        ldt = task.mm.ldt if task.mm is not None else None
        if ldt is None or (index + 1) * _ENTRY_SIZE > len(ldt):
            return 0
        return int(struct.unpack_from("<Q", ldt, index * _ENTRY_SIZE)[0])
    slot = index - GDT_ENTRY_TLS_MIN
    return thread.tls[slot] if 0 <= slot < len(thread.tls) else 0


def load_cs(current: Task, thread: X86Thread, selector: int) -> bool:
    """Let user code go on in the segment that a selector, of level 3, stands for; false if IRET would fault."""
    if selector in (USER_CS, USER32_CS):
        if selector != thread.cs:
            thread.set_cs(selector)
        return True
    descriptor = _descriptor(current, thread, selector)
    if descriptor & _PRESENT_USER_CODE != _PRESENT_USER_CODE:
        return False
    thread.set_code(selector, _base(descriptor), _hidden(descriptor), wide=bool(descriptor & _WIDE))
    return True


def load_ss(current: Task, thread: X86Thread, selector: int) -> bool:
    """Let the stack be in the segment that a selector, of level 3, stands for; false if IRET would fault."""
    if selector == USER_DS:
        descriptor = _FLAT
    else:
        descriptor = _descriptor(current, thread, selector)
        if descriptor & (_PRESENT_USER_CODE | _WRITABLE) != _PRESENT_USER | _WRITABLE:
            return False
    thread.set_segment(2, selector, _base(descriptor), _hidden(descriptor))
    return True


def load_iret(task: Task, thread: X86Thread) -> bool:
    """Do what IRET does with the selectors of code and stack that a tracer has set; false if it would fault."""
    if not load_ss(task, thread, thread.ss):
        return False
    if thread.cs not in (USER_CS, USER32_CS):
        return load_cs(task, thread, thread.cs)
    thread.set_cs(thread.cs)
    return True


def _base(descriptor: int) -> int:
    return descriptor >> 16 & _BASE_LOW | descriptor >> 56 << 24


def _hidden(descriptor: int) -> int:
    """Return the flags as the engine keeps them beside a selector, behind a limit that it does not look at."""
    return descriptor >> 32 << 32


def load_data(task: Task, thread: X86Thread, segment: int, selector: int) -> None:
    """Load es, ds, fs or gs (0, 3, 4, 5) with a selector; what cannot be loaded becomes 0."""
    base = 0
    if selector & FROM_LDT or GDT_ENTRY_TLS_MIN <= selector >> 3 < GDT_ENTRY_TLS_MIN + len(thread.tls):
        descriptor = _descriptor(task, thread, selector)
        if descriptor & _PRESENT_USER != _PRESENT_USER or descriptor & (_CODE | _READABLE) == _CODE:
            selector = 0
        else:
            base = _base(descriptor)
    elif selector >> 3 not in _GDT_USER:  # among them the null selector, of which IRET leaves no level
        selector = 0
    thread.set_segment(segment, selector, base, 0)


def load_cs_again(thread: X86Thread) -> None:
    """Let the engine see in code of 16 and 32 bits where segments of data begin."""
    q, first = thread.q, thread.layout.selectors_q
    selector = thread.cs
    if selector != USER_CS:
        thread.set_code(selector, q[first + 4], q[first + 5], wide=bool(q[first + 5] & _WIDE))
