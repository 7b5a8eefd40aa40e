"""Labs: what a program is graded by, read from a file of TOML."""

from __future__ import annotations

from pathlib import Path
import re
import tomllib
from typing import Any, Final, NamedTuple

from procession.explorer.properties import PROPERTIES

__all__ = ("Lab", "LabError", "Trace", "lab_names", "load_lab")

HERE: Final = Path(__file__).parent
_PID: Final = re.compile(r"\([0-9]+\)")
_MISSING: Final = object()


class LabError(ValueError):
    """A lab that cannot be: no such file, or not what docs/grading.md says; or a program that cannot be graded."""


class Trace(NamedTuple):
    """One thing that is tried: what the program is given to read, and what may come of it in any order.

    points: what it is worth.  stdin: the input.  allowed: expressions for the whole output, in which (123) is (PID).
    status: the exit status that the program has to end with.  hint: what to think about if it fails.
    """

    name: str
    points: int
    stdin: str
    allowed: tuple[re.Pattern[str], ...]
    status: int
    hint: str

    def allows(self, output: str) -> bool:
        """Whether the whole output is one that is allowed."""
        text = _PID.sub("(PID)", output)
        return any(one.fullmatch(text) for one in self.allowed)


class Lab(NamedTuple):
    """A lab.

    command: how the program is started, its own name first: "./tsh".  sources: name -> C file, of the programs that lie
    beside it.  off: properties of the explorer that may be broken.
    """

    name: str
    title: str
    command: tuple[str, ...]
    sources: dict[str, Path]
    off: tuple[str, ...]
    traces: tuple[Trace, ...]

    @property
    def points(self) -> int:
        """How many there are to be had."""
        return sum(trace.points for trace in self.traces)


def lab_names() -> list[str]:
    """Return the labs that come with Procession."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def load_lab(which: str | Path) -> Lab:
    """Read a lab: the name of one that comes with Procession, or the path of a file NAME.toml.

    Raises LabError if there is none, or it is not as it has to be.
    """
    path = HERE / f"{which}.toml" if str(which) in lab_names() else Path(which)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        names = ", ".join(lab_names())
        raise LabError(f"lab {which}: {error.strerror}; there is {names}, or the path of a file") from None
    except UnicodeDecodeError:
        raise LabError(f"lab {path}: not a text in UTF-8") from None
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LabError(f"lab {path}: {error}") from None
    return _lab(path, fields)


def _lab(path: Path, fields: dict[str, Any]) -> Lab:
    where = f"lab {path}"
    _no_others(where, fields, ("name", "title", "command", "programs", "off", "trace"))
    traces = [_trace(where, number, one) for number, one in enumerate(_get(where, fields, "trace", list), 1)]
    names = [trace.name for trace in traces]
    for name in names:
        if names.count(name) > 1:
            raise LabError(f"{where}: two traces {name!r}")
    lab = Lab(
        _get(where, fields, "name", str),
        _get(where, fields, "title", str, ""),
        _texts(where, fields, "command"),
        _sources(where, path, _get(where, fields, "programs", dict, {})),
        _texts(where, fields, "off", ()),
        tuple(traces),
    )
    if not traces:
        raise LabError(f"{where}: no trace")
    if not lab.command or Path(lab.command[0]).name in ("", "..") or lab.command[0] != f"./{Path(lab.command[0]).name}":
        raise LabError(f"{where}: command: the program's name with ./ before it expected first")
    for name in lab.off:
        if name not in PROPERTIES:
            raise LabError(f"{where}: off: no property {name!r}; there are {', '.join(PROPERTIES)}")
    return lab


def _trace(where: str, number: int, fields: Any) -> Trace:
    if not isinstance(fields, dict):
        raise LabError(f"{where}: trace {number}: a table expected")
    where = f"{where}: trace {fields.get('name', number)}"
    _no_others(where, fields, ("name", "points", "stdin", "allowed", "status", "hint"))
    points = _get(where, fields, "points", int)
    status = _get(where, fields, "status", int, 0)
    if points < 0 or not 0 <= status <= 0xFF:
        raise LabError(f"{where}: points from 0 on, and a status from 0 to 255, expected")
    try:
        allowed = tuple(re.compile(one) for one in _texts(where, fields, "allowed"))
    except re.error as error:
        raise LabError(f"{where}: allowed: {error.pattern!r}: {error}") from None
    return Trace(
        _get(where, fields, "name", str),
        points,
        _get(where, fields, "stdin", str),
        allowed,
        status,
        _get(where, fields, "hint", str, ""),
    )


def _sources(where: str, path: Path, programs: dict[str, Any]) -> dict[str, Path]:
    """Return the programs' C files, which lie beside the lab's."""
    found = {}
    for name, source in programs.items():
        if not isinstance(source, str) or {name, source} & {"", ".", ".."} or "/" in name + source:
            raise LabError(f"{where}: programs: {name}: the name of a C file beside the lab's expected")
        if not (path.parent / source).is_file():
            raise LabError(f"{where}: programs: {path.parent / source} is not there")
        found[name] = path.parent / source
    return found


def _no_others(where: str, fields: dict[str, Any], known: tuple[str, ...]) -> None:
    for name in fields:
        if name not in known:
            raise LabError(f"{where}: no field {name!r}; there are {', '.join(known)}")


def _get(where: str, fields: dict[str, Any], name: str, kind: type, default: Any = _MISSING) -> Any:
    value = fields.get(name, default)
    if value is _MISSING:
        raise LabError(f"{where}: {name} is missing")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise LabError(f"{where}: {name}: {kind.__name__} expected, not {value!r:.60}")
    return value


def _texts(where: str, fields: dict[str, Any], name: str, default: Any = _MISSING) -> tuple[str, ...]:
    values = _get(
        where, {name: list(default)} if name not in fields and default is not _MISSING else fields, name, list
    )
    for value in values:
        if not isinstance(value, str):
            raise LabError(f"{where}: {name}: texts expected, not {value!r:.60}")
    return tuple(values)
