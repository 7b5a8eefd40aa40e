"""A search's state in a file, so that the same search goes on from there another day.

The file is JSON: what is searched, what was found, and the frontier. It is only believed for the same program, version
and options; limits of time and schedules, and who runs them, may be others.
"""

from __future__ import annotations

from ast import literal_eval
from importlib import metadata
import json
import os
from pathlib import Path
import time
from typing import TYPE_CHECKING, Any, Final

from procession.explorer import token as tokens
from procession.explorer.frontier import Table, plain_nodes, plain_place, read_place, restored, written
from procession.explorer.prefix import Prefix
from procession.explorer.properties import Violation
from procession.explorer.queries import Query
from procession.explorer.steps import Object
from procession.explorer.subject import Outcome

if TYPE_CHECKING:
    from procession.explorer.search import Search

__all__ = ("Checkpoint",)

FORMAT: Final = 2
EVERY: Final = 5.0  # seconds from one writing to the next
SHARE: Final = 20  # and at least so many times what writing takes


class Checkpoint:
    """The file of a search."""

    def __init__(self, search: Search, file: Path) -> None:
        self.search = search
        self.file = file
        self.due = time.monotonic() + EVERY
        self.whole = True  # whether the state is that between two schedules

    def begin(self) -> None:
        """Hear that a schedule is about to be counted."""
        self.whole = False

    def settled(self) -> None:
        """Hear that it was, and write if it is time to."""
        self.whole = True
        if time.monotonic() >= self.due:
            self.write()

    def write(self) -> None:
        """Write the file, all of it or nothing; raises OSError. Interrupted half way through a schedule, leave it."""
        if not self.whole:
            return
        began = time.monotonic()
        new = self.file.with_name(self.file.name + ".new")
        new.write_text(json.dumps(self._state(), separators=(",", ":")) + "\n")
        os.replace(new, self.file)  # noqa: PTH105 -- says what it does to who reads it meanwhile
        now = time.monotonic()
        self.due = now + max(EVERY, SHARE * (now - began))

    def resume(self) -> None:
        """Go on from the file, if there is one; raises ValueError if it is no checkpoint of this search."""
        try:
            text = self.file.read_text()
        except FileNotFoundError:
            return
        try:
            state = json.loads(text)
            form, what = state["procession checkpoint"], state["search"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{self.file}: not a checkpoint") from None
        if form != FORMAT:
            raise ValueError(f"{self.file}: a checkpoint of format {form}; this version writes {FORMAT}")
        for key, now in self._what().items():
            if what.get(key) != now:
                raise ValueError(f"{self.file}: of another search: {key} was {what.get(key)!r}, and is {now!r}")
        try:
            self._restore(state)
        except (KeyError, IndexError, TypeError, SyntaxError) as error:
            raise ValueError(f"{self.file}: a checkpoint that is damaged ({error!r})") from None

    def _what(self) -> dict[str, Any]:
        """Return what has to be the same."""
        search, subject, looker = self.search, self.search.subject, self.search.looker
        expect = looker.expect
        programs = subject.programs or {}
        what = {
            "version": metadata.version("procession"),
            "program": tokens.program_name(subject.program),
            "fingerprint": tokens.fingerprint(subject),
            "arguments": subject.args,
            "root": str(subject.root) if isinstance(subject.root, str | Path) else None,
            "cwd": subject.cwd,
            "env": subject.env and dict(subject.env),
            "seed": search.seed,
            "as_init": subject.as_init,
            "check": subject.check,
            "max_steps": subject.max_steps,
            "faults": subject.faults,
            "fault kinds": sorted(subject.optional),
            "programs": {path: tokens.program_name(one) for path, one in sorted(programs.items())},
            "deviations": search.deviations,
            "exhaustive": search.exhaustive,
            "off": sorted(looker.off),
            "expect": tokens.program_name(expect) if callable(expect) else expect,
            "properties": [one.text if isinstance(one, Query) else tokens.program_name(one) for one in looker.own],
        }
        plain: dict[str, Any] = json.loads(json.dumps(what))  # lists for tuples, as they come back
        return plain

    # Writing.

    def _state(self) -> dict[str, Any]:
        search, report, bounded = self.search, self.search.report, self.search.bounded
        objects = Table()
        runs = Table()
        waiting = [[plain_place(runs, one) for one in places] for places in bounded.waiting]
        put_off = [plain_place(runs, one) for one in bounded.put_off]
        skipped = [
            [
                level,
                [[plain_place(runs, one), [objects.index(thing, thing) for thing in things]] for one, things in places],
            ]
            for level, places in bounded.skipped.items()
        ]
        shared = bounded.shared
        touched = [[objects.index(thing, thing), list(by.items())] for thing, by in shared.touched.items()]
        return {
            "procession checkpoint": FORMAT,
            "search": self._what(),
            "seconds": search.before + time.monotonic() - search.began,
            "schedules": report.schedules,
            "redundant": report.redundant,
            "complete": report.complete,
            "classes": sorted(report.seen),
            "outcomes": [[_outcome(one), count, *report.first[one]] for one, count in report.counts.items()],
            "failures": [[list(one.violation), one.run.recorder.nodes, one.token] for one in report.failures],
            "samples": [search.sampled, search.sample_steps],
            "orders": written(search.orders) if search.exhaustive else None,
            "frontier": {
                "begun": bounded.begun,
                "level": bounded.level,
                "waiting": waiting,
                "put off": put_off,
                "known": [[*key, level] for key, level in bounded.known.items()],
                "skipped": skipped,
                "shared": [objects.index(thing, thing) for thing in sorted(shared.objects, key=repr)],
                "touched": touched,
                "runs": runs.things,
                "objects": [repr(thing) for thing in objects.things],
            },
        }

    # Reading.

    def _restore(self, state: dict[str, Any]) -> None:
        search, report, bounded = self.search, self.search.report, self.search.bounded
        search.before = float(state["seconds"])
        report.schedules = int(state["schedules"])
        report.redundant = int(state["redundant"])
        report.complete = bool(state["complete"])
        report.seen = set(state["classes"])
        for (how, number, out, err), count, deviations, token in state["outcomes"]:
            outcome = Outcome(how, number, out.encode("latin-1"), err.encode("latin-1"))
            report.counts[outcome] = count
            report.first[outcome] = (deviations, token)
        search.sampled, search.sample_steps = state["samples"]
        if search.exhaustive:
            restored(search.orders, state["orders"])
        frontier = state["frontier"]
        things: list[Object] = [literal_eval(text) for text in frontier["objects"]]
        runs = [plain_nodes(run) for run in frontier["runs"]]
        bounded.begun = frontier["begun"]
        bounded.level = frontier["level"]
        bounded.waiting = [[read_place(runs, one) for one in places] for places in frontier["waiting"]]
        bounded.put_off = [read_place(runs, one) for one in frontier["put off"]]
        bounded.known = {
            (came, kind, tuple(candidates), answer): level
            for came, kind, candidates, answer, level in frontier["known"]
        }
        bounded.skipped = {
            level: [(read_place(runs, place), tuple(things[n] for n in objects)) for place, objects in places]
            for level, places in frontier["skipped"]
        }
        bounded.shared.objects = {things[n] for n in frontier["shared"]}
        bounded.shared.touched = {things[n]: dict(by) for n, by in frontier["touched"]}
        for violation, nodes, _ in state["failures"]:
            run = search.subject.run(Prefix(plain_nodes(nodes), footprints=True))
            search.keep(run, Violation(*violation))


def _outcome(outcome: Outcome) -> list[Any]:
    return [outcome.how, outcome.number, outcome.stdout.decode("latin-1"), outcome.stderr.decode("latin-1")]
