"""A system call's arguments out of the registers (syscall_get_arguments, asm/syscall.h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from procession.hw.unicorn_cpu import UnicornCpu
    from procession.include.linux.syscalls import Param, Syscall

__all__ = ("REGISTERS", "Decoder", "decode_saved", "decoder")

# di si dx r10 r8 r9, as numbers of registers.
REGISTERS: Final = (7, 6, 2, 10, 8, 9)

Decoder = Callable[[], tuple[Any, ...]]


def decoder(cpu: UnicornCpu, call: Syscall) -> Decoder:
    """Return a function that reads the call's arguments from the registers of cpu."""
    return _make_decoder([_place(cpu, i, param) for i, param in enumerate(call.params)])


def _place(cpu: UnicornCpu, i: int, param: Param) -> tuple[memoryview, int]:
    arg, register = param.arg, REGISTERS[i]
    if arg.bits == 32:
        return (cpu.i if arg.signed else cpu.d), register * 2
    return (cpu.s if arg.signed else cpu.q), register


def _make_decoder(places: list[tuple[memoryview, int]]) -> Decoder:
    """Return a function that loads the given words; one for each number of arguments, for speed."""
    match places:
        case []:
            return tuple
        case [(a, i)]:
            return lambda: (a[i],)
        case [(a, i), (b, j)]:
            return lambda: (a[i], b[j])
        case [(a, i), (b, j), (c, m)]:
            return lambda: (a[i], b[j], c[m])
        case [(a, i), (b, j), (c, m), (d, n)]:
            return lambda: (a[i], b[j], c[m], d[n])
        case [(a, i), (b, j), (c, m), (d, n), (e, o)]:
            return lambda: (a[i], b[j], c[m], d[n], e[o])
    return lambda: tuple([view[at] for view, at in places])


def decode_saved(call: Syscall, q: memoryview) -> tuple[Any, ...]:
    """Read a call's arguments from registers that are on no engine."""
    args = []
    for register, param in zip(REGISTERS, call.params, strict=False):
        bits = param.arg.bits
        value = q[register] & (1 << bits) - 1
        args.append(value - (1 << bits) if param.arg.signed and value >> bits - 1 else value)
    return tuple(args)
