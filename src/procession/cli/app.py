"""The command line as typer reads it: options, help, what is wrong with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from procession.cli import commands, upkeep
from procession.include.linux.threads import NR_CPUS

__all__ = ("app",)

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
Seed = Annotated[
    int,
    typer.Option(help="Which order of all that could happen in several, and which random bytes; 0: 3.2's own order."),
]
Cpus = Annotated[int, typer.Option(min=1, max=NR_CPUS, help="Number of CPUs.")]
Memory = Annotated[str, typer.Option(help="Physical memory: 64M, 1G.")]
BootTime = Annotated[
    str | None,
    typer.Option(metavar="DATE|now", help="Time of day at boot; else now with the host's own /, and 2012-01-05."),
]
Realtime = Annotated[bool, typer.Option("--realtime", help="Tie the guest's clock to the host's.")]


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
    boot_time: BootTime = None,
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
    )


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
    boot_time: BootTime = None,
) -> None:
    """Run a program and print its system calls, laid out as strace lays them out."""
    commands.strace(program, follow, expressions, limit, output, root, as_init, cwd, env, seed, cpus, memory, boot_time)


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
def syscalls() -> None:
    """Print the system calls of Linux 3.2 and what of them is supported, down to flags."""
    commands.syscalls()


upkeep.add_to(app)
