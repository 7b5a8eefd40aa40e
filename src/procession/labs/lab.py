"""A lab: a fault of the kernel's history, a program that shows it, and the kernel with it and without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from procession.explorer.properties import PROPERTIES
from procession.explorer.report import failure_text
from procession.explorer.search import search
from procession.explorer.subject import BYTES, Outcome, Run, Subject
from procession.explorer.token import Token
from procession.labs.patch import Patch, patched

__all__ = ("EVER", "RIGHT", "USER", "WRONG", "Finding", "Lab", "Program")

Program = Callable[[Any], Awaitable[Any]]

# How a program's line begins in which it says what it has seen.
RIGHT: Final = "right: "
WRONG: Final = "wrong: "

EVER: Final = 0  # the year of what is got wrong in any
USER: Final = 1000  # somebody who is not root


class Finding(NamedTuple):
    """What came of a lab in one kernel.

    wrong: what goes wrong in some order, empty if nothing does in any.  right: what the program says where all is well.
    schedules: how many orders were run.  complete: nothing is wrong in any order within the bound.  text: of what goes
    wrong, the steps as the explorer draws them.  token: brings it back, with replay().
    """

    wrong: str
    right: str
    schedules: int
    complete: bool
    text: str
    token: str


class Lab(NamedTuple):
    """One fault.

    year: when it was mended, EVER for what is a mistake to this day.  title: what went wrong, in a line.
    source: the commit that mended it, the CVE; or what to read about it.
    in_32: whether 3.2 has it; then mutation mends it, else mutation brings it back.  until: the first 3.2.N without it.
    text: what happened, and what the program does.  program: runs inside and says RIGHT or WRONG.
    fixed: the program without the mistake, where that is the program's and not the kernel's.
    programs: others, by path.  memory: the machine's, in bytes.  points: changes in both kernels: where a task may lose
    its CPU or sleep in the midst of a call, which here are atomic up to their sleeps.
    """

    name: str
    year: int
    title: str
    source: str
    text: str
    program: Program
    in_32: bool = False
    until: str = ""
    mutation: tuple[Patch, ...] = ()
    points: tuple[Patch, ...] = ()
    programs: Mapping[str, Program] = {}
    memory: int = BYTES
    fixed: Program | None = None

    @contextmanager
    def kernel(self, *, broken: bool) -> Iterator[None]:
        """Let the kernel be the one with the fault, or the one without it, for as long as the block lasts."""
        with patched(self.points + (self.mutation if broken != self.in_32 else ())):
            yield

    def search(self, *, broken: bool, deviations: int = 2, schedules: int | None = None) -> Finding:
        """Run the program in 3.2's own order, then in orders that differ in 1, 2, … places, until something is wrong.

        schedules: stop after so many.
        """
        with self.kernel(broken=broken):
            report = search(
                self._subject(broken=broken),
                deviations=deviations,
                exhaustive=False,
                seed=0,
                schedules=schedules,
                seconds=None,
                own=(wrong,),
                off=frozenset(PROPERTIES),
                expect=None,
                first=True,
                progress=None,
            )
            right = next((_line(found.outcome, RIGHT) for found in report.outcomes), "")
            if not report.failures:
                return Finding("", right, report.schedules, report.complete, "", "")
            failure = report.failures[0]
            text = failure_text(failure).replace("procession replay", f"procession lab {self.name} --replay")
            return Finding(failure.violation.sentence, right, report.schedules, False, text, failure.token)

    def replay(self, token: str, *, broken: bool) -> Outcome:
        """Run once more what a token of this lab stands for, in the same kernel or in the other one.

        Raises TokenError for what is none, ReplayError if this kernel asks something else on the way.
        """
        choices = Token.parse(token).choices
        with self.kernel(broken=broken):
            subject = self._subject(broken=broken)
            outcome, _ = subject.end_of(subject.machine(subject.recorded(choices)))
        assert outcome is not None
        return outcome

    def mended(self) -> str:
        """Return when it was mended, as far as 3.2 is concerned."""
        if self.fixed is not None:
            return "in the program"
        if self.year == EVER:
            return "3.2 has it not"
        if self.in_32:
            return f"3.2 has it, until {self.until}" if self.until else "3.2 has it"
        return f"in {self.until}" if self.until else "before 3.2"

    def _subject(self, *, broken: bool) -> Subject:
        program = self.program if broken or self.fixed is None else self.fixed
        return Subject(program, programs=self.programs, memory=self.memory)


def wrong(run: Run) -> str:
    """Return what is wrong with a run: what the program says, or how the kernel has ended."""
    outcome = run.outcome
    if outcome is None:
        return ""
    if outcome.how not in ("exit", "signal"):
        what = {"oops": "the kernel oopses", "panic": "the kernel panics", "endless": "no end is in sight"}
        return f"{what.get(outcome.how, outcome.how)}: {run.detail.splitlines()[0]}"
    said = _line(outcome, WRONG)
    if said or _line(outcome, RIGHT):
        return said
    return "the program has not come to its end: " + (outcome.stderr.decode().splitlines() or ["no word"])[-1]


def _line(outcome: Outcome, beginning: str) -> str:
    """Return the rest of the first line that begins so, empty if none does."""
    lines = outcome.stdout.decode().splitlines()
    return next((line.removeprefix(beginning) for line in lines if line.startswith(beginning)), "")
