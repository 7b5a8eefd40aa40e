"""A system call's arguments out of the registers (syscall_get_arguments, asm/syscall.h)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from procession.include.linux.limits import UINT_MAX
from procession.include.linux.syscalls import SYSCALLS

if TYPE_CHECKING:
    from procession.hw.unicorn_cpu import UnicornCpu
    from procession.include.linux.syscalls import Param, Syscall

__all__ = ("REGISTERS", "Decoder", "decode_saved", "decoder", "ia32_words", "named")

# di si dx r10 r8 r9, as numbers of registers.
REGISTERS: Final = (7, 6, 2, 10, 8, 9)
# bx cx dx si di bp.
IA32_REGISTERS: Final = (3, 1, 2, 6, 7, 5)

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
    return call.decode(tuple([q[register] for register in REGISTERS]))


def named(name: str, q: memoryview) -> tuple[Any, ...]:
    """As decode_saved, of the call with this name; the words as they are if there is none."""
    call = SYSCALLS.get(name)
    return tuple([q[register] for register in REGISTERS]) if call is None else decode_saved(call, q)


def ia32_words(q: memoryview) -> tuple[int, ...]:
    """Return what INT 0x80 takes for the six arguments: the lower halves, extended by zeros."""
    return tuple([q[register] & UINT_MAX for register in IA32_REGISTERS])
