"""procession explore: every order in which a program's processes could have made their calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import json as jsonlib
import os
from pathlib import Path
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from procession.cli import commands
from procession.cli.mistakes import FAILED, fail, host_error
from procession.cli.words import REST, RUNS, Words, complete_nothing, complete_program, file_name

if TYPE_CHECKING:
    from procession.explorer import Progress, Report
    from procession.explorer.subject import Program
    from procession.grading import Grade

__all__ = ("add_to", "interruptible", "replay_token", "tell_report")

SEARCHES: Final = "What is searched"
TOLD: Final = "What you are told"


class _Explore(Words):
    """The command's help, with an example for each group of options."""

    command_name = "explore"
    examples = {  # noqa: RUF012 -- as in the class above
        RUNS: "--root ./image ./daemon --once",
        SEARCHES: "--deviations 3 sh -c 'true | cat; wait'",
        TOLD: "--json report.json ./server",
    }


def add_to(app: typer.Typer) -> None:
    """Let app have the command."""
    app.command(cls=_Explore, context_settings=REST, short_help="Run a program in every order of its calls.")(explore)


def explore(
    program: Annotated[
        list[str],
        typer.Argument(
            metavar="PROGRAM [ARGS]...",
            help="What to run; FILE.py:FUNCTION for a Python program. Its standard input is yours.",
            autocompletion=complete_program,
        ),
    ],
    root: Annotated[
        Path,
        typer.Option(
            metavar="DIR|ARCHIVE",
            help="Directory or tar archive to use as /. It is only read.",
            parser=file_name,
            autocompletion=complete_nothing,
            rich_help_panel=RUNS,
        ),
    ] = Path("/"),
    as_init: Annotated[
        bool, typer.Option("--as-init", help="Let the program be process 1.", rich_help_panel=RUNS)
    ] = False,
    cwd: Annotated[str | None, typer.Option(metavar="DIR", help="Directory to start in.", rich_help_panel=RUNS)] = None,
    env: Annotated[
        list[str], typer.Option(metavar="NAME[=VALUE]", help="An environment variable.", rich_help_panel=RUNS)
    ] = [],  # noqa: B006 -- typer copies it
    deviations: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=20,
            help="In how many places an order may differ from Linux's own.",
            rich_help_panel=SEARCHES,
        ),
    ] = 2,
    faults: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            max=20,
            help="How many of these may be something that goes wrong.",
            rich_help_panel=SEARCHES,
        ),
    ] = 0,
    fault_kinds: Annotated[
        str,
        typer.Option(
            metavar="KIND,…",
            help="What may: memory, interrupt, short, timer, pid, and, if named, instruction.",
            rich_help_panel=SEARCHES,
        ),
    ] = "memory,interrupt,short,timer,pid",
    exhaustive: Annotated[
        bool,
        typer.Option("--exhaustive", help="All orders that can be told apart, each once.", rich_help_panel=SEARCHES),
    ] = False,
    schedules: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after so many.", rich_help_panel=SEARCHES)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="S", min=0.0, help="Stop after so long.", rich_help_panel=SEARCHES)
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of what is tried at random.", rich_help_panel=SEARCHES)
    ] = 0,
    max_steps: Annotated[
        int, typer.Option(metavar="N", min=1, help="A run of more is endless.", rich_help_panel=SEARCHES)
    ] = 20_000,
    jobs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Processes that run them; 0: one per CPU.", rich_help_panel=SEARCHES)
    ] = 1,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on from there, and note there how far it is.",
            parser=file_name,
            rich_help_panel=SEARCHES,
        ),
    ] = None,
    expect: Annotated[
        list[str],
        typer.Option(
            metavar="OUTCOME",
            help="How it may end: 'exit 0', or with what stands behind it in the report. May be repeated.",
            rich_help_panel=TOLD,
        ),
    ] = [],  # noqa: B006 -- as above
    never: Annotated[
        list[str],
        typer.Option(
            metavar="EVENTS",
            help="What must not happen: 'A', 'A before B' (as long as no B has come), 'A then B'. May be repeated.",
            rich_help_panel=TOLD,
        ),
    ] = [],  # noqa: B006 -- as above
    always: Annotated[
        list[str],
        typer.Option(
            metavar="EVENTS",
            help="What has to happen: 'A', 'A before B' (each B), 'A then B' (each A). May be repeated.",
            rich_help_panel=TOLD,
        ),
    ] = [],  # noqa: B006 -- as above
    off: Annotated[
        list[str], typer.Option(metavar="PROPERTY", help="Do not look for this; may be repeated.", rich_help_panel=TOLD)
    ] = [],  # noqa: B006 -- as above
    first: Annotated[bool, typer.Option("--first", help="Stop at the first failure.", rich_help_panel=TOLD)] = False,
    json: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the report there as JSON, too.", parser=file_name, rich_help_panel=TOLD
        ),
    ] = None,
) -> None:
    """Run a program in every order that its processes could have made their calls in; report how it can end.

    The exit status is 0 if nothing is wrong in any order within the bound, 1 if something is, 2 for a mistake on the
    command line, and 3 if nothing is but not all could be run.
    """
    subject, args = _program(program)
    given: dict[str, Any] = {} if callable(subject) else {"root": root}
    _search(
        subject,
        args,
        given
        | {
            "deviations": deviations,
            "faults": faults,
            "fault_kinds": fault_kinds.split(","),
            "exhaustive": exhaustive,
            "schedules": schedules,
            "seconds": seconds,
            "seed": seed,
            "properties": (never, always),
            "off": off,
            "expect": expect or None,
            "first": first,
            "env": commands.environment(env, None, tty=False),
            "cwd": "/" if callable(subject) else commands.directory(cwd, root),
            "stdin": b"" if sys.stdin.isatty() else sys.stdin.buffer.read(),
            "as_init": as_init,
            "max_steps": max_steps,
            "jobs": jobs,
            "checkpoint": checkpoint,
        },
        json,
    )


def _search(subject: Program, args: tuple[str, ...], options: dict[str, Any], json: Path | None) -> NoReturn:
    """Explore, and tell; options: explore()'s, with what must not happen and what has to, as texts, for properties."""
    from procession.explorer import Diverged
    from procession.explorer import explore as search
    from procession.explorer.queries import query
    from procession.include.linux.errno import LinuxError

    try:
        with interruptible(), _progress() as tell:
            never, always = options["properties"]
            options["properties"] = [query(text, wanted=False) for text in never]
            options["properties"] += [query(text, wanted=True) for text in always]
            report = search(subject, *args, progress=tell, **options)
    except (ValueError, TypeError, Diverged) as error:
        fail(str(error), 2)
    except LinuxError as error:
        name = subject.__name__ if callable(subject) else subject[0]
        fail(f"{name}: {error.why or error.errno.name}", 2)
    except OSError as error:
        host_error(error)
    tell_report(report, json)


def _program(words: list[str]) -> tuple[Program, tuple[str, ...]]:
    """Return what to run: a function, if the first word is FILE.py:FUNCTION."""
    from procession.explorer.token import TokenError, load_program

    if ".py:" not in words[0]:
        return words, ()
    try:
        return load_program(words[0]), tuple(words[1:])
    except TokenError as error:
        fail(str(error), 2)


def tell_report(report: Report | Grade, json: Path | None) -> NoReturn:
    """Print a report, write it as JSON where that is wanted, and end with its status."""
    print(report)
    if json is not None:
        try:
            json.write_text(jsonlib.dumps(report.json(), indent=1) + "\n")
        except OSError as error:
            host_error(error)
    raise SystemExit(report.exit_status)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end a search, and what was found so far be told."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress() -> Iterator[Any]:
    """Show how far the search is on a terminal; nothing where standard error is none."""
    if not os.isatty(2):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f}/s, {task.fields[classes]} differ, {task.fields[failures]} failures"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("default order", total=None, rate=0.0, classes=0, failures=0)

        def tell(now: Progress) -> None:
            bar.update(
                task,
                completed=now.schedules,
                total=now.schedules + now.left if now.left else None,
                description=now.doing or "default order",
                rate=now.schedules / max(now.seconds, 1e-3),
                classes=now.classes,
                failures=now.failures,
            )

        yield tell


def replay_token(text: str, *, strace: bool, tree: bool) -> None:
    """Run what a token stands for once more, and show what it writes; with its calls or its processes if asked for."""
    from procession.explorer import Token, TokenError
    from procession.hw.chooser import ReplayError
    from procession.include.linux.bug import KernelBug, KernelPanic
    from procession.kernel.entry import Deadlock

    try:
        token = Token.parse(text)
        subject = token.subject()
    except (TokenError, ValueError) as error:
        fail(str(error), 2)
    machine = subject.machine(subject.recorded(token.choices))
    lives = commands.observers(machine, strace=strace, tree=tree)
    status = 0
    try:
        status = subject.run_on(machine).exit_code
    except ReplayError as error:
        fail(f"this is not the run that the token is of: {error}", FAILED)
    except (Deadlock, KernelPanic, KernelBug) as error:
        sys.stdout.flush()
        print(f"procession: {type(error).__name__.lower()}: {str(error).splitlines()[0]}", file=sys.stderr)
        status = FAILED
    finally:
        os.write(1, machine.console.stdout)
        os.write(2, machine.console.stderr)
    if lives is not None:
        commands.print_tree(lives)
    raise SystemExit(status)
