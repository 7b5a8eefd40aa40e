"""Plain depth-first search: every answer to every question, nothing left out. The oracle of all that is cleverer."""

from __future__ import annotations

from collections.abc import Iterator

from procession.explorer.prefix import Prefix
from procession.explorer.steps import Node
from procession.explorer.subject import Run, Subject


def dfs(subject: Subject, *, footprints: bool = False) -> Iterator[Run]:
    """Run every schedule there is."""
    path: list[Node] = []
    while True:
        run = subject.run(Prefix(path, footprints=footprints))
        yield run
        path = run.recorder.nodes
        while path and path[-1].answer == len(path[-1].candidates) - 1:
            path.pop()
        if not path:
            return
        last = path[-1]
        path[-1] = Node(last.kind, last.candidates, last.answer + 1, last.step)
