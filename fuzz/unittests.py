"""Run tests of a module of CPython's own, and tell the outcome of each; a script for the host's python3.

    python3 unittests.py MODULE list
    python3 unittests.py MODULE run IDS-OF-USER [ID]...

It runs on the host and inside, so it has nothing but the standard library. Standard output carries the tests' own
output as well, so what this tells is a line of its own that begins with a mark: before a test its name, then its
outcome. Whoever reads sees which test is running when the process dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from types import TracebackType
from typing import Any
import unittest

MARK = "\x1e"
# From the best to the worst: of a test with subtests the worst is its outcome.
OUTCOMES = ("ok", "skipped", "failed", "error")
DETAIL = 2000

Err = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


def tell(**what: Any) -> None:
    """Write a line that is ours, at once: a child that a test forks has nothing of it left to write."""
    os.write(1, f"\n{MARK}{json.dumps(what)}\n".encode())


def text_of(err: Err) -> str:
    """Return an exception as Python prints it."""
    return "".join(traceback.format_exception(*err))


class Telling(unittest.TestResult):
    """Tells the beginning and the outcome of each test."""

    def __init__(self) -> None:
        super().__init__()
        self.outcome = "ok"
        self.detail = ""
        self.told: set[str] = set()
        self.instead: dict[str, tuple[str, str]] = {}     # of a class or module none of which has run

    def note(self, outcome: str, detail: str) -> None:
        """Keep the worst that is said of the test."""
        if OUTCOMES.index(outcome) > OUTCOMES.index(self.outcome):
            self.outcome, self.detail = outcome, detail

    def startTest(self, test: unittest.TestCase) -> None:
        """Tell that it begins."""
        self.outcome, self.detail = "ok", ""
        tell(begins=test.id())

    def stopTest(self, test: unittest.TestCase) -> None:
        """Tell how it was."""
        self.told.add(test.id())
        tell(test=test.id(), outcome=self.outcome, detail=self.detail[-DETAIL:])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        """The test, a subtest or a whole class was left out."""
        if not isinstance(test, unittest.TestCase):
            self.instead[whole(test)] = "skipped", reason
        self.note("skipped", reason)

    def addFailure(self, test: unittest.TestCase, err: Err) -> None:
        """An assertion failed."""
        self.note("failed", text_of(err))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        """It was expected to fail."""
        self.note("failed", "unexpected success")

    def addError(self, test: unittest.TestCase, err: Err) -> None:
        """Something else was raised; where that is in tearDownClass or the like, it is told by itself."""
        detail = text_of(err)
        self.note("error", detail)
        if isinstance(test, unittest.TestCase):
            return
        if test.id().startswith("setUp"):
            self.instead[whole(test)] = "error", detail
        else:
            tell(test=test.id(), outcome="error", detail=detail[-DETAIL:])

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Err | None) -> None:
        """A part of a test has ended."""
        if err is not None and err[0] is not None:
            failed = issubclass(err[0], test.failureException)
            self.note("failed" if failed else "error", text_of(err))

    def tell_the_rest(self, tests: Iterable[unittest.TestCase]) -> None:
        """Tell of those that have not run what is known of their class or module."""
        for test in tests:
            for name, (outcome, detail) in self.instead.items():
                if test.id() not in self.told and test.id().startswith(f"{name}."):
                    tell(test=test.id(), outcome=outcome, detail=detail[-DETAIL:])


def whole(holder: Any) -> str:
    """Return of which class or module "setUpClass (test.test_os.ThatClass)" is."""
    return str(holder.id()).partition("(")[2].rstrip(")")


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """Yield the tests of a suite, in order."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def settle(user: str) -> None:
    """Be the same on both sides: user and groups (UID:GID:GROUP,GROUP), signals, limits, an empty directory."""
    uid, gid, groups = user.split(":")
    if os.geteuid() == 0:
        os.setgroups([int(group) for group in groups.split(",") if group])
        os.setresgid(int(gid), int(gid), int(gid))
        os.setresuid(int(uid), int(uid), int(uid))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.umask(0o022)
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for limit, value in (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 1024):
        resource.setrlimit(limit, (value, resource.getrlimit(limit)[1]))
    os.chdir(tempfile.mkdtemp(prefix="cpython-tests-"))


def main() -> None:
    """List the tests of a module, or run those that are named."""
    module, what, *more = sys.argv[1:]
    del sys.argv[1:], sys.path[0]
    if what == "run":
        settle(more[0])
    try:
        tests = list(flat(unittest.defaultTestLoader.loadTestsFromName(module)))
    except unittest.SkipTest as why:        # the module itself is what is skipped
        for name in [module] if what == "list" else more[1:]:
            tell(test=name, outcome="skipped", detail=str(why))
        tell(done=True)
        return
    if what == "list":
        for test in tests:
            tell(test=test.id())
        return
    wanted = set(more[1:])
    chosen = [test for test in tests if test.id() in wanted]
    result = Telling()
    unittest.TestSuite(chosen).run(result)
    result.tell_the_rest(chosen)
    tell(done=True)


if __name__ == "__main__":
    main()
