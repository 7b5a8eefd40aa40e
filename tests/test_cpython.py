"""CPython's own tests, on the host and inside: a small share of what `python -m fuzz.cpython` does; how it judges."""

from __future__ import annotations

import subprocess

from fuzz import cpython, unittests
from fuzz.cpython import Listed, Outcome, verdict
import pytest
from tests.surroundings import need

SHARE = 10
LONG = {"test_asyncio", "test_multiprocessing_fork"}     # to be imported
MODULE = """
import os, signal, subprocess, time, unittest

class Fine(unittest.TestCase):
    def test_a(self): print("noise without an end", end="", flush=True)
    def test_b(self): self.skipTest("why not")
    def test_c(self):
        with self.subTest(1): self.fail("no")
    def test_d(self): raise OSError("no")
    @unittest.expectedFailure
    def test_e(self): self.fail("as expected")
    def test_f(self): subprocess.Popen(["/bin/sleep", "54321.75"])

class Grave(unittest.TestCase):
    def test_a(self): os.kill(os.getpid(), signal.SIGKILL)
    def test_b(self): time.sleep(60)
    def test_c(self): pass

class Never(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise unittest.SkipTest("none of them")
    def test_a(self): pass
"""
OUTCOMES = {
    "Fine.test_a": "ok", "Fine.test_b": "skipped", "Fine.test_c": "failed", "Fine.test_d": "error", "Fine.test_e": "ok",
    "Fine.test_f": "ok",
    "Grave.test_a": "died", "Grave.test_b": "limit", "Grave.test_c": "ok", "Never.test_a": "skipped",
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of tests of our own in the place of CPython's; returns its outcomes on a side."""
    why = cpython.unavailable()
    if why and "package" not in why:
        pytest.skip(why)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "__init__.py").touch()
    (tmp_path / "test" / "test_own.py").write_text(MODULE)
    monkeypatch.setattr(cpython, "LIBRARY", tmp_path)
    monkeypatch.setattr(cpython, "ENVIRONMENT", tmp_path / "environment")
    monkeypatch.setattr(cpython, "HOST_SECONDS", 5)
    tests = [f"test.test_own.{name}" for name in OUTCOMES]
    assert cpython.tests_of("test_own") == tests
    return lambda inside: cpython.all_of(cpython.Side(inside, cpython.users()[0]), "test_own", tests)


@pytest.mark.parametrize("inside", [False, True])
def test_each_outcome(own, inside):
    """Whatever a test does to its process, it has an outcome, and so has each after it; a sleep is not long inside."""
    expected = OUTCOMES | ({"Grave.test_b": "ok"} if inside else {})
    outcomes = own(inside)
    assert {test.removeprefix("test.test_own."): one.outcome for test, one in outcomes.items()} == expected
    assert outcomes["test.test_own.Never.test_a"].detail == "none of them"


@pytest.mark.parametrize(("host", "inside", "known", "found"), [
    ("ok", "ok", None, False), ("skipped", "skipped", None, False), ("error", "error", None, False),
    ("ok", "failed", None, True), ("ok", "skipped", None, True), ("failed", "ok", None, True),
    ("ok", "died", None, True), ("died", "died", None, True), ("limit", "limit", None, True),
    ("ok", "error", "error", False), ("skipped", "skipped", "skipped", False), ("ok", "ok", "error", True),
    ("ok", "died", "error", True), ("error", "error", "error", True),
])
def test_what_is_a_find(host, inside, known, found):
    listed = Listed(known, "EINVAL", "the reason") if known else None
    text = verdict("test.test_os.A.test_b", Outcome(host), Outcome(inside, "OSError: EINVAL"), listed)
    assert bool(text) == found
    assert not found or text.startswith(f"test.test_os.A.test_b: {host} on the host, {inside} inside")


def test_a_listed_test_that_says_something_else_is_a_find():
    listed = Listed("error", "EINVAL", "the reason")
    assert not verdict("a", Outcome("ok"), Outcome("error", "OSError: EINVAL"), listed)
    assert verdict("a", Outcome("ok"), Outcome("error", "OSError: EPERM"), listed)


def test_what_differs_is_listed_once():
    text = cpython.LISTED.read_text()
    known = cpython.listed()
    assert sum(text.count(f'"{test}"') for test in known) == len(known)
    assert {one.inside for one in known.values()} <= {*unittests.OUTCOMES, "died", "limit"}


def test_what_differs_exists_and_a_share_of_all():
    why = cpython.unavailable()
    if why:
        pytest.skip(why)
    assert cpython.listed().keys() <= {test for module in cpython.MODULES for test in cpython.tests_of(module)}
    tried = cpython.run(SHARE, 1, [module for module in cpython.MODULES if module not in LONG], jobs=1)
    assert tried.count == SHARE
    assert tried.found == []


def test_where_they_cannot_run(monkeypatch):
    """It says so in a line, and that is no find."""
    monkeypatch.setattr(cpython, "PYTHON", "/nonexistent/python3")
    assert "does not run" in cpython.run(1).what
    monkeypatch.setattr(cpython, "PYTHON", "/bin/echo")
    assert "/bin/echo is -c" in cpython.run(1).what
    assert cpython.run(1).found == []


def test_a_side_is_killed_with_its_group(own):
    """A child that a test has left behind is gone with its process."""
    need("ps")
    own(False)
    listing = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 54321.75" not in listing
