"""Which build of Procession runs: the sources as they are, or what `make compile` has made of them.

A compiled build is a folder `_compiled/ABI` beside this file: one library of all modules that were compiled, the few
written in C, and MANIFEST, which says what they were made from. `import procession` calls choose() before anything
else, so nothing is imported here but what every Python has loaded already.

PROCESSION_PURE=1 picks the sources, and pick_pure() does for a program that needs them;
PROCESSION_PURE=0 picks the compiled build, or is an error if there is none. Where it is not set a compiled build runs
if there is one for this Python, made from just these sources. One made from other sources is never used: the pure
build runs, and one line on standard error says why.
"""

from __future__ import annotations

import _imp
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec, SourcelessFileLoader
import os
import sys
from typing import TYPE_CHECKING, Final

from procession._host import why_not

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ("ABI_FOLDER", "LIBRARY", "MANIFEST", "SIGNATURES", "Build", "choose", "fingerprint", "pick_pure", "running")

PACKAGE: Final = os.path.dirname(__file__)  # noqa: PTH120 -- pathlib takes longer to import than the rest takes
SUFFIX: Final = EXTENSION_SUFFIXES[0]
ABI_FOLDER: Final = os.path.join(PACKAGE, "_compiled", SUFFIX.split(".")[1])  # noqa: PTH118
MANIFEST: Final = "MANIFEST"
LIBRARY: Final = "procession__mypyc"  # of all compiled modules
MAKER: Final = "procession._modules"  # _modules.c
SIGNATURES: Final = "procession._signatures"  # what a compiled function no longer says of itself


class Build:
    """The build that runs.

    compiled: whether it is a compiled one.  by: what it was compiled with, empty if it was not.
    error: why the build that was asked for cannot run, empty if it can.
    """

    def __init__(self, by: str = "", error: str = "") -> None:
        self.compiled = bool(by)
        self.by = by
        self.error = error


running = Build()


def choose() -> None:
    """Arrange for what is imported next to come from the build that is due."""
    global running  # noqa: PLW0603 -- what it is for
    wish = os.environ.get("PROCESSION_PURE", "")
    if not_here := why_not():
        running = Build(error=not_here)
    elif wish not in ("", "0", "1"):
        running = Build(error=f"PROCESSION_PURE={wish}: 1 picks the pure build, 0 the compiled one")
    elif wish != "1":
        running = _compiled(must=wish == "0")
    if running.error:
        sys.meta_path.insert(0, _Refusal(running.error))


def pick_pure(who: str) -> None:
    """Let the pure build run, for who replaces functions of the kernel or subclasses its classes; says so on stderr.

    Raises ImportError if the compiled build is loaded already.
    """
    global running  # noqa: PLW0603
    if not running.compiled:
        return
    if LIBRARY in sys.modules:
        raise ImportError(f"{who} needs the pure build, but the compiled one is loaded: set PROCESSION_PURE=1")
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    running = Build()
    print(f"procession: {who} needs the pure build, so that runs", file=sys.stderr)


def _compiled(*, must: bool) -> Build:
    try:
        with open(os.path.join(ABI_FOLDER, MANIFEST), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            by, *lines = file.read().splitlines()
    except FileNotFoundError:
        return Build(error="PROCESSION_PURE=0: there is no compiled build for this Python") if must else Build()
    changed = _changed(lines)
    if not changed:
        sys.meta_path.insert(0, _Finder(*_names(lines)))
        return Build(by)
    if must:
        return Build(error=f"PROCESSION_PURE=0: {changed} has changed since the compiled build was made")
    print(f"procession: {changed} has changed since the compiled build was made: the pure one runs", file=sys.stderr)
    return Build()


def _changed(lines: list[str]) -> str:
    """Return the first source that is not what the build was made from, empty if all are.

    A size and a time that are the recorded ones are enough; else the contents decide, as after a checkout.
    """
    for line in lines:
        name, size, mtime_ns, contents, _ = line.split()
        path = f"{PACKAGE}/{name}"
        try:
            stat = os.stat(path)  # noqa: PTH116
            if stat.st_size == int(size) and (stat.st_mtime_ns == int(mtime_ns) or fingerprint(path) == contents):
                continue
        except FileNotFoundError:
            pass
        return name
    return ""


def fingerprint(path: str) -> str:
    """Return what tells a source's contents from others'."""
    with open(path, "rb") as file:  # noqa: PTH123
        return _imp.source_hash(0, file.read()).hex()


def _names(lines: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the compiled modules, and those written in C."""
    paths = [line.split()[0] for line in lines if line.endswith(" compiled")]
    named = {path: "procession." + path.rpartition(".")[0].replace("/", ".") for path in paths}
    in_c = frozenset(name for path, name in named.items() if path.endswith(".c"))
    return frozenset(named.values()) - in_c, in_c


class _Finder:
    """Finds compiled modules (importlib.abc.MetaPathFinder)."""

    def __init__(self, compiled: frozenset[str], in_c: frozenset[str]) -> None:
        self.compiled = compiled
        self.in_c = in_c
        self.loader = _Loader()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return what makes a module; None if it was not compiled."""
        if name in self.compiled:
            origin = f"{ABI_FOLDER}/{LIBRARY}{SUFFIX}"
            return ModuleSpec(name, self.loader, origin=origin)  # type: ignore[arg-type]  # it has what is called
        if name in self.in_c or name == LIBRARY:
            origin = f"{ABI_FOLDER}/{name.replace('.', '/')}{SUFFIX}"
            loader: ExtensionFileLoader | SourcelessFileLoader = ExtensionFileLoader(name, origin)
        elif name == SIGNATURES:
            origin = f"{ABI_FOLDER}/SIGNATURES"
            loader = SourcelessFileLoader(name, origin)
        else:
            return None
        spec = ModuleSpec(name, loader, origin=origin)
        spec.has_location = True
        return spec


class _Loader:
    """Makes modules that are in the library (importlib.abc.Loader)."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Run a module's code and return it; raises what its code raises."""
        module: ModuleType = import_module(MAKER).make(import_module(LIBRARY), spec.name)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do no more: making it has run it."""


class _Refusal:
    """Lets nothing of the package be imported but the command, which says why."""

    def __init__(self, why: str) -> None:
        self.why = why

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        """Raise ImportError for whatever has a build."""
        if name.startswith("procession.") and not name.startswith(("procession.cli", "procession.__main__")):
            raise ImportError(self.why)
