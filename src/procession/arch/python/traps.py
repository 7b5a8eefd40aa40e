"""The program's side of a trap: what each method of Sys ends in. PythonThread.run() is the kernel's side."""

from __future__ import annotations

from collections.abc import Generator
import types
from typing import Any, Final

from procession.arch.python.buffer import InBuffer, OutBuffer, Stack, UserStrings
from procession.arch.python.errors import oserror
from procession.arch.python.log import Request
from procession.include.linux.errno import MAX_ERRNO
from procession.include.linux.syscalls import SYSCALLS

__all__ = ("INTEGER_KINDS", "generic_trap", "machine", "trap")


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
# Call name -> for each argument (mask, sign bit), or None where a pointer may stand.
_decoders: dict[str, tuple[tuple[int, int] | None, ...]] = {}


@types.coroutine
def trap(name: str, *args: Any) -> Generator[Request, Any, Any]:
    """Make a system call; raises the OSError it answers, TypeError for arguments no register can hold."""
    result = yield name, _decode(name, args)
    if -MAX_ERRNO <= result < 0:
        raise oserror(-result)
    return result


async def generic_trap(name: str, *args: Any) -> Any:
    """As trap(), for arguments that come straight from the program: any number of them, in any place."""
    decoder = _decoders.get(name) or _make_decoder(name)
    args = (*args, 0, 0, 0, 0, 0, 0)[: len(decoder)]
    return await trap(name, *map(_decode_one, args, decoder))


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
        return tuple(map(_decode_one, args, _decoders.get(name) or _make_decoder(name)))
    return args


def _decode_one(value: Any, register: tuple[int, int] | None) -> Any:
    if isinstance(value, _POINTERS):
        if register is None or isinstance(value, Stack):
            return value
        raise TypeError("a number is expected here, not a buffer")
    if value is None:
        return 0
    if not isinstance(value, int):
        raise TypeError(f"a system call takes numbers and buffers, not {type(value).__name__}")
    mask, sign = register or (0xFFFFFFFFFFFFFFFF, 0)
    number = int(value) & mask
    return number - mask - 1 if number & sign else number


def _make_decoder(name: str) -> tuple[tuple[int, int] | None, ...]:
    call = SYSCALLS.get(name)
    if call is None:
        return ()
    decoder = tuple(
        ((1 << p.arg.bits) - 1, (1 << (p.arg.bits - 1)) if p.arg.signed else 0)
        if p.arg.kind in INTEGER_KINDS or p.arg.bits == 32
        else None
        for p in call.params
    )
    _decoders[name] = decoder
    return decoder
