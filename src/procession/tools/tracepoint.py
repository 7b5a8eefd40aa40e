"""Which event of a trace is meant: a number, a moment, or a name with conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
import re
from typing import Any, Final

from procession.include.linux.signal import Sig
from procession.include.trace.events import EVENTS, event_fields

__all__ = ("EventSpec", "parse_event", "search")

_UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_COMMON: Final = ("time_ns", "cpu", "common_pid", "common_comm")
_SPEC: Final = re.compile(r"(?P<name>\w+)(?::(?P<fields>[^@]*))?(?:@(?P<nth>\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One event of a run.

    number: counted from 1 over the whole run.  time_ns: the first one at or after this.  name, fields: one that is
    called so and says so.  nth: which of those, counted from where the search begins.
    """

    number: int | None = None
    time_ns: int | None = None
    name: str = ""
    fields: dict[str, int | str] = field(default_factory=dict)
    nth: int = 1

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Whether the event is one of those."""
        if self.time_ns is not None:
            return int(event["time_ns"]) >= self.time_ns
        return event["event"] == self.name and all(event[key] == value for key, value in self.fields.items())


def parse_event(text: str) -> EventSpec:
    """Read `1234`, `12.5ms`, `NAME`, `NAME:FIELD=VALUE,…`, each of the latter with `@N`; raises ValueError."""
    number = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|ms|s)?", text, re.ASCII)
    if number:
        unit = number[2]
        if not unit:
            if "." in text or int(text) == 0:
                raise ValueError(f"{text}: events are numbered from 1; a time has a unit: ns, us, ms, s")
            return EventSpec(number=int(text))
        whole, _, part = number[1].partition(".")
        return EventSpec(time_ns=int(whole) * _UNITS[unit] + int(part or "0") * _UNITS[unit] // 10 ** len(part))
    spec = _SPEC.fullmatch(text)
    if spec is None:
        raise ValueError(f"{text}: not an event: N, TIME, NAME or NAME:FIELD=VALUE,…, with @N for the N-th")
    name = spec["name"]
    if name not in EVENTS:
        raise ValueError(f"{name}: there is no such event; there are {', '.join(EVENTS)}")
    nth = int(spec["nth"] or 1)
    if nth == 0:
        raise ValueError(f"{text}: the first one is @1")
    conditions = dict(_condition(name, part) for part in (spec["fields"] or "").split(",") if part)
    return EventSpec(name=name, fields=conditions, nth=nth)


def _condition(name: str, text: str) -> tuple[str, int | str]:
    key, equals, value = text.partition("=")
    known = (*event_fields(name), *_COMMON)
    if not equals or key not in known:
        raise ValueError(f"{name}:{text}: not FIELD=VALUE with a field of {', '.join(known)}")
    if key == "sig" and value in Sig.__members__:
        return key, int(Sig[value])
    try:
        return key, int(value, 0)
    except ValueError:
        return key, value


def search(events: Iterator[tuple[int, Mapping[str, Any]]], spec: EventSpec, after: int = 0) -> int | None:
    """Return the number of the event that spec means, None if there is none; names are looked for behind `after`."""
    seen = 0
    for number, event in events:
        if spec.number is not None:
            if number == spec.number:
                return number
        elif (number > after or spec.time_ns is not None) and spec.matches(event):
            seen += 1
            if seen == spec.nth:
                return number
    return None
