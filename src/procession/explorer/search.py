"""explore(): the portfolio of searches, and what it has found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
import time
from typing import Any, Final, NamedTuple

from procession.explorer import token as tokens
from procession.explorer.bounded import Bounded
from procession.explorer.checkpoint import Checkpoint
from procession.explorer.dpor import Exhaustive
from procession.explorer.heap import collecting_at_once
from procession.explorer.jobs import Alone, Crew
from procession.explorer.properties import Property, Violation
from procession.explorer.shrink import shrunk
from procession.explorer.sight import Expectation, Job, Looker, Sight, expected
from procession.explorer.subject import Outcome, Run, Subject

__all__ = ("Expectation", "Failure", "Found", "Progress", "Report", "Search", "expected", "search")

SAMPLES: Final = 100  # schedules at random, once those with one deviation are done


class Found(NamedTuple):
    """An outcome: how often it was seen, and the token of the run with the fewest deviations that ended so."""

    outcome: Outcome
    times: int
    deviations: int
    token: str


class Failure:
    """Something that must not happen, and did.

    violation: what.  run: the run that shows it, shrunk.  token: brings it back.  deviations: from the default order.
    looker: says what is wrong with other runs.
    """

    __slots__ = ("deviations", "looker", "run", "subject", "token", "violation")

    def __init__(self, looker: Looker, violation: Violation, run: Run, token: str) -> None:
        self.looker = looker
        self.subject = looker.subject
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
        jobs: int = 1,
        executor: Any = None,
        checkpoint: str | Path | None = None,
    ) -> None:
        bound = "all orders" if exhaustive else f"{deviations} deviation{'s' if deviations != 1 else ''}"
        self.report = Report(subject, bound)
        self.subject = subject
        self.deviations = deviations
        self.exhaustive = exhaustive
        self.seed = seed
        self.schedules = schedules
        self.seconds = seconds
        self.first = first
        self.progress = progress
        self.began = time.monotonic()
        self.before = 0.0  # seconds that the search took until the checkpoint it goes on from
        self.doing = ""
        self.left = 0
        self.kinds: set[tuple[str, str]] = set()
        self.looker = Looker(subject, own, off, expect)
        self.bounded = Bounded(subject, deviations)
        self.orders = Exhaustive()
        self.sampled = 0  # schedules at random that were run
        self.sample_steps = 0  # how long they are about; 0 before their time
        self.crew: Alone | Crew = Alone(self.looker)
        if executor is not None or jobs != 1:
            self.crew = Crew(self.looker, jobs if executor is None or jobs != 1 else 0, executor)
        self.checkpoint = Checkpoint(self, Path(checkpoint)) if checkpoint is not None else None

    def run(self) -> Report:
        """Search until the bound is done, or time, schedules or the user's patience are over."""
        report = self.report
        checkpoint = self.checkpoint
        if checkpoint is not None:
            checkpoint.resume()
        try:
            if not self._over():
                with collecting_at_once():
                    self._search(checkpoint)
        except KeyboardInterrupt:
            report.interrupted = True
        finally:
            self.crew.close()
        report.seconds = self._passed()
        if checkpoint is not None:
            checkpoint.write()
        return report

    def _search(self, checkpoint: Checkpoint | None) -> None:
        for job, sight, run in self._sights():
            if checkpoint is not None:
                checkpoint.begin()
            self._took(job, sight)
            self._look_at(job, sight, run)
            del run  # before the next one is made
            if checkpoint is not None:
                checkpoint.settled()
            if self._over():
                return
        self.report.complete = True

    def _passed(self) -> float:
        return self.before + time.monotonic() - self.began

    def _over(self) -> bool:
        report = self.report
        if self.first and report.failures:
            return True
        if self.schedules is not None and report.schedules >= self.schedules:
            return True
        return self.seconds is not None and time.monotonic() - self.began >= self.seconds

    def _sights(self) -> Iterator[tuple[Job, Sight, Run | None]]:
        """Run what is to be run; whoever takes a sight has to call _took() before the next."""
        if self.exhaustive:
            self.doing = "all orders"
            while count := self._due(self.orders.count()):
                for looked in self.crew.each(self.orders.jobs(), count):
                    yield looked
                    del looked
            return
        yield from self._samples()  # which a checkpoint has left
        while count := self._due(self.bounded.count()):
            for looked in self.crew.each(self.bounded.jobs(), count):
                yield looked
                del looked
                yield from self._samples()

    def _due(self, count: int) -> int:
        """Return how many of so many schedules are to be run: no worker is given what nobody will look at."""
        if self.schedules is None:
            return count
        return min(count, self.schedules - self.report.schedules)

    def _took(self, job: Job, sight: Sight) -> None:
        """Let what was seen decide what comes next."""
        if sight.grown is not None:
            self.orders.took(sight.grown)
            self.left = self.orders.left
            return
        if job.sample is not None:
            self.sampled += 1
            self.doing, self.left = "at random", SAMPLES - self.sampled
            return
        bounded = self.bounded
        bounded.took(job, sight)
        self.doing, self.left = f"{bounded.level} deviations", bounded.left
        if bounded.level >= 2 and bounded.left > SAMPLES and not self.sample_steps:
            self.sample_steps = sight.steps

    def _samples(self) -> Iterator[tuple[Job, Sight, Run | None]]:
        left = SAMPLES - self.sampled if self.sample_steps else 0
        if left:
            jobs = [Job(sample=(self.seed, number, self.sample_steps)) for number in range(self.sampled, SAMPLES)]
            yield from self.crew.each(iter(jobs), self._due(left))

    def _look_at(self, job: Job, sight: Sight, run: Run | None) -> None:
        """Count a run, and see whether anything is wrong with it."""
        report = self.report
        report.schedules += 1
        if sight.outcome is None:
            report.redundant += 1
            return
        report.seen.add(sight.trace_class)
        record = sight.record
        report.counts[sight.outcome] = report.counts.get(sight.outcome, 0) + 1
        best = report.first.get(sight.outcome)
        if best is None or len(record) < best[0]:
            report.first[sight.outcome] = (len(record), str(tokens.make(self.subject, record)))
        for violation in sight.wrong:
            self._failed(job, run, violation)
        if self.progress is not None:
            self.progress(self._progress())

    def _progress(self) -> Progress:
        report = self.report
        failures = len(report.failures)
        return Progress(
            report.schedules, report.classes, report.redundant, failures, self.doing, self.left, self._passed()
        )

    def wrong(self, run: Run) -> list[Violation]:
        """Return all that is wrong with a run."""
        return self.looker.wrong(run)

    def _failed(self, job: Job, run: Run | None, violation: Violation) -> None:
        """Keep the first failure of each kind, as short as it can be had."""
        kind = (violation.name, _shape(violation.sentence))
        if kind in self.kinds:
            return
        self.kinds.add(kind)
        if run is None:
            run = self.looker.run(job)

        def same(other: Run) -> bool:
            return any((one.name, _shape(one.sentence)) == kind for one in self.wrong(other))

        run = shrunk(self.subject, run, same)
        violation = next(one for one in self.wrong(run) if (one.name, _shape(one.sentence)) == kind)
        self.keep(run, violation)

    def keep(self, run: Run, violation: Violation) -> None:
        """Have a failure in the report."""
        self.kinds.add((violation.name, _shape(violation.sentence)))
        token = str(tokens.make(self.subject, run.machine.chooser.record))
        self.report.failures.append(Failure(self.looker, violation, run, token))


def _shape(sentence: str) -> str:
    """Return a sentence without its numbers: the same mistake is made by many processes."""
    return "".join(letter for letter in sentence if not letter.isdigit())


def search(subject: Subject, **options: Any) -> Report:
    """Search the orders of a subject; the options are Search's."""
    return Search(subject, **options).run()
