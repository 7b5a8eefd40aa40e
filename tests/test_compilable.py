"""What a compiler cannot know, or gets wrong, does not stand in what is compiled; CONTRIBUTING.md has the reasons."""

from __future__ import annotations

import ast
from pathlib import Path
import runpy
import subprocess
import sys

import pytest

HOME = Path(__file__).parents[1]
SOURCES = [path for path in runpy.run_path(str(HOME / "scripts" / "compile.py"))["compiled_sources"]() if
           path.suffix == ".py"]
# Functions that may be called twice.
HARMLESS = {"len", "min", "max", "int", "ord", "find", "rfind", "index", "write_room"}


def complaints(text):
    """Line and rule of what a module does that it must not do."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module == "dataclasses":
            found.append((node.lineno, "a dataclass's __init__ is not compiled"))
        if isinstance(node, ast.Attribute) and node.attr == "__class__" and isinstance(node.ctx, ast.Store):
            found.append((node.lineno, "a compiled object's class cannot change"))
        if isinstance(node, ast.ClassDef) and len(node.bases) > 1:
            found.append((node.lineno, "a compiled class has one base"))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("io.") for base in node.bases):
            found.append((node.lineno, "a base that is CPython's own cannot be extended"))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice) and has_effects(node.slice):
            found.append((node.lineno, "what stands in a slice may be evaluated twice"))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and reuses_a_name(node):
            found.append((node.lineno, "one name, exceptions of two types"))
    return found


def has_effects(node):
    """Whether an expression may do something."""
    for part in ast.walk(node):
        if isinstance(part, ast.Await | ast.NamedExpr | ast.Yield):
            return True
        if isinstance(part, ast.Call):
            name = part.func.attr if isinstance(part.func, ast.Attribute) else getattr(part.func, "id", "")
            if name not in HARMLESS:
                return True
    return False


def reuses_a_name(function):
    """Whether `except A as e` and `except B as e` are in one function."""
    types = {}
    for part in ast.walk(function):
        if isinstance(part, ast.ExceptHandler) and part.name:
            types.setdefault(part.name, set()).add(ast.dump(part.type))
    return any(len(kinds) > 1 for kinds in types.values())


def test_sources_can_be_compiled():
    assert [(str(path.relative_to(HOME)), *found) for path in SOURCES for found in complaints(path.read_text())] == []


@pytest.mark.parametrize("text", [
    "from dataclasses import dataclass",
    "file.__class__ = DirFile",
    "class A(B, C): pass",
    "class A(io.TextIOBase): pass",
    "data = data[os.write(fd, data) :]",
    "def f():\n try: g()\n except OSError as e: a = e\n except ValueError as e: a = e\n",
])
def test_each_rule_finds_what_it_is_for(text):
    assert len(complaints(text)) == 1


def narrowed(paths):
    """What scripts/narrowed.py says of files."""
    command = [sys.executable, str(HOME / "scripts" / "narrowed.py"), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_no_attribute_is_read_that_was_just_set_to_none():
    """Who else sets it meanwhile, in a function that is called, would be overlooked."""
    assert narrowed(SOURCES) == (0, [], "")


def test_that_rule_finds_what_it_is_for(tmp_path):
    text = """
class Cpu:
    stack: int | None = None

    def run(self) -> int | None:
        self.stack = None
        self.go()
        return self.stack

    def go(self) -> None:
        self.stack = 5
"""
    path = tmp_path / "cpu.py"
    path.write_text(text, encoding="utf-8")
    assert narrowed([path]) == (1, [f"{path}:8: stack"], "")
