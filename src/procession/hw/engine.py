"""Calls into the CPU engine and out of its hooks, by ctypes, and the count of what user code it runs.

A compiled build has _engine.c in its place, which does the same for less.

Time is counted in bytes of machine code. The engine calls a hook before each block of straight code, which adds the
block's size to a sum. A sum of bytes does not depend on where blocks begin, and what did not run of a block because of
a fault is its end minus the instruction at fault. When the sum has passed a limit, the run ends before the next block:
so the block that spends the last of it is still run, and each run makes progress.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from functools import partial
import mmap
import os
import struct
from typing import Any, Final

from unicorn import unicorn_const, x86_const
from unicorn.unicorn_py3.unicorn import uclib

from procession.hw.costs import CODE_BYTES_PER_NS

__all__ = (
    "CODE",
    "INSTRUCTION",
    "INTERRUPT",
    "INVALID",
    "MEMORY",
    "PORT_IN",
    "PORT_OUT",
    "Engine",
    "addresses",
    "library",
)

_USE_EXITS: Final = unicorn_const.UC_CTL_UC_USE_EXITS | 1 << 26 | unicorn_const.UC_CTL_IO_WRITE << 30
_EXITS: Final = unicorn_const.UC_CTL_UC_EXITS | 2 << 26 | unicorn_const.UC_CTL_IO_WRITE << 30

# What a hook is called with.
INSTRUCTION: Final = 0  # nothing
INTERRUPT: Final = 1  # an unused number, and the exception's
INVALID: Final = 2  # nothing
PORT_IN: Final = 3  # nothing
PORT_OUT: Final = 4  # nothing
CODE: Final = 5  # an unused number, and the instruction's address
MEMORY: Final = 6  # an unused number, the kind of access, address, size

# Releasing Python's lock costs a fraction of a microsecond, so only the long call does: without that no other thread
# could stop a guest's endless loop.
_short = ctypes.PyDLL(uclib._name)
_stop = _short.uc_emu_stop
_stop.argtypes = (ctypes.c_void_p,)
_reg_read = _short.uc_reg_read
_reg_read.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_reg_write = _short.uc_reg_write
_reg_write.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_hook_add = _short.uc_hook_add  # what comes after these arguments is variadic
_hook_add.argtypes = (
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_uint64,
    ctypes.c_uint64,
)
# Without argtypes: for calls made so often that converting the arguments counts. Theirs are made once.
library: Final = ctypes.PyDLL(uclib._name)
_start = ctypes.CDLL(uclib._name).uc_emu_start
_start.argtypes = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_size_t)

# The callbacks' arguments are hardly looked at, and converting them costs time: a C function may be called with
# more arguments than it takes.
_NOTHING: Final = ctypes.CFUNCTYPE(None)
_INTERRUPT: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32)
_TRUTH: Final = ctypes.CFUNCTYPE(ctypes.c_bool)
_ADDRESS: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64)
_ACCESS: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_int)
_NUMBER: Final = ctypes.CFUNCTYPE(ctypes.c_uint32)
_BLOCK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint32, ctypes.c_void_p)

# The words of a count.
_SUM: Final = 0  # bytes begun
_LIMIT: Final = 1  # more than this many end the run
_END: Final = 2  # of the last block begun
_FRESH: Final = 3  # 1 while the block that spends the last of it is still to be run
_CUT: Final = 4  # 1 if the limit has ended the run
_STOP: Final = 5  # the address of uc_emu_stop
_WORDS: Final = 6
_LONGEST_NS: Final = 1 << 58
_LONGEST_BLOCK: Final = 1 << 16  # bytes; the engine ends a block before

# on_block() of _engine.c where there is no compiler: a C function (uc, pc, size, count) of the host's ABI that refers
# to nothing but its arguments. Without it Python is called for each block, and a guest's own code takes forty times as
# long.
_X86_64: Final = bytes.fromhex(
    "89d0"  # mov eax, edx              size
    "4801c6"  # add rsi, rax
    "48897110"  # mov [rcx+16], rsi     end = pc + size
    "4889c2"  # mov rdx, rax
    "480311"  # add rdx, [rcx]
    "488911"  # mov [rcx], rdx          sum += size
    "483b5108"  # cmp rdx, [rcx+8]      sum > limit?
    "7f01"  # jg 1f
    "c3"  # ret
    "48837918 00"  # 1: cmp qword [rcx+24], 0   fresh?
    "7409"  # je 2f
    "48c74118 00000000"  # mov qword [rcx+24], 0
    "c3"  # ret
    "482901"  # 2: sub [rcx], rax       this block does not run
    "48c74120 01000000"  # mov qword [rcx+32], 1   cut
    "ff6128"  # jmp [rcx+40]            stop(uc)
)
_AARCH64: Final = struct.pack(
    "<19I",
    0x2A0203E2,  # mov w2, w2           size
    0x8B020024,  # add x4, x1, x2
    0xF9000864,  # str x4, [x3, #16]    end = pc + size
    0xA9401865,  # ldp x5, x6, [x3]
    0x8B0200A5,  # add x5, x5, x2
    0xF9000065,  # str x5, [x3]         sum += size
    0xEB0600BF,  # cmp x5, x6           sum > limit?
    0x5400004C,  # b.gt 1f
    0xD65F03C0,  # ret
    0xF9400C67,  # 1: ldr x7, [x3, #24]  fresh?
    0xB4000067,  # cbz x7, 2f
    0xF9000C7F,  # str xzr, [x3, #24]
    0xD65F03C0,  # ret
    0xCB0200A5,  # 2: sub x5, x5, x2    this block does not run
    0xF9000065,  # str x5, [x3]
    0xD2800027,  # mov x7, #1
    0xF9001067,  # str x7, [x3, #32]    cut
    0xF9401470,  # ldr x16, [x3, #40]
    0xD61F0200,  # br x16               stop(uc)
)
_HOST: Final = os.uname()
_ON_BLOCK: Final = {
    ("Linux", "x86_64"): _X86_64,
    ("Darwin", "x86_64"): _X86_64,
    ("FreeBSD", "amd64"): _X86_64,
    ("Linux", "aarch64"): _AARCH64,  # not on Apple's: a page that is executed has to be asked for otherwise there
}.get((_HOST.sysname, _HOST.machine))
_HAS_MEMFD: Final = _HOST.sysname == "Linux"


def addresses() -> list[int]:
    """Return where the functions are that _engine.bind() wants to know."""
    names = ("uc_emu_start", "uc_emu_stop", "uc_reg_read", "uc_reg_write", "uc_hook_add", "uc_ctl")
    return [ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in names]


class Engine:
    """An open engine of libunicorn, by its handle; whoever has one keeps it open."""

    __slots__ = (
        "_block",
        "_count",
        "_load_flags",
        "_mark",
        "_pgd",
        "_scratch",
        "_scratch_address",
        "_seen_ns",
        "_set_cr3",
        "exits_off",
        "exits_on",
        "handle",
    )

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._scratch = memoryview(bytearray(64)).cast("Q")
        self._scratch_address = _address(self._scratch)
        self._pgd = memoryview(bytearray(8)).cast("Q")
        uch = ctypes.c_void_p(handle)
        eflags, cr3 = ctypes.c_int(x86_const.UC_X86_REG_EFLAGS), ctypes.c_int(x86_const.UC_X86_REG_CR3)
        self._load_flags = partial(library.uc_reg_read, uch, eflags, ctypes.c_void_p(self._scratch_address))
        self._set_cr3 = partial(library.uc_reg_write, uch, cr3, ctypes.c_void_p(_address(self._pgd)))
        use_exits = partial(library.uc_ctl, uch, ctypes.c_uint(_USE_EXITS))
        self.exits_off, self.exits_on = (partial(use_exits, ctypes.c_int(on)) for on in (0, 1))
        self._count = memoryview(bytearray(8 * _WORDS)).cast("q")
        self._count[_STOP] = ctypes.cast(library.uc_emu_stop, ctypes.c_void_p).value or 0
        self._mark = self._seen_ns = 0
        self._block: Any = None

    # Counting.

    def count(self, kind: int) -> tuple[int, int]:
        """Count from now on, in code translated from now on; returns libunicorn's status and the hook's number.

        kind: UC_HOOK_BLOCK, or UC_HOOK_CODE, which counts the same by instruction, and ends runs between those.
        """
        self._block = (_machine_code(_ON_BLOCK) if _ON_BLOCK is not None else None) or _BLOCK(self._on_block)
        number = ctypes.c_size_t()
        hook = ctypes.cast(self._block, ctypes.c_void_p)
        data = ctypes.c_void_p(_address(self._count))
        status = int(_hook_add(self.handle, ctypes.addressof(number), kind, hook, data, 1, 0))
        return status, number.value

    def _on_block(self, uc: int, pc: int, size: int, data: int) -> None:
        count = self._count
        count[_SUM] += size
        count[_END] = pc + size & 0x7FFFFFFFFFFFFFFF
        if count[_SUM] <= count[_LIMIT]:
            return
        if count[_FRESH]:
            count[_FRESH] = 0
            return
        count[_SUM] -= size
        count[_CUT] = 1
        _stop(uc)

    def zero(self) -> None:
        """Forget what has been counted so far."""
        self._count[_SUM] = self._mark = self._seen_ns = 0

    def arm(self, ns: int) -> None:
        """End the run when ns have passed since spent(), behind the block in which they do."""
        count = self._count
        count[_LIMIT] = (self._seen_ns + min(ns, _LONGEST_NS)) * CODE_BYTES_PER_NS - 1
        count[_FRESH] = 1
        count[_CUT] = 0

    def spent(self) -> int:
        """Return the ns that have passed since this was last asked, all of the last block included."""
        self._mark = done = self._count[_SUM]
        ns = done // CODE_BYTES_PER_NS
        passed = ns - self._seen_ns
        self._seen_ns = ns
        return passed

    def unspent(self) -> int:
        """Return what spent() would, and leave it for that; from any thread, while the engine runs."""
        return self._count[_SUM] // CODE_BYTES_PER_NS - self._seen_ns

    def spent_until(self, ip: int) -> int:
        """Return the same where the last block was run up to the instruction at ip only."""
        rest = self._count[_END] - ip
        if 0 < rest <= _LONGEST_BLOCK:
            self._count[_SUM] -= rest
        return self.spent()

    def rewind(self) -> None:
        """Take back what was counted since spent(): blocks that were begun after a stop, and not run."""
        self._count[_SUM] = self._mark

    def was_cut(self) -> bool:
        """Whether the limit has ended the run, be it that of arm() or that of let_out()."""
        return bool(self._count[_CUT])

    def block_end(self) -> int:
        """Return where the block ends that was begun last."""
        return self._count[_END]

    def let_out(self) -> None:
        """End the run before one of the next blocks, nothing else changed; from any thread.

        It may get lost when arm() is called at the same time: repeat it until the run has ended.
        """
        self._count[_LIMIT] = -1

    def end_now(self) -> None:
        """End the run before the next block, in a hook; if counted by instruction, behind the present one."""
        self._count[_LIMIT] = -1
        self._count[_FRESH] = 0

    # Calls.

    def start(self, begin: int, count: int) -> int:
        """Run from begin until stopped, or count instructions unless 0; returns libunicorn's status, 0 for success."""
        return int(_start(self.handle, begin, 0, 0, count))

    def stop(self) -> None:
        """End a run; callable from any thread."""
        _stop(self.handle)

    def flags(self) -> int:
        """Return eflags; inside a hook too, where the engine computes the arithmetic ones only when asked."""
        self._load_flags()
        return self._scratch[0] & 0xFFFFFFFF

    def set_cr3(self, value: int) -> None:
        """Set CR3, and flush the TLB."""
        self._pgd[0] = value
        self._set_cr3()

    def set_exits(self, addresses: tuple[int, ...]) -> None:
        """End runs before these addresses while exits are looked at: from exits_on() until exits_off()."""
        array = (ctypes.c_uint64 * len(addresses))(*addresses)
        library.uc_ctl(ctypes.c_void_p(self.handle), ctypes.c_uint(_EXITS), array, ctypes.c_size_t(len(addresses)))

    def read(self, register: int) -> int:
        """Return the lowest 64 bits of a register."""
        self._scratch[0] = 0
        _reg_read(self.handle, register, self._scratch_address)
        return self._scratch[0]

    def write(self, register: int, low: int, high: int) -> None:
        """Set a register of at most 128 bits."""
        self._scratch[0] = low
        self._scratch[1] = high
        _reg_write(self.handle, register, self._scratch_address)

    def hook(
        self, kind: int, instruction: int, shape: int, function: Callable[..., None], begin: int, end: int
    ) -> tuple[int, int, Any]:
        """Call function at an event from begin to end, or anywhere if begin is larger.

        Returns libunicorn's status, the hook's number, and what has to be kept alive.
        """
        number = ctypes.c_size_t()
        callback = _callback(shape, function)
        address = ctypes.cast(callback, ctypes.c_void_p)
        extra = ctypes.c_int(instruction)
        status = _hook_add(self.handle, ctypes.addressof(number), kind, address, None, begin, end, extra)
        return int(status), number.value, callback


def _callback(shape: int, function: Callable[..., None]) -> Any:
    if shape == INTERRUPT:
        return _INTERRUPT(function)
    if shape == INVALID:

        def invalid() -> bool:
            function()
            return True

        return _TRUTH(invalid)
    if shape == PORT_IN:

        def port_in() -> int:
            function()
            return 0xFFFFFFFF  # there is nothing on the bus

        return _NUMBER(port_in)
    if shape == CODE:
        return _ADDRESS(function)
    if shape == MEMORY:
        return _ACCESS(function)
    return _NOTHING(function)


def _machine_code(code: bytes) -> Any:
    """Return on_block as a function of C, made once a process; None where the host does not let code be made."""
    if not _made:
        try:
            memory = _executable(code)
        except OSError:
            return None
        _made.append((memory, _BLOCK(_address(memoryview(memory)))))
    return _made[0][1]


def _executable(code: bytes) -> mmap.mmap:
    """Return memory with that code, to be run; raises OSError.

    Where there is a file in memory it is the file's: what the kernel maps of one to be executed is in step with the
    caches of instructions, which no processor but x86 keeps in step by itself.
    """
    prot = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    if not _HAS_MEMFD:
        memory = mmap.mmap(-1, mmap.PAGESIZE, prot=prot)
        memory.write(code)
        return memory
    fd = os.memfd_create("on_block")
    try:
        os.write(fd, code.ljust(mmap.PAGESIZE, b"\0"))
        return mmap.mmap(fd, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=prot)
    finally:
        os.close(fd)


_made: list[tuple[mmap.mmap, Any]] = []


def _address(memory: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
