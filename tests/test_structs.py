"""What is derived from the list of a structure's fields is what scripts/structs.py makes of it."""

from pathlib import Path
import subprocess
import sys

import pytest

from procession.include.linux.sched import Task

SCRIPT = Path(__file__).parents[1] / "scripts" / "structs.py"
HEADER = SCRIPT.parents[1] / "src" / "procession" / "include" / "linux" / "sched.py"


def test_the_headers_are_up_to_date():
    """Run scripts/structs.py when this fails."""
    result = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(("before", "after"), [
    ("self.prio: int", "self.priority: int"),
    ("= {}  # new: oldest first", "= {}  # oldest first"),
    ("        self.fs: FsStruct", "        self.more: int = 0\n        self.fs: FsStruct"),
])
def test_a_changed_list_is_noticed(before, after, tmp_path):
    """A field renamed, one that fork now copies, one more."""
    header = tmp_path / "src" / "procession" / "include" / "linux" / "sched.py"
    header.parent.mkdir(parents=True)
    text = HEADER.read_text()
    assert text.count(before) == 1
    header.write_text(text.replace(before, after))
    script = tmp_path / "scripts" / "structs.py"
    script.parent.mkdir()
    script.write_text(SCRIPT.read_text())
    (tmp_path / "pyproject.toml").write_text((SCRIPT.parents[1] / "pyproject.toml").read_text())

    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)

    assert result.returncode == 1
    assert "sched.py" in result.stdout
    subprocess.run([sys.executable, script], check=True, capture_output=True)
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0
    assert header.read_text() != text.replace(before, after)


class Part:
    """Stands for anything."""


def test_a_copied_task_has_what_is_inherited_and_begins_anew_in_the_rest():
    orig = Task(Part())
    for name in Task.__slots__:
        if not hasattr(orig, name):
            setattr(orig, name, Part())
    orig.comm, orig.blocked, orig.utime, orig.children = "shell", 6, 700, {orig: None}

    copy = orig.copy()

    assert (copy.comm, copy.blocked, copy.cred, copy.signal) == ("shell", 6, orig.cred, orig.signal)
    assert (copy.utime, copy.children, copy.pending is orig.pending) == (0, {}, False)
