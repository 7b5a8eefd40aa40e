"""The machine's terminal line: where output goes and input comes from."""

from __future__ import annotations

import os
import select
from typing import Protocol

__all__ = ("BufferConsole", "Console", "HostConsole")


class Console(Protocol):
    """What the console driver needs of the host."""

    @property
    def stdout(self) -> bytes:
        """What was written to 1, if it was kept."""
        ...

    @property
    def stderr(self) -> bytes:
        """What was written to 2, if it was kept."""
        ...

    def write(self, fd: int, data: bytes) -> None:
        """Output data; fd is 1 or 2."""
        ...

    def read(self, n: int) -> bytes | None:
        """Return up to n bytes of input, b"" at its end, None if there is none yet."""
        ...

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait until read() has an answer; false if none can or did come."""
        ...


class BufferConsole:
    """Keeps the output, and serves a fixed input."""

    __slots__ = ("_err", "_in", "_out", "_pos")

    def __init__(self, stdin: bytes = b"") -> None:
        self._in = stdin
        self._pos = 0
        self._out = bytearray()
        self._err = bytearray()

    @property
    def stdout(self) -> bytes:
        """All output to 1."""
        return bytes(self._out)

    @property
    def stderr(self) -> bytes:
        """All output to 2."""
        return bytes(self._err)

    def write(self, fd: int, data: bytes) -> None:
        """Keep data."""
        (self._err if fd == 2 else self._out).extend(data)

    def read(self, n: int) -> bytes | None:
        """Return the next part of the input."""
        data = self._in[self._pos:self._pos + n]
        self._pos += len(data)
        return data

    def wait(self, timeout_ns: int | None) -> bool:
        """Always: the input is there."""
        return True


class HostConsole:
    """Passes everything to file descriptors of the host."""

    __slots__ = ("_in", "_outs")

    def __init__(self, stdin: int = 0, stdout: int = 1, stderr: int = 2) -> None:
        self._in = stdin
        self._outs = {1: stdout, 2: stderr}

    @property
    def stdout(self) -> bytes:
        """Nothing: it was passed on."""
        return b""

    @property
    def stderr(self) -> bytes:
        """Nothing: it was passed on."""
        return b""

    def write(self, fd: int, data: bytes) -> None:
        """Write all of data; raises OSError (BrokenPipeError) if the host cannot."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._outs[fd], view):]

    def read(self, n: int) -> bytes | None:
        """Read what is there without waiting."""
        if not self.wait(0):
            return None
        return os.read(self._in, n)

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait for input or its end."""
        ready, _, _ = select.select([self._in], [], [], None if timeout_ns is None else timeout_ns / 1e9)
        return bool(ready)
