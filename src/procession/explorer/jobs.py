"""Who runs the schedules of a search: this process, or others, here or on other machines.

Others are given batches. What they send back is looked at in the order in which the batches were given out, so that
nothing depends on who was faster. The frontier stays here: a batch whose worker is lost is given out again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from functools import lru_cache
from importlib import import_module
from itertools import islice
import multiprocessing
from operator import attrgetter
import os
from pathlib import Path
import pickle
import re
import signal
import sys
import time
from typing import Any, Final, NamedTuple

from procession.explorer.forks import Branches, Looked
from procession.explorer.heap import collecting_at_once
from procession.explorer.sight import Job, Looker, Sight
from procession.explorer.subject import Subject
from procession.explorer.token import load_program

__all__ = ("Alone", "Crew", "work")

SLICE: Final = 1.0  # seconds after which a worker sends what it has, and leaves the rest of its batch
BATCH: Final = 0.2  # seconds that a batch should take
LEAST: Final = 0.006  # and at least: giving one out, and taking it back, is half a millisecond
MOST: Final = 256  # schedules in a batch
AHEAD: Final = 2  # batches for each worker that are given out before they are needed
# What runs need, of all that is imported here: not the command.
_NEEDED: Final = re.compile(r"procession\.(?!cli\b|pytest|__main__)")
MOST_LOST: Final = 3  # workers that may be lost over one batch


class Alone:
    """All are run here."""

    def __init__(self, looker: Looker) -> None:
        self.branches = Branches(looker)

    def may_copy(self) -> None:
        """Let schedules be run in copies of this process although properties of one's own are asked: they only look."""
        subject = self.branches.looker.subject
        self.branches.possible = not callable(subject.program) and not subject.programs

    def each(self, jobs: Iterator[Job], count: int) -> Iterator[Looked]:
        """Run count schedules."""
        return self.branches.each(jobs, count)

    def close(self) -> None:
        """Send everybody home."""


class Seen(NamedTuple):
    """What a worker sends back: of the first schedules of a batch, and how many seconds they took."""

    sights: list[Sight]
    seconds: float


class _Batch:
    """Schedules that are given out. lost: how many workers were lost over it."""

    __slots__ = ("future", "jobs", "lost")

    def __init__(self, jobs: Sequence[Job], future: Future[Seen]) -> None:
        self.jobs = jobs
        self.future = future
        self.lost = 0


class Crew:
    """Processes run them.

    jobs: how many of one's own.  executor: or those of somebody else: any of concurrent.futures, or a client of
    dask.distributed; jobs then says how many batches it can take at a time, 0 if it should be found out.
    Raises ValueError for a program that another process could not find.
    """

    def __init__(self, looker: Looker, jobs: int, executor: Any = None) -> None:
        self.looker = looker
        self.data = packed(looker)
        self.own = executor is None
        self.begun = False
        self.rate = 0.02  # seconds that a schedule takes
        self.seconds = BATCH if callable(looker.subject.program) else SLICE  # the more, the more have in common
        self.executor: Executor | None = None
        if executor is not None:
            self.executor = executor if isinstance(executor, Executor) else _of_client(executor)
        self.width = jobs or _width(executor)

    def each(self, jobs: Iterator[Job], count: int) -> Iterator[Looked]:
        """Have count schedules run, and return them in their order."""
        if not self.begun:
            # The first one runs here: if the program cannot be executed at all, this is where it is known.
            self.begun = True
            yield from Alone(self.looker).each(jobs, 1)
            count -= 1
        out: deque[_Batch] = deque()
        try:
            while True:
                while count and len(out) < self.width * AHEAD:
                    batch = list(islice(jobs, self._size(count)))
                    count -= len(batch)
                    out.append(_Batch(batch, self._give(batch)))
                if not out:
                    return
                first = out.popleft()
                seen = self._take(first)
                rest = first.jobs[len(seen.sights) :]
                if rest:
                    out.appendleft(_Batch(rest, self._give(rest)))
                self.rate = max(1e-4, (self.rate + seen.seconds / len(seen.sights)) / 2)
                for job, sight in zip(first.jobs, seen.sights, strict=False):
                    yield job, sight, None
        finally:
            for left in out:
                left.future.cancel()

    def _size(self, left: int) -> int:
        """Return how many schedules the next batch gets: few at the end, so that nobody waits for a slow one."""
        fair = max(-(-left // (self.width * AHEAD)), int(LEAST / self.rate))
        return max(1, min(MOST, int(self.seconds / self.rate), fair))

    def _give(self, jobs: Sequence[Job]) -> Future[Seen]:
        for _ in range(MOST_LOST):
            executor = self._there()
            try:
                return executor.submit(work, self.data, list(jobs))
            except BrokenExecutor:
                self._renew(executor)
        raise RuntimeError("no process that runs schedules stays alive")

    def _take(self, batch: _Batch) -> Seen:
        """Wait for a batch; it is given out again as long as its workers are lost."""
        while True:
            executor = self._there()
            try:
                error = batch.future.exception()
            except CancelledError as cancelled:  # by whoever has lost it
                error = cancelled
            if error is None:
                return batch.future.result()
            if not _is_loss(error):
                raise error
            batch.lost += 1
            if batch.lost >= MOST_LOST:
                raise RuntimeError(
                    f"{MOST_LOST} workers were lost over the same {len(batch.jobs)} schedules"
                ) from error
            if isinstance(error, BrokenExecutor):
                self._renew(executor)
            batch.future = self._give(batch.jobs)

    def _there(self) -> Executor:
        if self.executor is None:
            # Not forked from here, where there are threads, but from a process that has imported all this once.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(sorted(name for name in sys.modules if _NEEDED.match(name)))
            self.executor = ProcessPoolExecutor(self.width, context, _begin, (dict(os.environ),))
        return self.executor

    def _renew(self, broken: Executor) -> None:
        """Have another pool in the place of a broken one."""
        if not self.own:
            raise RuntimeError("the executor is broken; jobs= has processes of its own, and replaces them")
        if self.executor is broken and _is_broken(broken):
            broken.shutdown(wait=False, cancel_futures=True)
            self.executor = None

    def close(self) -> None:
        """Send everybody home."""
        if self.own and self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
            self.executor = None


def _begin(environ: dict[str, str]) -> None:
    """Begin as a worker: Ctrl-C is the business of whoever gives out the work, and so is the environment."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(environ)


def _is_loss(error: BaseException) -> bool:
    """Whether a future says that its worker is gone, and not what the work came to."""
    return (
        isinstance(error, BrokenExecutor | CancelledError) or type(error).__module__.partition(".")[0] == "distributed"
    )


def _is_broken(executor: Executor) -> bool:
    """Whether an executor takes no work any more; a batch may tell of the loss of one that is replaced already."""
    try:
        executor.submit(os.getpid).cancel()
    except BrokenExecutor:
        return True
    return False


def _of_client(client: Any) -> Executor:
    try:
        executor: Executor = client.get_executor(pure=False)
    except AttributeError:
        what = f"not {client!r:.80}"
        raise TypeError(
            f"executor: one of concurrent.futures or a client of dask.distributed expected, {what}"
        ) from None
    return executor


def _width(executor: Any) -> int:
    if executor is None or isinstance(executor, Executor):
        return os.cpu_count() or 1
    threads: dict[str, int] = executor.nthreads()
    return max(1, sum(threads.values()))


# The workers' side.


def work(data: bytes, jobs: Sequence[Job]) -> Seen:
    """Run schedules of what data describes; those that time is left for, but one at least."""
    branches = _unpacked(data)
    began = time.monotonic()
    sights: list[Sight] = []
    known: dict[Any, Any] = {}
    with collecting_at_once():
        for looked in branches.each(iter(jobs), len(jobs)):
            sights.append(_once(looked[1], known))
            del looked  # whose machine is the next one's
            if time.monotonic() - began > SLICE:
                break
    return Seen(sights, time.monotonic() - began)


def _once(sight: Sight, known: dict[Any, Any]) -> Sight:
    """Return a sight in which what is like something of others of its batch is the same object: that is sent once."""
    once = known.setdefault
    return sight._replace(
        outcome=once(sight.outcome, sight.outcome),
        record=tuple(once(choice, choice) for choice in sight.record),
        touches={nr: once((nr, *things.items()), things) for nr, things in sight.touches.items()},
        nodes=tuple(once(node, node) for node in sight.nodes),
        objects=tuple(once(things, things) for things in sight.objects),
    )


class _Named:
    """A function, by where it stands: a worker imports its module, or loads the file."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.module = function.__module__
        self.name = function.__qualname__
        self.file = getattr(sys.modules.get(self.module), "__file__", None)
        if "<" in self.name:
            raise ValueError(f"{self.name} is inside another function, or has no name of its own")

    def find(self) -> Any:
        """Return the function."""
        try:
            return attrgetter(self.name)(import_module(self.module))
        except (ImportError, AttributeError):
            if self.file is None:
                raise
        return load_program(f"{self.file}:{self.name}")


def _named(value: Any) -> Any:
    if not callable(value) or not hasattr(value, "__qualname__") or isinstance(value, type):
        return value
    return value if hasattr(value, "__self__") else _Named(value)


def _found(value: Any) -> Any:
    return value.find() if isinstance(value, _Named) else value


def packed(looker: Looker) -> bytes:
    """Return a looker as bytes; raises ValueError if another process could not make one of them."""
    subject = looker.subject
    programs = subject.programs
    options = {
        "root": Path(subject.root).absolute() if isinstance(subject.root, str | Path) else subject.root,
        "env": subject.env and dict(subject.env),
        "cwd": subject.cwd,
        "stdin": subject.stdin,
        "seed": subject.seed,
        "as_init": subject.as_init,
        "check": subject.check,
        "max_steps": subject.max_steps,
        "faults": subject.faults,
        "optional": subject.optional,
    }
    try:
        return pickle.dumps(
            (
                _named(subject.program),
                subject.args,
                options,
                programs and {path: _named(one) for path, one in programs.items()},
                [_named(one) for one in looker.own],
                looker.off,
                _named(looker.expect),
                looker.without,
            )
        )
    except (pickle.PicklingError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"jobs: other processes cannot be given this: {error}") from None


@lru_cache(maxsize=4)
def _unpacked(data: bytes) -> Branches:
    """Return who runs schedules of what data describes: for each batch the same, who has learnt what one takes."""
    program, args, options, programs, own, off, expect, without = pickle.loads(data)  # noqa: S301 -- our own
    if programs is not None:
        options["programs"] = {path: _found(one) for path, one in programs.items()}
    subject = Subject(_found(program), args, **options)
    return Branches(Looker(subject, tuple(_found(one) for one in own), off, _found(expect), without))
