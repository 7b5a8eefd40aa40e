r"""The stream of trace events as a file: one JSON object a line, in the order things happened.

The first line describes the run, the last one how it ended. Between the events stand the answers that the machine got
from outside (what was typed, the host's time, choices, what shared directories contain), each where it was asked for:
tools/replay.py needs nothing else to run it again, but the root. Of the root's files it is noted which were read, and
a replay can say what has changed; "not_repeatable" says what a trace depends on.

Text that is bytes to the kernel is written as UTF-8; a byte 0xNN that is none as \udcNN (surrogateescape).
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
import hashlib
from importlib.metadata import version
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from procession.boot import DEFAULT_HOSTNAME, Result, check_machine, check_out
from procession.hw.chooser import Choice, ReplayError
from procession.hw.console import ConsoleAround
from procession.include.linux.binfmts import UserStrings
from procession.include.linux.limits import USHRT_MAX
from procession.include.linux.nsproxy import RELEASE
from procession.include.trace.events import EVENTS
from procession.lib import string
from procession.tools.trace_ports import RecordedPorts
from procession.tools.trace_volumes import RecordedVolume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from procession.boot import Machine
    from procession.fs.lower import Lower
    from procession.hw.clock import HostTime
    from procession.hw.console import Console
    from procession.include.linux.kernel import Kernel
    from procession.include.trace.events import Event

__all__ = (
    "FORMAT",
    "READABLE",
    "NumberedConsole",
    "Out",
    "TraceError",
    "TraceReader",
    "TraceWriter",
    "answer_line",
    "as_dict",
    "describe",
    "ending",
    "is_end",
    "is_event",
    "line_of",
    "parse_line",
    "read_header",
    "recorded_choices",
    "trace_hash",
)

# Of the file: what a reader has to know. Raised with every change by which an older reader would be misled.
FORMAT: Final = 4
# Older ones that can still be read: 3 had no shared directories, and did not say what it depends on.
READABLE: Final = (3, FORMAT)


class TraceError(ReplayError, ValueError):
    """A file is no trace, or one of something that cannot be run again."""


def as_dict(event: Event) -> dict[str, Any]:
    """Return the event as a dictionary, as it stands in a trace file."""
    return event._asdict()


def _plain(value: Any) -> Any:
    """Return what stands for a Python program's argument that is no number: strings, or how long a buffer is."""
    if isinstance(value, UserStrings):
        return [string.to_text(item) for item in value.strings]
    try:
        return f"buffer of {len(value)}"
    except (TypeError, NotImplementedError):  # a stack has no length
        return type(value).__name__


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def line_of(event: Event) -> str:
    """Return the event's line, without the newline."""
    return _encode(as_dict(event))


def answer_line(what: str, time_ns: int, fields: dict[str, Any]) -> str:
    """Return the line of an answer from outside, without the newline."""
    return _encode({"event": what, "time_ns": time_ns} | fields)


class Out(Protocol):
    """Where the lines go."""

    def write(self, text: str, /) -> object:
        """Write text, all of it."""


def describe(machine: Machine, names: tuple[str, ...] = (), fail: str = "") -> dict[str, Any]:
    """Return all that decides how the machine's run goes, but for the answers from outside: a trace's first line.

    names: the events that are written, all if none.  fail: what is refused on purpose, as a FaultSpec is written.
    """
    kernel, command, root = machine.kernel, machine.command, machine.root
    assert command is not None
    if root is None:
        where: dict[str, str] | None = None
    elif isinstance(root, str | Path):
        path = Path(root).absolute()
        where = {"kind": "directory" if path.is_dir() else "archive", "path": str(path)}
    else:
        where = {"kind": "files"}
    volumes = [
        {"guest": volume.guest, "path": volume.path, "writable": volume.writable} for volume in kernel.vfs.volumes
    ]
    return {
        "event": "run",
        "format": FORMAT,
        "procession": version("procession"),
        "argv": command.argv,
        "env": command.env,
        "cwd": command.cwd,
        "as_init": command.as_init,
        "user": command.user,
        "root": where,
        "volumes": volumes,
        "not_repeatable": _what_it_depends_on(machine, where),
        "programs": sorted(kernel.programs),
        "seed": kernel.chooser.seed,
        "cpus": kernel.nr_cpus,
        "memory": machine.memory,
        "boot_time_ns": kernel.boot_time_ns,
        "hostname": string.to_text(kernel.hostname),
        "realtime": kernel.clock.realtime,
        "names": list(names),
        "cores": kernel.vfs.core_store is not None,
        "fail": fail,
        "closed": list(kernel.closed_fds),
        "tty": kernel.tty.is_console,
        "winsize": list(kernel.tty.winsize),
        **({} if kernel.net.published is None else {"published": True}),
        **_unlike_3_2(kernel),
    }


def _unlike_3_2(kernel: Kernel) -> dict[str, Any]:
    """Return what the machine has that came after 3.2, and its release: only where it is not 3.2's."""
    found: dict[str, Any] = {}
    if kernel.later:
        found["later"] = sorted(kernel.later)
    if kernel.release != RELEASE:
        found["release"] = string.to_text(kernel.release)
    return found


def _what_it_depends_on(machine: Machine, where: dict[str, str] | None) -> list[str]:
    """Return what is outside and not in the trace, as the ends of sentences that begin with "not repeatable"."""
    found = []
    if where is not None and where["kind"] == "directory":
        found.append(f"unless the files of {where['path']} stay as they were")
    elif where is not None and where["kind"] == "archive":
        found.append(f"unless the archive {where['path']} stays as it was")
    elif where is not None:
        found.append("without the dictionary that the root was made of")
    if machine.kernel.programs:
        found.append("without the same Python programs")
    return found


def ending(how: Result | BaseException) -> dict[str, Any]:
    """Return how a run ended: a status, or what it was ended by."""
    if isinstance(how, Result):
        return {"how": "exited", "status": how.status}
    return {"how": type(how).__name__, "why": str(how).partition("\n")[0]}


class TraceWriter:
    """Writes a run as it happens; raises OSError when the host cannot.

    events: how many were written.
    """

    def __init__(self, machine: Machine, out: Out, names: tuple[str, ...] = (), *, fail: str = "") -> None:
        """Start listening to the named events, all by default. fail: what an Injector refuses, str(FaultSpec)."""
        check_machine("TraceWriter", machine)
        check_out("TraceWriter", out)
        self._machine = machine
        kernel = machine.kernel
        self._out = out
        self._names = names
        self._fail = fail
        self.events = 0
        self._begun = False
        self._digest = hashlib.sha256()
        kernel.trace.subscribe(self._on_event, *names, vital=True)
        machine.at_end.append(self._on_end)
        kernel.console = self._console = _RecordedConsole(kernel.console, self)
        kernel.clock.host = _RecordedTime(kernel.clock.host, self)
        kernel.chooser.heard = self._on_choice
        kernel.vfs.lower_opened = self._on_opened
        for volume in kernel.vfs.volumes:
            volume.host = RecordedVolume(volume.host, volume.guest, self.answer)
        if kernel.net.published is not None:
            kernel.net.published = RecordedPorts(kernel.net.published, self.answer)

    def _begin(self) -> None:
        self._begun = True
        self._out.write(_encode(describe(self._machine, self._names, self._fail)) + "\n")

    def _on_event(self, event: Event) -> None:
        if not self._begun:
            self._begin()
        line = line_of(event) + "\n"
        self._out.write(line)
        self.events += 1
        self._digest.update(line.encode())

    def answer(self, what: str, **fields: object) -> None:
        """Write an answer that the machine got from outside."""
        if not self._begun:
            self._begin()
        self._out.write(answer_line(what, self._machine.kernel.clock.now_ns, fields) + "\n")

    def _on_choice(self, choice: Choice) -> None:
        self.answer("choice", **choice._asdict())

    def _on_opened(self, lower: Lower) -> None:
        path = lower.path()
        if path:
            self.answer("root_file", path=path, size=lower.size, mtime_ns=lower.mtime_ns)

    def _on_end(self, how: Result | BaseException) -> None:
        if not self._begun or isinstance(how, OSError):
            return  # nothing ran, or the host failed: perhaps this very file
        end = {
            "event": "end",
            **ending(how),
            "events": self.events,
            "sha256": self._digest.hexdigest(),
            "output": self._console.digest.hexdigest(),
        }
        with nullcontext() if isinstance(how, Result) else suppress(OSError):
            self._out.write(_encode(end) + "\n")


class NumberedConsole(ConsoleAround):
    """What recording a console and giving its answers again have in common: calls are numbered, output is hashed.

    digest: of all output.
    """

    __slots__ = ("_reads", "_sizes", "_waits", "_writes", "digest")

    def __init__(self, inner: Console) -> None:
        super().__init__(inner)
        self._reads = self._waits = self._writes = self._sizes = 0
        self.digest = hashlib.sha256()

    def _output(self, fd: int, data: bytes) -> None:
        self._inner.write(fd, data)
        self.digest.update(b"%d %d\n" % (fd, len(data)))
        self.digest.update(data)

    def asked(self) -> dict[str, int]:
        """Return how often each question was asked that is answered in a trace."""
        return {"console_read": self._reads, "console_wait": self._waits, "console_winsize": self._sizes}


class _RecordedConsole(NumberedConsole):
    """A console whose answers are written down. Those that say nothing are only counted."""

    __slots__ = ("_writer",)

    def __init__(self, inner: Console, writer: TraceWriter) -> None:
        super().__init__(inner)
        self._writer = writer

    def write(self, fd: int, data: bytes) -> None:
        """Output data, and write down if it failed."""
        self._writes += 1
        try:
            self._output(fd, data)
        except OSError as error:
            self._writer.answer("console_write", call=self._writes, errno=error.errno)
            raise

    def read(self, n: int) -> bytes | None:
        """Read, and write down what came."""
        self._reads += 1
        data = self._inner.read(n)
        if data is not None:
            text = string.to_text(data)
            self._writer.answer("console_read", call=self._reads, data=text)
        return data

    def wait(self, timeout_ns: int | None) -> bool:
        """Wait, and write down if something came."""
        self._waits += 1
        come = self._inner.wait(timeout_ns)
        if come:
            self._writer.answer("console_wait", call=self._waits)
        return come

    def winsize(self) -> tuple[int, int] | None:
        """Ask, and write down if it has changed."""
        self._sizes += 1
        size = self._inner.winsize()
        if size is not None:
            self._writer.answer("console_winsize", call=self._sizes, size=list(size))
        return size


class _RecordedTime:
    """The host's clock, every answer written down."""

    def __init__(self, inner: HostTime, writer: TraceWriter) -> None:
        self._inner = inner
        self._writer = writer

    def now_ns(self) -> int:
        """Ask, and write the answer down."""
        ns = self._inner.now_ns()
        self._writer.answer("host_time", ns=ns)
        return ns

    def sleep_until(self, ns: int) -> None:
        """Sleep."""
        self._inner.sleep_until(ns)


def trace_hash(events: list[Event]) -> str:
    """Return the SHA-256 of a run's events: equal for equal runs."""
    digest = hashlib.sha256()
    for event in events:
        digest.update(line_of(event).encode())
        digest.update(b"\n")
    return digest.hexdigest()


# Reading.


class TraceReader:
    """The lines of a trace, one after the other. A last line without its end was cut off, and counts as missing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._next: str | None = None
        self.line = 0
        self.take()

    def peek(self) -> str | None:
        """Return the next line, None at the end."""
        return self._next

    def take(self) -> str | None:
        """Return the next line and go on; raises TraceError where something comes after the end of the run."""
        taken = self._next
        raw = self._file.readline()
        self.line += 1
        self._next = raw[:-1].decode("utf-8", "replace") if raw.endswith(b"\n") else None
        if self._next is not None and taken is not None and is_end(taken):
            raise TraceError(f"{self._path}: line {self.line} comes after the end")
        return taken

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def is_event(line: str) -> bool:
    """Whether the line is an event's."""
    return line.startswith('{"time_ns":')


def is_end(line: str) -> bool:
    """Whether the line says how the run ended."""
    return line.startswith('{"event":"end"')


def parse_line(path: Path, number: int, line: str) -> dict[str, Any]:
    """Return what a line says; raises TraceError."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("event"), str):
        raise TraceError(f"{path}: line {number} is not a line of a trace")
    return found


def recorded_choices(path: Path) -> Iterator[Choice]:
    """Give the choices of a trace one after the other, reading no further than it has to; raises TraceError."""
    reader = TraceReader(path)
    try:
        while (line := reader.peek()) is not None and not is_end(line):
            if line.startswith('{"event":"choice"'):
                yield _choice_of(path, reader.line, parse_line(path, reader.line, line))
            reader.take()
    finally:
        reader.close()


def _choice_of(path: Path, line: int, found: dict[str, Any]) -> Choice:
    number, kind, candidates, answer = (found.get(name) for name in Choice._fields)
    if (
        type(number) is int
        and type(kind) is str
        and type(candidates) is list
        and all(type(candidate) is int for candidate in candidates)
        and type(answer) is int
        and 0 < answer < len(candidates)
    ):
        return Choice(number, kind, tuple(candidates), answer)
    raise TraceError(f"{path}: line {line} is no choice")


_STDERR: Final = 2
_FIELDS: Final[dict[str, type | tuple[type, ...]]] = {
    "argv": list,
    "env": dict,
    "cwd": str,
    "as_init": bool,
    "user": (str, type(None)),
    "root": (dict, type(None)),
    "programs": list,
    "seed": int,
    "cpus": int,
    "memory": int,
    "boot_time_ns": int,
    "hostname": str,
    "later": list,
    "release": (str, type(None)),
    "realtime": bool,
    "published": bool,
    "names": list,
    "volumes": list,
    "not_repeatable": list,
    "procession": str,
    "cores": bool,
    "fail": str,
    "closed": list,
    "tty": bool,
    "winsize": list,
}


def _is_volume(found: object) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("guest"), str)
        and isinstance(found.get("path"), str)
        and isinstance(found.get("writable"), bool)
    )


def read_header(path: Path) -> dict[str, Any]:
    """Return the description of the run; raises TraceError, OSError."""
    reader = TraceReader(path)
    try:
        line = reader.take()
    finally:
        reader.close()
    if line is None:
        raise TraceError(f"{path}: not a trace: it has no whole line")
    found = parse_line(path, 1, line)
    if found["event"] != "run":
        raise TraceError(f"{path}: not a trace: its first line does not describe a run")
    number = found.get("format")
    if type(number) is not int or number not in READABLE:
        which = f"format {number}" if type(number) is int else "an unknown format"
        readable = " and ".join(map(str, READABLE))
        raise TraceError(f"{path}: a trace of {which}; this version reads {readable}: record it again")
    # Not in the files of versions before these could be.
    optional: dict[str, Any] = {"closed": [], "user": None, "hostname": DEFAULT_HOSTNAME, "later": [], "release": None}
    optional["published"] = False
    for name, value in optional.items():
        found.setdefault(name, value)
    if number != FORMAT:
        found.update(volumes=[], not_repeatable=[])
    for name, kind in _FIELDS.items():
        if not isinstance(found.get(name), kind) or (kind is int and found[name] is True):
            raise TraceError(f"{path}: the description of the run has no {name}")
    texts = (*found["argv"], *found["env"].values(), *found["programs"])
    if not found["argv"] or not all(isinstance(text, str) for text in texts):
        raise TraceError(f"{path}: what it says of argv, env and programs are no strings")
    if len(found["winsize"]) != 2 or any(type(n) is not int or not 0 <= n <= USHRT_MAX for n in found["winsize"]):
        raise TraceError(f"{path}: its winsize is no size of a window")
    if any(type(fd) is not int or not 0 <= fd <= _STDERR for fd in found["closed"]):
        raise TraceError(f"{path}: what it says was closed is no standard file")
    if not all(map(_is_volume, found["volumes"])):
        raise TraceError(f"{path}: what it says was shared is no directory of the host")
    if not all(isinstance(text, str) for text in found["not_repeatable"]):
        raise TraceError(f"{path}: what it depends on is no text")
    unknown = [name for name in found["names"] if name not in tuple(EVENTS)]
    if unknown:
        raise TraceError(f"{path}: there is no event {unknown[0]}")
    return found
