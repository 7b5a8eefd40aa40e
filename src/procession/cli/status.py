"""The status line: that a run which takes long is no hang, said on the terminal below what the program prints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
import threading
import time
from typing import TYPE_CHECKING, Final

from procession.hw.console import ConsoleAround
from procession.include.linux.time import NSEC_PER_SEC

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.hw.console import Console

__all__ = ("StatusLine", "status_shown", "wanted")

_FIRST_SECONDS: Final = 2.0
_AGAIN_SECONDS: Final = 0.5
_CLEAR: Final = b"\r\x1b[K"
_COLUMNS: Final = 80  # of a terminal that does not say


def wanted(fd: int = 2) -> bool:
    """Whether there is a terminal at fd that a line can be taken back from."""
    return os.isatty(fd) and os.environ.get("TERM", "dumb") not in {"", "dumb"}


@contextmanager
def status_shown(machine: Machine, fd: int = 2) -> Iterator[None]:
    """Show the line in here, from two seconds of the host's time on. The machine hears and sees nothing of it."""
    kernel = machine.kernel
    line = StatusLine(machine, kernel.console, fd)
    kernel.console = line
    machine.at_end.append(line.on_end)
    try:
        yield
    finally:
        line.close()


class StatusLine(ConsoleAround):
    """A console that takes the line away while the program prints. A thread draws it, where a line may begin."""

    def __init__(self, machine: Machine, inner: Console, fd: int) -> None:
        self._machine = machine
        super().__init__(inner)
        self._fd = fd
        self._terminals = {out for out in (1, 2) if os.isatty(out)}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._drawn = False
        self._midline = False  # the program has not ended its line
        self._waits = False  # for somebody who types
        self._calls = self._shown_ns = 0
        self._since = time.monotonic()
        threading.Thread(target=self._run, name="procession-status", daemon=True).start()

    # In the thread.

    def _run(self) -> None:
        seconds = _FIRST_SECONDS
        with suppress(OSError):  # the terminal has gone, or takes no more: so does the line
            while not self._over.wait(seconds):
                with self._lock:
                    self._draw()
                seconds = _AGAIN_SECONDS

    def _draw(self) -> None:
        text = self._text()
        if self._over.is_set() or self._midline or self._waits or os.tcgetpgrp(self._fd) != os.getpgrp():
            return
        columns = os.get_terminal_size(self._fd).columns or _COLUMNS
        self._drawn = True
        os.write(self._fd, _CLEAR + text[: columns - 1].encode())

    def _text(self) -> str:
        """Return the line: the machine's time, how many processes there are, and calls a second since the last one."""
        kernel = self._machine.kernel
        calls = sum(entry.nr_calls for entry in tuple(kernel.x86.vcpus))
        now = time.monotonic()
        rate = (calls - self._calls) / max(now - self._since, 0.001)
        self._calls, self._since = calls, now
        engines = [entry.cpu for entry in tuple(kernel.x86.vcpus)]
        now_ns = kernel.clock.now_ns + sum(cpu.unspent() for cpu in engines if cpu.running)
        self._shown_ns = max(self._shown_ns, now_ns)  # the turn that --timeout breaks off is not charged
        many, seconds = len(kernel.tasks), self._shown_ns / NSEC_PER_SEC
        return f"procession: {seconds:.3f} s of virtual time, {many} processes, {rate:,.0f} calls a second"

    # In the machine's.

    def _clear(self) -> None:
        if self._drawn:
            self._drawn = False
            with suppress(OSError):
                os.write(self._fd, _CLEAR)

    def on_end(self, how: object) -> None:
        """Take it away before anything is said about the end."""
        self.close()

    def close(self) -> None:
        """Take the line away for good."""
        self._over.set()
        with self._lock:
            self._clear()

    def write(self, fd: int, data: bytes) -> None:
        """Write data where the line was, if it goes to a terminal; raises OSError."""
        if fd not in self._terminals or not data:
            self._inner.write(fd, data)
            return
        with self._lock:
            self._clear()
            self._midline = not data.endswith(b"\n")
            self._inner.write(fd, data)

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait as the console within; the line is away where all wait for input, which is echoed there."""
        if timeout_ns is not None:
            return self._inner.wait(timeout_ns)
        with self._lock:
            self._clear()
            self._waits = True
        came = self._inner.wait(None)
        self._waits = False  # not if it was broken off: then the run is over
        return came
