"""Which I/O ports a program may use (arch/x86/kernel/ioport.c): there is nothing behind any."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from procession.arch.x86 import step
from procession.include.asm.processor_flags import X86_EFLAGS_IOPL
from procession.include.asm.ptrace import DX

if TYPE_CHECKING:
    from procession.arch.x86.entry import Entry
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.sched import Task

__all__ = ("port_io",)

_instruction = re.compile(
    rb"([\xf0\xf2\xf3\x26\x2e\x36\x3e\x64-\x67]*)[\x40-\x4f]?([\xe4-\xe7\xec-\xef\x6c-\x6f])(.?)", re.DOTALL
).match
_IMMEDIATE: Final = b"\xe4\xe5\xe6\xe7"


def allowed(current: Task, thread: X86Thread, flags: int) -> bool:
    """Whether the instruction at ip, which is one of port I/O, may be carried out: by eflags, or for all its ports."""
    if flags & X86_EFLAGS_IOPL == X86_EFLAGS_IOPL:
        return True
    if thread.io_bitmap is None:
        return False
    found = _instruction(step.code_at(current, thread.linear_pc()))
    if found is None:
        return False
    prefixes, opcode, operand = found.groups()
    size = 1 if not opcode[0] & 1 else 2 if b"\x66" in prefixes else 4
    port = operand[0] if opcode in _IMMEDIATE else thread.q[DX] & 0xFFFF
    return not thread.io_bitmap >> port & (1 << size) - 1


def port_io(entry: Entry) -> None:
    """Forbid what the engine is about to do, unless iopl(2) or ioperm(2) has allowed it.

    But it goes on to the end of the block: keep the registers for run(). Without a page table nothing that is still
    done there reaches memory.
    """
    cpu = entry.cpu
    flags = cpu.flags()
    if allowed(entry.current, entry.thread, flags):
        return
    entry.charge(entry.spent_until(entry.thread.linear_pc()))
    entry.io_state = bytearray(cpu.state)
    memoryview(entry.io_state).cast("Q")[entry.flags_q] = flags
    cpu.set_page_table(0)
    entry.tlb_gen = -1
    entry.halt()
