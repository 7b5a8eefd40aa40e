"""Signals to the host process while the engine runs: no step of Python is made then, so that no handler would run."""

from __future__ import annotations

# Without the enums of `signal`, in which each look costs a microsecond.
import _signal  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator
from contextlib import contextmanager
import select
import signal
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from procession.arch.x86.entry import Entry
    from procession.include.linux.kernel import Kernel

__all__ = ("GLANCE_NS", "install_interrupt", "interrupt_engines", "run_realtime", "watch_input")

_AGAIN_SECONDS: Final = 0.005
# Of virtual time, about half a second: after so long an explored machine's engine comes out by itself. It has no thread
# that would see to that, as a search copies its process (fork), and takes a new machine a hundred times a second.
GLANCE_NS: Final = 20_000_000


def _running(k: Kernel) -> list[Entry]:
    return [entry for entry in tuple(k.x86.vcpus) if entry.cpu.running]


@contextmanager
def _signals_wait() -> Iterator[None]:
    """While active, no signal's handler runs in this thread: what it raises must not part a thread from its start."""
    # Asked for by itself: the call that blocks may raise what was pending, and then tells no mask.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def interrupt_engines(k: Kernel) -> None:
    """Make an engine that runs raise KeyboardInterrupt; callable from any thread."""
    for entry in _running(k):
        entry.cpu.interrupt()


def run_realtime(entry: Entry) -> None:
    """Run entry's engine until a hook stops it, or as much as the host's clock leaves until the next timer is run.

    If only a signal to the host process has ended the run, it goes on: a replay, which hears of none, would not ask for
    the time there.
    """
    cpu, clock = entry.cpu, entry.clock
    entry.current.stime += clock.sync()
    while True:
        left_ns = entry.timers.next_timer_ns - clock.now_ns
        cpu.arm(max(left_ns, 0))
        cpu.run()
        if entry.stopped or not cpu.was_cut() or entry.thread.hits or not clock.next_event_ns:
            return
        if cpu.unspent() >= entry.timers.next_timer_ns - clock.now_ns:
            return


class _Watcher:
    """A thread that ends the engines' run when a signal has come, again and again until its handler has run.

    Once is not enough: an engine that is just about to start forgets that it was told to stop. The thread begins when
    the first engine is made; a machine of Python programs needs neither.
    """

    def __init__(self, k: Kernel) -> None:
        self._k = k
        self.handled = 0
        self._watcher: threading.Thread | None = None

    def start(self) -> None:
        """Begin; in the main thread."""
        with _signals_wait():
            self._over = threading.Event()
            self._reader, self._writer = socket.socketpair()
            self._writer.setblocking(False)
            self._old_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
            self._watcher = threading.Thread(target=self._watch, name="procession-interrupt", daemon=True)
            self._watcher.start()

    def _watch(self) -> None:
        handled = 0
        while self._reader.recv(64) and not self._over.is_set():
            for _ in range(100):
                for entry in _running(self._k):
                    entry.cpu.let_out()
                if self.handled != handled or self._over.wait(_AGAIN_SECONDS):
                    break
            handled = self.handled

    def close(self) -> None:
        """End the thread."""
        if self._watcher is None:
            return
        with _signals_wait():
            signal.set_wakeup_fd(self._old_fd)
            self._over.set()
            self._writer.send(b"\0")
            self._watcher.join()
            self._reader.close()
            self._writer.close()


@contextmanager
def install_interrupt(k: Kernel) -> Iterator[None]:
    """While active, Python's signal handlers run also while an engine is in an endless loop; nothing before the first.

    What a handler raises comes out of the machine, be it in the midst of an engine's hook, where Python itself would
    only print it. Main thread only.
    """
    watcher = _Watcher(k)
    old: dict[int, tuple[Callable[[int, Any], Any], Callable[[int, Any], None]]] = {}

    def wrapped(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
        def on_signal(signum: int, frame: Any) -> None:
            watcher.handled += 1
            running = _running(k)
            if not running:
                handler(signum, frame)
                return
            try:
                handler(signum, frame)
            except BaseException as error:  # noqa: BLE001 -- comes out of run()
                running[0].cpu.error = error
                running[0].cpu.stop()

        return on_signal

    def start() -> None:
        if not k.chooser.exploring:
            watcher.start()
        for signum in range(1, signal.NSIG):
            handler = _signal.getsignal(signum)
            if callable(handler):
                ours = wrapped(handler)
                old[signum] = handler, ours
                signal.signal(signum, ours)

    k.x86.first_engine = start
    try:
        yield
    finally:
        k.x86.first_engine = None
        for signum, (handler, ours) in old.items():
            if signal.getsignal(signum) is ours:
                signal.signal(signum, handler)
        watcher.close()


@contextmanager
def watch_input(k: Kernel, fd: int) -> Iterator[None]:
    """While active, input on fd cuts in on a program that makes no calls: the console driver looks for it at once."""
    reader, writer = socket.socketpair()
    over = threading.Event()

    def watch() -> None:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.register(reader, select.POLLIN)
        while not over.is_set():
            poll.poll()
            if k.tty.hvc_wants:
                k.tty.hvc_timer.expires_ns = k.timers.deferrable_ns = k.clock.next_event_ns = 0
                for entry in _running(k):
                    entry.cpu.let_out()
            over.wait(_AGAIN_SECONDS)

    thread = threading.Thread(target=watch, name="procession-input", daemon=True)
    try:
        with _signals_wait():
            thread.start()
        yield
    finally:
        with _signals_wait():
            over.set()
            writer.send(b"\0")
            if thread.ident is not None:
                thread.join()
            reader.close()
            writer.close()
