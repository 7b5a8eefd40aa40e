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
    if node.kind == IS_REFUSED:
        return f"refused what it needs: {Errno(candidate).name}"
    if node.kind == IS_INTERRUPTED:
        return "interrupted"
    if node.kind == TRANSFERS:
        return f"{candidate} byte of {node.candidates[0]}"
    if node.kind == GETS_NUMBER:
        return f"number {candidate} again"
    if node.kind == STOPS_INSIDE:
        return f"stopped inside its code, for {candidate}"
    return "a timer expires first"
