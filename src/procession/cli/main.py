"""The `procession` command: from its arguments to one of commands.py, and out again."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from procession.cli.host import CLOSED, SIGNALS, Stopped, die_of, nobody_reads
from procession.cli.mistakes import FAILED, fail, host_error
from procession.cli.quick import parse
from procession.hw.hostfile import HostFile

__all__ = ("main",)


def main() -> None:
    """Enter from the command line."""
    # NumPy's library for matrices, of which there are none here, would start a thread for each of the host's CPUs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The process ends with this function: looking for garbage among all that it made takes longer than many a guest.
    atexit.register(gc.freeze)
    _standard_files()
    stdout = sys.stdout
    try:
        try:
            _command(sys.argv[1:])
        finally:
            stdout.flush()
            if sys.stdout is not stdout:  # the library prints help itself, and has met with nobody to read it
                nobody_reads()
    except Stopped as stopped:
        die_of(stopped.signum)
    except BrokenPipeError:
        raise SystemExit(141) from None
    except OSError as error:
        host_error(error)


def _command(arguments: list[str]) -> None:
    """Do what the arguments say. Typer reads those that are not plain, prints help, and says what is wrong."""
    values = parse(arguments)
    if values is None:
        from procession.cli.app import UsageError, app

        try:
            status = app(prog_name="procession", standalone_mode=False)
        except UsageError as error:
            text = error.format_message()
            if not arguments or text.startswith("Usage: "):
                error.show()  # the help: only half of a command was given
                raise SystemExit(FAILED) from None
            command = arguments[0]  # which knows about itself, not always the mistake
            where = "procession" if error.ctx is None else error.ctx.command_path
            if error.ctx is None and not command.startswith("-"):
                where += f" {command}"
            fail(f"{text.rstrip('.')}; see {where} --help")
        raise SystemExit(status or 0)
    from procession.cli.commands import run

    run(**values)


def _standard_files() -> None:
    """Put /dev/null where a standard file is closed: else the next file opened would take its place.

    And print to what takes also a non-blocking file, whose O_NONBLOCK somebody else may have set.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number free: fd
            CLOSED.append(fd)
    sys.stdout = HostFile(1, limit=1 << 20, held=SIGNALS.held)
    sys.stderr = HostFile(2, limit=0, held=SIGNALS.held)
