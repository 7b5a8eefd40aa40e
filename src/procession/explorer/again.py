"""A run that is known by its choices, made again with all that a search sees of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from procession.explorer.recorder import Diverged, Recorder, Strategy
from procession.hw.chooser import Choice, asked

__all__ = ("Again",)


class Again(Strategy):
    """Makes the choices of another run, and raises Diverged where one of them is not there to be made."""

    def __init__(self, choices: Iterable[Choice]) -> None:
        self.choices = {choice.number: choice for choice in choices}

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Return what was chosen at this question."""
        assert recorder.k is not None
        number = recorder.k.chooser.asked
        choice = self.choices.pop(number, None)
        if choice is None:
            return 0
        chosen = choice.candidates[choice.answer] if choice.answer < len(choice.candidates) else -1
        if choice.kind != kind or chosen not in candidates:
            raise Diverged(f"recorded: {choice}; now asked: {asked(number, kind, candidates)}")
        return candidates.index(chosen)
