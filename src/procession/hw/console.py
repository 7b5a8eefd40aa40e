"""The machine's terminal line: where output goes and input comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO
import os
import select
import signal
from typing import Final, Protocol, runtime_checkable

from procession.hw.hostfile import write_all

__all__ = ("BufferConsole", "Console", "ConsoleAround", "HostConsole", "TerminalConsole")

Size = tuple[int, int]  # rows, columns
_ESCAPE: Final = 0x1D  # Ctrl-]
_ESCAPES: Final = 3


@runtime_checkable
class Console(Protocol):
    """What the console driver needs of the host."""

    @property
    def stdout(self) -> bytes:
        """What was written to 1, if it was kept."""

    @property
    def stderr(self) -> bytes:
        """What was written to 2, if it was kept."""

    def write(self, fd: int, data: bytes) -> None:
        """Output data; fd is 1 or 2."""

    def read(self, n: int) -> bytes | None:
        """Return up to n bytes of input, b"" at its end, None if there is none yet."""

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait until read() or winsize() has an answer; false if none can or did come."""

    def winsize(self) -> Size | None:
        """Return the size of the window if that has changed since this was called last."""


class ConsoleAround:
    """A console around another one, to which it passes everything: a subclass says what it does besides."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Console) -> None:
        self._inner = inner

    @property
    def stdout(self) -> bytes:
        """What was written to 1, if it was kept."""
        return self._inner.stdout

    @property
    def stderr(self) -> bytes:
        """What was written to 2, if it was kept."""
        return self._inner.stderr

    def write(self, fd: int, data: bytes) -> None:
        """Output data; raises OSError."""
        self._inner.write(fd, data)

    def read(self, n: int) -> bytes | None:
        """Read as the console within."""
        return self._inner.read(n)

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait as the console within."""
        return self._inner.wait(timeout_ns)

    def winsize(self) -> Size | None:
        """Ask the console within."""
        return self._inner.winsize()


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
        data = self._in[self._pos : self._pos + n]
        self._pos += len(data)
        return data

    def wait(self, timeout_ns: int | None) -> bool:
        """Always: the input is there."""
        return True

    def winsize(self) -> Size | None:
        """It stays as it is."""
        return None


class HostConsole:
    """Passes everything to file descriptors of the host."""

    __slots__ = ("_in", "_outs")

    def __init__(self, stdin: int = 0, stdout: int = 1, stderr: int = 2) -> None:
        self._in = stdin
        self._outs = {1: stdout, 2: stderr}

    def fileno(self) -> int:
        """Return the descriptor that input comes from."""
        return self._in

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
        write_all(self._outs[fd], data)

    def read(self, n: int) -> bytes | None:
        """Read what is there without waiting."""
        if not self.wait(0):
            return None
        try:
            return os.read(self._in, n)
        except BlockingIOError:
            return None  # somebody else was faster
        except OSError as error:
            if error.errno != EIO:
                raise
            return b""  # the terminal has gone away

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait for input or its end."""
        return _wait((self._in,), timeout_ns)

    def winsize(self) -> Size | None:
        """There is no window."""
        return None


class TerminalConsole(HostConsole):
    """The host's terminal: its window has a size, and whoever sits there can get out with three Ctrl-] in a row."""

    __slots__ = ("_changed", "_escape", "_escapes", "_woken")

    def __init__(self, stdin: int = 0, stdout: int = 1) -> None:
        super().__init__(stdin, stdout, stdout)
        self._changed = False
        self._escape: Callable[[], object] | None = None
        self._escapes = 0
        self._woken = -1

    @contextmanager
    def attended(self, escape: Callable[[], object]) -> Iterator[None]:
        """Somebody sits there in here: hear of changes of the size (SIGWINCH), call escape at the third Ctrl-].

        Main thread only.
        """
        self._escape = escape
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)

        def on_change(signum: int, frame: object) -> None:
            self._changed = True
            with suppress(BlockingIOError):
                os.write(wake, b"\0")

        old = signal.signal(signal.SIGWINCH, on_change)
        try:
            yield
        finally:
            signal.signal(signal.SIGWINCH, old)
            os.close(wake)
            os.close(self._woken)
            self._woken = -1
            self._escape = None

    def read(self, n: int) -> bytes | None:
        """Read what was typed."""
        data = super().read(n)
        if self._escape is None:
            return data
        for byte in data or b"":
            self._escapes = self._escapes + 1 if byte == _ESCAPE else 0
            if self._escapes == _ESCAPES:
                self._escape()
        return data

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait for input, its end, or another size."""
        return self._changed or _wait((self._in,) if self._woken < 0 else (self._in, self._woken), timeout_ns)

    def winsize(self) -> Size | None:
        """Return the size if it may have changed."""
        if not self._changed:
            return None
        self._changed = False
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        return self.size()

    def size(self) -> Size | None:
        """Return the size now, None if it has none."""
        try:
            columns, rows = os.get_terminal_size(self._outs[1])
        except OSError:
            return None
        return rows, columns


def _wait(fds: tuple[int, ...], timeout_ns: int | None) -> bool:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout_ns is None else -(-timeout_ns // 1_000_000)))
