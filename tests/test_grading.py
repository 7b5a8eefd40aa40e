"""Labs as files, the grade of a program, and the command; what is found in shells is test_explored_binaries.py's."""

import json
import os
from pathlib import Path

from fuzz.explored import COMPILER
import pytest
from tests import starter

from procession.explorer import replay
from procession.grading import FAILED, PASSED, UNFINISHED, LabError, grade, load_lab

pytestmark = pytest.mark.unchecked

PAGE = Path(__file__).parents[1] / "docs" / "grading.md"
LAB = """
name = "own"
command = ["./program", "-x"]
[[trace]]
name = "says"
points = 3
stdin = "a line\\n"
allowed = ['number \\(PID\\)\\n']
hint = "Say it."
[[trace]]
name = "status"
points = 2
stdin = ""
allowed = ['']
status = 4
"""
# Says where it is: a shell script needs no compiler.
SAYS = '#!/bin/sh\nread line || exit 4\n[ "$1 $line" = "-x a line" ] && echo "number ($$)"\n'


@pytest.fixture
def own(tmp_path):
    """Gives the path of a program and of a lab with those texts."""

    def write(program=SAYS, lab=LAB):
        (tmp_path / "program.sh").write_text(program)
        (tmp_path / "program.sh").chmod(0o755)
        (tmp_path / "own.toml").write_text(lab)
        return tmp_path / "program.sh", tmp_path / "own.toml"

    return write


def graded(paths, tmp_path, **options):
    return grade(*paths, place=tmp_path / "place", **options)


def test_a_program_that_is_right(own, tmp_path):
    report = graded(own(), tmp_path)

    assert [(one.trace.name, one.verdict, one.points) for one in report.results] == [
        ("says", PASSED, 3), ("status", PASSED, 2),
    ]
    assert (report.points, report.out_of, report.exit_status) == (5, 5, 0)
    assert "5/5" in str(report)


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("#!/bin/sh\necho other\n", r"no order allows what it wrote: 'other\n'"),
        ("#!/bin/sh\nexit 3\n", "it ended with exit status 3, not 0"),
        ("#!/bin/sh\nkill -9 $$\n", "signal 9 has ended it"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(own, tmp_path, program, sentence):
    report = graded(own(program), tmp_path, traces=["says"])
    (result,) = report.results

    assert (result.verdict, result.points, result.sentence) == (FAILED, 0, sentence)
    assert report.exit_status == 1
    text = str(report)
    assert sentence in text
    assert "Hint: Say it." in text
    assert result.token in text


def test_a_token_brings_the_run_back(own, tmp_path):
    (result,) = graded(own("#!/bin/sh\necho other\n"), tmp_path, traces=["says"]).results
    assert replay(result.token).output == "other\n"


def test_no_time_is_no_verdict(own, tmp_path):
    report = graded(own(), tmp_path, seconds=0)

    assert {one.verdict for one in report.results} == {UNFINISHED}
    assert report.exit_status == 3
    assert not report.json()["complete"]


def test_json_has_what_the_page_says(own, tmp_path):
    report = graded(own("#!/bin/sh\nexit 4\n"), tmp_path).json()

    assert report == json.loads(json.dumps(report))
    assert list(report) == [
        "format", "program", "lab", "deviations", "place", "points", "out_of", "complete", "traces",
    ]
    assert list(report["traces"][0]) == [
        "name", "points", "out_of", "verdict", "schedules", "seconds", "property", "sentence", "hint",
        "deviations", "token",
    ]
    assert [one["verdict"] for one in report["traces"]] == ["failed", "passed"]


def test_programs_of_a_lab_lie_beside_the_program(compilers, own, tmp_path):
    compilers.need("musl")
    (tmp_path / "help.c").write_text('#include <unistd.h>\nint main(void) { return write(1, "help\\n", 5) != 5; }\n')
    lab = 'name = "h"\ncommand = ["./it"]\nprograms = {help = "help.c"}\n'
    lab += "[[trace]]\nname = 'one'\npoints = 1\nstdin = ''\nallowed = ['help\\n']\n"
    paths = own("#!/bin/sh\nexec ./help\n", lab)

    assert graded(paths, tmp_path, compiler=COMPILER).points == 1
    (tmp_path / "help.c").write_text("int main(void) { return }\n")
    with pytest.raises(LabError, match=r"^help\.c cannot be compiled: .*error: "):
        graded(paths, tmp_path, compiler=COMPILER)
    with pytest.raises(LabError, match=r"^help\.c cannot be compiled: no-such-compiler: No such file or directory$"):
        graded(paths, tmp_path, compiler=["no-such-compiler"])


def test_the_place_is_the_same_for_the_same_program(own, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    first, second = (grade(*own(), traces=["status"]) for _ in range(2))

    assert first.place == second.place
    assert first.place.parent == tmp_path / f"procession-grade-{os.getuid()}"
    first.place.parent.chmod(0o777)
    with pytest.raises(LabError, match="not a directory of yours alone"):
        grade(*own(), traces=["status"])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('name = "own"', "", "name is missing"),
        ('name = "own"', "name = 3", "name: str expected, not 3"),
        ('name = "own"', 'name = "own"\nother = 1', "no field 'other'"),
        ('name = "own"', 'name = "own"\noff = ["x"]', "off: no property 'x'"),
        ('name = "own"', 'name = "own"\nprograms = {a = "../a.c"}', "programs: a: the name of a C file beside"),
        ('name = "own"', 'name = "own"\nprograms = {a = "a.c"}', "is not there"),
        ('"./program", ', '"/bin/program", ', "command: the program's name with ./ before it expected first"),
        ('"-x"', "1", "command: texts expected, not 1"),
        ("points = 3", "points = true", "trace says: points: int expected, not True"),
        ("points = 3", "points = -1", "trace says: points from 0 on"),
        ("'number", "'(number", "trace says: allowed: "),
        ('"status"', '"says"', "two traces 'says'"),
        ("[[trace]]", "[[trace", "Expected "),
    ],
)
def test_a_lab_that_cannot_be_is_told_in_a_line(own, old, new, why):
    assert old in LAB
    _, path = own(lab=LAB.replace(old, new))
    with pytest.raises(LabError) as error:
        load_lab(path)
    assert str(error.value).startswith(f"lab {path}: ")
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_the_lab_of_shells_is_there():
    lab = load_lab("shlab")
    assert (lab.name, lab.points, lab.command) == ("shlab", 100, ("./tsh", "-p"))
    assert lab.sources["job"].is_file()


def command(*words):
    return starter.run("grade", *words, text=True)


def test_the_command(own, tmp_path):
    program, lab = own()
    done = command(program, "--lab", lab, "--place", tmp_path / "place", "--json", tmp_path / "out.json")

    assert (done.returncode, done.stderr) == (0, "")
    assert "says       3/3  passed" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())["points"] == 5


@pytest.mark.parametrize(
    ("program", "lab", "traces", "line"),
    [
        ("{dir}/none", "{lab}", (), "{dir}/none: No such file or directory"),
        ("{dir}", "{lab}", (), "{dir}: Is a directory"),
        ("{lab}", "{lab}", (), "{lab}: not executable"),
        ("{program}", "none", (), "lab none: No such file or directory; there is shlab, or the path of a file"),
        ("{program}", "{dir}", (), "lab {dir}: Is a directory; there is shlab, or the path of a file"),
        ("{program}", "{lab}", ("x",), "lab own: no trace 'x'; there are says, status"),
    ],
)
def test_a_mistake_is_one_line(own, tmp_path, program, lab, traces, line):
    names = dict(zip(("program", "lab"), own(), strict=True), dir=tmp_path)
    with pytest.raises(LabError) as error:
        grade(program.format(**names), lab.format(**names), traces=traces, place=tmp_path / "place")
    assert str(error.value) == line.format(**names)


def test_what_is_no_program_is_one_line_and_status_2(own, tmp_path):
    program, lab = own("no program")
    done = command(program, "--lab", lab, "--place", tmp_path / "place")

    assert done.returncode == 2
    assert done.stderr == f"procession: {program}: ./program: no format knows this file\n"


def test_the_example_of_the_page_is_a_lab(own, tmp_path):
    page = PAGE.read_text(encoding="utf-8").split("```toml\n")[1].partition("```")[0]
    (tmp_path / "helper.c").touch()
    lab = load_lab(own(lab=page)[1])

    assert lab.sources == {"helper": tmp_path / "helper.c"}
    assert lab.traces[0].allows("3 words of (17)\n")
