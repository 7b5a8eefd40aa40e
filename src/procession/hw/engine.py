"""Calls into the CPU engine and out of its hooks, by ctypes.

A compiled build has _engine.c in its place, which does the same for less.
"""

from __future__ import annotations

from collections.abc import Callable
import ctypes
from functools import partial
from typing import Any, Final

from unicorn import x86_const
from unicorn.unicorn_py3.unicorn import uclib

__all__ = ("INSTRUCTION", "INTERRUPT", "INVALID", "PORT_IN", "PORT_OUT", "Engine", "addresses", "library")

# What a hook is called with.
INSTRUCTION: Final = 0  # nothing
INTERRUPT: Final = 1  # an unused number, and the exception's
INVALID: Final = 2  # nothing
PORT_IN: Final = 3  # nothing
PORT_OUT: Final = 4  # nothing

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
_NUMBER: Final = ctypes.CFUNCTYPE(ctypes.c_uint32)


def addresses() -> list[int]:
    """Return where the functions are that _engine.bind() wants to know."""
    names = ("uc_emu_start", "uc_emu_stop", "uc_reg_read", "uc_reg_write", "uc_hook_add")
    return [ctypes.cast(library[name], ctypes.c_void_p).value or 0 for name in names]


class Engine:
    """An open engine of libunicorn, by its handle; whoever has one keeps it open."""

    __slots__ = ("_load_flags", "_pgd", "_scratch", "_scratch_address", "_set_cr3", "handle")

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._scratch = memoryview(bytearray(64)).cast("Q")
        self._scratch_address = _address(self._scratch)
        self._pgd = memoryview(bytearray(8)).cast("Q")
        uch = ctypes.c_void_p(handle)
        eflags, cr3 = ctypes.c_int(x86_const.UC_X86_REG_EFLAGS), ctypes.c_int(x86_const.UC_X86_REG_CR3)
        self._load_flags = partial(library.uc_reg_read, uch, eflags, ctypes.c_void_p(self._scratch_address))
        self._set_cr3 = partial(library.uc_reg_write, uch, cr3, ctypes.c_void_p(_address(self._pgd)))

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

    def hook(self, kind: int, instruction: int, shape: int, function: Callable[..., None]) -> tuple[int, int, Any]:
        """Call function at an event; returns libunicorn's status, the hook's number, and what has to be kept alive."""
        number = ctypes.c_size_t()
        callback = _callback(shape, function)
        address = ctypes.cast(callback, ctypes.c_void_p)
        extra = ctypes.c_int(instruction)
        status = _hook_add(self.handle, ctypes.addressof(number), kind, address, None, 1, 0, extra)
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
            return 0

        return _NUMBER(port_in)
    return _NOTHING(function)


def _address(memory: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
