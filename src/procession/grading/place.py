"""Where a program is graded: a directory of the host with it and the lab's programs, which stays for the tokens."""

from __future__ import annotations

from collections.abc import Sequence
import hashlib
import os
from pathlib import Path
import shutil
import stat
import subprocess
import tempfile
from typing import Final

from procession.grading.lab import Lab, LabError

__all__ = ("COMPILERS", "prepare")

# The first of these that works. Static programs need fewer calls to begin, and so fewer orders.
COMPILERS: Final = (("cc", "-std=gnu11", "-O1", "-static"), ("cc", "-std=gnu11", "-O1"))


def prepare(program: Path, lab: Lab, compiler: Sequence[str] | None, place: Path | None) -> Path:
    """Put the program and those of the lab into a directory, and return that.

    compiler: the command that makes a program of a C file, without -o.  place: the directory; without it one of the
    user's own among the temporary ones, the same one for the same program and lab.
    Raises LabError for a program that cannot be executed, or a C file that cannot be compiled; OSError.
    """
    data = _read(program)
    digest = hashlib.sha256(data)
    for name, source in sorted(lab.sources.items()):
        digest.update(name.encode() + b"\0" + source.read_bytes())
    key = digest.hexdigest()[:12]
    where = _own() / key if place is None else place.absolute()
    where.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    for name, source in lab.sources.items():
        if place is not None or not (where / name).exists():
            _compile(source, where / name, compiler)
    _install(data, where / Path(lab.command[0]).name)
    return where


def _read(program: Path) -> bytes:
    try:
        data = program.read_bytes()
    except OSError as error:
        raise LabError(f"{program}: {error.strerror}") from None
    if not os.access(program, os.X_OK):
        raise LabError(f"{program}: not executable")
    return data


def _own() -> Path:
    """Return the user's directory among the temporary ones; raises LabError if it is somebody else's."""
    own = Path(tempfile.gettempdir(), f"procession-grade-{os.getuid()}")
    own.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    status = own.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise LabError(f"{own}: not a directory of yours alone; name another one with --place")
    return own


def _compile(source: Path, target: Path, compiler: Sequence[str] | None) -> None:
    new = target.with_name(f".{target.name}.{os.getpid()}")
    said = ""
    for command in (compiler,) if compiler is not None else COMPILERS:
        try:
            done = subprocess.run(  # noqa: S603 -- the compiler that was asked for
                [*command, "-o", str(new), str(source.absolute())], capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise LabError(f"{source.name} cannot be compiled: {command[0]}: {error.strerror}") from None
        if done.returncode == 0:
            new.replace(target)
            return
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[0]
    raise LabError(f"{source.name} cannot be compiled: {said}")


def _install(data: bytes, target: Path) -> None:
    if target.exists() and target.read_bytes() == data:
        return
    new = target.with_name(f".{target.name}.{os.getpid()}")
    new.write_bytes(data)
    new.chmod(stat.S_IRWXU)
    shutil.move(new, target)
