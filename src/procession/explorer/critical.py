"""Which step decided a failing run, and which two steps count.

Before the one all could still end well, after it nothing can. It is looked for from the end: at each question the other
answers are tried, each with the default order behind it. The two are a pair that conflict, and come in this order in
the failing run and in the other one in the good run. (The ideas are those of SimGrid's critical transition and of
Hermit's bisection between schedules.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from procession.explorer.chains import chains
from procession.explorer.prefix import Prefix
from procession.explorer.steps import Node, Object, Step, shared_object
from procession.explorer.subject import Run

if TYPE_CHECKING:
    from procession.explorer.search import Failure

__all__ = ("Critical", "find_critical")

MOST_TRIED: Final = 200  # runs that are spent on finding the place


class Critical(NamedTuple):
    """step: index of the step that decided.  pair: the two that count, in their order.  about: what both touch.

    chains: how each came there, through the kernel.
    """

    step: int
    pair: tuple[int, ...]
    about: str
    chains: tuple[str, ...]


def find_critical(failure: Failure) -> Critical | None:
    """Return what decided a failing run; None if no other answer to any of its questions was seen to end well."""
    recorder = failure.run.recorder
    nodes = recorder.nodes
    left = MOST_TRIED
    for number in range(len(nodes) - 1, -1, -1):
        node = nodes[number]
        for answer in range(len(node.candidates)):
            if answer == node.answer:
                continue
            if not left:
                return None
            left -= 1
            before = [*nodes[:number], Node(node.kind, node.candidates, answer, node.step)]
            good = failure.subject.run(Prefix(before, footprints=True))
            if good.outcome is not None and _ends_well(failure, good):
                return _decided(failure, good, node)
    return None


def _ends_well(failure: Failure, run: Run) -> bool:
    if failure.violation.name == "outcome":
        return run.outcome != failure.outcome
    return not any(one.name == failure.violation.name for one in failure.looker.wrong(run))


def _decided(failure: Failure, good: Run, node: Node) -> Critical:
    recorder = failure.run.recorder
    steps = recorder.steps
    at = min(node.step, len(steps) - 1)
    pair, thing = _pair(steps, good.recorder.steps, at)
    if thing is None:
        return Critical(at, (), "", ())
    return Critical(at, pair, in_words(thing), tuple(chains(failure.subject, recorder.nodes, steps, pair, thing)))


def _key(steps: list[Step]) -> list[tuple[int, int]]:
    """Name each step by its thread, and which of that one's steps it is."""
    taken: dict[int, int] = {}
    keys = []
    for step in steps:
        nth = taken[step.nr] = taken.get(step.nr, 0) + 1
        keys.append((step.nr, nth))
    return keys


def _pair(bad: list[Step], good: list[Step], at: int) -> tuple[tuple[int, ...], Object | None]:
    """Return the first two steps from at on that conflict and stand the other way round in the good run."""
    bad_keys, good_keys = _key(bad), _key(good)
    place = {key: index for index, key in enumerate(good_keys)}
    for j in range(at + 1, len(bad)):
        for i in range(j - 1, at - 1, -1):
            if bad[i].nr == bad[j].nr:
                continue
            thing = shared_object(bad[i].touched, bad[j].touched)
            first, second = place.get(bad_keys[i]), place.get(bad_keys[j])
            if thing is not None and first is not None and second is not None and second < first:
                return (i, j), thing
    return (), None


def in_words(thing: Object) -> str:
    """Return an object as a person would name it."""
    kind = thing[0]
    which = thing[1:]
    match kind:
        case "pending":
            return f"the signals that are pending for {which[0]}"
        case "blocked":
            return f"the signal mask of {which[0]}"
        case "sigactions":
            return f"how {which[0]} handles signals"
        case "task":
            return f"whether {which[0]} lives"
        case "children":
            return f"the children of {which[0]}"
        case "inode":
            return "the output" if which[0] == "console" else "a pipe or file"
        case "name":
            return f"the name {which[0]}"
        case "everything":
            return "what nobody knows: one of them is a call that could touch anything"
    return f"{kind} {' '.join(map(str, which))}".strip()
