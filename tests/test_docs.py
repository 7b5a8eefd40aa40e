"""What README.md and docs/ show is true: their Python runs and prints what they say, their tables are complete.

`python tests/test_docs.py` writes the table of methods in docs/python.md anew.
"""

from __future__ import annotations

import ast
from pathlib import Path
import re

import pytest

from procession.arch.python import sys_file, sys_plain, sys_process, sys_signal
from procession.include.trace.events import EVENTS

HOME = Path(__file__).parent.parent
PYTHON_MD = HOME / "docs" / "python.md"
SECTIONS = {"Processes": sys_process, "Files": sys_file, "Signals and time": sys_signal, "Plain calls": sys_plain}
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
METHODS = re.compile(r"(<!-- methods: .*? -->\n).*?(<!-- end -->)", re.DOTALL)


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
    assert capsys.readouterr().out == "4 exited with 7\n 0\n"


def methods(module):
    """Table rows for the public methods of a module's class."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    (cls,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    for node in cls.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            # As written, for octal numbers stay octal.
            head = ast.get_source_segment(source, node).partition('"""')[0].partition("def ")[2]
            head = " ".join(head.split()).removesuffix(":")
            head = re.sub(r"self(, )?|structs\.", "", head.replace("( ", "(").replace(", )", ")"))
            head = re.sub(r"Awaitable\[(\w+)\]", r"\1", head).replace("|", "\\|")
            summary = ast.get_docstring(node).partition("\n\n")[0].replace("\n", " ")
            yield f"| `{head}` | {summary} |\n"


def table_of_methods():
    tables = [f"### {title}\n\n| | |\n|---|---|\n{''.join(methods(module))}" for title, module in SECTIONS.items()]
    return "\n" + "\n".join(tables) + "\n"


def test_every_method_is_in_the_table():
    """With its signature and what its docstring says."""
    assert table_of_methods() in PYTHON_MD.read_text(encoding="utf-8")


def test_every_trace_event_is_in_the_table():
    """With its fields."""
    text = PYTHON_MD.read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w ]+) \| ", text.partition("### Trace events")[2], re.MULTILINE))
    assert {name: rows.get(name) for name in EVENTS} == {name: " ".join(fields) for name, (fields, _) in EVENTS.items()}


if __name__ == "__main__":
    old = PYTHON_MD.read_text(encoding="utf-8")
    PYTHON_MD.write_text(METHODS.sub(lambda match: match[1] + table_of_methods() + match[2], old), encoding="utf-8")
