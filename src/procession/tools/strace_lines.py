"""The lines of strace's output: what stands before each, whose is unfinished, and where they go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from procession.include.linux.time import NSEC_PER_SEC
from procession.tools.strace_args import ABBREVIATED, date_text
from procession.tools.strace_filter import Filter
from procession.tools.strace_summary import Summary

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task
    from procession.tools.tracefile import Out

__all__ = ("COLUMN", "EXECVE", "Lines", "Options", "fraction")

COLUMN: Final = 40
EXECVE: Final = 59
_ADDRESS_DIGITS: Final = 16


class OwnOut(Protocol):
    """The file of one process."""

    def write(self, text: str, /) -> object:
        """Take text."""

    def close(self) -> None:
        """Take no more."""


@dataclass(slots=True)
class Options:
    """What strace is asked for besides: its letters.

    follow: children too.  only: which calls, signals and messages.  limit: how many bytes of a string are shown, and
    items of an array.  hexed: as Style.hexed.  column: where results stand.  to_file: prefix lines as with -o.
    separate: opens the file of a process, where each is to have its own.  clock: "time" of day or "unix", with
    clock_digits digits behind the point.  relative, spent: with how many digits to print the time since the last line
    and the time in the call; None for not at all.  numbers, pointers: of the call, of the instruction.
    paths, pids: only calls about these files, only these processes.  summary: what counts the calls; counts_only: and
    nothing else is printed; wall: by the clock, not by the CPU's time.
    """

    follow: bool = True
    only: Filter = field(default_factory=Filter)
    limit: int = ABBREVIATED
    hexed: str = ""
    column: int = COLUMN
    to_file: bool = False
    separate: Callable[[int], OwnOut] | None = None
    clock: str = ""
    clock_digits: int = 0
    relative: int | None = None
    spent: int | None = None
    numbers: bool = False
    pointers: bool = False
    paths: tuple[str, ...] = ()
    pids: frozenset[int] = frozenset()
    summary: Summary | None = None
    counts_only: bool = False
    wall: bool = False


def fraction(ns: int, digits: int, width: int = 0) -> str:
    """Return a time in seconds with so many digits behind the point, the seconds to the right of width columns."""
    text = f"{ns // NSEC_PER_SEC:{width}d}"
    return f"{text}.{ns % NSEC_PER_SEC // 10 ** (9 - digits):0{digits}d}" if digits else text


class Lines:
    """Writes lines of several processes; raises OSError when the host cannot.

    attached: whose lines there are.  now_ns: the time since boot.
    """

    def __init__(self, k: Kernel, out: Out, options: Options) -> None:
        self._kernel = k
        self._out = out
        self._options = options
        self._outs: dict[int, OwnOut] = {}  # where each has its own file
        self._open: dict[int, int] = {}  # whose unfinished line is last in a file
        self._last_ns: int | None = None
        self._numbers: dict[int, int] = {}
        self.attached: dict[int, None] = {}
        self.now_ns = 0

    def _to(self, pid: int) -> tuple[int, Out | OwnOut]:
        """Return pid's file, and by what it is known."""
        separate = self._options.separate
        if separate is None:
            return 0, self._out
        out = self._outs.get(pid)
        if out is None:
            out = self._outs[pid] = separate(pid)
        return pid, out

    def lead(self, pid: int, task: Task | None, nr: int | None = None) -> str:
        """Return what stands before pid's line: who, when, in which call; nr: the call it enters.

        task: whose instruction pointer is shown.
        """
        options = self._options
        text = ""
        if options.separate is None:
            if options.to_file:
                text = f"{pid:<5} " if options.follow else ""
            elif len(self.attached) > 1:
                text = f"[pid {pid:5}] "
        text += self._clock()
        if nr is not None:
            self._numbers[pid] = nr
        if options.numbers:
            text += f"[{self._numbers.get(pid, EXECVE):4}] "
        if options.pointers:
            ip = f"{task.thread.user_pc():016x}" if task is not None else "?" * _ADDRESS_DIGITS
            text += f"[{ip}] "
        return text

    def _clock(self) -> str:
        options = self._options
        text = ""
        if options.clock:
            ns = self._kernel.boot_time_ns + self.now_ns
            seconds = str(ns // NSEC_PER_SEC)
            if options.clock == "time":
                seconds = date_text(ns // NSEC_PER_SEC)[_TIME_OF_DAY] or "00:00:00"
            text = seconds + fraction(ns, options.clock_digits)[len(str(ns // NSEC_PER_SEC)) :] + " "
        if options.relative is not None:
            since = self.now_ns - (self.now_ns if self._last_ns is None else self._last_ns)
            self._last_ns = self.now_ns
            shown = fraction(since, options.relative, 6)
            text += f"(+{shown}) " if options.clock else f"{shown} "
        return text

    def interrupt(self, pid: int) -> None:
        """End the unfinished line that is last in pid's file."""
        key, out = self._to(pid)
        if self._open.pop(key, None) is not None:
            out.write(" <unfinished ...>\n")

    def is_open(self, pid: int) -> bool:
        """Whether pid's unfinished line is last in its file."""
        return self._open.get(self._to(pid)[0]) == pid

    def line(self, pid: int, text: str, task: Task | None = None) -> None:
        """Write a line."""
        self.interrupt(pid)
        self._to(pid)[1].write(f"{self.lead(pid, task)}{text}\n")

    def begin(self, pid: int, text: str) -> None:
        """Write the beginning of a line, what stands before it included."""
        self.interrupt(pid)
        key, out = self._to(pid)
        out.write(text)
        self._open[key] = pid

    def end(self, pid: int, text: str) -> None:
        """Write the rest of a line, and what belongs below it."""
        key, out = self._to(pid)
        self._open.pop(key, None)
        out.write(text)

    def message(self, text: str) -> None:
        """Write what strace says itself, where it happens to come: in the middle of a line that goes on behind it."""
        if not self._options.to_file:
            self._out.write(f"strace: {text}\n")

    def write(self, text: str) -> None:
        """Write text that belongs to no process."""
        self._out.write(text)

    def stop(self) -> None:
        """End all unfinished lines."""
        for pid in list(self._open.values()):
            self.interrupt(pid)

    def forget(self, pid: int) -> None:
        """Take note that pid is gone, and close its file."""
        own = self._outs.pop(pid, None)
        if own is not None:
            self._open.pop(pid, None)
            own.close()
        self.attached.pop(pid, None)
        self._numbers.pop(pid, None)


_TIME_OF_DAY: Final = slice(11, 19)
