"""`python -m procession`, started many times by tests: by a process that has imported what it needs, and forks.

Most of what a short command costs is its imports. Where a test looks at the process itself, as the host sees it (its
words in /proc, its terminal, its signals from the first moment on), it starts the command as anybody does.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
import fcntl
import gc
import importlib
import json
import os
from pathlib import Path
import pickle
import runpy
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from typing import Any

COMMAND = [sys.executable, "-m", "procession"]
LENGTH = struct.Struct("I")
ANSWER = struct.Struct("i")     # a pid, later its status
IMPORTED = [f"procession.{name}" for name in (
    "boot", "cli.app", "cli.commands", "cli.explore", "cli.grade", "cli.lab", "cli.quick", "cli.strace_command",
    "hw.console", "tools.strace",
)]

_starters: list[Starter] = []   # at most one


def run(
    *words: object, input: Any = None, stdin: Any = subprocess.DEVNULL, stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE, text: bool = False, errors: str = "strict", cwd: Any = None,
    env: dict[str, str] | None = None, timeout: float | None = None,
) -> subprocess.CompletedProcess[Any]:
    """As subprocess.run does with the command and these words, whatever its status."""
    told = input.encode() if isinstance(input, str) else input
    with ExitStack() as stack:
        ours, its = _ends([stdin if told is None else subprocess.PIPE, stdout, stderr], stack)
        with started(*words, files=its, cwd=cwd, env=env) as process:
            stack.close()                   # or the command would not be the only one who can write
            said = _talk(ours, told, process.pid, timeout)
            status = process.wait()
    out, error = (part.decode(errors=errors) if text and part is not None else part for part in said)
    return subprocess.CompletedProcess([*COMMAND, *map(str, words)], status, out, error)


@contextmanager
def started(
    *words: object, files: list[int], cwd: Any = None, env: dict[str, str] | None = None, terminal: bool = False,
    before: str = "",
) -> Iterator[Started]:
    """The command, with descriptors as its files 0, 1 and 2, while it runs; wait for it in here.

    terminal: file 0 is the terminal of a session of its own. before: Python code that is run before the command.
    """
    request = {
        "argv": [os.fsdecode(word) if isinstance(word, bytes | Path) else str(word) for word in words],
        "cwd": os.fspath(cwd or Path.cwd()), "env": {**os.environ} if env is None else env,
        "terminal": terminal, "before": before,
    }
    if not _starters:
        _starters.append(Starter())
    with _starters[0].lock:
        process = _starters[0].start(request, files)
        try:
            yield process
        finally:
            if process.status is None:      # its test has failed
                os.kill(process.pid, signal.SIGKILL)
                process.wait()


def _ends(asked: list[Any], stack: ExitStack) -> tuple[dict[int, int], list[int]]:
    """What is ours, by number, of the pipes asked for, and the command's files 0, 1 and 2, which stack closes."""
    ours: dict[int, int] = {}
    its: list[int] = []
    for number, what in enumerate(asked):
        if what == subprocess.PIPE:
            reader, writer = os.pipe()
            ours[number], end = (writer, reader) if number == 0 else (reader, writer)
        elif what == subprocess.STDOUT:
            end = os.dup(its[1])
        elif what == subprocess.DEVNULL:
            end = os.open(os.devnull, os.O_RDWR)
        else:
            end = os.dup(what if isinstance(what, int) else what.fileno())
        stack.callback(os.close, end)
        its.append(end)
    return ours, its


def _talk(ours: dict[int, int], told: bytes | None, pid: int, timeout: float | None) -> list[bytes | None]:
    """Tell it what it is to read, and take what it says: its output and its errors, None where that is no pipe."""
    late = threading.Timer(timeout or 0, os.kill, (pid, signal.SIGKILL))
    if timeout is not None:
        late.start()
    with ThreadPoolExecutor(3) as side_by_side:
        if 0 in ours:
            side_by_side.submit(_tell, ours[0], told or b"")
        said = [side_by_side.submit(_all_of, ours[number]) if number in ours else None for number in (1, 2)]
        texts = [text.result() if text else None for text in said]
    late.cancel()
    return texts


def _tell(end: int, text: bytes) -> None:
    with suppress(BrokenPipeError), open(end, "wb") as file:
        file.write(text)


def _all_of(end: int) -> bytes:
    with open(end, "rb") as file:
        return file.read()


# --- whoever forks ---


class Started:
    """A command: its pid is of use as long as nobody has waited for it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.pid = self._answer()
        self.status: int | None = None

    def wait(self) -> int:
        """Return its status as Popen.wait does, when it has ended."""
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(self._answer())
        return self.status

    def _answer(self) -> int:
        return ANSWER.unpack(_exactly(self.connection, ANSWER.size))[0]


class Starter:
    """The process that forks, from outside: one command at a time."""

    def __init__(self) -> None:
        self.connection, its = socket.socketpair()
        with its:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.starter", str(its.fileno())], cwd=Path(__file__).parents[1],
                pass_fds=[its.fileno()], stdin=subprocess.DEVNULL,
            )
        self.lock = threading.Lock()

    def start(self, request: dict[str, Any], files: list[int]) -> Started:
        text = json.dumps(request).encode()
        socket.send_fds(self.connection, [LENGTH.pack(len(text))], files)
        self.connection.sendall(text)
        return Started(self.connection)

    def stop(self) -> None:
        self.connection.close()
        assert self.process.wait() == 0


def stop() -> None:
    """End the process that forks, if there is one."""
    while _starters:
        _starters.pop().stop()


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes; EOFError if there are fewer."""
    parts = []
    while size:
        parts.append(connection.recv(size))
        if not parts[-1]:
            raise EOFError
        size -= len(parts[-1])
    return b"".join(parts)


def serve(connection: socket.socket) -> bool:
    """Fork for each request: True in the command to be, False when no more is asked for."""
    while True:
        head, files, _, _ = socket.recv_fds(connection, LENGTH.size, 3)
        if not head:
            return False
        request = json.loads(_exactly(connection, LENGTH.unpack(head)[0]))
        seen = Seen()
        pid = os.fork()
        if pid == 0:
            connection.close()
            seen.noted_at_exit()
            become(request, files)
            return True
        for file in files:
            os.close(file)
        connection.sendall(ANSWER.pack(pid))
        _, status = os.waitpid(pid, 0)
        seen.take()
        connection.sendall(ANSWER.pack(status))


def become(request: dict[str, Any], files: list[int]) -> None:
    """Be what `python -m procession` is before its first line runs: with these words, variables, files, directory."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if request["terminal"]:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv[1:] = request["argv"]
    sys.path[0] = request["cwd"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        old = getattr(sys, name)
        file = os.fdopen(number, "w" if number else "r", encoding=old.encoding, errors=old.errors, closefd=False)
        file.reconfigure(line_buffering=number == 2 or file.isatty())
        setattr(sys, name, file)
        setattr(sys, f"__{name}__", file)
    exec(request["before"], {})


class Seen:
    """What of the sources a command has reached that had not been reached before, where that is counted."""

    def __init__(self) -> None:
        plugin = sys.modules.get("slipcover.pytest_plugin")
        self.counter = plugin and plugin._slipcover_instance
        self.file = os.memfd_create("seen")

    def noted_at_exit(self) -> None:
        """In the command, which may end by a signal that it sends to itself."""
        if self.counter:
            atexit.register(self._note)
            kill = os.kill
            os.kill = lambda pid, signum: (self._note(), kill(pid, signum))[1]

    def _note(self) -> None:
        before = self.counter.all_seen
        new = {name: lines - before.get(name, set()) for name, lines in self.counter.newly_seen.items()}
        os.pwrite(self.file, pickle.dumps({name: lines for name, lines in new.items() if lines}), 0)

    def take(self) -> None:
        """In who has forked, when the command has ended: what a killed one reached is lost."""
        said = os.pread(self.file, os.fstat(self.file).st_size, 0)
        os.close(self.file)
        for name, lines in pickle.loads(said).items() if said else ():
            self.counter.all_seen[name].update(lines)

    @staticmethod
    def write() -> None:
        """Leave all of it where those of the tests' own processes are put together."""
        counter = Seen().counter
        if counter:
            where = Path(os.environ["SLIPCOVER_COVERAGE_DIR"])
            file = where / f"coverage-{os.environ['PYTEST_XDIST_WORKER']}-commands.json"
            file.write_text(json.dumps(counter.get_coverage()))


def main() -> None:
    """Serve the socket whose number is our argument; end as the command where we have become one."""
    if "SLIPCOVER_COVERAGE_DIR" in os.environ:
        importlib.import_module("slipcover.pytest_plugin")  # counts from here on
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        runpy.run_module("procession", run_name="__main__", alter_sys=True)
    else:
        Seen.write()


if __name__ == "__main__":
    main()
