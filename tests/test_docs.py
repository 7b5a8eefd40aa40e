"""What README.md and docs/ show is true: their Python runs and prints what they say, their tables are complete.

`python tests/test_docs.py` writes those tables anew that are made from the source.
"""

from __future__ import annotations

import ast
from pathlib import Path
import re
import tomllib

import pytest

from procession.arch.python import _calls, sys_file, sys_process, sys_run, sys_signal
from procession.arch.x86.syscall_table import NI_SYSCALLS, SYSCALL_NAMES
from procession.include.linux.later import LATER
from procession.include.linux.syscalls import SYSCALLS
from procession.include.trace.events import EVENTS, event_fields
from procession.init import kthreads as init_kthreads
from procession.init import vmlinux  # noqa: F401 -- links every call in
from procession.tools import tracefile

HOME = Path(__file__).parent.parent
PYTHON_MD = HOME / "docs" / "python.md"
SECTIONS = {
    "Processes": sys_process,
    "Other programs": sys_run,
    "Files": sys_file,
    "Signals and time": sys_signal,
    "Plain calls": _calls,
}
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
SOURCE = Path(sys_file.__file__).parents[2]
NOTE = re.compile(r"Differs: (.+?)(?=\n\n|\s+Raises |\s+Context: |\Z)", re.DOTALL)


def blocks():
    """Every Python block: where it is, its code, and what it shall print, None if nothing is said."""
    found = []
    for path in (HOME / "README.md", PYTHON_MD):
        text = path.read_text(encoding="utf-8")
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            found.append(pytest.param(path, line, match[1], match[2], id=f"{path.name}:{line}"))
    return found


@pytest.mark.parametrize(("path", "line", "code", "output"), blocks())
def test_code_block(path, line, code, output, capsys):
    """It runs as it stands."""
    exec(compile("\n" * (line - 1) + code, str(path), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    if output is not None:
        assert printed == output


def test_the_first_program_of_the_readme_prints_what_it_should(capsys):
    """No output stands below it, so it is here."""
    code = next(BLOCK.finditer((HOME / "README.md").read_text(encoding="utf-8")))[1]
    exec(code, {"__name__": "__main__"})
    assert capsys.readouterr().out == "18 exited with 7\n 0\n"


def methods(module):
    """Table rows for the public methods of a module's class."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    (cls,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for node in cls.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if "with ENOSYS:" in ast.get_docstring(node):
                continue        # it is there only to say so
            # As written, for octal numbers stay octal.
            head = ast.get_source_segment(source, node).partition('"""')[0].partition("def ")[2]
            head = " ".join(head.split()).removesuffix(":")
            head = head.replace("( ", "(").replace(", )", ")").replace(" )", ")")
            head = re.sub(r"self(, )?|structs\.|Constants\.", "", head)
            head = re.sub(r"Awaitable\[(\w+)\]", r"\1", head).replace("|", "\\|")
            summary = ast.get_docstring(node).partition("\n\n")[0].replace("\n", " ")
            yield f"| `{head}` | {summary} |\n"


def table_of_methods():
    tables = [f"### {title}\n\n| | |\n|---|---|\n{''.join(methods(module))}" for title, module in SECTIONS.items()]
    return "\n".join(tables)


def missing_calls():
    names = [name for name in SYSCALL_NAMES.values() if name not in SYSCALLS and name not in NI_SYSCALLS]
    return ", ".join(f"`{name}`" for name in names) + ".\n"


def refused_parts():
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        for text in re.findall(r"not_modelled\((.*)\)$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found += [f"`{name}` ({path.relative_to(SOURCE)})" for name in re.findall(r'(?<!f)"(\w[^"]*)"', text)]
    return ", ".join(found) + ".\n"


def notes():
    """Everything that a docstring says after "Differs:", by file."""
    rows = ["| where | what |\n|---|---|\n"]
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for note in NOTE.findall(ast.get_docstring(node) or ""):
                    where = f"`{path.relative_to(SOURCE)}`"
                    name = getattr(node, "name", "")
                    text = " ".join(note.split()).replace("|", "\\|")
                    rows.append(f"| {where}{f' `{name}`' if name else ''} | {text} |\n")
    return "".join(rows)


def costs():
    """What the kernel's work costs, in the order and words of hw/costs.py."""
    rows = []
    for line in (SOURCE / "hw" / "costs.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            rows.append(f"\n| {line[2:].rstrip('.')} | | |\n|---|---:|---|\n")
        elif match := re.fullmatch(r"([A-Z_]+): Final = (\d+)(?:  # (.+))?", line):
            rows.append(f"| `{match[1]}` | {int(match[2]):,} | {match[3]} |\n")
    return "".join(rows).lstrip("\n")


def later_things():
    """What can be switched on, with the version that brought it."""
    rows = ["| name | since | what |\n|---|---|---|\n"]
    return "".join(rows + [f"| `{name}` | {since} | {what} |\n" for name, (since, what) in LATER.items()])


MADE = [
    ("later.md", "later", later_things),
    ("time.md", "costs", costs),
    ("python.md", "methods", table_of_methods),
    ("differences.md", "missing", missing_calls),
    ("differences.md", "refused", refused_parts),
    ("differences.md", "notes", notes),
]


def with_made(text, marker, make):
    """Return a document with the part behind a marker made from the source."""
    part = re.compile(rf"(<!-- {marker}: .*? -->\n).*?(<!-- end -->)", re.DOTALL)
    assert part.search(text)
    return part.sub(lambda match: f"{match[1]}\n{make()}\n{match[2]}", text)


@pytest.mark.parametrize(("name", "marker", "make"), MADE, ids=[marker for _, marker, _ in MADE])
def test_what_is_made_from_the_source_is_up_to_date(name, marker, make):
    """Run this file as a program when this fails."""
    text = (HOME / "docs" / name).read_text(encoding="utf-8")
    assert with_made(text, marker, make) == text


def test_the_list_of_differences_from_today_is_complete():
    """It names every program whose expectation is not the host's word."""
    text = (HOME / "docs" / "differences.md").read_text(encoding="utf-8")
    programs = {path.stem for path in (HOME / "tests" / "programs" / "differs").glob("*.out")}
    assert set(re.findall(r"^\|.*\| `(\w+)\.c` \|$", text, re.MULTILINE)) == programs


def with_fields(text):
    """Return a document with the fields of the trace events as they are; what stands beside them is written by hand."""
    for name in EVENTS:
        fields = " ".join(event_fields(name))
        text = re.sub(rf"^(\| `{name}` \|) [\w ]+ \|", rf"\1 {fields} |", text, flags=re.MULTILINE)
    return text


def test_every_trace_event_is_in_the_table():
    """With its fields."""
    text = PYTHON_MD.read_text(encoding="utf-8")
    table = text.partition("### Trace events")[2].partition("### ")[0]
    assert re.findall(r"^\| `(\w+)` \| [\w ]+ \| .+ \|$", table, re.MULTILINE) == list(EVENTS)
    assert with_fields(text) == text


def test_the_table_of_the_first_processes():
    """The numbers that boot gives on one CPU and on two."""
    rows = re.findall(r"^\| (\d*) ?\| (\d*) ?\| `(\S+)` \|$", PYTHON_MD.read_text(encoding="utf-8"), re.MULTILINE)
    for column, cpus in enumerate((1, 2)):
        told = {int(row[column]): row[2] for row in rows if row[column]}
        assert told == {2: "kthreadd", **dict(enumerate(init_kthreads.boot_kthread_names(cpus), 3))}


def test_the_changelog_knows_version_and_format():
    """The version that the package has, and the number that trace files have."""
    text = (HOME / "CHANGELOG.md").read_text(encoding="utf-8")
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = re.findall(r"^## \[(.*?)\]", text, re.MULTILINE)
    assert versions[:2] == ["Unreleased", project["version"]]
    assert f"in their first line, now {tracefile.FORMAT}." in " ".join(text.split())


if __name__ == "__main__":
    for name, marker, make in MADE:
        document = HOME / "docs" / name
        document.write_text(with_made(document.read_text(encoding="utf-8"), marker, make), encoding="utf-8")
    PYTHON_MD.write_text(with_fields(PYTHON_MD.read_text(encoding="utf-8")), encoding="utf-8")
