"""Single steps: a tracer's (arch/x86/kernel/step.c; spec ptrace-x86 11), and our own.

Ours executes an instruction of a page that must not be executed as a whole: see mm/text.py. The engine translates
ahead, so only the trap flag keeps it from translating what follows. A program does not see it: PUSHF is mended, and
what ends the step restores the flag as the program, or its tracer, has set it. A tracer's step is seen by PUSHF.
"""

from __future__ import annotations

from functools import cache
import re
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import ptrace
from procession.hw import untranslatable
from procession.hw.unicorn_cpu import USER_CS
from procession.include.asm.processor_flags import X86_EFLAGS_TF
from procession.include.asm.ptrace import SP
from procession.include.linux.errno import LinuxError
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SIZE
from procession.include.linux.sched import TIF_BLOCKSTEP, TIF_SINGLESTEP
from procession.mm import gup, mmap, text, uaccess

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task

__all__ = ("Step", "branches", "code_at", "disable_step", "enable_step")

# By whether it is code of 64 bits: of 0x40 … 0x4f those of 32 make instructions.
_PREFIXES: Final = {
    True: rb"[\xf0\xf2\xf3\x26\x2e\x36\x3e\x40-\x4f\x64-\x67]*",
    False: rb"[\xf0\xf2\xf3\x26\x2e\x36\x3e\x64-\x67]*",
}
_PUSHF: Final = rb"\x9c"
_LOADS_FLAGS: Final = rb"[\x9d\xcf]"
# What the latter may begin with: themselves, and prefixes.
_BEGINS: Final = frozenset(
    [bytes((byte,)) for byte in (*range(0x40, 0x50), *range(0x64, 0x68), *b"\x9d\xcf\xf0\xf2\xf3\x26\x2e\x36\x3e")]
)
_REPEATED: Final = rb"[\x6c-\x6f\xa4-\xa7\xaa-\xaf]"
_TRAPS_ITSELF: Final = rb"\xf1"


@cache
def _form(cs: int, opcode: bytes) -> re.Pattern[bytes]:
    return re.compile(_PREFIXES[cs == USER_CS] + opcode, re.DOTALL)


def code_at(current: Task, ip: int) -> bytes:
    """Return what is present of the longest instruction that could be at ip."""
    mm = current.mm
    assert mm is not None
    k = current.kernel
    here = min(PAGE_SIZE - (ip & ~PAGE_MASK), untranslatable.LONGEST)
    code = gup.peek(k, mm, ip, here) or b""
    if here < untranslatable.LONGEST:
        code += gup.peek(k, mm, ip + here, untranslatable.LONGEST - here) or b""
    return code


# A tracer's steps.


def enable_step(child: Task, thread: X86Thread, *, block: bool) -> None:
    """Let child trap behind its next instruction, or behind the next branch it takes (enable_step).

    The latter only if the trap flag is the tracer's: a program that steps itself is stepped by instruction.
    """
    if thread.segments_changed:
        ptrace.load_segments(child, thread)
    if enable_single_step(child, thread) and block:
        child.ti_flags |= TIF_BLOCKSTEP
    else:
        child.ti_flags &= ~TIF_BLOCKSTEP


def enable_single_step(child: Task, thread: X86Thread) -> bool:
    """Set the trap flag for child's next instruction; returns whether it is the tracer's and not the program's own."""
    q, flags_q = thread.q, thread.layout.rflags_q
    # Stepped already, so it was set before, whatever has become of it: a handler begins without it.
    if child.ti_flags & TIF_SINGLESTEP:
        q[flags_q] |= X86_EFLAGS_TF
    child.ti_flags |= TIF_SINGLESTEP  # steps over system calls, too
    had_tf = q[flags_q] & X86_EFLAGS_TF
    q[flags_q] |= X86_EFLAGS_TF
    # What the instruction puts there is the program's.
    code = code_at(child, thread.linear_pc())
    if code[:1] in _BEGINS and _form(thread.cs, _LOADS_FLAGS).match(code):
        thread.forced_tf = False
        return False
    if had_tf:
        return thread.forced_tf
    thread.forced_tf = True
    return True


def disable_step(child: Task, thread: X86Thread) -> None:
    """Let child run on; a trap flag of its own stays (user_disable_single_step)."""
    child.ti_flags &= ~(TIF_SINGLESTEP | TIF_BLOCKSTEP)
    if thread.forced_tf:
        thread.forced_tf = False
        thread.q[thread.layout.rflags_q] &= ~X86_EFLAGS_TF


def branches(current: Task, thread: X86Thread, end: int, ip: int) -> bool:
    """Whether the instruction that ends at end was a branch, which has gone to ip: a string's next turn is none."""
    if ip == end:
        return False
    if not 0 < end - ip <= untranslatable.LONGEST:
        return True
    return _form(thread.cs, _REPEATED).fullmatch(code_at(current, ip)[: end - ip]) is None


# Our own.


class Step:
    """One instruction on its way, begun and ended inside hooks or while the engine stands."""

    __slots__ = ("_code", "_flags_q", "_own_tf", "_slots", "_regs")

    def __init__(self, current: Task, thread: X86Thread, code: bytes) -> None:
        """Begin: the pages that the instruction at ip lies in may be executed, and it will trap behind it."""
        mm = current.mm
        assert mm is not None
        self._regs = thread
        self._code = code
        self._flags_q = thread.layout.rflags_q
        self._own_tf = thread.q[self._flags_q] & X86_EFLAGS_TF
        self._slots = []
        ip = thread.linear_pc()
        for address in dict.fromkeys((ip & PAGE_MASK, ip + untranslatable.LONGEST - 1 & PAGE_MASK)):
            vma = mmap.find_vma(mm, address)
            if vma is not None and vma.vm_start <= address:
                slot = text.lend_exec(current.kernel, mm, vma, address)
                if slot >= 0:
                    self._slots.append(slot)
        thread.q[self._flags_q] |= X86_EFLAGS_TF

    def end(self, current: Task, *, done: bool) -> bool:
        """Put everything back; done: it trapped behind the instruction. Returns whether that trap is the program's."""
        text.take_back_exec(current.kernel, self._slots)
        q = self._regs.q
        cs = self._regs.cs
        if done and _form(cs, _LOADS_FLAGS).match(self._code):
            return bool(self._own_tf)
        if not self._own_tf:
            q[self._flags_q] &= ~X86_EFLAGS_TF
            if done and _form(cs, _PUSHF).match(self._code):
                self._mend_pushed_flags(current, q[SP])
        return bool(self._own_tf or _form(cs, _TRAPS_ITSELF).match(self._code))

    def _mend_pushed_flags(self, current: Task, sp: int) -> None:
        try:
            pushed = uaccess.get_user(current, sp, 2)
            uaccess.put_user(current, sp, pushed & ~X86_EFLAGS_TF, 2)
        except LinuxError:
            pass  # another thread has unmapped the stack meanwhile
