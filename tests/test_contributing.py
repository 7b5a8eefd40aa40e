"""CONTRIBUTING.md: its examples work. They are applied to a copy of the tree, and its commands run there."""

from __future__ import annotations

import os
from pathlib import Path
import re
import shlex
import shutil
import subprocess
import sys

from fuzz import breaks
import pytest

HOME = Path(__file__).parents[1]
TEXT = (HOME / "CONTRIBUTING.md").read_text(encoding="utf-8")
EDIT = re.compile(
    r"^(?:New file `(?P<new>[^`]+)`|In `(?P<path>[^`]+)`, (?P<where>behind|before) `(?P<line>[^`]+)`):\n\n"
    r"```\w+\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    ((?:make|\.venv/bin/python) .*)$", re.MULTILINE)
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "_compiled", "build", "dist")


def section(title):
    found = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    assert found, title
    return found


def apply(home, edit):
    """Make one change of the text in the tree at home."""
    if edit["new"]:
        path = home / edit["new"]
        assert not path.exists(), path
        path.write_text(edit["code"], encoding="utf-8")
        return
    path = home / edit["path"]
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = [n for n, line in enumerate(lines) if line.strip() == edit["line"]]
    lines.insert(at + (edit["where"] == "behind"), edit["code"])
    path.write_text("".join(lines), encoding="utf-8")


class Copy:
    """A copy of the tree in which the text's commands can be given."""

    def __init__(self, home, cache_dir):
        self.home = home
        self.options = f"-p no:xdist -o cache_dir={cache_dir}"
        shutil.copytree(HOME, home, ignore=NOT_COPIED)
        if (HOME / ".mypy_cache").exists():     # what has been checked already, which takes a minute
            shutil.copytree(HOME / ".mypy_cache", home / ".mypy_cache")

    def sh(self, command):
        """Give a command as it is in the text; returns the finished process."""
        # The one that the text speaks of, if it is there: its mypy knows what has been checked.
        python = HOME / ".venv" / "bin" / "python" if (HOME / ".venv" / ".ready").exists() else Path(sys.executable)
        words = shlex.split(command)
        if words[0] == "make":
            # With the tools that run this test, and no environment made first.
            words[1:1] = ["-o", ".venv/.ready", f"BIN={python.parent}"]
        elif words[0] == ".venv/bin/procession":
            words[:1] = [str(python), "-m", "procession"]
        else:
            words[0] = str(python)
        # What is counted in these tests, or shared out among workers, is not what the commands do.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPCOVER_", "PYTEST_"))}
        environment = {
            **kept, "PYTHONPATH": str(self.home / "src"), "PYTEST_ADDOPTS": self.options, "NO_COLOR": "1",
        }
        return subprocess.run(
            words, cwd=self.home, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    def works(self, command):
        done = self.sh(command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done


@pytest.fixture(scope="module")
def copy(tmp_path_factory, request):
    directory = tmp_path_factory.mktemp("contributing")
    # All that is compiled already, but what these tests note about failures is theirs.
    cache = directory / "cache"
    cache.mkdir()
    (cache / "d").symlink_to(request.config.cache.mkdir("programs").parent)
    return Copy(directory / "tree", cache)


def test_a_system_call(copy, compilers, oracle):
    """The program fails inside before there is the call; then everything that the text says goes through."""
    if not oracle.command:
        pytest.skip(f"the host cannot play 3.2: {oracle.why_not}")
    text = section("Add a system call")
    program, *others = EDIT.finditer(text)
    record, *commands = COMMAND.findall(text)
    apply(copy.home, program)
    failed = copy.sh(record)
    assert failed.returncode == 1
    assert "+ a file of /proc: ENOSYS" in failed.stdout, failed.stdout
    for edit in others:
        apply(copy.home, edit)
    for command in commands:
        copy.works(command)
    assert "`name_to_handle_at`" not in (copy.home / "docs" / "differences.md").read_text(encoding="utf-8")

    source = copy.home / program["new"]
    path = compilers.cache.build(
        source.stem, [*compilers.commands["musl"], str(source)], [source], compilers.versions["musl"]
    )
    traced = copy.works(f".venv/bin/procession run --strace -- {path}").stderr
    (shown,) = [code for language, code in BLOCK.findall(text) if language == "text"]
    assert shown.strip() in traced


def test_a_rule_of_signals(compilers, inside):
    """What is quoted is in the sources; without the rule the program shows it."""
    text = section("Add a rule of signals")
    quoted = [code for _, code in BLOCK.findall(text)]
    files = [HOME / name for name in re.findall(r"`((?:src|tests|fuzz)/[\w/]+\.(?:py|c))`", text)]
    assert len(quoted) == len(files)
    for code, path in zip(quoted, files, strict=True):
        assert code in path.read_text(encoding="utf-8"), path

    program = str(compilers.compile(files[0].stem, "musl"))
    expected = (HOME / "tests" / "programs" / "expected" / f"{files[0].stem}.out").read_text(encoding="utf-8")
    assert f"{inside([program]).output}[exit 0]\n" == expected
    (name,) = re.findall(r'^    "(.+)": \($', quoted[-1], re.MULTILINE)
    with breaks.broken(name):
        assert f"{inside([program]).output}[exit 0]\n" != expected
    assert (HOME / "fuzz" / "corpus" / breaks.file_name(name)).exists()


def test_the_table_of_signal_files_is_complete():
    named = set(re.findall(r"`(\w+\.py)`", section("Add a rule of signals").partition("|---|")[2].partition("\n\n")[0]))
    there = {path.name for path in (HOME / "src" / "procession" / "kernel").glob("signal*.py")}
    assert named == there | {"siginfo.py"}


def test_a_tool(copy):
    text = section("Add a tool")
    for edit in EDIT.finditer(text):
        apply(copy.home, edit)
    for command in COMMAND.findall(text):
        copy.works(command)
    shown = copy.works(".venv/bin/procession run --wakeups -- /bin/sh -c 'true & wait'").stderr
    assert re.search(r"^\d+ \w+ woke \d+ sh: 1$", shown, re.MULTILINE)


def test_every_block_of_code_is_looked_at():
    """Those of the calls and the tool are changes or output, those of the rule quotations."""
    for title in ("Add a system call", "Add a tool"):
        text = section(title)
        code = [language for language, _ in BLOCK.findall(text) if language != "text"]
        assert len(code) == len(list(EDIT.finditer(text)))
    elsewhere = TEXT
    for title in ("Add a system call", "Add a rule of signals", "Add a tool"):
        elsewhere = elsewhere.replace(section(title), "")
    assert BLOCK.findall(elsewhere) == []
