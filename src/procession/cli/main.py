"""The `procession` command."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
import gc
import os
from pathlib import Path
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from procession.cli.host import SIGNALS, Stopped, die_of
from procession.hw.hostfile import HostFile
from procession.include.linux.signal import SIGINT, SIGPIPE

if TYPE_CHECKING:
    from procession.boot import Machine, Result
    from procession.tools.fault_inject import Injector
    from procession.tools.tree import ProcessTree

__all__ = ("app", "main")

app = typer.Typer(
    name="procession",
    help="Linux 3.2's process management in Python: run programs repeatably, and see everything they do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Program = Annotated[list[str], typer.Argument(metavar="PROGRAM [ARGS]...", help="What to run; put -- before it.")]
Root = Annotated[Path, typer.Option(help="Directory or tar archive to use as /. Read only: changes stay in memory.")]
AsInit = Annotated[bool, typer.Option("--as-init", help="Make the program PID 1 instead of init's child.")]
Cwd = Annotated[str, typer.Option(help="Directory to start in.")]
Env = Annotated[list[str], typer.Option("--env", help="NAME=VALUE for the program; may be repeated.")]
Seed = Annotated[int, typer.Option(help="What everything random in the guest is derived from.")]
Cpus = Annotated[int, typer.Option(min=1, max=64, help="Number of CPUs.")]
Memory = Annotated[str, typer.Option(help="Physical memory: 64M, 1G.")]
Realtime = Annotated[bool, typer.Option("--realtime", help="Tie the guest's clock to the host's.")]

_UNITS: Final = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _fail(text: str, code: int = 2) -> NoReturn:
    """One line for the user's mistake."""
    with suppress(OSError):
        print(f"procession: {text}", file=sys.stderr)
    raise typer.Exit(code)


def _nobody_reads() -> NoReturn:
    """End as after SIGPIPE: whoever read our output has gone, and there is nobody to tell."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    raise typer.Exit(141)


def _host_error(error: OSError) -> NoReturn:
    """One line for what the host would not do."""
    if isinstance(error, BrokenPipeError):
        _nobody_reads()
    name = f"{error.filename}: " if error.filename is not None else ""
    _fail(name + (error.strerror or str(error)))


def _bytes(text: str) -> int:
    unit = _UNITS.get(text[-1:].upper())
    number = text[:-1] if unit else text
    if not number.isascii() or not number.isdecimal():
        _fail(f"--memory {text}: not a size")
    return int(number) * (unit or 1)


def _environment(pairs: list[str], *, tty: bool) -> dict[str, str]:
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


def _machine(
    root: Path,
    seed: int,
    cpus: int,
    memory: str,
    *,
    realtime: bool = False,
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
            console=terminal or HostConsole(0, 1, 2),
            cores=core,
            tty=tty,
            check=check,
            winsize=(terminal and terminal.size()) or DEFAULT_WINSIZE,
        )
    except ValueError as error:
        _fail(str(error))
    except FileExistsError:
        _fail(f"--core {core}: not a directory")
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            _host_error(error)
        _fail(f"--memory {memory}: the host has not so much")


def _execute(machine: Machine, program: list[str], env: list[str], cwd: str, *, as_init: bool) -> Result:
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
        raise typer.Exit(125) from None
    except MemoryError:
        _fail("the host is out of memory", 125)
    except OSError as error:
        _host_error(error)


def _finish(result: Result) -> NoReturn:

    sig = result.status & 0x7F
    if sig and sig not in (SIGINT, SIGPIPE):
        core = " (core dumped)" if result.status & 0x80 else ""
        print(_SIGNAL_TEXT.get(sig, f"Signal {sig}") + core, file=sys.stderr)
    raise typer.Exit(result.exit_code)


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


@app.command()
def run(
    program: Program,
    root: Root = Path("/"),
    strace: Annotated[bool, typer.Option("--strace", help="Print every system call, as strace -f does.")] = False,
    tree: Annotated[bool, typer.Option("--tree", help="At the end, print the life of every process.")] = False,
    trace: Annotated[Path | None, typer.Option(help="Write all trace events to this file, as JSON lines.")] = None,
    core: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a core file there for each program that dumps core.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold all structures against each other after every trap.")
    ] = False,
    unsupported: Annotated[
        bool, typer.Option("--unsupported", help="At the end, list what the program asked for in vain.")
    ] = False,
    fail: Annotated[
        str | None, typer.Option(metavar="SPEC", help="Refuse the kernel a request: CALL[@AT][:KIND][:N], as fork:2.")
    ] = None,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Let the program's input and output be a terminal.")] = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Connect that to this terminal, for somebody who types.")
    ] = False,
    as_init: AsInit = False,
    cwd: Cwd = "/",
    env: Env = [],  # noqa: B006 -- typer copies it
    seed: Seed = 0,
    cpus: Cpus = 1,
    memory: Memory = "1G",
    realtime: Realtime = False,
) -> None:
    """Run a program in a fresh kernel; the exit status is the program's, 128+n after signal n."""
    if interactive:
        _check_terminal(tty=tty)
    machine = _machine(root, seed, cpus, memory, realtime=realtime or interactive, core=core, tty=tty, check=check)
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
    from rich.console import Console

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with console.capture() as text:  # printing itself it would end the command where nobody reads
        console.print(lives.render())
    print(text.get(), end="", file=sys.stderr)


def _print_unsupported(machine: Machine) -> None:
    for title, counts in (("not in Linux 3.2 (ENOSYS)", machine.enosys), ("not supported here", machine.unsupported)):
        for what, times in sorted(counts.items()):
            print(f"{title}: {what} ({times})", file=sys.stderr)


@app.command()
def strace(
    program: Program,
    follow: Annotated[bool, typer.Option("-f", help="Follow children.")] = False,
    expressions: Annotated[
        list[str], typer.Option("-e", metavar="EXPR", help="trace=CALL,%CLASS,/REGEX,… or trace=!…; signal=SIG,…")
    ] = [],  # noqa: B006 -- typer copies it
    limit: Annotated[int, typer.Option("-s", metavar="N", min=0, help="How many bytes of a string to show.")] = 32,
    output: Annotated[Path | None, typer.Option("-o", metavar="FILE", help="Write to FILE instead of stderr.")] = None,
    root: Root = Path("/"),
    as_init: AsInit = False,
    cwd: Cwd = "/",
    env: Env = [],  # noqa: B006 -- typer copies it
    seed: Seed = 0,
    cpus: Cpus = 1,
    memory: Memory = "1G",
) -> None:
    """Run a program and print its system calls, laid out as strace lays them out."""
    from procession.tools.strace import Strace
    from procession.tools.strace_filter import parse_filters

    machine = _machine(root, seed, cpus, memory)
    try:
        only = parse_filters(expressions)
    except ValueError as error:
        _fail(str(error))
    with SIGNALS.caught(), nullcontext(sys.stderr) if output is None else _output(output) as out:
        Strace(machine, out, follow=follow, only=only, to_file=output is not None, limit=limit)
        result = _execute(machine, program, env, cwd, as_init=as_init)
    _finish(result)


@app.command()
def replay(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", help="What `procession run --trace TRACE` has written.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="EVENT", help="Stop there: N, 12.5ms, NAME or NAME:FIELD=VALUE,…, with @N for the N-th."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show what the program writes.")] = False,
    root: Annotated[Path | None, typer.Option(help="Where the root is now, if not where it was.")] = None,
) -> None:
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


@app.command()
def syscalls() -> None:
    """Print the system calls of Linux 3.2 and what of them is supported, down to flags."""
    from procession.tools.syscalls import lines, table

    if not sys.stdout.isatty():
        for line in lines():
            print(line)
        return
    from rich.console import Console

    Console().print(table())


def main() -> None:
    """Enter from the command line."""
    # NumPy's library for matrices, of which there are none here, would start a thread for each of the host's CPUs.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # The process ends with this function: looking for garbage among all that it made takes longer than many a guest.
    atexit.register(gc.freeze)
    _standard_files()
    stdout = sys.stdout
    try:
        try:
            app()
        finally:
            stdout.flush()
            if sys.stdout is not stdout:  # the library prints help itself, and has met with nobody to read it
                _nobody_reads()
    except Stopped as stopped:
        die_of(stopped.signum)
    except typer.Exit as leave:
        raise SystemExit(leave.exit_code) from None
    except BrokenPipeError:
        raise SystemExit(141) from None
    except OSError as error:
        with suppress(OSError):
            print(f"procession: {error.strerror or error}", file=sys.stderr)
        raise SystemExit(2) from None


def _standard_files() -> None:
    """Put /dev/null where a standard file is closed: else the next file opened would take its place.

    And print to what takes also a non-blocking file, whose O_NONBLOCK somebody else may have set.
    """
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number free: fd
    sys.stdout = HostFile(1, limit=1 << 20, held=SIGNALS.held)
    sys.stderr = HostFile(2, limit=0, held=SIGNALS.held)
