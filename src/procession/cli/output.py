"""What the commands write to: files, and the input of another command."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
import fcntl
import os
from pathlib import Path
import stat
import sys
from typing import TYPE_CHECKING

from procession.cli.host import SIGNALS
from procession.cli.mistakes import fail, host_error
from procession.hw.hostfile import HostFile

if TYPE_CHECKING:
    from procession.cli.strace_letters import Asked
    from procession.tools.strace_lines import Options

__all__ = ("output", "strace_output")


def _open_output(path: Path, *, append: bool = False) -> HostFile:
    """Open a file to write to; what the host has against it, or another run, is the user's one line."""
    how = os.O_APPEND if append else 0
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | how | os.O_CLOEXEC, 0o666)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            _lock(fd, path)
            if not append:
                os.ftruncate(fd, 0)
    except OSError as error:
        host_error(error)
    return HostFile(fd, str(path), held=SIGNALS.held)


def _lock(fd: int, path: Path) -> None:
    """Keep a file to this run as long as it is open: lines of two runs would be those of none."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fail(f"{path}: another run is writing to it")
    except OSError:
        return  # a file system without locks


@contextmanager
def output(path: Path, *, append: bool = False) -> Iterator[HostFile]:
    """Open a file for the length of a run."""
    out = _open_output(path, append=append)
    with _closed_at_the_end([out]):
        yield out


@contextmanager
def _closed_at_the_end(files: Collection[HostFile]) -> Iterator[None]:
    """Close files, those added meanwhile too; what the host has against that is the user's one line."""
    try:
        yield
    except BaseException:
        for out in files:
            with suppress(OSError):
                out.close()
        raise
    try:
        for out in files:
            out.close()
    except OSError as error:
        host_error(error)


@contextmanager
def strace_output(asked: Asked, options: Options) -> Iterator[HostFile]:
    """Open what -o says: a file, a file for each process, or a command's input; standard error without it."""
    name = asked.last("o")
    append = asked.count("A") > 0
    if name is None:
        assert isinstance(sys.stderr, HostFile)
        yield sys.stderr
    elif name.startswith(("|", "!")):
        with _piped(name[1:]) as out:
            yield out
    elif asked.count("f") > 1 or asked.count("--output-separately"):
        opened: dict[int, HostFile] = {}

        def separate(pid: int) -> HostFile:
            if pid in opened:  # the number of a process that has gone
                opened[pid].close()
            opened[pid] = _open_output(Path(f"{name}.{pid}"), append=append)
            return opened[pid]

        options.separate = separate
        with _closed_at_the_end(opened.values()):
            assert isinstance(sys.stderr, HostFile)
            yield sys.stderr
    else:
        with output(Path(name), append=append) as out:
            yield out


@contextmanager
def _piped(command: str) -> Iterator[HostFile]:
    """Start a command of the host that reads what is written, and wait for its end."""
    import subprocess

    with subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.PIPE) as reader:  # noqa: S603 -- the user's
        assert reader.stdin is not None
        out = HostFile(reader.stdin.fileno(), held=SIGNALS.held)
        try:
            yield out
        finally:
            with suppress(OSError):  # it may have gone
                out.close()
