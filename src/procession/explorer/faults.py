"""What went wrong in a run because it was chosen, in words."""

from __future__ import annotations

from procession.explorer.steps import Node
from procession.hw.chooser import GETS_NUMBER, IS_INTERRUPTED, IS_REFUSED, STOPS_INSIDE, TRANSFERS, is_fault
from procession.include.linux.errno import Errno

__all__ = ("fault_in_words",)


def fault_in_words(node: Node) -> str:
    """Return what an answer lets go wrong, "" if it is none that does."""
    candidate = node.candidates[node.answer]
    if not node.answer or not is_fault(node.kind, candidate):
        return ""
    words = {
        IS_REFUSED: lambda: f"refused what it needs: {Errno(candidate).name}",
        IS_INTERRUPTED: lambda: "interrupted",
        TRANSFERS: lambda: f"{candidate} byte of {node.candidates[0]}",
        GETS_NUMBER: lambda: f"number {candidate} again",
        STOPS_INSIDE: lambda: f"stopped inside its code, for {candidate}",
    }
    return words[node.kind]() if node.kind in words else "a timer expires first"
