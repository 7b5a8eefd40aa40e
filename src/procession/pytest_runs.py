"""What the plugin for pytest does once a test uses it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
import functools
import hashlib
import inspect
import os
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from procession.boot import Machine
from procession.explorer import prepared
from procession.explorer.again import Again
from procession.explorer.recorder import Diverged
from procession.explorer.search import Failure, Report, Search
from procession.explorer.sight import Expectation
from procession.explorer.subject import Run
from procession.explorer.token import Token, TokenError, fingerprint
from procession.hw.chooser import Choice
from procession.pytest_plugin import PLACE
from procession.result import Result

__all__ = ("Binary", "explore_test", "explored")

SHOWN: Final = 40
KEPT: Final = "procession/failures/"  # in pytest's cache
_TRACEBACK: Final = "Traceback (most recent call last):\n"


def test_fails(run: Run) -> str | None:
    """The test, or a process of it, has failed."""
    outcome = run.outcome
    if outcome is None or outcome.how not in ("exit", "signal"):
        return None  # which is wrong for other reasons
    errors = outcome.stderr.decode(errors="backslashreplace")
    if errors.startswith(_TRACEBACK) or "\n" + _TRACEBACK in errors:
        last = errors.rpartition(_TRACEBACK)[2].splitlines()
        return next((line for line in last if line and not line.startswith(" ")), "")
    return f"it ended with {outcome}" if outcome.how == "signal" or outcome.number else None


def explore_test(item: pytest.Function, function: Callable[..., Awaitable[Any]], options: dict[str, Any]) -> None:
    """Run an async test in every order, and fail it if one is wrong; options: the marker's."""
    # As pytest's own call does.
    names = [name for name in item._fixtureinfo.argnames if name != "linux"]
    if "expect" not in options:
        options["properties"] = (*options.get("properties", ()), test_fails)
    explored(item, _program(function, {name: item.funcargs[name] for name in names}), (), options)


def _program(function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Callable[..., Awaitable[Any]]:
    """Return a program that is the test with its fixtures."""
    if not arguments and inspect.isfunction(function):
        return function

    @functools.wraps(function)
    def program(linux: Any) -> Awaitable[Any]:
        return function(linux=linux, **arguments)

    return program


def explored(item: pytest.Item, program: Any, args: Sequence[str], options: dict[str, Any]) -> Report:
    """Explore a program for a test, and fail that with the first failure.

    With --procession-replay only that schedule is run; else those that have failed the last time come first.
    """
    options.setdefault("first", True)
    limit = item.config.getoption("--procession-schedules")
    if limit is not None:
        options["schedules"] = min(limit, options.get("schedules") or limit)
    search = prepared(program, *args, **options)
    token = item.config.getoption("--procession-replay")
    kept = _Kept(item, search)
    if token is not None:
        _replay(search, token)
        return search.report
    if failure := kept.fails_again():
        _fail(failure)
    report = search.run()
    if report.interrupted:
        raise KeyboardInterrupt
    item.user_properties.append((PLACE, (report.schedules, report.complete)))
    kept.keep(report)
    if report.failures:
        _fail(report.failures[0])
    return report


def _fail(failure: Failure) -> NoReturn:
    lines = str(failure).splitlines()[:SHOWN]
    errors = failure.outcome.stderr.decode(errors="backslashreplace").splitlines()
    room = SHOWN - len(lines) - 2
    if errors and room > 0:
        lines += ["", "Its errors:", *errors[-room:]]
    pytest.fail("\n".join(lines), pytrace=False)


def _again(search: Search, choices: Sequence[Choice]) -> tuple[Run, Failure | None]:
    """Make a run again; raises Diverged if it has become another one."""
    strategy = Again(choices)
    run = search.subject.run(strategy)
    if strategy.choices:
        raise Diverged(f"recorded: {next(iter(strategy.choices.values()))}; now the run ends before")
    for violation in search.wrong(run):
        search.keep(run, violation)
    return run, next(iter(search.report.failures), None)


def _replay(search: Search, text: str) -> None:
    """Run a token's schedule alone; fails the test if it is none of this program."""
    try:
        token = Token.parse(text)
    except TokenError as error:
        raise pytest.UsageError(str(error)) from None
    now = fingerprint(search.subject)
    if token.print != now:
        pytest.fail(f"the token is of another program, or this one has changed since ({token.print}, {now})", False)
    try:
        run, failure = _again(search, token.choices)
    except Diverged as error:
        pytest.fail(f"this is not the run that the token is of: {error}", pytrace=False)
    console = run.machine.console
    print(console.stdout.decode(errors="backslashreplace"), end="")
    search.report.schedules = 1
    if failure is not None:
        _fail(failure)


class _Kept:
    """Schedules in which an exploration has failed, in pytest's cache.

    Each test has a file of its own, so that workers of xdist do not meet.
    """

    def __init__(self, item: pytest.Item, search: Search) -> None:
        there = item.config.pluginmanager.hasplugin("cacheprovider")
        self.cache: pytest.Cache | None = item.config.cache if there else None
        self.search = search
        # A test may explore several programs.
        nth = item.stash.get(_NTH, 0)
        item.stash[_NTH] = nth + 1
        self.key = KEPT + hashlib.sha256(f"{item.nodeid} {nth}".encode()).hexdigest()[:16]

    def fails_again(self) -> Failure | None:
        """Return a kept failure that is still one."""
        for text in () if self.cache is None else self.cache.get(self.key, []):
            try:
                # The program may have changed: if its questions are the same, so is the schedule.
                _, failure = _again(self.search, Token.parse(text).choices)
            except (Diverged, TokenError):
                continue
            if failure is not None:
                return failure
        return None

    def keep(self, report: Report) -> None:
        """Remember the failures of a report, and forget those before."""
        tokens = [failure.token for failure in report.failures]
        if self.cache is not None and (tokens or self.cache.get(self.key, None)):
            self.cache.set(self.key, tokens)


_NTH: Final = pytest.StashKey[int]()


class Binary:
    """A program of the host, which sees the host's files (to be read; what it writes stays in its machine).

    Raises FileNotFoundError, PermissionError if there is no such program.
    """

    def __init__(self, item: pytest.Item, path: str | Path, env: Mapping[str, str] | None = None) -> None:
        self.item = item
        self.path = Path(path).absolute()
        self.env = env
        if not self.path.is_file():
            raise FileNotFoundError(f"{path}: no program there")
        if not os.access(self.path, os.X_OK):
            raise PermissionError(f"{path}: not executable")

    def run(self, *args: str, stdin: bytes = b"", **options: Any) -> Result:
        """Run it once, in the default order; options: of Machine."""
        given: dict[str, Any] = {"root": "/", "check": False, "stdin": stdin}
        machine = Machine(**(given | options))
        return machine.run([str(self.path), *args], env=self.env, cwd=str(Path.cwd()))

    def explore(self, *args: str, stdin: bytes = b"", expect: Expectation | None = None, **options: Any) -> Report:
        """Run it in every order, and fail the test if anything is wrong; options: those of explore."""
        given: dict[str, Any] = {"root": "/", "env": self.env, "cwd": str(Path.cwd()), "stdin": stdin, "expect": expect}
        return explored(self.item, [str(self.path), *args], (), given | options)
