"""explore(): the portfolio of searches, and what it has found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import time
from typing import Any, Final, NamedTuple

from procession.explorer import token as tokens
from procession.explorer.bounded import Bounded
from procession.explorer.dpor import dpor
from procession.explorer.properties import Property, Violation, violations
from procession.explorer.sampling import samples
from procession.explorer.shrink import shrunk
from procession.explorer.steps import trace_class
from procession.explorer.subject import Outcome, Run, Subject

__all__ = ("Expectation", "Failure", "Found", "Progress", "Report", "search")

SAMPLES: Final = 100  # schedules at random, once those with one deviation are done

# An outcome's text, or the part of it before its output; several of them; or a function of an outcome.
Expectation = str | Sequence[str] | Callable[[Outcome], bool]


class Found(NamedTuple):
    """An outcome: how often it was seen, and the token of the run with the fewest deviations that ended so."""

    outcome: Outcome
    times: int
    deviations: int
    token: str


class Failure:
    """Something that must not happen, and did.

    violation: what.  run: the run that shows it, shrunk.  token: brings it back.  deviations: from the default order.
    """

    __slots__ = ("deviations", "run", "subject", "token", "violation")

    def __init__(self, subject: Subject, violation: Violation, run: Run, token: str) -> None:
        self.subject = subject
        self.violation = violation
        self.run = run
        self.token = token
        self.deviations = len(run.machine.chooser.record)

    @property
    def outcome(self) -> Outcome:
        """How the run ended."""
        assert self.run.outcome is not None
        return self.run.outcome

    def __str__(self) -> str:
        from procession.explorer.report import failure_text  # noqa: PLC0415 -- most failures are only counted

        return failure_text(self)


class Progress(NamedTuple):
    """How far a search is: schedules run, classes of them, what is done and left at this number of deviations."""

    schedules: int
    classes: int
    redundant: int
    failures: int
    doing: str
    left: int
    seconds: float


class Report:
    """What a search has found.

    outcomes: each with its count, the most frequent first.  failures: of each kind the one that is explained in the
    fewest deviations.  complete: the whole bound was searched.  bound: what that was, in words.  schedules, classes,
    redundant: runs, those that differ, and those that were given up as they could only repeat others.
    """

    def __init__(self, subject: Subject, bound: str) -> None:
        self.subject = subject
        self.bound = bound
        self.complete = False
        self.schedules = 0
        self.redundant = 0
        self.seen: set[int] = set()
        self.first: dict[Outcome, tuple[int, str]] = {}
        self.counts: dict[Outcome, int] = {}
        self.failures: list[Failure] = []
        self.seconds = 0.0
        self.interrupted = False

    @property
    def classes(self) -> int:
        """How many schedules differ in more than the order of steps that could change places."""
        return len(self.seen)

    @property
    def outcomes(self) -> list[Found]:
        """All ends that were seen."""
        found = [Found(one, count, *self.first[one]) for one, count in self.counts.items()]
        return sorted(found, key=lambda one: (-one.times, one.outcome))

    @property
    def exit_status(self) -> int:
        """Return 0 if nothing was found in all of the bound, 1 if something was, 3 if the bound was not reached."""
        if self.failures:
            return 1
        return 0 if self.complete else 3

    def __str__(self) -> str:
        from procession.explorer.report import report_text  # noqa: PLC0415 -- as above

        return report_text(self)

    def json(self) -> dict[str, Any]:
        """Return all of it as what json.dumps takes."""
        from procession.explorer.report import report_json  # noqa: PLC0415 -- as above

        return report_json(self)


class Search:
    """One search in progress."""

    def __init__(
        self,
        subject: Subject,
        *,
        deviations: int,
        exhaustive: bool,
        seed: int,
        schedules: int | None,
        seconds: float | None,
        own: tuple[Property, ...],
        off: frozenset[str],
        expect: Expectation | None,
        first: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        bound = "all orders" if exhaustive else f"{deviations} deviation{'s' if deviations != 1 else ''}"
        self.report = Report(subject, bound)
        self.subject = subject
        self.deviations = deviations
        self.exhaustive = exhaustive
        self.seed = seed
        self.schedules = schedules
        self.seconds = seconds
        self.own = own
        self.off = off
        self.expect = expect
        self.first = first
        self.progress = progress
        self.began = time.monotonic()
        self.doing = ""
        self.left = 0
        self.kinds: set[tuple[str, str]] = set()

    def run(self) -> Report:
        """Search until the bound is done, or time, schedules or the user's patience are over."""
        report = self.report
        try:
            for run in self._runs():
                self._look_at(run)
                if self._over():
                    break
            else:
                report.complete = True
        except KeyboardInterrupt:
            report.interrupted = True
        report.seconds = time.monotonic() - self.began
        return report

    def _over(self) -> bool:
        report = self.report
        if self.first and report.failures:
            return True
        if self.schedules is not None and report.schedules >= self.schedules:
            return True
        return self.seconds is not None and time.monotonic() - self.began >= self.seconds

    def _runs(self) -> Iterator[Run]:
        if self.exhaustive:
            self.doing = "all orders"
            yield from dpor(self.subject)
            return
        bounded = Bounded(self.subject, self.deviations)
        sampled = False
        for run in bounded.runs():
            yield run
            self.doing, self.left = f"{bounded.level} deviations", bounded.left
            if bounded.level >= 2 and bounded.left > SAMPLES and not sampled:
                sampled = True
                yield from self._samples(len(run.recorder.steps))

    def _samples(self, steps: int) -> Iterator[Run]:
        self.doing = "at random"
        for number, run in enumerate(samples(self.subject, self.seed, steps)):
            self.left = SAMPLES - number
            yield run
            if number + 1 >= SAMPLES:
                return

    def _look_at(self, run: Run) -> None:
        """Count a run, and see whether anything is wrong with it."""
        report = self.report
        report.schedules += 1
        if run.outcome is None:
            report.redundant += 1
            return
        report.seen.add(trace_class(run.recorder.steps))
        record = run.machine.chooser.record
        report.counts[run.outcome] = report.counts.get(run.outcome, 0) + 1
        best = report.first.get(run.outcome)
        if best is None or len(record) < best[0]:
            report.first[run.outcome] = (len(record), str(tokens.make(self.subject, record)))
        for violation in self.wrong(run):
            self._failed(run, violation)
        if self.progress is not None:
            self.progress(self._progress())

    def _progress(self) -> Progress:
        report = self.report
        seconds = time.monotonic() - self.began
        return Progress(
            report.schedules, report.classes, report.redundant, len(report.failures), self.doing, self.left, seconds
        )

    def wrong(self, run: Run) -> list[Violation]:
        """Return all that is wrong with a run."""
        found = violations(run, self.own, self.off)
        if self.expect is not None and run.outcome is not None and not expected(self.expect, run.outcome):
            found.append(Violation("outcome", f"it ended with {run.outcome}"))
        return found

    def _failed(self, run: Run, violation: Violation) -> None:
        """Keep the first failure of each kind, as short as it can be had."""
        kind = (violation.name, _shape(violation.sentence))
        if kind in self.kinds:
            return
        self.kinds.add(kind)

        def same(other: Run) -> bool:
            return any((one.name, _shape(one.sentence)) == kind for one in self.wrong(other))

        run = shrunk(self.subject, run, same)
        violation = next(one for one in self.wrong(run) if (one.name, _shape(one.sentence)) == kind)
        token = str(tokens.make(self.subject, run.machine.chooser.record))
        self.report.failures.append(Failure(self.subject, violation, run, token))


def _shape(sentence: str) -> str:
    """Return a sentence without its numbers: the same mistake is made by many processes."""
    return "".join(letter for letter in sentence if not letter.isdigit())


def expected(expect: Expectation, outcome: Outcome) -> bool:
    """Whether an outcome is one that is allowed."""
    if callable(expect):
        return bool(expect(outcome))
    wanted = (expect,) if isinstance(expect, str) else expect
    text = str(outcome)
    return any(text == one or text.startswith(one + ",") for one in wanted)


def search(subject: Subject, **options: Any) -> Report:
    """Search the orders of a subject; the options are Search's."""
    return Search(subject, **options).run()
