"""A failing run, drawn: a column for each process, a line for each call, and the signals between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from procession.explorer.faults import fault_in_words
from procession.explorer.steps import Step
from procession.include.linux.signal import SIG_KERNEL_IGNORE_MASK, SIG_KERNEL_STOP_MASK, SIGCONT, SIGKILL, signame

if TYPE_CHECKING:
    from procession.explorer.critical import Critical
    from procession.explorer.recorder import Recorder

__all__ = ("cut", "drawing")

MOST_COLUMNS: Final = 4
_COLUMN: Final = 26
_FAR: Final = 12  # steps that are left out before it is said


class _Row(NamedTuple):
    """A line.

    at: index of the step.  order: of this line among those of the step.  column: whose.  to, sig: the column of who is
    sent a signal, and the signal's name, -1 and "" if nobody is.  fault: what has gone wrong in the step.
    """

    at: int
    order: int
    mark: str
    column: int
    text: str
    to: int = -1
    sig: str = ""
    fault: str = ""


def drawing(recorder: Recorder, critical: Critical | None, room: int) -> list[str]:
    """Return the steps of a run in at most so many lines; * marks deviations, ! the step that decided."""
    names = recorder.names
    threads = [nr for nr in sorted(names, key=lambda nr: (names[nr].count("."), nr)) if names[nr].startswith("P")]
    seen = {step.nr for step in recorder.steps if step.what or step.took}
    threads = [nr for nr in threads if nr in seen][:MOST_COLUMNS]
    rows = _near(_rows(recorder, threads, critical), room - 1, critical)
    lines = ["   " + "".join(f"{f'{names[nr]} ({nr})':<{_COLUMN}}" for nr in threads).rstrip()]
    last = -1
    for row in rows:
        if last >= 0 and row.at > last + _FAR:
            lines.append("   …")
        last = row.at
        lines.append(f" {row.mark} {_line(row)}".rstrip())
    return lines[:room]


def _rows(recorder: Recorder, threads: list[int], critical: Critical | None) -> list[_Row]:
    deviations = {node.step for node in recorder.nodes if node.answer}
    wrong = {node.step: f" ({text})" for node in recorder.nodes if (text := fault_in_words(node))}
    rows: list[_Row] = []
    came: dict[int, int] = {}  # of each thread, the last signal sent to it that could end it
    for at, step in enumerate(recorder.steps):
        sent = [(sig, nr) for sig, nr in step.sent if nr in threads]
        came |= {nr: sig for sig, nr in sent if not SIG_KERNEL_IGNORE_MASK >> (sig - 1) & 1}
        if step.nr not in threads and at not in wrong:
            continue
        column = threads.index(step.nr) if step.nr in threads else 0
        mark = "!" if critical is not None and critical.step == at else "*" if at in deviations else " "
        arrows = [(threads.index(nr), signame(sig)) for sig, nr in sent if nr != step.nr]
        if step.what:
            rows.append(_Row(at, 0, mark, column, _told(step), *(arrows.pop(0) if arrows else (-1, ""))))
        if at in wrong:
            if step.what:
                rows[-1] = rows[-1]._replace(fault=wrong[at])
            else:
                rows.append(_Row(at, 0, mark, column, "", fault=wrong[at].lstrip()))
        rows += [_Row(at, order, " ", column, "", *arrow) for order, arrow in enumerate(arrows, 1)]
        # What ends a group is SIGKILL for each of its threads, whatever it was that was sent.
        took = [(came.get(step.nr, sig) if sig == SIGKILL else sig, handler) for sig, handler in step.took]
        effects = [f"{signame(sig)} {what}" for sig, handler in took if (what := _effect(sig, handler))]
        rows += [_Row(at, order, " ", column, text) for order, text in enumerate(effects, 1 + len(arrows))]
    return rows


def _effect(sig: int, handler: int) -> str:
    """Return what a signal does to who takes it, "" for nothing."""
    bit = 1 << (sig - 1)
    if handler:
        return "→ its handler"
    if bit & SIG_KERNEL_STOP_MASK:
        return "→ stops"
    if sig == SIGCONT or bit & SIG_KERNEL_IGNORE_MASK:
        return ""
    return "→ dies"


def _line(row: _Row) -> str:
    """Return a line, with an arrow from its column to that of who is sent a signal."""
    start = _COLUMN * row.column
    if row.to < 0:
        return " " * start + cut(row.text, _COLUMN + 8) + row.fault
    if row.to < row.column:
        length = start - _COLUMN * row.to - 1
        arrow = "◀" + f" {row.sig} ".center(length - 1, "─")
        return f"{' ' * (_COLUMN * row.to)}{arrow} {cut(row.text, _COLUMN + 8)}{row.fault}"
    text = cut(row.text, _COLUMN - len(row.sig) - 3) + " " if row.text else ""
    length = _COLUMN * (row.to - row.column) - len(text) - 1
    name = f" {row.sig} " if length > len(row.sig) + 2 else row.sig
    return " " * start + text + name.center(length - 1, "─") + "▶" + row.fault


def _near(rows: list[_Row], room: int, critical: Critical | None) -> list[_Row]:
    """Leave out the first steps if there are too many, but not those that matter."""
    if len(rows) <= room:
        return rows
    wanted = [row for row in rows if row.mark != " " or (critical is not None and row.at in critical.pair)]
    rest = [row for row in rows if row not in wanted]
    kept = [*wanted, *rest[max(0, len(rest) - max(0, room - len(wanted))) :]]
    return sorted(kept)[:room]


def _told(step: Step) -> str:
    """Return a step in a few words, as strace would."""
    args = ", ".join(_argument(arg) for arg in step.args[:2])
    result = "" if step.result is None else f" = {step.result}"
    woken = "…" if step.woken else ""
    return f"{woken}{step.what}({args}){result}"


def _argument(arg: object) -> str:
    if isinstance(arg, int):
        return hex(arg) if abs(arg) > 0xFFFF else str(arg)
    return "…"


def cut(text: str, most: int) -> str:
    """Return the beginning of a text that is too long."""
    return text if len(text) <= most else text[: most - 1] + "…"
