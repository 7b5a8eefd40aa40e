"""The `goto bad_fork_…` ladder: what to take back, in reverse order, if a later step fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self


class Undo:
    """`with Undo() as undo:` runs what was pushed, last first, if the block fails; success throws the ladder away.

    push: takes (function, *args) as one tuple, to be called if the block fails.
    contextlib.ExitStack does the same at twenty times the cost a step, which a fork with its ten steps feels.
    """

    __slots__ = ("_steps", "push")

    def __init__(self) -> None:
        self._steps: list[tuple[Any, ...]] = []
        self.push: Callable[[tuple[Any, ...]], None] = self._steps.append

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, value: object, trace: object) -> None:
        if kind is not None:
            while self._steps:
                function, *args = self._steps.pop()
                function(*args)
