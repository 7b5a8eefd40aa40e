"""Random programs, explored in every way there is, and run on this host: `python -m fuzz.orders [COUNT [SEED]]`.

Of each program plain search has all schedules. A search that leaves some out has to find the same outcomes, and runs no
class of schedules twice; and whatever the program does here has to be among the outcomes.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path
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
HANGS_MS = 40  # a run that may hang, and takes so long, does
NEVER_MS = 5_000  # one that may not
DEVIATIONS = 20

Seen = tuple[str, int, str]
HUNG: Seen = ("deadlock", 0, "")


def _seen(outcome: Outcome) -> Seen:
    return (outcome.how, outcome.number, outcome.stdout.decode() if outcome.how != "deadlock" else "")


def check(plan: Any, host: Host | None = None, largest: int = LARGEST) -> list[str] | None:
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
    # Who closes an end of a pipe last touches it, so that plain search has more classes.
    if not set(found) <= classes:
        wrong.append(f"exhaustive: {len(set(found) - classes)} classes that no schedule has")
    if found and max(found.values()) > 1:
        wrong.append(f"exhaustive: a class {max(found.values())} times")
    bounded = list(Bounded(subject, DEVIATIONS).runs())
    wrong += _differs("deviations", every, {_seen(run.outcome) for run in bounded if run.outcome is not None})
    if host is not None and plan.on_host():
        may_hang = any(how == "deadlock" for how, _, _ in every)
        more = host(plan, may_hang=may_hang) - every
        if HUNG in more and HUNG not in host(plan, may_hang=may_hang):
            more.discard(HUNG)  # the host had other things to do
        wrong += [f"the host has {one}, beside {sorted(every)}" for one in sorted(more)]
    return wrong


def _differs(what: str, every: set[Seen], found: set[Seen]) -> list[str]:
    return [f"{what}: lost {sorted(every - found)}, new {sorted(found - every)}"] if found != every else []


class Host:
    """The machine that this runs on.

    runs: how many there were.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "random_model"
        self.runs = 0
        source = EXPLORED.parent / "explore" / "random_model.c"
        subprocess.run([*COMPILER, str(source), "-o", str(self.program)], check=True)  # noqa: S603

    def __call__(self, plan: Any, *, may_hang: bool) -> set[Seen]:
        """Run a plan several times; returns how it ended."""
        patience_ms = HANGS_MS if may_hang else NEVER_MS
        with tempfile.TemporaryDirectory(dir=self.directory) as cwd:
            command = [str(self.program), str(RUNS), str(patience_ms), *plan.words()]
            out = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout  # noqa: S603
        self.runs += RUNS
        found = set()
        for line in out.splitlines():
            how, number, *rest = line.split(" ", 2)
            text = rest[0] + "\n" if rest and rest[0] else ""
            found.add((how, int(number), text) if how != "stuck" else HUNG)
        return found


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
