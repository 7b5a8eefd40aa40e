"""What is explored: a program and all that it starts from; and one run of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from procession.boot import Machine
from procession.explorer.queries import Query
from procession.explorer.recorder import Recorder, Redundant, Strategy, TooLong
from procession.hw.chooser import MEMORY, Choice, Provider, Recorded
from procession.include.linux.bug import KernelBug, KernelPanic
from procession.kernel.choose_fault import ChosenFaults
from procession.kernel.entry import Deadlock
from procession.result import Result

__all__ = ("Outcome", "Run", "Subject")

BYTES: Final = 1 << 28

Program: TypeAlias = Callable[..., Awaitable[Any]] | Sequence[str]


class Outcome(NamedTuple):
    """What can be seen from outside when a run is over.

    how: "exit" and the code, "signal" and its number, "deadlock", "endless", "oops" or "panic".  stdout, stderr:
    what was written.
    """

    how: str
    number: int
    stdout: bytes
    stderr: bytes

    def __str__(self) -> str:
        head = f"{self.how} {self.number}" if self.how in ("exit", "signal") else self.how
        out = self.stdout.decode(errors="backslashreplace")
        err = self.stderr.decode(errors="backslashreplace")
        return f"{head}{f', output {out!r}' if out else ''}{f', errors {err!r}' if err else ''}"


class Run:
    """One schedule, executed.

    outcome: None if the strategy gave it up.  recorder: its steps and questions.  detail: what the kernel said where it
    did not end well.
    """

    __slots__ = ("detail", "machine", "outcome", "recorder")

    def __init__(self, recorder: Recorder, machine: Machine, outcome: Outcome | None, detail: str) -> None:
        self.recorder = recorder
        self.machine = machine
        self.outcome = outcome
        self.detail = detail


class Subject:
    """A program with all that its runs have in common."""

    def __init__(
        self,
        program: Program,
        args: Sequence[str] = (),
        *,
        root: str | Path | Mapping[str, bytes | str] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        stdin: bytes = b"",
        seed: int = 0,
        as_init: bool = False,
        check: bool = False,
        max_steps: int = 20_000,
        programs: Mapping[str, Any] | None = None,
        memory: int = BYTES,
        faults: int = 0,
        optional: frozenset[str] = frozenset(),
    ) -> None:
        self.program = program
        self.args = tuple(args)
        self.root = root
        self.env = env
        self.cwd = cwd
        self.stdin = stdin
        self.seed = seed
        self.as_init = as_init
        self.check = check
        self.max_steps = max_steps
        self.programs = programs
        self.memory = memory
        self.queries: tuple[Query, ...] = ()  # what events each run is to keep
        self.faults = faults
        self.optional = optional if faults else frozenset[str]()

    def machine(self, provider: Provider, **more: Any) -> Machine:
        """Return a machine that is about to run the program, with provider asked; more: what else it gets."""
        machine = Machine(
            root=self.root,
            memory=self.memory,
            seed=self.seed,
            choices=provider,
            stdin=self.stdin,
            check=self.check,
            programs=self.programs,
            **more,
        )
        if MEMORY in self.optional:
            machine.kernel.fault_attr = ChosenFaults()
        return machine

    def recorded(self, choices: Sequence[Choice]) -> Recorded:
        """Return the provider that repeats a run of this."""
        return Recorded(choices, explores=True, optional=self.optional, faults=self.faults)

    def run_on(self, machine: Machine) -> Result:
        """Run the program on a machine of one's own; raises what Machine.run does."""
        return machine.run(self.program, *self.args, env=self.env, cwd=self.cwd, as_init=self.as_init)

    def run(self, strategy: Strategy, *, without: frozenset[str] = frozenset(), **more: Any) -> Run:
        """Run the program once, with strategy to answer."""
        recorder = Recorder(
            strategy, without=without, max_steps=self.max_steps, optional=self.optional, faults=self.faults
        )
        machine = self.machine(recorder, **more)
        recorder.attach(machine, self.queries)
        outcome, detail = self.end_of(machine)
        return Run(recorder, machine, outcome, detail)

    def end_of(self, machine: Machine) -> tuple[Outcome | None, str]:
        """Run the program on a machine of one's own; returns how it ends, and what the kernel says if not well."""
        try:
            result = self.run_on(machine)
        except Redundant:
            return None, ""
        except (Deadlock, TooLong, KernelBug, KernelPanic) as stopped:
            how = next(how for kind, how in _HOW.items() if isinstance(stopped, kind))
            return _outcome(machine, how), str(stopped)
        return _ended(result), ""


# What ends a run that does not end by itself.
_HOW: Final[dict[type[Exception], str]] = {
    Deadlock: "deadlock",
    TooLong: "endless",
    KernelBug: "oops",
    KernelPanic: "panic",
}


def _outcome(machine: Machine, how: str) -> Outcome:
    return Outcome(how, 0, machine.console.stdout, machine.console.stderr)


def _ended(result: Result) -> Outcome:
    signr = result.status & 0x7F
    return Outcome("signal" if signr else "exit", signr or result.status >> 8, result.stdout, result.stderr)
