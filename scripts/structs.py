"""Derive from the one list of a structure's fields what else is needed of it: its slots, and fork's copy.

    python scripts/structs.py            # rewrite the files that are out of date
    python scripts/structs.py --check    # say which are, and exit with 1

A structure is a class whose body has `__slots__ = (...)  # derived`. Its fields are
the annotated names of the class body and of __init__, one a line with the initial value and the meaning:

    self.children: dict[Task, None] = {}  # new: oldest first

A class with a method `copy` whose body is derived gets it: a fresh object into which all fields are copied but
those whose comment begins with "new". Written source, and not made at run time: a compiler takes it, and a person
can read it.
"""

from __future__ import annotations

import ast
from pathlib import Path
import re
import subprocess
import sys
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "src" / "procession"
SLOTS = re.compile(r"^    __slots__ = \([^)]*\)  # derived\n", re.MULTILINE)
COPY = re.compile(r"(    def copy\(self\) -> \w+:\n        \"\"\"[^\"]*\"\"\"  # derived\n)(?:        .*\n)*")


class Field(NamedTuple):
    """A line of the list. new: fork does not copy it."""

    name: str
    new: bool


def fields(cls: ast.ClassDef, lines: list[str]) -> list[Field]:
    """Return a structure's fields in the order of its list."""
    found = []
    init = [node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    for node in [*cls.body, *(statement for function in init for statement in function.body)]:
        if not isinstance(node, ast.AnnAssign):
            continue
        target = node.target
        name = target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""
        comment = lines[(node.end_lineno or node.lineno) - 1].partition("  # ")[2]
        found.append(Field(name, comment.startswith("new")))
    return found


def slots(listed: list[Field]) -> str:
    """Return the line that declares the slots, as the formatter would have it or not."""
    return f"    __slots__ = ({', '.join(f'{chr(34)}{field.name}{chr(34)}' for field in listed)},)  # derived\n"


def copy(cls: ast.ClassDef, listed: list[Field], head: str) -> str:
    """Return the method that copies an object."""
    init = next(node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    given = [argument.arg for argument in (*init.args.args[1:], *init.args.kwonlyargs)]
    passed = [f"self.{a.arg}" for a in init.args.args[1:]] + [f"{a.arg}=self.{a.arg}" for a in init.args.kwonlyargs]
    made = f"{cls.name}({', '.join(passed)})"
    rest = [f"        p.{f.name} = self.{f.name}\n" for f in listed if not f.new and f.name not in given]
    if not rest:
        return f"{head}        return {made}\n"
    return f"{head}        p = {made}\n{''.join(rest)}        return p\n"


def derived(text: str) -> str:
    """Return a file with everything that is derived in it as it must be, not yet formatted."""
    tree = ast.parse(text)
    lines = text.splitlines()
    for cls in reversed([node for node in tree.body if isinstance(node, ast.ClassDef)]):
        start, end = cls.lineno - 1, cls.end_lineno
        body = "\n".join(lines[start:end]) + "\n"
        if not SLOTS.search(body):
            continue
        listed = fields(cls, lines)
        body = SLOTS.sub(lambda _, listed=listed: slots(listed), body)
        body = COPY.sub(lambda found, cls=cls, listed=listed: copy(cls, listed, found[1]), body)
        lines[start:end] = body.splitlines()
    return "\n".join(lines) + "\n"


def formatted(text: str, path: Path) -> str:
    """Return it as the formatter leaves it; raises CalledProcessError if it is no Python."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Look at all files; returns the exit status."""
    stale = 0
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "# derived\n" not in text:
            continue
        wanted = formatted(derived(text), path)
        if wanted == text:
            continue
        stale = 1
        print(f"{path.relative_to(PACKAGE.parents[1])}: what is derived from its lists of fields is out of date")
        if "--check" not in sys.argv[1:]:
            path.write_text(wanted, encoding="utf-8")
    return stale if "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
