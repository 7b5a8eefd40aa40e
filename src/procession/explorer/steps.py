"""Steps of an explored run: who did what, what of the kernel it touched, and which steps could not change places.

A step is one system call of a thread, from its entry to its end or to where it sleeps, and all that the thread then
does up to its next call. Who is woken goes on with a step of its own.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import lru_cache
import hashlib
from typing import Any, Final, NamedTuple

__all__ = (
    "ADDS",
    "EVERYTHING",
    "READS",
    "WRITES",
    "Node",
    "Object",
    "Step",
    "conflict",
    "shared_object",
    "trace_class",
    "trace_classes",
)

# How a step touches an object.
READS: Final = 1
ADDS: Final = 2  # as one of several that do the same, in any order: a signal becomes pending, a process is born
WRITES: Final = 4

# A kind, and which of them: ("inode", device, number), ("pending", process) …
Object = tuple[Any, ...]
# Of who does something of which nobody knows what it touches.
EVERYTHING: Final[Object] = ("everything",)


def conflict(a: int, b: int) -> bool:
    """Whether the order of two accesses to one object can matter."""
    return not (a == b and a in (READS, ADDS))


class Step:
    """One step.

    nr: the thread.  what, args: the call, "" for what a thread does before its first one; woken: the call has slept.
    touched: how, by object.  node: index of the question that let it begin, -1 if nobody else could.  wakes: threads
    that it has woken or made.  barrier: time has passed before it, as everybody slept.  sent: signals, and to whom.
    took: signals that its thread has handled, and the handler, 0 for the default action.
    """

    __slots__ = ("args", "barrier", "node", "nr", "result", "sent", "took", "touched", "wakes", "what", "woken")

    def __init__(self, nr: int, what: str, args: tuple[Any, ...], woken: bool, node: int) -> None:
        self.nr = nr
        self.what = what
        self.args = args
        self.woken = woken
        self.node = node
        self.touched: dict[Object, int] = {}
        self.wakes: list[int] = []
        self.result: int | None = None
        self.barrier = False
        self.sent: list[tuple[int, int]] = []
        self.took: list[tuple[int, int]] = []

    def copy(self) -> Step:
        """Return a step that has done the same so far."""
        other = Step(self.nr, self.what, self.args, self.woken, self.node)
        other.touched = dict(self.touched)
        other.wakes = list(self.wakes)
        other.result = self.result
        other.barrier = self.barrier
        other.sent = list(self.sent)
        other.took = list(self.took)
        return other

    def touch(self, thing: Object, how: int) -> None:
        """Note an access."""
        self.touched[thing] = self.touched.get(thing, 0) | how

    def conflicts(self, touched: dict[Object, int]) -> bool:
        """Whether this step and one with these accesses cannot change places."""
        return shared_object(self.touched, touched) is not None

    def __repr__(self) -> str:
        return f"<{self.nr} {self.what or 'begins'}{' (woken)' if self.woken else ''}>"


def shared_object(a: dict[Object, int], b: dict[Object, int]) -> Object | None:
    """Return the first object of a that keeps steps with these accesses from changing places, None if none does."""
    if (EVERYTHING in a and b) or (EVERYTHING in b and a):
        return EVERYTHING
    for thing, how in a.items():
        other = b.get(thing)
        if other is not None and conflict(how, other):
            return thing
    return None


class Node(NamedTuple):
    """A question that was asked.

    step: index of the step that it stood before, or in the midst of for what is no question of threads.
    """

    kind: str
    candidates: tuple[int, ...]
    answer: int
    step: int


@lru_cache(maxsize=1 << 16)
def _number(thing: Hashable) -> int:
    """Return a number for something with text in it, the same in every process (hash() of text is not)."""
    return int.from_bytes(hashlib.blake2b(repr(thing).encode(), digest_size=8).digest(), "little")


def trace_class(steps: list[Step]) -> int:
    """Return a number that two runs share if they differ only in the order of steps that could change places.

    A step is known by its thread, its call and what it had to come behind; the class by all its steps.
    """
    return trace_classes(steps)[-1]


def trace_classes(steps: list[Step]) -> list[int]:
    """Return the class of a run after 0, 1, 2 … of its steps."""
    writers: dict[Object, int] = {}
    readers: dict[Object, int] = {}
    adders: dict[Object, int] = {}
    last: dict[int, int] = {}
    born: dict[int, int] = {}
    total = 0
    classes = [0]
    everything = 0  # the last step that touched everything
    since = 0  # what all since then come to
    for step in steps:
        result = -1 << 40 if step.result is None else step.result  # None has no hash of its own in every Python
        before = hash((step.nr, _number(step.what), step.woken, result, last.get(step.nr, 0), born.get(step.nr, 0)))
        before ^= hash((everything, 7))
        for thing, how in step.touched.items():
            number = _number(thing)
            before ^= hash((number, how, writers.get(thing, 0)))
            if how != READS:
                before ^= hash((number, 1, readers.get(thing, 0)))
            if how != ADDS:
                before ^= hash((number, 2, adders.get(thing, 0)))
        if EVERYTHING in step.touched or step.barrier:
            before ^= hash((since, 5))
        before = hash((before, 3))
        _note(step, before, readers, adders, writers)
        if EVERYTHING in step.touched or step.barrier:
            everything, since = before, 0
        last[step.nr] = before
        for nr in step.wakes:
            born[nr] = before
        since = since + before & 0xFFFFFFFFFFFFFFFF
        total = total + before & 0xFFFFFFFFFFFFFFFF
        classes.append(total)
    return classes


def _note(
    step: Step, number: int, readers: dict[Object, int], adders: dict[Object, int], writers: dict[Object, int]
) -> None:
    """Note a step, by its number, with what it has touched."""
    for thing, how in step.touched.items():
        if how == READS:
            readers[thing] = readers.get(thing, 0) + number & 0xFFFFFFFFFFFFFFFF
        elif how == ADDS:
            adders[thing] = adders.get(thing, 0) + number & 0xFFFFFFFFFFFFFFFF
        else:
            writers[thing] = number
            readers.pop(thing, None)
            adders.pop(thing, None)
