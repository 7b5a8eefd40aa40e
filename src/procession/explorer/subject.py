"""What is explored: a program and all that it starts from; and one run of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from threading import get_ident
from typing import Any, Final, NamedTuple, TypeAlias

from procession.boot import Command, Machine, make_command
from procession.explorer.heap import forget_machine
from procession.explorer.kept import CannotBeTaken, Kept
from procession.explorer.queries import Query
from procession.explorer.recorder import Recorder, Redundant, Strategy, TooLong
from procession.hw.chooser import MEMORY, Choice, Provider, Recorded
from procession.include.linux.bug import KernelBug, KernelPanic
from procession.kernel.choose_fault import ChosenFaults
from procession.kernel.entry import Deadlock
from procession.result import Result

__all__ = ("Outcome", "Run", "Subject")

BYTES: Final = 1 << 28
_WARM: Final = 2  # runs before a machine is kept
_MOST_LOST: Final = 8

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
        self.faults = faults
        self.optional = optional if faults else frozenset[str]()
        self.queries: tuple[Query, ...] = ()  # what events each run is to keep
        # Whether a machine may be kept for the next run: it has nothing of the host's, and is seen by nobody else.
        self.keeps = callable(program) and not isinstance(root, (str, Path)) and not check
        self.runs = 0
        self.lost = 0  # machines that somebody held on to
        self._command: Command | None = None
        self._kept: Kept | None = None

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

    def recorder(self, strategy: Strategy, without: frozenset[str] = frozenset()) -> Recorder:
        """Return the provider of a run with strategy to answer."""
        return Recorder(strategy, without=without, max_steps=self.max_steps, optional=self.optional, faults=self.faults)

    def run_on(self, machine: Machine) -> Result:
        """Run the program on a machine of one's own; raises what Machine.run does."""
        return machine.run_command(self._made_command(), self.program)

    def boot_to_program(self, machine: Machine) -> None:
        """Boot a machine of one's own up to where the program begins, a Python one; raises what Machine.run does."""
        assert callable(self.program)
        machine.boot_to_program(self._made_command(), self.program)

    def _made_command(self) -> Command:
        if self._command is None:
            self._command = make_command(self.program, self.args, self.env, self.cwd, as_init=self.as_init)
        return self._command

    def run(self, strategy: Strategy, *, without: frozenset[str] = frozenset(), **more: Any) -> Run:
        """Run the program once, with strategy to answer.

        On the machine of the run before, put back, if that can be and nobody refers to it any more.
        """
        forget_machine()
        kept = None if more else self._kept_machine(without)
        if kept is not None:
            return self._run_of(kept.put_back(strategy), kept.machine, kept.machine.go_on)
        recorder = self.recorder(strategy, without)
        machine = self.machine(recorder, **more)
        recorder.attach(machine, self.queries)
        return self._run_of(recorder, machine, lambda: self.run_on(machine))

    def _run_of(self, recorder: Recorder, machine: Machine, run: Callable[[], Result]) -> Run:
        outcome, detail = self._end_of(machine, run)
        return Run(recorder, machine, outcome, detail)

    def _kept_machine(self, without: frozenset[str]) -> Kept | None:
        """Return a machine that is ready for the next run; None if a new one is to be booted."""
        if self.queries or not self.keeps:
            return None
        self.runs += 1
        if self.runs <= _WARM:
            return None
        kept = self._kept
        if kept is not None and kept.thread != get_ident():
            return None  # workers of one process may have a subject together
        if kept is not None and kept.without == without:
            if kept.is_free():
                return kept
            self.lost += 1
        kept = self._kept = None
        if self.lost < _MOST_LOST:
            try:
                kept = self._kept = Kept(self, without)
            except CannotBeTaken:
                self.keeps = False
        return kept

    def end_of(self, machine: Machine) -> tuple[Outcome | None, str]:
        """Run the program on a machine of one's own; returns how it ends, and what the kernel says if not well."""
        return self._end_of(machine, lambda: self.run_on(machine))

    def _end_of(self, machine: Machine, run: Callable[[], Result]) -> tuple[Outcome | None, str]:
        try:
            result = run()
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
