"""The fuzzer's other judge: a command that runs programs on a real 3.2, or on what passes for one."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

from fuzz import compare, runners, terminals
from fuzz.generator import Program
import pytest

from procession.include.asm import termbits

SHARE = 10
# Our own command does as well as one that boots a 3.2, and finds nothing.
JUDGE = runners.Judge((sys.executable, "-m", "procession", "run"))


@pytest.mark.parametrize("judge", [runners.HOST, JUDGE], ids=["host", "judge"])
def test_a_program_is_its_text(judge):
    for program in compare.generate(1, 20, judge):
        assert Program.parse(program.text()) == program
        assert program.freely == judge.real


@pytest.fixture
def judge(tmp_path):
    """A judge whose command is a line of shell, with $program and $input for what it is given; it counts in `asked`."""
    def make(line):
        script = tmp_path / "a judge"
        script.write_text(f'#!/bin/sh\nprogram=$1\ninput=$(cat)\necho "$#" >> {tmp_path}/asked\n{line}\n')
        script.chmod(0o755)
        return runners.Judge.parse(shlex.quote(str(script)))

    return make


OURS = f'printf "%s\\n" "$input" | {shlex.join(JUDGE.command)} "$program"'


def test_a_judge_is_asked_once_for_a_batch(judge, tmp_path):
    programs = compare.generate(3, SHARE, JUDGE)
    assert [find.diff() for find in compare.run(programs, judge(OURS)) if compare.differs(find)] == []
    assert terminals.run_batch(terminals.generate(3, SHARE, JUDGE), judge(OURS)) == []
    assert (tmp_path / "asked").read_text() == "1\n1\n"


def test_what_a_judge_says_otherwise_is_found(judge):
    """All of it, since it differs from what both of ours say; and it is the same when it is asked again."""
    programs = compare.generate(3, 5, JUDGE)
    other = judge(OURS + " | sed 's/^  2 = 3$/  2 = 33/'")
    finds = compare.run(programs, other)
    assert [compare.differs(find) for find in finds] == ["  2 = 3\n" in find.elf for find in finds]
    found = next(find for find in finds if compare.differs(find))
    assert compare.is_steady(found.program, found.host, other)
    assert len(compare.shrink(found, 1, other).program.steps) == 1


def test_a_terminal_that_a_judge_sees_otherwise_is_shrunk(judge):
    other = judge(OURS + " | sed 's/^  in 3: 41/  in 3: 42/'")
    program = ("freely", "print 41", "keys 414243", "keys 0a", "eof", "look")
    assert terminals.run_batch([program], other) == []
    other = judge(OURS + " | sed 's/^  in 4: A/  in 4: B/'")
    assert terminals.shrink(program, other) == ("keys 414243", "keys 0a", "eof")


@pytest.mark.parametrize("line", ["exit 125", "echo Linux version 3.2", "true"])
def test_a_judge_that_cannot_is_no_judge(judge, line):
    """Its exit status says so, or there is no transcript."""
    with pytest.raises(runners.HostRefuses):
        runners.run_host(compare.generate(1, 3), judge(line))


@pytest.mark.parametrize("module", ["fuzz", "fuzz.terminals"])
def test_the_option_judge(module, judge):
    command = [sys.executable, "-m", module, "6", "--jobs", "1", "--judge"]
    ours = subprocess.run([*command, shlex.join(judge(OURS).command)], capture_output=True, text=True, check=False)
    assert ours.returncode == 0, ours.stdout + ours.stderr
    refused = subprocess.run([*command, "false"], capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "gives no transcripts" in refused.stderr


def test_nothing_is_left_out_with_a_judge():
    """What LEFT_OUT tells of for each of both is in the programs."""
    texts = [program.text() for chunk in range(12) for program in compare.generate(chunk, 120, JUDGE)]
    for left_out in [
        " 31$", "^a. exit 3", "=-5", "vhangup", "waitid 2 0", "i10,-6,2", "ab\\^", r"clone 3276[89]|clone 3277\d",
        r"vfork[^~]*clone 67840|clone 67840[^~]*vfork",
    ]:
        assert any(re.search(left_out, text, re.MULTILINE) for text in texts), left_out
    steps = {step for chunk in range(4) for program in terminals.generate(chunk, judge=JUDGE) for step in program}
    names = {step.split()[0] for step in steps}
    assert {*terminals.STEPS, *terminals.FREE_STEPS, "freely"} == names
    assert {"tcflush 1", f"flip 2 {termbits.EXTPROC}", f"flip 2 {termbits.NOFLSH}"} <= steps
