"""The table of system calls: number, name, arguments, which constants are understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.markup import escape
from rich.table import Table

from procession.arch.x86 import syscall_table
from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.include.linux.types import Arg
from procession.init import vmlinux  # noqa: F401 -- links every call in

__all__ = ("lines", "supported", "table")

_TITLES: Final = ("nr", "call", "arguments", "supported")


def table(names: Sequence[str] = ()) -> Table:
    """Return the table for rich to print on a terminal; names: of these calls only, ValueError if there is none."""
    out = Table(*_TITLES, box=None)
    for row in _rows(names):
        out.add_row(*map(escape, row))
    return out


def lines(names: Sequence[str] = ()) -> Iterator[str]:
    """Yield the table as text, a call a line, for other programs to read; names: as for table()."""
    rows = [_TITLES, *_rows(names)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for nr, name, arguments, what in rows:
        yield f"{nr:>{widths[0]}}  {name:<{widths[1]}}  {arguments:<{widths[2]}}  {what}"


def _rows(names: Sequence[str]) -> list[tuple[str, str, str, str]]:
    known = set(syscall_table.SYSCALL_NAMES.values())
    for name in names:
        if name not in known:
            later = any(name == call for call, _ in syscall_table.LATER_CALLS.values())
            raise ValueError(f"{name}: no system call of Linux 3.2{': it came later' if later else ''}")
    out = []
    for nr, name in sorted(syscall_table.SYSCALL_NAMES.items()):
        if names and name not in names:
            continue
        call = SYSCALLS.get(name)
        arguments = ", ".join(param.name for param in call.params) if call is not None else ""
        out.append((str(nr), name, arguments, supported(name)))
    return out


def supported(name: str) -> str:
    """Say what of a call of 3.2's table is there."""
    call = SYSCALLS.get(name)
    if name in syscall_table.NI_SYSCALLS:
        return "not in 3.2"
    if call is None:
        return "no (ENOSYS, counted)"
    if call.is_refused:
        return "no (refused, counted)"
    return "; ".join(["yes", *_constants(call)])


def _constants(call: Syscall) -> list[str]:
    """Name the constants that the call's declaration lists, and those that it refuses."""
    out = []
    for param in call.params:
        known, refused = _names(param.arg)
        if known:
            out.append(f"{param.name}: {' '.join(known)}")
        if refused:
            out.append(f"{param.name} not: {' '.join(refused)}")
    return out


def _names(arg: Arg) -> tuple[list[str], list[str]]:
    """Return the names of what an argument may be, and of what 3.2 would take."""
    known: list[str] = []
    refused: list[str] = []
    for names in (arg.values, arg.flags):
        for name, member in (names.__members__ if names is not None else {}).items():
            within = names is arg.flags and arg.mask and int(member) & ~arg.mask == 0
            if within or member.name != name:  # the other enumeration's, or an alias
                continue
            if member in arg.refused:
                refused.append(arg.prefix + name)
            elif arg.accepts is None or member in arg.accepts:
                known.append(arg.prefix + name)
    return known, refused
