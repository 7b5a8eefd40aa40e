"""Run programs all three ways, find those whose transcripts differ, shrink them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
import errno
from functools import partial
import re
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings

from fuzz import runners
from fuzz.generator import Program, different, free_programs, programs
from fuzz.reduce import reduced
from fuzz.runners import HOST, Judge
from procession import Deadlock, KernelBug, KernelPanic


@dataclass
class Find:
    """A program that does something else here than on the host."""

    program: Program
    host: str
    elf: str
    python: str
    chunk: int = 0

    def diff(self) -> str:
        """Where the transcripts part."""
        parts = (runners.diff(self.host, self.elf, "elf"), runners.diff(self.host, self.python, "python"))
        return "\n".join(filter(None, parts))

    def signature(self) -> str:
        """Finds with the same one are likely one bug: the call and the first lines to differ, without numbers."""
        host = self.host.splitlines()
        for other in (self.elf.splitlines(), self.python.splitlines()):
            for n, (a, b) in enumerate(zip([*host, ""], [*other, ""], strict=False)):
                if a != b:
                    call = next((line for line in reversed(host[:n]) if line[0] == ">"), "start")
                    return "|".join([" ".join(call.split()[2:3]), *(re.sub(r"\d+", "N", text) for text in (a, b))])
        return "?"


def generate(chunk: int, count: int, judge: Judge = HOST) -> list[Program]:
    """Return the different ones among count programs; the same for the same chunk and kind of judge."""
    strategy = free_programs if judge.real else programs
    return [program for program in different(strategy, chunk, count) if program.steps]


def run(some: Sequence[Program], judge: Judge = HOST, *, check: bool = False) -> list[Find]:
    """Run them all three ways; returns one entry for each program, whether its transcripts differ or not.

    check: with the validators after every trap inside, which takes a hundred times as long.
    """
    all_three = (
        runners.run_host(some, judge),
        survived(partial(runners.run_elf, check=check), some),
        survived(partial(runners.run_python, check=check), some),
    )
    return [Find(*row) for row in zip(some, *all_three, strict=True)]


_Program = TypeVar("_Program")


def survived(runner: Callable[[Sequence[_Program]], list[str]], some: Sequence[_Program]) -> list[str]:
    """Run them; a program that breaks the kernel has the bug's text for a transcript."""
    try:
        return runner(some)
    except (KernelBug, KernelPanic, Deadlock) as end:
        if len(some) == 1:
            return [f"{type(end).__name__}: {end}\n"]
        middle = len(some) // 2
        return survived(runner, some[:middle]) + survived(runner, some[middle:])


def differs(find: Find) -> bool:
    """Whether the three are not one."""
    return not find.host == find.elf == find.python


def is_steady(program: Program, transcript: str, judge: Judge = HOST) -> bool:
    """Whether the judge says the same again. Only real time can make it say something else."""
    return all(text == transcript for text in runners.run_host([program] * 3, judge))


def shrink(find: Find, count: int, judge: Judge = HOST) -> Find:
    """Make the program of a find smaller, as long as it stays one; a judge that has to boot is asked less often."""
    only = partial(survived, runners.run_elf if find.host == find.python else runners.run_python)
    smallest = find if judge.real else _shrink_drawn(find, count, only)
    program = reduced(smallest.program, lambda some: [
        a != b for a, b in zip(runners.run_host(some, judge), only(some), strict=True)
    ])
    return run([program], judge)[0]


def _shrink_drawn(find: Find, count: int, only: Callable[[Sequence[Program]], list[str]]) -> Find:
    """Have Hypothesis look for smaller ones."""
    wanted = find.program.text()
    smallest = find
    begun = False

    @seed(find.chunk)
    @settings(max_examples=count, database=None, phases=[Phase.generate, Phase.shrink], deadline=None,
              suppress_health_check=list(HealthCheck), report_multiple_bugs=False, print_blob=False)
    @given(programs)
    def try_one(program: Program) -> None:
        nonlocal begun, smallest
        if not begun and program.text() != wanted:
            return
        begun = True
        host, ours = runners.run_host([program])[0], only([program])[0]
        if host != ours:
            if len(program.text()) <= len(smallest.program.text()):
                smallest = Find(program, host, ours, ours, find.chunk)
            raise AssertionError(program.text())

    try:
        try_one()
    except AssertionError:
        pass
    return smallest


@dataclass
class Statistics:
    """What the programs really did."""

    programs: int = 0
    steps: int = 0
    refused: int = 0
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)

    def add(self, other: Statistics) -> None:
        """Add what another one has counted."""
        self.programs += other.programs
        self.steps += other.steps
        self.refused += other.refused
        for name, counts in other.outcomes.items():
            self.outcomes.setdefault(name, Counter()).update(counts)
        self.events.update(other.events)

    def count(self, find: Find) -> None:
        """Read a transcript."""
        self.programs += 1
        self.steps += len(find.program.steps)
        names = iter([step.operation.name for step in find.program.steps])
        tids: dict[str, str] = {}
        waiting: dict[str, deque[str]] = {}
        for line in find.host.splitlines():
            words = line.split()
            if words[0] == ">":
                name = next(names)
                if words[1] == "nobody":
                    self.refused += 1
                    continue
                self.outcomes.setdefault(name, Counter())["tried"] += 1
                if words[2:4] == ["X", "0"]:
                    continue    # has no answer
                waiting.setdefault(tids.get(words[1], "?"), deque()).append(name)
            elif words[1:2] == ["="]:
                queue = waiting.get(words[0])
                if queue:
                    self.outcomes[queue.popleft()][_outcome(int(words[2]))] += 1
            elif words[0][0] == "a" and words[1][-1] == ":":
                tids[words[0]] = words[1][:-1]
                self.events[f"state {words[2]}"] += 1
            elif words[1:2] == ["handler"]:
                self.events[f"handler, code {words[words.index('code') + 1]}" if "code" in words else "handler"] += 1
            elif words[:2] == ["init", "reaps"]:
                self.events["orphan reaped"] += 1


def _outcome(result: int) -> str:
    return "ok" if result >= 0 else errno.errorcode.get(-result, str(result))


__all__ = ("Find", "Statistics", "differs", "generate", "is_steady", "run", "shrink", "survived")
