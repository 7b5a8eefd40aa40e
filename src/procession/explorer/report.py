"""Reports as text and as JSON: outcomes, and of each failure the moment that decided it, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from procession.explorer.critical import Critical, find_critical
from procession.explorer.drawing import cut, drawing
from procession.explorer.faults import fault_in_words
from procession.explorer.steps import Step

if TYPE_CHECKING:
    from procession.explorer.search import Failure, Report

__all__ = ("failure_text", "report_json", "report_text")

MOST_LINES: Final = 40


def report_text(report: Report) -> str:
    """Return the whole report."""
    lines = [_summary(report), ""]
    lines.append(f"{'times':>7}  {'deviations':>10}  outcome")
    for found in report.outcomes:
        lines.append(f"{found.times:>7}  {found.deviations:>10}  {cut(str(found.outcome), 90)}")
        lines.append(f"{'':>19}  {found.token}")
    for number, failure in enumerate(report.failures, 1):
        lines += ["", f"--- {number} of {len(report.failures)}: {failure.violation.name}", failure_text(failure)]
    return "\n".join(lines)


def _summary(report: Report) -> str:
    found = len(report.failures)
    what = f"{found} failure{'s' if found != 1 else ''}" if found else "nothing wrong"
    done = f"all schedules within {report.bound}" if report.complete else f"not all schedules within {report.bound}"
    if report.interrupted:
        done += ", as it was interrupted"
    rate = report.schedules / report.seconds if report.seconds else 0
    return (
        f"{what} in {done}: {report.schedules} run in {report.seconds:.1f} s ({rate:.0f} a second), "
        f"{report.classes} that differ"
    )


def failure_text(failure: Failure) -> str:
    """Return one failure in at most MOST_LINES lines: the sentence, the drawing, what decided it, the token."""
    critical = find_critical(failure)
    head = [failure.violation.sentence, f"It ended with {cut(str(failure.outcome), 90)}."]
    tail = [*_why(failure, critical), f"procession replay {failure.token}"]
    room = MOST_LINES - len(head) - len(tail) - 2
    return "\n".join([*head, "", *drawing(failure.run.recorder, critical, room), *tail])


def _why(failure: Failure, critical: Critical | None) -> list[str]:
    """Return what decided the run, in words."""
    if critical is None:
        return ["", "No order that was tried from any of its steps on ends well: it is no race.", ""]
    recorder = failure.run.recorder
    step = recorder.steps[critical.step]
    by = _by(recorder.names, step)
    faults = [text for node in recorder.nodes if node.step == critical.step and (text := fault_in_words(node))]
    if faults:
        by = f"what goes wrong in {by} ({faults[0]})" if step.nr else "a timer that expires before anybody goes on"
    lines = ["", f"Decided by {by}: before it, all could still end well; after it, nothing can."]
    if critical.pair:
        a, b = (recorder.steps[i] for i in critical.pair)
        about = critical.about
        lines.append(
            f"What counts is that {_by(recorder.names, a)} came before {_by(recorder.names, b)}: both touch {about}."
        )
        lines += [f"   {chain}" for chain in critical.chains]
    return [*lines, ""]


def _by(names: dict[int, str], step: Step) -> str:
    what = step.what or "its first step"
    return f"{what} of {names.get(step.nr, '?')} ({step.nr})"


def report_json(report: Report) -> dict[str, Any]:
    """Return the report as what json.dumps takes."""
    return {
        "bound": report.bound,
        "complete": report.complete,
        "interrupted": report.interrupted,
        "schedules": report.schedules,
        "classes": report.classes,
        "redundant": report.redundant,
        "seconds": round(report.seconds, 3),
        "outcomes": [
            {
                "how": one.outcome.how,
                "number": one.outcome.number,
                "stdout": one.outcome.stdout.decode(errors="backslashreplace"),
                "stderr": one.outcome.stderr.decode(errors="backslashreplace"),
                "count": one.times,
                "deviations": one.deviations,
                "token": one.token,
            }
            for one in report.outcomes
        ],
        "failures": [
            {
                "property": one.violation.name,
                "sentence": one.violation.sentence,
                "outcome": str(one.outcome),
                "deviations": one.deviations,
                "token": one.token,
                "steps": _steps(one.run.recorder.steps, one.run.recorder.names),
            }
            for one in report.failures
        ],
    }


def _steps(steps: Sequence[Step], names: dict[int, str]) -> list[dict[str, Any]]:
    return [
        {"thread": names.get(step.nr, ""), "nr": step.nr, "call": step.what, "woken": step.woken, "result": step.result}
        for step in steps
    ]
