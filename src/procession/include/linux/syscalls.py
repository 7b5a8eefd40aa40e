"""One declaration per system call (include/linux/syscalls.h).

A call is a function named sys_<name>, marked @syscall, standing where SYSCALL_DEFINE stands in 3.2. Its first
parameter is the calling task; the others carry the annotations of types.py. From them come argument decoding,
strace's output and the table of what is supported. Numbers are in arch/x86/syscall_table.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import inspect
from types import SimpleNamespace
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from procession.include.linux.types import Arg

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Param:
    """One argument: its C name and how to read and print it."""

    name: str
    arg: Arg


class Syscall:
    """A declared system call. `params` is computed on first use, since annotations may name later modules."""

    __slots__ = ("_params", "_result", "fn", "is_async", "is_refused", "name")

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.name = fn.__name__.removeprefix("sys_")
        self.is_async = inspect.iscoroutinefunction(fn)
        self.is_refused = False
        self._params: tuple[Param, ...] | None = None
        self._result: Arg | None = None

    @property
    def params(self) -> tuple[Param, ...]:
        """The arguments after `current`."""
        if self._params is None:
            self._params = tuple(_params(self.fn))
        return self._params

    @property
    def result(self) -> Arg:
        """How to print what it returns."""
        if self._result is None:
            self._result = _arg(_hints(self.fn, ["return"])["return"])
        return self._result

    def __repr__(self) -> str:
        return f"<syscall {self.name}>"


SYSCALLS: Final[dict[str, Syscall]] = {}


def syscall(fn: F) -> F:
    """Declare a system call; returns fn unchanged."""
    call = Syscall(fn)
    SYSCALLS[call.name] = call
    return fn


def syscall_refused(fn: F) -> F:
    """Declare a system call that 3.2 has and this kernel refuses, once it has checked what 3.2 checks first."""
    syscall(fn)
    SYSCALLS[fn.__name__.removeprefix("sys_")].is_refused = True
    return fn


def _params(fn: Callable[..., Any]) -> list[Param]:
    names = list(inspect.signature(fn).parameters)[1:]
    hints = _hints(fn, names)
    return [Param(name, _arg(hints[name])) for name in names]


def _hints(fn: Callable[..., Any], names: list[str]) -> dict[str, Any]:
    # Without the first parameter: modules import Task for the type checker only.
    chosen = SimpleNamespace(__annotations__={name: fn.__annotations__[name] for name in names})
    return get_type_hints(chosen, fn.__globals__, include_extras=True)


def _arg(hint: Any) -> Arg:
    if get_origin(hint) is Annotated:
        for extra in get_args(hint)[1:]:
            if isinstance(extra, Arg):
                return extra
    return _SIGNED if hint is int else _POINTER


_POINTER: Final = Arg("ptr")
_SIGNED: Final = Arg("int", signed=True)
