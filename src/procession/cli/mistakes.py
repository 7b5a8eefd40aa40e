"""What ends the command with one line: the user's mistakes, and what the host would not do."""

from __future__ import annotations

from contextlib import suppress
import sys
from typing import Final, NoReturn

from procession.cli.host import nobody_reads

__all__ = ("FAILED", "fail", "host_error")

FAILED: Final = 125  # the exit status of our own errors, as env's, timeout's and docker's


def fail(text: str, code: int = FAILED) -> NoReturn:
    """One line for the user's mistake; the status is left where it cannot be said."""
    with suppress(OSError):
        try:
            print(f"procession: {text}", file=sys.stderr)
        except BrokenPipeError:
            nobody_reads()
    raise SystemExit(code)


def host_error(error: OSError) -> NoReturn:
    """One line for what the host would not do."""
    if isinstance(error, BrokenPipeError):
        nobody_reads()
    name = f"{error.filename}: " if error.filename is not None else ""
    fail(name + (error.strerror or str(error)))
