"""The engine that obeys debug registers (ours; a CPU has them by itself).

Who has breakpoints runs on an engine of its own, one for the whole machine, made when the first of them is enabled: so
nobody else pays for what it costs. It counts by instruction, and can so stop between any two; it calls us before an
instruction that is to be stopped at, and at each access to the memory that is watched. Hooks of memory go by physical
address, so where a watched page is has to be followed.

Differs: a write to a watched page by way of another mapping of it counts as well; of an access across two pages only
its part in the first one is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.arch.x86 import entry, pgtable
from procession.hw.cpu import X86_TRAP_PF
from procession.hw.unicorn_cpu import WRITE, UnicornCpu
from procession.include.asm.debugreg import X86_BREAKPOINT_EXECUTE, X86_BREAKPOINT_WRITE
from procession.include.asm.pgtable import PTE_PFN_MASK, PTE_PRESENT
from procession.include.asm.processor_flags import X86_EFLAGS_RF
from procession.include.asm.traps import PF_INSTR
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT

if TYPE_CHECKING:
    from procession.arch.x86.hw_breakpoint import Breakpoint
    from procession.arch.x86.process import X86Thread
    from procession.include.asm.processor import KernelStack
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("DebugEntry", "debug_vcpu_of")

_NOWHERE: Final = (1 << 62, 1 << 62)
_LONGEST_ACCESS: Final = 16  # bytes, of one call of a hook


class DebugEntry(entry.Entry):
    """The kernel's side of that engine.

    set_up: the breakpoints that its hooks are for.  places: their memory's physical addresses, -1 if there is none at
    present.  resumes_at: where an instruction may begin although it is to be stopped at.
    """

    __slots__ = ("hook_numbers", "places", "resumes_at", "set_up")

    def __init__(self, k: Kernel, cpu: UnicornCpu) -> None:
        super().__init__(k, cpu)
        self.set_up: list[tuple[int, int, int, int]] = []
        self.places: list[int] = []
        self.hook_numbers: list[int] = []
        self.resumes_at = -1
        # The engine is told by this that memory is watched at all, when it translates.
        cpu.hook_memory(_NOWHERE, self.accessed)

    def run(self, current: Task, thread: X86Thread, budget_ns: int) -> KernelStack | None:
        """Run current's user code as Entry.run() does, and up to what its debug registers stop."""
        mm = current.mm
        assert mm is not None
        self.thread = thread
        if self.mm is not mm:
            self.mm = mm
            self.tlb_gen = -1
        self.arrange(thread.ptrace_bps or [])
        thread.hits = 0
        flags_q = thread.layout.rflags_q
        self.resumes_at = thread.linear_pc() if thread.q[flags_q] & X86_EFLAGS_RF else -1
        thread.q[flags_q] &= ~X86_EFLAGS_RF
        stack = super().run(current, thread, budget_ns)
        if thread.hits:
            thread.orig_ax = -1
            self.debug(0)
        return stack

    def flush(self) -> None:
        """Catch up with changed page tables, and with where the watched memory is now."""
        super().flush()
        self.locate()

    def go_on(self) -> None:
        """Leave the kernel, which may have moved the watched memory, and armed the limit that was to end the run."""
        super().go_on()
        self.locate()
        if self.thread.hits and not self.stopped:
            self.halt()

    def interrupt(self, engine: int, vector: int) -> None:
        """Handle an exception.

        One of an instruction that has not ended forgets what that instruction has touched, and is no reason to stop
        before it again: a CPU sets the resume flag.
        """
        if vector != entry.DEBUG and not self.stopped:
            self.thread.hits = 0
            if vector == X86_TRAP_PF and not self.d[self.error_code_d] & PF_INSTR:
                self.resumes_at = self.thread.linear_pc()
        super().interrupt(engine, vector)

    # Breakpoints.

    def arrange(self, bps: list[Breakpoint | None]) -> None:
        """Have hooks for these and no others."""
        wanted = [(n, bp.type, bp.address, bp.length) for n, bp in enumerate(bps) if bp is not None and not bp.disabled]
        if wanted == self.set_up:
            return
        for number in self.hook_numbers:
            self.cpu.unhook(number)
        self.hook_numbers.clear()
        self.set_up = wanted
        for _, type, address, _ in wanted:
            if type == X86_BREAKPOINT_EXECUTE:
                self.hook_numbers.append(self.cpu.hook_code(address, self.reached))
        self.cpu.drop_all_code()
        self.places = []
        self.locate()

    def locate(self) -> None:
        """Have hooks where the watched memory is now."""
        places = [self.place_of(type, address) for _, type, address, _ in self.set_up]
        if places == self.places:
            return
        self.places = places
        executes = sum([type == X86_BREAKPOINT_EXECUTE for _, type, _, _ in self.set_up])
        for number in self.hook_numbers[executes:]:
            self.cpu.unhook(number)
        del self.hook_numbers[executes:]
        for place, (_, _, _, length) in zip(places, self.set_up, strict=True):
            if place >= 0:
                span = max(0, place - _LONGEST_ACCESS + 1), place + length - 1
                self.hook_numbers.append(self.cpu.hook_memory(span, self.accessed))

    def place_of(self, type: int, address: int) -> int:
        """Return the physical address of what is watched; -1 if it is not present, or no memory."""
        mm = self.mm
        if type == X86_BREAKPOINT_EXECUTE or mm is None:
            return -1
        slot = pgtable.lookup_address(self.k, mm, address)
        found = self.k.frames.q[slot] if slot >= 0 else 0
        return (found & PTE_PFN_MASK) + (address & ~PAGE_MASK) if found & PTE_PRESENT else -1

    # Hooks.

    def reached(self, engine: int, address: int) -> None:
        """Stop before an instruction, unless the one before has hit something: its trap comes first."""
        if self.stopped or self.thread.hits:
            return
        if address == self.resumes_at:
            self.resumes_at = -1
            return
        for n, type, at, _ in self.set_up:
            if type == X86_BREAKPOINT_EXECUTE and at == address:
                self.thread.hits |= 1 << n
        self.charge(self.spent_until(address))
        self.halt()

    def accessed(self, engine: int, kind: int, address: int, size: int) -> None:
        """Note an access to watched memory, and stop behind the instruction."""
        if self.stopped:
            return
        hits = 0
        for place, (n, type, _, length) in zip(self.places, self.set_up, strict=True):
            if type == X86_BREAKPOINT_WRITE and kind != WRITE:
                continue
            if place >= 0 and address < place + length and place < address + size:
                hits |= 1 << n
        if hits:
            self.thread.hits |= hits
            self.cpu.end_now()


def debug_vcpu_of(k: Kernel) -> DebugEntry:
    """Return the kernel's side of the engine that obeys debug registers, made when first asked for.

    It is one more behind those of the CPUs.
    """
    here = k.cpu
    for cpu in range(k.nr_cpus):
        k.cpu = cpu
        entry.vcpu_of(k)
    k.cpu = here
    if len(k.x86.vcpus) == k.nr_cpus:
        frames = k.frames
        k.x86.vcpus.append(
            DebugEntry(k, UnicornCpu(frames.addr, frames.nr_pages << PAGE_SHIFT, memory=frames, by_instruction=True))
        )
    vcpu = k.x86.vcpus[-1]
    assert isinstance(vcpu, DebugEntry)
    return vcpu
