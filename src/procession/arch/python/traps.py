"""The program's side of a trap: what each method of Sys ends in. PythonThread.run() is the kernel's side."""

from __future__ import annotations

from collections.abc import Generator
import types
from typing import Any, Final, NamedTuple

from procession.arch.python.buffer import InBuffer, OutBuffer, Stack, UserStrings
from procession.arch.python.errors import oserror
from procession.arch.python.log import Request
from procession.include.linux.errno import MAX_ERRNO
from procession.include.linux.limits import LONG_MIN, ULONG_MAX
from procession.include.linux.syscalls import LATER_SYSCALLS, SYSCALLS

__all__ = ("INTEGER_KINDS", "generic_trap", "machine", "trap")


_REGISTERS: Final = 6  # that a system call takes arguments in
_POINTERS: Final = (InBuffer, OutBuffer, Stack, UserStrings)
_POINTER_TYPES: Final = frozenset(_POINTERS)
# Calls in which -1 is a usual argument, and the same in any width: a signed number.
_TAKES_MINUS_1: Final = frozenset({"kill", "poll", "wait4"})
INTEGER_KINDS: Final = frozenset(
    {
        "int",
        "addr",
        "clone_flags",
        "fd",
        "hidden",
        "mode",
        "mremap_addr",
        "offset",
        "prctl_args",
        "ptrace_addr",
        "time",
        "uid",
        "unsigned",
    }
)
# What may be NULL, though it is told apart from pointers to buffers.
_ADDRESS_KINDS: Final = frozenset({"addr", "hidden", "mremap_addr", "prctl_args"})


class _Place(NamedTuple):
    """Where an argument stands: in a register of `mask` and sign bit `sign`, 0 and 0 where a pointer may be."""

    name: str
    mask: int
    sign: int
    null: bool


# Call name -> where each argument goes.
_decoders: dict[str, tuple[_Place, ...]] = {}


@types.coroutine
def trap(name: str, *args: Any) -> Generator[Request, Any, int]:
    """Make a system call; raises the OSError it answers, TypeError, ValueError for arguments no register can hold."""
    result: int = yield name, _decode(name, args)
    if -MAX_ERRNO <= result < 0:
        raise oserror(-result)
    return result


async def generic_trap(name: str, *args: Any) -> int:
    """As trap(), for arguments that come straight from the program: up to six of them, in any place."""
    if len(args) > _REGISTERS:
        raise TypeError(f"{name}: a system call takes up to {_REGISTERS} arguments, not {len(args)}")
    decoder = _decoders.get(name) or _make_decoder(name)
    args = (*args, 0, 0, 0, 0, 0, 0)[: len(decoder)]
    return await trap(name, *[_decode_one(name, arg, place) for arg, place in zip(args, decoder, strict=True)])


@types.coroutine
def machine(name: str, *args: Any) -> Generator[Request, Any, Any]:
    """Execute an instruction that is no system call: process.py knows which there are."""
    result = yield name, args
    return result


def _decode(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return args as registers would deliver them; most need no change."""
    for value in args:
        kind = type(value)
        if kind is int:
            if -1 <= value < 0x80000000 and (value >= 0 or name in _TAKES_MINUS_1):
                continue
        elif kind in _POINTER_TYPES:
            continue
        decoder = _decoders.get(name) or _make_decoder(name)
        return tuple(_decode_one(name, arg, place) for arg, place in zip(args, decoder, strict=False))
    return args


def _decode_one(name: str, value: Any, place: _Place) -> Any:
    if isinstance(value, _POINTERS):
        if not place.mask or isinstance(value, Stack):
            return value
        raise TypeError(f"{name}: {place.name}: a number is expected here, not a buffer")
    if value is None and place.null:
        return 0
    if not isinstance(value, int):
        wanted = "a number" if place.mask else "a number or a buffer"
        raise TypeError(f"{name}: {place.name}: {wanted} expected, not {type(value).__name__} ({value!r:.80})")
    if not LONG_MIN <= value <= ULONG_MAX:
        raise ValueError(f"{name}: {place.name}: no register holds {value}")
    number = value & (place.mask or ULONG_MAX)
    return number - place.mask - 1 if number & place.sign else number


def _make_decoder(name: str) -> tuple[_Place, ...]:
    call = SYSCALLS.get(name) or LATER_SYSCALLS.get(name)
    if call is None:
        return ()
    places = []
    for p in call.params:
        if p.arg.kind in INTEGER_KINDS or p.arg.bits == 32:
            sign = 1 << (p.arg.bits - 1) if p.arg.signed else 0
            places.append(_Place(p.name, (1 << p.arg.bits) - 1, sign, p.arg.kind in _ADDRESS_KINDS))
        else:
            places.append(_Place(p.name, 0, 0, True))
    decoder = _decoders[name] = tuple(places)
    return decoder
