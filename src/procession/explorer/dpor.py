"""Every class of schedules that differ in what can be seen, once each: wakeup trees and sleep sets.

Two schedules are of one class if they differ only in the order of steps that could change places. Of each class one is
run, and where it shows that two steps conflict, and nothing between them says that they had to come in this order, the
other order is run as well. Abdulla, Aronis, Jonsson, Sagonas: Source Sets: A Foundation for Optimal Dynamic Partial
Order Reduction (JACM 2017), algorithm 2.

Theirs goes through the tree of all runs depth first. Here so many branches at a time are given out, the first of them
in that order, so that several can run them; how many depends on nobody, and so the search is the same whoever runs
them. What a branch leads to is complete in itself, whatever is known of the others; so a race whose other order begins
with a branch that was given out needs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Final

from procession.explorer.bounded import Place
from procession.explorer.sight import Job
from procession.explorer.steps import Node
from procession.explorer.subject import Run, Subject
from procession.explorer.wakeup import Branch, Event, Grown, Point, Sleepers, Wanted, grown, joined, sleepers
from procession.hw.chooser import OF_STEPS

__all__ = ("WAVE", "Exhaustive", "Point", "Turn", "dpor")

WAVE: Final = 64  # schedules that are given out before the first of them is looked at


class Turn:
    """A schedule that is to be run: a branch of a point, which is None for the first of all.

    place: the question that leads to the branch, or one in the midst of its step that is answered in another way.
    """

    __slots__ = ("ordinal", "place", "point")

    def __init__(self, point: Point | None, ordinal: int, place: Place | None) -> None:
        self.point = point
        self.ordinal = ordinal
        self.place = place

    def inside(self) -> bool:
        """Whether it differs from another one by an answer in the midst of a step."""
        return self.place is not None and self.place.nodes[self.place.number].kind not in OF_STEPS

    def sleep(self) -> Sleepers:
        """Return who sleeps where the branch is: whoever was tried before, too."""
        point = self.point
        if point is None:
            return {}
        sleep = dict(point.sleep)
        for branch in point.branches[: self.ordinal]:
            sleep[branch.event.nr] = branch.touched
        return sleep

    def job(self) -> Job:
        """Return what a worker has to know."""
        point, place = self.point, self.place
        if point is None or place is None:
            return Job(wanted=Wanted(-1, {}, ()))
        steps = () if self.inside() else tuple((one.nr, one.answers) for one in point.branches[self.ordinal].first())
        return Job(place.prefix(), wanted=Wanted(point.index, self.sleep(), steps))


class Exhaustive:
    """The search.

    heap: schedules to be run, by where they are in the tree.  wave: those that are given out.  serial: how many were
    put on the heap.
    """

    def __init__(self) -> None:
        self.heap: list[tuple[tuple[int, ...], int, Turn]] = []
        self.wave: list[Turn] = [Turn(None, 0, None)]
        self.serial = 0

    @property
    def left(self) -> int:
        """How many schedules are known and still to be run."""
        return len(self.heap) + len(self.wave)

    def count(self) -> int:
        """Return how many schedules are to be run now; 0 if all is done."""
        if not self.wave:
            while self.heap and len(self.wave) < WAVE:
                turn = heappop(self.heap)[2]
                self.wave.append(turn)
                if turn.point is not None:
                    turn.point.branches[turn.ordinal].begun = True
        return len(self.wave)

    def first(self) -> Point | None:
        """Return the first of all points; None if nothing was run yet, or nothing is left to be run."""
        turns = [*self.wave, *(turn for _, _, turn in self.heap[:1])]
        line = _line(turns[0].point) if turns else []
        return line[0] if line else None

    def jobs(self) -> Iterator[Job]:
        """Return these schedules."""
        for turn in list(self.wave):
            yield turn.job()

    def took(self, found: Grown) -> None:
        """Hear what was seen of the next one."""
        turn = self.wave.pop(0)
        line = _line(turn.point)
        begin = len(line)
        events = [point.event for point in line[1:] if point.event is not None]
        events += found.events
        changed = self._grow(turn, found, line)
        for i, rest in found.races:
            behind = turn.ordinal if i == begin - 1 else line[i + 1].ordinal if i + 1 < len(line) else 0
            point = line[i].insert([events[k] for k in rest], behind)
            if point is not None:
                changed.append(point)
        if found.cut:
            line[-1].try_all(line[-1].enabled)
            changed.append(line[-1])
        for point in (*changed, *line[begin:]):
            self._release(point)
        if not self.wave:
            self._close()

    def _grow(self, turn: Turn, found: Grown, line: list[Point]) -> list[Point]:
        """Add the points of a run to its line; returns the one that it began at, if that was there before."""
        nodes = found.nodes if turn.place is None else (*turn.place.prefix(), *found.nodes)
        asked = len(nodes) - len(found.nodes)
        sleep = turn.sleep()
        events = list(found.events)
        twigs: list[Branch] = []
        point: Point | None = turn.point
        ordinal: int = turn.ordinal
        event: Event | None = None
        if point is not None:
            event = events.pop(0)
            branch = point.branches[ordinal]
            if not turn.inside():
                twigs, branch.twigs = branch.twigs, []
                branch.event, branch.touched = event, {}
            branch.touched = joined(branch.touched, event.touched)
            branch.left -= 1
            asked = self._inside(point, ordinal, nodes, asked)
            sleep = sleepers(sleep, event)
        changed = [] if point is None else [point]
        for now in events:
            question = nodes[asked] if asked < len(nodes) and nodes[asked].kind in OF_STEPS else None
            if question is not None and question.step != len(line):
                question = None
            enabled = (now.nr,) if question is None else question.candidates
            before: Point | None = point
            point = Point(point, ordinal, event, nodes, asked, enabled, sleep)
            if before is not None and event is not None:
                before.branches[ordinal].after[event.answers] = point
            line.append(point)
            ordinal = 0
            event = now
            twigs = point.begin(now, twigs)
            asked = self._inside(point, 0, nodes, asked + (question is not None))
            sleep = sleepers(sleep, now)
        if turn.point is not None:
            changed += self._late(turn.point.branches[turn.ordinal])
        return changed

    def _late(self, branch: Branch) -> list[Point]:
        """Have be tried what came for a branch while it was out; returns the points that have new branches."""
        late, branch.late = branch.late, []
        changed = []
        for rest in late:
            less = branch.less(rest)
            after = branch.after.get(branch.answers(rest))
            if after is None:
                branch.late.append(rest)
            elif less is not None and (point := after.insert(less, 0)) is not None:
                changed.append(point)
        return changed

    def _close(self) -> None:
        """Forget what begins with a branch behind which nothing is left to be done, nor before it."""
        if not self.heap:
            return
        turn = self.heap[0][2]
        ordinal, point = turn.ordinal, turn.point
        while point is not None:
            for branch in point.branches[:ordinal]:
                if not branch.closed:
                    branch.closed = True
                    branch.after = {}
            ordinal, point = point.ordinal, point.parent

    def _inside(self, point: Point, ordinal: int, nodes: tuple[Node, ...], asked: int) -> int:
        """Have the other answers to the questions in the midst of a step be tried; returns where the next one's are."""
        branch = point.branches[ordinal]
        while asked < len(nodes) and nodes[asked].kind not in OF_STEPS:
            node = nodes[asked]
            for answer in range(len(node.candidates)):
                if answer != node.answer:
                    branch.left += 1
                    self.push(Turn(point, ordinal, Place(nodes, asked, answer)))
            asked += 1
        return asked

    def _release(self, point: Point) -> None:
        """Have the next branch of a point be run, if all is known of those before it."""
        for ordinal, branch in enumerate(point.branches):
            if not branch.released:
                branch.released = True
                branch.left = 1
                answer = point.enabled.index(branch.event.nr)
                self.push(Turn(point, ordinal, Place(point.nodes, point.asked, answer)))
                return
            if branch.left:
                return

    def push(self, turn: Turn) -> None:
        """Have a schedule be run."""
        assert turn.point is not None
        heappush(self.heap, ((*turn.point.path(), turn.ordinal), self.serial, turn))
        self.serial += 1


def _line(point: Point | None) -> list[Point]:
    """Return the points up to this one."""
    line = []
    while point is not None:
        line.append(point)
        point = point.parent
    line.reverse()
    return line


def dpor(subject: Subject, without: frozenset[str] = frozenset()) -> Iterator[Run]:
    """Run one schedule of each class, and now and then one that comes to nothing (outcome None)."""
    search = Exhaustive()
    while search.count():
        for job in search.jobs():
            assert job.wanted is not None
            run = subject.run(job.strategy(), without=without)
            search.took(grown(run, job.prefix, job.wanted.at))
            yield run
            del run
