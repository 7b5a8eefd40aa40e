"""Which functions of the kernel a run calls, in which order and in which task, and its trace events among them.

A profiler hook sees the calls: that takes the source as Python executes it. Compiled code tells no such hook of its
calls, so tests that record need the package uncompiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
import opcode
from pathlib import Path
import sys
from types import CodeType, FrameType
from typing import Any

import procession
from procession.include.trace.events import Event
from procession.kernel import fork

SOURCE = Path(procession.__file__).parent
RESUME = opcode.opmap["RESUME"]


@dataclass(frozen=True)
class Call:
    """A function, as kernel/fork.copy_process, is called while the task `pid` is current."""

    name: str
    pid: int


@dataclass
class Recording:
    """What happened, in order."""

    steps: list[Call | Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._known: dict[CodeType, tuple[str, bytes] | None] = {}

    def of(self, machine: Any, run: Callable[[], Any]) -> Any:
        """Call run, which lets machine run, and record it; returns run's result."""
        if not str(fork.__file__).endswith(".py"):
            raise RuntimeError("the package is compiled: only its sources can be recorded")
        machine.trace.subscribe(self.steps.append)
        kernel = machine.kernel

        def hook(frame: FrameType, what: str, _argument: object) -> None:
            if what == "call":
                name = self._begins(frame)
                if name is not None and kernel.sched.runqueues:
                    self.steps.append(Call(name, kernel.current.pid))

        outer = sys.getprofile()
        sys.setprofile(hook)
        try:
            return run()
        finally:
            sys.setprofile(outer)

    def _begins(self, frame: FrameType) -> str | None:
        """Name the machine's function that frame begins to execute; None if it is another's, or goes on."""
        code = frame.f_code
        if code not in self._known:
            self._known[code] = self._function(code)
        known = self._known[code]
        if known is None:
            return None
        name, opcodes = known
        at = frame.f_lasti
        # The hook also hears of coroutines that go on and that are closed: only what begins is at RESUME 0.
        return name if opcodes[at] == RESUME and opcodes[at + 1] == 0 else None

    @staticmethod
    def _function(code: CodeType) -> tuple[str, bytes] | None:
        path = Path(code.co_filename)
        if not path.is_relative_to(SOURCE) or path.is_relative_to(SOURCE / "tools"):
            return None
        return f"{path.relative_to(SOURCE).with_suffix('').as_posix()}.{code.co_qualname}", code.co_code
