"""One declaration per system call (include/linux/syscalls.h).

A call is a function named sys_<name>, marked @syscall, standing where SYSCALL_DEFINE stands in 3.2. Its first
parameter is the calling task; the others carry the annotations of types.py. From them come argument decoding,
strace's output and the table of what is supported. Numbers are in arch/x86/syscall_table.py.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
import sys
from types import SimpleNamespace
from typing import Annotated, Any, Final, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

from procession import _build
from procession.include.linux.types import Arg

F = TypeVar("F", bound=Callable[..., Any])
Signature: TypeAlias = tuple[str, bool, tuple[tuple[str, Any], ...], Any]


class Param:
    """One argument: its C name and how to read and print it."""

    __slots__ = ("name", "arg")  # derived

    def __init__(self, name: str, arg: Arg) -> None:
        self.name: Final[str] = name
        self.arg: Final[Arg] = arg


class Syscall:
    """A declared system call. `params` is computed on first use, since annotations may name later modules."""

    __slots__ = ("_params", "_result", "fn", "is_async", "is_refused", "name")

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.fn = fn
        self.name = fn.__name__.removeprefix("sys_")
        self.is_async = _signature(fn)[1]
        self.is_refused = False
        self._params: tuple[Param, ...] | None = None
        self._result: Arg | None = None

    @property
    def params(self) -> tuple[Param, ...]:
        """The arguments after `current`."""
        if self._params is None:
            self._params = _params(self.fn)
        return self._params

    @property
    def result(self) -> Arg:
        """How to print what it returns."""
        if self._result is None:
            self._result = _arg(_hints(self.fn)["return"])
        return self._result

    def decode(self, words: tuple[int, ...]) -> tuple[Any, ...]:
        """Return the arguments, given the words that have them."""
        args = []
        for i, param in enumerate(self.params):
            value, bits = words[i], param.arg.bits
            if bits < 64:
                value &= (1 << bits) - 1
            if param.arg.signed and value >> bits - 1:
                value -= 1 << bits
            args.append(value)
        return tuple(args)

    def __repr__(self) -> str:
        return f"<syscall {self.name}>"


_CO_COROUTINE: Final = 0x80  # inspect's, without what its import takes
SYSCALLS: Final[dict[str, Syscall]] = {}
COMPAT_SYSCALLS: Final[dict[str, Syscall]] = {}  # by the whole name of the function
LATER_SYSCALLS: Final[dict[str, Syscall]] = {}  # what 3.2 has not: in the tables of machines that ask for it


def syscall(fn: F) -> F:
    """Declare a system call; returns fn unchanged."""
    call = Syscall(fn)
    SYSCALLS[call.name] = call
    return fn


def compat_syscall(fn: F) -> F:
    """Declare what i386's table has in place of a native system call; returns fn unchanged."""
    call = Syscall(fn)
    call.name = fn.__name__
    COMPAT_SYSCALLS[call.name] = call
    return fn


def later_syscall(fn: F) -> F:
    """Declare a system call that came after 3.2, under a name of include/linux/later.py; returns fn unchanged."""
    call = Syscall(fn)
    LATER_SYSCALLS[call.name] = call
    return fn


def system_calls(later: frozenset[str]) -> dict[str, Syscall]:
    """Return the native calls of a machine that has so much of what came after 3.2."""
    if not later:
        return SYSCALLS
    return SYSCALLS | {name: call for name, call in LATER_SYSCALLS.items() if name in later}


def find_syscall(name: str, native: dict[str, Syscall] = SYSCALLS) -> Syscall | None:
    """Return what is declared under a name that traces use, or None."""
    return native.get(name) or COMPAT_SYSCALLS.get(name)


def syscall_refused(fn: F) -> F:
    """Declare a system call that 3.2 has and this kernel refuses, once it has checked what 3.2 checks first."""
    syscall(fn)
    SYSCALLS[fn.__name__.removeprefix("sys_")].is_refused = True
    return fn


def _params(fn: Callable[..., Any]) -> tuple[Param, ...]:
    # Without the first parameter: modules import Task for the type checker only.
    return tuple([Param(name, _arg(hint)) for name, hint in _hints(fn).items() if name != "return"])


def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    module, _, parameters, result = _signature(fn)
    annotations = {**dict(parameters[1:]), "return": result}
    return get_type_hints(SimpleNamespace(__annotations__=annotations), vars(sys.modules[module]), include_extras=True)


def _signature(fn: Callable[..., Any]) -> Signature:
    """Return fn's module, whether it is a coroutine function, its parameters with their annotations, its result's."""
    if _build.running.compiled:
        # A compiled function no longer says; scripts/compile.py has written it down.
        signatures: dict[str, Signature] = import_module(_build.SIGNATURES).SIGNATURES
        written = signatures.get(fn.__name__)
        if written is not None and getattr(fn, "__module__", None) in (None, written[0]):
            return written
    code, hints = fn.__code__, fn.__annotations__
    parameters = tuple([(name, hints.get(name, "")) for name in code.co_varnames[: code.co_argcount]])
    return fn.__module__, bool(code.co_flags & _CO_COROUTINE), parameters, hints.get("return", "")


def _arg(hint: Any) -> Arg:
    if get_origin(hint) is Annotated:
        for extra in get_args(hint)[1:]:
            if isinstance(extra, Arg):
                return extra
    return _SIGNED if hint is int else _POINTER


_POINTER: Final = Arg("ptr")
_SIGNED: Final = Arg("int", signed=True)
