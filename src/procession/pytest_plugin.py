"""The plugin for pytest: async tests that are run in every order, and fixtures for machines and programs.

It is loaded in every project of an environment that has this package: so nothing is imported here that a test which
does not use it would have to wait for.
"""

from __future__ import annotations

from collections.abc import Callable
import inspect
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.explorer import Report
    from procession.pytest_runs import Binary

__all__ = ("linux", "procession_binary", "procession_explore", "procession_machine")

MARK: Final = "interleavings"
PLACE: Final = "procession_schedules"  # of a test's user properties: how many were run, and whether that was all


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("procession", "every order in which a program's processes could have made their calls")
    group.addoption(
        "--procession-replay",
        metavar="TOKEN",
        help="run the selected test in this order alone: the token is in the report of its failure",
    )
    group.addoption(
        "--procession-schedules", metavar="N", type=int, help="stop each exploration after so many schedules"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and see to the options' values."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(deviations=2, faults=0, properties=(), …): run an async test as a program, in every order that "
        "differs from the default one in at most so many places; what else explore() takes can be said, too",
    )
    schedules = config.getoption("--procession-schedules")
    if schedules is not None and schedules < 1:
        raise pytest.UsageError(f"--procession-schedules {schedules}: one at least")


def coroutine_function(item: pytest.Function) -> Any:
    """Return a test's async function, None if it has none; plugins with an event loop may have wrapped it by now."""
    function = inspect.unwrap(item.obj, stop=inspect.iscoroutinefunction)
    return function if inspect.iscoroutinefunction(function) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """See to it that the marker stands where it means something; on a module or class it is for those it can be for."""
    if not isinstance(item, pytest.Function) or (mark := item.get_closest_marker(MARK)) is None:
        return
    if mark.args:
        raise pytest.UsageError(f"{item.nodeid}: {MARK} takes what explore() does, by name")
    fits = coroutine_function(item) is not None and "linux" in item.fixturenames
    if not fits and any(own.name == MARK for own in item.own_markers):
        raise pytest.UsageError(f"{item.nodeid}: {MARK} is for `async def {item.originalname}(linux)`")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run an async test that has the marker; all others are somebody else's."""
    mark = pyfuncitem.get_closest_marker(MARK)
    function = coroutine_function(pyfuncitem)
    if mark is None or function is None or "linux" not in pyfuncitem.fixturenames:
        return None
    from procession import pytest_runs  # noqa: PLC0415 -- as the module says

    pytest_runs.explore_test(pyfuncitem, function, dict(mark.kwargs))
    return True


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many schedules were run, and that some were not."""
    ran, schedules, parts = 0, 0, 0
    for reports in terminalreporter.stats.values():
        for report in reports:
            if not isinstance(report, pytest.TestReport) or report.when != "call":
                continue
            for name, value in report.user_properties:
                if name == PLACE:
                    number, complete = cast("tuple[int, bool]", value)
                    ran, schedules, parts = ran + 1, schedules + number, parts + (not complete)
    if ran:
        rest = f"; in {parts} of them not all within the bound" if parts else ""
        terminalreporter.write_line(f"procession: {schedules} schedules in {ran} explorations{rest}")


@pytest.fixture
def linux() -> None:
    """Stand for the calls of Linux in a test with the marker interleavings."""


@pytest.fixture
def procession_machine() -> Callable[..., Machine]:
    """Make machines: a function that takes what Machine does. Their structures are not checked unless check=True."""

    def make(**options: Any) -> Machine:
        from procession.boot import Machine  # noqa: PLC0415 -- as the module says

        return Machine(**({"check": False} | options))

    return make


@pytest.fixture
def procession_explore(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """Explore a program: a function that takes what explore() does, and fails the test if anything is wrong."""

    def run(program: Any, *args: str, **options: Any) -> Report:
        from procession import pytest_runs  # noqa: PLC0415 -- as the module says

        return pytest_runs.explored(request.node, program, args, options)

    return run


@pytest.fixture
def procession_binary(request: pytest.FixtureRequest) -> Callable[..., Binary]:
    """Take a program of the host: a function of its path, whose result has run() and explore()."""

    def take(path: str, *, env: dict[str, str] | None = None) -> Binary:
        from procession import pytest_runs  # noqa: PLC0415 -- as the module says

        return pytest_runs.Binary(request.node, path, env)

    return take
