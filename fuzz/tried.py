"""What a long run of one kind came to: a line of the table that `make soak` prints."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ("Tried",)


@dataclass(slots=True)
class Tried:
    """What was tried, how often, and what was found.

    what: in a few words.  count: how many of `unit`.  found: a line for each find, enough to see it again.
    """

    what: str
    count: int
    unit: str
    found: list[str] = field(default_factory=list)
    seconds: float = 0.0
