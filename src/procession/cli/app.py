"""The command line as typer reads it: options, help, what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from procession.cli import commands, explore, grade, lab, upkeep
from procession.cli.strace_command import StraceCommand, asked_in
from procession.cli.words import (
    BROKEN,
    EXAMPLES,
    REPEATABLE,
    REST,
    RUNS,
    SEEN,
    Plain,
    Words,
    complete_nothing,
    complete_program,
    file_name,
)
from procession.include.linux.threads import NR_CPUS

__all__ = ("UsageError", "app")

# What the library raises for a mistake on the command line; it names only this kind of it.
UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="procession",
    help="Run Linux programs on a small Linux 3.2 of their own: each run the same, and all that they do can be seen.",
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
        help="Directory to start in. Without it: your current one, or / with --root.",
        autocompletion=complete_nothing,
        rich_help_panel=RUNS,
    )


def _env(*letters: str) -> Any:
    return typer.Option(
        "--env",
        *letters,
        metavar="NAME[=VALUE]",
        help="An environment variable for the program; NAME alone passes yours on. May be repeated.",
        rich_help_panel=RUNS,
    )


def _user(*letters: str) -> Any:
    return typer.Option(
        "--user",
        *letters,
        metavar="NAME|UID[:GROUP|:GID]",
        help="User to run it as, by /etc/passwd and /etc/group of what is its /.",
        rich_help_panel=RUNS,
    )


Program = Annotated[
    list[str], typer.Argument(metavar="PROGRAM [ARGS]...", help="What to run.", autocompletion=complete_program)
]
Root = Annotated[
    Path,
    typer.Option(
        metavar="DIR|ARCHIVE",
        help="Directory or tar archive to use as /. It is only read: what the program changes stays in memory.",
        parser=file_name,
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
        help="Show the directory or file HOST of yours as GUEST inside; written to only with rw. May be repeated.",
        rich_help_panel=RUNS,
    ),
]
Published = Annotated[
    list[str],
    typer.Option(
        "--publish",
        "-p",
        metavar="HOST:GUEST",
        help="Let port HOST of your 127.0.0.1 lead to port GUEST inside. May be repeated.",
        rich_help_panel=RUNS,
    ),
]
LongVolumes = Annotated[  # -v is strace's own
    list[str],
    typer.Option(
        "--volume",
        metavar="HOST:GUEST[:ro|rw]",
        help="Show the directory or file HOST of yours as GUEST inside; written to only with rw.",
        rich_help_panel=RUNS,
    ),
]
AsInit = Annotated[
    bool,
    typer.Option(
        "--as-init",
        help="Let the program be process 1; without it, process 1 only starts it and waits.",
        rich_help_panel=RUNS,
    ),
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
        parser=file_name,
        autocompletion=complete_nothing,
        rich_help_panel=RUNS,
    ),
]
User = Annotated[str, _user("-u")]
LongUser = Annotated[str, _user()]
Hostname = Annotated[
    str | None, typer.Option(metavar="NAME", help="Host name that the program sees.", rich_help_panel=RUNS)
]


def _list_later(wanted: str | None) -> str | None:
    if wanted == "help":
        commands.list_later()
        raise typer.Exit
    return wanted


Later = Annotated[
    str | None,
    typer.Option(
        metavar="all|NAME,…|help",
        help="Have what came after Linux 3.2 as well: all, or these things; help lists what there is.",
        callback=_list_later,
        is_eager=True,
        autocompletion=complete_nothing,
        rich_help_panel=REPEATABLE,
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        metavar="X.Y.Z", help="Kernel release that uname tells; 3.2.0 without it.", rich_help_panel=REPEATABLE
    ),
]
Timeout = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="End it, with exit status 124, after so much time by your clock: 500ms, 10s, 2m, 1h; 0: never.",
        rich_help_panel=RUNS,
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Let processes and threads come in another order, and random bytes be others; 0: Linux's own order.",
        rich_help_panel=REPEATABLE,
    ),
]
Cpus = Annotated[int, typer.Option(min=1, max=NR_CPUS, metavar="N", help="Number of CPUs.", rich_help_panel=REPEATABLE)]
Memory = Annotated[str, typer.Option(metavar="SIZE", help="Memory: 64M, 1G.", rich_help_panel=REPEATABLE)]
BootTime = Annotated[
    str | None,
    typer.Option(
        metavar="DATE|now",
        help="Date and time when it begins. Without it: now, or 2012-01-05 with --root.",
        rich_help_panel=REPEATABLE,
    ),
]
Realtime = Annotated[
    bool,
    typer.Option(
        "--realtime",
        help="Let its clock go as yours does: a sleep takes as long as it says. Without it, sleeps take no time.",
        rich_help_panel=REPEATABLE,
    ),
]
Recorded = Annotated[
    Path,
    typer.Argument(metavar="TRACE|TOKEN", help="What `procession run --trace TRACE` has written.", parser=file_name),
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
    """Run Linux programs on a small Linux 3.2 of their own: each run the same, and all that they do can be seen."""


@app.command(cls=_Command, context_settings=REST, short_help="Run a program on a fresh machine.")
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
            parser=file_name,
            help="Record the run in this file, for `procession replay`: an event a line, as JSON.",
            autocompletion=complete_nothing,
            rich_help_panel=SEEN,
        ),
    ] = None,
    core: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            parser=file_name,
            help="Write a core file there for each program that crashes, for gdb.",
            autocompletion=complete_nothing,
            rich_help_panel=SEEN,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="After every system call and exception, check that all of the kernel's data agrees. Slow.",
            rich_help_panel=BROKEN,
        ),
    ] = False,
    unsupported: Annotated[
        bool,
        typer.Option(
            "--unsupported",
            help="At the end, list what the program asked for that is not supported.",
            rich_help_panel=SEEN,
        ),
    ] = False,
    fail: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC",
            help="Let memory or numbers run out inside a call: CALL[@AT][:KIND][:N]. fork:2: at fork's second request.",
            rich_help_panel=BROKEN,
        ),
    ] = None,
    tty: Annotated[
        bool,
        typer.Option("--tty", "-t", help="Give the program a terminal as its input and output.", rich_help_panel=RUNS),
    ] = False,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive",
            "-i",
            help="With -t: connect it to yours. All keys are the program's; Ctrl-] three times ends the run.",
            rich_help_panel=RUNS,
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
    later: Later = None,
    release: Release = None,
    timeout: Timeout = "0",
    volume: Volumes = [],  # noqa: B006 -- typer copies it
    publish: Published = [],  # noqa: B006 -- typer copies it
) -> None:
    """Run a program on a fresh machine; the exit status is the program's, 128+n after signal n."""
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
        later,
        release,
        timeout,
        volume,
        publish,
    )


@app.command(cls=StraceCommand, context_settings=REST, short_help="Run a program and print its system calls.")
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
    later: Later = None,
    release: Release = None,
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
        later,
        release,
        timeout,
        volume,
    )


@app.command(cls=Plain, short_help="Run a recorded run again.")
def replay(
    trace: Recorded,
    until: Annotated[
        str | None,
        typer.Option(metavar="EVENT", help="Stop there: N, 12.5ms, NAME or NAME:FIELD=VALUE,…, with @N for the N-th."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Show what the program writes.")] = False,
    root: Annotated[
        Path | None, typer.Option(metavar="DIR|ARCHIVE", help="What is now where its --root was.", parser=file_name)
    ] = None,
    strace: Annotated[bool, typer.Option("--strace", help="Of a token's run: print every system call.")] = False,
    tree: Annotated[bool, typer.Option("--tree", help="Of a token's run: print the life of every process.")] = False,
) -> None:
    """Run a recorded run again, and compare the two; with --until, stop at an event and show the processes there.

    A token of `procession explore` in the file's place brings that very run back.
    """
    if str(trace).startswith("px1."):
        explore.replay_token(str(trace), strace=strace, tree=tree)
    commands.replay(trace, until, show, root)


@app.command(cls=Plain, short_help="Print which system calls are supported.")
def syscalls(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these calls.")] = None,
) -> None:
    """Print the system calls of Linux 3.2 and what of each is supported, down to flags."""
    commands.syscalls(names or ())


explore.add_to(app)
grade.add_to(app)
lab.add_to(app)
upkeep.add_to(app)
