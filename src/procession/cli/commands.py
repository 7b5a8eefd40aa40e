"""What the commands do, without what reads the command line: typer's import takes longer than many a guest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
import os
from pathlib import Path
import signal
import sys
import time
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from procession import _build
from procession.cli.host import CLOSED, SIGNALS, Stopped
from procession.cli.mistakes import FAILED, fail, host_error
from procession.cli.output import output, strace_output
from procession.cli.show import show
from procession.cli.timeout import parse_time, what_ran
from procession.hw.hostfile import HostFile
from procession.include.linux.signal import SIGINT, SIGPIPE
from procession.include.linux.time import KTIME_MAX, NSEC_PER_SEC
from procession.tools.in_vain import InVain

if TYPE_CHECKING:
    from procession.boot import Machine, Result
    from procession.cli.strace_letters import Asked
    from procession.include.linux.errno import LinuxError
    from procession.tools.fault_inject import FaultSpec, Injector
    from procession.tools.tree import ProcessTree

__all__ = ("directory", "environment", "print_tree", "replay", "run", "strace", "syscalls", "version")

# Arguments of Machine that have the names of options.
_OPTIONS: Final = ("cpus: ", "hostname: ", "memory: ", "seed: ")
_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _bytes(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    number = text[:-1] if unit else text
    if not number.isascii() or not number.isdecimal():
        fail(f"--memory {text}: not a size")
    return int(number) * (unit or 1)


def environment(pairs: Sequence[str], file: Path | None, *, tty: bool) -> dict[str, str]:
    """Return the variables that docker would give: PATH, TERM at a terminal, and those that were asked for.

    HOME, USER, LOGNAME and SHELL come from the root's /etc/passwd, where these do not name them.
    """
    from procession.boot import DEFAULT_ENV

    env = {"PATH": DEFAULT_ENV["PATH"]}
    if tty:
        env["TERM"] = os.environ.get("TERM", "xterm")
    given = [("--env", pair) for pair in pairs]
    if file is not None:
        given = [(f"--env-file {file}", line) for line in _env_lines(file)] + given
    for where, pair in given:
        name, equals, value = pair.partition("=")
        if not name:
            fail(f"{where}: {pair}: not NAME=VALUE nor NAME")
        if equals:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
    return env


def _env_lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(errors="surrogateescape").splitlines()
    except OSError as error:
        host_error(error)
    return [line for line in map(str.lstrip, lines) if line and not line.startswith("#")]


def directory(cwd: str | None, root: Path) -> str:
    """Return where the program starts: where the user is, if the root is all that he sees, else /."""
    if cwd == "":
        fail("--cwd '': the name of a directory expected")
    if cwd is not None and cwd.startswith("/"):
        return cwd
    try:
        here = Path.cwd() if root.resolve() == Path("/") else Path("/")
    except FileNotFoundError:
        fail("the current directory is not there any more; --cwd DIR names another")
    return str(here / (cwd or ""))


def _boot_time_ns(text: str | None, root: Path) -> int:
    """Return the time of day at boot, in ns since 1970: what --boot-time says.

    The files of the host's own / are not to be from the future, so there it is the present if nothing is said.
    """
    from procession.boot import BOOT_TIME_NS

    if text is None and root.resolve() != Path("/"):
        return BOOT_TIME_NS
    if text is None or text == "now":
        return int(time.time()) * NSEC_PER_SEC
    from datetime import UTC, datetime

    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--boot-time {text}: now, or a date like 2012-01-05 or 2012-01-05T12:30:00+01:00")
    if day.tzinfo is None:
        day = day.replace(tzinfo=UTC)
    since = day - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * NSEC_PER_SEC + since.microseconds * 1000
    if not 0 <= ns <= KTIME_MAX:
        fail(f"--boot-time {text}: it has to be from 1970 to 2262, where the kernel's time ends")
    return ns


def _machine(
    root: Path,
    seed: int,
    cpus: int,
    memory: str,
    *,
    realtime: bool = False,
    boot_time: str | None = None,
    core: Path | None = None,
    tty: bool = False,
    check: bool = False,
    hostname: str | None = None,
    volume: Sequence[str] = (),
) -> Machine:
    from procession.boot import DEFAULT_HOSTNAME, DEFAULT_WINSIZE, Machine
    from procession.hw.console import HostConsole, TerminalConsole

    terminal = TerminalConsole(0, 1) if tty else None
    if not root.exists():
        fail(f"--root {root}: no such file or directory")
    volumes = {}
    if volume:
        from procession.cli.volumes import read_volumes

        volumes = read_volumes(volume)
    try:
        return Machine(
            root=root,
            volumes=volumes,
            seed=seed,
            cpus=cpus,
            memory=_bytes(memory),
            realtime=realtime,
            boot_time_ns=_boot_time_ns(boot_time, root),
            console=terminal or HostConsole(0, 1, 2),
            cores=core,
            closed=CLOSED,
            tty=tty,
            check=check,
            hostname=DEFAULT_HOSTNAME if hostname is None else hostname,
            winsize=(terminal and terminal.size()) or DEFAULT_WINSIZE,
        )
    except ValueError as error:
        fail(f"--{error}" if str(error).startswith(_OPTIONS) else str(error))
    except ModuleNotFoundError as error:  # of an extra
        fail(str(error))
    except FileExistsError:
        fail(f"--core {core}: not a directory")
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            host_error(error)
        fail(f"--memory {memory}: the host has not so much")


def _status(machine: Machine, *, quiet: bool) -> AbstractContextManager[None]:
    """Show the status line in here, if there is a terminal that nobody else draws on."""
    if quiet or not os.isatty(2):
        return nullcontext()
    from procession.cli.status import status_shown, wanted

    return status_shown(machine) if wanted() else nullcontext()


class _Start(NamedTuple):
    """How the program is to be run, as it stands on the command line."""

    env: Sequence[str]
    env_file: Path | None
    cwd: str | None
    user: str
    as_init: bool
    timeout: str


class _Checked(NamedTuple):
    """The same, once it is known to be no mistake; seconds: how long it may take, 0: for ever."""

    env: dict[str, str]
    cwd: str
    seconds: float


def _execute(machine: Machine, program: list[str], start: _Start, checked: _Checked, *, quiet: bool) -> Result | None:
    """Run and translate what can go wrong into what a shell would say; None when the time is over.

    quiet: without a status line.
    """
    from procession.fs.hostfs.volumes import VolumeError
    from procession.include.linux.bug import KernelBug, KernelPanic
    from procession.include.linux.errno import STRERROR, LinuxError
    from procession.kernel.entry import Deadlock

    env, cwd, seconds = checked
    try:
        with SIGNALS.timed(seconds), _status(machine, quiet=quiet):
            return machine.run(program, env=env, cwd=cwd, as_init=start.as_init, user=start.user)
    except Stopped as stopped:
        if stopped.signum != signal.SIGALRM:
            raise
        return None
    except VolumeError as error:
        fail(f"-v …:{error.guest}: {STRERROR[error.errno]}")
    except LinuxError as error:
        _not_started(machine, error, start, cwd)
    except KernelPanic as panic:
        fail(f"Kernel panic - not syncing: {panic}")
    except Deadlock as deadlock:
        fail(f"deadlock: {deadlock}")
    except KernelBug as bug:
        SIGNALS.check()  # what was interrupted may look broken on the way out
        print("\n".join([str(bug), *getattr(bug, "__notes__", ())]), file=sys.stderr)
        raise SystemExit(FAILED) from None
    except MemoryError:
        fail("the host is out of memory")
    except OSError as error:
        host_error(error)


def _checked(program: list[str], start: _Start, root: Path, *, tty: bool = False) -> _Checked:
    """Return what the program is given; what cannot be is the user's one line, and no file is made or cut off yet."""
    from procession.boot import make_command

    env = environment(start.env, start.env_file, tty=tty)
    cwd = directory(start.cwd, root)
    try:
        make_command(program, (), env, cwd, user=start.user)
    except ValueError as error:
        fail(str(error) if str(error).startswith("program: ") else f"--{error}")
    try:
        return _Checked(env, cwd, parse_time(start.timeout))
    except ValueError as error:
        fail(f"--timeout {error}")


def _not_started(machine: Machine, error: LinuxError, start: _Start, cwd: str) -> NoReturn:
    """Say why the program could not be executed, or where or as whom it could not."""
    from procession.include.linux.errno import STRERROR, Errno
    from procession.init.login import NoSuchEntry

    text = STRERROR.get(error.errno, error.errno.name)
    started = machine.kernel.init_program
    if started is not None and started.started:
        fail(f"{started.doing or repr('')}: {text}", 127 if error.errno == Errno.ENOENT else 126)
    if isinstance(error, NoSuchEntry):
        fail(f"--user {start.user}: {error.why}")
    if start.cwd is None:
        fail(f"{cwd}: the current directory is not to be had inside: {text}; --cwd DIR names another")
    fail(f"--cwd {start.cwd}: {text}")


def _finish(machine: Machine, result: Result | None, timeout: str, in_vain: InVain | None, see: str) -> NoReturn:
    """End as the program has, or as timeout(1) ends one that took too long. see: which option says what is missing."""
    if result is None:
        fail(f"--timeout {timeout} is over: {what_ran(machine)}", _TIMED_OUT)
    sig = result.status & 0x7F
    if sig and sig not in (SIGINT, SIGPIPE):
        core = " (core dumped)" if result.status & 0x80 else ""
        print(_SIGNAL_TEXT.get(sig, f"Signal {sig}") + core, file=sys.stderr)
    line = in_vain.report() if in_vain is not None and result.status else None
    if line is not None:
        print(f"procession: {line}; see {see}", file=sys.stderr)
    raise SystemExit(result.exit_code)


_TIMED_OUT: Final = 124

# What a shell prints when a command dies of a signal.
_SIGNAL_TEXT: Final = {
    1: "Hangup",
    3: "Quit",
    4: "Illegal instruction",
    5: "Trace/breakpoint trap",
    6: "Aborted",
    7: "Bus error",
    8: "Floating point exception",
    9: "Killed",
    10: "User defined signal 1",
    11: "Segmentation fault",
    12: "User defined signal 2",
    14: "Alarm clock",
    15: "Terminated",
    16: "Stack fault",
    24: "CPU time limit exceeded",
    25: "File size limit exceeded",
    26: "Virtual timer expired",
    27: "Profiling timer expired",
    29: "I/O possible",
    30: "Power failure",
    31: "Bad system call",
}


def run(
    program: list[str],
    root: Path = Path("/"),
    strace: bool = False,
    tree: bool = False,
    trace: Path | None = None,
    core: Path | None = None,
    check: bool = False,
    unsupported: bool = False,
    fail: str | None = None,
    tty: bool = False,
    interactive: bool = False,
    as_init: bool = False,
    cwd: str | None = None,
    env: Sequence[str] = (),
    seed: int = 0,
    cpus: int = 1,
    memory: str = "1G",
    realtime: bool = False,
    boot_time: str | None = None,
    env_file: Path | None = None,
    user: str = "0",
    hostname: str | None = None,
    timeout: str = "0",
    volume: Sequence[str] = (),
) -> None:
    """Run a program in a fresh kernel; the exit status is the program's, 128+n after signal n."""
    start = _Start(env, env_file, cwd, user, as_init, timeout)
    checked = _checked(program, start, root, tty=tty)
    spec = _fault_spec(fail) if fail is not None else None
    if interactive:
        _check_terminal(tty=tty)
    tied = realtime or interactive
    machine = _machine(
        root,
        seed,
        cpus,
        memory,
        realtime=tied,
        boot_time=boot_time,
        core=core,
        tty=tty,
        check=check,
        hostname=hostname,
        volume=volume,
    )
    in_vain = None if unsupported else InVain(machine)
    lives = None
    if strace:
        from procession.tools.strace import Strace

        Strace(machine, sys.stderr)
    if tree:
        from procession.tools.tree import ProcessTree

        lives = ProcessTree(machine)
    injector = _injector(machine, spec) if spec is not None else None
    at_the_terminal = _at_the_terminal(machine) if interactive else nullcontext()
    with SIGNALS.caught(), at_the_terminal, _recorded(machine, trace, fail or ""):
        result = _execute(machine, program, start, checked, quiet=tty or strace)
    if lives is not None:
        print_tree(lives)
    if unsupported:
        _print_unsupported(machine)
    if injector is not None:
        print(f"procession: --fail {injector.report()}", file=sys.stderr)
    _finish(machine, result, timeout, in_vain, "--unsupported")


def _check_terminal(*, tty: bool) -> None:
    if not tty:
        fail("-i: the program has no terminal to be connected; add -t")
    if not (os.isatty(0) and os.isatty(1)):
        fail("-i: standard input and output are no terminal")


@contextmanager
def _at_the_terminal(machine: Machine) -> Iterator[None]:
    """Hand every key to the guest, and the terminal back as it was; what is printed meanwhile ends its lines itself."""
    from procession.hw.console import TerminalConsole
    from procession.hw.terminal import HostTerminal

    console = machine.console
    assert isinstance(console, TerminalConsole)
    with HostTerminal(0) as terminal, console.attended(lambda: SIGNALS.stop(signal.SIGINT)):
        terminal.raw()
        if isinstance(sys.stderr, HostFile) and sys.stderr.isatty():
            sys.stderr.newline = "\r\n"
        try:
            yield
        finally:
            if isinstance(sys.stderr, HostFile):
                sys.stderr.newline = "\n"


def _fault_spec(text: str) -> FaultSpec:
    from procession.tools.fault_inject import parse_spec

    try:
        return parse_spec(text)
    except ValueError as error:
        fail(f"--fail {error}")


def _injector(machine: Machine, spec: FaultSpec) -> Injector:
    from procession.tools.fault_inject import Injector

    return Injector(machine, spec)


@contextmanager
def _recorded(machine: Machine, trace: Path | None, fail: str) -> Iterator[None]:
    """Write the run's events to the file trace, if there is to be one."""
    if trace is None:
        yield
        return
    from procession.tools.tracefile import TraceWriter

    with output(trace) as out:
        TraceWriter(machine, out, fail=fail)
        yield


def print_tree(lives: ProcessTree) -> None:
    """Print the life of every process on standard error."""
    show(lives.render(), stderr=True, fold=False)


def _print_unsupported(machine: Machine) -> None:
    for title, counts in (("not in Linux 3.2 (ENOSYS)", machine.enosys), ("not supported here", machine.unsupported)):
        for what, times in sorted(counts.items()):
            print(f"{title}: {what} ({times})", file=sys.stderr)


def strace(
    program: list[str],
    asked: Asked,
    root: Path = Path("/"),
    as_init: bool = False,
    cwd: str | None = None,
    env: Sequence[str] = (),
    seed: int = 0,
    cpus: int = 1,
    memory: str = "1G",
    boot_time: str | None = None,
    env_file: Path | None = None,
    user: str = "0",
    hostname: str | None = None,
    timeout: str = "0",
    volume: Sequence[str] = (),
) -> None:
    """Run a program and print its system calls, laid out as strace lays them out."""
    from procession.cli import strace_letters
    from procession.tools.strace import Strace

    start = _Start(env, env_file, cwd, user, as_init, timeout)
    checked = _checked(program, start, root)
    try:
        options = strace_letters.options(asked)
    except ValueError as error:
        fail(str(error))
    machine = _machine(root, seed, cpus, memory, boot_time=boot_time, hostname=hostname, volume=volume)
    in_vain = InVain(machine)
    with SIGNALS.caught(), strace_output(asked, options) as out:
        tracer = Strace(machine, out, options)
        result = _execute(machine, program, start, checked, quiet=asked.last("o") is None)
    for pid in tracer.awaited:
        print(f"procession: strace -p {pid}: there was no such process", file=sys.stderr)
    _finish(machine, result, timeout, in_vain, "procession run --unsupported")


def replay(trace: Path, until: str | None = None, show: bool = False, root: Path | None = None) -> None:
    """Run a recorded run again, and compare; with --until, show the machine at an event."""
    from procession.hw.console import HostConsole
    from procession.tools.replay import Difference, Replay, TraceError

    try:
        with (
            SIGNALS.caught(),
            Replay(
                trace, root=False if root is None else root, console=HostConsole(0, 1, 2) if show else None
            ) as recorded,
        ):
            print(recorded.report(until), end="")
    except Difference as difference:
        made_by = recorded.header["procession"]
        fail(f"{trace}: this is not the recorded run (made by version {made_by}); {difference}", 1)
    except (TraceError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        host_error(error)


def syscalls(names: Sequence[str] = ()) -> None:
    """Print the system calls of Linux 3.2 and what of them is supported, down to flags; names: of these only."""
    from procession.tools.syscalls import lines, table

    try:
        if not sys.stdout.isatty():
            for line in lines(names):
                print(line)
            return
        shown = table(names)
    except ValueError as error:
        fail(str(error))
    show(shown)


def version() -> None:
    """Print which version and which build this is, and what it runs on."""
    from importlib.metadata import version as version_of
    import platform

    build = f"compiled: {_build.running.by}" if _build.running.compiled else "pure Python"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"procession {version_of('procession')} ({build}; {python}; Unicorn {version_of('unicorn')})")
