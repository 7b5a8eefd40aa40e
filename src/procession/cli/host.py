"""What the host may do to the command at any moment: signals, and readers of its output that leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("CLOSED", "SIGNALS", "HostSignals", "Stopped", "die_of", "nobody_reads")

# Which of the descriptors 0, 1 and 2 were closed when the command was started; /dev/null stands there since.
CLOSED: Final[list[int]] = []

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE_SECONDS: Final = 1.0
_AGAIN_SECONDS: Final = 0.005
_IMPORT: Final = "<frozen importlib._bootstrap>"


class Stopped(BaseException):
    """A signal that ends the command."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


def die_of(signum: int) -> NoReturn:
    """End by the signal itself, so that whoever waits for the command sees what it died of."""
    with suppress(OSError):
        sys.stderr.flush()
    signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
    os.kill(os.getpid(), signum)
    os._exit(128 + signum)  # PID 1 of a container does not die of it


def nobody_reads() -> NoReturn:
    """End as after SIGPIPE: whoever read our output has gone, and there is nobody to tell."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    raise SystemExit(141)


class HostSignals:
    """Makes SIGINT, SIGTERM and SIGHUP an exception that unwinds everything, once.

    A second signal does not disturb the clean-up after the first; one that comes more than a second later ends a
    clean-up that hangs. Signals that were ignored when the command was started (nohup) stay so.

    An import ends first, for it may not pass on what it meets: the compiler forgets it, the making of a class
    renames it.
    """

    def __init__(self) -> None:
        self._signum = 0
        self._since = 0.0
        self._depth = 0
        self._due = False
        self._old_hook: Callable[[Any], object] | None = None

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Raise Stopped in here."""
        old = {number: signal.getsignal(number) for number in _ENDING}
        self._old_hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        try:
            for number, handler in old.items():
                if handler != signal.SIG_IGN:
                    signal.signal(number, self._on_signal)
            yield
        finally:
            if not self._signum:
                for number, handler in old.items():
                    signal.signal(number, handler)
                sys.unraisablehook = self._old_hook

    @contextmanager
    def held(self) -> Iterator[None]:
        """Do not raise in here, but at its end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        if self._due and not self._depth:
            self._due = False
            raise Stopped(self._signum)

    @contextmanager
    def timed(self, seconds: float) -> Iterator[None]:
        """Raise Stopped(SIGALRM) in here, once so many seconds have gone by outside; 0: never. Within caught()."""
        if not seconds:
            yield
            return
        old = signal.signal(signal.SIGALRM, self._on_signal)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            if not self._signum or self._signum == signal.SIGALRM:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, old)

    def check(self) -> None:
        """Raise Stopped if a signal has come."""
        if self._signum:
            raise Stopped(self._signum)

    def stop(self, signum: int) -> None:
        """Do as if this signal had come, even if it is ignored."""
        self._on_signal(signum, None)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signum:
            if now - self._since > _PATIENCE_SECONDS:
                die_of(signum)
            return
        self._signum, self._since = signum, now
        self._raise(frame)

    def _raise(self, frame: FrameType | None) -> None:
        if self._depth:
            self._due = True
            return
        if _imports(frame):
            self._raise_later()
            return
        raise Stopped(self._signum)

    def _raise_later(self) -> None:
        signal.signal(signal.SIGALRM, lambda _signum, frame: self._raise(frame))
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)

    def _unraisable(self, report: Any) -> None:
        """Raise it again a little later, where Python has nowhere to raise it to: in __del__, in a callback from C."""
        if not isinstance(report.exc_value, Stopped):
            assert self._old_hook is not None
            self._old_hook(report)
            return
        self._raise_later()


def _imports(frame: FrameType | None) -> bool:
    """Whether an import is going on."""
    while frame is not None and frame.f_code.co_filename != _IMPORT:
        frame = frame.f_back
    return frame is not None


SIGNALS: Final = HostSignals()
