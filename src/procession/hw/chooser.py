"""All that is free to choose is asked here, and a provider answers.

A question has a kind and names its candidates, the first of which is what 3.2 does by itself. Default takes that and
is not even asked, Seeded throws dice that fall the same way for the same seed, Recorded does what another run did.

What was decided is kept as the choices that were not the first candidate, by the number of the question: a run without
any is the default one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
import hashlib
from typing import Any, Final, NamedTuple

__all__ = (
    "CPU_GOES_ON",
    "CPU_MOVES",
    "FAULTS",
    "GETS_NUMBER",
    "GOES_FIRST",
    "GOES_ON",
    "INSTRUCTION",
    "INTERRUPT",
    "IS_INTERRUPTED",
    "IS_REAPED",
    "IS_REFUSED",
    "MAX_SEED",
    "MEMORY",
    "OF_FAULTS",
    "OF_STEPS",
    "PID",
    "RUNS_FIRST",
    "RUNS_NEXT",
    "SHORT",
    "SLICE_ENDS",
    "STOPS_INSIDE",
    "TAKES_SIGNAL",
    "TIMER",
    "TIME_PASSES",
    "TRANSFERS",
    "WAKES_FIRST",
    "Choice",
    "Chooser",
    "Default",
    "Provider",
    "Recorded",
    "ReplayError",
    "RunEnded",
    "Seeded",
    "is_fault",
)

# The kinds of questions, and what their candidates are.
RUNS_NEXT: Final = "runs next"  # threads: who gets a CPU that somebody leaves
GOES_ON: Final = "goes on"  # threads: whose trap has ended, and who may take the CPU from it
RUNS_FIRST: Final = "runs first"  # threads: who was forked from, and who was born
SLICE_ENDS: Final = "slice ends after"  # nanoseconds
WAKES_FIRST: Final = "wakes first"  # threads
TAKES_SIGNAL: Final = "takes the signal"  # threads
GOES_FIRST: Final = "goes first"  # threads: who is about to make a call, and the others; asked while exploring
IS_REAPED: Final = "is reaped"  # zombies, any of which a wait may find; asked while exploring
CPU_MOVES: Final = "CPU moves next"  # CPUs: the one behind, and others that may be ahead of it
CPU_GOES_ON: Final = "CPU goes on"  # CPUs: the one on which a trap has ended, and the others

# Those of them that say who takes the next step, while orders are explored.
OF_STEPS: Final = (GOES_FIRST, GOES_ON, RUNS_NEXT)

# What may go wrong besides, asked only of an explorer that wants it: the names under which it does.
MEMORY: Final = "memory"  # the kernel has no memory, or no number, for what a call needs
INTERRUPT: Final = "interrupt"  # a call that sleeps ends with EINTR
SHORT: Final = "short"  # a pipe, stream or terminal takes or gives less than it could
TIMER: Final = "timer"  # a timer expires though somebody could go on
PID: Final = "pid"  # a process gets the number of one that is gone
INSTRUCTION: Final = "instruction"  # a thread is stopped between two instructions of its own
FAULTS: Final = (MEMORY, INTERRUPT, SHORT, TIMER, PID, INSTRUCTION)

# The kinds of questions about them.
IS_REFUSED: Final = "is refused"  # 0, or the error number
IS_INTERRUPTED: Final = "is interrupted"  # 0, or the error number
TRANSFERS: Final = "transfers bytes"  # all of them, or one
GETS_NUMBER: Final = "gets number"  # of a new process: its own, or those of others that are gone
STOPS_INSIDE: Final = "stops inside its code"  # threads: who computes, and the others
OF_FAULTS: Final = frozenset({IS_REFUSED, IS_INTERRUPTED, TRANSFERS, GETS_NUMBER, STOPS_INSIDE})
# The candidate, of those for the next step, that stands for the idle task: nobody goes on before the next timer.
TIME_PASSES: Final = 0

MAX_SEED: Final = (1 << 64) - 1

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15
# Of a seed: who runs goes on but for one trap in 2, 4, … 64.
_SELDOM: Final = frozenset({GOES_ON, CPU_GOES_ON})
_RARITIES: Final = 6


class ReplayError(Exception):
    """Not the run that was recorded: it asks for another choice, or something else differs."""


class RunEnded(Exception):
    """The provider has seen enough: the run ends in the midst of what it does."""


class Choice(NamedTuple):
    """A decision that was not the first candidate.

    number: of the question, counted from 1 over the run.  candidates: numbers of threads or CPUs, or nanoseconds, as
    kind says.  answer: the index of the one that was taken, from 1.
    """

    number: int
    kind: str
    candidates: tuple[int, ...]
    answer: int

    def __str__(self) -> str:
        return f"{asked(self.number, self.kind, self.candidates)}: {self.candidates[self.answer]}"


def asked(number: int, kind: str, candidates: Sequence[int]) -> str:
    """Return a question in words."""
    return f"question {number}, {kind}, {' or '.join(map(str, candidates))}"


def is_fault(kind: str, candidate: int) -> bool:
    """Whether an answer that is not the first counts as a fault: what went wrong, and not who went first."""
    return kind in OF_FAULTS or (kind in OF_STEPS and candidate == TIME_PASSES)


class Provider:
    """Who decides.

    active: whether it has anything to say. What it does not say is the first candidate, and while it is silent nobody
    asks or counts.  explores: whether it is asked before each call that others could notice, and by nobody else, so
    that all orders of calls can be had; the times of turns then decide nothing.  optional, faults: which of FAULTS it
    wants to be asked for, and how many of them it may have in a run; then it is asked no more.
    """

    active = True
    explores = False
    optional: frozenset[str] = frozenset()
    faults = 0

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        """Return the index of one of two candidates or more."""
        raise NotImplementedError

    def finish(self) -> None:
        """Hear that the run has ended by itself: nobody will be asked any more."""

    # What one that explores hears beside the questions.

    def enters(self, nr: int, name: str, args: tuple[Any, ...]) -> None:
        """Hear which call thread nr is about to make; a question follows."""

    def leaves(self, nr: int) -> None:
        """Hear that thread nr's call is over, and that a question follows of who goes on: it could be interrupted."""

    def begins(self, nr: int) -> None:
        """Hear that thread nr takes the next step: its call, or what comes behind its sleep or its birth."""

    def time_passes(self) -> None:
        """Hear that everybody sleeps, and the next timer expires."""

    def computes(self, ns: int) -> None:
        """Hear that for so many nanoseconds, all that were not slept away, nobody has made a call."""


class Default(Provider):
    """3.2's own answers."""

    active = False

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        """Return the first."""
        return 0


class Seeded(Provider):
    """Random to look at, the same for the same seed.

    Each kind of question has a stream of its own, so asking one kind more often does not change the others' answers.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, int] = {}
        self._rarity = (2 << self._draw("rarity") % _RARITIES) - 1

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        """Return any, but seldom another than the one that runs."""
        drawn = self._draw(kind)
        if kind not in _SELDOM:
            return drawn % len(candidates)
        if drawn & self._rarity:
            return 0
        return 1 + (drawn >> _RARITIES) % (len(candidates) - 1)

    def _draw(self, kind: str) -> int:
        state = self._streams.get(kind)
        if state is None:
            state = int.from_bytes(hashlib.sha256(f"{self._seed}:{kind}".encode()).digest()[:8], "little")
        self._streams[kind] = state = state + _GAMMA & _MASK
        return _mix(state)


def _mix(z: int) -> int:
    """Scramble a 64-bit counter (the output function of SplitMix64)."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


class Recorded(Provider):
    """The choices of another run; all that it did not choose, and what comes after the last one, is the default.

    explores, optional, faults: as of who made them.
    """

    def __init__(
        self,
        choices: Iterable[Choice],
        *,
        explores: bool = False,
        optional: frozenset[str] = frozenset(),
        faults: int = 0,
    ) -> None:
        self.explores = explores
        self.optional = optional
        self.faults = faults
        self._choices = iter(choices)
        self._next: Choice | None = None
        self._advance()

    def decide(self, number: int, kind: str, candidates: Sequence[int]) -> int:
        """Return what was chosen then.

        Raises ReplayError if this question was another one in that run.
        """
        choice = self._next
        if choice is None or choice.number > number:
            return 0
        if choice.number != number or choice.kind != kind or choice.candidates != tuple(candidates):
            raise ReplayError(f"recorded: {choice}; now asked: {asked(number, kind, candidates)}")
        self._advance()
        return choice.answer

    def finish(self) -> None:
        """Raise ReplayError if that run went on and chose."""
        if self._next is not None:
            raise ReplayError(f"recorded: {self._next}; now the run ends before")

    def _advance(self) -> None:
        self._next = next(self._choices, None)
        self.active = self._next is not None


class Chooser:
    """The machine's only source of arbitrariness.

    seed: what random bytes come from, and decisions unless provider makes them.  active: whether somebody wants to be
    asked; who would have to look for candidates asks for that before.  exploring: whether he wants to be asked what
    those who explore are.  optional: which of FAULTS he wants to be asked for, none any more once he has had as many as
    he may.  asked: how many questions there were.  record: the choices that were made.  heard: told of each as it is
    made.
    """

    __slots__ = (
        "_blocks",
        "_bytes",
        "_faults_left",
        "active",
        "asked",
        "exploring",
        "heard",
        "optional",
        "provider",
        "record",
        "seed",
    )

    def __init__(self, seed: int = 0, provider: Provider | None = None) -> None:
        self.seed = seed
        if provider is None:
            provider = Seeded(seed) if seed else Default()
        self.provider = provider
        self.exploring = provider.explores
        self.active = provider.active and not self.exploring
        self._faults_left: int = provider.faults if self.exploring else 0
        self.optional: frozenset[str] = provider.optional if self._faults_left else frozenset()
        self.asked = 0
        self.record: list[Choice] = []
        self.heard: Callable[[Choice], None] | None = None
        self._blocks = 0
        self._bytes = b""

    def choose(self, kind: str, candidates: Sequence[int]) -> int:
        """Return the index of the candidate that it shall be; what has one answer is no question.

        Raises ReplayError if the recorded run was asked something else here.
        """
        if len(candidates) < 2 or not (self.active or self.exploring):
            return 0
        self.asked += 1
        answer = self.provider.decide(self.asked, kind, candidates)
        if answer:
            self._note(Choice(self.asked, kind, tuple(candidates), answer))
        return answer

    def step(self, kind: str, candidates: Sequence[int]) -> int:
        """As choose(), where one of the threads takes the next step, also if there is only one."""
        answer = self.choose(kind, candidates)
        self.provider.begins(candidates[answer])
        return answer

    def _note(self, choice: Choice) -> None:
        if not 0 < choice.answer < len(choice.candidates):
            raise ReplayError(f"{asked(*choice[:3])}: no answer {choice.answer}")
        self.active = self.provider.active and not self.exploring
        self.record.append(choice)
        if is_fault(choice.kind, choice.candidates[choice.answer]):
            self._faults_left -= 1
            if not self._faults_left:
                self.optional = frozenset()
        if self.heard is not None:
            self.heard(choice)

    def random_bytes(self, n: int) -> bytes:
        """Return n random bytes; they depend on the seed alone."""
        while len(self._bytes) < n:
            self._bytes += hashlib.sha256(f"{self.seed}:random_bytes:{self._blocks}".encode()).digest()
            self._blocks += 1
        taken, self._bytes = self._bytes[:n], self._bytes[n:]
        return taken
