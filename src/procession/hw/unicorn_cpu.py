"""A CPU made of a Unicorn engine.

All that it runs is counted, see hw/engine.py. A task's registers move between engines as one copy of the engine's
state block, whose layout calibration.py has measured.

Beside the machine's memory an engine has a few pages of firmware at a physical address no machine reaches: an
identity map, a stub that enters user mode, an empty page table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import ctypes
from functools import partial
import mmap
from typing import Any, Final
import warnings

import unicorn
from unicorn import unicorn_const, x86_const
from unicorn.unicorn_py3.unicorn import uclib

from procession import _build
from procession.hw import calibration, engine
from procession.hw.calibration import NO_EXCEPTION, Layout
from procession.hw.clock import NEVER
from procession.hw.cpu import (
    FIRMWARE,
    GDT_PAGE,
    KERNEL_HALF,
    KERNEL_START,
    LDT_BYTES,
    LDT_PAGE,
    VSYSCALL_PAGE,
    X86_TRAP_UD,
    CpuError,
    CpuState,
    Hooks,
)
from procession.hw.memory import FRAME_SIZE

__all__ = ("WRITE", "CpuRegisters", "UnicornCpu", "user_template")

_PAGES: Final = 52
_PML4: Final = FIRMWARE
_PDPT: Final = FIRMWARE + FRAME_SIZE
_STUB: Final = FIRMWARE + 2 * FRAME_SIZE
_EMPTY: Final = FIRMWARE + 3 * FRAME_SIZE
_CODE: Final = FIRMWARE + 4 * FRAME_SIZE
_SHORT_CODE: Final = FIRMWARE + 5 * FRAME_SIZE  # of 32 bits, with a stack behind it
_LOW_GIB: Final = 3  # where the firmware is for those
_KERNEL_TABLES: Final = 16  # of three levels, then the pages of the kernel's half
_KERNEL_PAGES: Final = 20
_KERNEL_SIZE: Final = 32  # pages
_GDT_ENTRIES: Final = 16
_GDT_TLS: Final = 12
# What user mode may go to: code of 32 bits, data, code of 64 bits.
_GDT: Final = {4: 0x00CFFB000000FFFF, 5: 0x00CFF3000000FFFF, 6: 0x00AFFB000000FFFF}
_LDT_SELECTOR: Final = 10 << 3
_LDT_FLAGS: Final = 0x8200  # present, a system segment of type LDT
_TCG_BUFFER: Final = 128 << 20  # what a run of a C compiler needs
_MANY_FRAMES: Final = 64  # from so many on it is cheaper to drop all code

_CR0: Final = 0x80010033  # PG WP NE ET MP PE
_CR4: Final = 1 << 9 | 1 << 10 | 1 << 5 | 1 << 2  # OSFXSR OSXMMEXCPT PAE TSD
_EFER: Final = 0xD01  # NXE LMA LME SCE
_STAR: Final = 0xC0000081
_EFER_MSR: Final = 0xC0000080
USER32_CS: Final = 0x23
USER_CS: Final = 0x33
USER_DS: Final = 0x2B

_Uc: Any = unicorn.Uc  # type: ignore[attr-defined]  # the binding's types are incomplete
_error: Any = unicorn.UcError  # type: ignore[attr-defined]

# What calls it: C where that was compiled.
_Engine: Any = engine.Engine
if _build.running.compiled:
    from procession.hw import _engine

    _engine.bind(*engine.addresses())
    _Engine = _engine.Engine

_CONTEXT_MODE: Final = unicorn_const.UC_CTL_CONTEXT_MODE | 1 << 26 | unicorn_const.UC_CTL_IO_WRITE << 30
_HOOK_BLOCK: Final = unicorn_const.UC_HOOK_BLOCK
WRITE: Final = unicorn_const.UC_MEM_WRITE  # what hooks of memory call a store
_EFLAGS: Final = x86_const.UC_X86_REG_EFLAGS

_layouts: list[Layout] = []  # measured once a process: the library does not change
_counting: list[int] = []  # the kind of hook
_exit_requests: list[int] = []  # the same; -1 if it was not found
_templates: list[bytes] = []


class _NoHooks:
    """Hooks of an engine that is still on its own: everything just stops it."""

    def __init__(self, cpu: UnicornCpu) -> None:
        self.cpu = cpu

    def syscall(self) -> None:
        self.cpu.stop()

    def sysenter(self) -> None:
        self.cpu.stop()

    def interrupt(self, engine: int, vector: int) -> None:
        self.cpu.stop()

    def port_io(self) -> None:
        self.cpu.stop()


class UnicornCpu:
    """One engine.

    state: the registers' memory as bytes; q, s, d, i: the same as words of 64 and 32 bits, unsigned and signed.
    owner: whose registers it has.  stop: ends run(), in a hook.  let_out: ends it from outside.
    flags: returns eflags, inside a hook too.  error: what a hook raised.  interrupted: see interrupt().
    arm, spent, unspent, spent_until, rewind, was_cut, block_end, end_now, zero: see hw/engine.py.
    """

    HOLE = 0x7F8000000000  # where the firmware's page table has nothing
    firmware = FIRMWARE
    scratch_address = FIRMWARE + 8 * FRAME_SIZE

    __slots__ = (
        "_by_instruction",
        "_callbacks",
        "_counter",
        "_engine",
        "_exits_off",
        "_exits_on",
        "_firmware",
        "_firmware_q",
        "_gdt",
        "_has_exits",
        "_number",
        "_set_cr3",
        "_start",
        "_tls",
        "_uc",
        "arm",
        "block_end",
        "d",
        "end_now",
        "error",
        "flags",
        "handle",
        "i",
        "interrupted",
        "layout",
        "let_out",
        "memory",
        "owner",
        "q",
        "rewind",
        "running",
        "s",
        "spent",
        "spent_until",
        "state",
        "stop",
        "unspent",
        "was_cut",
        "zero",
    )

    def __init__(self, address: int, size: int, *, memory: object = None, by_instruction: bool = False) -> None:
        """Make an engine over the size bytes of host memory at address; memory is kept alive with it.

        by_instruction: it can stop between any two, and is slower.
        Raises CpuError if this build of Unicorn is not understood.
        """
        if by_instruction and not _counting:
            UnicornCpu(address, size, memory=memory).close()  # what is found out once is found out with blocks
        self.memory = memory
        self.owner: CpuState | None = None
        self.error: BaseException | None = None
        self.interrupted = False
        self.running = False
        self._callbacks: list[tuple[int, Any]] = []
        self._uc: Any
        uc = self._uc = _Uc(unicorn_const.UC_ARCH_X86, unicorn_const.UC_MODE_64)
        # Newer models have RDRAND, which gives the host's entropy and cannot be hooked.
        uc.ctl_set_cpu_model(x86_const.UC_CPU_X86_SANDYBRIDGE)
        uc.ctl_set_tcg_buffer_size(_TCG_BUFFER)
        uc.ctl_exits_enabled(True)  # and there are none: no address ends a run
        self.handle: int = uc._uch.value
        self._engine = _Engine(self.handle)
        self.flags: Callable[[], int] = self._engine.flags
        self.stop: Callable[[], None] = self._engine.stop
        self._set_cr3: Callable[[int], None] = self._engine.set_cr3
        self._start: Callable[[int, int], int] = self._engine.start
        self.let_out: Callable[[], None] = self._engine.let_out
        self.end_now: Callable[[], None] = self._engine.end_now
        self.arm: Callable[[int], None] = self._engine.arm
        self.spent: Callable[[], int] = self._engine.spent
        self.unspent: Callable[[], int] = self._engine.unspent
        self.spent_until: Callable[[int], int] = self._engine.spent_until
        self.rewind: Callable[[], None] = self._engine.rewind
        self.was_cut: Callable[[], bool] = self._engine.was_cut
        self.block_end: Callable[[], int] = self._engine.block_end
        self.zero: Callable[[], None] = self._engine.zero
        self._by_instruction = by_instruction
        self._count(unicorn_const.UC_HOOK_CODE if by_instruction else _counting[0] if _counting else _HOOK_BLOCK)
        self._exits_off: Callable[[], None] = self._engine.exits_off
        self._exits_on: Callable[[], None] = self._engine.exits_on
        self._has_exits = False
        self._make_firmware()
        uc.mem_map_ptr(0, size, unicorn_const.UC_PROT_ALL, address)
        self._calibrate()

    # Making an engine.

    def _make_firmware(self) -> None:
        memory = self._firmware = mmap.mmap(-1, _PAGES * FRAME_SIZE)
        q = self._firmware_q = memoryview(memory).cast("Q")
        q[0] = _PDPT | 7
        for i in range(512):
            q[512 + i] = i << 30 | 0x87  # 1 GiB each, user, writable
        memory[_STUB - FIRMWARE : _STUB - FIRMWARE + 3] = bytes.fromhex("480f07")  # sysretq
        self._make_kernel_half(q)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        uc = self._uc
        uc.mem_map_ptr(FIRMWARE, _PAGES * FRAME_SIZE, unicorn_const.UC_PROT_ALL, address)
        uc.reg_write(x86_const.UC_X86_REG_CR3, _PML4)
        uc.reg_write(x86_const.UC_X86_REG_CR4, _CR4)
        uc.msr_write(_EFER_MSR, _EFER)
        uc.reg_write(x86_const.UC_X86_REG_CR0, _CR0)
        uc.msr_write(_STAR, (USER_CS - 16) << 48 | 0x10 << 32)
        gdt, ldt = (KERNEL_START + page * FRAME_SIZE for page in (GDT_PAGE, LDT_PAGE))
        uc.reg_write(x86_const.UC_X86_REG_GDTR, (0, gdt, 8 * _GDT_ENTRIES - 1, 0))
        uc.reg_write(x86_const.UC_X86_REG_LDTR, (_LDT_SELECTOR, ldt, LDT_BYTES - 1, _LDT_FLAGS))

    def _make_kernel_half(self, q: memoryview) -> None:
        """Map the pages of the last entry of page tables: for the kernel only, but the first."""
        last = (_EMPTY - FIRMWARE) // 8 + 511
        q[511] = q[last] = KERNEL_HALF
        table = _KERNEL_TABLES
        for shift in (30, 21):
            q[table * 512 + (KERNEL_START >> shift & 511)] = FIRMWARE + (table + 1) * FRAME_SIZE | 0x67
            table += 1
        for page in range(_KERNEL_SIZE):
            user = page == VSYSCALL_PAGE
            q[table * 512 + page] = FIRMWARE + (_KERNEL_PAGES + page) * FRAME_SIZE | (0x25 if user else 1 << 63 | 0x63)
        self._gdt = (_KERNEL_PAGES + GDT_PAGE) * 512
        for entry, descriptor in _GDT.items():
            q[self._gdt + entry] = descriptor
        self._tls = (0, 0, 0)

    def set_descriptor(self, entry: int, descriptor: int) -> None:
        """Set an entry of the GDT."""
        self._firmware_q[self._gdt + entry] = descriptor

    def set_tls(self, descriptors: tuple[int, int, int]) -> None:
        """Set the entries of the GDT that are a task's own."""
        self._tls = descriptors
        for i in range(3):
            self.set_descriptor(_GDT_TLS + i, descriptors[i])

    def set_kernel_pages(self, page: int, data: bytes) -> None:
        """Overwrite pages of the kernel's half, from the beginning of one of them on."""
        at = (_KERNEL_PAGES + page) * FRAME_SIZE
        self._firmware[at : at + len(data)] = data

    def _calibrate(self) -> None:
        address = calibration.find_state(self.handle, self.write_register)
        if _layouts:
            self.layout = _layouts[0]
            self._see(address, self.layout.size)
            self._enter_user_mode()
        else:
            size: int = uclib.uc_context_size(self._uc._uch)
            window = _view(address, size - size % 64)
            self._see(address, len(window))
            self._enter_user_mode()
            self.layout = calibration.calibrate(self, window)
            self._see(address, self.layout.size)
            state = bytearray(self.state)
            self.layout.modes = calibration.find_modes(self)
            self.set_state(state)
            _layouts.append(self.layout)
        if not _counting:
            self._choose_counting()
        if not _exit_requests:
            _exit_requests.append(calibration.find_exit_request(self, self._set_context_mode))
            if _exit_requests[0] < 0:
                _warn("looks for a stop behind each access to memory: programs are slower")
        # An end between two instructions needs the looks.
        if _exit_requests[0] >= 0 and _counting[0] == _HOOK_BLOCK and not self._by_instruction:
            _view(self.handle + _exit_requests[0], 1)[0] = 1
        self._check()

    def _see(self, address: int, size: int) -> None:
        self.state = _view(address, size)
        self.q = self.state.cast("Q")
        self.s = self.state.cast("q")
        self.d = self.state.cast("I")
        self.i = self.state.cast("i")

    def _count(self, kind: int) -> None:
        status, self._counter = self._engine.count(kind)
        if status:
            raise CpuError(f"cannot count: {_error(status)}")
        self.arm(NEVER)

    def _choose_counting(self) -> None:
        if calibration.counts_blocks(self):
            _counting.append(unicorn_const.UC_HOOK_BLOCK)
            return
        _counting.append(unicorn_const.UC_HOOK_CODE)
        uclib.uc_hook_del(self._uc._uch, ctypes.c_size_t(self._counter))
        self._count(_counting[0])
        _warn("does not know the size of its blocks, so time is counted by instruction: programs are slower")

    def _set_context_mode(self, mode: int) -> None:
        engine.library.uc_ctl(self._uc._uch, ctypes.c_uint(_CONTEXT_MODE), ctypes.c_int(mode))

    def _enter_user_mode(self) -> None:
        """Go to CPL 3 the only way there is, and keep the state as what user programs begin with."""
        for i in range(16):
            self.q[i] = 0
        self._hook(_NoHooks(self))
        uc = self._uc
        uc.reg_write(x86_const.UC_X86_REG_RCX, _CODE)
        uc.reg_write(x86_const.UC_X86_REG_R11, 0x202)
        self._firmware[_CODE - FIRMWARE : _CODE - FIRMWARE + 2] = bytes.fromhex("0f05")
        self._run(_STUB)
        if uc.reg_read(x86_const.UC_X86_REG_CS) != USER_CS or uc.reg_read(_EFLAGS) != 0x202:
            raise CpuError("the engine does not enter user mode")
        for i in range(16):
            self.q[i] = 0

    def _check(self) -> None:
        """Refuse a CPU that is not at rest in user mode, and keep its state as the template if it is the first."""
        layout = self.layout
        if self.d[layout.old_exception_d] != NO_EXCEPTION or self.read_register(_EFLAGS) != 0x202:
            raise CpuError("calibration left the CPU in disorder")
        self.run_firmware(bytes.fromhex("dbe3 0f05"))  # fninit; syscall
        self.write_register(x86_const.UC_X86_REG_MXCSR, 0x1F80)
        for i in range(16):
            self.q[i] = 0
        self.q[layout.rflags_q] = 0x202
        self.q[layout.rip_q] = self.q[layout.cr2_q] = 0
        self.d[layout.error_code_d] = 0
        if not _templates:
            _templates.append(bytes(self.state))
        self.zero()

    def run_short_firmware(self, code: bytes) -> None:
        """Run a few instructions as code of 32 bits, up to INT n or an exception; for calibration."""
        q = self._firmware_q
        low = (_LOW_GIB << 30) + _SHORT_CODE - FIRMWARE
        self._firmware[_SHORT_CODE - FIRMWARE : _SHORT_CODE - FIRMWARE + len(code)] = code
        usual, q[512 + _LOW_GIB] = q[512 + _LOW_GIB], FIRMWARE | 0x87
        self.set_page_table(_PML4)
        # mov esp, …; push USER32_CS; mov eax, …; push rax; far return
        stack, begin = ((low + offset).to_bytes(4, "little") for offset in (FRAME_SIZE, 0))
        self.run_firmware(b"\xbc" + stack + bytes((0x6A, USER32_CS, 0xB8)) + begin + bytes.fromhex("50 48cb"))
        q[512 + _LOW_GIB] = usual
        self.set_page_table(_PML4)

    @property
    def scratch(self) -> memoryview:
        """Sixteen bytes of memory, at scratch_address, for calibration."""
        at = self.scratch_address - FIRMWARE
        return memoryview(self._firmware)[at : at + 16]

    def run_firmware(self, code: bytes) -> None:
        """Run a few instructions in user mode, up to a system call or an exception; for calibration."""
        at = _CODE - FIRMWARE
        self._firmware[at : at + len(code)] = code
        self._uc.ctl_flush_tb()
        self._run(_CODE)

    # Registers, through the front door.

    def read_register(self, register: int) -> int:
        """Return a register of at most 64 bits."""
        value: int = self._engine.read(register)
        return value

    def write_register(self, register: int, value: int) -> None:
        """Set a register of up to 128 bits."""
        self._engine.write(register, value & 0xFFFFFFFFFFFFFFFF, value >> 64)

    def set_flags(self, value: int) -> None:
        """Set rflags inside a hook."""
        self.write_register(_EFLAGS, value)

    def set_fpu_control(self, fpcw: int, mxcsr: int) -> None:
        """Set the x87 control word and MXCSR; the engine derives its rounding modes from them."""
        self.write_register(x86_const.UC_X86_REG_FPCW, fpcw)
        self.write_register(x86_const.UC_X86_REG_MXCSR, mxcsr)

    # Hooks.

    def set_hooks(self, hooks: Hooks) -> None:
        """Call these from now on."""
        for number, _ in self._callbacks:
            uclib.uc_hook_del(self._uc._uch, ctypes.c_size_t(number))
        self._callbacks.clear()
        self._hook(hooks)

    def _hook(self, hooks: Hooks) -> None:
        instruction = unicorn_const.UC_HOOK_INSN
        self._add_hook(instruction, x86_const.UC_X86_INS_SYSCALL, engine.INSTRUCTION, hooks.syscall)
        self._add_hook(instruction, x86_const.UC_X86_INS_SYSENTER, engine.INSTRUCTION, hooks.sysenter)
        self._add_hook(unicorn_const.UC_HOOK_INTR, 0, engine.INTERRUPT, hooks.interrupt)
        invalid = partial(hooks.interrupt, 0, X86_TRAP_UD)
        self._add_hook(unicorn_const.UC_HOOK_INSN_INVALID, 0, engine.INVALID, invalid)
        # The engine lets user mode do port I/O, and completes the instruction.
        self._add_hook(instruction, x86_const.UC_X86_INS_IN, engine.PORT_IN, hooks.port_io)
        self._add_hook(instruction, x86_const.UC_X86_INS_OUT, engine.PORT_OUT, hooks.port_io)

    def _add_hook(
        self, kind: int, instruction: int, shape: int, function: Callable[..., None], begin: int = 1, end: int = 0
    ) -> int:
        status, number, keep = self._engine.hook(kind, instruction, shape, function, begin, end)
        if status:
            raise CpuError(f"cannot hook: {_error(status)}")
        self._callbacks.append((number, keep))
        return int(number)

    def hook_code(self, address: int, function: Callable[[int, int], None]) -> int:
        """Call function(0, address) before an instruction, from the next drop_all_code() on; returns a number."""
        return self._add_hook(unicorn_const.UC_HOOK_CODE, 0, engine.CODE, function, address, address)

    def hook_memory(self, span: tuple[int, int], function: Callable[[int, int, int, int], None]) -> int:
        """Call function(0, kind, address, size) before accesses to physical memory that begin in span.

        Code that is translated while there is no such hook for any memory does not call one. Returns a number.
        """
        kind = unicorn_const.UC_HOOK_MEM_READ | unicorn_const.UC_HOOK_MEM_WRITE
        return self._add_hook(kind, 0, engine.MEMORY, function, *span)

    def unhook(self, number: int) -> None:
        """End what hook_code() or hook_memory() began."""
        uclib.uc_hook_del(self._uc._uch, ctypes.c_size_t(number))
        self._callbacks = [callback for callback in self._callbacks if callback[0] != number]

    # Running.

    def load(self, state: CpuState) -> None:
        """Take a task's registers in, from wherever they are."""
        if self.owner is not None:
            self.unload()
        if state.cpu is not None:
            state.cpu.unload()
        self.set_state(state.saved)
        if state.tls != self._tls:
            self.set_tls(state.tls)
        state.cpu = self
        state.q = self.q
        self.owner = state

    def set_state(self, saved: bytearray | memoryview) -> None:
        """Set all registers to what state held; the engine does not run."""
        cr3_q = self.layout.cr3_q
        pgd = self.q[cr3_q]
        self.state[:] = saved
        self.q[cr3_q] = pgd  # what this engine's own TLB goes by

    def unload(self) -> None:
        """Put the registers away."""
        owner = self.owner
        if owner is None:
            return
        owner.saved[:] = self.state
        owner.q = owner.saved.cast("Q")
        owner.cpu = None
        self.owner = None

    def set_page_table(self, pgd: int) -> None:
        """Translate by the tables at pgd from now on, and forget translations; 0 is an empty table."""
        self._set_cr3(pgd or _EMPTY)

    def set_exits(self, addresses: tuple[int, ...]) -> None:
        """End run() before the instruction at any of these addresses from now on, for code translated from now on.

        None may be the first byte of a page, and all have to be executable when one of them ends run():
        the engine then looks up the byte before each, and a page fault there would be nobody's.
        """
        self._exits_on()
        self._engine.set_exits(addresses)
        self._has_exits = bool(addresses)

    def leave(self) -> None:
        """End run() from within a hook, which may have changed page tables: exits are not looked at any more."""
        if self._has_exits:
            self._exits_off()
        self.stop()

    def run(self) -> None:
        """Run user code from where it stands until a hook calls stop(), or the limit of arm() or an exit is reached.

        Raises what a hook raised; KeyboardInterrupt if interrupt() was called; CpuError if the engine fails.
        """
        self.running = True
        if self._has_exits:
            self._exits_on()
        try:
            status = self._start(self.q[self.layout.rip_q], 0)
        finally:
            self.running = False
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if self.interrupted:
            self.interrupted = False
            raise KeyboardInterrupt
        if status:
            raise CpuError(f"Unicorn: {_error(status)} at {self.q[self.layout.rip_q]:#x}")

    def _run(self, begin: int) -> None:
        status = self._start(begin, 0)
        if status:
            raise CpuError(f"Unicorn: {_error(status)}")

    def interrupt(self) -> None:
        """Make run() raise KeyboardInterrupt soon; callable from any thread and from signal handlers."""
        self.interrupted = True
        self.let_out()

    # Translated code.

    def drop_code(self, frames: Sequence[int]) -> None:
        """Forget code translated from these frames. Changes the page table: call set_page_table() afterwards."""
        if len(frames) > _MANY_FRAMES:
            self._uc.ctl_flush_tb()
            return
        self.set_page_table(_PML4)
        for pfn in frames:
            self._uc.ctl_remove_cache(pfn * FRAME_SIZE, (pfn + 1) * FRAME_SIZE)

    def drop_all_code(self) -> None:
        """Forget all translated code."""
        self._uc.ctl_flush_tb()

    def engine_memory(self) -> Any:
        """Return what keeps close() from freeing the engine's memory, for a process that ends soon after."""
        return self._uc

    def close(self) -> None:
        """Free the engine. It must not be used any more."""
        self.unload()
        self._callbacks.clear()
        self.state = self.q = self.s = self.d = self.i = memoryview(b"")
        self._uc = None  # the binding closes it with the last reference
        self.memory = None


class CpuRegisters:
    """A bare CpuState: a task's registers and nothing else."""

    __slots__ = ("cpu", "q", "saved", "tls")

    def __init__(self, template: bytes) -> None:
        self.saved = memoryview(bytearray(template))
        self.q = self.saved.cast("Q")
        self.cpu: UnicornCpu | None = None
        self.tls = (0, 0, 0)


def _warn(text: str) -> None:
    warnings.warn(f"this CPU engine {text}", RuntimeWarning, stacklevel=2)


def user_template() -> bytes:
    """Return the state user programs begin with; an engine must have been made before."""
    return _templates[0]


def _view(address: int, size: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")
