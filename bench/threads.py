"""Three of the models as threads of one Python process, explored by frontrun (PyPI): what a peer does in a second.

    pip install frontrun && frontrun python -m bench.threads

It looks for accesses to objects of Python and switches between threads; here processes make system calls of a kernel.
So what is compared is how many executed schedules each needs and has in a second, not what they can find.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from itertools import takewhile
import threading
import time
from typing import Any

from procession.explorer.dpor import dpor
from procession.explorer.subject import Subject

Model = tuple[Callable[[], Any], list[Callable[[Any], None]], Callable[[Any], bool]]


class Counter:
    """lost_update: a number that two threads count."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        """Read, then write."""
        count = self.count
        self.count = count + 1


class Pipe:
    """two_writers: what two threads write, two messages each."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.text = ""

    def write(self, text: str) -> None:
        """Add a message."""
        with self.lock:
            self.text += text


def messages(name: str) -> Callable[[Pipe], None]:
    """Return a thread that writes its name small and large."""

    def run(pipe: Pipe) -> None:
        pipe.write(name)
        pipe.write(name.upper())

    return run


class Locks:
    """lock_order: two locks, taken in both orders."""

    def __init__(self) -> None:
        self.locks = (threading.Lock(), threading.Lock())

    def take(self, first: int) -> None:
        """Take both, this one first."""
        with self.locks[first], self.locks[1 - first]:
            pass


MODELS: dict[str, Model] = {
    "lost_update": (Counter, [Counter.add, Counter.add], lambda counter: counter.count == 2),
    "two_writers": (Pipe, [messages("a"), messages("b")], lambda pipe: len(pipe.text) == 4),
    "lock_order": (Locks, [lambda locks: locks.take(0), lambda locks: locks.take(1)], lambda _: True),
}


def theirs(name: str) -> tuple[int, float]:
    """Explore a model with frontrun: schedules, CPU seconds."""
    import frontrun  # noqa: PLC0415 -- not among what development needs

    setup, workers, invariant = MODELS[name]
    began = time.process_time()
    result = frontrun.explore(
        setup, workers, invariant, stop_on_first=False, preemption_bound=None, reproduce_on_failure=0
    )
    return result.num_explored, time.process_time() - began


def ours(name: str) -> tuple[int, float]:
    """Explore the model of processes: schedules, CPU seconds."""
    began = time.process_time()
    runs = takewhile(lambda _: time.process_time() - began < 20, dpor(Subject(import_module(f"bench.models.{name}").main)))
    count = sum(1 for _ in runs)
    return count, time.process_time() - began


def main() -> None:
    """Print both beside each other."""
    print(f"{'model':12} {'frontrun: schedules':>20} {'/s':>6} {'processes: schedules':>21} {'/s':>6}")
    for name in MODELS:
        (there, seconds), (here, own_seconds) = theirs(name), ours(name)
        print(f"{name:12} {there:20} {there / seconds:6.0f} {here:21} {here / own_seconds:6.0f}")


if __name__ == "__main__":
    main()
