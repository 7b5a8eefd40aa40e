"""Orders that are still to be tried, as trees of steps: wakeup trees.

Where a run shows a race, what leads to its second step without the first one is to be tried before that. It is kept
whole, and not only who begins it: so it ends with the other order of the race, and in nothing that was there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from procession.explorer.order import races
from procession.explorer.prefix import Prefix
from procession.explorer.recorder import Recorder, Redundant
from procession.explorer.steps import EVERYTHING, WRITES, Node, Object, Step, shared_object
from procession.explorer.subject import Run
from procession.hw.chooser import OF_STEPS, TIME_PASSES

__all__ = (
    "Branch",
    "Event",
    "Follow",
    "Grown",
    "Point",
    "Sleepers",
    "Touched",
    "Wanted",
    "grown",
    "joined",
    "sleepers",
)

Touched = dict[Object, int]
# Those whose next step was tried in the same place before, with what it touched: to try it again would be to run the
# same class again, until something happens that this step conflicts with.
Sleepers = dict[int, Touched]


class Event(NamedTuple):
    """What counts of a step.

    nr: the thread.  answers: to the questions in the midst of it.  touched, wakes, barrier: as of the Step.
    """

    nr: int
    answers: tuple[int, ...]
    touched: Touched
    wakes: tuple[int, ...]
    barrier: bool

    def follows(self, other: Event) -> bool:
        """Whether it has to stay behind other, which came before it."""
        return (
            other.nr == self.nr
            or self.barrier
            or self.nr in other.wakes
            or shared_object(other.touched, self.touched) is not None
        )


def unknown(nr: int) -> Event:
    """Return what is known of a thread's step before it was ever taken in this place."""
    return Event(nr, (), {EVERYTHING: WRITES}, (), False)


def sleepers(sleep: Sleepers, event: Event | Step) -> Sleepers:
    """Return who of those still sleeps behind a step."""
    if event.barrier or not sleep:
        return {}
    return {
        nr: touched for nr, touched in sleep.items() if nr != event.nr and shared_object(event.touched, touched) is None
    }


def joined(a: Touched, b: Touched) -> Touched:
    """Return what one of two steps touches."""
    both = dict(a)
    for thing, how in b.items():
        both[thing] = both.get(thing, 0) | how
    return both


class Branch:
    """A step that is to be tried in some place, and in which orders others are to come behind it.

    released: it is one of the schedules to be run.  begun: it was given out.  left: how many runs of it are still to be
    looked at before all is known that it touches.  twigs: what is to come behind it, until it is given out.  late: what
    was found to be wanted behind it while it was out.  after: the points that it has led to, by the answers that were
    given in the midst of it.  closed: all that begins with it was run, and nothing can be added.
    """

    __slots__ = ("after", "begun", "closed", "event", "late", "left", "released", "touched", "twigs")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.touched = event.touched
        self.twigs: list[Branch] = []
        self.late: list[list[Event]] = []
        self.after: dict[tuple[int, ...], Point] = {}
        self.released = False
        self.begun = False
        self.closed = False
        self.left = 0

    def less(self, rest: list[Event]) -> list[Event] | None:
        """Return steps without this one, if they could as well begin with it; None if not."""
        touched = self.touched
        if not self.begun or self.left:  # what it touches is not known yet
            touched = next((joined(touched, event.touched) for event in rest if event.nr == self.event.nr), touched)
        return _less(self.event.nr, touched, rest)

    def answers(self, rest: list[Event]) -> tuple[int, ...]:
        """Return the answers in the midst of it that others in a row of steps come behind."""
        return next((event.answers for event in rest if event.nr == self.event.nr), self.event.answers)

    def first(self) -> list[Event]:
        """Return what is to come behind it in the first of the orders."""
        found: list[Event] = []
        twigs = self.twigs
        while twigs:
            found.append(twigs[0].event)
            twigs = twigs[0].twigs
        return found


class Point:
    """Where a step begins, in all runs that are the same so far.

    parent: where the step before begins.  ordinal: which of that one's branches led here.  event: that step.  nodes,
    asked: the questions of some run that came by, and how many of them there are up to here.  enabled: the threads that
    could go on.  sleep: those that need not.  branches: the steps that are tried here.
    """

    __slots__ = ("asked", "branches", "enabled", "event", "index", "nodes", "ordinal", "parent", "sleep")

    def __init__(
        self,
        parent: Point | None,
        ordinal: int,
        event: Event | None,
        nodes: tuple[Node, ...],
        asked: int,
        enabled: tuple[int, ...],
        sleep: Sleepers,
    ) -> None:
        self.parent = parent
        self.ordinal = ordinal
        self.index: int = 0 if parent is None else parent.index + 1
        self.event = event
        self.nodes = nodes
        self.asked = asked
        self.enabled = enabled
        self.sleep = sleep
        self.branches: list[Branch] = []

    def path(self) -> tuple[int, ...]:
        """Return which branch leads here at each point, from the first."""
        ordinals = []
        point: Point | None = self
        while point is not None:
            ordinals.append(point.ordinal)
            point = point.parent
        return tuple(reversed(ordinals))

    def begin(self, event: Event, twigs: list[Branch]) -> list[Branch]:
        """Have a step that was taken here as the first branch, and what else is wanted here as others.

        Returns what is wanted behind it.
        """
        first = Branch(event)
        first.begun = first.released = True
        self.branches.append(first)
        wanted: list[Branch] = []
        for number, twig in enumerate(twigs):
            if twig.event.nr != event.nr:
                if twig.event.nr in self.enabled and twig.event.nr not in self.sleep:
                    self.branches.append(twig)
            elif number == 0 and twig.event.answers == event.answers:
                wanted = twig.twigs
        # Time never has to pass, so that no race asks for it: it is tried wherever it may.
        if TIME_PASSES in self.enabled:
            self.try_all((TIME_PASSES,))
        return wanted

    def try_all(self, numbers: Sequence[int]) -> None:
        """Have these threads be tried here, who can go on; those who sleep need not."""
        known = {branch.event.nr for branch in self.branches} | self.sleep.keys()
        self.branches += [Branch(unknown(nr)) for nr in numbers if nr not in known]

    def insert(self, rest: list[Event], behind: int) -> Point | None:
        """Have what leads to the other order of a race be tried here; returns the point that has a new branch, if any.

        behind: the race was found behind this branch. What begins with one before it, or with who sleeps, is there.
        """
        if any(_less(nr, touched, rest) is not None for nr, touched in self.sleep.items()):
            return None
        if any(branch.less(rest) is not None for branch in self.branches[:behind]):
            return None
        point: Point = self
        while True:
            found = _first(point.branches, rest)
            if found is None:
                return point if point.add(rest) else None
            branch, less = found
            if branch.closed:
                return None
            answers = branch.answers(rest)
            after = branch.after.get(answers)
            if after is not None:
                point = after
                rest = less
                continue
            if branch.begun or answers != branch.event.answers:
                branch.late.append(rest)
            else:
                _add_to(branch, less)
            return None

    def add(self, rest: list[Event]) -> bool:
        """Add a branch; returns false if nobody who could begin it can run here."""
        begun = _begun_by(self.enabled, rest)
        if begun is None:
            return False
        self.branches.append(_chain(begun))
        return True


def _first(branches: list[Branch], rest: list[Event]) -> tuple[Branch, list[Event]] | None:
    """Return the first branch that rest could begin with, and rest without it."""
    for branch in branches:
        less = branch.less(rest)
        if less is not None:
            return branch, less
    return None


def _add_to(branch: Branch, rest: list[Event]) -> None:
    """Have rest come behind a branch that was not given out yet, unless an order that is wanted there says it all."""
    while branch.twigs:
        found = _first(branch.twigs, rest)
        if found is None:
            branch.twigs.append(_chain(rest))
            return
        branch, rest = found


def _chain(rest: list[Event]) -> Branch:
    first = last = Branch(rest[0])
    for event in rest[1:]:
        twig = Branch(event)
        last.twigs.append(twig)
        last = twig
    return first


def _less(nr: int, touched: Touched, rest: list[Event]) -> list[Event] | None:
    """Return rest without a thread's step, if that could as well come before all of it; None if it could not.

    touched: by this step, where it is the first. In another place it need not touch the same.
    """
    before = rest
    behind: list[Event] = []
    for position, event in enumerate(rest):
        if event.nr == nr:
            if event.barrier:
                return None
            before, behind = rest[:position], rest[position + 1 :]
            break
    if any(nr in event.wakes or shared_object(event.touched, touched) is not None for event in before):
        return None
    return before + behind


def _begun_by(enabled: Sequence[int], rest: list[Event]) -> list[Event] | None:
    """Return the steps in an order that begins with somebody who can run; None if there is none."""
    for position, event in enumerate(rest):
        before = rest[:position]
        if event.nr in enabled and not any(event.follows(other) for other in before):
            return [event, *before, *rest[position + 1 :]]
    return None


class Wanted(NamedTuple):
    """How a run shall go on behind its prefix.

    at: index of the step that the prefix ends with, or in.  sleep: who sleeps where it begins.  steps: threads that
    are to take the next ones, and the answers that each is to be given.
    """

    at: int
    sleep: Sleepers
    steps: tuple[tuple[int, tuple[int, ...]], ...]


class Follow(Prefix):
    """Answers as a run before did, then as is wanted, and from then on with the first one who does not sleep."""

    def __init__(self, before: Sequence[Node], wanted: Wanted) -> None:
        super().__init__(before, footprints=True)
        self.at = wanted.at
        self.known = max(wanted.at, 0)  # the step before which sleep is known
        self.sleep = wanted.sleep
        self.steps = wanted.steps
        self.asked = 0  # how many questions there were in the midst of this step

    def _sleepers(self, recorder: Recorder) -> Sleepers:
        while self.known < len(recorder.steps):
            self.sleep = sleepers(self.sleep, recorder.steps[self.known])
            self.known += 1
        return self.sleep

    def _wish(self, index: int) -> tuple[int, tuple[int, ...]] | None:
        place = index - self.at - 1
        return self.steps[place] if 0 <= place < len(self.steps) else None

    def beyond(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Answer what was not asked before; raises Redundant if all sleep."""
        index = len(recorder.steps)
        if kind not in OF_STEPS:
            wish = self._wish(index - 1)
            number, self.asked = self.asked, self.asked + 1
            if wish is None or number >= len(wish[1]) or wish[1][number] >= len(candidates):
                return 0
            return wish[1][number]
        sleep = self._sleepers(recorder)
        wish = self._wish(index)
        if wish is not None and wish[0] in candidates and wish[0] not in sleep:
            return candidates.index(wish[0])
        for answer, nr in enumerate(candidates):
            if nr not in sleep:
                return answer
        raise Redundant

    def begins(self, recorder: Recorder, nr: int) -> None:
        """Hear of a step; raises Redundant if it is one that sleeps, and there is no other."""
        index = len(recorder.steps)
        self.asked = 0
        if index <= self.at:
            return
        if nr in self._sleepers(recorder):
            raise Redundant
        wish = self._wish(index)
        if wish is not None and wish[0] != nr:
            self.steps = ()  # that cannot be had


class Grown(NamedTuple):
    """What a run adds to the tree of all runs.

    events: its steps, from the one on that its prefix ends with.  nodes: the questions behind the prefix.  races: of
    each pair of steps that could have come the other way round, the index of the first, and what leads to the second
    without it, as indices of steps.  cut: the last step ends an init, and so all that others were about to do.
    """

    events: tuple[Event, ...]
    nodes: tuple[Node, ...]
    races: tuple[tuple[int, tuple[int, ...]], ...]
    cut: bool


def grown(run: Run, prefix: Sequence[Node], at: int) -> Grown:
    """Return what a run has added; prefix, at: the questions it began with, and the step that these end with."""
    steps = run.recorder.steps
    nodes = run.recorder.nodes
    answers: dict[int, list[int]] = {}
    enabled: dict[int, Sequence[int]] = {}
    for node in nodes:
        if node.kind in OF_STEPS:
            enabled[node.step] = node.candidates
        else:
            answers.setdefault(node.step, []).append(node.answer)
    begin = max(at, 0)
    events = [
        Event(step.nr, tuple(answers.get(index, ())), step.touched, tuple(step.wakes), step.barrier)
        for index, step in enumerate(steps[begin:], begin)
    ]
    # The init that waits for the program is last whatever is tried, once that has ended.
    found = [(i, tuple(rest)) for i, j, rest in races(steps, begin) if steps[j].nr != 1 or 1 in enabled.get(i, ())]
    cut = run.outcome is not None and run.outcome.how != "endless"
    return Grown(tuple(events), tuple(nodes[len(prefix) :]), tuple(found), cut)
