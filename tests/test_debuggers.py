"""Other people's debuggers and tracers run inside, unmodified: strace, gdb, gdbserver, ltrace.

debugged/NAME.gdb is what gdb is told, and NAME.out what it says then on a real Linux 3.2.4, without what differs from
one run to the next. That was gdb 13 and gcc 12; where these are others, what gdb says on the host stands in, if ptrace
is whole there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import os
from pathlib import Path
import re
import subprocess
from typing import Any

import pytest
from tests.conftest import Cache, Compilers, Oracle, RunInside
from tests.surroundings import environment, need
from tests.test_strace import by_process, normal_line

DEBUGGED = Path(__file__).parent / "debugged"
GDB = ("-q", "-nx", "-batch", "-iex", "set debug-file-directory /nonexistent", "-iex", "set width 0")
# What the recordings were made with.
RECORDED = ("GNU gdb (Debian 13.", "gcc (Debian 12.")

Build = Callable[[str], str]


@pytest.fixture(scope="session")
def debugged(cache: Cache, compilers: Compilers) -> Build:
    """Path of a program with all that a debugger wants to know."""

    def build(name: str) -> str:
        compilers.need("dynamic")
        source = DEBUGGED / f"{name}.c"
        command = [*compilers.commands["dynamic"], "-O0", "-g", "-no-pie", str(source)]
        return str(cache.build(name, command, [source], compilers.versions["dynamic"] or ""))

    return build


def decoded(data: bytes) -> str:
    """Return an output as text."""
    return data.decode(errors="backslashreplace")


# --- gdb ---

# Transcript: the program.
TRANSCRIPTS = {
    "steps": "steps", "watch": "steps", "watch_soft": "steps", "change": "steps", "signals": "signals",
    "syscalls": "syscalls", "follow_child": "forks", "follow_parent": "forks", "both": "forks", "catch": "forks",
    "catch_child": "forks", "threads": "threads",
}
# Messages about files that are there or not.
ABOUT_FILES = re.compile(
    r"\[Thread debugging using libthread_db|Using host libthread_db|Reading symbols from |warning: "
    r"|\[Attaching after |Download failed|Make --?enable debuginfod"
)


def transcript(text: str, program: str) -> str:
    """Return what gdb said without addresses, numbers of processes and where things lie."""
    text = text.replace(f"{DEBUGGED}/", "").replace(program, Path(program).name)
    lines = [line.rstrip() for line in text.splitlines() if not ABOUT_FILES.match(line)]
    text = "\n".join(lines) + "\n"
    text = re.sub(r"^(\*? +[\d.]+ +Thread .*\"\w+\") .*", r"\1", text, flags=re.MULTILINE)  # where each thread is
    names: dict[str, str] = {}
    text = re.sub(
        r"\b(process|LWP|pid) (\d+)", lambda m: f"{m[1]} {names.setdefault(m[2], f'PID{len(names) + 1}')}", text
    )
    return re.sub(r" {2,}", " ", re.sub(r"0x[0-9a-f]{6,16}", "ADDRESS", text))     # columns are as wide as numbers


def gdb_command(name: str, program: str, *options: str) -> list[str]:
    """Return how gdb is run with a script of debugged/."""
    return [need("gdb"), *GDB, *options, "-x", str(DEBUGGED / f"{name}.gdb"), program]


def on_the_host(argv: Sequence[str]) -> str:
    """Return what a command says on the host."""
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), cwd="/",
        check=False, timeout=120,
    )
    return decoded(done.stdout)


def is_as_recorded() -> bool:
    """Whether gdb and gcc are those of the recordings."""
    versions = (on_the_host([need(name), "--version"]) for name in ("gdb", "gcc"))
    return all(version.startswith(recorded) for version, recorded in zip(versions, RECORDED, strict=True))


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_gdb_says_what_it_says_on_linux(name: str, debugged: Build, inside: RunInside) -> None:
    program = debugged(TRANSCRIPTS[name])
    argv = gdb_command(name, program)
    if is_as_recorded():
        expected = (DEBUGGED / f"{name}.out").read_text(encoding="utf-8")
    else:
        probe = [*gdb_command("change", debugged("steps"))]
        if "= 49\n" not in on_the_host(probe):
            pytest.skip("the host does not let gdb call a function, and this is another gdb or gcc than recorded")
        expected = transcript(on_the_host(argv), program)
    ours = inside(["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *argv])
    assert transcript(decoded(ours.stdout), program) == expected
