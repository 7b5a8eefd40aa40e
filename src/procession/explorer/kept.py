"""A machine that is kept ready: booted up to where a Python program begins, and put back there for each run."""

from __future__ import annotations

import sys
from threading import get_ident
from typing import TYPE_CHECKING, Final

from procession.explorer.heap import keep_what_is_there
from procession.explorer.recorder import Recorder, Strategy
from procession.explorer.snapshot import CannotBeTaken, Snapshot
from procession.include.linux.mm_types import PAGE_SHIFT
from procession.mm.page_alloc import ZEROES

if TYPE_CHECKING:
    from procession.boot import Machine
    from procession.explorer.subject import Subject
    from procession.include.trace.events import Event

__all__ = ("CannotBeTaken", "Kept")

_MOST_FRAMES: Final = 256  # in use when the program begins; more than that is not put back every time


class _Relay:
    """Hears the events of a machine whoever is its recorder."""

    __slots__ = ("recorder",)

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def on_event(self, event: Event) -> None:
        """Pass it on."""
        self.recorder.on_event(event)


class Kept:
    """A machine and how it was when the program was about to begin.

    recorder: with the steps up to there; it has answered nothing.  without: the kinds of objects left out.  thread: of
    the host, the only one that may run it.
    Raises CannotBeTaken if this machine could not be put back, and what Machine.run() does.
    """

    def __init__(self, subject: Subject, without: frozenset[str]) -> None:
        self.without = without
        self.thread = get_ident()
        self.recorder: Recorder = subject.recorder(Strategy(), without)
        self.relay = _Relay(self.recorder)
        self.machine: Machine = subject.machine(self.recorder)
        self.recorder.attach(self.machine, listener=self.relay.on_event)
        subject.boot_to_program(self.machine)
        k = self.machine.kernel
        # What was asked up to here could be answered in another way, and a grace period would be a step further.
        if self.recorder.nodes or k.chooser.asked or k.rcu.next or k.rcu.wait or k.mm.next_fresh > _MOST_FRAMES:
            raise CannotBeTaken("too much has happened before the program begins")
        self._take_memory()
        self._snapshot = Snapshot(self.machine)
        keep_what_is_there()
        self._holders = sys.getrefcount(self.machine)

    def is_free(self) -> bool:
        """Whether nobody else refers to the machine, so that no one would notice."""
        return sys.getrefcount(self.machine) <= self._holders

    def put_back(self, strategy: Strategy) -> Recorder:
        """Make the machine ready for another run, with strategy to answer; returns the recorder of that."""
        self._put_back_memory()
        self._snapshot.put_back()
        recorder = self.recorder.again(strategy)
        self.relay.recorder = recorder
        chooser = self.machine.chooser
        chooser.provider = recorder
        chooser.record = []  # whoever asked for the last run's has that
        return recorder

    def changed(self) -> list[object]:
        """Return the objects that the last run has changed."""
        return self._snapshot.changed()

    # Physical memory, of which only the frames that were ever used can hold anything.

    def _take_memory(self) -> None:
        frames = self.machine.frames
        self._frames: int = self.machine.kernel.mm.next_fresh
        self._contents = bytes(frames.phys[: self._frames << PAGE_SHIFT])
        self._count = frames.count[: self._frames].tolist()
        self._mapcount = frames.mapcount[: self._frames].tolist()
        self._pflags = bytes(frames.pflags[: self._frames])

    def _put_back_memory(self) -> None:
        frames = self.machine.frames
        end, used = self.machine.kernel.mm.next_fresh, self._frames
        for pfn in range(used, end):
            frames.phys[pfn << PAGE_SHIFT : (pfn + 1) << PAGE_SHIFT] = ZEROES
            frames.count[pfn] = frames.mapcount[pfn] = frames.pflags[pfn] = 0
        for pfn in range(used):
            frames.count[pfn] = self._count[pfn]
            frames.mapcount[pfn] = self._mapcount[pfn]
        frames.pflags[:used] = self._pflags
        frames.phys[: used << PAGE_SHIFT] = self._contents
