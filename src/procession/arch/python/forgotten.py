"""A forgotten `await`: what has been written is no system call, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dis import opmap
import inspect
from pathlib import Path
import sys
from types import CodeType, CoroutineType, FrameType, FunctionType
from typing import Any, Final
import warnings

from procession.arch.python.sys import Sys

__all__ = ("NeverAwaitedWarning", "watching_awaits")


class NeverAwaitedWarning(RuntimeWarning):
    """A program has written a system call without `await`, so it was not made."""


_PACKAGE: Final = str(Path(__file__).parents[2])
_SEND: Final = opmap["SEND"]
_CACHE: Final = opmap["CACHE"]
_INSTRUCTION: Final = 2  # bytes
# What has been warned of, as modules have it in __warningregistry__.
_registry: dict[str | tuple[str, type[Warning], int], int] = {}


@contextmanager
def watching_awaits() -> Iterator[None]:
    """While a machine runs, let warnings of forgotten awaits say the call.

    In Python's development mode (python -X dev) they say where it was written even if its coroutine was kept for
    a while; for that each coroutine has to be told where it is made, which takes time.
    """
    _install()
    depth = sys.get_coroutine_origin_tracking_depth()
    if sys.flags.dev_mode:
        sys.set_coroutine_origin_tracking_depth(max(depth, 1))
    try:
        yield
    finally:
        sys.set_coroutine_origin_tracking_depth(depth)


def _install() -> None:
    # CPython calls this when it frees a coroutine that was never begun.
    try:
        usual = warnings._warn_unawaited_coroutine  # type: ignore[attr-defined]
    except AttributeError:
        return  # a Python that does it in another way
    if usual.__module__ == __name__:
        return
    methods: dict[CodeType, FunctionType] = {}
    for cls in Sys.__mro__:
        for method in vars(cls).values():
            if isinstance(method, FunctionType):
                methods[method.__code__] = method

    def tell(coro: CoroutineType[Any, Any, Any]) -> None:
        method = methods.get(coro.cr_code)
        if method is None:
            usual(coro)
            return
        place = coro.cr_origin[0][:2] if coro.cr_origin else _place(sys._getframe(1))
        text = f"{_call(method, coro)} was never awaited, so it was not made"
        if place is None:
            warnings.warn(f"{text}; python -X dev says where it was written", NeverAwaitedWarning, stacklevel=2)
            return
        filename, line = place
        warnings.warn_explicit(
            f"{text}: line {line} of {filename}", NeverAwaitedWarning, filename, line, registry=_registry
        )

    warnings._warn_unawaited_coroutine = tell  # type: ignore[attr-defined]


def _place(frame: FrameType) -> tuple[str, int] | None:
    """Return where the program is that drops a coroutine at once, None if it ends, or a function of it does."""
    code, at = frame.f_code, frame.f_lasti
    while code.co_code[at] == _CACHE:  # 3.12 stands behind the instruction
        at -= _INSTRUCTION
    if code.co_filename.startswith(_PACKAGE) or code.co_code[at] == _SEND:
        return None
    return code.co_filename, frame.f_lineno


def _call(method: FunctionType, coro: CoroutineType[Any, Any, Any]) -> str:
    """Return the call as it was written, without arguments that are the default."""
    given = inspect.getcoroutinelocals(coro)
    args: list[str] = []
    for name, parameter in list(inspect.signature(method).parameters.items())[1:]:
        value = given[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            args += map(repr, value)
        elif parameter.default is parameter.empty:
            args.append(repr(value))
        elif value != parameter.default:
            args.append(f"{name}={value!r}")
    return f"{method.__name__}({', '.join(args)})"
