"""Executable files that somebody has damaged: ELF files where a loader looks, and blindly; scripts in line one."""

from __future__ import annotations

from random import Random
import struct

__all__ = ("damaged", "damaged_script")

_ODD = (
    0, 1, 2, 3, 0xFFF, 0x1000, 1 << 31, 1 << 32, (1 << 32) - 1, 1 << 47, (1 << 47) - 4096, 1 << 62, 1 << 63,
    (1 << 64) - 1, (1 << 64) - 4096, 0xFFFFFFFFFF600000, 0xFFFF800000000000, 0x400000, 0x1000000,
)
_HEADER = ((4, 1), (5, 1), (6, 1), (16, 2), (18, 2), (20, 4), (24, 8), (32, 8), (40, 8), (52, 2), (54, 2), (56, 2))
_PHDR = ((0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8))
_TYPES = (0, 1, 2, 3, 4, 6, 7, 0x6474E551, 0x6474E552)
_PT_INTERP, _PT_DYNAMIC = 3, 2
_LOADERS = (b"\0", b"/", b"/proc/self/exe\0", b"/m/0\0", b"relative\0", b"/nothing\0", b"\xff\xfe\0")
_INTERPRETERS = (
    b"/m/0", b"/m/1", b"/sh", b"/", b"", b"/nothing", b"relative", b"/" + b"x" * 300, b"/m", b"\xff\xfe", b"/m/2\0",
)
_BLANKS = (b"", b" ", b"\t", b"  \t ", b"\r", b"\0", b"\x0b")


def damaged(rng: Random, whole: bytes) -> bytes:
    """Change a few fields of an ELF file, or some bytes, or cut it."""
    data = bytearray(whole)
    phoff, = struct.unpack_from("<Q", data, 32)
    phnum, = struct.unpack_from("<H", data, 56)
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.random()
        phdr = phoff + 56 * rng.randrange(phnum)
        if phdr + 56 > len(data):
            return bytes(data)
        if kind < 0.2:
            at, size = rng.choice(_HEADER)
            _put(data, at, size, rng.choice((rng.choice(_ODD), rng.randrange(16))))
        elif kind < 0.7:
            field, size = rng.choice(_PHDR)
            old = int.from_bytes(data[phdr + field:phdr + field + size], "little")
            near = old + rng.choice((1, -1, 4096, -4096, 1 << 20))
            values = rng.choice(_ODD), near, rng.getrandbits(64), rng.choice(_TYPES)
            _put(data, phdr + field, size, rng.choice(values))
        elif kind < 0.8:
            _damage_segment(rng, data, phoff, phnum)
        elif kind < 0.87:
            del data[max(phoff + 56 * phnum, rng.randrange(len(data))):]
        elif kind < 0.9:
            del data[rng.randrange(phoff + 56 * phnum):]
            return bytes(data)
        else:
            for _ in range(rng.choice((1, 10, 100))):
                data[rng.randrange(len(data))] = rng.getrandbits(8)
    return bytes(data)


def _put(data: bytearray, at: int, size: int, value: int) -> None:
    data[at:at + size] = (value % (1 << 8 * size)).to_bytes(size, "little")


def _damage_segment(rng: Random, data: bytearray, phoff: int, phnum: int) -> None:
    """Change what PT_INTERP or PT_DYNAMIC points to: the name of the loader, what the loader reads."""
    for i in range(phnum):
        kind, _, start, _, _, size = struct.unpack_from("<IIQQQQ", data, phoff + 56 * i)
        if kind not in (_PT_INTERP, _PT_DYNAMIC) or not size or start + size > len(data):
            continue
        if kind == _PT_INTERP:
            name = rng.choice((*_LOADERS, b"/" * size))[:size]
            data[start:start + len(name)] = name
        else:
            entry = start + 8 * rng.randrange(max(1, size // 8))
            if entry + 8 <= len(data):
                _put(data, entry, 8, rng.choice((rng.choice(_ODD), rng.randrange(40), rng.getrandbits(64))))


def damaged_script(rng: Random) -> bytes:
    """Return a file that begins like a script."""
    line = rng.choice(_BLANKS) + rng.choice(_INTERPRETERS) + rng.choice(_BLANKS)
    if rng.random() < 0.5:
        line += rng.choice((b"argument", b"two words", b"x" * 200, b"\0", b"-\xff", rng.randbytes(20)))
    data = bytearray(b"#!" + line + rng.choice((b"\n", b"", b"\r\n", b"\0\n")) + b"exit 7\n" * rng.randrange(3))
    if rng.random() < 0.3:
        data[rng.randrange(len(data))] = rng.getrandbits(8)
    return bytes(data)
