"""What a search for all orders still has to do, as what json.dumps takes, and back.

Points, events, questions and objects stand in tables, each once, and are spoken of by their indices.
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Callable, Sequence
from typing import Any

from procession.explorer.bounded import Place
from procession.explorer.dpor import Exhaustive, Turn
from procession.explorer.steps import Node, Object
from procession.explorer.wakeup import Branch, Event, Point, Sleepers, Touched

__all__ = ("Table", "plain_nodes", "plain_place", "read_place", "restored", "written")


class Table:
    """Things that are told apart by a key, each once, and their indices."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._indices: dict[Any, int] = {}
        self._kept: list[Any] = []  # so that no other thing gets the id() of one that is gone

    def index(self, key: Any, thing: Any) -> int:
        """Return the index of a thing, which is added if it is new."""
        index = self._indices.get(key)
        if index is None:
            index = self._indices[key] = len(self.things)
            self.things.append(thing)
        return index

    def of(self, thing: Any, plain: Callable[[Any], Any]) -> int:
        """Return the index of a thing that is known by itself; plain: what to keep of it."""
        index = self._indices.get(id(thing))
        if index is None:
            made = plain(thing)  # which may add others
            index = self._indices[id(thing)] = len(self.things)
            self.things.append(made)
            self._kept.append(thing)
        return index


def plain_nodes(plain: list[Any]) -> tuple[Node, ...]:
    """Return questions as they come back."""
    return tuple(Node(kind, tuple(candidates), answer, step) for kind, candidates, answer, step in plain)


def plain_place(runs: Table, place: Place) -> list[Any]:
    """Return a place; those of one run share the list of its questions."""
    earlier = [[one.number, one.answer] for one in place.earlier]
    return [runs.index(id(place.nodes), place.nodes), place.number, place.answer, earlier]


def read_place(runs: Sequence[Sequence[Node]], plain: list[Any]) -> Place:
    """Return a place as it comes back."""
    run, number, answer, earlier = plain
    place = Place(runs[run], number, answer)
    place.earlier = [Place(runs[run], *one) for one in earlier]
    return place


class _Writer:
    def __init__(self) -> None:
        self.objects = Table()
        self.touched = Table()
        self.events = Table()
        self.runs = Table()
        self.points = Table()

    def touches(self, touched: Touched) -> int:
        return self.touched.of(
            touched, lambda one: [[self.objects.index(thing, thing), how] for thing, how in one.items()]
        )

    def event(self, event: Event) -> int:
        return self.events.of(
            event, lambda one: [one.nr, one.answers, self.touches(one.touched), one.wakes, one.barrier]
        )

    def branch(self, branch: Branch) -> list[Any]:
        late = [[self.event(event) for event in rest] for rest in branch.late]
        flags = [branch.released, branch.begun, branch.closed, branch.left]
        twigs = [self.branch(twig) for twig in branch.twigs]
        return [self.event(branch.event), self.touches(branch.touched), flags, late, twigs]

    def point(self, point: Point) -> None:
        """Add a point; the one before it is there already."""
        self.points.of(
            point,
            lambda one: [
                -1 if one.parent is None else self.points.of(one.parent, _never),
                one.ordinal,
                -1 if one.event is None else self.event(one.event),
                self.runs.index(id(one.nodes), one.nodes),
                one.asked,
                one.enabled,
                [[nr, self.touches(touched)] for nr, touched in one.sleep.items()],
                [self.branch(branch) for branch in one.branches],
            ],
        )

    def turn(self, turn: Turn) -> list[Any]:
        if turn.point is None or turn.place is None:
            return [-1, 0, None]
        return [self.points.of(turn.point, _never), turn.ordinal, plain_place(self.runs, turn.place)]


def _never(point: Point) -> None:
    raise AssertionError("a point that was not reached from the first one")


def written(search: Exhaustive) -> dict[str, Any]:
    """Return what is left of a search."""
    writer = _Writer()
    first = search.first()
    points = [] if first is None else [first]
    while points:
        point = points.pop()
        writer.point(point)
        for branch in point.branches:
            points.extend(branch.after.values())
    return {
        "wave": [writer.turn(turn) for turn in search.wave],
        "heap": [writer.turn(turn) for _, _, turn in sorted(search.heap, key=lambda entry: entry[:2])],
        "points": writer.points.things,
        "runs": writer.runs.things,
        "events": writer.events.things,
        "touched": writer.touched.things,
        "objects": [repr(thing) for thing in writer.objects.things],
    }


class _Reader:
    def __init__(self, state: dict[str, Any]) -> None:
        objects: list[Object] = [literal_eval(text) for text in state["objects"]]
        self.touched: list[Touched] = [{objects[n]: how for n, how in one} for one in state["touched"]]
        self.events = [
            Event(nr, tuple(answers), self.touched[n], tuple(wakes), barrier)
            for nr, answers, n, wakes, barrier in state["events"]
        ]
        self.runs = [plain_nodes(run) for run in state["runs"]]
        self.points: list[Point] = []
        for plain in state["points"]:
            self.point(plain)

    def point(self, plain: list[Any]) -> None:
        before, ordinal, event, run, asked, enabled, sleep, branches = plain
        parent = None if before < 0 else self.points[before]
        asleep: Sleepers = {nr: self.touched[n] for nr, n in sleep}
        came = None if event < 0 else self.events[event]
        point = Point(parent, ordinal, came, self.runs[run], asked, tuple(enabled), asleep)
        point.branches = [self.branch(one) for one in branches]
        if parent is not None and came is not None:
            parent.branches[ordinal].after[came.answers] = point
        self.points.append(point)

    def branch(self, plain: list[Any]) -> Branch:
        event, touched, flags, late, twigs = plain
        branch = Branch(self.events[event])
        branch.touched = self.touched[touched]
        branch.released, branch.begun, branch.closed, branch.left = flags
        branch.late = [[self.events[n] for n in rest] for rest in late]
        branch.twigs = [self.branch(twig) for twig in twigs]
        return branch

    def turn(self, plain: list[Any]) -> Turn:
        point, ordinal, place = plain
        if point < 0:
            return Turn(None, 0, None)
        return Turn(self.points[point], ordinal, read_place(self.runs, place))


def restored(search: Exhaustive, state: dict[str, Any]) -> None:
    """Have a search go on from what was left of it."""
    reader = _Reader(state)
    search.wave = [reader.turn(one) for one in state["wave"]]
    for one in state["heap"]:
        search.push(reader.turn(one))
