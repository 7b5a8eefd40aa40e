"""Every class of schedules that differ in what can be seen, once each: source sets and sleep sets.

Two schedules are of one class if they differ only in the order of steps that could change places. Of each class one is
run, and where it shows that two steps conflict, and nothing between them says that they had to come in this order, the
other order is run as well. Abdulla, Aronis, Jonsson, Sagonas: Optimal Dynamic Partial Order Reduction (POPL 2014),
algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from procession.explorer.prefix import check_question
from procession.explorer.recorder import Recorder, Redundant, Strategy
from procession.explorer.steps import ADDS, EVERYTHING, READS, Node, Object, Step, shared_object
from procession.explorer.subject import Run, Subject
from procession.hw.chooser import OF_STEPS

__all__ = ("HappensBefore", "dpor", "races")

Touched = dict[Object, int]


class Point:
    """Where a step begins.

    enabled: the threads that could take it, the default first.  nr: the one that did.  backtrack: those that have to be
    tried here.  sleep: those whose next step was tried in the same place before, with what it touched: to try it again
    would be to run the same class again.  data: the questions in the midst of the step.  touched: by the step, whatever
    was answered to them.
    """

    __slots__ = ("backtrack", "data", "enabled", "nr", "sleep", "touched")

    def __init__(self, enabled: tuple[int, ...], nr: int, sleep: dict[int, Touched]) -> None:
        self.enabled = enabled
        self.nr = nr
        self.backtrack = {nr}
        self.sleep = sleep
        self.data: list[Node] = []
        self.touched: Touched = {}


class _Dpor(Strategy):
    """Follows a path, and then goes on with whoever does not sleep."""

    def __init__(self, path: Sequence[Point]) -> None:
        self.path = list(path)
        self.length = len(path)
        self.data = 0  # how many questions in the midst of this step there were

    def _sleep(self, recorder: Recorder, index: int) -> dict[int, Touched]:
        """Return who sleeps where step index begins; the step before is complete."""
        if not index:
            return {}
        before = self.path[index - 1]
        step = recorder.steps[index - 1]
        return {
            nr: touched
            for nr, touched in before.sleep.items()
            if nr != step.nr and not step.barrier and shared_object(step.touched, touched) is None
        }

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        if kind not in OF_STEPS:
            return self._pick_data(recorder, kind, candidates)
        index = len(recorder.steps)
        if index < self.length:
            point = self.path[index]
            check_question(Node(kind, point.enabled, 0, index), len(recorder.nodes), kind, candidates)
            return candidates.index(point.nr)
        sleep = self._sleep(recorder, index)
        for answer, nr in enumerate(candidates):
            if nr not in sleep:
                self.path.append(Point(tuple(candidates), nr, sleep))
                return answer
        raise Redundant

    def begins(self, recorder: Recorder, nr: int) -> None:
        index = len(recorder.steps)
        self.data = 0
        if index < len(self.path):
            return
        sleep = self._sleep(recorder, index)
        if nr in sleep:
            raise Redundant
        self.path.append(Point((nr,), nr, sleep))

    def _pick_data(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        point = self.path[len(recorder.steps) - 1]
        number, self.data = self.data, self.data + 1
        if number < len(point.data):
            check_question(point.data[number], len(recorder.nodes), kind, candidates)
            return point.data[number].answer
        point.data.append(Node(kind, tuple(candidates), 0, len(recorder.steps)))
        return 0


def dpor(subject: Subject, without: frozenset[str] = frozenset()) -> Iterator[Run]:
    """Run one schedule of each class, and now and then one that comes to nothing (outcome None)."""
    path: list[Point] = []
    fresh = 0  # the first step that was not there before
    while True:
        strategy = _Dpor(path)
        run = subject.run(strategy, without=without)
        path = strategy.path
        steps = run.recorder.steps
        del path[len(steps) :]
        for point, step in zip(path[fresh:], steps[fresh:], strict=False):
            for thing, how in step.touched.items():
                point.touched[thing] = point.touched.get(thing, 0) | how
        for i, j, initials in races(steps, fresh):
            # The init that waits for the program is last whatever is tried.
            if steps[j].nr != 1 or subject.as_init:
                _add(path[i], initials, steps[j].nr)
        if run.outcome is not None and run.outcome.how != "endless" and path:
            # The end of an init is everybody's: what others were about to do could have come before.
            path[-1].backtrack.update(path[-1].enabled)
        yield run
        if not _advance(path):
            return
        fresh = len(path) - 1


def _add(point: Point, initials: list[int], wanted: int) -> None:
    """Have the other order of a race be tried, if nothing that is to be tried anyway shows it."""
    possible = [nr for nr in initials if nr in point.enabled]
    if not possible or any(nr in point.backtrack or nr in point.sleep for nr in initials):
        return
    point.backtrack.add(wanted if wanted in possible else possible[0])


def _advance(path: list[Point]) -> bool:
    """Turn a path into the next one; returns false if there is none."""
    while path:
        point = path[-1]
        while point.data:
            last = point.data[-1]
            if last.answer < len(last.candidates) - 1:
                point.data[-1] = Node(last.kind, last.candidates, last.answer + 1, last.step)
                return True
            point.data.pop()
        point.sleep[point.nr] = point.touched
        point.touched = {}
        for nr in point.enabled:
            if nr in point.backtrack and nr not in point.sleep:
                point.nr = nr
                return True
        path.pop()
    return False


# What happened before what.

Clock = dict[int, int]


def _join(clock: Clock, other: Clock) -> None:
    for nr, index in other.items():
        if clock.get(nr, -1) < index:
            clock[nr] = index


class _Accesses:
    """Who has accessed an object since it was last written, and who wrote it."""

    __slots__ = ("adds", "reads", "write")

    def __init__(self) -> None:
        self.write = -1
        self.reads: list[int] = []
        self.adds: list[int] = []

    def before(self, how: int) -> list[int]:
        """Return the steps that one with this access has to stay behind."""
        found = []
        if how != READS:
            found += self.reads
        if how != ADDS:
            found += self.adds
        if (self.write >= 0 and not found) or self.write >= 0:
            found.append(self.write)
        return found

    def note(self, index: int, how: int) -> None:
        if how == READS:
            self.reads.append(index)
        elif how == ADDS:
            self.adds.append(index)
        else:
            self.write = index
            self.reads.clear()
            self.adds.clear()


class HappensBefore:
    """Of each step, by thread, the last step that came before it for a reason (clocks), and its races."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.clocks: list[Clock] = []
        self.found: list[list[int]] = []  # of each step, those it races with
        self.wakers: list[list[int]] = []  # of each step, those that let it be
        self.objects: dict[Object, _Accesses] = {}
        self.everything = -1  # the last step that could have touched anything
        last: dict[int, int] = {}
        waker: dict[int, list[int]] = {}
        for index, step in enumerate(steps):
            clock: Clock = {}
            if step.nr in last:
                _join(clock, self.clocks[last[step.nr]])
            wakers = waker.pop(step.nr, [])
            self.wakers.append(wakers)
            if step.barrier:
                for other in last.values():
                    _join(clock, self.clocks[other])
            rivals = set(wakers)
            rivals.update(self._rivals(index, step))
            self.found.append(self._race(step, clock, rivals))
            clock[step.nr] = last[step.nr] = index
            for nr in step.wakes:
                waker.setdefault(nr, []).append(index)
            self.clocks.append(clock)

    def _rivals(self, index: int, step: Step) -> list[int]:
        """Return the steps that this one conflicts with, and note what it touches itself."""
        rivals = []
        if self.everything >= 0 and step.touched:
            rivals.append(self.everything)
        if EVERYTHING in step.touched:
            rivals += [i for i in range(self.everything + 1, index) if self.steps[i].touched]
            self.everything = index
        for thing, how in step.touched.items():
            accesses = self.objects.get(thing)
            if accesses is None:
                accesses = self.objects[thing] = _Accesses()
            else:
                rivals += accesses.before(how)
            accesses.note(index, how)
        return rivals

    def _race(self, step: Step, clock: Clock, rivals: set[int]) -> list[int]:
        """Return those of the rivals that need not have come first, as nothing between says so; clock learns of all."""
        races = []
        for other in sorted(rivals, reverse=True):
            nr = self.steps[other].nr
            if other <= clock.get(nr, -1):
                continue
            if nr != step.nr:
                races.append(other)
            _join(clock, self.clocks[other])
        return races

    def before(self, i: int, j: int) -> bool:
        """Whether step i had to come before step j."""
        return self.clocks[j].get(self.steps[i].nr, -1) >= i


def races(steps: list[Step], fresh: int) -> Iterator[tuple[int, int, list[int]]]:
    """Return the races that end at step fresh or later: (i, j, the threads one of which has to be tried before i)."""
    order = HappensBefore(steps)
    for j in range(fresh, len(steps)):
        for i in order.found[j]:
            initials = _initials(steps, order, i, j)
            # Who was woken by i can be there without it only if something else wakes him.
            if i not in order.wakers[j] or steps[j].nr not in initials:
                yield i, j, initials


def _initials(steps: list[Step], order: HappensBefore, i: int, j: int) -> list[int]:
    """Return who could begin what leads to j without i: the steps between that need not come behind i, and j."""
    rest = [k for k in range(i + 1, j) if not order.before(i, k)]
    rest.append(j)
    initials: list[int] = []
    seen: set[int] = set()
    for position, k in enumerate(rest):
        nr = steps[k].nr
        if nr in seen:
            continue
        seen.add(nr)
        if not any(order.before(other, k) for other in rest[:position]):
            initials.append(nr)
    return initials
