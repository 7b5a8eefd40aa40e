"""The fuzzers notice a kernel that is broken on purpose: each way to break it has a program in the corpus."""

from __future__ import annotations

from pathlib import Path

from fuzz import breaks
from fuzz.generator import Program
import pytest

CORPUS = Path(breaks.__file__).parent / "corpus"


def parts(path):
    """A program's text, and what the host has said of it."""
    program, _, transcript = path.read_text(encoding="utf-8").partition("\n\n")
    return program, transcript


@pytest.mark.parametrize("name", breaks.BREAKS)
def test_a_broken_kernel_is_noticed(name):
    program, recorded = parts(CORPUS / breaks.file_name(name))
    assert breaks.seen_by(name, [Program.parse(program)], [recorded]) == [True]


@pytest.mark.parametrize("name", breaks.TERMINAL_BREAKS)
def test_a_broken_terminal_is_noticed(name):
    program, recorded = parts(CORPUS / "terminals" / breaks.file_name(name))
    assert breaks.seen_at_terminals(name, [tuple(program.splitlines())], [recorded]) == [True]
