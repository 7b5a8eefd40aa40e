"""Between user mode and the kernel (arch/x86/kernel/entry_64.S): system calls, exceptions, the way back.

Most system calls and page faults are answered while the engine stands still inside one of its hooks, and user code
goes on without leaving it. It is left (stopped) when a call sleeps, replaces the user state or the memory, when
Task.ti_flags has work, or when the clock has reached next_event_ns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import arguments, fault, interrupt, ioport, ldt, seccomp, step, syscall_table, traps
from procession.arch.x86.ia32 import ia32entry
from procession.arch.x86.syscall_table import NI_SYSCALLS, NR, NR_SYSCALLS
from procession.hw import untranslatable
from procession.hw.calibration import NO_EXCEPTION
from procession.hw.chooser import INSTRUCTION
from procession.hw.clock import NEVER
from procession.hw.costs import FAULT_NS, TRAP_NS
from procession.hw.cpu import X86_TRAP_BP, X86_TRAP_DB, X86_TRAP_GP, X86_TRAP_OF, X86_TRAP_PF, X86_TRAP_UD
from procession.hw.unicorn_cpu import USER_CS, UnicornCpu
from procession.include.asm.debugreg import DR_STEP
from procession.include.asm.processor import KernelStack, SyscallStack
from procession.include.asm.processor_flags import X86_EFLAGS_TF
from procession.include.asm.ptrace import AX, CX, R11
from procession.include.asm.traps import PF_INSTR, PF_PROT
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.mm_types import PAGE_SHIFT, VM_EXEC
from procession.include.linux.sched import (
    TIF_BLOCKSTEP,
    TIF_SIGPENDING,
    TIF_SYSCALL_TRACEPOINT,
    TIF_TRACED,
    TIF_WORK_SYSCALL_ENTRY,
)
from procession.include.linux.syscalls import Syscall
from procession.kernel import signal, tracehook
from procession.mm import mmap, text

if TYPE_CHECKING:
    from procession.arch.x86.process import X86Thread
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.sched import Task

__all__ = ("DEBUG", "Entry", "machine_shutdown", "vcpu_of")

_ENOSYS: Final = -int(Errno.ENOSYS)
DEBUG: Final = X86_TRAP_DB
_FETCH: Final = PF_INSTR | PF_PROT  # from a page that is there
_USER_GATES: Final = (X86_TRAP_BP, X86_TRAP_OF)  # what INT n may raise

# They leave by another door than they came in: other registers, other memory, or another task's.
_ON_OWN_STACK: Final = frozenset({"fork", "vfork", "clone", "clone3", "execve", "execveat", "exit", "exit_group"})
_NR_RT_SIGRETURN: Final = NR["rt_sigreturn"]
_WORK: Final = ~TIF_TRACED


class Entry:
    """The kernel's side of one engine (hw.cpu.Hooks).

    current, thread, mm: who runs.  pgd, tlb_gen: what the engine's TLB goes by.  spent, spent_until: see hw/engine.py.
    stack: what run() has to hand to the machine loop.  stopped: a hook has stopped the engine.
    calls, own_stack: how to read the arguments of the calls made so far, by number; calls answered in the hook, others.
    io_state: the registers where port I/O was tried.  healed_ip: the last instruction whose fault needed no flush.
    fetched: ip and page of the last fetch that was allowed.  step: an instruction that runs by itself.
    exits: what the engine has to stop before.  ldt: the local descriptor table that it has.  longest_ns: of one run.
    """

    __slots__ = (
        "calls",
        "clock",
        "cpu",
        "cr2_q",
        "cs_q",
        "current",
        "d",
        "error_code_d",
        "exits",
        "fetched",
        "flags_q",
        "healed_ip",
        "io_state",
        "is_int_d",
        "k",
        "ldt",
        "longest_ns",
        "mm",
        "nr_calls",
        "old_exception_d",
        "own_stack",
        "pgd",
        "q",
        "rip_q",
        "spent",
        "spent_until",
        "stack",
        "step",
        "stopped",
        "thread",
        "timers",
        "tlb_gen",
        "trace",
    )

    current: Task
    thread: X86Thread

    def __init__(self, k: Kernel, cpu: UnicornCpu) -> None:
        self.k = k
        self.nr_calls = 0  # SYSCALL instructions answered, for observers
        self.cpu = cpu
        self.clock, self.trace, self.timers = k.clock, k.trace, k.timers
        layout = cpu.layout
        self.q, self.d = cpu.q, cpu.d
        self.rip_q, self.cr2_q, self.flags_q = layout.rip_q, layout.cr2_q, layout.rflags_q
        self.cs_q = layout.selectors_q + 3
        self.error_code_d, self.old_exception_d = layout.error_code_d, layout.old_exception_d
        self.is_int_d = layout.is_int_d
        self.spent, self.spent_until = cpu.spent, cpu.spent_until
        self.longest_ns = interrupt.GLANCE_NS if k.chooser.exploring else ULONG_MAX
        if k.clock.realtime:
            self.spent = self.spent_until = self.spent_on_host
        self.mm: MmStruct | None = None
        self.pgd = self.tlb_gen = -1
        self.stack: KernelStack | None = None
        self.stopped = False
        self.io_state: bytearray | None = None
        self.healed_ip = -1
        self.fetched = (-1, -1)
        self.step: step.Step | None = None
        self.exits: tuple[int, ...] = ()
        self.calls: dict[int, tuple[Syscall, Callable[..., Any], bool, arguments.Decoder]] = {}
        self.own_stack: dict[int, arguments.Decoder] = {}
        self.ldt: bytes | None = None
        ldt.cpu_init(cpu, len(k.x86.vcpus))
        cpu.set_hooks(self)

    # Hooks.

    def syscall(self) -> None:
        """Answer the SYSCALL instruction the engine stands at."""
        if self.stopped:
            return  # in the rest of a block that has ended already, see port_io
        if self.q[self.cs_q] != USER_CS:
            ia32entry.no_syscall(self)
            return
        try:
            q = self.q
            current = self.current
            trace = self.trace
            clock = self.clock
            ns = self.spent()
            current.utime += ns
            clock.now_ns += ns + TRAP_NS
            current.stime += TRAP_NS
            if self.step is not None:
                self.end_step()
            self.nr_calls += 1
            nr = self.thread.orig_ax = q[AX]
            q[CX] = q[self.rip_q] + 2
            flags = q[R11] = self.cpu.flags()
            if flags & X86_EFLAGS_TF:
                self.thread.sysret = _by_sysret(current, nr)
            entry = self.calls.get(nr)
            if entry is None or current.ti_flags & TIF_WORK_SYSCALL_ENTRY or current.seccomp_mode:
                self.slow(current, nr)
                return
            call, function, is_async, decode = entry
            args = decode()
            if trace.sys_enter:
                trace.sys_enter(nr, call.name, args)
            try:
                result = function(current, *args)
                if is_async:
                    try:
                        result.send(None)
                    except StopIteration as done:
                        result = done.value
                    else:
                        self.stack = SyscallStack(current, nr, call.name, result)
                        self.halt()
                        return
            except LinuxError as error:
                result = -error.errno
            q[AX] = result & ULONG_MAX if result else 0
            if nr == _NR_RT_SIGRETURN:
                q[self.rip_q] = q[self.rip_q] - 2 & ULONG_MAX  # the engine goes on behind the instruction there
            if trace.sys_exit:
                trace.sys_exit(nr, call.name, result or 0)
            k = self.k
            if k.after_trap is not None:
                k.after_trap()
            # What go_on() looks at; there is seldom anything. A real-time clock always has an event.
            if current.ti_flags == TIF_SIGPENDING:
                self.deliver(current)
            if current.ti_flags or clock.next_event_ns != NEVER or k.x86.tlb_gen != self.tlb_gen:
                self.go_on()
            if q[self.flags_q] & X86_EFLAGS_TF:
                # The engine would trap right here in any case, a CPU behind the next instruction unless it was SYSRET.
                self.halt()
        except BaseException as bug:  # noqa: BLE001 -- comes out of run()
            self.fail(bug)

    def sysenter(self) -> None:
        """Answer the SYSENTER instruction."""
        if not self.stopped:
            ia32entry.sysenter(self)

    def interrupt(self, engine: int, vector: int) -> None:
        """Handle the exception the engine stands at."""
        d = self.d
        # Else the next exception would count as the second half of a double fault.
        d[self.old_exception_d] = NO_EXCEPTION
        is_int, d[self.is_int_d] = d[self.is_int_d], 0
        if self.stopped:
            return
        try:
            error_code = d[self.error_code_d]
            # Where the engine stands: behind the instruction after INT n and a step, before the block if it could not
            # be fetched, else in the middle of the block, at the instruction.
            if is_int or vector == DEBUG or (vector == X86_TRAP_PF and error_code & PF_INSTR):
                self.charge(self.spent())
            else:
                self.charge(self.spent_until(self.thread.linear_pc()))
            self.thread.orig_ax = -1
            if is_int and vector == ia32entry.IA32_SYSCALL_VECTOR:
                if self.step is not None:
                    self.end_step()
                ia32entry.ia32_syscall(self, self.current)
                return
            if is_int and vector not in _USER_GATES:
                vector = traps.NO_GATE | vector
            if self.step is not None and not self.end_step(done=vector == DEBUG) and vector == DEBUG:
                self.fetched = (-1, -1)
            elif vector == DEBUG:
                self.debug(DR_STEP)
            elif vector != X86_TRAP_PF:
                self.trap(vector, error_code)
            elif error_code & _FETCH != _FETCH or not self.fetch(self.q[self.cr2_q]):
                self.page_fault(error_code)
            self.go_on()
        except BaseException as error:  # noqa: BLE001
            self.fail(error)

    def trap(self, vector: int, error_code: int) -> None:
        """Answer an exception other than a page fault."""
        current = self.current
        self.clock.now_ns += TRAP_NS
        current.stime += TRAP_NS
        traps.do_trap(current, self.thread, vector, error_code)
        if self.k.after_trap is not None:
            self.k.after_trap()

    def debug(self, dr6: int) -> None:
        """Answer a debug exception, dr6 being what it came from, beside the breakpoints that were met."""
        current, thread = self.current, self.thread
        by_branch = current.ti_flags & TIF_BLOCKSTEP and not thread.hits
        if by_branch and not step.branches(current, thread, self.cpu.block_end(), thread.linear_pc()):
            return  # the engine steps by instruction: a CPU would not have trapped
        dr6 |= thread.hits
        thread.hits = 0
        self.clock.now_ns += TRAP_NS
        current.stime += TRAP_NS
        traps.do_debug(current, thread, dr6)
        if self.k.after_trap is not None:
            self.k.after_trap()

    def page_fault(self, error_code: int) -> None:
        """Answer a page fault, and leave its flush out where the access itself makes up for it."""
        k, current = self.k, self.current
        self.clock.now_ns += FAULT_NS
        current.stime += FAULT_NS
        gen = k.x86.tlb_gen
        ip = self.q[self.rip_q]
        fault.do_page_fault(current, self.q[self.cr2_q], error_code)
        # One flush is that of the page at fault, whose translation the access replaces when it is made again:
        # unless it is not, because something else stops the instruction. Code of the old page needs the flush.
        if ip == self.healed_ip:
            self.tlb_gen = -1
        elif k.x86.tlb_gen == gen + 1 and self.tlb_gen == gen and self.only_page(k):
            self.healed_ip = ip
            self.tlb_gen = gen + 1
        if k.after_trap is not None:
            k.after_trap()

    def fetch(self, address: int) -> bool:
        """Answer a fetch from a present page that mm/text.py has not let anybody execute yet; false if nobody may."""
        current = self.current
        mm = current.mm
        assert mm is not None
        vma = mmap.find_vma(mm, address)
        if vma is None or address < vma.vm_start or not vma.vm_flags & VM_EXEC:
            return False
        ip = self.thread.linear_pc()
        fetched = ip, address >> PAGE_SHIFT
        # The second time in a row: it stores into its own page, which took the permission back.
        if fetched != self.fetched and text.allow_exec(self.k, mm, vma, address):
            self.fetched = fetched
        else:
            code = step.code_at(current, ip)
            if untranslatable.begins(code):
                self.trap(X86_TRAP_UD, 0)
                return True
            self.step = step.Step(current, self.thread, code)
        # Not a fault of the program's, but it must not be free: a timer has to end a loop of these.
        self.clock.now_ns += FAULT_NS
        current.utime += FAULT_NS
        return True

    def end_step(self, *, done: bool = False) -> bool:
        """End the step in progress; returns whether its trap, if it is done, is one that the program shall see."""
        ended, self.step = self.step, None
        assert ended is not None
        return ended.end(self.current, done=done)

    def port_io(self) -> None:
        """Answer an instruction of port I/O."""
        if not self.stopped:
            ioport.port_io(self)

    def go_on(self) -> None:
        """Leave the kernel: back to user code, or out of the engine if there is other work."""
        clock = self.clock
        if clock.realtime:
            self.current.stime += clock.sync()
        if self.current.ti_flags & _WORK or clock.now_ns >= clock.next_event_ns:
            self.halt()
            return
        if self.k.x86.tlb_gen != self.tlb_gen:
            self.flush()
        if clock.next_event_ns != NEVER:
            self.cpu.arm(self.timers.next_timer_ns - clock.now_ns)

    def deliver(self, current: Task) -> None:
        """Let the signal that a call has left behind take effect here: a handler needs no other door."""
        q, rip_q = self.q, self.rip_q
        self.thread.sysret = False
        # Where the engine is when this hook has returned.
        q[rip_q] = q[rip_q] + 2 & ULONG_MAX
        stack = KernelStack(signal.do_signal(current))
        if not stack.step():
            self.stack = stack  # it stops the process, or ends it
            self.halt()
        q[rip_q] = q[rip_q] - 2 & ULONG_MAX

    def only_page(self, k: Kernel) -> bool:
        """Whether the flush that is due has no other reason than the page that was at fault."""
        mm = self.mm
        return not (mm is None or mm.pgd != self.pgd or k.x86.tb_dirty_pages)

    def halt(self) -> None:
        """End run() after this instruction."""
        self.stopped = True
        self.cpu.leave()

    def fail(self, error: BaseException) -> None:
        """Make run() raise error."""
        self.cpu.error = error
        self.halt()

    def spent_on_host(self, ip: int = 0) -> int:
        """Return what user code has taken by the host's clock (Clock.realtime); ip as in Engine.spent_until."""
        self.cpu.spent()
        ns = self.clock.sync()
        self.clock.now_ns -= ns  # the caller adds it
        return ns

    def charge(self, ns: int) -> None:
        """Let the time that user code took pass."""
        self.clock.now_ns += ns
        self.current.utime += ns

    # System calls off the fast path.

    def slow(self, current: Task, nr: int) -> None:
        """Make the call on a stack of its own, or prepare it for the fast path, or answer ENOSYS."""
        if current.ti_flags & TIF_WORK_SYSCALL_ENTRY:
            self.q[AX] = _ENOSYS & ULONG_MAX
            self.q[CX] = ULONG_MAX  # FIXUP_TOP_OF_STACK: the frame is made complete, but where SYSRET goes is lost
        if current.seccomp_mode and seccomp.denies(self, current, nr):
            return
        name = syscall_table.syscall_name(nr)
        call = self.k.syscalls.get(name)
        if current.ti_flags & TIF_WORK_SYSCALL_ENTRY:
            self.stack = SyscallStack(current, nr, name, self.traced(current))
            self.halt()
            return
        if call is None:
            self.ni_syscall(current, nr, name)
            self.q[AX] = _ENOSYS & ULONG_MAX
            self.go_on()
            if self.thread.sysret:
                self.halt()
            return
        decode = self.own_stack.get(nr) or arguments.decoder(self.cpu, call)
        if name in _ON_OWN_STACK or current.seccomp_mode:
            self.own_stack[nr] = decode
            args = decode()
            if self.trace.sys_enter:
                self.trace.sys_enter(nr, name, args)
            coro = call.fn(current, *args) if call.is_async else _on_stack(current, call, args)
            self.stack = SyscallStack(current, nr, name, coro)
            self.halt()
            return
        self.calls[nr] = call, call.fn, call.is_async, decode
        self.clock.now_ns -= TRAP_NS
        current.stime -= TRAP_NS
        self.syscall()

    def ni_syscall(self, current: Task, nr: int, name: str) -> None:
        """Answer ENOSYS to a call that does not exist (sys_ni_syscall)."""
        self.count_unknown(nr, name)
        if self.trace.sys_enter:
            self.trace.sys_enter(nr, name, tuple(self.q[i] for i in arguments.REGISTERS))
        if self.trace.sys_exit:
            self.trace.sys_exit(nr, name, _ENOSYS)

    def count_unknown(self, nr: int, name: str) -> None:
        """Count a call that does not exist: in 3.2, or only here."""
        k = self.k
        if nr >= NR_SYSCALLS or name in NI_SYSCALLS:
            k.not_in_linux(name)
        else:
            k.not_modelled(name)

    async def traced(self, current: Task) -> int:
        """Make a call with a tracer looking at its beginning (syscall_trace_enter); of its end tells SyscallStack.

        The tracer may have changed the number, and anything else; a number that there is not leaves ax alone.
        """
        thread: Any = current.thread
        stack: Any = current.stack
        if current.ti_flags & TIF_SYSCALL_TRACEPOINT:
            await tracehook.choose_syscall_entry(current, stack.name, arguments.named(stack.name, thread.q))
        emulated = await tracehook.tracehook_report_syscall_entry(current)
        nr = -1 if emulated else thread.orig_ax
        stack.nr, stack.name = nr, ""
        name = syscall_table.syscall_name(nr)
        call = self.k.syscalls.get(name)
        if call is not None:
            args = arguments.decode_saved(call, thread.q)
        elif nr >= 0:
            self.count_unknown(nr, name)
            args = thread.syscall_get_arguments()
        else:
            return _signed(thread.q[AX])
        stack.name = name
        if self.trace.sys_enter:
            self.trace.sys_enter(nr, name, args)
        if current.seccomp_filter is not None:
            return await seccomp.judge(current, nr)
        if call is None:
            return _ENOSYS if nr < NR_SYSCALLS else _signed(thread.q[AX])
        return await _on_stack(current, call, args)

    # Running.

    def run(self, current: Task, thread: X86Thread, budget_ns: int) -> KernelStack | None:
        """Run current's user code until a hook stops it or budget_ns have passed."""
        cpu = self.cpu
        if cpu.owner is not thread:
            self.load(thread)
        self.current = current
        self.thread = thread
        mm = current.mm
        assert mm is not None
        if self.mm is not mm or self.k.x86.tlb_gen != self.tlb_gen:
            self.mm = mm
            self.flush()
        self.stopped = thread.ts_compat = False
        if thread.sysret:
            thread.sysret = False
            thread.orig_ax = -1
            self.debug(DR_STEP)
            return None
        if self.clock.realtime:
            interrupt.run_realtime(self)
        else:
            cpu.arm(min(budget_ns, self.longest_ns))
            cpu.run()
        if self.stopped:
            cpu.rewind()
        else:
            self.charge(self.spent())
        if self.step is not None:
            self.end_step()
        if self.q[self.rip_q] == self.healed_ip:
            self.tlb_gen = -1
        if not self.stopped:
            thread.orig_ax = -1
            if not cpu.was_cut():
                self.at_exit(current, thread)
        elif self.io_state is not None:
            cpu.set_state(self.io_state)
            self.io_state = None
            thread.orig_ax = -1
            traps.do_trap(current, thread, X86_TRAP_GP, 0)
        stack, self.stack = self.stack, None
        return stack

    def load(self, thread: X86Thread) -> None:
        """Put a thread's registers into the engine."""
        self.cpu.load(thread)
        if thread.fpu_control is not None:
            self.cpu.set_fpu_control(*thread.fpu_control)
            thread.fpu_control = None

    def at_exit(self, current: Task, thread: X86Thread) -> None:
        """Answer what the engine has stopped before by itself: an illegal instruction."""
        mm = current.mm
        assert mm is not None
        ip = thread.linear_pc()
        if ip not in self.exits:
            # An exit of another address space that has the page with another one behind it.
            text.retranslate(self.k, mm, ip)
            self.tlb_gen = -1
        elif untranslatable.begins(step.code_at(current, ip)):
            self.trap(X86_TRAP_UD, 0)
        else:
            text.forget_exits(self.k, mm, ip)

    def seize(self, thread: X86Thread) -> UnicornCpu:
        """Return the engine that has thread's registers, loading them into this one if need be."""
        if thread.cpu is None:
            self.cpu.load(thread)
        assert thread.cpu is not None
        return thread.cpu

    def drop_code(self, frames: list[int]) -> None:
        """Forget code translated from these frames."""
        self.cpu.drop_code(frames)
        self.tlb_gen = -1

    def close(self) -> None:
        """Give the engine up."""
        self.cpu.close()

    def flush(self) -> None:
        """Catch up with what mm/tlb.py has marked: rewritten code, changed page tables."""
        k = self.k
        if k.x86.tb_dirty_pages:
            pages = k.x86.tb_dirty_pages[:]
            k.x86.tb_dirty_pages.clear()
            for vcpu in k.x86.vcpus:
                vcpu.drop_code(pages)
        self.tlb_gen = k.x86.tlb_gen
        mm = self.mm
        assert mm is not None
        self.pgd = mm.pgd
        self.cpu.set_page_table(mm.pgd)
        if mm.ldt is not self.ldt:
            ldt.load_ldt(self, mm.ldt)
        if mm.exits or self.exits:
            exits = text.exits(k, mm)
            if exits != self.exits:
                self.exits = exits
                self.cpu.set_exits(exits)


def vcpu_of(k: Kernel) -> Entry:
    """Return the kernel's side of the executing CPU's engine, made when first asked for."""
    if not k.x86.vcpus and k.x86.first_engine is not None:
        k.x86.first_engine()
    while len(k.x86.vcpus) <= k.cpu:
        at, size, stops = k.frames.addr, k.frames.nr_pages << PAGE_SHIFT, INSTRUCTION in k.chooser.optional
        k.x86.vcpus.append(Entry(k, UnicornCpu(at, size, memory=k.frames, by_instruction=stops)))
    vcpu: Entry = k.x86.vcpus[k.cpu]
    return vcpu


def machine_shutdown(k: Kernel) -> None:
    """Free the host memory of all engines; nothing runs on this machine any more."""
    for vcpu in k.x86.vcpus:
        vcpu.close()
    k.x86.vcpus.clear()


def _by_sysret(current: Task, nr: int) -> bool:
    """Whether a call that no signal disturbs goes back by SYSRET, which traps at once if it brings the trap flag back.

    IRET, the other way, lets one instruction pass. execve(2) takes it too, and has no trap flag.
    """
    return not (nr == _NR_RT_SIGRETURN or current.seccomp_mode or current.ti_flags & TIF_WORK_SYSCALL_ENTRY)


async def _on_stack(current: Task, call: Syscall, args: tuple[Any, ...]) -> int:
    result = call.fn(current, *args)
    if call.is_async:
        result = await result
    return result or 0


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
