"""Every encoding of one, two and three opcode bytes and VEX, with prefixes, on a bare engine at CPL 3.

What ends the process is for hw/untranslatable.py, and what that has is left out here.
"""

from __future__ import annotations

import struct

from procession.hw import untranslatable
from procession.hw.cpu import X86_TRAP_DF
from procession.hw.memory import Frames
from procession.hw.unicorn_cpu import CpuRegisters, UnicornCpu, user_template

__all__ = ("TOTAL", "Bare", "batch", "encoding", "short_batch")

_PREFIXES = (
    b"", b"\x66", b"\xf2", b"\xf3", b"\xf0", b"\x67", b"\x66\xf0", b"\xf2\xf0", b"\xf3\xf0", b"\x66\xf2", b"\x66\xf3",
    b"\x64", b"\x2e", b"\xf2\x66\xf0",
)
_REX = (b"", b"\x48", b"\x41", b"\x4f")
_MODRM = (*range(0xC0, 0x100), *(reg << 3 | rm for reg in range(8) for rm in (3, 0x44, 0x05, 0x04)))
_MAPS = (
    b"", b"\x0f", b"\x0f\x38", b"\x0f\x3a", b"\xc5\xf8", b"\xc5\xfd", b"\xc4\xe1\x79", b"\xc4\xe2\x7d", b"\xc4\xe3\x79",
)
_TAIL = b"\x24\1\2\3\4\5\6\7\x08"
TOTAL = len(_MAPS) * len(_PREFIXES) * len(_REX) * 256 * len(_MODRM)
_STRIDE = 1_000_003         # a prime: samples of any size come from everywhere

CODE, DATA = 0x400000, 0x401000
_CODE_FRAME, _DATA_FRAME = 16, 17
_PGD = 1 << 12
_PRESENT, _RW, _USER, _NX = 1, 2, 4, 1 << 63
_CX, _SP, _SI, _DI = 1, 4, 6, 7


def encoding(number: int) -> bytes:
    """Return instruction number of all."""
    number, modrm = divmod(number % TOTAL, len(_MODRM))
    number, opcode = divmod(number, 256)
    number, rex = divmod(number, len(_REX))
    table, prefix = divmod(number, len(_PREFIXES))
    return _PREFIXES[prefix] + _REX[rex] + _MAPS[table] + bytes((opcode, _MODRM[modrm])) + _TAIL


class Bare:
    """An engine with a page of code and two of data, that stops at whatever happens."""

    def __init__(self, *, short: bool = False) -> None:
        self.short = short  # code is of 32 bits
        self.frames = Frames(16 << 20)
        q = self.frames.q
        q[1 << 9], q[2 << 9], q[(3 << 9) + 2] = 2 << 12 | 0x67, 3 << 12 | 0x67, 4 << 12 | 0x67
        q[4 << 9] = _CODE_FRAME << 12 | _PRESENT | _USER
        for i in (1, 2):
            q[(4 << 9) + i] = _DATA_FRAME + i - 1 << 12 | _PRESENT | _USER | _RW | _NX
        self.cpu = UnicornCpu(self.frames.addr, self.frames.nr_pages << 12, memory=self.frames)
        self.cpu.set_hooks(self)
        self.cpu.set_page_table(_PGD)
        self.stop = self.cpu.stop

    def syscall(self) -> None:
        """End the run."""
        self.stop()

    def sysenter(self) -> None:
        """End the run."""
        self.stop()

    def interrupt(self, engine: int, vector: int) -> None:
        """End the run; raises AssertionError if the engine takes it for a second exception."""
        self.cpu.d[self.cpu.layout.old_exception_d] = 0xFFFFFFFF
        self.cpu.d[self.cpu.layout.is_int_d] = 0
        if vector == X86_TRAP_DF:
            raise AssertionError("a double fault")
        self.stop()

    def port_io(self) -> None:
        """End the run."""
        self.stop()

    def run(self, code: bytes) -> None:
        """Run it and little else, from registers that point to memory."""
        cpu, frames = self.cpu, self.frames
        at = _CODE_FRAME << 12
        frames.phys[at:at + 32] = code.ljust(30, b"\x90") + b"\x0f\x05"
        cpu.drop_code([_CODE_FRAME])
        cpu.set_page_table(_PGD)
        cpu.load(CpuRegisters(user_template()))
        for register in range(16):
            cpu.q[register] = DATA + 2048
        cpu.q[_CX], cpu.q[_SP], cpu.q[_SI], cpu.q[_DI] = 3, DATA + 4096, DATA + 64, DATA + 512
        for word, long, short in cpu.layout.modes:
            cpu.q[word] = short if self.short else long
        cpu.q[cpu.layout.rip_q] = CODE
        cpu.spent()
        cpu.arm(1)
        cpu.run()
        segments = struct.unpack_from("<H", frames.phys, 0)
        assert segments == (0,)     # frame 0 is nobody's: no instruction writes where no table points


def batch(seed: int, size: int, *, short: bool = False) -> int:
    """Run size encodings, the seed-th of such samples; returns how many. short: as code of 32 bits."""
    machine = Bare(short=short)
    for i in range(seed * size, (seed + 1) * size):
        code = encoding(i * _STRIDE)
        if not untranslatable.begins(code):
            machine.run(code)
    machine.cpu.close()
    return size


def short_batch(seed: int, size: int) -> int:
    """Do the same as code of 32 bits."""
    return batch(seed, size, short=True)
