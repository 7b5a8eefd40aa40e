"""A number of the ABI or of the kernel is stated once, in include/, under C's name."""

import ast
from collections import defaultdict
from pathlib import Path
import re

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "procession"
CONSTANT = re.compile(r"_{0,2}[A-Z][A-Z0-9_]*")
# Long enough to say what it is about: _IN or _ALL are parts of many names.
SHORT = 3


def literal(node):
    """The value of an expression of numbers alone, else None."""
    numeric = (ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop)
    if all(isinstance(part, numeric) for part in ast.walk(node)):
        value = eval(compile(ast.Expression(node), "", "eval"))
        return value if type(value) in {int, bytes} else None
    return None


def constants(text):
    """(line, name, value or None, the expression) of each constant of a module, and of its classes."""
    body = ast.parse(text).body
    classes = [node for node in body if isinstance(node, ast.ClassDef) and not is_enum(node)]
    for node in [*body, *(node for cls in classes for node in cls.body)]:
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [(node.target, node.value)]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value] * len(node.targets[0].elts)
            targets = zip(node.targets[0].elts, values, strict=True)
        elif isinstance(node, ast.Assign):
            targets = [(node.targets[0], node.value)]
        else:
            continue
        for target, value in targets:
            if isinstance(target, ast.Name) and CONSTANT.fullmatch(target.id):
                yield node.lineno, target.id, literal(value), value


def is_enum(node):
    """Whether a class is one whose members only decode and print."""
    return any(isinstance(base, ast.Name) and base.id in {"IntEnum", "IntFlag"} for base in node.bases)


def stated_twice(modules):
    """Complaints about modules: a dict of path and text. A path that begins with include/ is a header."""
    headers, values = {}, {}
    everywhere = defaultdict(list)
    complaints = []
    for path, text in sorted(modules.items()):
        for line, name, value, expression in constants(text):
            if path.startswith("include/"):
                headers.setdefault(name, path)
                values[name] = value
            everywhere[name.strip("_"), ast.dump(expression)].append((f"{path}:{line}", value))
    for (name, _), places in everywhere.items():
        if len(places) > 1 and (places[0][1] is not None or name in headers):
            complaints.append(f"{name}: {', '.join(place for place, _ in places)}")
    for path, text in sorted(modules.items()):
        for line, name, value, expression in constants(text):
            place, base = f"{path}:{line}: {name}", name.strip("_")
            if isinstance(expression, ast.Name) and expression.id in headers and not path.startswith("include/"):
                complaints.append(f"{place} is {expression.id} of {headers[expression.id]}")
            if value is None or path.startswith(("include/", "hw/")):
                continue
            complaints += [
                f"{place} is {known} of {headers[known]}"
                for known, other in values.items()
                if other == value and (known == base or (len(base) > SHORT and known.endswith("_" + base)))
            ]
    return complaints


def test_no_constant_is_stated_twice():
    modules = {str(path.relative_to(SOURCE)): path.read_text() for path in SOURCE.rglob("*.py")}

    assert stated_twice(modules) == []


HEADER = "O_NONBLOCK: Final = 0o4000\nCLONE_VM: Final = 0x100\n"


@pytest.mark.parametrize("again", [
    "O_NONBLOCK: Final = 2048",
    "_NONBLOCK: Final = 0o4000",
    "_NONBLOCK: Final = O_NONBLOCK",
    "_O_NONBLOCK: Final = 1 << 11",
])
def test_a_constant_that_is_stated_again_is_found(again):
    assert stated_twice({"include/linux/fcntl.py": HEADER, "fs/pipe.py": again})


def test_two_modules_that_state_a_constant_of_their_own_are_found():
    assert stated_twice({"fs/stat.py": "_NSEC: Final = 1000", "fs/utimes.py": "NSEC: Final = 1000"})


def test_other_numbers_are_no_matter():
    others = "PIPE_NONBLOCK: Final = 7\n_VM: Final = 0x100"

    assert not stated_twice({"include/linux/fcntl.py": HEADER, "fs/pipe.py": others})


@pytest.mark.parametrize("again", [
    "class Constants:\n    O_NONBLOCK: Final = 2048",
    "class Constants:\n    O_NONBLOCK = 2048",
    "class Constants:\n    O_NONBLOCK, CLONE_VM = 2048, 0x100",
])
def test_a_class_that_states_a_constant_again_is_found(again):
    assert stated_twice({"include/linux/fcntl.py": HEADER, "arch/python/sys.py": again})


def test_a_class_may_name_a_headers_constant():
    again = "class Constants:\n    O_NONBLOCK: Final = fcntl_h.O_NONBLOCK"

    assert not stated_twice({"include/linux/fcntl.py": HEADER, "arch/python/_constants.py": again})


def test_a_python_programs_calls_name_what_they_pass():
    """A number there that is one of the ABI's would have a name: of a flag, a request, an option."""
    wrong = []
    for path in (SOURCE / "arch" / "python").glob("sys*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"trap", "machine"}:
                numbers = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and type(arg.value) is int]
                wrong += [f"{path.name}:{node.lineno}: {number}" for number in numbers if number > SIZE]

    assert wrong == []


# Sizes of sets and structs are no names' business: sizeof(sigset_t), a cpumask.
SIZE = 8


def test_every_constant_is_final_and_on_a_line_of_its_own():
    """As the compiler wants it: what is not Final is looked up at each use."""
    wrong = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign):
                names = [part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)]
                found = [name for name in names if CONSTANT.fullmatch(name) and len(name) > 1]
                wrong += [f"{path.name}:{node.lineno}: {name}" for name in found]

    assert wrong == []
