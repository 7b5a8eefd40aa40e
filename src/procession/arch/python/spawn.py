"""Programs run by a program: redirections, pipes, and the wait for their end (posix_spawn(3), CPython's subprocess).

All of it is made of the program's own system calls, so that it stands in traces: pipe2, a clone that shares memory and
lets the parent wait (vfork), in the child dup2 and execve, then poll, read, write and wait4. A child that cannot
become the program writes its errno into a pipe that a successful execve closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil, isfinite
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias

from procession.arch.python import checks
from procession.arch.python.buffer import InBuffer, UserStrings, path_of, user_strings
from procession.arch.python.errors import oserror
from procession.arch.python.traps import trap
from procession.arch.python.wait_status import returncode_of
from procession.include.linux.errno import Errno
from procession.include.linux.fcntl import F_DUPFD_CLOEXEC, F_SETFD, O_CLOEXEC, O_RDWR
from procession.include.linux.fs import POLLIN, POLLOUT
from procession.include.linux.limits import INT_MAX, PIPE_BUF
from procession.include.linux.sched import CLONE_VFORK, CLONE_VM
from procession.include.linux.signal import SIG_BLOCK, SIG_SETMASK, SIGCHLD, SIGKILL, SIGPIPE, SIGTERM
from procession.include.linux.time import NSEC_PER_MSEC, NSEC_PER_SEC
from procession.include.linux.wait import WNOHANG

if TYPE_CHECKING:
    from procession.arch.python.completed import TimeoutExpired
    from procession.arch.python.sys_process import ProcessCalls

__all__ = (
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "Late",
    "Process",
    "Words",
    "argv_of",
    "check_files",
    "close_pipe",
    "deadline_of",
    "exchange",
    "expired",
    "open_files",
    "spawn",
)

# What a standard file of a child can be besides a descriptor: subprocess's numbers.
PIPE: Final = -1
STDOUT: Final = -2
DEVNULL: Final = -3

CANNOT_RUN: Final = 127  # exit code of a child that could not become the program
_AS_VFORK: Final = CLONE_VM | CLONE_VFORK | SIGCHLD  # nothing is copied, and clone() returns after execve or exit
FIRST_FREE: Final = 3  # the descriptors before it are the standard files
# What a child reports: its errno, and a byte more if that is chdir's.
ERRNO_SIZE: Final = 4
REPORT_SIZE: Final = ERRNO_SIZE + 1
READ_SIZE: Final = 65536
# How often wait() with a timeout looks: ever less often, as subprocess does.
LOOK_FIRST_NS: Final = NSEC_PER_MSEC // 2
LOOK_LAST_NS: Final = 50 * NSEC_PER_MSEC

Words: TypeAlias = Sequence[str | bytes]


class _Plan(NamedTuple):
    """What a child has to do: descriptors for 0, 1 and 2 (None: as they are), then exec one of paths."""

    files: tuple[int | None, ...]
    cwd: InBuffer | None
    paths: tuple[InBuffer, ...]
    argv: UserStrings
    env: UserStrings
    report: int


class Late(Exception):
    """The time is over; output: what was read until then of stdout and stderr, None without pipe."""

    def __init__(self, stdout: bytes | None = None, stderr: bytes | None = None) -> None:
        super().__init__()
        self.stdout = stdout
        self.stderr = stderr


class Process:
    """A program that runs as a child (subprocess.Popen).

    args: its argv.  pid: its number.  returncode: None until wait() or poll() has seen its end, then its exit code, or
    -n if signal n has ended it.
    """

    __slots__ = ("_linux", "_pipes", "args", "pid", "returncode")

    def __init__(self, linux: ProcessCalls, args: Words, pid: int, pipes: list[int | None]) -> None:
        self._linux = linux
        self._pipes = pipes
        self.args = args
        self.pid = pid
        self.returncode: int | None = None

    def __repr__(self) -> str:
        return f"<Process {self.args!r}: pid {self.pid}, returncode {self.returncode}>"

    @property
    def stdin(self) -> int | None:
        """The descriptor to write to its standard input; None if that is no pipe, or communicate() has closed it."""
        return self._pipes[0]

    @property
    def stdout(self) -> int | None:
        """The descriptor to read its standard output from; as stdin."""
        return self._pipes[1]

    @property
    def stderr(self) -> int | None:
        """The descriptor to read its standard error from; as stdin."""
        return self._pipes[2]

    async def poll(self) -> int | None:
        """Return how it has ended, None if it still runs."""
        if self.returncode is None:
            nr, status = await self._linux.waitpid(self.pid, WNOHANG)
            if nr:
                self.returncode = returncode_of(status)
        return self.returncode

    async def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its returncode; after timeout (virtual) seconds subprocess.TimeoutExpired."""
        if timeout is None:
            return await self.wait_until(None)
        try:
            return await self.wait_until(await deadline_of(self._linux, timeout))
        except Late as late:
            raise expired(self.args, timeout, late) from None

    async def wait_until(self, deadline: int | None) -> int:
        """As wait(), until a moment of the monotonic clock; raises Late."""
        pause = LOOK_FIRST_NS
        while self.returncode is None:
            with suppress(InterruptedError):
                if deadline is None:
                    _, status = await self._linux.waitpid(self.pid)
                    self.returncode = returncode_of(status)
                elif await self.poll() is None:
                    left = deadline - await self._linux.clock_gettime()
                    if left <= 0:
                        raise Late
                    await self._linux.nanosleep(min(pause, left))
                    pause = min(2 * pause, LOOK_LAST_NS)
        return self.returncode

    async def communicate(
        self, input: bytes | str | None = None, timeout: float | None = None
    ) -> tuple[bytes | None, bytes | None]:
        """Write input, read what its pipes give until their end, wait; returns (stdout, stderr), None without pipe.

        Raises subprocess.TimeoutExpired after timeout seconds: then it still runs, and the error has what was read.
        """
        data = b"" if input is None else checks.data_of("communicate: input", input)
        if data and self.stdin is None:
            raise ValueError("communicate: input: standard input is no pipe")
        deadline = None if timeout is None else await deadline_of(self._linux, timeout)
        try:
            got = await exchange(self._linux, self._pipes, data, deadline)
            await self.wait_until(deadline)
        except Late as late:
            assert timeout is not None
            raise expired(self.args, timeout, late) from None
        return got

    async def send_signal(self, sig: int) -> None:
        """Send it a signal, unless its end has been seen."""
        if await self.poll() is None:
            await self._linux.kill(self.pid, sig)

    async def terminate(self) -> None:
        """Send SIGTERM."""
        await self.send_signal(SIGTERM)

    async def kill(self) -> None:
        """Send SIGKILL."""
        await self.send_signal(SIGKILL)


async def deadline_of(linux: ProcessCalls, timeout: float) -> int:
    """Return when so many seconds will be over, on the monotonic clock, in ns; raises TypeError, ValueError."""
    if not isinstance(timeout, int | float):
        raise TypeError(f"timeout: int or float expected, not {type(timeout).__name__} ({timeout!r:.80})")
    if not isfinite(timeout) or timeout < 0:
        raise ValueError(f"timeout: {timeout} is no number of seconds")
    return await linux.clock_gettime() + ceil(timeout * NSEC_PER_SEC)


def expired(args: object, timeout: float, late: Late) -> TimeoutExpired:
    """Return subprocess's exception for it."""
    from procession.arch.python.completed import TimeoutExpired  # noqa: PLC0415 -- most programs need none

    return TimeoutExpired(args, timeout, late.stdout, late.stderr)  # type: ignore[arg-type]


# The start.


async def spawn(
    linux: ProcessCalls,
    args: Words,
    files: Sequence[int | None],
    cwd: str | bytes | None,
    env: Mapping[str, str] | Words | None,
) -> Process:
    """Start args with these standard files; raises the OSError for which it could not be done."""
    argv, envp = argv_of(args), linux.envp_of(env)
    check_files(files)
    directory = None if cwd is None else path_of(cwd)
    paths = _candidates(argv.strings[0], envp)
    pipes: list[int | None] = [None, None, None]
    theirs: list[int] = []
    try:
        given = await open_files(linux, files, pipes, theirs)
        reader, writer = await linux.pipe(O_CLOEXEC)
        theirs.append(writer)
        try:
            plan = _Plan(given, directory, paths, argv, envp, writer)
            process = Process(linux, args, await linux.clone(_child, plan, flags=_AS_VFORK), pipes)
            while theirs:
                await linux.close(theirs.pop())
            await _check_report(process, cwd, await linux.read(reader, REPORT_SIZE))
        finally:
            await linux.close(reader)
    except BaseException:
        for fd in [*theirs, *pipes]:
            if fd is not None:
                await linux.close(fd)
        raise
    return process


async def _check_report(process: Process, cwd: str | bytes | None, report: bytes) -> None:
    """Raise the OSError for which a child has ended instead of becoming the program; nothing if it has not."""
    if report:
        await process.wait()
        error = oserror(int.from_bytes(report[:ERRNO_SIZE], "little"))
        raise type(error)(error.errno, error.strerror, cwd if report[ERRNO_SIZE:] else process.args[0])


def argv_of(args: Words) -> UserStrings:
    """Return args as execve takes them; raises TypeError, ValueError."""
    argv = user_strings(args)
    if not argv.strings:
        raise ValueError("args: an empty argv")
    return argv


def check_files(files: Sequence[int | None]) -> None:
    """Raise TypeError, ValueError for what no standard file can be."""
    for name, file in zip(("stdin", "stdout", "stderr"), files, strict=True):
        if file is not None:
            checks.integer(name, file, STDOUT if name == "stderr" and file == STDOUT else DEVNULL, INT_MAX)
        if file == STDOUT and name != "stderr":
            raise ValueError(f"{name}: STDOUT is for stderr alone")


def _candidates(name: bytes, env: UserStrings) -> tuple[InBuffer, ...]:
    """Return the paths at which a program is looked for (execvp(3))."""
    if b"/" in name:
        return (path_of(name),)
    where = next((text[5:] for text in env.strings if text.startswith(b"PATH=")), b"/bin:/usr/bin")
    return tuple(path_of((directory or b".") + b"/" + name) for directory in where.split(b":"))


async def open_files(
    linux: ProcessCalls, files: Sequence[int | None], pipes: list[int | None], theirs: list[int]
) -> tuple[int | None, ...]:
    """Return the descriptors for 0, 1 and 2; fills in our ends of pipes, and what only the child needs."""
    given: list[int | None] = []
    for number, file in enumerate(files):
        fd = file
        if file == PIPE:
            reader, writer = await linux.pipe(O_CLOEXEC)
            fd, pipes[number] = (reader, writer) if number == 0 else (writer, reader)
            theirs.append(fd)
        elif file == DEVNULL:
            fd = await linux.open("/dev/null", O_RDWR | O_CLOEXEC)
            theirs.append(fd)
        elif file == STDOUT:
            fd = 1 if given[1] is None else given[1]
        given.append(fd)
    return tuple(given)


async def _child(linux: ProcessCalls, plan: _Plan) -> NoReturn:
    """Put the standard files in place and become the program; else report the errno."""
    report, in_chdir = plan.report, False
    try:
        if report < FIRST_FREE:
            report = await linux.fcntl(report, F_DUPFD_CLOEXEC, FIRST_FREE)
        await _place_files(linux, plan.files)
        if plan.cwd is not None:
            in_chdir = True
            await trap("chdir", plan.cwd)
            in_chdir = False
        error = await _exec_one_of(plan)
    except OSError as failed:
        error = failed.errno or 0
    await linux.write(report, error.to_bytes(ERRNO_SIZE, "little") + (b"c" if in_chdir else b""))
    await linux.exit_group(CANNOT_RUN)


async def _place_files(linux: ProcessCalls, files: tuple[int | None, ...]) -> None:
    # First out of the way what another one's place would overwrite.
    sources = list(files)
    for number, fd in enumerate(files):
        if fd is not None and fd < FIRST_FREE and fd != number:
            sources[number] = await linux.fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE)
    for number, fd in enumerate(sources):
        if fd == number:
            await linux.fcntl(fd, F_SETFD, 0)
        elif fd is not None:
            await linux.dup2(fd, number)


async def _exec_one_of(plan: _Plan) -> int:
    """Return the errno of execvp(3): that of a file without permission, else of the last one tried."""
    denied = last = 0
    for path in plan.paths:
        try:
            await trap("execve", path, plan.argv, plan.env)
        except OSError as error:
            last = error.errno or 0
            if last == Errno.EACCES:
                denied = last
            elif last not in (Errno.ENOENT, Errno.ENOTDIR):
                return last
    return denied or last


# What goes through pipes.


async def exchange(
    linux: ProcessCalls, pipes: list[int | None], data: bytes, deadline: int | None
) -> tuple[bytes | None, bytes | None]:
    """Write data into pipes[0] and read pipes[1] and pipes[2] to their end, as each is ready; returns what was read.

    What comes to its end is closed, and None in pipes. A reader of data that goes away is no error. Raises Late.
    """
    got: dict[int, list[bytes]] = {number: [] for number in (1, 2) if pipes[number] is not None}
    if not data:
        await close_pipe(linux, pipes, 0)
    mask = None if pipes[0] is None else await linux.sigprocmask(SIG_BLOCK, {SIGPIPE})
    try:
        while any(fd is not None for fd in pipes):
            for number in await _ready(linux, pipes, deadline):
                fd = pipes[number]
                assert fd is not None
                if number == 0:
                    data = await _write_some(linux, fd, data)
                    part = data
                else:
                    part = await linux.read(fd, READ_SIZE)
                    got[number].append(part)
                if not part:
                    await close_pipe(linux, pipes, number)
    except Late:
        raise Late(*_joined(got)) from None
    finally:
        if mask is not None:
            await linux.sigprocmask(SIG_SETMASK, mask)
    return _joined(got)


def _joined(got: dict[int, list[bytes]]) -> tuple[bytes | None, bytes | None]:
    out, err = (b"".join(got[number]) if number in got else None for number in (1, 2))
    return out, err


async def close_pipe(linux: ProcessCalls, pipes: list[int | None], number: int) -> None:
    """Close one of pipes, if it is open."""
    fd = pipes[number]
    if fd is not None:
        pipes[number] = None
        await linux.close(fd)


async def _write_some(linux: ProcessCalls, fd: int, data: bytes) -> bytes:
    """Write what a pipe surely takes; returns what is left: nothing if nobody reads any more."""
    try:
        return data[await linux.write(fd, data[:PIPE_BUF]) :]
    except BrokenPipeError:
        # The signal that came with it is blocked: take it away.
        with suppress(BlockingIOError):
            await linux.sigwaitinfo({SIGPIPE}, 0)
        return b""


async def _ready(linux: ProcessCalls, pipes: list[int | None], deadline: int | None) -> list[int]:
    """Wait until some of pipes are ready, and return which; raises Late at the deadline."""
    fds = [(fd, POLLIN if number else POLLOUT) for number, fd in enumerate(pipes) if fd is not None]
    while True:
        timeout_ms = -1
        if deadline is not None:
            left = deadline - await linux.clock_gettime()
            if left <= 0:
                raise Late
            timeout_ms = min(-(-left // NSEC_PER_MSEC), INT_MAX)
        with suppress(InterruptedError):
            ready = {fd for fd, _events in await linux.poll(fds, timeout_ms)}
            if ready:
                return [number for number, fd in enumerate(pipes) if fd in ready]
