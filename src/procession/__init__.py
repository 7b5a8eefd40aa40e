"""Procession: Linux 3.2's process management, in Python."""

from importlib import import_module
from typing import Final

from procession import _build
from procession._build import pick_pure

TYPE_CHECKING: Final = False  # typing's, without what its import takes

if TYPE_CHECKING:
    from procession.arch.python.completed import ProgramFailed
    from procession.arch.python.errors import SleepInterrupted
    from procession.arch.python.forgotten import NeverAwaitedWarning
    from procession.arch.python.sys import Sys
    from procession.boot import Kernel, Machine
    from procession.explorer import explore
    from procession.hw.chooser import ReplayError
    from procession.include.linux.bug import KernelBug, KernelPanic
    from procession.include.linux.errno import Errno, LinuxError
    from procession.include.linux.signal import Sig
    from procession.include.linux.tracepoint import ListenerWarning
    from procession.kernel.entry import Deadlock
    from procession.result import Result

_build.choose()

__all__ = (
    "Deadlock",
    "Errno",
    "Kernel",
    "KernelBug",
    "KernelPanic",
    "LinuxError",
    "ListenerWarning",
    "Machine",
    "NeverAwaitedWarning",
    "ProgramFailed",
    "ReplayError",
    "Result",
    "Sig",
    "SleepInterrupted",
    "Sys",
    "explore",
    "pick_pure",
)

_HOME: Final = {
    "Errno": "include.linux.errno",
    "LinuxError": "include.linux.errno",
    "Sig": "include.linux.signal",
    "SleepInterrupted": "arch.python.errors",
    "Sys": "arch.python.sys",
    "Kernel": "boot",
    "Machine": "boot",
    "Result": "result",
    "Deadlock": "kernel.entry",
    "ListenerWarning": "include.linux.tracepoint",
    "NeverAwaitedWarning": "arch.python.forgotten",
    "ProgramFailed": "arch.python.completed",
    "KernelBug": "include.linux.bug",
    "KernelPanic": "include.linux.bug",
    "ReplayError": "hw.chooser",
    "explore": "explorer",
}


def __getattr__(name: str) -> object:
    """Import on first use: a command that only prints its help needs no CPU engine."""
    if name in _HOME:
        return getattr(import_module(f"procession.{_HOME[name]}"), name)
    raise AttributeError(f"module 'procession' has no attribute {name!r}")
