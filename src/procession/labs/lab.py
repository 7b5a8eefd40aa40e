"""A lab: a fault of the kernel's history, a program that shows it, and the kernel with it and without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from procession import _build
from procession.labs.patch import Patch, patched

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.hw.chooser import Choice

__all__ = ("RIGHT", "WRONG", "Lab", "Outcome", "Program")

Program = Callable[[Any], Awaitable[Any]]

# How a program's line begins in which it says what it has seen.
RIGHT: Final = "right: "
WRONG: Final = "wrong: "


class Outcome(NamedTuple):
    """How one run has ended.

    wrong: what went wrong, empty if nothing did.  right: what the program says if all is well.  choices: those of the
    run, with which it can be had again.  output: all it has written.
    """

    wrong: str
    right: str
    choices: tuple[Choice, ...]
    output: str


class Lab(NamedTuple):
    """One fault.

    year: when it was mended.  title: what went wrong, in a line.  source: the commit that mended it, the CVE.
    in_32: whether 3.2 has it; then mutation mends it, else mutation brings it back.  until: the first 3.2.N without it.
    text: what happened, and what the program does.  program: runs inside and says RIGHT or WRONG.
    programs: others, by path.  points: changes in both kernels: where a task may lose its CPU or sleep in the midst of
    a call, which here are atomic up to their sleeps.  schedule: the seed, or the choices, that show it.
    machine: further arguments of Machine.
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
    schedule: int | tuple[Choice, ...] = 0
    machine: Mapping[str, Any] = {}

    @contextmanager
    def kernel(self, *, broken: bool) -> Iterator[None]:
        """Let the kernel be the one with the fault, or the one without it, for as long as the block lasts.

        Raises ImportError if a compiled build is loaded.
        """
        with patched(self.points + (self.mutation if broken != self.in_32 else ())):
            yield

    def run(self, *, broken: bool, seed: int = 0, choices: Sequence[Choice] | None = None) -> Outcome:
        """Run the program once; with a seed, or choices, in another order than 3.2's own."""
        _build.pick_pure("procession.labs")
        from procession.boot import Machine  # noqa: PLC0415 -- whoever lists the labs needs none

        with self.kernel(broken=broken):
            machine = Machine(programs=self.programs, seed=seed, choices=choices, check=False, **self.machine)
            return _run(machine, self.program)

    def show(self) -> Outcome:
        """Run the kernel with the fault in the order that shows it."""
        if isinstance(self.schedule, int):
            return self.run(broken=True, seed=self.schedule)
        return self.run(broken=True, choices=self.schedule)


def _run(machine: Machine, program: Program) -> Outcome:
    """Run to the end, which may be the kernel's."""
    from procession.include.linux.bug import KernelBug, KernelPanic  # noqa: PLC0415 -- as above
    from procession.kernel.entry import Deadlock  # noqa: PLC0415

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
