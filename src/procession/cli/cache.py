"""What the command keeps in the user's cache folder, $XDG_CACHE_HOME/procession or ~/.cache/procession: bytecode.

Python keeps bytecode beside the sources. Where it cannot (an installation that is somebody else's, and was made without
it), each start would compile four hundred modules again, which takes twice as long as all else that a small run does.
So there, and only there, bytecode goes into the cache folder. Nothing else is kept anywhere.
"""

from __future__ import annotations

import os
import sys
from typing import Final

__all__ = ("clear", "folder", "listing", "use")

_KEPT: Final = 4  # folders: one for each Python and installation that was used last
_PRIVATE: Final = 0o700


def folder() -> str:
    """Return where the cache is, or would be; empty if this user has no home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # as the XDG base directory specification has it
        base = os.path.expanduser("~/.cache")
    return os.path.join(base, "procession") if os.path.isabs(base) else ""


def use(cached: str | None) -> None:
    """Let the bytecode of modules imported from now on come from the cache, if it cannot be where it belongs.

    cached: where Python keeps that of a module that has been imported: if it is there, all is well.
    """
    if sys.dont_write_bytecode or sys.pycache_prefix is not None or cached is None or os.path.exists(cached):
        return
    where = folder()
    own = ""
    if where and (own := _make(where)) and (own := _make(os.path.join(own, _name(cached)))):
        sys.pycache_prefix = own
        os.utime(own)
        _forget_old(where)


def _name(cached: str) -> str:
    """Return what tells this Python and this installation from others."""
    import _imp

    key = _imp.source_hash(0, f"{cached} {sys.version}".encode()).hex()
    return f"bytecode-{sys.implementation.cache_tag}-{key}"


def _make(path: str) -> str:
    """Make a folder that nobody else can write to; returns its path, empty if that is not to be had.

    Bytecode is run: what another user could have put there (HOME is the caller's after sudo) is not taken.
    """
    try:
        os.makedirs(path, _PRIVATE, exist_ok=True)
        stat = os.lstat(path)
    except OSError:
        return ""
    mine = stat.st_uid == os.geteuid() and stat.st_mode & 0o170022 == 0o040000
    return path if mine and os.access(path, os.W_OK) else ""


def _forget_old(where: str) -> None:
    """Remove all but the folders used last. Who is using one meanwhile compiles what it misses."""
    if len(names := os.listdir(where)) <= _KEPT:
        return
    import shutil

    paths = sorted((os.path.join(where, name) for name in names), key=lambda path: os.lstat(path).st_mtime_ns)
    for path in paths[:-_KEPT]:
        shutil.rmtree(path, ignore_errors=True)


def listing() -> list[tuple[str, int, int]]:
    """Return what is in the cache: the name of each folder, its number of files, their bytes."""
    where = folder()
    found = []
    for name in sorted(os.listdir(where)) if where and os.path.isdir(where) else ():
        sizes = [
            os.lstat(os.path.join(directory, file)).st_size
            for directory, _, files in os.walk(os.path.join(where, name))
            for file in files
        ]
        found.append((name, len(sizes), sum(sizes)))
    return found


def clear() -> tuple[str, int]:
    """Remove the cache; returns where it is, and how many bytes that were. Raises OSError."""
    import shutil

    where = folder()
    size = sum(taken for _, _, taken in listing())
    if where and os.path.isdir(where):
        shutil.rmtree(where)
    return where, size
