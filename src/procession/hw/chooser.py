"""All that is free to choose is asked here: random to look at, the same for the same seed.

Each kind of question has a stream of its own, so asking one kind more often does not change the others' answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
import hashlib
from typing import Final

__all__ = ("Choice", "Chooser", "ReplayError")

Choice = tuple[str, int]  # kind of question, answer

_MASK: Final = (1 << 64) - 1
_GAMMA: Final = 0x9E3779B97F4A7C15


class ReplayError(Exception):
    """Not the run that was recorded: it asks for another choice, or something else differs."""


def _mix(z: int) -> int:
    """Scramble a 64-bit counter (the output function of SplitMix64)."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return z ^ z >> 31


class Chooser:
    """The machine's only source of arbitrariness.

    record: all answers so far.  choices: answers to give first, as another Chooser recorded them; when they are used
    up the streams go on as if they had been asked.  heard: told of every choice as it is made.
    """

    __slots__ = ("_bytes", "_choices", "_next", "_streams", "heard", "record", "seed")

    def __init__(self, seed: int = 0, choices: Sequence[Choice] = ()) -> None:
        self.seed = seed
        self.record: list[Choice] = []
        self.heard: Callable[[str, int], None] | None = None
        self._choices = tuple(choices)
        self._next = 0
        self._streams: dict[str, int] = {}
        self._bytes = b""

    def choose(self, kind: str, options: int | Sized) -> int:
        """Return an index into options (or below it, if a number); a question with one answer is not recorded.

        Raises ReplayError if the recorded run was asked something else here.
        """
        n = options if isinstance(options, int) else len(options)
        if n <= 1:
            return 0
        state = self._streams.get(kind)
        if state is None:
            state = self._start(kind)
        self._streams[kind] = state = state + _GAMMA & _MASK
        answer = _mix(state) % n
        if self._next < len(self._choices):
            answer = self._given(kind, n)
        self.record.append((kind, answer))
        if self.heard is not None:
            self.heard(kind, answer)
        return answer

    def random_bytes(self, n: int) -> bytes:
        """Return n random bytes; they depend on the seed alone."""
        while len(self._bytes) < n:
            count = self._streams.get("random_bytes", 0)
            self._streams["random_bytes"] = count + 1
            self._bytes += hashlib.sha256(f"{self.seed}:random_bytes:{count}".encode()).digest()
        taken, self._bytes = self._bytes[:n], self._bytes[n:]
        return taken

    def _start(self, kind: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed}:{kind}".encode()).digest()[:8], "little")

    def _given(self, kind: str, n: int) -> int:
        asked, answer = self._choices[self._next]
        if asked != kind or answer >= n:
            raise ReplayError(f"choice {self._next}: recorded {asked}={answer}, now asked {kind} with {n} options")
        self._next += 1
        return answer
