"""/proc/kallsyms: where in the kernel's text its functions are (kernel/kallsyms.c).

Differs: the functions are those of this kernel, which has many of 3.2's by their names; what stands for their addresses
is that of /proc/PID/stack (kernel/stacktrace.py). Methods, and what a file keeps to itself, are not there.
"""

from __future__ import annotations

from functools import cache
import sys
from typing import TYPE_CHECKING, Final

from procession.fs.proc.base_files import kptr_hidden
from procession.kernel.stacktrace import TEXT_END, TEXT_START, function_address

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("kallsyms_show",)

# What is linked into a kernel, by its directories; of arch there is one more machine, which 3.2 has not.
_PARTS: Final = ("arch.x86", "block", "drivers", "fs", "init", "ipc", "kernel", "lib", "mm", "net", "security")
_PREFIXES: Final[tuple[str, ...]] = tuple([f"procession.{part}." for part in _PARTS])
_BOUNDS: Final = ((TEXT_START, "T", "_text"), (TEXT_START, "T", "_stext"), (TEXT_END, "T", "_etext"))


def kallsyms_show(current: Task) -> bytes:
    """Return a line for each function, by address: zeros for who may not know (%pK), T for those that others use."""
    hidden = kptr_hidden(current)
    lines = [f"{0 if hidden else address:016x} {type} {name}\n" for address, type, name in _symbols()]
    return "".join(lines).encode()


@cache
def _symbols() -> list[tuple[int, str, str]]:
    symbols = list(_BOUNDS)
    for path in sorted(sys.modules):
        if path.startswith(_PREFIXES):
            symbols += _functions(path)
    return sorted(symbols)


def _functions(path: str) -> list[tuple[int, str, str]]:
    members = vars(sys.modules[path])
    exported = members.get("__all__", ())
    return [
        (function_address(name), "T" if name in exported else "t", name)
        for name, value in members.items()
        # A compiled one that may sleep does not say where it is from; such ones are imported by name nowhere.
        if name[0] != "_" and not isinstance(value, type) and getattr(value, "__module__", "") in (path, None)
        if callable(value)
    ]
