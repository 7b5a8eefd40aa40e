"""The page of code that 32-bit programs make system calls and leave handlers by (arch/x86/vdso/vdso32/).

It is a shared object, linux-gate.so.1, with what a loader and a debugger look for: symbols, a version, unwinding. A CPU
of Intel has the variant with SYSENTER, which goes on at SYSENTER_RETURN: a call to be made again is by INT 0x80.
As 3.2 for machines of 64 bits leaves it, its addresses are those of its old place, wherever it lies.
"""

from __future__ import annotations

from functools import cache
import struct
from typing import Final

from procession.include.linux.mm_types import PAGE_SIZE

__all__ = ("RT_SIGRETURN", "SIGRETURN", "SYSENTER_RETURN", "VDSO_HIGH_BASE", "VSYSCALL", "vdso32_image")

VDSO_HIGH_BASE: Final = 0xFFFFE000
# Behind the beginning of the page.
SIGRETURN: Final = 0x400
RT_SIGRETURN: Final = 0x410
VSYSCALL: Final = 0x420
SYSENTER_RETURN: Final = 0x430

_EHDR_SIZE: Final = 52
_PHDR: Final = struct.Struct("<8I")
_SHDR: Final = struct.Struct("<10I")
_SYM: Final = struct.Struct("<IIIBBH")
_LINUX_VERSION_CODE: Final = 0x030204
_STRINGS: Final = b"\0__kernel_vsyscall\0__kernel_sigreturn\0__kernel_rt_sigreturn\0linux-gate.so.1\0LINUX_2.5\0"

# pop eax; mov eax, 119; int 0x80.   mov eax, 173; int 0x80; each with nops.
_SIGRETURN_CODE: Final = bytes.fromhex("58 b877000000 cd80 90")
_RT_SIGRETURN_CODE: Final = bytes.fromhex("b8ad000000 cd80 90")
# push ecx; push edx; push ebp; mov ebp, esp; sysenter; 7 nops; int 0x80; pop ebp; pop edx; pop ecx; ret.
_VSYSCALL_CODE: Final = bytes.fromhex("51 52 55 89e5 0f34 90909090909090 cd80 5d 5a 59 c3")
_NOP: Final = b"\x90"
_SYMBOLS: Final = (
    (b"__kernel_vsyscall", VSYSCALL, len(_VSYSCALL_CODE)),
    (b"__kernel_sigreturn", SIGRETURN, len(_SIGRETURN_CODE)),
    (b"__kernel_rt_sigreturn", RT_SIGRETURN, len(_RT_SIGRETURN_CODE)),
)
_TEXT_SECTION: Final = 10

# Unwinding: where struct sigcontext has the registers, by their numbers in DWARF: eax to edi, eip.
_SIGCONTEXT: Final = ((0, 44), (1, 40), (2, 36), (3, 32), (5, 24), (6, 20), (7, 16), (8, 56))
_SIGCONTEXT_SP: Final = 28
_RT_SIGCONTEXT: Final = 160  # from the stack pointer on that the handler leaves
_CFA_ADVANCE: Final = 0x40
_CFA_OFFSET: Final = 0x80
_CFA_RESTORE: Final = 0xC0
_CFA_DEF_CFA_OFFSET: Final = 0x0E
_CFA_DEF_CFA_EXPRESSION: Final = 0x0F
_CFA_EXPRESSION: Final = 0x10
_OP_BREG_SP: Final = 0x74
_OP_DEREF: Final = 0x06
_EBP: Final = 5


def _hash(name: bytes) -> int:
    """Return the version's hash as ELF has it."""
    h = 0
    for byte in name:
        h = (h << 4) + byte
        high = h & 0xF0000000
        h = (h ^ high >> 24) & ~high
    return h


def _string(name: bytes) -> int:
    return _STRINGS.index(b"\0" + name + b"\0") + 1


def _sleb(value: int) -> bytes:
    """Return a positive number in DWARF's form."""
    out = bytearray()
    while value >= 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _where(sigcontext: int) -> bytes:
    """Say where the registers are, with a struct sigcontext at sigcontext + esp."""
    pointer = bytes((_OP_BREG_SP,)) + _sleb(sigcontext + _SIGCONTEXT_SP) + bytes((_OP_DEREF,))
    out = bytes((_CFA_DEF_CFA_EXPRESSION, len(pointer))) + pointer
    for register, offset in _SIGCONTEXT:
        place = bytes((_OP_BREG_SP,)) + _sleb(sigcontext + offset)
        out += bytes((_CFA_EXPRESSION, register, len(place))) + place
    return out


def _entry(id: int, body: bytes) -> bytes:
    """Return a record of .eh_frame, filled up to words with DW_CFA_nop."""
    body = struct.pack("<I", id) + body
    body += bytes(-len(body) & 3)
    return struct.pack("<I", len(body)) + body


def _cie(augmentation: bytes, instructions: bytes) -> bytes:
    # Version 1; code in bytes, data in -4; the return address is register 8; FDEs are relative.
    return _entry(0, b"\1" + augmentation + b"\0" + b"\1\x7c\x08\x01\x1b" + instructions)


def _eh_frame(at: int) -> tuple[bytes, list[tuple[int, int]]]:
    """Return .eh_frame, to lie at `at`, and of each function where it begins and where its record is."""
    vsyscall = bytes((_CFA_ADVANCE | 1, _CFA_DEF_CFA_OFFSET, 8, _CFA_ADVANCE | 1, _CFA_DEF_CFA_OFFSET, 12))
    vsyscall += bytes((_CFA_ADVANCE | 1, _CFA_DEF_CFA_OFFSET, 16, _CFA_OFFSET | _EBP, 4))
    vsyscall += bytes((_CFA_ADVANCE | SYSENTER_RETURN + 1 - VSYSCALL - 3, _CFA_DEF_CFA_OFFSET, 12, _CFA_RESTORE | _EBP))
    vsyscall += bytes((_CFA_ADVANCE | 1, _CFA_DEF_CFA_OFFSET, 8, _CFA_ADVANCE | 1, _CFA_DEF_CFA_OFFSET, 4))
    # Of a frame of a signal the address of return is not behind a call: the range begins a byte early.
    sigreturn = _where(4) + bytes((_CFA_ADVANCE | 2,)) + _where(0)
    signals = (
        (SIGRETURN - 1, len(_SIGRETURN_CODE), sigreturn),
        (RT_SIGRETURN - 1, len(_RT_SIGRETURN_CODE), _where(_RT_SIGCONTEXT)),
    )
    calls = ((VSYSCALL, len(_VSYSCALL_CODE), vsyscall),)
    frame = b""
    table = []
    # def_cfa esp + 4; the return address at cfa - 4.
    for cie, functions in ((_cie(b"zRS", b""), signals), (_cie(b"zR", b"\x0c\x04\x04\x88\x01"), calls)):
        start = len(frame)
        frame += cie
        for code, length, instructions in functions:
            here = len(frame)
            table.append((code, at + here))
            begin = code - (at + here + 8)
            frame += _entry(here + 4 - start, struct.pack("<iIB", begin, length, 0) + instructions)
    return frame + bytes(4), table


def _eh_frame_hdr(at: int, frame_at: int, table: list[tuple[int, int]]) -> bytes:
    head = struct.pack("<4BiI", 1, 0x1B, 3, 0x3B, frame_at - at - 4, len(table))
    return head + b"".join([struct.pack("<ii", code - at, fde - at) for code, fde in sorted(table)])


def _verdef() -> bytes:
    base, version = b"linux-gate.so.1", b"LINUX_2.5"
    out = struct.pack("<HHHHIII", 1, 1, 1, 1, _hash(base), 20, 28) + struct.pack("<II", _string(base), 0)
    return out + struct.pack("<HHHHIII", 1, 0, 2, 1, _hash(version), 20, 0) + struct.pack("<II", _string(version), 0)


def _text() -> bytes:
    out = _SIGRETURN_CODE.ljust(RT_SIGRETURN - SIGRETURN, _NOP)
    return (out + _RT_SIGRETURN_CODE).ljust(VSYSCALL - SIGRETURN, _NOP) + _VSYSCALL_CODE


class _Layout:
    """Sections, one behind the other.

    sections: name, type, flags, where, size, link, info, alignment, size of entries.
    """

    __slots__ = ("data", "sections")

    def __init__(self) -> None:
        self.data = bytearray(_EHDR_SIZE + 4 * _PHDR.size)
        self.sections: list[tuple[bytes, int, int, int, int, int, int, int, int]] = []

    def here(self, align: int = 4) -> int:
        """Return where the next one goes."""
        self.data += bytes(-len(self.data) % align)
        return len(self.data)

    def add(self, name: bytes, type: int, data: bytes, *more: int) -> int:
        """Add a section; more: flags, link, info, alignment, size of entries. Returns where it is."""
        flags, link, info, align, entsize = more
        at = self.here(align)
        self.sections.append((name, type, flags, at, len(data), link, info, align, entsize))
        self.data += data
        return at


def _symbols(base: int) -> bytes:
    out = bytes(_SYM.size)
    for name, value, size in _SYMBOLS:
        out += _SYM.pack(_string(name), base + value, size, 0x12, 0, _TEXT_SECTION)
    return out + _SYM.pack(_string(b"LINUX_2.5"), 0, 0, 0x11, 0, 0xFFF1)


@cache
def vdso32_image() -> bytes:
    """Return the page."""
    base = VDSO_HIGH_BASE
    layout = _Layout()
    # One bucket for all symbols.
    hash_at = layout.add(b".hash", 5, struct.pack("<8I", 1, 5, 1, 0, 2, 3, 4, 0), 2, 2, 0, 4, 4)
    symbols = layout.add(b".dynsym", 11, _symbols(base), 2, 3, 1, 4, _SYM.size)
    strings = layout.add(b".dynstr", 3, _STRINGS, 2, 0, 0, 1, 0)
    versions = layout.add(b".gnu.version", 0x6FFFFFFF, struct.pack("<5H", 0, 2, 2, 2, 2), 2, 2, 0, 2, 2)
    verdef = layout.add(b".gnu.version_d", 0x6FFFFFFD, _verdef(), 2, 3, 2, 4, 0)
    note = struct.pack("<III8sI", 6, 4, 0, b"Linux\0", _LINUX_VERSION_CODE)
    note_at = layout.add(b".note", 7, note, 2, 0, 0, 4, 0)
    header_at = layout.here()
    frame_at = header_at + 12 + 3 * 8
    frame, table = _eh_frame(frame_at)
    header = _eh_frame_hdr(header_at, frame_at, table)
    layout.add(b".eh_frame_hdr", 1, header, 2, 0, 0, 4, 0)
    layout.add(b".eh_frame", 1, frame, 2, 0, 0, 4, 0)
    tags = [(14, _string(b"linux-gate.so.1")), (4, base + hash_at), (5, base + strings), (6, base + symbols)]
    tags += [(10, len(_STRINGS)), (11, _SYM.size), (0x6FFFFFFC, base + verdef), (0x6FFFFFFD, 2)]
    tags += [(0x6FFFFFF0, base + versions), (0, 0)]
    dynamic = b"".join([struct.pack("<II", tag, value) for tag, value in tags])
    dynamic_at = layout.add(b".dynamic", 6, dynamic, 3, 3, 0, 4, 8)
    layout.data += bytes(SIGRETURN - len(layout.data))
    layout.add(b".text", 1, _text(), 6, 0, 0, 16, 0)
    end = len(layout.data)
    segments = [(1, 0, end, 5, PAGE_SIZE), (2, dynamic_at, len(dynamic), 4, 4), (4, note_at, len(note), 4, 4)]
    segments.append((0x6474E550, header_at, len(header), 4, 4))
    for i, (type, at, size, flags, align) in enumerate(segments):
        _PHDR.pack_into(layout.data, _EHDR_SIZE + i * _PHDR.size, type, at, base + at, at, size, size, flags, align)
    _finish(layout, base)
    return bytes(layout.data).ljust(PAGE_SIZE, b"\0")


def _finish(layout: _Layout, base: int) -> None:
    """Write the section headers behind all, and the ELF header."""
    names = b"\0" + b"".join([section[0] + b"\0" for section in layout.sections]) + b".shstrtab\0"
    layout.add(b".shstrtab", 3, names, 0, 0, 0, 1, 0)
    shoff = layout.here()
    layout.data += bytes(_SHDR.size)
    for name, type, flags, at, size, link, info, align, entsize in layout.sections:
        address = base + at if flags else 0
        at_name = names.index(b"\0" + name + b"\0") + 1
        layout.data += _SHDR.pack(at_name, type, flags, address, at, size, link, info, align, entsize)
    head = b"\x7fELF\1\1\1".ljust(16, b"\0")
    count = len(layout.sections) + 1
    sizes = (_EHDR_SIZE, _PHDR.size, 4, _SHDR.size, count, count - 1)
    header = head + struct.pack("<HHIIIII6H", 3, 3, 1, base + VSYSCALL, _EHDR_SIZE, shoff, 0, *sizes)
    layout.data[:_EHDR_SIZE] = header
