"""Hostile guests: whatever they do, the kernel answers as Linux would, leaks nothing and never breaks."""

from __future__ import annotations

from pathlib import Path
import resource
import signal
import subprocess
import sys
import time

import pytest

PROGRAMS = Path(__file__).parent / "bad_input"


@pytest.fixture
def hostile(compilers):
    """Compile a program of bad_input/ with the compiler from PyPI."""

    def build(name):
        why = compilers.why_not("musl")
        if why:
            pytest.skip(f"cannot compile {name} with {why}")
        source = PROGRAMS / f"{name}.c"
        return compilers.cache.build(
            f"bad-{name}", [*compilers.commands["musl"], str(source)], [source], compilers.versions["musl"] or "",
        )

    return build


@pytest.mark.parametrize("seed", range(3))
def test_system_calls_with_hostile_arguments(hostile, inside, seed):
    """Every call of 3.2 with wild pointers, huge sizes and odd numbers."""
    result = inside([str(hostile("wild_syscalls")), str(seed), "1", "0", "311", "20"])
    assert result.exit_code == 0, result.stderr.decode(errors="replace")


def test_random_machine_code(hostile, inside):
    """Snippets of noise end as a signal, or by themselves."""
    assert inside([str(hostile("wild_code")), "1", "300"]).exit_code == 0


def test_random_signal_frames(hostile, inside):
    """A corrupt frame harms only the program that returns to it."""
    assert inside([str(hostile("wild_frames")), "1", "200"]).exit_code == 0


def test_a_fork_bomb_stays_inside(inside):
    """It runs into the limits of its machine; the host's memory hardly notices."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = inside(["/bin/bash", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1; echo survived"], memory=64 << 20)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert result.stdout.endswith(b"survived\n")
    assert grown < 512 << 10


@pytest.mark.parametrize("program", ["while :; do :; done", ": | while :; do :; done", "sleep 100000 | cat"])
def test_ctrl_c_ends_the_run(program):
    """SIGINT ends the command with 130 and one line, whatever the guest is at."""
    command = [sys.executable, "-m", "procession", "run", "--realtime", "--", "/bin/sh", "-c", program]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)

    assert process.returncode == 130
    assert stderr.decode().splitlines() == ["procession: interrupted"]


def test_a_reader_that_leaves_ends_the_run():
    """`procession run -- yes | head -1` ends quietly, as by SIGPIPE."""
    command = [sys.executable, "-m", "procession", "run", "--", "yes"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"y\n"
    process.stdout.close()
    assert process.wait(timeout=10) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(
    "what", ["touch", "sparse", "maps", "brktouch", "stack", "pipes", "forks", "argv", "longarg", "hugeread"],
)
def test_exhaustion_ends_in_an_errno_or_a_kill(hostile, inside, what):
    """Using up one resource is refused, or the guest is killed: never the host, and all is given back."""
    result = inside([str(hostile("exhaust")), what], memory=48 << 20)
    # "forks" ends by a SIGTERM to its whole group.
    assert result.exit_code in {0, 1, *(128 + sig for sig in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM))}
