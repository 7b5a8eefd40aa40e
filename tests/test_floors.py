"""Imports point down, floor by floor; the floors are import-linter's contract in pyproject.toml.

`python tests/test_floors.py` prints the knots and the imports that run up.
"""

from pathlib import Path
import subprocess
import sys
import tomllib

import grimp

HOME = Path(__file__).parents[1]
IMPORT_FIRST = Path(__file__).parent / "import_first.py"
PACKAGE = "procession"
# Modules that all reach each other. It may only become smaller.
LARGEST_KNOT = 10
# Nothing but a name: its imports are those of the command.
ROOT = {PACKAGE}


def contract():
    """The floors, lowest first, each a list of modules and packages."""
    text = (HOME / "pyproject.toml").read_text(encoding="utf-8")
    (floors,) = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    assert "ignore_imports" not in floors
    return [[f"{PACKAGE}.{name.strip()}" for name in layer.split(":")] for layer in reversed(floors["layers"])]


def imports(*, types=False):
    """Module -> the modules it imports, those for type checkers only if types."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None, exclude_type_checking_imports=not types)
    return {module: sorted(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}


def floor_of(module, layers):
    """The numbers of the floors that module is on."""
    return [nr for nr, layer in enumerate(layers) if any(f"{module}.".startswith(f"{name}.") for name in layer)]


def upward(graph, layers):
    """The imports that run up, as import-linter writes them."""
    floors = {module: floor_of(module, layers) for module in graph}
    return {
        f"{module} -> {imported}"
        for module, found in graph.items()
        for imported in found
        if floors[module] and floors[imported] > floors[module]
    }


def knots(graph):
    """The strongly connected components of graph (Tarjan), each after those that it needs."""
    order, low, stack, found = {}, {}, [], []

    def visit(module):
        order[module] = low[module] = len(order)
        stack.append(module)
        for imported in graph[module]:
            if imported not in order:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], order[imported])
        if low[module] == order[module]:
            at = stack.index(module)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for module in graph:
        if module not in order:
            visit(module)
    return found


def cannot_be_first(components, path):
    """A line for each module that cannot be imported first; components: see knots()."""
    lines = "".join(" ".join(knot) + "\n" for knot in components)
    command = [sys.executable, str(IMPORT_FIRST)]
    environment = {"PYTHONPATH": str(path), "PROCESSION_PURE": "1"}
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=True, env=environment, cwd=HOME
    )
    return done.stdout.splitlines()


def test_every_module_is_on_one_floor():
    layers = contract()
    graph = imports()
    packages = {module for module in graph if any(other.startswith(f"{module}.") for other in graph)}

    assert [m for m in graph if len(floor_of(m, layers)) != 1 and m not in packages] == []
    assert [m for m in packages if not floor_of(m, layers) and m not in ROOT and graph[m]] == []


def test_imports_point_down():
    assert upward(imports(), contract()) == set()


def test_hardware_does_not_even_name_what_is_above_it():
    graph = imports(types=True)
    hardware = {module for module in graph if f"{module}.".startswith(f"{PACKAGE}.hw.")}
    below = {f"{PACKAGE}._build"}

    assert len(hardware) > 10
    assert {f"{m} -> {i}" for m in hardware for i in graph[m] if i not in hardware | below} == set()


def test_knots_are_small():
    sizes = [len(knot) for knot in knots(imports())]

    assert max(sizes) <= LARGEST_KNOT


def test_each_module_can_be_imported_first():
    graph = {module: found for module, found in imports().items() if not module.endswith(".__main__")}

    assert cannot_be_first(knots(graph), HOME / "src") == []


GRAPH = {"p.a": ["p.b"], "p.b": ["p.c", "p.d"], "p.c": ["p.a"], "p.d": []}


def test_a_knot_is_found():
    assert knots(GRAPH) == [["p.d"], ["p.a", "p.b", "p.c"]]


def test_an_import_that_runs_up_is_found():
    assert upward(GRAPH, [["p.d"], ["p.b"], ["p.a"], ["p.c"]]) == {"p.b -> p.c"}


def test_a_module_that_cannot_be_first_is_found(tmp_path):
    (tmp_path / "one.py").write_text("import two\nX = 1\n")
    (tmp_path / "two.py").write_text("from one import X\n")
    (tmp_path / "three.py").write_text("import one\n")

    (line,) = cannot_be_first([["one", "two"], ["three"]], tmp_path)
    assert line.startswith("one: ImportError")


def main():
    layers = contract()
    graph = imports()
    for knot in sorted(knots(graph), key=len, reverse=True):
        if len(knot) > 1:
            print(len(knot), *knot)
    print(*sorted(upward(graph, layers)), sep="\n")


if __name__ == "__main__":
    main()
