"""The fuzzer: its corpus, and a small share of what `make fuzz` does."""

from __future__ import annotations

from pathlib import Path

from fuzz import compare, runners, terminals
from fuzz.generator import FREELY, Program
import pytest
from tests.conftest import PURE

CORPUS = sorted((Path(compare.__file__).parent / "corpus").glob("*.txt"))
TERMINALS = sorted((Path(compare.__file__).parent / "corpus" / "terminals").glob("*.txt"))
CHUNKS = [7] if PURE else [8]       # each build has its share
SHARE = 40
CHECKED = 3


def parts(path):
    """A file of the corpus: the program, and what the host has said."""
    program, _, transcript = path.read_text().partition("\n\n")
    return Program.parse(program), transcript


@pytest.fixture(scope="module")
def replayed():
    """The whole corpus, run in one go: name -> (recorded, elf, python)."""
    programs = [parts(path)[0] for path in CORPUS]
    elf, python = runners.run_elf(programs), runners.run_python(programs, check=True)
    return {path.stem: (parts(path)[1], *ours) for path, *ours in zip(CORPUS, elf, python, strict=True)}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_corpus(path, replayed):
    recorded, elf, python = replayed[path.stem]
    assert elf == recorded
    assert python == recorded


def test_the_host_still_says_what_was_recorded():
    """All but what only a real 3.2 can judge."""
    hosts = [(program, recorded) for program, recorded in map(parts, CORPUS) if not program.freely]
    try:
        transcripts = runners.run_host([program for program, _ in hosts])
    except runners.HostRefuses as refusal:
        pytest.skip(str(refusal))
    assert transcripts == [recorded for _, recorded in hosts]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_random_programs(chunk):
    programs = compare.generate(chunk, SHARE)
    elf, python = runners.run_elf(programs), runners.run_python(programs)
    assert elf == python
    assert runners.run_elf(programs[:CHECKED], check=True) == elf[:CHECKED]
    assert runners.run_python(programs[:CHECKED], check=True) == python[:CHECKED]
    try:
        host = runners.run_host(programs)
    except runners.HostRefuses as refusal:
        pytest.skip(str(refusal))
    assert python == host


# Terminals.


def at_terminals(paths):
    """Files of the corpus: the programs, and what the host has said of each."""
    parted = [path.read_text().partition("\n\n") for path in paths]
    return [tuple(program.splitlines()) for program, _, _ in parted], [transcript for _, _, transcript in parted]


def test_corpus_of_terminals():
    programs, recorded = at_terminals(TERMINALS)
    assert terminals.run_inside(programs, check=True) == recorded
    hosts = [(program, said) for program, said in zip(programs, recorded, strict=True) if program[0] != FREELY]
    try:
        assert terminals.run_host([program for program, _ in hosts]) == [said for _, said in hosts]
    except runners.HostRefuses as refusal:
        pytest.skip(str(refusal))


@pytest.mark.parametrize("chunk", CHUNKS)
def test_random_terminals(chunk):
    programs = terminals.generate(chunk)
    try:
        finds = terminals.run_batch(programs)
    except runners.HostRefuses as refusal:
        pytest.skip(str(refusal))
    assert [find.diff() for find in finds] == []
