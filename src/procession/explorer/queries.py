"""Properties that speak of the order of trace events, as text: "never A before B".

Events are told as for `procession replay --until`: NAME:FIELD=VALUE,…@N. Of a sys_enter there are arg0 … arg5, and
says, a text that is in what the call writes. $NAME as a value stands for whatever the first event of a pair has there,
and is the same in the other one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from procession.explorer.steps import ADDS, READS, WRITES
from procession.tools.peek import peek
from procession.tools.tracepoint import EventSpec, parse_event

if TYPE_CHECKING:
    from procession.explorer.recorder import Recorder
    from procession.explorer.subject import Run
    from procession.include.linux.kernel import Kernel
    from procession.include.trace.events import Event

__all__ = ("Query", "Watch", "always", "never", "query")

BEFORE: Final = "before"
THEN: Final = "then"
_LONGEST: Final = 65_536  # bytes of what a call writes that are looked at
_NAME: Final = re.compile(r"\$(\w+)", re.ASCII)
_PAIR: Final = re.compile(r"\s+(before|then)\s+")
# Calls that write one buffer: descriptor, address, length.
_WRITES: Final = frozenset({"write", "pwrite64", "sendto"})
_OWN: Final = ("says", *(f"arg{n}" for n in range(6)))


class Pattern(NamedTuple):
    """Which events are meant.

    text: as it was given.  spec: what the event's own fields have to be, but for names.  own: conditions on a call's
    arguments.  names: of fields, and the name whose value they have.  nth: which of those events, 0 for all.
    """

    text: str
    spec: EventSpec
    nth: int
    own: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...]

    def found_in(self, event: Event, kernel: Kernel) -> Seen | None:
        """Return what there is to be remembered of an event, None if it is not one of those."""
        fields: dict[str, Any] = event._asdict()
        if not self.spec.matches(fields):
            return None
        said = ""
        if fields["event"] == "sys_enter":
            fields |= {f"arg{n}": arg for n, arg in enumerate(fields["args"])}
            if any(key == "says" for key, _ in self.own):
                said = _said(kernel, fields)
        seen = Seen(event.common_comm, event.common_pid, said, fields)
        return seen if all(_holds(key, value, seen, {}) for key, value in self.own) else None

    def values(self, seen: Seen) -> dict[str, str]:
        """Return what the names stand for, if this event comes first."""
        return {name: str(seen.fields.get(key)) for key, name in self.names}

    def agrees(self, seen: Seen, values: Mapping[str, str]) -> bool:
        """Whether an event has what the names stand for."""
        return all(
            values.get(name, str(seen.fields.get(key))) == str(seen.fields.get(key)) for key, name in self.names
        ) and (all(_holds(key, value, seen, values) for key, value in self.own))


class Seen(NamedTuple):
    """An event that happened: who was current, what a call writes, and all of its fields."""

    comm: str
    pid: int
    said: str
    fields: dict[str, Any]


def _holds(key: str, value: str, seen: Seen, values: Mapping[str, str]) -> bool:
    """Whether a condition on a call's arguments holds; what a name stands for may not be known yet."""
    names = _NAME.findall(value)
    if any(name not in values for name in names):
        return True
    wanted = _NAME.sub(lambda name: values[name[1]], value)
    if key == "says":
        return wanted in seen.said
    argument = seen.fields.get(key)
    return isinstance(argument, int) and argument == int(wanted, 0)


def _said(kernel: Kernel, fields: Mapping[str, Any]) -> str:
    """Return what a call writes, "" for one that does not write."""
    if fields["name"] not in _WRITES:
        return ""
    _, data, length = fields["args"][:3]
    length = min(length, _LONGEST)
    if not isinstance(data, int):
        said: bytes = data.load(0, min(length, len(data)))
        return said.decode(errors="backslashreplace")
    mm = kernel.current.mm
    found = b"" if mm is None else peek(kernel, mm, data, length) or b""
    return found.decode(errors="backslashreplace")


class Query:
    """A property of a run.

    text: as it was given, with never or always.  wanted: whether it says what has to be.  first, second: the events.
    how: BEFORE, THEN, or "" if it speaks of the first alone.
    """

    def __init__(
        self, text: str, *, wanted: bool, first: Pattern, how: str = "", second: Pattern | None = None
    ) -> None:
        self.text = text
        self.wanted = wanted
        self.first = first
        self.how = how
        self.second = second
        self.__name__ = text  # what a report calls it

    def patterns(self) -> tuple[Pattern, ...]:
        """Return the events that it speaks of."""
        return (self.first,) if self.second is None else (self.first, self.second)

    def __call__(self, run: Run) -> str | None:
        """Return what is wrong with a run, None if nothing is."""
        watch = run.recorder.watch
        if watch is None:
            return None
        first = self._nth(self.first, watch.seen.get(self.first.text, []))
        if self.second is None:
            return self._alone(first)
        second = self._nth(self.second, watch.seen.get(self.second.text, []))
        if self.how == THEN and self.wanted:
            return _missing(self.first, first, self.second, second, behind=True)
        if self.how == THEN:
            return _together(self.first, first, self.second, second)
        if self.wanted:
            return _missing(self.second, second, self.first, first, behind=False)
        return _missing(self.first, first, self.second, second, behind=False)

    def _nth(self, pattern: Pattern, seen: list[tuple[int, Seen]]) -> list[tuple[int, Seen]]:
        """Return all, or the one that @N means."""
        return seen[pattern.nth - 1 : pattern.nth] if pattern.nth else seen

    def _alone(self, found: list[tuple[int, Seen]]) -> str | None:
        if found and not self.wanted:
            return f"{_by(self.first, found[0][1])} came"
        if self.wanted and not found:
            return f"{self.first.text} never came"
        return None


def _by(pattern: Pattern, seen: Seen) -> str:
    return f"{pattern.text} in {seen.comm} ({seen.pid})"


def _missing(
    pattern: Pattern, found: list[tuple[int, Seen]], other: Pattern, others: list[tuple[int, Seen]], *, behind: bool
) -> str | None:
    """Say of which event there is none of the other kind before it, or behind it."""
    for at, seen in found:
        values = pattern.values(seen)
        if not any((when > at) == behind and when != at and other.agrees(one, values) for when, one in others):
            where = "no {} came behind it" if behind else "no {} had come before it"
            return f"{_by(pattern, seen)} came, and {where.format(other.text)}"
    return None


def _together(
    pattern: Pattern, found: list[tuple[int, Seen]], other: Pattern, others: list[tuple[int, Seen]]
) -> str | None:
    """Say which event has one of the other kind behind it."""
    for at, seen in found:
        values = pattern.values(seen)
        for when, one in others:
            if when > at and other.agrees(one, values):
                return f"{_by(other, one)} came behind {_by(pattern, seen)}"
    return None


def never(text: str) -> Query:
    """Return a property: "A" must not happen; "A before B": not as long as no B has; "A then B": no B behind an A.

    Raises ValueError for what is no event.
    """
    return query(text, wanted=False)


def always(text: str) -> Query:
    """Return a property: "A" has to happen; "A before B": each B has an A before it; "A then B": each A a B behind it.

    Raises ValueError for what is no event.
    """
    return query(text, wanted=True)


def query(text: str, *, wanted: bool) -> Query:
    """Return always(text) if it is wanted, else never(text)."""
    whole = f"{'always' if wanted else 'never'} {text}"
    parts = _PAIR.split(text.strip())
    if len(parts) not in (1, 3):
        raise ValueError(f"{whole}: not EVENT, EVENT before EVENT or EVENT then EVENT")
    first = _pattern(whole, parts[0])
    if len(parts) == 1:
        _check_names(whole, first, None)
        return Query(whole, wanted=wanted, first=first)
    second = _pattern(whole, parts[2])
    if wanted and parts[1] == BEFORE:
        _check_names(whole, second, first)
    else:
        _check_names(whole, first, second)
    return Query(whole, wanted=wanted, first=first, how=parts[1], second=second)


def _check_names(whole: str, first: Pattern, other: Pattern | None) -> None:
    """Raise ValueError for a name that stands for nothing; first: the event for which another is looked for."""
    known = {name for _, name in first.names}
    used = {name for one in (first, other) if one is not None for _, value in one.own for name in _NAME.findall(value)}
    used |= {name for _, name in other.names} if other is not None else set()
    for name in sorted(used - known):
        raise ValueError(f"{whole}: nothing says what ${name} is: {first.text} has to have a FIELD=${name}")


def _pattern(whole: str, text: str) -> Pattern:
    which = re.fullmatch(r"(?P<name>[^:@]*)(?P<colon>:(?P<conditions>.*?))?(?:@(?P<nth>\d+))?", text, re.DOTALL)
    if which is None:
        raise ValueError(f"{whole}: {text}: not an event")
    name = which["name"]
    plain: list[str] = []
    own: list[tuple[str, str]] = []
    names: list[tuple[str, str]] = []
    for part in (which["conditions"] or "").split(","):
        key, _, value = part.partition("=")
        call = name == "sys_enter" and key in _OWN
        if call and (key == "says" or not value.startswith("$")):
            own.append((key, _own(whole, key, value)))
        elif value.startswith("$"):
            names.append((key, value[1:]))
            if not call:
                plain.append(f"{key}=0")  # to see whether there is such a field
        elif part:
            plain.append(part)
    try:
        spec = parse_event(
            name + ":" * bool(which["colon"]) + ",".join(plain) + (f"@{which['nth']}" if which["nth"] else "")
        )
    except ValueError as error:
        raise ValueError(f"{whole}: {error}") from None
    if not spec.name:
        raise ValueError(f"{whole}: an event is told by its name, not by {text}")
    for key, _ in names:
        spec.fields.pop(key, None)
    return Pattern(text, spec, int(which["nth"] or 0), tuple(own), tuple(names))


def _own(whole: str, key: str, value: str) -> str:
    if not value:
        raise ValueError(f"{whole}: {key}=VALUE expected")
    if key != "says":
        try:
            int(value, 0)
        except ValueError:
            raise ValueError(f"{whole}: {key}={value}: a number expected") from None
    return value


class Watch:
    """What a run has shown of the events that its queries speak of.

    seen: by a pattern's text, which of all these events they were, and what there is to know of each.
    """

    def __init__(self, recorder: Recorder, kernel: Kernel, queries: Sequence[Query]) -> None:
        self.recorder = recorder
        self.kernel = kernel
        self.queries = queries
        self.seen: dict[str, list[tuple[int, Seen]]] = {}
        self.count = 0

    def events(self) -> list[str]:
        """Return the names of the events that matter."""
        return sorted({pattern.spec.name for query in self.queries for pattern in query.patterns()})

    def on_event(self, event: Event) -> None:
        """Look at an event."""
        self.count += 1
        known: set[str] = set()
        for one in self.queries:
            hits = 0
            for how, pattern in zip((ADDS, READS), one.patterns(), strict=False):
                seen = pattern.found_in(event, self.kernel)
                if seen is None:
                    continue
                hits |= WRITES if pattern.nth else how
                if pattern.text not in known:
                    known.add(pattern.text)
                    self.seen.setdefault(pattern.text, []).append((self.count, seen))
            fp = self.recorder.footprints
            if hits and fp is not None and one.second is not None:
                fp.touch(("order", one.text), hits)  # the two are told apart by who asks, if by nobody else
