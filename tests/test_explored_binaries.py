"""What the explorer finds in programs with a race each: `make soak` has all of them, this has the quick ones."""

from fuzz import explored
from fuzz.explored import BROKEN_SHELLS, COMPILER, cases
import pytest

from procession.grading import FAILED, PASSED

pytestmark = pytest.mark.unchecked
# Scripts take a shell of the host, and long.
QUICK = [case.name for case in cases() if case.source.endswith(".c")]


@pytest.fixture(scope="module")
def build(compilers):
    """Gives the program of a C file of explored/."""

    def program(source, flags):
        compilers.need("musl")
        path = explored.EXPLORED / source
        command = [*COMPILER, *flags, str(path)]
        sources = [path, explored.EXPLORED / "explored.h"]
        return str(compilers.cache.build(path.stem, command, sources, compilers.versions["musl"]))

    return program


@pytest.mark.parametrize("name", QUICK)
def test_the_fault_of_a_program_is_found_and_its_mend_is_right(name, build):
    (case,) = [case for case in cases() if case.name == name]
    assert list(explored.failures(case, build, deviations=1)) == []


@pytest.mark.parametrize("mistake", BROKEN_SHELLS)
def test_a_broken_shell_fails(mistake, build):
    (result,) = explored.shell(build, mistake, 1, BROKEN_SHELLS[mistake]).results
    assert (result.verdict, result.points) == (FAILED, 0)


def test_the_right_shell_passes(build):
    good = explored.shell(build, "", 1, "foreground", "ctrl-c-group", "killed-in-background")
    assert [one.verdict for one in good.results] == [PASSED] * 3
    assert good.points == good.out_of == 26
    assert good.exit_status == 0


def test_what_is_not_found_is_there():
    assert set(explored.NOT_FOUND) <= {case.name for case in cases()}
