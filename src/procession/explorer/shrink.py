"""Making a failing schedule as plain as it can be: fewer deviations from the default, the same failure.

A deviation is remembered by whose step it stood before (the thread, and how many steps that had taken) and who went
instead: that can be asked for in a run in which others have been taken out and all questions have other numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from procession.explorer.recorder import Recorder, Strategy
from procession.explorer.subject import Run, Subject
from procession.hw.chooser import OF_STEPS

__all__ = ("Wish", "Wishes", "shrunk", "wishes_of")

MOST: Final = 400  # runs that are spent on one failure


class Wish(NamedTuple):
    """A deviation: where thread nr would take its n-th step, other goes first.

    Of other questions: the n-th of the kind in the midst of thread nr's steps, and what is answered.
    """

    kind: str
    nr: int
    steps: int
    other: int


class Wishes(Strategy):
    """Answers as is wished where that can be, and else with the first candidate."""

    def __init__(self, wishes: Sequence[Wish]) -> None:
        self.left = list(wishes)
        self.taken: dict[int, int] = {}
        self.asked: dict[tuple[str, int], int] = {}

    def place(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> tuple[int, int]:
        """Return where a question stands: the thread, and how many steps it has taken or such questions it has met."""
        if kind in OF_STEPS:
            return candidates[0], self.taken.get(candidates[0], 0)
        nr = recorder.steps[-1].nr if recorder.steps else 0
        nth = self.asked[kind, nr] = self.asked.get((kind, nr), 0) + 1
        return nr, nth

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Return what is wished for here."""
        place = self.place(recorder, kind, candidates)
        for index, wish in enumerate(self.left):
            if wish.kind == kind and (wish.nr, wish.steps) == place and wish.other in candidates:
                del self.left[index]
                return candidates.index(wish.other)
        return 0

    def begins(self, recorder: Recorder, nr: int) -> None:
        """Count the thread's steps."""
        self.taken[nr] = self.taken.get(nr, 0) + 1


class _Listening(Wishes):
    """Repeats a run, and notes its deviations as wishes."""

    def __init__(self, answers: Sequence[int]) -> None:
        super().__init__(())
        self.answers = answers
        self.wishes: list[Wish] = []

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        number = len(recorder.nodes)
        answer = self.answers[number] if number < len(self.answers) else 0
        place = self.place(recorder, kind, candidates)
        if answer:
            self.wishes.append(Wish(kind, *place, candidates[answer]))
        return answer


def wishes_of(subject: Subject, run: Run) -> list[Wish]:
    """Return the deviations of a run."""
    listening = _Listening([node.answer for node in run.recorder.nodes])
    subject.run(listening)
    return listening.wishes


def shrunk(subject: Subject, run: Run, fails: Callable[[Run], bool]) -> Run:
    """Return a run that fails as this one does, with as few deviations as taking them out one by one can leave."""
    best = run
    wishes = wishes_of(subject, run)
    left = MOST
    again = len(wishes) > 0
    while again and left:
        again = False
        for size in (len(wishes) // 2, 1):
            at = 0
            while size and at < len(wishes) and left:
                fewer = wishes[:at] + wishes[at + size :]
                tried = subject.run(Wishes(fewer))
                left -= 1
                if tried.outcome is not None and fails(tried) and _count(tried) < _count(best):
                    best = tried
                    wishes = wishes_of(subject, tried)
                    again = True
                else:
                    at += size
    return best


def _count(run: Run) -> int:
    return len(run.machine.chooser.record)
