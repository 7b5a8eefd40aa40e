"""Schedules that deviate from the default in at most so many answers, those with the fewest first.

The first failure is then the one with the shortest explanation. Where a thread's next step touches nothing that
anybody else does, it does not matter whether others go before it or behind it, so that no deviation is tried there: the
thread's next question offers the same. Nor is one where it was tried in a run of the same class so far; nor, of the
last level, where it would come to the same a step later.

Whoever runs the schedules, several at a time or one by one, gives back what was seen in the order in which they were
given out: so the search is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from procession.explorer.sight import Job, Looker, Sight
from procession.explorer.steps import EVERYTHING, Node, Object, conflict
from procession.explorer.subject import Run, Subject
from procession.hw.chooser import OF_STEPS

__all__ = ("Bounded", "Place", "Shared")


class Shared:
    """The objects that, in any run so far, two threads have touched in a way that keeps an order."""

    def __init__(self) -> None:
        self.objects: set[Object] = set()
        self.touched: dict[Object, dict[int, int]] = {}

    def learn(self, touches: Mapping[int, Mapping[Object, int]]) -> None:
        """Add what a run has shown: by thread, what it has touched and how."""
        for nr, things in touches.items():
            if EVERYTHING in things:
                self.objects.add(EVERYTHING)
            for thing, how in things.items():
                if thing in self.objects:
                    continue
                by = self.touched.setdefault(thing, {})
                by[nr] = by.get(nr, 0) | how
                if len(by) > 1 and any(other != nr and conflict(how, its) for other, its in by.items()):
                    self.objects.add(thing)
                    del self.touched[thing]

    def meets(self, objects: Sequence[Object]) -> bool:
        """Whether any of these is one of them."""
        if EVERYTHING in objects or (objects and EVERYTHING in self.objects):
            return True
        return not self.objects.isdisjoint(objects)


class Place:
    """A run at one of its questions: where a deviation could be added.

    earlier: others of the same run where the same thread could go before the same one, to be looked at once it is known
    how this one ends, the last of them first.
    """

    __slots__ = ("answer", "earlier", "nodes", "number")

    def __init__(self, nodes: Sequence[Node], number: int, answer: int) -> None:
        self.nodes = nodes
        self.number = number
        self.answer = answer
        self.earlier: list[Place] = []

    @property
    def node(self) -> Node:
        """The question."""
        return self.nodes[self.number]

    def prefix(self) -> tuple[Node, ...]:
        """Return the questions up to there, with the other answer to the last."""
        node = self.node
        return (*self.nodes[: self.number], Node(node.kind, node.candidates, self.answer, node.step))


class Bounded:
    """The search. deviations: how many at most.

    begun: whether the default schedule was seen.  level: how many deviations there are in the schedules that are run
    now.  left: how many of those are known and still to be run.  waiting, skipped: by level, the places where a
    deviation is to be added, and those where it would change nothing as far as is known.  put_off: places of the last
    level that come when those that wait are done.  known: what was added to which beginnings, by their classes, and at
    which level: in the same class they are the same, with all that can be added behind, which is less at a higher one.
    """

    def __init__(self, subject: Subject, deviations: int, without: frozenset[str] = frozenset()) -> None:
        self.subject = subject
        self.deviations = deviations
        self.without = without
        self.shared = Shared()
        self.begun = False
        self.level = 0
        self.left = 1
        self.waiting: list[list[Place]] = [[] for _ in range(deviations + 2)]
        self.put_off: list[Place] = []
        self.known: dict[tuple[int, str, tuple[int, ...], int], int] = {}
        self.skipped: dict[int, list[tuple[Place, tuple[Object, ...]]]] = {}

    def runs(self) -> Iterator[Run]:
        """Run them all, here, one by one."""
        looker = Looker(self.subject, without=self.without)
        while count := self.count():
            jobs = self.jobs()
            for _ in range(count):
                job = next(jobs)
                run = looker.run(job)
                self.took(job, looker.sight(run, job))
                yield run
                del run

    def count(self) -> int:
        """Go to the next level that has schedules to be run, and return how many; 0 if all is done."""
        if not self.begun:
            return 1
        while True:
            for level, places in enumerate(self.waiting):
                if places:
                    self.level = level
                    return len(places)
            if self.put_off:
                self.waiting[self.deviations] = self.put_off[::-1]
                self.put_off = []
            elif not self._reconsider():
                return 0

    def jobs(self) -> Iterator[Job]:
        """Return the schedules of this level in the order in which they are to be looked at."""
        if not self.begun:
            yield Job((), self.deviations > 0)
            return
        places = self.waiting[self.level]
        deeper = self.level < self.deviations
        for index in range(len(places) - 1, -1, -1):
            yield Job(places[index].prefix(), deeper)

    def took(self, job: Job, sight: Sight) -> None:
        """Hear what was seen of the next one."""
        self.left = 1
        if self.begun:
            self.left = len(self.waiting[self.level])
            self._put_off(self.waiting[self.level].pop().earlier, sight.alike)
        self.begun = True
        self.shared.learn(sight.touches)
        nodes = (*job.prefix, *sight.nodes)
        more: list[Place] = []
        for number, objects in enumerate(sight.objects, len(job.prefix)):
            places = self._new(nodes, number, sight.came[number - len(job.prefix)])
            if objects is not None and not self.shared.meets(objects):
                self.skipped.setdefault(self.level + 1, []).extend((place, objects) for place in places)
            else:
                more += places
        if self.level + 1 == self.deviations:
            more = _in_chains(more)
        self.waiting[self.level + 1].extend(reversed(more))

    def _new(self, nodes: Sequence[Node], number: int, came: int) -> list[Place]:
        """Return the places at a question of a run that has come to a class, unless there were such before.

        Of what is asked in the midst of a step there may be many alike, which are not the same.
        """
        node = nodes[number]
        level = self.level + 1
        places: list[Place] = []
        for answer in range(1, len(node.candidates)):
            key = came, node.kind, node.candidates, answer
            if node.kind in OF_STEPS and self.known.get(key, level + 1) <= level:
                continue
            self.known[key] = level
            places.append(Place(nodes, number, answer))
        return places

    def _put_off(self, places: list[Place], alike: int) -> None:
        """Keep the places before one that was looked at for later, but for those that come to the same."""
        while places and places[-1].node.step >= alike:
            places.pop()
        if places:
            place = places.pop()
            place.earlier = places
            self.put_off.append(place)

    def _reconsider(self) -> bool:
        """Take up what was skipped for objects that have turned out to be shared; returns whether there is any."""
        found = False
        for level, skipped in self.skipped.items():
            self.skipped[level] = [(place, objects) for place, objects in skipped if not self.shared.meets(objects)]
            again = [place for place, objects in skipped if self.shared.meets(objects)]
            self.waiting[level].extend(reversed(again))
            found = found or bool(again)
        return found


def _in_chains(places: Sequence[Place]) -> list[Place]:
    """Return those of the places of a run, given in their order, that are the last of their kind, with the others.

    Of a kind are those where the same thread goes before the same one.
    """
    chains: dict[tuple[int, int], Place] = {}
    single: list[Place] = []
    for place in places:
        node = place.node
        if node.kind not in OF_STEPS:
            single.append(place)
            continue
        kind = node.candidates[0], node.candidates[place.answer]
        before = chains.get(kind)
        if before is not None:
            place.earlier = [*before.earlier, before]
            before.earlier = []
        chains[kind] = place
    return sorted([*single, *chains.values()], key=lambda place: (place.number, place.answer))
