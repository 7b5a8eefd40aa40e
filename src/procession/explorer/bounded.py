"""Schedules that deviate from the default in at most so many answers, those with the fewest first.

The first failure is then the one with the shortest explanation. Where a thread's next step touches nothing that
anybody else does, it does not matter whether others go before it or behind it, so that no deviation is tried there: the
thread's next question offers the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from procession.explorer.prefix import Prefix
from procession.explorer.steps import EVERYTHING, Node, Object, Step, conflict
from procession.explorer.subject import Run, Subject
from procession.hw.chooser import OF_STEPS

__all__ = ("Bounded", "Shared")


class Shared:
    """The objects that, in any run so far, two threads have touched in a way that keeps an order."""

    def __init__(self) -> None:
        self.objects: set[Object] = set()
        self._touched: dict[Object, dict[int, int]] = {}

    def learn(self, steps: Sequence[Step]) -> None:
        """Add what a run has shown."""
        for step in steps:
            for thing, how in step.touched.items():
                if thing in self.objects:
                    continue
                by = self._touched.setdefault(thing, {})
                by[step.nr] = by.get(step.nr, 0) | how
                if len(by) > 1 and any(nr != step.nr and conflict(how, other) for nr, other in by.items()):
                    self.objects.add(thing)

    def meets(self, step: Step) -> bool:
        """Whether a step touches any of them."""
        return EVERYTHING in step.touched or not self.objects.isdisjoint(step.touched)


class _Place:
    """A run at one of its questions: where a deviation could be added."""

    __slots__ = ("answer", "nodes", "number")

    def __init__(self, nodes: Sequence[Node], number: int, answer: int) -> None:
        self.nodes = nodes
        self.number = number
        self.answer = answer

    def prefix(self) -> list[Node]:
        """Return the questions up to there, with the other answer to the last."""
        node = self.nodes[self.number]
        return [*self.nodes[: self.number], Node(node.kind, node.candidates, self.answer, node.step)]


class Bounded:
    """The search. deviations: how many at most.

    level: how many there are in the schedules that are run now.  left: how many of those are known and still to be run.
    """

    def __init__(self, subject: Subject, deviations: int, without: frozenset[str] = frozenset()) -> None:
        self.subject = subject
        self.deviations = deviations
        self.without = without
        self.shared = Shared()
        self.level = 0
        self.left = 1
        self.skipped: dict[int, list[tuple[_Place, Step]]] = {}

    def runs(self) -> Iterator[Run]:
        """Run them all."""
        waiting: list[list[_Place]] = [[] for _ in range(self.deviations + 2)]
        yield self._run([], 0, waiting)
        while True:
            level = next((n for n, places in enumerate(waiting) if places), None)
            if level is None:
                if not self._reconsider(waiting):
                    return
                continue
            self.level, self.left = level, len(waiting[level])
            place = waiting[level].pop()
            yield self._run(place.prefix(), level, waiting)

    def _run(self, prefix: list[Node], level: int, waiting: list[list[_Place]]) -> Run:
        run = self.subject.run(Prefix(prefix, footprints=True), without=self.without)
        recorder = run.recorder
        self.shared.learn(recorder.steps)
        if level >= self.deviations:
            return run
        more = []
        for number in range(len(prefix), len(recorder.nodes)):
            node = recorder.nodes[number]
            places = [_Place(recorder.nodes, number, answer) for answer in range(1, len(node.candidates))]
            if node.kind in OF_STEPS and node.step < len(recorder.steps):
                step = recorder.steps[node.step]
                if not self.shared.meets(step):
                    self.skipped.setdefault(level + 1, []).extend((place, step) for place in places)
                    continue
            more += places
        waiting[level + 1].extend(reversed(more))
        return run

    def _reconsider(self, waiting: list[list[_Place]]) -> bool:
        """Take up what was skipped for objects that have turned out to be shared; returns whether there is any."""
        found = False
        for level, skipped in self.skipped.items():
            self.skipped[level] = [(place, step) for place, step in skipped if not self.shared.meets(step)]
            again = [place for place, step in skipped if self.shared.meets(step)]
            waiting[level].extend(reversed(again))
            found = found or bool(again)
        return found
