"""Programs with a race each, explored: `python -m fuzz.explored [NAME]…`.

Of each case of tests/explored the broken program's fault has to be found, and the mended one to be right in all orders
within two deviations; the same for the shells in the lab.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
import json
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from fuzz.tried import Tried
from procession import explore
from procession.explorer import Outcome, Report
from procession.grading import FAILED, Grade, grade

__all__ = ("BROKEN_SHELLS", "Case", "cases", "compile_case", "failures", "run")

EXPLORED = Path(__file__).resolve().parents[1] / "tests" / "explored"
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}
COMPILER = (
    *(sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-fno-sanitize=undefined", "-static"),
    *("-s", "-std=gnu11", "-O1"),
)
# Mistake of tests/explored/shells/tsh.c -> a trace of the lab that shows it.
BROKEN_SHELLS = {
    "BROKEN_ADDJOB": "foreground",
    "BROKEN_WAITFG": "foreground",
    "BROKEN_ZOMBIES": "jobs",
    "BROKEN_GROUP": "ctrl-c-group",
    "BROKEN_HANDLER": "killed-in-background",
}
# What is not found, and why: as soon as it is, that is told.
NOT_FOUND: dict[str, str] = {}


class Case(NamedTuple):
    """A program with a race: tests/explored/README.md has the fields."""

    name: str
    source: str
    fixed: dict[str, Any]
    good: list[dict[str, Any]]
    bad: list[dict[str, Any]]
    needs: str = ""

    def allows(self, outcome: Outcome) -> bool:
        """Whether the mended program may end so."""
        return any(_is(outcome, one) for one in self.good)

    def shown(self, report: Report) -> bool:
        """Whether a failure of the report is the fault."""
        return any(_shows(failure, bad) for failure in report.failures for bad in self.bad)


def _is(outcome: Outcome, one: dict[str, Any]) -> bool:
    if outcome.stdout.decode() != one["output"]:
        return False
    if one.get("deadlock"):
        return outcome.how == "deadlock"
    number = outcome.number + (128 if outcome.how == "signal" else 0)
    return outcome.how in ("exit", "signal") and number == one["exit"]


def _shows(failure: Any, bad: dict[str, Any]) -> bool:
    if not _is(failure.outcome, bad):
        return False
    left = {one.comm for one in failure.run.recorder.survivors or ()}
    return set(bad.get("left", ())) <= left


def cases() -> list[Case]:
    """Return the cases."""
    found = []
    for path in sorted(EXPLORED.glob("*.json")):
        fields = json.loads(path.read_text("utf-8"))
        found.append(Case(**{name: fields[name] for name in Case._fields if name in fields}))
    return found


def compile_case(source: str, flags: tuple[str, ...], target: Path) -> str:
    """Compile a C file of tests/explored; returns the program's path."""
    subprocess.run([*COMPILER, *flags, str(EXPLORED / source), "-o", str(target)], check=True)  # noqa: S603
    return str(target)


def command(case: Case, *, fixed: bool, build: Callable[[str, tuple[str, ...]], str]) -> list[str]:
    """Return how a case is run; build: gives the program of a C file."""
    source = case.fixed.get("source", case.source) if fixed else case.source
    if source.endswith(".sh"):
        return ["/bin/sh", str(EXPLORED / source)]
    return [build(source, tuple(case.fixed.get("flags", ())) if fixed else ())]


def explored(case: Case, argv: list[str], deviations: int, *, first: bool) -> Report:
    """Explore a program of a case."""
    faults: dict[str, Any] = {"faults": 1, "fault_kinds": [case.needs]} if case.needs else {}
    return explore(
        argv, root="/", env=ENVIRONMENT, cwd="/", deviations=deviations, expect=case.allows, first=first, **faults
    )


def failures(case: Case, build: Callable[[str, tuple[str, ...]], str], deviations: int = 2) -> Iterator[str]:
    """Explore both programs of a case; returns what is not as it should be."""
    report = explored(case, command(case, fixed=False, build=build), deviations, first=True)
    if not case.shown(report):
        report = explored(case, command(case, fixed=False, build=build), deviations, first=False)
    yield from _lack(case.name, report, shown=case.shown(report))
    report = explored(case, command(case, fixed=True, build=build), deviations, first=True)
    if report.exit_status != 0:
        yield f"{case.name}, mended: {_told(report)}"


def _lack(name: str, report: Report, *, shown: bool) -> Iterator[str]:
    if not shown and name not in NOT_FOUND:
        yield f"{name}: the fault is not found, {_told(report)}"
    if shown and name in NOT_FOUND:
        yield f"{name}: the fault is found by now; NOT_FOUND says that it is not"


def _told(report: Report) -> str:
    said = "; ".join(f"{one.violation.name}: {one.violation.sentence}" for one in report.failures)
    return f"{report.schedules} schedules, {'all' if report.complete else 'not all'}, {said or 'nothing found'}"


def shell(build: Callable[[str, tuple[str, ...]], str], mistake: str, deviations: int, *traces: str) -> Grade:
    """Grade a shell; mistake: which is compiled in, empty for none."""
    program = build("shells/tsh.c", (f"-D{mistake}",) if mistake else ())
    return grade(program, deviations=deviations, traces=traces, compiler=COMPILER)


def shell_failures(build: Callable[[str, tuple[str, ...]], str]) -> Iterator[str]:
    """Grade all shells; returns what is not as it should be."""
    for mistake, trace in BROKEN_SHELLS.items():
        if shell(build, mistake, 2, trace).results[0].verdict != FAILED:
            yield f"{mistake}: not found by {trace}"
    good = shell(build, "", 2)
    if good.exit_status != 0:
        yield f"the right shell: {good}"


def run(count: int, seed: int = 0) -> Tried:
    """Explore so many of all cases, those from seed on first."""
    began = time.monotonic()
    found: list[str] = []
    with tempfile.TemporaryDirectory() as directory:

        def build(source: str, flags: tuple[str, ...]) -> str:
            name = "".join(letter if letter.isalnum() else "-" for letter in source + "".join(flags))
            return compile_case(source, flags, Path(directory, name))

        todo: list[Callable[[], Iterator[str]]] = [
            *(partial(failures, case, build) for case in cases()),
            partial(shell_failures, build),
        ]
        start = seed % len(todo)
        todo = [*todo[start:], *todo[:start]][:count]
        for one in todo:
            for text in one():
                found.append(text)
                print(text, flush=True)
    return Tried("programs with races, explored", len(todo), "cases", found, time.monotonic() - began)


def main() -> int:
    """Explore those that are named, or all, and print what is not as it should be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--deviations", type=int, default=2, metavar="N")
    options = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory() as directory:

        def build(source: str, flags: tuple[str, ...]) -> str:
            return compile_case(source, flags, Path(directory, Path(source).stem + "".join(flags)))

        todo = {case.name: partial(failures, case, build, options.deviations) for case in cases()}
        for name, one in todo.items():
            if options.names and name not in options.names:
                continue
            began = time.process_time()
            said = list(one())
            status |= bool(said)
            print(f"{name}: {time.process_time() - began:.1f} s", *said, sep="\n   ", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
