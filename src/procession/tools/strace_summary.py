"""strace's table of calls: how many of each, how many failed, how long they took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from procession.arch.x86.syscall_table import LATER_CALLS, SYSCALL_NAMES
from procession.include.linux.time import NSEC_PER_SEC, NSEC_PER_USEC

__all__ = ("COLUMNS", "SORTS", "Summary", "columns", "sort_by")

# What -U and -S call the columns.
_NAMES: Final = {
    "percent": ("time", "time_percent", "time-percent"),
    "total": ("time_total", "time-total", "total_time", "total-time"),
    "min": ("min_time", "min-time", "shortest", "time_min", "time-min"),
    "max": ("longest", "max_time", "max-time", "time_max", "time-max"),
    "average": ("avg_time", "avg-time", "time_avg", "time-avg"),
    "calls": ("calls", "count"),
    "errors": ("error", "errors"),
    "name": ("name", "syscall", "syscall_name", "syscall-name"),
}
_ALIASES: Final = {alias: name for name, aliases in _NAMES.items() for alias in aliases}
# Titles and least widths.
COLUMNS: Final = {
    "percent": ("% time", 6),
    "total": ("seconds", 11),
    "min": ("shortest", 8),
    "max": ("longest", 7),
    "average": ("usecs/call", 11),
    "calls": ("calls", 9),
    "errors": ("errors", 9),
    "name": ("syscall", 16),
}
DEFAULT: Final = ("percent", "total", "average", "calls", "errors", "name")
SORTS: Final = ("time", "min-time", "max-time", "avg-time", "calls", "errors", "name", "nothing")
_NUMBERS: Final = {name: nr for nr, name in SYSCALL_NAMES.items()} | {name: nr for nr, (name, _) in LATER_CALLS.items()}


def sort_by(text: str) -> str:
    """Return the column that -S names, "" for none; raises ValueError."""
    if text in ("none", "nothing"):
        return ""
    if text not in _ALIASES:
        raise ValueError(f"-S {text}: one of {', '.join(SORTS)}")
    return "total" if _ALIASES[text] == "percent" else _ALIASES[text]


def columns(text: str) -> tuple[str, ...]:
    """Return the columns that -U names; the calls' names come last if it does not; raises ValueError."""
    out: list[str] = []
    for word in text.split(","):
        name = _ALIASES.get("time-percent" if word == "time" else word)
        if name is None:
            known = "time-percent, total-time, min-time, max-time, avg-time, calls, errors, name"
            raise ValueError(f"-U {text}: {word!r} is no column: {known}")
        if name in out:
            raise ValueError(f"-U {text}: {word} twice")
        out.append(name)
    return tuple(out if "name" in out else [*out, "name"])


@dataclass(slots=True)
class _Row:
    """What is counted of one call; times in ns."""

    name: str
    calls: int = 0
    errors: int = 0
    total: int = 0
    min: int = 0
    max: int = 0

    @property
    def average(self) -> int:
        """The mean time."""
        return self.total // self.calls

    def number(self, column: str) -> int:
        """Return what is counted in a column."""
        return {
            "calls": self.calls,
            "errors": self.errors,
            "total": self.total,
            "min": self.min,
            "max": self.max,
            "average": self.average,
        }[column]

    def add(self, ns: int, *, failed: bool) -> None:
        """Count a call."""
        self.min = min(self.min, ns) if self.calls else ns
        self.max = max(self.max, ns)
        self.calls += 1
        self.errors += failed
        self.total += ns


class Summary:
    """Counts calls, and prints the table."""

    def __init__(self, shown: Sequence[str] = DEFAULT, order: str = "total") -> None:
        self._columns = tuple(shown)
        self._order = order
        self._rows: dict[str, _Row] = {}

    def add(self, name: str, ns: int, *, failed: bool) -> None:
        """Count a call that took so long."""
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = _Row(name)
        row.add(ns, failed=failed)

    def text(self) -> str:
        """Return the table, nothing if there were no calls."""
        rows = self._sorted()
        if not rows:
            return ""
        whole = _Row("total", sum(r.calls for r in rows), sum(r.errors for r in rows), sum(r.total for r in rows))
        whole.min, whole.max = min(r.min for r in rows), max(r.max for r in rows)
        cells = [[_cell(row, column, whole) for column in self._columns] for row in [*rows, whole]]
        widths = [max(COLUMNS[column][1], self._widest(column, whole, rows)) for column in self._columns]
        titles = [COLUMNS[column][0] for column in self._columns]
        rule = " ".join("-" * width for width in widths)
        lines = [self._line(titles, widths), rule, *(self._line(line, widths) for line in cells[:-1]), rule]
        return "\n".join([*lines, self._line(cells[-1], widths)]) + "\n"

    def _sorted(self) -> list[_Row]:
        rows = sorted(self._rows.values(), key=lambda row: _NUMBERS.get(row.name, 0))
        if self._order == "name":
            return sorted(rows, key=lambda row: row.name)
        if self._order:
            return sorted(rows, key=lambda row: -row.number(self._order))
        return rows

    @staticmethod
    def _widest(column: str, whole: _Row, rows: Sequence[_Row]) -> int:
        if column == "name":
            return max(len(row.name) for row in rows) + 1
        if column in ("average", "min", "max"):
            return max(len(_cell(row, column, whole)) for row in rows)
        return len(_cell(whole, column, whole))

    def _line(self, cells: Sequence[str], widths: Sequence[int]) -> str:
        last = len(cells) - 1
        out = []
        for at, (column, cell, width) in enumerate(zip(self._columns, cells, widths, strict=True)):
            left = cell if at == last else f"{cell:<{width}}"
            out.append(left if column == "name" else f"{cell:>{width}}")
        return " ".join(out)


def _cell(row: _Row, column: str, whole: _Row) -> str:
    if column == "name":
        return row.name
    if column == "percent":
        share = 100 * row.total / whole.total if whole.total else 0.0
        return f"{100.0 if row is whole else share:.2f}"
    if column in ("total", "min", "max"):
        return f"{row.number(column) / NSEC_PER_SEC:.6f}"
    if column == "average":
        return str(row.average // NSEC_PER_USEC)
    if column == "errors":
        return str(row.errors or "")
    return str(row.number(column))
