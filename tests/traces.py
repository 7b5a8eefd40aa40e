"""Traces of programs in the pure build, noted where that is tested, for who tests the compiled one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import procession
from procession.tools.tracefile import trace_hash

__all__ = ("Traces", "said")

PACKAGE = Path(procession.__file__).parent


def said(result: Any) -> list[Any]:
    """What a traced run showed: status, output, standard error, how many events, and their hash."""
    errors = result.stderr.decode(errors="backslashreplace")
    return [result.status, result.output, errors, len(result.trace), trace_hash(result.trace)]


class Traces:
    """A folder with a file for each program, source of the package, and what of after 3.2 there was."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        sources = sorted(PACKAGE.rglob("*.py"))
        self.sources = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()

    def _path(self, program: Path, later: str) -> Path:
        """Programs are in folders that are called by their contents."""
        return self.directory / hashlib.sha256(f"{self.sources} {program} {later}".encode()).hexdigest()[:24]

    def note(self, program: Path, later: str, what: list[Any]) -> None:
        """Note what a program said in the pure build."""
        path = self._path(program, later)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(what), encoding="utf-8")
        unfinished.rename(path)

    def noted(self, program: Path, later: str) -> list[Any] | None:
        """Return that, None if it was not noted."""
        path = self._path(program, later)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
