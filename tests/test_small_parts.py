"""What the commands and the explorer say in cases that a whole run seldom has."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
import random
import re
import socket
from types import SimpleNamespace

import pytest
import typer

from procession.cli import commands, explore, mistakes, output, words
from procession.cli import grade as grade_command
from procession.cli import lab as lab_command
from procession.cli.mistakes import FAILED
from procession.cli.published import read_ports
from procession.explorer import Subject
from procession.explorer.critical import in_words
from procession.explorer.faults import fault_in_words
from procession.explorer.jobs import _Named
from procession.explorer.sampling import _at_random
from procession.explorer.steps import Node
from procession.explorer.token import TokenError, fingerprint, load_program, make
from procession.grading.lab import LabError, load_lab
from procession.hw.chooser import GETS_NUMBER, IS_INTERRUPTED, IS_REFUSED, RUNS_NEXT, STOPS_INSIDE, TRANSFERS, Choice
from procession.include.linux.errno import Errno, LinuxError
from procession.tools.fault_inject import FAULT_KINDS, parse_spec


async def program(sys):
    await sys.exit(0)


@pytest.mark.parametrize(("kind", "candidates", "said"), [
    (IS_REFUSED, (0, 12), "refused what it needs: ENOMEM"),
    (IS_INTERRUPTED, (0, 1), "interrupted"),
    (TRANSFERS, (5, 1), "1 byte of 5"),
    (GETS_NUMBER, (18, 17), "number 17 again"),
    (STOPS_INSIDE, (0, 18), "stopped inside its code, for 18"),
])
def test_what_was_let_go_wrong_is_said(kind, candidates, said):
    fields = dict.fromkeys(Node._fields) | {"kind": kind, "candidates": candidates, "answer": 1}
    assert fault_in_words(Node(**fields)) == said


def test_what_two_steps_have_in_common_is_said():
    for thing, said in (
        (("blocked", 18), "the signal mask of 18"), (("sigactions", 18), "how 18 handles signals"),
        (("children", 17), "the children of 17"), (("name", "a"), "the name a"), (("sem", 1, 2), "sem 1 2"),
    ):
        assert in_words(thing) == said


def test_faults_are_seldom_drawn(monkeypatch):
    draw = random.Random(5)
    drawn = [_at_random(draw, IS_INTERRUPTED, (0, 1)) for _ in range(500)]
    assert 0 < sum(drawn) < 100
    assert 150 < sum(_at_random(draw, "another", (0, 1)) for _ in range(500)) < 350


def test_a_program_is_told_from_others():
    files = {"/a": b"x", "/b": "y"}
    one = fingerprint(Subject(["/a"], root=files))
    assert fingerprint(Subject(["/a"], root=dict(reversed(files.items())))) == one
    others = {fingerprint(Subject(*of)) for of in ((["/a"],), (["/b"],), (program,), (print,), (len,))}
    assert len(others | {one, fingerprint(Subject(["/a"], root={"/a": b"x", "/b": b"z"}))}) == 7


def test_a_file_is_looked_for_where_the_guest_does(tmp_path):
    """Another content is another program; what is not there is told by its name."""
    (tmp_path / "bin").mkdir()
    file = tmp_path / "bin" / "prog"
    env = {"PATH": "/no:/bin"}
    asked = [(["prog"], {}), (["prog"], {"env": env}), (["/bin/prog"], {}), (["./prog"], {"cwd": "/bin"})]

    def found():
        return [fingerprint(Subject(command, root=str(tmp_path), **more)) for command, more in asked]

    without = found()
    file.write_text("one")
    one = found()
    assert len(set(one)) == 1
    assert not set(one) & set(without)
    file.write_text("two")
    assert not set(found()) & set(one)
    assert fingerprint(Subject(["prog"], root=str(tmp_path), env={"PATH": "/no"})) == without[0]


def test_where_a_program_stands(tmp_path):
    assert load_program("tests.test_small_parts:program") is program
    file = tmp_path / "some.py"
    file.write_text("def f(): ...\nx = 1\n")
    assert load_program(f"{file}:f") is load_program(f"{file}:f")
    for where, complaint in (
        ("nothing", "FILE.py:FUNCTION expected"), (f"{file}:x", "that is no function"),
        (f"{file}:y", "no function y there"), ("no.such.module:f", "No module named"),
    ):
        with pytest.raises(TokenError, match=complaint):
            load_program(where)


def test_a_function_whose_module_is_not_found_is_that_of_its_file(tmp_path):
    file = tmp_path / "other.py"
    file.write_text("def f(): return 5\n")
    named = _Named(program)
    named.module, named.name, named.file = "no.such.module", "f", str(file)
    assert named.find()() == 5
    named.file = None
    with pytest.raises(ModuleNotFoundError):
        named.find()


def test_faults_of_every_call_and_of_any_kind():
    spec = parse_spec("read:any:each")
    assert (spec.kinds, spec.at, spec.climb) == (FAULT_KINDS, 0, True)
    assert parse_spec("read@3:any:2").kinds == FAULT_KINDS


# The command for labs.


@pytest.mark.parametrize("wrong", ["broken", "fixed"])
def test_a_lab_that_does_not_do_what_it_says_fails(monkeypatch, capsys, wrong):
    def search(*, broken):
        failed = wrong == "fixed"
        return SimpleNamespace(wrong="it hangs" if failed else "", schedules=7, text="a drawing", right="all is well")

    lab = SimpleNamespace(search=search)
    monkeypatch.setattr("procession.labs.LABS", {"one": lab})
    monkeypatch.setattr(lab_command, "_introduce", lambda *_, **__: None)
    with pytest.raises(SystemExit) as ended:
        lab_command.lab("one")
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert said == ("broken: nothing has gone wrong in 7 orders\nfixed:  all is well, in all 7 orders\n"
                    if wrong == "broken" else "broken, in order 7: a drawing\n\nfixed:  it hangs\n\na drawing\n")


# Files.


def test_a_file_that_another_run_writes_to(tmp_path, capsys):
    path = tmp_path / "out"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SystemExit), output.output(path):
            pass
    assert capsys.readouterr().err == f"procession: {path}: another run is writing to it\n"


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(fd, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(output.fcntl, "flock", refuse)
    with output.output(tmp_path / "out") as file:
        file.write("x\n")
    assert (tmp_path / "out").read_text() == "x\n"


def test_ports_are_read(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        used = taken.getsockname()[1]
        for texts, complaint in (
            (["80"], "--publish 80: not HOST:GUEST, two ports from 1 to 65535"),
            (["1:2:3"], "--publish 1:2:3: not HOST:GUEST, two ports from 1 to 65535"),
            (["1:0"], "--publish 1:0: not HOST:GUEST, two ports from 1 to 65535"),
            (["1:65536"], "--publish 1:65536: not HOST:GUEST, two ports from 1 to 65535"),
            (["a:b"], "--publish a:b: not HOST:GUEST, two ports from 1 to 65535"),
            (["8:1", "8:2"], "--publish 8:2: there is another --publish of 8"),
            ([f"{used}:1"], f"--publish: port {used} of 127.0.0.1: Address already in use"),
        ):
            with pytest.raises(SystemExit):
                read_ports(texts)
            assert capsys.readouterr().err == f"procession: {complaint}\n"
    assert read_ports([f"{used}:7"]) == {used: 7}


def test_where_a_program_starts_has_to_be_there(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for cwd, complaint in (
        ("", "--cwd '': the name of a directory expected"),
        (None, "the current directory is not there any more; --cwd DIR names another"),
    ):
        with pytest.raises(SystemExit):
            commands.directory(cwd, Path("/"))
        assert capsys.readouterr().err == f"procession: {complaint}\n"


def test_no_file_has_an_empty_name():
    with pytest.raises(typer.BadParameter, match="not ''"):
        words.file_name("")


def test_places_in_path_that_are_not_there_have_no_commands(tmp_path, monkeypatch):
    (tmp_path / "command").touch(0o755)
    monkeypatch.setenv("PATH", f"/no/such/place:{tmp_path}")
    assert words.complete_program(SimpleNamespace(params={}), "com") == ["command"]


@pytest.mark.parametrize(("text", "complaint"), [
    (b"\xff", "not a text in UTF-8"), (b'name = "a"\ncommand = ["./a"]\ntrace = []\n', "no trace"),
    (b'name = "a"\ncommand = ["./a"]\ntrace = [1]\n', "trace 1: a table expected"),
])
def test_a_lab_to_grade_by_that_is_none(tmp_path, text, complaint):
    file = tmp_path / "lab.toml"
    file.write_bytes(text)
    with pytest.raises(LabError, match=complaint):
        load_lab(file)


def test_an_error_that_nobody_reads(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            pass

    monkeypatch.setattr(mistakes, "nobody_reads", lambda: (_ for _ in ()).throw(SystemExit(141)))
    monkeypatch.setattr(mistakes.sys, "stderr", Gone())
    for call in (lambda: mistakes.fail("x"), lambda: mistakes.host_error(BrokenPipeError())):
        with pytest.raises(SystemExit) as ended:
            call()
        assert ended.value.code == 141


# What a search shows of its way, and a token run again.


def at_a_terminal(progress, monkeypatch):
    """What shows how far something is, where somebody sees it; elsewhere there is nothing to tell it to."""
    monkeypatch.setattr(os, "isatty", lambda _: False)
    with progress() as tell:
        assert tell is None
    monkeypatch.setattr(os, "isatty", lambda _: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    return progress()


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_search_shows_how_far_it_is_on_a_terminal(monkeypatch, capsys):
    now = SimpleNamespace(schedules=40, left=60, seconds=2.0, doing="reductions", classes=3, failures=1)
    with at_a_terminal(explore._progress, monkeypatch) as tell:
        tell(now)
    said = plain(capsys.readouterr().err)
    assert "reductions" in said
    assert "40/100" in said
    assert "20/s, 3 differ, 1 failures" in said


def test_a_grade_shows_how_far_it_is_on_a_terminal(monkeypatch, capsys):
    with at_a_terminal(grade_command._progress, monkeypatch) as tell:
        tell(SimpleNamespace(name="says"), SimpleNamespace(schedules=40, left=60, seconds=2.0))
    said = plain(capsys.readouterr().err)
    assert "says: 40 schedules, 60 known to be left, 20/s" in said


@pytest.mark.parametrize(("wrong", "code", "said"), [
    (ValueError("no such trace"), 2, "no such trace"), (LinuxError(Errno.ENOEXEC, why="of another kind"), 2,
    "prog: of another kind"), (LinuxError(Errno.ENOENT), 2, "prog: ENOENT"),
    (FileNotFoundError(2, "No such file or directory", "lab.toml"), FAILED, "lab.toml: No such file or directory"),
])
def test_what_cannot_be_graded_is_said(monkeypatch, capsys, wrong, code, said):
    def grade(*_, **__):
        raise wrong

    monkeypatch.setattr("procession.grading.grade", grade)
    with pytest.raises(SystemExit) as ended:
        grade_command.grade(Path("prog"), Path("lab.toml"))
    assert (ended.value.code, capsys.readouterr().err) == (code, f"procession: {said}\n")


def test_a_token_of_another_run_is_refused(monkeypatch, capsys):
    token = str(make(Subject(program), [Choice(999, RUNS_NEXT, (17, 18), 1)]))
    wanted = "this is not the run that the token is of"
    for text, code, complaint in (("nonsense", 2, "procession: "), (token, FAILED, wanted)):
        with pytest.raises(SystemExit) as ended:
            explore.replay_token(text, strace=False, tree=False)
        assert ended.value.code == code
        assert complaint in capsys.readouterr().err


def test_a_report_that_cannot_be_written(tmp_path, capsys):
    report = SimpleNamespace(json=dict, exit_status=0)
    with pytest.raises(SystemExit) as ended:
        explore.tell_report(report, tmp_path / "no" / "file")
    assert ended.value.code != 0
    assert "No such file or directory" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        explore.tell_report(report, tmp_path / "file")
    assert (ended.value.code, (tmp_path / "file").read_text()) == (0, "{}\n")
