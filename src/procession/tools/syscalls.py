"""The table of system calls: number, name, arguments, which flags are understood."""

from __future__ import annotations

from rich.table import Table

from procession.arch.x86 import syscall_table
from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.init import vmlinux  # noqa: F401 -- links every call in

__all__ = ("table",)


def table() -> Table:
    """Return the table for rich to print."""
    out = Table("nr", "call", "arguments", "supported", box=None)
    for nr, name in sorted(syscall_table.SYSCALL_NAMES.items()):
        call = SYSCALLS.get(name)
        if call is None:
            out.add_row(str(nr), name, "", "no (ENOSYS, counted)")
        else:
            out.add_row(str(nr), name, ", ".join(param.name for param in call.params), _flags(call))
    return out


def _flags(call: Syscall) -> str:
    """Name the flags that the call's declaration lists."""
    known = [
        f"{param.name}: " + " ".join(f"{param.arg.prefix}{flag.name}" for flag in param.arg.flags)
        for param in call.params
        if param.arg.flags is not None
    ]
    return "yes; " + "; ".join(known) if known else "yes"
