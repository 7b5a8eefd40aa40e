"""Schedules that have a beginning in common: it is run once, and where one leaves it a copy of this process does.

To execute a program, to link it and to translate its code takes an engine longer than fork(2) takes the host. So for
programs that are files a run stops where schedules part: a copy of the process goes on in each of the other ways, sends
back what was seen, and ends. All is as if each had been run from the boot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
import os
import pickle
import resource
import signal
import threading
from typing import Any, Final, NoReturn, TypeAlias
import warnings

from procession.explorer.prefix import Prefix
from procession.explorer.recorder import Recorder, Strategy
from procession.explorer.sight import Job, Looker, Sight
from procession.explorer.subject import Run

__all__ = ("Branches", "Looked")

WARM: Final = 3  # schedules that are run by themselves before it is known how long one takes
MOST: Final = 64  # schedules with one beginning
SLICE: Final = 1.0  # seconds after which what was seen is given out

# What was run, what was seen, and the run itself if it was here.
Looked: TypeAlias = tuple[Job, Sight, Run | None]


class _Branching(Strategy):
    """Goes the way of some schedules as far as they have one, and has copies of this process go the others.

    jobs: those that this process is left with, by their number.  seen: what copies saw of others.  writer: in a copy,
    where to send what is seen, else -1.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = dict(enumerate(jobs))
        self.seen: dict[int, Sight] = {}
        self.writer = -1
        self.kept: list[Any] = []
        self.only: Strategy | None = None  # of the last job that this process is left with

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Let a copy go each of the other ways that begin here."""
        if len(self.jobs) > 1:
            self._part(recorder, len(recorder.nodes))
        if len(self.jobs) > 1:
            return Prefix(max((job.prefix for job in self.jobs.values()), key=len)).pick(recorder, kind, candidates)
        if self.only is None:
            self.only = next(iter(self.jobs.values())).strategy()
        return self.only.pick(recorder, kind, candidates)

    def begins(self, recorder: Recorder, nr: int) -> None:
        """Let the only one hear of it; there is nothing to hear before the first question."""
        if self.only is not None:
            self.only.begins(recorder, nr)

    def _part(self, recorder: Recorder, number: int) -> None:
        ways: dict[int, dict[int, Job]] = {}
        for index, job in self.jobs.items():
            answer = job.prefix[number].answer if number < len(job.prefix) else 0
            if job.sample is not None or (job.wanted is not None and number >= len(job.prefix)):
                answer = -1 - index  # which it does not say, so that it is alone
            ways.setdefault(answer, {})[index] = job
        *others, self.jobs = ways.values()
        for jobs in others:
            if self._is_copy():
                self.jobs = jobs
                self.seen.clear()
                assert recorder.k is not None
                self.kept += [vcpu.cpu.engine_memory() for vcpu in recorder.k.x86.vcpus]
                return

    def _is_copy(self) -> bool:
        """Make a copy of this process; it returns true there, and here false once the copy has ended."""
        reader, writer = os.pipe()
        with warnings.catch_warnings():
            # Of other threads, of whose locks the copy might want one: it does nothing that they do.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if not pid:
            if self.writer >= 0:
                os.close(self.writer)
            self.writer = writer
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the business of whoever waits for it
            return True
        try:
            os.close(writer)
            with os.fdopen(reader, "rb") as file:
                data = file.read()
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            os.waitpid(pid, 0)
        if data:
            self.seen.update(pickle.loads(data))  # noqa: S301 -- our own
        return False


class Branches:
    """Runs schedules here, those with a beginning in common as one run that forks, while that is the faster way."""

    def __init__(self, looker: Looker) -> None:
        self.looker = looker
        self.possible = _can_fork(looker)
        self.warm = WARM
        self.alone = 0.0  # seconds of CPU time that a schedule takes when it is run by itself
        self.forked = 0.0  # and when others have its beginning in common, 0 if that is not known

    def each(self, jobs: Iterator[Job], count: int) -> Iterator[Looked]:
        """Run count schedules, and return them in their order."""
        left = islice(jobs, count)
        while True:
            group = list(islice(left, self._most()))
            if len(group) > 1:
                yield from self._together(group)
            elif group:
                yield self._alone(group[0])
            else:
                return

    def _most(self) -> int:
        """Return how many schedules are to be run together: as many as a second is enough for."""
        if not self.possible or self.warm or self.forked >= self.alone:
            return 1
        if threading.current_thread() is not threading.main_thread():
            return 1
        return max(2, min(MOST, int(SLICE / (self.forked or self.alone))))

    def _alone(self, job: Job) -> Looked:
        began = _cpu_seconds()
        run = self.looker.run(job)
        sight = self.looker.sight(run, job)
        took = _cpu_seconds() - began
        # The first ones import, read and compile what the others have.
        self.alone = took if self.warm else _smoothed(self.alone, took)
        self.warm = max(self.warm - 1, 0)
        return job, sight, run

    def _together(self, jobs: Sequence[Job]) -> Iterator[Looked]:
        """Run schedules as one that forks."""
        began = _cpu_seconds()
        strategy = _Branching(jobs)
        try:
            run = self.looker.subject.run(strategy, without=self.looker.without)
            last = min(strategy.jobs)
            sight = self.looker.sight(run, strategy.jobs[last])
            if strategy.writer >= 0:
                strategy.seen[last] = sight
                _send(strategy.writer, strategy.seen)
        except BaseException:
            if strategy.writer < 0:
                raise
            os._exit(1)  # whoever waits has it run again, and meets the same
        self.forked = _smoothed(self.forked, (_cpu_seconds() - began) / len(jobs))
        for index, job in enumerate(jobs):
            if index == last:
                yield job, sight, run
            elif index in strategy.seen:
                yield job, strategy.seen[index], None
            else:
                yield self._alone(job)


def _send(writer: int, seen: dict[int, Sight]) -> NoReturn:
    """Send what a copy and its own have seen, and end it."""
    with os.fdopen(writer, "wb") as file:
        pickle.dump(seen, file)
    os._exit(0)


def _cpu_seconds() -> float:
    """Return how long this process has computed, and those that it has waited for."""
    ours, theirs = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return ours.ru_utime + ours.ru_stime + theirs.ru_utime + theirs.ru_stime


def _smoothed(before: float, now: float) -> float:
    return (before + now) / 2 if before else now


def _can_fork(looker: Looker) -> bool:
    """Whether it makes no difference in which process a schedule is run: nothing of the user's is called on the way."""
    subject = looker.subject
    return not callable(subject.program) and not subject.programs and not looker.own and not callable(looker.expect)
