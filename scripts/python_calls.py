"""Write arch/python/_calls.py from the declarations of system calls: `python scripts/python_calls.py`.

It has a method for each call of 3.2 that none is written for by hand (in arch/python/sys_*.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import re
import sys

HOME = Path(__file__).parents[1]
PYTHON = HOME / "src" / "procession" / "arch" / "python"
PATH = PYTHON / "_calls.py"
sys.path.insert(0, str(HOME / "src"))

from procession.arch.python.process import NOT_HERE  # noqa: E402 -- of this tree
from procession.arch.python.traps import INTEGER_KINDS  # noqa: E402
from procession.arch.x86.syscall_table import NI_SYSCALLS, SYSCALL_NAMES  # noqa: E402
from procession.include.linux.syscalls import SYSCALLS, Param, Syscall  # noqa: E402
from procession.init import vmlinux  # noqa: E402, F401 -- links every call in

# What may be left out, where the C library or common use has a default.
DEFAULTS = {
    "brk": {"brk": "0"},
    "getpgid": {"pid": "0"},
    "getpriority": {"which": "Constants.PRIO_PROCESS", "who": "0"},
    "getsid": {"pid": "0"},
    "lseek": {"whence": "Constants.SEEK_SET"},
    "mkdir": {"mode": "0o777"},
    "mknod": {"dev": "0"},
    "mremap": {"new_addr": "0"},
    "prctl": {"arg2": "0", "arg3": "0", "arg4": "0", "arg5": "0"},
    "sched_getscheduler": {"nr": "0"},
    "setpgid": {"pid": "0", "pgid": "0"},
    "timerfd_create": {"clockid": "Constants.CLOCK_MONOTONIC", "flags": "0"},
}
HEAD = '''"""The system calls that take what C's take. Made by scripts/python_calls.py from the declarations.

Paths are str or bytes; what a Pointer can be is said there.
"""
# ruff: noqa: E501 -- docstrings as the declarations have them

from __future__ import annotations

from typing import Any

from procession.arch.python._constants import Constants
from procession.arch.python.buffer import path_of
from procession.arch.python.caller import Caller, Pointer
from procession.arch.python.traps import trap

__all__ = ("PlainCalls",)


class PlainCalls(Caller):
    """System calls as they are; the manual page of the same name says what they do."""

    __slots__ = ()
'''
WIDTH = 120
PATH_KINDS = ("path", "link_text")


def _by_hand() -> set[str]:
    """Return the methods that are written by hand."""
    found = set()
    for path in [*PYTHON.glob("sys_*.py"), PYTHON / "caller.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(node.name)
    return found


def _is_number(param: Param) -> bool:
    return param.arg.kind in INTEGER_KINDS or (param.arg.bits == 32 and param.arg.kind not in PATH_KINDS)


def _type(param: Param) -> str:
    if param.arg.kind in PATH_KINDS:
        return "str | bytes"
    return "int" if _is_number(param) else "Pointer"


def _parameters(call: Syscall) -> list[str]:
    defaults = DEFAULTS.get(call.name, {})
    unknown = set(defaults) - {param.name for param in call.params}
    if unknown:
        raise SystemExit(f"DEFAULTS: {call.name} has no {', '.join(sorted(unknown))}")
    return [
        f"{param.name}: {_type(param)}" + (f" = {defaults[param.name]}" if param.name in defaults else "")
        for param in call.params
    ]


def _summary(call: Syscall) -> str:
    """Return the first line of a call's docstring, without references to what is not at hand."""
    line = (call.fn.__doc__ or "").partition("\n")[0]
    return re.sub(r"; spec [\d.]+| \(spec [\d.]+\)|\bspec [\d.]+; ", "", line)


def _definition(name: str, parameters: list[str]) -> str:
    line = f"    async def {name}({', '.join(['self', *parameters])}) -> int:"
    if len(line) <= WIDTH:
        return line
    inner = "        " + ", ".join(["self", *parameters])
    if len(inner) > WIDTH:
        inner = "\n".join(f"        {parameter}," for parameter in ["self", *parameters])
    return f"    async def {name}(\n{inner}\n    ) -> int:"


def _method(call: Syscall) -> str:
    if all(_is_number(param) or param.arg.kind in PATH_KINDS for param in call.params):
        callee = "trap"
        args = [f"path_of({param.name})" if param.arg.kind in PATH_KINDS else param.name for param in call.params]
    else:
        callee = "self.syscall"
        args = [param.name for param in call.params]
    head = _definition(call.name, _parameters(call))
    made = ", ".join([f'"{call.name}"', *args])
    return f'\n{head}\n        """{_summary(call)}"""\n        return await {callee}({made})\n'


def _without(name: str, why: str) -> str:
    return (
        f"\n    async def {name}(self, *args: Any) -> int:\n"
        f'        """Raise OSError with ENOSYS: {why}."""\n        return await self.syscall("{name}", *args)\n'
    )


def _methods() -> Iterator[str]:
    by_hand = _by_hand()
    for name in SYSCALL_NAMES.values():
        call = SYSCALLS.get(name)
        if name in by_hand:
            continue
        if name in NOT_HERE:
            yield _without(name, "it is for ELF programs")
        elif call is not None:
            yield _method(call)
        else:
            yield _without(name, "3.2 has no such call" if name in NI_SYSCALLS else "not supported")


def text() -> str:
    """Return what the file has to be."""
    return "".join([HEAD, *_methods()])


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
