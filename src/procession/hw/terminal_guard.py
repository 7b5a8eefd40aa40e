"""A process beside the command that sets its terminal as it was when the command could not: after SIGKILL, say.

Run as a program, with the terminal as standard output: HostTerminal starts it. Standard input is a pipe: two lists of
attributes come (as the terminal was, as it was set), then one more byte if the command has restored it, or the end.
"""

from __future__ import annotations

from contextlib import suppress
import marshal
import os
import signal
import termios

__all__ = ("main",)


def main() -> None:
    """Wait for the end of the command; whoever has set the terminal anew meanwhile is not disturbed."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTTOU):
        signal.signal(signum, signal.SIG_IGN)
    with os.fdopen(0, "rb") as pipe, suppress(termios.error, EOFError):
        saved, wanted = marshal.load(pipe)  # noqa: S302 -- from the process that started this one
        if not pipe.read(1) and termios.tcgetattr(1) == wanted:
            termios.tcsetattr(1, termios.TCSANOW, saved)


if __name__ == "__main__":
    main()
