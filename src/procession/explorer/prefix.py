"""Running up to a question again, to answer it in another way."""

from __future__ import annotations

from collections.abc import Sequence

from procession.explorer.recorder import Diverged, Recorder, Strategy
from procession.explorer.steps import Node
from procession.hw.chooser import asked

__all__ = ("Prefix", "check_question")


class Prefix(Strategy):
    """Answers as a run before did, and from then on with the first candidate.

    before: the questions of that run, with what is to be answered now.
    """

    footprints = False

    def __init__(self, before: Sequence[Node], *, footprints: bool = False) -> None:
        self.before = before
        self.footprints = footprints

    def pick(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Return what was noted; raises Diverged if it was another question."""
        number = len(recorder.nodes)
        if number >= len(self.before):
            return self.beyond(recorder, kind, candidates)
        node = self.before[number]
        check_question(node, number, kind, candidates)
        return node.answer

    def beyond(self, recorder: Recorder, kind: str, candidates: Sequence[int]) -> int:
        """Answer what was not asked before."""
        return 0


def check_question(node: Node, number: int, kind: str, candidates: Sequence[int]) -> None:
    """Raise Diverged unless a question is the one that was asked here before."""
    if node.kind != kind or node.candidates != tuple(candidates):
        raise Diverged(
            f"the same choices led to another question: {asked(number + 1, node.kind, node.candidates)} before, "
            f"{asked(number + 1, kind, candidates)} now. Something that nobody controls decides in this program."
        )
