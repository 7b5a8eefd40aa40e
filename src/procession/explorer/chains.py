"""How two steps came to what they conflict about, through the kernel: the functions that had called each other there.

The failing run is made once more, and looked at when it touches that object. Compiled functions leave no frames: with
the compiled build a chain is the call alone.
"""

from __future__ import annotations

from collections.abc import Sequence
import sys
from types import FrameType
from typing import TYPE_CHECKING, Final

from procession.explorer.prefix import Prefix
from procession.explorer.recorder import Recorder
from procession.explorer.steps import Node, Object, Step

if TYPE_CHECKING:
    from procession.explorer.subject import Subject

__all__ = ("chains",)

_KERNEL: Final = ("procession.kernel.", "procession.fs.", "procession.ipc.", "procession.mm.", "procession.net.")
_LOOP: Final = "procession.kernel.entry"  # the machine's own, below every chain
_CHOICE: Final = "procession.kernel.sched_choose"  # where a step begins: what it is about to touch, and has not yet


class _Watching(Prefix):
    """Repeats a run, and notes the chain of each of two steps."""

    def __init__(self, nodes: Sequence[Node], pair: tuple[int, ...], about: Object) -> None:
        super().__init__(nodes, footprints=True)
        self.pair = pair
        self.about = about
        self.now = -1
        self.found: dict[int, tuple[str, ...]] = {}

    def begins(self, recorder: Recorder, nr: int) -> None:
        """Look at the two steps, and no others."""
        self.now = len(recorder.steps)
        if recorder.footprints is not None:
            recorder.footprints.watch = self.note if self.now in self.pair else None

    def note(self, thing: Object) -> None:
        """Note who has called whom, if it is the object; the longest chain says most."""
        if thing != self.about:
            return
        names: list[str] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            module = frame.f_globals.get("__name__", "")
            if module == _CHOICE:
                return
            if module.startswith(_KERNEL) and module != _LOOP:
                names.append(frame.f_code.co_name)
            frame = frame.f_back
        if len(names) > len(self.found.get(self.now, ())):
            self.found[self.now] = tuple(reversed(names))


def chains(
    subject: Subject, nodes: Sequence[Node], steps: Sequence[Step], pair: tuple[int, ...], about: Object
) -> list[str]:
    """Return a line for each of the two steps."""
    watching = _Watching(nodes, pair, about)
    subject.run(watching)
    lines = []
    for index in pair:
        step = steps[index]
        names = watching.found.get(index, ())
        first = f"sys_{step.what}" if step.what else "user code"
        if not names or names[0] != first:
            names = (first, *names)
        lines.append(f"{step.nr}: {' → '.join(names)}")
    return lines
