"""Find attributes that are read where mypy, and so compiled code, is sure that they are None.

    python scripts/narrowed.py FILE...       # prints file, line and name of each; exit status 1 if there are any

`self.stack = None; self.go(); return self.stack`: mypy does not think of what go() does. It may set the attribute, and
the compiled code, which has taken None for granted, raises a TypeError. In a process of its own: mypy takes half a GB.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
import os
from pathlib import Path
import sys

from mypy import build
from mypy.main import process_options
from mypy.nodes import MemberExpr, Node, TypeInfo
from mypy.types import NoneType, get_proper_type

HOME = Path(__file__).resolve().parents[1]


def nodes(node: Node | None) -> Iterator[Node]:
    """Give a node of mypy's tree and all below it."""
    seen: set[int] = set()
    stack: list[object] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, list | tuple):
            stack.extend(item)
        elif isinstance(item, Node) and not isinstance(item, TypeInfo) and id(item) not in seen:
            seen.add(id(item))
            yield item
            names = {name for cls in type(item).__mro__ for name in getattr(cls, "__mypyc_attrs__", ())}
            stack.extend(getattr(item, name, None) for name in names - {"info", "node", "type", "definition"})


def known_to_be_none(paths: list[Path]) -> list[tuple[str, int, str]]:
    """Return path, line and name of each."""
    arguments = ["--config-file", str(HOME / "pyproject.toml"), "--cache-dir", os.devnull, *map(str, paths)]
    sources, options = process_options(arguments)
    options.export_types = options.preserve_asts = True
    options.incremental = False
    result = build.build(sources, options)
    wanted = {str(path.resolve()) for path in paths}
    found = []
    for state in result.graph.values():
        path = str(Path(state.path or "").resolve())
        if path not in wanted:
            continue
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
        loads = {
            (node.lineno, node.col_offset, node.attr)
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
        }
        for node in nodes(state.tree):
            if not isinstance(node, MemberExpr) or not isinstance(get_proper_type(result.types.get(node)), NoneType):
                continue
            if (node.line, node.column, node.name) in loads:
                found.append((path, node.line, node.name))
    return found


def main() -> int:
    """Enter from the command line; returns the exit status."""
    paths = [Path(argument).resolve() for argument in sys.argv[1:]]
    os.chdir(HOME)
    found = known_to_be_none(paths)
    for path, line, name in found:
        print(f"{path}:{line}: {name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
