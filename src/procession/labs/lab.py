"""A lab: a fault of the kernel's history, a program that shows it, and the kernel with it and without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from procession.boot import Machine
from procession.hw.chooser import SLICE_ENDS, Choice, Provider
from procession.include.linux.bug import KernelBug, KernelPanic
from procession.kernel.entry import Deadlock
from procession.labs.patch import Patch, patched

__all__ = ("RIGHT", "WRONG", "Lab", "Outcome", "Program")

Program = Callable[[Any], Awaitable[Any]]

# How a program's line begins in which it says what it has seen.
RIGHT: Final = "right: "
WRONG: Final = "wrong: "
RUNS: Final = 1000  # how many orders are tried


class Outcome(NamedTuple):
    """How one run has ended.

    wrong: what went wrong, empty if nothing did.  right: what the program says if all is well.  choices: those of the
    run, with which it can be had again.  output: all it has written.
    """

    wrong: str
    right: str
    choices: tuple[Choice, ...]
    output: str


class Deviating(Provider):
    """3.2's own choices but for some of those of who runs: (number of the question, answer) each."""

    def __init__(self, order: tuple[tuple[int, int], ...]) -> None:
        self._order = order
        self._answers = dict(order)
        self._asked: dict[int, int] = {}

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        """Return the first, but where it deviates."""
        if kind == SLICE_ENDS:
            return 0
        self._asked[number] = len(candidates)
        return self._answers.get(number, 0)

    def longer(self) -> list[tuple[tuple[int, int], ...]]:
        """Return the orders that deviate in one more question, behind those in which this one does."""
        last = self._order[-1][0] if self._order else 0
        return [(*self._order, (nr, answer)) for nr, n in self._asked.items() if nr > last for answer in range(1, n)]


class Lab(NamedTuple):
    """One fault.

    year: when it was mended.  title: what went wrong, in a line.  source: the commit that mended it, the CVE.
    in_32: whether 3.2 has it; then mutation mends it, else mutation brings it back.  until: the first 3.2.N without it.
    text: what happened, and what the program does.  program: runs inside and says RIGHT or WRONG.
    programs: others, by path.  points: changes in both kernels: where a task may lose its CPU or sleep in the midst of
    a call, which here are atomic up to their sleeps.
    """

    name: str
    year: int
    title: str
    source: str
    text: str
    program: Program
    in_32: bool = False
    until: str = ""
    mutation: tuple[Patch, ...] = ()
    points: tuple[Patch, ...] = ()
    programs: Mapping[str, Program] = {}
    memory: int = 1 << 30

    @contextmanager
    def kernel(self, *, broken: bool) -> Iterator[None]:
        """Let the kernel be the one with the fault, or the one without it, for as long as the block lasts.

        Raises ImportError if a compiled build is loaded.
        """
        with patched(self.points + (self.mutation if broken != self.in_32 else ())):
            yield

    def run(self, *, broken: bool, seed: int = 0, choices: Sequence[Choice] | Provider | None = None) -> Outcome:
        """Run the program once; with a seed, or choices, in another order than 3.2's own."""
        with self.kernel(broken=broken):
            return _run(Machine(programs=self.programs, memory=self.memory, seed=seed, choices=choices, check=False), self.program)

    def search(self, *, broken: bool, deviations: int = 2, runs: int = RUNS) -> tuple[Outcome, int]:
        """Run it in 3.2's own order, then in orders that differ in 1, 2, … choices, until something goes wrong.

        Returns the last outcome, and how many runs it took.
        """
        tried = 0
        orders: list[tuple[tuple[int, int], ...]] = [()]
        for _ in range(deviations + 1):
            more = []
            for order in orders:
                provider = Deviating(order)
                outcome = self.run(broken=broken, choices=provider)
                tried += 1
                if outcome.wrong or tried == runs:
                    return outcome, tried
                more += provider.longer()
            orders = more
        return outcome, tried

    def mended(self) -> str:
        """Return when it was mended, as far as 3.2 is concerned."""
        if not self.in_32:
            return f"3.{self.until[2:]}" if self.until else "before 3.2"
        return f"3.2 has it, until {self.until}" if self.until else "3.2 has it"


def _run(machine: Machine, program: Program) -> Outcome:
    """Run to the end, which may be the kernel's."""
    failed = ""
    try:
        machine.run(program)
    except KernelBug as error:
        failed = f"the kernel oopses: {_cause(error)}"
    except KernelPanic as error:
        failed = f"the kernel panics: {error}"
    except Deadlock as error:
        failed = f"deadlock: {error}"
    output = machine.console.stdout.decode()
    said = output.splitlines()
    if not failed:
        failed = next((line.removeprefix(WRONG) for line in said if line.startswith(WRONG)), "")
    right = next((line.removeprefix(RIGHT) for line in said if line.startswith(RIGHT)), "")
    errors = machine.console.stderr.decode()
    if not failed and not right:
        failed = "the program has not come to its end: " + (errors.splitlines() or ["no word"])[-1]
    return Outcome(failed, right, tuple(machine.chooser.record), output + errors)


def _cause(error: BaseException) -> str:
    """Return what was wrong, in a line, without the registers and the stack."""
    cause = error.__cause__
    return repr(cause) if cause is not None else str(error).splitlines()[0]
