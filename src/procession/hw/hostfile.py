"""Text that goes to a file descriptor of the host, whole lines of it whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
import io
import os
import select
import stat
from typing import Final

__all__ = ("HostFile", "wait_writable", "write_all")

# poll(2) promises that a pipe takes so much without blocking.
_PIPE_BUF: Final = select.PIPE_BUF


def wait_writable(fd: int) -> None:
    """Wait until fd takes data or has an error to tell."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


def write_all(fd: int, data: bytes) -> None:
    """Write all of data, also where somebody has set O_NONBLOCK; raises OSError."""
    view = memoryview(data)
    while view:
        try:
            done = os.write(fd, view)
        except BlockingIOError:
            wait_writable(fd)
        else:
            view = view[done:]


class HostFile(io.TextIOBase):
    """A file to print to, for lines that must be there, whole and once, when a signal or a full disk ends the run.

    held: makes a context in which no signal handler raises. The wait for a slow reader is outside of it.
    """

    def __init__(
        self,
        fd: int,
        name: str | None = None,
        *,
        limit: int = 1 << 16,
        held: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Write to fd, by pieces of limit bytes; 0: at once. name: for errors; then close() closes fd, too."""
        super().__init__()
        self._fd = fd
        self._name = name
        self._limit = limit
        self._held = held
        self.newline = "\n"  # what ends a line: a terminal in raw mode takes both characters
        self._regular = stat.S_ISREG(os.fstat(fd).st_mode)
        self._parts: list[bytes] = []
        self._size = 0
        self._pending = b""
        self._tail = 0  # bytes written behind the last newline

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What text becomes."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """What becomes of lone surrogates."""
        return "surrogateescape"

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return os.isatty(self._fd)

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, text: str, /) -> int:
        """Keep text until there is enough of it; raises OSError."""
        lines = text if self.newline == "\n" else text.replace("\n", self.newline)
        data = lines.encode("utf-8", "surrogateescape")
        self._parts.append(data)
        self._size += len(data)
        if self._size >= self._limit:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Write what was kept; raises OSError, after which nothing is kept and no half line stands in the file."""
        while not self.closed and self._more():
            wait_writable(self._fd)
            with self._held():
                self._put()

    def _more(self) -> bool:
        with self._held():
            if not self._pending:
                self._pending = b"".join(self._parts)
                self._parts.clear()
                self._size = 0
            return bool(self._pending)

    def _put(self) -> None:
        data = self._pending if self._regular else self._pending[:_PIPE_BUF]
        try:
            n = os.write(self._fd, data)
        except BlockingIOError:
            return
        except OSError as error:
            self._give_up()
            if self._name is not None:
                error.filename = self._name
            raise
        newline = data.rfind(b"\n", 0, n)
        self._tail = n - newline - 1 if newline >= 0 else self._tail + n
        self._pending = self._pending[n:]

    def _give_up(self) -> None:
        self._pending = b""
        self._parts.clear()
        if self._regular and self._tail:
            end = os.lseek(self._fd, 0, os.SEEK_CUR) - self._tail
            os.ftruncate(self._fd, end)
            os.lseek(self._fd, end, os.SEEK_SET)
            self._tail = 0

    def close(self) -> None:
        """Write what was kept, cut off a half line at the end of a file, and close; raises OSError."""
        if self.closed:
            return
        try:
            self.flush()
            if self._name is not None:
                self._give_up()
        finally:
            super().close()
            if self._name is not None:
                os.close(self._fd)
