"""What in a run had to come before what, and which two steps of it could have come the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from procession.explorer.steps import ADDS, EVERYTHING, READS, Object, Step

__all__ = ("HappensBefore", "races")

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
    """Return the races that end at step fresh or later: (i, j, what leads to j without i: steps between, and j)."""
    order = HappensBefore(steps)
    for j in range(fresh, len(steps)):
        for i in order.found[j]:
            rest = [k for k in range(i + 1, j) if not order.before(i, k)]
            rest.append(j)
            # Who was woken by i can be there without it only if something else wakes him.
            if i not in order.wakers[j] or not _begins(steps, order, rest, steps[j].nr):
                yield i, j, rest


def _begins(steps: list[Step], order: HappensBefore, rest: list[int], nr: int) -> bool:
    """Whether a thread's first of these steps could be the first of all."""
    first = next(position for position, k in enumerate(rest) if steps[k].nr == nr)
    return not any(order.before(other, rest[first]) for other in rest[:first])
