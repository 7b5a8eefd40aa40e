"""How programs that were run have ended: the standard library's classes (subprocess), which everybody knows.

Imported at first use, for most programs run no others.
"""

from __future__ import annotations

from collections.abc import Sequence
from subprocess import CalledProcessError, CompletedProcess, TimeoutExpired
from typing import Any, Final

__all__ = ("CalledProcessError", "CompletedPipeline", "CompletedProcess", "ProgramFailed", "TimeoutExpired")

TAIL_LINES: Final = 10


class CompletedPipeline(CompletedProcess[Any]):
    """A pipeline that has ended: args are its commands, returncodes those of all, returncode the last one's."""

    def __init__(self, args: Sequence[Any], returncodes: list[int], stdout: Any, stderr: Any) -> None:
        super().__init__(args, returncodes[-1], stdout, stderr)
        self.returncodes = returncodes

    def __repr__(self) -> str:
        return f"CompletedPipeline(args={self.args!r}, returncodes={self.returncodes!r})"


class ProgramFailed(CalledProcessError):
    """The program of a machine has ended with another status than 0; the text has the end of its standard error."""

    def __str__(self) -> str:
        lines = bytes(self.stderr).decode(errors="backslashreplace").splitlines()
        if len(lines) > TAIL_LINES:
            lines = ["…", *lines[-TAIL_LINES:]]
        return "\n".join([super().__str__(), *lines])
