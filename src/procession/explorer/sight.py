"""One schedule as it is given out, and what a search keeps of its run: both are plain, and go to other processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from procession.explorer.prefix import Prefix
from procession.explorer.properties import Property, Violation, violations
from procession.explorer.queries import Query
from procession.explorer.recorder import Strategy
from procession.explorer.sampling import sample
from procession.explorer.steps import Node, Object, Step, trace_classes
from procession.explorer.subject import Outcome, Run, Subject
from procession.explorer.wakeup import Follow, Grown, Wanted, grown
from procession.hw.chooser import OF_STEPS, Choice

__all__ = ("Expectation", "Job", "Looker", "Sight", "expected")

NOWHERE: Final = 1 << 62

# An outcome's text, or the part of it before its output; several of them; or a function of an outcome.
Expectation: TypeAlias = str | Sequence[str] | Callable[[Outcome], bool]


class Job(NamedTuple):
    """A schedule that is to be run.

    prefix: its first questions with the answers, the others' being the first candidates.  deeper: whether deviations
    may be added to it.  sample: seed, number and length of one at random instead.  wanted: how it goes on behind its
    prefix, of a search for all orders.
    """

    prefix: tuple[Node, ...] = ()
    deeper: bool = False
    sample: tuple[int, int, int] | None = None
    wanted: Wanted | None = None

    def strategy(self) -> Strategy:
        """Return who answers as is wanted."""
        if self.sample is not None:
            return sample(*self.sample)
        if self.wanted is not None:
            return Follow(self.prefix, self.wanted)
        return Prefix(self.prefix, footprints=True)


class Sight(NamedTuple):
    """What a search keeps of a run.

    outcome: None if it was given up.  trace_class: the same number for runs that cannot be told apart.  record: the
    choices.  wrong: what is.  steps: how many.  touches: by thread, what it has touched and how.  nodes: the questions
    behind the job's, if that may go deeper.  objects: of each of those what the step that it let begin has touched,
    None for one in the midst of a step.  came: to each of those, the class of the run so far.  grown: what the run
    adds, in a search for all orders.  alike: of a run that goes no deeper, the first step before which its last
    deviation could have been made, and all would be the same.
    """

    outcome: Outcome | None
    trace_class: int
    record: tuple[Choice, ...]
    wrong: tuple[Violation, ...]
    steps: int
    touches: dict[int, dict[Object, int]]
    nodes: tuple[Node, ...]
    objects: tuple[tuple[Object, ...] | None, ...]
    came: tuple[int, ...] = ()
    grown: Grown | None = None
    alike: int = NOWHERE


class Looker:
    """Runs schedules of a subject, and looks at them.

    own, off, expect: as explore() takes them.  without: kinds of objects that are left out.
    """

    def __init__(
        self,
        subject: Subject,
        own: tuple[Property, ...] = (),
        off: frozenset[str] = frozenset(),
        expect: Expectation | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.subject = subject
        self.own = own
        self.off = off
        self.expect = expect
        self.without = without
        subject.queries = tuple(one for one in own if isinstance(one, Query))
        subject.keeps = subject.keeps and not own

    def run(self, job: Job) -> Run:
        """Run a schedule."""
        return self.subject.run(job.strategy(), without=self.without)

    def wrong(self, run: Run) -> list[Violation]:
        """Return all that is wrong with a run."""
        found = violations(run, self.own, self.off)
        if self.expect is not None and run.outcome is not None and not expected(self.expect, run.outcome):
            found.append(Violation("outcome", f"it ended with {run.outcome}"))
        return found

    def sight(self, run: Run, job: Job) -> Sight:
        """Return what is to be kept of a run."""
        steps = run.recorder.steps
        more: Grown | None = None
        if job.wanted is not None:
            more = grown(run, job.prefix, job.wanted.at)
        if run.outcome is None:
            return Sight(None, 0, (), (), len(steps), {}, (), (), (), more)
        alike = NOWHERE
        if not job.deeper and job.prefix and job.sample is None and job.wanted is None:
            alike = _alike_from(run.recorder.nodes[len(job.prefix) - 1], steps)
        nodes: tuple[Node, ...] = ()
        classes = trace_classes(steps)
        if job.deeper:
            nodes = tuple(run.recorder.nodes[len(job.prefix) :])
        return Sight(
            run.outcome,
            classes[-1],
            tuple(run.machine.chooser.record),
            tuple(self.wrong(run)),
            len(steps),
            {} if job.sample is not None or job.wanted is not None else self._touches(run),
            nodes,
            tuple(_objects(run, node) for node in nodes),
            tuple(classes[node.step] for node in nodes),
            more,
            alike,
        )

    def _touches(self, run: Run) -> dict[int, dict[Object, int]]:
        """Return by thread what it has touched and how."""
        touches: dict[int, dict[Object, int]] = {}
        for index, step in enumerate(run.recorder.steps):
            if step.nr == 1 and index >= run.recorder.ended and not self.subject.as_init:
                continue  # the init that waits for the program: it is last whatever is tried, once that has ended
            by = touches.setdefault(step.nr, {})
            for thing, how in step.touched.items():
                by[thing] = by.get(thing, 0) | how
        return touches


def _objects(run: Run, node: Node) -> tuple[Object, ...] | None:
    steps = run.recorder.steps
    if node.kind not in OF_STEPS or node.step >= len(steps) - 1:
        return None  # the last one of all is the end of an init, and of what others were about to do
    if steps[node.step].wakes:
        return None  # one more to choose from: who is next by default may be another
    return tuple(steps[node.step].touched)


def _alike_from(node: Node, steps: Sequence[Step]) -> int:
    """Return the first step before which the answer to this question could have been given all the same.

    Those who go before the thread whose turn it was, until that goes on, go before its last steps as well, where
    nothing of what they do has to do with these.
    """
    at = node.step
    if node.kind not in OF_STEPS:
        return at
    turn = node.candidates[0]
    ahead: list[Step] = []
    for step in steps[at:]:
        if step.nr == turn:
            break
        if step.barrier or turn in step.wakes:
            return at
        ahead.append(step)
    else:
        return at
    while at and steps[at - 1].nr == turn:
        step = steps[at - 1]
        if step.barrier or step.wakes or any(one.conflicts(step.touched) for one in ahead):
            break
        at -= 1
    return at


def expected(expect: Expectation, outcome: Outcome) -> bool:
    """Whether an outcome is one that is allowed."""
    if callable(expect):
        return bool(expect(outcome))
    wanted = (expect,) if isinstance(expect, str) else expect
    text = str(outcome)
    return any(text == one or text.startswith(one + ",") for one in wanted)
