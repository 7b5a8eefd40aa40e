"""How fast orders are explored, by CPU time: python -m bench.exploring; make bench has these rows as well.

The models are in models/; two_children also as a static ELF.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console

from procession import explorer
from procession.explorer import explore
from procession.explorer.dpor import dpor
from procession.explorer.heap import collecting_at_once
from procession.explorer.steps import trace_class
from procession.explorer.subject import Run, Subject

if TYPE_CHECKING:
    from bench.__main__ import Report

MODELS = Path(__file__).parent / "models"
MOST = 4000  # schedules of one model
OF_JOBS = 1500  # schedules of a shell, for a comparison of one process and two
SHELL = ["sh", "-c", "true | true; wait"]


def names() -> list[str]:
    """Return the models."""
    return sorted(path.stem for path in MODELS.glob("[a-z]*.py"))


def subject_of(name: str) -> Subject:
    """Return a model as what is explored."""
    return Subject(import_module(f"bench.models.{name}").main)


def rate(runs: Iterable[Run], seconds: float) -> float:
    """Return how many schedules a CPU second has."""
    began = time.process_time()
    count = 0
    with collecting_at_once():
        for run in runs:
            del run
            count += 1
            if time.process_time() - began >= seconds:
                break
    return count / (time.process_time() - began)


def of_file(command: list[str], **limits: Any) -> explorer.Report:
    """Explore a command of the host's."""
    return explore(command, root="/", env={"PATH": os.defpath.lstrip(":")}, deviations=4, **limits)


def searched(command: list[str], seconds: float) -> float:
    """Return how many schedules of a bounded search a CPU second has, that of its copies counted."""
    began = os.times()
    report = of_file(command, seconds=seconds)
    return report.schedules / sum(now - then for now, then in zip(os.times()[:4], began[:4], strict=True))


def again(subject: Subject) -> Iterable[Run]:
    """Explore a subject over and over."""
    while True:
        yield from dpor(subject)


def orders(name: str) -> tuple[int, int, set[tuple[int | str, str]]]:
    """Exhaust a model: schedules executed, classes of them, outcomes."""
    classes: set[int] = set()
    outcomes: set[tuple[int | str, str]] = set()
    executed = 0
    for run in dpor(subject_of(name)):
        executed += 1
        if run.outcome is not None:
            classes.add(trace_class(run.recorder.steps))
            end = run.outcome
            outcomes.add((end.number if end.how == "exit" else end.how, end.stdout.decode()))
        if executed >= MOST:
            break
    return executed, len(classes), outcomes


def cpu_seconds(pid: int | str = "self") -> float:
    """Return the CPU time that the children of a process have taken, and theirs."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + cpu_seconds(child)
    return total


def rate_of_jobs(jobs: int, *, exhaustive: bool) -> float:
    """Return how many schedules a CPU second has with so many processes, their start included.

    exhaustive: all orders of two_waiters, which are 6,078; else of a shell.
    """
    main = import_module("bench.models.two_waiters").main
    began = sum(os.times()[:4]) + cpu_seconds()
    report = explore(main, exhaustive=True, jobs=jobs) if exhaustive else of_file(SHELL, schedules=OF_JOBS, jobs=jobs)
    return report.schedules / (sum(os.times()[:4]) + cpu_seconds() - began)


def compile_model(folder: Path) -> Path:
    """Build two_children as a static ELF file."""
    program = folder / "two_children"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-linux-musl", "-static", "-O1", "-s"]
    subprocess.run([*zig, "-o", program, MODELS / "two_children.c"], check=True)
    return program


def measure(report: Report, seconds: float = 3.0) -> None:
    """Add the rows of exploring to a table."""
    with tempfile.TemporaryDirectory() as name:
        program = compile_model(Path(name))
        rates = (
            ("a Python model of three processes", rate(again(subject_of("two_children")), seconds), 1500),
            ("the same as a static ELF", searched([str(program)], seconds), 150),
            ("sh -c 'true | true; wait'", searched(SHELL, seconds), 40),
        )
        for what, reached, wanted in rates:
            report.row(f"{what}: schedules", f"{reached:.0f} /s", "", "", f">= {wanted} /s", reached >= wanted)
    for exhaustive in (False, True):
        alone, two = (rate_of_jobs(jobs, exhaustive=exhaustive) for jobs in (1, 2))
        what = f"two workers: schedules per CPU second of one's{', all orders' if exhaustive else ''}"
        report.row(what, f"{two:.0f} /s", f"{alone:.0f} /s", f"{two / alone:.2f}", ">= 0.9", two >= 0.9 * alone)
    for model in names():
        one, differ, outcomes = orders(model)
        wanted_outcomes = import_module(f"bench.models.{model}").OUTCOMES
        if outcomes != wanted_outcomes:
            raise SystemExit(f"{model}: {outcomes}, not {wanted_outcomes}")
        met = one <= 1.2 * differ
        report.row(f"{model}: schedules, classes", f"{one}", f"{differ}", f"{one / differ:.2f}", "<= 1.2", met)


def main() -> None:
    """Print these rows alone."""
    from bench.__main__ import Report  # noqa: PLC0415 -- which imports this file

    report = Report()
    measure(report)
    Console(width=150).print(report.table)


if __name__ == "__main__":
    main()
