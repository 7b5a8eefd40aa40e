"""Explore every order in which the processes of a program could have made their calls.

report = explore(main, deviations=2)
report.outcomes, report.failures, report.complete
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
import os
from pathlib import Path
from typing import Any, Final

from procession.arguments import check_flags, check_kind, check_range
from procession.explorer.properties import PROPERTIES, Property, Violation
from procession.explorer.queries import Query, always, never
from procession.explorer.recorder import Diverged
from procession.explorer.search import Expectation, Failure, Found, Progress, Report, Search
from procession.explorer.subject import Outcome, Program, Run, Subject
from procession.explorer.token import Token, TokenError
from procession.hw.chooser import FAULTS, INSTRUCTION
from procession.result import Result

__all__ = (
    "FAULTS",
    "FAULT_KINDS",
    "Diverged",
    "Failure",
    "Found",
    "Outcome",
    "Progress",
    "Property",
    "Query",
    "Report",
    "Run",
    "Subject",
    "Token",
    "TokenError",
    "Violation",
    "always",
    "explore",
    "never",
    "prepared",
    "replay",
)

MAX_DEVIATIONS: Final = 20
FAULT_KINDS: Final = tuple(kind for kind in FAULTS if kind != INSTRUCTION)
MAX_JOBS: Final = 4096


def explore(
    program: Program,
    *args: str,
    deviations: int = 2,
    faults: int = 0,
    fault_kinds: Collection[str] = FAULT_KINDS,
    exhaustive: bool = False,
    schedules: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    properties: Sequence[Property] = (),
    off: Collection[str] = (),
    expect: Expectation | None = None,
    first: bool = False,
    root: str | Path | Mapping[str, bytes | str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    stdin: bytes = b"",
    as_init: bool = False,
    check: bool = False,
    max_steps: int = 20_000,
    programs: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
    jobs: int = 1,
    executor: Any = None,
    checkpoint: str | Path | None = None,
) -> Report:
    """Run program in all orders within the bound, and report its outcomes and what is wrong with any.

    program, args, root, env, cwd, stdin, as_init, programs: as Machine and Machine.run take them.
    deviations: in how many places at most an order may differ from Linux's own.  faults: how many of these may be
    something that goes wrong besides, of the kinds in fault_kinds (FAULTS); instruction, a thread stopped inside its
    own code, has to be named, as it makes many schedules more.  exhaustive: all orders, of those that
    cannot be told apart only one.  schedules, seconds: stop after so many.  seed: of the schedules at random, and of
    the program's random bytes.  properties: functions of a Run that return what is wrong, or nothing.  off: names of
    built-in properties that may be broken (PROPERTIES and the names of what they find).  expect: what outcomes are
    allowed: "exit 0", several such texts, or a function of an Outcome.  first: stop at the first failure.
    max_steps: more than that and a schedule counts as endless.  check: hold all kernel structures against each other
    after every trap.  progress: called with a Progress after each schedule.
    jobs: how many processes run schedules; 0 is as many as there are CPUs. The report is the same for any number.
    executor: any of concurrent.futures, or a client of dask.distributed, to run them in the place of one's own
    processes. program, and all that is a function here, then stands in a file of its own right, not in a function.
    checkpoint: a file to which the state is written every few seconds, and from which the same search goes on;
    schedules counts those before, too.
    Raises TypeError, ValueError for arguments that cannot be, Diverged if the program is not repeatable, LinuxError if
    it cannot be executed.
    """
    return prepared(
        program,
        *args,
        deviations=deviations,
        faults=faults,
        fault_kinds=fault_kinds,
        exhaustive=exhaustive,
        schedules=schedules,
        seconds=seconds,
        seed=seed,
        properties=properties,
        off=off,
        expect=expect,
        first=first,
        root=root,
        env=env,
        cwd=cwd,
        stdin=stdin,
        as_init=as_init,
        check=check,
        max_steps=max_steps,
        programs=programs,
        progress=progress,
        jobs=jobs,
        executor=executor,
        checkpoint=checkpoint,
    ).run()


def prepared(
    program: Program,
    *args: str,
    deviations: int = 2,
    faults: int = 0,
    fault_kinds: Collection[str] = FAULT_KINDS,
    exhaustive: bool = False,
    schedules: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    properties: Sequence[Property] = (),
    off: Collection[str] = (),
    expect: Expectation | None = None,
    first: bool = False,
    root: str | Path | Mapping[str, bytes | str] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str = "/",
    stdin: bytes = b"",
    as_init: bool = False,
    check: bool = False,
    max_steps: int = 20_000,
    programs: Mapping[str, Any] | None = None,
    progress: Callable[[Progress], None] | None = None,
    jobs: int = 1,
    executor: Any = None,
    checkpoint: str | Path | None = None,
) -> Search:
    """Return a search that explore() with these arguments would run; raises TypeError, ValueError as that does."""
    check_flags(exhaustive=exhaustive, first=first, as_init=as_init, check=check)
    _check_limits(deviations, max_steps, schedules, seconds)
    check_range("jobs", jobs, 0, MAX_JOBS)
    _check_faults(faults, fault_kinds, exhaustive=exhaustive)
    _check_names(off)
    subject = Subject(
        program,
        args,
        root=root,
        env=env,
        cwd=cwd,
        stdin=stdin,
        seed=seed,
        as_init=as_init,
        check=check,
        max_steps=max_steps,
        programs=programs,
        faults=faults,
        optional=frozenset(fault_kinds),
    )
    return Search(
        subject,
        deviations=deviations,
        exhaustive=exhaustive,
        seed=seed,
        schedules=schedules,
        seconds=seconds,
        own=tuple(properties),
        off=frozenset(off),
        expect=expect,
        first=first,
        progress=progress,
        jobs=jobs or os.cpu_count() or 1,
        executor=executor,
        checkpoint=checkpoint,
    )


def _check_limits(deviations: int, max_steps: int, schedules: int | None, seconds: float | None) -> None:
    check_range("deviations", deviations, 0, MAX_DEVIATIONS)
    check_range("max_steps", max_steps, 1, 1 << 30)
    if schedules is not None:
        check_range("schedules", schedules, 1, 1 << 60)
    if seconds is not None:
        check_kind("seconds", seconds, int, float)


def _check_faults(faults: int, kinds: Collection[str], *, exhaustive: bool) -> None:
    check_range("faults", faults, 0, MAX_DEVIATIONS)
    if isinstance(kinds, str):
        raise TypeError(f"fault_kinds: names expected, not one text ({kinds!r})")
    for kind in kinds:
        if kind not in FAULTS:
            raise ValueError(f"fault_kinds: no kind {kind!r}; there are {', '.join(FAULTS)}")
    if faults and not kinds:
        raise ValueError("fault_kinds: none, of which there shall be some")
    if faults and exhaustive and INSTRUCTION in kinds:
        raise ValueError("fault_kinds: instruction goes with deviations only: all instructions are too many")


def _check_names(off: Collection[str]) -> None:
    for name in off:
        if name not in PROPERTIES and name not in _FOUND:
            raise ValueError(f"off: no property {name!r}; there are {', '.join((*PROPERTIES, *_FOUND))}")


_FOUND: Final = ("lost-child", "end-of-file", "stopped", "zombie", "panic", "outcome")


def replay(token: str, program: Program | None = None, **options: Any) -> Result:
    """Run what a token stands for once more; options: further arguments of Machine, such as trace=True.

    Raises TokenError for what is no token, or one of another version or program, ReplayError if the run is another.
    """
    parsed = Token.parse(token)
    subject = parsed.subject(program)
    return subject.run_on(subject.machine(subject.recorded(parsed.choices), **options))
