"""Grades as text and as JSON."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.report import failure_text

if TYPE_CHECKING:
    from procession.grading import Grade, Result

__all__ = ("grade_json", "grade_text")

JSON_FORMAT: Final = 1  # rises when a field goes away or means another thing
_WIDTH: Final = 100


def grade_text(grade: Grade) -> str:
    """Return the table, and behind it what is wrong with each trace that has failed."""
    width = max(len(one.trace.name) for one in grade.results)
    lines = [f"{grade.program}: {grade.lab.title or grade.lab.name}, {_bound(grade.deviations)}", ""]
    lines.append(f"{'trace':<{width}}  points  verdict     schedules  seconds")
    for one in grade.results:
        points = f"{one.points}/{one.trace.points}"
        row = f"{one.trace.name:<{width}}  {points:>6}  {one.verdict:<10}  {one.schedules:>9}  {one.seconds:>7.1f}"
        lines.append(row)
    lines.append(f"{'':<{width}}  {f'{grade.points}/{grade.out_of}':>6}")
    for one in grade.results:
        if one.failure is not None:
            lines += ["", f"--- {one.trace.name}: {one.failure.violation.name}", failure_text(one.failure)]
            lines += ["", fill(f"Hint: {one.trace.hint}", _WIDTH)] if one.trace.hint else []
    return "\n".join(lines)


def _bound(deviations: int) -> str:
    return f"all orders with at most {deviations} deviation{'' if deviations == 1 else 's'}"


def grade_json(grade: Grade) -> dict[str, Any]:
    """Return the grade as what json.dumps takes."""
    return {
        "format": JSON_FORMAT,
        "program": grade.program,
        "lab": grade.lab.name,
        "deviations": grade.deviations,
        "place": str(grade.place),
        "points": grade.points,
        "out_of": grade.out_of,
        "complete": all(one.verdict != "unfinished" for one in grade.results),
        "traces": [_trace(one) for one in grade.results],
    }


def _trace(one: Result) -> dict[str, Any]:
    failure = one.failure
    return {
        "name": one.trace.name,
        "points": one.points,
        "out_of": one.trace.points,
        "verdict": one.verdict,
        "schedules": one.schedules,
        "seconds": round(one.seconds, 3),
        "property": "" if failure is None else failure.violation.name,
        "sentence": one.sentence,
        "hint": one.trace.hint if failure is not None else "",
        "deviations": None if failure is None else failure.deviations,
        "token": one.token,
    }
