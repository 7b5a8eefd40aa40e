"""The host's terminal: how it was set, and the promise to set it so again."""

from __future__ import annotations

from contextlib import suppress
from errno import EINTR
import marshal
import os
import signal
import subprocess
import sys
import termios
from types import FrameType, TracebackType
from typing import Any

from procession.hw import terminal_guard

__all__ = ("HostTerminal",)


class HostTerminal:
    """A context in which a terminal may be set otherwise: as it leaves, by whatever way, the terminal is as it was.

    Also while the command is stopped (SIGTSTP, SIGTTIN, SIGTTOU) the terminal is its owner's, and after SIGCONT it is
    set as it was set here. SIGQUIT ends the process as it would have. The other signals end it by an exception, or are
    the caller's affair; after those that nobody can catch, a process of its own sets the terminal (terminal_guard.py).
    A descriptor that is no terminal is left alone. Main thread only.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._saved: list[Any] | None = None
        self._wanted: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> HostTerminal:
        with suppress(termios.error, OSError):
            self._saved = termios.tcgetattr(self.fd)
        if self._saved is not None:
            for signum in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                self._catch(signum, self._on_stop)
            self._catch(signal.SIGCONT, self._on_continue)
            self._catch(signal.SIGQUIT, self._on_quit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._saved is None:
            return
        try:
            self.restore()
        finally:
            self._end_guard()
            for signum, handler in self._handlers.items():
                signal.signal(signum, handler)
            self._handlers.clear()

    def _catch(self, signum: int, handler: Any) -> None:
        if signal.getsignal(signum) != signal.SIG_IGN:
            self._handlers[signum] = signal.signal(signum, handler)

    def set(self, attributes: list[Any]) -> None:
        """Set it otherwise (tcsetattr(3), when the output that was written has gone out).

        In the background this stops the command (SIGTTOU) until it is in front, as job control wants it.
        """
        self._wanted = attributes
        self._start_guard()
        while True:
            try:
                termios.tcsetattr(self.fd, termios.TCSADRAIN, attributes)
            except termios.error as error:
                if error.args[0] == EINTR:
                    continue  # the handler has run: it was stopped
            return

    def raw(self) -> None:
        """Let every byte through as it is, both ways (cfmakeraw(3))."""
        if self._saved is None:
            return
        iflag, oflag, cflag, lflag, ispeed, ospeed, cc = self._saved
        iflag &= ~(
            termios.IGNBRK
            | termios.BRKINT
            | termios.PARMRK
            | termios.ISTRIP
            | termios.INLCR
            | termios.IGNCR
            | termios.ICRNL
            | termios.IXON
        )
        oflag &= ~termios.OPOST
        lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        cflag = cflag & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        cc = list(cc)
        cc[termios.VMIN], cc[termios.VTIME] = 1, 0
        self.set([iflag, oflag, cflag, lflag, ispeed, ospeed, cc])

    def restore(self) -> None:
        """Set it as it was; once more does no harm."""
        if self._saved is not None and self._wanted is not None:
            self._apply(self._saved)

    def _apply(self, attributes: list[Any]) -> None:
        """Set it, unless it belongs to somebody else just now, or has gone away."""
        with suppress(termios.error, OSError):
            if os.tcgetpgrp(self.fd) == os.getpgrp():
                termios.tcsetattr(self.fd, termios.TCSADRAIN, attributes)

    def _start_guard(self) -> None:
        self._end_guard()
        with suppress(OSError):
            self._guard = subprocess.Popen(  # noqa: S603 -- our own file
                [sys.executable, "-ISB", terminal_guard.__file__],
                stdin=subprocess.PIPE,
                stdout=self.fd,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
            assert self._guard.stdin is not None
            self._guard.stdin.write(marshal.dumps((self._saved, self._wanted)))

    def _end_guard(self) -> None:
        """Tell it that the terminal is in order."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        assert guard.stdin is not None
        with suppress(OSError):
            guard.stdin.write(b"\0")
        guard.stdin.close()
        guard.wait()

    # Signals.

    def _on_stop(self, signum: int, frame: FrameType | None) -> None:
        self.restore()
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)  # goes on behind this with SIGCONT
        signal.signal(signum, self._on_stop)

    def _on_continue(self, signum: int, frame: FrameType | None) -> None:
        if self._wanted is not None:
            self._apply(self._wanted)

    def _on_quit(self, signum: int, frame: FrameType | None) -> None:
        self.restore()
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
