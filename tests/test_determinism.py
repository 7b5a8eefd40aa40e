"""Every run is repeatable: the same command gives the same trace, byte for byte, wherever and whenever it is run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from procession import Machine
from procession.tools.tracefile import trace_hash

CLONE_FILES, SIGCHLD = 0x400, 17

PROGRAMS = [
    "fork_tree",
    "signal_rt_queue_order",
    "pipe_atomic_writes",
    "signal_preserves_registers",
    "posix_timers",
    "proc_others",
    "exec_signals",
]
COMMANDS = {
    "dash": [
        "dash",
        "-c",
        "for i in 1 2 3; do (sleep 0.0$i; echo $i $$) & done; seq 1 100 | sort -R | head -n 5; wait; date; ls /proc",
    ],
    "bash": [
        "bash",
        "-c",
        "echo $RANDOM $SRANDOM $SECONDS; sleep 1000 & kill $!; wait; diff <(seq 10) <(seq 11); ls -l /proc/self/fd",
    ],
    "random": ["dash", "-c", "head -c 64 /dev/urandom | od -x; mktemp -u; cat /proc/self/maps /proc/self/stat"],
    "busybox": ["busybox", "sh", "-c", "busybox ps; busybox top -b -n 1 | head -n 4; busybox free"],
}


def trace_of(inside, argv, **options):
    result = inside(argv, trace=True, **options)
    assert result.trace
    return result.stdout, result.stderr, result.exit_code, result.trace


def first_difference(one, two):
    for number, (a, b) in enumerate(zip(one, two, strict=False)):
        if a != b:
            return number, a, b
    return len(one), len(two)


def assert_same(one, two):
    assert one[:3] == two[:3]
    assert one[3] == two[3], first_difference(one[3], two[3])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_the_same_way_twice(name, compilers, inside):
    """Two machines in one process: every event equal, times and addresses included."""
    argv = [str(compilers.compile(name, "musl"))]
    assert_same(trace_of(inside, argv), trace_of(inside, argv))


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("cpus", [1, 2])
def test_a_command_runs_the_same_way_twice(name, cpus, inside):
    """Shells, random numbers, dates and /proc included; with one CPU or two; something else may have run between."""
    one = trace_of(inside, COMMANDS[name], cpus=cpus)
    inside(["dash", "-c", "seq 1 10 | wc -l; sleep 3"])
    assert_same(one, trace_of(inside, COMMANDS[name], cpus=cpus))


@pytest.mark.parametrize("cpus", [1, 2])
def test_the_host_process_does_not_matter(cpus):
    """Another interpreter with other hashes, another environment and directory: the same trace."""
    code = (
        "from procession import Machine; from procession.tools.tracefile import trace_hash\n"
        f"k = Machine(root='/', trace=True, cpus={cpus})\n"
        f"r = k.run({COMMANDS['dash']!r})\n"
        "print(trace_hash(r.trace))"
    )
    hashes = {
        subprocess.run(
            [sys.executable, *options, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "SOMETHING": seed * 50},
            cwd=cwd,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, cwd, options in (("0", "/", []), ("1", "/tmp", ["-X", "dev"]), ("4711", "/usr", ["-O"]))
    }
    assert len(hashes) == 1


def test_the_seed_matters_where_something_is_random():
    """Random bytes come from the seed, and from nothing else."""
    command = ["head", "-c", "32", "/dev/urandom"]
    outputs = {seed: Machine(root="/", seed=seed).run(command).stdout for seed in (0, 1, 2)}
    assert len(set(outputs.values())) == 3
    assert all(len(output) == 32 for output in outputs.values())
    assert Machine(root="/", seed=1).run(["head", "-c", "32", "/dev/urandom"]).stdout == outputs[1]


def test_a_program_that_sleeps_for_a_day_takes_no_time(inside):
    """Time is the machine's own: it jumps to the next timer when everything sleeps."""
    result = inside(["dash", "-c", "a=$(date +%s); sleep 86400; b=$(date +%s); echo $((b - a))"])
    assert result.stdout == b"86400\n"


def test_tracing_changes_nothing(inside):
    """With and without readers of the trace, the machine does the same."""
    argv = COMMANDS["dash"]
    traced, plain = inside(argv, trace=True), inside(argv)
    assert plain.stdout == traced.stdout
    assert plain.kernel.clock.now_ns == traced.kernel.clock.now_ns
    assert trace_hash(plain.trace) == trace_hash([])


def test_recorded_choices_are_made_again():
    """A run of several CPUs whose choices are replayed under another seed is the same run."""

    async def child(sys, gate):
        await sys.read(gate, 1)
        for _ in range(2000):
            await sys.getpid()

    async def main(sys):
        gate, lift = await sys.pipe()
        for _ in range(4):
            await sys.clone(child, gate, flags=CLONE_FILES | SIGCHLD)
        await sys.sleep(0.1)
        await sys.close(lift)  # wakes them all at one moment: which CPU moves first is free to choose
        for _ in range(4):
            await sys.waitpid(-1)

    first = Machine(cpus=3, seed=7, trace=True)
    first.run(main)
    again = Machine(cpus=3, seed=8, trace=True, choices=first.chooser.record)
    again.run(main)
    other = Machine(cpus=3, seed=8, trace=True)
    other.run(main)

    assert first.chooser.record
    assert again.events == first.events
    assert other.events != first.events
