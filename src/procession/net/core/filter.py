"""Classic BPF: little programs that say how much of a packet a socket takes (net/core/filter.c)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.filter import BPF_MAXINSNS, BPF_MEMWORDS
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.netlink import NLA_TYPE_MASK, NLATTR, nlmsg_align
from procession.mm import uaccess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procession.include.linux.sched import Task

__all__ = ("sk_attach_filter", "sk_filter")

_SK_FILTER: Final = 32  # struct sk_filter, before its instructions
_INSN: Final = struct.Struct("<HBBI")  # code, jump if true, jump if false, constant

# Classes of instructions, in their lowest three bits.
_LD: Final = 0
_LDX: Final = 1
_ST: Final = 2
_STX: Final = 3
_ALU: Final = 4
_JMP: Final = 5
_RET: Final = 6

_RET_K: Final = 0x06
_RET_A: Final = 0x16
_JA: Final = 0x05
_TAX: Final = 0x07
_DIV_K: Final = 0x34
_NEG: Final = 0x84
_LD_MEM: Final = 0x60
_LDX_MEM: Final = 0x61
_LDX_MSH: Final = 0xB1
_X: Final = 8  # the operand is X, not the constant

_LOADS: Final = (0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x60, 0x80, 0x01, 0x61, 0x81, 0xB1, 0x02, 0x03)
_ALUS: Final = (*range(0x04, 0x7D, 8), _NEG)
_JUMPS: Final = (_JA, 0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D, 0x45, 0x4D)
_KNOWN: Final = frozenset((*_LOADS, *_ALUS, *_JUMPS, _RET_K, _RET_A, _TAX, 0x87))
_SIZES: Final[dict[int, int]] = {0x00: 4, 0x08: 2, 0x10: 1}

# What is beside a packet's bytes, above SKF_AD_OFF.
_SKF_AD_OFF: Final = 0xFFFFF000
_SKF_AD_PROTOCOL: Final = 0
_SKF_AD_IFINDEX: Final = 8
_SKF_AD_NLATTR: Final = 12
_SKF_AD_NLATTR_NEST: Final = 16
_SKF_AD_HATYPE: Final = 28
_SKF_AD_CPU: Final = 36

Program = list[tuple[int, int, int, int]]


def sk_attach_filter(current: Task, count: int, instructions: int, old: Program | None) -> Program:
    """Read a program of count instructions; raises EINVAL, EFAULT, ENOMEM.

    old: the one that it takes the place of, whose memory counts until then.
    """
    if not instructions:
        raise LinuxError(Errno.EINVAL, "a filter without instructions")
    taken = 0 if old is None else _SK_FILTER + len(old) * _INSN.size
    if taken + _SK_FILTER + count * _INSN.size >= current.kernel.net.sysctl_optmem_max:
        raise LinuxError(Errno.ENOMEM, "a filter too long")
    raw = uaccess.copy_from_user(current, instructions, count * _INSN.size) if count else b""
    program: Program = list(_INSN.iter_unpack(raw))
    sk_chk_filter(program)
    return program


def sk_chk_filter(program: Sequence[tuple[int, int, int, int]]) -> None:
    """Hold a program against the rules: all jumps go forward and stay inside; raises EINVAL, ENOMEM."""
    if not 0 < len(program) <= BPF_MAXINSNS:
        raise LinuxError(Errno.EINVAL, "a filter's length")
    for pc, (code, jt, jf, k) in enumerate(program):
        behind = len(program) - pc - 1
        if code not in _KNOWN or (code == _DIV_K and not k):
            raise LinuxError(Errno.EINVAL, "a filter's instruction")
        if code in (_LD_MEM, _LDX_MEM, _ST, _STX) and k >= BPF_MEMWORDS:
            raise LinuxError(Errno.EINVAL, "a filter's memory")
        if (code == _JA and k >= behind) or (code & 7 == _JMP and code != _JA and max(jt, jf) >= behind):
            raise LinuxError(Errno.EINVAL, "a filter's jump")
    if program[-1][0] not in (_RET_K, _RET_A):
        raise LinuxError(Errno.EINVAL, "a filter without an end")
    _check_load_and_stores(program)


def _check_load_and_stores(program: Sequence[tuple[int, int, int, int]]) -> None:
    """See that no way leads to a load of a word of memory that was not stored; raises EINVAL."""
    valid = 0
    masks = [0xFFFF] * len(program)
    for pc, (code, jt, jf, k) in enumerate(program):
        valid &= masks[pc]
        if code in (_ST, _STX):
            valid |= 1 << k
        elif code in (_LD_MEM, _LDX_MEM):
            if not valid >> k & 1:
                raise LinuxError(Errno.EINVAL, "a filter loads what it has not stored")
        elif code & 7 == _JMP:
            for to in (k,) if code == _JA else (jt, jf):
                masks[pc + 1 + to] &= valid
            valid = 0xFFFF


def sk_filter(program: Program, data: bytes, protocol: int = 0, ifindex: int = 0, hatype: int = 0) -> int:
    """Return how many bytes of a packet a socket takes, 0 for none of it: a look at what does not exist ends there.

    ifindex: 0 for one that came over no interface.
    """
    machine = _Machine(data, {_SKF_AD_PROTOCOL: protocol, _SKF_AD_IFINDEX: ifindex, _SKF_AD_HATYPE: hatype})
    try:
        return min(machine.run(program), len(data))
    except IndexError:
        return 0


class _Machine:
    """What a filter computes with: two registers, and some words of memory; beside: by offset from SKF_AD_OFF."""

    __slots__ = ("a", "beside", "data", "mem", "x")

    def __init__(self, data: bytes, beside: dict[int, int]) -> None:
        self.data = data
        self.beside = beside
        self.a = 0
        self.x = 0
        self.mem = [0] * BPF_MEMWORDS

    def run(self, program: Program) -> int:
        """Return what the program does; raises IndexError when it looks beyond the packet."""
        pc = 0
        while True:
            code, jt, jf, k = program[pc]
            pc += 1
            kind = code & 7
            if kind == _JMP:
                pc += k if code == _JA else jt if self._holds(code, k) else jf
            elif kind == _RET:
                return self.a if code == _RET_A else k
            elif kind == _LD:
                self.a = self._load(code, k)
            elif kind == _LDX:
                self.x = (self._bytes(k, 1) & 0xF) << 2 if code == _LDX_MSH else self._load(code, k)
            elif kind == _ST:
                self.mem[k] = self.a
            elif kind == _STX:
                self.mem[k] = self.x
            elif kind == _ALU:
                self.a = self._alu(code, self.x if code & _X else k) & UINT_MAX
            elif code == _TAX:
                self.x = self.a
            else:
                self.a = self.x

    def _holds(self, code: int, k: int) -> bool:
        other = self.x if code & _X else k
        kind = code & 0xF0
        if kind == 0x10:
            return self.a == other
        if kind == 0x20:
            return self.a > other
        return self.a >= other if kind == 0x30 else bool(self.a & other)

    def _alu(self, code: int, other: int) -> int:
        kind = code & 0xF0
        if kind == 0x30 and not other:
            raise IndexError("division by zero")
        if kind == 0x00:
            return self.a + other
        if kind == 0x10:
            return self.a - other
        if kind == 0x20:
            return self.a * other
        if kind == 0x30:
            return self.a // other
        if kind == 0x40:
            return self.a | other
        if kind == 0x50:
            return self.a & other
        if kind == 0x80:
            return -self.a
        # A shift counts modulo 32, as the processor's does.
        return self.a << (other & 31) if kind == 0x60 else self.a >> (other & 31)

    def _load(self, code: int, k: int) -> int:
        mode = code & 0xE0
        if mode == 0x00:
            return k
        if mode == 0x60:
            return self.mem[k]
        if mode == 0x80:
            return len(self.data)
        size = _SIZES[code & 0x18]
        if mode == 0x40:
            return self._bytes(self.x + k & UINT_MAX, size)
        return self._ancillary(k - _SKF_AD_OFF) if k >= _SKF_AD_OFF else self._bytes(k, size)

    def _bytes(self, offset: int, size: int) -> int:
        if offset + size > len(self.data):
            raise IndexError("beyond the packet")
        return int.from_bytes(self.data[offset : offset + size], "big")

    def _ancillary(self, which: int) -> int:
        if which in (_SKF_AD_NLATTR, _SKF_AD_NLATTR_NEST):
            return self._attribute(nested=which == _SKF_AD_NLATTR_NEST)
        if which in (_SKF_AD_IFINDEX, _SKF_AD_HATYPE) and not self.beside[_SKF_AD_IFINDEX]:
            raise IndexError("no interface")
        if which % 4 or which > _SKF_AD_CPU:
            raise IndexError("beyond the packet")
        return self.beside.get(which, 0)

    def _attribute(self, *, nested: bool) -> int:
        """Return where the netlink attribute of type X is, from offset A on; 0 if there is none."""
        at, end = self.a, len(self.data)
        if at > end - NLATTR.size:
            raise IndexError("beyond the packet")
        if nested:
            end = at + NLATTR.unpack_from(self.data, at)[0]
            if end > len(self.data):
                raise IndexError("beyond the packet")
            at += NLATTR.size
        while end - at >= NLATTR.size:
            length, kind = NLATTR.unpack_from(self.data, at)
            if not NLATTR.size <= length <= end - at:
                break
            if kind & NLA_TYPE_MASK == self.x:
                return at
            at += nlmsg_align(length)
        return 0
