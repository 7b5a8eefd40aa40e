"""Random process programs: Hypothesis strategies, so that what is found gets shrunk."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from fuzz.operations import (
    ANY_PORT,
    BACKGROUND_SIGNALS,
    CHLD,
    CLONE_PARENT,
    CLONE_THREAD,
    CLONE_VFORK,
    CLONE_VM,
    CONT,
    CORE_SIGNALS,
    CSIGNAL,
    FREE_IDIOMS,
    FREE_TABLE,
    FREE_TERMINAL_TABLE,
    IDIOMS,
    KILL,
    NETWORK_IDIOMS,
    NETWORK_TABLE,
    OPERATIONS,
    SA_RESTART,
    STOP_SIGNALS,
    TABLE,
    TERM,
    TERMINAL_IDIOMS,
    TERMINAL_START,
    TERMINAL_TABLE,
    TERMINAL_WORDS,
    Operation,
)
from procession.arch.x86.syscall_table import SYSCALL_NAMES

MOST_ACTORS = 7
MOST_STEPS = 24
FEWEST, MOST = 4, 14        # steps or idioms drawn; those that shrink to nothing vanish
STEP_BYTES = 8
FREELY = "freely"       # first line of a program that only a real 3.2 can judge
_NUMBERS = {name: nr for nr, name in SYSCALL_NAMES.items()}


@dataclass(frozen=True)
class Step:
    """One actor does one thing. For an operation that makes a new actor the last word is that one's number."""

    actor: int
    words: tuple[str, ...]

    @property
    def operation(self) -> Operation:
        """What the table says of it."""
        return OPERATIONS[self.words[0]]


@dataclass(frozen=True)
class Encoded:
    """A program in the interpreters' language. terminal, network: whether it is given one.  freely: see Program."""

    actors: int
    terminal: bool
    freely: bool
    network: bool
    steps: list[str]


@dataclass(frozen=True)
class Program:
    """A list of steps. freely: only a real 3.2 can judge it, nothing being left out."""

    steps: tuple[Step, ...]
    freely: bool = False

    def text(self) -> str:
        """One line a step; the form of the corpus."""
        first = f"{FREELY}\n" if self.freely else ""
        return first + "".join(f"a{step.actor} {' '.join(step.words)}\n" for step in self.steps)

    @classmethod
    def parse(cls, text: str) -> Program:
        """Inverse of text(), without lines of comment; raises ValueError for a word that is no operation."""
        steps = []
        freely = False
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            if line == FREELY:
                freely = True
                continue
            actor, *words = line.split()
            if words[0] not in OPERATIONS:
                raise ValueError(f"no operation {words[0]!r}")
            steps.append(Step(int(actor[1:]), tuple(words)))
        return cls(tuple(steps), freely)

    def encode(self) -> Encoded:
        """Translate names of operations and descriptors."""
        actors = 1 + sum(step.operation.births for step in self.steps)
        terminal = any(not TERMINAL_WORDS.isdisjoint(step.words) for step in self.steps)
        first_fd = 5 + 2 * actors
        known = {}
        if terminal:
            known = {"m": str(first_fd), "t": str(first_fd + 1)}
            first_fd += 2
        lines = []
        for step in self.steps:
            operation = step.operation
            code = operation.code or str(_NUMBERS[operation.name])
            args = [
                str(first_fd + int(word[1:])) if word[0] == "f" else known.get(word, word) for word in step.words[1:]
            ]
            lines.append(" ".join([str(step.actor), operation.flag, code, *args]))
        network = any(step.words[0] == "socket" for step in self.steps)
        return Encoded(actors, terminal, self.freely, network, lines)


RawSteps = list[tuple[int | str, list[str]]]
_Kind = Operation | tuple[tuple[str, str], ...] | None
_KINDS: list[_Kind] = [
    None,
    *(idiom for idiom in IDIOMS for _ in range(3)),
    *(operation for operation in TABLE for _ in range(operation.weight)),
]
_TERMINAL_KINDS: list[_Kind] = [
    *_KINDS,
    *(idiom for idiom in TERMINAL_IDIOMS for _ in range(8)),
    *(operation for operation in TERMINAL_TABLE for _ in range(2 * operation.weight)),
]
_FREE_KINDS: list[_Kind] = [
    *_KINDS,
    *(idiom for idiom in FREE_IDIOMS for _ in range(6)),
    *(operation for operation in FREE_TABLE for _ in range(2 * operation.weight)),
]
_FREE_TERMINAL_KINDS: list[_Kind] = [
    *_TERMINAL_KINDS,
    *_FREE_KINDS[len(_KINDS):],
    *(operation for operation in FREE_TERMINAL_TABLE for _ in range(2 * operation.weight)),
]
_NETWORK_KINDS: list[_Kind] = [
    *_KINDS,
    *(idiom for idiom in NETWORK_IDIOMS for _ in range(16)),
    *(operation for operation in NETWORK_TABLE for _ in range(2 * operation.weight)),
]
_TERMINALS = 80     # of 256 programs so many have a terminal
_NETWORKS = 40      # and so many a network


def decode(data: bytes, kinds: list[_Kind]) -> RawSteps:
    """Choose one step or an idiom: pairs of an index into the living, and words with @index.

    The first two bytes choose what to do, the third who does it, the others the arguments.
    """
    kind = kinds[int.from_bytes(data[:2], "big") * len(kinds) >> 16]
    if kind is None:
        return []
    if isinstance(kind, Operation):
        choices = zip(kind.args, data[3:], strict=False)
        return [(data[2], [kind.name, *(words[byte % len(words)] for words, byte in choices)])]
    return [(data[2] if who == "d" else who, words.split()) for who, words in kind]


class _Assembly:
    """Picks actors that exist, and as far as it is plain that still live."""

    def __init__(self, *, terminal: bool, freely: bool) -> None:
        """Begin with the first actor."""
        self.freely = freely
        self.alive = [0]
        self.born = 1
        self.shares_memory = self.odd_signal = False
        self.leader: dict[str, str] = {}    # thread: the actor that leads its process
        self.vforks = False             # somebody may be asleep in vfork
        self.stops = terminal           # somebody may be stopped
        self.terminal = terminal
        self.connects = False           # somebody may have connected
        self.closed: set[str] = set()   # ends of the terminal, whose numbers somebody may have given to a pipe
        self.steps: list[Step] = []

    def add(self, raw: RawSteps) -> None:
        """Add one step or idiom."""
        doer = 0
        for who, words in raw:
            if not self.alive:
                return
            if isinstance(who, int):
                doer = self.alive[who % len(self.alive)]
            actor = self.born - 1 if who == "n" else self.born - 2 if who == "m" else doer
            self.add_step(actor, [self.resolve(word, doer) for word in words])

    def resolve(self, word: str, doer: int) -> str:
        """Name an actor for @index."""
        bare = word.lstrip("-=")
        if bare[0] != "@":
            return word
        which = {"d": doer, "n": self.born - 1}.get(bare[1:])
        if which is None:
            which = int(bare[1:]) % self.born
        return f"{word.removesuffix(bare)}a{which}"

    def add_step(self, actor: int, words: list[str]) -> None:
        """Add a step and take note of births and deaths."""
        operation = OPERATIONS[words[0]]
        if operation.births:
            if self.born == MOST_ACTORS:
                return
            words = self.birth(actor, words)
        elif not self.freely and self.left_out(actor, words):
            return
        if words[0] == "close":
            self.closed |= {words[1]} & TERMINAL_WORDS
        if self.terminal and words[0] == "sigaction" and words[1] in BACKGROUND_SIGNALS:
            words = [*words[:3], str(int(words[3]) & ~SA_RESTART), *words[4:]]
        if operation.flag == "s" and not self.freely:
            words = self.milder(words)
        if words[0] == "bind" and self.connects and not self.freely:
            words = ["bind", words[1], ANY_PORT, *words[3:]]
        self.connects |= words[0] == "connect"
        self.stops |= operation.flag == "s" and not STOP_SIGNALS.isdisjoint(words)
        if operation.ends and actor in self.alive:
            if len(self.alive) == 1:
                return
            self.alive.remove(actor)
        if words[0] == "kill" and words[2] == str(KILL) and words[1][0] == "a" and int(words[1][1:]) in self.alive:
            self.alive.remove(int(words[1][1:]))
        self.steps.append(Step(actor, tuple(words)))

    def left_out(self, actor: int, words: list[str]) -> bool:
        """Whether later kernels do otherwise: see LEFT_OUT."""
        if words[0] == "exec":
            return self.odd_signal
        if words[0] == "exit":
            return bool(self.leader) and f"a{actor}" not in self.leader
        if words[:2] == ["close", "m"]:
            return self.born > 1
        return words[0] == "ioctl" and words[1] in self.closed

    def milder(self, words: list[str]) -> list[str]:
        """Put other signals, or the leader, for what LEFT_OUT tells of."""
        if self.shares_memory or self.leader:
            words = [str(TERM) if word in CORE_SIGNALS else word for word in words]
        if self.vforks:
            words = [str(CONT) if word in STOP_SIGNALS else word for word in words]
        if str(CONT) in words:
            words = [self.leader.get(word, word) for word in words]
        return words

    def birth(self, parent: int, words: list[str]) -> list[str]:
        """Give the child a number; see LEFT_OUT for what is remembered.

        Who acts in the end is not known yet: another does if the one who was meant is dead or asleep.
        """
        if self.freely:
            self.alive.append(self.born)
            self.born += 1
            return [*words, str(self.born - 1)]
        if self.odd_signal or self.leader or self.stops:
            words = _without_vfork(words)
        elif self.vforks:
            words = _plain_child(words)
        self.vforks |= words != _without_vfork(words)
        if words[0] == "clone":
            flags = int(words[1])
            self.odd_signal |= not flags & CLONE_THREAD and flags & CSIGNAL != CHLD
            self.shares_memory |= flags & (CLONE_VM | CLONE_THREAD) == CLONE_VM
            if flags & CLONE_THREAD:
                self.leader[f"a{self.born}"] = self.leader.get(f"a{parent}", f"a{parent}")
            words = ["clone", str(flags & ~CLONE_PARENT if self.odd_signal else flags)]
        self.shares_memory |= words[0] == "vfork"
        self.alive.append(self.born)
        self.born += 1
        return [*words, str(self.born - 1)]


def _without_vfork(words: list[str]) -> list[str]:
    if words[0] == "vfork":
        return ["fork", *words[1:]]
    if words[0] == "clone":
        return ["clone", str(int(words[1]) & ~CLONE_VFORK), *words[2:]]
    return words


def _plain_child(words: list[str]) -> list[str]:
    """Make a process with SIGCHLD, whatever else it shares."""
    if words[0] != "clone":
        return words
    flags = int(words[1])
    if flags & CLONE_THREAD:
        return ["fork", *words[2:]]
    return ["clone", str(flags & ~CSIGNAL | CHLD), *words[2:]]


def assemble(data: bytes, *, freely: bool = False) -> Program:
    """Make a program from drawn bytes, eight for a step or an idiom; the first one decides about a terminal."""
    terminal = data[0] > 255 - _TERMINALS
    assembly = _Assembly(terminal=terminal, freely=freely)
    kinds = _TERMINAL_KINDS if terminal else _NETWORK_KINDS if data[0] >= 256 - _TERMINALS - _NETWORKS else _KINDS
    if freely:
        kinds = _FREE_TERMINAL_KINDS if terminal else _FREE_KINDS
    if terminal:
        assembly.add([(0 if who == "d" else who, words.split()) for who, words in TERMINAL_START])
    for at in range(1, len(data), STEP_BYTES):
        assembly.add(decode(data[at:at + STEP_BYTES].ljust(STEP_BYTES, b"\0"), kinds))
    return Program(tuple(assembly.steps[:MOST_STEPS]), freely)


# One draw for all: a draw for each step would take three times as long, and shrinking works on the bytes as well.
_drawn = st.binary(min_size=1 + FEWEST * STEP_BYTES, max_size=1 + MOST * STEP_BYTES)
programs: st.SearchStrategy[Program] = _drawn.map(assemble)
free_programs: st.SearchStrategy[Program] = _drawn.map(partial(assemble, freely=True))

_Drawn = TypeVar("_Drawn", bound=Hashable)


def different(strategy: st.SearchStrategy[_Drawn], chunk: int, count: int) -> list[_Drawn]:
    """Return the different ones of count examples; the same for the same chunk."""
    found: dict[_Drawn, None] = {}

    @seed(chunk)
    @settings(max_examples=count, database=None, phases=[Phase.generate], deadline=None,
              suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(example: _Drawn) -> None:
        found.setdefault(example)

    collect()
    return list(found)
