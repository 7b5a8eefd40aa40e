"""Find out where the engine keeps what: nothing about its insides is hard-coded, and a wrong guess is refused.

The engine's CPU state is one block of memory. It is found by writing sixteen known values into the registers and
following the pointers of the engine's handle; single fields are found by changing them through the official
interface, or by provoking a fault, and looking at what moved. Memory is read through a pipe: a bad pointer is then an
EFAULT and not a crash.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Any, Final

from unicorn import unicorn_const, x86_const

from procession.hw.costs import CODE_BYTES_PER_NS
from procession.hw.cpu import CpuError

if TYPE_CHECKING:
    from collections.abc import Callable

    from procession.hw.unicorn_cpu import UnicornCpu

__all__ = (
    "COUNTED",
    "NO_EXCEPTION",
    "Layout",
    "Peeker",
    "calibrate",
    "counts_blocks",
    "find_exit_request",
    "find_modes",
    "find_state",
)

HANDLE_SIZE: Final = 8 << 10  # bytes of the handle that are searched
_SPAN: Final = 1 << 16  # bytes behind a pointer that are searched for the registers
NO_EXCEPTION: Final = 0xFFFFFFFF
_MARK: Final = 0x1122334455660000
_GPRS: Final = ("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", *(f"R{i}" for i in range(8, 16)))
_PATTERN: Final = struct.pack("<16Q", *(_MARK + i * 0x101 for i in range(16)))


class Layout:
    """Offsets into the CPU state. Those called ..._q count 64-bit words, ..._d 32-bit words, others bytes.

    The sixteen general registers come first, in the order of their numbers in machine code.
    size: bytes that make up a task's state.  rflags_q is valid, and obeyed, only while the engine is not running.
    modes: the words that say what code is: where, for code of 64 bits, for code of 32 bits.
    """

    __slots__ = (
        "size",
        "rip_q",
        "rflags_q",
        "fs_base_q",
        "gs_base_q",
        "selectors_q",
        "cr2_q",
        "cr3_q",
        "error_code_d",
        "is_int_d",
        "old_exception_d",
        "mxcsr_d",
        "fpuc",
        "fpus",
        "fpstt",
        "fptags",
        "fpregs",
        "xmm",
        "xmm_stride",
        "x87_start",
        "modes",
        "x87_end",
        "xmm_end",
    )  # derived

    def __init__(
        self,
        size: int,
        rip_q: int,
        rflags_q: int,
        fs_base_q: int,
        gs_base_q: int,
        cr2_q: int,
        cr3_q: int,
        error_code_d: int,
        is_int_d: int,
        old_exception_d: int,
        mxcsr_d: int,
        fpuc: int,
        fpus: int,
        fpstt: int,
        fptags: int,
        fpregs: int,
        xmm: int,
        xmm_stride: int,
    ) -> None:
        self.size: Final[int] = size
        self.rip_q: Final[int] = rip_q
        self.rflags_q: Final[int] = rflags_q
        self.fs_base_q: Final[int] = fs_base_q
        self.gs_base_q: Final[int] = gs_base_q
        # Of es, cs, ss, ds, fs and gs: each is the first of three words, the second being the base.
        self.selectors_q: Final[int] = fs_base_q - 13
        self.cr2_q: Final[int] = cr2_q
        self.cr3_q: Final[int] = cr3_q
        self.error_code_d: Final[int] = error_code_d
        self.is_int_d: Final[int] = is_int_d  # 1 if it was INT n, which the engine lets user mode do for any n
        self.old_exception_d: Final[int] = old_exception_d
        self.mxcsr_d: Final[int] = mxcsr_d
        self.fpuc: Final[int] = fpuc
        self.fpus: Final[int] = fpus
        self.fpstt: Final[int] = fpstt
        self.fptags: Final[int] = fptags
        self.fpregs: Final[int] = fpregs
        self.xmm: Final[int] = xmm
        self.xmm_stride: Final[int] = xmm_stride
        # All of the x87, and of the XMM registers.
        self.x87_start: Final[int] = min(fpuc, fpus, fpstt, fptags, fpregs)
        self.modes: tuple[tuple[int, int, int], ...] = ()
        self.x87_end: Final[int] = max(fpuc + 2, fpus + 2, fpstt + 4, fptags + 8, fpregs + 8 * 16)
        self.xmm_end: Final[int] = xmm + 16 * xmm_stride


class Peeker:
    """Reads memory of this process at any address."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.write.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)
        self._libc.write.restype = ctypes.c_ssize_t
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def peek(self, address: int, size: int) -> bytes:
        """Return up to size bytes at address, fewer at the end of readable memory, none if there is none."""
        got = self._libc.write(self._write, address, size)
        data = b""
        while got > len(data):
            data += os.read(self._read, got - len(data))
        return data

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._read)
        os.close(self._write)


def find_state(handle: int, write: Callable[[int, int], None]) -> int:
    """Return the address of the CPU state of an engine; raises CpuError.

    write(register, value) is the engine's official way to set a register.
    """
    for i, name in enumerate(_GPRS):
        write(getattr(x86_const, f"UC_X86_REG_{name}"), _MARK + i * 0x101)
    peeker = Peeker()

    def is_state(address: int) -> bool:
        """Whether the registers themselves are there, and not a copy of what they held: a change must show."""
        if peeker.peek(address, len(_PATTERN)) != _PATTERN:
            return False
        write(x86_const.UC_X86_REG_RAX, _MARK + 1)
        changed = peeker.peek(address, 8) == (_MARK + 1).to_bytes(8, "little")
        write(x86_const.UC_X86_REG_RAX, _MARK)
        return changed

    try:
        data = peeker.peek(handle, HANDLE_SIZE).ljust(HANDLE_SIZE, b"\0")
        words: tuple[int, ...] = struct.unpack(f"<{HANDLE_SIZE // 8}Q", data)
        # The way that led to another engine's state comes first; but it may have been a neighbour's pointer by chance.
        for word, delta in _ways:
            if is_state(words[word] + delta):
                return words[word] + delta
        for word, pointer in enumerate(words):
            if pointer < 0x10000 or pointer & 7 or pointer >= 1 << 56:
                continue
            span = peeker.peek(pointer, _SPAN)
            at = span.find(_PATTERN)
            while at >= 0:
                if is_state(pointer + at):
                    _ways[:] = [(word, at)]
                    return pointer + at
                at = span.find(_PATTERN, at + 8)
    finally:
        peeker.close()
    raise CpuError("this build of Unicorn keeps its registers where they cannot be found")


_ways: list[tuple[int, int]] = []  # (word of the handle, distance from where it points to)


class _Probe:
    """Changes one thing at a time and reports which bytes of the state moved."""

    def __init__(self, cpu: UnicornCpu, window: memoryview) -> None:
        self.cpu = cpu
        self.window = window

    def field(self, name: str, value: int, width: int) -> int:
        """Return the offset of the register's field: the only place where value appears when it is written."""
        register = getattr(x86_const, f"UC_X86_REG_{name}")
        raw = value.to_bytes(width, "little")
        before = bytes(self.window)
        old = self.cpu.read_register(register)
        self.cpu.write_register(register, value)
        after = bytes(self.window)
        self.cpu.write_register(register, old)
        found = [at for at in _moved(before, after) if after[at : at + width] == raw]
        if len(found) != 1:
            raise CpuError(f"calibration: {name} found at {found}")
        return found[0]

    def change(self, act: Callable[[], Any]) -> tuple[bytes, bytes]:
        """Return the state before and after act."""
        before = bytes(self.window)
        act()
        return before, bytes(self.window)


def _moved(before: bytes, after: bytes) -> list[int]:
    """Return the offsets of 16-bit words that differ, each run of differences by its first."""
    moved: list[int] = []
    last = -2
    for block in range(0, len(before), _BLOCK):
        if before[block : block + _BLOCK] == after[block : block + _BLOCK]:
            continue
        for at in range(block, block + _BLOCK, 2):
            if before[at : at + 2] != after[at : at + 2]:
                if at != last + 2:
                    moved.append(at)
                last = at
    return moved


_BLOCK: Final = 64
_X87_SPAN: Final = 160


def _became(before: bytes, after: bytes, old: bytes, new: bytes) -> list[int]:
    """Return the offsets of 32-bit words from which on old has become new."""
    width = len(old)
    return [at for at in range(0, len(before), 4) if before[at : at + width] == old and after[at : at + width] == new]


def calibrate(cpu: UnicornCpu, window: memoryview) -> Layout:
    """Measure the layout on a CPU that runs user code of its own; raises CpuError if anything is ambiguous.

    window: the engine's state, as much of it as its saved contexts have.
    """
    probe = _Probe(cpu, window)
    value = _MARK + 0x5A7A
    words = {name: probe.field(name, value, 8) // 8 for name in ("RIP", "FS_BASE", "GS_BASE", "CR2")}
    cr3_q = probe.field("CR3", cpu.firmware + 0x7000, 8) // 8
    error_code_d, is_int_d, old_exception_d = _find_fault_fields(cpu, probe, words["CR2"])
    xmm0, xmm1 = (probe.field(f"XMM{i}", value | value << 64, 16) for i in (0, 1))
    if probe.field("XMM15", value | value << 64, 16) != xmm0 + 15 * (xmm1 - xmm0):
        raise CpuError("calibration: XMM registers are not in a row")
    fpstt, fpus, fptags, fpregs = _find_x87(cpu, probe)
    layout = Layout(
        size=(old_exception_d * 4 + 8) & ~7,
        rip_q=words["RIP"],
        rflags_q=probe.field("EFLAGS", 0x200AD7, 4) // 8,
        fs_base_q=words["FS_BASE"],
        gs_base_q=words["GS_BASE"],
        cr2_q=words["CR2"],
        cr3_q=cr3_q,
        error_code_d=error_code_d,
        is_int_d=is_int_d,
        old_exception_d=old_exception_d,
        mxcsr_d=probe.field("MXCSR", 0x1FA5, 4) // 4,
        fpuc=probe.field("FPCW", 0x0F7A, 2),
        fpus=fpus,
        fpstt=fpstt,
        fptags=fptags,
        fpregs=fpregs,
        xmm=xmm0,
        xmm_stride=xmm1 - xmm0,
    )
    _check_selectors(cpu, layout)
    if layout.x87_end - layout.x87_start > _X87_SPAN:
        raise CpuError("calibration: the x87 registers are not in one piece")
    return layout


def _check_selectors(cpu: UnicornCpu, layout: Layout) -> None:
    """Load segment registers, and put them back; raises CpuError if they are not where they are expected."""
    user_ds = cpu.read_register(x86_const.UC_X86_REG_SS)
    for i, (load, clear) in enumerate((("8ec0", "8ec1"), ("8ed8", "8ed9"), ("8ee0", "8ee1"), ("8ee8", "8ee9"))):
        segment = (0, 3, 4, 5)[i]
        cpu.write_register(x86_const.UC_X86_REG_RAX, user_ds)
        cpu.run_firmware(bytes.fromhex(load + "0f05"))
        found = cpu.q[layout.selectors_q + 3 * segment] & 0xFFFF
        cpu.write_register(x86_const.UC_X86_REG_RCX, 0)
        cpu.run_firmware(bytes.fromhex("31c9" + clear + "0f05"))
        if found != user_ds or cpu.q[layout.selectors_q + 3 * segment] & 0xFFFF:
            raise CpuError("calibration: no selectors")


def find_modes(cpu: UnicornCpu) -> tuple[tuple[int, int, int], ...]:
    """Return which words of the state tell code of 64 bits from that of 32: where, in the one, in the other.

    Changes the state; raises CpuError if code of 32 bits does not run.
    """
    layout = cpu.layout
    # xor eax, eax; nop with a prefix, or dec eax and nop; push 0x202; popf; int 0x80
    known = bytes.fromhex("31c0 4890 6802020000 9d cd80")
    words = range(
        layout.selectors_q - 1, layout.fs_base_q
    )  # what the engine derives from them lies before the segments
    found = []
    cpu.write_register(x86_const.UC_X86_REG_RSP, cpu.scratch_address + 16)
    for run in (cpu.run_firmware, cpu.run_short_firmware):
        run(known)
        cpu.d[layout.is_int_d] = 0
        cpu.d[layout.old_exception_d] = NO_EXCEPTION
        found.append((cpu.d[0], [cpu.q[word] for word in words]))
    (long_ax, long), (short_ax, short) = found
    modes = tuple([(word, a, b) for word, a, b in zip(words, long, short, strict=True) if a != b])
    expected = [layout.selectors_q + i for i in (-1, 3, 5)]
    if long_ax != 0 or short_ax != 0xFFFFFFFF or [word for word, _, _ in modes] != expected:
        raise CpuError("calibration: no code of 32 bits")
    return modes


def _find_fault_fields(cpu: UnicornCpu, probe: _Probe, cr2_q: int) -> tuple[int, int, int]:
    """Return where a fault leaves its error code, and whether it was INT n, and what makes a second one a double fault.

    Two faults whose codes differ: a read and a write of an address that is not mapped.
    """
    hole = cpu.HOLE
    load, store = bytes.fromhex("488b07"), bytes.fromhex("488907")  # mov rax, [rdi]; mov [rdi], rax
    cpu.write_register(x86_const.UC_X86_REG_RDI, hole)
    before, read = probe.change(lambda: cpu.run_firmware(load))
    if struct.unpack_from("<Q", read, cr2_q * 8)[0] != hole:
        raise CpuError("calibration: no page fault")
    old = _became(before, read, b"\xff\xff\xff\xff", b"\x0e\0\0\0")
    if len(old) != 1:
        raise CpuError(f"calibration: last exception found at {old}")
    probe.window[old[0] : old[0] + 4] = b"\xff\xff\xff\xff"
    _, written = probe.change(lambda: cpu.run_firmware(store))
    code = _became(read, written, b"\x04\0\0\0", b"\x06\0\0\0")
    probe.window[old[0] : old[0] + 4] = b"\xff\xff\xff\xff"
    if len(code) != 1:
        raise CpuError(f"calibration: error code found at {code}")
    at = code[0] + 4
    _, after = probe.change(lambda: cpu.run_firmware(bytes.fromhex("cd20")))
    probe.window[old[0] : old[0] + 4] = b"\xff\xff\xff\xff"
    if written[at : at + 4] != bytes(4) or after[at : at + 4] != b"\1\0\0\0":
        raise CpuError("calibration: INT n does not show")
    probe.window[at : at + 4] = bytes(4)
    return code[0] // 4, at // 4, old[0] // 4


def _find_x87(cpu: UnicornCpu, probe: _Probe) -> tuple[int, int, int, int]:
    """Return where the top of the x87 stack, the status word, the tags and the registers are.

    Loading 1.0 pushes: the top goes from 0 to 7, register 7 becomes valid.
    """
    cpu.run_firmware(bytes.fromhex("dbe3 0f05"))  # fninit; syscall
    before, after = probe.change(lambda: cpu.run_firmware(bytes.fromhex("d9e8 0f05")))  # fld1; syscall
    one = bytes.fromhex("0000000000000080ff3f")
    registers = [at for at in _moved(before, after) if after[at - 6 : at + 4] == one]
    tops = _became(before, after, bytes(4), b"\x07\0\0\0")
    # Tag 7 of eight bytes: 1 is empty, 0 valid.
    tags = _became(before, after, b"\1" * 8, b"\1" * 7 + b"\0")
    # FXSAVE shows empty registers, too, and programs begin with this state: fninit; fldz; fninit; syscall.
    cpu.run_firmware(bytes.fromhex("dbe3 d9ee dbe3 0f05"))
    if not (len(registers) == len(tops) == len(tags) == 1):
        raise CpuError(f"calibration: x87 found at {registers} {tops} {tags}")
    status = probe.field("FPSW", 0x4741, 2)
    return tops[0], status, tags[0], registers[0] - 6 - 7 * 16


# mov ecx, 10; dec ecx; jnz; syscall: and what it counts.
COUNTED: Final = (bytes.fromhex("b90a000000 ffc9 75fc 0f05"), 47 // CODE_BYTES_PER_NS)


def counts_blocks(cpu: UnicornCpu) -> bool:
    """Whether the engine calls its hook once a block, with the block's size: a loop of known length must show it."""
    code, ns = COUNTED
    cpu.zero()
    cpu.run_firmware(code)
    cpu.write_register(x86_const.UC_X86_REG_EFLAGS, 0x202)
    return cpu.spent() == ns


_MODES: Final = (unicorn_const.UC_CTL_CONTEXT_CPU, unicorn_const.UC_CTL_CONTEXT_MEMORY)


def find_exit_request(cpu: UnicornCpu, set_context_mode: Callable[[int], None]) -> int:
    """Return where in the handle a 1 makes the engine look for a stop only before blocks; -1 if it is not there.

    The engine calls a C function behind each access to memory as well, to look whether it shall stop. It costs a
    quarter of the time of most programs, and a stop that it sees behind a store makes the store happen twice. The
    field is the third of four booleans some words behind the mode of contexts, which can be set officially.
    """
    peeker = Peeker()
    shown = []
    try:
        for mode in _MODES:
            set_context_mode(mode)
            shown.append(peeker.peek(cpu.handle, HANDLE_SIZE))
        set_context_mode(_MODES[0])
    finally:
        peeker.close()
    before, after = (data[: len(data) & ~3] for data in shown)
    for place in _became(before, after, *(mode.to_bytes(4, "little") for mode in _MODES)):
        # The mode, filled up to eight bytes; the size of a context; an address; hook_insert, first_tb, ours, init_done.
        at = (place + 4 + 7 & ~7) + 16
        if after[at : at + 4] not in _BOOLEANS or not _ends_behind_a_store(cpu):
            continue
        request = (ctypes.c_ubyte * 1).from_address(cpu.handle + at + 2)
        request[0] = 1
        if not _ends_behind_a_store(cpu):
            return at + 2
        request[0] = 0
    return -1


_BOOLEANS: Final = (b"\0\0\0\1", b"\0\1\0\1")


def _ends_behind_a_store(cpu: UnicornCpu) -> bool:
    """Whether a stop in the middle of a block, which port I/O asks for, lets only one of the next two stores happen."""
    cpu.scratch[:] = bytes(len(cpu.scratch))
    cpu.write_register(x86_const.UC_X86_REG_RDI, cpu.scratch_address)
    cpu.write_register(x86_const.UC_X86_REG_RAX, _MARK)
    # out dx, al; mov [rdi], rax; mov [rdi+8], rax; syscall
    cpu.run_firmware(bytes.fromhex("ee 488907 48894708 0f05"))
    first, second = struct.unpack("<2Q", cpu.scratch)
    if first != _MARK or second not in {0, _MARK}:
        raise CpuError("calibration: port I/O does not end a run as it used to")
    return bool(second != _MARK)
