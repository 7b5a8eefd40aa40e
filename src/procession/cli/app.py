"""The command line as typer reads it: options, help, what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from procession.cli import commands
from procession.cli.strace_command import StraceCommand, asked_in
from procession.cli.words import (
    BROKEN,
    EXAMPLES,
    REPEATABLE,
    REST,
    RUNS,
    SEEN,
    Words,
    complete_nothing,
    complete_program,
)
from procession.include.linux.threads import NR_CPUS

__all__ = ("UsageError", "app")

# What the library raises for a mistake on the command line; it names only this kind of it.
UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="procession",
    help="Linux 3.2's process management in Python: run programs repeatably, and see everything they do.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class _Command(Words):
    """A command whose options stand in groups, with an example each."""

    examples = EXAMPLES


def _cwd(*letters: str) -> Any:
    return typer.Option(
        "--cwd",
        *letters,
        metavar="DIR",
        help="Directory to start in; else the current one with the host's own /, and /.",
        autocompletion=complete_nothing,
        rich_help_panel=RUNS,
    )


def _env(*letters: str) -> Any:
    return typer.Option(
        "--env",
        *letters,
        metavar="NAME[=VALUE]",
        help="A variable for the program, yours if only named; may be repeated.",
        rich_help_panel=RUNS,
    )


def _user(*letters: str) -> Any:
    return typer.Option(
        "--user",
        *letters,
        metavar="NAME|UID[:GROUP|:GID]",
        help="Whom to run it as, by the root's /etc/passwd and /etc/group.",
        rich_help_panel=RUNS,
    )


Program = Annotated[
    list[str], typer.Argument(metavar="PROGRAM [ARGS]...", help="What to run.", autocompletion=complete_program)
]
Root = Annotated[
    Path,
    typer.Option(
        help="Directory or tar archive to use as /. Read only: changes stay in memory.",
        autocompletion=complete_nothing,
        rich_help_panel=RUNS,
    ),
]
Volumes = Annotated[
    list[str],
    typer.Option(
        "--volume",
        "-v",
        metavar="HOST:GUEST[:ro|rw]",
        help="Show a directory or file of the host there; only with rw is it ever written. May be repeated.",
        rich_help_panel=RUNS,
    ),
]
LongVolumes = Annotated[  # -v is strace's own
    list[str],
    typer.Option(
        "--volume",
        metavar="HOST:GUEST[:ro|rw]",
        help="Show a directory or file of the host there.",
        rich_help_panel=RUNS,
    ),
]
AsInit = Annotated[
    bool, typer.Option("--as-init", help="Make the program PID 1 instead of init's child.", rich_help_panel=RUNS)
]
Cwd = Annotated[str | None, _cwd("-w")]
LongCwd = Annotated[str | None, _cwd()]
Env = Annotated[list[str], _env("-e")]
LongEnv = Annotated[list[str], _env()]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file",
        metavar="FILE",
        help="A file of such variables, one a line.",
        autocompletion=complete_nothing,
        rich_help_panel=RUNS,
    ),
]
User = Annotated[str, _user("-u")]
LongUser = Annotated[str, _user()]
Hostname = Annotated[str | None, typer.Option(metavar="NAME", help="The machine's name.", rich_help_panel=RUNS)]
Timeout = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="End it with status 124 after so much of your time: 500ms, 10s, 2m, 1h; 0: never.",
        rich_help_panel=RUNS,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        help="Which order of all that could happen in several, and which random bytes; 0: 3.2's own order.",
        rich_help_panel=REPEATABLE,
    ),
]
Cpus = Annotated[int, typer.Option(min=1, max=NR_CPUS, help="Number of CPUs.", rich_help_panel=REPEATABLE)]
Memory = Annotated[str, typer.Option(help="Physical memory: 64M, 1G.", rich_help_panel=REPEATABLE)]
BootTime = Annotated[
    str | None,
    typer.Option(
        metavar="DATE|now",
        help="Time of day at boot; else now with the host's own /, and 2012-01-05.",
        rich_help_panel=REPEATABLE,
    ),
]
Realtime = Annotated[
    bool, typer.Option("--realtime", help="Tie the guest's clock to the host's.", rich_help_panel=REPEATABLE)
]


def _show_version(wanted: bool) -> None:
    if wanted:
        commands.version()
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which build runs, on what.")
    ] = False,
) -> None:
    """Linux 3.2's process management in Python: run programs repeatably, and see everything they do."""


@app.command(cls=_Command, context_settings=REST)
def run(
    program: Program,
    root: Root = Path("/"),
    strace: Annotated[
        bool, typer.Option("--strace", help="Print every system call, as strace -f does.", rich_help_panel=SEEN)
    ] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="At the end, print the life of every process.", rich_help_panel=SEEN)
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write all trace events to this file, as JSON lines.",
            autocompletion=complete_nothing,
            rich_help_panel=SEEN,
        ),
    ] = None,
    core: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a core file there for each program that dumps core.",
            autocompletion=complete_nothing,
            rich_help_panel=SEEN,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Hold all structures against each other after every trap.", rich_help_panel=BROKEN
        ),
    ] = False,
    unsupported: Annotated[
        bool,
        typer.Option(
            "--unsupported", help="At the end, list what the program asked for in vain.", rich_help_panel=SEEN
        ),
    ] = False,
    fail: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC", help="Refuse the kernel a request: CALL[@AT][:KIND][:N], as fork:2.", rich_help_panel=BROKEN
        ),
    ] = None,
    tty: Annotated[
        bool,
        typer.Option("--tty", "-t", help="Let the program's input and output be a terminal.", rich_help_panel=RUNS),
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive", "-i", help="Connect that to this terminal, for somebody who types.", rich_help_panel=RUNS
        ),
    ] = False,
    as_init: AsInit = False,
    cwd: Cwd = None,
    env: Env = [],  # noqa: B006 -- typer copies it
    seed: Seed = 0,
    cpus: Cpus = 1,
    memory: Memory = "1G",
    realtime: Realtime = False,
    boot_time: BootTime = None,
    env_file: EnvFile = None,
    user: User = "0",
    hostname: Hostname = None,
    timeout: Timeout = "0",
    volume: Volumes = [],  # noqa: B006 -- typer copies it
) -> None:
    """Run a program in a fresh kernel; the exit status is the program's, 128+n after signal n."""
    commands.run(
        program,
        root,
        strace,
        tree,
        trace,
        core,
        check,
        unsupported,
        fail,
        tty,
        interactive,
        as_init,
        cwd,
        env,
        seed,
        cpus,
        memory,
        realtime,
        boot_time,
        env_file,
        user,
        hostname,
        timeout,
        volume,
    )


@app.command(cls=StraceCommand, context_settings=REST)
def strace(
    ctx: typer.Context,
    program: Program,
    root: Root = Path("/"),
    as_init: AsInit = False,
    cwd: LongCwd = None,
    env: LongEnv = [],  # noqa: B006 -- typer copies it
    seed: Seed = 0,
    cpus: Cpus = 1,
    memory: Memory = "1G",
    boot_time: BootTime = None,
    env_file: EnvFile = None,
    user: LongUser = "0",
    hostname: Hostname = None,
    timeout: Timeout = "0",
    volume: LongVolumes = [],  # noqa: B006 -- typer copies it
) -> None:
    """Run a program and print its system calls, laid out as strace lays them out.

    The letters are strace's own, and so is what they print.
    """
    commands.strace(
        program,
        asked_in(ctx),
        root,
        as_init,
        cwd,
        env,
        seed,
        cpus,
        memory,
        boot_time,
        env_file,
        user,
        hostname,
        timeout,
        volume,
    )


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
    commands.replay(trace, until, show, root)


@app.command()
def syscalls(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these calls.")] = None,
) -> None:
    """Print the system calls of Linux 3.2 and what of them is supported, down to flags."""
    commands.syscalls(names or ())
