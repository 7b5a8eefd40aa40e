"""Schedules drawn at random: the same ones for the same seed.

Pos gives each step a priority when its call is known, and a new one when another step touches what it is about to
touch (Yuan, Yang, Gu: Partial order aware concurrency sampling, CAV 2018): each order of the steps that conflict is
then about as likely as any other. Pct gives each thread a priority and lowers that of whoever runs at a few moments: d
of these find a mistake that needs d switches with a chance that is known (Burckhardt et al.: A randomized scheduler
with probabilistic guarantees of finding bugs, ASPLOS 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from procession.explorer.recorder import Recorder, Strategy
from procession.explorer.steps import Object, shared_object
from procession.hw.chooser import OF_FAULTS, OF_STEPS

__all__ = ("Pct", "Pos", "sample")

SELDOM: Final = 16  # of so many chances for a fault one is considered


class Pos(Strategy):
    """Partial order sampling."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 -- to be the same again
        self.priority: dict[int, float] = {}
        self.about: dict[int, dict[Object, int]] = {}

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Return the one with the highest priority."""
        if kind not in OF_STEPS:
            return _at_random(self.random, kind, candidates)
        self._after_step(recorder)
        for nr in candidates:
            if nr not in self.priority:
                self.priority[nr] = self.random.random()
                self.about[nr] = recorder.expected(nr)
        return max(range(len(candidates)), key=lambda answer: self.priority[candidates[answer]])

    def _after_step(self, recorder: Recorder) -> None:
        """Forget the priority of who has taken a step, and of all whose next one conflicts with that."""
        if not recorder.steps:
            return
        last = recorder.steps[-1]
        self.priority.pop(last.nr, None)
        for nr in list(self.priority):
            if shared_object(last.touched, self.about[nr]) is not None:
                del self.priority[nr]


class Pct(Strategy):
    """Probabilistic concurrency testing: changes moments among the first steps of a run as long as steps."""

    def __init__(self, seed: int, changes: int, steps: int) -> None:
        self.random = Random(seed)  # noqa: S311 -- to be the same again
        self.priority: dict[int, float] = {}
        self.moments = [self.random.randrange(max(1, steps)) for _ in range(changes)]

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Return the one with the highest priority."""
        if kind not in OF_STEPS:
            return _at_random(self.random, kind, candidates)
        for nr in candidates:
            if nr not in self.priority:
                self.priority[nr] = 1 + self.random.random()
        now = len(recorder.steps)
        for order, moment in enumerate(self.moments):
            if moment <= now:
                self.moments[order] = 1 << 62
                best = max(candidates, key=lambda nr: self.priority[nr])
                self.priority[best] = order / len(self.moments)
        return max(range(len(candidates)), key=lambda answer: self.priority[candidates[answer]])


def _at_random(random: Random, kind: str, candidates: Sequence[int]) -> int:
    """Return an answer to a question in the midst of a step: any, but seldom that something goes wrong."""
    if kind in OF_FAULTS and random.randrange(SELDOM):
        return 0
    return random.randrange(len(candidates))


def sample(seed: int, number: int, steps: int) -> Strategy:
    """Return the strategy of schedule number, the two ways in turn; steps: of the default schedule."""
    if number % 3 == 2:
        return Pct(seed * 1_000_003 + number, 1 + number // 3 % 3, steps)
    return Pos(seed * 1_000_003 + number)
