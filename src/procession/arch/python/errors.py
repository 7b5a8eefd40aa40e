"""Error numbers as a Python program meets them: the OSError subclass that CPython raises on Linux."""

from __future__ import annotations

from typing import Final

from procession.include.linux.errno import STRERROR

__all__ = ("SleepInterrupted", "oserror")

# CPython chooses the class by the host's numbers, which need not be Linux's: so it is chosen here.
_CLASSES: Final[dict[int, type[OSError]]] = {
    1: PermissionError,
    2: FileNotFoundError,
    3: ProcessLookupError,
    4: InterruptedError,
    10: ChildProcessError,
    11: BlockingIOError,
    13: PermissionError,
    17: FileExistsError,
    20: NotADirectoryError,
    21: IsADirectoryError,
    32: BrokenPipeError,
    103: ConnectionAbortedError,
    104: ConnectionResetError,
    108: BrokenPipeError,
    110: TimeoutError,
    111: ConnectionRefusedError,
    114: BlockingIOError,
    115: BlockingIOError,
}


class SleepInterrupted(InterruptedError):
    """A signal has ended a sleep; remaining_ns: what was left of it."""

    remaining_ns: int = 0


def oserror(errno: int) -> OSError:
    """Return the exception for a system call that answered -errno."""
    return _CLASSES.get(errno, OSError)(errno, STRERROR.get(errno, f"Unknown error {errno}"))
