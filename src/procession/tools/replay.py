"""A recorded run, run again: up to any event, where the machine stands still and can be looked at.

    with Replay("trace.jsonl") as replay:
        event = replay.until("sched_process_exit:pid=4")
        replay.kernel.tasks
        replay.back_to(event.number - 10)

The machine runs in a thread that waits inside the listener of the event where it shall stop, so the kernel is just as
it was at that event: nothing has been unwound. Going back is a new machine that runs up to an earlier event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory
import threading
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

from procession.arch.python import checks
from procession.arch.python.program import check_program
from procession.arch.x86 import interrupt
from procession.boot import Machine, Result, make_command
from procession.fs.hostfs.volumes import Volume, guest_path
from procession.hw.chooser import Recorded, ReplayError
from procession.hw.console import BufferConsole
from procession.include.linux.signal import signame
from procession.include.trace.events import SchedProcessExec, SchedProcessFree, SysEnter, SysExit
from procession.lib import string
from procession.tools import ps
from procession.tools.fault_inject import Injector, parse_spec
from procession.tools.trace_ports import ReplayedPorts
from procession.tools.trace_volumes import ReplayedVolume
from procession.tools.tracefile import (
    NumberedConsole,
    TraceError,
    TraceReader,
    answer_line,
    as_dict,
    ending,
    is_end,
    is_event,
    line_of,
    parse_line,
    read_header,
    recorded_choices,
)
from procession.tools.tracepoint import EventSpec, parse_event, search

if TYPE_CHECKING:
    from types import TracebackType

    from procession.boot import PythonProgram, RootSpec
    from procession.fs.lower import Lower
    from procession.hw.chooser import Choice
    from procession.hw.console import Console
    from procession.include.linux.kernel import Kernel
    from procession.include.trace.events import Event

__all__ = ("Difference", "Replay", "Stop", "Summary", "TraceError")

# Ends by which a run is cut off from outside: the replay ends where the recording does.
_FROM_OUTSIDE: Final = frozenset({"KeyboardInterrupt", "Stopped", "SystemExit", "MemoryError", "TimeoutError"})


_NAMED: Final = 5  # how many changed files are named


class Difference(ReplayError):
    """The run is not the recorded one: files of its root are others, or it was recorded by another version.

    number: of the event.  recorded, now: the lines, or what there is instead.  why: what may be the reason.
    """

    def __init__(self, number: int, recorded: str, now: str, why: Sequence[str] = ()) -> None:
        reasons = "".join(f"\n  {text}" for text in why)
        super().__init__(f"event {number} differs\n  recorded: {recorded}\n  now:      {now}{reasons}")
        self.why = tuple(why)
        self.number = number
        self.recorded = recorded
        self.now = now


@dataclass(frozen=True, slots=True)
class Stop:
    """Where a replay stands: the event, its number counted from 1, and the events before it, the latest last."""

    number: int
    event: Event
    before: tuple[Event, ...]

    def __getitem__(self, name: str) -> Any:
        """Return a field of the event, as in a trace file."""
        return as_dict(self.event)[name]


@dataclass(frozen=True, slots=True)
class Summary:
    """A whole replay: how many events were the same, and their hash.

    how: the recording's last line, which says how the run ended; None if the recording is cut off.
    """

    events: int
    sha256: str
    how: dict[str, Any] | None


class _Abandoned(KeyboardInterrupt):
    """The machine is not wanted any more."""


class Replay:
    """One recorded run.

    header: what the first line of the trace says.  kernel: the kernel, standing still between two calls here.
    number: of the event where it stands, 0 before the first.
    """

    kernel: Kernel

    def __init__(
        self,
        path: str | Path,
        *,
        root: RootSpec | Literal[False] = False,
        program: PythonProgram | None = None,
        programs: Mapping[str, PythonProgram] | None = None,
        console: Console | None = None,
    ) -> None:
        """Read how to run it; nothing runs yet.

        root: where the root is now, if not where it was. program, programs: the Python programs, which no trace
        contains. console: where output goes; it is dropped otherwise. Raises TraceError, OSError.
        """
        if program is not None:
            check_program("program", program)
        self.path = Path(path)
        checks.encode("path", str(path))
        self.header = read_header(self.path)
        self._root = self._find_root(root)
        self._program = program
        self._programs = dict(programs or {})
        self._console = console
        lacking = [name for name in self.header["programs"] if name not in self._programs]
        if lacking and not (program is not None and lacking == self.header["argv"][:1]):
            raise TraceError(f"{self.path}: a run of Python programs, which have to be given: {', '.join(lacking)}")
        self.number = 0
        self._player: _Player | None = None
        self._make()

    def _find_root(self, root: RootSpec | Literal[False]) -> RootSpec:
        if root is not False:
            return root
        where = self.header["root"]
        if where is None:
            return None
        path = where.get("path")
        if not isinstance(path, str):
            raise TraceError(f"{self.path}: the root was made of a dictionary, which has to be given")
        try:
            os.lstat(path)
        except (OSError, ValueError):  # ValueError: no file can have such a name
            raise TraceError(f"{self.path}: its root {path!a} is not there any more") from None
        return path

    def _make(self) -> None:
        try:
            self._player = _Player(self)
        except TraceError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise TraceError(f"{self.path}: {error}") from error
        self.kernel = self._player.machine.kernel

    # Where to.

    def find(self, spec: str | int | EventSpec) -> int | None:
        """Return the number of the event that is meant, None if there is none from here on; raises ValueError."""
        if isinstance(spec, int):
            spec = EventSpec(number=spec)
        elif isinstance(spec, str):
            spec = parse_event(spec)
        elif not isinstance(spec, EventSpec):
            raise TypeError(f"an event's number or its description expected, not {spec!r:.80}")
        return search(self._events(spec), spec, self.number)

    def _events(self, spec: EventSpec) -> Iterator[tuple[int, dict[str, Any]]]:
        wanted = f'"event":"{spec.name}"' if spec.name else ""
        number = 0
        reader = TraceReader(self.path)
        try:
            while (line := reader.take()) is not None:
                if not is_event(line):
                    continue
                number += 1
                if wanted in line:
                    yield number, parse_line(self.path, reader.line - 1, line) if spec.number is None else {}
        finally:
            reader.close()

    # Going.

    def until(self, spec: str | int | EventSpec) -> Stop:
        """Run on up to an event and stop there.

        A name means the next such event from here. Raises ValueError if there is no such event or it has gone by,
        Difference if this turns out not to be the recorded run.
        """
        number = self.find(spec)
        if number is None:
            raise ValueError(f"{spec}: no such event after event {self.number} of the trace")
        if number <= self.number:
            raise ValueError(f"{spec}: gone by, this is event {self.number}; back_to() goes back")
        return self._go(number)

    def back_to(self, spec: str | int | EventSpec) -> Stop:
        """Run anew up to an event, counted from the beginning of the run, and stop there; raises as until()."""
        self.close()
        self._make()
        return self.until(spec)

    def finish(self) -> Summary:
        """Run on to the end of the recording; raises Difference."""
        last, end = self._tail()
        player = self._running()
        if end is not None and end["how"] not in _FROM_OUTSIDE:
            player.go(None)
            self.number = player.number
            return Summary(player.number, player.digest.hexdigest(), end)
        if last > self.number:
            self._go(last)
        return Summary(self.number, player.digest.hexdigest(), end)

    def _tail(self) -> tuple[int, dict[str, Any] | None]:
        """Return the number of the last event, and the last line if the recording has an end."""
        number, last = 0, ""
        reader = TraceReader(self.path)
        try:
            while (line := reader.take()) is not None:
                number += is_event(line)
                last = line
        finally:
            reader.close()
        end = parse_line(self.path, reader.line - 1, last)
        if end["event"] != "end":
            return number, None
        if not isinstance(end.get("how"), str):
            raise TraceError(f"{self.path}: its last line does not say how the run ended")
        return number, end

    def _running(self) -> _Player:
        if self._player is None:
            raise RuntimeError("the replay has been closed")
        return self._player

    def _go(self, number: int) -> Stop:
        player = self._running()
        player.go(number)
        self.number = player.number
        *before, event = player.latest
        return Stop(self.number, event, tuple(before))

    def ps(self) -> str:
        """Return the processes as a table: where each one is, and in which system call."""
        return ps.ps(self.kernel, self._running().calls)

    def report(self, spec: str | None = None) -> str:
        """Run up to an event, or to the end of the recording, and return in a few lines what there is to see."""
        if spec is None:
            done = self.finish()
            how = "the recording is cut off here" if done.how is None else _how(done.how)
            return f"identical: {done.events} events, sha256 {done.sha256}; {how}\n"
        stop = self.until(spec)
        before = "".join(f"{event}\n" for event in stop.before)
        return f"{before}{stop.event}\n^ event {stop.number}\n\n{self.ps()}"

    # The end.

    def close(self) -> None:
        """Give the machine up; nothing can be looked at any more."""
        if self._player is not None:
            self._player.close()
            self._player = None
        self.number = 0

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _how(end: dict[str, Any]) -> str:
    status = end.get("status")
    if isinstance(status, int):
        return f"killed by {signame(status & 0x7F)}" if status & 0x7F else f"exited with {status >> 8}"
    why = f": {end['why']}" if end.get("why") else ""
    return f"ended by {end['how']}{why}"


class _Player:
    """A machine in a thread of its own that is told how far to go. One side always waits for the other."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.number = 0
        self.latest: deque[Event] = deque(maxlen=11)
        self.calls: dict[int, str] = {}
        self.digest = hashlib.sha256()
        self._changed: list[str] = []
        self._asked: dict[str, int] = {}
        self._cores = TemporaryDirectory(prefix="procession-cores-")  # for nobody
        try:
            self.machine = self._assemble(replay)
        except BaseException:
            self._cores.cleanup()
            raise
        self.reader = TraceReader(replay.path)
        self.reader.take()
        self._goal: int | None = None
        self._go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._error: BaseException | None = None
        self._ended = self._abandoned = False
        self._thread: threading.Thread | None = None

    def _assemble(self, replay: Replay) -> Machine:
        header = replay.header
        # Raises now what run() would.
        make_command(header["argv"], (), header["env"], header["cwd"], user=header["user"])
        machine = Machine(
            root=replay._root,
            memory=header["memory"],
            cpus=header["cpus"],
            seed=header["seed"],
            boot_time_ns=header["boot_time_ns"],
            hostname=header["hostname"],
            later=header["later"],
            release=header["release"],
            realtime=header["realtime"],
            programs=replay._programs,
            cores=self._cores.name if header["cores"] else None,
            closed=header["closed"],
            tty=header["tty"],
            winsize=tuple(header["winsize"]),
            choices=Recorded(recorded_choices(replay.path)),
        )
        if header["fail"]:
            Injector(machine, parse_spec(header["fail"]))
        kernel = machine.kernel
        kernel.console = self.console = _RecordedAnswers(self, replay._console or BufferConsole())
        kernel.clock.host = _RecordedTime(self)
        kernel.chooser.heard = self._on_choice
        kernel.vfs.lower_opened = self._on_opened
        kernel.vfs.volumes = [self._volume(found) for found in header["volumes"]]
        if header["published"]:
            kernel.net.published = ReplayedPorts(self.take_line, self._answer_to_come, self._no_answer)
        kernel.trace.subscribe(self._on_event, *header["names"], vital=True)
        return machine

    def _volume(self, found: dict[str, Any]) -> Volume:
        """Return a shared directory that is only in the trace."""
        guest = found["guest"]
        host = ReplayedVolume(guest, self.take_line, self._no_answer)
        return Volume(guest_path(guest), found["path"], found["writable"], host)

    # In the thread of whoever replays.

    def go(self, goal: int | None) -> None:
        """Let the machine run up to event goal, or its end; raises what it ends with."""
        if self._ended:
            raise ValueError("the run has ended")
        self._goal = goal
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="procession-replay", daemon=True)
            self._thread.start()
        else:
            self._go.release()
        self._stands.acquire()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def close(self) -> None:
        """End the machine's thread, wherever it is."""
        self._abandoned = True
        self._go.release()
        while self._thread is not None and self._thread.is_alive():
            interrupt.interrupt_engines(self.machine.kernel)
            self._thread.join(0.02)
        self.reader.close()
        self._cores.cleanup()

    # In the machine's thread.

    def _main(self) -> None:
        header = self.replay.header
        how: Result | BaseException
        try:
            program = self.replay._program
            argv = header["argv"]
            what, args = (argv, ()) if program is None else (program, argv[1:])
            how = self.machine.run(
                what, *args, env=header["env"], cwd=header["cwd"], as_init=header["as_init"], user=header["user"]
            )
        except (_Abandoned, Difference, TraceError) as error:
            self._error = error
        except ReplayError as error:
            self._error = Difference(self.number + 1, self.reader.peek() or "nothing", str(error), self.why())
        except BaseException as error:  # noqa: BLE001 -- compared with how the recorded run ended
            how = error
            self._compare_end(how)
        else:
            self._compare_end(how)
        self._ended = True
        self._stands.release()

    def _compare_end(self, how: Result | BaseException) -> None:
        try:
            self._check_end(ending(how))
        except (Difference, TraceError) as error:
            self._error = error
            if isinstance(how, BaseException):
                error.__cause__ = how

    def _check_end(self, now: dict[str, Any]) -> None:
        line = self.reader.peek()
        if line is None or not is_end(line):
            self.differs(f"the run ends: {now}")
        recorded = parse_line(self.replay.path, self.reader.line, line)
        if any(recorded.get(key) != value for key, value in now.items()):
            self.differs(f"the run ends: {now}")
        if recorded.get("output") != self.console.digest.hexdigest():
            raise Difference(self.number, "another output", "the same events, and other bytes written", self.why())

    def _on_event(self, event: Event) -> None:
        now = line_of(event)
        recorded = self.reader.peek()
        if recorded != now:
            self.differs(now)
        self.reader.take()
        self.number += 1
        self.digest.update(now.encode())
        self.digest.update(b"\n")
        self.latest.append(event)
        self._follow(event)
        if self.number == self._goal:
            self._stands.release()
            self._go.acquire()
        if self._abandoned:
            raise _Abandoned

    def _on_opened(self, lower: Lower) -> None:
        """A file of the root is opened, which may be another one than it was."""
        line = self.take_line("root_file", path=lower.path())
        if line is not None and (line.get("size"), line.get("mtime_ns")) != (lower.size, lower.mtime_ns):
            self._changed.append(lower.path())

    def why(self) -> list[str]:
        """Return what the trace says about why a replay may differ, and which files of the root have changed."""
        found = [f"not repeatable {text}" for text in self.replay.header["not_repeatable"]]
        if self._changed:
            more = f" and {len(self._changed) - _NAMED} more" if len(self._changed) > _NAMED else ""
            found.append(f"changed since: {', '.join(self._changed[:_NAMED])}{more}")
        return found

    def _no_answer(self, asked: str, why: str | None) -> NoReturn:
        if why is not None:
            raise Difference(self.number + 1, "not in the trace", asked, [f"not repeatable: {why}"])
        self.differs(asked)

    def _answer_to_come(self, takes: int) -> bool:
        """Whether the next line is an answer that ends a wait of the machine, and is still to be asked for.

        takes: how often published ports were asked. A console may not be asked at all while the machine waits.
        """
        line = self.reader.peek()
        if line is None:
            return False
        found = parse_line(self.replay.path, self.reader.line, line)
        what, call = found["event"], found.get("call", found.get("port_call"))
        if type(call) is not int:
            return False
        if what in ("published", "not_repeatable"):
            return call > takes
        before, self._asked = self._asked, self.console.asked()
        return call > self._asked.get(what, call) != before.get(what)

    def _on_choice(self, choice: Choice) -> None:
        now = answer_line("choice", self.machine.kernel.clock.now_ns, choice._asdict())
        if self.reader.peek() != now:
            self.differs(now)
        self.reader.take()

    def _follow(self, event: Event) -> None:
        """Keep in mind who is in which system call."""
        calls = self.calls
        if isinstance(event, SysEnter):
            calls[event.common_pid] = event.name
        elif isinstance(event, SysExit):
            calls.pop(event.common_pid, None)
        elif isinstance(event, SchedProcessFree):
            calls.pop(event.pid, None)
        elif isinstance(event, SchedProcessExec) and event.old_pid != event.pid:
            calls[event.pid] = calls.pop(event.old_pid, "execve")

    def differs(self, now: str) -> NoReturn:
        """Say that the machine does something else than what is recorded."""
        recorded = self.reader.peek()
        if recorded is not None:
            parse_line(self.replay.path, self.reader.line, recorded)
        raise Difference(self.number + 1, "the recording ends here" if recorded is None else recorded, now, self.why())

    def take_line(self, what: str, **asked: object) -> dict[str, Any] | None:
        """Take the next line if it is an answer of this kind to this question; returns what it says, or None."""
        line = self.reader.peek()
        if line is None or not line.startswith(f'{{"event":"{what}"'):
            return None
        found = parse_line(self.replay.path, self.reader.line, line)
        if any(found.get(key) != value for key, value in asked.items()):
            return None
        self.reader.take()
        return found

    def answer(self, what: str, says: str, type_: type, /, **asked: object) -> Any:
        """Take the next line if it is an answer of this kind to this question; returns its field `says`, or None."""
        number = self.reader.line
        found = self.take_line(what, **asked)
        if found is not None and type(found.get(says)) is not type_:
            raise TraceError(f"{self.replay.path}: line {number} has no {says}")
        return None if found is None else found[says]


class _RecordedAnswers(NumberedConsole):
    """A console that gives the recorded answers, and passes output on."""

    __slots__ = ("_player",)

    def __init__(self, player: _Player, inner: Console) -> None:
        super().__init__(inner)
        self._player = player

    def write(self, fd: int, data: bytes) -> None:
        """Output, or fail as was recorded."""
        self._writes += 1
        errno = self._player.answer("console_write", "errno", int, call=self._writes)
        if errno is not None:
            raise OSError(errno, os.strerror(errno))
        self._output(fd, data)

    def read(self, n: int) -> bytes | None:
        """Return what came then."""
        self._reads += 1
        data = self._player.answer("console_read", "data", str, call=self._reads)
        return None if data is None else string.to_bytes(data)

    def wait(self, timeout_ns: int | None) -> bool:
        """Return what was the answer then, without waiting."""
        self._waits += 1
        return self._player.answer("console_wait", "call", int, call=self._waits) is not None

    def winsize(self) -> tuple[int, int] | None:
        """Return the size that it had from now on."""
        self._sizes += 1
        size = self._player.answer("console_winsize", "size", list, call=self._sizes)
        return None if size is None else (int(size[0]), int(size[1]))


class _RecordedTime:
    """The host's clock as it was; sleeping takes no time."""

    def __init__(self, player: _Player) -> None:
        self._player = player

    def now_ns(self) -> int:
        """Return the recorded time."""
        ns: int | None = self._player.answer("host_time", "ns", int)
        if ns is None:
            self._player.differs("the host's time is asked for")
        return ns

    def sleep_until(self, ns: int) -> None:
        """Do not."""
