"""What can be a Python program: `async def main(linux)`."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType, MethodType
from typing import Any, Final

__all__ = ("NOT_A_PROGRAM", "check_program")

NOT_A_PROGRAM: Final = "`async def main(linux)` expected"


def check_program(what: str, program: Any) -> None:
    """Raise TypeError unless program can be one, as far as can be known before it is called.

    A lambda, a functools.partial, a decorated function and an object with __call__ may return a coroutine.
    """
    if not callable(program) or isinstance(program, type):
        raise TypeError(f"{what}: {NOT_A_PROGRAM}, not {program!r:.80}")
    fn = program
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        raise TypeError(f"{what}: {NOT_A_PROGRAM}, not a generator: {_name(fn)} has a `yield`")
    plain = isinstance(fn, FunctionType | MethodType) and not inspect.iscoroutinefunction(fn)
    if plain and fn.__name__ != "<lambda>" and fn is program:
        raise TypeError(f"{what}: {NOT_A_PROGRAM}, not a plain function: {_name(fn)} is `def` without `async`")
    try:
        inspect.signature(program, follow_wrapped=False).bind(None)
    except TypeError as error:
        raise TypeError(f"{what}: {NOT_A_PROGRAM}: {_name(fn)}, called with linux alone: {error}") from None
    except ValueError:
        pass  # built in, and says nothing of its parameters


def _name(fn: Any) -> str:
    return f"{getattr(fn, '__qualname__', fn)}()"
