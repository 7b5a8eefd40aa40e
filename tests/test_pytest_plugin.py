"""The plugin for pytest, used by small projects of its own."""

from __future__ import annotations

from pathlib import Path
import re
import sys

import pytest

pytest_plugins = ["pytester"]

RACE = """
import pytest
from procession import Sig

@pytest.mark.interleavings(deviations=1)
async def test_lost(linux):
    async def handler(sig):
        pass
    await linux.signal(Sig.SIGUSR1, handler)
    me = await linux.getpid()
    if not await linux.fork():
        await linux.kill(me, Sig.SIGUSR1)
        await linux.exit(0)
    try:
        await linux.pause()
    except InterruptedError:
        pass
    await linux.waitpid(-1)
"""
MENDED = RACE.replace("linux.pause()", "linux.sigsuspend(set())").replace(
    "    await linux.signal(",
    "    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})\n    await linux.signal(",
)


@pytest.fixture
def project(pytester, monkeypatch):
    """A project that has the plugin, and nothing of ours."""
    pytester.makeini(
        "[pytest]\naddopts = -p no:procession -p no:slipcover -p procession.pytest_plugin --strict-markers\n"
        "filterwarnings =\n    error\n    ignore:Module already imported so cannot be rewritten\n"
    )
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return pytester


def run(project, *words):
    return project.runpytest_inprocess(*words)


def test_costs_nothing_where_it_is_not_used(project):
    project.makepyfile("""
        import sys

        def test_plain():
            there = sorted(name for name in sys.modules if name.split(".")[0] in ("procession", "unicorn", "typer"))
            assert there == ["procession", "procession._build", "procession._host", "procession.pytest_plugin"]
    """)
    project.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)


def test_finds_a_race_replays_it_and_tries_it_first(project):
    project.makepyfile(test_race=RACE)
    result = run(project)
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    shown = text[text.index("test_lost ___") : text.index("short test summary")]
    assert "its SIGCHLD has come and gone" in shown
    assert len(shown.splitlines()) <= 42  # with pytest's own lines about it
    (token,) = set(re.findall(r"px1\.\S+", shown))
    run(project, "--procession-replay", token).assert_outcomes(failed=1)
    result = run(project)  # from the cache
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("procession: *")
    project.makepyfile(test_race=MENDED)
    result = run(project)
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"procession: \d+ schedules in 1 explorations$"])
    (kept,) = (project.path / ".pytest_cache/v/procession/failures").iterdir()
    assert kept.read_text() == "[]"
    result = run(project, "--procession-replay", token)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the token is of another program, or this one has changed since (*)"])


def test_assertions_fixtures_classes_and_parameters(project):
    project.makepyfile("""
        import pytest

        def never_two(run):
            return "there is a 2" if b"2" in run.outcome.stdout else None

        @pytest.mark.interleavings(deviations=1, faults=0)
        async def test_assertion(linux):
            r, w = await linux.pipe()
            for letter in (b"a", b"b"):
                if not await linux.fork():
                    await linux.write(w, letter)
                    await linux.exit(0)
            for _ in range(2):
                await linux.waitpid(-1)
            assert await linux.read(r, 2) == b"ab"

        @pytest.mark.interleavings(deviations=0)
        async def test_assertion_of_a_child(linux):
            if not await linux.fork():
                assert not "in a child"
            await linux.waitpid(-1)

        @pytest.mark.interleavings(deviations=0, properties=[never_two])
        class TestAll:
            @pytest.mark.parametrize("n", [1, 2])
            async def test_n(self, linux, n, tmp_path):
                assert tmp_path.is_dir()
                await linux.print(n)

            def test_plain(self):
                pass
    """)
    result = run(project)
    result.assert_outcomes(passed=2, failed=3)
    said = ("AssertionError: assert b'ba' == b'ab'", "AssertionError: assert not 'in a child'", "there is a 2")
    result.stdout.fnmatch_lines(said)


def test_misuse(project):
    project.makepyfile("""
        import pytest

        @pytest.mark.interleavings
        def test_plain(linux):
            pass
    """)
    assert run(project).ret == pytest.ExitCode.USAGE_ERROR
    project.makepyfile("""
        import pytest

        @pytest.mark.interleavings(2)
        async def test_number(linux):
            pass
    """)
    result = run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_number: interleavings takes what explore() does, by name"])
    assert run(project, "--procession-schedules", "0").ret == pytest.ExitCode.USAGE_ERROR


def test_fixtures(project):
    project.makepyfile("""
        import pytest

        async def both(linux):
            for n in range(2):
                if not await linux.fork():
                    await linux.print(n)
                    await linux.exit(0)
            for _ in range(2):
                await linux.waitpid(-1)

        def test_machine(procession_machine):
            machine = procession_machine(seed=3)
            assert machine.run(both).exit_code == 0
            assert machine is not procession_machine()

        def test_explore(procession_explore):
            report = procession_explore(both, deviations=1)
            assert {one.outcome.stdout for one in report.outcomes} == {b"0\\n1\\n", b"1\\n0\\n"}

        def test_explore_fails(procession_explore):
            procession_explore(both, deviations=1, expect="exit 0, output '0\\\\n1\\\\n'")

        def test_binary(procession_binary):
            echo = procession_binary("/bin/echo")
            assert echo.run("a", "b").stdout == b"a b\\n"
            assert echo.explore("c", deviations=0).outcomes[0].outcome.stdout == b"c\\n"
            with pytest.raises(FileNotFoundError, match="nothing: no program there"):
                procession_binary("./nothing")
            with pytest.raises(PermissionError, match="not executable"):
                procession_binary(__file__)
    """)
    result = run(project, "--procession-schedules", "30")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["it ended with exit 0, output '1?n0?n'"])


def test_stops_early(project):
    project.makepyfile(test_race=MENDED)
    result = run(project, "--procession-schedules", "2")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["procession: 2 schedules in 1 explorations; in 1 of them not all within the bound"])


def test_under_xdist(project):
    project.makepyfile(test_race=RACE, test_mended=MENDED)
    result = project.runpytest_subprocess("-n", "1")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.re_match_lines([r"procession: \d+ schedules in 2 explorations"])


LOOP = '''
import inspect
import functools
import pytest

@pytest.hookimpl
def pytest_pyfunc_call(pyfuncitem):
    """As plugins with an event loop do: whatever is async is run by them."""
    function = inspect.unwrap(pyfuncitem.obj, stop=inspect.iscoroutinefunction)
    if inspect.iscoroutinefunction(function):
        assert not pyfuncitem.get_closest_marker("interleavings"), "taken from procession"
        return True

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """As pytest-asyncio does in its mode auto: the function is wrapped in one that is not async."""
    obj = item.obj

    @functools.wraps(obj)
    def wrapped(*args, **kwargs):
        raise AssertionError("taken from procession")

    if inspect.iscoroutinefunction(obj) and item.get_closest_marker("interleavings"):
        item.obj = wrapped
    try:
        return (yield)
    finally:
        item.obj = obj
'''


def test_beside_plugins_with_an_event_loop(project):
    project.makepyfile(loop=LOOP, test_race=MENDED + "\nasync def test_other():\n    pass\n")
    project.syspathinsert()
    run(project, "-p", "loop").assert_outcomes(passed=2)


def test_is_the_entry_point():
    """That is what pytest looks for; our own project leaves it out, as it would import the package too early."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\nprocession = "procession.pytest_plugin"\n' in text
    assert "procession.pytest_plugin" not in sys.modules or "no:procession" in text
