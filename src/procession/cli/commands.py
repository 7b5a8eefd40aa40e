"""What the commands do, without what reads the command line: typer's import takes longer than many a guest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
import os
from pathlib import Path
import signal
import sys
import time
from typing import TYPE_CHECKING, Final, NoReturn

from procession import _build
from procession.cli.host import CLOSED, SIGNALS, nobody_reads
from procession.cli.show import show
from procession.hw.hostfile import HostFile
from procession.include.linux.signal import SIGINT, SIGPIPE
from procession.include.linux.time import KTIME_MAX, NSEC_PER_SEC

if TYPE_CHECKING:
    from procession.boot import Machine, Result
    from procession.tools.fault_inject import Injector
    from procession.tools.tree import ProcessTree

__all__ = ("replay", "run", "strace", "syscalls", "version")

_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _fail(text: str, code: int = 2) -> NoReturn:
    """One line for the user's mistake."""
    with suppress(OSError):
        print(f"procession: {text}", file=sys.stderr)
    raise SystemExit(code)


def _host_error(error: OSError) -> NoReturn:
    """One line for what the host would not do."""
    if isinstance(error, BrokenPipeError):
        nobody_reads()
    name = f"{error.filename}: " if error.filename is not None else ""
    _fail(name + (error.strerror or str(error)))


def _bytes(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    number = text[:-1] if unit else text
    if not number.isascii() or not number.isdecimal():
        _fail(f"--memory {text}: not a size")
    return int(number) * (unit or 1)


def _environment(pairs: Sequence[str], *, tty: bool) -> dict[str, str]:
    from procession.boot import DEFAULT_ENV

    env = dict(DEFAULT_ENV)
    if tty and "TERM" in os.environ:
        env["TERM"] = os.environ["TERM"]
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            _fail(f"--env {pair}: not NAME=VALUE")
        env[name] = value
    return env


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
        _fail(f"--boot-time {text}: now, or a date like 2012-01-05 or 2012-01-05T12:30:00+01:00")
    if day.tzinfo is None:
        day = day.replace(tzinfo=UTC)
    since = day - datetime(1970, 1, 1, tzinfo=UTC)
    ns = (since.days * 86_400 + since.seconds) * NSEC_PER_SEC + since.microseconds * 1000
    if not 0 <= ns <= KTIME_MAX:
        _fail(f"--boot-time {text}: it has to be from 1970 to 2262, where the kernel's time ends")
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
) -> Machine:
    from procession.boot import DEFAULT_WINSIZE, Machine
    from procession.hw.console import HostConsole, TerminalConsole

    terminal = TerminalConsole(0, 1) if tty else None
    if not root.exists():
        _fail(f"--root {root}: no such file or directory")
    try:
        return Machine(
            root=root,
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
            winsize=(terminal and terminal.size()) or DEFAULT_WINSIZE,
        )
    except ValueError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:  # of an extra
        _fail(str(error))
    except FileExistsError:
        _fail(f"--core {core}: not a directory")
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            _host_error(error)
        _fail(f"--memory {memory}: the host has not so much")


def _execute(machine: Machine, program: list[str], env: Sequence[str], cwd: str, *, as_init: bool) -> Result:
    """Run and translate what can go wrong into what a shell would say."""
    from procession.include.linux.bug import KernelBug, KernelPanic
    from procession.include.linux.errno import STRERROR, Errno, LinuxError
    from procession.kernel.entry import Deadlock

    try:
        return machine.run(program, env=_environment(env, tty=machine.kernel.tty.is_console), cwd=cwd, as_init=as_init)
    except LinuxError as error:
        started = machine.kernel.init_program
        what = started.doing if started is not None else program[0]
        _fail(f"{what}: {STRERROR.get(error.errno, error.errno.name)}", 127 if error.errno == Errno.ENOENT else 126)
    except KernelPanic as panic:
        _fail(f"Kernel panic - not syncing: {panic}", 125)
    except Deadlock as deadlock:
        _fail(f"deadlock: {deadlock}", 125)
    except KernelBug as bug:
        SIGNALS.check()  # what was interrupted may look broken on the way out
        print("\n".join([str(bug), *getattr(bug, "__notes__", ())]), file=sys.stderr)
        raise SystemExit(125) from None
    except MemoryError:
        _fail("the host is out of memory", 125)
    except OSError as error:
        _host_error(error)


def _finish(result: Result) -> NoReturn:

    sig = result.status & 0x7F
    if sig and sig not in (SIGINT, SIGPIPE):
        core = " (core dumped)" if result.status & 0x80 else ""
        print(_SIGNAL_TEXT.get(sig, f"Signal {sig}") + core, file=sys.stderr)
    raise SystemExit(result.exit_code)


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
    cwd: str = "/",
    env: Sequence[str] = (),
    seed: int = 0,
    cpus: int = 1,
    memory: str = "1G",
    realtime: bool = False,
    boot_time: str | None = None,
) -> None:
    """Run a program in a fresh kernel; the exit status is the program's, 128+n after signal n."""
    if interactive:
        _check_terminal(tty=tty)
    tied = realtime or interactive
    machine = _machine(root, seed, cpus, memory, realtime=tied, boot_time=boot_time, core=core, tty=tty, check=check)
    lives = None
    if strace:
        from procession.tools.strace import Strace

        Strace(machine, sys.stderr)
    if tree:
        from procession.tools.tree import ProcessTree

        lives = ProcessTree(machine)
    injector = _injector(machine, fail) if fail is not None else None
    at_the_terminal = _at_the_terminal(machine) if interactive else nullcontext()
    with SIGNALS.caught(), at_the_terminal, _recorded(machine, trace, fail or ""):
        result = _execute(machine, program, env, cwd, as_init=as_init)
    if lives is not None:
        _print_tree(lives)
    if unsupported:
        _print_unsupported(machine)
    if injector is not None:
        print(f"procession: --fail {injector.report()}", file=sys.stderr)
    _finish(result)


def _check_terminal(*, tty: bool) -> None:
    if not tty:
        _fail("-i: the program has no terminal to be connected; add -t")
    if not (os.isatty(0) and os.isatty(1)):
        _fail("-i: standard input and output are no terminal")


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


def _injector(machine: Machine, text: str) -> Injector:
    from procession.tools.fault_inject import Injector, parse_spec

    try:
        return Injector(machine, parse_spec(text))
    except ValueError as error:
        _fail(f"--fail {error}")


@contextmanager
def _recorded(machine: Machine, trace: Path | None, fail: str) -> Iterator[None]:
    """Write the run's events to the file trace, if there is to be one."""
    if trace is None:
        yield
        return
    from procession.tools.tracefile import TraceWriter

    with _output(trace) as out:
        TraceWriter(machine, out, fail=fail)
        yield


@contextmanager
def _output(path: Path) -> Iterator[HostFile]:
    """Open a file for the length of a run; what the host has against it is the user's one line."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except OSError as error:
        _host_error(error)
    out = HostFile(fd, str(path), held=SIGNALS.held)
    try:
        yield out
    except BaseException:
        with suppress(OSError):
            out.close()
        raise
    try:
        out.close()
    except OSError as error:
        _host_error(error)


def _print_tree(lives: ProcessTree) -> None:
    show(lives.render(), stderr=True, fold=False)


def _print_unsupported(machine: Machine) -> None:
    for title, counts in (("not in Linux 3.2 (ENOSYS)", machine.enosys), ("not supported here", machine.unsupported)):
        for what, times in sorted(counts.items()):
            print(f"{title}: {what} ({times})", file=sys.stderr)


def strace(
    program: list[str],
    follow: bool = False,
    expressions: Sequence[str] = (),
    limit: int = 32,
    output: Path | None = None,
    root: Path = Path("/"),
    as_init: bool = False,
    cwd: str = "/",
    env: Sequence[str] = (),
    seed: int = 0,
    cpus: int = 1,
    memory: str = "1G",
    boot_time: str | None = None,
) -> None:
    """Run a program and print its system calls, laid out as strace lays them out."""
    from procession.tools.strace import Strace
    from procession.tools.strace_filter import parse_filters

    machine = _machine(root, seed, cpus, memory, boot_time=boot_time)
    try:
        only = parse_filters(expressions)
    except ValueError as error:
        _fail(str(error))
    with SIGNALS.caught(), nullcontext(sys.stderr) if output is None else _output(output) as out:
        Strace(machine, out, follow=follow, only=only, to_file=output is not None, limit=limit)
        result = _execute(machine, program, env, cwd, as_init=as_init)
    _finish(result)


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
        _fail(f"{trace}: this is not the recorded run (made by version {made_by}); {difference}", 1)
    except (TraceError, ValueError) as error:
        _fail(str(error))
    except OSError as error:
        _host_error(error)


def syscalls() -> None:
    """Print the system calls of Linux 3.2 and what of them is supported, down to flags."""
    from procession.tools.syscalls import lines, table

    if not sys.stdout.isatty():
        for line in lines():
            print(line)
        return
    show(table())


def version() -> None:
    """Print which version and which build this is, and what it runs on."""
    from importlib.metadata import version as version_of
    import platform

    build = f"compiled: {_build.running.by}" if _build.running.compiled else "pure Python"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"procession {version_of('procession')} ({build}; {python}; Unicorn {version_of('unicorn')})")
