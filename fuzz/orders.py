"""Random programs, explored in every way there is, and run on this host: `python -m fuzz.orders [COUNT [SEED]]`.

Of each program plain search has all schedules. A search that leaves some out has to find the same outcomes, and of each
class of schedules that plain search has one run; and whatever the program does here has to be among the outcomes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import islice
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from fuzz.explored import COMPILER, EXPLORED
from fuzz.tried import Tried
from procession.explorer import Outcome, Subject
from procession.explorer.bounded import Bounded
from procession.explorer.dpor import dpor
from procession.explorer.steps import trace_class

__all__ = ("check", "run")

LARGEST = 60  # schedules: a program with more is left out
RUNS = 30  # on the host
STUCK_S = 0.2  # nobody has run for so long: nobody will
DEVIATIONS = 20

Seen = tuple[str, int, str]


def _seen(outcome: Outcome) -> Seen:
    return (outcome.how, outcome.number, outcome.stdout.decode() if outcome.how != "deadlock" else "")


def check(plan: Any, host: Callable[[Any], set[Seen]] | None = None, largest: int = LARGEST) -> list[str] | None:
    """Return what is not as it should be with a plan of tests/explore/random_models.py, None if it is too large."""
    from tests.explore.oracle import dfs  # noqa: PLC0415 -- a whole tree of its own
    from tests.explore.random_models import model  # noqa: PLC0415

    subject = Subject(model(plan), max_steps=300)
    runs = list(islice(dfs(subject, footprints=True), largest + 1))
    if len(runs) > largest:
        return None
    every = {_seen(run.outcome) for run in runs if run.outcome is not None}
    classes = {trace_class(run.recorder.steps) for run in runs}
    wrong = []
    reduced = [run for run in dpor(subject) if run.outcome is not None]
    found = Counter(trace_class(run.recorder.steps) for run in reduced)
    wrong += _differs("exhaustive", every, {_seen(run.outcome) for run in reduced if run.outcome is not None})
    if set(found) != classes:
        wrong.append(f"exhaustive: {len(set(found) & classes)} of {len(classes)} classes, {len(set(found) - classes)} others")
    if found and max(found.values()) > 1:
        wrong.append(f"exhaustive: a class {max(found.values())} times")
    bounded = list(Bounded(subject, DEVIATIONS).runs())
    wrong += _differs("deviations", every, {_seen(run.outcome) for run in bounded if run.outcome is not None})
    if host is not None and plan.on_host():
        for one in sorted(host(plan) - every):
            wrong.append(f"the host has {one}, beside {sorted(every)}")
    return wrong


def _differs(what: str, every: set[Seen], found: set[Seen]) -> list[str]:
    return [f"{what}: lost {sorted(every - found)}, new {sorted(found - every)}"] if found != every else []


class Host:
    """This host. runs: how many there were."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "random_model"
        self.runs = 0
        source = EXPLORED.parent / "explore" / "random_model.c"
        subprocess.run([*COMPILER, str(source), "-o", str(self.program)], check=True)  # noqa: S603

    def __call__(self, plan: Any) -> set[Seen]:
        """Run a plan several times; returns how it ended."""
        found = set()
        for seed in range(RUNS):
            one = self._once(plan, seed)
            found.add(one)
            if one[0] == "deadlock":
                break  # it takes its time
        return found

    def _once(self, plan: Any, seed: int) -> Seen:
        self.runs += 1
        with tempfile.TemporaryDirectory(dir=self.directory) as cwd:
            command = [str(self.program), str(seed), *plan.words()]
            with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE) as process:  # noqa: S603
                stuck = _is_stuck(process)
                left = _session(process.pid)
                if stuck:
                    process.kill()
                for pid in left:
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                out = process.stdout.read().decode() if process.stdout is not None else ""
                status = process.wait()
        if stuck:
            return ("deadlock", 0, "")
        return ("signal", -status, out) if status < 0 else ("exit", status, out)


def _is_stuck(process: subprocess.Popen[bytes]) -> bool:
    """Wait for a process; returns whether all of its session sleep instead."""
    quiet = 0
    while True:
        try:
            process.wait(STUCK_S / 4)
        except subprocess.TimeoutExpired:
            states = [_stat(pid)[0] for pid in _session(process.pid)]
            quiet = quiet + 1 if all(state in "STtZX" for state in states) else 0
            if quiet == 4:
                return True
        else:
            return False


def _stat(pid: int) -> tuple[str, int]:
    """Return a process's state and session."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "X", -1
    return fields[0], int(fields[3])


def _session(leader: int) -> list[int]:
    """Return the processes of a session."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _stat(int(name))[1] == leader]


def run(count: int, seed: int = 0) -> Tried:
    """Try so many programs."""
    from tests.explore.random_models import random_plan  # noqa: PLC0415

    began = time.monotonic()
    found: list[str] = []
    tried = 0
    number = seed * 1_000_000
    with tempfile.TemporaryDirectory() as directory:
        host = Host(Path(directory))
        while tried < count:
            plan = random_plan(number)
            wrong = check(plan, host)
            if wrong is not None:
                tried += 1
                for text in wrong:
                    found.append(f"program {number}, {' '.join(plan.words())}: {text}")
                    print(found[-1], flush=True)
            number += 1
    return Tried("random programs, in every order", tried, "programs", found, time.monotonic() - began)


if __name__ == "__main__":
    result = run(*map(int, sys.argv[1:3]))
    print(f"{result.count} {result.unit}, {len(result.found)} found, {result.seconds:.0f} s")
    sys.exit(bool(result.found))
