"""The compiled build and the pure one say the same of every program: the same output, the same trace, byte for byte.

Only collected when the compiled build is tested (make test-compiled).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from tests.test_determinism import COMMANDS
from tests.test_programs import NAMES, libraries, marks

SHARES = 16  # the programs are told of in so many tests, which run side by side

WORKER = """
import json, sys
from procession import Machine
from tests.traces import said

env, *runs = json.load(sys.stdin)
for argv, cpus, later in runs:
    print(json.dumps(said(Machine(root="/", trace=True, cpus=cpus, later=later).run(argv, env=env))), flush=True)
"""


def told(runs, pure, env=None):
    """What one build says of runs, a list of (argv, cpus, what of after 3.2 there is)."""
    worker = subprocess.run(
        [sys.executable, "-c", WORKER], input=json.dumps([env, *runs]), env={**os.environ, "PROCESSION_PURE": pure},
        stdout=subprocess.PIPE, text=True, check=True,
    )
    return [json.loads(line) for line in worker.stdout.splitlines()]


def assert_same(runs, noted=(), env=None):
    """Both builds say the same of runs; noted: what the pure one has said of some already, else None.

    What it says otherwise now is asked of it again: what a directory's times are is for the host to say.
    """
    pure, compiled = list(noted) or [None] * len(runs), told(runs, "0", env)
    assert len(compiled) == len(runs)
    open_ones = [number for number, said in enumerate(pure) if said != compiled[number]]
    for number, said in zip(open_ones, told([runs[number] for number in open_ones], "1", env), strict=True):
        pure[number] = said
    assert [run for run, *both in zip(runs, pure, compiled, strict=True) if both[0] != both[1]] == []
    assert pure == compiled


@pytest.mark.parametrize("share", range(SHARES))
def test_programs_leave_the_same_trace(share, compilers, oracle, traces):
    runs, noted = [], []
    for name in NAMES[share::SHARES]:
        program, later = compilers.compile(name, libraries(name)[0]), ",".join(marks(name, "later"))
        runs.append(([str(program)], 1, later))
        noted.append(traces.noted(program, later))
    assert_same(runs, noted, oracle.environment)


@pytest.mark.parametrize("cpus", [1, 2])
def test_commands_leave_the_same_trace(cpus):
    assert_same([(argv, cpus, "") for argv in COMMANDS.values()])


@pytest.mark.parametrize("share", range(4))
def test_deadlines_cut_in_at_the_same_places(share, deadlines):
    """Sixty programs, whose timers end anywhere."""
    assert_same([([deadlines, str(number)], 1 + number % 2, "") for number in range(share, 60, 4)])


def both(code):
    """What each build prints when it runs code: the pure one, the compiled one."""
    return [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PROCESSION_PURE": pure}, check=True,
            stdout=subprocess.PIPE, text=True,
        ).stdout
        for pure in "10"
    ]


def test_python_programs_leave_the_same_trace():
    pure, compiled = both("""
from procession import Machine
from procession.tools.tracefile import trace_hash

async def main(linux):
    r, w = await linux.pipe()
    for number in range(5):
        if await linux.fork() == 0:
            await linux.write(w, b"%d" % number)
            await linux.exit(number)
    while True:
        try:
            await linux.wait()
        except ChildProcessError:
            break
    await linux.print((await linux.read(r, 10)).decode())

result = Machine(trace=True).run(main)
print(result.output, result.status, len(result.trace), trace_hash(result.trace))
""")
    assert pure == compiled
    assert sorted(pure.split()[0]) == sorted("01234")


def test_system_calls_are_registered_at_run_time():
    pure, compiled = both("""
from procession import Machine
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.syscalls import syscall
from procession.include.linux.types import Int, PidNr

@syscall
def sys_tuxcall(current, first: Int, second: Int) -> PidNr:
    if first < 0:
        raise LinuxError(Errno.EDOM, "a negative number")
    return first + second

@syscall
async def sys_afs_syscall(current, number: Int) -> Int:
    return number + 1

async def main(linux):
    await linux.print(await linux.syscall("tuxcall", 3, 4), await linux.syscall("afs_syscall", 9))
    try:
        await linux.syscall("tuxcall", -1, 4)
    except OSError as error:
        await linux.print(error.errno)

result = Machine(trace=True).run(main)
print(result.output, [event for event in result.trace if event.name in ("tuxcall", "afs_syscall")])
""".replace("event.name in", "getattr(event, 'name', '') in"))
    assert pure == compiled
    assert pure.startswith("7 10\n33\n")


def test_the_engine_is_the_same_through_ctypes():
    """_engine.c and engine.py in the compiled build: the same trace."""
    code = f"""
from procession import Machine
from procession.hw import engine, unicorn_cpu
from procession.tools.tracefile import trace_hash

for way in (unicorn_cpu._Engine, engine.Engine):
    unicorn_cpu._Engine = way
    for argv in {list(COMMANDS.values())!r}:
        result = Machine(root="/", trace=True).run(argv)
        print(way.__module__, len(result.trace), trace_hash(result.trace))
"""
    lines = [line.split() for line in both(code)[1].splitlines()]
    c, python = lines[: len(COMMANDS)], lines[len(COMMANDS) :]
    assert {line[0] for line in c} == {"procession.hw._engine"}
    assert {line[0] for line in python} == {"procession.hw.engine"}
    assert [line[1:] for line in c] == [line[1:] for line in python]
