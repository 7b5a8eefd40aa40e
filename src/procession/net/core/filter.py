"""Classic BPF: little programs that say how much of a packet a socket takes (net/core/filter.c).

What 3.5 made of it is here, too: a filter of system calls (kernel/seccomp.py) has a structure to look at, no packet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.filter import (
    BPF_A,
    BPF_ABS,
    BPF_ADD,
    BPF_ALU,
    BPF_AND,
    BPF_B,
    BPF_CLASS_MASK,
    BPF_DIV,
    BPF_H,
    BPF_IMM,
    BPF_IND,
    BPF_JA,
    BPF_JEQ,
    BPF_JGE,
    BPF_JGT,
    BPF_JMP,
    BPF_JSET,
    BPF_K,
    BPF_LD,
    BPF_LDX,
    BPF_LEN,
    BPF_LSH,
    BPF_MAXINSNS,
    BPF_MEM,
    BPF_MEMWORDS,
    BPF_MISC,
    BPF_MODE_MASK,
    BPF_MSH,
    BPF_MUL,
    BPF_NEG,
    BPF_OP_MASK,
    BPF_OR,
    BPF_RET,
    BPF_RSH,
    BPF_S_ANC_SECCOMP_LD_W,
    BPF_SIZE_MASK,
    BPF_ST,
    BPF_STX,
    BPF_SUB,
    BPF_TAX,
    BPF_TXA,
    BPF_W,
    BPF_X,
    BPF_XOR,
    SOCK_FILTER,
)
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.netlink import NLA_TYPE_MASK, NLATTR, nlmsg_align
from procession.mm import slab, uaccess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from procession.include.linux.sched import Task

__all__ = ("Instruction", "Packet", "Program", "sk_attach_filter", "sk_chk_filter", "sk_filter", "sk_run_filter")

_SK_FILTER: Final = 32  # struct sk_filter, before its instructions

_LD_MEM: Final = BPF_LD | BPF_MEM
_LDX_MEM: Final = BPF_LDX | BPF_MEM
_LDX_MSH: Final = BPF_LDX | BPF_B | BPF_MSH
_JA: Final = BPF_JMP | BPF_JA
_RET_K: Final = BPF_RET | BPF_K
_RET_A: Final = BPF_RET | BPF_A
_DIV_K: Final = BPF_ALU | BPF_DIV | BPF_K
_DIV_X: Final = BPF_ALU | BPF_DIV | BPF_X

_OPERATIONS: Final = (BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_AND, BPF_OR, BPF_LSH, BPF_RSH)
_JUMPS: Final = (BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JSET)
_KNOWN: Final = frozenset(
    (
        *(BPF_LD | size | mode for size in (BPF_W, BPF_H, BPF_B) for mode in (BPF_ABS, BPF_IND)),
        BPF_LD | BPF_IMM,
        BPF_LD | BPF_LEN,
        _LD_MEM,
        BPF_LDX | BPF_IMM,
        BPF_LDX | BPF_LEN,
        _LDX_MEM,
        _LDX_MSH,
        BPF_ST,
        BPF_STX,
        *(BPF_ALU | op | operand for op in _OPERATIONS for operand in (BPF_K, BPF_X)),
        BPF_ALU | BPF_NEG,
        _JA,
        *(BPF_JMP | op | operand for op in _JUMPS for operand in (BPF_K, BPF_X)),
        _RET_K,
        _RET_A,
        BPF_MISC | BPF_TAX,
        BPF_MISC | BPF_TXA,
    )
)
_SIZES: Final[dict[int, int]] = {BPF_W: 4, BPF_H: 2, BPF_B: 1}

# What is beside a packet's bytes, above SKF_AD_OFF.
_SKF_AD_OFF: Final = 0xFFFFF000
_SKF_AD_PROTOCOL: Final = 0
_SKF_AD_IFINDEX: Final = 8
_SKF_AD_NLATTR: Final = 12
_SKF_AD_NLATTR_NEST: Final = 16
_SKF_AD_HATYPE: Final = 28
_SKF_AD_CPU: Final = 36

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant
Program = list[Instruction]


class Packet:
    """What a filter looks at.

    beside: what is not among its bytes, by offset from SKF_AD_OFF.  words: a struct seccomp_data, instead of a packet.
    """

    __slots__ = ("beside", "data", "words")

    def __init__(self, data: bytes, beside: dict[int, int], words: tuple[int, ...] = ()) -> None:
        self.data = data
        self.beside = beside
        self.words = words


def sk_attach_filter(current: Task, count: int, instructions: int, old: Program | None) -> Program:
    """Read a program of count instructions; raises EINVAL, EFAULT, ENOMEM.

    old: the one that it takes the place of, whose memory counts until then.
    """
    if not instructions:
        raise LinuxError(Errno.EINVAL, "a filter without instructions")
    taken = 0 if old is None else _SK_FILTER + len(old) * SOCK_FILTER.size
    if taken + _SK_FILTER + count * SOCK_FILTER.size >= current.kernel.net.sysctl_optmem_max:
        raise LinuxError(Errno.ENOMEM, "a filter too long")
    slab.should_failslab(current.kernel, "sk_filter")
    raw = uaccess.copy_from_user(current, instructions, count * SOCK_FILTER.size) if count else b""
    program: Program = list(SOCK_FILTER.iter_unpack(raw))
    sk_chk_filter(program)
    return program


def sk_chk_filter(program: Sequence[Instruction], known: frozenset[int] = _KNOWN) -> None:
    """Hold a program against the rules: all jumps go forward and stay inside; raises EINVAL.

    known: the codes of instructions that there may be.
    """
    if not 0 < len(program) <= BPF_MAXINSNS:
        raise LinuxError(Errno.EINVAL, "a filter's length")
    for pc, (code, jt, jf, k) in enumerate(program):
        behind = len(program) - pc - 1
        if code not in known or (code == _DIV_K and not k):
            raise LinuxError(Errno.EINVAL, "a filter's instruction")
        if code in (_LD_MEM, _LDX_MEM, BPF_ST, BPF_STX) and k >= BPF_MEMWORDS:
            raise LinuxError(Errno.EINVAL, "a filter's memory")
        far = k if code == _JA else max(jt, jf)
        if code & BPF_CLASS_MASK == BPF_JMP and far >= behind:
            raise LinuxError(Errno.EINVAL, "a filter's jump")
    if program[-1][0] not in (_RET_K, _RET_A):
        raise LinuxError(Errno.EINVAL, "a filter without an end")
    _check_load_and_stores(program)


def _check_load_and_stores(program: Sequence[Instruction]) -> None:
    """See that no way leads to a load of a word of memory that was not stored; raises EINVAL."""
    valid = 0
    masks = [0xFFFF] * len(program)
    for pc, (code, jt, jf, k) in enumerate(program):
        valid &= masks[pc]
        if code in (BPF_ST, BPF_STX):
            valid |= 1 << k
        elif code in (_LD_MEM, _LDX_MEM):
            if not valid >> k & 1:
                raise LinuxError(Errno.EINVAL, "a filter loads what it has not stored")
        elif code & BPF_CLASS_MASK == BPF_JMP:
            for to in (k,) if code == _JA else (jt, jf):
                masks[pc + 1 + to] &= valid
            valid = 0xFFFF


def sk_filter(program: Program, data: bytes, protocol: int = 0, ifindex: int = 0, hatype: int = 0) -> int:
    """Return how many bytes of a packet a socket takes, 0 for none of it.

    ifindex: 0 for one that came over no interface.
    """
    beside = {_SKF_AD_PROTOCOL: protocol, _SKF_AD_IFINDEX: ifindex, _SKF_AD_HATYPE: hatype}
    return min(sk_run_filter(program, Packet(data, beside)), len(data))


def sk_run_filter(program: Program, packet: Packet) -> int:
    """Return what a program that was checked returns; 0 if it looks at what does not exist, or divides by 0."""
    a = x = pc = 0
    mem = [0] * BPF_MEMWORDS
    while True:
        code, jt, jf, k = program[pc]
        pc += 1
        kind = code & BPF_CLASS_MASK
        operand = x if code & BPF_X else k
        if kind == BPF_JMP:
            pc += k if code == _JA else jt if _holds(code & BPF_OP_MASK, a, operand) else jf
        elif kind == BPF_RET:
            return a if code & BPF_A else k
        elif kind in (BPF_LD, BPF_LDX):
            word = mem[k] if code & BPF_MODE_MASK == BPF_MEM else _load(packet, code, k, a, x)
            if word < 0:
                return 0
            if kind == BPF_LD:
                a = word
            else:
                x = word
        elif kind == BPF_ALU:
            if code == _DIV_X and not x:
                return 0
            a = _compute(code & BPF_OP_MASK, a, operand)
        elif kind == BPF_ST:
            mem[k] = a
        elif kind == BPF_STX:
            mem[k] = x
        elif code & BPF_TXA:
            a = x
        else:
            x = a


def _holds(op: int, a: int, operand: int) -> bool:
    if op == BPF_JEQ:
        return a == operand
    if op == BPF_JGT:
        return a > operand
    return a >= operand if op == BPF_JGE else bool(a & operand)


def _compute(op: int, a: int, operand: int) -> int:
    if op == BPF_ADD:
        a += operand
    elif op == BPF_SUB:
        a -= operand
    elif op == BPF_MUL:
        a *= operand
    elif op == BPF_DIV:
        a //= operand
    elif op == BPF_AND:
        a &= operand
    elif op == BPF_OR:
        a |= operand
    elif op == BPF_XOR:
        a ^= operand
    elif op == BPF_LSH:
        a <<= operand & 31  # a shift counts modulo 32, as the processor's does
    elif op == BPF_RSH:
        a >>= operand & 31
    else:
        a = -a
    return a & UINT_MAX


def _load(packet: Packet, code: int, k: int, a: int, x: int) -> int:
    """Return what an instruction loads that is not in memory, -1 if there is no such thing."""
    mode = code & BPF_MODE_MASK
    if mode == BPF_S_ANC_SECCOMP_LD_W:
        return packet.words[k >> 2]
    if mode == BPF_IMM:
        return k
    if mode == BPF_LEN:
        return len(packet.data)
    if mode == BPF_MSH:
        byte = _bytes(packet, k, 1)
        return byte if byte < 0 else (byte & 0xF) << 2
    size = _SIZES[code & BPF_SIZE_MASK]
    if mode == BPF_IND:
        return _bytes(packet, x + k & UINT_MAX, size)
    return _ancillary(packet, k - _SKF_AD_OFF, a, x) if k >= _SKF_AD_OFF else _bytes(packet, k, size)


def _bytes(packet: Packet, offset: int, size: int) -> int:
    if offset + size > len(packet.data):
        return -1
    return int.from_bytes(packet.data[offset : offset + size], "big")


def _ancillary(packet: Packet, which: int, a: int, x: int) -> int:
    if which in (_SKF_AD_NLATTR, _SKF_AD_NLATTR_NEST):
        return _attribute(packet.data, a, x, nested=which == _SKF_AD_NLATTR_NEST)
    if which in (_SKF_AD_IFINDEX, _SKF_AD_HATYPE) and not packet.beside[_SKF_AD_IFINDEX]:
        return -1
    return -1 if which % 4 or which > _SKF_AD_CPU else packet.beside.get(which, 0)


def _attribute(data: bytes, at: int, type_: int, *, nested: bool) -> int:
    """Return where the netlink attribute of a type is, from an offset on; 0 if there is none."""
    end = len(data)
    if at > end - NLATTR.size:
        return -1
    if nested:
        end = at + NLATTR.unpack_from(data, at)[0]
        if end > len(data):
            return -1
        at += NLATTR.size
    while end - at >= NLATTR.size:
        length, kind = NLATTR.unpack_from(data, at)
        if not NLATTR.size <= length <= end - at:
            break
        if kind & NLA_TYPE_MASK == type_:
            return at
        at += nlmsg_align(length)
    return 0
