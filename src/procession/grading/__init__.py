"""Grade a program by a lab: each of its traces in every order within a bound, so that the verdict is none of luck.

grade("./tsh", "shlab").points
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
import time
from typing import Any, Final, NamedTuple

from procession.arguments import check_kind, check_range
from procession.explorer import MAX_DEVIATIONS, Failure, Progress, Report, Run, prepared
from procession.explorer.jobs import Alone
from procession.grading.lab import Lab, LabError, Trace, lab_names, load_lab
from procession.grading.place import prepare

__all__ = ("FAILED", "PASSED", "UNFINISHED", "Grade", "Lab", "LabError", "Result", "grade", "lab_names", "load_lab")

PASSED: Final = "passed"
FAILED: Final = "failed"
UNFINISHED: Final = "unfinished"
ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}


class Result(NamedTuple):
    """What one trace has come to.

    verdict: PASSED if nothing is wrong in any order within the bound, FAILED if something is, UNFINISHED if nothing was
    found and not all orders were run.  failure: what is wrong, the first that was found.  schedules: how many were run.
    seconds: of time.
    """

    trace: Trace
    verdict: str
    failure: Failure | None
    schedules: int
    seconds: float

    @property
    def points(self) -> int:
        """All of the trace's, none if it has failed."""
        return 0 if self.verdict == FAILED else self.trace.points

    @property
    def sentence(self) -> str:
        """What is wrong, in words; empty if nothing is."""
        return "" if self.failure is None else self.failure.violation.sentence

    @property
    def token(self) -> str:
        """What brings the run that failed back; empty if there is none."""
        return "" if self.failure is None else self.failure.token


class Grade:
    """A program's grade: results, one for each trace that was asked for, in the lab's order."""

    def __init__(self, program: str, lab: Lab, deviations: int, place: Path, results: Sequence[Result]) -> None:
        self.program = program
        self.lab = lab
        self.deviations = deviations
        self.place = place
        self.results = tuple(results)

    @property
    def points(self) -> int:
        """How many the program has."""
        return sum(one.points for one in self.results)

    @property
    def out_of(self) -> int:
        """How many there were to be had."""
        return sum(one.trace.points for one in self.results)

    @property
    def exit_status(self) -> int:
        """Return 1 if anything is wrong, 3 if nothing was found and not all orders were run, 0 otherwise."""
        verdicts = {one.verdict for one in self.results}
        if FAILED in verdicts:
            return 1
        return 3 if UNFINISHED in verdicts else 0

    def __str__(self) -> str:
        from procession.grading.report import grade_text  # noqa: PLC0415 -- most grades are only counted

        return grade_text(self)

    def json(self) -> dict[str, Any]:
        """Return all of it as what json.dumps takes; docs/grading.md has the fields."""
        from procession.grading.report import grade_json  # noqa: PLC0415 -- as above

        return grade_json(self)


def grade(
    program: str | Path,
    lab: str | Path | Lab = "shlab",
    *,
    deviations: int = 2,
    traces: Collection[str] = (),
    seconds: float | None = None,
    seed: int = 0,
    compiler: Sequence[str] | None = None,
    place: str | Path | None = None,
    progress: Callable[[Trace, Progress], None] | None = None,
) -> Grade:
    """Run each trace of a lab in all orders within the bound, up to its first failure.

    program: an executable file.  lab: the name of one that comes with Procession, the path of a file, or one that was
    read.  deviations, seed: as explore has them.  traces: only these.  seconds: for all of it; what is not run then is
    unfinished.  compiler: what makes the lab's programs of their C files; without it cc, static if that works.
    place: the directory for the program and the lab's, to which tokens refer.  progress: called after each schedule.
    Raises LabError for a lab or a program that cannot be graded; Diverged, LinuxError, OSError as explore does.
    """
    check_range("deviations", deviations, 0, MAX_DEVIATIONS)
    if seconds is not None:
        check_kind("seconds", seconds, int, float)
    loaded = lab if isinstance(lab, Lab) else load_lab(lab)
    wanted = _wanted(loaded, traces)
    where = prepare(Path(program), loaded, compiler, None if place is None else Path(place))
    ends = None if seconds is None else time.monotonic() + seconds
    results: list[Result] = []
    interrupted = False
    for trace in wanted:
        left = None if ends is None else ends - time.monotonic()
        if interrupted or (left is not None and left <= 0):
            results.append(Result(trace, UNFINISHED, None, 0, 0.0))
            continue
        report = _explored(loaded, trace, where, deviations, seed, left, progress)
        interrupted = report.interrupted
        results.append(_result(trace, report))
    return Grade(str(program), loaded, deviations, where, results)


def _wanted(lab: Lab, names: Collection[str]) -> list[Trace]:
    known = [trace.name for trace in lab.traces]
    for name in names:
        if name not in known:
            raise LabError(f"lab {lab.name}: no trace {name!r}; there are {', '.join(known)}")
    return [trace for trace in lab.traces if not names or trace.name in names]


def _explored(
    lab: Lab,
    trace: Trace,
    where: Path,
    deviations: int,
    seed: int,
    seconds: float | None,
    progress: Callable[[Trace, Progress], None] | None,
) -> Report:
    def output(run: Run) -> str:
        return wrong_end(trace, run)

    def tell(now: Progress) -> None:
        if progress is not None:
            progress(trace, now)

    search = prepared(
        list(lab.command),
        root="/",
        cwd=str(where),
        env=ENVIRONMENT,
        stdin=trace.stdin.encode(),
        deviations=deviations,
        seed=seed,
        seconds=seconds,
        off=lab.off,
        properties=(output,),
        first=True,
        progress=tell,
    )
    if isinstance(search.crew, Alone):
        search.crew.may_copy()
    return search.run()


def wrong_end(trace: Trace, run: Run) -> str:
    """Say what is wrong with how a run has ended, and with what it has written; nothing if neither is."""
    outcome = run.outcome
    if outcome is None or outcome.how not in ("exit", "signal"):
        return ""  # the explorer tells it
    if outcome.how == "signal":
        return f"signal {outcome.number} has ended it"
    if outcome.number != trace.status:
        return f"it ended with exit status {outcome.number}, not {trace.status}"
    output = outcome.stdout.decode(errors="backslashreplace")
    return "" if trace.allows(output) else f"no order allows what it wrote: {output!r}"


def _result(trace: Trace, report: Report) -> Result:
    failure = report.failures[0] if report.failures else None
    verdict = FAILED if failure is not None else PASSED if report.complete else UNFINISHED
    return Result(trace, verdict, failure, report.schedules, report.seconds)
