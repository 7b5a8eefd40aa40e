"""What earlier versions wrote, traces and scripts, still runs, or is refused in one line that says what to do instead.

tests/upgrade has files as those versions left them: formatN.jsonl, the run of root/forks recorded by the last version
with that format (only the root's path was changed), and scripts/, examples of 0.1.0.
"""

from __future__ import annotations

import json
from pathlib import Path
import re
import subprocess
import sys

import pytest
from tests import starter

from procession import Kernel, KernelBug, Machine
from procession.tools import tracefile

HOME = Path(__file__).parents[1]
OLD = Path(__file__).parent / "upgrade"
FORMATS = sorted(int(path.stem.removeprefix("format")) for path in OLD.glob("format*.jsonl"))


def replay(path):
    return starter.run("replay", "--root", OLD / "root", path, text=True)


def test_there_is_a_trace_of_each_format():
    assert list(range(1, tracefile.FORMAT + 1)) == FORMATS


@pytest.mark.parametrize("number", [number for number in FORMATS if number not in tracefile.READABLE])
def test_an_older_format_is_refused_in_one_line(number):
    path = OLD / f"format{number}.jsonl"
    done = replay(path)
    said = f"a trace of format {number}; this version reads 3 and 4: record it again"
    assert (done.returncode, done.stdout, done.stderr) == (125, "", f"procession: {path}: {said}\n")
    # As the notes have it, what to record is in its first line.
    assert json.loads(path.read_text().partition("\n")[0])["argv"] == ["/forks"]
    text = (HOME / "docs" / "upgrading.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| .+ \| {number} \| refused", text, re.MULTILINE)


@pytest.mark.parametrize("number", tracefile.READABLE)
def test_a_trace_of_a_readable_format_by_an_earlier_version_is_read(number):
    """The run is the same, or it is said where it is not."""
    path = OLD / f"format{number}.jsonl"
    assert tracefile.read_header(path)["argv"] == ["/forks"]
    done = replay(path)
    if done.returncode == 0:
        assert re.match(r"identical: \d+ events, sha256 [0-9a-f]{64}; exited with 7\n", done.stdout)
    else:
        assert done.returncode == 1
        assert done.stderr.startswith(f"procession: {path}: this is not the recorded run (made by version 0.1.0); ")
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", sorted((OLD / "scripts").glob("*.py")), ids=lambda path: path.stem)
def test_a_script_of_the_first_version_runs(path):
    """It prints what it said it would, but for numbers of processes, which begin at 17 now."""
    said = re.search(r"^Prints:\n(.*?)^\"\"\"", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[1]
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    shape = [re.sub(r"\b\d+\b", "N", line.strip()) for line in said.strip().splitlines()]
    assert [re.sub(r"\b\d+\b", "N", line.strip()) for line in done.stdout.strip().splitlines()] == shape


async def nothing(linux):
    await linux.exit(0)


def test_old_names_of_the_interface():
    """Row by row, what docs/upgrading.md says of the old way."""
    assert Kernel is Machine
    with pytest.warns(DeprecationWarning, match="replay= is called choices= now"):
        Machine(replay=[])
    result = Machine(trace=True).run(nothing)
    with pytest.raises(AttributeError):
        result.kernel.runqueues  # noqa: B018
    assert result.kernel.sched.runqueues
    event = next(event for event in result.trace if event.event == "sched_process_exit")
    assert (event[0], event[1]) == (event.time_ns, event.cpu)
    assert not issubclass(KernelBug, AssertionError)
    assert event.pid == 17
